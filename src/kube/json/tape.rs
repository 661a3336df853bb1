//! JSON text read once into a flat list of what is in it.
//!
//! Accepts what Go's encoding/json accepts (decode.go, scanner.go): invalid UTF-8 and lone surrogates become U+FFFD, of
//! equal keys the last one counts, numbers without `.` that fit are whole numbers (sigs.k8s.io/json, `convertNumber`).

use crate::kube::natural;
use crate::kube::sink::KeyOrder;

/// How deep arrays and objects may be nested. Go stops at 10,000 and real objects end at a few dozen; every level shows
/// as indentation of each line below it.
pub const MAX_DEPTH: usize = 512;

/// Why text is no JSON, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no JSON at byte {offset}: {fault}")]
pub struct JsonError {
    /// Bytes from the beginning of the value.
    pub offset: usize,
    /// What is wrong there.
    pub fault: JsonFault,
}

/// What can be wrong with JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// The text ends inside a value.
    #[error("the text ends here; the value was cut")]
    Ends,
    /// A byte that cannot stand there.
    #[error("unexpected byte 0x{0:02x}")]
    Unexpected(u8),
    /// Something follows the value.
    #[error("more text after the value")]
    Trailing,
    /// A control character that is not escaped.
    #[error("a control character inside a string")]
    Control,
    /// An escape that JSON does not have.
    #[error("an unknown escape inside a string")]
    Escape,
    /// A number beyond what a double holds.
    #[error("a number too large for a double")]
    NumberTooLarge,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// Longer than 4 GiB.
    #[error("longer than 4 GiB")]
    TooLong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    False,
    True,
    /// The bits of an `i64`.
    Int,
    /// The bits of an `f64`.
    Float,
    /// A range of the text.
    Text,
    /// A range of the unescaped strings.
    Unescaped,
    Array,
    /// The keys ascend.
    Object,
    /// The keys have to be sorted.
    Unsorted,
}

/// One value. The items of an array, and keys and values of an object by turns, follow it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Of a value, the index behind it and everything in it; of a key, where it begins in the text.
    pub(super) next: u32,
    payload: u64,
}

impl Node {
    fn plain(kind: Kind) -> Self {
        Self { kind, next: 0, payload: 0 }
    }

    pub(super) fn int(&self) -> i64 {
        self.payload.cast_signed()
    }

    pub(super) fn float(&self) -> f64 {
        f64::from_bits(self.payload)
    }

    fn range(&self) -> std::ops::Range<usize> {
        let (start, len) = (self.payload as u32 as usize, (self.payload >> 32) as usize);
        start..start + len
    }
}

fn range_payload(start: usize, len: usize) -> u64 {
    // The text is shorter than 4 GiB, and unescaping never makes it longer.
    start as u64 | (len as u64) << 32
}

/// The list, and what its strings point into. Kept from text to text, so that nothing is allocated for most of them.
#[derive(Debug, Default)]
pub(super) struct Tape {
    pub(super) nodes: Vec<Node>,
    unescaped: String,
    open: Vec<Open>,
}

/// An array or object whose end was not reached yet.
#[derive(Clone, Copy, Debug)]
struct Open {
    node: u32,
    last_key: Option<Node>,
}

impl Tape {
    /// The text of a string node.
    pub(super) fn text<'a>(&'a self, text: &'a str, node: &Node) -> &'a str {
        let whole = if node.kind == Kind::Unescaped { &self.unescaped } else { text };
        whole.get(node.range()).unwrap_or_default()
    }

    /// Reads all of `text`, which must hold exactly one value. Objects whose keys do not ascend in `order` are marked.
    pub(super) fn read(&mut self, text: &str, order: KeyOrder) -> Result<(), JsonError> {
        let mut cursor = self.read_first(text, order)?;
        cursor.skip_space();
        if cursor.at < text.len() { Err(cursor.fault(JsonFault::Trailing)) } else { Ok(()) }
    }

