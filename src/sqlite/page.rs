//! One b-tree page and its cells (SQLite file format, section 1.6).
//!
//! Nothing here follows a page number: a page is looked at by itself, so that pages without a tree can be read as well.

use super::field::{u16_at, u32_at, varint_at};
use super::header::{Geometry, HEADER_LEN, PageNo, TreeKind};

/// The four kinds of b-tree page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PageKind {
    /// Type 2: records with children between them.
    IndexInterior,
    /// Type 5: rowids with children between them.
    TableInterior,
    /// Type 10: records.
    IndexLeaf,
    /// Type 13: rows.
    TableLeaf,
}

impl PageKind {
    /// The kind a page's type byte stands for.
    #[must_use]
    pub fn of(byte: u8) -> Option<Self> {
        match byte {
            2 => Some(Self::IndexInterior),
            5 => Some(Self::TableInterior),
            10 => Some(Self::IndexLeaf),
            13 => Some(Self::TableLeaf),
            _ => None,
        }
    }

    /// The kind of tree such a page belongs to.
    #[must_use]
    pub fn tree(self) -> TreeKind {
        match self {
            Self::TableInterior | Self::TableLeaf => TreeKind::Table,
            Self::IndexInterior | Self::IndexLeaf => TreeKind::Index,
        }
    }

    /// Whether such a page has no children.
    #[must_use]
    pub fn is_leaf(self) -> bool {
        matches!(self, Self::IndexLeaf | Self::TableLeaf)
    }

    /// The length of the page header in bytes.
    #[must_use]
    pub fn header_len(self) -> usize {
        if self.is_leaf() { 8 } else { 12 }
    }
}

/// Why bytes are not a b-tree page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The bytes end within the page.
    #[error("the page is cut off")]
    CutOff,
    /// The first byte is none of the four types.
    #[error("type byte {0} is no b-tree page")]
    Type(u8),
    /// More cells than a page can hold, or than their pointers have room for.
    #[error("{0} cells do not fit into the page")]
    CellCount(u16),
    /// An interior page whose right-most child is page 0.
    #[error("the right-most child is page 0")]
    RightChild,
}

/// Why a cell cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CellError {
    /// The cell pointer leads outside of the cell content area.
    #[error("cell pointer {0} leads outside of the page's content")]
    Pointer(u16),
    /// The cell runs over the end of the page.
    #[error("the cell at offset {0} runs over the end of the page")]
    CutOff(u16),
    /// The payload is longer than the 2^31-1 bytes that SQLite allows.
    #[error("payload length {0} is beyond what SQLite allows")]
    PayloadLength(u64),
    /// The child or the first overflow page is page 0.
    #[error("the cell at offset {0} names page 0")]
    PageZero(u16),
    /// A freeblock lies outside of the page's content, or before the one that leads to it.
    #[error("the freeblock at offset {0} is not in order")]
    Freeblock(u16),
}

/// Where the payload of a cell lies: small enough to keep one for each row of a large table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PayloadRef {
    page: PageNo,
    len: u32,
    start: u16,
    local: u16,
}

impl PayloadRef {
    /// The page with the cell.
    #[must_use]
    pub fn page(&self) -> PageNo {
        self.page
    }

    /// The length of the whole payload in bytes, overflow pages included.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a record has at least its header's length byte")]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// How many bytes of the payload lie in the cell itself.
    #[must_use]
    pub fn local_len(&self) -> u32 {
        u32::from(self.local)
    }

    /// The offset of the payload's first byte in its page.
    #[must_use]
    pub fn start(&self) -> usize {
        usize::from(self.start)
    }

    /// Whether part of the payload lies on overflow pages.
    #[must_use]
    pub fn overflows(&self) -> bool {
        self.len > u32::from(self.local)
    }
}

