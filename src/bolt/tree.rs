//! The tree of buckets: from the chosen meta to every leaf, each page taken once, each key range checked against its
//! parent's.

use rayon::prelude::*;

use super::census::{PageSet, Tally};
use super::meta::{Meta, MetaFault, MetaSlot, Metas, NoMeta};
use super::page::{BUCKET_FLAG, ELEMENT, HEADER, Page, PageFault, PageKind, PageNo};
use crate::source::{Bytes, Damage, FileName, Place};

/// Deeper than any real tree: with two children per branch page, 64 levels hold more pages than a file can have.
const MAX_DEPTH: u32 = 64;
/// Length of a bucket's header inside its value (bbolt `internal/common/bucket.go` `InBucket`: root, sequence).
const BUCKET_HEADER: usize = 16;
/// At least so many pages one task looks at before they are walked.
const PAGES_PER_TOUCH: usize = 64;

/// Why a file cannot be read as bbolt at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// There is nothing in the file.
    #[error("{file}: the file is empty")]
    Empty {
        /// The file.
        file: FileName,
    },
    /// Too short for even one meta page.
    #[error("{file}: {length} bytes are too few for a bbolt file, which starts with two meta pages; was it cut off?")]
    TooShort {
        /// The file.
        file: FileName,
        /// Its length in bytes.
        length: usize,
    },
    /// No bbolt magic number where a meta could be.
    #[error("{file}: this is not a bbolt file: there is no meta page at its start")]
    NotBolt {
        /// The file.
        file: FileName,
    },
    /// The format is of another version.
    #[error("{file}: bbolt format version {version}; only version 2 is known, which etcd has written since 3.0")]
    Version {
        /// The file.
        file: FileName,
        /// The version that the meta names.
        version: u32,
    },
    /// Both metas are broken.
    #[error("{file}: no valid meta page: page 0: {first}; page 1: {second}. The rows may still be found by `recover`")]
    NoValidMeta {
        /// The file.
        file: FileName,
        /// What is wrong with the meta on page 0.
        first: MetaFault,
        /// What is wrong with the meta on page 1.
        second: MetaFault,
    },
}

/// A bbolt file, seen through one of its metas. Cloning is cheap, and all reading can be done from many threads.
#[derive(Clone, Debug)]
pub struct Bolt {
    file: FileName,
    bytes: Bytes,
    metas: Metas,
    meta: Meta,
    damage: Vec<Damage>,
}

/// A range of the file, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    at: usize,
    len: usize,
}

/// A top-level bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: Vec<u8>,
    /// Where its content lies.
    pub tree: Tree,
    /// The bucket's own counter; etcd leaves it at 0.
    pub sequence: u64,
    /// The leaf page of the root bucket in which it is listed.
    pub page: PageNo,
    /// The cell of that page.
    pub cell: u32,
}

/// Where the content of a bucket lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tree {
    /// In the bucket's own value, as a page without a number (bbolt `bucket.go` `inlineable`).
    Inline(Leaf),
    /// In a tree of pages that starts here.
    Root(PageNo),
}

/// Where a leaf lies, for messages and for citing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// A page of its own.
    Page(PageNo),
    /// The value of a cell of the root bucket.
    Inline {
        /// The page of that cell.
        page: PageNo,
        /// The cell.
        cell: u32,
    },
}

impl Home {
    /// The page of the file in which the leaf lies.
    pub const fn page(self) -> PageNo {
        match self {
            Self::Page(page) | Self::Inline { page, .. } => page,
        }
    }

    fn place(self, index: u16) -> Place {
        match self {
            Self::Page(page) => Place::Cell { page: page.get(), cell: u32::from(index) },
            Self::Inline { page, cell } => Place::Cell { page: page.get(), cell },
        }
    }
}

/// A leaf page, or the leaf inside an inline bucket, whose header has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Where it lies.
    pub home: Home,
    /// The number of cells that the header promises.
    pub count: u16,
    span: Span,
    lower: Option<Span>,
    upper: Option<Span>,
}

