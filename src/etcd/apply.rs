//! One entry of the raft log at a time: the state of the store in memory, and what each request does to it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;

use prost::Message as _;
use prost::bytes::Bytes as Shared;

use super::proto::etcdserverpb::request_op::Request as Op;
use super::proto::etcdserverpb::{
    self as pb, AlarmType, InternalRaftRequest, PutRequest, RequestOp, TxnRequest, alarm_request::AlarmAction,
};
use super::proto::{raftpb, serverpb};
use super::replay::{Before, Lease, MemberChange, NewRow, NewValue, OldRow, Rules};
use super::txn::{compare_path, wants_to_put, writes};
use super::wal::{Entry, EntryKind, Wal};
use crate::model::Revision;

/// The longest lease that etcd grants, in seconds (etcd `server/lease/lessor.go` `MaxLeaseTTL`).
const MAX_TTL: i64 = 9_000_000_000;

/// What an entry asks for.
pub(super) enum Request {
    /// The entry with which a leader begins.
    Nothing,
    V3(Box<InternalRaftRequest>),
    /// A request of the API of version 2, bare or inside one of version 3.
    V2(serverpb::Request),
    Members(raftpb::ConfChange),
    ManyMembers(raftpb::ConfChangeV2),
    Unknown,
}

impl Request {
    /// Decodes an entry. etcd 3.4 and 3.5 write some requests of version 2 bare; they cannot be decoded as version 3,
    /// because a boolean stands there where version 3 has a message (etcd `server.go` `applyEntryNormal`).
    pub(super) fn of(entry: &Entry) -> Self {
        let data = entry.data.clone();
        match entry.kind {
            EntryKind::ConfChange => raftpb::ConfChange::decode(data).map_or(Self::Unknown, Self::Members),
            EntryKind::ConfChangeV2 => raftpb::ConfChangeV2::decode(data).map_or(Self::Unknown, Self::ManyMembers),
            EntryKind::Normal if data.is_empty() => Self::Nothing,
            EntryKind::Normal => match InternalRaftRequest::decode(data.clone()) {
                Ok(request) => match request.v2 {
                    Some(v2) => Self::V2(v2),
                    None => Self::V3(Box::new(request)),
                },
                Err(_) => serverpb::Request::decode(data).map_or(Self::Unknown, Self::V2),
            },
        }
    }

    /// What a change of the members does to the voters.
    pub(super) fn change_voters(&self, voters: &mut BTreeSet<u64>) {
        for (kind, id) in self.member_changes() {
            match kind {
                raftpb::ConfChangeType::ConfChangeAddNode => {
                    voters.insert(id);
                }
                raftpb::ConfChangeType::ConfChangeRemoveNode | raftpb::ConfChangeType::ConfChangeAddLearnerNode => {
                    voters.remove(&id);
                }
                raftpb::ConfChangeType::ConfChangeUpdateNode => {}
            }
        }
    }

