//! Writes a whole database file from sorted rows, bottom-up and in one pass.
//!
//! SQLite inserts rows one by one, and searches and rewrites the tree for each. Who knows all rows in order can fill each
//! page, put it out, and never look at it again: only page 1 is written last, because its header holds the size and its
//! tree the roots. The file is one that SQLite opens without a journal beside it (SQLite file format, section 1).

mod cell;
mod index;
mod output;
mod table;

use std::io::{Seek, Write};

pub use cell::Column;
pub use index::IndexWriter;
pub use table::TableWriter;

use output::Output;

use super::header::{HEADER_LEN, MAGIC, PageNo, PageSize};

/// The version number written into the header as that of the last writer: a version that knows all the file uses.
const LIBRARY_VERSION: u32 = 3_046_001;

/// The longest record that every SQLite reads back (`SQLITE_MAX_LENGTH`), in bytes.
pub const MAX_RECORD: u64 = 1_000_000_000;

/// Why a database cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The output refused bytes.
    #[error("writing the database failed: {0}")]
    Io(#[from] std::io::Error),
    /// Rowids must come in ascending order.
    #[error("row {next} was given after row {last}: rows must come in ascending order")]
    RowOrder {
        /// The row before.
        last: i64,
        /// The row that was given.
        next: i64,
    },
    /// A record is longer than SQLite allows.
    #[error("a record of {0} bytes is longer than the 1,000,000,000 bytes that SQLite allows")]
    RecordTooLong(u64),
    /// The database would have more pages than can be numbered.
    #[error("the database would have more than 4,294,967,294 pages: choose a larger page size")]
    TooManyPages,
}

/// What the file is to be like.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The size of its pages.
    pub page_size: PageSize,
    /// For the application (header offset 60); kine leaves it 0.
    pub user_version: u32,
    /// For the application (header offset 68); kine leaves it 0.
    pub application_id: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { page_size: PageSize::DEFAULT, user_version: 0, application_id: 0 }
    }
}

/// A row of the schema table (section 2.6).
#[derive(Clone, Copy, Debug)]
pub struct SchemaRow<'a> {
    /// `table`, `index`, `view` or `trigger`.
    pub kind: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The table it belongs to; for a table its own name.
    pub table: &'a str,
    /// The root of its tree; nothing for views and triggers.
    pub root: Option<PageNo>,
    /// The statement that makes it, as SQLite keeps it; nothing for indexes that SQLite makes by itself.
    pub sql: Option<&'a str>,
}

/// Writes a database: first its tables and indexes, one after the other, then the schema.
///
/// ```
/// use kinescope::sqlite::{Builder, Column, Options, SchemaRow};
///
/// let mut builder = Builder::new(std::io::Cursor::new(Vec::new()), Options::default())?;
/// let mut table = builder.table();
/// table.push(1, &[Column::Null, Column::Text(b"one")])?;
/// let root = table.finish()?;
/// let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)";
/// let file = builder.finish(&[SchemaRow { kind: "table", name: "t", table: "t", root: Some(root), sql: Some(sql) }])?;
/// assert_eq!(file.into_inner().len(), 2 * 4096);
/// # Ok::<(), kinescope::sqlite::BuildError>(())
/// ```
#[derive(Debug)]
pub struct Builder<W> {
    out: Output<W>,
    options: Options,
}

impl<W: Write + Seek> Builder<W> {
    /// Begins a database at the start of `out`, which should be empty. The builder gathers pages into large writes by
    /// itself, so `out` needs no buffer.
    ///
    /// # Errors
    /// None yet: nothing is written before the first megabytes are full.
    pub fn new(out: W, options: Options) -> Result<Self, BuildError> {
        let mut out = Output::new(out, options.page_size);
        // Page 1 is written last, but its place comes first.
        out.reserve_first_page()?;
        Ok(Self { out, options })
    }

    /// Begins a table. Its root is known when it is finished.
    pub fn table(&mut self) -> TableWriter<'_, W> {
        TableWriter::new(&mut self.out)
    }

    /// Begins an index, or a table `WITHOUT ROWID`.
    pub fn index(&mut self) -> IndexWriter<'_, W> {
        IndexWriter::new(&mut self.out)
    }

    /// Writes the schema and the header, and gives the output back, flushed but not synced.
    ///
    /// # Errors
    /// A [`BuildError`] when the output refuses bytes or the schema has rows that are too long.
    pub fn finish(mut self, schema: &[SchemaRow<'_>]) -> Result<W, BuildError> {
        let mut table = TableWriter::new(&mut self.out);
        for (rowid, row) in (1i64..).zip(schema) {
            table.push(
                rowid,
                &[
                    Column::Text(row.kind.as_bytes()),
                    Column::Text(row.name.as_bytes()),
                    Column::Text(row.table.as_bytes()),
                    Column::Int(row.root.map_or(0, |root| root.get().into())),
                    row.sql.map_or(Column::Null, |sql| Column::Text(sql.as_bytes())),
                ],
            )?;
        }
        let mut page1 = table.finish_on_first_page()?;
        self.write_header(&mut page1);
        Ok(self.out.finish(&page1)?)
    }

    /// Fills in the first hundred bytes (section 1.3).
    fn write_header(&self, page1: &mut [u8]) {
        const CHANGES: u32 = 1;
        let page_size = self.options.page_size.get();
        let mut header = [0; HEADER_LEN];
        header[..16].copy_from_slice(MAGIC);
        // 65536 does not fit and is written as 1.
        header[16..18].copy_from_slice(&u16::try_from(page_size).unwrap_or(1).to_be_bytes());
        // Write and read version 2: the database is in WAL mode, as kine leaves it.
        header[18..24].copy_from_slice(&[2, 2, 0, 64, 32, 32]);
        let mut word = |at: usize, value: u32| header[at..at + 4].copy_from_slice(&value.to_be_bytes());
        word(24, CHANGES);
        word(28, self.out.pages());
        word(40, 1);
        word(44, 4);
        word(56, 1);
        word(60, self.options.user_version);
        word(68, self.options.application_id);
        word(92, CHANGES);
        word(96, LIBRARY_VERSION);
        page1[..HEADER_LEN].copy_from_slice(&header);
    }
}
