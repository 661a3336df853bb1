//! The dialog that writes a whole store, and the screens of evidence and of stores.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Asks, ask_top, new_ticket, refuse, say};
use crate::tui::ask::{Answer, Ask, GRADES, Shape, Stage, Verb};
use crate::tui::keys::{Action, Found, Place};
use crate::tui::state::{Grid, ListOf, Phase, Screen, State, StoreDialog, View};

/// The longest name of a file that is typed.
const LONGEST_PATH: usize = 4000;

/// Opens the dialog: a store that is damaged is recovered, another one converted to the other engine.
pub(super) fn open(state: &mut State, wanted: Option<Verb>) -> Asks {
    let is_kine = state.opened().is_none_or(|opened| opened.engine.starts_with("kine"));
    let recovers = match wanted {
        Some(verb) => verb == Verb::Recover,
        None => state.opened().is_none() || state.is_damaged(),
    };
    let dialog = match (recovers, is_kine) {
        (true, true) => StoreDialog::new(Verb::Recover, Shape::Kine),
        (true, false) => StoreDialog::new(Verb::Recover, Shape::EtcdSnapshot),
        (false, true) => StoreDialog::new(Verb::Convert, Shape::EtcdSnapshot),
        (false, false) => StoreDialog::new(Verb::Convert, Shape::Kine),
    };
    state.store_dialog = Some(Box::new(dialog));
    begin(state, Stage::Plan)
}

fn begin(state: &mut State, stage: Stage) -> Asks {
    let ticket = new_ticket(state);
    let Some(dialog) = state.store_dialog.as_mut() else { return Asks::new() };
    let before = dialog.asked.replace((ticket, stage)).map(|(before, _)| (before, Ask::GiveUp(before)));
    dialog.told = None;
    dialog.refused = None;
    dialog.top = 0;
    before.into_iter().chain([(ticket, dialog.ask(stage))]).collect()
}

/// A key while the dialog is open.
pub(super) fn pressed(state: &mut State, key: &KeyEvent, name: &str) -> Asks {
    let action = match state.keymap.find(Place::Store, name) {
        Found::Do(action) => action,
        Found::Elsewhere(_) | Found::Unknown => {
            typed(state, key, name);
            return Asks::new();
        }
    };
    let last = super::layout::last_report_line(state);
    let Some(dialog) = state.store_dialog.as_mut() else { return Asks::new() };
    let asked = dialog.asked.map(|(ticket, _)| (ticket, Ask::GiveUp(ticket)));
    if dialog.is_writing() && !matches!(action, Action::Back | Action::Up | Action::Down) {
        refuse(state, "it is being written; esc gives it up");
        return Asks::new();
    }
    match action {
        Action::Back => {
            let told = if dialog.is_writing() { "given up: no temporary file stays" } else { "the dialog is closed" };
            state.store_dialog = None;
            say(state, told);
            return asked.into_iter().collect();
        }
        Action::Up => dialog.top = dialog.top.saturating_sub(1),
        Action::Down => {
            dialog.top = (dialog.top + 1).min(last);
        }
        Action::Complete => return super::paths::complete(state),
        Action::Clear => dialog.job.path.clear(),
        Action::Overwrite => dialog.job.force = !dialog.job.force,
        Action::Form => {
            dialog.next_form();
            return begin(state, Stage::Plan);
        }
        Action::OtherWay => {
            dialog.job.other_way = !dialog.job.other_way;
            return begin(state, Stage::Plan);
        }
        action => return write(state, if action == Action::Try { Stage::Try } else { Stage::Run }),
    }
    Asks::new()
}

fn typed(state: &mut State, key: &KeyEvent, name: &str) {
    let Some(dialog) = state.store_dialog.as_mut() else { return };
    match (name, key.code) {
        _ if dialog.is_writing() => refuse(state, "it is being written; esc gives it up"),
        ("backspace", _) => {
            dialog.job.path.pop();
        }
        (_, KeyCode::Char(c))
            if !key.modifiers.contains(KeyModifiers::CONTROL)
                && dialog.job.path.len() < LONGEST_PATH
                && !c.is_control() =>
        {
            dialog.job.path.push(c);
        }
        _ => refuse(state, format!("{name} does nothing in this dialog")),
    }
}

/// Writes what is shown: never before it is.
fn write(state: &mut State, stage: Stage) -> Asks {
    let Some(dialog) = state.store_dialog.as_mut() else { return Asks::new() };
    let refusal = match () {
        () if dialog.asked.is_some() => Some("what would be written is still being worked out"),
        () if dialog.stage == Some(Stage::Run) && dialog.refused.is_none() => {
            Some("it is written; esc closes the dialog")
        }
        () if dialog.job.path.trim().is_empty() => Some("the store needs a name"),
        () => None,
    };
    match refusal {
        Some(refusal) => {
            refuse(state, refusal);
            Asks::new()
        }
        None => begin(state, stage),
    }
}

