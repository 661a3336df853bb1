//! Records, cut into a cell and overflow pages, and pages filled with cells.

use std::io::{Seek, Write};

use super::output::Output;
use super::{BuildError, MAX_RECORD};
use crate::sqlite::field::{Varint, varint_len};
use crate::sqlite::header::{Geometry, PageNo, TreeKind};
use crate::sqlite::page::PageKind;

/// A value of a column, borrowed from where it lies.
///
/// The order is the one in which SQLite sorts values of these types under the collation BINARY, so index entries can be
/// sorted as slices of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column<'a> {
    /// NULL.
    Null,
    /// An integer.
    Int(i64),
    /// Text, which should be UTF-8.
    Text(&'a [u8]),
    /// Bytes.
    Blob(&'a [u8]),
}

impl Column<'_> {
    /// The serial type and the length of the value in bytes (SQLite file format, section 2.1).
    fn serial(self) -> (u64, usize) {
        match self {
            Self::Null => (0, 0),
            Self::Int(0) => (8, 0),
            Self::Int(1) => (9, 0),
            Self::Int(value) => {
                // How many bits a two's complement of the value needs.
                let bits = 65 - (value ^ (value >> 63)).leading_zeros();
                match bits {
                    0..=8 => (1, 1),
                    9..=16 => (2, 2),
                    17..=24 => (3, 3),
                    25..=32 => (4, 4),
                    33..=48 => (5, 6),
                    _ => (6, 8),
                }
            }
            Self::Text(bytes) => (bytes.len() as u64 * 2 + 13, bytes.len()),
            Self::Blob(bytes) => (bytes.len() as u64 * 2 + 12, bytes.len()),
        }
    }
}

/// A record that is about to be written: its header, and its values where they lie.
pub(super) struct Record<'r> {
    header: &'r [u8],
    columns: &'r [Column<'r>],
    len: u32,
}

impl<'r> Record<'r> {
    /// Computes the header, in a buffer that is used again and again.
    pub(super) fn new(columns: &'r [Column<'r>], buffer: &'r mut Vec<u8>) -> Result<Self, BuildError> {
        buffer.clear();
        let mut types_len = 0;
        let mut values_len = 0u64;
        for column in columns {
            let (serial, len) = column.serial();
            types_len += varint_len(serial);
            values_len += len as u64;
        }
        // The header's length counts itself.
        let mut header_len = types_len + 1;
        while varint_len(header_len as u64) + types_len > header_len {
            header_len += 1;
        }
        buffer.extend_from_slice(Varint::new(header_len as u64).as_bytes());
        for column in columns {
            buffer.extend_from_slice(Varint::new(column.serial().0).as_bytes());
        }
        let len = header_len as u64 + values_len;
        let too_long = BuildError::RecordTooLong(len);
        if len > MAX_RECORD {
            return Err(too_long);
        }
        Ok(Self { header: buffer, columns, len: u32::try_from(len).map_err(|_| too_long)? })
    }

    /// The length of the record in bytes.
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    fn reader(&self) -> RecordReader<'_> {
        RecordReader { rest: self.header, columns: self.columns, number: [0; 8], number_left: 0 }
    }
}

/// Hands out the bytes of a record piece by piece.
struct RecordReader<'r> {
    rest: &'r [u8],
    columns: &'r [Column<'r>],
    /// The last bytes of this are left of an integer.
    number: [u8; 8],
    number_left: usize,
}

impl RecordReader<'_> {
    /// Fills `out` from where the last call ended.
    fn fill(&mut self, mut out: &mut [u8]) {
        while !out.is_empty() {
            let number_at = 8 - self.number_left;
            let from = if self.number_left > 0 { &self.number[number_at..] } else { self.rest };
            let len = from.len().min(out.len());
            let (now, later) = out.split_at_mut(len);
            now.copy_from_slice(&from[..len]);
            out = later;
            if self.number_left > 0 {
                self.number_left -= len;
            } else {
                self.rest = &self.rest[len..];
            }
            if self.number_left == 0 && self.rest.is_empty() {
                let Some((column, rest)) = self.columns.split_first() else { return };
                self.columns = rest;
                match *column {
                    Column::Text(bytes) | Column::Blob(bytes) => self.rest = bytes,
                    Column::Int(value) => {
                        self.number = value.to_be_bytes();
                        self.number_left = column.serial().1;
                    }
                    Column::Null => {}
                }
            }
        }
    }
}

