//! Pages that are missing before the first: all page numbers then lead too far.

use std::cmp::Reverse;

use super::super::header::{PageNo, TreeKind};
use super::super::page::{BtreePage, PageKind};
use super::images::{Images, World};

/// The most pages that are looked for.
const FARTHEST: u32 = 64;
/// Children that must be where they should.
const QUORUM: usize = 3;

/// A page that an interior page names, and the rowids between which its own must lie.
struct Child {
    no: PageNo,
    above: i64,
    up_to: i64,
}

impl Images {
    /// How many pages are missing before the first, as the interior pages of tables tell it: with that number the pages that
    /// they name hold the rowids that they say.
    pub fn missing_at_start(&self) -> Option<u32> {
        let children: Vec<Child> = self.numbers().into_iter().flat_map(|no| named(self, no)).collect();
        let held = |missing: u32| children.iter().filter(|child| holds(self, child, missing)).count();
        let counts: Vec<(usize, Reverse<u32>)> =
            (0..=FARTHEST).map(|missing| (held(missing), Reverse(missing))).collect();
        let (most, Reverse(missing)) = counts.iter().max().copied()?;
        let as_it_is = counts.first().map_or(0, |(held, _)| *held);
        (missing > 0 && most >= QUORUM && most > 2 * as_it_is).then_some(missing)
    }
}

fn page(images: &Images, no: PageNo) -> Option<BtreePage<'_>> {
    let (_, bytes) = images.page(World::Main, no)?;
    // What stands first is not page 1 here, and has no file header before its own.
    let as_later = no.max(PageNo::new(2)?);
    BtreePage::parse(as_later, bytes, images.geometry()).ok().filter(|page| page.kind().tree() == TreeKind::Table)
}

fn named(images: &Images, no: PageNo) -> Vec<Child> {
    let Some(page) = page(images, no).filter(|page| page.kind() == PageKind::TableInterior) else { return Vec::new() };
    let mut above = i64::MIN;
    let mut children = Vec::new();
    for position in 0..page.cell_count() {
        let Ok(cell) = page.table_interior_cell(position) else { return Vec::new() };
        children.push(Child { no: cell.child, above, up_to: cell.key });
        above = cell.key;
    }
    children.extend(page.right_child().map(|no| Child { no, above, up_to: i64::MAX }));
    children
}

fn holds(images: &Images, child: &Child, missing: u32) -> bool {
    let no = child.no.get().checked_sub(missing).and_then(PageNo::new);
    let Some(page) = no.and_then(|no| page(images, no)) else { return false };
    let Some(last) = page.cell_count().checked_sub(1) else { return false };
    let key = |position| match page.kind() {
        PageKind::TableLeaf => page.table_cell(position).ok().map(|cell| cell.rowid),
        _ => page.table_interior_cell(position).ok().map(|cell| cell.key),
    };
    key(0).is_some_and(|first| first > child.above) && key(last).is_some_and(|last| last <= child.up_to)
}
