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
    out.reserve(rest.len() + 2);
    out.push(b'"');
    if is_all_plain(rest) {
        out.extend_from_slice(rest);
        out.push(b'"');
        return;
    }
    loop {
        let (plain, others) = rest.split_at(plain_prefix(rest));
        out.extend_from_slice(plain);
        let Some((&byte, after)) = others.split_first() else { break };
        rest = push_escaped(out, byte, after);
    }
    out.push(b'"');
}

/// How many bytes at the beginning need no look.
fn plain_prefix(bytes: &[u8]) -> usize {
    let (chunks, _) = bytes.as_chunks::<AT_ONCE>();
    let clean = chunks.iter().take_while(|chunk| is_plain(chunk)).count() * AT_ONCE;
    let rest = bytes.get(clean..).unwrap_or(&[]);
    clean + rest.iter().take_while(|byte| ESCAPES[usize::from(**byte)] == 0).count()
}

/// Whether no byte needs a look. What is left over is looked at together with bytes that were looked at before.
fn is_all_plain(bytes: &[u8]) -> bool {
    let (chunks, rest) = bytes.as_chunks::<AT_ONCE>();
    if !chunks.iter().all(is_plain) {
        return false;
    }
    if rest.is_empty() {
        return true;
    }
    if let Some(last) = bytes.last_chunk::<AT_ONCE>() {
        return is_plain(last);
    }
    match overlapping(bytes) {
        Some(both) => is_plain(&both),
        None => bytes.iter().all(|byte| ESCAPES[usize::from(*byte)] == 0),
    }
}

fn is_plain(chunk: &[u8; AT_ONCE]) -> bool {
    let mut found = 0;
    for &byte in chunk {
        found |= u8::from(byte < 0x20)
            | u8::from(byte == b'"')
            | u8::from(byte == b'\\')
            | u8::from(byte == b'<')
            | u8::from(byte == b'>')
            | u8::from(byte == b'&')
            | u8::from(byte == 0xe2);
    }
    found == 0
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
