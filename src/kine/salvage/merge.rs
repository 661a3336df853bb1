//! Copies and facts become rows: one for each revision, the best copy first, each held against its witnesses.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use super::chain::Shifts;
use super::copies::{self, Copy, Standing};
use super::finish;
use super::gather::{self, Gathered};
use super::ids;
use super::newest::Newest;
use super::proof::Proofs;
use super::rebuild;
use super::shifts;
use super::taken::refuse_taken_pages;
use super::witness::Witnesses;
use super::{Held, Row, Salvage, Source, Values};
use crate::kine::rows::Column;
use crate::kine::schema::COMPACT_KEY;
use crate::model::{Check, Engine, Evidence, HistoryBuilder, KeyId, Keys, Names, ValueRef};
use crate::source::{Damage, File, Place};
use crate::sqlite::{Header, Images, Looked, Reading};

/// For a key's row the row in the table that supersedes it.
type Superseded = HashMap<(KeyId, i64), i64, foldhash::fast::RandomState>;

/// What rows are made of while they are made.
pub(super) struct Merge<'a> {
    pub images: &'a Images,
    pub keys: Keys,
    pub copies: Vec<Copy>,
    /// The key of each copy.
    pub key_of: Vec<KeyId>,
    pub witnesses: Witnesses,
    pub proofs: Proofs,
    pub compact_key: Option<KeyId>,
    pub compact_revision: Option<i64>,
    /// Put together when somebody first asks.
    superseded: OnceLock<Superseded>,
    /// Whether pages are missing before others, so that page numbers lead to the wrong places.
    pub shifted: bool,
    /// The highest revision ever given, as SQLite's own table has it.
    sequence: Option<i64>,
}

/// A merged row and the copies it was made of, best first.
pub(super) struct Merged {
    pub row: Row,
    pub in_table: bool,
    pub copies: Vec<u32>,
}

pub(super) fn merge(images: Arc<Images>) -> Salvage {
    let merge = Merge::gather(&images);
    let (mut rows, mut past, missing) = rebuild::all(&merge);
    // What was rebuilt stands behind the others, which are in order already.
    rows.sort_by_key(|row| row.id);
    past.sort_by_key(|row| row.id);
    let highest = merge.highest();
    let (newest, (changes, gap_rows)) = rayon::join(
        || Newest::new(&merge, &rows, &missing, highest),
        || finish::changes(&merge.keys, &rows, merge.compact_key),
    );
    let behind = merge.sequence_is_behind(&rows);
    let Merge { keys, compact_revision, proofs, copies, .. } = merge;
    let newest = newest.with(proofs);
    let values = Arc::new(Values { images: images.clone(), copies });
    let history = HistoryBuilder {
        engine: Engine::Kine,
        keys,
        changes,
        leases: Vec::new(),
        current_revision: highest,
        compact_revision: compact_revision.unwrap_or(0),
        gap_rows,
        values,
    };
    let history = history.build();
    let mut damage = images.damage().to_vec();
    damage.extend(behind.map(|what| Damage {
        file: images.name().clone(),
        place: Place::File,
        id: "copied-while-written",
        what,
    }));
    Salvage { history, rows, past, missing, compact_revision, highest, newest, damage, images }
}

/// How many pages are missing before the first, as interior pages tell it, or else the overflow chains of rows. A file that begins
/// as it should lacks none.
pub(super) fn missing_at_start(db: &File) -> Option<usize> {
    if db.bytes.is_empty() || Header::parse(&db.bytes).is_ok() {
        return None;
    }
    let images = Images::new(db.name.clone(), db.bytes.clone(), None, Reading::Ignore);
    if let Some(missing) = images.missing_at_start() {
        return Some(missing as usize);
    }
    let looked = images.all();
    let copies = copies::all(&images, &looked, &Shifts::default());
    shifts::learn(&images, &copies).missing_at_start()
}

