//! What of the tree still stands: which pages bucket `key` is made of, and which ranges of revisions it has lost.

use super::cells::{Content, KeyBucket, Root, first_row};
use crate::bolt::{PageKind, PageNo, Scan};
use crate::etcd::Meta;
use crate::etcd::keyvalue::RowKey;
use crate::model::Revision;

/// Deeper than any real tree.
const MAX_DEPTH: u32 = 64;

/// A range of revisions whose page is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gone {
    /// The first revision that may have stood there.
    pub from: Revision,
    /// The first revision behind it; `None` for the end of the history.
    pub upto: Option<Revision>,
    /// Whether `from` is known to have stood there.
    pub has_from: bool,
    /// The page that should hold it; `None` for rows of a page that is there.
    pub page: Option<PageNo>,
    /// Whether the page was a branch, or may have been, so that the leaves below it may all be there.
    pub is_branch: bool,
}

/// How the tree was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// A meta leads to it.
    Meta,
    /// No meta leads to a root: the one that has applied most of the log was taken.
    Root,
    /// There is no root.
    Nothing,
}

/// What of the tree still stands.
pub(super) struct Tree {
    pub level: Level,
    /// What the small buckets say.
    pub meta: Meta,
    /// The root page of bucket `lease`, where it has one of its own.
    pub lease: Option<PageNo>,
    /// For each image whether the tree of bucket `key` leads to it.
    pub reached: Vec<bool>,
    pub gone: Vec<Gone>,
    /// Ranges of which the tree's pages hold every row: from, and the first revision behind.
    pub covered: Vec<(Revision, Revision)>,
    /// A root that is newer than the tree was found.
    pub is_behind: bool,
}

/// Finds the newest tree and walks it.
pub(super) fn find(scan: &Scan, content: &Content<'_>) -> Tree {
    let applied = |root: &&Root| (root.meta.consistent_index, root.meta.finished_compact_revision, root.image);
    let newest = content.roots.iter().max_by_key(applied);
    let metas = scan.metas();
    let by_meta =
        metas.first().and_then(|meta| content.roots.iter().find(|root| image_no(scan, root.image) == Some(meta.root)));
    let (level, root) = match (by_meta, newest) {
        (Some(root), _) => (Level::Meta, root),
        (None, Some(root)) => (Level::Root, root),
        (None, None) => {
            let gone = Gone { from: Revision::default(), upto: None, has_from: false, page: None, is_branch: true };
            let reached = vec![false; scan.images().len()];
            return Tree {
                level: Level::Nothing,
                meta: Meta::default(),
                lease: None,
                reached,
                gone: vec![gone],
                covered: Vec::new(),
                is_behind: false,
            };
        }
    };
    let mut walk =
        Walk { scan, content, reached: vec![false; scan.images().len()], gone: Vec::new(), covered: Vec::new() };
    match root.key {
        KeyBucket::Inline => {
            walk.leaf(root.image, Revision::default(), None);
        }
        KeyBucket::Page(no) => walk.all(no),
    }
    let is_behind = newest.is_some_and(|newest| newest.meta.consistent_index > root.meta.consistent_index);
    walk.gone.sort_by_key(|gone| gone.from);
    Tree {
        level,
        meta: root.meta.clone(),
        lease: root.lease,
        reached: walk.reached,
        gone: walk.gone,
        covered: walk.covered,
        is_behind,
    }
}

fn image_no(scan: &Scan, image: u32) -> Option<PageNo> {
    scan.images().get(image as usize).map(|image| image.no)
}

struct Walk<'a, 'c> {
    scan: &'a Scan,
    content: &'c Content<'a>,
    reached: Vec<bool>,
    gone: Vec<Gone>,
    covered: Vec<(Revision, Revision)>,
}

/// A page that is to be visited, with the range that its parent gives it.
struct Next {
    no: PageNo,
    from: Revision,
    has_from: bool,
    upto: Option<Revision>,
    depth: u32,
    /// What its sisters are.
    is_branch: Option<bool>,
}

