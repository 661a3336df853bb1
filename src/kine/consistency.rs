//! What kine's rows have in common with each other and with the indexes of their table: where they do not, bytes were
//! changed or pages are of another time.
//!
//! SQLite's pages carry no checksum, so that a changed name or number is well-formed. But kine writes each row's name, id,
//! `prev_revision` and `deleted` two to six times: once in the table, and once in every index that has the column.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::rows::Row;
use super::schema::{COLUMNS, COMPACT_KEY};
use crate::model::{KeyId, Keys};
use crate::source::{Damage, FileName, Place};
use crate::sqlite::{Database, IndexCell, PageNo, SchemaEntry, SchemaKind, TreeKind, Value};

/// How many faults of one index are told one by one.
const TOLD_PER_INDEX: usize = 8;

/// Rows that no kine writes, or that cannot follow each other (kine pkg/logstructured/sqllog/sql.go, Append).
pub(super) fn rows(file: &FileName, keys: &Keys, rows: &[Row]) -> Vec<Damage> {
    let damage = |(row, id, what): Fault<'_>| {
        let place = Place::Key(String::from_utf8_lossy(keys.get(row.key)).into_owned());
        Damage { file: file.clone(), place, id, what }
    };
    faults(keys, rows).into_iter().map(damage).collect()
}

/// A row that contradicts itself or another one: which, what kind of fault, and what is wrong.
pub(super) type Fault<'r> = (&'r Row, &'static str, String);

/// The faults of [`rows`], with the rows they were seen at. `rows` ascend by id.
pub(super) fn faults<'r>(keys: &Keys, rows: &'r [Row]) -> Vec<Fault<'r>> {
    let compact = keys.find(COMPACT_KEY);
    let mut newest: Vec<Option<&Row>> = vec![None; keys.len()];
    let mut found = Vec::new();
    let mut ascends = true;
    for row in rows.iter().filter(|row| Some(row.key) != compact) {
        found.extend(impossible(row).map(|what| (row, "row-numbers", what)));
        let before = newest.get_mut(row.key.index()).and_then(|slot| slot.replace(row));
        ascends &= before.is_none_or(|before| before.prev_revision < row.prev_revision);
        found.extend(broken_chain(rows, before, row).map(|what| (row, "row-chain", what)));
    }
    // Where each row of a key supersedes a later one than the row before did, no two supersede the same.
    let twice = if ascends { Vec::new() } else { superseded_twice(rows, compact) };
    for (first, second, prev) in twice {
        let what = format!("rows {} and {} both say that they supersede row {prev}", first.id, second.id);
        found.push((first, "row-twice", what));
    }
    found
}

/// Numbers that contradict each other inside one row.
fn impossible(row: &Row) -> Option<String> {
    if row.created && row.deleted {
        return Some(format!("row {} both begins a life and ends one", row.id));
    }
    if row.created && row.create_revision != 0 {
        return Some(format!("row {} begins a life, and says that it began at {}", row.id, row.create_revision));
    }
    if !row.created && !row.deleted && !(1..row.id).contains(&row.create_revision) {
        return Some(format!("row {} continues a life that began at {}", row.id, row.create_revision));
    }
    if !(0..row.id).contains(&row.prev_revision) {
        return Some(format!("row {} says that it supersedes row {}", row.id, row.prev_revision));
    }
    None
}

/// A row whose `prev_revision` names a row that is there: it is its key's row before, and they are of one life.
fn broken_chain(rows: &[Row], before: Option<&Row>, row: &Row) -> Option<String> {
    if row.prev_revision == 0 {
        return None;
    }
    let before = match before {
        Some(before) if before.id == row.prev_revision => before,
        _ => {
            let there = rows.binary_search_by_key(&row.prev_revision, |row| row.id).is_ok();
            return there.then(|| {
                format!(
                    "row {} says that it supersedes row {}, which is not its key's row before",
                    row.id, row.prev_revision
                )
            });
        }
    };
    if before.deleted {
        return None;
    }
    let life = if before.created { before.id } else { before.create_revision };
    if row.created {
        return Some(format!("row {} begins a life, though row {} had not ended", row.id, before.id));
    }
    // Since kine 0.16 a tombstone says nothing of its life.
    let says_nothing = row.deleted && row.create_revision == 0;
    (!says_nothing && row.create_revision != life).then(|| {
        format!(
            "row {} says that its life began at {}, row {} before it says {life}",
            row.id, row.create_revision, before.id
        )
    })
}

