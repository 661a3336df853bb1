//! Everything that a store still knows: its changes in order, its leases, its bounds.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::{Change, KeyId, Keys, LeaseRef, Op, ReadValue, ValueRef};
use crate::source::Damage;

/// The program that wrote a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// kine over SQLite.
    Kine,
    /// etcd over bbolt.
    Etcd,
}

impl Engine {
    /// The engine's name on the command line and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kine => "kine",
            Self::Etcd => "etcd",
        }
    }
}

/// A lease as etcd keeps it in its `lease` bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The lease's id.
    pub id: i64,
    /// Seconds that were granted.
    pub ttl: i64,
    /// Seconds that were left at the last checkpoint, 0 where none was taken.
    pub remaining: i64,
}

/// Whether a row of this name at `revision` only fills or pins that revision: `gap-N` at N. kine writes such rows (kine
/// pkg/logstructured/sqllog/sql.go, fillGap), and conversions pin a current revision with one.
pub fn is_gap(name: &[u8], revision: i64) -> bool {
    name.strip_prefix(b"gap-").is_some_and(|number| number == revision.to_string().as_bytes())
}

/// What a reader has to say of a store before it becomes a [`History`].
pub struct HistoryBuilder {
    /// Who wrote the store.
    pub engine: Engine,
    /// The distinct keys.
    pub keys: Keys,
    /// All changes, in any order.
    pub changes: Vec<Change>,
    /// All leases, in any order.
    pub leases: Vec<Lease>,
    /// The newest revision, which may have no row.
    pub current_revision: i64,
    /// The revision up to which history is compacted; 0 for never.
    pub compact_revision: i64,
    /// Rows that only fill or pin a revision: `gap-N`.
    pub gap_rows: u64,
    /// The values.
    pub values: Arc<dyn ReadValue>,
}

/// All that a store still knows, in revision order.
pub struct History {
    engine: Engine,
    keys: Keys,
    changes: Vec<Change>,
    /// For each key where its run in `of_key` ends.
    run_ends: Vec<u32>,
    of_key: Vec<u32>,
    leases: Vec<Lease>,
    ttl_of: HashMap<i64, i64>,
    current_revision: i64,
    compact_revision: i64,
    gap_rows: u64,
    values: Arc<dyn ReadValue>,
}

/// How much a history holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Keys live at the current revision.
    pub live_keys: u64,
    /// Changes of all kinds.
    pub changes: u64,
    /// Changes that are tombstones.
    pub tombstones: u64,
    /// Bytes of the values of live keys.
    pub live_bytes: u64,
    /// Bytes of the values of superseded puts.
    pub superseded_bytes: u64,
}

impl HistoryBuilder {
    /// Puts the changes in order and indexes them by key.
    pub fn build(mut self) -> History {
        // Both engines keep their rows in this order, so there is hardly ever something to do.
        let is_before = |pair: &[Change]| matches!(pair, [a, b] if a.revision <= b.revision);
        if !self.changes.par_windows(2).all(is_before) {
            self.changes.sort_by_key(|change| change.revision);
        }
        self.leases.sort_by_key(|lease| lease.id);
        let (run_ends, of_key) = runs(self.keys.len(), &self.changes);
        History {
            engine: self.engine,
            keys: self.keys,
            changes: self.changes,
            run_ends,
            of_key,
            ttl_of: self.leases.iter().map(|lease| (lease.id, lease.ttl)).collect(),
            leases: self.leases,
            current_revision: self.current_revision,
            compact_revision: self.compact_revision,
            gap_rows: self.gap_rows,
            values: self.values,
        }
    }
}

/// Where each key's run ends, and the positions of the changes, key by key.
fn runs(keys: usize, changes: &[Change]) -> (Vec<u32>, Vec<u32>) {
    // Gone over twice, in an order that jumps: the keys alone stay in the cache.
    let key_of: Vec<KeyId> = changes.par_iter().map(|change| change.key).collect();
    let mut run_ends = vec![0u32; keys];
    for key in &key_of {
        if let Some(count) = run_ends.get_mut(key.index()) {
            *count += 1;
        }
    }
    let mut next = Vec::with_capacity(run_ends.len());
    let mut sum = 0;
    for count in &mut run_ends {
        next.push(sum as usize);
        sum += *count;
        *count = sum;
    }
    let mut of_key = vec![0u32; sum as usize];
    for (position, key) in key_of.iter().enumerate() {
        if let Some(slot) = next.get_mut(key.index()) {
            if let Some(place) = of_key.get_mut(*slot) {
                *place = position as u32;
            }
            *slot += 1;
        }
    }
    (run_ends, of_key)
}

