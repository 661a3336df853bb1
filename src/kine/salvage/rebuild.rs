//! Rows and values out of their neighbours: `old_value` of a row is the value of the one it supersedes.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::content::check;
use super::merge::{Merge, Merged, value_ref};
use super::{Held, HowKnown, Missing, Row, Source};
use crate::kine::rows::Column;
use crate::model::{Check, Evidence, KeyId, ValueRef};

/// Rows of the table, rows of the past, and what is missing.
pub(super) type Found = (Vec<Row>, Vec<Row>, Vec<Missing>);

/// Makes all rows.
pub(super) fn all(merge: &Merge<'_>) -> Found {
    let order = merge.in_order();
    let merged = order.par_chunk_by(|a, b| a.0 == b.0).filter_map(|group| merge.one(group));
    let parts: Vec<Part> = merged.fold(Part::default, Part::with).collect();
    let Part { rows, past, alternatives } = Part::all(parts);
    let mut by_id = ById::with_capacity_and_hasher(rows.len(), foldhash::fast::RandomState::default());
    by_id.extend(rows.iter().enumerate().filter_map(|(at, row)| Some((row.id?, at))));
    let past_ids = past.iter().filter_map(|row| row.id).collect();
    let mut all = Rebuild { by_id, past_ids, conflicts: HashSet::new(), rows, past };
    if all.compare(merge, &alternatives.into_iter().collect()) > 0 {
        all.doubt_single_bits(merge);
    }
    all.superseded_rows(merge);
    all.old_values(merge);
    all.tombstones(merge);
    all.nameless(merge);
    let missing = all.missing(merge);
    (all.rows, all.past, missing)
}

/// Where each row is, by revision.
type ById = HashMap<i64, usize, foldhash::fast::RandomState>;

/// Some rows in their order, and the copies of those that have several.
#[derive(Default)]
struct Part {
    rows: Vec<Row>,
    past: Vec<Row>,
    alternatives: Vec<(i64, Vec<u32>)>,
}

impl Part {
    fn with(mut self, merged: Merged) -> Self {
        let Merged { row, in_table, copies } = merged;
        if !in_table {
            self.past.push(row);
            return self;
        }
        if let Some(id) = row.id.filter(|_| copies.len() > 1) {
            self.alternatives.push((id, copies));
        }
        self.rows.push(row);
        self
    }

    fn all(parts: Vec<Self>) -> Self {
        let mut all = Self::default();
        all.rows.reserve(parts.iter().map(|part| part.rows.len()).sum());
        for mut part in parts {
            all.rows.append(&mut part.rows);
            all.past.append(&mut part.past);
            all.alternatives.append(&mut part.alternatives);
        }
        all
    }
}

/// A row and the one after it, by what they say of the first one's value.
struct Pair {
    at: usize,
    before_at: usize,
    same: bool,
}

struct Rebuild {
    by_id: ById,
    past_ids: HashSet<i64, foldhash::fast::RandomState>,
    /// Rows whose value and whose copy in the row after them differ, and nobody knows which is right.
    conflicts: HashSet<i64>,
    rows: Vec<Row>,
    past: Vec<Row>,
}

impl Rebuild {
    fn get(&self, id: i64) -> Option<&Row> {
        self.rows.get(*self.by_id.get(&id)?)
    }

