//! Writes a planned file from its first byte to its last, in large pieces, each value copied once.

use std::io::{self, Write};

use super::meta::{Meta, MetaSlot};
use super::page::{BUCKET_FLAG, ELEMENT, HEADER, PageKind, PageNo, write_header};
use super::plan::{BUCKET_HEADER, BucketPlan, BuildError, Layout, Node, Shape, TreePlan, shown};

/// The buffer is handed on when it holds this much: large enough for the write call to cost nothing beside the copy, small
/// enough to stay in the processor's cache.
const CHUNK: usize = 1 << 20;

/// Where the bytes of a new file go, in file order.
///
/// Everything that is [`Write`] is a sink. A sink of its own can keep the buffer, to hash it on another thread for
/// example, and give another one back.
pub trait Sink {
    /// Takes a full buffer and returns an empty one.
    ///
    /// # Errors
    /// The bytes could not be written.
    fn accept(&mut self, full: Vec<u8>) -> io::Result<Vec<u8>>;
}

impl<W: Write> Sink for W {
    fn accept(&mut self, mut full: Vec<u8>) -> io::Result<Vec<u8>> {
        self.write_all(&full)?;
        full.clear();
        Ok(full)
    }
}

/// Writes the rows of a [`Layout`]: bucket by bucket in the order of [`Layout::names`], the rows of each in the order of
/// their keys, with the sizes that were planned.
#[derive(Debug)]
pub struct Writer<S> {
    out: Pages<S>,
    buckets: std::vec::IntoIter<BucketPlan>,
    root: TreePlan,
    meta: Meta,
    open: Option<Open>,
    /// The rows of the root bucket: name and value of each bucket written so far.
    listed: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The bucket that is being written.
#[derive(Debug)]
struct Open {
    name: Vec<u8>,
    items_left: u64,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Inline { rows: Vec<u8>, values: Vec<u8>, count: u16, length: usize },
    Paged { tree: TreeWriter, root: PageNo },
}

impl Layout {
    /// Begins to write the file, with its two meta pages.
    ///
    /// # Errors
    /// The sink failed.
    pub fn writer<S: Sink>(self, sink: S) -> Result<Writer<S>, BuildError> {
        let mut buf = Vec::with_capacity(CHUNK + CHUNK / 4);
        self.meta.write(MetaSlot::First, &mut buf);
        let second = Meta { txid: self.meta.txid - 1, ..self.meta };
        second.write(MetaSlot::Second, &mut buf);
        let page = self.meta.page_size.bytes() as usize;
        Ok(Writer {
            out: Pages { sink, buf, page, next: 2 },
            buckets: self.buckets.into_iter(),
            root: self.root,
            meta: self.meta,
            open: None,
            listed: Vec::new(),
        })
    }
}

impl<S: Sink> Writer<S> {
    /// Ends the bucket before and begins the next one.
    ///
    /// # Errors
    /// It is not this bucket's turn, the bucket before has fewer rows than planned, or the sink failed.
    pub fn bucket(&mut self, name: &[u8]) -> Result<(), BuildError> {
        self.close()?;
        let plan = self.buckets.next().filter(|plan| plan.name == name);
        let plan = plan.ok_or_else(|| differs(name, "the buckets stand in another order"))?;
        let content = match plan.shape {
            Shape::Inline(length) => Content::Inline { rows: Vec::new(), values: Vec::new(), count: 0, length },
            Shape::Paged { tree, root } => Content::Paged { tree: TreeWriter::new(tree), root },
        };
        self.open = Some(Open { name: plan.name, items_left: plan.items, content });
        Ok(())
    }

    /// Writes the next row of the bucket. The value may come in pieces, which are joined.
    ///
    /// # Errors
    /// The key does not come after the one before, the row does not fit where it was planned, or the sink failed.
    pub fn item(&mut self, key: &[u8], value: &[&[u8]]) -> Result<(), BuildError> {
        let open = self.open.as_mut().ok_or_else(|| differs(b"", "a row before any bucket"))?;
        let left = open.items_left.checked_sub(1);
        open.items_left = left.ok_or_else(|| differs(&open.name, "there are more rows"))?;
        match &mut open.content {
            Content::Inline { rows, values, count, length } => {
                let size: usize = value.iter().map(|piece| piece.len()).sum();
                let used = HEADER + rows.len() + values.len();
                if key.is_empty() || used + ELEMENT + key.len() + size > *length {
                    return Err(differs(&open.name, "a row has another size"));
                }
                // The place of the key is known once the table is complete: `values.len()` stands in for it until then.
                element(rows, 0, values.len() as u32, key.len() as u32, size as u32);
                values.extend_from_slice(key);
                value.iter().for_each(|piece| values.extend_from_slice(piece));
                *count += 1;
                Ok(())
            }
            Content::Paged { tree, .. } => tree.item(&mut self.out, &open.name, 0, key, value),
        }
    }

