//! Which pages some tree leads to, where the freelist does not say.

use std::collections::HashSet;

use rayon::prelude::*;

use super::super::header::{PageNo, TreeKind};
use super::super::page::{BtreePage, PageKind};
use super::images::{Images, ManyPages, OfPages, World};

/// Deeper than any tree of a file that fits a page number.
const DEEPEST: usize = 24;

/// The pages below the roots that the schema names, and below interior pages that no other page leads to where the schema
/// is lost. A page that two trees claim belongs to the first.
pub(super) fn reached(images: &Images) -> ManyPages {
    let numbers = images.numbers();
    let children: OfPages<Vec<PageNo>> =
        numbers.par_iter().filter_map(|&no| Some((no, children(images, no)?))).collect();
    let mut roots = schema_roots(images);
    if roots.is_empty() {
        roots = orphans(images, &children);
    }
    let mut reached = ManyPages::from_iter([PageNo::FIRST]);
    for root in roots {
        let mut open = vec![(root, 0)];
        while let Some((no, depth)) = open.pop() {
            if depth > DEEPEST || !reached.insert(no) {
                continue;
            }
            open.extend(children.get(&no).into_iter().flatten().map(|&child| (child, depth + 1)));
        }
    }
    reached
}

/// The children of an interior page, where each of them can be one.
fn children(images: &Images, no: PageNo) -> Option<Vec<PageNo>> {
    let page = tree_page(images, no)?;
    if page.kind().is_leaf() {
        return None;
    }
    let tree = page.kind().tree();
    let fits = |child: &PageNo| tree_page(images, *child).is_some_and(|page| page.kind().tree() == tree);
    let mut children: Vec<PageNo> = (0..page.cell_count())
        .filter_map(|position| match page.kind() {
            PageKind::TableInterior => page.table_interior_cell(position).ok().map(|cell| cell.child),
            _ => page.index_cell(position).ok()?.child,
        })
        .collect();
    children.extend(page.right_child());
    let all = children.len();
    children.retain(fits);
    // A page of garbage leads nowhere.
    (children.len() * 2 >= all).then_some(children)
}

fn tree_page(images: &Images, no: PageNo) -> Option<BtreePage<'_>> {
    let (_, bytes) = images.page(World::Current, no)?;
    BtreePage::parse(no, bytes, images.geometry()).ok()
}

/// Interior pages that no other leads to, those with most pages below them first.
fn orphans(images: &Images, children: &OfPages<Vec<PageNo>>) -> Vec<PageNo> {
    let in_use = children.iter().filter(|(no, _)| !images.freelist().pages.contains(no));
    let claimed: ManyPages = in_use.flat_map(|(_, children)| children).copied().collect();
    let mut roots: Vec<(usize, PageNo)> = children
        .keys()
        .filter(|no| !claimed.contains(no) && !images.freelist().pages.contains(no))
        .map(|&no| (below(children, no), no))
        .collect();
    roots.sort_by_key(|&(below, no)| (std::cmp::Reverse(below), no));
    // One table and its six indexes at most: what more there is was a tree once.
    roots.into_iter().map(|(_, no)| no).take(8).collect()
}

fn below(children: &OfPages<Vec<PageNo>>, root: PageNo) -> usize {
    let mut seen = HashSet::new();
    let mut open = vec![(root, 0)];
    while let Some((no, depth)) = open.pop() {
        if depth <= DEEPEST && seen.insert(no) {
            open.extend(children.get(&no).into_iter().flatten().map(|&child| (child, depth + 1)));
        }
    }
    seen.len()
}

/// The root pages that page 1 names, where it is a leaf: a schema record's fourth column (SQLite file format, section 2.6).
pub(super) fn schema_roots(images: &Images) -> Vec<PageNo> {
    let Some(page) = tree_page(images, PageNo::FIRST) else { return Vec::new() };
    if page.kind() != PageKind::TableLeaf {
        return Vec::new();
    }
    let root = |position| {
        let cell = page.table_cell(position).ok()?;
        let record = super::super::record::RecordHeader::parse(cell.local, cell.payload.len()).ok()?;
        let field = record.field(3)?;
        let range = field.range();
        let bytes = cell.local.get(range.start as usize..range.end as usize)?;
        let value = super::super::record::Value::decode(field.kind, bytes.into())?.as_int()?;
        let root = PageNo::new(u32::try_from(value).ok()?)?;
        tree_page(images, root).map(|page| (page.kind().tree(), root))
    };
    let roots: Vec<(TreeKind, PageNo)> = (0..page.cell_count()).filter_map(root).collect();
    let has = |kind| roots.iter().any(|(of, _)| *of == kind);
    if has(TreeKind::Table) && has(TreeKind::Index) {
        roots.into_iter().map(|(_, root)| root).collect()
    } else {
        Vec::new()
    }
}