/// An answer for the dialog.
pub(super) fn answered(state: &mut State, answer: Answer) {
    let Some(dialog) = state.store_dialog.as_mut() else { return };
    let stage = dialog.asked.take().map(|(_, stage)| stage);
    dialog.stage = stage;
    match answer {
        Answer::Did(Ok(told)) => {
            dialog.told = Some(told);
            let said = match stage {
                Some(Stage::Run) => format!("written: {}", dialog.job.path),
                Some(Stage::Try) => "it works; nothing was kept".to_owned(),
                _ => return,
            };
            say(state, crate::tui::text::harmless(&said));
        }
        Answer::Did(Err(why)) => dialog.refused = Some(why),
        Answer::Failed(trouble) => dialog.refused = Some(format!("{}: {}", trouble.title, trouble.what)),
        _ => {}
    }
}

/// Only rows of the next grade that there is; behind the last all of them.
pub(super) fn next_grade(state: &mut State) -> Asks {
    let height = super::layout::rows(state);
    let Some(grid) = state.stack.last_mut().and_then(Screen::grid_mut) else { return Asks::new() };
    let from = grid.only.as_ref().and_then(|only| GRADES.iter().position(|grade| grade == only)).map_or(0, |at| at + 1);
    let is_there =
        |grade: &&&str| grid.list.rows.iter().any(|row| row.cells.first().is_some_and(|cell| cell.text == ***grade));
    let next = GRADES.iter().skip(from).find(is_there).map(|grade| (*grade).to_owned());
    grid.only.clone_from(&next);
    grid.refresh();
    grid.go(0, height);
    say(state, next.map_or_else(|| "all grades".to_owned(), |grade| format!("only {grade}; tab shows the next grade")));
    Asks::new()
}

/// Opens another store of the directory.
pub(super) fn reopen(state: &mut State, store: &str) -> Asks {
    let ticket = new_ticket(state);
    if state.start.store.as_deref() == Some(store) {
        say(state, "this one is shown already; esc leads to it");
    }
    state.start.store = Some(store.to_owned());
    state.phase = Phase::Opening;
    state.stack = vec![Screen::new(View::Overview { facts: None, grid: Grid::default() })];
    (state.moment, state.checked, state.timeline, state.namespace) = (None, None, None, None);
    (state.timeline_asked, state.owner_asked, state.moment_asked, state.glance) = (None, None, None, None);
    vec![(ticket, Ask::Reopen(store.to_owned()))]
}

/// Where two stores lie in one directory, the first screen is that they do.
pub(super) fn found_stores(state: &mut State, answer: Answer) {
    let Answer::List(list) = answer else { return };
    if list.rows.len() < 2 || state.stack.len() > 1 || state.start.store.is_some() {
        return;
    }
    let mut grid = Grid::default();
    grid.set(list);
    let view = View::List { of: ListOf::Stores, grid, deleted: false, wide: false };
    let mut screen = Screen::new(view);
    screen.loaded = true;
    state.stack.push(screen);
}

/// Asks whether there are two.
pub(super) fn ask_stores(state: &mut State) -> Asks {
    if state.stores_asked.is_some() || state.start.store.is_some() {
        return Asks::new();
    }
    let ticket = new_ticket(state);
    state.stores_asked = Some(ticket);
    vec![(ticket, Ask::Stores)]
}

/// A key where no store could be opened: the file can be searched all the same.
pub(super) fn pressed_closed(state: &mut State, name: &str) -> Asks {
    match (name, state.keymap.find(Place::Overview, name)) {
        ("q" | "esc" | "enter", _) => state.leaving = true,
        (_, Found::Do(action @ (Action::Evidence | Action::Store | Action::Help | Action::Palette))) => {
            return super::act(state, action);
        }
        _ => refuse(state, format!("{name} needs a store; i searches the file, W writes a store of what it holds")),
    }
    Asks::new()
}

/// What is asked once the first screen is there.
pub(super) fn after_overview(state: &mut State) -> Asks {
    let mut asks = super::timeline::ask(state);
    asks.extend(ask_stores(state));
    asks
}

/// The screen of evidence, or of stores.
pub(super) fn show(state: &mut State, of: ListOf) -> Asks {
    let is_there = state.top().is_some_and(|screen| matches!(&screen.view, View::List { of: own, .. } if *own == of));
    if is_there { ask_top(state) } else { super::show(state, super::list(of)) }
}
