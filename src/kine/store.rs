//! A kine store opened for reading: its SQLite file, with the WAL laid over it.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use super::consistency;
use super::rows::{self, Cell, Row};
use super::schema::{COMPACT_KEY, is_kine_table};
use crate::model::{
    Change, Engine, Evidence, History, HistoryBuilder, LeaseRef, Op, ReadValue, Revision, ValueRef, Version, is_gap,
};
use crate::source::{Damage, File, FileName};
use crate::sqlite::{self, Census, Database, SchemaEntry, SchemaKind};

/// Why a file cannot be read as a kine store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read as SQLite.
    #[error(transparent)]
    Sqlite(#[from] sqlite::OpenError),
    /// It is SQLite, and not kine's.
    #[error("{file}: a SQLite database, but not kine's: it has no table named kine; its tables are: {tables}")]
    NotKine {
        /// The file.
        file: FileName,
        /// The tables it has.
        tables: String,
    },
    /// A table of that name with other columns.
    #[error("{file}: its table kine has other columns than those of kine 0.1 to 0.16: {sql}")]
    OtherColumns {
        /// The file.
        file: FileName,
        /// The statement that made it.
        sql: String,
    },
    /// The data is still in the table of kine's forerunner.
    #[error(
        "{file}: its data is still in the table key_value of k3s before 0.10; start a k3s of that age once, which moves \
         it to the table kine, and copy the file then"
    )]
    BeforeKine {
        /// The file.
        file: FileName,
    },
    /// The schema cannot be read, and with it no table can be found.
    #[error("{file}: its schema cannot be read ({what}), so that no table can be found; `recover` searches the pages")]
    NoSchema {
        /// The file.
        file: FileName,
        /// The first damage of it.
        what: String,
    },
}

struct Values {
    database: Database,
    cells: Vec<Cell>,
}

impl ReadValue for Values {
    fn read(&self, at: ValueRef) -> Result<Cow<'_, [u8]>, Damage> {
        rows::read(&self.database, &self.cells, at)
    }
}

/// A kine store.
pub struct Store {
    schema: Vec<SchemaEntry>,
    rows: Vec<Row>,
    history: History,
    values: Arc<Values>,
    name: FileName,
    damage: Vec<Damage>,
    contradictions: OnceLock<Vec<Damage>>,
    census: Census,
}

impl Store {
    /// Opens a SQLite file of kine with the WAL that belongs to it. Neither is ever opened by SQLite.
    ///
    /// # Errors
    /// The files are no SQLite database, or not kine's.
    pub fn open(db: &File, wal: Option<&File>) -> Result<Self, OpenError> {
        let wal = wal.map(|wal| (wal.name.clone(), wal.bytes.clone()));
        let database = Database::open(db.name.clone(), db.bytes.clone(), wal)?;
        let mut damage = database.damage().to_vec();
        let schema = database.schema(&mut damage);
        let root = kine_root(&db.name, &database, &schema, &damage)?;
        // Both read every page: the walk that sees what each is for, and the one that reads the rows.
        let (census, (scan, faults)) = rayon::join(
            || database.census(),
            || {
                let mut faults = Vec::new();
                let leaves = database.table_leaves(root, &mut faults);
                (rows::scan(&database, &leaves, &mut faults), faults)
            },
        );
        damage.extend(census.damage.iter().cloned().chain(faults));
        damage.sort();
        damage.dedup();
        let rows = scan.rows;
        let values = Arc::new(Values { database, cells: scan.cells });
        let history = history(scan.keys, &rows, values.clone());
        let contradictions = OnceLock::new();
        Ok(Self { schema, rows, history, values, name: db.name.clone(), damage, contradictions, census })
    }

    /// Where a value lies: the payload of its row, and which bytes of that it is; for looking at its page.
    pub fn payload_of(&self, value: ValueRef) -> Option<(sqlite::PayloadRef, std::ops::Range<u32>)> {
        rows::payload_of(&self.values.cells, value)
    }

    /// What the store still knows.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The SQLite database underneath.
    pub fn database(&self) -> &Database {
        &self.values.database
    }

    /// The schema's entries.
    pub fn schema(&self) -> &[SchemaEntry] {
        &self.schema
    }

    /// The rows of table `kine`, by id.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// What is wrong with the files.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Well-formed rows that contradict each other, or the indexes. Compared once, when somebody first asks: it takes about
    /// as long as opening the store.
    pub fn contradictions(&self) -> &[Damage] {
        self.contradictions.get_or_init(|| {
            let keys = self.history.keys();
            let mut found = consistency::rows(&self.name, keys, &self.rows);
            // In a damaged file every lost row would be told once more by each index.
            if self.damage.is_empty() {
                found.extend(consistency::indexes(&self.values.database, &self.schema, keys, &self.rows));
            }
            found
        })
    }

