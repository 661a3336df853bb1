//! Files broken in a thousand ways, always the same ones, and what a reader made of each.
#![allow(dead_code, reason = "each test program uses its part")]

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use kinescope::etcd::hash::Trailer;
use kinescope::model::{History, LeaseRef};
use kinescope::ops::store::Store;
use kinescope::source::{Bytes, File, FileName};
use kinescope::{etcd, kine};
use rayon::prelude::*;

/// The files of a store in memory: the database, and for SQLite its WAL.
#[derive(Clone)]
pub struct Files {
    pub db: Vec<u8>,
    pub wal: Option<Vec<u8>>,
}

/// The engine of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Snapshot,
    RawDb,
    Kine,
}

/// Revision, sub, key, put, create revision, version, lease.
pub type Said = (i64, u32, Vec<u8>, bool, Option<i64>, Option<i64>, i64);

/// What a reader says of a store.
#[derive(Clone, PartialEq, Eq)]
pub struct Seen {
    pub facts: Vec<Said>,
    pub values: Vec<Option<Vec<u8>>>,
    pub leases: Vec<(i64, i64)>,
    pub current: i64,
    pub compact: i64,
    /// What is wrong with it.
    pub findings: Vec<String>,
}

fn file(name: &str, bytes: Vec<u8>) -> File {
    File { name: FileName::new(name), bytes: Bytes::from(bytes) }
}

impl Seen {
    /// Reads a store as a conversion would; nothing where it cannot be opened.
    pub fn of(kind: Kind, files: Files) -> Option<Self> {
        let store = match kind {
            Kind::Kine => {
                let wal = files.wal.map(|wal| file("state.db-wal", wal));
                Store::Kine(Box::new(kine::Store::open(&file("state.db", files.db), wal.as_ref()).ok()?))
            }
            Kind::Snapshot | Kind::RawDb => Store::Etcd(Box::new(etcd::Store::open(&file("db", files.db)).ok()?)),
        };
        let mut findings: Vec<String> =
            store.damage().iter().chain(store.contradictions()).map(ToString::to_string).collect();
        if let Store::Etcd(store) = &store {
            findings.extend(store.lost_rows().iter().map(ToString::to_string));
            if store.trailer() == Trailer::Wrong {
                findings.push("trailer".to_owned());
            }
        }
        Some(Self::of_history(store.history(), findings))
    }

    pub fn of_history(history: &History, findings: Vec<String>) -> Self {
        let facts = history.changes().iter().map(|change| {
            let lease = match change.lease {
                LeaseRef::None => 0,
                LeaseRef::Id(lease) | LeaseRef::Ttl(lease) => lease,
            };
            let key = history.keys().get(change.key).to_vec();
            let revision = change.revision;
            let version = change.version.known();
            (revision.main, revision.sub, key, change.is_put(), change.create_revision, version, lease)
        });
        Self {
            facts: facts.collect(),
            values: history
                .changes()
                .iter()
                .map(|change| Some(history.value(change.value).ok()?.into_owned()))
                .collect(),
            leases: history.leases().iter().map(|lease| (lease.id, lease.ttl)).collect(),
            current: history.current_revision(),
            compact: history.compact_revision(),
            findings,
        }
    }
}

/// What became of a broken file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It cannot be opened.
    Refused,
    /// It is read, and what is wrong is told.
    Told,
    /// Nothing that is used was hit.
    Same,
    /// The bytes of a value are others.
    Value,
    /// Something else is another, and nothing is told.
    Silent,
    /// The reader gave up.
    Panicked,
}

/// One way to break a file.
#[derive(Clone, Copy, Debug)]
pub enum Break {
    Flip {
        at: usize,
        bit: u8,
    },
    /// Bytes that were never written.
    Zeros {
        at: usize,
        len: usize,
    },
    /// Bytes of something else.
    Noise {
        at: usize,
        len: usize,
        seed: u64,
    },
    /// A page that was written to the wrong place.
    Copy {
        from: usize,
        to: usize,
        len: usize,
    },
    Cut {
        len: usize,
    },
}

impl Break {
    pub fn apply(self, bytes: &mut Vec<u8>) {
        match self {
            Self::Flip { at, bit } => bytes[at] ^= 1 << bit,
            Self::Zeros { at, len } => bytes[at..at + len].fill(0),
            Self::Noise { at, len, seed } => {
                let mut random = Random(seed);
                bytes[at..at + len].fill_with(|| random.next() as u8);
            }
            Self::Copy { from, to, len } => bytes.copy_within(from..from + len, to),
            Self::Cut { len } => bytes.truncate(len),
        }
    }
}

/// SplitMix64: the same numbers in every run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

const PAGE: usize = 4096;

/// Single bits, anywhere and in the first bytes of pages, where headers and tables are.
pub fn flips(len: usize, anywhere: usize, heads: usize, seed: u64) -> Vec<Break> {
    let mut random = Random(seed);
    let mut breaks = Vec::new();
    for _ in 0..anywhere {
        breaks.push(Break::Flip { at: random.below(len), bit: random.below(8) as u8 });
    }
    for _ in 0..heads {
        let at = random.below(len / PAGE) * PAGE + random.below(200);
        breaks.push(Break::Flip { at, bit: random.below(8) as u8 });
    }
    breaks
}

