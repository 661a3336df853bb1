//! `kinescope log`

use super::exit::{Failure, Outcome};
use super::get::named_key;
use super::source::{SourceArgs, close};
use super::ui::Ui;
use crate::model::Change;
use crate::render;

/// Show every change of one key that the store still knows
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// The key, as it is stored: /registry/...
    #[arg(value_name = "KEY", required_unless_present = "raw_key")]
    key: Option<String>,
    /// A key that does not begin with a slash
    #[arg(long = "key", value_name = "KEY", conflicts_with = "key")]
    raw_key: Option<String>,
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let source = args.source.open_and_hash(ui)?;
    let history = source.store.history();
    let name = named_key(args.key.as_deref(), args.raw_key.as_deref())?;
    let key = history.keys().find(name.as_bytes());
    let changes: Vec<&Change> = key.into_iter().flat_map(|key| history.changes_of(key)).collect();
    if changes.is_empty() {
        ui.note(format!("{name}: no change of this key survives; `kinescope ls --all` lists what there is"));
        return close(&source, Outcome::Found, ui);
    }
    if ui.json() {
        for change in changes {
            ui.line(render::change_json(history, change, false).map_err(Failure::Damage)?)?;
        }
    } else {
        for line in render::log_text(history, &changes) {
            ui.line(line)?;
        }
    }
    close(&source, Outcome::Done, ui)
}