impl<'a> Merge<'a> {
    fn gather(images: &'a Images) -> Self {
        let looked = images.all();
        let Gathered { copies, mut names, facts, sequence } = gather::all(images, &looked);
        let parts = copies.len();
        let ((copies, shifts), (keys, ids)) =
            rayon::join(|| whole_copies(images, &looked, copies), || Keys::of_parts(&names));
        let (keys, mut ids) = if shifts.is_any() {
            // Other copies were found with them, and other names.
            let of_copies =
                copies.par_chunks(COPIES_PER_TASK).map(|copies| names_of(images, copies)).collect::<Vec<_>>();
            names.splice(..parts, of_copies);
            Keys::of_parts(&names)
        } else {
            (keys, ids)
        };
        drop(names);
        let facts = facts.numbered(ids.get(copies.len()..).unwrap_or_default());
        ids.truncate(copies.len());
        let (proofs, witnesses) = rayon::join(|| Proofs::new(images, &facts), || Witnesses::new(&facts));
        let witnesses = witnesses.with_covered(proofs.covered.clone());
        let compact_key = keys.find(COMPACT_KEY);
        let mut merge = Self {
            images,
            keys,
            copies,
            key_of: ids,
            witnesses,
            proofs,
            compact_key,
            compact_revision: None,
            superseded: OnceLock::new(),
            shifted: shifts.is_any(),
            sequence,
        };
        merge.compact_revision = merge.find_compact_revision();
        merge.correct_ids();
        let highest = merge.highest();
        ids::infer(&mut merge.copies, highest);
        merge
    }

    pub fn key(&self, copy: u32) -> KeyId {
        self.key_of.get(copy as usize).copied().unwrap_or(KeyId::UNSET)
    }

    /// The highest revision that a copy or a witness in use speaks of.
    fn highest(&self) -> i64 {
        let in_use = self.copies.iter().filter(|copy| copy.standing <= Standing::Log && !copy.out_of_order);
        let rows = in_use.filter_map(|copy| copy.id).max();
        let told = self.witnesses.ids().map(|(id, _)| id).max();
        rows.max(told).max(self.sequence).unwrap_or(0)
    }

    /// SQLite notes the highest id with every row: where it is lower than that of a row, the pages are of two moments.
    fn sequence_is_behind(&self, rows: &[Row]) -> Option<String> {
        let sequence = self.sequence?;
        let certain = rows.iter().filter(|row| row.evidence != Evidence::Doubtful && row.source == Source::Table);
        let last = certain.filter_map(|row| row.id).max().filter(|&last| last > sequence)?;
        Some(format!("sqlite_sequence ends at {sequence}, and there is a row {last}"))
    }

    fn find_compact_revision(&self) -> Option<i64> {
        let compact = self.compact_key?;
        let is_one = |(copy, key): &(&Copy, &KeyId)| **key == compact && copy.prev_revision >= 0;
        let of = |best: Standing| {
            let copies = self.copies.iter().zip(&self.key_of).filter(is_one);
            copies.filter(|(copy, _)| copy.standing <= best).map(|(copy, _)| copy.prev_revision).max()
        };
        let told = self.witnesses.ids().filter(|(_, witness)| witness.name.has(compact));
        let told = told.filter_map(|(_, witness)| witness.prev_revision.winner()).map(|(prev, _)| prev).max();
        of(Standing::Log).max(told).or_else(|| of(Standing::Past))
    }

