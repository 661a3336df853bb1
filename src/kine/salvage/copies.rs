//! Copies of rows: each cell of each image of a page that is a row of kine by its shape, and what deleted cells left.

use std::ops::Range;

use rayon::prelude::*;

use super::chain::{Cell, Payload, Shifts};
use super::ids::Tail;
use super::record::{LONGEST_HEADER, Shape};
use super::{Held, Row, Source};
use crate::kine::rows::Column;
use crate::model::{Check, Evidence, KeyId};
use crate::sqlite::{BtreePage, Images, Looked, PageKind, PageNo, Stand, TableCell, TreeKind, World, varint};

/// What the page of a copy says of its being in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Standing {
    /// A cell of a page in use.
    Present,
    /// A cell of a page in use, in a WAL frame that SQLite would drop though it is proven and committed.
    Log,
    /// A cell of a page of which nobody can say whether it is in use.
    Unknown,
    /// A cell of a free or covered page, or of an earlier frame.
    Past,
    /// A cell that no cell pointer leads to.
    Remains,
    /// From a frame that nothing proves.
    Unproven,
}

/// One copy of a row.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    /// The revision; `None` where the cell's first bytes are overwritten.
    pub id: Option<i64>,
    /// What is left of it then.
    pub tail: Option<Tail>,
    /// The name, by its place in the payload; all of it is in the cell.
    pub name: Range<u32>,
    pub created: bool,
    pub deleted: bool,
    pub create_revision: i64,
    pub prev_revision: i64,
    pub lease: i64,
    pub payload: Payload,
    pub value: Option<Range<u32>>,
    pub old_value: Option<Range<u32>>,
    pub value_check: Check,
    pub old_check: Check,
    pub standing: Standing,
    /// Where its cell stands.
    pub cell: Cell,
    pub world: World,
    /// Whether its id does not stand between those of its neighbours.
    pub out_of_order: bool,
}

impl Copy {
    /// The name's bytes.
    pub fn name<'a>(&self, images: &'a Images) -> &'a [u8] {
        self.payload.in_cell(images, &self.name).unwrap_or_default()
    }

    /// Where a value lies in the payload, and what was seen of it.
    pub fn column(&self, column: Column) -> (&Option<Range<u32>>, Check) {
        match column {
            Column::Value => (&self.value, self.value_check),
            Column::OldValue => (&self.old_value, self.old_check),
        }
    }

    /// The row that it tells of, without its values.
    pub fn row(&self, id: Option<i64>, key: KeyId, evidence: Evidence, source: Source) -> Row {
        Row {
            id,
            key,
            created: Some(self.created),
            deleted: Some(self.deleted),
            create_revision: Some(self.create_revision),
            prev_revision: Some(self.prev_revision),
            lease: Some(self.lease),
            value: Held::Lost,
            old_value: Held::Lost,
            evidence,
            source,
            confirmed: false,
        }
    }

    /// Notes that what stands beyond the cell is not its own.
    pub fn doubt_chain(&mut self) {
        for (range, check) in [(&self.value, &mut self.value_check), (&self.old_value, &mut self.old_check)] {
            if range.as_ref().is_some_and(|range| self.payload.overflows(range)) {
                *check = Check::Broken;
            }
        }
    }
}

