//! Keys on their way to be numbered: gathered with their hashes by many tasks, each kept once, sorted.

use std::hash::BuildHasher;
use std::sync::LazyLock;

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;
use hashbrown::HashTable;
use rayon::prelude::*;

/// Byte strings in one block of memory, in the order in which they came.
#[derive(Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Block {
    fn with_room_for(blocks: &[Share]) -> Self {
        Self {
            bytes: Vec::with_capacity(blocks.iter().map(|share| share.block.bytes.len()).sum()),
            ends: Vec::with_capacity(blocks.iter().map(|share| share.block.len()).sum()),
        }
    }

    fn push(&mut self, name: &[u8]) {
        self.bytes.extend_from_slice(name);
        self.ends.push(self.bytes.len());
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The string at a place; empty behind the last one.
    pub(super) fn get(&self, at: usize) -> &[u8] {
        let end = self.ends.get(at).copied().unwrap_or(0);
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.bytes.get(start..end).unwrap_or_default()
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|at| self.get(at))
    }
}

/// One hash for the whole process, and another one in the next: names that were made to collide do not.
static HASH: LazyLock<SeedableRandomState> =
    LazyLock::new(|| SeedableRandomState::with_seed(0, SharedSeed::global_random()));

/// The names that one task met, as often as it met them, copied and hashed while they were in the cache: they lie all over
/// a file, and to come back to each costs more than everything else that is done with them.
#[derive(Default)]
pub struct Names {
    block: Block,
    hashes: Vec<u64>,
}

impl Names {
    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Takes one more.
    pub fn push(&mut self, name: &[u8]) {
        self.block.push(name);
        self.hashes.push(HASH.hash_one(name));
    }
}

/// A name on its way to its place: comparisons are of `front` alone, which needs no other memory.
struct Sorted<'a> {
    front: u128,
    name: &'a [u8],
    at: u32,
}

/// Sorts the distinct names; gives them with the place of each input, in input order.
pub(super) fn sort(parts: &[Names]) -> (Block, Vec<u32>) {
    let (shares, mut places) = distinct(parts);
    let mut sorted = Block::with_room_for(&shares);
    let mut order: Vec<Sorted<'_>> = Vec::with_capacity(sorted.ends.capacity());
    let names = shares.iter().flat_map(|share| share.block.iter());
    order.extend(names.zip(0..).map(|(name, at)| Sorted { front: 0, name, at }));
    let common = common_prefix(&order);
    sort_behind(&mut order, common, ROUNDS);
    let mut rank = vec![0u32; order.len()];
    for (place, key) in order.iter().enumerate() {
        if let Some(slot) = rank.get_mut(key.at as usize) {
            *slot = place as u32;
        }
        sorted.push(key.name);
    }
    places.par_iter_mut().for_each(|at| *at = rank.get(*at as usize).copied().unwrap_or(u32::MAX));
    (sorted, places)
}

/// How often 16 more bytes are taken into the comparison, before names are compared as they are.
const ROUNDS: u32 = 4;

/// Sorts names that do not differ before `from`, zeros at an end aside: by the 16 bytes from there, then those that have the
/// same ones by the next 16.
fn sort_behind(names: &mut [Sorted<'_>], from: usize, rounds: u32) {
    let Some(rounds) = rounds.checked_sub(1) else {
        names.par_sort_unstable_by(|a, b| a.name.cmp(b.name));
        return;
    };
    names.par_iter_mut().for_each(|key| key.front = front(key.name, from));
    names.par_sort_unstable_by_key(|key| key.front);
    let alike = names.chunk_by_mut(|a, b| a.front == b.front).filter(|run| run.len() > 1);
    let runs: Vec<&mut [Sorted<'_>]> = alike.collect();
    runs.into_par_iter().for_each(|run| sort_behind(run, from.saturating_add(size_of::<u128>()), rounds));
}

/// The length of what all names begin with.
fn common_prefix(names: &[Sorted<'_>]) -> usize {
    let Some(first) = names.first() else { return 0 };
    let shared = |other: &Sorted<'_>| first.name.iter().zip(other.name).take_while(|(a, b)| a == b).count();
    names.par_iter().map(shared).min().unwrap_or(0)
}

/// The 16 bytes behind the common prefix as a number that sorts as they do; what a shorter name lacks counts as zeros.
fn front(name: &[u8], common: usize) -> u128 {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(name.get(common..).unwrap_or_default()) {
        *to = *from;
    }
    u128::from_be_bytes(bytes)
}

/// The names are shared out by their hashes into so many parts: each is found by one task, and small enough for a cache.
const SHARES: u64 = 8;

/// The distinct names of one share.
#[derive(Default)]
struct Share {
    block: Block,
    /// For each name of this share, in the order of the input, its place among the distinct ones.
    places: Vec<u32>,
}

impl Share {
    fn find(share: u64, parts: &[Names]) -> Self {
        let mut found = Self::default();
        let mut seen: HashTable<(u64, u32)> = HashTable::new();
        for part in parts {
            let mine = part.hashes.iter().enumerate().filter(|(_, hash)| **hash % SHARES == share);
            for (at, &hash) in mine {
                let name = part.block.get(at);
                let is_same = |&(other, place): &(u64, u32)| other == hash && found.block.get(place as usize) == name;
                let place = match seen.find(hash, is_same) {
                    Some(&(_, place)) => place,
                    None => {
                        let place = found.block.len() as u32;
                        found.block.push(name);
                        seen.insert_unique(hash, (hash, place), |&(hash, _)| hash);
                        place
                    }
                };
                found.places.push(place);
            }
        }
        found
    }
}

/// The distinct names, and for each name the place of its like among those of all shares, one after the other.
fn distinct(parts: &[Names]) -> (Vec<Share>, Vec<u32>) {
    let mut shares: Vec<Share> = (0..SHARES).into_par_iter().map(|share| Share::find(share, parts)).collect();
    let mut start = 0;
    let mut runs: Vec<(u32, std::vec::IntoIter<u32>)> = Vec::with_capacity(shares.len());
    for share in &mut shares {
        runs.push((start, std::mem::take(&mut share.places).into_iter()));
        start += share.block.len() as u32;
    }
    let place_of = |hash: &u64| {
        let (start, places) = runs.get_mut((*hash % SHARES) as usize)?;
        Some(*start + places.next()?)
    };
    let mut places = Vec::with_capacity(parts.iter().map(|part| part.hashes.len()).sum());
    let hashes = parts.iter().flat_map(|part| &part.hashes);
    places.extend(hashes.map(place_of).map(|place| place.unwrap_or(u32::MAX)));
    (shares, places)
}