    /// Gives a copy whose id is lost, or contradicts the witnesses, the one that an index has for its key and
    /// `prev_revision`.
    fn correct_ids(&mut self) {
        let Self { copies, key_of, witnesses, compact_key, .. } = self;
        copies.par_iter_mut().zip(&*key_of).for_each(|(copy, &key)| {
            if Some(key) == *compact_key {
                return;
            }
            let witness = copy.id.and_then(|id| witnesses.of(id));
            let vouched = witness.is_some_and(|witness| witness.name.has(key));
            if vouched {
                copy.out_of_order = false;
                return;
            }
            let indexed = witnesses.successor(key, copy.prev_revision).filter(|&id| id > copy.prev_revision);
            match indexed {
                Some(id) if copy.id != Some(id) && (copy.id.is_none() || copy.standing <= Standing::Unknown) => {
                    let own_is_other = copy.id.is_some() && witness.is_none();
                    if copy.id.is_none() || own_is_other || copy.out_of_order {
                        copy.id = Some(id);
                        copy.out_of_order = false;
                    }
                }
                _ if copy.out_of_order => copy.id = None,
                _ => {}
            }
            if copy.id.is_none() {
                copy.id = witnesses.past_successor(key, copy.prev_revision).filter(|&id| id > copy.prev_revision);
            }
        });
    }

    fn find_superseded(&self) -> Superseded {
        let in_use = self.copies.iter().zip(&self.key_of).filter(|(copy, _)| copy.standing <= Standing::Unknown);
        let rows = in_use.filter(|(copy, key)| copy.prev_revision > 0 && Some(**key) != self.compact_key);
        let mut superseded =
            Superseded::with_capacity_and_hasher(self.copies.len(), foldhash::fast::RandomState::default());
        superseded.extend(rows.filter_map(|(copy, &key)| Some(((key, copy.prev_revision), copy.id?))));
        superseded
    }

    /// Whether compaction has taken a row of the table away: it is a tombstone, or superseded, up to the compact revision.
    pub fn is_compacted(&self, key: KeyId, id: i64, deleted: bool) -> bool {
        let Some(compact) = self.compact_revision else { return false };
        let next = self.next(key, id);
        id <= compact && (deleted || next.is_some_and(|next| next <= compact))
    }

    fn is_passed_over(&self, id: i64) -> bool {
        self.witnesses.is_passed_over(id) && self.compact_revision >= Some(id)
    }

    /// The row of the table that supersedes another one.
    pub fn next(&self, key: KeyId, id: i64) -> Option<i64> {
        let superseded = self.superseded.get_or_init(|| self.find_superseded());
        superseded.get(&(key, id)).copied().or_else(|| self.witnesses.successor(key, id))
    }

    /// All copies that have a revision, ascending, and of one revision the best first.
    pub fn in_order(&self) -> Vec<(i64, u32)> {
        let mut order: Vec<(i64, u32)> =
            (0u32..).zip(&self.copies).filter_map(|(at, copy)| Some((copy.id?, at))).collect();
        let rank = |at: u32| {
            let copy = self.copies.get(at as usize);
            copy.map(|copy| {
                (copy.standing, copy.out_of_order, copy.value_check == Check::Broken, copy.old_check == Check::Broken)
            })
        };
        order.par_sort_by(|&(a, x), &(b, y)| a.cmp(&b).then_with(|| rank(x).cmp(&rank(y))).then(x.cmp(&y)));
        order
    }

