//! `kinescope export`

use std::io::{self, IsTerminal, Write};
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clap::ValueEnum;

use super::exit::{Failure, Outcome};
use super::now;
use super::opening::OpeningArgs;
use super::progress::Progress;
use super::release::ReleaseArg;
use super::source::{close, open_and_hash};
use super::target::owner;
use super::ui::Ui;
use crate::ops::export::{Export, ExportError, Exported, Format, Printing, StreamError};
use crate::ops::keyring::Given;
use crate::ops::objects::Objects;
use crate::ops::tables::{self, Noticed, Table, Tabled};
use crate::render;
use crate::source::{SIDECARS, Watch};

/// Write stores as tables for SQL engines: stores, revisions, objects, owners, findings
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kinescope export state.db --format sqlite -o tables.sqlite
  kinescope export snapshot --format csv --table objects > objects.csv
  kinescope export a.db b.db --format parquet -o fleet         one table of each kind, with a column that names the store
  kinescope export etcd --name berlin-7 --format ndjson -o berlin-7

The tables and their columns: docs/export.md. Exit codes: 0 done; 1 done, and values of Secrets were left out or objects \
stayed closed; 2 nothing written; 3 done, and a store is damaged.")]
pub struct Args {
    /// The stores to read, as in every command
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// What to write: one SQLite file, or a directory with a file for each table
    #[arg(long, value_name = "FORMAT")]
    format: FormatArg,
    /// The file or directory to write; without it one table of text goes to standard output
    #[arg(long, short, value_name = "DST")]
    output: Option<PathBuf>,
    /// Only these tables, with commas between them: stores, revisions, objects, owners, findings
    #[arg(long, value_name = "TABLE", value_delimiter = ',')]
    table: Vec<String>,
    /// What the first column of every table says of the only PATH; else the path as it was given
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    content: ContentArgs,
    /// Overwrite a target that exists
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    opening: OpeningArgs,
}

/// What of objects becomes rows.
#[derive(Debug, clap::Args)]
pub struct ContentArgs {
    /// In `objects`, every object that the store still knows, and not only what is live
    #[arg(long)]
    pub history: bool,
    /// Objects with their metadata.managedFields
    #[arg(long)]
    pub show_managed_fields: bool,
    /// With secret values
    #[arg(long)]
    pub reveal: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatArg {
    /// One SQLite file
    Sqlite,
    /// A line of JSON for each row
    Ndjson,
    /// CSV with a header
    Csv,
    /// Parquet, if this build has the feature
    Parquet,
}

impl FormatArg {
    const fn format(self) -> Format {
        match self {
            Self::Sqlite => Format::Sqlite,
            Self::Ndjson => Format::Ndjson,
            Self::Csv => Format::Csv,
            Self::Parquet => Format::Parquet,
        }
    }
}

/// Stores that are opened one after the other: a fleet's snapshots do not fit into memory together.
pub struct Sources<'a> {
    paths: &'a [PathBuf],
    names: Vec<String>,
    opening: &'a OpeningArgs,
    content: &'a ContentArgs,
    given: Given,
}

impl<'a> Sources<'a> {
    /// Of these paths, none of them opened yet.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn new(
        paths: &'a [PathBuf],
        name: Option<&str>,
        opening: &'a OpeningArgs,
        content: &'a ContentArgs,
    ) -> Result<Self, Failure> {
        if name.is_some() && paths.len() > 1 {
            return Err(Failure::Usage("--name is for one PATH; several are told apart by their paths".to_owned()));
        }
        let of = |path: &PathBuf| name.map_or_else(|| path.to_string_lossy().into_owned(), str::to_owned);
        let names: Vec<String> = paths.iter().map(of).collect();
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort();
        if let Some([same, _]) = sorted.windows(2).find(|pair| matches!(pair, [a, b] if a == b)) {
            return Err(Failure::Usage(format!("{same} is named twice, and nothing would tell the rows apart")));
        }
        Ok(Self { paths, names, opening, content, given: opening.keyring.given()? })
    }

    /// All that is read, by what was named.
    fn inputs(&self) -> Watch {
        let mut inputs = Watch::default();
        for path in self.paths.iter().filter(|path| *path != Path::new("-")) {
            if path.is_dir() {
                inputs.add_root(path);
                continue;
            }
            for suffix in iter::once("").chain(SIDECARS) {
                let mut name = path.clone().into_os_string();
                name.push(suffix);
                inputs.add(Path::new(&name));
            }
        }
        inputs
    }

    /// Opens each, hands over its tables, makes sure that it did not change, and tells its damage. How the command ends.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn each(
        &self,
        ui: &mut Ui,
        take: &mut dyn FnMut(&Tabled<'_>, &mut Ui) -> Result<(), Failure>,
    ) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::Done;
        for (path, name) in self.paths.iter().zip(&self.names) {
            let source = open_and_hash(path, &self.opening.choice, ui)?;
            let keyring = self.opening.keyring.keyring(&source, ui)?;
            let history = source.store.history();
            let minor = self.opening.release.kubernetes_version;
            let objects = Objects::new(history, &keyring, minor, history.current_revision());
            let tabled = Tabled {
                name,
                source: &source,
                objects: &objects,
                given: &self.given,
                reveal: self.content.reveal,
                history: self.content.history,
                managed_fields: self.content.show_managed_fields,
                now: now(),
                verification: OnceLock::new(),
            };
            take(&tabled, ui)?;
            outcome = close(&source, outcome, ui)?;
        }
        Ok(outcome)
    }
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let format = args.format.format();
    let tables = chosen(args)?;
    if !format.is_built_in() {
        return Err(ExportError::NoParquet.into());
    }
    let name = args.name.as_deref();
    let sources = Sources::new(&args.paths, name, &args.opening, &args.content)?;
    let (noticed, outcome) = match &args.output {
        None => print(format, only_table(format, &tables)?, &sources, ui)?,
        Some(target) => write(args, format, target, &tables, &sources, ui)?,
    };
    Ok(match say(&noticed, ui) {
        Outcome::Done => outcome,
        found if outcome == Outcome::Done => found,
        _ => Outcome::Damaged,
    })
}

