//! Which revisions may have had rows that are lost.

use super::tree::Gone;
use crate::model::Revision;

/// A main revision as far as its rows are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Main {
    pub main: i64,
    /// Whether all its rows are there by all that can be seen: numbered from 0 on, each with its key.
    pub is_whole: bool,
}

/// Known main revisions, ascending, from the rows in order: revision, and whether its key is known.
pub(super) fn mains(rows: impl Iterator<Item = (Revision, bool)>) -> Vec<Main> {
    let mut mains: Vec<Main> = Vec::new();
    let mut expected = 0;
    let mut last = None;
    for (at, has_key) in rows {
        match mains.last_mut() {
            Some(before) if before.main == at.main => {
                // The same revision as a put and a tombstone is a contradiction, and not whole.
                before.is_whole &= has_key && at.sub == expected && last != Some(at);
            }
            _ => mains.push(Main { main: at.main, is_whole: has_key && at.sub == 0 }),
        }
        expected = at.sub.saturating_add(1);
        last = Some(at);
    }
    mains
}

/// Ranges of main revisions above `compact` inside a lost range that no whole main revision fills. `has_row` tells whether
/// any row from one revision up to another is known.
pub(super) fn unknown_in(
    gone: &Gone,
    mains: &[Main],
    compact: i64,
    has_row: impl Fn(Revision, Revision) -> bool,
) -> Vec<(i64, i64)> {
    let highest = mains.last().map_or(0, |last| last.main);
    // A store begins at revision 1, without a row (etcd server/storage/mvcc/kvstore.go, NewStore).
    let first = gone.from.main.max(compact.saturating_add(1)).max(2);
    let last = match gone.upto {
        Some(Revision { main, sub: 0 }) => main.saturating_sub(1),
        Some(Revision { main, .. }) => main,
        None => highest,
    };
    let mut found = Vec::new();
    let start = mains.partition_point(|known| known.main < first);
    let mut next = first;
    for known in mains.iter().skip(start).take_while(|known| known.main <= last) {
        if known.main > next {
            found.push((next, known.main - 1));
        }
        if !known.is_whole {
            found.push((known.main, known.main));
        }
        next = known.main.saturating_add(1);
    }
    if next <= last {
        found.push((next, last));
    }
    // Something stood there: where all main revisions are known, it was another row of one of them.
    let next_to = Revision { sub: gone.from.sub.saturating_add(1), ..gone.from };
    let is_missing = match gone.upto {
        _ if gone.has_from => !has_row(gone.from, next_to),
        Some(upto) if gone.page.is_none() => !has_row(gone.from, upto),
        _ => false,
    };
    if found.is_empty() && is_missing && gone.from.main > compact {
        found.push((gone.from.main, gone.upto.map_or(highest, |upto| upto.main).max(gone.from.main)));
    }
    found
}

/// Puts ranges in order and joins those that touch.
pub(super) fn joined(mut ranges: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    ranges.sort_unstable();
    let mut joined: Vec<(i64, i64)> = Vec::with_capacity(ranges.len());
    for (from, upto) in ranges {
        match joined.last_mut() {
            Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(upto),
            _ => joined.push((from, upto)),
        }
    }
    joined
}
