//! What a conversion will write, and what it has to say about it.

use super::overlay::{self, Added, OverlayError};
use super::{Options, Target, same, to_etcd, to_kine};
use crate::model::{Contents, History, KeyId, Lease};
use crate::ops::store::Store;
use crate::source::Damage;
use crate::{etcd, kine};

/// Why a change is not in the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The key belongs to embedded etcd.
    EmbeddedEtcd,
    /// Its tombstone shares its revision with the change that got the row.
    LifeOfSharedTombstone,
    /// It shares its revision with the change that got the row, and is superseded.
    SharedRevision,
    /// SQLite keeps text, and this key is not UTF-8 or holds a NUL; it is not live.
    NotText,
    /// Only kine's `old_value` still holds it; etcd has no place for that.
    OldValueOnly,
    /// A later life of the key has lost its first row; etcd would take this one for its beginning.
    BeforeBrokenLife,
}

impl Reason {
    /// The reason in words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::EmbeddedEtcd => "belongs to k3s's embedded etcd and means nothing elsewhere",
            Self::LifeOfSharedTombstone => {
                "its life ended in a transaction with other changes, and kine keeps one row per revision"
            }
            Self::SharedRevision => {
                "superseded, and written in a transaction with other changes; kine keeps one row per revision"
            }
            Self::NotText => "the key is not UTF-8 text, which kine's table needs; it is not live",
            Self::OldValueOnly => {
                "compacted; only kine's old_value still holds its value, and etcd has no place for it"
            }
            Self::BeforeBrokenLife => {
                "a later life of the key has lost its first row, and etcd would take this one for its beginning"
            }
        }
    }
}

/// A change that is not in the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// The key.
    pub key: KeyId,
    /// The change's revision; `None` where not even that is known.
    pub revision: Option<i64>,
    /// Why.
    pub reason: Reason,
}

/// A change that is in the target in another form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translated {
    /// The key in the source.
    pub key: KeyId,
    /// The change's revision.
    pub revision: i64,
    /// What became of it.
    pub what: String,
}

/// Why nothing can be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// `--at` outside what the store knows.
    #[error("revision {at} is {side} {bound}, the store's {name} revision; choose one from {compact} to {current}")]
    At {
        /// The revision asked for.
        at: i64,
        /// `below` or `above`.
        side: &'static str,
        /// Which bound.
        name: &'static str,
        /// Its revision.
        bound: i64,
        /// The compact revision.
        compact: i64,
        /// The current revision.
        current: i64,
    },
    /// Several live keys written at one revision.
    #[error(
        "revision {revision} wrote several keys that are live: {keys}; kine keeps one row per revision, so the numbers \
         cannot be kept: use --revisions renumber, which gives every change its own"
    )]
    SharedByLiveKeys {
        /// The revision.
        revision: i64,
        /// The keys.
        keys: String,
    },
    /// A live key that SQLite cannot keep.
    #[error("key {key} is live and not UTF-8 text, which kine's table needs; delete it in the source first")]
    LiveKeyNotText {
        /// The key, escaped.
        key: String,
    },
    /// A live key without a name.
    #[error("row {revision} is live and has an empty key, which etcd does not know; delete it in the source first")]
    EmptyKey {
        /// Its revision.
        revision: i64,
    },
    /// Two keys would get one name.
    #[error(
        "the source has both compact_rev_key and compact_rev_key_apiserver, and kine keeps the first under the name of \
         the second; delete compact_rev_key_apiserver in the source first"
    )]
    NameTaken,
    /// All revisions up to the current one have a row, and kine needs one more.
    #[error("no revision below {current} is free for kine's compact_rev_key row; use --bump 1 --revisions renumber")]
    NoFreeRevision {
        /// The current revision.
        current: i64,
    },
    /// Beyond 64 bits.
    #[error("revision {current} + {bump} is more than 63 bits hold; use a smaller --bump")]
    BumpTooLarge {
        /// The source's current revision.
        current: i64,
        /// `--bump`.
        bump: i64,
    },
    /// A new change cannot be put on top.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    /// A value that the rule needs could not be read.
    #[error("{0}")]
    Source(Damage),
}

