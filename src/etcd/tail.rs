//! The raft log's tail laid over the rows of the database.

use std::collections::HashSet;

use super::keyvalue::RowKey;
use super::replay::{self, Before, NewValue, OldRow, Replayed, Rules, replay};
use super::store::wal_place;
use super::wal::Wal;
use super::{Alarm, Meta, Row};
use crate::bolt::Bolt;
use crate::model::{Keys, Lease, ValueRef};

/// What the log adds to a database.
pub struct Tail {
    /// The keys of all rows.
    pub keys: Keys,
    /// All rows, those that the log adds included and those that it compacts left out.
    pub rows: Vec<Row>,
    /// What the small buckets will say.
    pub meta: Meta,
    /// What was replayed; its rows are in [`Tail::rows`].
    pub replayed: Replayed,
}

/// Applies the log to the rows of `bolt`.
pub fn apply(bolt: &Bolt, wal: &Wal, keys: Keys, rows: Vec<Row>, meta: Meta) -> Tail {
    let before = before(&meta);
    let value = |at: ValueRef| {
        let start = usize::try_from(at.place).ok();
        let range = start.and_then(|start| Some(start..start.checked_add(at.len as usize)?));
        range.and_then(|range| bolt.bytes().get(range)).unwrap_or_default()
    };
    let old = rows.iter().map(|row| OldRow {
        revision: row.at.revision,
        tombstone: row.at.tombstone,
        key: keys.get(row.key),
        create_revision: row.create_revision,
        version: row.version,
        lease: row.lease,
        value: value(row.value),
    });
    let mut replayed = replay(wal, &before, old, Rules::default());
    let new = std::mem::take(&mut replayed.rows);
    let meta = after(meta, &replayed);
    let removed: HashSet<RowKey> =
        replayed.removed.iter().map(|&(revision, tombstone)| RowKey { revision, tombstone }).collect();
    let kept: Vec<Row> = rows.iter().filter(|row| !removed.contains(&row.at)).copied().collect();
    let (keys, rows) = join(&keys, &rows, kept, &new);
    Tail { keys, rows, meta, replayed }
}

/// Puts old and new rows under one numbering of keys.
fn join(keys: &Keys, all_old: &[Row], kept: Vec<Row>, new: &[replay::NewRow]) -> (Keys, Vec<Row>) {
    let names: Vec<&[u8]> =
        kept.iter().map(|row| keys.get(row.key)).chain(new.iter().map(|row| row.key.as_slice())).collect();
    let (joined, ids) = Keys::intern(&names);
    let old_value = |revision| {
        let at = all_old.binary_search_by_key(&revision, |row| row.at.revision).ok();
        at.and_then(|at| all_old.get(at)).map_or(ValueRef::NONE, |row| row.value)
    };
    let added = new.iter().map(|row| Row {
        at: RowKey { revision: row.revision, tombstone: row.tombstone },
        key: crate::model::KeyId::UNSET,
        create_revision: row.create_revision,
        version: row.version,
        lease: row.lease,
        value: match row.value {
            NewValue::Empty => ValueRef::NONE,
            NewValue::Wal(at) => ValueRef { place: wal_place(at.segment, at.at), len: at.len },
            NewValue::Old(revision) => old_value(revision),
        },
        record: ValueRef::NONE,
    });
    let rows = kept.into_iter().chain(added).zip(ids).map(|(row, key)| Row { key, ..row }).collect();
    (joined, rows)
}

pub(super) fn before(meta: &Meta) -> Before {
    let members_with =
        |kind: &str| meta.alarms.iter().filter(|alarm| alarm.kind == kind).map(|alarm| alarm.member).collect();
    Before {
        consistent_index: meta.consistent_index.unwrap_or(0),
        term: meta.term,
        scheduled_compact_revision: meta.scheduled_compact_revision,
        finished_compact_revision: meta.finished_compact_revision,
        leases: meta
            .leases
            .iter()
            .map(|lease| replay::Lease { id: lease.id, ttl: lease.ttl, remaining: lease.remaining })
            .collect(),
        no_space: members_with("NOSPACE"),
        corrupt: members_with("CORRUPT"),
        auth_enabled: meta.auth_enabled,
        voters: meta.voters(),
        cluster_version: meta.cluster_version.clone(),
    }
}

fn after(meta: Meta, replayed: &Replayed) -> Meta {
    let lease = |lease: &replay::Lease| Lease { id: lease.id, ttl: lease.ttl, remaining: lease.remaining };
    let alarm = |kind: &str| {
        let kind = kind.to_owned();
        move |&member: &u64| Alarm { member, kind: kind.clone() }
    };
    let compact = replayed.compact_revision.or(meta.scheduled_compact_revision);
    let other = meta.alarms.iter().filter(|alarm| !["NOSPACE", "CORRUPT"].contains(&alarm.kind.as_str())).cloned();
    let alarms = replayed.no_space.iter().map(alarm("NOSPACE")).chain(replayed.corrupt.iter().map(alarm("CORRUPT")));
    Meta {
        consistent_index: Some(replayed.consistent_index),
        term: replayed.term.or(meta.term),
        scheduled_compact_revision: compact.max(meta.scheduled_compact_revision),
        finished_compact_revision: compact.max(meta.finished_compact_revision),
        cluster_version: replayed.cluster_version.clone().or_else(|| meta.cluster_version.clone()),
        leases: replayed.leases.iter().map(lease).collect(),
        alarms: alarms.chain(other).collect(),
        ..meta
    }
}
