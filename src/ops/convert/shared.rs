//! Revisions that several changes share, on the way to kine, which keeps one row per revision.
//!
//! etcd deletes all keys of an expired lease in one transaction, so that real files are full of revisions with tens of
//! tombstones. The row goes to the live put, else to any put, else to the first change; a key whose tombstone gets no row
//! loses the life that it ended, as kine's next compaction would have it.

use super::plan::{LeftOut, PlanError, Reason};
use super::select::Selection;
use crate::model::{Change, History, Op};

/// Leaves out what has no row. Revisions are taken from the newest down: a lost tombstone frees the rows of its life
/// further down, which can then go to others.
///
/// # Errors
/// [`PlanError::SharedByLiveKeys`].
pub(super) fn settle(
    history: &History,
    selection: &mut Selection,
    left_out: &mut Vec<LeftOut>,
) -> Result<(), PlanError> {
    let changes = history.changes();
    let mut end = changes.len();
    while let Some(last) = end.checked_sub(1).and_then(|at| changes.get(at)) {
        let main = last.revision.main;
        let start = changes.partition_point(|change| change.revision.main < main);
        if end - start > 1 {
            settle_one(history, start as u32..end as u32, selection, left_out)?;
        }
        end = start;
    }
    Ok(())
}

fn settle_one(
    history: &History,
    group: std::ops::Range<u32>,
    selection: &mut Selection,
    left_out: &mut Vec<LeftOut>,
) -> Result<(), PlanError> {
    let group: Vec<(u32, &Change)> = group
        .filter(|&position| selection.is_taken(position))
        .filter_map(|position| Some((position, history.changes().get(position as usize)?)))
        .collect();
    let live: Vec<&(u32, &Change)> =
        group.iter().filter(|(position, change)| selection.is_live(*position, change)).collect();
    if let [(_, first), _, ..] = live.as_slice() {
        let keys: Vec<String> =
            live.iter().map(|(_, change)| history.keys().get(change.key).escape_ascii().to_string()).collect();
        return Err(PlanError::SharedByLiveKeys { revision: first.revision.main, keys: keys.join(", ") });
    }
    let put = group.iter().find(|(_, change)| change.is_put());
    let Some(&&(winner, _)) = live.first().copied().or(put).or(group.first()).as_ref() else { return Ok(()) };
    for &(position, change) in group.iter().filter(|(position, _)| *position != winner) {
        match change.op {
            Op::Put => selection.leave_out(history, position, Reason::SharedRevision, left_out),
            Op::Delete => leave_out_life(history, position, change, selection, left_out),
        }
    }
    Ok(())
}

/// Leaves out a tombstone and the puts of the life it ended.
fn leave_out_life(
    history: &History,
    tombstone: u32,
    change: &Change,
    selection: &mut Selection,
    left_out: &mut Vec<LeftOut>,
) {
    let of_key = history.positions_of(change.key);
    let upto = of_key.partition_point(|&position| position < tombstone);
    selection.leave_out(history, tombstone, Reason::LifeOfSharedTombstone, left_out);
    for &position in of_key.get(..upto).unwrap_or_default().iter().rev() {
        if history.changes().get(position as usize).is_none_or(|change| change.op == Op::Delete) {
            break;
        }
        selection.leave_out(history, position, Reason::LifeOfSharedTombstone, left_out);
    }
}
