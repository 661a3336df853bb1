//! The record format: a header of serial types, then the values (SQLite file format, section 2).

use std::borrow::Cow;

use super::field::varint;

/// The most columns a record is followed through: SQLite's default limit for a table (`SQLITE_MAX_COLUMN`).
pub const MAX_COLUMNS: usize = 2000;

/// The type and length of a value in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SerialType {
    /// NULL (type 0).
    Null,
    /// A signed integer of 1, 2, 3, 4, 6 or 8 bytes (types 1 to 6).
    Int(u8),
    /// A float of 8 bytes (type 7).
    Float,
    /// The integer 0, without bytes (type 8).
    Zero,
    /// The integer 1, without bytes (type 9).
    One,
    /// Bytes of this length (even types from 12).
    Blob(u32),
    /// Text of this length in bytes (odd types from 13).
    Text(u32),
}

impl SerialType {
    /// The type a number stands for; nothing for 10 and 11, which no file may hold, and for lengths beyond 2^32.
    #[must_use]
    pub fn of(number: u64) -> Option<Self> {
        Some(match number {
            0 => Self::Null,
            1..=4 => Self::Int(number as u8),
            5 => Self::Int(6),
            6 => Self::Int(8),
            7 => Self::Float,
            8 => Self::Zero,
            9 => Self::One,
            10 | 11 => return None,
            _ if number.is_multiple_of(2) => Self::Blob(u32::try_from((number - 12) / 2).ok()?),
            _ => Self::Text(u32::try_from((number - 13) / 2).ok()?),
        })
    }

    /// The length of such a value in bytes.
    #[must_use]
    pub fn value_len(self) -> u32 {
        match self {
            Self::Null | Self::Zero | Self::One => 0,
            Self::Int(width) => u32::from(width),
            Self::Float => 8,
            Self::Blob(len) | Self::Text(len) => len,
        }
    }
}

/// Where one column's value lies in a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Type and length of the value.
    pub kind: SerialType,
    /// The offset of its first byte from the start of the payload.
    pub offset: u32,
}

impl Field {
    /// The bytes of the payload that hold the value.
    #[must_use]
    pub fn range(self) -> std::ops::Range<u32> {
        self.offset..self.offset.saturating_add(self.kind.value_len())
    }
}

/// Why a payload is not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The header is longer than the bytes at hand; holds its length. Not damage by itself: it may go on elsewhere.
    #[error("the record header has {0} bytes, more than are at hand")]
    HeaderBeyond(u32),
    /// The header's length is 0 or longer than the payload, or a serial type is cut off.
    #[error("the record header does not fit its payload")]
    Header,
    /// The serial type is 10 or 11, or its length is absurd.
    #[error("serial type {0} cannot be")]
    SerialType(u64),
    /// More columns than any table may have.
    #[error("the record has more than 2000 columns")]
    Columns,
    /// The values do not fill the payload exactly.
    #[error("the values end at byte {found} of a payload of {payload} bytes")]
    Length {
        /// Where the values end.
        found: u64,
        /// The length of the payload.
        payload: u32,
    },
}

/// Types and places of the values of a record, found without touching the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    fields: Vec<Field>,
}

impl RecordHeader {
    /// Reads the header from the first bytes of a payload of `payload_len` bytes.
    ///
    /// # Errors
    /// A [`RecordError`]; [`RecordError::HeaderBeyond`] when `bytes` end before the header does.
    pub fn parse(bytes: &[u8], payload_len: u32) -> Result<Self, RecordError> {
        let (header_len, at) = varint(bytes).ok_or(RecordError::Header)?;
        let header_len = u32::try_from(header_len).map_err(|_| RecordError::Header)?;
        if header_len > payload_len || (header_len as usize) < at {
            return Err(RecordError::Header);
        }
        // A serial type takes at most nine bytes; more header than that is no record, and not worth assembling.
        if header_len as usize > 9 * (MAX_COLUMNS + 1) {
            return Err(RecordError::Columns);
        }
        let header = bytes.get(at..header_len as usize).ok_or(RecordError::HeaderBeyond(header_len))?;
        let mut fields = Vec::with_capacity(header.len().min(MAX_COLUMNS));
        let mut rest = header;
        let mut offset = u64::from(header_len);
        while !rest.is_empty() {
            let (number, len) = varint(rest).ok_or(RecordError::Header)?;
            let kind = SerialType::of(number).ok_or(RecordError::SerialType(number))?;
            if fields.len() == MAX_COLUMNS {
                return Err(RecordError::Columns);
            }
            let at = u32::try_from(offset).map_err(|_| RecordError::Length { found: offset, payload: payload_len })?;
            fields.push(Field { kind, offset: at });
            offset += u64::from(kind.value_len());
            if offset > u64::from(payload_len) {
                return Err(RecordError::Length { found: offset, payload: payload_len });
            }
            rest = rest.get(len..).unwrap_or_default();
        }
        if offset != u64::from(payload_len) {
            return Err(RecordError::Length { found: offset, payload: payload_len });
        }
        Ok(Self { fields })
    }

