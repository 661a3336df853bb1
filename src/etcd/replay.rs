//! What etcd would do at its next start: the entries of the raft log behind the database's consistent index, applied in
//! memory.
//!
//! Source of the rules: etcd `server/etcdserver/server.go` (`applyEntryNormal`), `server/etcdserver/apply` and `txn`,
//! `server/storage/mvcc/{kvstore,kvstore_txn,key_index}.go`, `server/lease/lessor.go`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::apply::{Request, State};
use super::wal::{Entry, EntryKind, Location, Wal};
use crate::model::Revision;
use crate::source::{Damage, FileName, Place};

/// A row of bucket `key` as the database has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldRow<'a> {
    /// The row's revision.
    pub revision: Revision,
    /// Whether it is a tombstone.
    pub tombstone: bool,
    /// The user's key.
    pub key: &'a [u8],
    /// The revision at which the key began to live.
    pub create_revision: i64,
    /// The version.
    pub version: i64,
    /// The lease, or 0.
    pub lease: i64,
    /// The value.
    pub value: &'a [u8],
}

/// Where the value of a new row lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewValue {
    /// Nowhere: it is empty, or the row is a tombstone.
    Empty,
    /// In the log.
    Wal(Location),
    /// In the database's row of this revision: the put kept the old value.
    Old(Revision),
}

/// A row that the log adds to bucket `key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRow {
    /// The row's revision.
    pub revision: Revision,
    /// Whether it is a tombstone. The numbers of a tombstone are 0.
    pub tombstone: bool,
    /// The user's key.
    pub key: Vec<u8>,
    /// The revision at which the key began to live.
    pub create_revision: i64,
    /// The version.
    pub version: i64,
    /// The lease, or 0.
    pub lease: i64,
    /// The value.
    pub value: NewValue,
}

/// A lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its id.
    pub id: i64,
    /// The granted time to live in seconds.
    pub ttl: i64,
    /// Seconds that were left at the last checkpoint, or 0.
    pub remaining: i64,
}

/// What the database says besides its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// The last entry whose effect is in the database.
    pub consistent_index: u64,
    /// The term of that entry, if it is written.
    pub term: Option<u64>,
    /// The revision to which a compaction was begun.
    pub scheduled_compact_revision: Option<i64>,
    /// The revision to which a compaction was finished.
    pub finished_compact_revision: Option<i64>,
    /// The leases.
    pub leases: Vec<Lease>,
    /// Members with the alarm NOSPACE.
    pub no_space: BTreeSet<u64>,
    /// Members with the alarm CORRUPT.
    pub corrupt: BTreeSet<u64>,
    /// Whether etcd's own authentication is on.
    pub auth_enabled: bool,
    /// The voters; empty when the database does not say, which it does since etcd 3.5.
    pub voters: BTreeSet<u64>,
    /// The version that all members speak, such as `3.6.0`.
    pub cluster_version: Option<String>,
}

/// What depends on how that etcd was configured and built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The least time to live of a new lease in seconds: 1.5 election timeouts, rounded up. 2 by default; 8 in k3s, whose
    /// election timeout is 5 s.
    pub least_ttl: i64,
    /// Whether a compaction keeps a tombstone at the very revision: since 3.4.34, 3.5.16 and 3.6.
    pub keep_last_tombstone: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { least_ttl: 2, keep_last_tombstone: true }
    }
}

/// A change of the members or of what is known of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// A member joined, or a learner became a voter.
    Joined {
        /// The member.
        id: u64,
        /// Whether it only follows.
        learner: bool,
        /// etcd's description of it, as JSON: `{"id":…,"peerURLs":[…],"isPromote":…}`.
        context: String,
    },
    /// A member left.
    Left {
        /// The member.
        id: u64,
    },
    /// A member's peer URLs changed.
    Updated {
        /// The member.
        id: u64,
        /// etcd's description of it, as JSON.
        context: String,
    },
    /// A member made its name and client URLs known.
    Attributes {
        /// The member.
        id: u64,
        /// Its name.
        name: String,
        /// Where clients reach it.
        client_urls: Vec<String>,
    },
}

/// An entry that was not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The entry.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// What it asks for, such as `put /registry/x`.
    pub request: String,
    /// Why it has no effect.
    pub reason: String,
}

