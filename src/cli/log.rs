//! `kinescope log`

use super::exit::{Failure, Outcome};
use super::key::KeyArgs;
use super::source::{SourceArgs, close};
use super::ui::Ui;
use crate::model::Change;
use crate::render;

/// Show every change of one object or key that the store still knows
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    key: KeyArgs,
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let source = args.source.open_and_hash(ui)?;
    let history = source.store.history();
    let (name, key) = args.key.find(history)?;
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
