//! One page: its header, and the elements of branch, leaf and freelist pages, each checked before it is used.

use std::fmt;
use std::ops::Range;

use super::meta::{ByteOrder, PageSize};

/// Length of a page header (bbolt `internal/common/page.go` `PageHeaderSize`).
pub(super) const HEADER: usize = 16;
/// Length of one entry of the table of a branch or leaf page (bbolt `BranchPageElementSize`, `LeafPageElementSize`).
pub(super) const ELEMENT: usize = 16;
/// The flag of a leaf element whose value is a bucket (bbolt `internal/common/types.go` `BucketLeafFlag`).
pub(super) const BUCKET_FLAG: u32 = 1;
/// From this count on, a freelist page keeps its true count in the first id (bbolt `page.go` `FreelistPageCount`).
const COUNT_ESCAPE: u16 = 0xFFFF;

/// The number of a page; the page starts at this number times the page size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageNo(u64);

impl PageNo {
    /// A page number as found in a file, not yet checked against anything.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The bare number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for PageNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a page is for, by the flags in its header. Exactly one flag may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PageKind {
    /// Keys and the numbers of child pages.
    Branch,
    /// Keys and values.
    Leaf,
    /// One of the two metas.
    Meta,
    /// The numbers of free pages.
    Freelist,
}

impl PageKind {
    /// The kind for a header's flags (bbolt `internal/common/page.go`), `None` when not exactly one known flag is set.
    pub const fn from_flags(flags: u16) -> Option<Self> {
        match flags {
            0x01 => Some(Self::Branch),
            0x02 => Some(Self::Leaf),
            0x04 => Some(Self::Meta),
            0x10 => Some(Self::Freelist),
            _ => None,
        }
    }

    const fn flags(self) -> u16 {
        match self {
            Self::Branch => 0x01,
            Self::Leaf => 0x02,
            Self::Meta => 0x04,
            Self::Freelist => 0x10,
        }
    }
}

impl fmt::Display for PageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Branch => "branch",
            Self::Leaf => "leaf",
            Self::Meta => "meta",
            Self::Freelist => "freelist",
        })
    }
}

/// Appends a page header in little-endian order.
pub(super) fn write_header(out: &mut Vec<u8>, no: PageNo, kind: PageKind, count: u16, overflow: u32) {
    out.extend(no.get().to_le_bytes());
    out.extend(kind.flags().to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(overflow.to_le_bytes());
}

/// Why the bytes at a page's position are not that page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageFault {
    /// The number was never given out.
    #[error("page {no} lies at or beyond the high-water mark {high_water}")]
    PastHighWater {
        /// The page.
        no: PageNo,
        /// The first page number never given out.
        high_water: PageNo,
    },
    /// The file ends before the page does.
    #[error("page {no} lies beyond the end of the file")]
    PastEnd {
        /// The page.
        no: PageNo,
    },
    /// The page says that it is another one: it was never written, or overwritten with other content.
    #[error("page {no} says that it is page {found}")]
    Id {
        /// The page.
        no: PageNo,
        /// The number in its header.
        found: u64,
    },
    /// Not exactly one known flag is set.
    #[error("page {no} has the flags {flags:#06x}, which no page has")]
    Flags {
        /// The page.
        no: PageNo,
        /// The flags in its header.
        flags: u16,
    },
}

impl PageFault {
    /// A short stable name for findings.
    pub const fn id(&self) -> &'static str {
        match self {
            Self::PastHighWater { .. } => "page-out-of-bounds",
            Self::PastEnd { .. } => "page-past-end",
            Self::Id { .. } => "page-id",
            Self::Flags { .. } => "page-flags",
        }
    }
}

/// A page whose header fits its position, with its continuation pages.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Its number; for the page of an inline bucket, that of the page that holds the bucket.
    pub no: PageNo,
    /// What it is for.
    pub kind: PageKind,
    /// The number of elements that the header promises.
    pub count: u16,
    /// The number of continuation pages that the header promises.
    pub overflow: u32,
    /// The continuation pages, or some of them, lie outside the file or beyond the high-water mark.
    pub clipped: bool,
    /// Where the page starts in the file, in bytes.
    pub at: usize,
    /// The page and its continuation pages, as far as they are there.
    pub bytes: &'a [u8],
    pub(super) order: ByteOrder,
}

/// Positions of one cell of a leaf page, relative to the page's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Bit 0: the value is a bucket.
    pub flags: u32,
    /// Where the key lies.
    pub key: Range<usize>,
    /// Where the value lies.
    pub value: Range<usize>,
}

/// One element of a branch page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Where the key lies, relative to the page's start.
    pub key: Range<usize>,
    /// The child page.
    pub page: PageNo,
}

