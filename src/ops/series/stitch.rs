//! One object's history over many snapshots: each keeps only what was not compacted when it was taken.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::kube::meta::Meta;
use crate::model::{Change, KeyId, Op, Revision};
use crate::ops::objects::Objects;

/// A change, and the snapshots that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When.
    pub revision: Revision,
    /// Put or tombstone.
    pub op: Op,
    /// Bytes of the value.
    pub size: u32,
    /// SHA-256 of the stored value; none for a tombstone.
    pub sha256: Option<[u8; 32]>,
    /// The newest time that the object tells.
    pub time: Option<Timestamp>,
    /// The first snapshot that has it, in the order in which they were given.
    pub first: PathBuf,
    /// The last.
    pub last: PathBuf,
    /// How many have it.
    pub snapshots: usize,
    /// Whether another value stands at the same revision in another snapshot: the histories are not of one line.
    pub forked: bool,
}

/// The changes of one key of one cluster.
#[derive(Clone, Debug, Default)]
pub struct Stitched {
    changes: BTreeMap<(Revision, bool, Option<[u8; 32]>), Seen>,
}

impl Stitched {
    /// Counts in what one snapshot knows of the key. A value that cannot be read is left out, and counted in the answer.
    pub fn add(&mut self, path: &std::path::Path, objects: &Objects<'_>, key: KeyId) -> usize {
        let mut unread = 0;
        for change in objects.history().changes_of(key) {
            match seen(path, objects, change) {
                Some(seen) => {
                    let at = (seen.revision, seen.op == Op::Delete, seen.sha256);
                    let known = self.changes.entry(at).or_insert_with(|| Seen { snapshots: 0, ..seen });
                    known.snapshots += 1;
                    known.last = path.to_owned();
                }
                None => unread += 1,
            }
        }
        unread
    }

    /// All changes in the order of their revisions.
    pub fn finish(self) -> Vec<Seen> {
        let mut changes: Vec<Seen> = self.changes.into_values().collect();
        let revisions: Vec<Revision> = changes.iter().map(|change| change.revision).collect();
        for (at, change) in changes.iter_mut().enumerate() {
            let same = |other: Option<usize>| other.and_then(|at| revisions.get(at)) == Some(&change.revision);
            change.forked = same(at.checked_sub(1)) || same(at.checked_add(1));
        }
        changes
    }
}

fn seen(path: &std::path::Path, objects: &Objects<'_>, change: &Change) -> Option<Seen> {
    let value = objects.history().value(change.value).ok()?;
    let plain = objects.plain(change).ok();
    let meta = plain.as_deref().filter(|_| change.is_put()).and_then(Meta::read);
    let is_first = change.create_revision == Some(change.revision.main);
    Some(Seen {
        revision: change.revision,
        op: change.op,
        size: change.value.len,
        sha256: change.is_put().then(|| Sha256::digest(&value).into()),
        time: meta.and_then(|meta| meta.newest(is_first)),
        first: path.to_owned(),
        last: path.to_owned(),
        snapshots: 1,
        forked: false,
    })
}
