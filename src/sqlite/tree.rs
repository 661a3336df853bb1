//! Trees of pages: the rows of a table in order, the pages of an index, and the schema that names them all.
//!
//! A tree is walked level by level. The pages of a level are looked at in parallel and gathered in order, so that the
//! result does not depend on the threads; every page is entered once, and no tree is deeper than SQLite's own limit.

use rayon::prelude::*;

use super::census::{Claims, PageUse};
use super::database::Database;
use super::header::{PageNo, TreeKind};
use super::page::{BtreePage, CellError, IndexCell, PageKind, TableCell};
use super::record::Value;
use crate::source::Damage;

/// The deepest tree that SQLite follows (btreeInt.h, `BTCURSOR_MAX_DEPTH`).
const MAX_DEPTH: usize = 20;

/// How many damaged cells of one page are told one by one.
const TOLD_PER_PAGE: usize = 4;

/// A table leaf page, and the rowids that its parents allow on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The page.
    pub page: PageNo,
    /// Rowids must be above this one.
    pub above: Option<i64>,
    /// Rowids must not be above this one.
    pub up_to: Option<i64>,
}

impl Leaf {
    /// A leaf page without a tree around it, on which any rowids may be.
    #[must_use]
    pub fn alone(page: PageNo) -> Self {
        Self { page, above: None, up_to: None }
    }

    fn allows(&self, rowid: i64) -> bool {
        self.above.is_none_or(|above| rowid > above) && self.up_to.is_none_or(|up_to| rowid <= up_to)
    }
}

/// The pages of one tree.
#[derive(Clone, Debug, Default)]
pub struct TreePages {
    /// Pages with children, parents before children.
    pub interior: Vec<PageNo>,
    /// Pages without children, in key order.
    pub leaves: Vec<Leaf>,
}

/// What an entry of the schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemaKind {
    /// A table, or a virtual table, which has no root.
    Table,
    /// An index.
    Index,
    /// A view.
    View,
    /// A trigger.
    Trigger,
}

/// A row of the schema table (section 2.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaEntry {
    /// What it describes.
    pub kind: SchemaKind,
    /// Its name.
    pub name: String,
    /// The table it belongs to.
    pub table: String,
    /// The root of its tree, if it has one.
    pub root: Option<PageNo>,
    /// The statement that made it; nothing for indexes that SQLite makes by itself.
    pub sql: Option<String>,
}

/// What one page of a level turned out to be.
enum Step {
    Leaf,
    Interior(Vec<Leaf>, PageDamage),
    Bad(Damage),
}

impl Database {
    /// What the schema table on page 1 names.
    pub fn schema(&self, damage: &mut Vec<Damage>) -> Vec<SchemaEntry> {
        let leaves = self.table_leaves(PageNo::FIRST, damage);
        let mut entries = Vec::new();
        for leaf in &leaves {
            for cell in self.leaf_cells(leaf, damage) {
                match self.schema_entry(&cell) {
                    Ok(entry) => entries.push(entry),
                    Err(found) => damage.push(found),
                }
            }
        }
        entries
    }