    /// One row out of the copies of a revision.
    pub fn one(&self, group: &[(i64, u32)]) -> Option<Merged> {
        let &(id, first) = group.first()?;
        let group = || group.iter().map(|&(_, at)| at);
        let witness = self.witnesses.of(id).copied();
        let told = witness.and_then(|witness| witness.name.winner());
        let compact = self.compact_key;
        let base = match told {
            Some((name, margin)) if margin >= 1 => group().find(|&at| self.key(at) == name).unwrap_or(first),
            _ => first,
        };
        let key = self.key(base);
        let base = if compact == Some(key) { self.newest_compact_row(group()).unwrap_or(base) } else { base };
        let copy = self.copies.get(base as usize)?;
        let mut row = copy.row(Some(id), key, evidence(copy.standing), source(copy.standing));
        let in_table = self.is_in_table(copy, key, id);
        let proven = witness.is_some_and(|witness| witness.name.has(key));
        if !in_table && copy.standing <= Standing::Unknown {
            row.evidence = Evidence::Carved;
        }
        if copy.standing == Standing::Unproven && !(in_table && proven) {
            row.evidence = Evidence::Doubtful;
        }
        self.hold_against(&mut row, witness.as_ref());
        if compact != Some(key) && is_impossible(&row) {
            row.evidence = Evidence::Doubtful;
        }
        // One index has it and another has not: a copy taken while compaction ran. Nobody can say whether it is gone, but
        // compaction takes no put that nothing supersedes.
        let may_be_taken = || copy.deleted || self.next(key, id).is_some();
        if in_table && compact != Some(key) && self.is_passed_over(id) && may_be_taken() {
            row.evidence = Evidence::Doubtful;
        }
        let prev = copy.prev_revision;
        let same = group()
            .filter(|&at| at != base)
            .filter(|&at| self.key(at) == self.key(base))
            .filter(|&at| self.copies.get(at as usize).is_some_and(|copy| copy.prev_revision == prev));
        let ordered: Vec<u32> = std::iter::once(base).chain(same).collect();
        let (value, from) = self.value(&ordered, Column::Value);
        row.value = value;
        if let Some(standing) = from.filter(|&standing| standing > Standing::Unknown && row.evidence < Evidence::Carved)
        {
            row.evidence = evidence(standing);
        }
        row.old_value = self.value(&ordered, Column::OldValue).0;
        Some(Merged { row, in_table, copies: ordered })
    }

    /// kine updates this row in place; its highest `prev_revision` is the newest.
    fn newest_compact_row(&self, mut group: impl Iterator<Item = u32>) -> Option<u32> {
        let compact = self.compact_key?;
        let revision = self.compact_revision?;
        group.find(|&at| {
            self.key(at) == compact && self.copies.get(at as usize).is_some_and(|copy| copy.prev_revision == revision)
        })
    }

    fn is_in_table(&self, copy: &Copy, key: KeyId, id: i64) -> bool {
        if Some(key) == self.compact_key {
            return true;
        }
        let vouched = self.witnesses.of(id).is_some_and(|witness| witness.name.has(key));
        if vouched {
            return true;
        }
        let dead = self.witnesses.is_denied(id) && self.compact_revision.is_some_and(|compact| id <= compact)
            || !self.images.freelist().complete
                && self.witnesses.of(id).is_none()
                && self.is_compacted(key, id, copy.deleted);
        match copy.standing {
            _ if copy.out_of_order || dead => false,
            Standing::Present | Standing::Log => true,
            Standing::Unknown => self.compact_revision.is_some_and(|compact| id > compact),
            _ => false,
        }
    }

    /// Where two or more index entries agree against a row, the row is the one that changed.
    fn hold_against(&self, row: &mut Row, witness: Option<&super::witness::Witness>) {
        let Some(witness) = witness else { return };
        if Some(row.key) == self.compact_key {
            return;
        }
        match witness.name.winner() {
            Some((name, margin)) if name != row.key => {
                if margin >= 2 {
                    row.key = name;
                    row.evidence = row.evidence.max(Evidence::Rebuilt);
                } else {
                    row.evidence = Evidence::Doubtful;
                }
            }
            _ => {}
        }
        match (witness.prev_revision.winner(), row.prev_revision) {
            (Some((prev, margin)), Some(own)) if prev != own => {
                if margin >= 2 {
                    row.prev_revision = Some(prev);
                    row.evidence = row.evidence.max(Evidence::Rebuilt);
                } else {
                    row.evidence = Evidence::Doubtful;
                }
            }
            _ => {}
        }
        if let Some((deleted, _)) = witness.deleted.winner()
            && row.deleted != Some(deleted)
        {
            row.evidence = Evidence::Doubtful;
        }
    }

