//! What rows of one store must have in common: where they do not, rows are missing or pages are of another time.
//!
//! A page of a torn copy may be well-formed and yet of another moment, so that structure alone proves nothing.

use rayon::prelude::*;

use crate::model::{Change, History, Op, Version};
use crate::source::{Damage, FileName, Place};

/// Successive rows of a key whose numbers contradict each other: a put continues its life with the same create revision
/// and the next version, or begins one at its own revision (etcd server/storage/mvcc/kvstore_txn.go, put).
pub fn broken_chains(file: &FileName, history: &History) -> Vec<Damage> {
    let of_key = |key| {
        let mut found = Vec::new();
        let mut before: Option<&Change> = None;
        for change in history.changes_of(key) {
            if let Some(what) = before.and_then(|before| contradiction(before, change)) {
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

/// Ranges of revisions above the compact revision that no row has: each write takes exactly one revision, so etcd itself
/// leaves none; restores with a bump, and converters, do.
pub fn holes(rows: &[super::Row], compact: i64) -> Vec<(i64, i64)> {
    let mut holes = Vec::new();
    let mut last: Option<i64> = None;
    for main in rows.iter().map(|row| row.at.revision.main).filter(|&main| main > compact) {
        let expected = last.map_or(compact.max(1), |last| last).saturating_add(1);
        if main > expected && (last.is_some() || compact > 0) {
            holes.push((expected, main - 1));
        }
        last = Some(main);
    }
    holes
}
