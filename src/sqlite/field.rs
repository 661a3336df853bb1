//! Big-endian integers and varints at offsets that nobody has checked yet.
//!
//! Every function answers `None` when the bytes do not reach far enough, so that callers need no arithmetic of their own
//! before they look (SQLite file format, sections 1.3 and 1.6).

/// The big-endian u16 at `at`.
#[inline]
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let field = bytes.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*field))
}

/// The big-endian u32 at `at`.
#[inline]
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*field))
}

/// The varint at the start of `bytes` and its length in bytes: seven bits a byte, high bit first, the ninth byte whole.
#[inline]
pub fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((u64::from(first), 1));
    }
    let mut value = u64::from(first & 0x7f);
    for (at, &byte) in bytes.iter().enumerate().take(9).skip(1) {
        if at == 8 {
            return Some((value << 8 | u64::from(byte), 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some((value, at + 1));
        }
    }
    None
}

/// The varint at offset `at` of `bytes`, and the offset after it.
#[inline]
pub(super) fn varint_at(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let (value, len) = varint(bytes.get(at..)?)?;
    Some((value, at + len))
}

/// A varint as it is written: at most nine bytes.
#[derive(Clone, Copy)]
pub(super) struct Varint {
    bytes: [u8; 9],
    start: u8,
}

impl Varint {
    /// Encodes a value in the fewest bytes.
    pub(super) fn new(value: u64) -> Self {
        let mut bytes = [0; 9];
        let mut rest = value;
        let mut start = 8;
        if value >> 56 == 0 {
            bytes[8] = (rest & 0x7f) as u8;
            rest >>= 7;
        } else {
            bytes[8] = (rest & 0xff) as u8;
            rest >>= 8;
        }
        while start > 0 && (rest != 0 || (value >> 56 != 0)) {
            start -= 1;
            bytes[start] = (rest & 0x7f) as u8 | 0x80;
            rest >>= 7;
        }
        Self { bytes, start: start as u8 }
    }

    /// The encoded bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[usize::from(self.start)..]
    }
}

/// The length of a value as a varint, in bytes.
#[inline]
pub(super) fn varint_len(value: u64) -> usize {
    let bits = 64 - value.leading_zeros() as usize;
    if bits > 56 { 9 } else { bits.div_ceil(7).max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn varints_of_the_format_description_decode() {
        assert_eq!(varint(&[0]), Some((0, 1)));
        assert_eq!(varint(&[0x7f]), Some((127, 1)));
        assert_eq!(varint(&[0x81, 0x00]), Some((128, 2)));
        assert_eq!(varint(&[0xff; 9]), Some((u64::MAX, 9)));
        assert_eq!(varint(&[0x80; 8]), None);
        assert_eq!(varint(&[]), None);
    }

    proptest! {
        #[test]
        fn a_written_varint_reads_back_and_has_the_announced_length(value: u64, shift in 0u32..64) {
            let value = value >> shift;
            let written = Varint::new(value);
            prop_assert_eq!(written.as_bytes().len(), varint_len(value));
            prop_assert_eq!(varint(written.as_bytes()), Some((value, varint_len(value))));
        }
    }
}
