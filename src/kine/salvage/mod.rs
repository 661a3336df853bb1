//! Rows of kine out of files that may be damaged: every copy of every row that any image of any page holds, merged by
//! revision, each with what it rests on.
//!
//! kine's table is redundant. A row's value stands once more in `old_value` of the row that supersedes it, its name,
//! revision and `prev_revision` in five or six index entries, and its page often in the WAL too. A row never changes, so
//! that any copy is as good as another once it is known to be whole; whether the row is still in the table is another
//! question, which pages in use, index entries and the compact revision answer.

mod chain;
mod content;
mod copies;
mod facts;
mod finish;
mod gather;
mod ids;
mod merge;
mod newest;
mod proof;
mod rebuild;
mod record;
mod shifts;
mod sorted;
mod taken;
mod witness;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use copies::Copy;

use super::consistency;
use super::schema::COMPACT_KEY;
use crate::model::{Evidence, History, KeyId, ReadValue, ValueRef};
use crate::source::{Damage, File, Place};
use crate::sqlite::{Images, Reading, WalFit};

/// A value of a salvaged row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// NULL.
    Null,
    /// Whole.
    Known(ValueRef),
    /// There, but contradicted by another copy or by itself.
    Doubtful(ValueRef),
    /// Not at hand, or not to its end.
    Lost,
}

impl Held {
    /// The value, where it can be relied on.
    pub fn known(self) -> Option<ValueRef> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// Whether nothing is missing: a value, or NULL.
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Null | Self::Known(_))
    }
}

/// Where a row was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A page that is in use.
    Table,
    /// A page of which nothing says that it is free.
    Orphan,
    /// A WAL frame that SQLite would not apply.
    Log,
    /// A free or covered page, or an earlier frame.
    Past,
    /// Bytes of a page that no cell pointer leads to.
    Remains,
    /// The row that supersedes it, and index entries.
    Successor,
    /// Index entries alone.
    Index,
}

impl Source {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Orphan => "orphan-page",
            Self::Log => "log-frame",
            Self::Past => "past-page",
            Self::Remains => "page-remains",
            Self::Successor => "successor",
            Self::Index => "index",
        }
    }
}

/// A row, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The revision; `None` for remains that tell it no more.
    pub id: Option<i64>,
    /// The user's key.
    pub key: KeyId,
    /// Whether it begins a life.
    pub created: Option<bool>,
    /// Whether it is a tombstone.
    pub deleted: Option<bool>,
    /// The life's first revision; 0 in the life's first row.
    pub create_revision: Option<i64>,
    /// The row of this key that it supersedes, or 0.
    pub prev_revision: Option<i64>,
    /// Seconds to live, or 0.
    pub lease: Option<i64>,
    /// Column `value`.
    pub value: Held,
    /// Column `old_value`.
    pub old_value: Held,
    /// What it rests on, its value included.
    pub evidence: Evidence,
    /// Where it was found.
    pub source: Source,
    /// Whether a second copy on other pages says the same.
    pub confirmed: bool,
}

/// How it is known that a row is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HowKnown {
    /// An index names it.
    Index,
    /// The row that supersedes it does.
    Successor,
}

/// A row that was in the table and cannot be given back whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its revision.
    pub id: i64,
    /// Its key, where that is known.
    pub key: Option<KeyId>,
    /// Whether it is a tombstone, where that is known.
    pub deleted: Option<bool>,
    /// How it is known.
    pub how: HowKnown,
}

struct Values {
    images: Arc<Images>,
    copies: Vec<Copy>,
}

impl ReadValue for Values {
    fn read(&self, at: ValueRef) -> Result<Cow<'_, [u8]>, Damage> {
        let value = merge::value_at(&self.copies, at);
        let bytes = value.and_then(|(copy, range)| copy.payload.read(&self.images, range));
        bytes.ok_or_else(|| Damage {
            file: self.images.name().clone(),
            place: Place::File,
            id: "value-outside",
            what: "a value is not where it was found".to_owned(),
        })
    }
}

