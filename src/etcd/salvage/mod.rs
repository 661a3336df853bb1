//! Rows of etcd out of files that may be damaged: every copy of every row that any page still holds, merged by revision, and
//! what is known of the revisions that are not there.
//!
//! A row never changes, and a page that is written anew goes to another place, so that old pages are as good a source of a
//! row's content as any. What they cannot tell is whether something newer is lost. Rows stand in the order of their
//! revisions, and new ones come behind all others; from that follows what is used here:
//!
//! - a page that spans a revision and does not hold it was written after compaction took it;
//! - a page that the tree has lost held revisions between two that are known, and above the compact revision each of these
//!   must be somewhere.

mod cells;
mod log;
mod merge;
mod ranges;
mod tree;

use std::sync::Arc;

use super::keyvalue::RowKey;
use super::store::Values;
use super::wal::Wal;
use crate::bolt::Scan;
use crate::model::{
    Change, Check, Engine, Evidence, History, HistoryBuilder, KeyId, Keys, Lease, LeaseRef, Op, ValueRef, Version,
    is_gap,
};
use crate::source::{Damage, File};

/// Where a row was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A page that the tree leads to.
    Tree,
    /// A page whose way to it is lost, and that nothing contradicts.
    Orphan,
    /// A page that nothing leads to.
    Stale,
    /// The raft log.
    Log,
}

impl Source {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::Orphan => "orphan-page",
            Self::Stale => "past-page",
            Self::Log => "log-entry",
        }
    }
}

/// A row, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// When, and whether it is a tombstone.
    pub at: RowKey,
    /// The user's key; `None` where it cannot be read.
    pub key: Option<KeyId>,
    /// The life's first revision.
    pub create_revision: i64,
    /// Puts of this life.
    pub version: i64,
    /// The lease's id, or 0.
    pub lease: i64,
    /// The value, where the row is not doubtful.
    pub value: ValueRef,
    /// What it rests on.
    pub evidence: Evidence,
    /// Where it was found.
    pub source: Source,
    /// Whether a second copy on other pages says the same.
    pub confirmed: bool,
    /// Whether a page that was written later proves that compaction took it.
    pub is_gone: bool,
}

impl Row {
    /// Whether it may stand in a store.
    pub fn is_good(&self) -> bool {
        self.evidence != Evidence::Doubtful
    }
}

/// Everything that was found in an etcd datastore.
pub struct Salvage {
    /// The rows of the table as changes, with the keys of all rows and their values.
    pub history: History,
    /// The rows of the table, in order.
    pub rows: Vec<Row>,
    /// Rows that were in the table once, or of which nobody can say that they still are, in order.
    pub past: Vec<Row>,
    /// Ranges of revisions that may have rows which are lost.
    pub unknown: Vec<(i64, i64)>,
    /// Whether the end of the history is lost: rows may have followed the last one that is known.
    pub is_open: bool,
    /// The compact revision, where it is known.
    pub compact_revision: Option<i64>,
    /// The highest revision that anything in the file speaks of.
    pub highest: i64,
    /// The leases.
    pub leases: Vec<Lease>,
    /// What is wrong with the files as a whole.
    pub damage: Vec<Damage>,
    /// What the user should know about how it was found.
    pub notes: Vec<String>,
}

impl Salvage {
    /// Searches a database file and the segments of the log beside it. `check` tells what a value says of itself.
    pub fn of(db: &File, wal: &[File], check: &(dyn Fn(&[u8]) -> Check + Sync)) -> Self {
        let scan = Scan::of(&db.bytes);
        let wal = (!wal.is_empty()).then(|| Wal::read(wal));
        let content = cells::read(&scan);
        let tree = tree::find(&scan, &content);
        let mut merged = merge::merge(&db.name, &scan, &content, &tree, check);
        if let Some(wal) = &wal {
            log::lay_over(&mut merged, wal, &tree, &db.bytes);
        }
        let values = Values { name: db.name.clone(), db: db.bytes.clone(), wal };
        merged.finish(values)
    }

    /// The newest revision that may have had a row which is lost: of a key whose newest row is older, that row may be
    /// superseded or its object deleted. 0 where nothing is lost.
    pub fn horizon(&self) -> i64 {
        if self.is_open { i64::MAX } else { self.unknown.last().map_or(0, |range| range.1) }
    }
}

/// All that was found, before it is put in order.
struct Merged {
    keys: Keys,
    rows: Vec<Row>,
    past: Vec<Row>,
    unknown: Vec<(i64, i64)>,
    is_open: bool,
    compact_revision: Option<i64>,
    leases: Vec<Lease>,
    damage: Vec<Damage>,
    notes: Vec<String>,
}

impl Merged {
    fn finish(mut self, values: Values) -> Salvage {
        if self.is_open {
            self.notes.push("the end of the history is lost, or nothing proves that it is there".to_owned());
        }
        let highest = self.rows.iter().chain(&self.past).map(|row| row.at.revision.main).max().unwrap_or(1);
        let compact = self.compact_revision.unwrap_or(0);
        let mut gap_rows = 0;
        let mut changes = Vec::with_capacity(self.rows.len());
        for row in self.rows.iter().filter(|row| row.is_good()) {
            let Some(key) = row.key else { continue };
            let name = self.keys.get(key);
            if row.at.tombstone && is_gap(name, row.at.revision.main) {
                gap_rows += 1;
            } else if !name.is_empty() {
                changes.push(change(row, key));
            }
        }
        let highest = highest.max(compact);
        let history = HistoryBuilder {
            engine: Engine::Etcd,
            keys: self.keys,
            changes,
            leases: self.leases.clone(),
            current_revision: highest,
            compact_revision: compact,
            gap_rows,
            values: Arc::new(values),
        };
        Salvage {
            history: history.build(),
            rows: self.rows,
            past: self.past,
            unknown: self.unknown,
            is_open: self.is_open,
            compact_revision: self.compact_revision,
            highest,
            leases: self.leases,
            damage: self.damage,
            notes: self.notes,
        }
    }
}

fn change(row: &Row, key: KeyId) -> Change {
    Change {
        revision: row.at.revision,
        key,
        op: if row.at.tombstone { Op::Delete } else { Op::Put },
        evidence: row.evidence,
        create_revision: (!row.at.tombstone).then_some(row.create_revision),
        version: Version::Known(row.version),
        lease: if row.lease == 0 { LeaseRef::None } else { LeaseRef::Id(row.lease) },
        value: row.value,
    }
}
