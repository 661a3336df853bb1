//! Strings as encoding/json writes them: HTML is escaped (Go's encode.go, `appendString`).

use crate::kube::text::overlapping;

/// What a byte asks for: 0 itself, `u` six characters, `?` a look at the bytes after it, else the letter behind `\`.
const ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = b'u';
        byte += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table[b'<' as usize] = b'u';
    table[b'>' as usize] = b'u';
    table[b'&' as usize] = b'u';
    table[0xe2] = b'?';
    table
};

/// Bytes looked at together: as many as one register holds.
const AT_ONCE: usize = 16;

/// Appends `text` in quotes.
pub(super) fn push_quoted(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    if is_plain(rest) {
        return push_plain(out, rest);
    }
    out.reserve(rest.len() + 2);
    out.push(b'"');
    loop {
        let (plain, others) = rest.split_at(plain_prefix(rest));
        out.extend_from_slice(plain);
        let Some((&byte, after)) = others.split_first() else { break };
        rest = push_escaped(out, byte, after);
    }
    out.push(b'"');
}

/// Appends plain text in quotes.
pub(super) fn push_plain(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

/// How many bytes at the beginning need no look.
fn plain_prefix(bytes: &[u8]) -> usize {
    let needs_none = |byte: &&u8| ESCAPES[usize::from(**byte)] == 0;
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(word) = rest.first_chunk() else { return at + rest.iter().take_while(needs_none).count() };
        let others = !plain_bytes(u64::from_le_bytes(*word)) & HIGH;
        if others == 0 {
            at += size_of_val(word);
            continue;
        }
        at += (others.trailing_zeros() / u8::BITS) as usize;
        let beyond_ascii = bytes.get(at..).unwrap_or_default().iter().take_while(|byte| !byte.is_ascii());
        match beyond_ascii.take_while(needs_none).count() {
            0 => return at,
            count => at += count,
        }
    }
}

/// Whether all of it is ASCII that is written as it is. What is left over behind whole chunks is looked at together with
/// bytes that were looked at before.
#[inline]
pub(super) fn is_plain(bytes: &[u8]) -> bool {
    let (chunks, rest) = bytes.as_chunks::<AT_ONCE>();
    if !chunks.iter().all(is_plain_chunk) {
        return false;
    }
    if rest.is_empty() {
        return true;
    }
    if let Some(last) = bytes.last_chunk::<AT_ONCE>() {
        return is_plain_chunk(last);
    }
    match overlapping(bytes) {
        Some(both) => is_plain_chunk(&both),
        None => bytes.iter().all(|byte| byte.is_ascii() && ESCAPES[usize::from(*byte)] == 0),
    }
}

#[inline]
fn is_plain_chunk(chunk: &[u8; AT_ONCE]) -> bool {
    let (words, _) = chunk.as_chunks::<8>();
    let plain = words.iter().fold(HIGH, |plain, word| plain & plain_bytes(u64::from_le_bytes(*word)));
    plain & HIGH == HIGH
}

/// One in each byte of a word.
const ONES: u64 = u64::from_le_bytes([1; 8]);
/// The highest bit of each byte of a word.
const HIGH: u64 = ONES << 7;

/// Eight bytes in one register: the highest bit of each is set where the byte is ASCII that is written as it is. With that bit
/// set before, no subtraction borrows from the byte above.
#[inline]
const fn plain_bytes(word: u64) -> u64 {
    let text = (word | HIGH) - ONES * 0x20;
    // `<` and `>` differ in one bit, `"` and `&` too.
    let no_bracket = differs(word | (ONES * 0x02), b'>');
    let no_quote = differs(word | (ONES * 0x04), b'&');
    let no_backslash = differs(word, b'\\');
    text & no_bracket & no_quote & no_backslash & !word
}

/// The highest bit of each ASCII byte that is not `byte`.
#[inline]
const fn differs(word: u64, byte: u8) -> u64 {
    ((word ^ (ONES * byte as u64)) | HIGH) - ONES
}

/// Appends one character that is not plain; returns what is left after it.
fn push_escaped<'a>(out: &mut Vec<u8>, byte: u8, after: &'a [u8]) -> &'a [u8] {
    match (ESCAPES[usize::from(byte)], after) {
        (b'?', [0x80, last @ (0xa8 | 0xa9), others @ ..]) => {
            out.extend_from_slice(if *last == 0xa8 { b"\\u2028" } else { b"\\u2029" });
            return others;
        }
        (b'?', _) => out.push(byte),
        (b'u', _) => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&digits);
        }
        (letter, _) => out.extend_from_slice(&[b'\\', letter]),
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_plain_when_every_byte_is() {
        for len in 1..50 {
            for at in 0..len {
                for byte in 0..=255 {
                    let mut text = vec![b'a'; len];
                    text[at] = byte;
                    let is = byte < 0x80 && ESCAPES[usize::from(byte)] == 0;
                    assert_eq!(is_plain(&text), is, "{byte:#x} at {at} of {len}");
                }
            }
        }
        assert!(is_plain(b""));
    }
}