fn chosen(args: &Args) -> Result<Vec<&'static Table>, Failure> {
    let all = || tables::ALL.iter().filter_map(|table| tables::table(table.name));
    if args.table.is_empty() {
        return Ok(all().collect());
    }
    let unknown = args.table.iter().find(|name| tables::table(name).is_none());
    if let Some(name) = unknown {
        let names: Vec<&str> = tables::ALL.iter().map(|table| table.name).collect();
        return Err(Failure::Usage(format!("--table {name}: there is none; the tables are {}", names.join(", "))));
    }
    Ok(all().filter(|table| args.table.iter().any(|name| name == table.name)).collect())
}

fn only_table(format: Format, tables: &[&'static Table]) -> Result<&'static Table, Failure> {
    let usage = |text: &str| Err(Failure::Usage(text.to_owned()));
    match (format.is_text(), tables) {
        (true, [table]) => Ok(table),
        (true, _) => usage("without -o DST only one table is printed: choose it with --table"),
        (false, _) => usage("this format is not printed, because it could not be read back: name a target with -o"),
    }
}

fn print(
    format: Format,
    table: &'static Table,
    sources: &Sources<'_>,
    ui: &mut Ui,
) -> Result<(Noticed, Outcome), Failure> {
    let mut noticed = Noticed::default();
    let Some(mut printing) = Printing::new(format, table) else { return Ok((noticed, Outcome::Done)) };
    let outcome = sources.each(ui, &mut |store, ui| {
        ReleaseArg::say(store.objects, ui);
        let told = printing.store(store, &mut Answer(ui, format)).map_err(|error| match error {
            StreamError::Keyring(error) => Failure::from(error),
            StreamError::Io(error) => error.into(),
        })?;
        noticed.append(told);
        Ok(())
    })?;
    Ok((noticed, outcome))
}

fn write(
    args: &Args,
    format: Format,
    target: &Path,
    tables: &[&'static Table],
    sources: &Sources<'_>,
    ui: &mut Ui,
) -> Result<(Noticed, Outcome), Failure> {
    if target == Path::new("-") {
        return Err(Failure::Usage("to print one table, leave -o away".to_owned()));
    }
    let inputs = sources.inputs();
    let export = Export { target, format, tables, force: args.force, inputs: &inputs };
    let mut exporting = export.begin()?;
    let progress = Progress::new(ui)?;
    let outcome = sources.each(ui, &mut |store, ui| {
        ReleaseArg::say(store.objects, ui);
        let total = store.source.store.history().changes().len() as u64;
        Ok(exporting.store(store, &mut |table, rows| progress.step(table, rows, total))?)
    });
    let exported = outcome.and_then(|outcome| Ok((exporting.finish()?, outcome)));
    progress.done();
    let (exported, outcome) = exported?;
    tell(target, format, &exported, ui)?;
    Ok((exported.noticed, outcome))
}

/// What was written.
fn tell(target: &Path, format: Format, exported: &Exported, ui: &mut Ui) -> io::Result<()> {
    if ui.json() {
        return ui.line(render::export_json(target, format, exported));
    }
    for line in render::export_text(target, format, exported, owner().as_deref()) {
        ui.line(line)?;
    }
    Ok(())
}

/// What was left out, and how the command ends for it.
pub fn say(noticed: &Noticed, ui: &Ui) -> Outcome {
    let so_many = |count: u64, what: &str, why: &str| {
        if count > 0 {
            let (number, plural) = (render::count(count), if count == 1 { "" } else { "s" });
            ui.note(format!("{number} {what}{plural} {why}"));
        }
    };
    so_many(noticed.masked, "Secret", "without values and hashes; --reveal writes them");
    so_many(noticed.locked, "object", "stayed encrypted: the column problem says which key is needed");
    so_many(noticed.unreadable, "object", "cannot be read: the column problem says why");
    ui.damage(&noticed.damage);
    if !noticed.damage.is_empty() {
        Outcome::Damaged
    } else if noticed.masked + noticed.locked + noticed.unreadable > 0 {
        Outcome::Found
    } else {
        Outcome::Done
    }
}

/// Standard output as a writer of whole lines. A terminal would obey control characters, which JSON can escape.
struct Answer<'u>(&'u mut Ui, Format);

impl Write for Answer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match (self.1, std::str::from_utf8(bytes)) {
            (Format::Ndjson, Ok(text)) => self.0.json_text(text)?,
            (_, Ok(text)) if io::stdout().is_terminal() => self.0.text(text)?,
            _ => self.0.raw(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
