//! Moving in texts: scrolling, and from match to match.

use super::{Asks, refuse, say};
use crate::tui::keys::Action;
use crate::tui::state::{Screen, State};
use crate::tui::views::layout;

/// Scrolls the text of the screen.
pub(super) fn scroll(state: &mut State, action: Action, page: usize) {
    let height = layout::text_rows(state);
    let Some(reading) = state.stack.last_mut().and_then(Screen::reading_mut) else { return };
    let lines = reading.text.as_ref().map_or(0, |text| text.lines.len());
    let last = lines.saturating_sub(height);
    reading.top = match action {
        Action::Up => reading.top.saturating_sub(1),
        Action::Down => reading.top + 1,
        Action::PageUp => reading.top.saturating_sub(page.min(height.max(1))),
        Action::PageDown => reading.top + page.min(height.max(1)),
        Action::First => 0,
        _ => last,
    }
    .min(last);
}

/// Lines that have what was searched.
fn matches(state: &mut State) -> Option<(Vec<usize>, usize)> {
    let reading = state.stack.last_mut().and_then(Screen::reading_mut)?;
    let wanted = reading.search.to_lowercase();
    let lines = &reading.text.as_ref()?.lines;
    let has =
        |(at, line): (usize, &crate::tui::ask::TextLine)| line.text.to_lowercase().contains(&wanted).then_some(at);
    let found = if wanted.is_empty() { Vec::new() } else { lines.iter().enumerate().filter_map(has).collect() };
    Some((found, reading.top))
}

/// Goes to the next match, or the one before.
pub(super) fn next_match(state: &mut State, forward: bool) -> Asks {
    let Some((found, top)) = matches(state) else { return Asks::new() };
    if found.is_empty() {
        refuse(state, "no match; / searches");
        return Asks::new();
    }
    let next = match forward {
        true => found.iter().position(|at| *at > top).unwrap_or(0),
        false => found.iter().rposition(|at| *at < top).unwrap_or(found.len() - 1),
    };
    to_match(state, &found, next);
    Asks::new()
}

/// Goes to the first match from here on; for a search that was just typed.
pub(super) fn first_match(state: &mut State) {
    let Some((found, top)) = matches(state) else { return };
    match found.iter().position(|at| *at >= top).or(found.first().map(|_| 0)) {
        Some(next) => to_match(state, &found, next),
        None => refuse(state, "not found in this text"),
    }
}

fn to_match(state: &mut State, found: &[usize], next: usize) {
    if let (Some(reading), Some(at)) = (state.stack.last_mut().and_then(Screen::reading_mut), found.get(next)) {
        reading.top = *at;
    }
    say(state, format!("match {} of {}; n next, N before", next + 1, found.len()));
}
