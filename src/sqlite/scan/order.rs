//! The entries of indexes in their order, and where the order is broken: what does not stand between two entries that follow
//! each other is not in the index.

use std::collections::HashSet;

use rayon::prelude::*;

use super::super::header::{PageNo, TreeKind};
use super::super::page::BtreePage;
use super::images::{Images, ManyPages, OfPages, World};

/// Deeper than any tree of a file that fits a page number.
const DEEPEST: usize = 24;

/// A step through an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The entries of this page from a position on, up to another one.
    Entries(PageNo, u16, u16),
    /// A part of the index is lost, or may be.
    Gap,
    /// An index begins or ends here.
    Edge,
}

/// What is left to do of a walk.
enum Open {
    Page(PageNo, usize),
    Entry(PageNo, u16),
    Gap,
}

impl Images {
    /// All index pages in use, walked from those that no other leads to. But for the roots that the schema names, a walk begins
    /// and ends in a gap: it may have gone on in a page that is lost. The order of entries is to be checked by whoever can read them.
    pub fn index_order(&self) -> Vec<Step> {
        let numbers = self.numbers();
        let pages: Vec<(PageNo, Vec<PageNo>)> = numbers
            .par_iter()
            .filter(|&&no| self.is_in_use(no))
            .filter_map(|&no| Some((no, children(&index_page(self, no)?))))
            .collect();
        let claimed: ManyPages = pages.iter().flat_map(|(_, children)| children).copied().collect();
        let in_use: OfPages<bool> = pages.iter().map(|(no, _)| (*no, false)).collect();
        let mut walk = Walk { images: self, seen: in_use, steps: vec![Step::Gap] };
        let roots: HashSet<PageNo> = super::reach::schema_roots(self).into_iter().collect();
        for (no, _) in pages.iter().filter(|(no, _)| !claimed.contains(no)) {
            walk.from(*no, if roots.contains(no) { Step::Edge } else { Step::Gap });
        }
        walk.steps
    }
}

fn index_page(images: &Images, no: PageNo) -> Option<BtreePage<'_>> {
    let (_, bytes) = images.page(World::Current, no)?;
    BtreePage::parse(no, bytes, images.geometry()).ok().filter(|page| page.kind().tree() == TreeKind::Index)
}

fn children(page: &BtreePage<'_>) -> Vec<PageNo> {
    if page.kind().is_leaf() {
        return Vec::new();
    }
    let cells = (0..page.cell_count()).filter_map(|position| page.index_cell(position).ok()?.child);
    cells.chain(page.right_child()).collect()
}

struct Walk<'a> {
    images: &'a Images,
    /// The pages in use, and whether the walk was there.
    seen: OfPages<bool>,
    steps: Vec<Step>,
}

impl Walk<'_> {
    fn from(&mut self, root: PageNo, around: Step) {
        self.steps.push(around);
        let mut open = vec![Open::Page(root, 0)];
        while let Some(next) = open.pop() {
            match next {
                Open::Page(no, depth) => self.enter(no, depth, &mut open),
                Open::Entry(no, position) => self.steps.push(Step::Entries(no, position, position.saturating_add(1))),
                Open::Gap => self.steps.push(Step::Gap),
            }
        }
        self.steps.push(around);
    }

    fn enter(&mut self, no: PageNo, depth: usize, open: &mut Vec<Open>) {
        let is_new = self.seen.get_mut(&no).is_some_and(|seen| !std::mem::replace(seen, true));
        let page = index_page(self.images, no).filter(|_| is_new && depth <= DEEPEST);
        let Some(page) = page else {
            self.steps.push(Step::Gap);
            return;
        };
        if page.kind().is_leaf() {
            self.steps.push(Step::Entries(no, 0, page.cell_count()));
            return;
        }
        // The last comes first off the stack.
        open.push(page.right_child().map_or(Open::Gap, |child| Open::Page(child, depth + 1)));
        for position in (0..page.cell_count()).rev() {
            match page.index_cell(position).ok().and_then(|cell| cell.child) {
                Some(child) => open.extend([Open::Entry(no, position), Open::Page(child, depth + 1)]),
                None => open.push(Open::Gap),
            }
        }
    }
}
