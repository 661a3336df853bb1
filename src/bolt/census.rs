//! What every page of the file is used for: reachable from which bucket, held by the freelist, or by nobody.

use super::page::{Page, PageFault, PageKind, PageNo};
use super::tree::{Bolt, Bucket, Leaf};
use crate::source::{Damage, Place};

/// A set of pages of one file, one bit for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageSet {
    words: Vec<u64>,
    pages: u64,
}

impl PageSet {
    /// An empty set for a file of so many pages.
    pub(super) fn new(pages: u64) -> Self {
        let words = usize::try_from(pages.div_ceil(64)).unwrap_or(0);
        Self { words: vec![0; words], pages }
    }

    /// The number of pages of the file, in the set or not.
    pub const fn pages(&self) -> u64 {
        self.pages
    }

    /// Whether the page is in the set.
    pub fn contains(&self, page: PageNo) -> bool {
        let word = usize::try_from(page.get() / 64).ok().and_then(|word| self.words.get(word));
        word.is_some_and(|word| word >> (page.get() % 64) & 1 == 1)
    }

    /// The number of pages in the set.
    pub fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// The pages that are not in the set, in ascending order.
    pub fn missing(&self) -> impl Iterator<Item = PageNo> + '_ {
        (0..self.pages).map(PageNo::new).filter(|page| !self.contains(*page))
    }

    /// Adds `length` pages from `first` on, or tells the first of them that is already in the set or outside the file.
    /// Pages before that one are added, so that the work over all claims stays in proportion to the file.
    pub(super) fn claim(&mut self, first: PageNo, length: u64) -> Result<(), PageNo> {
        let end = first.get().saturating_add(length);
        for no in first.get()..end {
            let word = usize::try_from(no / 64).ok().and_then(|word| self.words.get_mut(word));
            let word = word.filter(|_| no < self.pages).ok_or(PageNo::new(no))?;
            let bit = 1_u64 << (no % 64);
            if *word & bit != 0 {
                return Err(PageNo::new(no));
            }
            *word |= bit;
        }
        Ok(())
    }
}

/// The pages of one tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    branch: u64,
    leaf: u64,
    overflow: u64,
    depth: u32,
}

impl Tally {
    pub(super) fn page(&mut self, page: &Page<'_>, depth: u32) {
        match page.kind {
            PageKind::Branch => self.branch += 1,
            PageKind::Leaf => self.leaf += 1,
            PageKind::Meta | PageKind::Freelist => {}
        }
        self.overflow = self.overflow.saturating_add(u64::from(page.overflow));
        self.depth = self.depth.max(depth);
    }
}

/// The pages of one bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketCensus {
    /// The bucket's name; empty for the tree of buckets itself.
    pub name: Vec<u8>,
    /// Branch pages, continuation pages not counted.
    pub branch: u64,
    /// Leaf pages, continuation pages not counted; 0 for an inline bucket.
    pub leaf: u64,
    /// Continuation pages of branch and leaf pages.
    pub overflow: u64,
    /// Levels of the tree; 0 for an inline bucket.
    pub depth: u32,
}

impl BucketCensus {
    fn new(name: &[u8], tally: Tally) -> Self {
        let Tally { branch, leaf, overflow, depth } = tally;
        Self { name: name.to_vec(), branch, leaf, overflow, depth }
    }

    /// All pages of the bucket.
    pub const fn pages(&self) -> u64 {
        self.branch.saturating_add(self.leaf).saturating_add(self.overflow)
    }
}

/// The persisted freelist, if the writer kept one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreelistCensus {
    /// The page on which it starts.
    pub page: PageNo,
    /// The pages that it takes, continuation pages included.
    pub pages: u64,
    /// The number of pages that it lists as free.
    pub listed: u64,
}

/// What the pages of a file are used for. The counts add up to [`Census::pages`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Census {
    /// Length of a page in bytes.
    pub page_size: u32,
    /// The pages below the high-water mark that lie inside the file.
    pub pages: u64,
    /// Meta pages: 2.
    pub meta: u64,
    /// The persisted freelist.
    pub freelist: Option<FreelistCensus>,
    /// The tree that lists the buckets.
    pub root: BucketCensus,
    /// Each top-level bucket, in the order of their names.
    pub buckets: Vec<BucketCensus>,
    /// Pages that are reachable from nowhere: free, or cut off by damage. Their old content is mostly still there.
    pub free: u64,
    /// The pages that are reachable; [`PageSet::missing`] gives the free ones.
    pub used: PageSet,
}

impl Census {
    /// The free pages in bytes.
    pub const fn free_bytes(&self) -> u64 {
        self.free.saturating_mul(self.page_size as u64)
    }

