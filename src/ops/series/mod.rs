//! Many snapshots in a row: what each holds, what grew, and since when something is wrong.

pub mod find;
pub mod stitch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rayon::prelude::*;

use crate::etcd::hash::Trailer;
use crate::kube::meta::Meta;
use crate::kube::minor::Minor;
use crate::model::{Engine, History};
use crate::ops::keyring::{Given, Keyring, KeyringError};
use crate::ops::objects::Objects;
use crate::ops::store::{self, OpenStore};
use crate::ops::why::clock::{Clock, Compaction};
use crate::ops::why::contents::stamps_of;
use crate::ops::why::groups;
use crate::ops::why::sizes::{FileBytes, Size, Sizes};
use crate::ops::why::verdict::{Verdict, judge};
use crate::source::{Choice, SourceError, Watch};

/// Changes that are asked for their time at the end of a history, and at its compaction.
const STAMPED: usize = 256;

/// One snapshot of a series.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Its file or directory.
    pub path: PathBuf,
    /// Who wrote it.
    pub engine: Engine,
    /// The uid of the namespace kube-system: the identity of the cluster. None where the store does not say.
    pub cluster: Option<String>,
    /// The newest time that its objects tell; none where they tell none.
    pub time: Option<Timestamp>,
    /// Its newest revision.
    pub revision: i64,
    /// Of the files.
    pub bytes: FileBytes,
    /// Of all values.
    pub values: Size,
    /// Bytes of all values by resource.
    pub kinds: BTreeMap<String, u64>,
    /// How far compaction is behind.
    pub compaction: Compaction,
    /// What most of it is.
    pub verdict: Verdict,
    /// How many places are damaged.
    pub damage: usize,
    /// Whether its revision is lower than that of the snapshot before: a restore, or another server.
    pub went_back: bool,
}

impl Snapshot {
    /// Whether something should be done about it.
    pub fn is_problem(&self) -> bool {
        self.verdict.problem || self.damage > 0
    }
}

/// How the bytes of a resource went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// As `configmaps`.
    pub resource: String,
    /// Bytes in each snapshot.
    pub bytes: Vec<u64>,
    /// The position of the first snapshot that has a tenth of the growth; none where it did not grow.
    pub began: Option<usize>,
}

impl Growth {
    /// Bytes at the end beyond those at the beginning.
    pub fn delta(&self) -> i64 {
        let at = |bytes: Option<&u64>| bytes.and_then(|bytes| i64::try_from(*bytes).ok()).unwrap_or(0);
        at(self.bytes.last()) - at(self.bytes.first())
    }
}

/// What a search for the first unsound snapshot found. Each step looks at half of what is left, and takes for granted that what is
/// unsound stays so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Soundness {
    /// The last one is sound.
    Sound,
    /// From this position on they are not; what is wrong, and how many were looked at.
    Since {
        /// The position.
        first: usize,
        /// What is wrong with it.
        what: String,
        /// How many were looked at.
        looked_at: usize,
    },
}

/// The snapshots of one cluster, in order.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The uid of its namespace kube-system; none: nobody can tell whether these are of one cluster.
    pub id: Option<String>,
    /// In the order of their times; of their revisions where one has no time.
    pub snapshots: Vec<Snapshot>,
    /// How each resource went, the fastest first.
    pub growth: Vec<Growth>,
    /// The position of the first with a problem.
    pub first_problem: Option<usize>,
    /// Whether trailers and rows hold.
    pub soundness: Soundness,
}

/// How snapshots are opened.
#[derive(Debug, Default)]
pub struct Opening {
    /// Which of several stores at one path.
    pub choice: Choice,
    /// What opens encrypted values. A token that does not fit one snapshot opens nothing in it.
    pub given: Given,
    /// The release whose encoding is followed.
    pub minor: Option<Minor>,
}

