//! The keys of a store, each kept once.

use rayon::prelude::*;

use super::names::{self, Block, Names};

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
pub struct Keys(Block);

/// How many names one task hashes.
const NAMES_PER_TASK: usize = 4096;

impl Keys {
    /// Sorts the distinct keys among `names`; gives them with the id of each input, in input order.
    pub fn intern(names: &[&[u8]]) -> (Self, Vec<KeyId>) {
        let part = |names: &[&[u8]]| {
            let mut part = Names::default();
            names.iter().for_each(|name| part.push(name));
            part
        };
        Self::of_parts(&names.par_chunks(NAMES_PER_TASK).map(part).collect::<Vec<_>>())
    }

    /// Sorts the distinct keys among the names of all parts; gives them with the id of each input, part after part.
    pub fn of_parts(parts: &[Names]) -> (Self, Vec<KeyId>) {
        let (sorted, places) = names::sort(parts);
        (Self(sorted), places.into_iter().map(KeyId).collect())
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// The key's bytes; empty for an id of another table.
    pub fn get(&self, id: KeyId) -> &[u8] {
        self.0.get(id.index())
    }

    /// The id of a key.
    pub fn find(&self, key: &[u8]) -> Option<KeyId> {
        let at = self.lower_bound(key);
        (at < self.len() && self.get(KeyId(at as u32)) == key).then_some(KeyId(at as u32))
    }

    /// All ids in byte order of their keys.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = KeyId> + ExactSizeIterator + use<> {
        (0..self.len() as u32).map(KeyId)
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
