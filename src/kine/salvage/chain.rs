//! Payloads put together from a cell and the overflow pages behind it, where any of these may be gone or of another time.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use super::content::{Check, check};
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
    chain: Vec<u64>,
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

/// The pages of a chain so far: few are searched, many are looked up.
#[derive(Default)]
struct Seen(HashSet<PageNo, foldhash::fast::RandomState>);

impl Seen {
    fn insert(&mut self, no: PageNo, pages: &[PageNo]) -> bool {
        const FEW: usize = 32;
        if pages.len() < FEW {
            return !pages.contains(&no);
        }
        if self.0.is_empty() {
            self.0.extend(pages);
        }
        self.0.insert(no)
    }
}

impl Payload {
    /// Follows the chain of a cell.
    pub fn follow(images: &Images, world: World, cell: &Cell, shifts: &Shifts) -> (Self, Vec<PageNo>) {
        let mut payload = Self {
            start: place(images, cell.frame, cell.page, cell.start),
            local: cell.local,
            chain: Vec::new(),
            readable: cell.local,
            whole: cell.len == cell.local,
        };
        // Where pages of the file have moved, a frame does not lie over the page that stands where its number says.
        let world = if cell.frame.is_none() && shifts.is_any() { World::Main } else { world };
        let mut pages = Vec::new();
        let content = images.geometry().overflow_content();
        let wanted = images.geometry().overflow_pages(cell.len, cell.local);
        if wanted > images.page_count() {
            return (payload, pages);
        }
        let mut seen = Seen::default();
        let mut next = cell.overflow;
        for left in (0..wanted).rev() {
            let Some((no, frame, bytes)) = next.and_then(|next| shifts.page(images, world, next)) else { break };
            let Some(link) = bytes.first_chunk::<4>().map(|link| u32::from_be_bytes(*link)) else { break };
            let ends_right = (left == 0) == (link == 0) && link <= images.page_count().saturating_add(64);
            if !ends_right || !seen.insert(no, &pages) {
                break;
            }
            payload.chain.push(place(images, frame, no, 4));
            pages.push(no);
            payload.readable = payload.readable.saturating_add(content).min(cell.len);
            payload.whole = left == 0;
            next = PageNo::new(link);
        }
        (payload, pages)
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
        self.chain.clear();
        self.readable = self.readable.min(self.local);
        self.whole = false;
    }

    /// Whether all bytes of a range are at hand.
    pub fn reaches(&self, range: &Range<u32>) -> bool {
        range.end <= self.readable
    }

    /// The parts of the file that a range of the payload is made of: place, and length in bytes.
    fn parts(&self, images: &Images, range: &Range<u32>) -> Vec<(u64, usize)> {
        let content = images.geometry().overflow_content();
        let mut parts = Vec::new();
        let mut push = |place: u64, from: u32, to: u32| {
            let (start, end) = (range.start.max(from), range.end.min(to));
            if start < end {
                parts.push((place + u64::from(start - from), (end - start) as usize));
            }
        };
        push(self.start, 0, self.local);
        for (at, &place) in (0u32..).zip(&self.chain) {
            let from = self.local + at * content;
            push(place, from, from.saturating_add(content));
        }
        parts
    }

    /// Part of the payload; nothing when it is not all at hand.
    pub fn read<'a>(&self, images: &'a Images, range: &Range<u32>) -> Option<Cow<'a, [u8]>> {
        if range.end > self.readable {
            return None;
        }
        let parts = self.parts(images, range);
        match parts.as_slice() {
            [] => Some(Cow::Borrowed(&[])),
            [(place, len)] => at(images, *place, *len).map(Cow::Borrowed),
            several => {
                let mut whole = Vec::with_capacity(range.len());
                for (place, len) in several {
                    whole.extend_from_slice(at(images, *place, *len)?);
                }
                Some(Cow::Owned(whole))
            }
        }
    }

    /// What a value says of itself, and what its pages say of it.
    pub fn check(&self, images: &Images, range: &Range<u32>) -> Check {
        let Some(value) = self.read(images, range) else { return Check::Bad };
        let own = check(&value);
        // A chain that does not hold further on proves nothing of the pages before, only the content does.
        if range.end > self.local && !self.whole && own != Check::Sound {
            return Check::Bad;
        }
        if self.parts(images, range).iter().any(|&(place, len)| has_lost_sector(images, place, len)) {
            return Check::Bad;
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
