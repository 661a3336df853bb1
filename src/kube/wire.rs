//! Protobuf's wire format, read as strictly as the code that gogo generated for Kubernetes reads it.

use thiserror::Error;

/// What is wrong with the bytes of a message.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum WireFault {
    /// It ends in the middle of a field.
    #[error("it ends in the middle of a field")]
    Truncated,
    /// A number that takes more than 64 bits.
    #[error("a number in it is longer than ten bytes")]
    LongNumber,
    /// A field number that is 0 or negative.
    #[error("a field has no valid number")]
    IllegalTag,
    /// Wire types 6 and 7.
    #[error("a field has a wire type that does not exist")]
    IllegalWireType,
    /// A string where a number belongs, or the other way.
    #[error("its wire type is not that of its type")]
    WrongWireType,
    /// A group ends that never began.
    #[error("a group ends that never began")]
    EndOfNoGroup,
}

/// How the bytes of a field are delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireType {
    /// A number of one to ten bytes.
    Varint,
    /// Eight bytes.
    Fixed64,
    /// A length, and as many bytes.
    Bytes,
    /// Fields up to the end of a group; Kubernetes has none.
    Group,
    /// Four bytes.
    Fixed32,
}

/// The number of a field, and how its bytes are delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// 1 and up.
    pub number: u32,
    /// What follows.
    pub wire: WireType,
}

/// Reads a number.
#[inline]
pub fn varint(data: &[u8], at: &mut usize) -> Result<u64, WireFault> {
    match data.get(*at) {
        Some(&byte) if byte < 0x80 => {
            *at += 1;
            Ok(u64::from(byte))
        }
        _ => long_varint(data, at),
    }
}

fn long_varint(data: &[u8], at: &mut usize) -> Result<u64, WireFault> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *data.get(*at).ok_or(WireFault::Truncated)?;
        *at += 1;
        // Bits beyond the 64th are lost, as in Go.
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(WireFault::LongNumber)
}

/// Reads the tag of a field inside of a message.
#[inline]
pub fn tag(data: &[u8], at: &mut usize) -> Result<Tag, WireFault> {
    match any_tag(data, at)? {
        (number, Some(wire)) => Ok(Tag { number, wire }),
        (_, None) => Err(WireFault::EndOfNoGroup),
    }
}

/// A tag; without a wire type it ends a group.
#[inline]
fn any_tag(data: &[u8], at: &mut usize) -> Result<(u32, Option<WireType>), WireFault> {
    let bits = varint(data, at)?;
    let wire = match bits & 7 {
        0 => Some(WireType::Varint),
        1 => Some(WireType::Fixed64),
        2 => Some(WireType::Bytes),
        3 => Some(WireType::Group),
        4 => None,
        5 => Some(WireType::Fixed32),
        _ => return Err(WireFault::IllegalWireType),
    };
    // Go keeps 32 bits of the number, as a signed one.
    let number = (bits >> 3) as i32;
    if number <= 0 {
        return Err(WireFault::IllegalTag);
    }
    Ok((number.cast_unsigned(), wire))
}

/// Reads a length and steps over as many bytes: where they begin and end.
#[inline]
pub fn payload(data: &[u8], at: &mut usize) -> Result<(usize, usize), WireFault> {
    let length = usize::try_from(varint(data, at)?).map_err(|_| WireFault::Truncated)?;
    let start = *at;
    let end = start.checked_add(length).filter(|end| *end <= data.len()).ok_or(WireFault::Truncated)?;
    *at = end;
    Ok((start, end))
}

/// Reads eight bytes, the lowest first.
pub fn fixed64(data: &[u8], at: &mut usize) -> Result<u64, WireFault> {
    let bytes = data.get(*at..).and_then(|rest| rest.first_chunk()).ok_or(WireFault::Truncated)?;
    *at += 8;
    Ok(u64::from_le_bytes(*bytes))
}

/// Steps over the bytes of a field.
pub fn skip(data: &[u8], at: &mut usize, wire: WireType) -> Result<(), WireFault> {
    let mut open = 0u64;
    let mut next = Some(wire);
    loop {
        match next {
            Some(WireType::Varint) => _ = varint(data, at)?,
            Some(WireType::Bytes) => _ = payload(data, at)?,
            Some(WireType::Fixed64) => advance(data, at, 8)?,
            Some(WireType::Fixed32) => advance(data, at, 4)?,
            Some(WireType::Group) => open += 1,
            None => open = open.checked_sub(1).ok_or(WireFault::EndOfNoGroup)?,
        }
        if open == 0 {
            return Ok(());
        }
        (_, next) = any_tag(data, at)?;
    }
}

fn advance(data: &[u8], at: &mut usize, by: usize) -> Result<(), WireFault> {
    *at = at.checked_add(by).filter(|end| *end <= data.len()).ok_or(WireFault::Truncated)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        let read = |bytes: &[u8]| {
            let mut at = 0;
            varint(bytes, &mut at).map(|value| (value, at))
        };
        assert_eq!(read(&[0x07]), Ok((7, 1)));
        assert_eq!(read(&[0xac, 0x02]), Ok((300, 2)));
        assert_eq!(read(&[0xff; 9]), Err(WireFault::Truncated));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]), Ok((u64::MAX, 10)));
        assert_eq!(read(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02]), Ok((0, 10)));
        assert_eq!(read(&[0xff; 11]), Err(WireFault::LongNumber));
    }

    #[test]
    fn groups_are_stepped_over_as_a_whole() {
        let mut at = 1;
        // Group 1, in it group 2 and a number, then the ends.
        assert_eq!(skip(&[0x0b, 0x13, 0x14, 0x18, 0x05, 0x0c, 0x08], &mut at, WireType::Group), Ok(()));
        assert_eq!(at, 6);
        assert_eq!(tag(&[0x0c], &mut 0), Err(WireFault::EndOfNoGroup));
        assert_eq!(tag(&[0x0e], &mut 0), Err(WireFault::IllegalWireType));
        assert_eq!(tag(&[0x02], &mut 0), Err(WireFault::IllegalTag));
    }

    proptest! {
        #[test]
        fn no_bytes_lead_beyond_their_end(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut at = 0;
            while at < bytes.len() {
                let before = at;
                let Ok(found) = tag(&bytes, &mut at) else { break };
                if skip(&bytes, &mut at, found.wire).is_err() { break }
                prop_assert!(at > before && at <= bytes.len());
            }
        }
    }
}
