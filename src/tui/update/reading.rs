//! Moving in texts: scrolling, and from match to match.

use super::{Asks, refuse, say};
use crate::tui::keys::Action;
use crate::tui::state::{Screen, State};
use crate::tui::views::layout;

/// Scrolls the text of the screen, or moves the cursor in it.
pub(super) fn scroll(state: &mut State, action: Action, page: usize) {
    let height = layout::text_rows(state);
    let Some(reading) = state.stack.last_mut().and_then(Screen::reading_mut) else { return };
    let page = page.min(height.max(1));
    let moved = |at: usize, last: usize| {
        match action {
            Action::Up => at.saturating_sub(1),
            Action::Down => at + 1,
            Action::PageUp => at.saturating_sub(page),
            Action::PageDown => at + page,
            Action::First => 0,
            _ => last,
        }
        .min(last)
    };
    match reading.folding.as_ref().map(|(_, cursor)| *cursor) {
        Some(cursor) => reading.go(moved(cursor, reading.len().saturating_sub(1)), height),
        None => reading.top = moved(reading.top, reading.len().saturating_sub(height)),
    }
}

/// Folds what belongs to the line under the cursor, or unfolds it.
pub(super) fn fold(state: &mut State) -> Asks {
    let height = layout::text_rows(state);
    let Some(reading) = state.stack.last_mut().and_then(Screen::reading_mut) else { return Asks::new() };
    let line = reading.folding.as_ref().and_then(|(_, cursor)| reading.line_at(*cursor));
    let head = line.and_then(|line| reading.folding.as_mut()?.0.fold(line));
    match head {
        Some(head) => {
            let place = reading.place_of(head);
            reading.go(place, height);
        }
        None => refuse(state, "nothing belongs to this line"),
    }
    Asks::new()
}

/// Folds everything, or unfolds everything.
pub(super) fn fold_all(state: &mut State) -> Asks {
    let height = layout::text_rows(state);
    let Some(reading) = state.stack.last_mut().and_then(Screen::reading_mut) else { return Asks::new() };
    let line = reading.folding.as_ref().and_then(|(_, cursor)| reading.line_at(*cursor)).unwrap_or(0);
    let Some(text) = &reading.text else { return Asks::new() };
    let Some(folded) = reading.folding.as_mut().map(|(outline, _)| outline.fold_all(&text.lines)) else {
        return Asks::new();
    };
    // The cursor stays with its line, or goes to what that is folded into.
    let place = match &reading.folding {
        Some((outline, _)) => outline.visible().partition_point(|at| *at <= line).saturating_sub(1),
        None => 0,
    };
    reading.go(place, height);
    say(state, if folded { "folded; z unfolds everything" } else { "everything is unfolded" });
    Asks::new()
}

/// A click on a line puts the cursor there; one on the line of the cursor folds.
pub(super) fn clicked(state: &mut State, row: usize) -> Asks {
    let height = layout::text_rows(state);
    let Some(row) = row.checked_sub(layout::first_text_row()).filter(|row| *row < height) else { return Asks::new() };
    let Some(reading) = state.stack.last_mut().and_then(Screen::reading_mut) else { return Asks::new() };
    let Some(cursor) = reading.folding.as_ref().map(|(_, cursor)| *cursor) else { return Asks::new() };
    let to = reading.top + row;
    if to >= reading.len() {
        return Asks::new();
    }
    if to == cursor {
        return fold(state);
    }
    reading.go(to, height);
    Asks::new()
}

/// Lines that have what was searched.
fn matches(state: &mut State) -> Option<(Vec<usize>, usize)> {
    let reading = state.stack.last_mut().and_then(Screen::reading_mut)?;
    let wanted = reading.search.to_lowercase();
    let lines = &reading.text.as_ref()?.lines;
    let has =
        |(at, line): (usize, &crate::tui::ask::TextLine)| line.text.to_lowercase().contains(&wanted).then_some(at);
    let found = if wanted.is_empty() { Vec::new() } else { lines.iter().enumerate().filter_map(has).collect() };
    let from = match &reading.folding {
        Some((_, cursor)) => reading.line_at(*cursor).unwrap_or_default(),
        None => reading.top,
    };
    Some((found, from))
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
    let height = layout::text_rows(state);
    if let (Some(reading), Some(at)) = (state.stack.last_mut().and_then(Screen::reading_mut), found.get(next)) {
        let place = reading.place_of(*at);
        match reading.folding {
            Some(_) => {
                // What is around it is seen too.
                if !(reading.top..reading.top + height).contains(&place) {
                    reading.top = place.saturating_sub(height / 3);
                }
                reading.go(place, height);
            }
            None => reading.top = place,
        }
    }
    say(state, format!("match {} of {}; n next, N before", next + 1, found.len()));
}