    fn member_changes(&self) -> Vec<(raftpb::ConfChangeType, u64)> {
        match self {
            Self::Members(change) => vec![(change.r#type(), change.node_id())],
            Self::ManyMembers(many) => many.changes.iter().map(|one| (one.r#type(), one.node_id())).collect(),
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Unknown => f.write_str("a request that cannot be decoded"),
            Self::V2(v2) => write!(f, "{} {} (API version 2)", v2.method(), v2.path()),
            Self::Members(_) | Self::ManyMembers(_) => f.write_str("a change of the members"),
            Self::V3(request) => show(request, f),
        }
    }
}

fn show(request: &InternalRaftRequest, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let Some(put) = &request.put {
        write!(f, "put {}", put.key.escape_ascii())
    } else if let Some(delete) = &request.delete_range {
        write!(f, "delete {}", delete.key.escape_ascii())
    } else if let Some(txn) = &request.txn {
        let first = txn.success.iter().chain(&txn.failure).find_map(|op| match &op.request {
            Some(Op::RequestPut(put)) => Some(("put", &put.key)),
            Some(Op::RequestDeleteRange(delete)) => Some(("delete", &delete.key)),
            _ => None,
        });
        match first {
            Some((what, key)) => write!(f, "transaction: {what} {}", key.escape_ascii()),
            None => f.write_str("transaction"),
        }
    } else if let Some(compaction) = &request.compaction {
        write!(f, "compact to revision {}", compaction.revision)
    } else if let Some(grant) = &request.lease_grant {
        write!(f, "grant lease {:x}", grant.id)
    } else if let Some(revoke) = &request.lease_revoke {
        write!(f, "revoke lease {:x}", revoke.id)
    } else {
        f.write_str("a request that changes no key")
    }
}

/// A value in the database or in the log.
#[derive(Clone, Debug)]
enum Value<'a> {
    Old(&'a [u8], Revision),
    New(Shared, NewValue),
}

/// A key that is there.
#[derive(Clone, Debug)]
pub(super) struct Live<'a> {
    pub create_revision: i64,
    pub version: i64,
    pub mod_revision: i64,
    /// The lease that the row names.
    pub lease: i64,
    /// The lease at whose end the key goes; not `lease` if that one does not exist.
    attached: i64,
    value: Value<'a>,
}

impl Live<'_> {
    pub(super) fn value(&self) -> &[u8] {
        match &self.value {
            Value::Old(bytes, _) => bytes,
            Value::New(bytes, _) => bytes,
        }
    }
}

struct LeaseState {
    ttl: i64,
    remaining: i64,
    keys: BTreeSet<Vec<u8>>,
}

/// Why etcd would not carry a request out.
type Refusal = String;

/// The store in memory.
pub(super) struct State<'a> {
    rules: Rules,
    live: BTreeMap<Cow<'a, [u8]>, Live<'a>>,
    granted: BTreeMap<i64, LeaseState>,
    pub rows: Vec<NewRow>,
    pub current: i64,
    pub compacted: Option<i64>,
    pub no_space: BTreeSet<u64>,
    pub corrupt: BTreeSet<u64>,
    pub voters: BTreeSet<u64>,
    pub members: Vec<MemberChange>,
    pub cluster_version: Option<String>,
    pub notes: Vec<String>,
}

/// One write transaction: all its changes bear one revision.
struct Write {
    main: i64,
    sub: u32,
}

impl<'a> State<'a> {
    /// The state that etcd builds from the database at its start (etcd `kvstore.go` `restore`).
    pub(super) fn new(before: &Before, rows: impl IntoIterator<Item = OldRow<'a>>, rules: Rules) -> Self {
        let begun = before.scheduled_compact_revision.max(before.finished_compact_revision);
        let leases = before.leases.iter().map(|lease| {
            let Lease { id, ttl, remaining } = *lease;
            (id, LeaseState { ttl, remaining, keys: BTreeSet::new() })
        });
        let mut state = Self {
            rules,
            live: BTreeMap::new(),
            granted: leases.collect(),
            rows: Vec::new(),
            current: begun.unwrap_or(1).max(1),
            compacted: begun,
            no_space: before.no_space.clone(),
            corrupt: before.corrupt.clone(),
            voters: before.voters.clone(),
            members: Vec::new(),
            cluster_version: before.cluster_version.clone(),
            notes: Vec::new(),
        };
        for row in rows {
            state.current = state.current.max(row.revision.main);
            state.restore(&row);
        }
        for (key, live) in &mut state.live {
            if let Some(lease) = state.granted.get_mut(&live.lease) {
                live.attached = live.lease;
                lease.keys.insert(key.to_vec());
            }
        }
        if before.auth_enabled {
            state.notes.push("etcd's authentication is on: who may do what was not checked".to_owned());
        }
        state
    }