/// Makes cells: each is a prefix, the local part of its payload, and the number of the first overflow page. The overflow
/// pages go out while the cell is made, so a chain lies in one piece before its leaf.
pub(super) fn write_cell<W: Write + Seek>(
    out: &mut Output<W>,
    tree: TreeKind,
    record: &Record<'_>,
    cell: &mut Vec<u8>,
) -> Result<(), BuildError> {
    let geometry = Geometry::without_reserve(out.page_size());
    let local = geometry.local_len(tree, record.len());
    let mut reader = record.reader();
    let start = cell.len();
    cell.resize(start + local as usize, 0);
    reader.fill(&mut cell[start..]);
    let mut rest = record.len() - local;
    if rest > 0 {
        let mut page = out.next()?;
        cell.extend_from_slice(&page.get().to_be_bytes());
        while rest > 0 {
            let len = rest.min(geometry.overflow_content());
            rest -= len;
            let next = if rest > 0 { Some(out.after(page)?) } else { None };
            out.append_with(|bytes| {
                bytes[..4].copy_from_slice(&next.map_or(0, PageNo::get).to_be_bytes());
                reader.fill(&mut bytes[4..4 + len as usize]);
            })?;
            page = next.unwrap_or(page);
        }
    }
    // A cell takes at least four bytes, so that it can become a freeblock (btree.c, `cellSizePtr`).
    if cell.len() < 4 {
        cell.resize(4, 0);
    }
    Ok(())
}

/// A b-tree page that is being filled: cell pointers from the front, cells from the back (section 1.6).
#[derive(Debug)]
pub(super) struct PageBuffer {
    bytes: Vec<u8>,
    kind: PageKind,
    header_at: usize,
    cells: u16,
    content_start: usize,
}

impl PageBuffer {
    /// An empty page; page 1 leaves room for the file header.
    pub(super) fn new(kind: PageKind, page_size: usize, header_at: usize) -> Self {
        Self { bytes: vec![0; page_size], kind, header_at, cells: 0, content_start: page_size }
    }

    /// Takes the page as it is and leaves an empty one of its kind.
    pub(super) fn take(page: &mut Self) -> Self {
        let empty = Self::new(page.kind, page.bytes.len(), page.header_at);
        std::mem::replace(page, empty)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cells == 0
    }

    fn pointers_end(&self) -> usize {
        self.header_at + self.kind.header_len() + 2 * usize::from(self.cells)
    }

    /// The bytes that are left for a cell and its pointer.
    pub(super) fn room(&self) -> usize {
        self.content_start - self.pointers_end()
    }

    /// Whether a cell of this length has room.
    pub(super) fn fits(&self, cell_len: usize) -> bool {
        cell_len + 2 <= self.room()
    }

    /// Puts a cell behind the others, if it has room.
    pub(super) fn push(&mut self, head: &[u8], body: &[u8]) -> bool {
        let len = head.len() + body.len();
        if !self.fits(len) {
            return false;
        }
        let pointer_at = self.pointers_end();
        let start = self.content_start - len;
        self.bytes[start..start + head.len()].copy_from_slice(head);
        self.bytes[start + head.len()..self.content_start].copy_from_slice(body);
        self.bytes[pointer_at..pointer_at + 2].copy_from_slice(&(start as u16).to_be_bytes());
        self.content_start = start;
        self.cells += 1;
        true
    }

    /// Takes the last cell off again.
    pub(super) fn pop(&mut self) -> Option<Vec<u8>> {
        let last = self.cells.checked_sub(1)?;
        let end = match last {
            0 => self.bytes.len(),
            _ => self.pointer(last - 1),
        };
        let cell = self.bytes[self.content_start..end].to_vec();
        self.cells = last;
        self.content_start = end;
        Some(cell)
    }

    fn pointer(&self, position: u16) -> usize {
        let at = self.header_at + self.kind.header_len() + 2 * usize::from(position);
        usize::from(u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]]))
    }

    /// Writes the page header and zeros between pointers and cells, and gives the page.
    pub(super) fn seal(&mut self, right_child: Option<PageNo>) -> &mut [u8] {
        let gap = self.pointers_end()..self.content_start;
        self.bytes[gap].fill(0);
        let header = &mut self.bytes[self.header_at..];
        header[0] = match self.kind {
            PageKind::IndexInterior => 2,
            PageKind::TableInterior => 5,
            PageKind::IndexLeaf => 10,
            PageKind::TableLeaf => 13,
        };
        header[1..3].fill(0);
        header[3..5].copy_from_slice(&self.cells.to_be_bytes());
        // An empty page of 65536 bytes begins its content at 65536, which is written as 0.
        header[5..7].copy_from_slice(&(self.content_start as u16).to_be_bytes());
        header[7] = 0;
        if let Some(child) = right_child {
            header[8..12].copy_from_slice(&child.get().to_be_bytes());
        }
        &mut self.bytes
    }

    /// Empties the page for the next one.
    pub(super) fn clear(&mut self) {
        self.cells = 0;
        self.content_start = self.bytes.len();
    }
}
