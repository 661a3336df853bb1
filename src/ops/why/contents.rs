//! What the values say: who wrote them, whose they are, how much of them is managedFields, and when they were written.

use std::borrow::Cow;
use std::collections::HashMap;

use rayon::prelude::*;

use super::sizes::Sizes;
use crate::kube::meta::Meta;
use crate::model::{Change, KeyId, Says, Stamped};
use crate::ops::objects::{ObjectError, Objects};

/// Changes of one writer, or values of one owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Bytes of the values, kine's copies among them.
    pub bytes: u64,
    /// Of these, those that are live.
    pub live: u64,
    /// Changes.
    pub changes: u64,
}

impl Share {
    fn add(&mut self, other: &Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.live = self.live.saturating_add(other.live);
        self.changes += other.changes;
    }
}

/// `metadata.managedFields` inside of the values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Managed {
    /// In all values that are puts.
    pub bytes: u64,
    /// In the live ones.
    pub live: u64,
}

/// What the values say.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// By the manager whose entry in managedFields is the newest, the largest first.
    pub writers: Vec<(String, Share)>,
    /// By the object that controls the newest value, the largest first.
    pub owners: Vec<(String, Share)>,
    /// managedFields.
    pub managed: Managed,
    /// When revisions were written, in their order.
    pub stamps: Vec<Stamped>,
    /// Values that are encrypted and were not opened.
    pub locked: u64,
}

/// Who wrote a change, where it is no manager.
const NO_MANAGER: &str = "(no manager)";
const SEVERAL: &str = "(several at once)";
const ENCRYPTED: &str = "(encrypted)";
const DELETIONS: &str = "(deletions)";
const NO_OWNER: &str = "(no owner)";

#[derive(Default)]
struct Part {
    writers: HashMap<String, Share>,
    owners: HashMap<String, Share>,
    managed: Managed,
    stamps: Vec<Stamped>,
    locked: u64,
}

/// Reads the metadata of all values up to the moment of `objects`.
pub fn contents(objects: &Objects<'_>, sizes: &Sizes<'_>) -> Contents {
    let keys: Vec<KeyId> = objects.history().keys().ids().collect();
    let enter = |mut part: Part, key: &KeyId| {
        part.key(objects, sizes, *key);
        part
    };
    let whole = keys.par_iter().fold(Part::default, enter).reduce(Part::default, Part::merged);
    let mut stamps = whole.stamps;
    stamps.par_sort_unstable_by_key(|stamp| stamp.revision);
    let (writers, owners) = (largest_first(whole.writers), largest_first(whole.owners));
    Contents { writers, owners, managed: whole.managed, stamps, locked: whole.locked }
}

fn largest_first(shares: HashMap<String, Share>) -> Vec<(String, Share)> {
    let mut shares: Vec<_> = shares.into_iter().collect();
    shares.sort_by(|a, b| b.1.bytes.cmp(&a.1.bytes).then_with(|| a.0.cmp(&b.0)));
    shares
}

fn enter(shares: &mut HashMap<String, Share>, name: &str, share: &Share) {
    match shares.get_mut(name) {
        Some(sum) => sum.add(share),
        None => _ = shares.insert(name.to_owned(), *share),
    }
}

impl Part {
    fn merged(mut self, other: Self) -> Self {
        let sides = [(&mut self.writers, other.writers), (&mut self.owners, other.owners)];
        for (own, others) in sides {
            others.iter().for_each(|(name, share)| enter(own, name, share));
        }
        self.managed.bytes += other.managed.bytes;
        self.managed.live += other.managed.live;
        self.stamps.extend(other.stamps);
        self.locked += other.locked;
        self
    }