    /// Reads the first value of `text`; the cursor stands behind it.
    pub(super) fn read_first<'a>(&mut self, text: &'a str, order: KeyOrder) -> Result<Cursor<'a>, JsonError> {
        self.nodes.clear();
        self.unescaped.clear();
        self.open.clear();
        let mut cursor = Cursor { text, bytes: text.as_bytes(), at: 0 };
        if u32::try_from(text.len()).is_err() {
            return Err(cursor.fault(JsonFault::TooLong));
        }
        self.read_values(text, &mut cursor, order)?;
        Ok(cursor)
    }

    fn read_values(&mut self, text: &str, cursor: &mut Cursor<'_>, order: KeyOrder) -> Result<(), JsonError> {
        loop {
            // Here a value is due.
            cursor.skip_space();
            match cursor.peek() {
                Some(b'{') => {
                    self.begin(Kind::Object, cursor)?;
                    cursor.skip_space();
                    if cursor.peek() != Some(b'}') {
                        self.read_key(text, cursor, order)?;
                        continue;
                    }
                    cursor.at += 1;
                    self.end();
                }
                Some(b'[') => {
                    self.begin(Kind::Array, cursor)?;
                    cursor.skip_space();
                    if cursor.peek() != Some(b']') {
                        continue;
                    }
                    cursor.at += 1;
                    self.end();
                }
                Some(_) => {
                    let node = self.read_scalar(cursor)?;
                    self.push(node);
                }
                None => return Err(cursor.fault(JsonFault::Ends)),
            }
            if !self.after_value(text, cursor, order)? {
                return Ok(());
            }
        }
    }

    /// Goes on behind a value: whether another one is due.
    fn after_value(&mut self, text: &str, cursor: &mut Cursor<'_>, order: KeyOrder) -> Result<bool, JsonError> {
        while let Some(open) = self.open.last() {
            let is_array = self.nodes.get(open.node as usize).is_some_and(|node| node.kind == Kind::Array);
            cursor.skip_space();
            match (cursor.peek(), is_array) {
                (Some(b','), true) => {
                    cursor.at += 1;
                    return Ok(true);
                }
                (Some(b','), false) => {
                    cursor.at += 1;
                    self.read_key(text, cursor, order)?;
                    return Ok(true);
                }
                (Some(b']'), true) | (Some(b'}'), false) => {
                    cursor.at += 1;
                    self.end();
                }
                _ => return Err(cursor.unexpected()),
            }
        }
        Ok(false)
    }

    fn push(&mut self, node: Node) {
        // Every node comes from a byte of its own, so their count fits.
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { next, ..node });
    }

    fn begin(&mut self, kind: Kind, cursor: &mut Cursor<'_>) -> Result<(), JsonError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(cursor.fault(JsonFault::TooDeep));
        }
        cursor.at += 1;
        self.open.push(Open { node: self.nodes.len() as u32, last_key: None });
        self.push(Node::plain(kind));
        Ok(())
    }

    fn end(&mut self) {
        let next = self.nodes.len() as u32;
        if let Some(node) = self.open.pop().and_then(|open| self.nodes.get_mut(open.node as usize)) {
            node.next = next;
        }
    }

    fn read_key(&mut self, text: &str, cursor: &mut Cursor<'_>, order: KeyOrder) -> Result<(), JsonError> {
        cursor.skip_space();
        if cursor.peek() != Some(b'"') {
            return Err(cursor.unexpected());
        }
        let offset = cursor.at as u32;
        let key = Node { next: offset, ..self.read_string(cursor)? };
        cursor.skip_space();
        if cursor.peek() != Some(b':') {
            return Err(cursor.unexpected());
        }
        cursor.at += 1;
        let before = self.open.last_mut().and_then(|open| open.last_key.replace(key));
        let ascends = before.is_none_or(|before| ascends(order, self.text(text, &before), self.text(text, &key)));
        if !ascends
            && let Some(open) = self.open.last()
            && let Some(object) = self.nodes.get_mut(open.node as usize)
        {
            object.kind = Kind::Unsorted;
        }
        self.nodes.push(key);
        Ok(())
    }

    fn read_scalar(&mut self, cursor: &mut Cursor<'_>) -> Result<Node, JsonError> {
        match cursor.peek() {
            Some(b'"') => self.read_string(cursor),
            Some(b'-' | b'0'..=b'9') => read_number(cursor),
            Some(b't') => cursor.word("true").map(|()| Node::plain(Kind::True)),
            Some(b'f') => cursor.word("false").map(|()| Node::plain(Kind::False)),
            Some(b'n') => cursor.word("null").map(|()| Node::plain(Kind::Null)),
            _ => Err(cursor.unexpected()),
        }
    }

    /// Reads a string; the cursor stands on its first quote.
    fn read_string(&mut self, cursor: &mut Cursor<'_>) -> Result<Node, JsonError> {
        cursor.at += 1;
        let start = cursor.at;
        cursor.skip_plain();
        if cursor.peek() == Some(b'"') {
            let payload = range_payload(start, cursor.at - start);
            cursor.at += 1;
            return Ok(Node { kind: Kind::Text, next: 0, payload });
        }
        let unescaped = self.unescaped.len();
        let mut from = start;
        loop {
            self.unescaped.push_str(cursor.text.get(from..cursor.at).unwrap_or_default());
            match cursor.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.unescaped.push(cursor.escape()?),
                Some(_) => return Err(cursor.fault(JsonFault::Control)),
                None => return Err(cursor.fault(JsonFault::Ends)),
            }
            from = cursor.at;
            cursor.skip_plain();
        }
        cursor.at += 1;
        let payload = range_payload(unescaped, self.unescaped.len() - unescaped);
        Ok(Node { kind: Kind::Unescaped, next: 0, payload })
    }
}

