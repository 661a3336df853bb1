//! New changes on top of a planned store: each gets a revision of its own above all others, and goes on with its key's life
//! as the engine would have it. The plan may be that of a conversion, or of a copy within one engine.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::plan::{Plan, Rows};
use crate::etcd::keyvalue::RowKey;
use crate::kine::schema::{APISERVER_COMPACT_KEY, COMPACT_KEY};
use crate::model::{Content, Contents, Lease, Name, Op, Revision, is_gap};
use crate::{etcd, kine};

/// A change that the source does not have.
#[derive(Clone, PartialEq, Eq)]
pub struct NewChange {
    /// The key, as it is to be stored.
    pub key: Vec<u8>,
    /// What happens to it.
    pub op: NewOp,
}

/// What a new change does.
#[derive(Clone, PartialEq, Eq)]
pub enum NewOp {
    /// The key gets a value. Its lease is gone with the put, as in both engines, unless it is given a new one.
    Put {
        /// The bytes to store.
        value: Vec<u8>,
        /// Seconds to live.
        ttl: Option<i64>,
    },
    /// The key is deleted. It must be live.
    Delete,
}

impl NewChange {
    /// A put of a key that stays.
    pub fn put(key: impl Into<Vec<u8>>, value: Vec<u8>) -> Self {
        Self { key: key.into(), op: NewOp::Put { value, ttl: None } }
    }

    /// A tombstone.
    pub fn delete(key: impl Into<Vec<u8>>) -> Self {
        Self { key: key.into(), op: NewOp::Delete }
    }
}

/// Values are secrets as often as not.
impl std::fmt::Debug for NewChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let op = match &self.op {
            NewOp::Put { value, .. } => format!("put of {} bytes", value.len()),
            NewOp::Delete => "delete".to_owned(),
        };
        f.debug_tuple("NewChange").field(&format_args!("{}", self.key.escape_ascii())).field(&op).finish()
    }
}

/// A new change in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The key.
    pub key: Vec<u8>,
    /// The revision it got.
    pub revision: i64,
    /// What it did.
    pub op: Op,
    /// Length of the value in bytes; 0 for a tombstone.
    pub value_size: u64,
}

/// Why a change cannot be added.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// There is nothing to delete.
    #[error("{key} is not live, so it cannot be deleted")]
    NotLive {
        /// The key, escaped.
        key: String,
    },
    /// The key cannot be kept, or is the engine's own.
    #[error("{key:?}: {what}")]
    Key {
        /// The key, escaped.
        key: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A time to live that no engine would take.
    #[error("{key}: a time to live of {ttl} s; give one above 0")]
    Ttl {
        /// The key, escaped.
        key: String,
        /// Seconds.
        ttl: i64,
    },
    /// Beyond 64 bits.
    #[error("there are no revisions left above {current}")]
    NoRevision {
        /// The current revision.
        current: i64,
    },
}

/// The newest row of a key, as far as the next one needs it.
#[derive(Clone, Copy)]
struct Newest {
    revision: i64,
    /// kine's column `value`, which a tombstone may have too.
    column: Option<Content>,
    /// What is known of the life that goes on; `None` for a tombstone.
    life: Option<Life>,
}

#[derive(Clone, Copy)]
struct Life {
    create_revision: i64,
    /// etcd's count of puts; kine keeps none.
    version: i64,
    value: Content,
}

/// Puts `changes` on top of a plan, in their order.
///
/// # Errors
/// [`OverlayError`].
pub(super) fn add(plan: &mut Plan<'_>, changes: &[NewChange], relist: bool) -> Result<(), OverlayError> {
    if changes.is_empty() {
        return Ok(());
    }
    let is_kine = matches!(plan.rows, Rows::Kine(_));
    let names: Vec<Name> = changes.iter().map(|change| plan.contents.name(&change.key)).collect();
    let mut newest = newest_of(&plan.rows, &names);
    for (change, &name) in changes.iter().zip(&names) {
        let current = plan.current_revision;
        let revision = current.checked_add(1).filter(|&next| next < i64::MAX);
        let revision = revision.ok_or(OverlayError::NoRevision { current })?;
        check_key(&change.key, revision, is_kine)?;
        let before = newest.get(&name).copied();
        let (op, value_size) = match &change.op {
            NewOp::Put { value, .. } => (Op::Put, value.len() as u64),
            NewOp::Delete => (Op::Delete, 0),
        };
        let now = add_one(plan, change, name, revision, before)?;
        newest.insert(name, now);
        plan.current_revision = revision;
        plan.added.push(Added { key: change.key.clone(), revision, op, value_size });
    }
    if relist {
        compact_to_current(plan);
    }
    Ok(())
}

fn newest_of(rows: &Rows, names: &[Name]) -> HashMap<Name, Newest> {
    let mut newest: HashMap<Name, Newest> = HashMap::new();
    match rows {
        Rows::Kine(rows) => {
            for row in rows.iter().rev().filter(|row| names.contains(&row.name)) {
                let create_revision = if row.created { row.id } else { row.create_revision };
                let value = row.value.unwrap_or(Content::Empty);
                let life = (!row.deleted).then_some(Life { create_revision, version: 0, value });
                newest.entry(row.name).or_insert(Newest { revision: row.id, column: row.value, life });
            }
        }
        Rows::Etcd(rows) => {
            for row in rows.iter().rev().filter(|row| names.contains(&row.name)) {
                let life = Life { create_revision: row.create_revision, version: row.version, value: row.value };
                let life = (!row.at.tombstone).then_some(life);
                let revision = row.at.revision.main;
                newest.entry(row.name).or_insert(Newest { revision, column: None, life });
            }
        }
    }
    newest
}

