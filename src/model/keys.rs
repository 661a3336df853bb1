//! The keys of a store, each kept once.

use std::hash::BuildHasher;

use hashbrown::HashTable;
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
        let (shares, places) = distinct(names);
        let mut order: Vec<Sorted<'_>> = Vec::with_capacity(shares.iter().map(Share::len).sum());
        order.extend(shares.iter().flat_map(Share::names).zip(0..).map(|(name, at)| Sorted { front: 0, name, at }));
        let common = common_prefix(&order);
        order.par_iter_mut().for_each(|key| key.front = front(key.name, common));
        order.par_sort_unstable_by(|a, b| a.front.cmp(&b.front).then_with(|| a.name.cmp(b.name)));
        let mut rank = vec![0u32; order.len()];
        let mut keys = Self::default();
        keys.ends.reserve_exact(order.len());
        keys.bytes.reserve_exact(shares.iter().map(|share| share.bytes.len()).sum());
        for (place, key) in order.iter().enumerate() {
            if let Some(slot) = rank.get_mut(key.at as usize) {
                *slot = place as u32;
            }
            keys.bytes.extend_from_slice(key.name);
            keys.ends.push(keys.bytes.len());
        }
        let ids = places.into_iter().map(|at| KeyId(rank.get(at as usize).copied().unwrap_or(u32::MAX))).collect();
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

/// A key on its way to its place: most comparisons end at `front`, which needs no other memory.
struct Sorted<'a> {
    front: u128,
    name: &'a [u8],
    at: u32,
}

/// The length of what all keys begin with.
fn common_prefix(keys: &[Sorted<'_>]) -> usize {
    let Some(first) = keys.first() else { return 0 };
    let shared = |key: &Sorted<'_>| first.name.iter().zip(key.name).take_while(|(a, b)| a == b).count();
    keys.iter().map(shared).min().unwrap_or(0)
}

/// The 16 bytes behind the common prefix as a number that sorts as they do; what a shorter key lacks counts as zeros.
fn front(name: &[u8], common: usize) -> u128 {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(name.get(common..).unwrap_or_default()) {
        *to = *from;
    }
    u128::from_be_bytes(bytes)
}

/// The keys are shared out by their hashes into so many parts: each is found by one task, and small enough for a cache.
const SHARES: u64 = 8;

/// The distinct keys of one share, copied together: names that are compared often should not lie all over a file.
#[derive(Default)]
struct Share {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// For each name of this share, in the order of the input, its place among the distinct ones.
    places: Vec<u32>,
}

impl Share {
    fn find(share: u64, names: &[&[u8]], hashes: &[u64]) -> Self {
        let mut found = Self::default();
        let mut seen: HashTable<(u64, u32)> = HashTable::new();
        for (name, &hash) in names.iter().zip(hashes).filter(|(_, hash)| **hash % SHARES == share) {
            let is_same = |&(other, place): &(u64, u32)| other == hash && found.name(place as usize) == *name;
            let place = match seen.find(hash, is_same) {
                Some(&(_, place)) => place,
                None => {
                    let place = found.len() as u32;
                    found.bytes.extend_from_slice(name);
                    found.ends.push(found.bytes.len());
                    seen.insert_unique(hash, (hash, place), |&(hash, _)| hash);
                    place
                }
            };
            found.places.push(place);
        }
        found
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn name(&self, place: usize) -> &[u8] {
        let end = self.ends.get(place).copied().unwrap_or(0);
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.bytes.get(start..end).unwrap_or_default()
    }

    fn names(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|place| self.name(place))
    }
}

/// The distinct names, and for each name the place of its like among those of all shares, one after the other.
fn distinct(names: &[&[u8]]) -> (Vec<Share>, Vec<u32>) {
    let state = foldhash::fast::RandomState::default();
    let hashes: Vec<u64> = names.par_iter().map(|name| state.hash_one(name)).collect();
    let mut shares: Vec<Share> = (0..SHARES).into_par_iter().map(|share| Share::find(share, names, &hashes)).collect();
    let mut start = 0;
    let mut runs: Vec<(u32, std::vec::IntoIter<u32>)> = Vec::with_capacity(shares.len());
    for share in &mut shares {
        runs.push((start, std::mem::take(&mut share.places).into_iter()));
        start += share.len() as u32;
    }
    let place_of = |hash: &u64| {
        let (start, places) = runs.get_mut((*hash % SHARES) as usize)?;
        Some(*start + places.next()?)
    };
    let places = hashes.iter().map(place_of).map(|place| place.unwrap_or(u32::MAX)).collect();
    (shares, places)
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
    #[test]
    fn keys_that_differ_only_behind_what_is_compared_first_are_sorted_too() {
        let names: Vec<Vec<u8>> = (0..300u32)
            .map(|number| {
                let tail = number.wrapping_mul(2_654_435_761) % 300;
                [b"/registry/a-name-that-is-long/".as_slice(), &vec![0; (tail % 20) as usize], &tail.to_be_bytes()]
                    .concat()
            })
            .collect();
        let (keys, ids) = Keys::intern(&names.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let mut sorted = names.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(keys.ids().map(|id| keys.get(id)).collect::<Vec<_>>(), sorted);
        assert!(ids.iter().zip(&names).all(|(&id, name)| keys.get(id) == name));
    }
}
