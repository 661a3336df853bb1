//! Stores as files that SQL engines read: SQLite, newline-delimited JSON, CSV, Parquet.
//!
//! What is written is read back, by the reader of its format, and compared before it gets its name.

mod csv;
mod delimited;
mod digest;
mod ndjson;
#[cfg(feature = "parquet")]
mod parquet;
mod sqlite;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::keyring::KeyringError;
use super::output::{Destination, Kind, OutputError, sync_directory};
use super::tables::{Noticed, Row, Table, Tabled, TablesError, Wanted};
use crate::source::Watch;

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One SQLite file with a table each.
    Sqlite,
    /// A directory with a file of JSON lines for each table.
    Ndjson,
    /// A directory with a CSV file for each table.
    Csv,
    /// A directory with a Parquet file for each table.
    Parquet,
}

impl Format {
    /// The end of its files' names.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    /// Whether this build can write it.
    pub const fn is_built_in(self) -> bool {
        !matches!(self, Self::Parquet) || cfg!(feature = "parquet")
    }

    /// Whether it can be written to a pipe.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Ndjson | Self::Csv)
    }
}

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The target may not be written, or writing failed.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// What was given to open values with cannot be read.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The format's own library failed.
    #[error("{}: cannot write: {what}; no temporary file was left", path.display())]
    Library {
        /// The target.
        path: PathBuf,
        /// What it said.
        what: String,
    },
    /// What was read back is not what was written.
    #[error("{}: what was read back of table {table} differs from what was written; nothing was kept", path.display())]
    Differs {
        /// The target.
        path: PathBuf,
        /// The table.
        table: &'static str,
    },
    /// The format is a feature that was not chosen.
    #[error(
        "this build cannot write Parquet: build it with `cargo install --path . --features parquet`, or take --format sqlite, \
         which DuckDB reads too"
    )]
    NoParquet,
    /// The user wants to stop.
    #[error("stopped; no temporary file was left")]
    Stopped,
}

/// What a writer of one table does, and how it is proven.
trait TableWriter {
    /// Writes rows.
    fn rows(&mut self, rows: &[Row<'_>]) -> Result<(), Fault>;
    /// Writes what is left, makes it durable, reads it back and compares. Gives the bytes.
    fn finish(self: Box<Self>) -> Result<u64, Fault>;
}

/// What goes wrong while a table is written.
#[derive(Debug)]
enum Fault {
    Io(io::Error),
    Library(String),
    Differs,
    Stopped,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// How many rows each table got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The table.
    pub table: &'static str,
    /// Its rows.
    pub rows: u64,
    /// The bytes of its file; of the whole file where one file has all tables.
    pub bytes: u64,
}

/// An export that is done.
#[derive(Clone, Debug, Default)]
pub struct Exported {
    /// What was written.
    pub tables: Vec<Written>,
    /// What was noticed on the way.
    pub noticed: Noticed,
}

/// An export that begins.
pub struct Export<'e> {
    /// The file or directory to write.
    pub target: &'e Path,
    /// Its form.
    pub format: Format,
    /// The tables to write.
    pub tables: &'e [&'static Table],
    /// Whether an export that is there is replaced.
    pub force: bool,
    /// The inputs of all stores.
    pub inputs: &'e Watch,
}

/// Says how far it is: table, rows so far. Gives whether to go on.
pub type Step<'s> = dyn FnMut(&'static str, u64) -> bool + 's;