    /// Ends the last bucket, writes the tree of buckets and the freelist, and gives the sink back.
    ///
    /// # Errors
    /// Rows or buckets are missing, or the sink failed.
    pub fn finish(mut self) -> Result<S, BuildError> {
        self.close()?;
        if let Some(plan) = self.buckets.next() {
            return Err(differs(&plan.name, "the bucket was not written"));
        }
        let mut tree = TreeWriter::new(self.root);
        for (name, value) in &self.listed {
            tree.item(&mut self.out, b"", BUCKET_FLAG, name, &[value])?;
        }
        tree.finish(&mut self.out, b"", self.meta.root)?;
        if let Some(freelist) = self.meta.freelist {
            write_header(&mut self.out.buf, freelist, PageKind::Freelist, 0, 0);
            self.out.pad(1)?;
        }
        if self.out.next != self.meta.high_water.get() {
            return Err(differs(b"", "the number of pages is another one"));
        }
        self.out.flush()?;
        Ok(self.out.sink)
    }

    /// Ends the bucket that is open.
    fn close(&mut self) -> Result<(), BuildError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        if open.items_left > 0 {
            return Err(differs(&open.name, "rows are missing"));
        }
        let mut value = Vec::with_capacity(BUCKET_HEADER);
        match open.content {
            Content::Inline { rows, values, count, length } => {
                value.extend([0; BUCKET_HEADER]);
                write_header(&mut value, PageNo::new(0), PageKind::Leaf, count, 0);
                let table = value.len();
                value.extend(&rows);
                value.extend(&values);
                settle(&mut value, table, rows.len());
                if value.len() != BUCKET_HEADER + length {
                    return Err(differs(&open.name, "a row has another size"));
                }
            }
            Content::Paged { tree, root } => {
                tree.finish(&mut self.out, &open.name, root)?;
                value.extend(root.get().to_le_bytes());
                value.extend([0; 8]);
            }
        }
        self.listed.push((open.name, value));
        Ok(())
    }
}

/// Appends a leaf element (bbolt `internal/common/page.go` `leafPageElement`).
fn element(out: &mut Vec<u8>, flags: u32, pos: u32, key: u32, value: u32) {
    for field in [flags, pos, key, value] {
        out.extend(field.to_le_bytes());
    }
}

/// Turns places counted from the end of the table into places counted from each element.
fn settle(value: &mut [u8], table: usize, length: usize) {
    let rows = value.get_mut(table..table.saturating_add(length)).unwrap_or_default();
    for (index, row) in rows.chunks_exact_mut(ELEMENT).enumerate() {
        if let Some(pos) = row.get_mut(4..8).and_then(|pos| pos.first_chunk_mut::<4>()) {
            let from_end = u32::from_le_bytes(*pos);
            *pos = from_end.saturating_add((length - index * ELEMENT) as u32).to_le_bytes();
        }
    }
}

fn differs(bucket: &[u8], what: &'static str) -> BuildError {
    BuildError::NotAsPlanned { bucket: shown(bucket), what }
}

/// The pages of the file, appended one after the other.
#[derive(Debug)]
struct Pages<S> {
    sink: S,
    buf: Vec<u8>,
    page: usize,
    /// The number of the page that is written next.
    next: u64,
}

impl<S: Sink> Pages<S> {
    /// Ends a run of `pages` pages: zeros up to its end, and the buffer is handed on if it is full.
    fn pad(&mut self, pages: u64) -> Result<(), BuildError> {
        // The buffer always starts at a page boundary, because it is handed on only here and at the end.
        self.buf.resize(self.buf.len().next_multiple_of(self.page), 0);
        self.next += pages;
        if self.buf.len() >= CHUNK {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), BuildError> {
        let full = std::mem::take(&mut self.buf);
        self.buf = self.sink.accept(full)?;
        self.buf.reserve(CHUNK + CHUNK / 4);
        Ok(())
    }
}

/// Writes one tree: its leaves as the rows come, its branch levels at the end.
#[derive(Debug)]
struct TreeWriter {
    leaves: std::vec::IntoIter<Node>,
    levels: std::vec::IntoIter<Vec<Node>>,
    leaf: Option<OpenLeaf>,
    last_key: Vec<u8>,
    /// First key and number of every page of the level that is complete: the keys behind one another, and their ends.
    keys: Vec<u8>,
    children: Vec<(usize, PageNo)>,
}

/// The leaf that is being written.
#[derive(Clone, Copy, Debug)]
struct OpenLeaf {
    node: Node,
    at: usize,
    written: u16,
}

impl TreeWriter {
    fn new(plan: TreePlan) -> Self {
        let mut levels = plan.levels.into_iter();
        let leaves = levels.next().unwrap_or_default().into_iter();
        Self { leaves, levels, leaf: None, last_key: Vec::new(), keys: Vec::new(), children: Vec::new() }
    }