/// A row of a table leaf page.
#[derive(Clone, Copy, Debug)]
pub struct TableCell<'a> {
    /// The row's key.
    pub rowid: i64,
    /// The cell's position in the page's table, from 0; or 0 for a cell that was looked for without one.
    pub position: u16,
    /// Where the payload lies.
    pub payload: PayloadRef,
    /// The part of the payload that lies in the page.
    pub local: &'a [u8],
    /// The first overflow page, exactly when the payload has one.
    pub overflow: Option<PageNo>,
    /// The offsets in the page of the cell's first byte and of the byte after it.
    pub extent: (u16, u32),
}

/// An entry of an index page.
#[derive(Clone, Copy, Debug)]
pub struct IndexCell<'a> {
    /// The child with the entries before this one, exactly on interior pages.
    pub child: Option<PageNo>,
    /// The cell's position in the page's table, from 0; or 0 for a cell that was looked for without one.
    pub position: u16,
    /// Where the payload lies.
    pub payload: PayloadRef,
    /// The part of the payload that lies in the page.
    pub local: &'a [u8],
    /// The first overflow page, exactly when the payload has one.
    pub overflow: Option<PageNo>,
    /// The offsets in the page of the cell's first byte and of the byte after it.
    pub extent: (u16, u32),
}

/// An entry of an interior page of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableInteriorCell {
    /// The child with the rows up to `key`.
    pub child: PageNo,
    /// The largest rowid the child may hold.
    pub key: i64,
    /// The offsets in the page of the cell's first byte and of the byte after it.
    pub extent: (u16, u32),
}

/// A payload as its cell places it, and the offset of the byte after the cell.
struct Placed<'a> {
    payload: PayloadRef,
    local: &'a [u8],
    overflow: Option<PageNo>,
    end: u32,
}

/// A b-tree page whose header makes sense.
#[derive(Clone, Copy, Debug)]
pub struct BtreePage<'a> {
    bytes: &'a [u8],
    no: PageNo,
    geometry: Geometry,
    kind: PageKind,
    header_at: usize,
    cell_count: u16,
    right_child: Option<PageNo>,
}

impl<'a> BtreePage<'a> {
    /// Reads the page header; on page 1 it stands behind the file header.
    ///
    /// # Errors
    /// A [`PageError`] when the bytes cannot be a b-tree page.
    pub fn parse(no: PageNo, bytes: &'a [u8], geometry: Geometry) -> Result<Self, PageError> {
        let bytes = bytes.get(..geometry.usable() as usize).ok_or(PageError::CutOff)?;
        let header_at = if no == PageNo::FIRST { HEADER_LEN } else { 0 };
        let byte = *bytes.get(header_at).ok_or(PageError::CutOff)?;
        let kind = PageKind::of(byte).ok_or(PageError::Type(byte))?;
        let cell_count = u16_at(bytes, header_at + 3).ok_or(PageError::CutOff)?;
        let pointers_end = header_at + kind.header_len() + 2 * usize::from(cell_count);
        if u32::from(cell_count) > geometry.max_cells() || pointers_end > bytes.len() {
            return Err(PageError::CellCount(cell_count));
        }
        let right_child = if kind.is_leaf() {
            None
        } else {
            let field = u32_at(bytes, header_at + 8).ok_or(PageError::CutOff)?;
            Some(PageNo::new(field).ok_or(PageError::RightChild)?)
        };
        Ok(Self { bytes, no, geometry, kind, header_at, cell_count, right_child })
    }

    /// The page's number.
    #[must_use]
    pub fn no(&self) -> PageNo {
        self.no
    }

    /// The page's kind.
    #[must_use]
    pub fn kind(&self) -> PageKind {
        self.kind
    }

    /// The number of cells.
    #[must_use]
    pub fn cell_count(&self) -> u16 {
        self.cell_count
    }

    /// The child with the largest keys, exactly on interior pages.
    #[must_use]
    pub fn right_child(&self) -> Option<PageNo> {
        self.right_child
    }

    /// The offset in the page of the first freeblock, if there is one.
    #[must_use]
    pub fn first_freeblock(&self) -> Option<u16> {
        u16_at(self.bytes, self.header_at + 1).filter(|&at| at != 0)
    }

