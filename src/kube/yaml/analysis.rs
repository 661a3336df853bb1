//! One look at a string, from which its style follows (go-yaml v2, emitterc.go, `yaml_emitter_analyze_scalar` and
//! `yaml_emitter_select_scalar_style`).

use super::resolve::stays_text;
use crate::kube::text::overlapping;

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// What one pass over a string finds: the union of the classes of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found(u8);

const SPACE: u8 = 1;
const LINE_FEED: u8 = 2;
/// `:` or `#`, which matter beside white space.
const MARK: u8 = 4;
const SINGLE_QUOTE: u8 = 8;
const NON_ASCII: u8 = 16;
/// Must be escaped.
const UNPRINTABLE: u8 = 32;
/// Ends a line, and is no line feed: CR, NEL, LS, PS.
const OTHER_BREAK: u8 = 64;
/// kubectl gives up over it, or prints something else.
const REFUSED: u8 = 128;

const CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        if byte < 0x20 {
            table[byte] = UNPRINTABLE;
        } else if byte >= 0x80 {
            table[byte] = NON_ASCII;
        }
        byte += 1;
    }
    table[b' ' as usize] = SPACE;
    table[b'\n' as usize] = LINE_FEED;
    table[b'\r' as usize] = UNPRINTABLE | OTHER_BREAK;
    table[b':' as usize] = MARK;
    table[b'#' as usize] = MARK;
    table[b'\'' as usize] = SINGLE_QUOTE;
    table[0x7f] = UNPRINTABLE | REFUSED;
    table
};

impl Found {
    pub(super) fn of(text: &str) -> Self {
        let found = classes(text.as_bytes());
        if found & NON_ASCII == 0 { Self(found) } else { Self(found | non_ascii(text.as_bytes())) }
    }

    fn has(self, class: u8) -> bool {
        self.0 & class != 0
    }

    pub(super) fn has_space(self) -> bool {
        self.has(SPACE)
    }

    pub(super) fn has_single_quote(self) -> bool {
        self.has(SINGLE_QUOTE)
    }

    pub(super) fn has_other_break(self) -> bool {
        self.has(OTHER_BREAK)
    }

    /// Whether it has more than one line.
    pub(super) fn is_multiline(self) -> bool {
        self.has(LINE_FEED | OTHER_BREAK)
    }

    /// Whether kubectl refuses to print the object because of this string, or prints another string.
    pub(super) fn is_refused_by_kubectl(self) -> bool {
        self.has(REFUSED)
    }

    /// The style of a value, or of a key that does not fit before a `:`.
    pub(super) fn style(self, text: &str) -> Style {
        match self.wanted(text) {
            Style::Literal if self.allows_literal(text) => Style::Literal,
            Style::Literal => Style::Double,
            Style::Plain => self.plain_or_quoted(text),
            style => style,
        }
    }

    /// The style of a key before a `:`. It has one line.
    pub(super) fn key_style(self, text: &str) -> Style {
        if stays_text(text) { self.plain_or_quoted(text) } else { Style::Double }
    }

    fn wanted(self, text: &str) -> Style {
        if self.has(LINE_FEED) {
            Style::Literal
        } else if stays_text(text) {
            Style::Plain
        } else {
            Style::Double
        }
    }

    fn plain_or_quoted(self, text: &str) -> Style {
        if self.has(UNPRINTABLE) {
            Style::Double
        } else if self.has(OTHER_BREAK) {
            if breaks_beside_spaces(text) == Beside::Neither { Style::Single } else { Style::Double }
        } else if self.allows_plain(text.as_bytes()) {
            Style::Plain
        } else {
            Style::Single
        }
    }

    /// For one line without anything unprintable.
    fn allows_plain(self, text: &[u8]) -> bool {
        let blank_follows = text.get(1).is_none_or(|byte| *byte == b' ');
        let begins_well = match text {
            [b'-', b'-', b'-', ..] | [b'.', b'.', b'.', ..] => false,
            [
                b' ' | b'#' | b',' | b'[' | b']' | b'{' | b'}' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"' | b'%'
                | b'@' | b'`',
                ..,
            ] => false,
            [b'?' | b':' | b'-', ..] => !blank_follows,
            _ => true,
        };
        begins_well && text.last() != Some(&b' ') && !(self.has(MARK) && has_indicator(text))
    }