/// Sectors and pages that are lost, overwritten or in the wrong place.
pub fn blocks(len: usize, count: usize, seed: u64) -> Vec<Break> {
    let mut random = Random(seed);
    let pages = len / PAGE;
    let one = |at: usize| match at % 4 {
        0 => Break::Zeros { at: random.below(len / 512) * 512, len: 512 },
        1 => Break::Zeros { at: random.below(pages) * PAGE, len: PAGE },
        2 => Break::Noise { at: random.below(len / 512) * 512, len: 512, seed: random.next() },
        _ => Break::Copy { from: random.below(pages) * PAGE, to: random.below(pages) * PAGE, len: PAGE },
    };
    (0..count).map(one).collect()
}

/// Cuts: at pages, at sectors, anywhere, and where a snapshot would have its trailer.
pub fn cuts(len: usize, count: usize, seed: u64) -> Vec<Break> {
    let mut random = Random(seed);
    let mut one = |at: usize| {
        let len = match at % 4 {
            0 => random.below(len / PAGE) * PAGE,
            1 => random.below(len / 512) * 512,
            2 => (random.below(len / 512) * 512 + 32).min(len - 1),
            _ => random.below(len),
        };
        Break::Cut { len }
    };
    (0..count).map(&mut one).collect()
}

/// What became of each break.
pub struct Run {
    pub counts: BTreeMap<Outcome, usize>,
    /// Each break that changed more than a value and was not told, with what differs.
    pub silent: Vec<(Break, String)>,
}

impl Run {
    pub fn count(&self, outcome: Outcome) -> usize {
        self.counts.get(&outcome).copied().unwrap_or(0)
    }
}

/// Breaks `files` in each way, and looks at each result.
pub fn run(kind: Kind, files: &Files, in_wal: bool, breaks: &[Break]) -> Run {
    let original = Seen::of(kind, files.clone()).unwrap();
    assert_eq!(original.findings, Vec::<String>::new());
    let outcomes: Vec<(Outcome, String)> = breaks
        .par_iter()
        .map(|broken| {
            let mut files = files.clone();
            broken.apply(if in_wal { files.wal.as_mut().unwrap() } else { &mut files.db });
            judge(kind, &original, files)
        })
        .collect();
    let mut counts = BTreeMap::new();
    for (outcome, _) in &outcomes {
        *counts.entry(*outcome).or_default() += 1;
    }
    let silent = breaks.iter().zip(outcomes).filter(|(_, (outcome, _))| *outcome >= Outcome::Silent);
    Run { counts, silent: silent.map(|(broken, (_, what))| (*broken, what)).collect() }
}

/// Compares what is read with the original.
pub fn judge(kind: Kind, original: &Seen, files: Files) -> (Outcome, String) {
    let Ok(seen) = catch_unwind(AssertUnwindSafe(|| Seen::of(kind, files))) else {
        return (Outcome::Panicked, "panicked".to_owned());
    };
    let Some(seen) = seen else { return (Outcome::Refused, String::new()) };
    if !seen.findings.is_empty() {
        return (Outcome::Told, String::new());
    }
    match difference(original, &seen) {
        Some(what) => (Outcome::Silent, what),
        None if original.values == seen.values => (Outcome::Same, String::new()),
        None if seen.values.iter().any(Option::is_none) => (Outcome::Silent, "a value is gone".to_owned()),
        None => (Outcome::Value, String::new()),
    }
}

/// Whether what is seen is what a later moment says of the revisions up to its newest.
pub fn is_earlier(later: &Seen, seen: &Seen) -> bool {
    let upto = later.facts.partition_point(|fact| fact.0 <= seen.current);
    let same = later.facts[..upto] == seen.facts[..] && later.values[..upto] == seen.values[..];
    same && seen.compact == later.compact && seen.findings.is_empty()
}

/// The first difference that is not in a value; its first word says where.
pub fn difference(original: &Seen, seen: &Seen) -> Option<String> {
    if (original.current, original.compact) != (seen.current, seen.compact) {
        let before = format!("{}/{}", original.current, original.compact);
        return Some(format!("bounds {before} became {}/{}", seen.current, seen.compact));
    }
    if original.leases != seen.leases {
        return Some("leases".to_owned());
    }
    let shown = |fact: Option<&Said>| {
        fact.map_or("nothing".to_owned(), |(main, sub, key, put, create, version, lease)| {
            format!("{main}_{sub} {} {put} {create:?} {version:?} {lease}", key.escape_ascii())
        })
    };
    let at = original.facts.iter().zip(&seen.facts).position(|(a, b)| a != b);
    let at = at.or((original.facts.len() != seen.facts.len()).then_some(original.facts.len().min(seen.facts.len())))?;
    let class = match (original.facts.get(at), seen.facts.get(at)) {
        (Some(a), Some(b)) if (a.0, a.1) != (b.0, b.1) => "revision",
        (Some(a), Some(b)) if a.2 != b.2 => "key",
        (Some(a), Some(b)) if a.3 != b.3 => "op",
        (Some(a), Some(b)) if a.4 != b.4 => "create",
        (Some(a), Some(b)) if a.5 != b.5 => "version",
        (Some(_), Some(_)) => "lease",
        _ => "rows",
    };
    Some(format!("{class}: {} became {}", shown(original.facts.get(at)), shown(seen.facts.get(at))))
}
