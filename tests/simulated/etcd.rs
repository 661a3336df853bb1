//! etcd in miniature: revisions, lives, leases, compaction (etcd server/storage/mvcc: kvstore_txn.go, key_index.go,
//! kvstore_compaction.go; server/lease/lessor.go).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::Path;

use kinescope::etcd::keyvalue::{KeyValue, RowKey};
use kinescope::etcd::{Image, NewRow};
use kinescope::model::{Content, Contents, Engine, Lease, Revision};
use proptest::prelude::*;

use super::{Fact, Facts, Value, nothing, values};

/// The keys that histories are made of.
pub const KEYS: [&[u8]; 18] = [
    b"/registry/pods/default/a",
    b"/registry/pods/default/b",
    b"/registry/events/default/a.1",
    b"/registry/events/default/a.2",
    b"/registry/events/default/a.3",
    b"/registry/events/default/a.4",
    b"/registry/leases/kube-node-lease/n",
    b"/registry/health",
    b"/bootstrap/3f1e",
    b"compact_rev_key",
    b"k3s/etcd/learnerProgress",
    b"k3s/apiaddresses",
    b"elsewhere",
    b"12345",
    b"gap-x",
    b"\xc3\xa4/\xe2\x82\xac",
    b"/registry/\xff\xfe",
    b"/registry/a\0b",
];

/// Keys of embedded etcd.
pub fn is_embedded(key: &[u8]) -> bool {
    key == b"k3s/etcd/learnerProgress" || key == b"k3s/apiaddresses"
}

/// Keys that SQLite's text cannot hold.
pub fn is_no_text(key: &[u8]) -> bool {
    std::str::from_utf8(key).is_err() || key.contains(&0)
}

/// Something that happens to an etcd.
#[derive(Clone, Debug)]
pub enum Step {
    Put {
        key: usize,
        value: Value,
        lease: Option<usize>,
    },
    Delete {
        key: usize,
    },
    /// One transaction: puts and deletes.
    Together(Vec<(usize, Option<Value>)>),
    Grant {
        ttl: i64,
    },
    /// A lease ends, and all of its keys in one transaction.
    Expire(usize),
    /// The bucket loses a lease that keys still name.
    Forget(usize),
    Compact {
        back: i64,
    },
    /// Revisions that nothing was written at.
    Skip(i64),
}

/// How a history ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Plain,
    /// A converter's `gap-R` tombstone, so many revisions further on.
    Pinned(i64),
    /// `etcdutl snapshot restore --bump-revision N --mark-compacted`.
    Bumped(i64),
}

/// A row of bucket `key`.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    pub main: i64,
    pub sub: u32,
    pub tombstone: bool,
    pub key: Vec<u8>,
    pub create: i64,
    pub version: i64,
    pub lease: i64,
    pub value: Vec<u8>,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (mark, key) = (if self.tombstone { "t" } else { "" }, self.key.escape_ascii());
        write!(f, "{}_{}{mark} {key} create {} ", self.main, self.sub, self.create)?;
        write!(f, "version {} lease {} {} bytes", self.version, self.lease, self.value.len())
    }
}

/// A key, with its value and lease for a put and nothing for a delete.
type Wanted = (Vec<u8>, Option<(Vec<u8>, i64)>);

#[derive(Clone, Copy)]
struct Alive {
    create: i64,
    version: i64,
    lease: i64,
}

/// The engine, with what it holds.
#[derive(Clone)]
pub struct Etcd {
    pub rows: Vec<Row>,
    pub leases: BTreeMap<i64, i64>,
    pub current: i64,
    pub compact: i64,
    granted: Vec<i64>,
    alive: BTreeMap<Vec<u8>, Alive>,
    keeps_tombstone_at_compaction: bool,
}

/// A whole history.
#[derive(Clone, Debug)]
pub struct Story {
    pub steps: Vec<Step>,
    pub end: End,
    /// etcd before 3.4.34 and 3.5.16 drops the tombstone at the compact revision.
    pub keeps_tombstone: bool,
    /// Whether live keys that kine cannot hold are deleted at the end.
    pub tidy: bool,
    /// Whether live keys that share a revision are put once more at the end.
    pub settled: bool,
}

impl Etcd {
    pub fn of(story: &Story) -> Self {
        let mut etcd = Self {
            rows: Vec::new(),
            leases: BTreeMap::new(),
            current: 1,
            compact: 0,
            granted: Vec::new(),
            alive: BTreeMap::new(),
            keeps_tombstone_at_compaction: story.keeps_tombstone,
        };
        story.steps.iter().for_each(|step| etcd.step(step));
        if story.tidy {
            for key in KEYS.iter().filter(|key| is_no_text(key)) {
                etcd.transaction(&[(key.to_vec(), None)]);
            }
        }
        if story.settled {
            for row in etcd.live_sharing().into_iter().flat_map(|keys| keys.into_iter().skip(1)) {
                etcd.transaction(&[(row.key, Some((row.value, row.lease)))]);
            }
        }
        etcd.end(story.end);
        etcd
    }