/// The rows of the new store.
pub enum Rows {
    /// For kine.
    Kine(Vec<kine::NewRow>),
    /// For etcd.
    Etcd(Vec<etcd::NewRow>),
}

impl Rows {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Kine(rows) => rows.len(),
            Self::Etcd(rows) => rows.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A planned conversion.
pub struct Plan<'a> {
    /// Names and values of the new store.
    pub contents: Contents<'a>,
    /// Its rows.
    pub rows: Rows,
    /// Its leases, by id.
    pub leases: Vec<Lease>,
    /// Its current revision.
    pub current_revision: i64,
    /// Its compact revision.
    pub compact_revision: i64,
    /// What is not in it, ascending by key and revision.
    pub left_out: Vec<LeftOut>,
    /// Superseded changes and tombstones that the user did not want.
    pub not_wanted: u64,
    /// What is in it in another form.
    pub translated: Vec<Translated>,
    /// New changes on top, in order.
    pub added: Vec<Added>,
    /// What else the user should know.
    pub notes: Vec<String>,
}

/// The bounds of the new store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Changes up to this revision of the source come along.
    pub upto: i64,
    /// The source's current revision, moved up by `--bump`.
    pub current: i64,
    /// Whether the compact revision is the current one.
    pub relist: bool,
    /// Where it is not: the revision to which the history is compacted on the way.
    pub compact_to: Option<i64>,
}

impl Bounds {
    /// The new compact revision, once the new current revision is known.
    pub fn compact(self, history: &History, current: i64) -> i64 {
        let kept = history.compact_revision();
        if self.relist { current } else { self.compact_to.map_or(kept, |to| to.max(kept)) }
    }
}

fn bounds(history: &History, options: &Options) -> Result<Bounds, PlanError> {
    let (compact, current) = (history.compact_revision(), history.current_revision());
    let upto = options.at.unwrap_or(current);
    let outside = |side, name, bound| PlanError::At { at: upto, side, name, bound, compact, current };
    if upto < compact {
        return Err(outside("below", "compact", compact));
    }
    if upto > current {
        return Err(outside("above", "current", current));
    }
    let bumped = current.checked_add(options.bump).filter(|&bumped| bumped < i64::MAX);
    let bumped = bumped.ok_or(PlanError::BumpTooLarge { current, bump: options.bump })?;
    let compact_to = options.prune.as_ref().map(|prune| prune.compact_to);
    if let Some(to) = compact_to.filter(|&to| to < compact || to > current) {
        let (side, name, bound) =
            if to < compact { ("below", "compact", compact) } else { ("above", "current", current) };
        return Err(PlanError::At { at: to, side, name, bound, compact, current });
    }
    let relist = options.breaks_history() || compact_to == Some(current);
    Ok(Bounds { upto, current: bumped, relist, compact_to })
}

impl<'a> Plan<'a> {
    /// Plans the conversion of `store`.
    ///
    /// # Errors
    /// [`PlanError`]: what cannot be expressed in the target, or was asked for and cannot be.
    pub fn new(store: &'a Store, options: &Options) -> Result<Self, PlanError> {
        let bounds = bounds(store.history(), options)?;
        let mut plan = match (store, options.to) {
            (Store::Etcd(store), Target::Kine) => to_kine::plan(store, options, bounds)?,
            (Store::Kine(store), Target::EtcdSnapshot | Target::EtcdDir) => to_etcd::plan(store, options, bounds)?,
            (Store::Kine(store), Target::Kine) => same::kine(store, options, bounds)?,
            (Store::Etcd(store), Target::EtcdSnapshot | Target::EtcdDir) => same::etcd(store, options, bounds)?,
        };
        if let Some(rewrite) = &options.rewrite {
            rewrite.apply(&mut plan);
        }
        overlay::add(&mut plan, &options.additions, bounds.relist)?;
        plan.left_out.sort();
        plan.left_out.dedup();
        Ok(plan)
    }
}
