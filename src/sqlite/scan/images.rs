//! Every image of every page.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::super::header::{Geometry, Header, HeaderError, PageNo};
use super::super::page::BtreePage;
use super::super::wal::{FrameState, Wal};
use super::frames::{ends, fit, newest_frames, open_wal};
use super::freelist::Freelist;
use super::size::{geometry, is_zero};
use crate::source::{Bytes, Damage, FileName, Place};

/// Which pages a page number leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum World {
    /// The database as it is now: the newest proven and committed frame of a page, else the file.
    Current,
    /// The file without its WAL.
    Main,
    /// As it was when the transaction of this frame was committed.
    Frame(usize),
}

/// How an image stands to the database as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stand {
    /// SQLite would see it.
    Now,
    /// A frame that SQLite would not apply, though its checksum and its transaction's commit are proven.
    Log,
    /// SQLite would see the page, and the file holds it for free.
    Free,
    /// The page in the file that a frame covers, or a frame that a later one covers.
    Covered,
    /// A frame of an earlier generation, or of a transaction without a commit.
    Earlier,
    /// A frame that nothing proves.
    Unproven,
}

/// What to do with a WAL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// Lay it over the file when it fits; when it does not, read both beside each other.
    #[default]
    Use,
    /// As though it were not there.
    Ignore,
}

/// Whether a WAL belongs to its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalFit {
    /// There is none.
    Absent,
    /// Nothing speaks against it.
    Fits,
    /// It was written for another state of the file, or for another file; why.
    Foreign(Vec<String>),
}

/// Something for each of many pages.
pub(super) type OfPages<T> = HashMap<PageNo, T, foldhash::fast::RandomState>;
/// Many pages.
pub(super) type ManyPages = HashSet<PageNo, foldhash::fast::RandomState>;

/// Overflow pages that are followed for each image, all chains together: cells of a file that means harm all claim the same long
/// chain.
const MOST_FOLLOWED: u64 = 256;

/// One image of a page.
#[derive(Clone, Copy, Debug)]
pub struct Looked<'a> {
    /// The page.
    pub no: PageNo,
    /// How it stands.
    pub stand: Stand,
    /// Where page numbers in it lead.
    pub world: World,
    /// The frame it is in; `None` for the file.
    pub frame: Option<usize>,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// All images of a database's pages.
pub struct Images {
    name: FileName,
    main: Bytes,
    wal: Option<Wal>,
    fit: WalFit,
    closed: Vec<bool>,
    geometry: Geometry,
    header: Option<Header>,
    page_count: u32,
    /// The newest usable frame of each page.
    overlay: OfPages<usize>,
    /// The same of a WAL that does not belong to the file.
    beside: OfPages<usize>,
    /// All proven frames of each page, ascending.
    frames_of: OfPages<Vec<usize>>,
    /// For each frame the last one of its transaction, as far as it goes.
    ends: Vec<usize>,
    freelist: Freelist,
    reached: Option<ManyPages>,
    followed: AtomicU64,
    damage: Vec<Damage>,
}

impl Images {
    /// Reads whatever there is: a database with or without a WAL, a file without a header, a piece of one, a WAL alone.
    pub fn new(name: FileName, main: Bytes, wal: Option<(FileName, Bytes)>, reading: Reading) -> Self {
        let mut damage = Vec::new();
        let wal_name = wal.as_ref().map_or_else(|| name.clone(), |(name, _)| name.clone());
        let mut wal =
            wal.filter(|(_, bytes)| !bytes.is_empty()).and_then(|(_, bytes)| open_wal(&wal_name, bytes, &mut damage));
        let geometry = geometry(&main, wal.as_ref().map(|wal| wal.header().page_size));
        let fit = match &wal {
            None => WalFit::Absent,
            Some(wal) => fit(&main, wal, geometry),
        };
        let is_foreign = matches!(fit, WalFit::Foreign(_));
        if reading == Reading::Ignore || wal.as_ref().is_some_and(|wal| wal.header().page_size != geometry.page_size())
        {
            wal = None;
        }
        let closed = wal.as_ref().map(Wal::closed).unwrap_or_default();
        let (mut overlay, frames_of) = wal.as_ref().map(|wal| newest_frames(wal, &closed)).unwrap_or_default();
        let beside = if is_foreign { std::mem::take(&mut overlay) } else { OfPages::default() };
        let ends = wal.as_ref().map(ends).unwrap_or_default();
        let in_wal = frames_of.keys().map(|page| page.get()).max().unwrap_or(0);
        let in_file = u32::try_from(main.len() / geometry.page_size().bytes()).unwrap_or(u32::MAX);
        let mut images = Self {
            name,
            main,
            wal,
            fit,
            closed,
            geometry,
            header: None,
            page_count: in_file.max(in_wal),
            overlay,
            beside,
            frames_of,
            ends,
            freelist: Freelist::default(),
            reached: None,
            followed: AtomicU64::new(0),
            damage,
        };
        images.header = images.find_header();
        images.freelist = Freelist::read(&images);
        if !images.freelist.complete {
            images.reached = Some(super::reach::reached(&images));
        }
        images.note_lost_pages();
        images
    }

