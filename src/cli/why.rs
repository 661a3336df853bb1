//! `kinescope why`

use super::exit::{Failure, Outcome};
use super::keys::KeyringArgs;
use super::source::{SourceArgs, close};
use super::ui::Ui;
use crate::ops::objects::Objects;
use crate::ops::why::Why;
use crate::render;

/// Show where the bytes of a datastore are, what put them there, and what to do about it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kinescope why state.db               what fills it, in one screen
  kinescope why snapshot.zip --top 40  longer lists
  kinescope why state.db --json        every kind and namespace, with numbers")]
pub struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// Lines of each list; with --json of writers, owners and keys
    #[arg(long, value_name = "N", default_value_t = 8)]
    top: usize,
    #[command(flatten)]
    keyring: KeyringArgs,
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let source = args.source.open_and_hash(ui)?;
    let keyring = args.keyring.keyring(&source, ui)?;
    let history = source.store.history();
    let objects = Objects::new(history, &keyring, None, history.current_revision());
    let why = Why::of(&source, &objects, args.top);
    if ui.json() {
        ui.line(render::why_json(&why, args.top))?;
    } else {
        ui.text(&render::why_text(&source.name, &why, args.top))?;
    }
    close(&source, Outcome::Done, ui)
}
