//! The line of activity: asked for once, and picked from while a moment is typed.

use super::{Asks, new_ticket};
use crate::tui::ask::Ask;
use crate::tui::state::{Prompt, State};

/// Columns that a page of it has.
const PAGE: usize = 10;
/// Columns of the screen beside it.
const BESIDE: usize = 12;

/// Asks for it, unless it is there in this width or asked for.
pub(super) fn ask(state: &mut State) -> Asks {
    let columns = usize::from(state.size.0).saturating_sub(BESIDE).max(1);
    let is_there = state.timeline.as_ref().is_some_and(|timeline| timeline.bars.len() == columns);
    if is_there || state.timeline_asked.is_some() || state.opened().is_none() {
        return Asks::new();
    }
    let ticket = new_ticket(state);
    state.timeline_asked = Some(ticket);
    vec![(ticket, Ask::Timeline { columns })]
}

/// Moves along it; whether the key is one that does.
pub(super) fn moved(state: &State, prompt: &mut Prompt, name: &str) -> bool {
    let Some(timeline) = &state.timeline else { return false };
    let Some(last) = timeline.bars.len().checked_sub(1) else { return false };
    let shown = state.revision();
    // At first it stands where the moment is that is shown.
    let own = timeline.bars.iter().position(|bar| bar.last >= shown).unwrap_or(last);
    let at = prompt.chosen.unwrap_or(own);
    let next_change =
        |from: usize| (from + 1..=last).find(|at| timeline.bars.get(*at).is_some_and(|bar| bar.changes > 0));
    let change_before =
        |from: usize| (0..from).rev().find(|at| timeline.bars.get(*at).is_some_and(|bar| bar.changes > 0));
    let to = match name {
        "left" => change_before(at).unwrap_or(at),
        "right" => next_change(at).unwrap_or(at),
        "pgup" => at.saturating_sub(PAGE),
        "pgdn" => (at + PAGE).min(last),
        "home" => 0,
        "end" => last,
        _ => return false,
    };
    prompt.chosen = Some(to);
    prompt.text.clear();
    true
}

/// The revision that is picked.
pub(super) fn picked(state: &State, prompt: &Prompt) -> Option<i64> {
    Some(state.timeline.as_ref()?.bars.get(prompt.chosen?)?.last)
}
