//! Values of keys that are not live, wherever they stand.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Evidence, ReadValue, ValueRef};

/// Where a value was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// In a row that is still in the store.
    History,
    /// In the row that superseded or deleted it (kine).
    OldValue,
    /// In bytes that the file holds for free: pages, remains of pages, frames of the WAL.
    Free,
}

impl Source {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::OldValue => "old_value",
            Self::Free => "free",
        }
    }
}

/// One value of one key.
#[derive(Clone)]
pub struct Known {
    /// The revision that it was written at.
    pub revision: Option<i64>,
    /// Where it was found.
    pub source: Source,
    /// What it rests on.
    pub evidence: Evidence,
    /// The value, and who reads it.
    pub value: (Arc<dyn ReadValue>, ValueRef),
    /// The revision at which this life of the key began.
    pub create_revision: Option<i64>,
}

/// What is known of one key.
#[derive(Clone, Default)]
pub(super) struct OfKey {
    pub values: Vec<Known>,
    /// Where the value of a revision is among them.
    at: HashMap<i64, usize>,
    pub deleted_at: Option<i64>,
    /// Revisions at which it was written, whether the value is known or not.
    pub newest_known: Option<i64>,
}

impl OfKey {
    /// Adds a value. The same revision from a better source counts.
    pub fn add(&mut self, known: Known) {
        self.newest_known = self.newest_known.max(known.revision);
        let at = known.revision.and_then(|revision| self.at.get(&revision));
        if let Some(same) = at.and_then(|&at| self.values.get_mut(at)) {
            if (known.evidence, known.source) < (same.evidence, same.source) {
                *same = known;
            }
            return;
        }
        self.at.extend(known.revision.map(|revision| (revision, self.values.len())));
        self.values.push(known);
    }

    /// Notes a deletion.
    pub fn deleted(&mut self, revision: i64) {
        self.deleted_at = self.deleted_at.max(Some(revision));
    }

    /// The value to bring back: the newest that can be relied on, else the newest.
    pub fn best(&self) -> Option<&Known> {
        let newest = |doubtful: bool| {
            let fits = self.values.iter().filter(move |known| (known.evidence == Evidence::Doubtful) == doubtful);
            fits.max_by_key(|known| (known.revision, std::cmp::Reverse(known.evidence)))
        };
        newest(false).or_else(|| newest(true))
    }
}

/// By key.
pub(super) type Found = HashMap<Vec<u8>, OfKey>;
