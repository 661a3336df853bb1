//! Whether a database has the effect of every entry that it says it has applied.
//!
//! etcd 3.5.0 to 3.5.2 could write the number of the last applied entry before its effect, and lose the effect in a crash
//! (etcd-io/etcd issue 13766). Nothing in the file alone shows it; the raft log beside it does, as far back as it goes.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher as _, RandomState};

use super::Row;
use super::apply::Request;
use super::proto::etcdserverpb::{DeleteRangeRequest, PutRequest, request_op};
use super::replay::{Before, Lease, NewRow, NewValue, OldRow, Rules, replay};
use super::wal::{Entry, Wal};
use crate::model::History;

/// Rows that must follow each other as the log has them before anything is concluded.
const LEAST_ALIKE: usize = 3;
/// Places to begin at that are tried.
const MOST_TRIED: usize = 4;

/// An entry without its effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The entry.
    pub index: u64,
    /// What it asks for.
    pub request: String,
    /// What it made, by the log.
    pub effect: Effect,
}

/// What an entry makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A revision.
    Revision(i64),
    /// A lease, by its id.
    Lease(i64),
}

/// Carries out the entries up to `applied` once more, from the first one whose revision is known, and compares the rows with
/// those of the database, which ascend. `None` where all is there, or where the log does not tell.
pub fn missing_effect(wal: &Wal, applied: u64, rows: &[Row], history: &History) -> Option<Missing> {
    let entries: Vec<&Entry> = wal.entries.iter().filter(|entry| entry.index <= applied).collect();
    let anchors = anchors(&entries, rows, history);
    for &(position, revision) in anchors.iter().take(MOST_TRIED) {
        let tried = Tried { wal, entries: entries.get(position..)?, rows, history, begin: revision - 1 };
        match tried.compare() {
            Alike::All => return None,
            Alike::Until(missing) => return missing,
            Alike::Nothing => {}
        }
    }
    None
}

/// The puts that an entry makes, if they are all it does.
fn puts(entry: &Entry) -> Vec<PutRequest> {
    let Request::V3(request) = Request::of(entry) else { return Vec::new() };
    if let Some(put) = request.put {
        return vec![put];
    }
    let of_op = |op: super::proto::etcdserverpb::RequestOp| match op.request {
        Some(request_op::Request::RequestPut(put)) => Some(put),
        _ => None,
    };
    request.txn.map(|txn| txn.success.into_iter().filter_map(of_op).collect()).unwrap_or_default()
}

/// Entries that put a key and a value which no other entry puts, and which stand in one row above the compact revision: the
/// entry's position and that row's revision.
fn anchors(entries: &[&Entry], rows: &[Row], history: &History) -> Vec<(usize, i64)> {
    // A hash stands for both: what begins at a wrong place is not followed.
    let hasher = RandomState::new();
    let mut written: HashMap<u64, Option<usize>> = HashMap::new();
    for (position, entry) in entries.iter().enumerate() {
        for put in puts(entry).into_iter().filter(|put| !put.value.is_empty()) {
            let here = written.entry(hasher.hash_one((&put.key[..], &put.value[..])));
            here.and_modify(|position| *position = None).or_insert(Some(position));
        }
    }
    let mut found = Vec::new();
    for row in rows.iter().filter(|row| !row.at.tombstone && row.at.revision.main > history.compact_revision() + 1) {
        let Ok(value) = history.value(row.value) else { continue };
        if let Some(Some(position)) = written.get(&hasher.hash_one((history.keys().get(row.key), &*value))) {
            found.push((*position, row.at.revision.main));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

enum Alike {
    /// Every row is there.
    All,
    /// Up to this entry; `None` where it may have been refused.
    Until(Option<Missing>),
    /// Not from the beginning on: it was the wrong place.
    Nothing,
}

struct Tried<'a> {
    wal: &'a Wal,
    /// The entries from the first one on.
    entries: &'a [&'a Entry],
    rows: &'a [Row],
    history: &'a History,
    /// The revision before the first entry.
    begin: i64,
}

impl Tried<'_> {
    fn compare(&self) -> Alike {
        let made = self.replayed();
        let first = self.rows.partition_point(|row| row.at.revision.main <= self.begin);
        let there = self.rows.get(first..).unwrap_or_default();
        let alike = made.iter().zip(there).take_while(|(made, there)| self.is_same(made, there)).count();
        if alike < LEAST_ALIKE.min(made.len()) {
            return Alike::Nothing;
        }
        match made.get(alike) {
            None => Alike::All,
            Some(row) => Alike::Until(self.missing(row)),
        }
    }

    fn replayed(&self) -> Vec<NewRow> {
        let mut wal = self.wal.clone();
        wal.entries = self.entries.iter().map(|entry| (*entry).clone()).collect();
        wal.snapshots.clear();
        let (first, last) = (self.entries.first(), self.entries.last());
        wal.state.commit = last.map_or(0, |entry| entry.index);
        let before = Before {
            consistent_index: first.map_or(0, |entry| entry.index.saturating_sub(1)),
            leases: self.leases(),
            ..Before::default()
        };
        let values: Vec<_> = self.rows.iter().map(|row| self.history.value(row.value).unwrap_or_default()).collect();
        let old = self.rows.iter().zip(&values).take_while(|(row, _)| row.at.revision.main <= self.begin);
        let old = old.map(|(row, value)| OldRow {
            revision: row.at.revision,
            tombstone: row.at.tombstone,
            key: self.history.keys().get(row.key),
            create_revision: row.create_revision,
            version: row.version,
            lease: row.lease,
            value,
        });
        let compacted = self.history.compact_revision();
        let mut rows = replay(&wal, &before, old, Rules::default()).rows;
        // Compactions in the log were carried out long ago.
        rows.retain(|row| row.revision.main > compacted);
        rows
    }

    /// All leases that are spoken of: whether one was there is not known, and taken for true.
    fn leases(&self) -> Vec<Lease> {
        let mut ids: BTreeSet<i64> = self.rows.iter().map(|row| row.lease).collect();
        ids.extend(self.entries.iter().flat_map(|entry| puts(entry)).map(|put| put.lease));
        ids.into_iter().filter(|id| *id != 0).map(|id| Lease { id, ttl: 1, remaining: 0 }).collect()
    }

    fn is_same(&self, made: &NewRow, there: &Row) -> bool {
        let place = (made.revision, made.tombstone) == (there.at.revision, there.at.tombstone);
        if !place || made.key != self.history.keys().get(there.key) {
            return false;
        }
        match made.value {
            NewValue::Empty => there.value.len == 0,
            NewValue::Wal(at) => {
                let value = self.history.value(there.value);
                self.wal.bytes(at).is_some_and(|bytes| value.is_ok_and(|value| *value == *bytes))
            }
            // It kept the value of a row before.
            NewValue::Old(_) => true,
        }
    }

    /// The entry that made a row, unless etcd may have refused it for a reason that the log does not have.
    fn missing(&self, row: &NewRow) -> Option<Missing> {
        let entry = match row.value {
            NewValue::Wal(at) => {
                let is_its_own = |entry: &&&Entry| {
                    entry.segment == at.segment
                        && entry.frame_at <= at.at
                        && at.at - entry.frame_at <= entry.data.len() as u64 + 64
                };
                *self.entries.iter().find(is_its_own)?
            }
            _ if row.tombstone => self.only_deletion_of(&row.key)?,
            _ => return None,
        };
        let has_lease = puts(entry).iter().any(|put| put.lease != 0 || put.ignore_lease || put.ignore_value);
        (!has_lease).then(|| Missing {
            index: entry.index,
            request: Request::of(entry).to_string(),
            effect: Effect::Revision(row.revision.main),
        })
    }

    /// The entry that deletes a key and no other, where there is one alone: nothing else tells which one made a tombstone.
    fn only_deletion_of(&self, key: &[u8]) -> Option<&Entry> {
        let is_it = |entry: &&&Entry| deletions(entry).iter().any(|of| of.key == key && of.range_end.is_empty());
        let mut found = self.entries.iter().filter(is_it);
        let first = found.next()?;
        found.next().is_none().then_some(*first)
    }
}

