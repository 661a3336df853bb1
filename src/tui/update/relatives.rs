//! Owners, and what they own.

use super::{Asks, list, new_ticket, refuse, show};
use crate::tui::ask::{Answer, Ask, List, Target};
use crate::tui::state::{ListOf, Reading, Screen, State, View};

/// Asks for the owner of the object that is shown, or shows what it owns.
pub(super) fn ask(state: &mut State, owned: bool) -> Asks {
    let Some(Screen { view: View::Object { key, revision, name, .. }, .. }) = state.top() else { return Asks::new() };
    let (key, revision, name) = (*key, *revision, name.clone());
    if owned {
        return show(state, list(ListOf::Relatives { key, revision, name, owned }));
    }
    let at = state.moment.as_ref().map(|moment| moment.revision);
    let ticket = new_ticket(state);
    state.owner_asked = Some((ticket, name));
    vec![(ticket, Ask::Owners { key, revision, at })]
}

/// One owner is shown; of several there is a list.
pub(super) fn answered(state: &mut State, answer: Answer, name: String) -> Asks {
    let Answer::Owners(owners) = answer else { return Asks::new() };
    let Some(Screen { view: View::Object { key, revision, .. }, .. }) = state.top() else { return Asks::new() };
    let (own_key, own_revision) = (*key, *revision);
    match owners.rows.as_slice() {
        [] => refuse(state, owners.empty.clone()),
        [row] => match &row.target {
            Target::Key { key, revision, name } => {
                let view = View::Object {
                    key: *key,
                    revision: *revision,
                    name: name.clone(),
                    managed: false,
                    reading: Reading::folding(),
                };
                return show(state, view);
            }
            _ => refuse(state, told(&owners)),
        },
        _ => return show(state, list(ListOf::Relatives { key: own_key, revision: own_revision, name, owned: false })),
    }
    Asks::new()
}

fn told(owners: &List) -> String {
    let cells = owners.rows.iter().flat_map(|row| &row.cells).map(|cell| cell.text.as_str());
    format!("its owner: {}", cells.collect::<Vec<_>>().join(", "))
}