/// One key and its value, as slices of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// The key; never empty.
    pub key: &'a [u8],
    /// The value; may be empty.
    pub value: &'a [u8],
    /// Bit 0: the value is a bucket. etcd has buckets only at the top level.
    pub flags: u32,
    /// The position in the leaf's table, from 0.
    pub cell: u16,
    /// Where the value starts, in bytes from the start of the file.
    pub value_at: u64,
}

impl Item<'_> {
    /// Whether the value is a bucket.
    pub const fn is_bucket(&self) -> bool {
        self.flags & BUCKET_FLAG != 0
    }
}

impl Bolt {
    /// Chooses a meta and makes the file readable. A file that is shorter than its meta says is opened too; that is
    /// damage, to be had from [`Bolt::damage`].
    ///
    /// # Errors
    /// The file is empty, is no bbolt file, is of another version, or has no valid meta.
    pub fn open(file: FileName, bytes: Bytes) -> Result<Self, OpenError> {
        if bytes.is_empty() {
            return Err(OpenError::Empty { file });
        }
        if bytes.len() < super::meta::META_END {
            return Err(OpenError::TooShort { file, length: bytes.len() });
        }
        match Metas::find(&bytes) {
            Ok((metas, meta)) => Ok(Self::through(file, bytes, metas, meta)),
            Err(NoMeta::NotBolt) => Err(OpenError::NotBolt { file }),
            Err(NoMeta::Version(version)) => Err(OpenError::Version { file, version }),
            Err(NoMeta::Broken { first, second }) => Err(OpenError::NoValidMeta { file, first, second }),
        }
    }

    /// The same file seen through the other meta, if that one is valid too: the state one transaction earlier, as long
    /// as none of its pages has been used again.
    pub fn through_slot(&self, slot: MetaSlot) -> Option<Self> {
        let meta = self.metas.get(slot).ok()?;
        Some(Self::through(self.file.clone(), self.bytes.clone(), self.metas, meta))
    }

    fn through(file: FileName, bytes: Bytes, metas: Metas, meta: Meta) -> Self {
        let mut bolt = Self { file, bytes, metas, meta, damage: Vec::new() };
        let mut found = Vec::new();
        for slot in [MetaSlot::First, MetaSlot::Second] {
            if let Err(fault) = metas.get(slot) {
                let what = format!("this meta is not valid, the other one is used: {fault}");
                found.push(bolt.note(Place::Page(slot.page().get()), "meta-invalid", what));
            }
        }
        let wanted = meta.high_water.get().checked_mul(u64::from(meta.page_size.bytes()));
        if wanted.is_none_or(|wanted| wanted > bolt.bytes.len() as u64) {
            let what = format!(
                "the file has {} bytes, and its meta counts {} pages of {} bytes: it was cut off, or rolled back",
                bolt.bytes.len(),
                meta.high_water,
                meta.page_size
            );
            found.push(bolt.note(Place::File, "truncated", what));
        }
        bolt.damage = found;
        bolt
    }

    /// The file's name.
    pub const fn file(&self) -> &FileName {
        &self.file
    }

    /// All bytes of the file, those behind the last page included.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The meta through which the file is seen.
    pub const fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Both metas, and why one was chosen.
    pub const fn metas(&self) -> &Metas {
        &self.metas
    }

    /// What was wrong with the metas and the file's length.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// The number of pages below the high-water mark that lie inside the file.
    pub fn pages(&self) -> u64 {
        let present = self.bytes.len() as u64 / u64::from(self.meta.page_size.bytes());
        present.min(self.meta.high_water.get())
    }

    /// The bytes behind the last page that was ever given out: a snapshot's checksum, or what bbolt reserved.
    pub fn trailing(&self) -> &[u8] {
        let end = self.meta.high_water.get().checked_mul(u64::from(self.meta.page_size.bytes()));
        let end = end.and_then(|end| usize::try_from(end).ok()).unwrap_or(usize::MAX);
        self.bytes.get(end..).unwrap_or_default()
    }

