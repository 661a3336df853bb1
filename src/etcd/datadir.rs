//! What a data directory of one member needs besides its database: a log with the entry by which the member joins, a
//! `.snap` file, and the rows of the small buckets; as `etcdutl snapshot restore` makes them.
//!
//! Source: etcd `etcdutl/snapshot/v3_snapshot.go` (`saveDB`, `saveWALAndSnap`), `server/etcdserver/api/membership`,
//! `server/storage/wal/encoder.go`, `server/etcdserver/api/snap/snapshotter.go`.

use prost::Message as _;
use prost::bytes::Bytes as Shared;
use sha1::{Digest, Sha1};

use super::EtcdVersion;
use super::proto::{raftpb, serverpb, snappb, walpb};
use super::wal;

/// The name of the only segment of a new log, below `member/wal`.
pub const WAL_NAME: &str = "0000000000000000-0000000000000000.wal";
/// The name of the `.snap` file of a new member, below `member/snap`: term 1, entry 1.
pub const SNAP_NAME: &str = "0000000000000001-0000000000000001.snap";
/// The length to which etcd preallocates a segment with zeros (etcd `wal.go` `SegmentSizeBytes`). A shorter file is
/// accepted as well.
pub const SEGMENT_LENGTH: u64 = 64_000_000;
/// The cluster token of a restore that names none (etcd `etcdutl/etcdutl/snapshot_command.go`).
pub const DEFAULT_TOKEN: &str = "etcd-cluster";

/// The events for which etcd's store of version 2 has room (etcd `v2store/store.go` `newStore`).
const EVENTS: usize = 1000;

/// The only member of a new cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    name: String,
    peer_urls: Vec<String>,
    token: String,
    version: Option<EtcdVersion>,
}

impl Member {
    /// A member with a name and the URLs at which others would reach it, in a cluster with the default token. Without a
    /// version the buckets say none, and any etcd from 3.5 on starts and writes its own.
    pub fn new(name: &str, peer_urls: &[String], version: Option<EtcdVersion>) -> Self {
        let mut peer_urls = peer_urls.to_vec();
        // etcd sorts them before it writes or hashes them (etcd `client/pkg/types/urls.go`).
        peer_urls.sort();
        Self { name: name.to_owned(), peer_urls, token: DEFAULT_TOKEN.to_owned(), version }
    }