/// Whether `b` stands behind `a` and is not the same. Most keys differ first in two letters, and then nothing else matters.
fn ascends(order: KeyOrder, a: &str, b: &str) -> bool {
    match a.bytes().zip(b.bytes()).find(|(a, b)| a != b) {
        Some((a, b)) if order == KeyOrder::Bytes || a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => a < b,
        Some(_) => natural::compare(a, b).is_lt(),
        None => a.len() < b.len(),
    }
}

fn read_number(cursor: &mut Cursor<'_>) -> Result<Node, JsonError> {
    let start = cursor.at;
    if cursor.peek() == Some(b'-') {
        cursor.at += 1;
    }
    if cursor.peek() == Some(b'0') {
        cursor.at += 1;
    } else {
        cursor.digits()?;
    }
    let mut has_fraction = false;
    if cursor.peek() == Some(b'.') {
        has_fraction = true;
        cursor.at += 1;
        cursor.digits()?;
    }
    if let Some(b'e' | b'E') = cursor.peek() {
        has_fraction = true;
        cursor.at += 1;
        if let Some(b'+' | b'-') = cursor.peek() {
            cursor.at += 1;
        }
        cursor.digits()?;
    }
    let text = cursor.text.get(start..cursor.at).unwrap_or_default();
    if !has_fraction && let Ok(whole) = text.parse::<i64>() {
        return Ok(Node { kind: Kind::Int, next: 0, payload: whole.cast_unsigned() });
    }
    match text.parse::<f64>() {
        Ok(float) if float.is_finite() => Ok(Node { kind: Kind::Float, next: 0, payload: float.to_bits() }),
        _ => Err(JsonError { offset: start, fault: JsonFault::NumberTooLarge }),
    }
}

/// A place in the text.
pub(super) struct Cursor<'a> {
    text: &'a str,
    bytes: &'a [u8],
    pub(super) at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn fault(&self, fault: JsonFault) -> JsonError {
        JsonError { offset: self.at, fault }
    }

    fn unexpected(&self) -> JsonError {
        self.fault(self.peek().map_or(JsonFault::Ends, JsonFault::Unexpected))
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str) -> Result<(), JsonError> {
        for expected in word.bytes() {
            if self.peek() != Some(expected) {
                return Err(self.unexpected());
            }
            self.at += 1;
        }
        Ok(())
    }

    /// At least one digit.
    fn digits(&mut self) -> Result<(), JsonError> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.unexpected());
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    /// Goes to the next quote, backslash or control character, eight bytes at a time.
    fn skip_plain(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        let (words, tail) = rest.as_chunks::<8>();
        for word in words {
            let stops = stops_in(u64::from_le_bytes(*word));
            if stops != 0 {
                self.at += stops.trailing_zeros() as usize / 8;
                return;
            }
            self.at += 8;
        }
        self.at += tail.iter().take_while(|byte| !matches!(**byte, b'"' | b'\\' | 0..0x20)).count();
    }

    /// One escaped character; the cursor stands on the backslash.
    fn escape(&mut self) -> Result<char, JsonError> {
        self.at += 1;
        let Some(letter) = self.peek() else { return Err(self.fault(JsonFault::Ends)) };
        self.at += 1;
        Ok(match letter {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.unicode()?,
            _ => {
                self.at -= 1;
                return Err(self.fault(JsonFault::Escape));
            }
        })
    }

    /// The character of `\uXXXX`, or of two of them.
    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.hex()?;
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        let second_follows = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u"));
        if (0xd800..0xdc00).contains(&first) && second_follows {
            let back = self.at;
            self.at += 2;
            let second = self.hex()?;
            if (0xdc00..0xe000).contains(&second) {
                let both = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(both).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = back;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let mut value = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(16)) else {
                return Err(self.fault(if self.at < self.bytes.len() { JsonFault::Escape } else { JsonFault::Ends }));
            };
            value = value << 4 | digit;
            self.at += 1;
        }
        Ok(value)
    }
}

/// The highest bit of every byte that is a quote, a backslash or below a space; bits above the lowest may be false.
pub(super) fn stops_in(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero_in = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
    control | zero_in(word ^ (ONES * u64::from(b'"'))) | zero_in(word ^ (ONES * u64::from(b'\\')))
}
