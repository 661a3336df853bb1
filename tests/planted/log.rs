//! etcd's raft log with more behind its end, written as etcd writes it.

use std::fs;
use std::path::Path;

use kinescope::etcd::proto::etcdserverpb::{InternalRaftRequest, PutRequest};
use kinescope::etcd::proto::{raftpb, walpb};
use kinescope::etcd::wal::Wal;
use kinescope::source::{Bytes, File, FileName};
use prost::Message as _;

use super::etcd::{Buckets, buckets, built, directory, of_directory};
use super::{Case, below};
use crate::fixtures::unpacked;

/// The log of a data directory of the fixtures, without the zeros behind it.
pub struct Log {
    pub bytes: Vec<u8>,
    pub crc: u32,
    pub last: u64,
    pub term: u64,
    pub commit: u64,
}

impl Log {
    /// A log that begins behind an entry.
    pub fn behind(last: u64, term: u64) -> Self {
        let mut log = Self { bytes: Vec::new(), crc: 0, last, term, commit: last };
        log.record(4, Vec::new());
        // Node 1 of cluster 1.
        log.record(1, vec![8, 1, 16, 1]);
        log
    }

    pub fn real() -> Self {
        let path = unpacked("etcd-3.6").join("final.etcd/member/wal/0000000000000000-0000000000000000.wal");
        let whole = fs::read(path).unwrap();
        let (mut end, mut crc) = (0, 0);
        while let Some(header) = whole.get(end..end + 8).filter(|header| **header != [0; 8]) {
            let field = u64::from_le_bytes(header.try_into().unwrap());
            let len = (field & 0x00FF_FFFF_FFFF_FFFF) as usize;
            let record = walpb::Record::decode(&whole[end + 8..end + 8 + len]).unwrap();
            crc = record.crc.unwrap_or_default();
            let padding = if field >> 63 == 1 { field >> 56 & 7 } else { 0 };
            end += 8 + len + padding as usize;
        }
        let bytes = whole[..end].to_vec();
        let name = FileName::new("0000000000000000-0000000000000000.wal");
        let wal = Wal::read(&[File { name, bytes: Bytes::from(bytes.clone()) }]);
        let last = wal.entries.last().unwrap();
        Self { bytes, crc, last: last.index, term: last.term, commit: wal.state.commit }
    }

    pub fn record(&mut self, kind: i64, data: Vec<u8>) {
        self.crc = crc32c::crc32c_append(self.crc, &data);
        let record = walpb::Record { r#type: Some(kind), crc: Some(self.crc), data: Some(data.into()) }.encode_to_vec();
        let padding = record.len().next_multiple_of(8) - record.len();
        let flag = if padding == 0 { 0 } else { (0x80 | padding as u64) << 56 };
        self.bytes.extend((record.len() as u64 | flag).to_le_bytes());
        self.bytes.extend(record);
        self.bytes.resize(self.bytes.len() + padding, 0);
    }

    /// Appends an entry with a request.
    pub fn request(&mut self, request: &InternalRaftRequest) {
        self.last += 1;
        let data = Some(request.encode_to_vec().into());
        let entry = raftpb::Entry { r#type: Some(0), term: Some(self.term), index: Some(self.last), data };
        self.record(2, entry.encode_to_vec());
    }

    /// Appends a put.
    pub fn put(&mut self, key: &str, lease: i64) {
        let put = PutRequest { key: key.as_bytes().to_vec().into(), lease, ..PutRequest::default() };
        self.request(&InternalRaftRequest { id: 7, put: Some(put), ..InternalRaftRequest::default() });
    }

    /// Appends what the member knows to be committed.
    pub fn committed(&mut self, commit: u64) {
        let vote = Some(0);
        self.record(3, raftpb::HardState { term: Some(self.term), vote, commit: Some(commit) }.encode_to_vec());
    }

    /// Appends the mark of a snapshot.
    pub fn mark(&mut self, index: u64) {
        let mark = walpb::Snapshot { index: Some(index), term: Some(self.term), conf_state: None };
        self.record(5, mark.encode_to_vec());
    }
}

/// A data directory, and a second one with its rows and its log changed.
pub fn changed(dir: &Path, change: impl FnOnce(&mut Buckets, &mut Log)) -> Case {
    let mut rows = buckets(&of_directory());
    let mut log = Log::real();
    let healthy = directory(&below(dir, "healthy"), &built(&rows), &log.bytes);
    change(&mut rows, &mut log);
    let planted = directory(&below(dir, "planted"), &built(&rows), &log.bytes);
    Case::of(&healthy, &planted)
}

/// The same with rows that both have.
pub fn changed_both(dir: &Path, both: impl FnOnce(&mut Buckets), change: impl FnOnce(&mut Log)) -> Case {
    let mut rows = buckets(&of_directory());
    both(&mut rows);
    let mut log = Log::real();
    log.committed(log.last);
    let healthy = directory(&below(dir, "healthy"), &built(&rows), &log.bytes);
    change(&mut log);
    let planted = directory(&below(dir, "planted"), &built(&rows), &log.bytes);
    Case::of(&healthy, &planted)
}
