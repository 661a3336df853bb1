//! The small buckets: `meta`, `cluster`, `members`, `alarm`, `auth`, `lease`.

use std::collections::BTreeMap;

use super::keyvalue::RowKey;
use super::proto::leasepb;
use crate::bolt::{Bolt, Bucket, Leaf};
use crate::model::Lease;
use crate::source::{Damage, Place};
use prost::Message;

/// An armed alarm (etcd api/etcdserverpb/rpc.proto, AlarmMember).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The member that raised it.
    pub member: u64,
    /// `NOSPACE`, `CORRUPT`, or the number.
    pub kind: String,
}

/// What the small buckets say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Raft index of the last entry whose effect is in the file.
    pub consistent_index: Option<u64>,
    /// Raft term of that entry; since etcd 3.5.
    pub term: Option<u64>,
    /// The members that vote, as JSON; since etcd 3.5.
    pub conf_state: Option<String>,
    /// Version of the schema, as text; since etcd 3.6.
    pub storage_version: Option<String>,
    /// The revision to which a compaction was begun.
    pub scheduled_compact_revision: Option<i64>,
    /// The revision to which a compaction was finished.
    pub finished_compact_revision: Option<i64>,
    /// Version of the cluster, as text.
    pub cluster_version: Option<String>,
    /// Members by hexadecimal id, as JSON.
    pub members: BTreeMap<String, String>,
    /// Ids of members that were removed.
    pub removed_members: Vec<String>,
    /// Armed alarms.
    pub alarms: Vec<Alarm>,
    /// Whether etcd's own authentication is on.
    pub auth_enabled: bool,
    /// Leases, by id.
    pub leases: Vec<Lease>,
}

impl Meta {
    /// The revision up to which history is compacted: the greater of the two, because etcd finishes at its next start
    /// what was begun (etcd server/storage/mvcc/kvstore.go, restore). 0 for never.
    pub fn compact_revision(&self) -> i64 {
        self.scheduled_compact_revision.max(self.finished_compact_revision).unwrap_or(0).max(0)
    }

    /// The etcd minor that the file's schema names: its storage version, else 3.5 where there is a term (etcd
    /// server/storage/schema/schema.go, UnsafeDetectSchemaVersion).
    pub fn schema_version(&self) -> Option<String> {
        match (&self.storage_version, self.term) {
            (Some(version), _) => Some(version.clone()),
            (None, Some(term)) if term != 0 => Some("3.5.0".to_owned()),
            _ => None,
        }
    }

    /// The members that vote, by id; empty where the file does not say.
    pub fn voters(&self) -> std::collections::BTreeSet<u64> {
        let conf_state =
            self.conf_state.as_deref().and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
        let voters = conf_state.as_ref().and_then(|state| state.get("voters")?.as_array());
        voters.into_iter().flatten().filter_map(serde_json::Value::as_u64).collect()
    }

    /// Reads the small buckets among `buckets`.
    pub fn read(bolt: &Bolt, buckets: &[(Bucket, Vec<Leaf>)], damage: &mut Vec<Damage>) -> Self {
        let mut meta = Self::default();
        for (bucket, leaves) in buckets.iter().filter(|(bucket, _)| bucket.name != b"key") {
            let mut bad = Vec::new();
            for leaf in leaves {
                for item in leaf.items(bolt, damage) {
                    if let Err((id, what)) = meta.take(&bucket.name, item.key, item.value) {
                        let place = Place::Cell { page: leaf.home.page().get(), cell: item.cell.into() };
                        bad.push(Damage { file: bolt.file().clone(), place, id, what });
                    }
                }
            }
            damage.append(&mut bad);
        }
        meta.leases.sort_by_key(|lease| lease.id);
        meta
    }

    pub(super) fn take(&mut self, bucket: &[u8], key: &[u8], value: &[u8]) -> Result<(), (&'static str, String)> {
        let shown = || key.escape_ascii().to_string();
        match bucket {
            b"meta" => return self.take_meta(key, value),
            b"cluster" if key == b"clusterVersion" => self.cluster_version = Some(text(value)),
            b"members" => {
                self.members.insert(text(key), text(value));
            }
            b"members_removed" => self.removed_members.push(text(key)),
            b"auth" if key == b"authEnabled" => self.auth_enabled = value == [1],
            b"alarm" => {
                let alarm = super::proto::etcdserverpb::AlarmMember::decode(key)
                    .map_err(|_| ("alarm", format!("alarm {} cannot be decoded", shown())))?;
                let kind = match alarm.alarm {
                    1 => "NOSPACE".to_owned(),
                    2 => "CORRUPT".to_owned(),
                    other => other.to_string(),
                };
                self.alarms.push(Alarm { member: alarm.member_id, kind });
            }
            b"lease" => {
                let id = key.try_into().map(i64::from_be_bytes);
                let lease = leasepb::Lease::decode(value);
                match (id, lease) {
                    (Ok(id), Ok(lease)) if id == lease.id => {
                        self.leases.push(Lease { id, ttl: lease.ttl, remaining: lease.remaining_ttl });
                    }
                    _ => return Err(("lease", format!("lease {} cannot be decoded", shown()))),
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn take_meta(&mut self, key: &[u8], value: &[u8]) -> Result<(), (&'static str, String)> {
        let wrong = || {
            ("meta-value", format!("{} in bucket meta is {} bytes of something else", key.escape_ascii(), value.len()))
        };
        let number = || value.try_into().map(u64::from_be_bytes).map_err(|_| wrong());
        let revision = || RowKey::decode(value).map(|row| row.revision.main).ok_or_else(wrong);
        match key {
            b"consistent_index" => self.consistent_index = Some(number()?),
            b"term" => self.term = Some(number()?),
            b"confState" => self.conf_state = Some(text(value)),
            b"storageVersion" => self.storage_version = Some(text(value)),
            b"scheduledCompactRev" => self.scheduled_compact_revision = Some(revision()?),
            b"finishedCompactRev" => self.finished_compact_revision = Some(revision()?),
            _ => {}
        }
        Ok(())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