    /// etcd counts versions from the first row of a life, and takes only that row's word for it.
    fn restore(&mut self, row: &OldRow<'a>) {
        if row.tombstone {
            self.live.remove(row.key);
            return;
        }
        let main = row.revision.main;
        let value = Value::Old(row.value, row.revision);
        match self.live.get_mut(row.key) {
            Some(live) => {
                live.version += 1;
                (live.mod_revision, live.lease, live.value) = (main, row.lease, value);
            }
            None => {
                let (create_revision, version) = (row.create_revision, row.version);
                let live = Live { create_revision, version, mod_revision: main, lease: row.lease, attached: 0, value };
                self.live.insert(Cow::Borrowed(row.key), live);
            }
        }
    }

    pub(super) fn leases(&self) -> Vec<Lease> {
        let leases = self.granted.iter();
        leases.map(|(id, lease)| Lease { id: *id, ttl: lease.ttl, remaining: lease.remaining }).collect()
    }

    /// Applies one normal entry.
    pub(super) fn apply(&mut self, wal: &Wal, entry: &Entry) -> Result<(), Refusal> {
        match Request::of(entry) {
            Request::V3(request) => self.apply_v3(&Log { wal, entry }, &request),
            Request::V2(request) => {
                self.apply_v2(&request);
                Ok(())
            }
            Request::Unknown => Err("it cannot be decoded".to_owned()),
            Request::Nothing | Request::Members(_) | Request::ManyMembers(_) => Ok(()),
        }
    }

    /// etcd `apply/uber_apply.go` `dispatch`, and the appliers for alarms around it.
    fn apply_v3(&mut self, log: &Log<'_>, request: &InternalRaftRequest) -> Result<(), Refusal> {
        if let Some(version) = &request.cluster_version_set {
            self.cluster_version = Some(version.ver.clone());
        } else if let Some(attributes) = &request.cluster_member_attr_set {
            let known = attributes.member_attributes.clone().unwrap_or_default();
            let (id, name, client_urls) = (attributes.member_id, known.name, known.client_urls);
            self.members.push(MemberChange::Attributes { id, name, client_urls });
        } else if let Some(put) = &request.put {
            self.refuse_under_alarm(true)?;
            self.check_put(put)?;
            self.write(|state, write| state.put(log, write, put));
        } else if let Some(delete) = &request.delete_range {
            self.refuse_under_alarm(false)?;
            self.write(|state, write| state.delete_range(write, &delete.key, &delete.range_end));
        } else if let Some(txn) = &request.txn {
            self.refuse_under_alarm(wants_to_put(txn))?;
            self.txn(log, txn)?;
        } else if let Some(compaction) = &request.compaction {
            self.refuse_under_alarm(false)?;
            self.compact(compaction.revision)?;
        } else if let Some(grant) = &request.lease_grant {
            self.refuse_under_alarm(true)?;
            self.grant(grant.id, grant.ttl)?;
        } else if let Some(revoke) = &request.lease_revoke {
            self.refuse_under_alarm(false)?;
            self.revoke(revoke.id)?;
        } else if let Some(checkpoint) = &request.lease_checkpoint {
            self.checkpoint(checkpoint)?;
        } else if let Some(alarm) = &request.alarm {
            self.alarm(alarm);
        } else if request.range.is_none() && request.downgrade_info_set.is_none() {
            self.note_other(log.entry, request);
        }
        Ok(())
    }

    /// Requests to the users' store and requests that this program does not know.
    fn note_other(&mut self, entry: &Entry, request: &InternalRaftRequest) {
        let known = InternalRaftRequest { header: None, id: 0, ..request.clone() } != InternalRaftRequest::default();
        let what = if known { "is about etcd's users or roles" } else { "is of a kind that is not known here" };
        self.notes.push(format!("entry {} {what}: it was passed over", entry.index));
    }

