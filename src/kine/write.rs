//! Writes a kine store: table, sequence and all indexes of the newest kine, bottom-up and in one pass.

use std::io::{Seek, Write};

use rayon::prelude::*;

use super::schema::{COMPACT_KEY, INDEXES, SEQUENCE_SQL, TABLE_SQL};
use crate::model::{Content, Contents, Name};
use crate::source::Damage;
use crate::sqlite::{BuildError, Builder, Column, Options, PageNo, SchemaRow};

/// A row of table `kine` that is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewRow {
    /// The revision.
    pub id: i64,
    /// The key.
    pub name: Name,
    /// Whether it begins a life.
    pub created: bool,
    /// Whether it is a tombstone.
    pub deleted: bool,
    /// The life's first revision; 0 in the life's first row.
    pub create_revision: i64,
    /// The row of this key that it supersedes, or 0.
    pub prev_revision: i64,
    /// Seconds to live, or 0.
    pub lease: i64,
    /// Column `value`; `None` for NULL.
    pub value: Option<Content>,
    /// Column `old_value`; `None` for NULL.
    pub old_value: Option<Content>,
}

impl NewRow {
    /// A row in which everything is 0 or NULL.
    pub const fn blank(id: i64, name: Name) -> Self {
        Self {
            id,
            name,
            created: false,
            deleted: false,
            create_revision: 0,
            prev_revision: 0,
            lease: 0,
            value: None,
            old_value: None,
        }
    }
}

/// What keeps a store from being written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file could not be built or written.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A value of the source could not be read.
    #[error("{0}")]
    Source(Damage),
    /// The caller gave up.
    #[error("interrupted")]
    Interrupted,
}

/// Writes `rows`, which ascend by id, and gives the writer back. `progress` is told the rows written so far, and says
/// whether to go on.
///
/// # Errors
/// The output failed, a value could not be read, or `progress` said no.
pub fn write<W: Write + Seek>(
    contents: &Contents<'_>,
    rows: &[NewRow],
    out: W,
    mut progress: impl FnMut(u64) -> bool,
) -> Result<W, WriteError> {
    let mut builder = Builder::new(out, Options::default())?;
    let mut table = builder.table();
    for (count, row) in (0u64..).zip(rows) {
        if count % 1024 == 0 && !progress(count) {
            return Err(WriteError::Interrupted);
        }
        let value = row.value.map(|value| contents.read(value)).transpose().map_err(WriteError::Source)?;
        let old_value = row.old_value.map(|value| contents.read(value)).transpose().map_err(WriteError::Source)?;
        let columns = [
            // The rowid's alias is stored as NULL (SQLite file format, section 2.3).
            Column::Null,
            Column::Text(contents.name_bytes(row.name)),
            Column::Int(row.created.into()),
            Column::Int(row.deleted.into()),
            Column::Int(row.create_revision),
            Column::Int(row.prev_revision),
            Column::Int(row.lease),
            value.as_deref().map_or(Column::Null, Column::Blob),
            old_value.as_deref().map_or(Column::Null, Column::Blob),
        ];
        table.push(row.id, &columns)?;
    }
    let table_root = table.finish()?;
    let sequence_root = sequence(&mut builder, rows)?;
    let index_roots = indexes(&mut builder, contents, rows, &mut progress)?;
    let object = |kind, name, table, root, sql| SchemaRow { kind, name, table, root: Some(root), sql: Some(sql) };
    let mut schema = vec![
        object("table", "kine", "kine", table_root, TABLE_SQL),
        object("table", "sqlite_sequence", "sqlite_sequence", sequence_root, SEQUENCE_SQL),
    ];
    schema.extend(INDEXES.iter().zip(index_roots).map(|(&(name, sql), root)| object("index", name, "kine", root, sql)));
    Ok(builder.finish(&schema)?)
}

