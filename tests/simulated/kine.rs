//! kine in miniature: rows, both shapes of tombstones, gaps, compaction (kine pkg/logstructured/sqllog/sql.go,
//! pkg/drivers/generic/generic.go).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

use kinescope::kine::NewRow;
use kinescope::model::{Contents, Engine};
use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value as Sql;

use super::{Fact, Facts, Named, Value, nothing, values};

/// The keys that histories are made of.
pub const KEYS: [&str; 12] = [
    "/registry/pods/default/a",
    "/registry/pods/default/b",
    "/registry/pods/default/c",
    "/registry/events/default/a.1",
    "/registry/leases/kube-node-lease/n",
    "/registry/health",
    "/bootstrap/3f1e",
    "elsewhere",
    "12345",
    "k3s/apiaddresses",
    "gap-x",
    "ä/€",
];

pub const COMPACT: &str = "compact_rev_key";
pub const APISERVER: &str = "compact_rev_key_apiserver";

/// Something that happens to a kine.
#[derive(Clone, Debug)]
pub enum Step {
    Put {
        key: usize,
        value: Value,
        ttl: i64,
    },
    Delete {
        key: usize,
    },
    /// The apiserver notes its compaction.
    Apiserver(Value),
    /// Ids that were drawn and never written, filled with gap rows.
    Gaps(i64),
    /// Ids without any row, as after a conversion.
    Skip(i64),
    Compact {
        back: i64,
    },
    /// A row that a broken compaction took.
    Lose(usize),
    /// kine is replaced by 0.16 or newer.
    Upgrade,
    /// The old bug: one more `compact_rev_key` row.
    CompactRow,
}

/// Where the `compact_rev_key` row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompactRow {
    First,
    Later,
    Nowhere,
}

/// A row of table `kine`.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    pub id: i64,
    pub name: String,
    pub created: bool,
    pub deleted: bool,
    pub create: i64,
    pub prev: i64,
    pub lease: i64,
    pub value: Option<Vec<u8>>,
    pub old: Option<Vec<u8>>,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let len = |value: &Option<Vec<u8>>| value.as_ref().map(Vec::len);
        write!(f, "{} {} created {} deleted {} ", self.id, self.name, self.created, self.deleted)?;
        write!(f, "create {} prev {} lease {} ", self.create, self.prev, self.lease)?;
        write!(f, "value {:?} old {:?}", len(&self.value), len(&self.old))
    }
}

impl Row {
    fn blank(id: i64, name: &str) -> Self {
        let name = name.to_owned();
        Self { id, name, created: false, deleted: false, create: 0, prev: 0, lease: 0, value: None, old: None }
    }

    /// The revision at which this row's life began.
    pub fn life(&self) -> i64 {
        if self.created { self.id } else { self.create }
    }

    fn is_gap(&self) -> bool {
        self.deleted && self.name == format!("gap-{}", self.id)
    }

    /// Whether the row is a user's change.
    pub fn is_change(&self) -> bool {
        self.name != COMPACT && !self.is_gap()
    }
}

/// The engine's table.
#[derive(Clone, Debug)]
pub struct Kine {
    pub rows: Vec<Row>,
    last: i64,
    is_new: bool,
    empty_is_null: bool,
}

/// Who writes the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    Ours,
    /// SQLite, with the statements of kine 0.1 to 0.16.2: names have integer affinity.
    OldKine,
    /// SQLite, with those of kine 0.16.3.
    NewKine,
}

/// A whole history.
#[derive(Clone, Debug)]
pub struct Story {
    pub steps: Vec<Step>,
    pub compact_row: CompactRow,
    pub is_new: bool,
    pub empty_is_null: bool,
    pub writer: Writer,
}

impl Kine {
    /// A table that somebody else filled.
    pub fn from_rows(rows: Vec<Row>) -> Self {
        Self { last: rows.last().map_or(0, |row| row.id), rows, is_new: false, empty_is_null: false }
    }

    pub fn of(story: &Story) -> Self {
        let mut kine = Self { rows: Vec::new(), last: 0, is_new: story.is_new, empty_is_null: story.empty_is_null };
        if story.compact_row == CompactRow::First {
            kine.compact_row();
        }
        for (at, step) in story.steps.iter().enumerate() {
            if at == story.steps.len() / 2 && story.compact_row == CompactRow::Later {
                kine.compact_row();
            }
            kine.step(step);
        }
        if kine.rows.is_empty() {
            kine.put("/registry/health", b"{\"health\":\"true\"}".to_vec(), 0);
        }
        kine
    }

