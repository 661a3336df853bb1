//! `kinescope recover`

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::exit::{Failure, Outcome};
use super::source::ChoiceArgs;
use super::ui::Ui;
use crate::ops::output::{Destination, Kind, OutputError};
use crate::ops::recover::{self, Found, SearchOptions};
use crate::render;

/// Get objects back from a damaged datastore, and say what is lost
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The damaged store: a state.db with or without its -wal, a -wal alone, a bbolt file, or what is left of one
    #[arg(value_name = "SRC")]
    source: PathBuf,
    /// Write every row of the recovered table to this file, a line of JSON each, with digests for values
    #[arg(long, value_name = "FILE")]
    rows: Option<PathBuf>,
    /// The same for rows that were deleted or compacted, or may have been
    #[arg(long, value_name = "FILE")]
    rows_history: Option<PathBuf>,
    /// What to do with a -wal beside the database
    #[arg(long, value_name = "HOW", default_value = "use")]
    wal: Wal,
    /// Overwrite targets that exist
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    choice: ChoiceArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Wal {
    /// Lay it over the database; where it does not belong to it, read both beside each other
    Use,
    /// As though it were not there
    Ignore,
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let options = SearchOptions { wal: recover::reading(args.wal == Wal::Use) };
    let found = recover::search(&args.source, &args.choice.choice(), options)?;
    for note in &found.notes {
        ui.note(note);
    }
    for (path, past) in [(&args.rows, false), (&args.rows_history, true)] {
        if let Some(path) = path {
            write_rows(path, &found, past, args.force)?;
        }
    }
    found.watch.check()?;
    Ok(Outcome::Done)
}

/// Writes lines as every output is written: all of them or no file.
fn write_rows(path: &Path, found: &Found, past: bool, force: bool) -> Result<(), Failure> {
    let destination = Destination::new(path, Kind::File, force, &found.watch)?;
    let file = destination.temporary()?;
    let failed = |source| OutputError::Io { path: path.to_owned(), source };
    let mut out = BufWriter::new(file.as_file());
    for line in recover::row_lines(&found.salvaged, past) {
        writeln!(out, "{}", render::row_line_json(&line)).map_err(failed)?;
    }
    out.into_inner().map_err(|error| failed(error.into_error()))?.sync_all().map_err(failed)?;
    destination.publish(file)?;
    Ok(())
}
