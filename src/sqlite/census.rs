//! What every page of a database is used for, and what is used twice or not at all.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;

use super::database::Database;
use super::field::u32_at;
use super::header::{PageNo, TreeKind};
use super::page::{PayloadRef, TableCell};
use super::tree::{SchemaEntry, SchemaKind};
use crate::source::{Damage, Place};

/// What a page is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PageUse {
    /// Nothing leads to it.
    Unused,
    /// Rows of a table.
    TableLeaf,
    /// Children of a table.
    TableInterior,
    /// Entries of an index.
    IndexLeaf,
    /// Children and entries of an index.
    IndexInterior,
    /// Part of a long payload.
    Overflow,
    /// A list of free pages.
    FreelistTrunk,
    /// A free page.
    FreelistLeaf,
    /// The page at byte 2^30, which is never used.
    LockByte,
    /// Parents of pages, in auto-vacuumed files.
    PointerMap,
}

impl PageUse {
    pub(super) fn leaf(tree: TreeKind) -> Self {
        match tree {
            TreeKind::Table => Self::TableLeaf,
            TreeKind::Index => Self::IndexLeaf,
        }
    }

    pub(super) fn interior(tree: TreeKind) -> Self {
        match tree {
            TreeKind::Table => Self::TableInterior,
            TreeKind::Index => Self::IndexInterior,
        }
    }
}

impl fmt::Display for PageUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unused => "unused page",
            Self::TableLeaf => "table leaf",
            Self::TableInterior => "table interior page",
            Self::IndexLeaf => "index leaf",
            Self::IndexInterior => "index interior page",
            Self::Overflow => "overflow page",
            Self::FreelistTrunk => "freelist trunk",
            Self::FreelistLeaf => "freelist leaf",
            Self::LockByte => "lock-byte page",
            Self::PointerMap => "pointer map",
        })
    }
}

/// What pages have been entered for so far: the visited set of every walk.
#[derive(Clone, Debug)]
pub(super) struct Claims {
    uses: Vec<PageUse>,
}

impl Claims {
    pub(super) fn new(database: &Database) -> Self {
        Self { uses: vec![PageUse::Unused; database.page_count() as usize] }
    }

    /// Corrects what a page has been entered for.
    pub(super) fn turn_out(&mut self, page: PageNo, used: PageUse) {
        if let Some(slot) = self.uses.get_mut(page.slot()) {
            *slot = used;
        }
    }

    /// Takes back an entry: the page turned out to be something else.
    pub(super) fn release(&mut self, page: PageNo) {
        self.turn_out(page, PageUse::Unused);
    }

    /// Enters a page for a use, or tells what it is used for already. A page beyond the database cannot be entered twice
    /// because nobody can read it.
    pub(super) fn claim(&mut self, page: PageNo, used: PageUse) -> Result<(), PageUse> {
        match self.uses.get_mut(page.slot()) {
            Some(slot @ PageUse::Unused) => {
                *slot = used;
                Ok(())
            }
            Some(before) => Err(*before),
            None => Ok(()),
        }
    }
}

/// The pages of one table or index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeUse {
    /// The name in the schema; `sqlite_schema` for the schema itself.
    pub name: String,
    /// Table or index, by its pages.
    pub tree: TreeKind,
    /// The root of the tree.
    pub root: PageNo,
    /// The number of interior pages.
    pub interior_pages: u32,
    /// The number of leaf pages.
    pub leaf_pages: u32,
    /// The number of overflow pages.
    pub overflow_pages: u32,
    /// The number of rows, or of index entries.
    pub cells: u64,
    /// The length of all payloads in bytes, overflow pages included.
    pub payload_bytes: u64,
}

impl TreeUse {
    /// All of its pages.
    #[must_use]
    pub fn pages(&self) -> u32 {
        self.interior_pages + self.leaf_pages + self.overflow_pages
    }
}

/// What every page is used for.
#[derive(Clone, Debug)]
pub struct Census {
    uses: Vec<PageUse>,
    /// The tables and indexes, the schema first, else in the order of the schema.
    pub trees: Vec<TreeUse>,
    /// What was found wrong on the way.
    pub damage: Vec<Damage>,
}

