//! Marks, the clipboard, and the dialog that writes objects to a file.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Asks, new_ticket, refuse, say};
use crate::tui::ask::{Answer, Ask, Chosen, Export, Row, Target, Tone};
use crate::tui::keys::{Action, Found, Place};
use crate::tui::state::{Dialog, Reading, Screen, State, View};
use crate::tui::views::layout;

/// The longest name of a file that is typed.
const LONGEST_PATH: usize = 4000;
/// Terminals take about 100,000 characters into their clipboard, which are base64.
const LONGEST_COPY: usize = 74_000;

/// Marks a line, or takes marks away.
pub(super) fn mark(state: &mut State, action: Action) -> Asks {
    let height = layout::rows(state);
    let Some(grid) = state.stack.last_mut().and_then(Screen::grid_mut) else { return Asks::new() };
    match action {
        Action::Mark => grid.mark(height),
        _ => grid.marked.clear(),
    }
    let told = match grid.marked.len() {
        0 => "nothing is marked".to_owned(),
        count => format!("{count} marked: e exports, c copies their names, u takes the marks away"),
    };
    say(state, told);
    super::moved(state)
}

/// Puts the text of the screen, or names, into the clipboard.
pub(super) fn copy(state: &mut State) -> Asks {
    let text_of = |reading: &Reading| {
        let text = reading.text.as_ref()?;
        let lines: String = text.lines.iter().map(|line| format!("{}\n", line.text)).collect();
        (!lines.is_empty()).then_some((lines, text.masked))
    };
    let (text, masked) = match state.top().map(|screen| (&screen.view, screen.grid())) {
        Some((View::History { diff, .. }, _)) => text_of(diff),
        Some((View::Compare(differences), _)) => text_of(&differences.diff),
        Some((View::Object { reading, .. } | View::Page { reading, .. } | View::Health { reading }, _)) => {
            text_of(reading)
        }
        Some((_, Some(grid))) => {
            let names: Vec<String> = grid.chosen().into_iter().map(name_of).collect();
            (!names.is_empty()).then(|| (names.join("\n"), false))
        }
        _ => None,
    }
    .unwrap_or_default();
    match text.len() {
        0 => refuse(state, "there is nothing here to copy"),
        1..=LONGEST_COPY => {
            let lines = text.lines().count();
            let masked = if masked { ", secret values masked" } else { "" };
            let what = if lines == 1 { format!("copied {text}") } else { format!("copied {lines} lines{masked}") };
            say(state, format!("{what} (if the terminal allows it: OSC 52)"));
            state.clipboard = Some(text);
        }
        long => refuse(state, format!("{long} bytes are more than terminals take; e writes it to a file")),
    }
    Asks::new()
}

/// What to call a row.
fn name_of(row: &Row) -> String {
    match &row.target {
        Target::Key { name, .. } => name.clone(),
        Target::Kind(name) => name.clone(),
        Target::Prefix(prefix) => crate::render::key(prefix),
        Target::Sum(_, name) | Target::Branch(name) | Target::Store(name) => name.clone(),
        Target::Nothing => row.cells.first().map_or(String::new(), |cell| cell.text.clone()),
    }
}

/// Opens the dialog.
pub(super) fn open(state: &mut State) -> Asks {
    let objects = match chosen(state) {
        Ok(objects) => objects,
        Err(why) => {
            refuse(state, why);
            return Asks::new();
        }
    };
    let export = Export { objects, reveal: state.reveal, ..Export::default() };
    state.dialog = Some(Box::new(Dialog::new(export)));
    plan(state)
}

/// What is marked, what is under the cursor, or what is shown. Of live objects the moment that is shown is meant, since
/// what they need is looked for there; of others their own revision.
fn chosen(state: &State) -> Result<Vec<Chosen>, String> {
    let moment = state.revision();
    let Some(screen) = state.top() else { return Err("nothing is shown".to_owned()) };
    if let View::Object { key, revision, name, reading, .. } = &screen.view {
        let Some(text) = &reading.text else { return Err("it is still being read".to_owned()) };
        if text.trouble.is_some() {
            return Err("what is not shown cannot be exported; [ steps to an earlier revision".to_owned());
        }
        let is_last = text.shown.is_some_and(|at| at + 1 == text.revisions.len());
        let revision = if is_last { moment.max(*revision) } else { *revision };
        return Ok(vec![Chosen { key: *key, revision, name: name.clone() }]);
    }
    let is_history = matches!(screen.view, View::History { .. });
    let is_compare = matches!(screen.view, View::Compare(_));
    let rows = screen.grid().map(|grid| grid.chosen()).unwrap_or_default();
    let chosen = |row: &Row| match &row.target {
        Target::Key { key, revision, name } => {
            let own = is_history || is_compare || row.tone == Tone::Deleted;
            let revision = if own { *revision } else { moment };
            Some(Chosen { key: *key, revision, name: name.clone() })
        }
        _ => None,
    };
    let found: Vec<Chosen> = rows.iter().filter_map(|row| chosen(row)).collect();
    match (found.len(), is_history && rows.iter().any(|row| row.tone == Tone::Deleted)) {
        (_, true) => Err("at this revision it is deleted: the line below has its last value".to_owned()),
        (0, _) => Err("this is no object; enter opens it".to_owned()),
        _ => Ok(found),
    }
}

