//! JSON text to tokens.

use std::borrow::Cow;

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
        let (text, reading) = valid_text(text);
        self.tape.read(&text, S::ORDER)?;
        let walk = Walk { tape: &self.tape, text: &text };
        walk.value(0, sink);
        Ok(reading)
    }
}

/// The text as UTF-8: what is none is replaced byte by byte, as Go's `utf8.DecodeRune` steps.
fn valid_text(bytes: &[u8]) -> (Cow<'_, str>, Reading) {
    if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
        return (Cow::Borrowed(text), Reading::default());
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
    (Cow::Owned(valid), Reading { replaced })
}

/// A tape and the text it was made of.
struct Walk<'a> {
    tape: &'a Tape,
    text: &'a str,
}

impl Walk<'_> {
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
        keys.dedup_by(|a, b| self.text(*a) == self.text(*b));
        keys.reverse();
        if order == KeyOrder::Natural {
            natural::sort_members(&mut keys, order, |key| self.text(*key));
        }
        keys
    }
}
