//! What rows of one store must have in common: where they do not, rows are missing or pages are of another time.
//!
//! A page of a torn copy may be well-formed and yet of another moment, so that structure alone proves nothing.

use rayon::prelude::*;

use super::Meta;
use crate::model::{Change, History, Op, Revision, Version};
use crate::source::{Damage, FileName, Place};

/// The key in which the apiserver notes its compactions (k8s apiserver pkg/storage/etcd3/compact.go).
const COMPACT_KEY: &[u8] = b"compact_rev_key";

/// A compaction that finished without having begun: etcd notes its beginning first (etcd server/storage/mvcc/kvstore.go,
/// updateCompactRev, and kvstore_compaction.go, scheduleCompaction).
pub fn unscheduled_compaction(file: &FileName, meta: &Meta) -> Option<Damage> {
    let finished = meta.finished_compact_revision.filter(|&finished| finished > 0)?;
    let scheduled = meta.scheduled_compact_revision.unwrap_or(0);
    (finished > scheduled).then(|| Damage {
        file: file.clone(),
        place: Place::File,
        id: "meta-value",
        what: format!(
            "a compaction to revision {finished} is finished, and the last one that began was to {scheduled}"
        ),
    })
}

/// Successive rows of a key whose numbers contradict each other: a put continues its life with the same create revision
/// and the next version, or begins one at its own revision (etcd server/storage/mvcc/kvstore_txn.go, put).
pub fn broken_chains(file: &FileName, history: &History) -> Vec<Damage> {
    let of_key = |key| {
        let mut found = Vec::new();
        let mut before: Option<&Change> = None;
        for change in history.changes_of(key) {
            let what = match before {
                Some(before) => contradiction(before, change),
                None => other_than_first(history, change).or_else(|| lost_beginning(history, change)),
            };
            if let Some(what) = what {
                let key = String::from_utf8_lossy(history.keys().get(key)).into_owned();
                found.push(Damage { file: file.clone(), place: Place::Key(key), id: "row-chain", what });
            }
            before = Some(change);
        }
        found
    };
    history.keys().ids().collect::<Vec<_>>().into_par_iter().flat_map_iter(of_key).collect()
}

fn contradiction(before: &Change, change: &Change) -> Option<String> {
    let (create, version) = match (change.op, change.create_revision, change.version) {
        (Op::Put, Some(create), Version::Known(version)) => (create, version),
        _ => return None,
    };
    let at = change.revision;
    let begins = create == at.main && version == 1;
    match (before.op, before.version) {
        (Op::Delete, _) if begins => None,
        (Op::Delete, _) => Some(format!(
            "revision {at} has version {version} of a life begun at {create}, though the key was deleted at {}",
            before.revision
        )),
        (Op::Put, Version::Known(last))
            if before.create_revision == Some(create) && last.checked_add(1) == Some(version) =>
        {
            None
        }
        (Op::Put, last) => Some(format!(
            "revision {at} has create revision {create} and version {version}, which does not follow revision {} with \
             create revision {} and version {}",
            before.revision,
            before.create_revision.unwrap_or(0),
            last.known().unwrap_or(0)
        )),
    }
}

/// The oldest row of a key that is there: it has version 1 exactly when its life begins with it. Conversions give the
/// apiserver's own key the version that its value says.
fn other_than_first(history: &History, change: &Change) -> Option<String> {
    let (create, version) = match (change.op, change.create_revision, change.version) {
        (Op::Put, Some(create), Version::Known(version)) => (create, version),
        _ => return None,
    };
    let is_other = (version == 1) != (create == change.revision.main) && history.keys().get(change.key) != COMPACT_KEY;
    is_other.then(|| {
        format!(
            "revision {} has version {version} of a life begun at {create}: the first of a life, and no other, is version 1",
            change.revision
        )
    })
}

/// The oldest row of a key that is not the first of its life, though that life began above the compact revision: nothing
/// can have taken the rows before it. A version of 2 is what conversions from kine give where they know no better, and the
/// version of the apiserver's own key is what its value says.
fn lost_beginning(history: &History, change: &Change) -> Option<String> {
    let (create, version) = match (change.op, change.create_revision, change.version) {
        (Op::Put, Some(create), Version::Known(version)) => (create, version),
        _ => return None,
    };
    let is_lost = version > 2 && create > history.compact_revision() && history.keys().get(change.key) != COMPACT_KEY;
    is_lost.then(|| {
        format!(
            "revision {} has version {version} of a life begun at {create}, above the compact revision {}, and no row of it \
             before is there",
            change.revision,
            history.compact_revision()
        )
    })
}

/// Changes of one transaction that are not numbered from 0 on without a gap, above the compact revision (etcd
/// server/storage/mvcc/kvstore_txn.go, put and delete).
pub fn broken_transactions(file: &FileName, rows: &[super::Row], compact: i64) -> Vec<Damage> {
    let mut expected = Revision::default();
    let mut found = Vec::new();
    for revision in rows.iter().map(|row| row.at.revision).filter(|revision| revision.main > compact) {
        if revision.main != expected.main {
            expected = Revision::new(revision.main);
        }
        // The same revision as a put and a tombstone is another finding.
        if revision.sub > expected.sub {
            let what = format!("revision {revision} is there, and {expected}, written before it at once, is not");
            found.push(Damage {
                file: file.clone(),
                place: Place::Key(format!("revision {revision}")),
                id: "row-sub",
                what,
            });
        }
        expected.sub = revision.sub.saturating_add(1);
    }
    found
}

/// Ranges of revisions above the compact revision that no row has: each write takes exactly one revision, so etcd itself
/// leaves none, and begins with revision 2; restores with a bump, and converters, do.
pub fn holes(rows: &[super::Row], compact: i64) -> Vec<(i64, i64)> {
    let mut holes = Vec::new();
    let mut last = compact.max(1);
    for main in rows.iter().map(|row| row.at.revision.main) {
        if main > last.saturating_add(1) {
            holes.push((last + 1, main - 1));
        }
        last = last.max(main);
    }
    holes
}
