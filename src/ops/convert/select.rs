//! Which changes of the source a conversion to the other engine takes.

use super::Options;
use super::plan::{Bounds, LeftOut, Reason};
use crate::model::{Change, History, KeyId};

/// Keys of k3s's embedded etcd (k3s pkg/etcd/etcd.go, learnerProgressKey and AddressKey).
const EMBEDDED_ETCD_KEYS: [&[u8]; 2] = [b"k3s/etcd/learnerProgress", b"k3s/apiaddresses"];

/// Whether a key belongs to embedded etcd.
pub(super) fn is_embedded_etcd_s(key: &[u8]) -> bool {
    EMBEDDED_ETCD_KEYS.contains(&key)
}

/// The changes that come along, by position in the history, and the live one of each key.
pub(super) struct Selection {
    /// For each change of the history whether it comes along.
    pub taken: Vec<bool>,
    /// For each key the position of its live change, at the chosen moment.
    pub live: Vec<Option<u32>>,
    /// Changes that the user did not want.
    pub not_wanted: u64,
}

impl Selection {
    /// All changes up to `bounds.upto`, or only the live ones; without what is compacted or dropped on the way.
    pub fn new(history: &History, bounds: Bounds, options: &Options) -> Self {
        let changes = history.changes();
        let mut live: Vec<Option<u32>> = vec![None; history.keys().len()];
        for (position, change) in (0u32..).zip(changes).take_while(|(_, change)| change.revision.main <= bounds.upto) {
            if let Some(slot) = live.get_mut(change.key.index()) {
                *slot = change.is_put().then_some(position);
            }
        }
        let drops = |change: &Change| options.prune.as_ref().is_some_and(|prune| prune.drop.contains(&change.key));
        let mut taken = vec![false; changes.len()];
        let mut not_wanted = 0;
        for (position, change) in changes.iter().enumerate() {
            let is_live = live.get(change.key.index()).copied().flatten() == Some(position as u32);
            let compacted =
                options.prune.as_ref().is_some_and(|prune| prune.compacts(history, change, position as u32));
            let wanted = (options.history || is_live) && !compacted && !drops(change);
            let take = change.revision.main <= bounds.upto && wanted;
            not_wanted += u64::from(!take);
            if let Some(slot) = taken.get_mut(position) {
                *slot = take;
            }
        }
        for key in options.prune.iter().flat_map(|prune| &prune.drop) {
            if let Some(live) = live.get_mut(key.index()) {
                *live = None;
            }
        }
        Self { taken, live, not_wanted }
    }

    /// Whether a key is live at the chosen moment.
    pub fn is_live_key(&self, key: KeyId) -> bool {
        self.live.get(key.index()).copied().flatten().is_some()
    }

    /// Whether the change at `position` is its key's live one.
    pub fn is_live(&self, position: u32, change: &Change) -> bool {
        self.live.get(change.key.index()).copied().flatten() == Some(position)
    }

    /// Whether the change at `position` comes along.
    pub fn is_taken(&self, position: u32) -> bool {
        self.taken.get(position as usize).copied().unwrap_or(false)
    }

    /// Leaves the change at `position` out, and says so; a change that is out already is not said twice.
    pub fn leave_out(&mut self, history: &History, position: u32, reason: Reason, left_out: &mut Vec<LeftOut>) {
        let Some(taken) = self.taken.get_mut(position as usize).filter(|taken| **taken) else { return };
        *taken = false;
        if let Some(change) = history.changes().get(position as usize) {
            left_out.push(LeftOut { key: change.key, revision: Some(change.revision.main), reason });
        }
    }

    /// Leaves all changes of a key out, the live one included.
    pub fn leave_out_key(&mut self, history: &History, key: KeyId, reason: Reason, left_out: &mut Vec<LeftOut>) {
        for &position in history.positions_of(key) {
            self.leave_out(history, position, reason, left_out);
        }
        if let Some(live) = self.live.get_mut(key.index()) {
            *live = None;
        }
    }
}