    /// The newest page 1 whose header can be read.
    fn find_header(&mut self) -> Option<Header> {
        let now = self.page(World::Current, PageNo::FIRST);
        let mut headers = vec![now.map_or(Err(HeaderError::TooShort(0)), |(_, page)| Header::parse(page))];
        headers.push(Header::parse(&self.main));
        if let Some(Err(error)) = headers.first() {
            let what = format!("{error}: pages are found without it");
            self.damage.push(Damage { file: self.name.clone(), place: Place::Page(1), id: "header", what });
        }
        let size = self.geometry.page_size();
        headers.into_iter().flatten().find(|header| header.geometry.page_size() == size)
    }

    /// Says what is missing of the file as a whole.
    fn note_lost_pages(&mut self) {
        let mut found = Vec::new();
        let mut tell = |id, what| found.push(Damage { file: self.name.clone(), place: Place::File, id, what });
        if let Some(said) = self.header.and_then(|header| header.size_in_pages).filter(|&said| said > self.page_count) {
            tell("file-truncated", format!("it should have {said} pages, and only {} are there", self.page_count));
        }
        let whole = self.main.len() / self.geometry.page_size().bytes();
        // A checkpoint cuts the file to the length that it writes into the header.
        let own = self.header.filter(|_| self.overlay.is_empty()).and_then(|header| header.size_in_pages);
        if let Some(said) = own.filter(|&said| (said as usize) < whole) {
            tell("copied-while-written", format!("it has {whole} pages, and its header says {said}"));
        }
        let torn = self.main.len() - whole * self.geometry.page_size().bytes();
        if torn > 0 {
            tell("file-truncated", format!("it ends {torn} bytes into a page"));
        }
        let lock_byte = self.geometry.page_size().lock_byte_page();
        let numbers = self.numbers();
        let (zero, foreign) = numbers
            .par_iter()
            .filter(|&&no| no != lock_byte && !self.freelist.pages.contains(&no))
            .filter_map(|&no| Some((no, self.page(World::Current, no)?.1)))
            .map(|(no, page)| (usize::from(is_zero(page)), usize::from(is_foreign(no, page, self))))
            .reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        if zero > 0 {
            tell("page-zero", format!("{zero} pages hold nothing but zeros"));
        }
        if foreign > 0 {
            tell("page-type", format!("{foreign} pages are neither of a tree nor overflow pages"));
        }
        self.damage.extend(found);
    }

    /// The database file's name.
    pub fn name(&self) -> &FileName {
        &self.name
    }

    /// Page size and usable bytes.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The header, where one can be read.
    pub fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// The pages that have an image: those of the file, and what the WAL has beyond it.
    pub(super) fn numbers(&self) -> Vec<PageNo> {
        let in_file = self.main.len() / self.geometry.page_size().bytes();
        let in_file = u32::try_from(in_file).unwrap_or(u32::MAX);
        let mut beyond: Vec<PageNo> = self.frames_of.keys().copied().filter(|no| no.get() > in_file).collect();
        beyond.sort_unstable();
        (1..=in_file).filter_map(PageNo::new).chain(beyond).collect()
    }

    /// Whether so many more pages of a chain may be followed.
    pub fn may_follow(&self, pages: u32) -> bool {
        let images = u64::from(u32::try_from(self.main.len() / self.geometry.page_size().bytes()).unwrap_or(u32::MAX));
        let images = images + self.ends.len() as u64 + MOST_FOLLOWED;
        let before = self.followed.fetch_add(pages.into(), Ordering::Relaxed);
        before <= images.saturating_mul(MOST_FOLLOWED)
    }

    /// The highest page number that has an image.
    pub fn page_count(&self) -> u32 {
        self.page_count
    }

    /// The freelist.
    pub fn freelist(&self) -> &Freelist {
        &self.freelist
    }

    /// Whether the WAL belongs to the file.
    pub fn fit(&self) -> &WalFit {
        &self.fit
    }

    /// The WAL, where it is read.
    pub fn wal(&self) -> Option<&Wal> {
        self.wal.as_ref()
    }

    /// The bytes of the database file, and those of the WAL.
    pub fn bytes(&self) -> (&Bytes, Option<&Bytes>) {
        (&self.main, self.wal.as_ref().map(Wal::bytes))
    }

    /// What is wrong with the files as a whole.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Whether the WAL is read beside the file, and not over it.
    pub fn is_beside(&self) -> bool {
        self.wal.is_some() && matches!(self.fit, WalFit::Foreign(_))
    }

    /// Whether frames are lost from the middle of the WAL, or from its start.
    pub fn has_wal_break(&self) -> bool {
        self.damage.iter().any(|damage| matches!(damage.id, "wal-checksum" | "wal-header"))
    }

