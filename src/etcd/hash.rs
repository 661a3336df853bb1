//! The hashes by which etcd's own tools compare stores, computed without opening the file for writing.

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::Row;
use crate::bolt::{Bolt, Bucket, Leaf};
use crate::model::History;
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

/// Leaves, or rows, that one thread hashes before the pieces are joined: joining costs as much as hashing some ten
/// kilobytes.
const PIECE: usize = 4096;

/// A CRC-32C, and how many bytes it is of.
#[derive(Clone, Copy, Default)]
struct Piece {
    crc: u32,
    len: usize,
}

impl Piece {
    fn add(&mut self, bytes: &[u8]) {
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.len += bytes.len();
    }

    fn then(self, next: Self) -> Self {
        Self { crc: crc32c::crc32c_combine(self.crc, next.crc, next.len), len: self.len + next.len }
    }
}

/// The hash that `etcdutl snapshot status` prints: CRC-32C over each bucket's name and all its keys and values (etcd
/// etcdutl/snapshot/v3_snapshot.go, Status).
pub fn status_hash(bolt: &Bolt, buckets: &[(Bucket, Vec<Leaf>)]) -> u32 {
    let of_leaves = |leaves: &[Leaf]| {
        let mut piece = Piece::default();
        for leaf in leaves {
            for item in leaf.items(bolt, &mut Vec::new()) {
                piece.add(item.key);
                piece.add(item.value);
            }
        }
        piece
    };
    let mut whole = Piece::default();
    for (bucket, leaves) in buckets {
        whole.add(&bucket.name);
        let pieces: Vec<Piece> = leaves.par_chunks(PIECE).map(of_leaves).collect();
        whole = pieces.into_iter().fold(whole, Piece::then);
    }
    whole.crc
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
    let of_rows = |(chunk, rows): (usize, &[Row])| {
        let mut piece = Piece::default();
        for (index, row) in (chunk * PIECE..).zip(rows) {
            if counts(index, row) {
                piece.add(&row.at.encode());
                piece.add(&record(row)?);
            }
        }
        Ok(piece)
    };
    let pieces = rows.par_chunks(PIECE).enumerate().map(of_rows).collect::<Result<Vec<Piece>, Damage>>()?;
    let mut start = Piece::default();
    start.add(b"key");
    let hash = pieces.into_iter().fold(start, Piece::then).crc;
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