    /// The branch pages of all trees.
    pub fn branch(&self) -> u64 {
        self.trees().map(|tree| tree.branch).sum()
    }

    /// The leaf pages of all trees.
    pub fn leaf(&self) -> u64 {
        self.trees().map(|tree| tree.leaf).sum()
    }

    /// The continuation pages of all trees.
    pub fn overflow(&self) -> u64 {
        self.trees().map(|tree| tree.overflow).sum()
    }

    fn trees(&self) -> impl Iterator<Item = &BucketCensus> {
        std::iter::once(&self.root).chain(&self.buckets)
    }
}

/// A bucket with its leaves, and the use of all pages.
#[derive(Clone, Debug)]
pub struct Walked {
    /// The top-level buckets in the order of their names, each with its leaves in the order of their keys.
    pub buckets: Vec<(Bucket, Vec<Leaf>)>,
    /// What the pages are used for.
    pub census: Census,
}

impl Bolt {
    /// Walks all buckets at once, so that a page which belongs to two of them is noted. Buckets inside buckets are not
    /// followed: neither etcd nor k3s has any.
    pub fn walk(&self, damage: &mut Vec<Damage>) -> Walked {
        let mut claims = self.claims();
        let meta = claims.count();
        let mut tally = Tally::default();
        let buckets = self.buckets_claiming(&mut claims, &mut tally, damage);
        let root = BucketCensus::new(b"", tally);
        let mut counted = Vec::with_capacity(buckets.len());
        let mut walked = Vec::with_capacity(buckets.len());
        for bucket in buckets {
            let mut tally = Tally::default();
            let leaves = self.leaves_claiming(&bucket.tree, &mut claims, &mut tally, damage);
            counted.push(BucketCensus::new(&bucket.name, tally));
            walked.push((bucket, leaves));
        }
        let freelist = self.freelist(&mut claims, damage);
        let free = claims.pages().saturating_sub(claims.count());
        let census = Census {
            page_size: self.meta().page_size.bytes(),
            pages: claims.pages(),
            meta,
            freelist,
            root,
            buckets: counted,
            free,
            used: claims,
        };
        Walked { buckets: walked, census }
    }

    /// Counts what every page is used for.
    pub fn census(&self, damage: &mut Vec<Damage>) -> Census {
        self.walk(damage).census
    }

    /// Reads the persisted freelist and holds it against what is reachable, as `bbolt check` does (`tx_check.go`).
    fn freelist(&self, claims: &mut PageSet, damage: &mut Vec<Damage>) -> Option<FreelistCensus> {
        let no = self.meta().freelist?;
        let mut hurt = |page: PageNo, id, what| damage.push(self.note(Place::Page(page.get()), id, what));
        let page = match self.page(no) {
            Ok(page) if page.kind == PageKind::Freelist => page,
            Ok(page) => {
                hurt(
                    no,
                    "freelist",
                    format!("the meta says that this is the freelist, and it is a {} page", page.kind),
                );
                return None;
            }
            Err(fault) => {
                hurt(no, PageFault::id(&fault), format!("the freelist cannot be read: {fault}"));
                return None;
            }
        };
        let pages = (u64::from(page.overflow) + 1).min(self.pages().saturating_sub(no.get()));
        if let Err(taken) = claims.claim(no, pages) {
            hurt(no, "page-twice", format!("page {taken} of the freelist belongs to a tree as well"));
        }
        let (ids, promised) = page.free_ids();
        if promised != ids.len() as u64 {
            hurt(no, "freelist", format!("the freelist promises {promised} pages and has room for {}", ids.len()));
        }
        let mut listed = PageSet::new(claims.pages());
        let (mut used, mut refused) = (0_u64, 0_u64);
        for id in &ids {
            // One note for all of them: a hostile list must not make a list of notes that is longer than the file.
            if claims.contains(*id) {
                used += 1;
            } else if listed.claim(*id, 1).is_err() {
                refused += 1;
            }
        }
        if used > 0 {
            let what = format!("{used} pages are in use, and the freelist would give them out again");
            hurt(no, "freelist-used", what);
        }
        if refused > 0 {
            let what = format!("the freelist names {refused} pages twice, or pages outside the file");
            hurt(no, "freelist-bounds", what);
        }
        let lost = claims.pages().saturating_sub(claims.count()).saturating_sub(listed.count());
        if lost > 0 {
            hurt(no, "freelist-lost", format!("{lost} pages are neither in use nor in the freelist"));
        }
        Some(FreelistCensus { page: no, pages, listed: ids.len() as u64 })
    }
}
