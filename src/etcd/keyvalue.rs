//! One row of etcd's `key` bucket: the revision in its key, the protobuf in its value.
//!
//! Rows are millions, so they are decoded without copying: a [`KeyValue`] borrows from the record.

use crate::model::Revision;

/// Length of a put's key in bucket `key`: main, `_`, sub (etcd server/storage/mvcc/revision.go).
pub const REVISION_LEN: usize = 17;
/// The byte that ends a tombstone's key (etcd server/storage/mvcc/kvstore.go, markTombstone).
pub const TOMBSTONE_MARK: u8 = b't';

/// A row's key: when it was written, and whether it is a tombstone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// The revision.
    pub revision: Revision,
    /// Whether the key ends in the tombstone mark.
    pub tombstone: bool,
}

impl RowKey {
    /// Reads a row's key; `None` for bytes that etcd never writes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let tombstone = match bytes.len() {
            REVISION_LEN => false,
            18 if bytes.last() == Some(&TOMBSTONE_MARK) => true,
            _ => return None,
        };
        let main = i64::from_be_bytes(bytes.get(..8)?.try_into().ok()?);
        let sub = i64::from_be_bytes(bytes.get(9..REVISION_LEN)?.try_into().ok()?);
        if bytes.get(8) != Some(&b'_') || main < 0 {
            return None;
        }
        Some(Self { revision: Revision { main, sub: u32::try_from(sub).ok()? }, tombstone })
    }

    /// The row's key as etcd writes it.
    pub fn encode(self) -> Vec<u8> {
        let mut bytes = revision_bytes(self.revision).to_vec();
        if self.tombstone {
            bytes.push(TOMBSTONE_MARK);
        }
        bytes
    }
}

/// A revision as etcd writes it into keys and into bucket `meta`.
pub fn revision_bytes(revision: Revision) -> [u8; REVISION_LEN] {
    let mut bytes = [b'_'; REVISION_LEN];
    bytes[..8].copy_from_slice(&revision.main.to_be_bytes());
    bytes[9..].copy_from_slice(&i64::from(revision.sub).to_be_bytes());
    bytes
}

/// A row's value (etcd api/mvccpb/kv.proto): the fields as stored, absent ones zero or empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyValue<'a> {
    /// Field 1.
    pub key: &'a [u8],
    /// Field 2.
    pub create_revision: i64,
    /// Field 3.
    pub mod_revision: i64,
    /// Field 4.
    pub version: i64,
    /// Field 5.
    pub value: &'a [u8],
    /// Where field 5 starts, in bytes from the start of the record.
    pub value_at: usize,
    /// Field 6: a lease's id.
    pub lease: i64,
}

impl<'a> KeyValue<'a> {
    /// Reads a record; `None` where etcd's own decoder would refuse it. Unknown fields are passed over, as etcd does.
    pub fn decode(record: &'a [u8]) -> Option<Self> {
        Self::decode_and_compare(record).map(|(row, _)| row)
    }

    /// Reads a record, and tells whether it is encoded as etcd encodes it: as [`KeyValue::encode`] would.
    pub fn decode_and_compare(record: &'a [u8]) -> Option<(Self, bool)> {
        let mut row = Self::default();
        let mut same = true;
        let (mut at, mut last) = (0, 0);
        while at < record.len() {
            let start = at;
            let tag = varint(record, &mut at)?;
            let (field, wire) = (tag >> 3, tag & 7);
            // Tags of known fields take one byte.
            same &= field > last && at - start == 1;
            last = field;
            match (field, wire) {
                (1, 2) => row.key = sized(record, &mut at, &mut same)?.1,
                (2, 0) => row.create_revision = number(record, &mut at, &mut same)?,
                (3, 0) => row.mod_revision = number(record, &mut at, &mut same)?,
                (4, 0) => row.version = number(record, &mut at, &mut same)?,
                (5, 2) => (row.value_at, row.value) = sized(record, &mut at, &mut same)?,
                (6, 0) => row.lease = number(record, &mut at, &mut same)?,
                // Field numbers have 29 bits.
                (0..=6 | 0x2000_0000.., _) => return None,
                _ => {
                    same = false;
                    skip(record, &mut at, wire)?;
                }
            }
        }
        Some((row, same))
    }