    /// The same member in a cluster with another token.
    pub fn with_token(self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self }
    }

    /// The files of the data directory besides `member/snap/db`: their paths below it and their contents.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        vec![(format!("member/wal/{WAL_NAME}"), self.wal()), (format!("member/snap/{SNAP_NAME}"), self.snap())]
    }

    /// The rows that the database must have besides those that say its version and its compact revision: bucket, key and
    /// value. The log's only entry is applied; there are no other members.
    pub fn rows(&self) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
        let voters = format!(r#"{{"voters":[{}],"auto_leave":false}}"#, self.id());
        let one = 1_u64.to_be_bytes().to_vec();
        vec![
            ("members", format!("{:x}", self.id()).into_bytes(), self.json().into_bytes()),
            ("meta", b"confState".to_vec(), voters.into_bytes()),
            ("meta", b"consistent_index".to_vec(), one.clone()),
            ("meta", b"term".to_vec(), one),
        ]
    }

    /// The member's id: the first 8 bytes of the SHA-1 of its URLs and the token (etcd `membership/member.go`
    /// `computeMemberID`).
    pub fn id(&self) -> u64 {
        first_8(&Sha1::digest(format!("{}{}", self.peer_urls.concat(), self.token)))
    }

    /// The cluster's id: the first 8 bytes of the SHA-1 of its members' ids (etcd `membership/cluster.go` `genID`).
    pub fn cluster_id(&self) -> u64 {
        first_8(&Sha1::digest(self.id().to_be_bytes()))
    }

    /// The member as etcd describes it in the log and in bucket `members`.
    fn json(&self) -> String {
        let name = match self.name.as_str() {
            "" => String::new(),
            name => format!(r#","name":{}"#, text(name)),
        };
        format!(r#"{{"id":{},"peerURLs":{}{name}}}"#, self.id(), self.urls())
    }

    fn urls(&self) -> String {
        let urls: Vec<String> = self.peer_urls.iter().map(|url| text(url)).collect();
        format!("[{}]", urls.join(","))
    }

    fn conf_state(&self) -> raftpb::ConfState {
        raftpb::ConfState { voters: vec![self.id()], auto_leave: self.zero(false), ..raftpb::ConfState::default() }
    }

    /// A field that etcd writes even if it is zero, until 3.6; 3.7 has another protobuf library, which leaves it out.
    fn zero<T>(&self, value: T) -> Option<T> {
        (self.version != Some(EtcdVersion::V3_7)).then_some(value)
    }

    /// The content of [`WAL_NAME`]: the member's entry, committed, and the mark of the snapshot that holds it.
    fn wal(&self) -> Vec<u8> {
        let change = raftpb::ConfChange {
            id: self.zero(0),
            r#type: Some(raftpb::ConfChangeType::ConfChangeAddNode as i32),
            node_id: Some(self.id()),
            context: Some(self.json().into_bytes().into()),
        };
        let entry = raftpb::Entry {
            r#type: Some(raftpb::EntryType::EntryConfChange as i32),
            term: Some(1),
            index: Some(1),
            data: Some(change.encode_to_vec().into()),
        };
        let metadata = serverpb::Metadata { node_id: Some(self.id()), cluster_id: Some(self.cluster_id()) };
        let state = raftpb::HardState { term: Some(1), vote: Some(self.id()), commit: Some(1) };
        let start = walpb::Snapshot { index: Some(0), term: Some(0), conf_state: None };
        let mark = walpb::Snapshot { index: Some(1), term: Some(1), conf_state: Some(self.conf_state()) };
        let mut log = LogWriter::default();
        log.record(wal::CRC, None);
        log.record(wal::METADATA, Some(metadata.encode_to_vec()));
        log.record(wal::SNAPSHOT, Some(start.encode_to_vec()));
        log.record(wal::ENTRY, Some(entry.encode_to_vec()));
        log.record(wal::STATE, Some(state.encode_to_vec()));
        log.record(wal::SNAPSHOT, Some(mark.encode_to_vec()));
        log.bytes
    }

    /// The content of [`SNAP_NAME`]: no key of the store, only the member, as etcd's store of version 2 kept it.
    fn snap(&self) -> Vec<u8> {
        let metadata = raftpb::SnapshotMetadata { conf_state: Some(self.conf_state()), index: Some(1), term: Some(1) };
        let snapshot = raftpb::Snapshot { data: Some(self.v2_store().into_bytes().into()), metadata: Some(metadata) };
        let data = snapshot.encode_to_vec();
        snappb::Snapshot { crc: Some(crc32c::crc32c(&data)), data: Some(data.into()) }.encode_to_vec()
    }

    /// The member in the JSON of etcd's store of version 2 (etcd `v2store/store.go` `Save`).
    fn v2_store(&self) -> String {
        let id = format!("{:x}", self.id());
        let value = text(&format!(r#"{{"peerURLs":{}}}"#, self.urls()));
        let node = |path: &str, index: u8, value: &str, children: &str| {
            format!(
                r#"{{"Path":"{path}","CreatedIndex":{index},"ModifiedIndex":{index},"ExpireTime":"0001-01-01T00:00:00Z","Value":{value},"Children":{children}}}"#
            )
        };
        let dir = |path: &str, index: u8, name: &str, child: &str| {
            node(path, index, r#""""#, &format!(r#"{{"{name}":{child}}}"#))
        };
        let attributes = format!("/0/members/{id}/raftAttributes");
        let leaf = node(&attributes, 1, &value, "null");
        let member = dir(&format!("/0/members/{id}"), 1, "raftAttributes", &leaf);
        let members = dir("/0/members", 1, &id, &member);
        let zero = dir("/0", 0, "members", &members);
        let one = node("/1", 0, r#""""#, "{}");
        let root = node("/", 0, r#""""#, &format!(r#"{{"0":{zero},"1":{one}}}"#));
        let event = format!(
            r#"{{"action":"create","node":{{"key":"{attributes}","value":{value},"modifiedIndex":1,"createdIndex":1}}}}"#
        );
        let nulls = ",null".repeat(EVENTS - 1);
        let queue = format!(r#"{{"Events":[{event}{nulls}],"Size":1,"Front":0,"Back":1,"Capacity":{EVENTS}}}"#);
        // From 3.6 on, etcd looks for the member before it creates it.
        let looked = u8::from(self.version > Some(EtcdVersion::V3_5));
        let history = format!(r#"{{"Queue":{queue},"StartIndex":1,"LastIndex":1}}"#);
        format!(
            r#"{{"Root":{root},"WatcherHub":{{"EventHistory":{history}}},"CurrentIndex":1,"Stats":{{"getsSuccess":0,"getsFail":{looked},{STATS},"CurrentVersion":2}}"#
        )
    }
}

/// The counters of a store of version 2 in which one node was created, behind the count of failed reads.
const STATS: &str = concat!(
    r#""setsSuccess":0,"setsFail":0,"deleteSuccess":0,"deleteFail":0,"updateSuccess":0,"updateFail":0,"#,
    r#""createSuccess":1,"createFail":0,"compareAndSwapSuccess":0,"compareAndSwapFail":0,"#,
    r#""compareAndDeleteSuccess":0,"compareAndDeleteFail":0,"expireCount":0,"watchers":0}"#
);

/// A JSON string.
fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn first_8(hash: &[u8]) -> u64 {
    hash.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Writes frames (etcd `wal/encoder.go` `encode`, `encodeFrameSize`).
#[derive(Debug, Default)]
struct LogWriter {
    bytes: Vec<u8>,
    crc: u32,
}

impl LogWriter {
    fn record(&mut self, kind: i64, data: Option<Vec<u8>>) {
        let data = data.map(Shared::from);
        self.crc = crc32c::crc32c_append(self.crc, data.as_deref().unwrap_or_default());
        let record = walpb::Record { r#type: Some(kind), crc: Some(self.crc), data }.encode_to_vec();
        let padding = record.len().next_multiple_of(8) - record.len();
        let flag = if padding == 0 { 0 } else { (0x80 | padding as u64) << 56 };
        self.bytes.extend((record.len() as u64 | flag).to_le_bytes());
        self.bytes.extend(record);
        self.bytes.resize(self.bytes.len() + padding, 0);
    }
}
