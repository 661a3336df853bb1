//! Payloads put together from a cell and the overflow pages behind it, where any of these may be gone or of another time.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use super::content::{check, has_structure};
use crate::model::Check;
use crate::sqlite::{Images, PageNo, World};

/// A place in the database file, or with this bit in the WAL.
const IN_WAL: u64 = 1 << 63;
/// The unit in which disks lose data.
const SECTOR: usize = 512;
/// Zeros of a lost sector that a value may hold at its end all the same.
const FEW_ZEROS: usize = 4;

/// The bytes of a payload, by where they lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Payload {
    /// Where the part in the cell begins.
    start: u64,
    /// How many bytes of it are in the cell.
    local: u32,
    /// Where the content of each overflow page begins, as far as the chain holds.
    chain: Box<[u64]>,
    /// The bytes of the payload from the first on that are at hand.
    readable: u32,
    /// Whether the chain has exactly the pages that the length asks for.
    whole: bool,
}

/// By how many pages the file is shifted, from a page number on: pages that are missing move all that follow. Where that is
/// not known, page numbers lead nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shifts(BTreeMap<u32, Option<i64>>);

impl Shifts {
    /// No shift but these: a page number from which on it holds, and the shift.
    pub fn new(steps: impl IntoIterator<Item = (u32, Option<i64>)>) -> Self {
        Self(steps.into_iter().collect())
    }

    /// Whether the file is shifted anywhere.
    pub fn is_any(&self) -> bool {
        self.0.values().any(|&shift| shift != Some(0))
    }

    /// How many pages are missing before the first, where all others are there.
    pub fn missing_at_start(&self) -> Option<usize> {
        match self.0.iter().collect::<Vec<_>>().as_slice() {
            [(0, Some(shift))] => shift.checked_neg().and_then(|missing| usize::try_from(missing).ok()),
            _ => None,
        }
    }

    fn of(&self, no: PageNo) -> Option<PageNo> {
        let shift = self.0.range(..=no.get()).next_back().map_or(Some(0), |(_, &shift)| shift)?;
        PageNo::new(u32::try_from(i64::from(no.get()) + shift).ok()?)
    }

    /// The page that a number leads to. Frames of a WAL have their own numbers, which no page that is missing from the file
    /// shifts.
    fn page<'a>(&self, images: &'a Images, world: World, no: PageNo) -> Option<(PageNo, Option<usize>, &'a [u8])> {
        let to = self.of(no)?;
        if to != no {
            return match images.page(world, no) {
                Some((Some(frame), bytes)) => Some((no, Some(frame), bytes)),
                _ => images.page(World::Main, to).map(|(_, bytes)| (to, None, bytes)),
            };
        }
        images.page(world, to).map(|(frame, bytes)| (to, frame, bytes))
    }
}

fn place(images: &Images, frame: Option<usize>, no: PageNo, offset: usize) -> u64 {
    let at = images.offset(frame, no) + offset as u64;
    if frame.is_some() { at | IN_WAL } else { at }
}

/// The bytes at a place.
pub(super) fn at(images: &Images, place: u64, len: usize) -> Option<&[u8]> {
    let (main, wal) = images.bytes();
    let bytes = if place & IN_WAL == 0 { main } else { wal? };
    let start = usize::try_from(place & !IN_WAL).ok()?;
    bytes.get(start..start.checked_add(len)?)
}

/// Where the cell part of a payload stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// The page.
    pub page: PageNo,
    /// The frame that holds the page, if it is not the file.
    pub frame: Option<usize>,
    /// Offset of the payload in its page.
    pub start: usize,
    /// Bytes of it in the page.
    pub local: u32,
    /// Length of the payload.
    pub len: u32,
    /// The first overflow page, where there is one.
    pub overflow: Option<PageNo>,
}

/// The places of a chain so far: few are searched, many are looked up.
#[derive(Default)]
struct Seen(HashSet<u64, foldhash::fast::RandomState>);