    /// A store that somebody else filled.
    pub fn from_rows(rows: Vec<Row>, leases: BTreeMap<i64, i64>, compact: i64) -> Self {
        let mut etcd = Self {
            rows,
            leases,
            current: 1,
            compact,
            granted: Vec::new(),
            alive: BTreeMap::new(),
            keeps_tombstone_at_compaction: true,
        };
        etcd.current = etcd.last().max(compact).max(1);
        etcd
    }

    fn step(&mut self, step: &Step) {
        let name = |key: usize| KEYS[key % KEYS.len()].to_vec();
        match step {
            Step::Put { key, value, lease } => {
                let lease = lease.and_then(|at| self.lease(at)).filter(|id| self.leases.contains_key(id));
                self.transaction(&[(name(*key), Some((value.bytes(), lease.unwrap_or(0))))]);
            }
            Step::Delete { key } => self.transaction(&[(name(*key), None)]),
            Step::Together(changes) => {
                let mut seen = BTreeSet::new();
                let changes: Vec<_> = changes
                    .iter()
                    .filter(|(key, _)| seen.insert(key % KEYS.len()))
                    .map(|(key, value)| (name(*key), value.map(|value| (value.bytes(), 0))))
                    .collect();
                self.transaction(&changes);
            }
            Step::Grant { ttl } => {
                // As etcd's ids: 63 bits without order.
                let id = (self.granted.len() as i64 + 1).wrapping_mul(0x2545_f491_4f6c_dd1d) & i64::MAX;
                self.granted.push(id);
                self.leases.insert(id, *ttl);
            }
            Step::Expire(at) => {
                let Some(id) = self.lease(*at) else { return };
                self.leases.remove(&id);
                let keys = self.alive.iter().filter(|(_, alive)| alive.lease == id);
                let changes: Vec<_> = keys.map(|(key, _)| (key.clone(), None)).collect();
                self.transaction(&changes);
            }
            Step::Forget(at) => {
                self.lease(*at).map(|id| self.leases.remove(&id));
            }
            Step::Compact { back } => self.compact(self.current - back),
            Step::Skip(count) => self.current += count,
        }
    }

    fn lease(&self, at: usize) -> Option<i64> {
        self.granted.get(at.checked_rem(self.granted.len())?).copied()
    }

    /// One transaction; deletes of keys that are not there are no changes, and without changes there is no revision.
    fn transaction(&mut self, changes: &[Wanted]) {
        let main = self.current + 1;
        let mut sub = 0;
        for (key, change) in changes {
            let blank = Row {
                main,
                sub,
                tombstone: true,
                key: key.clone(),
                create: 0,
                version: 0,
                lease: 0,
                value: Vec::new(),
            };
            match change {
                None if self.alive.remove(key).is_none() => continue,
                None => self.rows.push(blank),
                Some((value, lease)) => {
                    let before = self.alive.get(key);
                    let create = before.map_or(main, |before| before.create);
                    let version = before.map_or(1, |before| before.version + 1);
                    self.alive.insert(key.clone(), Alive { create, version, lease: *lease });
                    let value = value.clone();
                    self.rows.push(Row { tombstone: false, create, version, lease: *lease, value, ..blank });
                }
            }
            sub += 1;
        }
        if sub > 0 {
            self.current = main;
        }
    }

