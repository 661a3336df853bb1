//! Stores with bytes of their pages changed: damage that no engine would write.

use std::fs;
use std::path::Path;

use kinescope::bolt::{Bolt, PageNo as BoltPage, Tree};
use kinescope::source::{Bytes, FileName};
use kinescope::sqlite::{Database, PageNo, PageUse, TreeKind};

use super::{Case, etcd, kine};

pub const PAGE: usize = 4096;

/// A kine database as SQLite left it, and its bytes to be changed.
pub struct Sqlite {
    pub bytes: Vec<u8>,
    pub database: Database,
}

/// A backup of kine, and a second one with bytes changed.
pub fn sqlite(dir: &Path, change: impl FnOnce(&mut Sqlite)) -> Case {
    let case = kine::changed("kine-0.11", dir, |_| {});
    patch(&case, change);
    case
}

/// Changes bytes of the planted database of a case.
pub fn patch(case: &Case, change: impl FnOnce(&mut Sqlite)) {
    let bytes = fs::read(&case.planted[0]).unwrap();
    let database = Database::open(FileName::new("state.db"), Bytes::from(bytes.clone()), None).unwrap();
    let mut open = Sqlite { bytes, database };
    change(&mut open);
    fs::write(&case.planted[0], &open.bytes).unwrap();
}

impl Sqlite {
    /// The root of a table or an index.
    pub fn root(&self, name: &str) -> PageNo {
        let schema = self.database.schema(&mut Vec::new());
        schema.iter().find(|entry| entry.name == name).unwrap().root.unwrap()
    }

    /// The first leaf of a tree that has three cells.
    pub fn leaf(&self, name: &str, kind: TreeKind) -> PageNo {
        let pages = self.database.tree_pages(self.root(name), kind, &mut Vec::new());
        let enough = |page: &PageNo| self.database.btree_page(*page).unwrap().cell_count() >= 3;
        pages.leaves.iter().map(|leaf| leaf.page).find(enough).unwrap()
    }

    /// The first page with a use.
    pub fn first(&self, used: PageUse) -> PageNo {
        self.database.census().pages(used).next().unwrap()
    }

    pub fn page(&mut self, no: PageNo) -> &mut [u8] {
        let at = (no.get() as usize - 1) * PAGE;
        &mut self.bytes[at..at + PAGE]
    }

    /// Puts two of a leaf's cell pointers in each other's place.
    pub fn swap_pointers(&mut self, no: PageNo, header: usize) {
        let page = self.page(no);
        let (first, second): ([u8; 2], [u8; 2]) =
            (page[header..header + 2].try_into().unwrap(), page[header + 2..header + 4].try_into().unwrap());
        page[header..header + 2].copy_from_slice(&second);
        page[header + 2..header + 4].copy_from_slice(&first);
    }

    /// Appends a page, which the header counts.
    pub fn append(&mut self, page: &[u8]) -> u32 {
        self.bytes.extend(page);
        self.bytes.resize(self.bytes.len().next_multiple_of(PAGE), 0);
        let pages = (self.bytes.len() / PAGE) as u32;
        self.word(28, pages);
        pages
    }

    pub fn word(&mut self, at: usize, value: u32) {
        self.bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
}

/// A bbolt database, and its bytes to be changed.
pub struct Pages {
    pub bytes: Vec<u8>,
    bolt: Bolt,
}

/// A snapshot without its trailer, and a second one with bytes changed.
pub fn bolt(dir: &Path, change: impl FnOnce(&mut Pages)) -> Case {
    of(dir, etcd::bare(), change)
}

/// The same of a database with a freelist, which is empty.
pub fn with_freelist(dir: &Path, change: impl FnOnce(&mut Pages, usize)) -> Case {
    of(dir, etcd::built(&etcd::buckets(&etcd::bare())), |pages| {
        let freelist = pages.bolt.meta().freelist.unwrap().get() as usize * PAGE;
        change(pages, freelist);
    })
}

fn of(dir: &Path, healthy: Vec<u8>, change: impl FnOnce(&mut Pages)) -> Case {
    let bolt = Bolt::open(FileName::new("db"), Bytes::from(healthy.clone())).unwrap();
    let mut pages = Pages { bytes: healthy.clone(), bolt };
    change(&mut pages);
    etcd::files(dir, &healthy, &pages.bytes)
}

/// Where the parts of a page's header are, and the elements behind it.
pub const FLAGS: usize = 8;
pub const COUNT: usize = 10;
pub const ELEMENTS: usize = 16;

impl Pages {
    pub fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    pub fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap())
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes[at..at + 8].try_into().unwrap())
    }

    /// Where the page begins from which all rows are reached: a branch page.
    pub fn branch(&self) -> usize {
        let all = self.bolt.buckets(&mut Vec::new());
        let key = all.iter().find(|bucket| bucket.name == b"key").unwrap();
        let Tree::Root(page) = key.tree else { panic!("inline") };
        let at = page.get() as usize * PAGE;
        assert_eq!(self.bytes[at + FLAGS], 1, "a branch page");
        at
    }

    /// Where the leaf begins that an element of the branch page leads to.
    pub fn leaf(&self, element: usize) -> usize {
        let at = self.u64(self.branch() + ELEMENTS + 16 * element + 8) as usize * PAGE;
        assert_eq!(self.bytes[at + FLAGS], 2, "a leaf page");
        at
    }

    /// Where the page begins that lists the buckets.
    pub fn root(&self) -> usize {
        self.bolt.meta().root.get() as usize * PAGE
    }

    /// Where an element of a leaf begins, its key, and its value.
    pub fn item(&self, page: usize, element: usize) -> (usize, usize, usize) {
        let at = page + ELEMENTS + 16 * element;
        let key = at + self.u32(at + 4) as usize;
        (at, key, key + self.u32(at + 8) as usize)
    }

    /// Where the last page in use begins.
    pub fn last_used(&self) -> usize {
        let census = self.bolt.census(&mut Vec::new());
        let mut used = (0..census.pages).map(BoltPage::new).rev().filter(|page| census.used.contains(*page));
        used.next().unwrap().get() as usize * PAGE
    }

    /// Adds a page that nobody uses.
    pub fn grow(&mut self) {
        self.bytes.resize(self.bytes.len() + PAGE, 0);
        let pages = (self.bytes.len() / PAGE) as u64;
        for meta in [0, PAGE] {
            self.put(meta + 56, &pages.to_le_bytes());
            let fnv = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            let sum = self.bytes[meta + 16..meta + 72].iter().fold(0xcbf2_9ce4_8422_2325, fnv);
            self.put(meta + 72, &sum.to_le_bytes());
        }
    }
}
