//! How tables are shown: their order, their namespace, more or less of them.

use super::{Asks, ask_anew, ask_top, compare, refuse, say};
use crate::tui::keys::Action;
use crate::tui::state::{Grid, Screen, State, View};
use crate::tui::views::layout;

/// Sorts by the next column, or by one.
pub(super) fn sort(state: &mut State, action: Action) -> Asks {
    let height = layout::rows(state);
    let Some(grid) = state.stack.last_mut().and_then(Screen::grid_mut) else { return Asks::new() };
    match action {
        Action::SortBy(letter) if !grid.sort_by(letter) => {
            refuse(state, format!("no column begins with {letter}; o sorts by the next one"));
            return Asks::new();
        }
        Action::SortBy(_) => {}
        _ => grid.sort_next(),
    }
    grid.keep_in_view(height);
    let is_behind = grid.is_arranging();
    let heading = |(at, turned): (usize, bool)| {
        let name = grid.list.columns.get(at).cloned().unwrap_or_default();
        let word = if is_behind { "sorting" } else { "sorted" };
        format!("{word} by {name}{}", if turned { ", turned around" } else { "" })
    };
    let told = grid.sort.map_or("in the order of the store".to_owned(), heading);
    say(state, told);
    Asks::new()
}

/// Only one namespace, or all.
pub(super) fn namespace(state: &mut State, action: Action) -> Asks {
    let height = layout::rows(state);
    let own = state.top().and_then(Screen::grid).and_then(Grid::selected).and_then(|row| row.namespace.clone());
    let wanted = match (action, own) {
        (Action::AllNamespaces, _) => None,
        (_, Some(own)) => Some(own),
        (_, None) => {
            refuse(state, "what is under the cursor is in no namespace");
            return Asks::new();
        }
    };
    let told =
        wanted.as_ref().map_or("all namespaces".to_owned(), |name| format!("only namespace {name}; 0 shows all"));
    state.namespace.clone_from(&wanted);
    if let Some(grid) = state.stack.last_mut().and_then(Screen::grid_mut) {
        grid.namespace = wanted;
        grid.refresh();
        grid.keep_in_view(height);
    }
    say(state, told);
    Asks::new()
}

/// More or less of what is shown.
pub(super) fn toggle(state: &mut State, action: Action) -> Asks {
    let told = match (action, state.stack.last_mut().map(|screen| &mut screen.view)) {
        (Action::Deleted, Some(View::List { deleted, .. })) => {
            *deleted = !*deleted;
            if *deleted { "with what is deleted" } else { "without what is deleted" }
        }
        (Action::Wide, Some(View::List { wide, .. })) => {
            *wide = !*wide;
            if *wide { "with the columns of -o wide" } else { "with the usual columns" }
        }
        (Action::Managed, Some(View::Object { managed, .. })) => {
            *managed = !*managed;
            if *managed { "with metadata.managedFields" } else { "without metadata.managedFields" }
        }
        (Action::Reveal, _) => {
            state.reveal = !state.reveal;
            if state.reveal { "secret values are shown; x masks them" } else { "secret values are masked" }
        }
        _ => return Asks::new(),
    };
    say(state, told);
    if action != Action::Reveal {
        return ask_top(state);
    }
    match state.stack.last_mut().map(|screen| &mut screen.view) {
        Some(View::History { asked, .. }) => asked.1 = -1,
        // What differs is the same; only its text is another.
        Some(View::Compare(differences)) => {
            differences.asked.1 = None;
            state.stack.iter_mut().rev().skip(1).for_each(|screen| screen.loaded = false);
            return compare::ask_one(state);
        }
        _ => {}
    }
    ask_anew(state)
}