/// All copies in all images.
pub(super) fn all(images: &Images, looked: &[Looked<'_>], shifts: &Shifts) -> Vec<Copy> {
    let of_image = |image| {
        let mut copies = Vec::new();
        of_image(images, image, images.btree(image).as_ref(), shifts, &mut copies);
        copies
    };
    looked.par_iter().flat_map_iter(of_image).collect()
}

/// Adds the copies in one image, which is `page` where it is one.
pub(super) fn of_image(
    images: &Images,
    image: &Looked<'_>,
    page: Option<&BtreePage<'_>>,
    shifts: &Shifts,
    copies: &mut Vec<Copy>,
) {
    let first = copies.len();
    let mut taken: Vec<(usize, usize)> = Vec::new();
    let leaf = page.filter(|page| page.kind() == PageKind::TableLeaf);
    if let Some(page) = leaf {
        let standing = standing(images, image);
        cells(images, image, page, standing, shifts, copies, &mut taken);
        mark_order(copies.get_mut(first..).unwrap_or_default());
    }
    if let Some(page) = page.filter(|page| page.kind().tree() == TreeKind::Index) {
        let cells = (0..page.cell_count()).filter_map(|position| page.index_cell(position).ok());
        taken.extend(cells.map(|cell| (usize::from(cell.extent.0), cell.extent.1 as usize)));
    }
    // An overflow page begins with a page number, whose first byte is 0, and holds no cells.
    let is_overflow =
        leaf.is_none() && image.bytes.first() == Some(&0) && image.bytes.get(4..8).is_some_and(|b| b != [0; 4]);
    if !is_overflow {
        let cells = copies.len();
        remains(images, image, shifts, &mut taken, copies);
        cut_overwritten(copies.get_mut(cells..).unwrap_or_default());
    }
}

fn standing(images: &Images, image: &Looked<'_>) -> Standing {
    match image.stand {
        Stand::Free | Stand::Covered | Stand::Earlier => Standing::Past,
        Stand::Unproven => Standing::Unproven,
        Stand::Log => Standing::Log,
        Stand::Now if images.is_in_use(image.no) => Standing::Present,
        Stand::Now => Standing::Unknown,
    }
}

/// The rows that the page's cell pointers lead to.
fn cells(
    images: &Images,
    image: &Looked<'_>,
    page: &BtreePage<'_>,
    standing: Standing,
    shifts: &Shifts,
    copies: &mut Vec<Copy>,
    taken: &mut Vec<(usize, usize)>,
) {
    for position in 0..page.cell_count() {
        let Ok(cell) = page.table_cell(position) else { continue };
        let Some(copy) = of_cell(images, image, &cell, standing, shifts) else { continue };
        let (start, end) = (usize::from(cell.extent.0), cell.extent.1 as usize);
        taken.push((start, end));
        copies.push(copy);
    }
}

fn of_cell(
    images: &Images,
    image: &Looked<'_>,
    cell: &TableCell<'_>,
    standing: Standing,
    shifts: &Shifts,
) -> Option<Copy> {
    let shape = Shape::parse(cell.local).filter(|shape| shape.len == cell.payload.len() && cell.rowid > 0)?;
    let place = Cell {
        page: image.no,
        frame: image.frame,
        start: cell.payload.start(),
        local: cell.payload.local_len(),
        len: cell.payload.len(),
        overflow: cell.overflow,
    };
    copy(images, image, Some(cell.rowid), &shape, &place, standing, shifts)
}

fn copy(
    images: &Images,
    image: &Looked<'_>,
    id: Option<i64>,
    shape: &Shape,
    place: &Cell,
    standing: Standing,
    shifts: &Shifts,
) -> Option<Copy> {
    let name = shape.name.start as usize..shape.name.end as usize;
    image.bytes.get(place.start..)?.get(name)?;
    if shape.name.end > place.local {
        return None;
    }
    let mut place = *place;
    if place.overflow.is_some() && !images.may_follow(images.geometry().overflow_pages(place.len, place.local)) {
        place.overflow = None;
    }
    let place = &place;
    let mut payload = Payload::follow(images, image.world, place, shifts);
    if !payload.is_whole() && image.world != World::Current {
        // What the page's own world has lost may still stand where it did.
        let now = Payload::follow(images, World::Current, place, shifts);
        if now.is_whole() {
            payload = now;
        }
    }
    // Where pages have moved, a chain that ends right may still be another one.
    let weak = shifts.is_any() || standing == Standing::Remains;
    let of = |range: &Option<Range<u32>>| match range {
        None => Check::Plain,
        Some(range) => match payload.check(images, range) {
            Check::Plain if weak && payload.overflows(range) => Check::Broken,
            check => check,
        },
    };
    let (value_check, old_check) = (of(&shape.value), of(&shape.old_value));
    let [created, deleted, create_revision, prev_revision, lease] = shape.numbers;
    Some(Copy {
        id,
        tail: None,
        name: shape.name.clone(),
        created: created != 0,
        deleted: deleted != 0,
        create_revision,
        prev_revision,
        lease,
        value: shape.value.clone(),
        old_value: shape.old_value.clone(),
        value_check,
        old_check,
        payload,
        standing,
        cell: *place,
        world: image.world,
        out_of_order: false,
    })
}

/// Marks the cells whose id breaks an order that holds without them.
fn mark_order(copies: &mut [Copy]) {
    let ids: Vec<i64> = copies.iter().map(|copy| copy.id.unwrap_or(0)).collect();
    for (at, copy) in copies.iter_mut().enumerate() {
        let before = at.checked_sub(1).and_then(|at| ids.get(at)).copied();
        let (own, after) = (ids.get(at).copied().unwrap_or(0), ids.get(at + 1).copied());
        let breaks = before.is_some_and(|before| before >= own) || after.is_some_and(|after| own >= after);
        let holds_without = match (before, after) {
            (Some(before), Some(after)) => before < after,
            _ => true,
        };
        copy.out_of_order = breaks && holds_without;
    }
    // Of two neighbours that disagree, either may be the wrong one: at an end of the page both are marked.
}

/// How many bytes before a name its cell may begin: payload length, rowid, header.
const BEFORE_NAME: usize = LONGEST_HEADER + 14;

/// Rows in bytes that no cell pointer leads to: gaps, freeblocks, pages whose header is lost.
fn remains(images: &Images, image: &Looked<'_>, shifts: &Shifts, taken: &mut [(usize, usize)], copies: &mut Vec<Copy>) {
    const NAMES: [&[u8]; 2] = [b"/registry/", b"/bootstrap/"];
    taken.sort_unstable();
    let starts = taken.iter().map(|&(start, _)| start).chain([image.bytes.len()]);
    let ends = std::iter::once(0).chain(taken.iter().map(|&(_, end)| end));
    for (begin, ceiling) in ends.zip(starts).filter(|(begin, ceiling)| begin < ceiling) {
        for of in NAMES {
            // A name may reach into what was written over it.
            let to = (ceiling + of.len() - 1).min(image.bytes.len());
            let gap = image.bytes.get(begin..to).unwrap_or_default();
            for name in memchr::memmem::find_iter(gap, of) {
                copies.extend(before_name(images, image, begin + name, ceiling, shifts));
            }
        }
    }
}

/// What begins inside the bytes of another row was written over it, and what that one had from there on is lost.
fn cut_overwritten(remains: &mut [Copy]) {
    /// The longest that may stand before a record: the length of its payload, and its rowid.
    const PREFIX: usize = 14;
    remains.sort_by_key(|copy| copy.cell.start);
    let starts: Vec<usize> = remains.iter().map(|copy| copy.cell.start).collect();
    for (copy, next) in remains.iter_mut().zip(starts.into_iter().skip(1)) {
        let own = next.saturating_sub(copy.cell.start);
        if own >= copy.cell.local as usize {
            continue;
        }
        let own = u32::try_from(own.saturating_sub(PREFIX)).unwrap_or(0);
        let is_cut = |range: &Option<Range<u32>>| range.as_ref().is_some_and(|range| range.end > own);
        if is_cut(&copy.value) {
            copy.value_check = Check::Broken;
        }
        if is_cut(&copy.old_value) {
            copy.old_check = Check::Broken;
        }
    }
}

/// A record whose name begins at `name`. `ceiling` is where the next cell in use begins.
fn before_name(images: &Images, image: &Looked<'_>, name: usize, ceiling: usize, shifts: &Shifts) -> Option<Copy> {
    let lowest = name.saturating_sub(BEFORE_NAME);
    for header_len in 10..=LONGEST_HEADER {
        let Some(start) = name.checked_sub(header_len).filter(|&start| start >= lowest) else { break };
        // The id, which stands for the rowid, is NULL.
        if image.bytes.get(start + 1) != Some(&0) {
            continue;
        }
        let Some(shape) = Shape::with_header_len(image.bytes.get(start..)?, header_len) else { continue };
        if shape.name.start as usize != header_len || shape.name.len() > 1024 {
            continue;
        }
        let [.., create_revision, prev_revision, lease] = shape.numbers;
        if create_revision < 0 || prev_revision < 0 || lease < 0 {
            continue;
        }
        let has_length = image.bytes.get(start).copied() == u8::try_from(header_len).ok();
        let local = images.geometry().local_len(TreeKind::Table, shape.len);
        let end = start + local as usize;
        // A cell that the next one has overwritten is whole up to there.
        let (held, is_cut) = if end > ceiling { (ceiling.saturating_sub(start) as u32, true) } else { (local, false) };
        let overflow = image
            .bytes
            .get(end..end + 4)
            .and_then(|link| link.first_chunk::<4>())
            .map(|link| u32::from_be_bytes(*link));
        let overflow = overflow.filter(|_| shape.len > local && !is_cut).and_then(PageNo::new);
        let id = if has_length { rowid_before(image.bytes, start, shape.len) } else { None };
        let id = id.filter(|&id| id > prev_revision);
        let place = Cell { page: image.no, frame: image.frame, start, local: held, len: shape.len, overflow };
        let found = copy(images, image, id, &shape, &place, Standing::Remains, shifts);
        // Other bytes stand in it where a name has what no name has.
        let is_name = |found: &Copy| found.name(images).iter().all(|byte| !byte.is_ascii_control());
        if let Some(found) = found.filter(is_name) {
            let tail = if has_length && id.is_none() { Tail::before(image.bytes, start, shape.len) } else { None };
            return Some(Copy { tail, ..found });
        }
    }
    None
}

/// The rowid before a record, where the payload's length before it is the one that the record has.
fn rowid_before(bytes: &[u8], record: usize, len: u32) -> Option<i64> {
    for rowid_len in 1..=9 {
        let at = record.checked_sub(rowid_len)?;
        let Some((rowid, taken)) = varint(bytes.get(at..record)?) else { continue };
        if taken != rowid_len || rowid == 0 || i64::try_from(rowid).is_err() {
            continue;
        }
        for len_len in 1..=5 {
            let Some(at) = at.checked_sub(len_len) else { break };
            let found = varint(bytes.get(at..at + len_len)?);
            if found == Some((u64::from(len), len_len)) {
                return Some(rowid.cast_signed());
            }
        }
    }
    None
}
