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
