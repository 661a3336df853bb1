//! What index entries say of one revision, put together: they are witnesses of a row that may itself be lost or wrong.

use std::collections::HashMap;

use rayon::prelude::*;

use super::facts::Facts;
use super::sorted::Sorted;
use crate::model::KeyId;

/// The two first answers to a question, and how often each was given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Votes<T> {
    answers: [T; 2],
    counts: [u16; 2],
}

impl Default for Votes<KeyId> {
    fn default() -> Self {
        Self { answers: [KeyId::UNSET; 2], counts: [0; 2] }
    }
}

impl Default for Votes<i64> {
    fn default() -> Self {
        Self { answers: [0; 2], counts: [0; 2] }
    }
}

impl Default for Votes<bool> {
    fn default() -> Self {
        Self { answers: [false; 2], counts: [0; 2] }
    }
}

impl<T: PartialEq + Copy> Votes<T> {
    fn add(&mut self, answer: T) {
        for (slot, count) in self.answers.iter_mut().zip(&mut self.counts) {
            if *count == 0 {
                *slot = answer;
            }
            if *slot == answer {
                *count = count.saturating_add(1);
                return;
            }
        }
    }

    /// The answer of most, and how many more they are than those of the next.
    pub fn winner(&self) -> Option<(T, u32)> {
        let ([a, b], [m, n]) = (self.answers, self.counts.map(u32::from));
        match m {
            0 => None,
            _ if m >= n => Some((a, m - n)),
            _ => Some((b, n - m)),
        }
    }

    /// Whether anybody gives this answer.
    pub fn has(&self, answer: T) -> bool {
        self.answers.iter().zip(self.counts).any(|(known, count)| count > 0 && *known == answer)
    }
}

/// What pages in use say of a revision.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Witness {
    pub name: Votes<KeyId>,
    pub prev_revision: Votes<i64>,
    pub deleted: Votes<bool>,
}

/// What is known by key and `prev_revision`.
type ByPrev<T> = HashMap<(KeyId, i64), T, foldhash::fast::RandomState>;

fn add_witnesses(ids: &mut Sorted, of: &mut Vec<Witness>, facts: &Facts) {
    *ids = Sorted::new(facts.par_iter().filter(|fact| fact.live).map(|fact| fact.id).collect());
    of.resize(ids.len(), Witness::default());
    for fact in facts.iter().filter(|fact| fact.live) {
        let Some(witness) = ids.place(fact.id).and_then(|place| of.get_mut(place)) else { continue };
        if let Some(name) = fact.key() {
            witness.name.add(name);
        }
        if let Some(prev) = fact.prev_revision() {
            witness.prev_revision.add(prev);
        }
        if let Some(deleted) = fact.deleted {
            witness.deleted.add(deleted);
        }
    }
}

fn add_chains(chain: &mut ByPrev<i64>, past: &mut ByPrev<Option<i64>>, facts: &Facts) {
    // Of the six indexes that each row stands in, two have both.
    chain.reserve(facts.len() / 6);
    for fact in facts.iter() {
        let (Some(name), Some(prev)) = (fact.key(), fact.prev_revision()) else { continue };
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
    ids: Sorted,
    /// What is known of each of them.
    of: Vec<Witness>,
    /// The revision that supersedes another one of a key, as an index in use has it.
    chain: ByPrev<i64>,
    /// The same from pages that are not in use any more.
    past_chain: ByPrev<Option<i64>>,
    covered: Vec<(i64, i64)>,
}

impl Witnesses {
    /// Puts facts together.
    pub fn new(facts: &Facts) -> Self {
        let mut all = Self::default();
        let Self { ids, of, chain, past_chain, .. } = &mut all;
        rayon::join(|| add_witnesses(ids, of, facts), || add_chains(chain, past_chain, facts));
        all
    }

    /// Takes the ranges of ids that an index in use covers.
    pub fn with_covered(self, covered: Vec<(i64, i64)>) -> Self {
        Self { covered, ..self }
    }

    /// What indexes say of a revision.
    pub fn of(&self, id: i64) -> Option<&Witness> {
        self.of.get(self.ids.place(id)?)
    }

    /// All revisions that an index names.
    pub fn ids(&self) -> impl Iterator<Item = (i64, &Witness)> {
        self.ids.iter().zip(&self.of)
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
        if self.of(id).is_some_and(|witness| witness.deleted.winner().is_some()) {
            return false;
        }
        let at = self.covered.partition_point(|&(first, _)| first < id);
        at.checked_sub(1).and_then(|at| self.covered.get(at)).is_some_and(|&(_, last)| id < last)
    }

    /// The same, and no other index names it either.
    pub fn is_denied(&self, id: i64) -> bool {
        self.of(id).is_none() && self.is_passed_over(id)
    }
}
