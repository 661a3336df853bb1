//! JSON text to tokens.

use std::borrow::Cow;
use std::cell::Cell;

use super::tape::{JsonError, Kind, Node, Tape};
use crate::kube::natural;
use crate::kube::sink::{KeyOrder, Sink};

/// Reads JSON text again and again; keeps its memory.
#[derive(Debug, Default)]
pub struct Reader {
    tape: Tape,
}

/// What had to be changed to make tokens of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Bytes that are no UTF-8 and became U+FFFD each, as Go does it.
    pub replaced: usize,
    /// Members that have the key of a later one in the same object, and were left out, as Go does it.
    pub repeated: usize,
}

/// The first value of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kube) struct First {
    /// Bytes up to its end.
    pub(in crate::kube) len: usize,
    /// A key that an earlier one in the same object has.
    pub(in crate::kube) repeated: Option<RepeatedKey>,
}

/// A key that came before in the same object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kube) struct RepeatedKey {
    /// Where it stands.
    pub(in crate::kube) offset: usize,
    /// The key.
    pub(in crate::kube) key: String,
}

impl Reader {
    /// A reader without memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends the one value of `text` to `sink`, objects in the order the sink wants. Before an error nothing is sent.
    ///
    /// # Errors
    /// When the text is no JSON, or nested too deep.
    pub fn read<S: Sink>(&mut self, text: &[u8], sink: &mut S) -> Result<Reading, JsonError> {
        let (text, replaced) = text_of(text);
        if S::TAKES_JSON && sink.json_as_it_is(&text) {
            return Ok(Reading { replaced, repeated: 0 });
        }
        self.tape.read(&text, S::ORDER)?;
        let walk = Walk::new(&self.tape, &text);
        walk.value(0, sink);
        Ok(Reading { replaced, repeated: walk.repeated.get() })
    }

    /// Sends the first value of `text`; others may follow it.
    pub(in crate::kube) fn read_first<S: Sink>(&mut self, text: &str, sink: &mut S) -> Result<First, JsonError> {
        let len = self.tape.read_first(text, S::ORDER)?.at;
        let walk = Walk::new(&self.tape, text);
        walk.value(0, sink);
        let repeated = walk.a_repeated.get().and_then(|key| {
            let offset = walk.node(key)?.next as usize;
            Some(RepeatedKey { offset, key: walk.text(key).to_owned() })
        });
        Ok(First { len, repeated })
    }
}

/// The text as UTF-8: what is none is replaced byte by byte, as Go's `utf8.DecodeRune` steps. And how many bytes were.
pub(in crate::kube) fn text_of(bytes: &[u8]) -> (Cow<'_, str>, usize) {
    if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
        return (Cow::Borrowed(text), 0);
    }
    let mut valid = String::with_capacity(bytes.len());
    let mut replaced = 0;
    let mut rest = bytes;
    while !rest.is_empty() {
        let good = match std::str::from_utf8(rest) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let (text, others) = rest.split_at(good);
        valid.push_str(std::str::from_utf8(text).unwrap_or_default());
        let Some((_, after)) = others.split_first() else { break };
        valid.push(char::REPLACEMENT_CHARACTER);
        replaced += 1;
        rest = after;
    }
    (Cow::Owned(valid), replaced)
}

/// A tape and the text it was made of.
struct Walk<'a> {
    tape: &'a Tape,
    text: &'a str,
    repeated: Cell<usize>,
    a_repeated: Cell<Option<u32>>,
}

impl<'a> Walk<'a> {
    fn new(tape: &'a Tape, text: &'a str) -> Self {
        Self { tape, text, repeated: Cell::default(), a_repeated: Cell::default() }
    }

    fn node(&self, index: u32) -> Option<&Node> {
        self.tape.nodes.get(index as usize)
    }

    fn text(&self, index: u32) -> &str {
        self.node(index).map_or("", |node| self.tape.text(self.text, node))
    }

    /// Sends one value; returns the index behind it. The depth is bounded by the tape.
    fn value<S: Sink>(&self, index: u32, sink: &mut S) -> u32 {
        let Some(node) = self.node(index) else { return index };
        match node.kind {
            Kind::Null => sink.null(),
            Kind::False => sink.bool(false),
            Kind::True => sink.bool(true),
            Kind::Int => sink.int(node.int()),
            Kind::Float => sink.float(node.float()),
            Kind::Text | Kind::Unescaped => sink.string(self.tape.text(self.text, node)),
            Kind::Array => {
                sink.begin_array();
                let mut at = index + 1;
                while at < node.next {
                    at = self.value(at, sink);
                }
                sink.end_array();
            }
            Kind::Object => {
                sink.begin_object();
                let mut at = index + 1;
                while at < node.next {
                    sink.key(self.text(at));
                    at = self.value(at + 1, sink);
                }
                sink.end_object();
            }
            Kind::Unsorted => {
                sink.begin_object();
                for key in self.sorted(index + 1..node.next, S::ORDER) {
                    sink.key(self.text(key));
                    self.value(key + 1, sink);
                }
                sink.end_object();
            }
        }
        node.next
    }

    /// The keys of an object, sorted; of equal ones the last.
    fn sorted(&self, members: std::ops::Range<u32>, order: KeyOrder) -> Vec<u32> {
        let mut keys = Vec::new();
        let mut at = members.start;
        while at < members.end {
            keys.push(at);
            at = self.node(at + 1).map_or(members.end, |value| value.next);
        }
        natural::sort_members(&mut keys, KeyOrder::Bytes, |key| self.text(*key));
        // From the end, so that the last of equal ones is kept.
        keys.reverse();
        keys.dedup_by(|a, b| {
            let is_repeated = self.text(*a) == self.text(*b);
            if is_repeated {
                self.repeated.update(|count| count + 1);
                self.a_repeated.set(self.a_repeated.get().or(Some(*b)));
            }
            is_repeated
        });
        keys.reverse();
        if order == KeyOrder::Natural {
            natural::sort_members(&mut keys, order, |key| self.text(*key));
        }
        keys
    }
}