    /// The record around the value: what stands before it and what stands behind it, so that a value can be written from
    /// where it lies. Fields ascend, zero and empty ones are left out: byte for byte what etcd 3.4 to 3.7 write.
    pub fn encode_around(&self) -> (Vec<u8>, Vec<u8>) {
        let mut frame = Frame::default();
        let (head, tail) = frame.encode(self);
        (head.to_vec(), tail.to_vec())
    }

    /// The length of the whole record in bytes.
    pub fn encoded_len(&self) -> usize {
        self.encoded_len_with(self.value.len())
    }

    /// The length that the whole record would have in bytes with a value of `value_len` bytes.
    pub fn encoded_len_with(&self, value_len: usize) -> usize {
        let numbers = [self.create_revision, self.mod_revision, self.version, self.lease];
        let numbers = numbers.into_iter().filter(|number| *number != 0);
        let numbers: usize = numbers.map(|number| 1 + varint_len(number.cast_unsigned())).sum();
        sized_len(self.key.len()) + numbers + sized_len(value_len)
    }

    /// The whole record.
    pub fn encode(&self) -> Vec<u8> {
        let (mut record, tail) = self.encode_around();
        record.extend_from_slice(self.value);
        record.extend_from_slice(&tail);
        record
    }
}

/// What stands around the values of records. One frame serves any number of records, so that nothing is allocated for each.
#[derive(Clone, Debug, Default)]
pub struct Frame(Vec<u8>);

impl Frame {
    /// What stands before and behind the value in this record, as [`KeyValue::encode_around`] gives it.
    pub fn encode(&mut self, row: &KeyValue<'_>) -> (&[u8], &[u8]) {
        let to = &mut self.0;
        to.clear();
        if !row.key.is_empty() {
            to.push(0x0a);
            put_varint(to, row.key.len() as u64);
            to.extend_from_slice(row.key);
        }
        for (tag, number) in [(0x10, row.create_revision), (0x18, row.mod_revision), (0x20, row.version)] {
            put_number(to, tag, number);
        }
        if !row.value.is_empty() {
            to.push(0x2a);
            put_varint(to, row.value.len() as u64);
        }
        let head = to.len();
        put_number(to, 0x30, row.lease);
        to.split_at(head)
    }
}

/// The length of a field of so many bytes, with its tag; none when it is empty.
fn sized_len(len: usize) -> usize {
    if len == 0 { 0 } else { 1 + varint_len(len as u64) + len }
}

fn varint_len(number: u64) -> usize {
    (u64::BITS - (number | 1).leading_zeros()).div_ceil(7) as usize
}

fn put_number(to: &mut Vec<u8>, tag: u8, number: i64) {
    if number != 0 {
        to.push(tag);
        put_varint(to, number.cast_unsigned());
    }
}

fn put_varint(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn varint(record: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *record.get(*at)?;
        *at += 1;
        if shift == 63 && byte > 1 {
            return None;
        }
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn bytes<'a>(record: &'a [u8], at: &mut usize) -> Option<(usize, &'a [u8])> {
    let len = usize::try_from(varint(record, at)?).ok()?;
    let start = *at;
    let end = start.checked_add(len)?;
    let found = record.get(start..end)?;
    *at = end;
    Some((start, found))
}

/// A number of a row. `same` falls where etcd would have written it in fewer bytes, or left it out.
fn number(record: &[u8], at: &mut usize, same: &mut bool) -> Option<i64> {
    let start = *at;
    let number = varint(record, at)?;
    *same &= number != 0 && *at - start == varint_len(number);
    Some(number.cast_signed())
}

/// Bytes of a row, with their place. `same` falls as it does in [`number`].
fn sized<'a>(record: &'a [u8], at: &mut usize, same: &mut bool) -> Option<(usize, &'a [u8])> {
    let start = *at;
    let (found_at, found) = bytes(record, at)?;
    *same &= !found.is_empty() && found_at - start == varint_len(found.len() as u64);
    Some((found_at, found))
}

