//! A store without what nobody needs: compacted, without some objects, without the oldest releases of Helm; its file has no
//! free page.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::convert::{self, Convert, ConvertError, Options, Phase, Target};
use super::diff::{Scope, Selector};
use super::objects::{ObjectError, Objects};
use super::store::{OpenStore, Store};
use crate::kube::selector::ArgumentError;
use crate::model::{Change, Counts, Engine, History, KeyId};

/// What Helm calls the objects in which it keeps a release: its name and a version follow (helm pkg/storage/storage.go).
const HELM_RELEASE: &str = "sh.helm.release.v1.";

/// Why nothing was pruned.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// A selector that cannot be read.
    #[error(transparent)]
    Argument(#[from] ArgumentError),
    /// Writing the store failed, or was refused.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// The proof failed.
    #[error(
        "{found} live keys were written, and {expected} were to be; nothing is wrong with the source. Please report this"
    )]
    Live {
        /// Live keys of the target.
        found: u64,
        /// Live keys of the source without those that were dropped.
        expected: u64,
    },
}

/// What to prune.
pub struct Prune<'a> {
    /// The store.
    pub source: &'a OpenStore,
    /// Its objects.
    pub objects: &'a Objects<'a>,
    /// Where to.
    pub target: &'a Path,
    /// What to write; `None` for the source's engine.
    pub to: Option<Target>,
    /// The revision to which the history is compacted; `None` for the current one.
    pub to_revision: Option<i64>,
    /// What to drop: nothing without selectors.
    pub drop: &'a Scope,
    /// How many releases of each Helm chart stay, beside the deployed ones.
    pub helm_history: Option<usize>,
    /// Only try.
    pub check_only: bool,
    /// Overwrite a target that exists.
    pub force: bool,
}

/// Why a key was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DroppedFor {
    /// It was asked for.
    Selector,
    /// It is an old release of Helm.
    HelmHistory,
}

impl DroppedFor {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Selector => "selector",
            Self::HelmHistory => "helm_history",
        }
    }
}

/// A key that is no longer there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The key.
    pub key: Vec<u8>,
    /// The revision of its last value.
    pub revision: i64,
    /// Bytes of it.
    pub value_size: u64,
    /// Why.
    pub why: DroppedFor,
}

/// A store in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Bytes of its database file.
    pub bytes: u64,
    /// Keys that are live.
    pub live_keys: u64,
    /// Changes of all kinds.
    pub changes: u64,
    /// Its compact revision.
    pub compact_revision: i64,
    /// etcd's HashKV.
    pub hash_kv: Option<u32>,
}

/// What was pruned.
#[derive(Clone, Debug)]
pub struct Pruned {
    /// The report of the copy.
    pub report: convert::Report,
    /// The engine of the source.
    pub from: Engine,
    /// The source.
    pub before: Numbers,
    /// The target, counted when it was read back.
    pub after: Numbers,
    /// What was dropped.
    pub dropped: Vec<Dropped>,
    /// Releases that stay because nobody can say whether they are deployed: their values are closed.
    pub unsure: Vec<ObjectError>,
    /// Whether something was to be dropped, and nothing of that is live.
    pub idle: bool,
}

/// Where its releases are kept, their namespace, its name.
type Chart<'k> = (&'k str, Option<&'k str>, &'k str);

