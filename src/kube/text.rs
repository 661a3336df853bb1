//! Pieces of text that more than one form writes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A line break, and as many spaces as deep objects need.
const NEW_LINE: &[u8; 97] =
    b"\n                                                                                                ";

/// Appends a line break and `indent` spaces.
pub(super) fn push_new_line(out: &mut Vec<u8>, indent: usize) {
    match NEW_LINE.get(..=indent) {
        Some(text) => out.extend_from_slice(text),
        None => {
            out.push(b'\n');
            push_spaces(out, indent);
        }
    }
}

/// Appends `count` spaces.
pub(super) fn push_spaces(out: &mut Vec<u8>, count: usize) {
    out.resize(out.len() + count, b' ');
}

/// All of 4 to 16 bytes, some of them twice: for looking at short texts like at long ones.
pub(super) fn overlapping(bytes: &[u8]) -> Option<[u8; 16]> {
    let mut both = [0; 16];
    let (first, last) = both.split_at_mut(8);
    if let (Some(start), Some(end)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        first.copy_from_slice(start);
        last.copy_from_slice(end);
    } else {
        let (start, end) = (bytes.first_chunk::<4>()?, bytes.last_chunk::<4>()?);
        for half in [first, last] {
            let (head, tail) = half.split_at_mut(4);
            head.copy_from_slice(start);
            tail.copy_from_slice(end);
        }
    }
    (bytes.len() <= 16).then_some(both)
}

/// Appends bytes in standard base64 with padding.
pub(super) fn push_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    let len = bytes.len().div_ceil(3) * 4;
    out.resize(start + len, 0);
    let free = out.get_mut(start..).unwrap_or_default();
    // The space is exactly what the encoding needs.
    let written = STANDARD.encode_slice(bytes, free).unwrap_or(0);
    out.truncate(start + written);
}