impl Census {
    /// What a page is used for; pages beyond the database are unused.
    #[must_use]
    pub fn page(&self, page: PageNo) -> PageUse {
        self.uses.get(page.slot()).copied().unwrap_or(PageUse::Unused)
    }

    /// The number of pages with a use.
    #[must_use]
    pub fn count(&self, used: PageUse) -> u32 {
        self.uses.iter().filter(|&&found| found == used).count() as u32
    }

    /// The pages with a use, in order.
    pub fn pages(&self, used: PageUse) -> impl Iterator<Item = PageNo> + '_ {
        (1u32..).zip(&self.uses).filter(move |(_, found)| **found == used).filter_map(|(no, _)| PageNo::new(no))
    }
}

/// How many cells and bytes a page holds, and which of them go on on overflow pages.
struct PageCells {
    cells: u64,
    payload_bytes: u64,
    chains: Vec<ChainOf>,
    /// The pages of all followed chains, one chain behind the other.
    links: Vec<PageNo>,
    /// Why chains ended early, in their order.
    broken: Vec<Damage>,
    damage: Vec<Damage>,
}

/// The overflow chain of one cell.
struct ChainOf {
    payload: PayloadRef,
    position: u16,
    followed: Followed,
}

/// How far a chain was followed ahead of its pages being entered.
#[derive(Clone, Copy)]
enum Followed {
    /// Not at all: it would have cost too much.
    No,
    /// To its end.
    Whole {
        /// How many pages it has.
        pages: u32,
    },
    /// To where it does not hold.
    Broken {
        /// How many pages it has before that.
        pages: u32,
    },
}

impl Database {
    /// Finds out what every page is used for: walks the schema, all trees, all overflow chains and the freelist.
    #[must_use]
    pub fn census(&self) -> Census {
        let mut claims = Claims::new(self);
        let mut damage = Vec::new();
        let mut trees = Vec::new();
        self.claim_fixed(&mut claims);
        let schema = SchemaEntry {
            kind: SchemaKind::Table,
            name: "sqlite_schema".into(),
            table: "sqlite_schema".into(),
            root: Some(PageNo::FIRST),
            sql: None,
        };
        // Damage of the schema's rows is told by its own walk below.
        let entries = self.schema(&mut Vec::new());
        for entry in std::iter::once(&schema).chain(&entries) {
            if let Some(root) = entry.root {
                trees.extend(self.tree_use(&entry.name, root, &mut claims, &mut damage));
            }
        }
        self.claim_freelist(&mut claims, &mut damage);
        let unused = claims.uses.iter().filter(|&&used| used == PageUse::Unused).count();
        if unused > 0 {
            let first = claims.uses.iter().position(|&used| used == PageUse::Unused).unwrap_or(0) + 1;
            damage.push(Damage {
                file: self.name().clone(),
                place: Place::File,
                id: "page-orphan",
                what: format!("{unused} pages are in no table, index or freelist, the first is page {first}"),
            });
        }
        Census { uses: claims.uses, trees, damage }
    }

    /// Pages that are what they are by their number alone.
    fn claim_fixed(&self, claims: &mut Claims) {
        let lock_byte = self.geometry().page_size().lock_byte_page();
        if lock_byte.get() <= self.page_count() {
            let _ = claims.claim(lock_byte, PageUse::LockByte);
        }
        if self.header().is_some_and(|header| header.largest_root.is_some()) {
            // btree.c, ptrmapPageno: one map page, then as many pages as it has entries of five bytes.
            let step = self.geometry().usable() / 5 + 1;
            let mut at = 2u32;
            while at <= self.page_count() {
                let page = if at == lock_byte.get() { at.saturating_add(1) } else { at };
                if let Some(page) = PageNo::new(page).filter(|page| page.get() <= self.page_count()) {
                    let _ = claims.claim(page, PageUse::PointerMap);
                }
                at = at.saturating_add(step);
            }
        }
    }