    /// What every page is used for.
    pub fn census(&self) -> &Census {
        &self.census
    }

    /// How many rows are named `compact_rev_key`: one, or by an old bug more.
    pub fn compact_rows(&self) -> impl Iterator<Item = &Row> {
        let key = self.history.keys().find(COMPACT_KEY);
        self.rows.iter().filter(move |row| Some(row.key) == key)
    }
}

fn kine_root(
    file: &FileName,
    database: &Database,
    schema: &[SchemaEntry],
    damage: &[Damage],
) -> Result<sqlite::PageNo, OpenError> {
    let tables = || schema.iter().filter(|entry| entry.kind == SchemaKind::Table);
    let Some(table) = tables().find(|entry| entry.name == "kine") else {
        if let Some(first) = damage.first() {
            return Err(OpenError::NoSchema { file: file.clone(), what: first.to_string() });
        }
        if tables().any(|entry| entry.name == "key_value") {
            return Err(OpenError::BeforeKine { file: file.clone() });
        }
        let names: Vec<&str> = tables().map(|entry| entry.name.as_str()).collect();
        return Err(OpenError::NotKine { file: file.clone(), tables: names.join(", ") });
    };
    let sql = table.sql.as_deref().unwrap_or_default();
    if !is_kine_table(sql) {
        let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
        return Err(OpenError::OtherColumns { file: file.clone(), sql });
    }
    let no_root = || OpenError::NoSchema { file: file.clone(), what: "table kine has no root page".to_owned() };
    let root = table.root.ok_or_else(no_root)?;
    if tables().any(|entry| entry.name == "key_value" && has_rows(database, entry)) && !has_rows(database, table) {
        return Err(OpenError::BeforeKine { file: file.clone() });
    }
    Ok(root)
}

fn has_rows(database: &Database, table: &SchemaEntry) -> bool {
    let Some(root) = table.root else { return false };
    let leaves = database.table_leaves(root, &mut Vec::new());
    leaves.iter().any(|leaf| !database.leaf_cells(leaf, &mut Vec::new()).is_empty())
}

/// What a key's rows so far say of its present life.
#[derive(Clone, Copy, Default)]
struct Life {
    create_revision: Option<i64>,
    version: Option<i64>,
}

fn history(keys: crate::model::Keys, rows: &[Row], values: Arc<dyn ReadValue>) -> History {
    let compact = keys.find(COMPACT_KEY);
    let mut lives = vec![Life::default(); keys.len()];
    let mut changes = Vec::with_capacity(rows.len());
    let (mut gap_rows, mut compact_revision) = (0, 0);
    for row in rows {
        if Some(row.key) == compact {
            compact_revision = compact_revision.max(row.prev_revision);
        } else if row.deleted && is_gap(keys.get(row.key), row.id) {
            gap_rows += 1;
        } else if let Some(life) = lives.get_mut(row.key.index()) {
            changes.push(change(row, life));
        }
    }
    HistoryBuilder {
        engine: Engine::Kine,
        keys,
        changes,
        leases: Vec::new(),
        current_revision: rows.last().map_or(0, |row| row.id),
        compact_revision,
        gap_rows,
        values,
    }
    .build()
}

fn change(row: &Row, life: &mut Life) -> Change {
    let stored = (row.create_revision != 0).then_some(row.create_revision);
    let (op, create_revision, version) = if row.deleted {
        let before = std::mem::take(life);
        (Op::Delete, before.create_revision.or(stored), Version::Known(0))
    } else if row.created {
        *life = Life { create_revision: Some(row.id), version: Some(1) };
        (Op::Put, Some(row.id), Version::Known(1))
    } else {
        let goes_on = life.create_revision.is_some() && life.create_revision == stored;
        let version = if goes_on { life.version.map(|version| version + 1) } else { None };
        *life = Life { create_revision: stored, version };
        (Op::Put, stored, version.map_or(Version::AtLeast(2), Version::Known))
    };
    let value = match (op, row.value) {
        (Op::Put, Some(value)) => value,
        // An empty value is stored as NULL by some versions; a tombstone's columns hold what was deleted.
        _ => ValueRef::NONE,
    };
    Change {
        revision: Revision::new(row.id),
        key: row.key,
        op,
        evidence: Evidence::Intact,
        create_revision,
        version,
        lease: if row.lease > 0 && op == Op::Put { LeaseRef::Ttl(row.lease) } else { LeaseRef::None },
        value,
    }
}