    /// The columns in their order.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// One column, counted from 0.
    #[must_use]
    pub fn field(&self, column: usize) -> Option<Field> {
        self.fields.get(column).copied()
    }
}

/// A value of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text; SQLite does not promise that it is UTF-8.
    Text(Cow<'a, [u8]>),
    /// Bytes.
    Blob(Cow<'a, [u8]>),
}

impl<'a> Value<'a> {
    /// Makes a value of its type and bytes; nothing when the bytes are not as long as the type says.
    #[must_use]
    pub fn decode(kind: SerialType, bytes: Cow<'a, [u8]>) -> Option<Self> {
        if bytes.len() != kind.value_len() as usize {
            return None;
        }
        Some(match kind {
            SerialType::Null => Self::Null,
            SerialType::Zero => Self::Int(0),
            SerialType::One => Self::Int(1),
            SerialType::Int(_) => Self::Int(signed(&bytes)),
            SerialType::Float => Self::Float(f64::from_bits(signed(&bytes).cast_unsigned())),
            SerialType::Blob(_) => Self::Blob(bytes),
            SerialType::Text(_) => Self::Text(bytes),
        })
    }

    /// The integer, if it is one.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The bytes of a text or blob.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Text(bytes) | Self::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// A big-endian two's complement integer of up to eight bytes.
fn signed(bytes: &[u8]) -> i64 {
    let start = if bytes.first().is_some_and(|&byte| byte >= 0x80) { -1 } else { 0 };
    bytes.iter().fold(start, |value: i64, &byte| value << 8 | i64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_record_header_gives_types_and_places() {
        // (NULL, 'ab', 1, -2 in two bytes)
        let bytes = [5, 0, 17, 9, 2, b'a', b'b', 0xff, 0xfe];
        let record = RecordHeader::parse(&bytes, 9).unwrap();
        let values: Vec<_> = record
            .fields()
            .iter()
            .map(|field| {
                let range = field.range();
                Value::decode(field.kind, Cow::Borrowed(&bytes[range.start as usize..range.end as usize])).unwrap()
            })
            .collect();
        assert_eq!(values, [Value::Null, Value::Text(b"ab".as_slice().into()), Value::Int(1), Value::Int(-2)]);
        assert_eq!(RecordHeader::parse(&bytes, 10), Err(RecordError::Length { found: 9, payload: 10 }));
        assert_eq!(RecordHeader::parse(&bytes[..3], 9), Err(RecordError::HeaderBeyond(5)));
        assert_eq!(RecordHeader::parse(&[2, 10], 2), Err(RecordError::SerialType(10)));
        assert_eq!(RecordHeader::parse(&[0], 1), Err(RecordError::Header));
    }

    #[test]
    fn a_record_of_more_than_2000_columns_is_refused() {
        let mut bytes = vec![0; 2003];
        bytes[..2].copy_from_slice(&[0x80 | 15, 0x53]);
        assert_eq!(RecordHeader::parse(&bytes, 2003), Err(RecordError::Columns));
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_record_header_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), len: u32) {
            if let Ok(record) = RecordHeader::parse(&bytes, len) {
                let end = record.fields().last().map(|field| field.range().end);
                prop_assert!(end.is_none_or(|end| end == len));
            }
        }
    }
}
