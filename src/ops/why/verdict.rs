//! One verdict: what most of the bytes are, and whether that is a problem.

use std::collections::BTreeMap;

use super::clock::Compaction;
use super::groups::{Group, What};
use super::sizes::{FileBytes, Size};

/// Below this a store is small, whatever is in it.
const SMALL: u64 = 8 << 20;
/// A WAL that is smaller is normal: SQLite writes it back from 4 MiB on, and does not shorten it.
const SMALL_WAL: u64 = 64 << 20;
/// API servers compact every five minutes up to where they were five minutes before, kine every five minutes.
const LATE_SECONDS: i64 = 1800;
/// Where no stamp tells the time: more than a busy server writes between two compactions.
const LATE_REVISIONS: i64 = 10_000;

/// What most of the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// Superseded values, and compaction is late.
    HeldBack,
    /// Superseded values, as they are between two compactions.
    Superseded,
    /// Free pages: what was there is gone, and the file was not made smaller.
    Free,
    /// The WAL beside the database.
    Wal,
    /// Live values of one kind in one namespace.
    Live,
    /// Nothing stands out.
    Spread,
}

impl Finding {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HeldBack => "compaction_held_back",
            Self::Superseded => "superseded",
            Self::Free => "free_pages",
            Self::Wal => "wal",
            Self::Live => "live",
            Self::Spread => "spread",
        }
    }
}

/// The objects that a verdict is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// What they are; without a namespace where they are in several, or in none.
    pub what: What,
    /// In how many namespaces they are.
    pub namespaces: usize,
    /// What they take.
    pub size: Size,
    /// What releases of Helm take among them.
    pub helm: Size,
}

/// The verdict on a store.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What most of the bytes are.
    pub finding: Finding,
    /// The bytes that it is about.
    pub bytes: u64,
    /// Their share of the database, from 0 to 1; of a WAL more than 1 may be.
    pub share: f64,
    /// The kind, in one namespace or in all, that has a good part of them; none where no kind stands out.
    pub about: Option<About>,
    /// Whether something should be done.
    pub problem: bool,
}

/// Judges a store by where its bytes are.
pub fn judge(bytes: &FileBytes, groups: &[Group], compaction: &Compaction) -> Verdict {
    let verdict = |finding, part: u64, about, problem| {
        let share = bytes.share(part);
        Verdict { finding, bytes: part, share, about, problem: problem && part >= SMALL }
    };
    let free = bytes.free;
    if let Some(wal) = bytes.wal.filter(|wal| *wal > SMALL_WAL && *wal / 2 > bytes.total) {
        return verdict(Finding::Wal, wal, None, true);
    }
    if bytes.share(free) >= 0.5 {
        return verdict(Finding::Free, free, None, true);
    }
    if bytes.share(bytes.superseded) >= 0.3 && bytes.superseded >= bytes.live {
        let late = is_late(compaction);
        let finding = if late { Finding::HeldBack } else { Finding::Superseded };
        return verdict(finding, bytes.superseded, most(groups, bytes.superseded, &Size::gone), late);
    }
    let live = |size: &Size| size.live;
    match most(groups, bytes.live, &live) {
        Some(about) if bytes.share(about.size.live) >= 0.3 => {
            verdict(Finding::Live, about.size.live, Some(about), false)
        }
        about => verdict(Finding::Spread, bytes.live, about, false),
    }
}

/// What has at least a third of some bytes: a kind in one namespace, else a kind in all of them.
fn most(groups: &[Group], all: u64, part: &impl Fn(&Size) -> u64) -> Option<About> {
    let stands_out = |size: &Size| part(size) > 0 && part(size) >= all / 3;
    // Of two that are as large the first.
    let largest = groups.iter().rev().max_by_key(|group| part(&group.size))?;
    if stands_out(&largest.size) {
        let namespaces = usize::from(largest.what.namespace.is_some());
        let Group { what, size, helm, .. } = largest;
        return Some(About { what: what.clone(), namespaces, size: *size, helm: *helm });
    }
    let mut kinds: BTreeMap<&str, About> = BTreeMap::new();
    for group in groups {
        let what = || What { namespace: None, ..group.what.clone() };
        let none = || About { what: what(), namespaces: 0, size: Size::default(), helm: Size::default() };
        let sum = kinds.entry(&group.what.resource).or_insert_with(none);
        sum.size.add(&group.size);
        sum.helm.add(&group.helm);
        sum.namespaces += usize::from(group.what.namespace.is_some());
    }
    kinds.into_values().rev().max_by_key(|about| part(&about.size)).filter(|about| stands_out(&about.size))
}

/// Whether compaction should have run since.
fn is_late(compaction: &Compaction) -> bool {
    compaction.lag_seconds().is_some_and(|seconds| seconds >= LATE_SECONDS)
        || compaction.lag_revisions >= LATE_REVISIONS
}
