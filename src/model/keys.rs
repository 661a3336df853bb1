//! The keys of a store, each kept once.

use std::collections::HashMap;
use std::hash::BuildHasher;

use rayon::prelude::*;

/// A key by its number in [`Keys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u32);

impl KeyId {
    /// The id of no key, for rows that are not numbered yet.
    pub const UNSET: Self = Self(u32::MAX);

    pub(super) const fn at(number: usize) -> Self {
        Self(number as u32)
    }

    /// The number, for tables that run beside [`Keys`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// All keys of a store in one block of memory, in byte order: comparing ids is comparing keys.
#[derive(Default)]
pub struct Keys {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Keys {
    /// Sorts the distinct keys among `names`; gives them with the id of each input, in input order.
    pub fn intern(names: &[&[u8]]) -> (Self, Vec<KeyId>) {
        let (distinct, first_ids) = distinct(names);
        let mut order: Vec<(&[u8], u32)> = distinct.iter().copied().zip(0..).collect();
        order.par_sort_unstable();
        let mut rank = vec![0u32; distinct.len()];
        let mut keys = Self::default();
        keys.ends.reserve_exact(order.len());
        for (place, &(name, at)) in order.iter().enumerate() {
            if let Some(slot) = rank.get_mut(at as usize) {
                *slot = place as u32;
            }
            keys.bytes.extend_from_slice(name);
            keys.ends.push(keys.bytes.len());
        }
        let ids = first_ids.into_iter().map(|at| KeyId(rank.get(at as usize).copied().unwrap_or(u32::MAX))).collect();
        (keys, ids)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The key's bytes; empty for an id of another table.
    pub fn get(&self, id: KeyId) -> &[u8] {
        let at = id.index();
        let end = self.ends.get(at).copied().unwrap_or(0);
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// The id of a key.
    pub fn find(&self, key: &[u8]) -> Option<KeyId> {
        let at = self.lower_bound(key);
        (at < self.len() && self.get(KeyId(at as u32)) == key).then_some(KeyId(at as u32))
    }

    /// All ids in byte order of their keys.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = KeyId> + ExactSizeIterator + use<> {
        (0..self.ends.len() as u32).map(KeyId)
    }

    /// The ids of the keys that begin with `prefix`, in byte order.
    pub fn with_prefix<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = KeyId> + 'a {
        let from = self.lower_bound(prefix) as u32;
        (from..self.len() as u32).map(KeyId).take_while(move |&id| self.get(id).starts_with(prefix))
    }

    fn lower_bound(&self, key: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(KeyId(middle as u32)) < key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// So many threads find the distinct keys, each those with its share of the hashes.
const SHARES: u64 = 8;

/// The distinct names in any order, and for each name the place of its like among them.
fn distinct<'a>(names: &[&'a [u8]]) -> (Vec<&'a [u8]>, Vec<u32>) {
    let state = foldhash::fast::RandomState::default();
    let shares: Vec<u8> = names.par_iter().map(|name| (state.hash_one(name) % SHARES) as u8).collect();
    let found: Vec<(Vec<&'a [u8]>, Vec<u32>)> = (0..SHARES as u8)
        .into_par_iter()
        .map(|share| {
            let mut seen: HashMap<&'a [u8], u32, foldhash::fast::RandomState> = HashMap::default();
            let mut distinct: Vec<&'a [u8]> = Vec::new();
            let own = names.iter().zip(&shares).filter(|(_, of)| **of == share).map(|(name, _)| *name);
            let places = own.map(|name| {
                *seen.entry(name).or_insert_with(|| {
                    distinct.push(name);
                    (distinct.len() - 1) as u32
                })
            });
            let places = places.collect();
            (distinct, places)
        })
        .collect();
    let mut all = Vec::with_capacity(found.iter().map(|(distinct, _)| distinct.len()).sum());
    let mut runs: Vec<(u32, std::vec::IntoIter<u32>)> = Vec::with_capacity(found.len());
    for (distinct, places) in found {
        runs.push((all.len() as u32, places.into_iter()));
        all.extend(distinct);
    }
    let place_of = |share: &u8| {
        let (start, places) = runs.get_mut(usize::from(*share))?;
        Some(*start + places.next()?)
    };
    let places = shares.iter().map(place_of).map(|place| place.unwrap_or(u32::MAX)).collect();
    (all, places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_run_in_byte_order_and_find_their_keys() {
        let (keys, ids) = Keys::intern(&[b"/b", b"/a", b"/b", b"", b"/a/x"]);
        assert_eq!(keys.len(), 4);
        assert_eq!(ids.iter().map(|&id| keys.get(id)).collect::<Vec<_>>(), [&b"/b"[..], b"/a", b"/b", b"", b"/a/x"]);
        assert_eq!(keys.find(b"/a/x"), Some(ids[4]));
        assert_eq!(keys.find(b"/c"), None);
        assert_eq!(keys.with_prefix(b"/a").map(|id| keys.get(id)).collect::<Vec<_>>(), [&b"/a"[..], b"/a/x"]);
    }
}