    /// For text with a line feed.
    fn allows_literal(self, text: &str) -> bool {
        let has_space_before_break = || {
            if self.has(OTHER_BREAK) {
                matches!(breaks_beside_spaces(text), Beside::SpaceBefore)
            } else {
                self.has(SPACE) && memchr::memmem::find(text.as_bytes(), b" \n").is_some()
            }
        };
        !self.has(UNPRINTABLE) && !text.ends_with(' ') && !has_space_before_break()
    }
}

/// The classes of all bytes. What is left over of pieces of 16 is looked at together with bytes before it.
fn classes(bytes: &[u8]) -> u8 {
    let (chunks, rest) = bytes.as_chunks::<16>();
    let found = chunks.iter().fold(0, |found, chunk| found | classes_in(chunk));
    if rest.is_empty() {
        return found;
    }
    match bytes.last_chunk::<16>().copied().or_else(|| overlapping(bytes)) {
        Some(last) => found | classes_in(&last),
        None => rest.iter().fold(found, |found, byte| found | CLASSES[usize::from(*byte)]),
    }
}

/// The same as the table says, in a form that compilers turn into instructions for 16 bytes at once.
fn classes_in(chunk: &[u8; 16]) -> u8 {
    let class = |is: bool, class: u8| if is { class } else { 0 };
    chunk.iter().fold(0, |found, &byte| {
        found
            | class(byte == b' ', SPACE)
            | class(byte == b'\n', LINE_FEED)
            | class(byte == b':' || byte == b'#', MARK)
            | class(byte == b'\'', SINGLE_QUOTE)
            | class(byte >= 0x80, NON_ASCII)
            | class(byte < 0x20 && byte != b'\n', UNPRINTABLE)
            | class(byte == b'\r', OTHER_BREAK)
            | class(byte == 0x7f, UNPRINTABLE | REFUSED)
    })
}

/// `: `, ` #`, or `:` at the end.
fn has_indicator(text: &[u8]) -> bool {
    text.last() == Some(&b':') || text.windows(2).any(|pair| matches!(pair, b": " | b" #"))
}

/// The classes of the characters beyond ASCII. go-yaml prints what fits into 16 bits, but for a BOM and no-characters.
fn non_ascii(bytes: &[u8]) -> u8 {
    let mut found = 0;
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte >= 0xc2) {
        rest = rest.get(at..).unwrap_or(&[]);
        found |= match rest {
            [0xc2, 0x85, ..] => UNPRINTABLE | OTHER_BREAK | REFUSED,
            [0xc2, 0x80..0xa0, ..] => UNPRINTABLE | REFUSED,
            [0xe2, 0x80, 0xa8 | 0xa9, ..] => OTHER_BREAK,
            [0xef, 0xbb, 0xbf, ..] | [0xf0..=0xff, ..] => UNPRINTABLE,
            [0xef, 0xbf, 0xbe | 0xbf, ..] => UNPRINTABLE | REFUSED,
            _ => 0,
        };
        rest = rest.get(1..).unwrap_or(&[]);
    }
    found
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    Neither,
    /// Only spaces behind a break.
    SpaceBehind,
    SpaceBefore,
}

/// Where spaces stand beside line breaks of any kind.
fn breaks_beside_spaces(text: &str) -> Beside {
    let mut found = Beside::Neither;
    let mut before = None;
    for character in text.chars() {
        match before {
            Some(' ') if is_break(character) => return Beside::SpaceBefore,
            Some(before) if is_break(before) && character == ' ' => found = Beside::SpaceBehind,
            _ => {}
        }
        before = Some(character);
    }
    found
}

/// What YAML 1.1 takes for the end of a line.
pub(super) fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bytes_at_once_say_what_the_table_says() {
        for byte in 0..=255 {
            for len in 1..40_usize {
                for at in [0, len / 2, len - 1] {
                    let mut bytes = vec![b'a'; len];
                    bytes[at] = byte;
                    assert_eq!(classes(&bytes), CLASSES[usize::from(byte)], "{byte} at {at} of {len}");
                }
            }
        }
    }
}
