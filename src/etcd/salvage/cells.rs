//! What the leaf pages of a scan hold: rows, buckets, leases.

use std::ops::Range;

use rayon::prelude::*;

use crate::bolt::{Page, PageKind, PageNo, Scan};
use crate::etcd::Meta;
use crate::etcd::keyvalue::RowKey;
use crate::etcd::proto::leasepb;
use crate::etcd::rows::{self, Row};
use crate::model::{Lease, Revision};
use prost::Message as _;

/// The unit in which disks lose bytes.
const SECTOR: usize = 512;

/// What is wrong with one copy of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// A sector under it is nothing but zeros, or bytes are missing or added in its page.
    Suspect,
    /// It is not what etcd writes, or not all of it is there.
    Broken,
}

/// One copy of a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell<'a> {
    /// The row, as far as it can be read.
    pub row: Row,
    /// The user's key; empty where it cannot be read.
    pub name: &'a [u8],
    /// The whole record.
    pub record: &'a [u8],
    /// Which page it stands on.
    pub image: u32,
    /// What is wrong with it.
    pub fault: Option<Fault>,
    /// Whether it reaches into continuation pages, which bear no sign of whose they are.
    pub goes_on: bool,
    /// Whether its last byte is a zero among zeros.
    pub ends_in_zeros: bool,
}

/// The root of the tree of buckets, by its content.
#[derive(Clone, Debug)]
pub(super) struct Root {
    /// Its page among the images.
    pub image: u32,
    /// What its inline buckets say.
    pub meta: Meta,
    /// Where bucket `key` is.
    pub key: KeyBucket,
    /// The root page of bucket `lease`, where it has one of its own.
    pub lease: Option<PageNo>,
}

/// Where bucket `key` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyBucket {
    /// On the same page.
    Inline,
    /// In a tree of its own.
    Page(PageNo),
}

/// Rows of bucket `key` on one page: where each one after the other is known, and where something between them is not.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows<'a> {
    pub cells: Vec<Cell<'a>>,
    /// The first and last row of each run without a hole.
    pub spans: Vec<(Revision, Revision)>,
    /// Holes: between these rows others stood that cannot be read.
    pub holes: Vec<(Option<Revision>, Option<Revision>)>,
}

/// What all leaf pages hold.
#[derive(Default)]
pub(super) struct Content<'a> {
    /// By image; empty for pages without rows.
    pub rows: Vec<Rows<'a>>,
    pub roots: Vec<Root>,
    /// Leases that stand on pages of their own, in use or not, with the image.
    pub leases: Vec<(u32, Lease)>,
}

enum Found<'a> {
    Rows(Rows<'a>),
    Root(Box<Root>, Rows<'a>),
    Leases(Vec<Lease>),
    Nothing,
}

/// Reads all leaf pages.
pub(super) fn read(scan: &Scan) -> Content<'_> {
    let one = |(number, image): (usize, &crate::bolt::Image)| {
        if image.kind != PageKind::Leaf {
            return Found::Nothing;
        }
        let page = scan.page(image);
        let limits = Limits { own: image.own, is_level: image.is_level };
        let number = number as u32;
        match first_key(&page) {
            Some(key) if RowKey::decode(key).is_some() => Found::Rows(rows_of(scan, &page, number, limits)),
            Some(_) if is_root(&page) => root(scan, &page, number, limits),
            Some(key) if key.len() == 8 => Found::Leases(leases(&page)),
            // The first key may be what is broken.
            Some(_) if (0..page.cells()).any(|cell| key_of(&page, cell).and_then(RowKey::decode).is_some()) => {
                Found::Rows(rows_of(scan, &page, number, limits))
            }
            _ => Found::Nothing,
        }
    };
    let found: Vec<Found<'_>> = scan.images().par_iter().enumerate().map(one).collect();
    let mut content = Content::default();
    for (found, number) in found.into_iter().zip(0u32..) {
        let mut rows = Rows::default();
        match found {
            Found::Rows(of_page) => rows = of_page,
            Found::Root(root, inline) => {
                content.roots.push(*root);
                rows = inline;
            }
            Found::Leases(leases) => content.leases.extend(leases.into_iter().map(|lease| (number, lease))),
            Found::Nothing => {}
        }
        content.rows.push(rows);
    }
    content
}