    /// Whether the page is known to be in use: by a freelist that is whole, or by a tree that leads to it.
    pub fn is_in_use(&self, no: PageNo) -> bool {
        match &self.reached {
            None => !self.freelist.pages.contains(&no),
            Some(reached) => reached.contains(&no),
        }
    }

    /// Whether the page is known to be free.
    pub fn is_free(&self, no: PageNo) -> bool {
        self.freelist.pages.contains(&no) && !self.reached.as_ref().is_some_and(|reached| reached.contains(&no))
    }

    /// A page's bytes in a world, and the frame that holds them.
    pub fn page(&self, world: World, no: PageNo) -> Option<(Option<usize>, &[u8])> {
        let frame = match world {
            World::Main => None,
            World::Current => self.overlay.get(&no).copied(),
            World::Frame(at) => self.frame_for(at, no),
        };
        match frame {
            Some(frame) => Some((Some(frame), self.wal.as_ref()?.page(frame)?)),
            None => Some((None, self.main_page(no)?)),
        }
    }

    /// The frame that held a page when the transaction of frame `at` was committed.
    fn frame_for(&self, at: usize, no: PageNo) -> Option<usize> {
        let wal = self.wal.as_ref()?;
        let salts = wal.frames().get(at)?.salts;
        let end = *self.ends.get(at)?;
        let same = |frame: &&usize| wal.frames().get(**frame).is_some_and(|frame| frame.salts == salts);
        let frames = self.frames_of.get(&no)?;
        let upto = frames.partition_point(|&frame| frame <= end);
        frames.get(..upto)?.iter().rev().find(same).copied()
    }

    fn main_page(&self, no: PageNo) -> Option<&[u8]> {
        let size = self.geometry.page_size();
        let start = usize::try_from(size.offset(no)).ok()?;
        self.main.get(start..start.checked_add(size.bytes())?)
    }

    /// The offset of an image in its file.
    pub fn offset(&self, frame: Option<usize>, no: PageNo) -> u64 {
        match (frame, &self.wal) {
            (Some(frame), Some(wal)) => wal.page_offset(frame),
            _ => self.geometry.page_size().offset(no),
        }
    }

    /// The page that has a byte of the database file, or of the WAL.
    pub fn page_at(&self, in_wal: bool, offset: u64) -> Option<PageNo> {
        if in_wal {
            return self.wal.as_ref().and_then(|wal| wal.frames().get(wal.frame_at(offset)?)?.page);
        }
        let before = offset.checked_div(self.geometry.page_size().bytes() as u64)?;
        PageNo::new(u32::try_from(before + 1).ok()?)
    }

    /// All images that are not nothing but zeros. The newest come first.
    pub fn all(&self) -> Vec<Looked<'_>> {
        let of_page = |no: &PageNo| {
            let no = *no;
            let Some((frame, bytes)) = self.page(World::Current, no) else { return [None, None] };
            let of_log = frame.and_then(|frame| self.wal.as_ref()?.frames().get(frame)).map(|frame| frame.state);
            let stand = match of_log {
                _ if self.is_free(no) => Stand::Free,
                None | Some(FrameState::Committed) => Stand::Now,
                Some(_) => Stand::Log,
            };
            let now = Looked { no, stand, world: World::Current, frame, bytes };
            let covered = frame.and_then(|_| self.main_page(no));
            let covered =
                covered.map(|bytes| Looked { no, stand: Stand::Covered, world: World::Main, frame: None, bytes });
            [Some(now), covered].map(|image| image.filter(|image| !is_zero(image.bytes)))
        };
        let numbers = self.numbers();
        let mut all: Vec<Looked<'_>> =
            numbers.par_iter().flat_map_iter(|no| of_page(no).into_iter().flatten()).collect();
        let Some(wal) = &self.wal else { return all };
        for (at, frame) in wal.frames().iter().enumerate() {
            let (Some(no), Some(bytes)) = (frame.page, wal.page(at)) else { continue };
            if self.overlay.get(&no) == Some(&at) {
                continue;
            }
            let newest = frame.salts == wal.header().salts;
            let closed = self.closed.get(at) == Some(&true);
            let stand = match frame.proven {
                false => Stand::Unproven,
                true if self.beside.get(&no) == Some(&at) => Stand::Log,
                true if newest && closed => Stand::Covered,
                true => Stand::Earlier,
            };
            if !is_zero(bytes) {
                all.push(Looked { no, stand, world: World::Frame(at), frame: Some(at), bytes });
            }
        }
        all
    }

    /// An image as a b-tree page.
    pub fn btree<'a>(&self, image: &Looked<'a>) -> Option<BtreePage<'a>> {
        BtreePage::parse(image.no, image.bytes, self.geometry).ok()
    }
}

/// Whether a page can be nothing that belongs into a database.
fn is_foreign(no: PageNo, page: &[u8], images: &Images) -> bool {
    let next = page.first_chunk::<4>().map_or(0, |link| u32::from_be_bytes(*link));
    next > images.page_count && BtreePage::parse(no, page, images.geometry).is_err()
}