    /// The first copy of a value that is whole, and how that copy stands; without one, what there is of it.
    fn value(&self, ordered: &[u32], column: Column) -> (Held, Option<Standing>) {
        let mut doubtful = None;
        for &at in ordered {
            let Some(copy) = self.copies.get(at as usize) else { continue };
            let (range, check) = copy.column(column);
            let Some(range) = range else { return (Held::Null, Some(copy.standing)) };
            if check != Check::Broken {
                return (Held::Known(value_ref(at, column, range)), Some(copy.standing));
            }
            if copy.payload.reaches(range) {
                doubtful = doubtful.or(Some(value_ref(at, column, range)));
            }
        }
        match doubtful {
            Some(value) => (Held::Doubtful(value), None),
            None => (Held::Lost, None),
        }
    }

    /// A value's bytes.
    pub fn bytes(&self, at: ValueRef) -> Option<std::borrow::Cow<'a, [u8]>> {
        let (copy, range) = value_at(&self.copies, at)?;
        copy.payload.read(self.images, range)
    }

    /// Whether two values are the same bytes.
    pub fn is_same(&self, a: ValueRef, b: ValueRef) -> bool {
        match (value_at(&self.copies, a), value_at(&self.copies, b)) {
            (Some((a, of_a)), Some((b, of_b))) => a.payload.is_same(self.images, of_a, &b.payload, of_b),
            (a, b) => a.is_none() && b.is_none(),
        }
    }
}

/// Copies whose names one task gathers.
const COPIES_PER_TASK: usize = 4096;

fn names_of(images: &Images, copies: &[Copy]) -> Names {
    let mut names = Names::default();
    copies.iter().for_each(|copy| names.push(copy.name(images)));
    names
}

/// A value by the number of its copy and its column.
pub(super) fn value_ref(copy: u32, column: Column, range: &std::ops::Range<u32>) -> ValueRef {
    let len = range.end.saturating_sub(range.start);
    ValueRef { place: u64::from(copy) << 1 | u64::from(matches!(column, Column::OldValue)), len }
}

/// The copy that has a value, and where in its payload.
pub(super) fn value_at(copies: &[Copy], at: ValueRef) -> Option<(&Copy, &std::ops::Range<u32>)> {
    let copy = copies.get(usize::try_from(at.place >> 1).ok()?)?;
    let column = if at.place & 1 == 0 { Column::Value } else { Column::OldValue };
    copy.column(column).0.as_ref().map(|range| (copy, range))
}

/// Numbers that no row can have together (kine pkg/logstructured/sqllog/sql.go, Append).
fn is_impossible(row: &Row) -> bool {
    let (Some(id), Some(created), Some(deleted)) = (row.id, row.created, row.deleted) else { return false };
    let (Some(create), Some(prev)) = (row.create_revision, row.prev_revision) else { return false };
    created && (deleted || create != 0)
        || !created && !deleted && !(1..id).contains(&create)
        || !(0..id).contains(&prev)
}

/// All copies, followed with the shifts that most of them hold with.
fn whole_copies(images: &Images, looked: &[Looked<'_>], parts: Vec<Vec<Copy>>) -> (Vec<Copy>, Shifts) {
    let mut copies = Vec::with_capacity(parts.iter().map(Vec::len).sum());
    parts.into_iter().for_each(|mut part| copies.append(&mut part));
    let shifts = shifts::learn(images, &copies);
    if shifts.is_any() {
        copies = copies::all(images, looked, &shifts);
    }
    refuse_taken_pages(images, &mut copies);
    (copies, shifts)
}

fn evidence(standing: Standing) -> Evidence {
    match standing {
        Standing::Present | Standing::Unknown => Evidence::Intact,
        Standing::Log => Evidence::Log,
        Standing::Past | Standing::Remains | Standing::Unproven => Evidence::Carved,
    }
}

fn source(standing: Standing) -> Source {
    match standing {
        Standing::Present => Source::Table,
        Standing::Unknown => Source::Orphan,
        Standing::Log => Source::Log,
        Standing::Past | Standing::Unproven => Source::Past,
        Standing::Remains => Source::Remains,
    }
}
