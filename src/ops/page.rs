//! The page that a value came from, with its cells: for looking at the bytes themselves.

use std::ops::Range;

use super::store::{OpenStore, Store};
use crate::bolt;
use crate::model::Change;
use crate::source::{Damage, FileName};
use crate::sqlite::Origin;
use crate::{etcd, kine};

/// Continuation pages that a leaf of bbolt is looked for before.
const MOST_CONTINUED: u64 = 4096;

/// One cell of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellOf {
    /// Its position in the page's table, from 0.
    pub number: u16,
    /// Where its bytes are in the page.
    pub range: Range<usize>,
    /// Whether the value is in it.
    pub is_own: bool,
}

/// A page, or the part of a log that a value lies in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageOf {
    /// What it is, in words: the file, the page, what it is for.
    pub what: String,
    /// Where it starts in the file, in bytes.
    pub at: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its cells, in the order of their bytes; none overlap.
    pub cells: Vec<CellOf>,
    /// The bytes before the first cell or free space: the header and the table of cells.
    pub head: usize,
    /// Where the value starts in it.
    pub value_at: usize,
    /// What to know: whether the value goes on elsewhere.
    pub note: String,
}

/// The page that a change's value came from; none for a tombstone of etcd, which has none.
///
/// # Errors
/// The damage that keeps the page from being read.
pub fn page_of(source: &OpenStore, change: &Change) -> Result<Option<PageOf>, Damage> {
    match &source.store {
        Store::Kine(store) => of_sqlite(store, change),
        Store::Etcd(store) => Ok(of_bolt(store, change)),
    }
}

fn of_sqlite(store: &kine::Store, change: &Change) -> Result<Option<PageOf>, Damage> {
    let Some((payload, value)) = store.payload_of(change.value) else { return Ok(None) };
    let database = store.database();
    let bytes = database.page(payload.page())?;
    let page = database.btree_page(payload.page())?;
    let extent = |number: u16| {
        let cell = page.table_cell(number).ok()?;
        let range = usize::from(cell.extent.0)..usize::try_from(cell.extent.1).ok()?;
        Some(CellOf { number, is_own: range.contains(&payload.start()), range })
    };
    let cells = in_order((0..page.cell_count()).filter_map(extent).collect(), bytes.len());
    let (file, at) = match database.origin(payload.page()) {
        Origin::Main(at) => (base_name(database.name()), at),
        Origin::Wal { frame, offset } => {
            (format!("frame {frame} of the WAL of {}", base_name(database.name())), offset)
        }
    };
    let note = if value.end > payload.local_len() {
        let there = value.end.saturating_sub(value.start.max(payload.local_len()));
        format!("{there} bytes of the value lie on overflow pages")
    } else {
        String::new()
    };
    Ok(Some(PageOf {
        what: format!("page {} of {file}, a leaf of table kine", payload.page().get()),
        at,
        head: page.pointers_end().min(bytes.len()),
        value_at: payload.start().saturating_add(usize::try_from(value.start).unwrap_or(usize::MAX)),
        bytes: bytes.to_vec(),
        cells,
        note,
    }))
}

fn of_bolt(store: &etcd::Store, change: &Change) -> Option<PageOf> {
    if !change.is_put() {
        return None;
    }
    let (segment, at) = store.place_of(change.value);
    if let Some(segment) = segment {
        let bytes = store.history().value(change.value).ok()?.into_owned();
        let cells = vec![CellOf { number: 0, range: 0..bytes.len(), is_own: true }];
        return Some(PageOf {
            what: format!("an entry of the raft log, segment {segment}: not in the database yet"),
            at,
            bytes,
            cells,
            head: 0,
            value_at: 0,
            note: String::new(),
        });
    }
    let bolt = store.bolt();
    let size = u64::from(bolt.meta().page_size.bytes());
    let last = at.checked_div(size)?;
    // A large leaf goes on in pages that have no header; the leaf is the one whose cell has the value.
    let of_page = |number: u64| {
        let page = bolt.page(bolt::PageNo::new(number)).ok()?;
        let offset = usize::try_from(at).ok()?.checked_sub(page.at)?;
        let cell = |number: u16| {
            let cell = page.cell(number)?;
            let range = cell.key.start..cell.value.end;
            Some(CellOf { number, is_own: cell.value.contains(&offset), range })
        };
        let cells = in_order((0..page.cells()).filter_map(cell).collect(), page.bytes.len());
        let head = cells.first().map_or(page.bytes.len(), |cell| cell.range.start);
        let own = cells.iter().any(|cell| cell.is_own);
        let more = if page.overflow > 0 { format!(" with {} more behind it", page.overflow) } else { String::new() };
        own.then(|| PageOf {
            what: format!("page {number}{more} of {}, a leaf of bucket key", base_name(store.bolt().file())),
            at: page.at as u64,
            bytes: page.bytes.to_vec(),
            cells,
            head,
            value_at: offset,
            note: String::new(),
        })
    };
    (last.saturating_sub(MOST_CONTINUED)..=last).rev().find_map(of_page)
}

/// The name of a file without its directory: a line of the screen has room for no more.
fn base_name(name: &FileName) -> String {
    name.to_string().rsplit('/').next().unwrap_or_default().to_owned()
}

/// Cells by their bytes; of those that overlap, which only damage makes, the first.
fn in_order(mut cells: Vec<CellOf>, len: usize) -> Vec<CellOf> {
    cells.retain(|cell| cell.range.start < cell.range.end && cell.range.end <= len);
    cells.sort_by_key(|cell| cell.range.start);
    let mut end = 0;
    cells.retain(|cell| {
        let is_apart = cell.range.start >= end;
        if is_apart {
            end = cell.range.end;
        }
        is_apart
    });
    cells
}
