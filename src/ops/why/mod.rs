//! Where the bytes of a store are, and why.

pub mod clock;
pub mod contents;
pub mod groups;
pub mod sizes;
pub mod verdict;

use rayon::prelude::*;

use self::clock::{Clock, Compaction, Rate};
use self::contents::{Contents, Share};
use self::groups::{Group, What};
use self::sizes::{FileBytes, Size, Sizes};
use self::verdict::{Verdict, judge};
use crate::model::{Engine, KeyId};
use crate::ops::objects::Objects;
use crate::ops::store::OpenStore;

/// Into how many parts the time that a store knows is cut for its rate of revisions.
const INTERVALS: u32 = 48;

/// What a cause of bytes is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The values of one kind in one namespace, or of other keys of one prefix.
    Keys(Box<Group>),
    /// Pages that hold nothing the store still needs.
    Free(u64),
    /// Pages that only lead to others.
    Index(u64),
    /// The end of etcd's file that was never used.
    Unused(u64),
    /// Names, numbers, headers, half full pages.
    Rest(u64),
}

impl Cause {
    /// Its bytes. Those of all causes add up to the database.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Keys(group) => group.size.all(),
            Self::Free(bytes) | Self::Index(bytes) | Self::Unused(bytes) | Self::Rest(bytes) => *bytes,
        }
    }
}

/// One key with its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySize {
    /// The key.
    pub key: Vec<u8>,
    /// What it is.
    pub what: What,
    /// Its bytes.
    pub size: Size,
}

/// Where the bytes of a store are.
#[derive(Clone, Debug)]
pub struct Why {
    /// Who wrote it.
    pub engine: Engine,
    /// The newest revision.
    pub current_revision: i64,
    /// Of the files.
    pub bytes: FileBytes,
    /// Of all values.
    pub values: Size,
    /// The prefixes of keys, the largest first.
    pub groups: Vec<Group>,
    /// The keys that take most, the largest first.
    pub keys: Vec<KeySize>,
    /// Writers, the largest first.
    pub writers: Vec<(String, Share)>,
    /// Owners, the largest first.
    pub owners: Vec<(String, Share)>,
    /// managedFields inside of the values.
    pub managed: contents::Managed,
    /// Values that are encrypted and were not opened: nobody knows their writers and owners.
    pub locked: u64,
    /// How far compaction is behind.
    pub compaction: Compaction,
    /// How fast revisions came; none where stamps do not tell.
    pub rate: Option<Rate>,
    /// What most of it is.
    pub verdict: Verdict,
}

impl Why {
    /// Of a store with its objects at the newest revision; so many keys are named.
    pub fn of(source: &OpenStore, objects: &Objects<'_>, most_keys: usize) -> Self {
        let history = objects.history();
        let sizes = Sizes::of(&source.store);
        let (groups, contents) =
            rayon::join(|| groups::groups(objects, &sizes), || contents::contents(objects, &sizes));
        let mut values = Size::default();
        groups.iter().for_each(|group| values.add(&group.size));
        let bytes = FileBytes::of(&source.store, &source.files, &values);
        let clock = Clock::new(&contents.stamps);
        let compaction = clock.compaction(history);
        let verdict = judge(&bytes, &groups, &compaction);
        let Contents { writers, owners, managed, locked, .. } = contents;
        Self {
            engine: history.engine(),
            current_revision: history.current_revision(),
            keys: largest_keys(objects, &sizes, most_keys),
            rate: clock.rate(INTERVALS),
            bytes,
            values,
            groups,
            writers,
            owners,
            managed,
            locked,
            compaction,
            verdict,
        }
    }

    /// All causes, the largest first.
    pub fn causes(&self) -> Vec<Cause> {
        let bytes = &self.bytes;
        let others =
            [Cause::Free(bytes.free), Cause::Index(bytes.index), Cause::Unused(bytes.unused), Cause::Rest(bytes.rest)];
        let groups = self.groups.iter().cloned().map(|group| Cause::Keys(Box::new(group)));
        let mut causes: Vec<Cause> = groups.chain(others).filter(|cause| cause.bytes() > 0).collect();
        causes.sort_by_key(|cause| std::cmp::Reverse(cause.bytes()));
        causes
    }

    /// By kind, the largest first.
    pub fn kinds(&self) -> Vec<(What, Size)> {
        groups::sum_by(&self.groups, |group| What { namespace: None, ..group.what.clone() })
    }

    /// By namespace, the largest first; none for what is in no namespace.
    pub fn namespaces(&self) -> Vec<(Option<String>, Size)> {
        groups::sum_by(&self.groups, |group| group.what.namespace.clone())
    }
}

fn largest_keys(objects: &Objects<'_>, sizes: &Sizes<'_>, most: usize) -> Vec<KeySize> {
    let history = objects.history();
    let ids: Vec<KeyId> = history.keys().ids().collect();
    let mut all: Vec<(KeyId, Size)> =
        ids.par_iter().map(|key| (*key, sizes.of_key(*key, objects.revision()))).collect();
    all.par_sort_by_key(|(key, size)| (std::cmp::Reverse(size.all()), *key));
    all.truncate(most);
    let named = all.into_iter().filter(|(_, size)| size.changes > 0);
    named
        .map(|(key, size)| KeySize { key: history.keys().get(key).to_vec(), what: groups::what(objects, key), size })
        .collect()
}
