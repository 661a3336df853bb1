//! Parts that come again: the objects of a store are mostly revisions of each other, and siblings. What a part looked like
//! when its bytes came before, it looks like again, so its text is copied instead of made anew.

use std::hash::BuildHasher;
use std::ops::Range;

use hashbrown::HashTable;

use super::walk::{Step, Walker};
use crate::kube::minor::Minor;
use crate::kube::sink::{Sink, Spot};
use crate::kube::table::MessageId;

/// Shorter parts are made as quickly as they are found, in bytes.
const LEAST: usize = 64;
/// Longer parts come too seldom, in bytes.
const MOST: usize = 256 << 10;
/// So much is kept before all is forgotten, in bytes.
const ROOM: usize = 8 << 20;

/// Places for parts at the beginning.
const PARTS: usize = 2048;

/// All that the text of a part depends on, but for its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Of {
    spot: Spot,
    minor: Minor,
    what: What,
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// A message.
    Message(MessageId),
    /// All values of the field of that number, in a message of that name, with their tags.
    Field(&'static str, u16),
    /// JSON inside of the object.
    Json,
}

#[derive(Debug)]
struct Known {
    hash: u64,
    of: Of,
    raw: Range<usize>,
    text: Range<usize>,
}

/// The parts that were shown, and their texts.
#[derive(Debug, Default)]
pub struct Memo {
    known: HashTable<Known>,
    bytes: Vec<u8>,
    hasher: foldhash::fast::RandomState,
}

impl Memo {
    /// With places for the parts of a small store, so that growing does not take what copying gains.
    pub fn roomy() -> Self {
        Self { known: HashTable::with_capacity(PARTS), ..Self::default() }
    }

    fn hash(&self, of: Of, raw: &[u8]) -> u64 {
        self.hasher.hash_one((of, raw))
    }

    fn text(&self, hash: u64, of: Of, raw: &[u8]) -> Option<&[u8]> {
        let is_it =
            |known: &Known| known.hash == hash && known.of == of && self.bytes.get(known.raw.clone()) == Some(raw);
        self.bytes.get(self.known.find(hash, is_it)?.text.clone())
    }

    fn keep(&mut self, hash: u64, of: Of, raw: &[u8], text: &[u8]) {
        if self.bytes.len().saturating_add(raw.len()).saturating_add(text.len()) > ROOM {
            self.bytes.clear();
            self.known.clear();
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(raw);
        let middle = self.bytes.len();
        self.bytes.extend_from_slice(text);
        let known = Known { hash, of, raw: start..middle, text: middle..self.bytes.len() };
        self.known.insert_unique(hash, known, |known| known.hash);
    }
}

impl<S: Sink> Walker<'_, S> {
    /// Writes a part, the value of a field or an item of a list, with `write`, or as it was written before. `raw` alone has
    /// to decide what it looks like there.
    pub fn remembered(&mut self, what: What, raw: &[u8], write: impl FnOnce(&mut Self) -> Step) -> Step {
        let spot = if (LEAST..=MOST).contains(&raw.len()) { self.sink.spot() } else { None };
        let (Some(memo), Some(spot)) = (&self.space.memo, spot) else { return write(self) };
        let of = Of { spot, minor: self.minor(), what };
        let hash = memo.hash(of, raw);
        if let Some(text) = memo.text(hash, of, raw) {
            self.sink.take_over(text);
            return Ok(());
        }
        let mark = self.sink.mark();
        write(self)?;
        // What was noticed in a part has to be noticed each time.
        if let (true, Some(text), Some(memo)) = (self.notes.is_empty(), self.sink.since(mark), &mut self.space.memo) {
            memo.keep(hash, of, raw, text);
        }
        Ok(())
    }
}
