//! One history of what is live and what was deleted.

use std::borrow::Cow;
use std::sync::Arc;

use super::found::{Found, Known};
use super::{Deleted, Undeleted};
use crate::model::{
    Change, History, HistoryBuilder, KeyId, Keys, LeaseRef, Op, ReadValue, Revision, ValueRef, Version,
};
use crate::source::{Damage, FileName, Place};

/// Values of several readers under one numbering.
struct Mixed {
    values: Vec<(Arc<dyn ReadValue>, ValueRef)>,
}

impl ReadValue for Mixed {
    fn read(&self, at: ValueRef) -> Result<Cow<'_, [u8]>, Damage> {
        match usize::try_from(at.place).ok().and_then(|place| self.values.get(place)) {
            Some((_, at)) if *at == ValueRef::NONE || at.len == 0 => Ok(Cow::Borrowed(&[])),
            Some((reader, at)) => reader.read(*at),
            None => Err(Damage {
                file: FileName::new("undelete"),
                place: Place::File,
                id: "value-outside",
                what: "a value of no change".to_owned(),
            }),
        }
    }
}

/// Puts the best value of each deleted key beside the live ones.
pub(super) fn merge(history: &History, found: Found, notes: Vec<String>) -> Undeleted {
    let live: Vec<&Change> = history.keys().ids().filter_map(|key| history.live(key)).collect();
    let mut deleted: Vec<(Vec<u8>, super::found::OfKey, Known)> = found
        .into_iter()
        .filter_map(|(key, of_key)| {
            let best = of_key.best()?.clone();
            Some((key, of_key, best))
        })
        .collect();
    deleted.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    let live_names = live.iter().map(|change| history.keys().get(change.key));
    let names: Vec<&[u8]> = live_names.chain(deleted.iter().map(|(key, ..)| key.as_slice())).collect();
    let (keys, ids) = Keys::intern(&names);
    let mut mixed = Mixed { values: Vec::with_capacity(ids.len()) };
    let mut changes = Vec::with_capacity(ids.len());
    let reader = history.values();
    for (change, key) in live.iter().zip(&ids) {
        let value = mixed.add(reader.clone(), change.value);
        changes.push(Change { key: *key, value, ..**change });
    }
    let mut items = Vec::with_capacity(deleted.len());
    for ((_, of_key, best), key) in deleted.iter().zip(ids.iter().skip(live.len())) {
        let value = mixed.add(best.value.0.clone(), best.value.1);
        changes.push(put(best, *key, value));
        items.push(Deleted {
            key: *key,
            position: 0,
            revision: best.revision,
            newest_known: of_key.newest_known,
            // A key whose newest known row is behind its last known deletion was deleted once more.
            deleted_at: of_key.deleted_at.filter(|at| best.revision.is_none_or(|revision| *at > revision)),
            source: best.source,
            evidence: best.evidence,
            size: best.value.1.len,
            older: u32::try_from(of_key.values.len().saturating_sub(1)).unwrap_or(u32::MAX),
        });
    }
    let merged = HistoryBuilder {
        engine: history.engine(),
        keys,
        changes,
        leases: history.leases().to_vec(),
        current_revision: history.current_revision(),
        compact_revision: history.compact_revision(),
        gap_rows: 0,
        values: Arc::new(mixed),
    }
    .build();
    for item in &mut items {
        item.position = merged.positions_of(item.key).last().copied().unwrap_or(u32::MAX);
    }
    items.sort_by_key(|item| item.key);
    Undeleted { history: merged, deleted: items, notes }
}

impl Mixed {
    fn add(&mut self, reader: Arc<dyn ReadValue>, at: ValueRef) -> ValueRef {
        self.values.push((reader, at));
        ValueRef { place: (self.values.len() - 1) as u64, len: at.len }
    }
}

fn put(known: &Known, key: KeyId, value: ValueRef) -> Change {
    Change {
        revision: Revision::new(known.revision.unwrap_or(0)),
        key,
        op: Op::Put,
        evidence: known.evidence,
        create_revision: known.create_revision,
        version: Version::AtLeast(1),
        lease: LeaseRef::None,
        value,
    }
}