/// Names that an engine would not take, or that mean something else to it.
fn check_key(key: &[u8], revision: i64, is_kine: bool) -> Result<(), OverlayError> {
    let what = if key.is_empty() {
        "an empty key, which neither engine knows"
    } else if key == COMPACT_KEY || key == APISERVER_COMPACT_KEY || is_gap(key, revision) {
        "the engine keeps this key for itself"
    } else if is_kine && (std::str::from_utf8(key).is_err() || key.contains(&0)) {
        "not UTF-8 text, which kine's table needs"
    } else {
        return Ok(());
    };
    Err(OverlayError::Key { key: key.escape_ascii().to_string(), what })
}

fn add_one(
    plan: &mut Plan<'_>,
    change: &NewChange,
    name: Name,
    revision: i64,
    before: Option<Newest>,
) -> Result<Newest, OverlayError> {
    let life = before.and_then(|before| before.life);
    let shown = || change.key.escape_ascii().to_string();
    let (value, ttl) = match &change.op {
        NewOp::Put { value, ttl } => {
            if let Some(ttl) = ttl.filter(|&ttl| ttl <= 0) {
                return Err(OverlayError::Ttl { key: shown(), ttl });
            }
            (Some(plan.contents.value(value.clone())), *ttl)
        }
        NewOp::Delete if life.is_none() => return Err(OverlayError::NotLive { key: shown() }),
        NewOp::Delete => (None, None),
    };
    let now = value.map(|value| Life {
        create_revision: life.map_or(revision, |life| life.create_revision),
        version: life.map_or(1, |life| life.version.saturating_add(1)),
        value,
    });
    let column = match &mut plan.rows {
        Rows::Kine(rows) => {
            let row = kine_row(name, revision, before, now, ttl);
            rows.push(row);
            row.value
        }
        Rows::Etcd(rows) => {
            let lease = ttl.map_or(0, |ttl| lease(&mut plan.leases, &change.key, revision, ttl));
            rows.push(etcd_row(name, revision, now, lease));
            None
        }
    };
    Ok(Newest { revision, column, life: now })
}

/// As kine up to 0.15 writes it, which every kine reads: `old_value` is the column `value` of the row before, and a
/// tombstone has the value it ends in both (kine pkg/logstructured/sqllog/sql.go).
fn kine_row(name: Name, id: i64, before: Option<Newest>, now: Option<Life>, ttl: Option<i64>) -> kine::NewRow {
    let ended = before.and_then(|before| before.life);
    let row = kine::NewRow {
        prev_revision: before.map_or(0, |before| before.revision),
        old_value: before.and_then(|before| before.column),
        lease: ttl.unwrap_or(0),
        ..kine::NewRow::blank(id, name)
    };
    match (now, ended) {
        (Some(now), None) => kine::NewRow { created: true, value: Some(now.value), ..row },
        (Some(now), Some(life)) => {
            kine::NewRow { create_revision: life.create_revision, value: Some(now.value), ..row }
        }
        (None, ended) => kine::NewRow {
            deleted: true,
            create_revision: ended.map_or(0, |life| life.create_revision),
            value: row.old_value,
            ..row
        },
    }
}

fn etcd_row(name: Name, revision: i64, now: Option<Life>, lease: i64) -> etcd::NewRow {
    let at = RowKey { revision: Revision::new(revision), tombstone: now.is_none() };
    let blank = etcd::NewRow { at, name, create_revision: 0, version: 0, lease: 0, value: Content::Empty };
    match now {
        None => blank,
        Some(now) => etcd::NewRow {
            create_revision: now.create_revision,
            version: now.version,
            lease,
            value: now.value,
            ..blank
        },
    }
}

/// A lease of its own, positive, and the same whenever the same change is made.
fn lease(leases: &mut Vec<Lease>, key: &[u8], revision: i64, ttl: i64) -> i64 {
    let digest = Sha256::new().chain_update(b"added").chain_update(revision.to_be_bytes()).chain_update(key).finalize();
    let bytes: [u8; 8] = std::array::from_fn(|at| digest.get(at).copied().unwrap_or(1));
    let mut id = (i64::from_be_bytes(bytes) & i64::MAX).max(1);
    while leases.iter().any(|lease| lease.id == id) {
        id = id % i64::MAX + 1;
    }
    leases.push(Lease { id, ttl, remaining: 0 });
    leases.sort_by_key(|lease| lease.id);
    id
}

/// Where clients must list anew, they must do so up to the newest change.
fn compact_to_current(plan: &mut Plan<'_>) {
    plan.compact_revision = plan.current_revision;
    let compact = |contents: &Contents<'_>, row: &kine::NewRow| contents.name_bytes(row.name) == COMPACT_KEY;
    if let Rows::Kine(rows) = &mut plan.rows {
        for row in rows.iter_mut().filter(|row| compact(&plan.contents, row)) {
            row.prev_revision = plan.current_revision;
        }
    }
}