    /// Holds each value against the `old_value` of the row that supersedes it. Gives how often the two differ in single
    /// bits, as nothing but a fault of disk or memory makes them.
    fn compare(&mut self, merge: &Merge<'_>, alternatives: &HashMap<i64, Vec<u32>>) -> usize {
        let pairs: Vec<Pair> = (0..self.rows.len()).into_par_iter().filter_map(|at| self.pair(merge, at)).collect();
        let mut flipped = 0;
        // Rows that two others supersede may have another value by now.
        let mut changed: HashSet<(usize, Column)> = HashSet::new();
        for Pair { at, before_at, same } in pairs {
            let is_as_seen = changed.is_empty()
                || !changed.contains(&(before_at, Column::Value)) && !changed.contains(&(at, Column::OldValue));
            if same && is_as_seen {
                if let Some(row) = self.rows.get_mut(before_at) {
                    row.confirmed = true;
                }
                continue;
            }
            let (Some(after), Some(before)) = (self.rows.get(at).copied(), self.rows.get(before_at).copied()) else {
                continue;
            };
            let (Held::Known(own), Held::Known(old)) = (before.value, after.old_value) else { continue };
            if let (Some(own), Some(old)) = (merge.bytes(own), merge.bytes(old)) {
                flipped += usize::from(own.len() == old.len() && has_lone_bit(&own, &old));
            }
            let (mut own_votes, mut old_votes) = votes(merge, alternatives, &before, &after, (own, old));
            if own_votes == old_votes {
                (own_votes, old_votes) = neighbours_votes(merge, &before, &after, (own, old));
            }
            if own_votes == old_votes {
                self.conflicts.extend(before.id);
            }
            if own_votes <= old_votes
                && let Some(row) = self.rows.get_mut(before_at)
            {
                changed.insert((before_at, Column::Value));
                (row.value, row.evidence) = if own_votes < old_votes {
                    (Held::Known(old), row.evidence.max(Evidence::Rebuilt))
                } else {
                    (Held::Doubtful(own), Evidence::Doubtful)
                };
            }
            if old_votes <= own_votes
                && let Some(row) = self.rows.get_mut(at)
            {
                changed.insert((at, Column::OldValue));
                row.old_value = if old_votes < own_votes { Held::Known(own) } else { Held::Doubtful(old) };
            }
        }
        flipped
    }

    /// The row that another one supersedes, where both say what its value was.
    fn pair(&self, merge: &Merge<'_>, at: usize) -> Option<Pair> {
        let after = self.rows.get(at).filter(|after| Some(after.key) != merge.compact_key)?;
        let before_at = *self.by_id.get(&after.prev_revision.filter(|&prev| prev > 0)?)?;
        let before = self.rows.get(before_at).filter(|before| before.key == after.key)?;
        let (Held::Known(own), Held::Known(old)) = (before.value, after.old_value) else { return None };
        Some(Pair { at, before_at, same: merge.is_same(own, old) })
    }

    /// In a file with single bits changed, a value without a second copy that differs from the one before it in a lone bit is
    /// not to be believed.
    fn doubt_single_bits(&mut self, merge: &Merge<'_>) {
        for row in self.rows.iter_mut().filter(|row| !row.confirmed && Some(row.key) != merge.compact_key) {
            let (Held::Known(value), Held::Known(old)) = (row.value, row.old_value) else { continue };
            if let (Some(now), Some(before)) = (merge.bytes(value), merge.bytes(old))
                && has_lone_bit(&now, &before)
            {
                (row.value, row.evidence) = (Held::Doubtful(value), Evidence::Doubtful);
            }
        }
    }

    /// Gives each row that is superseded, and lost or without its value, what the one after it holds.
    fn superseded_rows(&mut self, merge: &Merge<'_>) {
        // A row whose value is known stays as it is.
        let is_known = |id| self.get(id).is_some_and(|before| before.value.is_whole());
        let is_asked = |row: &Row| row.prev_revision.is_some_and(|prev| prev > 0 && !is_known(prev));
        let rows = self.rows.par_iter().enumerate();
        let asked: Vec<usize> = rows.filter(|(_, row)| is_asked(row)).map(|(at, _)| at).collect();
        for at in asked {
            let Some(after) = self.rows.get(at).copied() else { continue };
            self.superseded(merge, &after, true);
        }
        for at in 0..self.past.len() {
            let Some(after) = self.past.get(at).copied() else { continue };
            if after.evidence != Evidence::Doubtful {
                self.superseded(merge, &after, false);
            }
        }
    }

