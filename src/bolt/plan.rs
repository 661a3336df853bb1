//! Where everything will lie in a new file: from the sizes of the rows alone, every page number is known before the first
//! byte is written, so that the file can be written and hashed from its start to its end without going back.

use std::collections::VecDeque;

use super::meta::{ByteOrder, Meta, PageSize};
use super::page::{ELEMENT, HEADER, PageNo};

/// Longest key (bbolt `bucket.go` `MaxKeySize`).
const MAX_KEY: usize = 32768;
/// Longest value (bbolt `bucket.go` `MaxValueSize`).
const MAX_VALUE: usize = (1 << 31) - 2;
/// A page's count stays below 0xFFFF (bbolt `node.go` `write`).
const MAX_COUNT: u16 = 0xFFFE;
/// Length of the header in front of an inline bucket, and of the whole value of a bucket with pages.
pub(super) const BUCKET_HEADER: usize = 16;

/// Why a file could not be planned or written.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A key that bbolt refuses.
    #[error("bucket {bucket}: a key of {length} bytes: a key has 1 to {MAX_KEY} bytes")]
    Key {
        /// The bucket.
        bucket: String,
        /// The length of the key.
        length: usize,
    },
    /// A value that bbolt refuses.
    #[error("bucket {bucket}: a value of {length} bytes: a value has at most {MAX_VALUE} bytes")]
    Value {
        /// The bucket.
        bucket: String,
        /// The length of the value.
        length: usize,
    },
    /// Keys must come in ascending order, each once.
    #[error("bucket {bucket}: the key {key} does not come after the one before it")]
    Order {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// Two buckets of one name, or one without a name.
    #[error("bucket {bucket:?} cannot be added: names are not empty and stand once")]
    Bucket {
        /// The name.
        bucket: String,
    },
    /// What is written is not what was planned.
    #[error("bucket {bucket}: {what}, other than planned; the source changed while it was read?")]
    NotAsPlanned {
        /// The bucket.
        bucket: String,
        /// What differs.
        what: &'static str,
    },
    /// The file could not be written.
    #[error("cannot write: {0}")]
    Io(#[from] std::io::Error),
}

/// A name for messages.
pub(super) fn shown(name: &[u8]) -> String {
    name.escape_ascii().to_string()
}

/// How full pages are made, in percent of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill(u8);

impl Fill {
    /// Pages are filled to the brim.
    pub const FULL: Self = Self(100);

    /// A fill of 10 to 100 percent (bbolt `bucket.go` `minFillPercent`), or `None`.
    pub const fn percent(percent: u8) -> Option<Self> {
        if percent >= 10 && percent <= 100 { Some(Self(percent)) } else { None }
    }

    /// The bytes of a page that may be used before the next one is begun.
    const fn of(self, page: usize) -> usize {
        page / 100 * self.0 as usize + page % 100 * self.0 as usize / 100
    }
}

/// How a new file is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// The length of a page.
    pub page_size: PageSize,
    /// How full pages are made.
    pub fill: Fill,
    /// Whether an empty freelist is written. With it, bbolt opens the file without a walk over all pages, and
    /// `bbolt check` can tell that no page is lost; both kinds are accepted everywhere.
    pub freelist: bool,
}

impl Default for Format {
    fn default() -> Self {
        Self { page_size: PageSize::DEFAULT, fill: Fill::FULL, freelist: true }
    }
}

/// One page of a tree, with its continuation pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// The elements on it.
    pub count: u16,
    /// The length of the first key, which its parent repeats.
    pub first_key: u16,
    /// Continuation pages.
    pub overflow: u32,
}

/// The pages of one tree, level by level: leaves first, the root alone on the last level. Pages are numbered in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TreePlan {
    pub levels: Vec<Vec<Node>>,
}

impl TreePlan {
    /// All pages of the tree.
    fn pages(&self) -> u64 {
        let nodes = self.levels.iter().flatten();
        nodes.map(|node| u64::from(node.overflow) + 1).sum()
    }

    /// The pages of the root.
    fn root_pages(&self) -> u64 {
        let root = self.levels.last().and_then(|level| level.last());
        root.map_or(1, |node| u64::from(node.overflow) + 1)
    }
}

/// Where the content of a bucket will lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// In its value in the root bucket: so many bytes behind the bucket header.
    Inline(usize),
    /// In pages.
    Paged { tree: TreePlan, root: PageNo },
}

/// A bucket whose place is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BucketPlan {
    pub name: Vec<u8>,
    pub items: u64,
    pub shape: Shape,
}

/// Collects the sizes of all rows of all buckets.
#[derive(Clone, Debug)]
pub struct Plan {
    format: Format,
    buckets: Vec<BucketPlan>,
}

impl Plan {
    /// A file without buckets.
    pub const fn new(format: Format) -> Self {
        Self { format, buckets: Vec::new() }
    }

