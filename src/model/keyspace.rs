//! What was live at a revision.

use super::{Change, History, KeyId, Op};

/// The view of a store right after a revision.
pub struct Keyspace<'a> {
    history: &'a History,
    revision: i64,
}

/// What is known of one key at a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState<'a> {
    /// It was live, with this change as its newest.
    Live(&'a Change),
    /// It was not there: deleted by this change, or not yet created.
    Absent(Option<&'a Change>),
    /// The revision is below the compact revision and no row of the key that old survives: nobody can know.
    Unknown,
}

impl History {
    /// The view right after `revision`.
    pub fn at(&self, revision: i64) -> Keyspace<'_> {
        Keyspace { history: self, revision }
    }
}

impl<'a> Keyspace<'a> {
    /// The revision of this view.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// Whether rows of this view may be missing because they are compacted.
    pub fn is_incomplete(&self) -> bool {
        self.revision < self.history.compact_revision()
    }

    /// What is known of `key`.
    pub fn state(&self, key: KeyId) -> KeyState<'a> {
        let newest = self.history.changes_of(key).rfind(|change| change.revision.main <= self.revision);
        match newest {
            Some(change) if change.op == Op::Put => KeyState::Live(change),
            Some(change) => KeyState::Absent(Some(change)),
            None if self.is_incomplete() => KeyState::Unknown,
            None => KeyState::Absent(None),
        }
    }
}
