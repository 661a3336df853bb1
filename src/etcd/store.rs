//! An etcd store opened for reading: a snapshot, a bare database, or a data directory.

use std::borrow::Cow;
use std::sync::Arc;

use rayon::prelude::*;

use super::consistency::{broken_chains, broken_transactions, holes, unscheduled_compaction};
use super::hash::{HashKv, Trailer, hash_kv, status_hash};
use super::keyvalue::{KeyValue, RowKey};
use super::replay::Replayed;
use super::wal::{Location, Wal};
use super::{Meta, Row, rows, tail};
use crate::bolt::{self, Bolt, Bucket, Census, Leaf, Walked};
use crate::model::{
    Change, Engine, Evidence, History, HistoryBuilder, LeaseRef, Op, ReadValue, ValueRef, Version, is_gap,
};
use crate::source::{Bytes, Damage, File, FileName, Place};

/// The ten buckets of an etcd database (etcd server/storage/schema/bucket.go, AllBuckets).
pub const BUCKETS: [&str; 10] =
    ["alarm", "auth", "authRoles", "authUsers", "cluster", "key", "lease", "members", "members_removed", "meta"];

/// Why a file cannot be read as an etcd store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read as bbolt.
    #[error(transparent)]
    Bolt(#[from] bolt::OpenError),
    /// It is bbolt, and not etcd's.
    #[error("{file}: a bbolt file, but not etcd's: it has no bucket named key; its buckets are: {buckets}")]
    NotEtcd {
        /// The file.
        file: FileName,
        /// The buckets it has.
        buckets: String,
    },
    /// A schema that this program does not know.
    #[error(
        "{file}: written by etcd {version}, which is newer than 3.7, the newest that is known here; use a newer kinescope"
    )]
    Newer {
        /// The file.
        file: FileName,
        /// The version it names.
        version: String,
    },
}

/// The values of an etcd store: most in the database file, those of replayed entries in the WAL's segments.
pub(super) struct Values {
    pub name: FileName,
    pub db: Bytes,
    pub wal: Option<Wal>,
}

/// A value's place: the number of its file above, the offset in it below. 48 bits hold 256 TiB.
const OFFSET_BITS: u32 = 48;

/// The address of a value at `offset` of a WAL segment; 0 above the offset is the database file.
pub(super) fn wal_place(segment: usize, offset: u64) -> u64 {
    (segment as u64 + 1) << OFFSET_BITS | offset
}

impl ReadValue for Values {
    fn read(&self, at: ValueRef) -> Result<Cow<'_, [u8]>, Damage> {
        let file = (at.place >> OFFSET_BITS) as usize;
        let offset = at.place & ((1 << OFFSET_BITS) - 1);
        let bytes = match file.checked_sub(1) {
            None => {
                usize::try_from(offset).ok().and_then(|start| self.db.get(start..start.checked_add(at.len as usize)?))
            }
            Some(segment) => self.wal.as_ref().and_then(|wal| wal.bytes(Location { segment, at: offset, len: at.len })),
        };
        bytes.map(Cow::Borrowed).ok_or_else(|| Damage {
            file: self.name.clone(),
            place: Place::Offset(offset),
            id: "value-outside",
            what: format!("a value of {} bytes reaches beyond its file", at.len),
        })
    }
}

/// An etcd store.
pub struct Store {
    bolt: Bolt,
    walked: Walked,
    meta: Meta,
    rows: Vec<Row>,
    history: History,
    values: Arc<Values>,
    damage: Vec<Damage>,
    contradictions: Vec<Damage>,
    is_snapshot_shaped: bool,
    replayed: Option<Replayed>,
}

impl Store {
    /// Opens a snapshot or a bare database file.
    ///
    /// # Errors
    /// The file is no bbolt file, or not etcd's, or of an etcd newer than 3.7.
    pub fn open(db: &File) -> Result<Self, OpenError> {
        Self::open_with(db, None)
    }

