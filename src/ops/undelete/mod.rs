//! What was deleted and is still in the file: in the history that was not compacted yet, in the copies that kine keeps of old
//! values, and in pages, frames and bytes that the file holds for free.
//!
//! The result is a history of its own, in which what was deleted is live beside what is live, so that everything that works
//! on live objects works on deleted ones.

mod found;
mod merge;
mod search;

pub use found::{Known, Source};
pub use search::{Wanted, undelete};

use crate::model::{Change, Evidence, History, KeyId};

/// One key that is not live any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// The key, in [`Undeleted::history`].
    pub key: KeyId,
    /// The position of its change in [`History::changes`] of [`Undeleted::history`].
    position: u32,
    /// The revision of the value; `None` where the bytes do not say.
    pub revision: Option<i64>,
    /// The newest revision of the key that anything in the file speaks of, a deletion not counted.
    pub newest_known: Option<i64>,
    /// When it was deleted; `None` where the deletion was compacted.
    pub deleted_at: Option<i64>,
    /// Where the value was found.
    pub source: Source,
    /// What it rests on.
    pub evidence: Evidence,
    /// Length of the value in bytes.
    pub size: u32,
    /// How many other revisions of it have a value in the file.
    pub older: u32,
}

/// All of them.
pub struct Undeleted {
    /// What is live, and what was deleted, each with one change.
    pub history: History,
    /// What was deleted, by key.
    pub deleted: Vec<Deleted>,
    /// What the user should know.
    pub notes: Vec<String>,
}

impl Undeleted {
    /// The change that brings a deleted key back.
    pub fn change(&self, deleted: &Deleted) -> Option<&Change> {
        self.history.changes().get(deleted.position as usize)
    }

    /// The deleted key with this id.
    pub fn of_key(&self, key: KeyId) -> Option<&Deleted> {
        let at = self.deleted.binary_search_by_key(&key, |deleted| deleted.key).ok()?;
        self.deleted.get(at)
    }
}
