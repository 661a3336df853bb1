//! Text for cells of a terminal: no control characters, cut to a width that counts wide letters twice.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A text in which nothing can be taken for a command by a terminal; tabs become spaces.
pub fn harmless(text: &str) -> String {
    let is_plain = |c: char| !c.is_control() && !is_direction(c);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\t' => out.push_str("    "),
            c if is_plain(c) => out.push(c),
            c => out.extend(c.escape_unicode()),
        }
    }
    out
}

/// Characters that turn the direction of writing, and can make a name look like another one.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// How many columns of the terminal a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The beginning of a text that has room in so many columns, with `…` where it was cut.
pub fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let next = used + c.width().unwrap_or(0);
        if next + 1 > columns {
            break;
        }
        used = next;
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// The end of a text that has room in so many columns, with `…` where it was cut: of paths the end tells more.
pub fn fit_end(text: &str, columns: usize) -> String {
    let excess = width(text).saturating_sub(columns);
    if excess == 0 {
        return text.to_owned();
    }
    let mut dropped = 0;
    let rest: String = text
        .chars()
        .skip_while(|c| {
            let drop = dropped < excess + 1;
            dropped += c.width().unwrap_or(0);
            drop
        })
        .collect();
    if columns == 0 { String::new() } else { format!("…{rest}") }
}

/// A text that takes exactly so many columns.
pub fn padded(text: &str, columns: usize) -> String {
    let mut out = fit(text, columns);
    let missing = columns.saturating_sub(width(&out));
    out.extend(std::iter::repeat_n(' ', missing));
    out
}

/// What is left of a text when so many columns are taken off its beginning.
pub fn skip(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        if used >= columns {
            return text.get(at..).unwrap_or_default();
        }
        used += c.width().unwrap_or(0);
    }
    if used >= columns && columns > 0 { "" } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_letters_count_twice_and_nothing_is_cut_in_half() {
        assert_eq!(width("漢字"), 4);
        assert_eq!(fit("漢字漢字", 5), "漢字…");
        assert_eq!(fit("漢字漢字", 6), "漢字…");
        assert_eq!(padded("漢字漢字", 6), "漢字… ");
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(fit_end("/a/long/path/state.db", 9), "…state.db");
        assert_eq!(skip("漢字ab", 3), "ab");
        assert_eq!(skip("abc", 3), "");
        assert_eq!(skip("abc", 0), "abc");
    }

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_obey() {
        assert_eq!(harmless("a\tb\x1b[2J\u{9b}\u{202e}"), "a    b\\u{1b}[2J\\u{9b}\\u{202e}");
    }
}