fn skip(record: &[u8], at: &mut usize, wire: u64) -> Option<()> {
    let fixed = match wire {
        0 => return varint(record, at).map(drop),
        2 => return bytes(record, at).map(drop),
        1 => 8,
        5 => 4,
        _ => return None,
    };
    *at = at.checked_add(fixed).filter(|&end| end <= record.len())?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::proto::mvccpb;
    use proptest::prelude::*;
    use prost::Message as _;

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let row = KeyValue {
            key: b"/registry/a",
            create_revision: 2,
            mod_revision: 300,
            version: 5,
            value: b"k8s\0",
            value_at: 22,
            lease: -7,
        };
        assert_eq!(KeyValue::decode(&row.encode()), Some(row));
        assert_eq!(KeyValue::decode(b""), Some(KeyValue::default()));
        assert_eq!(KeyValue::decode(b"\x0a\x05ab"), None);
        assert_eq!(KeyValue::decode(b"\x0d\0\0\0\0"), None, "field 1 with a wrong wire type");
    }

    #[test]
    fn row_keys_are_seventeen_bytes_and_a_mark() {
        let key = RowKey { revision: Revision { main: 258, sub: 3 }, tombstone: true };
        assert_eq!(key.encode(), b"\0\0\0\0\0\0\x01\x02_\0\0\0\0\0\0\0\x03t");
        assert_eq!(RowKey::decode(&key.encode()), Some(key));
        assert_eq!(RowKey::decode(b"\0\0\0\0\0\0\x01\x02-\0\0\0\0\0\0\0\x03"), None);
        assert_eq!(RowKey::decode(b"\xff\0\0\0\0\0\x01\x02_\0\0\0\0\0\0\0\x03"), None);
    }

    fn number() -> impl Strategy<Value = i64> {
        prop_oneof![Just(0), 1..300_i64, any::<i64>()]
    }

    proptest! {
        #[test]
        fn records_are_encoded_and_decoded_as_prost_does(
            key in proptest::collection::vec(any::<u8>(), 0..300),
            value in proptest::collection::vec(any::<u8>(), 0..300),
            numbers in (number(), number(), number(), number()),
        ) {
            let (create_revision, mod_revision, version, lease) = numbers;
            let (key_bytes, value_bytes) = (key.clone().into(), value.clone().into());
            let theirs = mvccpb::KeyValue {
                key: key_bytes, create_revision, mod_revision, version, value: value_bytes, lease
            };
            let theirs = theirs.encode_to_vec();
            let kv = KeyValue::decode(&theirs).unwrap();
            prop_assert!(KeyValue::decode_and_compare(&theirs).unwrap().1);
            prop_assert_eq!((kv.key, kv.value), (&key[..], &value[..]));
            prop_assert_eq!((kv.create_revision, kv.mod_revision, kv.version, kv.lease), numbers);
            prop_assert_eq!(&theirs[kv.value_at..kv.value_at + kv.value.len()], kv.value);
            prop_assert_eq!(kv.encoded_len(), theirs.len());
            prop_assert_eq!(kv.encode(), theirs);
        }

        #[test]
        fn broken_records_are_refused_where_prost_refuses_them(
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
            if let Some((row, same)) = KeyValue::decode_and_compare(&bytes) {
                prop_assert_eq!(same, row.encode() == bytes);
            }
            match (KeyValue::decode(&bytes), mvccpb::KeyValue::decode(&bytes[..])) {
                (Some(ours), Ok(theirs)) => {
                    prop_assert_eq!((ours.key, ours.value), (&theirs.key[..], &theirs.value[..]));
                    prop_assert_eq!((ours.mod_revision, ours.lease), (theirs.mod_revision, theirs.lease));
                }
                // prost skips groups too, which are long out of use and never in a row of etcd.
                (None, _) => {}
                (Some(ours), Err(theirs)) => prop_assert!(false, "{:?} against {:?}", ours, theirs),
            }
        }
    }
}