    /// Keeps of each key the newest row at or below `at`, if it is a put or a tombstone at exactly that revision.
    fn compact(&mut self, at: i64) {
        if at <= self.compact || at > self.current {
            return;
        }
        let mut newest: BTreeMap<&[u8], (i64, u32)> = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.main <= at) {
            newest.insert(&row.key, (row.main, row.sub));
        }
        let keeps_tombstone = self.keeps_tombstone_at_compaction;
        let keep: Vec<bool> = self
            .rows
            .iter()
            .map(|row| {
                let is_newest = newest.get(row.key.as_slice()) == Some(&(row.main, row.sub));
                row.main > at || is_newest && (!row.tombstone || keeps_tombstone && row.main == at)
            })
            .collect();
        let mut keep = keep.into_iter();
        self.rows.retain(|_| keep.next().unwrap());
        self.compact = at;
    }

    fn end(&mut self, end: End) {
        let row = |main, tombstone, key: &[u8]| Row {
            main,
            sub: 0,
            tombstone,
            key: key.to_vec(),
            create: 0,
            version: 0,
            lease: 0,
            value: Vec::new(),
        };
        match end {
            // etcd takes its revision from its newest row, or from its compaction.
            End::Plain => self.current = self.last().max(self.compact).max(1),
            End::Pinned(by) => {
                self.current = self.last().max(self.compact).max(1) + by;
                self.rows.push(row(self.current, true, format!("gap-{}", self.current).as_bytes()));
            }
            End::Bumped(by) => {
                self.current = self.last() + by;
                self.compact = self.current;
                self.rows.push(row(self.current, false, b""));
            }
        }
    }

    fn last(&self) -> i64 {
        self.rows.last().map_or(1, |row| row.main)
    }

    /// Whether a row is a user's change: no bump, no pin.
    pub fn is_change(row: &Row) -> bool {
        let is_pin = row.tombstone && row.key == format!("gap-{}", row.main).as_bytes();
        !row.key.is_empty() && !is_pin
    }

    /// The changes up to a revision, in order.
    pub fn changes(&self, upto: i64) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| Self::is_change(row) && row.main <= upto)
    }

    /// The newest put of each key that is live right after a revision.
    pub fn live(&self, upto: i64) -> BTreeMap<&[u8], &Row> {
        let mut live = BTreeMap::new();
        for row in self.changes(upto) {
            if row.tombstone {
                live.remove(row.key.as_slice())
            } else {
                live.insert(row.key.as_slice(), row)
            };
        }
        live
    }

    /// Keys that are live and were written by one transaction, by revision.
    pub fn live_sharing_at(&self, upto: i64) -> Vec<Vec<Row>> {
        let mut by_main: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
        for row in self.live(upto).values().filter(|row| !is_embedded(&row.key)) {
            by_main.entry(row.main).or_default().push((*row).clone());
        }
        by_main.into_values().filter(|rows| rows.len() > 1).collect()
    }

    fn live_sharing(&self) -> Vec<Vec<Row>> {
        self.live_sharing_at(i64::MAX)
    }

    /// All changes up to a revision as facts.
    pub fn facts(&self, upto: i64) -> Facts {
        let live = self.live(upto);
        let fact = |row: &Row| {
            let is_live = live.get(row.key.as_slice()).is_some_and(|live| live.main == row.main);
            let fact = Fact {
                main: row.main,
                key: row.key.clone(),
                put: !row.tombstone,
                create: (!row.tombstone).then_some(row.create),
                value: row.value.clone(),
                ttl: self.leases.get(&row.lease).copied().filter(|_| is_live),
            };
            ((row.main, row.key.clone()), fact)
        };
        self.changes(upto).map(fact).collect()
    }

    /// HashKV of a store that was never compacted, from the rows as etcd stores them.
    pub fn hash_kv(&self) -> u32 {
        self.rows.iter().fold(crc32c::crc32c(b"key"), |crc, row| {
            let whole = KeyValue {
                key: &row.key,
                create_revision: row.create,
                mod_revision: if row.tombstone { 0 } else { row.main },
                version: row.version,
                value: &row.value,
                value_at: 0,
                lease: row.lease,
            };
            crc32c::crc32c_append(crc32c::crc32c_append(crc, &row_key(row).encode()), &whole.encode())
        })
    }

    /// Writes a snapshot, or without trailer a bare database.
    pub fn write(&self, path: &Path, trailer: bool) {
        let history = nothing(Engine::Etcd);
        let mut contents = Contents::over(&history);
        let rows: Vec<NewRow> = self
            .rows
            .iter()
            .map(|row| NewRow {
                at: row_key(row),
                name: contents.name(&row.key),
                create_revision: row.create,
                version: row.version,
                lease: row.lease,
                value: if row.value.is_empty() { Content::Empty } else { contents.value(row.value.clone()) },
            })
            .collect();
        let leases: Vec<Lease> = self.leases.iter().map(|(&id, &ttl)| Lease { id, ttl, remaining: 0 }).collect();
        let image = Image {
            contents: &contents,
            rows: &rows,
            leases: &leases,
            compact_revision: self.compact,
            version: None,
            membership: Vec::new(),
        };
        let (mut file, sha256) = image.write(File::create(path).unwrap(), |_| true).unwrap();
        if trailer {
            file.write_all(&sha256).unwrap();
        }
    }
}

fn row_key(row: &Row) -> RowKey {
    RowKey { revision: Revision { main: row.main, sub: row.sub }, tombstone: row.tombstone }
}

fn steps() -> impl Strategy<Value = Step> {
    let key = || 0..KEYS.len();
    let change = (key(), prop_oneof![2 => values().prop_map(Some), 3 => Just(None)]);
    prop_oneof![
        20 => (key(), values(), proptest::option::of(0usize..4))
            .prop_map(|(key, value, lease)| Step::Put { key, value, lease }),
        6 => key().prop_map(|key| Step::Delete { key }),
        4 => proptest::collection::vec(change, 2..6).prop_map(Step::Together),
        3 => (1i64..100_000).prop_map(|ttl| Step::Grant { ttl }),
        2 => (0usize..4).prop_map(Step::Expire),
        1 => (0usize..4).prop_map(Step::Forget),
        1 => (0i64..20).prop_map(|back| Step::Compact { back }),
        1 => (1i64..5).prop_map(Step::Skip),
    ]
}

/// Histories.
pub fn stories() -> impl Strategy<Value = Story> {
    let end = prop_oneof![
        4 => Just(End::Plain),
        1 => (1i64..1_000).prop_map(End::Pinned),
        1 => (1i64..1_000_000_000).prop_map(End::Bumped),
    ];
    let often = || proptest::bool::weighted(0.8);
    (proptest::collection::vec(steps(), 0..70), end, often(), often(), often())
        .prop_map(|(steps, end, keeps_tombstone, tidy, settled)| Story { steps, end, keeps_tombstone, tidy, settled })
}