impl Opening {
    /// Opens a snapshot.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    pub fn open(&self, path: &Path) -> Result<(OpenStore, Keyring), String> {
        let source = store::open(path, &self.choice).map_err(|error| error.to_string())?;
        let keyring = match self.given.keyring(&source) {
            Err(KeyringError::NoFit { .. } | KeyringError::NoBootstrap) => self.given.without_token().keyring(&source),
            other => other,
        };
        let (keyring, _) = keyring.map_err(|error| error.to_string())?;
        Ok((source, keyring))
    }

    /// The objects of a snapshot at its newest revision.
    pub fn objects<'s>(&self, source: &'s OpenStore, keyring: &'s Keyring) -> Objects<'s> {
        let history = source.store.history();
        Objects::new(history, keyring, self.minor, history.current_revision())
    }
}

/// A series, told apart by cluster.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// The clusters, the one with most snapshots first.
    pub clusters: Vec<Cluster>,
    /// What could not be read, and why.
    pub left_out: Vec<(PathBuf, String)>,
    /// All files as they were.
    pub watches: Vec<Watch>,
}

impl Series {
    /// Reads all snapshots of some paths.
    ///
    /// # Errors
    /// A path that cannot be listed, or a file that changed while it was read.
    pub fn of(paths: &[PathBuf], opening: &Opening) -> Result<Self, SourceError> {
        let found = find::snapshots(paths)?;
        let read: Vec<(PathBuf, Summary)> =
            found.into_par_iter().map(|path| (path.clone(), summary(&path, opening))).collect();
        let mut series = Self::default();
        let mut by_cluster: BTreeMap<Option<String>, Vec<Snapshot>> = BTreeMap::new();
        for (path, result) in read {
            match result {
                Ok((snapshot, watch)) => {
                    watch.check()?;
                    series.watches.push(watch);
                    by_cluster.entry(snapshot.cluster.clone()).or_default().push(snapshot);
                }
                Err(why) => series.left_out.push((path, why)),
            }
        }
        series.clusters = by_cluster.into_iter().map(|(id, snapshots)| cluster(id, snapshots, opening)).collect();
        series.clusters.sort_by_key(|cluster| std::cmp::Reverse(cluster.snapshots.len()));
        Ok(series)
    }
}

/// A snapshot with its file as it was, or why it cannot be read.
type Summary = Result<(Snapshot, Watch), String>;

/// Reads one snapshot, with what its rows and indexes say and no more values than needed.
fn summary(path: &Path, opening: &Opening) -> Summary {
    let (source, keyring) = opening.open(path)?;
    let history = source.store.history();
    let objects = opening.objects(&source, &keyring);
    let sizes = Sizes::of(&source.store);
    let groups = groups::groups(&objects, &sizes);
    let mut values = Size::default();
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for group in &groups {
        values.add(&group.size);
        *kinds.entry(group.what.resource.clone()).or_default() += group.size.all();
    }
    let bytes = FileBytes::of(&source.store, &source.files, &values);
    let clock = clock(&objects, history);
    let compaction = clock.compaction(history);
    let snapshot = Snapshot {
        path: path.to_owned(),
        engine: history.engine(),
        cluster: cluster_of(&objects),
        time: clock.newest(),
        revision: history.current_revision(),
        verdict: judge(&bytes, &groups, &compaction),
        bytes,
        values,
        kinds,
        compaction,
        damage: source.store.damage().len(),
        went_back: false,
    };
    Ok((snapshot, source.watch))
}

/// The times at the end of the history, and of the first changes behind its compaction.
fn clock(objects: &Objects<'_>, history: &History) -> Clock {
    let behind = history.changes_in(history.compact_revision().saturating_add(1)..=i64::MAX);
    let newest = history.changes();
    let newest = newest.get(newest.len().saturating_sub(STAMPED)..).unwrap_or_default();
    let first = newest.first().map_or(i64::MAX, |change| change.revision.main);
    let oldest = behind.get(..STAMPED.min(behind.len())).unwrap_or_default();
    let mut stamps = stamps_of(objects, oldest);
    stamps.retain(|stamp| stamp.revision < first);
    stamps.extend(stamps_of(objects, newest));
    Clock::new(&stamps)
}

