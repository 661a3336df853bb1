//! Line breaks that only YAML 1.1 has. For go-yaml v2, NEL, U+2028 and U+2029 end a line, and kubectl writes them raw into
//! strings. A parser of YAML 1.2 takes them for ordinary characters and would add the next line's indentation to the
//! string. So they are hidden behind a mark and a line feed, and found again in the strings.

use std::borrow::Cow;

use saphyr_parser::ScalarStyle;

use super::analysis::is_break;

/// Text that is indented further, and has such breaks, is refused; it keeps hidden text in proportion.
const LARGEST_INDENT: usize = 160;

/// The marks that stand for U+2028 and U+2029: characters for private use that the text does not have.
#[derive(Debug, Default)]
pub(super) struct OddBreaks {
    marks: Option<[(char, char); 2]>,
}

impl OddBreaks {
    /// Rewrites a text, if it has such breaks.
    pub(super) fn hide_in(text: &str) -> (Cow<'_, str>, Self) {
        if !text.contains(['\u{85}', '\u{2028}', '\u{2029}']) {
            return (Cow::Borrowed(text), Self::default());
        }
        let mut unused = ('\u{f0000}'..='\u{ffffd}').filter(|mark| !text.contains(*mark));
        let (Some(line), Some(paragraph)) = (unused.next(), unused.next()) else {
            return (Cow::Borrowed(text), Self::default());
        };
        let found = Self { marks: Some([(line, '\u{2028}'), (paragraph, '\u{2029}')]) };
        (Cow::Owned(found.hidden(text)), found)
    }

    fn hidden(&self, text: &str) -> String {
        let mut hidden = String::with_capacity(text.len() + 16);
        let mut characters = text.chars();
        let (mut line_start, mut last_line_len) = (0, 0);
        while let Some(character) = characters.next() {
            let mark = self.marks.iter().flatten().find(|(_, found)| *found == character);
            if let Some((mark, _)) = mark {
                // A break at the beginning of a line has no indentation, nor has a quote behind breaks; YAML 1.2 wants both
                // to have one. As much as the last line is long will do: too much is left out again.
                if hidden.len() == line_start {
                    hidden.extend(std::iter::repeat_n(' ', last_line_len));
                }
                hidden.push(*mark);
            }
            if is_break(character) {
                if hidden.len() > line_start {
                    last_line_len = (hidden.len() - line_start).min(LARGEST_INDENT);
                }
                hidden.push(if character == '\r' { '\r' } else { '\n' });
                line_start = hidden.len();
            } else {
                hidden.push(character);
            }
            if mark.is_some() && characters.as_str().starts_with('\'') {
                hidden.extend(std::iter::repeat_n(' ', last_line_len));
            }
        }
        hidden
    }

    /// A string as it was before. In a block a line feed follows each mark; in quotes it was folded to a space, or
    /// dropped before others. `None` when a mark stands anywhere else.
    pub(super) fn restored_in<'a>(&self, text: Cow<'a, str>, style: ScalarStyle) -> Option<Cow<'a, str>> {
        let Some(marks) = self.marks else { return Some(text) };
        if !text.contains(marks.map(|(mark, _)| mark)) {
            return Some(text);
        }
        let mut restored = String::with_capacity(text.len());
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let Some((_, found)) = marks.iter().find(|(mark, _)| *mark == character) else {
                restored.push(character);
                continue;
            };
            if style == ScalarStyle::Literal {
                // Spaces before a break keep kubectl from writing a block, so these are indentation.
                restored.truncate(restored.trim_end_matches(' ').len());
            }
            restored.push(*found);
            match (characters.next(), style) {
                (Some('\n'), ScalarStyle::Literal) | (Some(' '), ScalarStyle::SingleQuoted) => {}
                (Some('\n'), ScalarStyle::SingleQuoted) => restored.push('\n'),
                _ => return None,
            }
        }
        Some(Cow::Owned(restored))
    }
}
