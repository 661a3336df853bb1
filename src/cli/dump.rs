//! `kinescope dump`

use super::exit::{Failure, Outcome};
use super::lines;
use super::source::{SourceArgs, close};
use super::ui::Ui;
use crate::render;

/// List every change that the store still knows, in revision order
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// With the values, in base64 (needs --json)
    #[arg(long, requires = "json")]
    values: bool,
    /// From this revision on
    #[arg(long, value_name = "REV", allow_negative_numbers = true, default_value_t = 0)]
    from: i64,
    /// Up to and with this revision
    #[arg(long, value_name = "REV", allow_negative_numbers = true, default_value_t = i64::MAX)]
    to: i64,
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let source = args.source.open_and_hash(ui)?;
    let history = source.store.history();
    let json = ui.json();
    let outcome = lines::print(history.changes_in(args.from..=args.to), ui, |change| {
        if json {
            render::change_json(history, change, args.values).map(|json| json.to_string())
        } else {
            Ok(render::change_text(history, change))
        }
    })?;
    close(&source, outcome, ui)
}
