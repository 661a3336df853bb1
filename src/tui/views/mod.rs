//! Draws the state. Nothing here changes it.

mod dialog;
mod frame;
mod grid;
mod help;
pub mod layout;
mod overview;
mod reading;
mod store_dialog;
mod timeline;
mod trouble;

use ratatui::Frame;
use ratatui::layout::Rect;

use super::state::{Phase, State, View};
use super::theme::Theme;

/// Draws everything.
pub fn draw(state: &State, theme: Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.height < layout::SMALLEST.1 || area.width < layout::SMALLEST.0 {
        let text = format!("this terminal is too small: {} x {} is needed", layout::SMALLEST.0, layout::SMALLEST.1);
        let text = ratatui::widgets::Paragraph::new(text).wrap(ratatui::widgets::Wrap { trim: true });
        frame.render_widget(text, area);
        return;
    }
    frame::header(state, theme, frame, line(area, 0), line(area, 1));
    frame::rule(theme, frame, line(area, 2));
    let body = Rect { y: area.y + layout::HEADER, height: area.height - layout::HEADER - layout::FOOTER, ..area };
    draw_body(state, theme, frame, body);
    frame::footer(state, theme, frame, line(area, area.height - 1));
    if state.prompt.is_some() {
        frame::completions(state, theme, frame, body);
        timeline::draw(state, theme, frame, body);
    }
}

fn draw_body(state: &State, theme: Theme, frame: &mut Frame<'_>, body: Rect) {
    if let Some(top) = state.help {
        return help::draw(state, theme, frame, body, top);
    }
    if let Some(dialog) = &state.store_dialog {
        return store_dialog::draw(state, dialog, theme, frame, body);
    }
    if let (Phase::Closed(trouble), 1) = (&state.phase, state.stack.len()) {
        return trouble::draw(trouble, theme, frame, body);
    }
    if let Some(dialog) = &state.dialog {
        return dialog::draw(state, dialog, theme, frame, body);
    }
    let Some(screen) = state.top() else { return };
    if let Some(trouble) = &screen.trouble {
        return trouble::draw(trouble, theme, frame, body);
    }
    match &screen.view {
        View::Overview { facts, grid } => overview::draw(state, facts.as_deref(), grid, theme, frame, body),
        View::List { grid, .. } => grid::draw_titled(state, screen, grid, theme, frame, body),
        View::Object { reading, .. } | View::Page { reading, .. } | View::Health { reading } => {
            reading::draw_titled(state, screen, reading, theme, frame, body);
        }
        View::Compare(differences) => {
            let (left, right) = layout::halves(body);
            grid::draw_titled(state, screen, &differences.grid, theme, frame, left);
            reading::draw_beside(&differences.diff, theme, frame, right, right.y > left.y);
        }
        View::History { grid, diff, .. } => {
            let (left, right) = layout::halves(body);
            grid::draw_titled(state, screen, grid, theme, frame, left);
            reading::draw_beside(diff, theme, frame, right, right.y > left.y);
        }
    }
}

/// One line of an area, from its top.
fn line(area: Rect, at: u16) -> Rect {
    Rect { y: area.y + at, height: 1, ..area }
}
