//! Writes an etcd database: the ten buckets, in one pass, with or without the trailer of a snapshot.

use std::io::Write;

use super::keyvalue::{Frame, KeyValue, RowKey, revision_bytes};
use super::proto::leasepb;
use super::store::BUCKETS;
use crate::bolt::{BuildError, Format, HashingSink, Plan};
use crate::model::{Content, Contents, Lease, Name, Revision};
use crate::source::Damage;
use prost::Message;

/// A row of bucket `key` that is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewRow {
    /// When, and whether it is a tombstone.
    pub at: RowKey,
    /// The user's key; an empty one is the row of a bump, which has nothing else.
    pub name: Name,
    /// The life's first revision.
    pub create_revision: i64,
    /// Puts of this life.
    pub version: i64,
    /// The lease's id, or 0.
    pub lease: i64,
    /// The value.
    pub value: Content,
}

/// The versions of etcd that a file can be marked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EtcdVersion {
    /// 3.5
    V3_5,
    /// 3.6
    V3_6,
    /// 3.7
    V3_7,
}

impl EtcdVersion {
    /// As etcd writes it into `cluster/clusterVersion`.
    pub const fn text(self) -> &'static str {
        match self {
            Self::V3_5 => "3.5.0",
            Self::V3_6 => "3.6.0",
            Self::V3_7 => "3.7.0",
        }
    }
}

/// What a new database holds.
pub struct Image<'a> {
    /// Names and values.
    pub contents: &'a Contents<'a>,
    /// The rows, in the order of their revisions.
    pub rows: &'a [NewRow],
    /// The leases, by id.
    pub leases: &'a [Lease],
    /// The compact revision; 0 for a store that was never compacted.
    pub compact_revision: i64,
    /// The version the file is marked for; without one it starts in 3.5, 3.6 and 3.7.
    pub version: Option<EtcdVersion>,
    /// Rows of the buckets `meta` and `members` that belong to a data directory with a WAL of its own.
    pub membership: Vec<(&'static str, Vec<u8>, Vec<u8>)>,
}

/// What keeps a database from being written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file could not be built or written.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A value of the source could not be read.
    #[error("{0}")]
    Source(Damage),
    /// The caller gave up.
    #[error("interrupted")]
    Interrupted,
}

type SmallRows = Vec<(Vec<u8>, Vec<u8>)>;

impl Image<'_> {
    /// Writes the database and gives the sink's writer back, with the SHA-256 of all bytes written: a snapshot ends with
    /// it. `progress` is told the rows written so far, and says whether to go on.
    ///
    /// # Errors
    /// The sink failed, a value could not be read, or `progress` said no.
    pub fn write<W: Write + Send + 'static>(
        &self,
        out: W,
        mut progress: impl FnMut(u64) -> bool,
    ) -> Result<(W, [u8; 32]), WriteError> {
        let small: Vec<(&str, SmallRows)> =
            BUCKETS.iter().filter(|&&name| name != "key").map(|&name| (name, self.small_bucket(name))).collect();
        let mut plan = Plan::new(Format::default());
        plan.bucket(b"key", self.rows.iter().map(|row| (key_len(row), self.record_len(row))))?;
        for (name, rows) in &small {
            plan.bucket(name.as_bytes(), rows.iter().map(|(key, value)| (key.len(), value.len())))?;
        }
        let layout = plan.finish();
        let order: Vec<Vec<u8>> = layout.names().map(<[u8]>::to_vec).collect();
        let sink = HashingSink::new(out).map_err(BuildError::from)?;
        let mut writer = layout.writer(sink)?;
        for name in order {
            writer.bucket(&name)?;
            if name == b"key" {
                let mut frame = Frame::default();
                for (count, row) in (0u64..).zip(self.rows) {
                    if count % 1024 == 0 && !progress(count) {
                        return Err(WriteError::Interrupted);
                    }
                    let value = self.contents.read(row.value).map_err(WriteError::Source)?;
                    let (head, tail) = frame.encode(&self.key_value(row, &value));
                    writer.item(&row.at.encode(), &[head, &value, tail])?;
                }
            } else if let Some((_, rows)) = small.iter().find(|(bucket, _)| bucket.as_bytes() == name) {
                for (key, value) in rows {
                    writer.item(key, &[value])?;
                }
            }
        }
        let sink = writer.finish()?;
        Ok(sink.finish().map_err(BuildError::from)?)
    }

    fn key_value<'v>(&'v self, row: &NewRow, value: &'v [u8]) -> KeyValue<'v> {
        let key = self.contents.name_bytes(row.name);
        if row.at.tombstone || key.is_empty() {
            return KeyValue { key, ..KeyValue::default() };
        }
        KeyValue {
            key,
            create_revision: row.create_revision,
            mod_revision: row.at.revision.main,
            version: row.version,
            value,
            value_at: 0,
            lease: row.lease,
        }
    }

    fn record_len(&self, row: &NewRow) -> usize {
        let value_len = if row.at.tombstone { 0 } else { self.contents.len_of(row.value) };
        self.key_value(row, &[]).encoded_len_with(value_len)
    }

    fn small_bucket(&self, bucket: &str) -> SmallRows {
        let mut rows: SmallRows = match bucket {
            "meta" => self.meta_rows(),
            "lease" => self.leases.iter().map(lease_row).collect(),
            "auth" => vec![(b"authRevision".to_vec(), 1u64.to_be_bytes().to_vec())],
            "cluster" => self
                .version
                .map(|version| (b"clusterVersion".to_vec(), version.text().as_bytes().to_vec()))
                .into_iter()
                .collect(),
            _ => Vec::new(),
        };
        let own = self.membership.iter().filter(|(name, ..)| *name == bucket);
        rows.extend(own.map(|(_, key, value)| (key.clone(), value.clone())));
        rows.sort();
        rows
    }

    fn meta_rows(&self) -> SmallRows {
        let mut rows = SmallRows::new();
        if self.compact_revision > 0 {
            let revision = revision_bytes(Revision::new(self.compact_revision)).to_vec();
            rows.push((b"finishedCompactRev".to_vec(), revision.clone()));
            rows.push((b"scheduledCompactRev".to_vec(), revision));
        }
        // etcd 3.5 knows no storage version and would carry a foreign one along.
        if let Some(version) = self.version.filter(|&version| version != EtcdVersion::V3_5) {
            rows.push((b"storageVersion".to_vec(), version.text().as_bytes().to_vec()));
        }
        rows
    }
}

fn lease_row(lease: &Lease) -> (Vec<u8>, Vec<u8>) {
    let record = leasepb::Lease { id: lease.id, ttl: lease.ttl, remaining_ttl: lease.remaining };
    (lease.id.to_be_bytes().to_vec(), record.encode_to_vec())
}

fn key_len(row: &NewRow) -> usize {
    super::keyvalue::REVISION_LEN + usize::from(row.at.tombstone)
}