    /// Opens a data directory: the database with the tail of the raft log laid over it in memory, as etcd would apply it
    /// at its next start. Without a log it is the bare database.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_dir(db: &File, wal: &[File]) -> Result<Self, OpenError> {
        Self::open_with(db, (!wal.is_empty()).then(|| Wal::read(wal)))
    }

    fn open_with(db: &File, wal: Option<Wal>) -> Result<Self, OpenError> {
        let bolt = Bolt::open(db.name.clone(), db.bytes.clone())?;
        let mut damage = bolt.damage().to_vec();
        let walked = bolt.walk(&mut damage);
        let buckets = &walked.buckets;
        if !buckets.iter().any(|(bucket, _)| bucket.name == b"key") && damage.is_empty() {
            let names: Vec<String> = buckets.iter().map(|(bucket, _)| bucket.name.escape_ascii().to_string()).collect();
            return Err(OpenError::NotEtcd { file: db.name.clone(), buckets: names.join(", ") });
        }
        let meta = Meta::read(&bolt, buckets, &mut damage);
        refuse_newer(&db.name, &meta)?;
        let leaves = buckets.iter().find(|(bucket, _)| bucket.name == b"key").map(|(_, leaves)| leaves.as_slice());
        let (keys, rows) = rows::scan(&bolt, leaves.unwrap_or_default(), &mut damage);
        let mut contradictions = missing_buckets(&db.name, buckets);
        contradictions.extend(unscheduled_compaction(&db.name, &meta));
        let (keys, rows, meta, replayed) = match &wal {
            None => (keys, rows, meta, None),
            Some(wal) => {
                damage.extend(wal.damage.iter().cloned());
                let tail = tail::apply(&bolt, wal, keys, rows, meta);
                contradictions.extend(tail.replayed.contradictions.iter().cloned());
                (tail.keys, tail.rows, tail.meta, Some(tail.replayed))
            }
        };
        let values = Arc::new(Values { name: db.name.clone(), db: db.bytes.clone(), wal });
        let check_rows = || {
            let mut found = double_rows(&db.name, &rows);
            found.extend(broken_transactions(&db.name, &rows, meta.compact_revision()));
            found
        };
        let (history, found) = rayon::join(|| history(keys, &rows, &meta, values.clone()), check_rows);
        contradictions.extend(broken_chains(&db.name, &history));
        contradictions.extend(found);
        damage.sort();
        damage.dedup();
        let is_snapshot_shaped = Trailer::is_present(db.bytes.len());
        Ok(Self { bolt, walked, meta, rows, history, values, damage, contradictions, is_snapshot_shaped, replayed })
    }

    /// Where a value lies: the offset in its file, and the segment of the log if it is not the database.
    pub fn place_of(&self, value: ValueRef) -> (Option<usize>, u64) {
        let file = usize::try_from(value.place >> OFFSET_BITS).unwrap_or(usize::MAX);
        (file.checked_sub(1), value.place & ((1 << OFFSET_BITS) - 1))
    }

    /// What the store still knows.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The bbolt file underneath.
    pub fn bolt(&self) -> &Bolt {
        &self.bolt
    }

    /// What the small buckets say.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The rows of bucket `key`, in order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// What is wrong with the file.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Well-formed content that contradicts itself: proof that pages are missing or of another time.
    pub fn contradictions(&self) -> &[Damage] {
        &self.contradictions
    }

    /// What the raft log of a data directory added to the database file; its rows are among [`Store::rows`].
    pub fn replayed(&self) -> Option<&Replayed> {
        self.replayed.as_ref()
    }

    /// Whether the file's length is that of a snapshot with a trailer.
    pub fn is_snapshot_shaped(&self) -> bool {
        self.is_snapshot_shaped
    }

    /// The trailer's verdict; hashes the whole file.
    pub fn trailer(&self) -> Trailer {
        Trailer::check(self.bolt.bytes())
    }

    /// The hash of `etcdutl snapshot status`.
    pub fn status_hash(&self) -> u32 {
        status_hash(&self.bolt, &self.walked.buckets)
    }

    /// HashKV at the current revision.
    ///
    /// # Errors
    /// The damage that keeps a record from being read.
    pub fn hash_kv(&self) -> Result<HashKv, Damage> {
        hash_kv(&self.history, &self.rows, self.history.current_revision(), |row| self.record(row))
    }

    /// A row's record as it is stored, or as etcd will store it once the WAL is applied.
    fn record(&self, row: &Row) -> Result<Cow<'_, [u8]>, Damage> {
        if row.record != ValueRef::NONE {
            return self.values.read(row.record);
        }
        let value = if row.value == ValueRef::NONE { Cow::Borrowed(&[][..]) } else { self.values.read(row.value)? };
        let key = self.history.keys().get(row.key);
        let whole = if row.at.tombstone {
            KeyValue { key, ..KeyValue::default() }
        } else {
            KeyValue {
                key,
                create_revision: row.create_revision,
                mod_revision: row.at.revision.main,
                version: row.version,
                value: &value,
                value_at: 0,
                lease: row.lease,
            }
        };
        Ok(Cow::Owned(whole.encode()))
    }

    /// Ranges of revisions above the compact revision that no row has.
    pub fn holes(&self) -> Vec<(i64, i64)> {
        holes(&self.rows, self.history.compact_revision())
    }

    /// Rows of missing revisions that stand in pages which nothing reaches any more: proof that part of bucket `key` is
    /// lost from the tree. Searches the unreachable pages only where revisions are missing.
    pub fn lost_rows(&self) -> Vec<Damage> {
        let holes = self.holes();
        if holes.is_empty() {
            return Vec::new();
        }
        let in_hole = |main: i64| {
            let at = holes.partition_point(|&(_, end)| end < main);
            holes.get(at).is_some_and(|&(start, _)| start <= main)
        };
        let mut lost = Vec::new();
        for page in self.census().used.missing() {
            let Ok(Some(leaf)) = self.bolt.leaf(page) else { continue };
            for item in leaf.items(&self.bolt, &mut Vec::new()) {
                let row = RowKey::decode(item.key).filter(|row| in_hole(row.revision.main));
                if let (Some(row), Some(_)) = (row, KeyValue::decode(item.value)) {
                    lost.push(Damage {
                        file: self.bolt.file().clone(),
                        place: Place::Page(page.get()),
                        id: "row-lost",
                        what: format!(
                            "revision {} stands in a page that no tree reaches, and nowhere else",
                            row.revision
                        ),
                    });
                }
            }
        }
        lost
    }

    /// Where the file's pages go.
    pub fn census(&self) -> &Census {
        &self.walked.census
    }
}