    fn schema_entry(&self, cell: &TableCell<'_>) -> Result<SchemaEntry, Damage> {
        let bad = |what: &str| self.damage_in(cell.payload.page(), cell.position, "schema", what.into());
        let record = self.record(&cell.payload)?;
        let value = |column| match record.field(column) {
            Some(field) => self.value(&cell.payload, field),
            None => Err(bad("the schema row has fewer than five columns")),
        };
        let text = |column| match value(column)? {
            Value::Text(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            _ => Ok(None),
        };
        let kind = match text(0)?.as_deref() {
            Some("table") => SchemaKind::Table,
            Some("index") => SchemaKind::Index,
            Some("view") => SchemaKind::View,
            Some("trigger") => SchemaKind::Trigger,
            _ => return Err(bad("the schema row is neither table, index, view nor trigger")),
        };
        Ok(SchemaEntry {
            kind,
            name: text(1)?.ok_or_else(|| bad("the schema row has no name"))?,
            table: text(2)?.ok_or_else(|| bad("the schema row has no table name"))?,
            root: value(3)?.as_int().and_then(|root| u32::try_from(root).ok()).and_then(PageNo::new),
            sql: text(4)?,
        })
    }

    /// The leaf pages of a table in the order of their rows. Pages that cannot be reached are told and left out.
    pub fn table_leaves(&self, root: PageNo, damage: &mut Vec<Damage>) -> Vec<Leaf> {
        self.tree_pages(root, TreeKind::Table, damage).leaves
    }

    /// All pages of a tree but the overflow pages.
    pub fn tree_pages(&self, root: PageNo, tree: TreeKind, damage: &mut Vec<Damage>) -> TreePages {
        self.walk(root, tree, &mut Claims::new(self), damage)
    }

    /// Walks a tree, and enters every page of it in `claims`; a page that is already there is not followed.
    pub(super) fn walk(
        &self,
        root: PageNo,
        tree: TreeKind,
        claims: &mut Claims,
        damage: &mut Vec<Damage>,
    ) -> TreePages {
        let mut pages = TreePages::default();
        if let Err(before) = claims.claim(root, PageUse::leaf(tree)) {
            damage.push(self.used_twice(root, before, PageUse::leaf(tree)));
            return pages;
        }
        // What is known of the tree in key order: leaves, and pages still to be looked at. All of them are claimed, as
        // leaves until they turn out to be something else, so a level never has more pages than the database.
        let mut level = vec![(Leaf::alone(root), false)];
        for _ in 0..MAX_DEPTH {
            let steps: Vec<Option<Step>> = level
                .par_iter()
                .with_min_len(64)
                .map(|(leaf, known)| (!known).then(|| self.step(leaf, tree)))
                .collect();
            let mut next = Vec::with_capacity(level.len());
            let mut pending = false;
            for ((leaf, _), step) in level.into_iter().zip(steps) {
                match step {
                    None | Some(Step::Leaf) => next.push((leaf, true)),
                    Some(Step::Bad(found)) => {
                        claims.release(leaf.page);
                        damage.push(found);
                    }
                    Some(Step::Interior(children, mut found)) => {
                        claims.turn_out(leaf.page, PageUse::interior(tree));
                        pages.interior.push(leaf.page);
                        for child in children {
                            if self.enter(leaf.page, child.page, tree, claims, &mut found) {
                                pending = true;
                                next.push((child, false));
                            }
                        }
                        found.tell(self, leaf.page, damage);
                    }
                }
            }
            level = next;
            if !pending {
                pages.leaves = level.into_iter().map(|(leaf, _)| leaf).collect();
                return pages;
            }
        }
        let deep = level.iter().filter(|(_, known)| !known).count();
        let what = format!("{deep} pages of the tree lie deeper than {MAX_DEPTH} levels and were not followed");
        damage.push(self.damage_at(root, "tree-depth", what));
        pages.leaves = level.into_iter().filter_map(|(leaf, known)| known.then_some(leaf)).collect();
        pages
    }

    /// Claims a child for its parent; tells why not if it cannot be followed.
    fn enter(
        &self,
        parent: PageNo,
        child: PageNo,
        tree: TreeKind,
        claims: &mut Claims,
        damage: &mut PageDamage,
    ) -> bool {
        if child.get() > self.page_count() {
            let what = format!("its child {child} is beyond the {} pages of the database", self.page_count());
            damage.push(|| self.damage_at(parent, "page-number", what));
            return false;
        }
        match claims.claim(child, PageUse::leaf(tree)) {
            Ok(()) => true,
            Err(before) => {
                damage.push(|| self.used_twice(child, before, PageUse::leaf(tree)));
                false
            }
        }
    }

    pub(super) fn used_twice(&self, page: PageNo, before: PageUse, now: PageUse) -> Damage {
        self.damage_at(page, "page-twice", format!("the page is used more than once: as {before} and as {now}"))
    }

    /// Looks at one page of a tree.
    fn step(&self, node: &Leaf, tree: TreeKind) -> Step {
        let page = match self.btree_page(node.page) {
            Ok(page) => page,
            Err(found) => return Step::Bad(found),
        };
        if page.kind().tree() != tree {
            let what = format!("{:?} page in a tree of another kind", page.kind());
            return Step::Bad(self.damage_at(node.page, "page-type", what));
        }
        if page.kind().is_leaf() {
            return Step::Leaf;
        }
        let mut damage = PageDamage::default();
        let children = match page.kind() {
            PageKind::TableInterior => self.table_children(&page, node, &mut damage),
            _ => self.index_children(&page, &mut damage),
        };
        Step::Interior(children, damage)
    }

    fn table_children(&self, page: &BtreePage<'_>, node: &Leaf, damage: &mut PageDamage) -> Vec<Leaf> {
        let mut children = Vec::with_capacity(usize::from(page.cell_count()) + 1);
        let mut above = node.above;
        let mut room = Room::new(self);
        if page.cell_count() == 0 && page.no() != PageNo::FIRST {
            damage.push(|| self.damage_at(page.no(), "cell", "an interior page without cells".into()));
        }
        for position in 0..page.cell_count() {
            match page.table_interior_cell(position) {
                Ok(cell) => {
                    room.take(cell.extent);
                    let in_order = Leaf { above, ..*node }.allows(cell.key);
                    let up_to = if in_order { Some(cell.key) } else { node.up_to };
                    if !in_order {
                        let what = format!("key {} is out of order", cell.key);
                        damage.push(|| self.damage_in(page.no(), position, "key-order", what));
                    }
                    children.push(Leaf { page: cell.child, above, up_to });
                    if in_order {
                        above = up_to;
                    }
                }
                Err(error) => damage.push(|| self.bad_cell(page.no(), position, error)),
            }
        }
        room.check(self, page, damage);
        if let Some(right) = page.right_child() {
            children.push(Leaf { page: right, above, up_to: node.up_to });
        }
        children
    }

    fn index_children(&self, page: &BtreePage<'_>, damage: &mut PageDamage) -> Vec<Leaf> {
        let mut children = Vec::with_capacity(usize::from(page.cell_count()) + 1);
        for position in 0..page.cell_count() {
            match page.index_cell(position) {
                Ok(cell) => children.extend(cell.child.map(Leaf::alone)),
                Err(error) => damage.push(|| self.bad_cell(page.no(), position, error)),
            }
        }
        children.extend(page.right_child().map(Leaf::alone));
        children
    }

    fn bad_cell(&self, page: PageNo, position: u16, error: CellError) -> Damage {
        self.damage_in(page, position, "cell", error.to_string())
    }

    /// The rows of a table leaf in the order of the page. Rows out of order or beyond what the parents allow are told,
    /// and given all the same; cells that cannot be read are told and left out.
    pub fn leaf_cells(&self, leaf: &Leaf, damage: &mut Vec<Damage>) -> Vec<TableCell<'_>> {
        let page = match self.btree_page(leaf.page) {
            Ok(page) if page.kind() == PageKind::TableLeaf => page,
            Ok(page) => {
                let what = format!("{:?} page instead of a leaf of a table", page.kind());
                damage.push(self.damage_at(leaf.page, "page-type", what));
                return Vec::new();
            }
            Err(found) => {
                damage.push(found);
                return Vec::new();
            }
        };
        let mut found = PageDamage::default();
        let mut cells = Vec::with_capacity(usize::from(page.cell_count()));
        let mut allowed = *leaf;
        let mut room = Room::new(self);
        for position in 0..page.cell_count() {
            match page.table_cell(position) {
                Ok(cell) => {
                    if !allowed.allows(cell.rowid) {
                        let what = format!("rowid {} is out of order", cell.rowid);
                        found.push(|| self.damage_in(leaf.page, position, "rowid-order", what));
                    }
                    allowed.above = allowed.above.max(Some(cell.rowid));
                    if !room.take(cell.extent) {
                        found.push(|| room.damage(self, leaf.page, position));
                        break;
                    }
                    cells.push(cell);
                }
                Err(error) => found.push(|| self.bad_cell(leaf.page, position, error)),
            }
        }
        room.check(self, &page, &mut found);
        found.tell(self, leaf.page, damage);
        cells
    }

