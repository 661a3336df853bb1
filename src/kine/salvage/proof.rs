//! What proves that no newer row of a key is lost: an index in which the next entry after the row is of another key.
//!
//! Each row stands in several indexes that are sorted by name or by `prev_revision`. Where two entries follow each other in
//! pages that are whole, nothing stands between them, lost rows or not.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::facts::{Fact, Facts, IndexKind, OfPage};
use crate::model::KeyId;
use crate::sqlite::{Images, PageNo, Step};

/// The newest revision that a page speaks of: it was written then or later.
type AsOf = i64;

/// What indexes prove.
#[derive(Default)]
pub(super) struct Proofs {
    /// For each key the rows behind which an index goes on with another key.
    last: HashMap<KeyId, Vec<(i64, AsOf)>, foldhash::fast::RandomState>,
    /// Revisions between which none is superseded by any row, ascending.
    current: Vec<(i64, i64)>,
    /// Ranges of ids that the index over ids covers without a gap, ascending.
    pub covered: Vec<(i64, i64)>,
    /// The index over name and id; numbers that follow each other are entries that do.
    names: Vec<(KeyId, i64, usize)>,
    /// The ids in it.
    ids: HashSet<i64, foldhash::fast::RandomState>,
}

/// An entry on the walk.
#[derive(Clone, Copy)]
struct Entry<'a> {
    fact: Fact<'a>,
    name: Option<KeyId>,
    as_of: AsOf,
}

impl Entry<'_> {
    /// What its index is sorted by.
    fn place(&self) -> (Option<KeyId>, i64, i64) {
        let prev = self.fact.prev_revision.unwrap_or(0);
        match self.fact.kind {
            IndexKind::Name | IndexKind::NameId => (self.name, self.fact.id, 0),
            IndexKind::NamePrev => (self.name, prev, self.fact.id),
            IndexKind::Prev => (None, prev, self.fact.id),
            IndexKind::IdDeleted | IndexKind::IdNamePrev => (None, self.fact.id, 0),
        }
    }
}

impl Proofs {
    /// Walks all indexes; `names` has the key of each fact.
    pub fn new(images: &Images, facts: &Facts<'_>, names: &[Option<KeyId>]) -> Self {
        let steps = images.index_order();
        // Steps stay on one page for long.
        let mut page: Option<(PageNo, Option<OfPage>)> = None;
        let mut entry_at = |no: PageNo, position: u16| {
            let of_page = match page {
                Some((last, of_page)) if last == no => of_page,
                _ => page.insert((no, facts.now.get(&no).copied())).1,
            }?;
            let at = of_page.start.checked_add(usize::from(position))?;
            Some(Entry { fact: (*facts.all.get(at)?)?, name: *names.get(at)?, as_of: of_page.newest })
        };
        let mut proofs = Self::default();
        let mut before: Option<Entry<'_>> = None;
        let mut number = 0;
        let mut at_edge = false;
        for step in steps {
            if step == Step::Edge {
                if let Some(last) = before.take() {
                    proofs.add_last(&last);
                }
                (at_edge, number) = (true, number + 2);
                continue;
            }
            let entry = match step {
                Step::Entry(no, position) => entry_at(no, position),
                Step::Gap | Step::Edge => None,
            };
            let follows = match (&before, &entry) {
                (Some(a), Some(b)) => a.fact.kind == b.fact.kind && a.place() < b.place(),
                _ => false,
            };
            number += if follows { 1 } else { 2 };
            if let Some(entry) = &entry {
                if at_edge && entry.fact.kind == IndexKind::IdDeleted {
                    proofs.covered.push((0, entry.fact.id));
                }
                proofs.add(before.as_ref().filter(|_| follows), entry, number);
            }
            (before, at_edge) = (entry, false);
        }
        proofs.current.sort_unstable();
        proofs.covered.sort_unstable();
        proofs.names.par_sort_unstable();
        proofs
    }

    /// Takes an entry, and the one before it where nothing is between them.
    fn add(&mut self, before: Option<&Entry<'_>>, entry: &Entry<'_>, number: usize) {
        let as_of = |before: &Entry<'_>| before.as_of.min(entry.as_of);
        match entry.fact.kind {
            IndexKind::Name | IndexKind::NameId | IndexKind::NamePrev => {
                if let (IndexKind::NameId, Some(name)) = (entry.fact.kind, entry.name) {
                    self.names.push((name, entry.fact.id, number));
                    self.ids.insert(entry.fact.id);
                }
                if let Some(before) = before.filter(|before| before.name != entry.name)
                    && let Some(name) = before.name
                {
                    self.last.entry(name).or_default().push((before.fact.id, as_of(before)));
                }
            }
            IndexKind::Prev => {
                if let Some(before) = before {
                    let prev = |entry: &Entry<'_>| entry.fact.prev_revision.unwrap_or(0);
                    self.current.push((prev(before), prev(entry)));
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
        match (last.fact.kind, last.name) {
            (IndexKind::Name | IndexKind::NameId | IndexKind::NamePrev, Some(name)) => {
                self.last.entry(name).or_default().push((last.fact.id, last.as_of));
            }
            (IndexKind::Prev, _) => self.current.push((last.fact.prev_revision.unwrap_or(0), i64::MAX)),
            _ => {}
        }
    }

    /// Whether nothing newer of the key was in the table when the pages were written, and that was at `since` or later. That no
    /// row has this one's revision as its `prev_revision` proves it only where all pages are of one moment (`since` is 0):
    /// compaction may have taken both.
    pub fn is_newest(&self, key: KeyId, id: i64, since: i64) -> bool {
        let by_name =
            self.last.get(&key).is_some_and(|last| last.iter().any(|&(of, as_of)| of == id && as_of >= since));
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
        if self.ids.contains(&id) {
            return false;
        }
        let at = self.names.partition_point(|&(name, of, _)| (name, of) < (key, id));
        let Some(&(name, of, number)) = self.names.get(at) else { return false };
        let before = at.checked_sub(1).and_then(|at| self.names.get(at));
        (name, of) != (key, id) && before.is_some_and(|&(_, _, before)| before + 1 == number)
    }
}