impl Export<'_> {
    /// Makes sure that the target may be written, before anything is read.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn destination(&self) -> Result<Destination, ExportError> {
        if !self.format.is_built_in() {
            return Err(ExportError::NoParquet);
        }
        Ok(match self.format {
            Format::Sqlite => Destination::new(self.target, Kind::File, self.force, self.inputs)?,
            format => Destination::directory(self.target, self.force, self.inputs, &|path| {
                holds_only(path, format.extension())
            })?,
        })
    }

    /// Writes the tables of all stores, each store's rows behind those of the one before.
    ///
    /// # Errors
    /// [`ExportError`]; nothing is left then.
    pub fn run(&self, stores: &[Tabled<'_>], step: &mut Step<'_>) -> Result<Exported, ExportError> {
        let destination = self.destination()?;
        destination.reserve(self.least_bytes(stores))?;
        match self.format {
            Format::Sqlite => self.one_file(&destination, stores, step),
            _ => self.files(&destination, stores, step),
        }
    }

    /// What the result takes at least.
    fn least_bytes(&self, stores: &[Tabled<'_>]) -> u64 {
        let of = |table: &Table, store: &Tabled<'_>| {
            let counts = store.source.store.history().counts();
            match (table.name, self.format) {
                ("revisions", Format::Parquet) => counts.changes.saturating_mul(40),
                ("revisions", _) => counts.changes.saturating_mul(200),
                ("objects", Format::Parquet) => counts.live_bytes / 16,
                ("objects", _) => counts.live_bytes / 2,
                _ => 0,
            }
        };
        stores.iter().flat_map(|store| self.tables.iter().map(move |table| of(table, store))).sum()
    }

    fn files(
        &self,
        destination: &Destination,
        stores: &[Tabled<'_>],
        step: &mut Step<'_>,
    ) -> Result<Exported, ExportError> {
        let made = destination.temporary_directory()?;
        let mut exported = Exported::default();
        for table in self.tables {
            let path = made.path().join(format!("{}.{}", table.name, self.format.extension()));
            let fault = |fault| self.fault(fault, table.name);
            let mut writer = self.writer(table, &path).map_err(fault)?;
            let rows = fill(table, stores, step, &mut exported.noticed, &mut |rows| writer.rows(rows));
            let rows = rows.map_err(|error| self.tables_error(error, table.name))?;
            let bytes = writer.finish().map_err(fault)?;
            exported.tables.push(Written { table: table.name, rows, bytes });
        }
        let io = |source| OutputError::Io { path: self.target.to_owned(), source };
        sync_directory(made.path()).map_err(io)?;
        destination.publish_directory(made)?;
        Ok(exported)
    }

    fn writer(&self, table: &'static Table, path: &Path) -> Result<Box<dyn TableWriter>, Fault> {
        Ok(match self.format {
            Format::Ndjson => Box::new(delimited::Writer::create(path, ndjson::Lines::new(table))?),
            Format::Csv => Box::new(delimited::Writer::create(path, csv::Lines::new(table))?),
            #[cfg(feature = "parquet")]
            Format::Parquet => Box::new(parquet::Writer::create(path, table)?),
            _ => return Err(Fault::Library("not a format of several files".to_owned())),
        })
    }

    fn one_file(
        &self,
        destination: &Destination,
        stores: &[Tabled<'_>],
        step: &mut Step<'_>,
    ) -> Result<Exported, ExportError> {
        let made = destination.temporary()?;
        let whole = |fault| self.fault(fault, "");
        let mut file = sqlite::File::create(made.path()).map_err(whole)?;
        let mut exported = Exported::default();
        for table in self.tables {
            let mut writer = file.table(table).map_err(|fault| self.fault(fault, table.name))?;
            let rows = fill(table, stores, step, &mut exported.noticed, &mut |rows| writer.rows(rows));
            let rows = rows.map_err(|error| self.tables_error(error, table.name))?;
            writer.finish().map_err(|fault| self.fault(fault, table.name))?;
            exported.tables.push(Written { table: table.name, rows, bytes: 0 });
        }
        file.close().map_err(|(fault, table)| self.fault(fault, table))?;
        let io = |source| OutputError::Io { path: self.target.to_owned(), source };
        made.as_file().sync_all().map_err(io)?;
        let bytes = made.as_file().metadata().map_err(io)?.len();
        exported.tables.iter_mut().for_each(|written| written.bytes = bytes);
        destination.publish(made)?;
        Ok(exported)
    }

    fn fault(&self, fault: Fault, table: &'static str) -> ExportError {
        let path = self.target.to_owned();
        match fault {
            Fault::Io(source) => OutputError::Io { path, source }.into(),
            Fault::Library(what) => ExportError::Library { path, what },
            Fault::Differs => ExportError::Differs { path, table },
            Fault::Stopped => ExportError::Stopped,
        }
    }

    fn tables_error(&self, error: TablesError<Fault>, table: &'static str) -> ExportError {
        match error {
            TablesError::Keyring(error) => error.into(),
            TablesError::Taker(fault) => self.fault(fault, table),
        }
    }
}

/// Hands the rows of all stores to a writer; gives how many there were.
fn fill(
    table: &'static Table,
    stores: &[Tabled<'_>],
    step: &mut Step<'_>,
    noticed: &mut Noticed,
    write: &mut dyn FnMut(&[Row<'_>]) -> Result<(), Fault>,
) -> Result<u64, TablesError<Fault>> {
    let mut count = 0;
    for store in stores {
        let told = store.rows(table, Wanted::all(), &mut |rows| {
            count += rows.len() as u64;
            if step(table.name, count) { write(rows) } else { Err(Fault::Stopped) }
        })?;
        noticed.append(told);
    }
    Ok(count)
}

/// Why a table could not be printed.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// What was given to open values with cannot be read.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// Whoever reads does not.
    #[error("cannot print: {0}")]
    Io(io::Error),
}

/// Writes one table as text to a stream; nothing for formats that are no text.
///
/// # Errors
/// [`StreamError`].
pub fn stream(
    format: Format,
    table: &'static Table,
    stores: &[Tabled<'_>],
    out: &mut dyn Write,
) -> Result<Noticed, StreamError> {
    let mut lines: Box<dyn delimited::Lines> = match format {
        Format::Ndjson => Box::new(ndjson::Lines::new(table)),
        Format::Csv => Box::new(csv::Lines::new(table)),
        Format::Sqlite | Format::Parquet => return Ok(Noticed::default()),
    };
    let mut noticed = Noticed::default();
    let mut text = Vec::new();
    lines.head(&mut text);
    out.write_all(&text).map_err(StreamError::Io)?;
    for store in stores {
        let told = store.rows(table, Wanted::all(), &mut |rows| {
            text.clear();
            rows.iter().for_each(|row| lines.row(row, &mut text));
            out.write_all(&text)
        });
        noticed.append(told.map_err(|error| match error {
            TablesError::Keyring(error) => StreamError::Keyring(error),
            TablesError::Taker(error) => StreamError::Io(error),
        })?);
    }
    Ok(noticed)
}

/// Whether a directory is one that an export could have made: only such a one is replaced.
fn holds_only(directory: &Path, extension: &str) -> bool {
    let Ok(entries) = std::fs::read_dir(directory) else { return false };
    let ours = |name: &str| {
        name.rsplit_once('.').is_some_and(|(stem, end)| end == extension && super::tables::table(stem).is_some())
    };
    entries.into_iter().all(|entry| entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(ours)))
}
