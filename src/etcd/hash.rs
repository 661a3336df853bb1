//! The hashes by which etcd's own tools compare stores, computed without opening the file for writing.

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::Row;
use crate::bolt::{Bolt, Bucket};
use crate::model::{History, Revision};
use crate::source::{Bytes, Damage};

/// Length of the SHA-256 that ends a snapshot.
pub const TRAILER_LEN: usize = 32;

/// What a file's trailer says of it (etcd etcdutl/snapshot/v3_snapshot.go, hasChecksum and copyAndVerifyDB).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trailer {
    /// The last 32 bytes are the SHA-256 of all before them.
    Ok,
    /// The length is not that of a snapshot: a raw database, or a download that was cut off.
    Absent,
    /// There is a trailer, and it is not the hash of what stands before it.
    Wrong,
}

impl Trailer {
    /// The verdict's name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Absent => "absent",
            Self::Wrong => "wrong",
        }
    }

    /// Whether a file of `len` bytes has a trailer: etcd's rule, whole sectors and 32 bytes.
    pub const fn is_present(len: usize) -> bool {
        len % 512 == TRAILER_LEN
    }

    /// Hashes the file.
    pub fn check(file: &Bytes) -> Self {
        if !Self::is_present(file.len()) {
            return Self::Absent;
        }
        let (content, trailer) = file.split_at(file.len() - TRAILER_LEN);
        if Sha256::digest(content).as_slice() == trailer { Self::Ok } else { Self::Wrong }
    }
}

/// The hash that `etcdutl snapshot status` prints: CRC-32C over each bucket's name and all its keys and values (etcd
/// etcdutl/snapshot/v3_snapshot.go, Status).
pub fn status_hash(bolt: &Bolt, buckets: &[Bucket], damage: &mut Vec<Damage>) -> u32 {
    let parts: Vec<(u32, u64, Vec<Damage>)> = buckets
        .iter()
        .flat_map(|bucket| {
            let mut faults = Vec::new();
            let name = (crc32c::crc32c(&bucket.name), bucket.name.len() as u64, Vec::new());
            let leaves = bolt.leaves(bucket, &mut faults);
            let hash_leaf = |leaf: &crate::bolt::Leaf| {
                let mut faults = Vec::new();
                let (mut crc, mut len) = (0, 0);
                for item in leaf.items(bolt, &mut faults) {
                    crc = crc32c::crc32c_append(crc32c::crc32c_append(crc, item.key), item.value);
                    len += (item.key.len() + item.value.len()) as u64;
                }
                (crc, len, faults)
            };
            let mut parts = vec![name, (0, 0, faults)];
            parts.par_extend(leaves.par_iter().map(hash_leaf));
            parts
        })
        .collect();
    let mut whole = 0;
    for (crc, len, faults) in parts {
        whole = crc32c::crc32c_combine(whole, crc, len as usize);
        damage.extend(faults);
    }
    whole
}

/// What `etcdctl endpoint hashkv` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashKv {
    /// The hash.
    pub hash: u32,
    /// The compact revision it was taken at; -1 for a store that was never compacted, as etcd prints it.
    pub compact_revision: i64,
    /// The revision up to which rows count.
    pub revision: i64,
}

/// HashKV at `revision` (etcd server/storage/mvcc/hash.go and kvstore.go, hashByRev), as etcd 3.4.34, 3.5.16, 3.6 and
/// 3.7 compute it. `rows` are all rows in revision order; `record` gives a row's record as it is stored.
///
/// # Errors
/// The damage that keeps a record from being read.
pub fn hash_kv<'a>(
    history: &History,
    rows: &[Row],
    revision: i64,
    record: impl Fn(&Row) -> Result<std::borrow::Cow<'a, [u8]>, Damage> + Sync,
) -> Result<HashKv, Damage> {
    let compact = history.compact_revision();
    let keep = kept_at(history, rows, revision);
    let counts = |index: usize, row: &Row| {
        let main = row.at.revision.main;
        main <= revision
            && !(compact > 0 && main <= compact && !keep.get(index).copied().unwrap_or(false))
            && !(compact > 0 && main == compact && row.at.tombstone)
    };
    let pieces: Vec<(u32, u64)> = rows
        .par_chunks(256)
        .enumerate()
        .map(|(chunk, rows)| {
            let (mut crc, mut len) = (0, 0);
            for (at, row) in rows.iter().enumerate().filter(|(at, row)| counts(chunk * 256 + at, row)) {
                let _ = at;
                let (key, record) = (row.at.encode(), record(row)?);
                crc = crc32c::crc32c_append(crc32c::crc32c_append(crc, &key), &record);
                len += (key.len() + record.len()) as u64;
            }
            Ok((crc, len))
        })
        .collect::<Result<_, Damage>>()?;
    let start = crc32c::crc32c(b"key");
    let hash = pieces.into_iter().fold(start, |whole, (crc, len)| crc32c::crc32c_combine(whole, crc, len as usize));
    Ok(HashKv { hash, compact_revision: if compact > 0 { compact } else { -1 }, revision })
}

/// For each row whether etcd's index would keep it at `revision`: the newest put at or below it of each key, unless the
/// key's life had ended by then (etcd server/storage/mvcc/key_index.go, keep).
fn kept_at(history: &History, rows: &[Row], revision: i64) -> Vec<bool> {
    let mut newest: Vec<Option<usize>> = vec![None; history.keys().len()];
    for (index, row) in rows.iter().enumerate() {
        if row.at.revision.main > revision {
            break;
        }
        if let Some(slot) = newest.get_mut(row.key.index()) {
            *slot = Some(index);
        }
    }
    let mut keep = vec![false; rows.len()];
    for index in newest.into_iter().flatten() {
        let put = rows.get(index).is_some_and(|row| !row.at.tombstone);
        if let Some(slot) = keep.get_mut(index) {
            *slot = put;
        }
    }
    keep
}

/// The row after all others, for stores whose newest revision has none.
pub fn last_revision(rows: &[Row]) -> Option<Revision> {
    rows.last().map(|row| row.at.revision)
}
