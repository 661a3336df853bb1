//! Where a decoded object goes, token by token: JSON text, kubectl's YAML, a tree, coloured tokens.

use super::mask::mask;

/// In which order a form shows the members of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrder {
    /// By bytes, as Go's encoding/json sorts the keys of a map.
    Bytes,
    /// As go-yaml v2 sorts the keys of a map: letters after other characters, digit runs by their number.
    Natural,
}

/// The name of a field of a known type: plain in every form, so no sink needs to look at its characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldName {
    quoted: &'static str,
}

impl FieldName {
    /// From the name as JSON writes it before a value: `"name":`.
    pub const fn from_quoted(quoted: &'static str) -> Self {
        Self { quoted }
    }

    /// The name alone.
    pub fn plain(self) -> &'static str {
        self.quoted.get(1..self.quoted.len().saturating_sub(2)).unwrap_or("")
    }

    /// The name in quotes, and the colon.
    pub const fn quoted(self) -> &'static str {
        self.quoted
    }
}

/// All that decides how a value is written, but for the value: see [`Sink::spot`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spot {
    /// JSON without white space is the same everywhere.
    CompactJson,
    /// JSON with so many spaces per level, at this depth.
    Json(usize, usize),
    /// YAML below a key with so many spaces before it.
    Yaml(usize),
    /// YAML of an item of a list, with so many spaces before the `-`.
    YamlItem(usize),
}

/// How far a sink has come: see [`Sink::mark`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Bytes written.
    pub at: usize,
    /// What the sink has noticed beside what it wrote.
    pub noticed: usize,
}

/// Takes the tokens of one value in order. Members of an object come already in the order that [`Sink::ORDER`] names:
/// whoever produces the tokens sorts.
pub trait Sink {
    /// The order in which this form wants the members of an object.
    const ORDER: KeyOrder;
    /// Whether [`Sink::json_as_it_is`] may be worth asking.
    const TAKES_JSON: bool = false;

    /// An object begins; members follow, each a key and a value.
    fn begin_object(&mut self);
    /// The object that began last ends.
    fn end_object(&mut self);
    /// The key of the next member: any text.
    fn key(&mut self, key: &str);
    /// The key of the next member: the name of a known field.
    fn field(&mut self, name: FieldName) {
        self.key(name.plain());
    }
    /// An array begins; values follow.
    fn begin_array(&mut self);
    /// The array that began last ends.
    fn end_array(&mut self);
    /// `null`
    fn null(&mut self);
    /// `true` or `false`
    fn bool(&mut self, value: bool);
    /// A whole number. Go's Unstructured keeps numbers beyond `i64` as floats: they come through [`Sink::float`].
    fn int(&mut self, value: i64);
    /// A finite number that is not a whole `i64`.
    fn float(&mut self, value: f64);
    /// A string.
    fn string(&mut self, value: &str);
    /// Bytes, which every form shows as standard base64 with padding.
    fn bytes(&mut self, value: &[u8]);
    /// A value as JSON text, if this form would write it byte for byte so: JSON without white space, members in order.
    /// Whether it did; else the value has to come token by token.
    fn json_as_it_is(&mut self, _text: &str) -> bool {
        false
    }
    /// The key of the next member as bytes, if they are ASCII that this form writes as it is. Whether it did; else the key
    /// has to come as text.
    fn plain_key(&mut self, _key: &[u8]) -> bool {
        false
    }
    /// A string as bytes, if they are ASCII that this form writes as it is. Whether it did; else the string has to come as
    /// text.
    fn plain_string(&mut self, _text: &[u8]) -> bool {
        false
    }
    /// Where the value of a field or an item of a list comes next, if what is written of it then depends on nothing else, and
    /// can be taken over from an equal spot.
    fn spot(&self) -> Option<Spot> {
        None
    }
    /// Remembers where the next value begins.
    fn mark(&self) -> Mark {
        Mark::default()
    }
    /// What was written of the value that began at `mark` and has ended; `None` if more came of it than text.
    fn since(&self, _mark: Mark) -> Option<&[u8]> {
        None
    }
    /// Writes a value that [`Sink::since`] gave, at an equal spot.
    fn take_over(&mut self, _text: &[u8]) {}
    /// A secret value of so many bytes, which must not be shown.
    fn masked(&mut self, len: usize) {
        self.string(&mask(len));
    }
}

/// Takes tokens and keeps nothing: for finding out whether a value can be shown at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Sink for Discard {
    const ORDER: KeyOrder = KeyOrder::Bytes;

    fn begin_object(&mut self) {}
    fn end_object(&mut self) {}
    fn key(&mut self, _key: &str) {}
    fn begin_array(&mut self) {}
    fn end_array(&mut self) {}
    fn null(&mut self) {}
    fn bool(&mut self, _value: bool) {}
    fn int(&mut self, _value: i64) {}
    fn float(&mut self, _value: f64) {}
    fn string(&mut self, _value: &str) {}
    fn bytes(&mut self, _value: &[u8]) {}
}
