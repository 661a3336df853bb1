//! An index, all levels at once: an entry that has no more room on a page becomes the separator above it.

use std::io::{Seek, Write};

use super::BuildError;
use super::cell::{Column, PageBuffer, Record, write_cell};
use super::output::Output;
use crate::sqlite::field::Varint;
use crate::sqlite::header::{PageNo, TreeKind};
use crate::sqlite::page::PageKind;

/// A full page that waits for its right neighbour to get an entry, and the entry that parts the two.
#[derive(Debug)]
struct Waiting {
    page: PageBuffer,
    right_child: Option<PageNo>,
    separator: Vec<u8>,
}

/// One level of the tree: the page that is being filled, and the full one before it.
#[derive(Debug)]
struct Level {
    page: PageBuffer,
    waiting: Option<Waiting>,
}

/// Writes the entries of one index. It keeps two pages of each level.
#[derive(Debug)]
pub struct IndexWriter<'b, W> {
    out: &'b mut Output<W>,
    levels: Vec<Level>,
    cell: Vec<u8>,
    header: Vec<u8>,
}

impl<'b, W: Write + Seek> IndexWriter<'b, W> {
    pub(super) fn new(out: &'b mut Output<W>) -> Self {
        Self { out, levels: Vec::new(), cell: Vec::new(), header: Vec::new() }
    }

    /// Adds an entry: the indexed columns, and the rowid as last one. Entries must come in the order of the index (see
    /// [`Column`]); that is not checked here, but everyone who reads the file relies on it.
    ///
    /// # Errors
    /// A [`BuildError`] when the entry is too long or the output refuses it.
    pub fn push(&mut self, columns: &[Column<'_>]) -> Result<(), BuildError> {
        let record = Record::new(columns, &mut self.header)?;
        let mut cell = std::mem::take(&mut self.cell);
        cell.clear();
        cell.extend_from_slice(Varint::new(record.len().into()).as_bytes());
        write_cell(self.out, TreeKind::Index, &record, &mut cell)?;
        let result = self.push_cell(0, None, &cell);
        self.cell = cell;
        result
    }

    /// Writes what is left of the index and gives its root.
    ///
    /// # Errors
    /// A [`BuildError`] when the output refuses it.
    pub fn finish(mut self) -> Result<PageNo, BuildError> {
        self.settle(0)?;
        let mut root = self.put_last(0, None)?;
        let mut depth = 1;
        // Levels above may still appear while those below are written.
        while depth < self.levels.len() {
            self.settle(depth)?;
            root = self.put_last(depth, Some(root))?;
            depth += 1;
        }
        Ok(root)
    }

    /// Writes the last page of a level.
    fn put_last(&mut self, depth: usize, right_child: Option<PageNo>) -> Result<PageNo, BuildError> {
        let mut page = PageBuffer::take(&mut self.level(depth).page);
        self.out.append(page.seal(right_child))
    }

    fn level(&mut self, depth: usize) -> &mut Level {
        while self.levels.len() <= depth {
            let kind = if self.levels.is_empty() { PageKind::IndexLeaf } else { PageKind::IndexInterior };
            let page = PageBuffer::new(kind, self.out.page_size().bytes(), 0);
            self.levels.push(Level { page, waiting: None });
        }
        &mut self.levels[depth]
    }

    /// Puts an entry on a level; above the leaves it stands behind the child with the entries before it.
    fn push_cell(&mut self, depth: usize, child: Option<PageNo>, cell: &[u8]) -> Result<(), BuildError> {
        let child_field = child.map(|child| child.get().to_be_bytes());
        let head = child_field.as_ref().map_or(&[][..], |field| &field[..]);
        if !self.level(depth).page.fits(head.len() + cell.len()) {
            // The page is full: the entry parts it from the next one. It waits, because the next one may stay empty.
            self.put_waiting(depth)?;
            let level = self.level(depth);
            let page = PageBuffer::take(&mut level.page);
            level.waiting = Some(Waiting { page, right_child: child, separator: cell.to_vec() });
            return Ok(());
        }
        self.put_waiting(depth)?;
        self.level(depth).page.push(head, cell);
        Ok(())
    }

    /// Writes the waiting page of a level and hands its separator up.
    fn put_waiting(&mut self, depth: usize) -> Result<(), BuildError> {
        let Some(mut waiting) = self.level(depth).waiting.take() else { return Ok(()) };
        let page = self.out.append(waiting.page.seal(waiting.right_child))?;
        self.push_cell(depth + 1, Some(page), &waiting.separator)
    }

    /// At the end of a level: no page may be left without entries beside a full one. The full one gives its last entry up
    /// as separator, and the old separator becomes the one entry of the last page.
    fn settle(&mut self, depth: usize) -> Result<(), BuildError> {
        let level = self.level(depth);
        if level.page.is_empty()
            && let Some(waiting) = &mut level.waiting
            && let Some(last) = waiting.page.pop()
        {
            let old_child = waiting.right_child.map(|child| child.get().to_be_bytes());
            let head = old_child.as_ref().map_or(&[][..], |field| &field[..]);
            level.page.push(head, &waiting.separator);
            if head.is_empty() {
                waiting.separator = last;
            } else {
                let (child, cell) = last.split_at(4);
                waiting.right_child = child.first_chunk().and_then(|field| PageNo::new(u32::from_be_bytes(*field)));
                waiting.separator = cell.to_vec();
            }
        }
        self.put_waiting(depth)
    }
}
