//! What the raft log beside a database adds to what was found in it.

use std::collections::HashMap;

use super::tree::{Level, Tree};
use super::{Merged, Row, Source};
use crate::etcd::keyvalue::RowKey;
use crate::etcd::replay::{self, Before, NewValue, Replayed, Rules, replay};
use crate::etcd::store::wal_place;
use crate::etcd::tail;
use crate::etcd::wal::Wal;
use crate::model::{Evidence, Keys, Lease, Revision, ValueRef};

/// Lays a log over the rows. A log that goes back to the first entry gives every row anew; of another one the entries count
/// that the database has not applied, where all rows that they build on are known.
pub(super) fn lay_over(merged: &mut Merged, wal: &Wal, tree: &Tree, db: &[u8]) {
    merged.damage.extend(wal.damage.iter().cloned());
    if let Some(replayed) = whole(merged, wal, db) {
        take_all(merged, &replayed);
        return;
    }
    let applied = tree.meta.consistent_index.unwrap_or(0);
    let behind = wal.entries.iter().filter(|entry| entry.index > applied && !entry.data.is_empty()).count();
    if behind == 0 {
        return;
    }
    let is_sound = tree.level != Level::Nothing && !merged.is_open && merged.unknown.is_empty() && tree.gone.is_empty();
    if !is_sound || merged.rows.iter().any(|row| !row.is_good()) {
        merged.is_open = true;
        merged.notes.push(format!(
            "{behind} entries of the log come after what the database had applied; they build on rows that are lost, and were \
             not applied"
        ));
        return;
    }
    let before = tail::before(&tree.meta);
    let value = |row: &Row| slice(db, row.value);
    let keys = std::mem::take(&mut merged.keys);
    let old = merged.rows.iter().map(|row| replay::OldRow {
        revision: row.at.revision,
        tombstone: row.at.tombstone,
        key: row.key.map_or(&[][..], |key| keys.get(key)),
        create_revision: row.create_revision,
        version: row.version,
        lease: row.lease,
        value: value(row),
    });
    let replayed = replay(wal, &before, old, Rules::default());
    merged.keys = keys;
    if let Some(first) = replayed.contradictions.first() {
        merged.is_open = true;
        merged.notes.push(format!("the log was left aside: {}", first.what));
        merged.damage.extend(replayed.contradictions.iter().cloned());
        return;
    }
    let removed: std::collections::HashSet<RowKey> =
        replayed.removed.iter().map(|&(revision, tombstone)| RowKey { revision, tombstone }).collect();
    let (taken, kept): (Vec<Row>, Vec<Row>) = merged.rows.iter().partition(|row| removed.contains(&row.at));
    merged.past.extend(taken.into_iter().map(|row| Row { is_gone: true, ..row }));
    merged.past.sort_by_key(|row| row.at);
    join(merged, kept, &replayed);
}

fn slice(db: &[u8], at: ValueRef) -> &[u8] {
    let start = usize::try_from(at.place).ok();
    let range = start.and_then(|start| Some(start..start.checked_add(at.len as usize)?));
    range.and_then(|range| db.get(range)).unwrap_or_default()
}

/// What a log gives that goes back to the first entry of a store that began empty: every row there was. Nothing where the
/// database holds anything that the log does not explain, such as rows of a snapshot that was restored.
fn whole(merged: &Merged, wal: &Wal, db: &[u8]) -> Option<Replayed> {
    let begins = wal.entries.first().is_some_and(|entry| entry.index == 1);
    let from_nothing = wal.snapshots.first().is_some_and(|mark| mark.index == 0);
    if !begins || !from_nothing || !wal.damage.is_empty() {
        return None;
    }
    let replayed = replay(wal, &Before::default(), std::iter::empty(), Rules::default());
    if !replayed.contradictions.is_empty() {
        return None;
    }
    // Rows that the log's own compactions take again cannot be compared; of the others each must be the same.
    let of_log: HashMap<RowKey, &replay::NewRow> =
        replayed.rows.iter().map(|row| (RowKey { revision: row.revision, tombstone: row.tombstone }, row)).collect();
    let compact = replayed.compact_revision.unwrap_or(0);
    let explained = |row: &Row| match of_log.get(&row.at) {
        Some(new) => {
            row.key.is_some_and(|key| merged.keys.get(key) == new.key.as_slice())
                && (row.create_revision, row.version, row.lease) == (new.create_revision, new.version, new.lease)
                && value_in(wal, new).is_none_or(|value| value == slice(db, row.value))
        }
        None => row.at.revision.main <= compact,
    };
    merged.rows.iter().chain(&merged.past).filter(|row| row.is_good()).all(explained).then_some(replayed)
}

