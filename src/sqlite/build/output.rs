//! The pages on their way out: numbered as they come, and gathered into large writes.

use std::io::{self, Seek, SeekFrom, Write};

use super::BuildError;
use crate::sqlite::header::{PageNo, PageSize};

/// How many bytes are gathered before they are written.
const GATHERED: usize = 1 << 20;

/// An output to which pages are only ever appended, but for page 1.
#[derive(Debug)]
pub(super) struct Output<W> {
    out: W,
    gathered: Vec<u8>,
    page_size: PageSize,
    /// The pages so far, gathered ones included.
    pages: u32,
}

impl<W: Write + Seek> Output<W> {
    pub(super) fn new(out: W, page_size: PageSize) -> Self {
        Self { out, gathered: Vec::with_capacity(GATHERED + page_size.bytes()), page_size, pages: 0 }
    }

    pub(super) fn page_size(&self) -> PageSize {
        self.page_size
    }

    pub(super) fn pages(&self) -> u32 {
        self.pages
    }

    /// Leaves room for page 1.
    pub(super) fn reserve_first_page(&mut self) -> Result<(), BuildError> {
        self.append_zeros()
    }

    /// The number that the page after `page` will have: one more, but the lock-byte page is left out.
    pub(super) fn after(&self, page: PageNo) -> Result<PageNo, BuildError> {
        let mut next = page.get().saturating_add(1);
        if next == self.page_size.lock_byte_page().get() {
            next = next.saturating_add(1);
        }
        PageNo::new(next).filter(|page| page.get() < u32::MAX).ok_or(BuildError::TooManyPages)
    }

    /// The number of the next page that is appended.
    pub(super) fn next(&self) -> Result<PageNo, BuildError> {
        match PageNo::new(self.pages) {
            Some(last) => self.after(last),
            None => Ok(PageNo::FIRST),
        }
    }

    /// Appends a page.
    pub(super) fn append(&mut self, page: &[u8]) -> Result<PageNo, BuildError> {
        let no = self.skip_lock_byte_page()?;
        self.gathered.extend_from_slice(page);
        self.count(no)
    }

    /// Appends one page that is filled in place; it begins as zeros.
    pub(super) fn append_with(&mut self, fill: impl FnOnce(&mut [u8])) -> Result<PageNo, BuildError> {
        let no = self.skip_lock_byte_page()?;
        let start = self.gathered.len();
        self.gathered.resize(start + self.page_size.bytes(), 0);
        fill(&mut self.gathered[start..]);
        self.count(no)
    }

    fn count(&mut self, no: PageNo) -> Result<PageNo, BuildError> {
        self.pages = no.get();
        self.write_if_full()?;
        Ok(no)
    }

    fn skip_lock_byte_page(&mut self) -> Result<PageNo, BuildError> {
        let no = self.next()?;
        if no.get() - self.pages > 1 {
            self.append_zeros()?;
        }
        Ok(no)
    }

    fn append_zeros(&mut self) -> Result<(), BuildError> {
        self.gathered.resize(self.gathered.len() + self.page_size.bytes(), 0);
        self.pages += 1;
        Ok(self.write_if_full()?)
    }

    fn write_if_full(&mut self) -> io::Result<()> {
        if self.gathered.len() >= GATHERED {
            self.out.write_all(&self.gathered)?;
            self.gathered.clear();
        }
        Ok(())
    }

    /// Writes what is gathered, then page 1 in its place.
    pub(super) fn finish(mut self, page1: &[u8]) -> io::Result<W> {
        self.out.write_all(&self.gathered)?;
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(page1)?;
        self.out.seek(SeekFrom::End(0))?;
        self.out.flush()?;
        Ok(self.out)
    }
}