    /// etcd `apply/apply.go` `applierV3Capped` and `apply/corrupt.go`.
    fn refuse_under_alarm(&self, puts: bool) -> Result<(), Refusal> {
        if !self.corrupt.is_empty() {
            return Err("the alarm CORRUPT is on".to_owned());
        }
        if puts && !self.no_space.is_empty() {
            return Err("the alarm NOSPACE is on".to_owned());
        }
        Ok(())
    }

    /// A revision is used up only if something changed (etcd `kvstore_txn.go` `End`).
    fn write(&mut self, work: impl FnOnce(&mut Self, &mut Write)) {
        let mut write = Write { main: self.current.saturating_add(1), sub: 0 };
        work(self, &mut write);
        if write.sub > 0 {
            self.current = write.main;
        }
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&Live<'a>> {
        self.live.get(key)
    }

    /// The keys of a range that are there: one key without an end, all from `key` on if the end is a single zero byte.
    pub(super) fn range<'s>(&'s self, key: &[u8], end: &[u8]) -> Vec<(&'s [u8], &'s Live<'a>)> {
        let upper = match end {
            [] => return self.live.get_key_value(key).map(|(key, live)| (&**key, live)).into_iter().collect(),
            [0] => Bound::Unbounded,
            end if end <= key => return Vec::new(),
            end => Bound::Excluded(end),
        };
        let found = self.live.range::<[u8], _>((Bound::Included(key), upper));
        found.map(|(key, live)| (&**key, live)).collect()
    }

    fn check_put(&self, put: &PutRequest) -> Result<(), Refusal> {
        if put.lease != 0 && !self.granted.contains_key(&put.lease) {
            return Err(format!("lease {:x} does not exist", put.lease));
        }
        if (put.ignore_value || put.ignore_lease) && self.get(&put.key).is_none() {
            return Err("it is to keep what the key has, and there is no such key".to_owned());
        }
        Ok(())
    }

    /// etcd `kvstore_txn.go` `put`.
    fn put(&mut self, log: &Log<'_>, write: &mut Write, put: &PutRequest) {
        let old = self.live.get(&put.key[..]);
        let value = match old.filter(|_| put.ignore_value) {
            Some(old) => old.value.clone(),
            None => Value::New(put.value.clone(), log.value(&put.value)),
        };
        let lease = old.filter(|_| put.ignore_lease).map_or(put.lease, |old| old.lease);
        let (create_revision, version) =
            old.map_or((write.main, 1), |old| (old.create_revision, old.version.saturating_add(1)));
        let attached = old.map_or(0, |old| old.attached);
        self.detach(attached, &put.key);
        let attached = match self.granted.get_mut(&lease) {
            Some(granted) => {
                granted.keys.insert(put.key.to_vec());
                lease
            }
            None if lease != 0 => {
                let key = put.key.escape_ascii();
                self.notes
                    .push(format!("{key} keeps lease {lease:x}, which does not exist: etcd panics on such a put"));
                0
            }
            None => 0,
        };
        let at = match &value {
            Value::Old([], _) => NewValue::Empty,
            Value::Old(_, revision) => NewValue::Old(*revision),
            Value::New(_, at) => *at,
        };
        self.rows.push(NewRow {
            revision: write.next(),
            tombstone: false,
            key: put.key.to_vec(),
            create_revision,
            version,
            lease,
            value: at,
        });
        let live = Live { create_revision, version, mod_revision: write.main, lease, attached, value };
        self.live.insert(Cow::Owned(put.key.to_vec()), live);
    }

    /// etcd `kvstore_txn.go` `deleteRange`: in the order of the keys, each with a sub-revision of its own.
    fn delete_range(&mut self, write: &mut Write, key: &[u8], end: &[u8]) {
        let keys: Vec<Vec<u8>> = self.range(key, end).into_iter().map(|(key, _)| key.to_vec()).collect();
        for key in keys {
            if let Some(live) = self.live.remove(&key[..]) {
                self.detach(live.attached, &key);
                let revision = write.next();
                let (create_revision, version, lease) = (0, 0, 0);
                let value = NewValue::Empty;
                self.rows.push(NewRow { revision, tombstone: true, key, create_revision, version, lease, value });
            }
        }
    }