fn key_of<'a>(page: &Page<'a>, cell: u16) -> Option<&'a [u8]> {
    page.bytes.get(page.cell(cell)?.key)
}

fn first_key<'a>(page: &Page<'a>) -> Option<&'a [u8]> {
    key_of(page, 0)
}

/// The key of a page's first row or first child.
pub(super) fn first_row(page: &Page<'_>) -> Option<RowKey> {
    let key = match page.kind {
        PageKind::Branch => page.bytes.get(page.child(0)?.key),
        _ => first_key(page),
    };
    key.and_then(RowKey::decode)
}

/// The root of etcd's buckets has `key` and `meta` in it.
fn is_root(page: &Page<'_>) -> bool {
    let has = |name: &[u8]| {
        (0..page.cells())
            .filter_map(|cell| page.cell(cell))
            .any(|cell| cell.flags == 1 && page.bytes.get(cell.key) == Some(name))
    };
    has(b"key") && has(b"meta")
}

fn root<'a>(scan: &'a Scan, page: &Page<'a>, image: u32, limits: Limits) -> Found<'a> {
    let mut root = Root { image, meta: Meta::default(), key: KeyBucket::Inline, lease: None };
    let mut rows = Rows::default();
    for cell in (0..page.cells()).filter_map(|cell| page.cell(cell)) {
        let (Some(name), Some(value)) = (page.bytes.get(cell.key), page.bytes.get(cell.value.clone())) else {
            continue;
        };
        match scan.bucket(value, page.at.saturating_add(cell.value.start)) {
            Some(Ok(inline)) if name == b"key" => rows = rows_of(scan, &inline, image, limits),
            Some(Ok(inline)) => take(&mut root.meta, name, &inline),
            Some(Err(no)) if name == b"key" => root.key = KeyBucket::Page(no),
            Some(Err(no)) if name == b"lease" => root.lease = Some(no),
            Some(Err(_)) | None => {}
        }
    }
    Found::Root(Box::new(root), rows)
}

fn take(meta: &mut Meta, bucket: &[u8], page: &Page<'_>) {
    for cell in (0..page.cells()).filter_map(|cell| page.cell(cell)) {
        if let (Some(key), Some(value)) = (page.bytes.get(cell.key), page.bytes.get(cell.value)) {
            // What cannot be read is not known.
            let _ = meta.take(bucket, key, value);
        }
    }
}

/// Leases by their own bytes: the id stands in the key and in the record (etcd server/storage/schema/lease.go).
fn leases(page: &Page<'_>) -> Vec<Lease> {
    let cells = (0..page.cells()).filter_map(|cell| page.cell(cell));
    let lease = cells.filter_map(|cell| {
        let id = i64::from_be_bytes(page.bytes.get(cell.key)?.try_into().ok()?);
        let lease = leasepb::Lease::decode(page.bytes.get(cell.value)?).ok()?;
        (lease.id == id).then_some(Lease { id, ttl: lease.ttl, remaining: lease.remaining_ttl })
    });
    lease.collect()
}

/// How much of a page is to be believed.
#[derive(Clone, Copy)]
struct Limits {
    /// Bytes from its start on that are still its own.
    own: usize,
    /// Whether no bytes are missing or added inside it.
    is_level: bool,
}

