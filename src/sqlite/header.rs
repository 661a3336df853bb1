//! The first hundred bytes of a database file, and the sizes that follow from them (SQLite file format, section 1.3).

use std::fmt;
use std::num::NonZeroU32;

use super::field::{u16_at, u32_at};

/// The first sixteen bytes of every database file.
pub const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Length of the file header in bytes; page 1 holds it before its b-tree page header.
pub const HEADER_LEN: usize = 100;

/// The number of a page, counted from 1 as the format does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageNo(NonZeroU32);

impl PageNo {
    /// Page 1: the file header and the root of the schema table.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// A page number, or nothing for 0, which the format uses for "no page".
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// The bare number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// The position in a list that starts with page 1.
    pub(super) fn slot(self) -> usize {
        self.get() as usize - 1
    }
}

impl fmt::Display for PageNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A page size in bytes: a power of two from 512 to 65536.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageSize(u32);

impl PageSize {
    /// The size that SQLite has used for new files since 3.12, and that kine's files have.
    pub const DEFAULT: Self = Self(4096);

    /// A page size, if the number is one.
    #[must_use]
    pub fn new(bytes: u32) -> Option<Self> {
        (bytes.is_power_of_two() && (512..=65536).contains(&bytes)).then_some(Self(bytes))
    }

    /// The size in bytes.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }

    /// The size in bytes, for slices.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.0 as usize
    }

    /// The page that covers byte 2^30, which no SQLite ever uses because it locks byte ranges there (section 1.4).
    #[must_use]
    pub fn lock_byte_page(self) -> PageNo {
        PageNo::new((1 << 30) / self.0 + 1).unwrap_or(PageNo::FIRST)
    }

    /// The offset in bytes of a page in the file.
    #[must_use]
    pub fn offset(self, page: PageNo) -> u64 {
        u64::from(page.get() - 1) * u64::from(self.0)
    }
}

/// Whether a tree is keyed by rowid or by records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TreeKind {
    /// Rows by rowid.
    Table,
    /// Records in their own order: indexes, and tables `WITHOUT ROWID`.
    Index,
}

/// Page size and reserved bytes, and the cell sizes that follow from them (section 1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    page_size: PageSize,
    usable: u32,
}

impl Geometry {
    /// The geometry of pages with `reserved` bytes left unused at their end; nothing below 480 usable bytes.
    #[must_use]
    pub fn new(page_size: PageSize, reserved: u8) -> Option<Self> {
        let usable = page_size.get() - u32::from(reserved);
        (usable >= 480).then_some(Self { page_size, usable })
    }

    /// The geometry of pages without reserved bytes, as kine's files have it.
    #[must_use]
    pub fn without_reserve(page_size: PageSize) -> Self {
        Self { page_size, usable: page_size.get() }
    }

    /// The page size.
    #[must_use]
    pub fn page_size(self) -> PageSize {
        self.page_size
    }

    /// The bytes of a page that the format uses: page size less reserved bytes.
    #[must_use]
    pub fn usable(self) -> u32 {
        self.usable
    }

    /// The longest payload in bytes that a cell keeps without overflow pages.
    #[must_use]
    pub fn max_local(self, tree: TreeKind) -> u32 {
        match tree {
            TreeKind::Table => self.usable - 35,
            TreeKind::Index => (self.usable - 12) * 64 / 255 - 23,
        }
    }

    /// How many bytes of a payload its cell keeps; the rest lies on overflow pages.
    #[must_use]
    pub fn local_len(self, tree: TreeKind, payload: u32) -> u32 {
        let max = self.max_local(tree);
        if payload <= max {
            return payload;
        }
        let min = (self.usable - 12) * 32 / 255 - 23;
        let wanted = min + (payload - min) % (self.usable - 4);
        if wanted <= max { wanted } else { min }
    }

    /// How many bytes of payload an overflow page holds.
    #[must_use]
    pub fn overflow_content(self) -> u32 {
        self.usable - 4
    }

    /// How many overflow pages a payload has when `local` bytes of it are in its cell.
    #[must_use]
    pub fn overflow_pages(self, payload: u32, local: u32) -> u32 {
        payload.saturating_sub(local).div_ceil(self.overflow_content())
    }

    /// The most cells a page can hold, as SQLite bounds it (btreeInt.h, `MX_CELL`).
    #[must_use]
    pub fn max_cells(self) -> u32 {
        (self.page_size.get() - 8) / 6
    }
}

/// What the file header says. Fields that a reader of pages does not need are kept as they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Page size and usable bytes.
    pub geometry: Geometry,
    /// Bytes left unused at the end of every page (offset 20).
    pub reserved: u8,
    /// 1 for rollback journals, 2 for WAL (offset 18).
    pub write_version: u8,
    /// 1 for rollback journals, 2 for WAL; above 2 SQLite refuses the file (offset 19).
    pub read_version: u8,
    /// Whether the three payload fractions are 64, 32, 32, without which SQLite refuses the file (offset 21).
    pub fractions_hold: bool,
    /// Counts changes of the file (offset 24).
    pub change_counter: u32,
    /// The size of the database in pages, when the header vouches for it: not 0, and last written by a version that
    /// keeps it (offsets 28 and 92).
    pub size_in_pages: Option<u32>,
    /// The first trunk page of the freelist (offset 32).
    pub freelist_trunk: Option<PageNo>,
    /// The number of pages on the freelist, trunks included (offset 36).
    pub freelist_count: u32,
    /// Changes with every change of the schema (offset 40).
    pub schema_cookie: u32,
    /// 1 to 4; 4 allows the serial types 8 and 9 and descending indexes (offset 44).
    pub schema_format: u32,
    /// The largest root page when the file is auto-vacuumed, and so has pointer map pages (offset 52).
    pub largest_root: Option<PageNo>,
    /// Free for the application (offset 60).
    pub user_version: u32,
    /// Free for the application (offset 68).
    pub application_id: u32,
    /// The change counter when the library version was written (offset 92).
    pub version_valid_for: u32,
    /// The number of the SQLite version that wrote last, such as 3045001 (offset 96).
    pub library_version: u32,
}