    fn tree_use(&self, name: &str, root: PageNo, claims: &mut Claims, damage: &mut Vec<Damage>) -> Option<TreeUse> {
        let tree = match self.btree_page(root) {
            Ok(page) => page.kind().tree(),
            Err(found) => {
                damage.push(found);
                return None;
            }
        };
        let pages = self.walk(root, tree, claims, damage);
        let holders: Vec<_> = match tree {
            TreeKind::Table => pages.leaves.clone(),
            TreeKind::Index => {
                let interior = pages.interior.iter().map(|&page| super::tree::Leaf::alone(page));
                pages.leaves.iter().copied().chain(interior).collect()
            }
        };
        // In a healthy database all chains together have fewer pages than it. What goes beyond is followed one by one below,
        // where a page that is used already ends the walk.
        let budget = AtomicU32::new(self.page_count());
        let found: Vec<PageCells> = holders
            .par_iter()
            .with_min_len(64)
            .map(|leaf| {
                let mut damage = Vec::new();
                let mut found = match tree {
                    TreeKind::Table => {
                        let cells = self.leaf_cells(leaf, &mut damage);
                        PageCells::new(cells.iter().map(|cell| (cell.payload, cell.position)))
                    }
                    TreeKind::Index => {
                        let cells = self.index_cells(leaf.page, &mut damage);
                        PageCells::new(cells.iter().map(|cell| (cell.payload, cell.position)))
                    }
                };
                found.damage = damage;
                self.follow_all(&mut found, &budget);
                found
            })
            .collect();
        let mut used = TreeUse {
            name: name.into(),
            tree,
            root,
            interior_pages: pages.interior.len() as u32,
            leaf_pages: pages.leaves.len() as u32,
            overflow_pages: 0,
            cells: 0,
            payload_bytes: 0,
        };
        for page in found {
            used.cells += page.cells;
            used.payload_bytes += page.payload_bytes;
            damage.extend(page.damage);
            let mut links = page.links.iter().copied();
            let mut broken = page.broken.into_iter();
            for chain in page.chains {
                let (pages, result) = match chain.followed {
                    Followed::No => self.claim_chain(&chain.payload, chain.position, claims),
                    Followed::Whole { pages } => {
                        let own = links.by_ref().take(pages as usize);
                        self.claim_followed(&chain, own, None, claims)
                    }
                    Followed::Broken { pages } => {
                        let own = links.by_ref().take(pages as usize);
                        self.claim_followed(&chain, own, broken.next(), claims)
                    }
                };
                used.overflow_pages += pages;
                damage.extend(result.err());
            }
        }
        Some(used)
    }

    /// Follows the overflow chains of a page's cells without entering their pages, until the budget of pages is spent.
    fn follow_all(&self, cells: &mut PageCells, budget: &AtomicU32) {
        for chain in &mut cells.chains {
            let pages = self.geometry().overflow_pages(chain.payload.len(), chain.payload.local_len());
            let spend = |left: u32| left.checked_sub(pages);
            if budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_err() {
                continue;
            }
            let before = cells.links.len();
            let result = self.chain(&chain.payload).and_then(|mut links| {
                links.try_for_each(|link| {
                    cells.links.push(link?.0);
                    Ok(())
                })
            });
            let pages = (cells.links.len() - before) as u32;
            chain.followed = match result {
                Ok(()) => Followed::Whole { pages },
                Err(found) => {
                    cells.broken.push(found);
                    Followed::Broken { pages }
                }
            };
        }
    }

    /// Enters the pages of a chain that was followed already. All of them are taken from `links`, also behind a page that is
    /// used twice.
    fn claim_followed(
        &self,
        chain: &ChainOf,
        links: impl Iterator<Item = PageNo>,
        broken: Option<Damage>,
        claims: &mut Claims,
    ) -> (u32, Result<(), Damage>) {
        let mut pages = 0;
        let mut met = None;
        for page in links {
            if met.is_some() {
                continue;
            }
            match claims.claim(page, PageUse::Overflow) {
                Ok(()) => pages += 1,
                Err(before) => met = Some(self.chain_meets(&chain.payload, chain.position, page, before)),
            }
        }
        (pages, met.or(broken).map_or(Ok(()), Err))
    }

    fn chain_meets(&self, payload: &PayloadRef, position: u16, page: PageNo, before: PageUse) -> Damage {
        let what = format!("its overflow chain runs into page {page}, which is already used as {before}");
        self.damage_in(payload.page(), position, "page-twice", what)
    }