    /// Any one page, reachable or not.
    ///
    /// # Errors
    /// The page lies outside the file, or its header is that of another page.
    pub fn page(&self, no: PageNo) -> Result<Page<'_>, PageFault> {
        Page::read(&self.bytes, self.meta.order, self.meta.page_size, self.meta.high_water, no)
    }

    /// Any one leaf page, reachable or not, without the key range that a parent would give it.
    ///
    /// # Errors
    /// As [`Bolt::page`]; a page of another kind gives `Ok(None)`.
    pub fn leaf(&self, no: PageNo) -> Result<Option<Leaf>, PageFault> {
        let page = self.page(no)?;
        Ok((page.kind == PageKind::Leaf).then(|| leaf_of(&page, None, None)))
    }

    /// The top-level buckets, in the order of their names.
    pub fn buckets(&self, damage: &mut Vec<Damage>) -> Vec<Bucket> {
        self.buckets_claiming(&mut self.claims(), &mut Tally::default(), damage)
    }

    /// The leaves of one bucket in the order of their keys. Pages of other buckets are not known here;
    /// [`Bolt::census`] tells pages that belong to two of them.
    pub fn leaves(&self, bucket: &Bucket, damage: &mut Vec<Damage>) -> Vec<Leaf> {
        self.leaves_claiming(&bucket.tree, &mut self.claims(), &mut Tally::default(), damage)
    }

    /// A page set in which the two metas are taken.
    pub(super) fn claims(&self) -> PageSet {
        let mut claims = PageSet::new(self.pages());
        // The metas are always there in a file with a valid meta; a set too small for them refuses and holds nothing.
        let _ = claims.claim(PageNo::new(0), 2);
        claims
    }

    pub(super) fn buckets_claiming(
        &self,
        claims: &mut PageSet,
        tally: &mut Tally,
        damage: &mut Vec<Damage>,
    ) -> Vec<Bucket> {
        let root = Tree::Root(self.meta.root);
        let mut buckets = Vec::new();
        for leaf in self.leaves_claiming(&root, claims, tally, damage) {
            let mut found = Vec::new();
            buckets.extend(leaf.items(self, damage).filter_map(|item| self.bucket(&leaf, &item, &mut found)));
            damage.append(&mut found);
        }
        buckets
    }

    /// The bucket that an item of the root bucket stands for.
    fn bucket(&self, leaf: &Leaf, item: &Item<'_>, damage: &mut Vec<Damage>) -> Option<Bucket> {
        let place = || leaf.home.place(item.cell);
        if !item.is_bucket() {
            let what = format!("{} stands among the buckets and is none", item.key.escape_ascii());
            damage.push(self.note(place(), "not-a-bucket", what));
            return None;
        }
        let order = self.meta.order;
        let Some((root, sequence)) = order.u64(item.value, 0).zip(order.u64(item.value, 8)) else {
            let what = format!("bucket {} has no header", item.key.escape_ascii());
            damage.push(self.note(place(), "bucket-header", what));
            return None;
        };
        let page = leaf.home.page();
        let tree = match root {
            0 => Tree::Inline(self.inline_leaf(page, item, damage)?),
            root => Tree::Root(PageNo::new(root)),
        };
        Some(Bucket { name: item.key.to_vec(), tree, sequence, page, cell: u32::from(item.cell) })
    }

    /// The leaf inside the value of an inline bucket (bbolt `bucket.go` `openBucket`).
    fn inline_leaf(&self, no: PageNo, item: &Item<'_>, damage: &mut Vec<Damage>) -> Option<Leaf> {
        let cell = u32::from(item.cell);
        let bytes = item.value.get(BUCKET_HEADER..).unwrap_or_default();
        let at = usize::try_from(item.value_at).ok()?.checked_add(BUCKET_HEADER)?;
        match Page::from_header(bytes, self.meta.order, no, at) {
            Ok(page) if page.kind == PageKind::Leaf && page.overflow == 0 => {
                let leaf = leaf_of(&page, None, None);
                Some(Leaf { home: Home::Inline { page: no, cell }, ..leaf })
            }
            _ => {
                let what = format!("the inline bucket {} holds no leaf", item.key.escape_ascii());
                damage.push(self.note(Place::Cell { page: no.get(), cell }, "inline-bucket", what));
                None
            }
        }
    }

    pub(super) fn leaves_claiming(
        &self,
        tree: &Tree,
        claims: &mut PageSet,
        tally: &mut Tally,
        damage: &mut Vec<Damage>,
    ) -> Vec<Leaf> {
        match *tree {
            Tree::Inline(leaf) => vec![leaf],
            Tree::Root(root) => {
                self.touch(root);
                let mut walk = Walk { bolt: self, claims, tally, damage, leaves: Vec::new() };
                walk.tree(root);
                walk.leaves
            }
        }
    }

    /// Looks at the header of every page of a tree with all threads, level by level, and keeps nothing: the walk, which
    /// sees one page after the other, then does not wait for each of them to be mapped. A tree that has more pages than the
    /// file is no tree; the walk finds out why.
    fn touch(&self, root: PageNo) {
        let children = |no: &PageNo| {
            let page = self.page(*no).ok().filter(|page| page.kind == PageKind::Branch);
            let count = page.as_ref().map_or(0, Page::cells);
            (0..count).filter_map(move |index| Some(page.as_ref()?.child(index)?.page))
        };
        let mut room = self.pages();
        let mut level = vec![root];
        for _ in 0..MAX_DEPTH {
            let Some(left) = room.checked_sub(level.len() as u64).filter(|_| !level.is_empty()) else { return };
            room = left;
            level = level.par_iter().with_min_len(PAGES_PER_TOUCH).flat_map_iter(children).collect();
        }
    }

    /// Reads one byte of each page's header and keeps nothing: one access does not wait for the other, so that memory is
    /// asked for many pages at once before they are visited one by one.
    fn ask_for(&self, pages: impl Iterator<Item = PageNo>) {
        let byte = |no: PageNo| {
            let at = no.get().checked_mul(u64::from(self.meta.page_size.bytes()))?;
            self.bytes.get(usize::try_from(at).ok()?).copied()
        };
        std::hint::black_box(pages.filter_map(byte).fold(0, |seen, byte| seen ^ byte));
    }

    /// The bytes of a range that was checked when it was made.
    fn slice(&self, span: Span) -> &[u8] {
        let end = span.at.saturating_add(span.len);
        self.bytes.get(span.at..end).unwrap_or_default()
    }

    pub(super) fn note(&self, place: Place, id: &'static str, what: String) -> Damage {
        Damage { file: self.file.clone(), place, id, what }
    }
}

