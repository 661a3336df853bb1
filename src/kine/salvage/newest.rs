//! Whether a row is the newest of its key, where others are lost of which nobody knows whose they were.

use rayon::prelude::*;

use super::merge::Merge;
use super::proof::Proofs;
use super::{Missing, Row, Source};
use crate::model::{Evidence, KeyId};
use crate::sqlite::WalFit;

/// What may be newer than what is there.
#[derive(Default)]
pub(super) struct Newest {
    /// Revisions that nothing speaks of and that may have been in the table, as ranges.
    pub unknown: Vec<(i64, i64)>,
    /// The highest revision that may be of any key; 0 where there is none.
    open_to: i64,
    /// Since when a page must have been written to prove anything.
    since: i64,
    /// Whether all pages are as one transaction left them.
    one_moment: bool,
    proofs: Proofs,
}

impl Newest {
    pub fn new(merge: &Merge<'_>, rows: &[Row], missing: &[Missing], highest: i64) -> Self {
        let one_moment = is_of_one_moment(merge, rows);
        let ids = rows.iter().filter_map(|row| row.id).chain(missing.iter().map(|missing| missing.id));
        let mut known: Vec<(i64, i64)> = ids.map(|id| (id, id)).collect();
        // What compaction took is no loss, unless the pages are of moments before and after it.
        let from = if one_moment { merge.compact_revision.unwrap_or(0) } else { 0 };
        if one_moment {
            known.extend(&merge.proofs.covered);
        }
        let all = gaps(known, from, highest);
        let of_nobody = missing.iter().filter(|missing| missing.key.is_none()).map(|missing| missing.id);
        let uncertain = rows.iter().filter(|row| has_other_name(merge, row)).filter_map(|row| row.id);
        let open_to = all.last().map(|range| range.1).into_iter().chain(of_nobody).chain(uncertain).max().unwrap_or(0);
        let compact = merge.compact_revision.unwrap_or(0);
        let unknown = all.into_iter().filter(|range| range.1 > compact);
        let unknown = unknown.map(|(from, to)| (from.max(compact + 1), to)).collect();
        Self { unknown, open_to, since: if one_moment { 0 } else { open_to }, one_moment, proofs: Proofs::default() }
    }

    pub fn with(self, proofs: Proofs) -> Self {
        Self { proofs, ..self }
    }

    pub fn is_of_one_moment(&self) -> bool {
        self.one_moment
    }

    pub fn is_proven(&self, key: KeyId, id: i64) -> bool {
        id > self.open_to || self.proofs.is_newest(key, id, self.since)
    }
}

/// Whether the key of a row is not certain.
fn has_other_name(merge: &Merge<'_>, row: &Row) -> bool {
    let witness = row.id.filter(|_| row.evidence == Evidence::Doubtful).and_then(|id| merge.witnesses.of(id));
    witness.and_then(|witness| witness.name.winner()).is_some_and(|(name, _)| name != row.key)
}

/// Whether all pages are as one transaction left them. They are not where frames of a WAL are lost from its middle, and where a
/// file was copied while it was written: then an index passes over rows that are there.
fn is_of_one_moment(merge: &Merge<'_>, rows: &[Row]) -> bool {
    let wal_holds = match merge.images.fit() {
        WalFit::Absent => true,
        WalFit::Fits => !merge.images.has_wal_break() && !merge.shifted,
        WalFit::Foreign(_) => !merge.images.is_beside(),
    };
    let passed_over = |row: &Row| {
        row.source == Source::Table
            && row.evidence != Evidence::Doubtful
            && Some(row.key) != merge.compact_key
            && row.id.is_some_and(|id| merge.proofs.passes_over(row.key, id) || merge.witnesses.is_passed_over(id))
    };
    wal_holds && !rows.par_iter().any(passed_over)
}

/// The ranges between those that are known.
fn gaps(mut known: Vec<(i64, i64)>, from: i64, to: i64) -> Vec<(i64, i64)> {
    known.push((to.saturating_add(1), i64::MAX));
    // A few runs that are in order already.
    known.sort();
    let mut gaps = Vec::new();
    let mut next = from.saturating_add(1);
    for (first, last) in known {
        if first > next {
            gaps.push((next, first - 1));
        }
        next = next.max(last.saturating_add(1));
    }
    gaps
}