impl Prune<'_> {
    /// Writes the pruned store.
    ///
    /// # Errors
    /// [`PruneError`]; nothing is left under the target's name then, but for [`PruneError::Live`], which is found last.
    pub fn run(&self, progress: &mut (dyn FnMut(Phase, u64, u64) -> bool + Send)) -> Result<Pruned, PruneError> {
        let history = self.source.store.history();
        let mut drop: BTreeMap<KeyId, DroppedFor> = BTreeMap::new();
        let mut unsure = Vec::new();
        if !self.drop.selectors.is_empty() {
            for key in self.selected(&mut unsure)? {
                drop.insert(key, DroppedFor::Selector);
            }
        }
        let idle = drop.is_empty() && !self.drop.selectors.is_empty();
        if let Some(kept) = self.helm_history {
            for key in self.old_releases(kept, &mut unsure) {
                drop.entry(key).or_insert(DroppedFor::HelmHistory);
            }
        }
        let from = history.engine();
        let to = self.to.unwrap_or(Target::of(from));
        let prune = convert::Prune {
            compact_to: self.to_revision.unwrap_or(history.current_revision()),
            drop: drop.keys().copied().collect::<HashSet<KeyId>>(),
        };
        let options = Options { prune: Some(prune), ..Options::plain(to) };
        let job = Convert {
            source: self.source,
            target: self.target,
            options: &options,
            check_only: self.check_only,
            force: self.force,
        };
        let (report, before) = rayon::join(|| convert::convert(&job, progress), || numbers(&self.source.store));
        let report = report?;
        let after = Numbers {
            bytes: report.bytes,
            live_keys: report.live_keys,
            changes: report.changes,
            compact_revision: report.compact_revision,
            hash_kv: report.hash_kv,
        };
        let left_out = report.left_out.iter().filter(|(_, left)| is_live_change(history, left.key, left.revision));
        let gone = drop.len() as u64 + left_out.count() as u64;
        let expected = before.live_keys.saturating_sub(gone);
        if after.live_keys != expected {
            return Err(PruneError::Live { found: after.live_keys, expected });
        }
        let dropped = drop.into_iter().filter_map(|(key, why)| {
            let live = history.live(key)?;
            Some(Dropped {
                key: history.keys().get(key).to_vec(),
                revision: live.revision.main,
                value_size: u64::from(live.value.len),
                why,
            })
        });
        Ok(Pruned { from, before, after, dropped: dropped.collect(), unsure, idle, report })
    }

    /// The live keys that the selectors mean.
    fn selected(&self, unsure: &mut Vec<ObjectError>) -> Result<Vec<KeyId>, PruneError> {
        let history = self.source.store.history();
        let selector = Selector::new(self.drop, &[self.objects.registry()])?;
        let is_meant = |key: &KeyId| {
            selector.means(history.keys().get(*key), &self.objects.identity(*key)) && history.live(*key).is_some()
        };
        let keys = history.keys().ids().filter(is_meant);
        let found = self.objects.among(keys, &self.drop.labels);
        unsure.extend(found.unread);
        Ok(found.live.iter().map(|change| change.key).collect())
    }

    /// The releases of each chart but the newest ones, and those that are deployed: Helm goes on from these.
    fn old_releases(&self, kept: usize, unsure: &mut Vec<ObjectError>) -> Vec<KeyId> {
        let history = self.source.store.history();
        let mut charts: BTreeMap<Chart<'_>, Vec<(u64, &Change)>> = BTreeMap::new();
        for key in history.keys().ids() {
            let Some((id, live)) = self.objects.object(key).zip(history.live(key)) else { continue };
            let plural = id.resource.plural.as_ref();
            if !id.resource.group.is_empty() || !matches!(plural, "secrets" | "configmaps") {
                continue;
            }
            let Some((chart, version)) = id.name.strip_prefix(HELM_RELEASE).and_then(|name| name.rsplit_once(".v"))
            else {
                continue;
            };
            if let Ok(version) = version.parse::<u64>() {
                charts.entry((plural, id.namespace, chart)).or_default().push((version, live));
            }
        }
        let mut old = Vec::new();
        for mut releases in charts.into_values() {
            releases.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
            for (_, change) in releases.into_iter().skip(kept) {
                match self.objects.tree(change, &self.objects.whole(change)) {
                    Ok((object, _)) => {
                        let status = object.pointer("/metadata/labels/status").and_then(|status| status.as_str());
                        if status != Some("deployed") {
                            old.push(change.key);
                        }
                    }
                    Err(error) => unsure.push(error),
                }
            }
        }
        old
    }
}

fn is_live_change(history: &History, key: KeyId, revision: Option<i64>) -> bool {
    history.live(key).is_some_and(|live| Some(live.revision.main) == revision)
}

fn numbers(store: &Store) -> Numbers {
    let history = store.history();
    let Counts { live_keys, changes, .. } = history.counts();
    let (bytes, hash_kv) = match store {
        Store::Etcd(store) => (store.bolt().bytes().len() as u64, store.hash_kv().ok().map(|hash| hash.hash)),
        Store::Kine(store) => (store.database().main().len() as u64, None),
    };
    Numbers { bytes, live_keys, changes, compact_revision: history.compact_revision(), hash_kv }
}