/// The effect of the log on the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// The rows that are new, in order; those that a later compaction of the log removes again are left out.
    pub rows: Vec<NewRow>,
    /// The rows of the database that compactions of the log remove: revision and whether it is a tombstone, in order.
    pub removed: Vec<(Revision, bool)>,
    /// All leases, by id.
    pub leases: Vec<Lease>,
    /// The store's revision.
    pub current_revision: i64,
    /// The revision up to which the history is compacted; `None` if it never was.
    pub compact_revision: Option<i64>,
    /// The last entry that is applied.
    pub consistent_index: u64,
    /// The term of that entry.
    pub term: Option<u64>,
    /// Members with the alarm NOSPACE.
    pub no_space: BTreeSet<u64>,
    /// Members with the alarm CORRUPT.
    pub corrupt: BTreeSet<u64>,
    /// The voters, as far as they are known.
    pub voters: BTreeSet<u64>,
    /// Changes of the members, in order.
    pub members: Vec<MemberChange>,
    /// The version that all members speak.
    pub cluster_version: Option<String>,
    /// The number of entries that were applied, those without effect included.
    pub applied: u64,
    /// Entries that etcd refuses when it applies them, such as a put with a lease that is gone. They change nothing.
    pub refused: Vec<Skipped>,
    /// Entries behind the commit index of a member that does not vote alone: nobody can tell from this member whether they
    /// count. They are not applied.
    pub uncommitted: Vec<Skipped>,
    /// What the reader of the result should know.
    pub notes: Vec<String>,
    /// Proof that the log and the database do not fit together.
    pub contradictions: Vec<Damage>,
}

/// Applies the log to the database. `rows` are all rows of bucket `key` in order; they are gone through once more when the
/// log compacts.
pub fn replay<'a, R>(wal: &Wal, before: &Before, rows: R, rules: Rules) -> Replayed
where
    R: IntoIterator<Item = OldRow<'a>> + Clone,
{
    let mut state = State::new(before, rows.clone(), rules);
    let mut done = Progress {
        consistent_index: before.consistent_index,
        term: before.term,
        applied: 0,
        refused: Vec::new(),
        uncommitted: Vec::new(),
        contradictions: contradictions(wal, before),
    };
    if done.contradictions.is_empty() {
        done.entries(wal, &mut state);
    }
    let compacted = state.compacted;
    let finished = before.finished_compact_revision.unwrap_or(-1);
    let mut new_rows = std::mem::take(&mut state.rows);
    let removed = match compacted {
        Some(revision) if revision > finished => compact(revision, rules, rows, &mut new_rows),
        _ => Vec::new(),
    };
    Replayed {
        rows: new_rows,
        removed,
        leases: state.leases(),
        current_revision: state.current,
        compact_revision: compacted,
        consistent_index: done.consistent_index,
        term: done.term,
        no_space: state.no_space,
        corrupt: state.corrupt,
        voters: state.voters,
        members: state.members,
        cluster_version: state.cluster_version,
        applied: done.applied,
        refused: done.refused,
        uncommitted: done.uncommitted,
        notes: state.notes,
        contradictions: done.contradictions,
    }
}

/// How far the log has been applied.
struct Progress {
    consistent_index: u64,
    term: Option<u64>,
    applied: u64,
    refused: Vec<Skipped>,
    uncommitted: Vec<Skipped>,
    contradictions: Vec<Damage>,
}

impl Progress {
    fn entries(&mut self, wal: &Wal, state: &mut State<'_>) {
        if state.voters.is_empty() {
            state.voters = voters_at(wal, self.consistent_index);
        }
        for entry in wal.entries.iter().filter(|entry| entry.index > self.consistent_index).collect::<Vec<_>>() {
            // The only voter has every committed entry on its own disk, and commits what it has there at its next start.
            let alone = wal.node_id.is_some_and(|node| state.voters.iter().eq([&node]));
            if !self.uncommitted.is_empty() || (entry.index > wal.state.commit && !alone) {
                let reason = "behind the commit index, in a cluster of several voters".to_owned();
                self.uncommitted.push(skipped(entry, reason));
                continue;
            }
            let refusal = match entry.kind {
                EntryKind::Normal => state.apply(wal, entry),
                EntryKind::ConfChange | EntryKind::ConfChangeV2 => state.change_members(entry),
            };
            if let Err(reason) = refusal {
                self.refused.push(skipped(entry, reason));
            }
            self.applied += 1;
            (self.consistent_index, self.term) = (entry.index, Some(entry.term));
        }
    }
}