    fn detach(&mut self, lease: i64, key: &[u8]) {
        if let Some(lease) = self.granted.get_mut(&lease) {
            lease.keys.remove(key);
        }
    }

    /// etcd `txn/txn.go` `Txn`: all comparisons first, then all checks, then the requests.
    fn txn(&mut self, log: &Log<'_>, txn: &TxnRequest) -> Result<(), Refusal> {
        let path = compare_path(self, txn);
        self.check_txn(txn, &mut path.iter().copied())?;
        if writes(txn) {
            self.write(|state, write| state.run_txn(log, write, txn, &mut path.iter().copied()));
        }
        Ok(())
    }

    /// The checks of those requests that will be carried out.
    fn check_txn(&self, txn: &TxnRequest, path: &mut dyn Iterator<Item = bool>) -> Result<(), Refusal> {
        for op in chosen(txn, path.next()) {
            match &op.request {
                Some(Op::RequestPut(put)) => self.check_put(put)?,
                Some(Op::RequestRange(range)) => self.check_range(range.revision)?,
                Some(Op::RequestTxn(inner)) => self.check_txn(inner, path)?,
                Some(Op::RequestDeleteRange(_)) | None => {}
            }
        }
        Ok(())
    }

    fn check_range(&self, revision: i64) -> Result<(), Refusal> {
        if revision > self.current {
            return Err(format!("it reads at revision {revision}, which is yet to come"));
        }
        if revision != 0 && revision < self.compacted.unwrap_or(-1) {
            return Err(format!("it reads at revision {revision}, which is compacted"));
        }
        Ok(())
    }

    fn run_txn(&mut self, log: &Log<'_>, write: &mut Write, txn: &TxnRequest, path: &mut dyn Iterator<Item = bool>) {
        for op in chosen(txn, path.next()) {
            match &op.request {
                Some(Op::RequestPut(put)) => self.put(log, write, put),
                Some(Op::RequestDeleteRange(delete)) => self.delete_range(write, &delete.key, &delete.range_end),
                Some(Op::RequestTxn(inner)) => self.run_txn(log, write, inner, path),
                Some(Op::RequestRange(_)) | None => {}
            }
        }
    }

    /// etcd `kvstore.go` `updateCompactRev`.
    fn compact(&mut self, revision: i64) -> Result<(), Refusal> {
        if self.compacted.is_some_and(|compacted| revision <= compacted) || revision < 0 {
            return Err("it is compacted already".to_owned());
        }
        if revision > self.current {
            return Err("that revision is yet to come".to_owned());
        }
        self.compacted = Some(revision);
        Ok(())
    }

    /// etcd `lease/lessor.go` `Grant`.
    fn grant(&mut self, id: i64, ttl: i64) -> Result<(), Refusal> {
        if id == 0 || ttl > MAX_TTL {
            return Err("a lease needs an id, and a time that is not too long".to_owned());
        }
        if self.granted.contains_key(&id) {
            return Err("the lease exists already".to_owned());
        }
        let lease = LeaseState { ttl: ttl.max(self.rules.least_ttl), remaining: 0, keys: BTreeSet::new() };
        self.granted.insert(id, lease);
        Ok(())
    }

    /// etcd `lease/lessor.go` `Revoke`: the keys go in one transaction, in their order.
    fn revoke(&mut self, id: i64) -> Result<(), Refusal> {
        let lease = self.granted.remove(&id).ok_or("the lease does not exist")?;
        self.write(|state, write| {
            for key in &lease.keys {
                state.delete_range(write, key, &[]);
            }
        });
        Ok(())
    }

