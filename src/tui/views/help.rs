//! The keys, from the key table, and the command line that prints the same.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::tui::keys::{self, Binding, KEYS};
use crate::tui::state::State;
use crate::tui::text::{fit, padded};
use crate::tui::theme::Theme;

/// Lines that are not keys.
pub const LINES_AROUND: usize = 7;

/// Draws it from a line on.
pub fn draw(state: &State, theme: Theme, frame: &mut Frame<'_>, body: Rect, top: usize) {
    let columns = usize::from(body.width).saturating_sub(2);
    let place = state.place();
    let (here, elsewhere): (Vec<&Binding>, Vec<&Binding>) =
        KEYS.iter().partition(|binding| place.is_some_and(|place| binding.places.contains(&place)));
    let mut lines = vec![
        Line::styled("The command line that prints what this screen shows:", theme.dim()),
        Line::styled(fit(&format!("$ {}", state.command()), columns), theme.key()),
        Line::default(),
        Line::styled(format!("On this screen ({})", place.map_or("", keys::Place::name)), theme.strong()),
    ];
    let binding = |binding: &Binding, more: String| {
        let text = fit(&format!("{}{more}", binding.what), columns.saturating_sub(23));
        Line::from(vec![
            Span::styled(padded(&format!("  {}", state.keymap.of(binding).join(" ")), 23), theme.key()),
            Span::raw(text),
        ])
    };
    lines.extend(here.iter().map(|key| binding(key, String::new())));
    lines.push(Line::default());
    lines.push(Line::styled("Elsewhere", theme.strong()));
    lines.extend(elsewhere.iter().map(|key| binding(key, format!(" ({})", keys::places(key)))));
    let shown: Vec<Line<'_>> = lines.into_iter().skip(top).take(usize::from(body.height)).collect();
    let area = Rect { x: body.x + 1, width: body.width.saturating_sub(1), ..body };
    frame.render_widget(Paragraph::new(shown), area);
}
