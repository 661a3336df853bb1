//! Whether bytes are a whole value, as far as they can tell it themselves.
//!
//! Kubernetes writes objects in an envelope whose lengths must close exactly at the end of the value, and custom resources
//! as JSON. A value that a broken overflow chain cut, or that goes on in another row's page, does neither.

use crate::model::Check;

/// The first bytes of a protobuf object (k8s apimachinery runtime/serializer/protobuf, protoEncodingPrefix).
const ENVELOPE: &[u8] = b"k8s\0";

/// Whether a value that begins so has a structure that can be checked.
pub fn has_structure(beginning: &[u8]) -> bool {
    beginning.starts_with(ENVELOPE) || beginning.first() == Some(&b'{')
}

/// Checks a value.
pub fn check(value: &[u8]) -> Check {
    if let Some(envelope) = value.strip_prefix(ENVELOPE) {
        return if is_envelope(envelope) { Check::Sound } else { Check::Broken };
    }
    if value.first() == Some(&b'{') {
        let whole = serde_json::from_slice::<serde_json::Value>(value).is_ok();
        return if whole { Check::Sound } else { Check::Broken };
    }
    Check::Plain
}

/// `runtime.Unknown` (k8s apimachinery pkg/runtime/generated.proto): type, raw object, encoding, content type, in order,
/// each at most once and the last two always written.
fn is_envelope(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut last = 0;
    let mut raw = None;
    while !rest.is_empty() {
        let Some((field, content, behind)) = field(rest) else { return false };
        let Some(content) = content else { return false };
        if field <= last || field > 4 {
            return false;
        }
        if field == 2 {
            raw = Some(content);
        }
        (last, rest) = (field, behind);
    }
    last == 4 && raw.is_none_or(is_message)
}

/// Whether bytes are a sequence of protobuf fields that ends where they end.
fn is_message(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        let Some((number, _, behind)) = field(rest) else { return false };
        if number == 0 {
            return false;
        }
        rest = behind;
    }
    true
}

/// Number, content where it has a length, and what follows.
type Field<'a> = (u64, Option<&'a [u8]>, &'a [u8]);

fn field(bytes: &[u8]) -> Option<Field<'_>> {
    let (tag, rest) = varint(bytes)?;
    let (number, wire) = (tag >> 3, tag & 7);
    match wire {
        0 => varint(rest).map(|(_, rest)| (number, None, rest)),
        1 => Some((number, None, rest.get(8..)?)),
        2 => {
            let (len, rest) = varint(rest)?;
            let (content, behind) = rest.split_at_checked(usize::try_from(len).ok()?)?;
            Some((number, Some(content), behind))
        }
        5 => Some((number, None, rest.get(4..)?)),
        _ => None,
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (at, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).checked_shl(7 * at as u32)?;
        if byte < 0x80 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WHOLE: &[u8] = b"k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x05\x0a\x03\x0a\x01a\x1a\x00\x22\x00";

    #[test]
    fn an_envelope_must_close_at_its_last_byte() {
        assert_eq!(check(WHOLE), Check::Sound);
        for cut in 4..WHOLE.len() {
            assert_eq!(check(&WHOLE[..cut]), Check::Broken, "cut at {cut}");
        }
        let mut longer = WHOLE.to_vec();
        longer.push(0);
        assert_eq!(check(&longer), Check::Broken);
        assert_eq!(check(b"{\"a\":1}\n"), Check::Sound);
        assert_eq!(check(b"{\"a\":1"), Check::Broken);
        assert_eq!(check(b"k8s:enc:aescbc:v1:k:\x01"), Check::Plain);
        assert_eq!(check(b""), Check::Plain);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_check_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..100), envelope: bool) {
            if envelope {
                bytes.splice(0..0, *b"k8s\0");
            }
            let _ = check(&bytes);
        }
    }
}