fn rows_of<'a>(scan: &'a Scan, page: &Page<'a>, image: u32, limits: Limits) -> Rows<'a> {
    let mut rows = Rows::default();
    let mut hole = false;
    for index in 0..page.cells() {
        let last = rows.cells.last().map(|cell: &Cell<'_>| cell.row.at.revision);
        let found = page.cell(index).and_then(|place| {
            let cell = cell(scan, page, image, &place.key, &place.value, limits)?;
            // Rows ascend: one that does not is no row.
            (place.flags == 0 && last.is_none_or(|last| last < cell.row.at.revision)).then_some(cell)
        });
        let Some(cell) = found else {
            hole = true;
            continue;
        };
        let at = cell.row.at.revision;
        match rows.spans.last_mut() {
            Some(span) if !hole => span.1 = at,
            _ => rows.spans.push((at, at)),
        }
        if std::mem::take(&mut hole) {
            rows.holes.push((last, Some(at)));
        }
        rows.cells.push(cell);
    }
    if hole {
        rows.holes.push((rows.cells.last().map(|cell| cell.row.at.revision), None));
    }
    rows
}

fn cell<'a>(
    scan: &'a Scan,
    page: &Page<'a>,
    image: u32,
    key: &Range<usize>,
    value: &Range<usize>,
    limits: Limits,
) -> Option<Cell<'a>> {
    // The pages behind the first of an inline bucket's are those of its home.
    let own = limits.own.max(if page.no.get() == 0 { page.bytes.len() } else { 0 });
    if key.end > own {
        return None;
    }
    let row_key = page.bytes.get(key.clone())?;
    let at = RowKey::decode(row_key)?;
    let record = page.bytes.get(value.clone())?;
    let record_at = page.at.saturating_add(value.start);
    let goes_on = value.end > scan.page_size().bytes() as usize;
    let broken =
        Cell { row: blank(at), name: &[], record, image, fault: Some(Fault::Broken), goes_on, ends_in_zeros: false };
    if value.end > own {
        return Some(Cell { name: name_before(record, own.saturating_sub(value.start)), ..broken });
    }
    let Ok((scanned, decoded)) = rows::decode(row_key, record, record_at as u64) else {
        return Some(Cell { name: name_before(record, record.len()), ..broken });
    };
    if rows::foreign(&scanned.row, &decoded).is_some() {
        return Some(Cell { name: name_before(record, record.len()), ..broken });
    }
    let key_at = page.at.saturating_add(key.start);
    let (is_zero, ends_in_zeros) = zero_sectors(scan.bytes(), key_at, record_at.saturating_add(record.len()));
    let fault = (is_zero || !limits.is_level).then_some(Fault::Suspect);
    Some(Cell { row: scanned.row, name: scanned.key, record, image, fault, goes_on, ends_in_zeros })
}

fn blank(at: RowKey) -> Row {
    use crate::model::{KeyId, ValueRef};
    Row {
        at,
        key: KeyId::UNSET,
        create_revision: 0,
        version: 0,
        lease: 0,
        value: ValueRef::NONE,
        record: ValueRef::NONE,
    }
}

/// The key at the start of a record that is not whole, where it looks like one of Kubernetes and stands in front of all that
/// is missing.
fn name_before(record: &[u8], own: usize) -> &[u8] {
    let start = match record {
        [0x0a, len, ..] if *len < 0x80 => Some((2_usize, usize::from(*len))),
        [0x0a, low, high, ..] if *high < 0x80 => Some((3, usize::from(low & 0x7f) | usize::from(*high) << 7)),
        _ => None,
    };
    let name = start.and_then(|(at, len)| Some((record.get(at..at.checked_add(len)?)?, at + len)));
    match name {
        // The tag of the next field stands behind it.
        Some((name, end))
            if end < own
                && record.get(end) == Some(&0x10)
                && name.starts_with(b"/registry/")
                && name.iter().all(u8::is_ascii_graphic) =>
        {
            name
        }
        _ => &[],
    }
}

/// Whether a sector of the file that holds some of these bytes is nothing but zeros, and whether one that holds no more than
/// the last of them is: behind the end of a page's content are zeros anyway, and objects of Kubernetes end with one.
fn zero_sectors(file: &[u8], from: usize, upto: usize) -> (bool, bool) {
    let first = from / SECTOR * SECTOR;
    let is_zero = |at: &usize| {
        let sector = file.get(*at..file.len().min(at.saturating_add(SECTOR))).unwrap_or_default();
        sector.iter().all(|byte| *byte == 0)
    };
    let (last, whole): (Vec<usize>, Vec<usize>) =
        (first..upto).step_by(SECTOR).filter(is_zero).partition(|at| upto - at <= 1);
    (!whole.is_empty(), !last.is_empty())
}
