//! Pages by their own signature, with no meta and no tree: what a file still holds when what leads there is lost.
//!
//! A leaf or branch page names its own number, and bbolt packs it without a gap: the first key begins where the table of
//! elements ends, each key behind the value before it, and the last byte lies on the last page that it claims (bbolt
//! `node.go` `write`, `internal/common/inode.go` `WriteInodeToPage`). Such a page is told from anything else wherever it
//! stands, so that pages are found too where sectors or pages are missing before them.

use std::collections::HashMap;

use super::meta::{ByteOrder, Meta, PageSize};
use super::page::{ELEMENT, HEADER, Page, PageKind, PageNo};
use crate::source::Bytes;

/// The unit in which disks lose bytes.
const SECTOR: usize = 512;
/// Pages at one offset from their own number that make that offset believable.
const ENOUGH: usize = 3;
/// All claims together may be so many times the file: pages of a file that means harm claim all of it again and again.
const MOST_CLAIMED: usize = 4;

/// A page that bears its signature, in whatever place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its own number.
    pub no: PageNo,
    /// What it is for.
    pub kind: PageKind,
    /// Where it starts in the file, in bytes.
    pub at: usize,
    /// The bytes that it claims, continuation pages included, as far as the file goes.
    pub len: usize,
    /// Of these the bytes up to the first that a page written later has taken.
    pub own: usize,
    /// Whether the page that follows it in the file is where its number says: nothing is missing or added inside it.
    pub is_level: bool,
}

/// All pages that were found.
#[derive(Clone, Debug)]
pub struct Scan {
    bytes: Bytes,
    order: ByteOrder,
    page_size: PageSize,
    images: Vec<Image>,
    by_no: HashMap<PageNo, Vec<u32>>,
    shifted: bool,
    bare: Vec<PageNo>,
}

impl Scan {
    /// Searches a file. Page size and byte order are those of a meta that holds, else those with which most pages are found.
    pub fn of(bytes: &Bytes) -> Self {
        let metas = metas(bytes);
        let known = metas.iter().map(|(_, meta)| (meta.order, meta.page_size)).next();
        let (order, page_size) = known.unwrap_or_else(|| likeliest(bytes));
        let mut images = believable(candidates(bytes, order, page_size), page_size);
        limit(&mut images, bytes.len());
        trim(&mut images, page_size);
        let shifted = images.iter().any(|image| shift(image, page_size) != 0);
        let bare = if shifted { Vec::new() } else { bare(bytes, &images, &metas, page_size) };
        let mut by_no: HashMap<PageNo, Vec<u32>> = HashMap::new();
        for (image, at) in images.iter().zip(0u32..) {
            by_no.entry(image.no).or_default().push(at);
        }
        Self { bytes: bytes.clone(), order, page_size, images, by_no, shifted, bare }
    }

    /// The file.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The page size.
    pub const fn page_size(&self) -> PageSize {
        self.page_size
    }

    /// The pages, in the order of the file.
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// The images with this page number, by their place among [`Self::images`]; more than one only in a file whose parts
    /// were moved.
    pub fn of_page(&self, no: PageNo) -> &[u32] {
        self.by_no.get(&no).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether pages stand elsewhere than their numbers say.
    pub const fn is_shifted(&self) -> bool {
        self.shifted
    }

    /// Pages that no image claims, of those in front of the last one that is claimed; none are told for a shifted file. A
    /// healthy file has few: continuation pages whose first page was used again.
    pub fn bare(&self) -> &[PageNo] {
        &self.bare
    }

    /// Metas that hold, wherever they stand, the newest first.
    pub fn metas(&self) -> Vec<Meta> {
        let mut metas: Vec<Meta> = metas(&self.bytes).into_iter().map(|(_, meta)| meta).collect();
        metas.sort_by_key(|meta| std::cmp::Reverse(meta.txid));
        metas
    }

    /// An image as a page.
    pub fn page(&self, image: &Image) -> Page<'_> {
        let bytes = self.bytes.get(image.at..image.at.saturating_add(image.len)).unwrap_or_default();
        let count = self.order.u16(bytes, 10).unwrap_or(0);
        let overflow = self.order.u32(bytes, 12).unwrap_or(0);
        Page { no: image.no, kind: image.kind, count, overflow, clipped: false, at: image.at, bytes, order: self.order }
    }

    /// The page inside the value of an inline bucket, which starts at byte `at` of the file, and the root page of one that
    /// is not inline (bbolt `bucket.go` `openBucket`).
    pub fn bucket(&self, value: &[u8], at: usize) -> Option<Result<Page<'_>, PageNo>> {
        const BUCKET_HEADER: usize = 16;
        let root = self.order.u64(value, 0)?;
        if root != 0 {
            return Some(Err(PageNo::new(root)));
        }
        let start = at.checked_add(BUCKET_HEADER)?;
        let bytes = self.bytes.get(start..at.checked_add(value.len())?)?;
        let page = Page::from_header(bytes, self.order, PageNo::new(0), start).ok()?;
        (page.kind == PageKind::Leaf).then_some(Ok(page))
    }
}

/// Metas at the start of the file and, for a file that lost or got bytes there, at any sector of its first mebibyte.
fn metas(bytes: &[u8]) -> Vec<(usize, Meta)> {
    let sectors = (0..bytes.len().min(1 << 20)).step_by(SECTOR);
    sectors.filter_map(|at| Meta::read(bytes, at).ok().map(|meta| (at, meta))).take(4).collect()
}

