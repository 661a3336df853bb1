//! Turns a store of one engine into a store of either, with nothing lost in silence.
//!
//! A conversion is planned over the source's changes (`plan`), written beside its final name, read back and compared
//! (`check`), and renamed last. The rules are in `docs/conversion.md`.

mod chains;
mod check;
mod overlay;
mod plan;
mod prune;
mod report;
mod rewrite;
mod run;
mod same;
mod select;
mod shared;
mod to_etcd;
mod to_kine;

pub(in crate::ops) use check::planned;
pub use overlay::{Added, NewChange, NewOp, OverlayError};
pub use plan::{LeftOut, Plan, PlanError, Reason, Rows, Translated};
pub use prune::Prune;
pub use report::{Prefix, Report};
pub use rewrite::{Forbidden, Inspect, Rewrite};
pub use run::{Convert, ConvertError, Phase, convert};
pub(in crate::ops) use run::{while_synced, write_file};
pub(in crate::ops) use to_etcd::pin;
pub(in crate::ops) use to_kine::frame;

use crate::etcd::EtcdVersion;
use crate::model::Engine;

/// What to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// kine's SQLite file.
    Kine,
    /// A snapshot with its trailer, for `etcdutl snapshot restore` and k3s's `--cluster-reset-restore-path`.
    EtcdSnapshot,
    /// A data directory that etcd starts on.
    EtcdDir,
}

impl Target {
    /// A store of this engine, in its form of one file.
    pub const fn of(engine: Engine) -> Self {
        match engine {
            Engine::Kine => Self::Kine,
            Engine::Etcd => Self::EtcdSnapshot,
        }
    }

    /// The engine that will read it.
    pub const fn engine(self) -> Engine {
        match self {
            Self::Kine => Engine::Kine,
            Self::EtcdSnapshot | Self::EtcdDir => Engine::Etcd,
        }
    }

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kine => "kine",
            Self::EtcdSnapshot => "etcd-snapshot",
            Self::EtcdDir => "etcd-dir",
        }
    }
}

/// How to convert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What to write.
    pub to: Target,
    /// The store as it was right after this revision.
    pub at: Option<i64>,
    /// Whether superseded changes and tombstones come along.
    pub history: bool,
    /// Whether every change gets a revision of its own, where a target needs that.
    pub renumber: bool,
    /// How far to move the current revision up.
    pub bump: i64,
    /// The etcd version to mark the file for.
    pub etcd_version: Option<EtcdVersion>,
    /// The member's name in a data directory.
    pub member_name: String,
    /// The member's peer URLs in a data directory.
    pub peer_urls: Vec<String>,
    /// Changes on top of the source's, each with a revision of its own.
    pub additions: Vec<NewChange>,
    /// What is compacted and dropped on the way.
    pub prune: Option<Prune>,
    /// Values that are others in the target.
    pub rewrite: Option<Rewrite>,
    /// Whether the report hashes the live keys of each prefix, which takes as long as their values are large.
    pub prefixes: bool,
}

impl Options {
    /// Everything, as it is, to `to`.
    pub fn plain(to: Target) -> Self {
        Self {
            to,
            at: None,
            history: true,
            renumber: false,
            bump: 0,
            etcd_version: None,
            member_name: "default".to_owned(),
            peer_urls: vec!["http://localhost:2380".to_owned()],
            additions: Vec::new(),
            prune: None,
            rewrite: None,
            prefixes: false,
        }
    }

    /// Whether clients must list anew: the target's history is not the source's, so its compact revision is its current
    /// one.
    pub fn breaks_history(&self) -> bool {
        let dropped = self.prune.as_ref().is_some_and(|prune| !prune.drop.is_empty());
        self.at.is_some() || !self.history || self.renumber || self.bump > 0 || dropped
    }
}
