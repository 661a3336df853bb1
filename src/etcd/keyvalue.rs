//! One row of the bucket `key`: mvccpb.KeyValue, read without a copy and written around a value that stays where it is.
//!
//! Source of the format: etcd `api/mvccpb/kv.proto` and the protobuf encoding. etcd writes fields in ascending order, with
//! the shortest varints, and leaves out zeros and empty fields; [`Frame`] does the same, so that a row that is written
//! anew has the bytes that etcd gave it.

/// A decoded row. Key and value are slices of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyValue<'a> {
    /// The user's key.
    pub key: &'a [u8],
    /// The revision at which the key began to live; 0 in a tombstone.
    pub create_revision: i64,
    /// The revision of this version; 0 in a tombstone.
    pub mod_revision: i64,
    /// 1 at creation, one more with every put; 0 in a tombstone.
    pub version: i64,
    /// The user's value.
    pub value: &'a [u8],
    /// Where the value starts, in bytes from the start of the row; 0 when there is none.
    pub value_at: usize,
    /// The lease, or 0.
    pub lease: i64,
}

/// Why a row is no KeyValue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyValueError {
    /// A number runs past the end of the row or past 64 bits.
    #[error("byte {at} of the row: a number that does not end")]
    Varint {
        /// Where it starts.
        at: usize,
    },
    /// A field is longer than what is left of the row.
    #[error("byte {at} of the row: field {field} is longer than the row")]
    Length {
        /// Where its content starts.
        at: usize,
        /// The field's number.
        field: u64,
    },
    /// A field has a wire type that it cannot have.
    #[error("byte {at} of the row: field {field} has wire type {wire}")]
    WireType {
        /// Where it starts.
        at: usize,
        /// The field's number.
        field: u64,
        /// The wire type.
        wire: u8,
    },
}

/// Reads protobuf fields from a slice.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    fn varint(&mut self) -> Result<u64, KeyValueError> {
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let mut value = 0_u64;
        for (index, byte) in rest.iter().take(10).enumerate() {
            // The tenth byte has room for one bit.
            if index == 9 && *byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7F) << (7 * index);
            if byte & 0x80 == 0 {
                self.at = start + index + 1;
                return Ok(value);
            }
        }
        Err(KeyValueError::Varint { at: start })
    }

    #[inline]
    fn take(&mut self, field: u64, length: u64) -> Result<&'a [u8], KeyValueError> {
        let fault = KeyValueError::Length { at: self.at, field };
        let end = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length)).ok_or(fault)?;
        let taken = self.bytes.get(self.at..end).ok_or(fault)?;
        self.at = end;
        Ok(taken)
    }
}

impl<'a> KeyValue<'a> {
    /// Decodes a row. Of a field that occurs twice the last one counts, and unknown fields are skipped, as in every
    /// protobuf reader.
    ///
    /// # Errors
    /// The row is not a whole protobuf message, or a known field is of the wrong type.
    pub fn decode(row: &'a [u8]) -> Result<Self, KeyValueError> {
        let mut kv = Self::default();
        let mut reader = Reader { bytes: row, at: 0 };
        while reader.at < row.len() {
            let start = reader.at;
            let tag = reader.varint()?;
            let (field, wire) = (tag >> 3, (tag & 7) as u8);
            match (field, wire) {
                (1, 2) => {
                    let length = reader.varint()?;
                    kv.key = reader.take(field, length)?;
                }
                (5, 2) => {
                    let length = reader.varint()?;
                    kv.value_at = reader.at;
                    kv.value = reader.take(field, length)?;
                }
                (2, 0) => kv.create_revision = reader.varint()?.cast_signed(),
                (3, 0) => kv.mod_revision = reader.varint()?.cast_signed(),
                (4, 0) => kv.version = reader.varint()?.cast_signed(),
                (6, 0) => kv.lease = reader.varint()?.cast_signed(),
                // Field numbers have 29 bits.
                (0..=6 | 0x2000_0000.., _) => return Err(KeyValueError::WireType { at: start, field, wire }),
                (_, 0) => drop(reader.varint()?),
                (_, 1) => drop(reader.take(field, 8)?),
                (_, 2) => {
                    let length = reader.varint()?;
                    reader.take(field, length)?;
                }
                (_, 5) => drop(reader.take(field, 4)?),
                _ => return Err(KeyValueError::WireType { at: start, field, wire }),
            }
        }
        Ok(kv)
    }
}

/// What a row says besides its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row<'a> {
    /// The user's key.
    pub key: &'a [u8],
    /// The revision at which the key began to live; 0 in a tombstone.
    pub create_revision: i64,
    /// The revision of this version; 0 in a tombstone.
    pub mod_revision: i64,
    /// The version; 0 in a tombstone.
    pub version: i64,
    /// The value's length in bytes.
    pub value_length: usize,
    /// The lease, or 0.
    pub lease: i64,
}