    fn next(&mut self) -> i64 {
        self.last += 1;
        self.last
    }

    fn compact_row(&mut self) {
        let id = self.next();
        // The unique index lets two rows of that name differ only in their prev_revision.
        if self.rows.iter().any(|row| row.name == COMPACT && row.prev == 0) {
            return;
        }
        let value = if self.empty_is_null { None } else { Some(Vec::new()) };
        self.rows.push(Row { created: true, value, ..Row::blank(id, COMPACT) });
    }

    fn newest(&self, name: &str) -> Option<&Row> {
        self.rows.iter().rfind(|row| row.name == name)
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Put { key, value, ttl } => self.put(KEYS[key % KEYS.len()], value.bytes(), *ttl),
            Step::Delete { key } => self.delete(KEYS[key % KEYS.len()]),
            Step::Apiserver(value) => {
                let times = |row: &Row| -> Option<i64> {
                    let stored = row.value.as_ref()?;
                    let number = stored.split(|&byte| byte == b'|').next()?;
                    std::str::from_utf8(number).ok()?.parse().ok()
                };
                let times = self.newest(APISERVER).and_then(times).unwrap_or(0) + 1;
                let mut stored = format!("{times}|").into_bytes();
                stored.extend(value.bytes());
                self.put(APISERVER, stored, 0);
            }
            Step::Gaps(count) => {
                for _ in 0..*count {
                    let id = self.next();
                    self.rows.push(Row { deleted: true, ..Row::blank(id, &format!("gap-{id}")) });
                }
            }
            Step::Skip(count) => self.last += count,
            Step::Compact { back } => self.compact(self.rows.last().map_or(0, |row| row.id) - 1 - back),
            Step::Lose(at) => {
                let candidates: Vec<i64> = self.rows.iter().filter(|row| row.is_change()).map(|row| row.id).collect();
                let last = self.rows.last().map_or(0, |row| row.id);
                if let Some(at) = at.checked_rem(candidates.len()).map(|at| candidates[at]).filter(|&id| id != last) {
                    self.rows.retain(|row| row.id != at);
                }
            }
            Step::Upgrade => self.is_new = true,
            Step::CompactRow => self.compact_row(),
        }
    }

    fn put(&mut self, name: &str, value: Vec<u8>, ttl: i64) {
        let id = self.next();
        let blank = Row::blank(id, name);
        let value = if value.is_empty() && self.empty_is_null { None } else { Some(value) };
        let row = match self.newest(name) {
            Some(now) if !now.deleted => {
                Row { create: now.life(), prev: now.id, lease: ttl, value, old: now.value.clone(), ..blank }
            }
            // Up to 0.15 a new life's first row hands out what the life before left.
            Some(tombstone) => {
                let old = if self.is_new { None } else { tombstone.old.clone() };
                Row { created: true, prev: tombstone.id, lease: ttl, value, old, ..blank }
            }
            None => Row { created: true, lease: ttl, value, ..blank },
        };
        self.rows.push(row);
    }

    fn delete(&mut self, name: &str) {
        let Some(now) = self.newest(name).filter(|now| !now.deleted).cloned() else { return };
        let blank = Row { deleted: true, prev: now.id, old: now.value.clone(), ..Row::blank(self.next(), name) };
        let old_shape = Row { value: now.value.clone(), create: now.life(), lease: now.lease, ..blank.clone() };
        self.rows.push(if self.is_new { blank } else { old_shape });
    }

    /// kine's own statement: rows that another one supersedes at or below the revision, and tombstones there.
    fn compact(&mut self, at: i64) {
        let before = self.compact_revision();
        let Some(compact) = self.rows.iter_mut().find(|row| row.name == COMPACT) else { return };
        if at <= before {
            return;
        }
        compact.prev = at;
        let superseded: BTreeSet<i64> =
            self.rows.iter().filter(|row| row.name != COMPACT && row.id <= at).map(|row| row.prev).collect();
        let goes = |row: &Row| superseded.contains(&row.id) || row.deleted && row.id <= at;
        self.rows.retain(|row| row.name == COMPACT || !goes(row));
    }

    pub fn compact_revision(&self) -> i64 {
        self.rows.iter().filter(|row| row.name == COMPACT).map(|row| row.prev).max().unwrap_or(0)
    }

    pub fn current(&self) -> i64 {
        self.rows.last().map_or(0, |row| row.id)
    }

    /// The changes up to a revision, in order.
    pub fn changes(&self, upto: i64) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.is_change() && row.id <= upto)
    }

    /// The newest put of each key that is live right after a revision.
    pub fn live(&self, upto: i64) -> BTreeMap<&str, &Row> {
        let mut live = BTreeMap::new();
        for row in self.changes(upto) {
            if row.deleted {
                live.remove(row.name.as_str())
            } else {
                live.insert(row.name.as_str(), row)
            };
        }
        live
    }

    /// All changes up to a revision as facts.
    pub fn facts(&self, upto: i64) -> Facts {
        let live = self.live(upto);
        let fact = |row: &Row| {
            let is_live = live.get(row.name.as_str()).is_some_and(|live| live.id == row.id);
            let value = row.value.clone().filter(|_| !row.deleted).unwrap_or_default();
            let key = row.name.clone().into_bytes();
            let fact = Fact {
                main: row.id,
                key: key.clone(),
                put: !row.deleted,
                create: (!row.deleted).then(|| row.life()),
                value,
                ttl: (is_live && row.lease > 0).then_some(row.lease),
            };
            ((row.id, key), fact)
        };
        self.changes(upto).map(fact).collect()
    }

    /// What etcd has no place for, with the revision that it was written at: values of rows that are gone.
    pub fn old_values_only(&self, upto: i64) -> Named {
        let of = |id: i64, name: &str| self.rows.iter().find(|row| row.id == id && row.name == name);
        let mut named = Named::new();
        for row in self.changes(upto).filter(|row| row.old.as_ref().is_some_and(|old| !old.is_empty())) {
            let holder = match of(row.prev, &row.name) {
                Some(tombstone) if tombstone.deleted => tombstone.prev,
                _ => row.prev,
            };
            if of(holder, &row.name).is_none() {
                named.insert((holder, row.name.clone().into_bytes()));
            }
        }
        named
    }

    /// The rows before a life whose first row is gone, where etcd would make that life's numbers up.
    pub fn before_broken_lives(&self, upto: i64) -> Named {
        let mut of_key: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for row in self.changes(upto) {
            of_key.entry(&row.name).or_default().push(row);
        }
        let mut named = Named::new();
        for rows in of_key.values() {
            let breaks = rows.windows(2).rposition(|pair| match (pair[0].deleted, pair[1]) {
                (_, now) if now.deleted => false,
                (true, now) => !now.created,
                (false, now) => now.life() != pair[0].life(),
            });
            named.extend(
                rows.iter().take(breaks.map_or(0, |at| at + 1)).map(|row| (row.id, row.name.clone().into_bytes())),
            );
        }
        named
    }

    /// Writes the file.
    pub fn write(&self, path: &Path, writer: Writer) {
        match writer {
            Writer::Ours => self.write_ours(path),
            Writer::OldKine => self.write_by_sqlite(path, "INTEGER"),
            Writer::NewKine => self.write_by_sqlite(path, "TEXT"),
        }
    }

    fn write_ours(&self, path: &Path) {
        let history = nothing(Engine::Kine);
        let mut contents = Contents::over(&history);
        let rows: Vec<NewRow> = self
            .rows
            .iter()
            .map(|row| NewRow {
                id: row.id,
                name: contents.name(row.name.as_bytes()),
                created: row.created,
                deleted: row.deleted,
                create_revision: row.create,
                prev_revision: row.prev,
                lease: row.lease,
                value: row.value.clone().map(|value| contents.value(value)),
                old_value: row.old.clone().map(|value| contents.value(value)),
            })
            .collect();
        kinescope::kine::write(&contents, &rows, File::create(path).unwrap(), |_| true).unwrap();
    }

    fn write_by_sqlite(&self, path: &Path, affinity: &str) {
        let mut db = Connection::open(path).unwrap();
        let table = format!(
            "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; CREATE TABLE IF NOT EXISTS kine (id INTEGER \
             PRIMARY KEY AUTOINCREMENT, name {affinity}, created INTEGER, deleted INTEGER, create_revision INTEGER, \
             prev_revision INTEGER, lease INTEGER, value BLOB, old_value BLOB); CREATE INDEX IF NOT EXISTS \
             kine_name_index ON kine (name); CREATE INDEX IF NOT EXISTS kine_name_id_index ON kine (name,id); CREATE \
             INDEX IF NOT EXISTS kine_id_deleted_index ON kine (id,deleted); CREATE INDEX IF NOT EXISTS \
             kine_prev_revision_index ON kine (prev_revision); CREATE UNIQUE INDEX IF NOT EXISTS \
             kine_name_prev_revision_uindex ON kine (name, prev_revision);"
        );
        db.execute_batch(&table).unwrap();
        if affinity == "TEXT" {
            let partial = "CREATE INDEX IF NOT EXISTS kine_id_compact_rev_key_with_prev_revision_index ON kine(id, name, \
                           prev_revision) WHERE name != 'compact_rev_key' AND prev_revision != 0";
            db.execute_batch(partial).unwrap();
        }
        let all = db.transaction().unwrap();
        let mut insert = all.prepare("INSERT INTO kine VALUES (?,?,?,?,?,?,?,?,?)").unwrap();
        for row in &self.rows {
            let values = (
                row.id,
                &row.name,
                row.created,
                row.deleted,
                row.create,
                row.prev,
                row.lease,
                row.value.as_deref(),
                row.old.as_deref(),
            );
            insert.execute(values).unwrap();
        }
        drop(insert);
        all.commit().unwrap();
    }

    /// Reads a file through SQLite, which must find it whole.
    pub fn read(path: &Path) -> Self {
        Self::try_read(path).unwrap_or_else(|| panic!("{}: SQLite finds it broken", path.display()))
    }

    /// Reads a file through SQLite; nothing where SQLite finds it broken.
    pub fn try_read(path: &Path) -> Option<Self> {
        let db = Connection::open(path).ok()?;
        let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).ok()?;
        (verdict == "ok").then(|| Self::select(&db))
    }

    fn select(db: &Connection) -> Self {
        let sql = "SELECT id, name, created, deleted, create_revision, prev_revision, lease, value, old_value FROM kine \
                   ORDER BY id";
        let mut query = db.prepare(sql).unwrap();
        let blob = |value: Sql| match value {
            Sql::Null => None,
            Sql::Blob(bytes) => Some(bytes),
            other => panic!("a value is a blob, not {other:?}"),
        };
        let rows = query.query_map([], |row| {
            let name = match row.get(1)? {
                Sql::Text(name) => name,
                Sql::Integer(name) => name.to_string(),
                other => panic!("a name is text, not {other:?}"),
            };
            Ok(Row {
                id: row.get(0)?,
                name,
                created: row.get(2)?,
                deleted: row.get(3)?,
                create: row.get(4)?,
                prev: row.get(5)?,
                lease: row.get(6)?,
                value: blob(row.get(7)?),
                old: blob(row.get(8)?),
            })
        });
        Self::from_rows(rows.unwrap().map(Result::unwrap).collect())
    }
}