    fn superseded(&mut self, merge: &Merge<'_>, after: &Row, after_in_table: bool) {
        let (Some(id), Some(prev)) = (after.id, after.prev_revision.filter(|&prev| prev > 0)) else { return };
        let Held::Known(old) = after.old_value else { return };
        if Some(after.key) == merge.compact_key || prev >= id || after.evidence == Evidence::Doubtful {
            return;
        }
        if let Some(&at) = self.by_id.get(&prev) {
            let Some(row) = self.rows.get_mut(at).filter(|row| row.key == after.key) else { return };
            if matches!(row.value, Held::Lost)
                || matches!(row.value, Held::Doubtful(_)) && !row.confirmed && !self.conflicts.contains(&prev)
            {
                row.value = Held::Known(old);
                row.evidence =
                    if row.evidence == Evidence::Doubtful { row.evidence } else { row.evidence.max(Evidence::Rebuilt) };
            }
            return;
        }
        let witness = merge.witnesses.of(prev);
        let vouched = witness.is_some_and(|witness| witness.name.winner().is_none_or(|(name, _)| name == after.key));
        let compacted = merge.compact_revision.is_some_and(|compact| id <= compact);
        let in_table = vouched
            || after_in_table && !compacted && merge.compact_revision.is_some() && !merge.witnesses.is_denied(prev);
        if !in_table && self.past_ids.contains(&prev) {
            return;
        }
        let row = self.rebuilt(merge, after, prev, old);
        if in_table {
            self.by_id.insert(prev, self.rows.len());
            self.rows.push(row);
        } else {
            self.past_ids.insert(prev);
            self.past.push(row);
        }
    }

    /// The row that `after` supersedes, with what index entries and `after` say of it.
    fn rebuilt(&self, merge: &Merge<'_>, after: &Row, id: i64, value: ValueRef) -> Row {
        let witness = merge.witnesses.of(id);
        let deleted = witness.and_then(|witness| Some(witness.deleted.winner()?.0)).or(after.created);
        let prev_revision = witness.and_then(|witness| Some(witness.prev_revision.winner()?.0));
        let own_life =
            if after.created == Some(true) { None } else { after.create_revision.filter(|&create| create > 0) };
        let before = prev_revision.and_then(|prev| self.get(prev));
        let created = match (deleted, own_life, prev_revision) {
            (Some(true), ..) => Some(false),
            (_, Some(create), _) => Some(create == id),
            (_, None, Some(0)) => Some(true),
            _ => before.and_then(|before| before.deleted),
        };
        let create_revision = match (created, own_life) {
            (Some(true), _) => Some(0),
            (_, Some(create)) => Some(create),
            _ => before
                .filter(|before| deleted != Some(true) && before.created != Some(true))
                .and_then(|before| before.create_revision),
        };
        Row {
            id: Some(id),
            key: after.key,
            created,
            deleted,
            create_revision,
            prev_revision,
            lease: after.lease.filter(|_| after.deleted == Some(false)),
            value: Held::Known(value),
            old_value: before
                .map_or(if prev_revision == Some(0) { Held::Null } else { Held::Lost }, |before| before.value),
            evidence: Evidence::Rebuilt,
            source: Source::Successor,
            confirmed: false,
        }
    }

    /// Gives each row whose `old_value` is lost the value of the row that it supersedes.
    fn old_values(&mut self, merge: &Merge<'_>) {
        for at in 0..self.rows.len() {
            let Some(row) = self.rows.get(at).filter(|row| !row.old_value.is_whole()).copied() else { continue };
            let prev = row.prev_revision.filter(|&prev| prev > 0);
            let before = prev.and_then(|prev| self.get(prev)).filter(|before| before.key == row.key);
            if let Some(before) = before.filter(|before| before.value.is_whole() && Some(row.key) != merge.compact_key)
                && let value = before.value
                && let Some(row) = self.rows.get_mut(at)
            {
                row.old_value = value;
            }
        }
    }

    /// A tombstone of which only index entries are left is as good as the row: it has no value of its own.
    fn tombstones(&mut self, merge: &Merge<'_>) {
        let lost: Vec<(i64, KeyId, Option<i64>)> = merge
            .witnesses
            .ids()
            .filter(|(id, witness)| {
                witness.deleted.winner().is_some_and(|(deleted, _)| deleted) && !self.by_id.contains_key(id)
            })
            .filter_map(|(id, witness)| {
                Some((id, witness.name.winner()?.0, witness.prev_revision.winner().map(|(prev, _)| prev)))
            })
            .collect();
        for (id, key, prev_revision) in lost {
            let before = prev_revision.and_then(|prev| self.get(prev)).copied();
            let row = Row {
                id: Some(id),
                key,
                created: Some(false),
                deleted: Some(true),
                create_revision: None,
                prev_revision,
                lease: None,
                value: Held::Lost,
                old_value: before.map_or(Held::Lost, |before| before.value),
                evidence: Evidence::Rebuilt,
                source: Source::Index,
                confirmed: false,
            };
            self.by_id.insert(id, self.rows.len());
            self.rows.push(row);
        }
    }

