//! The keys, from the key table, and the command line that prints the same.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::dialog::wrapped;
use crate::tui::keys::{self, Binding, KEYS};
use crate::tui::state::State;
use crate::tui::text::padded;
use crate::tui::theme::Theme;

/// Columns of the keys.
const KEYS_WIDE: usize = 23;

/// Draws it from a line on.
pub fn draw(state: &State, theme: Theme, frame: &mut Frame<'_>, body: Rect, top: usize) {
    let lines = lines(state, theme, usize::from(body.width).saturating_sub(2));
    let shown: Vec<Line<'_>> = lines.into_iter().skip(top).take(usize::from(body.height)).collect();
    let area = Rect { x: body.x + 1, width: body.width.saturating_sub(1), ..body };
    frame.render_widget(Paragraph::new(shown), area);
}

/// All its lines.
pub fn lines(state: &State, theme: Theme, columns: usize) -> Vec<Line<'static>> {
    let place = state.place();
    let (here, elsewhere): (Vec<&Binding>, Vec<&Binding>) =
        KEYS.iter().partition(|binding| place.is_some_and(|place| binding.places.contains(&place)));
    let mut lines = vec![Line::styled("The command line that prints what this screen shows:", theme.dim())];
    let command = wrapped(&format!("$ {}", state.command()), columns);
    lines.extend(command.into_iter().map(|text| Line::styled(text, theme.key())));
    lines.push(Line::default());
    lines.push(Line::styled(format!("On this screen ({})", place.map_or("", keys::Place::name)), theme.strong()));
    let binding = |binding: &Binding, more: String| -> Vec<Line<'static>> {
        let texts = wrapped(&format!("{}{more}", binding.what), columns.saturating_sub(KEYS_WIDE));
        let keys = format!("  {}", state.keymap.of(binding).join(" "));
        let line = |(nth, text): (usize, String)| {
            let keys = if nth == 0 { padded(&keys, KEYS_WIDE) } else { " ".repeat(KEYS_WIDE) };
            Line::from(vec![Span::styled(keys, theme.key()), Span::raw(text)])
        };
        texts.into_iter().enumerate().map(line).collect()
    };
    lines.extend(here.iter().flat_map(|key| binding(key, String::new())));
    lines.push(Line::default());
    lines.push(Line::styled("Elsewhere", theme.strong()));
    lines.extend(elsewhere.iter().flat_map(|key| binding(key, format!(" ({})", keys::places(key)))));
    lines
}
