//! Large tables are arranged on another thread: what is asked for it, what comes of it, and what waits for it.

use super::{Asks, act, keep_in_view, new_ticket, say};
use crate::tui::ask::{Arranged, Ask};
use crate::tui::keys::Action;
use crate::tui::state::{Grid, Screen, State};
use crate::tui::worker::Ticket;

/// Asks for the order of the screen's table, if it is not asked for.
pub(super) fn ask(state: &mut State) -> Asks {
    if !state.is_arranging() {
        return Asks::new();
    }
    let (ticket, last) = (state.next_ticket, state.arranging);
    let asked = state.stack.last_mut().and_then(Screen::grid_mut).and_then(|grid| grid.ask_behind(ticket, last));
    let Some(asked) = asked else { return Asks::new() };
    state.arranging = Some(new_ticket(state));
    vec![(ticket, Ask::Arrange(asked))]
}

/// Takes an order, and does what waited for it.
pub(super) fn answered(state: &mut State, ticket: Ticket, arranged: Arranged) -> Asks {
    let is_top = state.top().and_then(Screen::grid).is_some_and(|grid| grid.waits_for(ticket));
    let mut grids = state.stack.iter_mut().filter_map(Screen::grid_mut);
    let Some(grid) = grids.find(|grid| grid.waits_for(ticket)) else { return Asks::new() };
    grid.take(arranged);
    if !is_top {
        return Asks::new();
    }
    keep_in_view(state);
    let mut asks = super::moved(state);
    for action in std::mem::take(&mut state.later) {
        asks.extend(act(state, action));
    }
    asks
}

/// Whether an action has to wait until the row is known that it is meant for: the rows that are seen are about to change.
pub(super) fn waits(state: &mut State, action: Action) -> bool {
    let needs_a_row = matches!(
        action,
        Action::Open
            | Action::Yaml
            | Action::History
            | Action::Difference
            | Action::Page
            | Action::Mark
            | Action::Export
            | Action::Copy
            | Action::OneNamespace
    );
    let waits = needs_a_row && state.top().and_then(Screen::grid).is_some_and(Grid::is_arranging);
    if waits {
        state.later.push(action);
        say(state, "the rows are being arranged; this comes then");
    }
    waits
}