/// The deletions that an entry asks for.
fn deletions(entry: &Entry) -> Vec<DeleteRangeRequest> {
    let Request::V3(request) = Request::of(entry) else { return Vec::new() };
    let of_op = |op: super::proto::etcdserverpb::RequestOp| match op.request {
        Some(request_op::Request::RequestDeleteRange(of)) => Some(of),
        _ => None,
    };
    let of_txn = request.txn.map(|txn| txn.success.into_iter().filter_map(of_op).collect()).unwrap_or_default();
    request.delete_range.map_or(of_txn, |of| vec![of])
}

/// A lease that an entry up to `applied` granted, that none revokes, and that is not there. etcd writes a lease with its grant,
/// and lets none end but by an entry (etcd server/lease/lessor.go).
fn missing_lease(wal: &Wal, applied: u64, history: &History) -> Option<Missing> {
    /// etcd refuses what is longer (server/lease/lessor.go, maxTTL).
    const LONGEST: i64 = 9_000_000_000;
    let there: BTreeSet<i64> = history.leases().iter().map(|lease| lease.id).collect();
    let mut granted: Vec<(&Entry, i64)> = Vec::new();
    for entry in &wal.entries {
        let Request::V3(request) = Request::of(entry) else { continue };
        // A grant is refused as long as there is no space.
        if request.alarm.is_some() {
            return None;
        }
        if let Some(revoked) = &request.lease_revoke {
            granted.retain(|(_, id)| *id != revoked.id);
        }
        let grant = request.lease_grant.as_ref().filter(|grant| grant.id > 0 && (1..=LONGEST).contains(&grant.ttl));
        granted.extend(grant.filter(|_| entry.index <= applied).map(|grant| (entry, grant.id)));
    }
    let (entry, id) = granted.into_iter().find(|(_, id)| !there.contains(id))?;
    Some(Missing { index: entry.index, request: Request::of(entry).to_string(), effect: Effect::Lease(id) })
}

impl super::Store {
    /// An entry of the log that the database says it has applied, and of which it has not the effect. `log` is the log of its
    /// data directory.
    pub fn missing_effect(&self, log: &Wal) -> Option<Missing> {
        let replayed = self.replayed()?;
        let meta = self.meta();
        // Alarms and authentication refuse what the log has, and when they began is not known.
        let is_plain = meta.alarms.is_empty() && !meta.auth_enabled && replayed.contradictions.is_empty();
        let applied = replayed.consistent_index.checked_sub(replayed.applied)?;
        let own = |row: &&Row| row.record != crate::model::ValueRef::NONE;
        let rows: Vec<Row> = self.rows().iter().filter(own).copied().collect();
        if !is_plain {
            return None;
        }
        missing_effect(log, applied, &rows, self.history()).or_else(|| missing_lease(log, applied, self.history()))
    }
}
