//! Distinct revisions in order, and the place of each. Revisions mostly run on without large gaps, so that a place is found by
//! a look at where it should be; where they do not, by halving.

use rayon::prelude::*;

/// Revisions, ascending, each once.
#[derive(Default)]
pub(super) struct Sorted {
    ids: Vec<i64>,
    /// For each part of the range the place of its first one; and the end.
    starts: Vec<u32>,
    first: u64,
    /// The parts are as long as two to this power: so long that there are at most twice as many as revisions.
    shift: u32,
}

/// A revision as a number that sorts as it does.
fn unsigned(id: i64) -> u64 {
    id.cast_unsigned() ^ 1 << 63
}

impl Sorted {
    pub fn new(mut ids: Vec<i64>) -> Self {
        if !ids.is_sorted() {
            ids = in_order(ids);
        }
        ids.dedup();
        let (Some(&first), Some(&last)) = (ids.first(), ids.last()) else { return Self::default() };
        let (first, span) = (unsigned(first), unsigned(last) - unsigned(first));
        let shift = (0..63).find(|&shift| span >> shift <= 2 * ids.len() as u64).unwrap_or(63);
        let mut starts = Vec::with_capacity((span >> shift) as usize + 2);
        for (place, &id) in (0u32..).zip(&ids) {
            let part = (unsigned(id) - first) >> shift;
            while starts.len() as u64 <= part {
                starts.push(place);
            }
        }
        starts.push(ids.len() as u32);
        Self { ids, starts, first, shift }
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = i64> {
        self.ids.iter().copied()
    }

    /// The place of a revision.
    pub fn place(&self, id: i64) -> Option<usize> {
        let part = usize::try_from(unsigned(id).checked_sub(self.first)? >> self.shift).ok()?;
        let (start, end) = (*self.starts.get(part)? as usize, *self.starts.get(part + 1)? as usize);
        let there = self.ids.get(start..end)?.binary_search(&id).ok()?;
        Some(start + there)
    }
}

/// Puts revisions in order; most of them come several times, and few are missing between them.
fn in_order(mut ids: Vec<i64>) -> Vec<i64> {
    const BITS: i64 = 64;
    let lowest = ids.iter().copied().min().unwrap_or(0);
    let span = ids.iter().copied().max().unwrap_or(0).checked_sub(lowest);
    let Some(words) = span.map(|span| span / BITS + 1).filter(|&words| words as u64 <= ids.len() as u64) else {
        ids.par_sort_unstable();
        return ids;
    };
    let mut marked = vec![0_u64; words as usize];
    for id in &ids {
        let at = id - lowest;
        if let Some(word) = marked.get_mut((at / BITS) as usize) {
            *word |= 1 << (at % BITS);
        }
    }
    ids.clear();
    for (word, first) in marked.iter().zip((lowest..).step_by(BITS as usize)) {
        let mut left = *word;
        while left != 0 {
            ids.push(first + i64::from(left.trailing_zeros()));
            left &= left - 1;
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_revision_is_found_and_no_other(
            mut ids in proptest::collection::vec(prop_oneof![0i64..200, any::<i64>(), Just(i64::MIN), Just(i64::MAX)], 0..100),
            others in proptest::collection::vec(prop_oneof![0i64..200, any::<i64>()], 0..100),
        ) {
            let sorted = Sorted::new(ids.clone());
            ids.sort_unstable();
            ids.dedup();
            prop_assert_eq!(sorted.iter().collect::<Vec<_>>(), ids.clone());
            for id in ids.iter().chain(&others) {
                prop_assert_eq!(sorted.place(*id), ids.binary_search(id).ok());
            }
        }
    }
}