/// Rows of a key that supersede the same row, which kine's unique index forbids.
fn superseded_twice(rows: &[Row], compact: Option<KeyId>) -> Vec<(&Row, &Row, i64)> {
    let mut by_chain: Vec<&Row> = rows.iter().filter(|row| Some(row.key) != compact).collect();
    by_chain.par_sort_unstable_by_key(|row| (row.key, row.prev_revision, row.id));
    let twice = by_chain.windows(2).filter_map(|pair| match pair {
        [a, b] if a.key == b.key && a.prev_revision == b.prev_revision => Some((*a, *b, a.prev_revision)),
        _ => None,
    });
    twice.collect()
}

/// Compares all indexes of table `kine` whose columns are known with its rows: each entry says what its row says, and each
/// row has its entry.
pub(super) fn indexes(database: &Database, schema: &[SchemaEntry], keys: &Keys, rows: &[Row]) -> Vec<Damage> {
    let indexes = schema.iter().filter(|entry| entry.kind == SchemaKind::Index && entry.table == "kine");
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    indexes
        .filter_map(|entry| Some((entry, Columns::of(entry.sql.as_deref()?)?, entry.root?)))
        .flat_map(|(entry, columns, root)| {
            let index = Index { database, entry, columns, keys, rows, ids: &ids };
            index.check(root)
        })
        .collect()
}

/// The columns of an index, by their place in the table.
struct Columns {
    places: Vec<usize>,
    /// Which rows it holds.
    extent: Extent,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    All,
    /// Those with a `prev_revision` that are not kine's own (since kine 0.14.13).
    Superseding,
    /// Of a condition that is not known here: entries are compared, missing ones are not looked for.
    Unknown,
}

impl Columns {
    /// Reads a `CREATE INDEX` statement; `None` for an index over values or expressions.
    fn of(sql: &str) -> Option<Self> {
        let (_, behind) = sql.split_once('(')?;
        let (list, rest) = behind.split_once(')')?;
        let place = |column: &str| {
            let name = column.split_whitespace().next()?.trim_matches(['"', '`', '[', ']', '\'']).to_ascii_lowercase();
            COLUMNS.iter().position(|&known| known == name).filter(|&place| place < 7)
        };
        let places = list.split(',').map(place).collect::<Option<Vec<_>>>()?;
        let condition: String = rest.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
        let extent = match condition.trim_end_matches(';') {
            "" => Extent::All,
            "where name != 'compact_rev_key' and prev_revision != 0" => Extent::Superseding,
            _ => Extent::Unknown,
        };
        Some(Self { places, extent })
    }
}

struct Index<'a> {
    database: &'a Database,
    entry: &'a SchemaEntry,
    columns: Columns,
    keys: &'a Keys,
    rows: &'a [Row],
    /// The ids of the rows, close together: entries come in any order, and each looks for its row.
    ids: &'a [i64],
}

/// The position of `id` in ascending ids. Rows without a gap between them stand at their distance from the first.
fn position_of(ids: &[i64], id: i64) -> Option<usize> {
    let distance = usize::try_from(id.checked_sub(*ids.first()?)?).ok()?;
    if ids.get(distance) == Some(&id) {
        return Some(distance);
    }
    ids.get(..distance.min(ids.len()))?.binary_search(&id).ok()
}