impl Seen {
    fn insert(&mut self, place: u64, chain: &[u64]) -> bool {
        const FEW: usize = 32;
        if chain.len() < FEW {
            return !chain.contains(&place);
        }
        if self.0.is_empty() {
            self.0.extend(chain);
        }
        self.0.insert(place)
    }
}

impl Payload {
    /// Follows the chain of a cell.
    pub fn follow(images: &Images, world: World, cell: &Cell, shifts: &Shifts) -> Self {
        /// Room for the chains of most values.
        const USUAL: usize = 8;
        let mut payload = Self {
            start: place(images, cell.frame, cell.page, cell.start),
            local: cell.local,
            chain: Box::default(),
            readable: cell.local,
            whole: cell.len == cell.local,
        };
        // Where pages of the file have moved, a frame does not lie over the page that stands where its number says.
        let world = if cell.frame.is_none() && shifts.is_any() { World::Main } else { world };
        let content = images.geometry().overflow_content();
        let wanted = images.geometry().overflow_pages(cell.len, cell.local);
        if wanted == 0 || wanted > images.page_count() {
            return payload;
        }
        let mut chain = Vec::with_capacity((wanted as usize).min(USUAL));
        let mut seen = Seen::default();
        let mut next = cell.overflow;
        for left in (0..wanted).rev() {
            let Some((no, frame, bytes)) = next.and_then(|next| shifts.page(images, world, next)) else { break };
            let Some(link) = bytes.first_chunk::<4>().map(|link| u32::from_be_bytes(*link)) else { break };
            let ends_right = (left == 0) == (link == 0) && link <= images.page_count().saturating_add(64);
            let place = place(images, frame, no, 4);
            if !ends_right || !seen.insert(place, &chain) {
                break;
            }
            chain.push(place);
            payload.readable = payload.readable.saturating_add(content).min(cell.len);
            payload.whole = left == 0;
            next = PageNo::new(link);
        }
        payload.chain = chain.into_boxed_slice();
        payload
    }

    /// The pages of the chain by their numbers, as far as it holds.
    pub fn pages<'p>(&'p self, images: &'p Images) -> impl Iterator<Item = PageNo> + 'p {
        self.chain.iter().filter_map(|&place| images.page_at(place & IN_WAL != 0, place & !IN_WAL))
    }

    /// Where the overflow pages' contents stand, as far as the chain holds.
    pub fn chain(&self) -> &[u64] {
        &self.chain
    }

    /// Whether the chain holds to its end.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Whether a part of the payload reaches beyond its cell.
    pub fn overflows(&self, range: &Range<u32>) -> bool {
        range.end > self.local
    }

    /// Gives up all that lies beyond the cell.
    pub fn cut_to_cell(&mut self) {
        self.chain = Box::default();
        self.readable = self.readable.min(self.local);
        self.whole = false;
    }

    /// Whether all bytes of a range are at hand.
    pub fn reaches(&self, range: &Range<u32>) -> bool {
        range.end <= self.readable
    }