    /// The freeblocks: offset of the first byte, offset of the byte after the last. Their first four bytes are the next
    /// freeblock and the size; the rest is what a deleted cell left.
    ///
    /// # Errors
    /// [`CellError::Freeblock`] when the list leaves the page or does not ascend, as SQLite wants it
    /// (btree.c, `btreeComputeFreeSpace`).
    pub fn freeblocks(&self) -> Result<Vec<(u16, u32)>, CellError> {
        let mut blocks: Vec<(u16, u32)> = Vec::new();
        let mut next = self.first_freeblock();
        while let Some(at) = next {
            let bad = CellError::Freeblock(at);
            let behind = blocks.last().map_or(self.content_start().min(u32::from(at)), |&(_, end)| end + 4);
            let size = u16_at(self.bytes, usize::from(at) + 2).ok_or(bad)?;
            let end = u32::from(at) + u32::from(size);
            let in_content = usize::from(at) >= self.pointers_end() && end as usize <= self.bytes.len();
            if u32::from(at) < behind || size < 4 || !in_content {
                return Err(bad);
            }
            blocks.push((at, end));
            next = u16_at(self.bytes, usize::from(at)).filter(|&next| next != 0);
        }
        Ok(blocks)
    }

    /// The bytes too few for a freeblock between cells, as the page header counts them.
    #[must_use]
    pub fn fragmented(&self) -> u8 {
        self.bytes.get(self.header_at + 7).copied().unwrap_or(0)
    }

    /// The offset in the page where the cell content begins, as the header states it.
    #[must_use]
    pub fn content_start(&self) -> u32 {
        match u16_at(self.bytes, self.header_at + 5) {
            None | Some(0) => 65536,
            Some(at) => u32::from(at),
        }
    }

    /// The offset in the page after the last cell pointer.
    #[must_use]
    pub fn pointers_end(&self) -> usize {
        self.header_at + self.kind.header_len() + 2 * usize::from(self.cell_count)
    }

    /// The offset of a cell in the page.
    ///
    /// # Errors
    /// [`CellError::Pointer`] when it leads into the page header, the cell pointers or beyond the page.
    pub fn cell_offset(&self, position: u16) -> Result<u16, CellError> {
        let at = self.header_at + self.kind.header_len() + 2 * usize::from(position);
        let pointer = u16_at(self.bytes, at).filter(|_| position < self.cell_count).ok_or(CellError::Pointer(0))?;
        let offset = usize::from(pointer);
        if offset < self.pointers_end() || offset + 4 > self.bytes.len() {
            return Err(CellError::Pointer(pointer));
        }
        Ok(pointer)
    }

