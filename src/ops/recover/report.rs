//! What a recovery has to say: what there is and what it rests on, what is lost and how that is known.

use crate::model::Evidence;
use crate::ops::convert::Target;
use crate::source::Damage;

/// Rows by what they rest on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByEvidence {
    /// Of the five grades, best first.
    pub counts: [u64; 5],
}

impl ByEvidence {
    /// The grades in the order of the counts.
    pub const GRADES: [Evidence; 5] =
        [Evidence::Intact, Evidence::Log, Evidence::Carved, Evidence::Rebuilt, Evidence::Doubtful];

    /// Counts one.
    pub fn add(&mut self, evidence: Evidence) {
        if let Some(slot) = self.counts.get_mut(evidence as usize) {
            *slot += 1;
        }
    }

    /// How many rest on this.
    pub fn of(&self, evidence: Evidence) -> u64 {
        self.counts.get(evidence as usize).copied().unwrap_or(0)
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// How it is known that a revision was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HowLost {
    /// An index names it.
    Index,
    /// The row that supersedes it does.
    Successor,
    /// Its row is there, its value is not, or not to its end.
    Value,
    /// Its row is there, and something in it or in another copy of it contradicts it.
    Contradiction,
}

impl HowLost {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Successor => "successor",
            Self::Value => "value",
            Self::Contradiction => "contradiction",
        }
    }

    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Index => "an index names it, its row is gone",
            Self::Successor => "the row that supersedes it names it, its row is gone",
            Self::Value => "its value is gone, or not all of it is there",
            Self::Contradiction => "copies or numbers contradict each other",
        }
    }
}

/// What a key names, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its kind.
    pub kind: String,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// A revision that was there and is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The key, where it is known.
    pub key: Option<Vec<u8>>,
    /// The object that the key is.
    pub object: Option<Object>,
    /// The revision.
    pub revision: i64,
    /// How that is known.
    pub how: HowLost,
    /// Whether it was the newest of its key, as far as anything in the file speaks of it: then the present state of the object
    /// is lost.
    pub newest: bool,
    /// The newest older revision of the key that is there whole.
    pub last_good_revision: Option<i64>,
    /// Whether that one stands in the target in place of it (`--last-known-good`).
    pub used: bool,
}

/// An object of which nothing proves that its newest row is among those that are there: a newer one, or a tombstone, may be
/// lost without a trace of whose it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unproven {
    /// The key.
    pub key: Vec<u8>,
    /// The object that the key is.
    pub object: Option<Object>,
    /// The newest revision that is there.
    pub revision: i64,
    /// Whether that one is a tombstone.
    pub deleted: bool,
    /// Whether it stands in the target (`--last-known-good`).
    pub used: bool,
}

/// What a recovery found and did.
#[derive(Clone, Debug)]
pub struct Report {
    /// The source's name.
    pub source: String,
    /// The engine whose rows were searched.
    pub engine: &'static str,
    /// What was written; nothing where nothing was to be.
    pub written: Option<Written>,
    /// Rows of the table.
    pub rows: ByEvidence,
    /// Rows that were deleted or compacted, or may have been: shown, and not in the target.
    pub past: ByEvidence,
    /// Objects whose present state is known.
    pub live_keys: u64,
    /// The newest revision that anything in the file speaks of.
    pub current_revision: i64,
    /// The compact revision; `None` where it is lost.
    pub compact_revision: Option<i64>,
    /// Revisions that are lost.
    pub lost: Vec<Lost>,
    /// Objects whose newest revision may be lost.
    pub unproven: Vec<Unproven>,
    /// Revisions above the compact revision of which nothing is known, as ranges. Those that no row was ever given are not
    /// among them, where the index over ids is there to say so.
    pub unknown: Vec<(i64, i64)>,
    /// What was put right in the target so that the engine starts on it.
    pub repaired: Vec<String>,
    /// Whether a WAL belongs to its file: why it does not, where it does not.
    pub wal: Option<WalVerdict>,
    /// What is wrong with the files.
    pub damage: Vec<Damage>,
    /// What else the user should know.
    pub notes: Vec<String>,
}

/// A WAL that does not belong to its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalVerdict {
    /// Why.
    pub reasons: Vec<String>,
    /// Whether its rows were read beside those of the file.
    pub used: bool,
}

/// A target that was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its path.
    pub target: String,
    /// What it is.
    pub to: Target,
    /// Its length in bytes.
    pub bytes: u64,
    /// Live keys, counted when it was read back.
    pub live_keys: u64,
    /// Changes, counted when it was read back.
    pub changes: u64,
    /// Its current revision.
    pub current_revision: i64,
    /// Its compact revision.
    pub compact_revision: i64,
}

impl Report {
    /// Whether anything is lost, or may be: an end that was cut off, a copy taken while the file was written, revisions
    /// without any trace.
    pub fn has_loss(&self) -> bool {
        let is_cut = self
            .damage
            .iter()
            .any(|damage| matches!(damage.id, "file-truncated" | "wal-torn" | "trailer" | "copied-while-written"));
        is_cut
            || !self.lost.is_empty()
            || self.rows.of(Evidence::Doubtful) > 0
            || !self.unknown.is_empty()
            || !self.unproven.is_empty()
    }
}
