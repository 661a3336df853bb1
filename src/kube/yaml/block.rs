//! Literal blocks: text of several lines behind `|` (go-yaml v2, emitterc.go, `yaml_emitter_write_literal_scalar`).

use super::analysis::{Found, is_break};
use crate::kube::text::push_spaces;

/// Appends `|`, its hints and the lines. Whether the last line has an end.
pub(super) fn push_literal(out: &mut Vec<u8>, text: &str, found: Found, indent: usize) -> bool {
    out.push(b'|');
    if text.starts_with([' ', '\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) {
        out.push(b'2');
    }
    let mut from_end = text.chars().rev();
    let ends_line = from_end.next().is_some_and(is_break);
    if !ends_line {
        out.push(b'-');
    } else if from_end.next().is_none_or(is_break) {
        out.push(b'+');
    }
    out.push(b'\n');
    if found.has_other_break() {
        push_odd_lines(out, text, indent);
    } else {
        push_lines(out, text.as_bytes(), indent);
    }
    ends_line
}

fn push_lines(out: &mut Vec<u8>, text: &[u8], indent: usize) {
    let mut start = 0;
    while start < text.len() {
        let rest = text.get(start..).unwrap_or(&[]);
        let line = rest.get(..memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1)).unwrap_or(rest);
        // An empty line gets no spaces.
        if line != b"\n" {
            push_spaces(out, indent);
        }
        out.extend_from_slice(line);
        start += line.len();
    }
}

/// LS and PS end lines too.
fn push_odd_lines(out: &mut Vec<u8>, text: &str, indent: usize) {
    let mut line_begins = true;
    for character in text.chars() {
        let breaks = is_break(character);
        if line_begins && !breaks {
            push_spaces(out, indent);
        }
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        line_begins = breaks;
    }
}