/// The order and page size with which most pages are found.
fn likeliest(bytes: &[u8]) -> (ByteOrder, PageSize) {
    let mut best = (0, ByteOrder::Little, PageSize::DEFAULT);
    for order in [ByteOrder::Little, ByteOrder::Big] {
        for bytes_of_page in [4096, 16384, 65536, 8192, 32768, 2048, 1024, 512] {
            let Some(page_size) = PageSize::new(bytes_of_page) else { continue };
            let found = believable(candidates(bytes, order, page_size), page_size).len();
            if found > best.0 {
                best = (found, order, page_size);
            }
        }
    }
    (best.1, best.2)
}

fn candidates(bytes: &[u8], order: ByteOrder, page_size: PageSize) -> Vec<Image> {
    (0..bytes.len()).step_by(SECTOR).filter_map(|at| candidate(bytes, order, page_size, at)).collect()
}

/// A leaf or branch page at `at`, by its signature.
fn candidate(bytes: &[u8], order: ByteOrder, page_size: PageSize, at: usize) -> Option<Image> {
    let rest = bytes.get(at..)?;
    let kind = PageKind::from_flags(order.u16(rest, 8)?)?;
    let no = order.u64(rest, 0).filter(|&no| no >= 2)?;
    let (count, overflow) = (usize::from(order.u16(rest, 10)?), order.u32(rest, 12)? as usize);
    let size = page_size.bytes() as usize;
    let len = overflow.checked_add(1)?.checked_mul(size)?;
    let here =
        Image { no: PageNo::new(no), kind, at, len: len.min(rest.len()), own: len.min(rest.len()), is_level: true };
    match kind {
        PageKind::Branch | PageKind::Leaf => {}
        // Nothing is read of it; it is known not to be lost.
        PageKind::Freelist => return (no.checked_mul(size as u64) == Some(at as u64)).then_some(here),
        PageKind::Meta => return None,
    }
    let mut end = HEADER + ELEMENT * count;
    for index in 0..count {
        let element = HEADER + ELEMENT * index;
        let (pos, key, value) = match kind {
            PageKind::Branch => (order.u32(rest, element)?, order.u32(rest, element + 4)?, 0),
            _ => (order.u32(rest, element + 4)?, order.u32(rest, element + 8)?, order.u32(rest, element + 12)?),
        };
        if key == 0 || element.checked_add(pos as usize)? != end {
            return None;
        }
        end = end.checked_add(key as usize)?.checked_add(value as usize)?;
    }
    // bbolt takes one page more than it needs where the content ends with a page.
    let fits = count > 0 && end <= len && end >= len - size;
    // An empty leaf is the root of an empty bucket.
    let is_empty = count == 0 && overflow == 0 && kind == PageKind::Leaf;
    (fits || is_empty).then_some(here)
}

/// How far a page stands from where its number says, in bytes.
fn shift(image: &Image, page_size: PageSize) -> i128 {
    image.at as i128 - i128::from(image.no.get()) * i128::from(page_size.bytes())
}

/// Candidates in their own place, and those that many others stand as far from theirs as: anything else is content that
/// looks like a page.
fn believable(mut found: Vec<Image>, page_size: PageSize) -> Vec<Image> {
    let mut votes: HashMap<i128, usize> = HashMap::new();
    for image in &found {
        *votes.entry(shift(image, page_size)).or_default() += 1;
    }
    found.retain(|image| {
        let shift = shift(image, page_size);
        shift == 0 || votes.get(&shift).is_some_and(|&votes| votes >= ENOUGH)
    });
    found
}

/// Leaves out the pages from which on the claims are more than any real file's.
fn limit(images: &mut Vec<Image>, file: usize) {
    let mut left = file.saturating_mul(MOST_CLAIMED);
    let keep = images.iter().take_while(|image| {
        let fits = image.len <= left;
        left = left.saturating_sub(image.len);
        fits
    });
    let keep = keep.count();
    images.truncate(keep);
}

/// A page that starts inside the claim of another one was written later: what it takes is no longer the other's.
fn trim(images: &mut [Image], page_size: PageSize) {
    for index in 1..images.len() {
        let Some((before, rest)) = images.split_at_mut_checked(index) else { return };
        let (Some(before), Some(next)) = (before.last_mut(), rest.first()) else { return };
        before.is_level = shift(before, page_size) == shift(next, page_size);
    }
    // From the back, the nearest start behind each page: images are in the order of the file.
    let mut next_start = usize::MAX;
    for image in images.iter_mut().rev() {
        image.own = image.len.min(next_start.saturating_sub(image.at));
        next_start = image.at;
    }
}

/// Pages that nothing claims.
fn bare(bytes: &[u8], images: &[Image], metas: &[(usize, Meta)], page_size: PageSize) -> Vec<PageNo> {
    let size = page_size.bytes() as usize;
    let claimed = images.iter().map(|image| image.at.saturating_add(image.len)).max().unwrap_or(0);
    let high_water = metas.iter().map(|(_, meta)| meta.high_water.get()).max().and_then(|no| usize::try_from(no).ok());
    // Pages behind the end of a file that was cut off are among them, as many as a meta can be believed to count.
    let end = high_water.unwrap_or(0).min(bytes.len() / size * 8 + 1024).max(claimed / size);
    let mut bare = Vec::new();
    let mut upto = 2;
    for image in images {
        let first = image.at / size;
        bare.extend((upto..first).map(|no| PageNo::new(no as u64)));
        upto = upto.max(first.saturating_add(image.len / size));
    }
    bare.extend((upto..end).map(|no| PageNo::new(no as u64)));
    bare
}
