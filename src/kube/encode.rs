//! An object as JSON becomes the bytes that Kubernetes would store.
//!
//! The bytes are those of the encoder of one release, which always writes what Go holds without a pointer, even where it
//! is zero. Quantities are written in their canonical form. What is not done: validation, defaults, admission, clearing `metadata.resourceVersion`. Whoever stores such
//! bytes answers for them.

use super::envelope::Unknown;
use super::json::{CompactJson, push_value};
use super::minor::Minor;
use super::quantity;
use super::sink::KeyOrder;
use super::table::{Count, Kind, MessageId, ScopeId, Slot, Target, Types};
use super::time;
use base64::Engine as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt::Write;
use thiserror::Error;

/// Deeper than any schema.
const MOST_DEPTH: u32 = 128;

/// What an object was written as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The whole value, envelope and all.
    pub bytes: Vec<u8>,
    /// Fields that the release does not know: `spec.containers[0].imag`. They are not in the bytes.
    pub unknown: Vec<String>,
}

/// Why JSON is no object that can be stored in protobuf.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EncodeError {
    /// `apiVersion` or `kind` is missing, or it is no object at all.
    #[error("this is no Kubernetes object: it has no {0}")]
    NoObject(&'static str),
    /// The table has no such kind: a custom resource, or a kind that is stored as JSON.
    #[error("{} of {} is not stored in protobuf", .kind.escape_debug(), .api_version.escape_debug())]
    UnknownKind {
        /// As the object has it.
        api_version: String,
        /// As the object has it.
        kind: String,
    },
    /// A value of another type than the field.
    #[error("{path}: this has to be {wanted}, and is {found}")]
    WrongType {
        /// `spec.replicas`
        path: String,
        /// What the field holds.
        wanted: &'static str,
        /// What stands there, shortened.
        found: String,
    },
    /// Objects in objects without end.
    #[error("{path}: objects stand in objects more than {MOST_DEPTH} deep")]
    TooDeep {
        /// Where it got too deep.
        path: String,
    },
}

/// Writes an object as a release of Kubernetes stores it.
///
/// # Errors
///
/// It is no object of a kind that is stored in protobuf, or a field has a value of a wrong type.
pub fn encode(object: &Value, minor: Minor) -> Result<Encoded, EncodeError> {
    let members = object.as_object().ok_or(EncodeError::NoObject("members"))?;
    let name = |key: &'static str| members.get(key).and_then(Value::as_str).ok_or(EncodeError::NoObject(key));
    let (api_version, kind) = (name("apiVersion")?, name("kind")?);
    let types = Types::of(minor, KeyOrder::Bytes);
    let Some(id) = types.kind(api_version, kind) else {
        let (api_version, kind) = (api_version.to_owned(), kind.to_owned());
        return Err(EncodeError::UnknownKind { api_version, kind });
    };
    let mut encoder = Encoder { types, out: Vec::new(), path: Vec::new(), unknown: Vec::new() };
    encoder.message(id, members)?;
    let bytes = Unknown { api_version, kind, raw: &encoder.out, ..Unknown::default() }.to_bytes();
    Ok(Encoded { bytes, unknown: encoder.unknown })
}

type Step = Result<(), EncodeError>;

/// The way to a value.
#[derive(Clone, Copy)]
enum Part<'a> {
    Key(&'a str),
    Index(usize),
}

struct Encoder<'a> {
    types: &'static Types,
    out: Vec<u8>,
    path: Vec<Part<'a>>,
    unknown: Vec<String>,
}

impl<'a> Encoder<'a> {
    fn message(&mut self, id: MessageId, members: &'a Map<String, Value>) -> Step {
        if self.path.len() as u32 >= MOST_DEPTH {
            return Err(EncodeError::TooDeep { path: self.path() });
        }
        let message = self.types.message(id);
        let slots = self.types.slots(message);
        let mut values: Vec<Option<&'a Value>> = vec![None; slots.len()];
        for (key, value) in members {
            let at = slots.binary_search_by(|slot| slot.name.plain().cmp(key)).ok();
            match at.and_then(|at| Some((slots.get(at)?, values.get_mut(at)?))) {
                Some((slot, place)) if slot.current => *place = Some(value).filter(|value| !value.is_null()),
                _ => {
                    self.path.push(Part::Key(key));
                    let path = self.path();
                    self.unknown.push(path);
                    self.path.pop();
                }
            }
        }
        self.scope(message.scope, slots, &values)
    }

