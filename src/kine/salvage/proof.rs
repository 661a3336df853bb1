//! What proves that no newer row of a key is lost: an index in which the next entry after the row is of another key.
//!
//! Each row stands in several indexes that are sorted by name or by `prev_revision`. Where two entries follow each other in
//! pages that are whole, nothing stands between them, lost rows or not.

use super::facts::{Fact, Facts, IndexKind};
use super::sorted::Sorted;
use crate::model::KeyId;
use crate::sqlite::{Images, Step};

/// The newest revision that a page speaks of: it was written then or later.
type AsOf = i64;

/// What indexes prove.
#[derive(Default)]
pub(super) struct Proofs {
    /// The rows behind which an index goes on with another key, by key.
    last: Vec<(KeyId, i64, AsOf)>,
    /// Revisions between which none is superseded by any row, ascending.
    current: Vec<(i64, i64)>,
    /// Ranges of ids that the index over ids covers without a gap, ascending.
    pub covered: Vec<(i64, i64)>,
    /// The index over name and id; numbers that follow each other are entries that do.
    names: Vec<(KeyId, i64, usize)>,
    /// The ids in it.
    ids: Sorted,
}

/// An entry on the walk.
#[derive(Clone, Copy)]
struct Entry<'a> {
    fact: &'a Fact,
    as_of: AsOf,
}

impl Entry<'_> {
    fn prev(&self) -> i64 {
        self.fact.prev_revision().unwrap_or(0)
    }

    /// What its index is sorted by.
    fn place(&self) -> (Option<KeyId>, i64, i64) {
        let prev = self.prev();
        match self.fact.kind {
            IndexKind::Name | IndexKind::NameId => (self.fact.key(), self.fact.id, 0),
            IndexKind::NamePrev => (self.fact.key(), prev, self.fact.id),
            IndexKind::Prev => (None, prev, self.fact.id),
            IndexKind::IdDeleted | IndexKind::IdNamePrev => (None, self.fact.id, 0),
        }
    }
}

/// A walk through the indexes.
#[derive(Default)]
struct Walk<'a> {
    proofs: Proofs,
    before: Option<Entry<'a>>,
    number: usize,
    at_edge: bool,
}

impl<'a> Walk<'a> {
    /// An index begins or ends.
    fn edge(&mut self) {
        if let Some(last) = self.before.take() {
            self.proofs.add_last(&last);
        }
        (self.at_edge, self.number) = (true, self.number + 2);
    }

    /// An entry, or one that cannot be read.
    fn step(&mut self, entry: Option<Entry<'a>>) {
        let follows = match (&self.before, &entry) {
            (Some(a), Some(b)) => a.fact.kind == b.fact.kind && a.place() < b.place(),
            _ => false,
        };
        self.number += if follows { 1 } else { 2 };
        if let Some(entry) = &entry {
            if self.at_edge && entry.fact.kind == IndexKind::IdDeleted {
                self.proofs.covered.push((0, entry.fact.id));
            }
            self.proofs.add(self.before.as_ref().filter(|_| follows), entry, self.number);
        }
        (self.before, self.at_edge) = (entry, false);
    }
}

impl Proofs {
    /// Walks all indexes.
    pub fn new(images: &Images, facts: &Facts) -> Self {
        let mut walk = Walk::default();
        // Each row stands in one entry of the index over names and ids, and is behind one of another key in three.
        walk.proofs.names.reserve(facts.len() / 6);
        for step in images.index_order() {
            match step {
                Step::Edge => walk.edge(),
                Step::Gap => walk.step(None),
                Step::Entries(no, from, to) => {
                    let page = facts.of_page(no);
                    for position in from..to {
                        let entry =
                            page.and_then(|page| Some(Entry { fact: facts.at(page, position)?, as_of: page.newest }));
                        walk.step(entry);
                    }
                }
            }
        }
        let mut proofs = walk.proofs;
        // Each index is in order: what is there are a few runs.
        proofs.last.sort();
        proofs.current.sort_unstable();
        proofs.covered.sort_unstable();
        proofs.names.sort();
        proofs.ids = Sorted::new(proofs.names.iter().map(|&(_, id, _)| id).collect());
        proofs
    }

    /// Takes an entry, and the one before it where nothing is between them.
    fn add(&mut self, before: Option<&Entry<'_>>, entry: &Entry<'_>, number: usize) {
        let as_of = |before: &Entry<'_>| before.as_of.min(entry.as_of);
        match entry.fact.kind {
            IndexKind::Name | IndexKind::NameId | IndexKind::NamePrev => {
                if let (IndexKind::NameId, Some(name)) = (entry.fact.kind, entry.fact.key()) {
                    self.names.push((name, entry.fact.id, number));
                }
                if let Some(before) = before.filter(|before| before.fact.key() != entry.fact.key())
                    && let Some(name) = before.fact.key()
                {
                    self.last.push((name, before.fact.id, as_of(before)));
                }
            }
            IndexKind::Prev => {
                if let Some(before) = before {
                    self.current.push((before.prev(), entry.prev()));
                }
            }
            IndexKind::IdDeleted => match self.covered.last_mut().filter(|_| before.is_some()) {
                Some(range) => range.1 = entry.fact.id,
                None => self.covered.push((entry.fact.id, entry.fact.id)),
            },
            IndexKind::IdNamePrev => {}
        }
    }

    /// Takes the last entry of an index.
    fn add_last(&mut self, last: &Entry<'_>) {
        match (last.fact.kind, last.fact.key()) {
            (IndexKind::Name | IndexKind::NameId | IndexKind::NamePrev, Some(name)) => {
                self.last.push((name, last.fact.id, last.as_of));
            }
            (IndexKind::Prev, _) => self.current.push((last.prev(), i64::MAX)),
            _ => {}
        }
    }

    /// Whether nothing newer of the key was in the table when the pages were written, and that was at `since` or later. That no
    /// row has this one's revision as its `prev_revision` proves it only where all pages are of one moment (`since` is 0):
    /// compaction may have taken both.
    pub fn is_newest(&self, key: KeyId, id: i64, since: i64) -> bool {
        let from = self.last.partition_point(|&(of, row, _)| (of, row) < (key, id));
        let last = self.last.get(from..).unwrap_or_default();
        let by_name =
            last.iter().take_while(|&&(of, row, _)| (of, row) == (key, id)).any(|&(.., as_of)| as_of >= since);
        by_name
            || since == 0 && {
                let behind = self.current.partition_point(|&(before, _)| before < id);
                let around = behind.checked_sub(1).and_then(|at| self.current.get(at));
                around.is_some_and(|&(_, after)| id < after)
            }
    }

    /// Whether the index over names and ids would have this row and has not: the pages are of two moments. An index that has
    /// the id under another name is damaged itself.
    pub fn passes_over(&self, key: KeyId, id: i64) -> bool {
        if self.ids.place(id).is_some() {
            return false;
        }
        let at = self.names.partition_point(|&(name, of, _)| (name, of) < (key, id));
        let Some(&(name, of, number)) = self.names.get(at) else { return false };
        let before = at.checked_sub(1).and_then(|at| self.names.get(at));
        (name, of) != (key, id) && before.is_some_and(|&(_, _, before)| before + 1 == number)
    }
}
