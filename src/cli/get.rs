//! `kinescope get`

use super::exit::{Failure, Outcome};
use super::key::KeyArgs;
use super::keys::KeyringArgs;
use super::moment::AtArg;
use super::source::{SourceArgs, close};
use super::ui::Ui;
use crate::model::{Change, History, KeyState};
use crate::ops::keyring::Keyring;
use crate::render::{self, KeyLine};

/// Show one key, or write its value as it is stored
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    at: AtArg,
    /// Write the value's bytes, and nothing else
    #[arg(long)]
    raw: bool,
    /// Show secret values
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    keys: KeyringArgs,
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let source = args.source.open_and_hash(ui)?;
    let history = source.store.history();
    let keyring = args.keys.keyring(&source, ui)?;
    let name = args.key.name()?;
    let revision = args.at.resolve(history, ui)?;
    let incomplete = history.at(revision).is_incomplete();
    let state = match history.keys().find(name.as_bytes()) {
        Some(key) if !history.positions_of(key).is_empty() => history.at(revision).state(key),
        _ if incomplete => KeyState::Unknown,
        _ => KeyState::Absent(None),
    };
    match state {
        KeyState::Live(change) => {
            show(args, history, change, &keyring, ui)?;
            close(&source, Outcome::Done, ui)
        }
        KeyState::Absent(tombstone) => {
            not_there(name, revision, tombstone, ui)?;
            close(&source, Outcome::Found, ui)
        }
        KeyState::Unknown => {
            let text = format!("{name}: unknown at revision {revision}: no row that old survives the compaction");
            say(ui, name, "unknown", revision, text)?;
            close(&source, Outcome::Found, ui)
        }
    }
}

fn show(args: &Args, history: &History, change: &Change, keyring: &Keyring, ui: &mut Ui) -> Result<(), Failure> {
    if args.raw {
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
