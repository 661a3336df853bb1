//! Custom resources that are stored as CBOR (feature gate `CBORServingAndStorage`, alpha and off from Kubernetes 1.32 on).
//!
//! What Kubernetes writes and accepts: apimachinery 0.35, pkg/runtime/serializer/cbor/internal/modes/decode.go. Keys and
//! strings are byte strings and count as text; a tag on a byte string says how JSON shows it. The reader is our own
//! because a general one neither refuses what Kubernetes refuses (`undefined`, keys that come twice) nor tells where.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Map, Number, Value};

use super::json::{push_value, text_of};
use super::sink::Sink;

/// Tag 55799, "self-described CBOR": every stored value in CBOR begins with it.
pub const SELF_DESCRIBED: [u8; 3] = [0xd9, 0xd9, 0xf7];
/// Kubernetes' own bound.
const MAX_DEPTH: usize = 64;

/// Why a value is not the CBOR of an object, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no CBOR of an object at byte {offset}: {fault}")]
pub struct CborError {
    /// Bytes from the beginning of the value.
    pub offset: usize,
    /// What is wrong there.
    pub fault: CborFault,
}

/// What can be wrong with CBOR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CborFault {
    /// It ends inside a value.
    #[error("the value was cut")]
    Ends,
    /// Something follows the value.
    #[error("more bytes after the value")]
    Trailing,
    /// A byte that begins nothing.
    #[error("unexpected byte 0x{0:02x}")]
    Unexpected(u8),
    /// A key that is no string.
    #[error("a key that is no string")]
    Key,
    /// The same key twice in one map.
    #[error("a key that comes twice")]
    RepeatedKey,
    /// Text that is no UTF-8.
    #[error("text that is no UTF-8")]
    NotText,
    /// A whole number beyond 64 bits, or tagged as one of any size.
    #[error("a number that Kubernetes cannot hold")]
    Number,
    /// Infinity, or not a number.
    #[error("JSON has no such number")]
    NotFinite,
    /// A tag that does not fit its value, or that Kubernetes does not write.
    #[error("tag {0} is not supported here")]
    Tag(u64),
    /// Nested deeper than 64 levels.
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

/// Sends a stored object to a sink. Before an error nothing is sent.
///
/// # Errors
/// When the bytes are not CBOR that Kubernetes reads.
pub fn read<S: Sink>(bytes: &[u8], sink: &mut S) -> Result<(), CborError> {
    push_value(&read_value(bytes)?, sink);
    Ok(())
}

/// A stored object as a tree.
///
/// # Errors
/// When the bytes are not CBOR that Kubernetes reads.
pub fn read_value(bytes: &[u8]) -> Result<Value, CborError> {
    let mut cursor = Cursor { bytes, at: 0 };
    let value = cursor.value(0)?;
    if cursor.at < bytes.len() { Err(cursor.fault(CborFault::Trailing)) } else { Ok(value) }
}

/// The first byte of an item: major type, and what follows from its lower bits (RFC 8949, section 3).
struct Head {
    major: u8,
    info: u8,
    /// `None`: the length is indefinite.
    argument: Option<u64>,
    /// Where it stands.
    offset: usize,
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

const BREAK: u8 = 0xff;

impl<'a> Cursor<'a> {
    fn fault(&self, fault: CborFault) -> CborError {
        CborError { offset: self.at, fault }
    }

    fn peek(&self) -> Result<u8, CborError> {
        self.bytes.get(self.at).copied().ok_or_else(|| self.fault(CborFault::Ends))
    }

    /// Takes as many bytes as there really are.
    fn take(&mut self, len: u64) -> Result<&'a [u8], CborError> {
        let end = usize::try_from(len).ok().and_then(|len| self.at.checked_add(len));
        let taken = end.and_then(|end| self.bytes.get(self.at..end)).ok_or_else(|| self.fault(CborFault::Ends))?;
        self.at += taken.len();
        Ok(taken)
    }

