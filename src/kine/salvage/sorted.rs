//! Distinct revisions in order, and the place of each. Revisions mostly run on without large gaps, so that a place is found by
//! a look at where it should be; where they do not, by halving.

use rayon::prelude::*;

/// Revisions, ascending, each once.
#[derive(Default)]
pub(super) struct Sorted {
    ids: Vec<i64>,
    /// For each of as many equal parts of the range as there are revisions, the place of its first one; and the end.
    starts: Vec<u32>,
    first: i64,
    span: u128,
}

impl Sorted {
    pub fn new(mut ids: Vec<i64>) -> Self {
        ids.par_sort_unstable();
        ids.dedup();
        let (Some(&first), Some(&last)) = (ids.first(), ids.last()) else { return Self::default() };
        let span = (i128::from(last) - i128::from(first)).unsigned_abs() + 1;
        let mut sorted = Self { ids, starts: Vec::new(), first, span };
        let mut starts = Vec::with_capacity(sorted.ids.len() + 1);
        for (place, &id) in (0u32..).zip(&sorted.ids) {
            let part = sorted.part(id).unwrap_or(0);
            while starts.len() <= part {
                starts.push(place);
            }
        }
        starts.resize(sorted.ids.len() + 1, sorted.ids.len() as u32);
        sorted.starts = starts;
        sorted
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = i64> {
        self.ids.iter().copied()
    }

    fn part(&self, id: i64) -> Option<usize> {
        let distance = u128::try_from(i128::from(id) - i128::from(self.first)).ok().filter(|&at| at < self.span)?;
        if self.span == self.ids.len() as u128 {
            return usize::try_from(distance).ok();
        }
        usize::try_from(distance * self.ids.len() as u128 / self.span).ok()
    }

    /// The place of a revision.
    pub fn place(&self, id: i64) -> Option<usize> {
        let part = self.part(id)?;
        let (start, end) = (*self.starts.get(part)? as usize, *self.starts.get(part + 1)? as usize);
        let there = self.ids.get(start..end)?.binary_search(&id).ok()?;
        Some(start + there)
    }
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
