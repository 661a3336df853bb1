//! Columns with the mouse: their edges are dragged, and a click on a heading sorts.

use ratatui::crossterm::event::MouseEvent;

use super::{Asks, say};
use crate::tui::state::{Held, Screen, State};
use crate::tui::views::layout;

/// No column is narrower.
const NARROWEST: usize = 3;

/// Takes a heading; whether there is one under the mouse.
pub(super) fn take(state: &mut State, mouse: &MouseEvent) -> bool {
    let headings = layout::first_row(state).and_then(|first| first.checked_sub(1));
    if headings != Some(usize::from(mouse.row)) {
        return false;
    }
    let columns = layout::columns(state);
    let column = usize::from(mouse.column);
    let Some(&(at, start, width)) = columns.iter().rev().find(|(_, start, _)| *start <= column) else { return false };
    let heading = state.top().and_then(Screen::grid).and_then(|grid| grid.list.columns.get(at).cloned());
    state.held = heading.map(|heading| {
        // Near its left edge the column before is meant: that is the edge that people see.
        let before = columns.iter().rev().find(|(_, other, _)| *other < start);
        match before.filter(|_| column <= start) {
            Some(&(at, _, width)) => {
                let name = state.top().and_then(Screen::grid).and_then(|grid| grid.list.columns.get(at).cloned());
                Held { heading: name.unwrap_or(heading), column: at, from: mouse.column, width, moved: false }
            }
            None => Held { heading, column: at, from: mouse.column, width, moved: false },
        }
    });
    state.held.is_some()
}

/// The edge follows the mouse.
pub(super) fn drag(state: &mut State, mouse: &MouseEvent) {
    let Some(held) = &mut state.held else { return };
    held.moved |= mouse.column != held.from;
    let width = (held.width + usize::from(mouse.column)).saturating_sub(usize::from(held.from)).max(NARROWEST);
    let heading = held.heading.clone();
    if let Some(grid) = state.stack.last_mut().and_then(Screen::grid_mut) {
        grid.widths.insert(heading, width);
    }
}

/// Lets it go; where it was not moved, the table is sorted by it.
pub(super) fn release(state: &mut State) -> Asks {
    let height = layout::rows(state);
    let Some(held) = state.held.take() else { return Asks::new() };
    if held.moved || state.place().is_some_and(|place| !crate::tui::keys::sorts(place)) {
        return Asks::new();
    }
    let Some(grid) = state.stack.last_mut().and_then(Screen::grid_mut) else { return Asks::new() };
    grid.sort = match grid.sort {
        Some((at, turned)) if at == held.column => Some((at, !turned)),
        _ => Some((held.column, false)),
    };
    grid.refresh();
    grid.keep_in_view(height);
    say(state, format!("sorted by {}", held.heading));
    Asks::new()
}
