//! Tokens to the YAML that `kubectl get -o yaml` prints.

use super::analysis::{Found, Style};
use super::block::push_literal;
use super::quoted::Line;
use super::resolve::stays_text;
use crate::kube::number;
use crate::kube::sink::{FieldName, KeyOrder, Mark, Sink, Spot};
use crate::kube::text::{push_base64, push_new_line, push_spaces};

/// Longer keys stand behind `? ` (go-yaml v2, emitterc.go, `yaml_emitter_check_simple_key`).
const LONGEST_SIMPLE_KEY: usize = 128;
/// How far what belongs to something stands behind it.
const STEP: usize = 2;

/// Writes YAML as go-yaml v2 does: blocks, lists not indented below their key, lines folded behind column 80.
#[derive(Debug)]
pub struct YamlSink<'a> {
    out: &'a mut Vec<u8>,
    open: Vec<Block>,
    place: Place,
    /// A literal block ended its last line itself.
    line_ended: bool,
    refused: usize,
    merges: usize,
}

/// Where the next value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the beginning of the document.
    Root,
    /// Behind `key:`.
    Key,
    /// Behind `-`, `?`, or the `:` of a long key: what has lines of its own begins on this one.
    Mark,
    /// The same, behind the `:` of a long key.
    LongKey,
}

/// An object or array that is open.
#[derive(Clone, Copy, Debug)]
struct Block {
    indent: usize,
    place: Place,
    is_array: bool,
    is_empty: bool,
}

impl<'a> YamlSink<'a> {
    /// Appends to `out`, which should stand at the beginning of a line.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, open: Vec::new(), place: Place::Root, line_ended: false, refused: 0, merges: 0 }
    }

    /// Ends the document.
    pub fn finish(mut self) {
        self.end_document();
    }

    /// Ends the document and begins the next one, as kubectl does between objects that it prints one by one.
    pub fn next_document(&mut self) {
        self.end_document();
        self.out.extend_from_slice(b"---\n");
    }

    /// How many bytes the output has so far. What comes next begins there, with the end of the line before it.
    pub fn written(&self) -> usize {
        self.out.len()
    }

    /// How many strings so far keep kubectl from printing this object as YAML ("control characters are not allowed"), or
    /// make it print other text (NEL becomes a space). They are printed escaped here.
    pub fn refused_by_kubectl(&self) -> usize {
        self.refused
    }

    /// How many keys so far are `<<`. kubectl writes it without quotes, and whoever reads that takes it for a merge: such an
    /// object does not read back as it was.
    pub fn keys_that_read_as_merges(&self) -> usize {
        self.merges
    }

    fn end_document(&mut self) {
        if !self.line_ended {
            self.out.push(b'\n');
        }
        self.open.clear();
        self.place = Place::Root;
        self.line_ended = false;
    }

    /// Goes to where the next key or `-` of the innermost block stands; returns its indentation.
    fn next_entry(&mut self) -> usize {
        let Some(block) = self.open.last_mut() else { return 0 };
        let indent = block.indent;
        let is_first = std::mem::replace(&mut block.is_empty, false);
        match block.place {
            Place::Root if is_first => {}
            Place::Mark | Place::LongKey if is_first => self.out.push(b' '),
            _ => self.new_line(indent),
        }
        indent
    }

    fn new_line(&mut self, indent: usize) {
        if std::mem::replace(&mut self.line_ended, false) {
            push_spaces(self.out, indent);
        } else {
            push_new_line(self.out, indent);
        }
    }

    /// Goes to where a value stands.
    fn before_value(&mut self) {
        if self.open.last().is_some_and(|block| block.is_array) {
            self.next_entry();
            self.out.push(b'-');
            self.place = Place::Mark;
        }
    }

    fn begin(&mut self, is_array: bool) {
        self.before_value();
        let indent = match (self.open.last(), self.place) {
            (Some(outer), Place::Key) if is_array => outer.indent,
            (Some(outer), _) => outer.indent + STEP,
            (None, _) => 0,
        };
        self.open.push(Block { indent, place: self.place, is_array, is_empty: true });
    }

    fn end(&mut self, empty: &str) {
        if let Some(block) = self.open.pop()
            && block.is_empty
        {
            self.place = block.place;
            self.space();
            self.out.extend_from_slice(empty.as_bytes());
        }
    }

    /// The space between what names a value and the value.
    fn space(&mut self) {
        if self.place != Place::Root {
            self.out.push(b' ');
        }
    }

    fn word(&mut self, text: &str) {
        self.before_value();
        self.space();
        self.out.extend_from_slice(text.as_bytes());
    }

    fn scalar(&mut self, text: &str, found: Found) {
        self.space();
        let style = found.style(text);
        if style == Style::Plain && !found.has_space() {
            return self.out.extend_from_slice(text.as_bytes());
        }
        self.refused += usize::from(found.is_refused_by_kubectl());
        let indent = self.open.last().map_or(STEP, |block| block.indent + STEP);
        if style == Style::Literal {
            self.line_ended = push_literal(self.out, text, found, indent);
            return;
        }
        let column = column(self.out);
        let mut line = Line { out: self.out, column, indent };
        match style {
            Style::Plain => line.plain(text),
            Style::Single => line.single_quoted(text, found, true),
            Style::Double | Style::Literal => line.double_quoted(text, true),
        }
    }

    fn simple_key(&mut self, key: &str, found: Found) {
        self.merges += usize::from(key == "<<");
        match found.key_style(key) {
            Style::Plain => self.out.extend_from_slice(key.as_bytes()),
            style => {
                self.refused += usize::from(found.is_refused_by_kubectl());
                let mut line = Line { out: self.out, column: 0, indent: 0 };
                if style == Style::Single {
                    line.single_quoted(key, found, false);
                } else {
                    line.double_quoted(key, false);
                }
            }
        }
        self.out.push(b':');
        self.place = Place::Key;
    }

    fn long_key(&mut self, key: &str, found: Found, indent: usize) {
        self.out.push(b'?');
        self.place = Place::Mark;
        self.scalar(key, found);
        self.new_line(indent);
        self.out.push(b':');
        self.place = Place::LongKey;
    }
}

