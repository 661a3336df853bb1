//! Tokens to JSON text.

use super::canonical::is_canonical;
use super::escape::{is_plain, push_plain, push_quoted};
use crate::kube::number;
use crate::kube::sink::{FieldName, KeyOrder, Mark, Sink, Spot};
use crate::kube::text::{push_base64, push_new_line};

/// Writes JSON as Go does: keys in the order of their bytes, HTML escaped. `INDENT` is the number of spaces per level; 0
/// writes no white space at all.
#[derive(Debug)]
pub struct JsonSink<'a, const INDENT: usize> {
    out: &'a mut Vec<u8>,
    depth: usize,
    /// The innermost array or object has something in it.
    filled: bool,
    after_key: bool,
}

/// What `kubectl get -o json` prints.
pub type KubectlJson<'a> = JsonSink<'a, 4>;
/// JSON without white space: how objects are stored.
pub type CompactJson<'a> = JsonSink<'a, 0>;

impl<'a, const INDENT: usize> JsonSink<'a, INDENT> {
    /// Appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, depth: 0, filled: false, after_key: false }
    }

    /// Ends the text with the line break that both kubectl and the API server's encoder leave behind an object.
    pub fn finish(self) {
        self.out.push(b'\n');
    }

    fn before_value(&mut self) {
        if self.after_key {
            self.after_key = false;
        } else if self.depth > 0 {
            self.next_item();
        }
    }

    fn next_item(&mut self) {
        if self.filled {
            self.out.push(b',');
        }
        self.filled = true;
        self.new_line();
    }

    fn new_line(&mut self) {
        if INDENT > 0 {
            push_new_line(self.out, self.depth * INDENT);
        }
    }

    fn colon(&mut self) {
        self.out.extend_from_slice(if INDENT > 0 { b": " } else { b":" });
        self.after_key = true;
    }

    fn begin(&mut self, bracket: u8) {
        self.before_value();
        self.out.push(bracket);
        self.depth += 1;
        self.filled = false;
    }

    fn end(&mut self, bracket: u8) {
        self.depth = self.depth.saturating_sub(1);
        if self.filled {
            self.new_line();
        }
        self.out.push(bracket);
        self.filled = true;
    }

    fn plain(&mut self, text: &str) {
        self.before_value();
        self.out.extend_from_slice(text.as_bytes());
    }
}

impl<const INDENT: usize> Sink for JsonSink<'_, INDENT> {
    const ORDER: KeyOrder = KeyOrder::Bytes;
    const TAKES_JSON: bool = INDENT == 0;

    fn json_as_it_is(&mut self, text: &str) -> bool {
        let takes = INDENT == 0 && is_canonical(text);
        if takes {
            self.plain(text);
        }
        takes
    }

    fn plain_key(&mut self, key: &[u8]) -> bool {
        let takes = is_plain(key);
        if takes {
            self.next_item();
            push_plain(self.out, key);
            self.colon();
        }
        takes
    }

    fn plain_string(&mut self, text: &[u8]) -> bool {
        let takes = is_plain(text);
        if takes {
            self.before_value();
            push_plain(self.out, text);
        }
        takes
    }

    fn spot(&self) -> Option<Spot> {
        let spot = if INDENT == 0 { Spot::CompactJson } else { Spot::Json(INDENT, self.depth) };
        (self.after_key || self.depth > 0).then_some(spot)
    }

    fn mark(&self) -> Mark {
        // What comes between two items is not the item's.
        let between = match self.after_key {
            true => 0,
            false if INDENT > 0 => usize::from(self.filled) + 1 + self.depth * INDENT,
            false => usize::from(self.filled),
        };
        Mark { at: self.out.len() + between, noticed: 0 }
    }

    fn since(&self, mark: Mark) -> Option<&[u8]> {
        self.out.get(mark.at..)
    }

    fn take_over(&mut self, text: &[u8]) {
        self.before_value();
        self.out.extend_from_slice(text);
        self.filled = true;
    }

    fn begin_object(&mut self) {
        self.begin(b'{');
    }

    fn end_object(&mut self) {
        self.end(b'}');
    }

    fn key(&mut self, key: &str) {
        self.next_item();
        push_quoted(self.out, key);
        self.colon();
    }

    fn field(&mut self, name: FieldName) {
        self.next_item();
        self.out.extend_from_slice(name.quoted().as_bytes());
        if INDENT > 0 {
            self.out.push(b' ');
        }
        self.after_key = true;
    }

    fn begin_array(&mut self) {
        self.begin(b'[');
    }

    fn end_array(&mut self) {
        self.end(b']');
    }

    fn null(&mut self) {
        self.plain("null");
    }

    fn bool(&mut self, value: bool) {
        self.plain(if value { "true" } else { "false" });
    }

    fn int(&mut self, value: i64) {
        self.plain(itoa::Buffer::new().format(value));
    }

    fn float(&mut self, value: f64) {
        self.before_value();
        number::push_json(self.out, value);
    }

    fn string(&mut self, value: &str) {
        self.before_value();
        push_quoted(self.out, value);
    }

    fn bytes(&mut self, value: &[u8]) {
        self.before_value();
        self.out.push(b'"');
        push_base64(self.out, value);
        self.out.push(b'"');
    }
}