    /// The entries of an index page, leaf or interior.
    pub fn index_cells(&self, page: PageNo, damage: &mut Vec<Damage>) -> Vec<IndexCell<'_>> {
        let page = match self.btree_page(page) {
            Ok(page) if page.kind().tree() == TreeKind::Index => page,
            Ok(other) => {
                let what = format!("{:?} page instead of one of an index", other.kind());
                damage.push(self.damage_at(page, "page-type", what));
                return Vec::new();
            }
            Err(found) => {
                damage.push(found);
                return Vec::new();
            }
        };
        let mut found = PageDamage::default();
        let mut cells = Vec::with_capacity(usize::from(page.cell_count()));
        let mut room = Room::new(self);
        for position in 0..page.cell_count() {
            match page.index_cell(position) {
                Ok(cell) => {
                    if !room.take(cell.extent) {
                        found.push(|| room.damage(self, page.no(), position));
                        break;
                    }
                    cells.push(cell);
                }
                Err(error) => found.push(|| self.bad_cell(page.no(), position, error)),
            }
        }
        room.check(self, &page, &mut found);
        found.tell(self, page.no(), damage);
        cells
    }
}

/// The damage of one page: the first few by themselves, the rest as a number, so that a page of garbage cannot fill the
/// memory with messages.
#[derive(Default)]
struct PageDamage {
    told: Vec<Damage>,
    more: usize,
}