/// How many characters stand on the last line of `out`.
fn column(out: &[u8]) -> usize {
    let line = out.get(memchr::memrchr(b'\n', out).map_or(0, |at| at + 1)..).unwrap_or(&[]);
    // LS and PS in a block end lines too.
    let odd_break = line.windows(3).rposition(|bytes| matches!(bytes, [0xe2, 0x80, 0xa8 | 0xa9]));
    let line = line.get(odd_break.map_or(0, |at| at + 3)..).unwrap_or(&[]);
    line.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

impl Sink for YamlSink<'_> {
    const ORDER: KeyOrder = KeyOrder::Natural;

    fn spot(&self) -> Option<Spot> {
        let block = self.open.last()?;
        if block.is_array {
            // The first item may stand on the line of what the list is in.
            let has_own_line = !block.is_empty || block.place == Place::Key;
            has_own_line.then_some(Spot::YamlItem(block.indent))
        } else {
            (self.place == Place::Key).then_some(Spot::Yaml(block.indent))
        }
    }

    fn mark(&self) -> Mark {
        // The line's beginning and the `-` are not the item's.
        let item = self.open.last().filter(|block| block.is_array);
        let before = item.map_or(0, |block| usize::from(!self.line_ended) + block.indent + 1);
        Mark { at: self.out.len() + before, noticed: self.refused + self.merges }
    }

    fn since(&self, mark: Mark) -> Option<&[u8]> {
        let is_all = mark.noticed == self.refused + self.merges && !self.line_ended;
        self.out.get(mark.at..).filter(|_| is_all)
    }

    fn take_over(&mut self, text: &[u8]) {
        self.before_value();
        self.out.extend_from_slice(text);
    }

    fn begin_object(&mut self) {
        self.begin(false);
    }

    fn end_object(&mut self) {
        self.end("{}");
    }

    fn key(&mut self, key: &str) {
        let indent = self.next_entry();
        let found = Found::of(key);
        if key.len() <= LONGEST_SIMPLE_KEY && !found.is_multiline() {
            self.simple_key(key, found);
        } else {
            self.long_key(key, found, indent);
        }
    }

    fn field(&mut self, name: FieldName) {
        self.next_entry();
        self.out.extend_from_slice(name.plain().as_bytes());
        self.out.push(b':');
        self.place = Place::Key;
    }

    fn begin_array(&mut self) {
        self.begin(true);
    }

    fn end_array(&mut self) {
        self.end("[]");
    }

    fn null(&mut self) {
        self.word("null");
    }

    fn bool(&mut self, value: bool) {
        self.word(if value { "true" } else { "false" });
    }

    fn int(&mut self, value: i64) {
        self.word(itoa::Buffer::new().format(value));
    }

    fn float(&mut self, value: f64) {
        self.before_value();
        self.space();
        number::push_yaml(self.out, value);
    }

    fn string(&mut self, value: &str) {
        self.before_value();
        self.scalar(value, Found::of(value));
    }

    fn bytes(&mut self, value: &[u8]) {
        self.before_value();
        self.space();
        let start = self.out.len();
        push_base64(self.out, value);
        // Base64 has no spaces and nothing to escape, but it may read as a number or a word.
        let written = self.out.get(start..).and_then(|bytes| std::str::from_utf8(bytes).ok());
        if !written.is_some_and(stays_text) {
            self.out.insert(start, b'"');
            self.out.push(b'"');
        }
    }
}
