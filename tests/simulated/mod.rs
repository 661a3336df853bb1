//! Two engines in miniature: they keep the books that the property tests compare conversions with, and know nothing of
//! how kinescope reads or converts.
#![allow(dead_code, reason = "each test program uses its part")]

pub mod etcd;
pub mod kine;
pub mod run;

use std::collections::{BTreeMap, BTreeSet};

use kinescope::model::{Engine, History, HistoryBuilder, Keys, NoValues};
use proptest::prelude::*;

/// What a conversion must keep of one change.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fact {
    pub main: i64,
    pub key: Vec<u8>,
    pub put: bool,
    /// Of puts.
    pub create: Option<i64>,
    pub value: Vec<u8>,
    /// Of live keys.
    pub ttl: Option<i64>,
}

impl std::fmt::Debug for Fact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (key, op) = (self.key.escape_ascii(), if self.put { "put" } else { "delete" });
        let head: Vec<u8> = self.value.iter().copied().take(12).collect();
        write!(f, "{}:{op} {key} create {:?} ttl {:?} ", self.main, self.create, self.ttl)?;
        write!(f, "{} bytes {}", self.value.len(), head.escape_ascii())
    }
}

/// All facts of a store, by revision and key: a transaction changes a key once.
pub type Facts = BTreeMap<(i64, Vec<u8>), Fact>;

/// What a report names: key and revision.
pub type Named = BTreeSet<(i64, Vec<u8>)>;

/// Facts without those that a report names as left out.
pub fn without(mut facts: Facts, left_out: &Named) -> Facts {
    for at in left_out {
        facts.remove(at);
    }
    facts
}

/// Compares two sets of facts and says only what differs.
#[track_caller]
pub fn assert_same(found: &Facts, expected: &Facts) {
    let missing: Vec<&Fact> =
        expected.iter().filter(|(at, fact)| found.get(*at) != Some(fact)).map(|at| at.1).collect();
    let extra: Vec<&Fact> = found.iter().filter(|(at, fact)| expected.get(*at) != Some(fact)).map(|at| at.1).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing: {missing:#?}\nunexpected: {extra:#?}");
}

/// A value by its first byte and its length, so that cases shrink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    pub seed: u8,
    pub len: usize,
}

impl Value {
    pub fn bytes(self) -> Vec<u8> {
        (0..self.len).map(|at| self.seed.wrapping_add((at % 251) as u8)).collect()
    }
}

pub fn values() -> impl Strategy<Value = Value> {
    let len = prop_oneof![2 => Just(0usize), 8 => 1usize..60, 2 => 60usize..5_000, 1 => 5_000usize..20_000];
    (any::<u8>(), len).prop_map(|(seed, len)| Value { seed, len })
}

/// A history without anything, under the names and values that a simulator makes.
pub fn nothing(engine: Engine) -> History {
    let builder = HistoryBuilder {
        engine,
        keys: Keys::default(),
        changes: Vec::new(),
        leases: Vec::new(),
        current_revision: 0,
        compact_revision: 0,
        gap_rows: 0,
        values: std::sync::Arc::new(NoValues),
    };
    builder.build()
}

/// The facts that kinescope reads.
pub fn facts_of(history: &History) -> Facts {
    let newest: BTreeMap<_, _> =
        history.keys().ids().filter_map(|key| Some((key, history.live(key)?.revision))).collect();
    let fact = |change: &kinescope::model::Change| {
        let key = history.keys().get(change.key).to_vec();
        let live = newest.get(&change.key) == Some(&change.revision);
        let fact = Fact {
            main: change.revision.main,
            key: key.clone(),
            put: change.is_put(),
            create: change.create_revision.filter(|_| change.is_put()),
            value: history.value(change.value).unwrap().into_owned(),
            ttl: history.ttl(change.lease).filter(|_| live),
        };
        ((change.revision.main, key), fact)
    };
    let facts: Facts = history.changes().iter().map(fact).collect();
    assert_eq!(facts.len(), history.changes().len(), "a key changes once in a transaction");
    facts
}