impl History {
    /// Who wrote the store.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The distinct keys, of live and dead.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// All changes in revision order.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The changes whose main revision lies in `range`, in order.
    pub fn changes_in(&self, range: std::ops::RangeInclusive<i64>) -> &[Change] {
        let from = self.changes.partition_point(|change| change.revision.main < *range.start());
        let to = self.changes.partition_point(|change| change.revision.main <= *range.end());
        self.changes.get(from..to.max(from)).unwrap_or_default()
    }

    /// Positions in [`Self::changes`] of one key's changes, oldest first.
    pub fn positions_of(&self, key: KeyId) -> &[u32] {
        let run = self.run(key);
        self.of_key.get(run).unwrap_or_default()
    }

    /// One key's changes, oldest first.
    pub fn changes_of(&self, key: KeyId) -> impl DoubleEndedIterator<Item = &Change> + ExactSizeIterator {
        self.positions_of(key).iter().map(|&position| &self.changes[position as usize])
    }

    fn run(&self, key: KeyId) -> Range<usize> {
        let at = key.index();
        let end = self.run_ends.get(at).copied().unwrap_or(0) as usize;
        let start = at.checked_sub(1).and_then(|before| self.run_ends.get(before)).copied().unwrap_or(0) as usize;
        start..end.max(start)
    }

    /// All leases, by id.
    pub fn leases(&self) -> &[Lease] {
        &self.leases
    }

    /// Seconds that a change's lease was granted; `None` without a lease, or with one that is revoked.
    pub fn ttl(&self, lease: LeaseRef) -> Option<i64> {
        match lease {
            LeaseRef::None => None,
            LeaseRef::Ttl(seconds) => Some(seconds),
            LeaseRef::Id(id) => self.ttl_of.get(&id).copied(),
        }
    }

    /// The newest revision.
    pub fn current_revision(&self) -> i64 {
        self.current_revision
    }

    /// The revision up to which history is compacted; 0 for never.
    pub fn compact_revision(&self) -> i64 {
        self.compact_revision
    }

    /// Rows that only fill or pin a revision.
    pub fn gap_rows(&self) -> u64 {
        self.gap_rows
    }

    /// A change's value.
    ///
    /// # Errors
    /// The damage that keeps the value from being read whole.
    pub fn value(&self, at: ValueRef) -> Result<Cow<'_, [u8]>, Damage> {
        if at == ValueRef::NONE {
            return Ok(Cow::Borrowed(&[]));
        }
        self.values.read(at)
    }

    /// What reads its values, for a history that is made of several.
    pub fn values(&self) -> Arc<dyn ReadValue> {
        self.values.clone()
    }

    /// The newest change of a key, where it is a put: the key's live value.
    pub fn live(&self, key: KeyId) -> Option<&Change> {
        self.changes_of(key).next_back().filter(|change| change.op == Op::Put)
    }

    /// How much there is.
    pub fn counts(&self) -> Counts {
        let of_change = |change: &Change| match change.op {
            Op::Put => (u64::from(change.value.len), 0),
            Op::Delete => (0, 1),
        };
        let of_key = |key: KeyId| self.live(key).map_or((0, 0), |change| (1, u64::from(change.value.len)));
        let sum = |a: (u64, u64), b: (u64, u64)| (a.0.saturating_add(b.0), a.1.saturating_add(b.1));
        let (all_bytes, tombstones) = self.changes.par_iter().map(of_change).reduce(|| (0, 0), sum);
        let (live_keys, live_bytes) =
            (0..self.keys.len()).into_par_iter().map(KeyId::at).map(of_key).reduce(|| (0, 0), sum);
        Counts {
            live_keys,
            changes: self.changes.len() as u64,
            tombstones,
            live_bytes,
            superseded_bytes: all_bytes.saturating_sub(live_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_named_by_its_own_revision() {
        assert!(is_gap(b"gap-12", 12));
        assert!(!is_gap(b"gap-12", 13) && !is_gap(b"gap-012", 12) && !is_gap(b"gap-", 0));
    }
}