impl PageDamage {
    fn push(&mut self, damage: impl FnOnce() -> Damage) {
        if self.told.len() < TOLD_PER_PAGE {
            self.told.push(damage());
        } else {
            self.more += 1;
        }
    }

    fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    fn tell(self, database: &Database, page: PageNo, out: &mut Vec<Damage>) {
        out.extend(self.told);
        if self.more > 0 {
            out.push(database.damage_at(page, "cell", format!("{} more of its cells are damaged", self.more)));
        }
    }
}

/// The bytes of a page that its cells take. Cells that take more than twice the page are not read on: otherwise a small
/// file whose cell pointers all lead to the same cell would grow to millions of rows.
struct Room {
    left: u32,
    extents: Vec<(u16, u32)>,
}

impl Room {
    fn new(database: &Database) -> Self {
        Self { left: 2 * database.geometry().usable(), extents: Vec::new() }
    }

    fn take(&mut self, extent: (u16, u32)) -> bool {
        self.extents.push(extent);
        let len = extent.1 - u32::from(extent.0);
        let fits = len <= self.left;
        self.left = self.left.saturating_sub(len);
        fits
    }

    fn damage(&self, database: &Database, page: PageNo, position: u16) -> Damage {
        database.damage_in(page, position, "cell-overlap", "the cells take more than twice the page".into())
    }

    /// Cells and freeblocks must not overlap, and all bytes between them must be counted as fragments; so a page that lost
    /// a cell gives itself away (btree.c, `checkTreePage`).
    fn check(mut self, database: &Database, page: &BtreePage<'_>, damage: &mut PageDamage) {
        let damage_at = |id, what| database.damage_at(page.no(), id, what);
        match page.freeblocks() {
            Ok(blocks) => self.extents.extend(blocks),
            Err(error) => damage.push(|| damage_at("freeblock", error.to_string())),
        }
        self.extents.sort_unstable();
        let mut end = page.content_start();
        let mut gaps = 0;
        for &(start, next_end) in &self.extents {
            let start = u32::from(start);
            if start < end {
                let what =
                    format!("the cell or freeblock at offset {start} begins inside of another or before the content");
                damage.push(|| damage_at("cell-overlap", what));
            }
            gaps += start.saturating_sub(end);
            end = end.max(next_end);
        }
        gaps += database.geometry().usable().saturating_sub(end);
        if damage.is_empty() && gaps != u32::from(page.fragmented()) {
            let what = format!("{gaps} bytes are in no cell or freeblock, the page counts {}", page.fragmented());
            damage.push(|| damage_at("page-space", what));
        }
    }
}