/// Asks what would be written.
fn plan(state: &mut State) -> Asks {
    let ticket = new_ticket(state);
    let Some(dialog) = state.dialog.as_mut() else { return Asks::new() };
    dialog.planned = None;
    dialog.refused = None;
    dialog.top = 0;
    dialog.asked = Some(ticket);
    vec![(ticket, dialog.plan())]
}

/// A key while the dialog is open.
pub(super) fn pressed(state: &mut State, key: &KeyEvent, name: &str) -> Asks {
    let action = match state.keymap.find(Place::Export, name) {
        Found::Do(action) => action,
        Found::Elsewhere(_) | Found::Unknown => {
            typed(state, key, name);
            return Asks::new();
        }
    };
    let last = layout::last_plan_line(state);
    let Some(dialog) = state.dialog.as_mut() else { return Asks::new() };
    if dialog.writing && action != Action::Back {
        refuse(state, "it is being written");
        return Asks::new();
    }
    match action {
        Action::Back => {
            let told = if dialog.writing {
                "it goes on being written; closing the dialog does not stop it"
            } else {
                "nothing was written"
            };
            say(state, told);
            state.dialog = None;
            return Asks::new();
        }
        Action::Up => dialog.top = dialog.top.saturating_sub(1),
        Action::Down => dialog.top = (dialog.top + 1).min(last),
        Action::Complete => return super::paths::complete(state),
        Action::Clear => dialog.path.clear(),
        Action::Overwrite => {
            dialog.force = !dialog.force;
            dialog.refused = None;
        }
        Action::Form => {
            dialog.export.form = dialog.export.form.next();
            return plan(state);
        }
        Action::WithSecrets => {
            dialog.export.reveal = !dialog.export.reveal;
            return plan(state);
        }
        Action::WithNeeds => {
            dialog.export.with_deps = !dialog.export.with_deps;
            return plan(state);
        }
        _ => return write(state),
    }
    Asks::new()
}

fn typed(state: &mut State, key: &KeyEvent, name: &str) {
    let Some(dialog) = state.dialog.as_mut() else { return };
    match (name, key.code) {
        ("backspace", _) => {
            dialog.path.pop();
        }
        (_, KeyCode::Char(c))
            if !key.modifiers.contains(KeyModifiers::CONTROL)
                && dialog.path.len() < LONGEST_PATH
                && !c.is_control() =>
        {
            dialog.path.push(c);
        }
        _ => {
            refuse(state, format!("{name} does nothing in this dialog"));
            return;
        }
    }
    dialog.refused = None;
}

/// Writes what is shown: never before it is.
fn write(state: &mut State) -> Asks {
    let ticket = new_ticket(state);
    let Some(dialog) = state.dialog.as_mut() else { return Asks::new() };
    let refusal = match &dialog.planned {
        None => Some("what would be written is still being worked out"),
        Some(planned) if planned.goes.is_empty() && planned.secrets_left => {
            Some("nothing would be written: ctrl-x takes Secrets along, in clear")
        }
        Some(planned) if planned.goes.is_empty() => Some("nothing would be written"),
        Some(_) if dialog.path.trim().is_empty() => Some("the file needs a name"),
        Some(_) => None,
    };
    if let Some(refusal) = refusal {
        dialog.refused = Some(refusal.to_owned());
        return Asks::new();
    }
    dialog.writing = true;
    dialog.refused = None;
    dialog.asked = Some(ticket);
    let ask = Ask::Write { export: dialog.export.clone(), path: dialog.path.clone(), force: dialog.force };
    vec![(ticket, ask)]
}

/// An answer for the dialog.
pub(super) fn answered(state: &mut State, answer: Answer) {
    let Some(dialog) = state.dialog.as_mut() else { return };
    dialog.asked = None;
    match answer {
        Answer::Planned(planned) => dialog.planned = Some(*planned),
        Answer::Written(Ok(told)) => {
            state.dialog = None;
            if let Some(grid) = state.stack.last_mut().and_then(Screen::grid_mut) {
                grid.marked.clear();
            }
            say(state, told);
        }
        Answer::Written(Err(why)) => {
            dialog.writing = false;
            dialog.refused = Some(why);
        }
        Answer::Failed(trouble) => {
            dialog.writing = false;
            dialog.refused = Some(format!("{}: {}", trouble.title, trouble.what));
        }
        _ => {}
    }
}