fn skipped(entry: &Entry, reason: String) -> Skipped {
    Skipped { index: entry.index, term: entry.term, request: Request::of(entry).to_string(), reason }
}

/// The voters at an entry, from the newest snapshot mark before it that names members and the changes since, or from all
/// changes of a log that goes back to the first entry.
fn voters_at(wal: &Wal, index: u64) -> BTreeSet<u64> {
    let marks = wal.snapshots.iter().filter(|mark| mark.index <= index && mark.index <= wal.state.commit);
    let named = marks.filter_map(|mark| mark.members.as_ref().map(|members| (mark.index, members)));
    let newest = named.filter(|(_, members)| !members.voters.is_empty()).max_by_key(|(index, _)| *index);
    let (from, mut voters) = match newest {
        Some((from, members)) => (from, members.voters.iter().copied().collect()),
        None if wal.entries.first().is_some_and(|entry| entry.index == 1) => (0, BTreeSet::new()),
        None => return BTreeSet::new(),
    };
    for entry in wal.entries.iter().filter(|entry| entry.index > from && entry.index <= index) {
        Request::of(entry).change_voters(&mut voters);
    }
    voters
}

/// What proves that log and database are not of one moment of one member.
fn contradictions(wal: &Wal, before: &Before) -> Vec<Damage> {
    let file = wal.segments.last().map_or_else(|| FileName::new("member/wal"), |segment| segment.name.clone());
    let hurt = |id, what| vec![Damage { file: file.clone(), place: Place::File, id, what }];
    let index = before.consistent_index;
    let Some((first, last)) = wal.entries.first().zip(wal.entries.last()) else { return Vec::new() };
    if last.index < index {
        let what =
            format!("the log ends with entry {}, and the database has applied entry {index} already", last.index);
        return hurt("wal-behind", what);
    }
    if first.index > index.saturating_add(1) {
        let what = format!("the log begins with entry {}, and the database needs entry {}", first.index, index + 1);
        return hurt("wal-begins-late", what);
    }
    let here = index.checked_sub(first.index).and_then(|skip| wal.entries.get(skip as usize));
    match here.zip(before.term) {
        Some((entry, term)) if entry.term != term => {
            let what = format!(
                "entry {index} is of term {} in the log and of term {term} in the database: they are not of one member",
                entry.term
            );
            hurt("wal-other-term", what)
        }
        _ => Vec::new(),
    }
}

/// Removes what a compaction removes (etcd `kvstore_compaction.go`, `key_index.go` `compact`): of each key's rows up to
/// the revision, all but the newest, and the newest too if it is a tombstone. A later compaction removes all that an
/// earlier one does, so that only the last one is done.
fn compact<'a>(
    revision: i64,
    rules: Rules,
    rows: impl IntoIterator<Item = OldRow<'a>> + Clone,
    new: &mut Vec<NewRow>,
) -> Vec<(Revision, bool)> {
    let mut newest: HashMap<&[u8], Revision> = HashMap::new();
    for row in rows.clone().into_iter().take_while(|row| row.revision.main <= revision) {
        newest.insert(row.key, row.revision);
    }
    let mut newest_new: BTreeMap<Vec<u8>, Revision> = BTreeMap::new();
    for row in new.iter().take_while(|row| row.revision.main <= revision) {
        newest_new.insert(row.key.clone(), row.revision);
    }
    let stays = |key: &[u8], at: Revision, tombstone: bool| {
        let newest = newest_new.get(key).or_else(|| newest.get(key));
        let last = newest.is_none_or(|newest| *newest == at);
        at.main > revision || (last && (!tombstone || (rules.keep_last_tombstone && at.main == revision)))
    };
    let gone = rows.into_iter().take_while(|row| row.revision.main <= revision);
    let gone = gone.filter(|row| !stays(row.key, row.revision, row.tombstone));
    let gone = gone.map(|row| (row.revision, row.tombstone)).collect();
    new.retain(|row| stays(&row.key, row.revision, row.tombstone));
    gone
}
