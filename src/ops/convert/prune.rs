//! What is compacted and dropped while a store is copied or converted.

use std::collections::HashSet;

use crate::model::{Change, History, KeyId, Op};

/// What is compacted and dropped on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prune {
    /// The revision to which the history is compacted: from the source's compact revision to its current one.
    pub compact_to: i64,
    /// Keys that go with all their changes. Whoever watches cannot hear of that, so that the history ends with them.
    pub drop: HashSet<KeyId>,
}

impl Prune {
    /// Whether the change at `position` is one that a compaction removes: of each key, the newest up to the compact revision
    /// stays, unless it is a tombstone (etcd server/storage/mvcc/key_index.go, kine pkg/logstructured/sqllog/sql.go).
    pub(super) fn compacts(&self, history: &History, change: &Change, position: u32) -> bool {
        if change.revision.main > self.compact_to {
            return false;
        }
        let of_key = history.positions_of(change.key);
        let at = of_key.partition_point(|&other| other <= position);
        let next = of_key.get(at).and_then(|&next| history.changes().get(next as usize));
        change.op == Op::Delete || next.is_some_and(|next| next.revision.main <= self.compact_to)
    }

    /// The same for the check afterwards, found in another way.
    pub(super) fn takes_out(&self, history: &History, change: &Change) -> bool {
        let newest = history.changes_of(change.key).rfind(|other| other.revision.main <= self.compact_to);
        let stays = change.revision.main > self.compact_to
            || change.is_put() && newest.is_some_and(|newest| newest.revision == change.revision);
        !stays || self.drop.contains(&change.key)
    }
}