    /// etcd `lease/lessor.go` `Checkpoint`: kept on disk from cluster version 3.6 on; before, only by a flag that k3s does
    /// not set.
    fn checkpoint(&mut self, request: &pb::LeaseCheckpointRequest) -> Result<(), Refusal> {
        let persists = self.cluster_version.as_deref().and_then(minor).is_some_and(|minor| minor >= (3, 6));
        for one in &request.checkpoints {
            // etcd stops at the first lease that does not exist.
            let lease = self.granted.get_mut(&one.id).ok_or_else(|| format!("lease {:x} does not exist", one.id))?;
            if persists {
                lease.remaining = one.remaining_ttl;
            }
        }
        Ok(())
    }

    fn alarm(&mut self, request: &pb::AlarmRequest) {
        let set = match request.alarm() {
            AlarmType::Nospace => &mut self.no_space,
            AlarmType::Corrupt => &mut self.corrupt,
            AlarmType::None => return,
        };
        match request.action() {
            AlarmAction::Activate => drop(set.insert(request.member_id)),
            AlarmAction::Deactivate => drop(set.remove(&request.member_id)),
            AlarmAction::Get => {}
        }
    }

    /// Members make themselves known by puts below `/0` (etcd `apply_v2.go`); nothing else of version 2 is left.
    fn apply_v2(&mut self, request: &serverpb::Request) {
        let path = request.path();
        if path == "/0/version" {
            self.cluster_version = Some(request.val().to_owned());
        } else if let Some(id) = path.strip_prefix("/0/members/").and_then(|rest| rest.strip_suffix("/attributes")) {
            let id = u64::from_str_radix(id, 16);
            let known: Option<serde_json::Value> = serde_json::from_str(request.val()).ok();
            if let Some((id, known)) = id.ok().zip(known) {
                let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
                let urls = known.get("clientURLs").and_then(serde_json::Value::as_array);
                let client_urls = urls.map(|urls| urls.iter().map(text).collect()).unwrap_or_default();
                let name = known.get("name").map(text).unwrap_or_default();
                self.members.push(MemberChange::Attributes { id, name, client_urls });
            }
        }
    }

    /// Applies one entry that changes the members.
    pub(super) fn change_members(&mut self, entry: &Entry) -> Result<(), Refusal> {
        let request = Request::of(entry);
        if matches!(request, Request::Unknown) {
            return Err("it cannot be decoded".to_owned());
        }
        let context = match &request {
            Request::Members(change) => String::from_utf8_lossy(change.context()).into_owned(),
            Request::ManyMembers(many) => String::from_utf8_lossy(many.context()).into_owned(),
            _ => String::new(),
        };
        for (kind, id) in request.member_changes() {
            let context = context.clone();
            self.members.push(match kind {
                raftpb::ConfChangeType::ConfChangeAddNode => MemberChange::Joined { id, learner: false, context },
                raftpb::ConfChangeType::ConfChangeAddLearnerNode => MemberChange::Joined { id, learner: true, context },
                raftpb::ConfChangeType::ConfChangeRemoveNode => MemberChange::Left { id },
                raftpb::ConfChangeType::ConfChangeUpdateNode => MemberChange::Updated { id, context },
            });
        }
        request.change_voters(&mut self.voters);
        Ok(())
    }
}

impl Write {
    fn next(&mut self) -> Revision {
        let revision = Revision { main: self.main, sub: self.sub };
        self.sub = self.sub.saturating_add(1);
        revision
    }
}

/// The entry that is being applied, to tell where its values lie.
struct Log<'w> {
    wal: &'w Wal,
    entry: &'w Entry,
}

impl Log<'_> {
    fn value(&self, value: &Shared) -> NewValue {
        self.wal.locate(self.entry, value).map_or(NewValue::Empty, NewValue::Wal)
    }
}

fn chosen(txn: &TxnRequest, success: Option<bool>) -> &[RequestOp] {
    if success.unwrap_or(false) { &txn.success } else { &txn.failure }
}

/// Major and minor of a version such as `3.6.0`.
fn minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}