fn refuse_newer(file: &FileName, meta: &Meta) -> Result<(), OpenError> {
    let minor = |version: &str| {
        let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
        Some((parts.next()??, parts.next()??))
    };
    match meta.storage_version.as_deref() {
        Some(version) if minor(version).is_some_and(|version| version > (3, 7)) => {
            Err(OpenError::Newer { file: file.clone(), version: version.to_owned() })
        }
        _ => Ok(()),
    }
}

/// A database of etcd has both; one without was torn or is of something else.
fn missing_buckets(file: &FileName, buckets: &[(Bucket, Vec<Leaf>)]) -> Vec<Damage> {
    let missing =
        ["key", "meta"].into_iter().filter(|name| !buckets.iter().any(|(bucket, _)| bucket.name == name.as_bytes()));
    let mut found: Vec<Damage> = missing
        .map(|name| Damage {
            file: file.clone(),
            place: Place::File,
            id: "bucket-missing",
            what: format!("there is no bucket {name}, which every etcd has"),
        })
        .collect();
    let unknown = buckets
        .iter()
        .map(|(bucket, _)| bucket)
        .filter(|bucket| !BUCKETS.iter().any(|name| name.as_bytes() == bucket.name));
    found.extend(unknown.map(|bucket| Damage {
        file: file.clone(),
        place: Place::Cell { page: bucket.page.get(), cell: bucket.cell },
        id: "bucket-unknown",
        what: format!("{} stands among the buckets, and etcd has none of that name", bucket.name.escape_ascii()),
    }));
    found
}

