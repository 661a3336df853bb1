//! Differences between two states.

use super::{Asks, keep_in_view, new_ticket, refuse, say, show};
use crate::tui::ask::{Ask, Target, With};
use crate::tui::state::{Differences, Prompt, PromptFor, Screen, State, View};

/// Asks what to compare with.
pub(super) fn prompt(state: &mut State) -> Asks {
    let text = match state.top().map(|screen| &screen.view) {
        Some(View::Compare(differences)) => differences.other.clone(),
        _ => String::new(),
    };
    state.prompt = Some(Prompt { what: PromptFor::Compare, text, chosen: None });
    Asks::new()
}

/// Compares with what was typed.
pub(super) fn begin(state: &mut State, typed: &str) -> Asks {
    let typed = typed.trim();
    if typed.is_empty() {
        refuse(state, "type a revision, a time, or the path of another store");
        return Asks::new();
    }
    if let Some(Screen { view: View::Compare(differences), .. }) = state.stack.last_mut() {
        let noise = differences.noise;
        **differences = Differences::new(typed.to_owned());
        differences.noise = noise;
        return super::ask_top(state);
    }
    show(state, View::Compare(Box::new(Differences::new(typed.to_owned()))))
}

/// Everything that differs, or only what says something.
pub(super) fn noise(state: &mut State) -> Asks {
    let Some(Screen { view: View::Compare(differences), .. }) = state.stack.last_mut() else { return Asks::new() };
    differences.noise = !differences.noise;
    differences.asked.1 = None;
    let told = if differences.noise {
        "every key whose stored bytes differ"
    } else {
        "without heartbeats, renewals, managedFields and resourceVersions"
    };
    say(state, told);
    super::ask_top(state)
}

/// Folds or unfolds what is under the cursor.
pub(super) fn fold(state: &mut State, path: &str) -> Asks {
    if let Some(Screen { view: View::Compare(differences), .. }) = state.stack.last_mut() {
        differences.fold(path);
    }
    keep_in_view(state);
    ask_one(state)
}

/// Makes the tree anew, as after another filter.
pub(super) fn arrange(state: &mut State) -> Asks {
    let Some(Screen { view: View::Compare(differences), .. }) = state.stack.last_mut() else { return Asks::new() };
    differences.arrange();
    keep_in_view(state);
    ask_one(state)
}

/// Asks for the difference of the object under the cursor, unless that is shown or asked already.
pub(super) fn ask_one(state: &mut State) -> Asks {
    let at = state.moment.as_ref().map(|moment| moment.revision);
    let reveal = state.reveal;
    let ticket = new_ticket_if_needed(state);
    let Some(Screen { view: View::Compare(differences), .. }) = state.stack.last_mut() else { return Asks::new() };
    let Some(key) = differences.selected().map(|object| object.key.clone()) else {
        differences.tell_branch();
        return Asks::new();
    };
    if differences.asked.1.as_ref() == Some(&key) {
        return Asks::new();
    }
    let Some(ticket) = ticket else { return Asks::new() };
    differences.asked = (ticket, Some(key.clone()));
    let with = With { other: differences.other.clone(), at, noise: differences.noise };
    vec![(ticket, Ask::CompareOne { with, key, reveal })]
}

fn new_ticket_if_needed(state: &mut State) -> Option<crate::tui::worker::Ticket> {
    let Some(Screen { view: View::Compare(differences), .. }) = state.stack.last() else { return None };
    let wanted = differences.selected().map(|object| &object.key);
    let is_needed = wanted.is_some() && wanted != differences.asked.1.as_ref();
    is_needed.then(|| new_ticket(state))
}

/// Why a line of the tree leads nowhere.
pub(super) fn nowhere(state: &mut State, target: &Target) -> bool {
    let is_compare = matches!(state.top().map(|screen| &screen.view), Some(View::Compare(_)));
    if is_compare && *target == Target::Nothing {
        refuse(state, "only the other store has it: open that one to see it whole");
        return true;
    }
    false
}