/// What tells clusters apart: Kubernetes makes the namespace kube-system once, with a uid of its own, and nothing ever replaces it.
/// Ids of etcd's members do not tell: they are made of addresses, which many clusters share.
pub fn cluster_of(objects: &Objects<'_>) -> Option<String> {
    let namespaces = objects.registry().find("namespaces").ok()?;
    let key = objects.registry().key(namespaces, None, "kube-system");
    let history = objects.history();
    let live = history.live(history.keys().find(key.as_bytes())?)?;
    let value = objects.plain(live).ok()?;
    let meta = Meta::read(&value)?;
    (!meta.uid.is_empty()).then(|| meta.uid.into_owned())
}

fn cluster(id: Option<String>, mut snapshots: Vec<Snapshot>, opening: &Opening) -> Cluster {
    let have_times = snapshots.iter().all(|snapshot| snapshot.time.is_some());
    snapshots.sort_by(|a, b| {
        let times = if have_times { a.time.cmp(&b.time) } else { std::cmp::Ordering::Equal };
        times.then(a.revision.cmp(&b.revision)).then_with(|| a.path.cmp(&b.path))
    });
    let mut before = 0;
    for snapshot in &mut snapshots {
        snapshot.went_back = snapshot.revision < before;
        before = snapshot.revision;
    }
    let first_problem = snapshots.iter().position(Snapshot::is_problem);
    Cluster {
        id,
        growth: growth(&snapshots),
        first_problem,
        soundness: soundness(&snapshots, &opening.choice),
        snapshots,
    }
}

fn growth(snapshots: &[Snapshot]) -> Vec<Growth> {
    let names: std::collections::BTreeSet<&String> =
        snapshots.iter().flat_map(|snapshot| snapshot.kinds.keys()).collect();
    let one = |resource: &String| {
        let bytes: Vec<u64> =
            snapshots.iter().map(|snapshot| snapshot.kinds.get(resource).copied().unwrap_or(0)).collect();
        let first = bytes.first().copied().unwrap_or(0);
        let most = bytes.iter().copied().max().unwrap_or(0);
        let mark = first.saturating_add((most - first.min(most)).div_ceil(10));
        let began = (most > first).then(|| bytes.iter().position(|bytes| *bytes >= mark)).flatten();
        Growth { resource: resource.clone(), bytes, began }
    };
    let mut growth: Vec<Growth> = names.into_iter().map(one).collect();
    growth.sort_by_key(|growth| std::cmp::Reverse(growth.delta()));
    growth
}

/// Finds the first snapshot whose trailer or rows do not hold. That takes as long as reading a file, so that not all are asked.
fn soundness(snapshots: &[Snapshot], choice: &Choice) -> Soundness {
    let mut looked_at = 0;
    let mut ask = |at: usize| {
        looked_at += 1;
        snapshots.get(at).and_then(|snapshot| unsound(&snapshot.path, choice))
    };
    let Some(last) = snapshots.len().checked_sub(1) else { return Soundness::Sound };
    let Some(mut what) = ask(last) else { return Soundness::Sound };
    let (mut low, mut high) = (0, last);
    while low < high {
        let middle = low + (high - low) / 2;
        match ask(middle) {
            Some(found) => {
                what = found;
                high = middle;
            }
            None => low = middle + 1,
        }
    }
    Soundness::Since { first: high, what, looked_at }
}

fn unsound(path: &Path, choice: &Choice) -> Option<String> {
    let source: OpenStore = match store::open(path, choice) {
        Ok(source) => source,
        Err(error) => return Some(error.to_string()),
    };
    if source.trailer() == Some(Trailer::Wrong) {
        return source.wrong_trailer().map(|damage| damage.to_string());
    }
    source.store.damage().first().or_else(|| source.store.contradictions().first()).map(ToString::to_string)
}
