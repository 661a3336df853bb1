//! `kinescope get PATH /KEY`: one key as the store has it.

use super::Args;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::source::close;
use crate::cli::ui::Ui;
use crate::model::{Change, History, KeyState};
use crate::ops::keyring::Keyring;
use crate::ops::store::OpenStore;
use crate::render::{self, KeyLine};

/// Shows what the store says of the key, or writes its value as it is stored.
pub(super) fn run(args: &Args, name: &str, source: &OpenStore, ui: &mut Ui) -> Result<Outcome, Failure> {
    let history = source.store.history();
    let revision = args.at.resolve(history, ui)?;
    let keyring = args.keyring.keyring(source, ui)?;
    let incomplete = history.at(revision).is_incomplete();
    let state = match history.keys().find(name.as_bytes()) {
        Some(key) if !history.positions_of(key).is_empty() => history.at(revision).state(key),
        _ if incomplete => KeyState::Unknown,
        _ => KeyState::Absent(None),
    };
    match state {
        KeyState::Live(change) => {
            show(args, history, change, &keyring, ui)?;
            close(source, Outcome::Done, ui)
        }
        KeyState::Absent(tombstone) => {
            not_there(name, revision, tombstone, ui)?;
            close(source, Outcome::Found, ui)
        }
        KeyState::Unknown => {
            let text = format!("{name}: unknown at revision {revision}: no row that old survives the compaction");
            say(ui, name, "unknown", revision, text)?;
            close(source, Outcome::Found, ui)
        }
    }
}

fn show(args: &Args, history: &History, change: &Change, keyring: &Keyring, ui: &mut Ui) -> Result<(), Failure> {
    if args.is_raw() {
        let value = history.value(change.value).map_err(Failure::Damage)?;
        return Ok(ui.raw(&value)?);
    }
    let line = KeyLine { key: change.key, change };
    if ui.json() {
        let mut object = render::key_json(history, line).map_err(Failure::Damage)?;
        if let Some(object) = object.as_object_mut() {
            object.insert("state".to_owned(), "live".into());
        }
        return Ok(ui.line(object)?);
    }
    let value = history.value(change.value).map_err(Failure::Damage)?;
    ui.line(render::key_header())?;
    ui.line(render::key_text(history, line))?;
    ui.line("")?;
    let key = history.keys().get(change.key);
    match keyring.open(key, &value) {
        Ok(plain) => ui.line(render::value_text(key, &plain, args.reveal))?,
        Err(locked) => {
            ui.line(render::value_text(key, &value, args.reveal))?;
            ui.note(locked);
        }
    }
    Ok(())
}

fn not_there(name: &str, revision: i64, tombstone: Option<&Change>, ui: &mut Ui) -> Result<(), Failure> {
    let (state, text) = match tombstone {
        Some(tombstone) => (
            "deleted",
            format!(
                "{name}: deleted at revision {}; `kinescope log` lists its changes, and --at shows an earlier one",
                tombstone.revision
            ),
        ),
        None => ("absent", format!("{name}: no such key at revision {revision}; `kinescope ls` lists what there is")),
    };
    say(ui, name, state, revision, text)
}

fn say(ui: &mut Ui, name: &str, state: &str, revision: i64, text: String) -> Result<(), Failure> {
    if ui.json() {
        ui.line(serde_json::json!({"key": name, "state": state, "at": revision}))?;
    }
    ui.note(text);
    Ok(())
}