impl Row<'_> {
    /// The length of the whole encoded row in bytes, value included.
    pub fn encoded_length(&self) -> usize {
        let numbers = [self.create_revision, self.mod_revision, self.version, self.lease];
        let numbers: usize =
            numbers.into_iter().map(|number| if number == 0 { 0 } else { 1 + varint_length(number) }).sum();
        sized(self.key.len()) + numbers + sized(self.value_length)
    }
}

/// The length of a field of so many bytes, with its tag.
fn sized(length: usize) -> usize {
    if length == 0 { 0 } else { 1 + varint_length(length as i64) + length }
}

fn varint_length(number: i64) -> usize {
    let bits = 64 - (number.cast_unsigned() | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// The bytes of a row before and behind its value. One frame is used for many rows, so that nothing is allocated.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    bytes: Vec<u8>,
    head: usize,
}

impl Frame {
    /// Encodes what stands around the value of this row: the row is [`Frame::head`], the value, [`Frame::tail`].
    pub fn encode(&mut self, row: &Row<'_>) -> (&[u8], &[u8]) {
        self.bytes.clear();
        if !row.key.is_empty() {
            self.bytes.push(1 << 3 | 2);
            self.varint(row.key.len() as u64);
            self.bytes.extend_from_slice(row.key);
        }
        self.number(2, row.create_revision);
        self.number(3, row.mod_revision);
        self.number(4, row.version);
        if row.value_length > 0 {
            self.bytes.push(5 << 3 | 2);
            self.varint(row.value_length as u64);
        }
        self.head = self.bytes.len();
        self.number(6, row.lease);
        self.bytes.split_at(self.head)
    }

    /// What stands before the value.
    pub fn head(&self) -> &[u8] {
        self.bytes.get(..self.head).unwrap_or_default()
    }

    /// What stands behind the value.
    pub fn tail(&self) -> &[u8] {
        self.bytes.get(self.head..).unwrap_or_default()
    }

    fn number(&mut self, field: u8, number: i64) {
        if number != 0 {
            self.bytes.push(field << 3);
            self.varint(number.cast_unsigned());
        }
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::proto::mvccpb;
    use proptest::prelude::*;
    use prost::Message as _;

    fn number() -> impl Strategy<Value = i64> {
        prop_oneof![Just(0), 1..300_i64, any::<i64>()]
    }

    proptest! {
        #[test]
        fn rows_are_encoded_and_decoded_as_prost_does(
            key in proptest::collection::vec(any::<u8>(), 0..300),
            value in proptest::collection::vec(any::<u8>(), 0..300),
            numbers in (number(), number(), number(), number()),
        ) {
            let (create_revision, mod_revision, version, lease) = numbers;
            let row = Row { key: &key, create_revision, mod_revision, version, value_length: value.len(), lease };
            let mut frame = Frame::default();
            let (head, tail) = frame.encode(&row);
            let ours = [head, &value, tail].concat();
            let (key, value) = (key.clone().into(), value.clone().into());
            let theirs = mvccpb::KeyValue { key, create_revision, mod_revision, version, value, lease };
            prop_assert_eq!(&ours, &theirs.encode_to_vec());
            prop_assert_eq!(ours.len(), row.encoded_length());
            let kv = KeyValue::decode(&ours).unwrap();
            prop_assert_eq!((kv.key, kv.value), (&theirs.key[..], &theirs.value[..]));
            prop_assert_eq!((kv.create_revision, kv.mod_revision, kv.version, kv.lease), numbers);
            prop_assert_eq!(&ours[kv.value_at..kv.value_at + kv.value.len()], kv.value);
        }

        #[test]
        fn broken_rows_are_refused_where_prost_refuses_them(
            key in proptest::collection::vec(any::<u8>(), 0..9),
            hits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
            cut in any::<proptest::sample::Index>(),
        ) {
            let theirs = mvccpb::KeyValue { key: key.into(), mod_revision: 1 << 40, version: 3, ..Default::default() };
            let mut bytes = theirs.encode_to_vec();
            for (at, byte) in hits {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            match (KeyValue::decode(&bytes), mvccpb::KeyValue::decode(&bytes[..])) {
                (Ok(ours), Ok(theirs)) => {
                    prop_assert_eq!((ours.key, ours.value), (&theirs.key[..], &theirs.value[..]));
                    prop_assert_eq!((ours.mod_revision, ours.lease), (theirs.mod_revision, theirs.lease));
                }
                (Err(_), Err(_)) => {}
                // prost skips groups, which are long out of use and never in a row of etcd.
                (Err(KeyValueError::WireType { wire: 3 | 4, .. }), Ok(_)) => {}
                (ours, theirs) => prop_assert!(false, "{:?} against {:?}", ours, theirs),
            }
        }
    }
}
