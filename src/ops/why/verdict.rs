//! One verdict: what most of the bytes are, and whether that is a problem.

use super::clock::Compaction;
use super::groups::Group;
use super::sizes::FileBytes;

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

/// The verdict on a store.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// What most of the bytes are.
    pub finding: Finding,
    /// The bytes that it is about.
    pub bytes: u64,
    /// Their share of the database, from 0 to 1; of a WAL more than 1 may be.
    pub share: f64,
    /// The position of the group that has most of them.
    pub group: Option<usize>,
    /// Whether something should be done.
    pub problem: bool,
}

/// Judges a store by where its bytes are.
pub fn judge(bytes: &FileBytes, groups: &[Group], compaction: &Compaction) -> Verdict {
    let verdict = |finding, part: u64, group, problem| {
        let share = bytes.share(part);
        Verdict { finding, bytes: part, share, group, problem: problem && part >= SMALL }
    };
    let free = bytes.free.saturating_add(bytes.unused);
    if let Some(wal) = bytes.wal.filter(|wal| *wal > SMALL_WAL && *wal / 2 > bytes.total) {
        return verdict(Finding::Wal, wal, None, true);
    }
    if bytes.share(free) >= 0.5 {
        return verdict(Finding::Free, free, None, true);
    }
    let most = |part: &dyn Fn(&Group) -> u64| {
        let largest = groups.iter().enumerate().max_by_key(|(at, group)| (part(group), std::cmp::Reverse(*at)));
        largest.filter(|(_, group)| part(group) > 0).map(|(at, group)| (at, part(group)))
    };
    if bytes.share(bytes.superseded) >= 0.3 && bytes.superseded >= bytes.live {
        let group = most(&|group| group.size.gone()).map(|(at, _)| at);
        let late = is_late(compaction);
        let finding = if late { Finding::HeldBack } else { Finding::Superseded };
        return verdict(finding, bytes.superseded, group, late);
    }
    match most(&|group| group.size.live) {
        Some((at, live)) if bytes.share(live) >= 0.3 => verdict(Finding::Live, live, Some(at), false),
        Some((at, live)) => verdict(Finding::Spread, live, Some(at), false),
        None => verdict(Finding::Spread, 0, None, false),
    }
}

/// Whether compaction should have run since.
fn is_late(compaction: &Compaction) -> bool {
    compaction.lag_seconds().is_some_and(|seconds| seconds >= LATE_SECONDS)
        || compaction.lag_revisions >= LATE_REVISIONS
}
