//! What index entries say of one revision, put together: they are witnesses of a row that may itself be lost or wrong.

use std::collections::HashMap;

use super::facts::Facts;
use crate::model::KeyId;

/// The two most frequent answers to a question.
#[derive(Clone, Copy, Debug)]
pub(super) struct Votes<T> {
    best: [Option<(T, u32)>; 2],
}

impl<T> Default for Votes<T> {
    fn default() -> Self {
        Self { best: [None, None] }
    }
}

impl<T: PartialEq + Copy> Votes<T> {
    fn add(&mut self, answer: T) {
        for slot in &mut self.best {
            match slot {
                Some((known, count)) if *known == answer => {
                    *count += 1;
                    return;
                }
                None => {
                    *slot = Some((answer, 1));
                    return;
                }
                _ => {}
            }
        }
    }

    /// The answer of most, and how many more they are than those of the next.
    pub fn winner(&self) -> Option<(T, u32)> {
        let [first, second] = self.best;
        match (first?, second) {
            (first, None) => Some(first),
            ((a, m), Some((_, n))) if m >= n => Some((a, m - n)),
            ((_, m), Some((b, n))) => Some((b, n - m)),
        }
    }

    /// Whether anybody gives this answer.
    pub fn has(&self, answer: T) -> bool {
        self.best.iter().flatten().any(|(known, _)| *known == answer)
    }
}

/// What pages in use say of a revision.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Witness {
    pub name: Votes<KeyId>,
    pub prev_revision: Votes<i64>,
    pub deleted: Votes<bool>,
}

/// What is known by revision.
type ById = HashMap<i64, Witness, foldhash::fast::RandomState>;
/// What is known by key and `prev_revision`.
type ByPrev<T> = HashMap<(KeyId, i64), T, foldhash::fast::RandomState>;

fn add_witnesses(of: &mut ById, facts: &Facts<'_>, names: &[Option<KeyId>]) {
    // Each row stands in five or six indexes.
    of.reserve(facts.all.len() / 5);
    for (fact, name) in facts.all.iter().zip(names) {
        let Some(fact) = fact.as_ref().filter(|fact| fact.live) else { continue };
        let witness = of.entry(fact.id).or_default();
        if let Some(name) = *name {
            witness.name.add(name);
        }
        if let Some(prev) = fact.prev_revision {
            witness.prev_revision.add(prev);
        }
        if let Some(deleted) = fact.deleted {
            witness.deleted.add(deleted);
        }
    }
}

fn add_chains(chain: &mut ByPrev<i64>, past: &mut ByPrev<Option<i64>>, facts: &Facts<'_>, names: &[Option<KeyId>]) {
    chain.reserve(facts.all.len() / 5);
    for (fact, name) in facts.all.iter().zip(names) {
        let Some(fact) = fact else { continue };
        let (Some(name), Some(prev)) = (*name, fact.prev_revision) else { continue };
        if fact.live {
            chain.insert((name, prev), fact.id);
        } else {
            let slot = past.entry((name, prev)).or_insert(Some(fact.id));
            if *slot != Some(fact.id) {
                *slot = None;
            }
        }
    }
}

/// All witnesses.
#[derive(Default)]
pub(super) struct Witnesses {
    of: ById,
    /// The revision that supersedes another one of a key, as an index in use has it.
    chain: ByPrev<i64>,
    /// The same from pages that are not in use any more.
    past_chain: ByPrev<Option<i64>>,
    covered: Vec<(i64, i64)>,
}

impl Witnesses {
    /// Puts facts together; `names` has the key of each fact.
    pub fn new(facts: &Facts<'_>, names: &[Option<KeyId>]) -> Self {
        let mut all = Self::default();
        let Self { of, chain, past_chain, .. } = &mut all;
        rayon::join(|| add_witnesses(of, facts, names), || add_chains(chain, past_chain, facts, names));
        all
    }

    /// Takes the ranges of ids that an index in use covers.
    pub fn with_covered(self, covered: Vec<(i64, i64)>) -> Self {
        Self { covered, ..self }
    }

    /// What indexes say of a revision.
    pub fn of(&self, id: i64) -> Option<&Witness> {
        self.of.get(&id)
    }

    /// All revisions that an index names.
    pub fn ids(&self) -> impl Iterator<Item = (i64, &Witness)> {
        self.of.iter().map(|(&id, witness)| (id, witness))
    }

    /// The revision of the row of a key that supersedes `prev`.
    pub fn successor(&self, key: KeyId, prev: i64) -> Option<i64> {
        self.chain.get(&(key, prev)).copied()
    }

    /// The same as it once was; nothing where pages disagree.
    pub fn past_successor(&self, key: KeyId, prev: i64) -> Option<i64> {
        self.past_chain.get(&(key, prev)).copied().flatten()
    }

    /// Whether the index over ids would name a revision, and does not: the row is gone, or the pages are of two moments.
    pub fn is_passed_over(&self, id: i64) -> bool {
        if self.of.get(&id).is_some_and(|witness| witness.deleted.winner().is_some()) {
            return false;
        }
        let at = self.covered.partition_point(|&(first, _)| first < id);
        at.checked_sub(1).and_then(|at| self.covered.get(at)).is_some_and(|&(_, last)| id < last)
    }

    /// The same, and no other index names it either.
    pub fn is_denied(&self, id: i64) -> bool {
        !self.of.contains_key(&id) && self.is_passed_over(id)
    }
}