fn value_in<'w>(wal: &'w Wal, row: &replay::NewRow) -> Option<&'w [u8]> {
    match row.value {
        NewValue::Empty => Some(&[]),
        NewValue::Wal(at) => wal.bytes(at),
        NewValue::Old(_) => None,
    }
}

/// The log's rows in place of all others; where the database has the same row, that one.
fn take_all(merged: &mut Merged, replayed: &Replayed) {
    let of_log: std::collections::HashSet<RowKey> =
        replayed.rows.iter().map(|row| RowKey { revision: row.revision, tombstone: row.tombstone }).collect();
    let all: Vec<Row> = merged.rows.drain(..).collect();
    let (same, others): (Vec<Row>, Vec<Row>) =
        all.into_iter().partition(|row| of_log.contains(&row.at) && row.is_good());
    merged.past.retain(|row| !of_log.contains(&row.at));
    merged.past.extend(others.into_iter().filter(|row| !of_log.contains(&row.at)));
    merged.past.iter_mut().for_each(|row| row.is_gone = true);
    merged.past.sort_by_key(|row| row.at);
    let had = same.len();
    join(merged, same, replayed);
    merged.unknown.clear();
    merged.is_open = false;
    if merged.rows.len() > had {
        merged.notes.push(format!(
            "the log goes back to the first entry: {} rows that the database does not give were made of it",
            merged.rows.len() - had
        ));
    }
}

/// Adds the log's rows that are not there, under one numbering of keys.
fn join(merged: &mut Merged, kept: Vec<Row>, replayed: &Replayed) {
    let there: std::collections::HashSet<RowKey> = kept.iter().map(|row| row.at).collect();
    let is_new = |row: &&replay::NewRow| !there.contains(&RowKey { revision: row.revision, tombstone: row.tombstone });
    let new: Vec<&replay::NewRow> = replayed.rows.iter().filter(is_new).collect();
    let values: HashMap<Revision, ValueRef> = kept.iter().map(|row| (row.at.revision, row.value)).collect();
    let old: Vec<Row> = kept.into_iter().chain(merged.past.drain(..)).collect();
    let kept_count = there.len();
    let names: Vec<&[u8]> = old
        .iter()
        .map(|row| row.key.map_or(&[][..], |key| merged.keys.get(key)))
        .chain(new.iter().map(|row| row.key.as_slice()))
        .collect();
    let (keys, ids) = Keys::intern(&names);
    let mut rows: Vec<Row> = Vec::with_capacity(names.len());
    for (row, id) in old.iter().zip(&ids) {
        rows.push(Row { key: row.key.map(|_| *id), ..*row });
    }
    merged.past = rows.split_off(kept_count.min(rows.len()));
    for (row, id) in new.iter().zip(ids.iter().skip(old.len())) {
        let value = match row.value {
            NewValue::Empty => ValueRef::NONE,
            NewValue::Wal(at) => ValueRef { place: wal_place(at.segment, at.at), len: at.len },
            NewValue::Old(revision) => values.get(&revision).copied().unwrap_or(ValueRef::NONE),
        };
        rows.push(Row {
            at: RowKey { revision: row.revision, tombstone: row.tombstone },
            key: Some(*id),
            create_revision: row.create_revision,
            version: row.version,
            lease: row.lease,
            value,
            evidence: Evidence::Log,
            source: Source::Log,
            confirmed: false,
            is_gone: false,
        });
    }
    rows.sort_by_key(|row| row.at);
    merged.keys = keys;
    merged.rows = rows;
    merged.compact_revision = Some(replayed.compact_revision.unwrap_or(0).max(merged.compact_revision.unwrap_or(0)));
    merged.leases = replayed
        .leases
        .iter()
        .map(|lease| Lease { id: lease.id, ttl: lease.ttl, remaining: lease.remaining })
        .collect();
}