/// A leaf for a page that is one.
fn leaf_of(page: &Page<'_>, lower: Option<Span>, upper: Option<Span>) -> Leaf {
    let span = Span { at: page.at, len: page.bytes.len() };
    Leaf { home: Home::Page(page.no), count: page.count, span, lower, upper }
}

/// A walk over one tree, without recursion: `tree` keeps the pages still to be visited on a stack.
struct Walk<'b, 'c> {
    bolt: &'b Bolt,
    claims: &'c mut PageSet,
    tally: &'c mut Tally,
    damage: &'c mut Vec<Damage>,
    leaves: Vec<Leaf>,
}

/// A page still to be visited, and what its parent says about its keys.
#[derive(Clone, Copy)]
struct Visit {
    page: PageNo,
    depth: u32,
    lower: Option<Span>,
    upper: Option<Span>,
}

impl Walk<'_, '_> {
    fn tree(&mut self, root: PageNo) {
        let mut stack = vec![Visit { page: root, depth: 1, lower: None, upper: None }];
        while let Some(visit) = stack.pop() {
            self.visit(visit, &mut stack);
        }
    }

    fn hurt(&mut self, page: PageNo, id: &'static str, what: String) {
        self.damage.push(self.bolt.note(Place::Page(page.get()), id, what));
    }