    /// The parts of the file that a range of the payload is made of: place, and length in bytes.
    fn parts<'p>(&'p self, images: &Images, range: &Range<u32>) -> impl Iterator<Item = (u64, usize)> + 'p {
        let content = images.geometry().overflow_content();
        let (start, end) = (range.start, range.end);
        // The pages before the range are not looked at.
        let first = start.saturating_sub(self.local).checked_div(content).unwrap_or(0);
        let pages = (first..).zip(self.chain.get(first as usize..).unwrap_or_default());
        let pages = pages.map(move |(at, &place)| {
            let from = self.local.saturating_add(at.saturating_mul(content));
            (place, from, from.saturating_add(content))
        });
        let all = std::iter::once((self.start, 0, self.local)).chain(pages);
        let parts = all.take_while(move |&(_, from, _)| from < end).map(move |(place, from, to)| {
            let (start, end) = (start.max(from), end.min(to));
            (place + u64::from(start.saturating_sub(from)), end.saturating_sub(start) as usize)
        });
        parts.filter(|&(_, len)| len > 0)
    }

    /// Part of the payload that is in its cell.
    pub fn in_cell<'a>(&self, images: &'a Images, range: &Range<u32>) -> Option<&'a [u8]> {
        at(images, self.start + u64::from(range.start), range.len()).filter(|_| range.end <= self.local)
    }

    /// Part of the payload; nothing when it is not all at hand.
    pub fn read<'a>(&self, images: &'a Images, range: &Range<u32>) -> Option<Cow<'a, [u8]>> {
        if range.end > self.readable {
            return None;
        }
        let mut parts = self.parts(images, range);
        let Some((place, len)) = parts.next() else { return Some(Cow::Borrowed(&[])) };
        let first = at(images, place, len)?;
        if len == range.len() {
            return Some(Cow::Borrowed(first));
        }
        let mut whole = Vec::with_capacity(range.len());
        whole.extend_from_slice(first);
        for (place, len) in parts {
            whole.extend_from_slice(at(images, place, len)?);
        }
        Some(Cow::Owned(whole))
    }

    /// Whether a part of this payload has the same bytes as one of another, without putting either together. Two that are not
    /// at hand are the same.
    pub fn is_same(&self, images: &Images, range: &Range<u32>, other: &Self, of_other: &Range<u32>) -> bool {
        if !self.reaches(range) || !other.reaches(of_other) {
            return self.reaches(range) == other.reaches(of_other);
        }
        if range.len() != of_other.len() {
            return false;
        }
        let bytes = |(place, len)| at(images, place, len).unwrap_or_default();
        let (mut own, mut others) = (self.parts(images, range).map(bytes), other.parts(images, of_other).map(bytes));
        let (mut a, mut b): (&[u8], &[u8]) = (&[], &[]);
        loop {
            if a.is_empty() {
                a = own.next().unwrap_or_default();
            }
            if b.is_empty() {
                b = others.next().unwrap_or_default();
            }
            let len = a.len().min(b.len());
            if len == 0 {
                return a.is_empty() && b.is_empty();
            }
            let ((x, rest_of_a), (y, rest_of_b)) = (a.split_at(len), b.split_at(len));
            if x != y {
                return false;
            }
            (a, b) = (rest_of_a, rest_of_b);
        }
    }

    /// What a value says of itself. One without a structure is not put together.
    fn content(&self, images: &Images, range: &Range<u32>) -> Option<Check> {
        let beginning = range.start..range.end.min(range.start.saturating_add(4));
        if has_structure(&self.read(images, &beginning)?) {
            return Some(check(&self.read(images, range)?));
        }
        let is_there =
            self.reaches(range) && self.parts(images, range).all(|(place, len)| at(images, place, len).is_some());
        is_there.then_some(Check::Plain)
    }

    /// What a value says of itself, and what its pages say of it.
    pub fn check(&self, images: &Images, range: &Range<u32>) -> Check {
        let Some(own) = self.content(images, range) else { return Check::Broken };
        // A chain that does not hold further on proves nothing of the pages before, only the content does.
        if range.end > self.local && !self.whole && own != Check::Sound {
            return Check::Broken;
        }
        if self.parts(images, range).any(|(place, len)| has_lost_sector(images, place, len)) {
            return Check::Broken;
        }
        own
    }
}

/// Whether one of the sectors under these bytes is nothing but zeros.
fn has_lost_sector(images: &Images, place: u64, len: usize) -> bool {
    let (file, start) = (place & IN_WAL, (place & !IN_WAL) as usize);
    let sectors = start / SECTOR..(start + len).div_ceil(SECTOR);
    sectors.map(|sector| sector * SECTOR).any(|begin| {
        let overlap = (begin + SECTOR).min(start + len).saturating_sub(begin.max(start));
        overlap > FEW_ZEROS
            && at(images, begin as u64 | file, SECTOR).is_some_and(|bytes| bytes.iter().all(|&byte| byte == 0))
    })
}