    fn key(&mut self, objects: &Objects<'_>, sizes: &Sizes<'_>, key: KeyId) {
        let history = objects.history();
        let mut owner = NO_OWNER.to_owned();
        let mut all = Share::default();
        let mut before: Vec<(String, Option<jiff::Timestamp>)> = Vec::new();
        let mut last_managed = 0;
        let positions = history.positions_of(key);
        let changes = positions.iter().filter_map(|&at| Some((at, history.changes().get(at as usize)?)));
        let changes = changes.take_while(|(_, change)| change.revision.main <= objects.revision());
        let mut last_writer = None;
        for (position, change) in changes {
            let bytes = u64::from(change.value.len).saturating_add(sizes.copies(position));
            let share = Share { bytes, live: 0, changes: 1 };
            all.add(&share);
            last_managed = 0;
            let writer = if change.is_put() {
                let plain = objects.plain(change);
                self.locked += u64::from(matches!(plain, Err(ObjectError::Locked { .. })));
                let meta = plain.as_ref().ok().and_then(|value| Meta::read(value));
                if let Some(meta) = &meta {
                    last_managed = meta.managed_bytes;
                    self.managed.bytes += meta.managed_bytes;
                    self.stamps.extend(stamp(change, meta));
                    owner = meta.owner.as_ref().map_or_else(|| NO_OWNER.to_owned(), |owner| shown(meta, owner));
                }
                let writer = match (&plain, &meta) {
                    (Err(_), _) => Cow::Borrowed(ENCRYPTED),
                    (Ok(_), Some(meta)) => writer(meta, &before),
                    (Ok(_), None) => Cow::Borrowed(NO_MANAGER),
                };
                let writer = writer.into_owned();
                before.clear();
                before.extend(meta.iter().flat_map(|meta| &meta.managers).map(|m| (m.name.to_string(), m.at)));
                writer
            } else {
                before.clear();
                DELETIONS.to_owned()
            };
            enter(&mut self.writers, &writer, &share);
            last_writer = change.is_put().then_some((writer, u64::from(change.value.len)));
        }
        if let Some((writer, live)) = last_writer {
            enter(&mut self.writers, &writer, &Share { live, ..Share::default() });
            all.live = live;
            self.managed.live += last_managed;
        }
        if all.changes > 0 {
            enter(&mut self.owners, &owner, &all);
        }
    }
}

fn shown(meta: &Meta<'_>, (kind, name): &(Cow<'_, str>, Cow<'_, str>)) -> String {
    if meta.namespace.is_empty() { format!("{kind} {name}") } else { format!("{kind} {}/{name}", meta.namespace) }
}

/// The manager whose entry is the newest; of several in one second the one whose entry the value before did not have.
fn writer<'m>(meta: &'m Meta<'_>, before: &[(String, Option<jiff::Timestamp>)]) -> Cow<'m, str> {
    let Some(newest) = meta.managers.iter().filter_map(|manager| manager.at).max() else {
        return Cow::Borrowed(NO_MANAGER);
    };
    let mut names: Vec<&str> =
        meta.managers.iter().filter(|manager| manager.at == Some(newest)).map(|manager| &*manager.name).collect();
    names.dedup();
    if names.len() > 1 {
        names.retain(|name| !before.iter().any(|(other, at)| other == name && *at == Some(newest)));
        names.sort_unstable();
        names.dedup();
    }
    match names.as_slice() {
        [one] => Cow::Borrowed(one),
        _ => Cow::Borrowed(SEVERAL),
    }
}

fn stamp(change: &Change, meta: &Meta<'_>) -> Option<Stamped> {
    let is_first = change.create_revision == Some(change.revision.main);
    let says = if is_first && meta.created.is_some() { Says::Then } else { Says::NotBefore };
    Some(Stamped { revision: change.revision.main, at: meta.newest(is_first)?, says })
}

/// The stamps of some changes, in their order.
pub fn stamps_of(objects: &Objects<'_>, changes: &[Change]) -> Vec<Stamped> {
    let one = |change: &Change| {
        let value = change.is_put().then(|| objects.plain(change).ok())??;
        stamp(change, &Meta::read(&value)?)
    };
    changes.iter().filter_map(one).collect()
}