    /// Adds a bucket, in any order of names: for each of its rows, in the order of their keys, the length of the key and
    /// that of the value in bytes.
    ///
    /// # Errors
    /// A key or value of a length that bbolt does not take, or a name that is already there.
    pub fn bucket(&mut self, name: &[u8], sizes: impl IntoIterator<Item = (usize, usize)>) -> Result<(), BuildError> {
        let taken = self.buckets.iter().any(|bucket| bucket.name == name);
        if taken || name.is_empty() || name.len() > MAX_KEY {
            return Err(BuildError::Bucket { bucket: shown(name) });
        }
        let mut packer = LeafPacker::new(self.format);
        let (mut items, mut total) = (0_u64, HEADER);
        for (key, value) in sizes {
            check_sizes(name, key, value)?;
            packer.add(key, value);
            items += 1;
            total = total.saturating_add(ELEMENT + key).saturating_add(value);
        }
        // bbolt `bucket.go` `inlineable`: one leaf, at most a quarter of a page.
        let shape = if total <= self.format.page_size.bytes() as usize / 4 {
            Shape::Inline(total)
        } else {
            Shape::Paged { tree: grow(packer.finish(), self.format), root: PageNo::new(0) }
        };
        self.buckets.push(BucketPlan { name: name.to_vec(), items, shape });
        Ok(())
    }

    /// Gives every page its number.
    pub fn finish(mut self) -> Layout {
        self.buckets.sort_by(|a, b| a.name.cmp(&b.name));
        let mut next = 2;
        for bucket in &mut self.buckets {
            if let Shape::Paged { tree, root } = &mut bucket.shape {
                next += tree.pages();
                *root = PageNo::new(next - tree.root_pages());
            }
        }
        let mut packer = LeafPacker::new(self.format);
        for bucket in &self.buckets {
            let inline = match bucket.shape {
                Shape::Inline(length) => length,
                Shape::Paged { .. } => 0,
            };
            packer.add(bucket.name.len(), BUCKET_HEADER + inline);
        }
        let tree = grow(packer.finish(), self.format);
        next += tree.pages();
        let root = PageNo::new(next - tree.root_pages());
        let freelist = self.format.freelist.then(|| PageNo::new(next));
        next += u64::from(self.format.freelist);
        // Both metas name the same root, as after `Tx.WriteTo`; the transaction must be at least 1, or the second meta's
        // number, one less, would wrap and be the newest.
        let meta = Meta {
            order: ByteOrder::Little,
            page_size: self.format.page_size,
            flags: 0,
            root,
            sequence: 0,
            freelist,
            high_water: PageNo::new(next),
            txid: 2,
        };
        Layout { buckets: self.buckets, root: tree, meta }
    }
}

fn check_sizes(bucket: &[u8], key: usize, value: usize) -> Result<(), BuildError> {
    if key == 0 || key > MAX_KEY {
        return Err(BuildError::Key { bucket: shown(bucket), length: key });
    }
    if value > MAX_VALUE {
        return Err(BuildError::Value { bucket: shown(bucket), length: value });
    }
    Ok(())
}

/// A planned file: every page has its number, nothing is written yet. [`Layout::writer`](Layout::writer) writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    pub(super) buckets: Vec<BucketPlan>,
    pub(super) root: TreePlan,
    pub(super) meta: Meta,
}

impl Layout {
    /// The length of the file in bytes: exactly the pages that are in use.
    pub const fn length(&self) -> u64 {
        self.meta.high_water.get().saturating_mul(self.meta.page_size.bytes() as u64)
    }

    /// The meta that will be on both meta pages; the second one bears the transaction before.
    pub const fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The names of the buckets in the order in which they have to be written.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.buckets.iter().map(|bucket| bucket.name.as_slice())
    }
}

/// A leaf may take so many pages when that leaves less of them empty: rows of half a page and more, as Kubernetes has
/// them, would otherwise leave a third of each page unused. bbolt itself has such leaves, because it never splits one of
/// four rows or less (bbolt `node.go` `splitTwo`).
const MOST_PAGES: usize = 8;
/// A leaf that is as full as this, in thousandths, is not made longer to become fuller.
const FULL_ENOUGH: usize = 940;

/// Packs rows into leaves: row after row, each leaf cut where it is fullest.
struct LeafPacker {
    page: usize,
    /// The bytes of the last page of a leaf that may be used.
    limit: usize,
    /// The pages that a leaf of several rows may take.
    most: usize,
    /// The rows behind the last cut: the length of the key, and that of the whole row with its element.
    pending: VecDeque<(u16, usize)>,
    /// How many of them are in the leaf that is open.
    taken: usize,
    /// The bytes and the first row's pages of the leaf that is open.
    used: usize,
    first_pages: usize,
    best: Cut,
    nodes: Vec<Node>,
}

/// A place at which the open leaf could end.
#[derive(Clone, Copy, Default)]
struct Cut {
    rows: usize,
    used: usize,
    fullness: usize,
}

impl LeafPacker {
    fn new(format: Format) -> Self {
        let page = format.page_size.bytes() as usize;
        // Whoever asks for room in the pages does not want them filled by other means.
        let most = if format.fill == Fill::FULL { MOST_PAGES } else { 1 };
        Self {
            page,
            limit: format.fill.of(page),
            most,
            pending: VecDeque::new(),
            taken: 0,
            used: HEADER,
            first_pages: 1,
            best: Cut::default(),
            nodes: Vec::new(),
        }
    }