    /// Remains without a revision: what no other row holds already.
    fn nameless(&mut self, merge: &Merge<'_>) {
        let lost: Vec<u32> =
            (0u32..).zip(&merge.copies).filter(|(_, copy)| copy.id.is_none()).map(|(at, _)| at).collect();
        if lost.is_empty() {
            return;
        }
        let mut known: HashSet<(KeyId, i64), foldhash::fast::RandomState> = HashSet::default();
        for row in self.rows.iter().chain(&self.past) {
            known.extend(row.prev_revision.map(|prev| (row.key, prev)));
        }
        for at in lost {
            let key = merge.key(at);
            let Some(copy) = merge.copies.get(at as usize) else { continue };
            let (value_check, old_check) = (copy.value_check, copy.old_check);
            let row = copy.row(None, key, Evidence::Carved, Source::Remains);
            let of = |column| copy.column(column).0.as_ref().map(|range| Held::Known(value_ref(at, column, range)));
            let old_value = of(Column::OldValue).filter(|_| old_check != Check::Broken).unwrap_or(Held::Lost);
            let row = Row { old_value, ..row };
            if value_check != Check::Broken && known.insert((key, row.prev_revision.unwrap_or(0))) {
                let value = of(Column::Value).unwrap_or(Held::Null);
                self.past.push(Row { value, ..row });
            }
            // It tells what the row before it was, though not what it was itself.
            let prev = row.prev_revision.filter(|&prev| prev > 0 && old_check == Check::Sound);
            if let (Some(prev), Held::Known(old)) = (prev, old_value)
                && !self.by_id.contains_key(&prev)
                && self.past_ids.insert(prev)
            {
                let before = self.rebuilt(merge, &row, prev, old);
                self.past.push(before);
            }
        }
    }

    /// Rows that an index or the row after them names, and that are not there whole.
    fn missing(&self, merge: &Merge<'_>) -> Vec<Missing> {
        let mut missing: HashMap<i64, Missing> = HashMap::new();
        for (id, witness) in merge.witnesses.ids().filter(|(id, _)| !self.by_id.contains_key(id)) {
            let key = witness.name.winner().map(|(key, _)| key).or_else(|| {
                let (prev, _) = witness.prev_revision.winner()?;
                Some(self.get(prev)?.key)
            });
            let deleted = witness.deleted.winner().map(|(deleted, _)| deleted);
            missing.insert(id, Missing { id, key, deleted, how: HowKnown::Index });
        }
        let compact = merge.compact_revision.unwrap_or(0);
        let is_asked = |row: &&Row| {
            let is_there = row.prev_revision.is_none_or(|prev| prev <= 0 || self.by_id.contains_key(&prev));
            !is_there && Some(row.key) != merge.compact_key && row.evidence != Evidence::Doubtful
        };
        for row in self.rows.par_iter().filter(is_asked).collect::<Vec<&Row>>() {
            let (Some(id), Some(prev)) = (row.id, row.prev_revision.filter(|&prev| prev > 0)) else { continue };
            // The row after it keeps a row from compaction until it is compacted itself.
            if id > compact && merge.compact_revision.is_some() && !self.by_id.contains_key(&prev) {
                let deleted = row.created;
                // A tombstone goes by its own revision.
                if deleted == Some(true) && prev <= compact {
                    continue;
                }
                missing.entry(prev).or_insert(Missing {
                    id: prev,
                    key: Some(row.key),
                    deleted,
                    how: HowKnown::Successor,
                });
            }
        }
        let mut missing: Vec<Missing> = missing.into_values().collect();
        missing.sort_by_key(|missing| missing.id);
        missing
    }
}

