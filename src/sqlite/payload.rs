//! The payloads of cells, read where they lie: in the cell, and on its chain of overflow pages (SQLite file format,
//! section 1.6).

use std::borrow::Cow;
use std::ops::Range;

use super::database::Database;
use super::field::u32_at;
use super::header::PageNo;
use super::page::{PayloadRef, TableCell};
use super::record::{Field, RecordError, RecordHeader, Value};
use crate::source::Damage;

impl Database {
    /// Part of a payload, by offsets in it: borrowed when it lies in the cell or on one overflow page, else put together.
    ///
    /// # Errors
    /// Damage when the range leaves the payload or the overflow chain does not hold as far as it is followed.
    pub fn read(&self, payload: &PayloadRef, range: Range<u32>) -> Result<Cow<'_, [u8]>, Damage> {
        if range.start > range.end || range.end > payload.len() {
            let what = format!("bytes {}..{} of a payload of {} bytes", range.start, range.end, payload.len());
            return Err(self.damage_at(payload.page(), "record", what));
        }
        let local = self.local(payload)?;
        if let Some(part) = local.get(range.start as usize..range.end as usize) {
            return Ok(Cow::Borrowed(part));
        }
        let mut chain = self.chain(payload)?;
        let mut out = Vec::new();
        if range.start < payload.local_len() {
            out.reserve_exact(range.len());
            out.extend_from_slice(local.get(range.start as usize..).unwrap_or_default());
        }
        let mut at = payload.local_len();
        while at < range.end {
            let Some(link) = chain.next() else { break };
            let (_, content) = link?;
            let end = at + content.len() as u32;
            if end > range.start {
                let from = range.start.saturating_sub(at) as usize;
                let part = content.get(from..content.len().min((range.end - at) as usize)).unwrap_or_default();
                if out.is_empty() && part.len() == range.len() {
                    return Ok(Cow::Borrowed(part));
                }
                if out.is_empty() {
                    out.reserve_exact(range.len());
                }
                out.extend_from_slice(part);
            }
            at = end;
        }
        Ok(Cow::Owned(out))
    }

    /// The part of a payload that lies in its cell.
    ///
    /// # Errors
    /// Damage when the page is not there.
    pub fn local(&self, payload: &PayloadRef) -> Result<&[u8], Damage> {
        let end = payload.start() + payload.local_len() as usize;
        let local = self.page(payload.page())?.get(payload.start()..end);
        local.ok_or_else(|| self.damage_at(payload.page(), "cell", "the payload runs over the end of the page".into()))
    }

    /// The overflow pages of a payload with the part of it that each holds. The chain must have exactly as many pages as
    /// the payload's length asks for, and end with page 0.
    ///
    /// # Errors
    /// Damage when the cell does not say where the chain begins, or the chain would be longer than the database.
    pub fn chain(&self, payload: &PayloadRef) -> Result<Chain<'_>, Damage> {
        let pages = self.geometry().overflow_pages(payload.len(), payload.local_len());
        if pages > self.page_count() {
            let what = format!("a payload of {} bytes is longer than the database", payload.len());
            return Err(self.damage_at(payload.page(), "overflow-chain", what));
        }
        let next = if pages == 0 {
            None
        } else {
            let at = payload.start() + payload.local_len() as usize;
            u32_at(self.page(payload.page())?, at).and_then(PageNo::new)
        };
        let rest = payload.len() - payload.local_len();
        Ok(Chain { database: self, owner: payload.page(), next, pages, rest })
    }

    /// Follows a row's overflow chain to its end without copying it.
    ///
    /// # Errors
    /// Damage when the chain does not have exactly the pages its payload needs.
    pub fn check_chain(&self, cell: &TableCell<'_>) -> Result<(), Damage> {
        if !cell.payload.overflows() {
            return Ok(());
        }
        self.chain(&cell.payload)?.try_for_each(|link| link.map(|_| ()))
    }

    /// The columns of a payload; puts the header together when it goes on on overflow pages.
    ///
    /// # Errors
    /// Damage when the payload is not a record.
    pub fn record(&self, payload: &PayloadRef) -> Result<RecordHeader, Damage> {
        let bad = |error: RecordError| self.damage_at(payload.page(), "record", error.to_string());
        match RecordHeader::parse(self.local(payload)?, payload.len()) {
            Err(RecordError::HeaderBeyond(len)) if len > payload.local_len() => {
                RecordHeader::parse(&self.read(payload, 0..len)?, payload.len()).map_err(bad)
            }
            result => result.map_err(bad),
        }
    }

    /// The value of a column.
    ///
    /// # Errors
    /// Damage when its bytes are on overflow pages that do not hold.
    pub fn value(&self, payload: &PayloadRef, field: Field) -> Result<Value<'_>, Damage> {
        let bytes = self.read(payload, field.range())?;
        Value::decode(field.kind, bytes)
            .ok_or_else(|| self.damage_at(payload.page(), "record", "a value is cut off".into()))
    }
}

/// The overflow pages of one payload, first to last.
#[derive(Debug)]
pub struct Chain<'a> {
    database: &'a Database,
    owner: PageNo,
    next: Option<PageNo>,
    pages: u32,
    rest: u32,
}

impl<'a> Iterator for Chain<'a> {
    type Item = Result<(PageNo, &'a [u8]), Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.pages == 0 {
            return None;
        }
        let link = self.step();
        if link.is_err() {
            self.pages = 0;
        }
        Some(link)
    }
}

impl<'a> Chain<'a> {
    fn step(&mut self) -> Result<(PageNo, &'a [u8]), Damage> {
        let damage = |page, what| self.database.damage_at(page, "overflow-chain", what);
        let Some(page) = self.next else {
            let what = format!("the overflow chain of a cell ends {} pages early", self.pages);
            return Err(damage(self.owner, what));
        };
        let bytes = self.database.page(page).map_err(|_| {
            damage(self.owner, format!("the overflow chain of a cell leads to page {page}, which is not there"))
        })?;
        let next = u32_at(bytes, 0).and_then(PageNo::new);
        if let (1, Some(next)) = (self.pages, next) {
            let what = format!("as last overflow page of a cell of page {} it should not name page {next}", self.owner);
            return Err(damage(page, what));
        }
        let len = self.rest.min(self.database.geometry().overflow_content());
        let content = bytes.get(4..4 + len as usize).unwrap_or_default();
        self.next = next;
        self.pages -= 1;
        self.rest -= len;
        Ok((page, content))
    }
}
