//! The search through a store and the bytes around it.

use std::sync::Arc;

use rayon::prelude::*;

use super::Undeleted;
use super::found::{Found, Known, OfKey, Source};
use super::merge::merge;
use crate::bolt::{Bolt, PageNo, PageSet};
use crate::etcd::keyvalue::{KeyValue, RowKey};
use crate::kine::salvage::{Held, Salvage};
use crate::kine::schema::COMPACT_KEY;
use crate::model::{Change, Evidence, History, Op, ReadValue, ValueRef, is_gap};
use crate::ops::store::{OpenStore, Store};
use crate::source::Files;
use crate::sqlite::Reading;

/// What is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only what the store's own rows say; free bytes are not searched.
    pub rows_only: bool,
}

/// Finds what was deleted and is still there.
pub fn undelete(source: &OpenStore, wanted: Wanted) -> Undeleted {
    let history = source.store.history();
    let mut found = Found::new();
    of_history(history, &mut found);
    if let Store::Kine(store) = &source.store {
        of_old_values(store, &mut found);
    }
    let mut notes = Vec::new();
    if !wanted.rows_only {
        match &source.store {
            Store::Kine(_) => of_free_bytes(source, &mut found),
            Store::Etcd(store) => of_free_pages(store, &mut found),
        }
    }
    if !source.store.damage().is_empty() || !source.store.contradictions().is_empty() {
        notes.push(
            "the file is damaged: what is lost from it stands among what was deleted; kinescope recover tells them apart".to_owned(),
        );
    }
    merge(history, found, notes)
}

fn is_live(history: &History, key: &[u8]) -> bool {
    history.keys().find(key).is_some_and(|id| history.live(id).is_some())
}

/// The part of a key that is not live, to be filled.
fn part<'f>(history: &History, found: &'f mut Found, key: &[u8]) -> Option<&'f mut OfKey> {
    if key.is_empty() || is_live(history, key) {
        return None;
    }
    Some(found.entry(key.to_vec()).or_default())
}

fn of_history(history: &History, found: &mut Found) {
    let values = history.values();
    for key in history.keys().ids().filter(|key| history.live(*key).is_none()) {
        let Some(of_key) = part(history, found, history.keys().get(key)) else { continue };
        for change in history.changes_of(key) {
            match change.op {
                Op::Delete => of_key.deleted(change.revision.main),
                Op::Put => of_key.add(of_change(change, &values)),
            }
        }
    }
}

fn of_change(change: &Change, values: &Arc<dyn ReadValue>) -> Known {
    Known {
        revision: Some(change.revision.main),
        source: Source::History,
        evidence: change.evidence,
        value: (values.clone(), change.value),
        create_revision: change.create_revision,
    }
}

/// Each row of kine keeps the value of the row it supersedes, whether that row is still there or not; the tombstones of
/// kine before 0.16 keep it twice.
fn of_old_values(store: &crate::kine::Store, found: &mut Found) {
    let history = store.history();
    let values = history.values();
    let compact = store.compact_rows().map(|row| row.id).collect::<Vec<_>>();
    for row in store.rows().iter().filter(|row| !compact.contains(&row.id)) {
        let own = if row.deleted { row.value } else { None };
        let Some(old) = row.old_value.or(own).filter(|old| old.len > 0 && !row.created) else { continue };
        let Some(of_key) = part(history, found, history.keys().get(row.key)) else { continue };
        of_key.add(Known {
            revision: (row.prev_revision > 0).then_some(row.prev_revision),
            source: Source::OldValue,
            evidence: Evidence::Rebuilt,
            value: (values.clone(), old),
            create_revision: (row.create_revision > 0).then_some(row.create_revision),
        });
    }
}

