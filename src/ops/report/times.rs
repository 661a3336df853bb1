//! When things happened, as far as the objects tell.

use jiff::Timestamp;

use super::growth::Point;
use crate::model::{Change, Op, Says};
use crate::ops::moments::{self, stamped};
use crate::ops::objects::Objects;

/// A revision whose time is known, and what was live then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The revision.
    pub revision: i64,
    /// When it was written, by the server's clock, to the second.
    pub at: Timestamp,
    /// Keys that were live; `None` below the compact revision.
    pub live_keys: Option<u64>,
    /// Bytes of their values.
    pub live_bytes: Option<u64>,
}

/// One of the newest changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recent {
    /// The revision.
    pub revision: i64,
    /// What was done.
    pub op: Op,
    /// The key.
    pub key: Vec<u8>,
    /// Bytes of its value; `None` for a tombstone.
    pub size: Option<u32>,
    /// The newest time inside: it was written then or later.
    pub stamp: Option<Timestamp>,
}

/// Creations that are looked into at most.
const LOOKED_AT: usize = 4000;
/// Marks that are kept at most.
const MOST_MARKS: usize = 200;
/// The newest changes that are told.
const MOST_RECENT: usize = 20;

/// Every so many-th of a list, and its last.
fn thinned<T: Clone>(all: &[T], most: usize) -> Vec<T> {
    let apart = all.len().div_ceil(most).max(1);
    let mut thin: Vec<T> = all.iter().step_by(apart).cloned().collect();
    if let (Some(last), false) = (all.last(), all.is_empty() || (all.len() - 1).is_multiple_of(apart)) {
        thin.push(last.clone());
    }
    thin
}

/// The times at which objects were created: the server sets them while it writes.
pub(super) fn marks(objects: &Objects<'_>, growth: &[Point]) -> Vec<Mark> {
    let is_first = |change: &&Change| change.is_put() && change.create_revision == Some(change.revision.main);
    let created: Vec<Change> = objects.history().changes().iter().filter(is_first).copied().collect();
    let mut marks: Vec<Mark> = Vec::new();
    // Backwards: what is later than a later revision says is not believed.
    for stamped in stamped(objects, &thinned(&created, LOOKED_AT)).into_iter().rev() {
        if stamped.says == Says::Then && marks.last().is_none_or(|later| stamped.at <= later.at) {
            let at = growth.partition_point(|point| point.revision <= stamped.revision);
            let point = at.checked_sub(1).and_then(|at| growth.get(at));
            marks.push(Mark {
                revision: stamped.revision,
                at: stamped.at,
                live_keys: point.map(|point| point.live_keys),
                live_bytes: point.map(|point| point.live_bytes),
            });
        }
    }
    marks.reverse();
    thinned(&marks, MOST_MARKS)
}

/// The newest changes, the newest first.
pub(super) fn recent(objects: &Objects<'_>) -> Vec<Recent> {
    let history = objects.history();
    let one = |change: &Change| Recent {
        revision: change.revision.main,
        op: change.op,
        key: history.keys().get(change.key).to_vec(),
        size: change.is_put().then_some(change.value.len),
        stamp: moments::stamp(objects, change).map(|stamped| stamped.at),
    };
    history.changes().iter().rev().take(MOST_RECENT).map(one).collect()
}