impl Index<'_> {
    fn check(&self, root: PageNo) -> Vec<Damage> {
        let mut found = Vec::new();
        let pages = self.database.tree_pages(root, TreeKind::Index, &mut found);
        // Interior pages hold entries too.
        let holders: Vec<PageNo> =
            pages.leaves.iter().map(|leaf| leaf.page).chain(pages.interior.iter().copied()).collect();
        let seen: Vec<AtomicBool> = self.rows.iter().map(|_| AtomicBool::new(false)).collect();
        let faults: Vec<Damage> = holders.par_iter().flat_map_iter(|&page| self.page(page, &seen)).collect();
        let missing =
            self.rows.iter().zip(&seen).filter(|(row, seen)| self.wants(row) && !seen.load(Ordering::Relaxed));
        let missing = missing.map(|(row, _)| Damage {
            file: self.database.name().clone(),
            place: Place::Key(String::from_utf8_lossy(self.keys.get(row.key)).into_owned()),
            id: "index-missing",
            what: format!("row {} is not in index {}", row.id, self.entry.name),
        });
        let mut all = faults.into_iter().chain(missing);
        found.extend(all.by_ref().take(TOLD_PER_INDEX));
        let more = all.count();
        if more > 0 {
            let what = format!("{more} more entries of index {} differ from their rows", self.entry.name);
            found.push(self.database.damage_at(root, "index-row", what));
        }
        found
    }

    fn wants(&self, row: &Row) -> bool {
        match self.columns.extent {
            Extent::All => true,
            Extent::Superseding => row.prev_revision != 0 && self.keys.get(row.key) != COMPACT_KEY,
            Extent::Unknown => false,
        }
    }

    fn page(&self, page: PageNo, seen: &[AtomicBool]) -> Vec<Damage> {
        let mut found = Vec::new();
        for cell in self.database.index_cells(page, &mut found) {
            match self.entry(&cell, seen) {
                Ok(()) => {}
                Err(EntryFault::Unreadable(damage)) => found.push(damage),
                Err(EntryFault::Differs(what)) => {
                    let what = format!("index {}: {what}", self.entry.name);
                    found.push(self.database.damage_in(page, cell.position, "index-row", what));
                }
            }
        }
        found
    }

    /// An entry's columns are the row's, and its last one is the row's id.
    fn entry(&self, cell: &IndexCell<'_>, seen: &[AtomicBool]) -> Result<(), EntryFault> {
        let record = self.database.record(&cell.payload).map_err(EntryFault::Unreadable)?;
        let value = |column: usize| {
            let field =
                record.field(column).ok_or_else(|| EntryFault::Differs("an entry has too few columns".to_owned()))?;
            self.database.value(&cell.payload, field).map_err(EntryFault::Unreadable)
        };
        let id = value(self.columns.places.len())?.as_int();
        let position = id.and_then(|id| position_of(self.ids, id));
        let Some((row, seen)) = position.and_then(|at| Some((self.rows.get(at)?, seen.get(at)?))) else {
            return Err(EntryFault::Differs(format!("an entry names row {}, which is not there", id.unwrap_or(0))));
        };
        if seen.swap(true, Ordering::Relaxed) {
            return Err(EntryFault::Differs(format!("row {} is in it twice", row.id)));
        }
        for (column, &place) in self.columns.places.iter().enumerate() {
            if !self.says(&value(column)?, row, place) {
                let name = COLUMNS.get(place).copied().unwrap_or_default();
                return Err(EntryFault::Differs(format!("it and the table differ in {name} of row {}", row.id)));
            }
        }
        Ok(())
    }

    /// Whether a value is the one of a row's column.
    fn says(&self, value: &Value<'_>, row: &Row, place: usize) -> bool {
        let number = match place {
            0 => row.id,
            1 => return self.names(value, row.key),
            2 => row.created.into(),
            3 => row.deleted.into(),
            4 => row.create_revision,
            5 => row.prev_revision,
            _ => row.lease,
        };
        match value {
            Value::Int(found) => *found == number,
            // A reader takes NULL for 0.
            Value::Null => number == 0,
            _ => false,
        }
    }

    fn names(&self, value: &Value<'_>, key: KeyId) -> bool {
        let name: Cow<'_, [u8]> = match value {
            Value::Text(name) | Value::Blob(name) => Cow::Borrowed(name),
            // Affinity INTEGER before kine 0.16.3.
            Value::Int(number) => Cow::Owned(number.to_string().into_bytes()),
            _ => return false,
        };
        *name == *self.keys.get(key)
    }
}

enum EntryFault {
    /// The entry cannot be read.
    Unreadable(Damage),
    /// It says something else than the table.
    Differs(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kine::schema::INDEXES;

    #[test]
    fn ids_are_found_where_they_are() {
        let ids = [3, 4, 5, 9, 11];
        for (position, &id) in ids.iter().enumerate() {
            assert_eq!(position_of(&ids, id), Some(position));
        }
        assert_eq!([2, 6, 10, 12, i64::MIN].map(|id| position_of(&ids, id)), [None; 5]);
        assert_eq!(position_of(&[], 1), None);
    }

    #[test]
    fn the_columns_of_kine_s_indexes_are_known() {
        let of = |at: usize| Columns::of(INDEXES[at].1).map(|columns| columns.places);
        assert_eq!(of(0), Some(vec![1]));
        assert_eq!(of(1), Some(vec![1, 0]));
        assert_eq!(of(2), Some(vec![0, 3]));
        assert_eq!(of(3), Some(vec![5]));
        assert_eq!(of(4), Some(vec![1, 5]));
        assert_eq!(of(5), Some(vec![0, 1, 5]));
        let extent = |sql: &str| Columns::of(sql).map(|columns| columns.extent);
        assert!(extent(INDEXES[5].1) == Some(Extent::Superseding) && extent(INDEXES[4].1) == Some(Extent::All));
        assert!(extent("CREATE INDEX i ON kine (name) WHERE lease > 0") == Some(Extent::Unknown));
        assert!(extent("CREATE INDEX i ON kine (value)").is_none());
    }
}
