//! `kinescope ls`

use super::exit::{Failure, Outcome};
use super::lines;
use super::moment::AtArg;
use super::source::{SourceArgs, close};
use super::ui::Ui;
use crate::model::{History, KeyId, KeyState};
use crate::render::{self, KeyLine};

/// List keys: the live ones, below a prefix, at any revision
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// Only keys that begin with this
    #[arg(value_name = "PREFIX", default_value = "")]
    prefix: String,
    #[command(flatten)]
    at: AtArg,
    /// Deleted keys too, by their tombstones
    #[arg(long)]
    all: bool,
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let source = args.source.open_and_hash(ui)?;
    let history = source.store.history();
    let revision = args.at.resolve(history, ui)?;
    let (found, unknown) = select(history, &args.prefix, revision, args.all);
    if !ui.json() && !found.is_empty() {
        ui.line(render::key_header())?;
    }
    let json = ui.json();
    let outcome = lines::print(&found, ui, |&line| {
        if json {
            render::key_json(history, line).map(|json| json.to_string())
        } else {
            Ok(render::key_text(history, line))
        }
    })?;
    if unknown > 0 {
        ui.note(format!("{unknown} keys have no row that old: whether they were there is unknown"));
    }
    close(&source, outcome, ui)
}

fn select<'a>(history: &'a History, prefix: &str, revision: i64, all: bool) -> (Vec<KeyLine<'a>>, u64) {
    let view = history.at(revision);
    let mut unknown = 0;
    let mut line = |key: KeyId| match view.state(key) {
        KeyState::Live(change) => Some(KeyLine { key, change }),
        KeyState::Absent(Some(change)) if all => Some(KeyLine { key, change }),
        KeyState::Absent(_) => None,
        KeyState::Unknown if history.positions_of(key).is_empty() => None,
        KeyState::Unknown => {
            unknown += 1;
            None
        }
    };
    let lines = history.keys().with_prefix(prefix.as_bytes()).filter_map(&mut line).collect();
    (lines, unknown)
}
