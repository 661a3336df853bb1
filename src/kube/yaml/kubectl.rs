//! What kubectl does to a text before it prints it as YAML: it reads the server's JSON as YAML 1.1, for which the character
//! NEL (U+0085) ends a line, and lines inside of quotes are folded (sigs.k8s.io/yaml `JSONToYAML`, go-yaml v2 scannerc.go
//! `yaml_parser_scan_flow_scalar`). So kubectl's YAML of such a text is another text.

use std::borrow::Cow;

use crate::kube::sink::{FieldName, KeyOrder, Sink};

const NEL: char = '\u{85}';

/// The text that kubectl prints for `text`: a run of NELs and the spaces around them becomes one space, or, of more than
/// one, a line feed for each but the first.
fn folded(text: &str) -> Cow<'_, str> {
    if !text.contains(NEL) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split(NEL);
    let mut breaks = 0;
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        if breaks == 0 {
            out.truncate(out.trim_end_matches(' ').len());
        }
        breaks += 1;
        let part = part.trim_start_matches(' ');
        if !part.is_empty() {
            push_breaks(&mut out, breaks);
            breaks = 0;
            out.push_str(part);
        }
    }
    push_breaks(&mut out, breaks);
    Cow::Owned(out)
}

fn push_breaks(out: &mut String, breaks: usize) {
    match breaks {
        0 => {}
        1 => out.push(' '),
        more => out.extend(std::iter::repeat_n('\n', more - 1)),
    }
}

/// Passes tokens on as kubectl would understand them, so that the YAML is kubectl's to the byte even where kubectl changes
/// a text; counts these.
#[derive(Debug)]
pub struct AsKubectl<'s, S> {
    inner: &'s mut S,
    changed: usize,
}

impl<'s, S: Sink> AsKubectl<'s, S> {
    /// Before `inner`.
    pub fn new(inner: &'s mut S) -> Self {
        Self { inner, changed: 0 }
    }

    /// How many texts so far are not what is stored.
    pub fn changed(&self) -> usize {
        self.changed
    }

    fn fold<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        let folded = folded(text);
        self.changed += usize::from(matches!(folded, Cow::Owned(_)));
        folded
    }
}

impl<S: Sink> Sink for AsKubectl<'_, S> {
    const ORDER: KeyOrder = S::ORDER;

    fn begin_object(&mut self) {
        self.inner.begin_object();
    }

    fn end_object(&mut self) {
        self.inner.end_object();
    }

    fn key(&mut self, key: &str) {
        let key = self.fold(key);
        self.inner.key(&key);
    }

    fn field(&mut self, name: FieldName) {
        self.inner.field(name);
    }

    fn begin_array(&mut self) {
        self.inner.begin_array();
    }

    fn end_array(&mut self) {
        self.inner.end_array();
    }

    fn null(&mut self) {
        self.inner.null();
    }

    fn bool(&mut self, value: bool) {
        self.inner.bool(value);
    }

    fn int(&mut self, value: i64) {
        self.inner.int(value);
    }

    fn float(&mut self, value: f64) {
        self.inner.float(value);
    }

    fn string(&mut self, value: &str) {
        let value = self.fold(value);
        self.inner.string(&value);
    }

    fn bytes(&mut self, value: &[u8]) {
        self.inner.bytes(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nel_is_folded_as_go_yaml_folds_lines() {
        let cases = [
            ("plain", "plain"),
            ("a\u{85}b", "a b"),
            ("a  \u{85} b", "a b"),
            ("a\u{85}\u{85}b", "a\nb"),
            ("a\u{85} \u{85}\u{85} b", "a\n\nb"),
            ("\u{85}b\u{85}", " b "),
            ("a\t\u{85}\tb", "a\t \tb"),
            ("a \u{85}b \u{85} c", "a b c"),
        ];
        for (text, expected) in cases {
            assert_eq!(folded(text), expected, "{text:?}");
        }
    }
}