    /// The row at a position of a table leaf.
    ///
    /// # Errors
    /// A [`CellError`] when the cell does not lie inside the page as it should.
    pub fn table_cell(&self, position: u16) -> Result<TableCell<'a>, CellError> {
        let mut cell = self.table_cell_at(self.cell_offset(position)?)?;
        cell.position = position;
        Ok(cell)
    }

    /// Reads the bytes at any offset of the page as a row, as a search for freed cells does.
    ///
    /// # Errors
    /// A [`CellError`] when no cell can begin there.
    pub fn table_cell_at(&self, at: u16) -> Result<TableCell<'a>, CellError> {
        let cut = CellError::CutOff(at);
        let (len, next) = varint_at(self.bytes, usize::from(at)).ok_or(cut)?;
        let (rowid, start) = varint_at(self.bytes, next).ok_or(cut)?;
        let Placed { payload, local, overflow, end } = self.payload(TreeKind::Table, at, len, start)?;
        Ok(TableCell { rowid: rowid.cast_signed(), position: 0, payload, local, overflow, extent: (at, end) })
    }

    /// The entry at a position of an index page.
    ///
    /// # Errors
    /// A [`CellError`] when the cell does not lie inside the page as it should.
    pub fn index_cell(&self, position: u16) -> Result<IndexCell<'a>, CellError> {
        let mut cell = self.index_cell_at(self.cell_offset(position)?)?;
        cell.position = position;
        Ok(cell)
    }

    /// Reads the bytes at any offset of the page as an index entry, with a child if the page is an interior one.
    ///
    /// # Errors
    /// A [`CellError`] when no cell can begin there.
    pub fn index_cell_at(&self, at: u16) -> Result<IndexCell<'a>, CellError> {
        let cut = CellError::CutOff(at);
        let begin = usize::from(at);
        let (child, begin) = if self.kind.is_leaf() {
            (None, begin)
        } else {
            let child = u32_at(self.bytes, begin).ok_or(cut)?;
            (Some(PageNo::new(child).ok_or(CellError::PageZero(at))?), begin + 4)
        };
        let (len, start) = varint_at(self.bytes, begin).ok_or(cut)?;
        let Placed { payload, local, overflow, end } = self.payload(TreeKind::Index, at, len, start)?;
        Ok(IndexCell { child, position: 0, payload, local, overflow, extent: (at, end) })
    }

    /// The entry at a position of an interior page of a table.
    ///
    /// # Errors
    /// A [`CellError`] when the cell does not lie inside the page as it should.
    pub fn table_interior_cell(&self, position: u16) -> Result<TableInteriorCell, CellError> {
        let at = self.cell_offset(position)?;
        let child = u32_at(self.bytes, usize::from(at)).ok_or(CellError::CutOff(at))?;
        let (key, end) = varint_at(self.bytes, usize::from(at) + 4).ok_or(CellError::CutOff(at))?;
        let child = PageNo::new(child).ok_or(CellError::PageZero(at))?;
        Ok(TableInteriorCell { child, key: key.cast_signed(), extent: (at, extent_end(at, end)) })
    }

    /// The payload that begins at `start`, in the cell at `at`.
    fn payload(&self, tree: TreeKind, at: u16, len: u64, start: usize) -> Result<Placed<'a>, CellError> {
        let cut = CellError::CutOff(at);
        let len = u32::try_from(len).ok().filter(|&len| len <= i32::MAX as u32).ok_or(CellError::PayloadLength(len))?;
        let local_len = self.geometry.local_len(tree, len);
        let end = start + local_len as usize;
        let local = self.bytes.get(start..end).ok_or(cut)?;
        let (overflow, end) = if len > local_len {
            let first = u32_at(self.bytes, end).ok_or(cut)?;
            (Some(PageNo::new(first).ok_or(CellError::PageZero(at))?), end + 4)
        } else {
            (None, end)
        };
        let start = u16::try_from(start).map_err(|_| cut)?;
        let local_len = u16::try_from(local_len).map_err(|_| cut)?;
        let payload = PayloadRef { page: self.no, len, start, local: local_len };
        Ok(Placed { payload, local, overflow, end: extent_end(at, end) })
    }
}

/// A cell takes at least four bytes, so that it can become a freeblock (btree.c, `cellSizePtr`).
fn extent_end(at: u16, end: usize) -> u32 {
    (u32::from(at) + 4).max(u32::try_from(end).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::header::PageSize;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_a_page_view_panic(mut bytes in proptest::collection::vec(any::<u8>(), 512), kind in 0usize..4, first: bool, at: u16) {
            let no = PageNo::new(if first { 1 } else { 7 }).unwrap();
            bytes[if first { 100 } else { 0 }] = [2, 5, 10, 13][kind];
            bytes[if first { 103 } else { 3 }] = 0;
            let geometry = Geometry::new(PageSize::new(512).unwrap(), 0).unwrap();
            if let Ok(page) = BtreePage::parse(no, &bytes, geometry) {
                for position in 0..=page.cell_count() {
                    let _ = (page.table_cell(position).is_ok(), page.index_cell(position).is_ok(), page.table_interior_cell(position).is_ok());
                }
                let _ = page.freeblocks();
                let _ = (page.table_cell_at(at).is_ok(), page.index_cell_at(at).is_ok());
            }
        }
    }
}