    /// The fields of a message by their numbers. Messages whose fields stand in their parent are always written.
    fn scope(&mut self, scope: ScopeId, slots: &[Slot], values: &[Option<&'a Value>]) -> Step {
        for (target, number) in self.types.targets(scope).iter().zip(0..) {
            match *target {
                Target::Slot { place, .. } => {
                    let at = usize::from(place);
                    if let (Some(slot), Some(value)) = (slots.get(at), values.get(at))
                        && slot.current
                    {
                        self.path.push(Part::Key(slot.name.plain()));
                        self.field(slot, *value)?;
                        self.path.pop();
                    }
                }
                Target::Inline(inner) if self.types.scope_is_current(inner) => {
                    self.delimited(number, |this| this.scope(inner, slots, values))?;
                }
                Target::Inline(_) | Target::Unknown => {}
            }
        }
        Ok(())
    }

    fn field(&mut self, slot: &Slot, value: Option<&'a Value>) -> Step {
        let number = u32::from(slot.number);
        match (slot.count, value) {
            (Count::One, None) if slot.pointer || matches!(slot.kind, Kind::Bytes | Kind::StringList) => Ok(()),
            (Count::One, value) => self.one(number, slot.kind, value),
            (_, None) => Ok(()),
            (Count::Many, Some(Value::Array(values))) => {
                for (at, value) in values.iter().enumerate() {
                    self.path.push(Part::Index(at));
                    self.one(number, slot.kind, Some(value).filter(|value| !value.is_null()))?;
                    self.path.pop();
                }
                Ok(())
            }
            (Count::Map, Some(Value::Object(members))) => self.map(number, slot.kind, members),
            (Count::Many, Some(value)) => Err(self.wrong("a list", value)),
            (Count::Map, Some(value)) => Err(self.wrong("an object", value)),
        }
    }

    /// Entries sorted by the bytes of their keys.
    fn map(&mut self, number: u32, kind: Kind, members: &'a Map<String, Value>) -> Step {
        let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
        sorted.sort_by_key(|(key, _)| *key);
        for (key, value) in sorted {
            self.path.push(Part::Key(key));
            self.delimited(number, |this| {
                this.bytes(1, key.as_bytes());
                match (kind, value) {
                    (Kind::Bytes, Value::Null) => Ok(()),
                    (_, Value::Null) => this.one(2, kind, None),
                    (_, value) => this.one(2, kind, Some(value)),
                }
            })?;
            self.path.pop();
        }
        Ok(())
    }

    /// One value with its tag; without a value the zero of its type.
    fn one(&mut self, number: u32, kind: Kind, value: Option<&'a Value>) -> Step {
        match kind {
            Kind::Bool => {
                let value = value
                    .map_or(Ok(false), |value| value.as_bool().ok_or_else(|| self.wrong("true or false", value)))?;
                self.varint(number, u64::from(value));
            }
            Kind::Int32 => {
                let value = value.map_or(Ok(0), |value| self.int32(value))?;
                self.varint(number, i64::from(value).cast_unsigned());
            }
            Kind::Int64 => {
                let wanted = "a whole number of 64 bits";
                let value = value.map_or(Ok(0), |value| value.as_i64().ok_or_else(|| self.wrong(wanted, value)))?;
                self.varint(number, value.cast_unsigned());
            }
            Kind::Double => {
                let value =
                    value.map_or(Ok(0.0), |value| value.as_f64().ok_or_else(|| self.wrong("a number", value)))?;
                encode_key(number, WireType::SixtyFourBit, &mut self.out);
                self.out.extend_from_slice(&value.to_le_bytes());
            }
            Kind::String => {
                let text = value.map_or(Ok(""), |value| self.text(value, "a string"))?;
                self.bytes(number, text.as_bytes());
            }
            Kind::Bytes => {
                let text = value.map_or(Ok(""), |value| self.text(value, "bytes in base64"))?;
                let lines = text.replace(['\n', '\r'], "");
                let bytes = base64::engine::general_purpose::STANDARD.decode(lines);
                let bytes = bytes.map_err(|_| self.wrong("bytes in base64", value.unwrap_or(&Value::Null)))?;
                self.bytes(number, &bytes);
            }
            _ => self.delimited(number, |this| this.special(kind, value))?,
        }
        Ok(())
    }

    /// What stands between the delimiters of a message or of a special type.
    fn special(&mut self, kind: Kind, value: Option<&'a Value>) -> Step {
        static NOTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        match (kind, value) {
            (Kind::Message(id), None) => self.message(id, &NOTHING)?,
            (Kind::Message(id), Some(Value::Object(members))) => self.message(id, members)?,
            (Kind::Quantity, None) => self.bytes(1, b"0"),
            (Kind::Quantity, Some(value)) => {
                let text = match value {
                    Value::Number(number) => Cow::Owned(number.to_string()),
                    value => Cow::Borrowed(self.text(value, "a quantity")?.trim()),
                };
                let canonical = quantity::canonical(&text);
                self.bytes(1, canonical.map_err(|_| self.wrong("a quantity like 500m or 1Gi", value))?.as_bytes());
            }
            (Kind::IntOrString, value) => self.int_or_string(value)?,
            // Absent in the others is empty.
            (_, None) => {}
            (Kind::Time, Some(value)) => {
                let (seconds, _) = self.time(value)?;
                self.timestamp(seconds, 0);
            }
            (Kind::MicroTime, Some(value)) => {
                let (seconds, nanos) = self.time(value)?;
                self.timestamp(seconds, nanos / 1000 * 1000);
            }
            (Kind::Raw, Some(value)) => {
                let mut text = Vec::new();
                push_value(value, &mut CompactJson::new(&mut text));
                self.bytes(1, &text);
            }
            (Kind::StringList, Some(Value::Array(values))) => self.strings(1, values)?,
            (Kind::OrBool(_), Some(Value::Bool(allows))) => self.varint(1, u64::from(*allows)),
            (Kind::OrBool(id), Some(Value::Object(schema))) => {
                self.varint(1, 1);
                self.delimited(2, |this| this.message(id, schema))?;
            }
            (Kind::OrArray(id) | Kind::OrStringArray(id), Some(Value::Object(schema))) => {
                self.delimited(1, |this| this.message(id, schema))?;
            }
            (Kind::OrArray(id), Some(Value::Array(values))) => {
                for (at, value) in values.iter().enumerate() {
                    self.path.push(Part::Index(at));
                    self.one(2, Kind::Message(id), Some(value).filter(|value| !value.is_null()))?;
                    self.path.pop();
                }
            }
            (Kind::OrStringArray(_), Some(Value::Array(values))) => self.strings(2, values)?,
            (Kind::StringList, Some(value)) => return Err(self.wrong("a list", value)),
            (Kind::OrBool(_), Some(value)) => return Err(self.wrong("true, false or a schema", value)),
            (Kind::OrArray(_), Some(value)) => return Err(self.wrong("a schema or a list of schemas", value)),
            (Kind::OrStringArray(_), Some(value)) => return Err(self.wrong("a schema or a list of names", value)),
            (_, Some(value)) => return Err(self.wrong("an object", value)),
        }
        Ok(())
    }

    fn strings(&mut self, number: u32, values: &'a [Value]) -> Step {
        for (at, value) in values.iter().enumerate() {
            self.path.push(Part::Index(at));
            self.one(number, Kind::String, Some(value).filter(|value| !value.is_null()))?;
            self.path.pop();
        }
        Ok(())
    }

    /// All three parts, whichever of them holds the value.
    fn int_or_string(&mut self, value: Option<&'a Value>) -> Step {
        let (which, number, text) = match value {
            None => (0, 0, ""),
            Some(Value::String(text)) => (1, 0, text.as_str()),
            Some(Value::Number(_)) => (0, value.map_or(Ok(0), |value| self.int32(value))?, ""),
            Some(value) => return Err(self.wrong("a whole number or a string", value)),
        };
        self.varint(1, which);
        self.varint(2, i64::from(number).cast_unsigned());
        self.bytes(3, text.as_bytes());
        Ok(())
    }

    /// Go writes its zero time as nothing.
    fn timestamp(&mut self, seconds: i64, nanos: u32) {
        if (seconds, nanos) != (time::ZERO_SECONDS, 0) {
            self.varint(1, seconds.cast_unsigned());
            self.varint(2, u64::from(nanos));
        }
    }

    fn time(&self, value: &Value) -> Result<(i64, u32), EncodeError> {
        let wanted = "a time like 2026-07-02T13:46:40Z";
        time::read(self.text(value, wanted)?).ok_or_else(|| self.wrong(wanted, value))
    }

    fn int32(&self, value: &Value) -> Result<i32, EncodeError> {
        let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
        number.ok_or_else(|| self.wrong("a whole number of 32 bits", value))
    }

    fn text<'v>(&self, value: &'v Value, wanted: &'static str) -> Result<&'v str, EncodeError> {
        value.as_str().ok_or_else(|| self.wrong(wanted, value))
    }

    fn varint(&mut self, number: u32, value: u64) {
        encode_key(number, WireType::Varint, &mut self.out);
        encode_varint(value, &mut self.out);
    }

    fn bytes(&mut self, number: u32, bytes: &[u8]) {
        encode_key(number, WireType::LengthDelimited, &mut self.out);
        encode_varint(bytes.len() as u64, &mut self.out);
        self.out.extend_from_slice(bytes);
    }

    /// Writes what `inside` writes, with its length before it.
    fn delimited(&mut self, number: u32, inside: impl FnOnce(&mut Self) -> Step) -> Step {
        encode_key(number, WireType::LengthDelimited, &mut self.out);
        let at = self.out.len();
        // Most lengths take one byte; for others what stands behind moves.
        self.out.push(0);
        inside(self)?;
        let length = (self.out.len() - at - 1) as u64;
        match self.out.get_mut(at) {
            Some(place) if length < 0x80 => *place = length as u8,
            _ => {
                let mut bytes = Vec::with_capacity(10);
                encode_varint(length, &mut bytes);
                self.out.splice(at..=at, bytes);
            }
        }
        Ok(())
    }

    fn path(&self) -> String {
        let mut text = String::new();
        for part in &self.path {
            match part {
                Part::Key(key) if text.is_empty() => text.push_str(key),
                Part::Key(key) => _ = write!(text, ".{key}"),
                Part::Index(index) => _ = write!(text, "[{index}]"),
            }
        }
        text
    }

    fn wrong(&self, wanted: &'static str, found: &Value) -> EncodeError {
        const MOST: usize = 60;
        let text = found.to_string();
        let found = match text.char_indices().nth(MOST) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => text,
        };
        EncodeError::WrongType { path: self.path(), wanted, found }
    }
}