    #[inline]
    fn item<S: Sink>(
        &mut self,
        out: &mut Pages<S>,
        bucket: &[u8],
        flags: u32,
        key: &[u8],
        value: &[&[u8]],
    ) -> Result<(), BuildError> {
        // No key is empty, so the first one passes too.
        if key <= self.last_key.as_slice() {
            return Err(BuildError::Order { bucket: shown(bucket), key: shown(key) });
        }
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        let mut leaf = match self.leaf {
            Some(leaf) => leaf,
            None => self.begin(out, bucket, key)?,
        };
        let size: usize = value.iter().map(|piece| piece.len()).sum();
        let end = leaf.at + (leaf.node.overflow as usize + 1) * out.page;
        if key.len().saturating_add(size) > end - out.buf.len() {
            return Err(differs(bucket, "a row has another size"));
        }
        let entry = leaf.at + HEADER + ELEMENT * usize::from(leaf.written);
        let pos = out.buf.len() - entry;
        if let Some(entry) = out.buf.get_mut(entry..).and_then(|rest| rest.first_chunk_mut::<ELEMENT>()) {
            let fields = [flags, pos as u32, key.len() as u32, size as u32];
            entry.chunks_exact_mut(4).zip(fields).for_each(|(at, field)| at.copy_from_slice(&field.to_le_bytes()));
        }
        out.buf.extend_from_slice(key);
        value.iter().for_each(|piece| out.buf.extend_from_slice(piece));
        leaf.written += 1;
        self.leaf = Some(leaf);
        if leaf.written == leaf.node.count {
            self.end(out)?;
        }
        Ok(())
    }

    /// Writes the header of the next leaf and leaves room for its table.
    fn begin<S: Sink>(&mut self, out: &mut Pages<S>, bucket: &[u8], key: &[u8]) -> Result<OpenLeaf, BuildError> {
        let node = self.leaves.next().ok_or_else(|| differs(bucket, "there are more rows"))?;
        if usize::from(node.first_key) != key.len() {
            return Err(differs(bucket, "a key has another size"));
        }
        let at = out.buf.len();
        write_header(&mut out.buf, PageNo::new(out.next), PageKind::Leaf, node.count, node.overflow);
        out.buf.resize(at + HEADER + ELEMENT * usize::from(node.count), 0);
        self.keys.extend_from_slice(key);
        self.children.push((self.keys.len(), PageNo::new(out.next)));
        Ok(OpenLeaf { node, at, written: 0 })
    }

    fn end<S: Sink>(&mut self, out: &mut Pages<S>) -> Result<(), BuildError> {
        match self.leaf.take() {
            Some(leaf) => out.pad(u64::from(leaf.node.overflow) + 1),
            None => Ok(()),
        }
    }

    /// Writes the branch levels; the last page must be `root`.
    fn finish<S: Sink>(mut self, out: &mut Pages<S>, bucket: &[u8], root: PageNo) -> Result<(), BuildError> {
        if let Some(node) = self.leaves.next() {
            if node.count > 0 || self.leaves.next().is_some() {
                return Err(differs(bucket, "rows are missing"));
            }
            self.children.push((0, PageNo::new(out.next)));
            write_header(&mut out.buf, PageNo::new(out.next), PageKind::Leaf, 0, 0);
            out.pad(1)?;
        }
        if self.leaf.is_some() {
            return Err(differs(bucket, "rows are missing"));
        }
        for level in self.levels {
            let (keys, children) = (std::mem::take(&mut self.keys), std::mem::take(&mut self.children));
            let mut start = 0;
            let mut rows = children.into_iter().map(|(end, page)| {
                let key = keys.get(start..end).unwrap_or_default();
                start = end;
                (key, page)
            });
            for node in level {
                let here: Vec<_> = rows.by_ref().take(usize::from(node.count)).collect();
                self.keys.extend_from_slice(here.first().map_or(&[], |(key, _)| *key));
                self.children.push((self.keys.len(), PageNo::new(out.next)));
                branch(out, node, &here)?;
            }
        }
        match self.children.as_slice() {
            [(_, page)] if *page == root => Ok(()),
            _ => Err(differs(bucket, "the root lies on another page")),
        }
    }
}

/// Writes one branch page (bbolt `internal/common/page.go` `branchPageElement`).
fn branch<S: Sink>(out: &mut Pages<S>, node: Node, children: &[(&[u8], PageNo)]) -> Result<(), BuildError> {
    write_header(&mut out.buf, PageNo::new(out.next), PageKind::Branch, node.count, node.overflow);
    let mut pos = ELEMENT * children.len();
    for (key, page) in children {
        out.buf.extend((pos as u32).to_le_bytes());
        out.buf.extend((key.len() as u32).to_le_bytes());
        out.buf.extend(page.get().to_le_bytes());
        pos = pos - ELEMENT + key.len();
    }
    children.iter().for_each(|(key, _)| out.buf.extend_from_slice(key));
    out.pad(u64::from(node.overflow) + 1)
}