    fn add(&mut self, key: usize, value: usize) {
        let key_length = u16::try_from(key).unwrap_or(u16::MAX);
        self.pending.push_back((key_length, (ELEMENT + key).saturating_add(value)));
        while let Some((_, length)) = self.pending.get(self.taken) {
            self.take(self.used.saturating_add(*length));
        }
    }

    /// The pages that so many bytes need when the last of them is filled only to its limit.
    const fn pages(&self, used: usize) -> usize {
        1 + used.saturating_sub(self.limit).div_ceil(self.page)
    }

    /// Takes the next row, with which the open leaf has `used` bytes, or closes the leaf before it.
    fn take(&mut self, used: usize) {
        let pages = self.pages(used);
        if self.taken > 0 {
            let enough = pages > self.pages(self.used) && self.best.fullness >= FULL_ENOUGH;
            let too_long = pages > self.most.max(self.first_pages);
            if enough || too_long || self.taken == usize::from(MAX_COUNT) {
                return self.cut();
            }
        } else {
            self.first_pages = pages;
        }
        self.taken += 1;
        self.used = used;
        let fullness = used.saturating_mul(1000) / pages.saturating_mul(self.page);
        if self.taken == 1 || fullness >= self.best.fullness {
            self.best = Cut { rows: self.taken, used, fullness };
        }
    }

    /// Closes the open leaf at its best place; the rows behind that are taken anew.
    fn cut(&mut self) {
        let first_key = self.pending.front().map_or(0, |(key, _)| *key);
        let count = u16::try_from(self.best.rows).unwrap_or(MAX_COUNT);
        self.nodes.push(Node { count, first_key, overflow: overflow(self.best.used, self.page) });
        self.pending.drain(..self.best.rows);
        (self.taken, self.used, self.best) = (0, HEADER, Cut::default());
    }

    /// The last leaf too; a tree without rows is one empty leaf.
    fn finish(mut self) -> Vec<Node> {
        if self.taken > 0 || self.nodes.is_empty() {
            self.best = Cut { rows: self.taken, used: self.used, fullness: 0 };
            self.cut();
        }
        self.nodes
    }
}

/// The continuation pages of a page with so many bytes.
fn overflow(used: usize, page: usize) -> u32 {
    u32::try_from(used.div_ceil(page).saturating_sub(1)).unwrap_or(u32::MAX)
}

/// A branch page with a single child is of no use.
const LEAST_CHILDREN: u16 = 2;

/// Packs children into branch pages, greedily.
struct BranchPacker {
    page: usize,
    /// A page with more bytes than this gets no further child, once it has two.
    limit: usize,
    used: usize,
    node: Node,
    nodes: Vec<Node>,
}

impl BranchPacker {
    fn new(format: Format) -> Self {
        let page = format.page_size.bytes() as usize;
        let node = Node { count: 0, first_key: 0, overflow: 0 };
        Self { page, limit: format.fill.of(page), used: HEADER, node, nodes: Vec::new() }
    }

    fn add(&mut self, key: u16) {
        if self.is_full(ELEMENT + usize::from(key), 1) {
            self.close();
        }
        self.push(key);
    }

    /// Adds the last child but one so that the last one will not be alone on its page.
    fn add_with_last(&mut self, key: u16, last: u16) {
        if self.is_full(2 * ELEMENT + usize::from(key) + usize::from(last), 2) {
            self.close();
        }
        self.push(key);
    }

    /// Whether so many more bytes and children have no room, on a page that already has what it must have.
    fn is_full(&self, bytes: usize, children: u16) -> bool {
        let full = self.used.saturating_add(bytes) > self.limit && self.node.count >= LEAST_CHILDREN;
        full || self.node.count > MAX_COUNT - children
    }

    fn push(&mut self, key: u16) {
        if self.node.count == 0 {
            self.node.first_key = key;
        }
        self.node.count += 1;
        self.used += ELEMENT + usize::from(key);
    }

    fn close(&mut self) {
        self.nodes.push(Node { overflow: overflow(self.used, self.page), ..self.node });
        self.node = Node { count: 0, first_key: 0, overflow: 0 };
        self.used = HEADER;
    }

    fn finish(mut self) -> Vec<Node> {
        self.close();
        self.nodes
    }
}

/// Puts branch levels over the leaves until one page is left.
fn grow(leaves: Vec<Node>, format: Format) -> TreePlan {
    let mut levels = vec![leaves];
    while let Some(level) = levels.last().filter(|level| level.len() > 1) {
        let mut packer = BranchPacker::new(format);
        let mut children = level.iter().map(|node| node.first_key).peekable();
        while let Some(key) = children.next() {
            match children.peek().copied() {
                None => packer.push(key),
                Some(last) if children.len() == 1 => packer.add_with_last(key, last),
                Some(_) => packer.add(key),
            }
        }
        levels.push(packer.finish());
    }
    TreePlan { levels }
}