/// Whether two values differ somewhere in one bit, with the same bytes around it, and not as numbers do that count up.
fn has_lone_bit(now: &[u8], before: &[u8]) -> bool {
    const AROUND: usize = 8;
    let len = now.len().min(before.len());
    let mut last = None;
    let mut lone: Option<usize> = None;
    for at in (0..len).filter(|&at| now.get(at) != before.get(at)) {
        if lone.take().is_some_and(|lone| at - lone > AROUND) {
            return true;
        }
        let (Some(&a), Some(&b)) = (now.get(at), before.get(at)) else { continue };
        // In values of other lengths, numbers of more than seven bits are lengths.
        let is_len = now.len() != before.len() && (a >= 0x80 || b >= 0x80);
        let counts =
            a.is_ascii_digit() && b.is_ascii_digit() || a < 0x20 && b < 0x20 || a == b.wrapping_add(1) || is_len;
        let apart = last.is_none_or(|last| at - last > AROUND);
        if (a ^ b).is_power_of_two() && !counts && apart {
            lone = Some(at);
        }
        last = Some(at);
    }
    lone.is_some_and(|lone| len - lone > AROUND)
}

/// Where a value and its copy differ in a few bytes: how often the revisions before and after have there what the value has, and
/// how often what the copy has. Few bytes of an object change from one revision to the next.
fn neighbours_votes(merge: &Merge<'_>, before: &Row, after: &Row, (own, old): (ValueRef, ValueRef)) -> (u32, u32) {
    const MOST_BYTES: usize = 4;
    const AROUND: usize = 8;
    let mut votes = (0, 0);
    let (Some(own), Some(old)) = (merge.bytes(own), merge.bytes(old)) else { return votes };
    let differs: Vec<usize> =
        own.iter().zip(&*old).enumerate().filter(|(_, (a, b))| a != b).map(|(at, _)| at).collect();
    if own.len() != old.len() || differs.len() > MOST_BYTES {
        return votes;
    }
    for other in [before.old_value, after.value].into_iter().filter_map(Held::known) {
        let Some(other) = merge.bytes(other) else { continue };
        for &at in &differs {
            let (start, end) = (at.saturating_sub(AROUND), (at + AROUND).min(own.len()));
            let (Some(own_there), Some(old_there)) = (own.get(start..end), old.get(start..end)) else { continue };
            // The same distance from the start, or from the end.
            let moved = (other.len() + start).checked_sub(own.len());
            for start in std::iter::once(start).chain(moved.filter(|&moved| moved != start)) {
                let there = other.get(start..start + own_there.len());
                votes.0 += u32::from(there == Some(own_there));
                votes.1 += u32::from(there == Some(old_there));
            }
        }
    }
    votes
}

/// How many copies on other pages hold a row's own value, and how many what the row after it says.
fn votes(
    merge: &Merge<'_>,
    alternatives: &HashMap<i64, Vec<u32>>,
    before: &Row,
    after: &Row,
    (own, old): (ValueRef, ValueRef),
) -> (u32, u32) {
    let (own, old) = (merge.bytes(own), merge.bytes(old));
    let sound = |bytes: &Option<std::borrow::Cow<'_, [u8]>>| {
        u32::from(bytes.as_deref().is_some_and(|bytes| check(bytes) == Check::Sound))
    };
    let mut votes = (sound(&own), sound(&old));
    let of = |row: &Row| row.id.and_then(|id| alternatives.get(&id)).map(Vec::as_slice).unwrap_or_default();
    let copies = |row: &Row, old_value: bool| {
        let copies = of(row).iter().skip(1).filter_map(|&at| merge.copies.get(at as usize));
        let ranges = copies.filter_map(move |copy| {
            let range = if old_value { copy.old_value.as_ref() } else { copy.value.as_ref() }?;
            copy.payload.read(merge.images, range)
        });
        ranges.collect::<Vec<_>>()
    };
    for bytes in copies(before, false).into_iter().chain(copies(after, true)) {
        votes.0 += u32::from(own.as_deref() == Some(&*bytes));
        votes.1 += u32::from(old.as_deref() == Some(&*bytes));
    }
    votes
}