    /// Follows an overflow chain and enters its pages; stops at a page that is used already, so that all chains
    /// together cost no more than the database has pages.
    fn claim_chain(&self, payload: &PayloadRef, position: u16, claims: &mut Claims) -> (u32, Result<(), Damage>) {
        let chain = match self.chain(payload) {
            Ok(chain) => chain,
            Err(found) => return (0, Err(found)),
        };
        let mut pages = 0;
        for link in chain {
            let page = match link {
                Ok((page, _)) => page,
                Err(found) => return (pages, Err(found)),
            };
            if let Err(before) = claims.claim(page, PageUse::Overflow) {
                return (pages, Err(self.chain_meets(payload, position, page, before)));
            }
            pages += 1;
        }
        (pages, Ok(()))
    }

    /// Walks the freelist (section 1.5).
    fn claim_freelist(&self, claims: &mut Claims, damage: &mut Vec<Damage>) {
        let Some(header) = self.header() else { return };
        let mut next = header.freelist_trunk;
        let mut found = 0u64;
        while let Some(trunk) = next {
            let bytes = match self.page(trunk) {
                Ok(bytes) => bytes,
                Err(error) => {
                    damage.push(error);
                    break;
                }
            };
            if let Err(before) = claims.claim(trunk, PageUse::FreelistTrunk) {
                damage.push(self.used_twice(trunk, before, PageUse::FreelistTrunk));
                break;
            }
            found += 1;
            let count = u32_at(bytes, 4).unwrap_or(0);
            let room = self.geometry().usable() / 4 - 2;
            if count > room {
                let what = format!("a freelist trunk with {count} entries, {room} have room");
                damage.push(self.damage_at(trunk, "freelist", what));
            }
            let mut bad = 0usize;
            for slot in 0..count.min(room) {
                let leaf = u32_at(bytes, 8 + 4 * slot as usize).and_then(PageNo::new);
                let leaf = leaf.filter(|leaf| leaf.get() <= self.page_count());
                match leaf.map(|leaf| claims.claim(leaf, PageUse::FreelistLeaf)) {
                    Some(Ok(())) => found += 1,
                    _ => bad += 1,
                }
            }
            if bad > 0 {
                let what = format!("{bad} entries of this freelist trunk are used elsewhere or are no pages");
                damage.push(self.damage_at(trunk, "freelist", what));
            }
            next = u32_at(bytes, 0).and_then(PageNo::new);
        }
        if found != u64::from(header.freelist_count) {
            let what = format!("the header counts {} free pages, the freelist has {found}", header.freelist_count);
            damage.push(self.damage_at(PageNo::FIRST, "freelist-count", what));
        }
    }
}

impl PageCells {
    fn new(cells: impl Iterator<Item = (PayloadRef, u16)>) -> Self {
        let mut found = Self {
            cells: 0,
            payload_bytes: 0,
            chains: Vec::new(),
            links: Vec::new(),
            broken: Vec::new(),
            damage: Vec::new(),
        };
        for (payload, position) in cells {
            found.cells += 1;
            found.payload_bytes += u64::from(payload.len());
            if payload.overflows() {
                found.chains.push(ChainOf { payload, position, followed: Followed::No });
            }
        }
        found
    }
}

/// Follows the overflow chains of many rows and tells when two of them share a page. Rows must be given in a fixed order
/// for a fixed answer: of two chains that meet, the second is told. All chains together cost no more than the database
/// has pages.
#[derive(Debug)]
pub struct ChainCheck<'a> {
    database: &'a Database,
    claims: Claims,
}

impl<'a> ChainCheck<'a> {
    /// A check that has seen no chain yet.
    #[must_use]
    pub fn new(database: &'a Database) -> Self {
        Self { database, claims: Claims::new(database) }
    }

    /// Follows the chain of a row to its end.
    ///
    /// # Errors
    /// Damage when the chain does not have exactly the pages its payload needs, or shares one with another chain.
    pub fn check(&mut self, cell: &TableCell<'_>) -> Result<(), Damage> {
        if !cell.payload.overflows() {
            return Ok(());
        }
        self.check_payload(&cell.payload, cell.position)
    }

    /// Follows the chain of a payload, whose cell stands at `position` of its page.
    ///
    /// # Errors
    /// As [`ChainCheck::check`].
    pub fn check_payload(&mut self, payload: &PayloadRef, position: u16) -> Result<(), Damage> {
        self.database.claim_chain(payload, position, &mut self.claims).1
    }
}