/// Why the first bytes of a file are not the header of a database that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The file ends within the header.
    #[error("the file ends after {0} bytes, within the 100-byte header")]
    TooShort(usize),
    /// The first sixteen bytes are something else.
    #[error("not a SQLite database: the file does not begin with \"SQLite format 3\"")]
    Magic,
    /// The page size is not a power of two from 512 to 65536; holds the field as it stands.
    #[error("page size field {0} is not a power of two from 512 to 65536")]
    PageSize(u16),
    /// Fewer than 480 bytes of a page are left to use.
    #[error("{reserved} reserved bytes leave less than 480 of a page of {page_size} bytes")]
    Reserved {
        /// The page size in bytes.
        page_size: u32,
        /// The reserved bytes at the end of each page.
        reserved: u8,
    },
    /// The file was written in a format that came after the one this reader knows.
    #[error("read version {0} is newer than the two known file formats")]
    Newer(u8),
    /// Text is UTF-16, which no kine file has.
    #[error("text is encoded as UTF-16, which kine never uses")]
    Utf16,
}

impl Header {
    /// Reads the header from the start of page 1.
    ///
    /// # Errors
    /// A [`HeaderError`] when the pages of the file cannot be read by what the header says.
    pub fn parse(page1: &[u8]) -> Result<Self, HeaderError> {
        let bytes = page1.first_chunk::<HEADER_LEN>().ok_or(HeaderError::TooShort(page1.len()))?;
        if !bytes.starts_with(MAGIC) {
            return Err(HeaderError::Magic);
        }
        let word = |at| u32_at(bytes, at).unwrap_or_default();
        let size_field = u16_at(bytes, 16).unwrap_or_default();
        let page_size = if size_field == 1 { 65536 } else { u32::from(size_field) };
        let page_size = PageSize::new(page_size).ok_or(HeaderError::PageSize(size_field))?;
        let [write_version, read_version, reserved] = [bytes[18], bytes[19], bytes[20]];
        if read_version > 2 {
            return Err(HeaderError::Newer(read_version));
        }
        let geometry =
            Geometry::new(page_size, reserved).ok_or(HeaderError::Reserved { page_size: page_size.get(), reserved })?;
        // SQLite looks at two bits only, and takes 0 for UTF-8 (prepare.c, sqlite3InitOne).
        if matches!(word(56) & 3, 2 | 3) {
            return Err(HeaderError::Utf16);
        }
        let (change_counter, version_valid_for) = (word(24), word(92));
        Ok(Self {
            geometry,
            reserved,
            write_version,
            read_version,
            fractions_hold: bytes[21..24] == [64, 32, 32],
            change_counter,
            size_in_pages: Some(word(28)).filter(|&size| size != 0 && change_counter == version_valid_for),
            freelist_trunk: PageNo::new(word(32)),
            freelist_count: word(36),
            schema_cookie: word(40),
            schema_format: word(44),
            largest_root: PageNo::new(word(52)),
            user_version: word(60),
            application_id: word(68),
            version_valid_for,
            library_version: word(96),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Vec<u8> {
        let mut bytes = vec![0; 512];
        bytes[..16].copy_from_slice(MAGIC);
        bytes[16..18].copy_from_slice(&512u16.to_be_bytes());
        bytes[18..20].copy_from_slice(&[2, 2]);
        bytes[21..24].copy_from_slice(&[64, 32, 32]);
        bytes
    }

    #[test]
    fn each_reason_to_refuse_a_header_has_its_own_error() {
        assert!(Header::parse(&plain()).is_ok());
        assert_eq!(Header::parse(&plain()[..99]), Err(HeaderError::TooShort(99)));
        let with = |at: usize, value: u8| {
            let mut bytes = plain();
            bytes[at] = value;
            Header::parse(&bytes)
        };
        assert_eq!(with(0, 0), Err(HeaderError::Magic));
        assert_eq!(with(17, 1), Err(HeaderError::PageSize(513)));
        assert_eq!(with(19, 3), Err(HeaderError::Newer(3)));
        assert_eq!(with(20, 33), Err(HeaderError::Reserved { page_size: 512, reserved: 33 }));
        assert_eq!(with(59, 2), Err(HeaderError::Utf16));
        assert_eq!(with(59, 3), Err(HeaderError::Utf16));
    }

    #[test]
    fn cells_are_split_as_the_format_description_computes_it() {
        let geometry = Geometry::new(PageSize::DEFAULT, 0).unwrap();
        assert_eq!(geometry.max_local(TreeKind::Table), 4061);
        assert_eq!(geometry.max_local(TreeKind::Index), 1002);
        assert_eq!(geometry.local_len(TreeKind::Table, 4061), 4061);
        assert_eq!(geometry.local_len(TreeKind::Table, 4062), 489);
        assert_eq!(geometry.local_len(TreeKind::Table, 5000), 908);
        assert_eq!(geometry.overflow_pages(4061, 4061), 0);
        assert_eq!(geometry.overflow_pages(489 + 4092 + 1, 489), 2);
    }
}