    fn head(&mut self) -> Result<Head, CborError> {
        let offset = self.at;
        let first = self.peek()?;
        self.at += 1;
        let (major, info) = (first >> 5, first & 31);
        let argument = match info {
            0..=23 => Some(u64::from(info)),
            24..=27 => {
                let bytes = self.take(1 << (info - 24))?;
                Some(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
            }
            31 if (2..=5).contains(&major) => None,
            _ => return Err(CborError { offset, fault: CborFault::Unexpected(first) }),
        };
        Ok(Head { major, info, argument, offset })
    }

    fn value(&mut self, depth: usize) -> Result<Value, CborError> {
        let head = self.head()?;
        let fault = |fault| CborError { offset: head.offset, fault };
        if depth >= MAX_DEPTH && head.major >= 4 && head.major < 7 {
            return Err(fault(CborFault::TooDeep));
        }
        match (head.major, head.argument) {
            (0, Some(whole)) => i64::try_from(whole).map(Value::from).map_err(|_| fault(CborFault::Number)),
            (1, Some(whole)) => {
                i64::try_from(whole).map(|whole| Value::from(-1 - whole)).map_err(|_| fault(CborFault::Number))
            }
            (2 | 3, _) => Ok(Value::String(self.text(&head)?)),
            (4, len) => self.array(len, depth),
            (5, len) => self.map(len, depth),
            (6, Some(tag)) => self.tagged(tag, head.offset, depth),
            (7, Some(bits)) => simple(head.info, bits).map_err(fault),
            _ => Err(fault(CborFault::Unexpected(head.major << 5 | head.info))),
        }
    }

    /// The bytes of a string, which may come in pieces.
    fn string(&mut self, head: &Head) -> Result<Vec<u8>, CborError> {
        if let Some(len) = head.argument {
            return Ok(self.take(len)?.to_vec());
        }
        let mut all = Vec::new();
        while self.peek()? != BREAK {
            let piece = self.head()?;
            match piece.argument {
                Some(len) if piece.major == head.major => all.extend_from_slice(self.take(len)?),
                _ => {
                    let byte = piece.major << 5 | piece.info;
                    return Err(CborError { offset: piece.offset, fault: CborFault::Unexpected(byte) });
                }
            }
        }
        self.at += 1;
        Ok(all)
    }

    /// Byte strings are text that Go did not check: where it is none, it shows as U+FFFD.
    fn text(&mut self, head: &Head) -> Result<String, CborError> {
        let bytes = self.string(head)?;
        if head.major == 3 {
            return String::from_utf8(bytes).map_err(|_| CborError { offset: head.offset, fault: CborFault::NotText });
        }
        Ok(text_of(&bytes).0.into_owned())
    }

    /// Whether another item of an array or a map follows.
    fn goes_on(&mut self, read: u64, len: Option<u64>) -> Result<bool, CborError> {
        match len {
            Some(len) => Ok(read < len),
            None if self.peek()? == BREAK => {
                self.at += 1;
                Ok(false)
            }
            None => Ok(true),
        }
    }

    fn array(&mut self, len: Option<u64>, depth: usize) -> Result<Value, CborError> {
        let mut items = Vec::new();
        while self.goes_on(items.len() as u64, len)? {
            items.push(self.value(depth + 1)?);
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, len: Option<u64>, depth: usize) -> Result<Value, CborError> {
        let mut members = Map::new();
        while self.goes_on(members.len() as u64, len)? {
            let head = self.head()?;
            if !matches!(head.major, 2 | 3) {
                return Err(CborError { offset: head.offset, fault: CborFault::Key });
            }
            let key = self.text(&head)?;
            let value = self.value(depth + 1)?;
            if members.insert(key, value).is_some() {
                return Err(CborError { offset: head.offset, fault: CborFault::RepeatedKey });
            }
        }
        Ok(Value::Object(members))
    }

    fn tagged(&mut self, tag: u64, offset: usize, depth: usize) -> Result<Value, CborError> {
        let fault = CborError { offset, fault: CborFault::Tag(tag) };
        match tag {
            // Times: as text they stay that text.
            0 => {
                let head = self.head()?;
                let text = if matches!(head.major, 2 | 3) { self.text(&head)? } else { return Err(fault) };
                if text.parse::<Timestamp>().is_ok() { Ok(Value::String(text)) } else { Err(fault) }
            }
            1 => {
                let seconds = self.value(depth + 1)?.as_i64();
                let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()).ok_or(fault)?;
                Ok(Value::String(time.to_string()))
            }
            // Numbers of any size.
            2..=3 => Err(fault),
            // "Expected later encoding", RFC 8949, section 3.4.5.2.
            21..=23 if self.peek()? >> 5 == 2 => {
                let head = self.head()?;
                let bytes = self.string(&head)?;
                Ok(Value::String(match tag {
                    21 => URL_SAFE_NO_PAD.encode(bytes),
                    22 => STANDARD.encode(bytes),
                    _ => bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(hex_digit).collect(),
                }))
            }
            _ => self.value(depth + 1),
        }
    }
}

fn hex_digit(digit: u8) -> Option<char> {
    char::from_digit(digit.into(), 16)
}

/// `false`, `true`, `null` and floats: of all simple values Kubernetes takes only these.
fn simple(info: u8, bits: u64) -> Result<Value, CborFault> {
    let float = match info {
        20 => return Ok(Value::Bool(false)),
        21 => return Ok(Value::Bool(true)),
        22 => return Ok(Value::Null),
        25 => half(bits),
        26 => f64::from(f32::from_bits(u32::try_from(bits).unwrap_or_default())),
        27 => f64::from_bits(bits),
        info => return Err(CborFault::Unexpected(7 << 5 | info)),
    };
    Number::from_f64(float).map(Value::Number).ok_or(CborFault::NotFinite)
}

/// A float of 16 bits (RFC 8949, appendix D).
fn half(bits: u64) -> f64 {
    let (exponent, fraction) = ((bits >> 10 & 31) as i32, (bits & 1023) as f64);
    let size = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (fraction + 1024.0) * 2_f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { size } else { -size }
}
