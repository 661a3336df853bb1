//! How much was live at each revision that the store still knows.

use crate::model::{History, Op};

/// What was live right after a revision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// The revision.
    pub revision: i64,
    /// Keys that were live.
    pub live_keys: u64,
    /// Bytes of their values.
    pub live_bytes: u64,
    /// Bytes of all values written since the first point, with those that were live then.
    pub written_bytes: u64,
}

/// Points of a curve at most: a screen has no more.
const MOST: usize = 400;

/// The curve from the compact revision to the newest: before it, nobody knows what was live.
pub(super) fn points(history: &History) -> Vec<Point> {
    let compact = history.compact_revision();
    let mut live: Vec<Option<u32>> = vec![None; history.keys().len()];
    let mut at = Point { revision: compact, ..Point::default() };
    let mut points = Vec::new();
    let changes = history.changes();
    let after = changes.len() - changes.partition_point(|change| change.revision.main <= compact);
    let apart = after.div_ceil(MOST).max(1);
    let (mut seen, mut drawn) = (0, 0);
    for (index, change) in changes.iter().enumerate() {
        let counts = change.revision.main > compact;
        if counts && seen == 0 {
            at.written_bytes = at.live_bytes;
            points.push(at);
        }
        let Some(slot) = live.get_mut(change.key.index()) else { continue };
        let before = std::mem::replace(slot, (change.op == Op::Put).then_some(change.value.len));
        let bytes = |value: Option<u32>| value.map_or(0, u64::from);
        at.live_keys = at.live_keys + u64::from(slot.is_some()) - u64::from(before.is_some());
        at.live_bytes = at.live_bytes + bytes(*slot) - bytes(before);
        at.written_bytes += bytes(*slot);
        if counts {
            seen += 1;
            at.revision = change.revision.main;
            // A transaction of etcd may have many changes, and only the last of them ends the revision.
            let ends = changes.get(index + 1).is_none_or(|next| next.revision.main != change.revision.main);
            if ends && (seen >= drawn + apart || seen == after) {
                points.push(at);
                drawn = seen;
            }
        }
    }
    points
}
