//! `kinescope recover`

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::exit::{Failure, Outcome};
use super::progress::Progress;
use super::source::ChoiceArgs;
use super::target::{owner, refuse_stdout};
use super::ui::Ui;
use crate::ops::convert::Target;
use crate::ops::output::{Destination, Kind, OutputError};
use crate::ops::recover::{self, Found, Options};
use crate::render;

/// Get objects back from a damaged datastore, and say what is lost
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The damaged store: a state.db with or without its -wal, a -wal alone, a bbolt file, or what is left of one
    #[arg(value_name = "SRC")]
    source: PathBuf,
    /// The store to write; without it there is only the report
    #[arg(short = 'o', long = "output", value_name = "DST")]
    target: Option<PathBuf>,
    /// What to write; by default a store of the engine that wrote SRC
    #[arg(long, value_name = "TARGET")]
    to: Option<To>,
    /// Where the newest revision of an object is lost, put the newest that is whole in its place; the report marks it
    #[arg(long)]
    last_known_good: bool,
    /// Write the report, with all that is lost, to this file in Markdown
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
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
enum To {
    /// kine's SQLite file
    Kine,
    /// A snapshot with its sha256, for `etcdutl snapshot restore` and k3s
    EtcdSnapshot,
    /// No store: the report as JSON, to DST or to standard output
    ModelReport,
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
    args.target.as_deref().map_or(Ok(()), refuse_stdout)?;
    let wal = recover::reading(args.wal == Wal::Use);
    let found = recover::search(&args.source, &args.choice.choice(), wal)?;
    let to = match args.to {
        Some(To::Kine) => Some(Target::Kine),
        Some(To::EtcdSnapshot) => Some(Target::EtcdSnapshot),
        Some(To::ModelReport) => None,
        None => Some(found.own_target()),
    };
    let options = Options { to, wal, last_known_good: args.last_known_good, force: args.force };
    let progress = Progress::new(ui)?;
    let target = args.target.as_deref().filter(|_| to.is_some());
    let report =
        recover::recover(&found, target, &options, &mut |phase, done, total| progress.phase(phase, done, total));
    progress.done();
    let report = report?;
    for note in &report.notes {
        ui.note(note);
    }
    for (path, past) in [(&args.rows, false), (&args.rows_history, true)] {
        if let Some(path) = path {
            let lines = recover::row_lines(&found.salvaged, past).map(|line| render::row_line_json(&line));
            write_lines(path, lines, &found, args.force)?;
        }
    }
    if let Some(path) = &args.report {
        write_lines(path, render::recover_markdown(&report), &found, args.force)?;
    }
    if let (Some(path), None) = (&args.target, to) {
        write_lines(path, [render::recover_json(&report)], &found, args.force)?;
    }
    found.watch.check()?;
    if ui.json() || args.target.is_none() && to.is_none() {
        ui.line(render::recover_json(&report))?;
    } else {
        for line in render::recover_text(&report, owner().as_deref()) {
            ui.line(line)?;
        }
    }
    ui.damage(&report.damage);
    // The process ends here: to give back hundreds of megabytes piece by piece only takes time.
    std::mem::forget(found);
    Ok(if report.has_loss() { Outcome::Damaged } else { Outcome::Done })
}

/// Writes lines as every output is written: all of them or no file.
fn write_lines<L: std::fmt::Display>(
    path: &Path,
    lines: impl IntoIterator<Item = L>,
    found: &Found,
    force: bool,
) -> Result<(), Failure> {
    let destination = Destination::new(path, Kind::File, force, &found.watch)?;
    let file = destination.temporary()?;
    let failed = |source| OutputError::Io { path: path.to_owned(), source };
    let mut out = BufWriter::new(file.as_file());
    for line in lines {
        writeln!(out, "{line}").map_err(failed)?;
    }
    out.into_inner().map_err(|error| failed(error.into_error()))?.sync_all().map_err(failed)?;
    destination.publish(file)?;
    Ok(())
}