    fn visit(&mut self, visit: Visit, stack: &mut Vec<Visit>) {
        let no = visit.page;
        if visit.depth > MAX_DEPTH {
            return self.hurt(no, "depth", format!("the tree is deeper than {MAX_DEPTH} levels"));
        }
        let page = match self.bolt.page(no) {
            Ok(page) => page,
            Err(fault) => return self.hurt(no, fault.id(), fault.to_string()),
        };
        let length = u64::from(page.overflow) + 1;
        let room = self.bolt.pages().saturating_sub(no.get());
        if let Err(taken) = self.claims.claim(no, length.min(room)) {
            let what = format!("page {taken} is used twice in the tree, and cannot be right in both places");
            return self.hurt(no, "page-twice", what);
        }
        if page.clipped {
            let what = format!("the {} continuation pages do not fit into the file", page.overflow);
            self.hurt(no, "page-overflow", what);
        }
        if page.cells() < page.count {
            let what = format!("the header counts {} elements, and there is room for {}", page.count, page.cells());
            self.hurt(no, "page-count", what);
        }
        self.tally.page(&page, visit.depth);
        match page.kind {
            PageKind::Leaf => self.leaves.push(leaf_of(&page, visit.lower, visit.upper)),
            PageKind::Branch => self.branch(&page, visit, stack),
            kind => self.hurt(no, "page-kind", format!("a {kind} page stands in the tree")),
        }
    }

    /// Puts the children of a branch page on the stack, the first one on top.
    fn branch(&mut self, page: &Page<'_>, visit: Visit, stack: &mut Vec<Visit>) {
        let mut children = Vec::with_capacity(usize::from(page.cells()));
        let mut ordered = true;
        let mut last = None;
        for index in 0..page.cells() {
            let place = Place::Cell { page: page.no.get(), cell: u32::from(index) };
            let Some(child) = page.child(index) else {
                let what = "the key of this branch element lies outside its page".to_owned();
                self.damage.push(self.bolt.note(place, "cell-bounds", what));
                continue;
            };
            let span = Span { at: page.at.saturating_add(child.key.start), len: child.key.len() };
            let key = self.bolt.slice(span);
            let low = last.or(visit.lower).map(|span| self.bolt.slice(span));
            let too_low = match last {
                Some(_) => low.is_some_and(|low| key <= low),
                None => low.is_some_and(|low| key < low),
            };
            let too_high = visit.upper.is_some_and(|upper| key >= self.bolt.slice(upper));
            if too_low || too_high {
                ordered = false;
                let what = format!("the branch key {} is out of order", key.escape_ascii());
                self.damage.push(self.bolt.note(place, "branch-order", what));
            }
            last = Some(span);
            children.push((span, child.page));
        }
        if children.is_empty() {
            self.hurt(page.no, "branch-empty", "a branch page without children".to_owned());
        }
        self.bolt.ask_for(children.iter().map(|(_, child)| *child));
        // Keys that are out of order say nothing about the children; these are then checked only in themselves.
        let mut upper = visit.upper.filter(|_| ordered);
        for (lower, child) in children.into_iter().rev() {
            let lower = Some(lower).filter(|_| ordered);
            stack.push(Visit { page: child, depth: visit.depth + 1, lower, upper });
            upper = lower;
        }
    }
}

impl Leaf {
    /// The leaf's keys and values in the order of its table. A cell that leaves its page is left out and noted; keys out
    /// of order are given, and noted.
    pub fn items<'b, 'd>(&self, bolt: &'b Bolt, damage: &'d mut Vec<Damage>) -> Items<'b, 'd> {
        let bytes = bolt.slice(self.span);
        let page = Page::from_header(bytes, bolt.meta.order, self.home.page(), self.span.at).ok();
        let floor = HEADER + ELEMENT * usize::from(page.map_or(0, |page| page.cells()));
        let (lower, upper) = (self.lower.map(|span| bolt.slice(span)), self.upper.map(|span| bolt.slice(span)));
        Items { bolt, damage, home: self.home, page, next: 0, last: None, lower, upper, floor }
    }