impl Walk<'_, '_> {
    fn all(&mut self, root: PageNo) {
        let from = Revision::default();
        let mut open = vec![Next { no: root, from, has_from: false, upto: None, depth: 0, is_branch: None }];
        while let Some(next) = open.pop() {
            let image = self.fitting(&next);
            match image {
                Some((image, PageKind::Branch)) if next.depth < MAX_DEPTH => {
                    if let Some(children) = self.children(image, &next) {
                        self.mark(image);
                        open.extend(children);
                        continue;
                    }
                }
                Some((image, PageKind::Leaf)) if self.leaf(image, next.from, next.upto) => continue,
                _ => {}
            }
            self.gone.push(Gone {
                from: next.from,
                upto: next.upto,
                has_from: next.has_from,
                page: Some(next.no),
                is_branch: next.is_branch.unwrap_or(true),
            });
        }
    }

    fn mark(&mut self, image: u32) -> bool {
        match self.reached.get_mut(image as usize) {
            Some(reached) if !*reached => {
                *reached = true;
                true
            }
            _ => false,
        }
    }

    /// The image of a page whose first row is where its parent says.
    fn fitting(&self, next: &Next) -> Option<(u32, PageKind)> {
        let images = self.scan.of_page(next.no).iter();
        let kept = images.filter(|&&image| self.reached.get(image as usize) == Some(&false));
        kept.filter_map(|&image| {
            let found = self.scan.images().get(image as usize)?;
            let first = first_row(&self.scan.page(found)).map(|row| row.revision);
            // An unreadable first row is a hole in the page; an empty page is the root of an empty bucket.
            let fits = first.is_none_or(|first| first >= next.from && next.upto.is_none_or(|upto| first < upto));
            fits.then_some((image, found.kind))
        })
        .next()
    }

    fn children(&self, image: u32, parent: &Next) -> Option<Vec<Next>> {
        let page = self.scan.page(self.scan.images().get(image as usize)?);
        let mut children: Vec<Next> = Vec::with_capacity(usize::from(page.cells()));
        for index in 0..page.cells() {
            let child = page.child(index)?;
            let from = page.bytes.get(child.key).and_then(RowKey::decode)?.revision;
            if from < parent.from || parent.upto.is_some_and(|upto| from >= upto) {
                return None;
            }
            if let Some(before) = children.last_mut() {
                if before.from >= from {
                    return None;
                }
                before.upto = Some(from);
            }
            let depth = parent.depth + 1;
            children.push(Next { no: child.page, from, has_from: true, upto: parent.upto, depth, is_branch: None });
        }
        // Rows in front of the first key, were there any, would stand on the first child.
        if let Some(first) = children.first_mut().filter(|first| first.from > parent.from) {
            (first.from, first.has_from) = (parent.from, false);
        }
        let kind = |next: &Next| self.fitting(next).map(|(_, kind)| kind == PageKind::Branch);
        let is_branch = children.iter().find_map(kind);
        children.iter_mut().for_each(|child| child.is_branch = is_branch);
        Some(children)
    }

    /// Takes a leaf whose rows all stand in its range, and notes the holes in it.
    fn leaf(&mut self, image: u32, from: Revision, upto: Option<Revision>) -> bool {
        let Some(rows) = self.content.rows.get(image as usize) else { return false };
        let inside = |at: Revision| at >= from && upto.is_none_or(|upto| at < upto);
        if !rows.cells.iter().all(|cell| inside(cell.row.at.revision)) || !self.mark(image) {
            return false;
        }
        let (first, last) = (rows.holes.first(), rows.holes.last());
        for (index, &(start, end)) in rows.spans.iter().enumerate() {
            let is_first = index == 0 && first.is_none_or(|hole| hole.0.is_some());
            let is_last = index + 1 == rows.spans.len() && last.is_none_or(|hole| hole.1.is_some());
            let upto = upto.filter(|_| is_last).unwrap_or(behind(end));
            self.covered.push((if is_first { from } else { start }, upto));
        }
        for &(before, next) in &rows.holes {
            self.gone.push(Gone {
                from: before.map_or(from, behind),
                upto: next.or(upto),
                has_from: false,
                page: None,
                is_branch: false,
            });
        }
        true
    }
}

/// The revision that comes next in a transaction.
pub(super) fn behind(at: Revision) -> Revision {
    Revision { sub: at.sub.saturating_add(1), ..at }
}

/// The first row of an image.
pub(super) fn first_of(scan: &Scan, image: &crate::bolt::Image) -> Option<RowKey> {
    first_row(&scan.page(image))
}
