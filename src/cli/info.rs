//! `kinescope info`

use super::exit::{Failure, Outcome};
use super::source::SourceArgs;
use super::ui::Ui;
use crate::ops::info::Info;
use crate::render;

/// Show what a datastore is, how much is in it, and whether it is sound
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// Leave out the hashes that need the whole file
    #[arg(long)]
    quick: bool,
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let source = if args.quick { args.source.open(ui)? } else { args.source.open_and_hash(ui)? };
    let info = Info::of(&source, args.quick);
    if ui.json() {
        ui.line(render::info_json(&info))?;
    } else {
        for line in render::info_text(&source.name, &info) {
            ui.line(line)?;
        }
    }
    source.watch.check()?;
    Ok(if info.damage.is_empty() { Outcome::Done } else { Outcome::Damaged })
}