    /// Reads the first and the last byte of each value and keeps nothing: one access does not wait for the other, so that
    /// memory is asked for many values at once before they are decoded one by one.
    pub fn touch(&self, bolt: &Bolt) {
        let bytes = bolt.slice(self.span);
        let Ok(page) = Page::from_header(bytes, bolt.meta.order, self.home.page(), self.span.at) else { return };
        let mut seen = 0;
        for cell in (0..page.cells()).filter_map(|index| page.cell(index)) {
            let value = bytes.get(cell.value).unwrap_or_default();
            seen ^= value.first().copied().unwrap_or(0) ^ value.last().copied().unwrap_or(0);
        }
        std::hint::black_box(seen);
    }

    /// The leaf's bytes, continuation pages included.
    pub const fn length(&self) -> usize {
        self.span.len
    }
}

/// The items of one leaf; made by [`Leaf::items`].
#[derive(Debug)]
pub struct Items<'b, 'd> {
    bolt: &'b Bolt,
    damage: &'d mut Vec<Damage>,
    home: Home,
    page: Option<Page<'b>>,
    next: u16,
    last: Option<&'b [u8]>,
    lower: Option<&'b [u8]>,
    upper: Option<&'b [u8]>,
    /// The end of the table or of the last value: nothing before it belongs to the next cell.
    floor: usize,
}

impl<'b> Items<'b, '_> {
    #[cold]
    fn hurt(&mut self, index: u16, id: &'static str, what: String) {
        self.damage.push(self.bolt.note(self.home.place(index), id, what));
    }

    /// Notes a key that is not where its neighbours and its parent say it should be.
    #[inline]
    fn check_order(&mut self, index: u16, key: &'b [u8]) {
        if self.last.is_some_and(|last| key <= last) {
            let what = format!("the key {} does not come after the one before it", key.escape_ascii());
            self.hurt(index, "key-order", what);
        }
        if self.lower.is_some_and(|lower| key < lower) || self.upper.is_some_and(|upper| key >= upper) {
            let what = format!("the key {} lies outside the range of the parent page", key.escape_ascii());
            self.hurt(index, "key-range", what);
            // Once per leaf: a leaf in the wrong place has all its keys in the wrong place.
            (self.lower, self.upper) = (None, None);
        }
        self.last = Some(key);
    }
}

impl<'b> Iterator for Items<'b, '_> {
    type Item = Item<'b>;

    fn next(&mut self) -> Option<Item<'b>> {
        let page = self.page?;
        loop {
            let index = self.next;
            if index >= page.cells() {
                return None;
            }
            self.next = index.checked_add(1)?;
            let Some(cell) = page.cell(index) else {
                self.hurt(index, "cell-bounds", "the key or value of this cell lies outside its page".to_owned());
                continue;
            };
            if cell.key.is_empty() {
                self.hurt(index, "cell-empty-key", "this cell has an empty key, which bbolt cannot write".to_owned());
                continue;
            }
            if cell.key.start < self.floor {
                self.hurt(index, "cell-overlap", "this cell overlaps the one before it".to_owned());
            }
            self.floor = cell.value.end;
            let key = page.bytes.get(cell.key).unwrap_or_default();
            self.check_order(index, key);
            let value_at = page.at.saturating_add(cell.value.start) as u64;
            let value = page.bytes.get(cell.value).unwrap_or_default();
            return Some(Item { key, value, flags: cell.flags, cell: index, value_at });
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.page.map_or(0, |page| usize::from(page.cells().saturating_sub(self.next)));
        (0, Some(left))
    }
}
