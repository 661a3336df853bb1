//! Scalars on a line, folded at spaces behind column 80 (go-yaml v2, emitterc.go, `yaml_emitter_write_plain_scalar` and
//! the two for quoted ones).

use super::analysis::{Found, is_break};
use crate::kube::text::push_new_line;

/// Behind this column, counted in characters, a line ends at the next space.
const WIDTH: usize = 80;

/// A line that is being written, and where its continuations begin.
pub(super) struct Line<'a> {
    pub(super) out: &'a mut Vec<u8>,
    /// Characters before this place on the line.
    pub(super) column: usize,
    pub(super) indent: usize,
}

impl Line<'_> {
    fn fold(&mut self) {
        push_new_line(self.out, self.indent);
        self.column = self.indent;
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.column += if text.is_ascii() { text.len() } else { text.chars().count() };
    }

    /// One line without quotes. It neither begins nor ends with a space.
    pub(super) fn plain(&mut self, text: &str) {
        if self.column + text.len() <= WIDTH {
            self.push(text);
        } else {
            self.folded(text, 0, Self::push);
        }
    }

    /// In single quotes; quotes inside are doubled.
    pub(super) fn single_quoted(&mut self, text: &str, found: Found, may_fold: bool) {
        self.out.push(b'\'');
        self.column += 1;
        if found.has_other_break() {
            self.single_quoted_lines(text, may_fold);
        } else if !may_fold {
            self.doubling_quotes(text);
        } else if found.has_single_quote() {
            self.folded(text, 1, Self::doubling_quotes);
        } else if self.column + text.len() <= WIDTH {
            self.push(text);
        } else {
            self.folded(text, 1, Self::push);
        }
        self.out.push(b'\'');
    }

    fn doubling_quotes(&mut self, text: &str) {
        let mut pieces = text.split('\'');
        self.push(pieces.next().unwrap_or_default());
        for piece in pieces {
            self.push("''");
            self.push(piece);
        }
    }

    /// Writes `text` piece by piece and folds at each single space behind the width, but not within `margin` bytes of
    /// either end.
    fn folded(&mut self, text: &str, margin: usize, write: impl Fn(&mut Self, &str)) {
        let bytes = text.as_bytes();
        let last = bytes.len().saturating_sub(1 + margin);
        let is_space = |at: usize| bytes.get(at) == Some(&b' ');
        let mut written = 0;
        for space in memchr::memchr_iter(b' ', bytes) {
            let single = !is_space(space + 1) && (space == 0 || !is_space(space - 1));
            if !single || space < margin || space > last {
                continue;
            }
            write(self, text.get(written..space).unwrap_or_default());
            written = space;
            if self.column > WIDTH {
                self.fold();
                written = space + 1;
            }
        }
        write(self, text.get(written..).unwrap_or_default());
    }

    /// With LS or PS inside, which end lines too: rare, so character by character.
    fn single_quoted_lines(&mut self, text: &str, may_fold: bool) {
        let (mut after_space, mut after_break) = (false, false);
        let mut characters = text.chars().enumerate().peekable();
        while let Some((at, character)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            if character == ' ' {
                let folds = may_fold && !after_space && self.column > WIDTH && at > 0;
                if folds && next.is_some_and(|next| next != ' ') {
                    self.fold();
                } else {
                    self.push(" ");
                }
                after_space = true;
            } else if is_break(character) {
                if !after_break && character == '\n' {
                    self.out.push(b'\n');
                }
                self.push(character.encode_utf8(&mut [0; 4]));
                self.column = 0;
                after_break = true;
            } else {
                if after_break {
                    self.out.resize(self.out.len() + self.indent.saturating_sub(self.column), b' ');
                    self.column = self.column.max(self.indent);
                }
                self.doubling_quotes(character.encode_utf8(&mut [0; 4]));
                (after_space, after_break) = (false, false);
            }
        }
    }

    /// In double quotes, with escapes.
    pub(super) fn double_quoted(&mut self, text: &str, may_fold: bool) {
        self.out.push(b'"');
        self.column += 1;
        // go-yaml looks for a BOM at the beginning of the string only, and then escapes every character.
        let escapes_all = text.starts_with('\u{feff}');
        let bytes = text.as_bytes();
        let (mut written, mut at) = (0, 0);
        let mut after_space = false;
        while let Some(&byte) = bytes.get(at) {
            let character = if byte < 0x80 { char::from(byte) } else { char_at(text, at) };
            let len = character.len_utf8();
            if escapes_all || needs_escape(character) {
                self.push_range(text, written, at);
                self.push_escape(character);
                written = at + len;
                after_space = false;
            } else if character == ' ' {
                let inside = at > 0 && at + 1 < bytes.len();
                if may_fold && !after_space && self.column > WIDTH && inside {
                    self.push_range(text, written, at);
                    self.fold();
                    if bytes.get(at + 1) == Some(&b' ') {
                        self.out.push(b'\\');
                        self.column += 1;
                    }
                    written = at + 1;
                } else {
                    self.column += 1;
                }
                after_space = true;
            } else {
                self.column += 1;
                after_space = false;
            }
            at += len;
        }
        self.push_range(text, written, at);
        self.out.push(b'"');
    }

    /// Text whose columns are already counted.
    fn push_range(&mut self, text: &str, from: usize, to: usize) {
        self.out.extend_from_slice(text.get(from..to).unwrap_or_default().as_bytes());
    }

    fn push_escape(&mut self, character: char) {
        let code = u32::from(character);
        let short = match character {
            '\0' => b'0',
            '\u{7}' => b'a',
            '\u{8}' => b'b',
            '\t' => b't',
            '\n' => b'n',
            '\u{b}' => b'v',
            '\u{c}' => b'f',
            '\r' => b'r',
            '\u{1b}' => b'e',
            '"' => b'"',
            '\\' => b'\\',
            '\u{85}' => b'N',
            '\u{a0}' => b'_',
            '\u{2028}' => b'L',
            '\u{2029}' => b'P',
            _ => 0,
        };
        self.out.push(b'\\');
        if short != 0 {
            self.out.push(short);
            self.column += 2;
            return;
        }
        let (letter, digits) = match code {
            0..=0xff => (b'x', 2),
            0x100..=0xffff => (b'u', 4),
            _ => (b'U', 8),
        };
        self.out.push(letter);
        self.column += 2 + digits;
        for place in (0..digits).rev() {
            let digit = char::from_digit(code >> (4 * place) & 15, 16).unwrap_or('0');
            self.out.push(digit.to_ascii_uppercase() as u8);
        }
    }
}

fn char_at(text: &str, at: usize) -> char {
    text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// What go-yaml does not write as it is in double quotes.
fn needs_escape(character: char) -> bool {
    match character {
        '"' | '\\' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => true,
        ' '..='~' => false,
        character => !('\u{a0}'..='\u{ffff}').contains(&character),
    }
}
