//! The rows of table `kine`, scanned in parallel.

use std::borrow::Cow;

use rayon::prelude::*;

use crate::model::{KeyId, Keys, Names, ValueRef};
use crate::source::Damage;
use crate::sqlite::{Database, Leaf, PayloadRef, SerialType, TableCell};

/// The two columns that hold values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// `value`.
    Value,
    /// `old_value`.
    OldValue,
}

/// One row of table `kine`, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The revision.
    pub id: i64,
    /// The user's key.
    pub key: KeyId,
    /// Whether the row begins a life.
    pub created: bool,
    /// Whether the row is a tombstone.
    pub deleted: bool,
    /// The life's first revision; 0 in the life's first row.
    pub create_revision: i64,
    /// The row of this key that this one supersedes, or 0.
    pub prev_revision: i64,
    /// Seconds to live, or 0.
    pub lease: i64,
    /// Column `value`; `None` for NULL.
    pub value: Option<ValueRef>,
    /// Column `old_value`; `None` for NULL.
    pub old_value: Option<ValueRef>,
}

/// Where a row's record lies: what is needed to fetch its values later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    payload: PayloadRef,
    /// Offset of column `value` in the payload; `old_value` follows it.
    value_at: u32,
    value_len: u32,
}

/// A value's address: the row's position above, the column in the lowest bit.
pub(super) fn place(row: usize, column: Column) -> u64 {
    (row as u64) << 1 | u64::from(column == Column::OldValue)
}

/// The bytes of a value.
pub(super) fn read<'a>(database: &'a Database, cells: &[Cell], at: ValueRef) -> Result<Cow<'a, [u8]>, Damage> {
    let cell = usize::try_from(at.place >> 1).ok().and_then(|row| cells.get(row));
    let Some(cell) = cell else {
        return Err(Damage {
            file: database.name().clone(),
            place: crate::source::Place::File,
            id: "value-outside",
            what: "a value of no row".to_owned(),
        });
    };
    let start = if at.place & 1 == 0 { cell.value_at } else { cell.value_at.saturating_add(cell.value_len) };
    database.read(&cell.payload, start..start.saturating_add(at.len))
}

/// The payload that a value lies in, and which bytes of it the value is.
pub(super) fn payload_of(cells: &[Cell], at: ValueRef) -> Option<(PayloadRef, std::ops::Range<u32>)> {
    let cell = usize::try_from(at.place >> 1).ok().and_then(|row| cells.get(row))?;
    let start = if at.place & 1 == 0 { cell.value_at } else { cell.value_at.saturating_add(cell.value_len) };
    Some((cell.payload, start..start.saturating_add(at.len)))
}

struct Scanned<'a> {
    /// Without its key; the places of its values are not known yet, their lengths are.
    row: Row,
    cell: Cell,
    name: Cow<'a, [u8]>,
}

/// What a scan finds.
pub(super) struct Scan {
    pub keys: Keys,
    pub rows: Vec<Row>,
    pub cells: Vec<Cell>,
}

/// How many leaves one task reads: few tasks, so that handing them out costs nothing beside reading.
const LEAVES_PER_TASK: usize = 256;

/// All rows in the order of their ids, with their keys. What is no row of kine is reported and left out.
pub(super) fn scan(database: &Database, leaves: &[Leaf], damage: &mut Vec<Damage>) -> Scan {
    let found: Vec<Part> = leaves.par_chunks(LEAVES_PER_TASK).map(|leaves| Part::read(database, leaves)).collect();
    let mut names = Vec::with_capacity(found.len());
    let mut parts = Vec::with_capacity(found.len());
    for part in found {
        damage.extend(part.faults);
        names.push(part.names);
        parts.push((part.rows, part.cells));
    }
    let (keys, ids) = Keys::of_parts(&names);
    drop(names);
    let mut rows = Vec::with_capacity(ids.len());
    let mut cells = Vec::with_capacity(ids.len());
    // Each part's memory is given back as soon as it is taken over: both together are what a large store's peak is made of.
    for (part, places) in parts {
        cells.extend(places);
        for (row, &key) in part.into_iter().zip(ids.get(rows.len()..).unwrap_or_default()) {
            let at = |column, value: ValueRef| ValueRef { place: place(rows.len(), column), ..value };
            let value = row.value.map(|value| at(Column::Value, value));
            let old_value = row.old_value.map(|value| at(Column::OldValue, value));
            rows.push(Row { key, value, old_value, ..row });
        }
    }
    Scan { keys, rows, cells }
}

/// What one task reads.
#[derive(Default)]
struct Part {
    rows: Vec<Row>,
    cells: Vec<Cell>,
    /// The key of each row.
    names: Names,
    faults: Vec<Damage>,
}

impl Part {
    fn read(database: &Database, leaves: &[Leaf]) -> Self {
        let mut part = Self::default();
        for leaf in leaves {
            for cell in database.leaf_cells(leaf, &mut part.faults) {
                match scan_cell(database, &cell) {
                    Ok(scanned) => {
                        part.rows.push(scanned.row);
                        part.cells.push(scanned.cell);
                        part.names.push(&scanned.name);
                    }
                    Err(fault) => part.faults.push(fault),
                }
            }
        }
        part
    }
}

fn scan_cell<'a>(database: &'a Database, cell: &TableCell<'a>) -> Result<Scanned<'a>, Damage> {
    let wrong = |what: String| {
        database.damage_in(cell.payload.page(), cell.position, "kine-row", format!("row {}: {what}", cell.rowid))
    };
    let record = database.record(&cell.payload)?;
    // Columns that a row is too old to have are NULL (SQLite file format, section 2.1).
    let kind = |column: usize| record.field(column).map_or(SerialType::Null, |field| field.kind);
    let number = |column: usize| -> Result<i64, Damage> {
        match record.field(column) {
            None => Ok(0),
            Some(field) if field.kind == SerialType::Null => Ok(0),
            Some(field) => database
                .value(&cell.payload, field)?
                .as_int()
                .ok_or_else(|| wrong(format!("column {} holds no integer", super::schema::COLUMNS[column]))),
        }
    };
    let name = match record.field(1) {
        Some(field) if matches!(field.kind, SerialType::Text(_) | SerialType::Blob(_)) => {
            database.read(&cell.payload, field.range())?
        }
        // Affinity INTEGER before kine 0.16.3: a name that looks like a number is stored as one.
        Some(_) if kind(1) != SerialType::Null => Cow::Owned(number(1)?.to_string().into_bytes()),
        _ => return Err(wrong("it has no name".to_owned())),
    };
    let value_of = |column: usize| match kind(column) {
        SerialType::Null => Ok(None),
        SerialType::Blob(len) | SerialType::Text(len) => Ok(Some(ValueRef { place: 0, len })),
        _ => Err(wrong(format!("column {} holds a number", super::schema::COLUMNS[column]))),
    };
    if cell.rowid < 1 {
        return Err(wrong("a revision must be above 0".to_owned()));
    }
    let (value, old_value) = (value_of(7)?, value_of(8)?);
    let value_at = record.field(7).map_or(0, |field| field.offset);
    let row = Row {
        id: cell.rowid,
        key: KeyId::UNSET,
        created: number(2)? != 0,
        deleted: number(3)? != 0,
        create_revision: number(4)?,
        prev_revision: number(5)?,
        lease: number(6)?,
        value,
        old_value,
    };
    let place = Cell { payload: cell.payload, value_at, value_len: value.map_or(0, |value| value.len) };
    Ok(Scanned { row, cell: place, name })
}
