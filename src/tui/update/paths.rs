//! Names of files are completed as a shell does it.

use super::{Asks, new_ticket, refuse, say};
use crate::tui::ask::Ask;
use crate::tui::state::{PromptFor, State};
use crate::tui::text::harmless;

/// Names that are told where there are several.
const MOST_TOLD: usize = 6;

/// The name that is being typed, wherever that is.
fn typed(state: &mut State) -> Option<&mut String> {
    match (&mut state.prompt, &mut state.dialog, &mut state.store_dialog) {
        (Some(prompt), _, _) => (prompt.what == PromptFor::Compare).then_some(&mut prompt.text),
        (None, Some(dialog), _) => Some(&mut dialog.path),
        (None, None, Some(dialog)) => Some(&mut dialog.job.path),
        (None, None, None) => None,
    }
}

/// Asks what the name may become.
pub(super) fn complete(state: &mut State) -> Asks {
    let Some(text) = typed(state).cloned() else { return Asks::new() };
    let ticket = new_ticket(state);
    state.paths_asked = Some(ticket);
    vec![(ticket, Ask::Paths(text))]
}

/// Takes names, unless something else was typed meanwhile.
pub(super) fn answered(state: &mut State, asked: &str, names: &[String]) {
    let Some(text) = typed(state).filter(|text| *text == asked) else { return };
    let common = common(names);
    if common.len() > asked.len() {
        *text = common.to_owned();
    }
    let last = |name: &String| {
        let from = name.trim_end_matches('/').rfind('/').map_or(0, |slash| slash + 1);
        harmless(name.get(from..).unwrap_or_default())
    };
    match names.len() {
        0 => refuse(state, "no file begins so"),
        1 => {}
        many => {
            let mut told = names.iter().take(MOST_TOLD).map(last).collect::<Vec<_>>().join("  ");
            if many > MOST_TOLD {
                told.push_str(&format!("  and {} more", many - MOST_TOLD));
            }
            say(state, told);
        }
    }
}

/// What all names begin with.
fn common(names: &[String]) -> &str {
    let Some((first, others)) = names.split_first() else { return "" };
    let shared = |other: &String| {
        let pairs = first.char_indices().zip(other.chars());
        pairs.take_while(|((_, a), b)| a == b).map(|((at, a), _)| at + a.len_utf8()).last().unwrap_or(0)
    };
    let len = others.iter().map(shared).min().unwrap_or(first.len());
    first.get(..len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_share_their_beginning_and_no_half_letter() {
        let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(common(&names(&["state.db", "state.db-wal"])), "state.db");
        assert_eq!(common(&names(&["größe", "grün"])), "gr");
        assert_eq!(common(&names(&["a", "b"])), "");
        assert_eq!(common(&[]), "");
    }
}