/// The same revision as a put and as a tombstone: etcd refuses to start on it.
fn double_rows(file: &FileName, rows: &[Row]) -> Vec<Damage> {
    let twice = rows.windows(2).filter(|pair| matches!(pair, [a, b] if a.at.revision == b.at.revision));
    twice
        .filter_map(|pair| pair.first())
        .map(|row| Damage {
            file: file.clone(),
            place: Place::Key(format!("revision {}", row.at.revision)),
            id: "row-twice",
            what: "the revision is there both as a put and as a tombstone, and etcd will not start on it".to_owned(),
        })
        .collect()
}

fn history(keys: crate::model::Keys, rows: &[Row], meta: &Meta, values: Arc<dyn ReadValue>) -> History {
    let nameless = keys.find(b"");
    let is_gap = |row: &Row| row.at.tombstone && is_gap(keys.get(row.key), row.at.revision.main);
    let is_nameless = |row: &Row| Some(row.key) == nameless;
    let is_change = |row: &Row| !is_nameless(row) && !is_gap(row);
    let special = Special::count(rows, is_nameless, is_gap);
    let mut changes: Vec<Change> = if special.gaps == 0 && special.nameless == 0 {
        rows.par_iter().map(change).collect()
    } else {
        rows.iter().filter(|row| is_change(row)).map(change).collect()
    };
    if special.tombstones > 0 {
        date_tombstones(&mut changes, keys.len());
    }
    let last = rows.last().map_or(1, |row| row.at.revision.main);
    let compact_revision = meta.compact_revision();
    HistoryBuilder {
        engine: Engine::Etcd,
        keys,
        changes,
        leases: meta.leases.clone(),
        current_revision: last.max(compact_revision).max(1),
        compact_revision,
        gap_rows: special.gaps,
        values,
    }
    .build()
}

/// How many rows need more than to be taken over, counted in one go over them.
#[derive(Default)]
struct Special {
    tombstones: u64,
    gaps: u64,
    nameless: u64,
}

impl Special {
    fn count(rows: &[Row], is_nameless: impl Fn(&Row) -> bool + Sync, is_gap: impl Fn(&Row) -> bool + Sync) -> Self {
        let of_row = |row: &Row| Self {
            tombstones: row.at.tombstone.into(),
            gaps: is_gap(row).into(),
            nameless: is_nameless(row).into(),
        };
        rows.par_iter().map(of_row).reduce(Self::default, |a, b| Self {
            tombstones: a.tombstones.saturating_add(b.tombstones),
            gaps: a.gaps.saturating_add(b.gaps),
            nameless: a.nameless.saturating_add(b.nameless),
        })
    }
}

fn change(row: &Row) -> Change {
    let (op, create_revision) =
        if row.at.tombstone { (Op::Delete, None) } else { (Op::Put, Some(row.create_revision)) };
    Change {
        revision: row.at.revision,
        key: row.key,
        op,
        evidence: Evidence::Intact,
        create_revision,
        version: Version::Known(row.version),
        lease: if row.lease == 0 { LeaseRef::None } else { LeaseRef::Id(row.lease) },
        value: row.value,
    }
}

/// A tombstone does not say when the life began that it ends; the put before it does.
fn date_tombstones(changes: &mut [Change], keys: usize) {
    let mut life: Vec<Option<i64>> = vec![None; keys];
    for change in changes {
        let Some(slot) = life.get_mut(change.key.index()) else { continue };
        match change.op {
            Op::Put => *slot = change.create_revision,
            Op::Delete => change.create_revision = slot.take(),
        }
    }
}