fn steps() -> impl Strategy<Value = Step> {
    let key = || 0..KEYS.len();
    let ttl = prop_oneof![4 => Just(0i64), 1 => 1i64..100_000];
    prop_oneof![
        20 => (key(), values(), ttl).prop_map(|(key, value, ttl)| Step::Put { key, value, ttl }),
        8 => key().prop_map(|key| Step::Delete { key }),
        2 => values().prop_map(Step::Apiserver),
        1 => (1i64..4).prop_map(Step::Gaps),
        1 => (1i64..1_000_000).prop_map(Step::Skip),
        2 => (0i64..20).prop_map(|back| Step::Compact { back }),
        1 => any::<usize>().prop_map(Step::Lose),
        1 => Just(Step::Upgrade),
        1 => Just(Step::CompactRow),
    ]
}

/// Histories.
pub fn stories() -> impl Strategy<Value = Story> {
    let compact_row = prop_oneof![
        6 => Just(CompactRow::First),
        2 => Just(CompactRow::Later),
        1 => Just(CompactRow::Nowhere),
    ];
    let writer = prop_oneof![Just(Writer::Ours), Just(Writer::OldKine), Just(Writer::NewKine)];
    let flags = (any::<bool>(), any::<bool>());
    (proptest::collection::vec(steps(), 0..70), compact_row, flags, writer).prop_map(
        |(steps, compact_row, (is_new, empty_is_null), writer)| Story {
            steps,
            compact_row,
            is_new,
            empty_is_null,
            writer,
        },
    )
}