/// Rows that compaction took from kine's table, in free pages, remains of pages, and frames of the WAL that are no more used.
fn of_free_bytes(source: &OpenStore, found: &mut Found) {
    let Files::Sqlite { db, wal } = &source.files else { return };
    let history = source.store.history();
    let salvage = Salvage::of(db, wal.as_ref(), Reading::Use);
    let values = salvage.history.values();
    for row in &salvage.past {
        let name = salvage.history.keys().get(row.key);
        // kine's own row is no object, and a gap row none either.
        if name == COMPACT_KEY || row.id.is_some_and(|id| is_gap(name, id)) {
            continue;
        }
        let Some(of_key) = part(history, found, name) else { continue };
        match (row.deleted, row.id, row.value) {
            (Some(true), Some(id), _) => of_key.deleted(id),
            (Some(true), ..) => {}
            (_, revision, Held::Known(value)) => of_key.add(Known {
                revision,
                source: Source::Free,
                evidence: row.evidence,
                value: (values.clone(), value),
                create_revision: if row.created == Some(true) { revision } else { row.create_revision },
            }),
            _ => {}
        }
    }
}

/// Rows of bucket `key` in pages that nothing reaches. bbolt never clears a page that it frees, and uses it again as a whole,
/// so that a leaf in one is as it was written; only its continuation pages may be another's since.
fn of_free_pages(store: &crate::etcd::Store, found: &mut Found) {
    let history = store.history();
    let used = &store.census().used;
    let free: Vec<PageNo> = used.missing().collect();
    let values = history.values();
    let rows: Vec<Carved> = free.par_iter().flat_map_iter(|page| rows_of(store.bolt(), used, *page)).collect();
    for row in rows {
        let Some(of_key) = part(history, found, &row.key) else { continue };
        if row.at.tombstone {
            of_key.deleted(row.at.revision.main);
        } else {
            of_key.add(Known {
                revision: Some(row.at.revision.main),
                source: Source::Free,
                evidence: row.evidence,
                value: (values.clone(), row.value),
                create_revision: Some(row.create_revision),
            });
        }
    }
}

struct Carved {
    at: RowKey,
    key: Vec<u8>,
    create_revision: i64,
    value: ValueRef,
    evidence: Evidence,
}

fn rows_of(bolt: &Bolt, used: &PageSet, page: PageNo) -> Vec<Carved> {
    let Ok(Some(leaf)) = bolt.leaf(page) else { return Vec::new() };
    let Ok(header) = bolt.page(page) else { return Vec::new() };
    // A page that is in use, or that names itself where a continuation should be, was written later.
    let taken = (1..=u64::from(header.overflow).min(MOST_CONTINUED))
        .filter_map(|more| page.get().checked_add(more))
        .find(|no| used.contains(PageNo::new(*no)) || bolt.page(PageNo::new(*no)).is_ok());
    let page_size = u64::from(bolt.meta().page_size.bytes());
    let whole_until = taken.map_or(u64::MAX, |no| no.saturating_mul(page_size));
    let mut damage = Vec::new();
    let mut rows = Vec::new();
    for item in leaf.items(bolt, &mut damage) {
        let Some(at) = RowKey::decode(item.key) else { continue };
        let Some(record) = KeyValue::decode(item.value) else { continue };
        let is_own = at.tombstone || record.mod_revision == at.revision.main;
        if record.key.is_empty() || !is_own {
            continue;
        }
        let place = item.value_at.saturating_add(record.value_at as u64);
        let len = u32::try_from(record.value.len()).unwrap_or(u32::MAX);
        let end = place.saturating_add(u64::from(len));
        let evidence = if end <= whole_until { Evidence::Carved } else { Evidence::Doubtful };
        rows.push(Carved {
            at,
            key: record.key.to_vec(),
            create_revision: record.create_revision,
            value: if record.value.is_empty() { ValueRef { place: 0, len: 0 } } else { ValueRef { place, len } },
            evidence,
        });
    }
    if damage.is_empty() { rows } else { Vec::new() }
}

/// Continuation pages that are looked at: no value of etcd is longer than some megabytes.
const MOST_CONTINUED: u64 = 4096;