/// AUTOINCREMENT needs the highest id in a table of its own.
fn sequence<W: Write + Seek>(builder: &mut Builder<W>, rows: &[NewRow]) -> Result<PageNo, WriteError> {
    let mut sequence = builder.table();
    let highest = rows.last().map_or(0, |row| row.id);
    sequence.push(1, &[Column::Text(b"kine"), Column::Int(highest)])?;
    Ok(sequence.finish()?)
}

/// The rows in the order of an index, by position.
type Order = Vec<u32>;

fn sorted(rows: &[NewRow], compare: impl Fn(&NewRow, &NewRow) -> std::cmp::Ordering + Sync) -> Order {
    let mut order: Order = (0..rows.len() as u32).collect();
    order.par_sort_unstable_by(|&a, &b| match (rows.get(a as usize), rows.get(b as usize)) {
        (Some(a), Some(b)) => compare(a, b),
        _ => a.cmp(&b),
    });
    order
}

fn indexes<'c, W: Write + Seek>(
    builder: &mut Builder<W>,
    contents: &'c Contents<'_>,
    rows: &[NewRow],
    progress: &mut impl FnMut(u64) -> bool,
) -> Result<Vec<PageNo>, WriteError> {
    let name = |row: &NewRow| Column::Text(contents.name_bytes(row.name));
    let by_id: Order = (0..rows.len() as u32).collect();
    let by_name = sorted(rows, |a, b| contents.compare(a.name, b.name).then(a.id.cmp(&b.id)));
    let by_prev = sorted(rows, |a, b| (a.prev_revision, a.id).cmp(&(b.prev_revision, b.id)));
    let by_name_and_prev = sorted(rows, |a, b| {
        contents.compare(a.name, b.name).then((a.prev_revision, a.id).cmp(&(b.prev_revision, b.id)))
    });
    let mut roots = Vec::with_capacity(INDEXES.len());
    let id = |row: &NewRow| Column::Int(row.id);
    let prev = |row: &NewRow| Column::Int(row.prev_revision);
    let total = rows.len() as u64;
    let mut index = |order: &Order, entry: &dyn Fn(&NewRow) -> Option<Entry<'c>>| {
        let mut writer = builder.index();
        for (count, row) in order.iter().filter_map(|&at| rows.get(at as usize)).enumerate() {
            if count % 4096 == 0 && !progress(total) {
                return Err(WriteError::Interrupted);
            }
            if let Some(entry) = entry(row) {
                writer.push(entry.columns())?;
            }
        }
        roots.push(writer.finish()?);
        Ok(())
    };
    // In the order of `INDEXES`.
    index(&by_name, &|row| Some(Entry::of([name(row), id(row)])))?;
    index(&by_name, &|row| Some(Entry::of([name(row), id(row), id(row)])))?;
    index(&by_id, &|row| Some(Entry::of([id(row), Column::Int(row.deleted.into()), id(row)])))?;
    index(&by_prev, &|row| Some(Entry::of([prev(row), id(row)])))?;
    index(&by_name_and_prev, &|row| Some(Entry::of([name(row), prev(row), id(row)])))?;
    index(&by_id, &|row| {
        let counts = row.prev_revision != 0 && contents.name_bytes(row.name) != COMPACT_KEY;
        counts.then(|| Entry::of([id(row), name(row), prev(row), id(row)]))
    })?;
    Ok(roots)
}

/// An index entry of up to four columns.
struct Entry<'a> {
    columns: [Column<'a>; 4],
    len: usize,
}

impl<'a> Entry<'a> {
    fn of<const N: usize>(given: [Column<'a>; N]) -> Self {
        let mut columns = [Column::Null; 4];
        for (slot, column) in columns.iter_mut().zip(given) {
            *slot = column;
        }
        Self { columns, len: N.min(4) }
    }

    fn columns(&self) -> &[Column<'a>] {
        self.columns.get(..self.len).unwrap_or_default()
    }
}