impl<'a> Page<'a> {
    /// Reads the header of page `no` and finds its bytes.
    ///
    /// # Errors
    /// The page lies outside the file or beyond the high-water mark, or its header is that of another page.
    pub fn read(
        file: &'a [u8],
        order: ByteOrder,
        page_size: PageSize,
        high_water: PageNo,
        no: PageNo,
    ) -> Result<Self, PageFault> {
        if no >= high_water {
            return Err(PageFault::PastHighWater { no, high_water });
        }
        let size = page_size.bytes() as usize;
        let at = usize::try_from(no.get()).ok().and_then(|no| no.checked_mul(size));
        let at = at.ok_or(PageFault::PastEnd { no })?;
        let end = at.checked_add(size).filter(|end| *end <= file.len());
        end.ok_or(PageFault::PastEnd { no })?;
        let rest = file.get(at..).unwrap_or_default();
        let mut page = Self::from_header(rest, order, no, at)?;
        let found = order.u64(rest, 0).unwrap_or_default();
        if found != no.get() {
            return Err(PageFault::Id { no, found });
        }
        let wanted = u64::from(page.overflow) + 1;
        let owned = wanted.min(high_water.get() - no.get());
        let bytes = usize::try_from(owned).ok().and_then(|n| n.checked_mul(size));
        let bytes = bytes.unwrap_or(usize::MAX).min(rest.len());
        page.bytes = rest.get(..bytes).unwrap_or_default();
        page.clipped = wanted.checked_mul(size as u64) != Some(bytes as u64);
        Ok(page)
    }

    /// Reads a page from bytes that hold nothing but it, whatever number it bears: that of an inline bucket.
    pub(super) fn from_header(bytes: &'a [u8], order: ByteOrder, no: PageNo, at: usize) -> Result<Self, PageFault> {
        let flags = order.u16(bytes, 8).ok_or(PageFault::PastEnd { no })?;
        let count = order.u16(bytes, 10).ok_or(PageFault::PastEnd { no })?;
        let overflow = order.u32(bytes, 12).ok_or(PageFault::PastEnd { no })?;
        let kind = PageKind::from_flags(flags).ok_or(PageFault::Flags { no, flags })?;
        Ok(Self { no, kind, count, overflow, clipped: false, at, bytes, order })
    }

    /// The number of elements whose place in the table lies inside the page: `count`, unless the header lies.
    pub fn cells(&self) -> u16 {
        let room = self.bytes.len().saturating_sub(HEADER) / ELEMENT;
        self.count.min(u16::try_from(room).unwrap_or(u16::MAX))
    }

    /// The cell `index` of a leaf page; `None` when it is not in the table or its key or value leaves the page or lies in
    /// the table (bbolt `internal/common/page.go` `LeafPageElement`: flags, pos, ksize, vsize).
    #[inline]
    pub fn cell(&self, index: u16) -> Option<Cell> {
        let at = self.element(index)?;
        let flags = self.order.u32(self.bytes, at)?;
        let key = self.payload(at, self.order.u32(self.bytes, at + 4)?, self.order.u32(self.bytes, at + 8)?)?;
        let size = usize::try_from(self.order.u32(self.bytes, at + 12)?).ok()?;
        let end = key.end.checked_add(size).filter(|end| *end <= self.bytes.len())?;
        Some(Cell { flags, value: key.end..end, key })
    }

    /// The element `index` of a branch page; `None` when it is not in the table or its key leaves the page or lies in the
    /// table (bbolt `internal/common/page.go` `BranchPageElement`: pos, ksize, pgid).
    #[inline]
    pub fn child(&self, index: u16) -> Option<Child> {
        let at = self.element(index)?;
        let key = self.payload(at, self.order.u32(self.bytes, at)?, self.order.u32(self.bytes, at + 4)?)?;
        let page = PageNo::new(self.order.u64(self.bytes, at + 8)?);
        Some(Child { key, page })
    }

    /// Where element `index` starts.
    #[inline]
    fn element(&self, index: u16) -> Option<usize> {
        (index < self.cells()).then(|| HEADER + ELEMENT * usize::from(index))
    }

    /// The range of `size` bytes that starts `pos` bytes after the element at `at`.
    #[inline]
    fn payload(&self, at: usize, pos: u32, size: u32) -> Option<Range<usize>> {
        let table_end = HEADER + ELEMENT * usize::from(self.cells());
        let start = at.checked_add(usize::try_from(pos).ok()?).filter(|start| *start >= table_end)?;
        let end = start.checked_add(usize::try_from(size).ok()?).filter(|end| *end <= self.bytes.len())?;
        Some(start..end)
    }

    /// The page numbers on a freelist page and the number of them that the page promises; fewer are returned when they do
    /// not fit into the page (bbolt `internal/common/page.go` `FreelistPageIds`).
    pub fn free_ids(&self) -> (Vec<PageNo>, u64) {
        let (promised, first) = match self.count {
            COUNT_ESCAPE => (self.order.u64(self.bytes, HEADER).unwrap_or_default(), HEADER + 8),
            count => (u64::from(count), HEADER),
        };
        let room = self.bytes.len().saturating_sub(first) / 8;
        let take = usize::try_from(promised).unwrap_or(usize::MAX).min(room);
        let ids = (0..take).filter_map(|index| self.order.u64(self.bytes, first + 8 * index));
        (ids.map(PageNo::new).collect(), promised)
    }
}
