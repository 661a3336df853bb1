//! JSON text that is already as encoding/json would write it: most of what servers keep inside of objects is, and then it
//! can be copied.

/// Deeper text is read the other way.
const MOST_DEPTH: usize = 64;

/// Whether writing the value of `text` anew gives `text` byte for byte. May say no where it would.
pub(super) fn is_canonical(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Escaped in what Go writes: `<`, `>`, `&`, U+2028 and U+2029.
    let has_html = memchr::memchr3(b'<', b'>', b'&', bytes).is_some();
    !has_html && memchr::memchr(0xe2, bytes).is_none() && Check { bytes, at: 0 }.values() == Some(bytes.len())
}

struct Check<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// An object that is open with its last key, or an array.
#[derive(Clone, Copy)]
enum Open<'a> {
    Object(&'a [u8]),
    Array,
}

impl<'a> Check<'a> {
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.bytes.get(self.at) == Some(&byte)).then(|| self.at += 1)
    }

    /// Goes over one value; returns where it ends.
    fn values(mut self) -> Option<usize> {
        let mut open = [Open::Array; MOST_DEPTH];
        let mut depth = 0;
        loop {
            match self.bytes.get(self.at)? {
                b'{' if self.bytes.get(self.at + 1) == Some(&b'}') => self.at += 2,
                b'{' => {
                    self.at += 1;
                    *open.get_mut(depth)? = Open::Object(self.key()?);
                    depth += 1;
                    continue;
                }
                b'[' if self.bytes.get(self.at + 1) == Some(&b']') => self.at += 2,
                b'[' => {
                    self.at += 1;
                    *open.get_mut(depth)? = Open::Array;
                    depth += 1;
                    continue;
                }
                b'"' => drop(self.string()?),
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                b'n' => self.word(b"null")?,
                _ => self.whole()?,
            }
            // Behind a value: the next one, or the ends of what is open.
            loop {
                let Some(innermost) = depth.checked_sub(1) else { return Some(self.at) };
                let place = open.get_mut(innermost)?;
                match (self.bytes.get(self.at)?, *place) {
                    (b',', Open::Object(last)) => {
                        self.at += 1;
                        let key = self.key()?;
                        if !ascends(last, key) {
                            return None;
                        }
                        *place = Open::Object(key);
                        break;
                    }
                    (b',', Open::Array) => {
                        self.at += 1;
                        break;
                    }
                    (b'}', Open::Object(_)) | (b']', Open::Array) => {
                        self.at += 1;
                        depth = innermost;
                    }
                    _ => return None,
                }
            }
        }
    }

    fn key(&mut self) -> Option<&'a [u8]> {
        let key = self.string()?;
        self.take(b':')?;
        Some(key)
    }

    /// A string as it stands between the quotes.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let start = self.at;
        loop {
            self.skip_plain();
            match self.bytes.get(self.at)? {
                b'"' => break,
                // Of what can be escaped, what Go escapes so.
                b'\\' if matches!(self.bytes.get(self.at + 1)?, b'"' | b'\\' | b'n' | b'r' | b't' | b'b' | b'f') => {
                    self.at += 2;
                }
                _ => return None,
            }
        }
        let text = self.bytes.get(start..self.at);
        self.at += 1;
        text
    }

    /// Goes to the next quote, backslash or control character, eight bytes at a time.
    fn skip_plain(&mut self) {
        while let Some(word) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            let stops = super::tape::stops_in(u64::from_le_bytes(*word));
            if stops != 0 {
                self.at += stops.trailing_zeros() as usize / 8;
                return;
            }
            self.at += 8;
        }
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        self.at += rest.iter().take_while(|byte| !matches!(**byte, b'"' | b'\\' | 0..0x20)).count();
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.bytes.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    /// A whole number that fits and is not written in an odd way.
    fn whole(&mut self) -> Option<()> {
        let rest = self.bytes.get(self.at..)?;
        let digits = rest.strip_prefix(b"-").unwrap_or(rest);
        let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let is_zero = rest.first() == Some(&b'0') && count == 1;
        let is_plain = (1..=18).contains(&count) && digits.first() != Some(&b'0');
        let ends = !matches!(digits.get(count), Some(b'.' | b'e' | b'E'));
        (ends && (is_zero || is_plain)).then(|| self.at += rest.len() - digits.len() + count)
    }
}

/// Whether a key stands behind another. Where escapes decide, nothing is sure.
fn ascends(last: &[u8], key: &[u8]) -> bool {
    let same = last.iter().zip(key).take_while(|(a, b)| a == b).count();
    let is_escape = |at: usize| last.get(at) == Some(&b'\\') || key.get(at) == Some(&b'\\');
    match (last.get(same), key.get(same)) {
        (None, Some(_)) => true,
        (Some(a), Some(b)) => a < b && !is_escape(same) && same.checked_sub(1).is_none_or(|before| !is_escape(before)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::json::{CompactJson, Reader, ValueSink, push_value};
    use proptest::prelude::*;

    fn written(text: &str) -> Option<String> {
        let mut sink = ValueSink::new();
        Reader::new().read(text.as_bytes(), &mut sink).ok()?;
        let mut out = Vec::new();
        push_value(&sink.finish(), &mut CompactJson::new(&mut out));
        String::from_utf8(out).ok()
    }

    #[test]
    fn what_servers_store_is_copied() {
        for text in [
            r#"{"f:metadata":{"f:labels":{".":{},"f:app":{}},"f:ownerReferences":{"k:{\"uid\":\"1\"}":{}}},"f:spec":{}}"#,
            "{}",
            "[]",
            r#"[0,-5,123456789012345678,true,false,null,"żółć",[[]]]"#,
        ] {
            assert!(is_canonical(text), "{text}");
            assert_eq!(written(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_would_be_written_otherwise_is_not() {
        for text in [
            "",
            " {}",
            "{} ",
            "{",
            "[1,]",
            r#"{"b":1,"a":2}"#,
            r#"{"a":1,"a":2}"#,
            r#""<""#,
            "1.0",
            "1e3",
            "01",
            "-0",
            "-",
            "12345678901234567890",
            r#""\u0041""#,
            r#""\/""#,
            "\"\u{2028}\"",
            r#"{"a":1}{"#,
            "nul",
            r#"{"a"}"#,
            "\"a\nb\"",
            r#"{"a\\b":1,"a\"b":2}"#,
        ] {
            assert!(!is_canonical(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_copied_is_what_would_be_written(text in r#"[\[\]{}:,"a-c\\n.0-9e<\-]{0,24}"#) {
            if is_canonical(&text) {
                prop_assert_eq!(written(&text), Some(text));
            }
        }

        #[test]
        fn trees_that_are_copied_are_what_would_be_written(text in tree()) {
            if is_canonical(&text) {
                prop_assert_eq!(written(&text), Some(text));
            }
        }
    }

    /// JSON with keys of few letters and escapes, sorted or not.
    fn tree() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![r#""[ab\\n]{0,3}""#, "-?[0-9]{1,20}", Just("{}".to_owned()), Just("true".to_owned())];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let key = r#""(a|b|\\n|\\t|\\"|\\\\|\.){0,3}""#;
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
                prop::collection::vec((key, inner), 0..4).prop_map(|members| {
                    let members: Vec<String> = members.iter().map(|(key, value)| format!("{key}:{value}")).collect();
                    format!("{{{}}}", members.join(","))
                }),
            ]
        })
    }
}