/// Everything that was found in a kine datastore.
pub struct Salvage {
    /// The rows of the table as changes, doubtful ones too, with the keys of all rows and their values.
    pub history: History,
    /// The rows of the table, by revision. Each has an id.
    pub rows: Vec<Row>,
    /// Rows that were in the table once, or of which nobody can say that they still are, by revision.
    pub past: Vec<Row>,
    /// Rows that are known to be missing.
    pub missing: Vec<Missing>,
    /// The compact revision, where it is known.
    pub compact_revision: Option<i64>,
    /// The highest revision that anything in the file speaks of.
    pub highest: i64,
    /// What is wrong with the files as a whole.
    pub damage: Vec<Damage>,
    newest: newest::Newest,
    images: Arc<Images>,
}

impl Salvage {
    /// Searches a database file, which may be empty, and a WAL beside it.
    pub fn of(db: &File, wal: Option<&File>, reading: Reading) -> Self {
        let wal = wal.map(|wal| (wal.name.clone(), wal.bytes.clone()));
        let Some(missing) = merge::missing_at_start(db).filter(|&missing| missing > 0) else {
            let images = Images::new(db.name.clone(), db.bytes.clone(), wal, reading);
            return merge::merge(Arc::new(images));
        };
        let size = Images::new(db.name.clone(), db.bytes.clone(), None, reading).geometry().page_size();
        // With zeros in their place, page numbers lead where they should again.
        let mut whole = vec![0; missing * size.bytes()];
        whole.extend_from_slice(&db.bytes);
        let images = Images::new(db.name.clone(), whole.into(), wal, reading);
        let mut salvage = merge::merge(Arc::new(images));
        let what = format!("{missing} pages are missing before its first; pages are counted with them");
        salvage.damage.push(Damage { file: db.name.clone(), place: Place::File, id: "pages-missing", what });
        salvage
    }

    /// What kine's row for the compact revision is, by key.
    pub fn compact_key(&self) -> Option<KeyId> {
        self.history.keys().find(COMPACT_KEY)
    }

    /// Which of `rows`, ascending by id, no kine would have written after each other.
    pub fn faulty(&self, rows: &[super::Row]) -> Vec<i64> {
        let faults = consistency::faults(self.history.keys(), rows);
        faults.into_iter().map(|(row, ..)| row.id).collect()
    }

    /// Revisions up to [`Self::highest`] that may have been in the table and of which nothing is left, as ranges.
    pub fn unknown(&self) -> &[(i64, i64)] {
        &self.newest.unknown
    }

    /// Whether no newer row of a key can be among what is lost: there is none, or an index proves it.
    pub fn is_newest(&self, key: KeyId, id: i64) -> bool {
        self.newest.is_proven(key, id)
    }

    /// The rows that compaction may have taken while the file was copied, by their place among [`Self::rows`]: superseded ones,
    /// tombstones, and newest ones without a proof, where pages are of different moments. None where they are of one.
    pub fn perhaps_compacted(&self) -> Vec<bool> {
        let mut perhaps = vec![false; self.rows.len()];
        if self.newest.is_of_one_moment() {
            return perhaps;
        }
        let mut newer: HashMap<KeyId, i64> =
            self.missing.iter().filter_map(|missing| Some((missing.key?, missing.id))).collect();
        let compact = self.compact_key();
        for (row, slot) in self.rows.iter().zip(&mut perhaps).rev() {
            let Some(id) = row.id.filter(|_| Some(row.key) != compact) else { continue };
            let last = newer.entry(row.key).or_insert(id);
            // A row that only looks like the newest may be superseded by one that is lost.
            *slot = row.deleted != Some(false) || *last > id || !self.newest.is_proven(row.key, id);
            *last = id.max(*last);
        }
        perhaps
    }

    /// Whether the file says that a WAL was used with it, and none is there: what stood in that is lost, if it was not empty.
    pub fn lacks_wal(&self) -> bool {
        matches!(self.images.fit(), WalFit::Absent)
            && self.images.header().is_some_and(|header| header.write_version == 2)
    }

    /// Whether the WAL belongs to the file.
    pub fn wal_fit(&self) -> &WalFit {
        self.images.fit()
    }
}
