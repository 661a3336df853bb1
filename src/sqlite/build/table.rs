//! A table, leaf by leaf, and the interior pages above once all leaves are out.

use std::io::{Seek, Write};

use super::BuildError;
use super::cell::{Column, PageBuffer, Record, write_cell};
use super::output::Output;
use crate::sqlite::field::Varint;
use crate::sqlite::header::{HEADER_LEN, PageNo, TreeKind};
use crate::sqlite::page::PageKind;

/// A page of the level below, and the largest rowid on or under it.
type Child = (PageNo, i64);

/// Writes the rows of one table. It remembers the number and the last rowid of each leaf, sixteen bytes a page.
#[derive(Debug)]
pub struct TableWriter<'b, W> {
    out: &'b mut Output<W>,
    leaf: PageBuffer,
    leaves: Vec<Child>,
    last: Option<i64>,
    cell: Vec<u8>,
    header: Vec<u8>,
}

impl<'b, W: Write + Seek> TableWriter<'b, W> {
    pub(super) fn new(out: &'b mut Output<W>) -> Self {
        let leaf = PageBuffer::new(PageKind::TableLeaf, out.page_size().bytes(), 0);
        Self { out, leaf, leaves: Vec::new(), last: None, cell: Vec::new(), header: Vec::new() }
    }

    /// Adds a row. A column that is the rowid itself (`INTEGER PRIMARY KEY`) is given as [`Column::Null`].
    ///
    /// # Errors
    /// A [`BuildError`] when the rowid does not come after the one before, the row is too long, or the output refuses it.
    pub fn push(&mut self, rowid: i64, columns: &[Column<'_>]) -> Result<(), BuildError> {
        if let Some(last) = self.last.filter(|&last| last >= rowid) {
            return Err(BuildError::RowOrder { last, next: rowid });
        }
        let record = Record::new(columns, &mut self.header)?;
        self.cell.clear();
        self.cell.extend_from_slice(Varint::new(record.len().into()).as_bytes());
        self.cell.extend_from_slice(Varint::new(rowid.cast_unsigned()).as_bytes());
        write_cell(self.out, TreeKind::Table, &record, &mut self.cell)?;
        if !self.leaf.push(&self.cell, &[]) {
            self.put_leaf()?;
            self.leaf.push(&self.cell, &[]);
        }
        self.last = Some(rowid);
        Ok(())
    }

    /// Writes what is left of the table and gives its root.
    ///
    /// # Errors
    /// A [`BuildError`] when the output refuses it.
    pub fn finish(mut self) -> Result<PageNo, BuildError> {
        self.put_leaf()?;
        let mut level = std::mem::take(&mut self.leaves);
        while level.len() > 1 {
            level = self.put_level(&level)?;
        }
        // There is always a leaf, if an empty one.
        Ok(level.first().map_or(PageNo::FIRST, |&(page, _)| page))
    }

    /// Writes what is left of the table but for its root, which has to be page 1 and is given back to be written last.
    pub(super) fn finish_on_first_page(mut self) -> Result<Vec<u8>, BuildError> {
        let page_size = self.out.page_size().bytes();
        if self.leaves.is_empty() {
            let mut first = PageBuffer::new(PageKind::TableLeaf, page_size, HEADER_LEN);
            let mut cells: Vec<_> = std::iter::from_fn(|| self.leaf.pop()).collect();
            cells.reverse();
            if cells.iter().all(|cell| first.push(cell, &[])) {
                return Ok(first.seal(None).to_vec());
            }
            for cell in &cells {
                self.leaf.push(cell, &[]);
            }
        }
        self.put_leaf()?;
        let mut level = std::mem::take(&mut self.leaves);
        loop {
            let mut first = PageBuffer::new(PageKind::TableInterior, page_size, HEADER_LEN);
            // Page 1 is the one interior page that may have no cells, only a right child.
            if let Some((&(right, _), children)) = level.split_last()
                && children.iter().all(|child| push_child(&mut first, child))
            {
                return Ok(first.seal(Some(right)).to_vec());
            }
            level = self.put_level(&level)?;
        }
    }

    fn put_leaf(&mut self) -> Result<(), BuildError> {
        let page = self.out.append(self.leaf.seal(None))?;
        self.leaves.push((page, self.last.unwrap_or(0)));
        self.leaf.clear();
        Ok(())
    }

    /// Writes the interior pages above a level of at least two pages, each with as many children as it has room for.
    fn put_level(&mut self, level: &[Child]) -> Result<Vec<Child>, BuildError> {
        let mut parents = Vec::new();
        let mut page = PageBuffer::new(PageKind::TableInterior, self.out.page_size().bytes(), 0);
        let mut rest = level;
        while let Some((last, _)) = rest.split_last() {
            let mut cells = rest.iter().take(rest.len() - 1).take_while(|child| push_child(&mut page, child)).count();
            // A page must not be left with a single child: then the one before gives up its last.
            if rest.len() - cells == 2 {
                page.pop();
                cells -= 1;
            }
            let (right, key) = rest.get(cells).copied().unwrap_or(*last);
            let no = self.out.append(page.seal(Some(right)))?;
            parents.push((no, key));
            page.clear();
            rest = rest.get(cells + 1..).unwrap_or_default();
        }
        Ok(parents)
    }
}

fn push_child(page: &mut PageBuffer, &(child, key): &Child) -> bool {
    page.push(&child.get().to_be_bytes(), Varint::new(key.cast_unsigned()).as_bytes())
}
