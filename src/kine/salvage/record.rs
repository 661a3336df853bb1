//! The record of a row of table `kine`, told by its shape: nine columns whose types fit, and values that fill the payload.

use std::ops::Range;

use crate::sqlite::{SerialType, varint};

/// A row's record, as its header lays it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// The name, by its place in the payload.
    pub name: Range<u32>,
    /// `created`, `deleted`, `create_revision`, `prev_revision`, `lease`.
    pub numbers: [i64; 5],
    /// `value`, by its place in the payload; nothing for NULL.
    pub value: Option<Range<u32>>,
    /// `old_value`.
    pub old_value: Option<Range<u32>>,
    /// The length of the whole payload, which the header alone tells.
    pub len: u32,
}

/// The longest header of such a record: its length, one NULL, and at most nine bytes for each of eight types; in practice
/// a name and two values take at most five each.
pub(super) const LONGEST_HEADER: usize = 31;

impl Shape {
    /// Reads a record at the start of `bytes`, of which the header, the name and the numbers must be at hand.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let header_len = usize::from(*bytes.first()?);
        Self::with_header_len(bytes, header_len)
    }

    /// As [`Self::parse`], without looking at the header's own length.
    pub fn with_header_len(bytes: &[u8], header_len: usize) -> Option<Self> {
        if !(10..=LONGEST_HEADER).contains(&header_len) {
            return None;
        }
        let mut rest = bytes.get(1..header_len)?;
        let mut kinds = [SerialType::Null; 9];
        for slot in &mut kinds {
            let (number, len) = varint(rest)?;
            *slot = SerialType::of(number)?;
            rest = rest.get(len..)?;
        }
        if !rest.is_empty() {
            return None;
        }
        let [id, name, created, deleted, create, prev, lease, value, old_value] = kinds;
        let SerialType::Text(name_len) = name else { return None };
        if id != SerialType::Null || name_len == 0 {
            return None;
        }
        let mut at = header_len as u32;
        let name = at..at.checked_add(name_len)?;
        at = name.end;
        let mut numbers = [0; 5];
        for (slot, kind) in numbers.iter_mut().zip([created, deleted, create, prev, lease]) {
            let end = at.checked_add(kind.value_len())?;
            *slot = number(kind, bytes.get(at as usize..end as usize)?)?;
            at = end;
        }
        let [created, deleted, ..] = numbers;
        if !(0..=1).contains(&created) || !(0..=1).contains(&deleted) {
            return None;
        }
        let mut blob = |kind: SerialType| match kind {
            SerialType::Null => Some(None),
            SerialType::Blob(len) | SerialType::Text(len) => {
                let range = at..at.checked_add(len)?;
                at = range.end;
                Some(Some(range))
            }
            _ => None,
        };
        let (value, old_value) = (blob(value)?, blob(old_value)?);
        Some(Self { name, numbers, value, old_value, len: at })
    }
}

/// An integer's value, NULL being 0; nothing for what is no integer.
pub(super) fn number(kind: SerialType, bytes: &[u8]) -> Option<i64> {
    match kind {
        SerialType::Null | SerialType::Zero => Some(0),
        SerialType::One => Some(1),
        SerialType::Int(_) => {
            let start = if bytes.first().is_some_and(|&byte| byte >= 0x80) { -1 } else { 0 };
            Some(bytes.iter().fold(start, |value: i64, &byte| value << 8 | i64::from(byte)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_row_is_known_by_its_types() {
        let record = b"\x0a\x00\x13\x09\x08\x08\x01\x08\x10\x00/ab\x05vv";
        let shape = Shape::parse(record).unwrap();
        assert_eq!((shape.name, shape.numbers, shape.len), (10..13, [1, 0, 0, 5, 0], 16));
        assert_eq!((shape.value, shape.old_value), (Some(14..16), None));
        assert_eq!(Shape::parse(b"\x0a\x01\x13\x09\x08\x08\x01\x08\x10\x00/ab\x05vv"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_shape_panic(mut bytes in proptest::collection::vec(any::<u8>(), 2..80), len in 10u8..32) {
            bytes[0] = len;
            bytes[1] = 0;
            let _ = Shape::parse(&bytes);
        }
    }
}
