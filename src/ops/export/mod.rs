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
use tempfile::{NamedTempFile, TempDir};

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

    /// Begins to write: stores are handed over one after the other, so that only one has to be open.
    ///
    /// # Errors
    /// [`ExportError`]; nothing is left then.
    pub fn begin(&self) -> Result<Exporting<'_>, ExportError> {
        let destination = self.destination()?;
        let files = match self.format {
            Format::Sqlite => {
                let made = destination.temporary()?;
                let mut file = sqlite::File::create(made.path()).map_err(|fault| self.fault(fault, ""))?;
                for table in self.tables {
                    file.table(table).map_err(|fault| self.fault(fault, table.name))?;
                }
                Files::One(made, file)
            }
            _ => {
                let made = destination.temporary_directory()?;
                let mut writers = Vec::new();
                for table in self.tables {
                    let path = made.path().join(format!("{}.{}", table.name, self.format.extension()));
                    writers.push(self.writer(table, &path).map_err(|fault| self.fault(fault, table.name))?);
                }
                Files::Each(made, writers)
            }
        };
        let written = self.tables.iter().map(|table| Written { table: table.name, rows: 0, bytes: 0 });
        let exported = Exported { tables: written.collect(), noticed: Noticed::default() };
        Ok(Exporting { export: self, destination, files, exported })
    }

    /// What the tables of a store take at least.
    fn least_bytes(&self, store: &Tabled<'_>) -> u64 {
        let counts = store.source.store.history().counts();
        let of_table = self.tables.iter().map(|table| match (table.name, self.format) {
            ("revisions", Format::Parquet) => counts.changes.saturating_mul(40),
            ("revisions", _) => counts.changes.saturating_mul(200),
            ("objects", Format::Parquet) => counts.live_bytes / 16,
            ("objects", _) => counts.live_bytes / 2,
            _ => 0,
        });
        of_table.sum()
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

/// What is being written, under a temporary name.
enum Files {
    One(NamedTempFile, sqlite::File),
    Each(TempDir, Vec<Box<dyn TableWriter>>),
}

impl Files {
    /// Writes rows of a table, by its number.
    fn rows(&mut self, at: usize, table: &'static Table, rows: &[Row<'_>]) -> Result<(), Fault> {
        match self {
            Self::One(_, file) => file.rows(table, rows),
            Self::Each(_, writers) => writers.get_mut(at).map_or(Ok(()), |writer| writer.rows(rows)),
        }
    }
}

/// An export that is being written.
pub struct Exporting<'e> {
    export: &'e Export<'e>,
    destination: Destination,
    files: Files,
    exported: Exported,
}

impl Exporting<'_> {
    /// Writes the tables of one store, its rows behind those of the stores before.
    ///
    /// # Errors
    /// [`ExportError`]; nothing is left then.
    pub fn store(&mut self, store: &Tabled<'_>, step: &mut Step<'_>) -> Result<(), ExportError> {
        let Self { export, destination, files, exported } = self;
        destination.reserve(export.least_bytes(store))?;
        for ((at, table), written) in export.tables.iter().enumerate().zip(&mut exported.tables) {
            let mut count = 0;
            let told = store.rows(table, Wanted::all(), &mut |rows| {
                count += rows.len() as u64;
                if step(table.name, count) { files.rows(at, table, rows) } else { Err(Fault::Stopped) }
            });
            exported.noticed.append(told.map_err(|error| export.tables_error(error, table.name))?);
            written.rows += count;
        }
        Ok(())
    }

    /// Makes it durable, reads it back, compares, and gives it its name.
    ///
    /// # Errors
    /// [`ExportError`]; nothing is left then.
    pub fn finish(self) -> Result<Exported, ExportError> {
        let Self { export, destination, files, mut exported } = self;
        let io = |source| OutputError::Io { path: export.target.to_owned(), source };
        match files {
            Files::One(made, file) => {
                file.close().map_err(|(fault, table)| export.fault(fault, table))?;
                made.as_file().sync_all().map_err(io)?;
                let bytes = made.as_file().metadata().map_err(io)?.len();
                exported.tables.iter_mut().for_each(|written| written.bytes = bytes);
                destination.publish(made)?;
            }
            Files::Each(made, writers) => {
                for (writer, written) in writers.into_iter().zip(&mut exported.tables) {
                    written.bytes = writer.finish().map_err(|fault| export.fault(fault, written.table))?;
                }
                sync_directory(made.path()).map_err(io)?;
                destination.publish_directory(made)?;
            }
        }
        Ok(exported)
    }
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

/// Prints one table as text, of one store after the other.
pub struct Printing {
    table: &'static Table,
    lines: Box<dyn delimited::Lines>,
    is_first: bool,
}

impl Printing {
    /// Of a format that is text; none for the others.
    pub fn new(format: Format, table: &'static Table) -> Option<Self> {
        let lines: Box<dyn delimited::Lines> = match format {
            Format::Ndjson => Box::new(ndjson::Lines::new(table)),
            Format::Csv => Box::new(csv::Lines::new(table)),
            Format::Sqlite | Format::Parquet => return None,
        };
        Some(Self { table, lines, is_first: true })
    }

    /// Prints the rows of a store.
    ///
    /// # Errors
    /// [`StreamError`].
    pub fn store(&mut self, store: &Tabled<'_>, out: &mut dyn Write) -> Result<Noticed, StreamError> {
        let mut text = Vec::new();
        if std::mem::take(&mut self.is_first) {
            self.lines.head(&mut text);
            out.write_all(&text).map_err(StreamError::Io)?;
        }
        let told = store.rows(self.table, Wanted::all(), &mut |rows| {
            text.clear();
            rows.iter().for_each(|row| self.lines.row(row, &mut text));
            out.write_all(&text)
        });
        told.map_err(|error| match error {
            TablesError::Keyring(error) => StreamError::Keyring(error),
            TablesError::Taker(error) => StreamError::Io(error),
        })
    }
}

/// Whether a directory is one that an export could have made: only such a one is replaced.
fn holds_only(directory: &Path, extension: &str) -> bool {
    let Ok(entries) = std::fs::read_dir(directory) else { return false };
    let ours = |name: &str| {
        name.rsplit_once('.').is_some_and(|(stem, end)| end == extension && super::tables::table(stem).is_some())
    };
    entries.into_iter().all(|entry| entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(ours)))
}
