//! Every form in which a secret value may stand in other values, and what is to stand there.

use std::collections::{BTreeMap, HashMap};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::Key;

/// Shorter secrets are not looked for: they stand everywhere by chance.
pub const SHORTEST: usize = 5;
/// The same for bytes that are no text, which look like numbers and lengths.
const SHORTEST_BYTES: usize = 12;
/// Lines of a secret that are looked for alone: long enough to be keys.
const SHORTEST_LINE: usize = 24;
/// Bytes of a needle that the automaton knows; the rest is compared.
const IN_AUTOMATON: usize = 48;
/// Words of every JSON text.
const WORDS: [&[u8]; 3] = [b"false", b"true", b"null"];

/// What is looked for, and what stands for it.
struct Needle {
    full: Vec<u8>,
    made: Vec<u8>,
}

/// All forms of all secrets.
pub struct Needles {
    needles: Vec<Needle>,
    automaton: Option<AhoCorasick>,
}

/// Why there is nothing to look with.
#[derive(Debug, thiserror::Error)]
#[error("{0} secret values are more than can be looked for at once")]
pub struct TooMany(usize);

impl Needles {
    /// The forms of `secrets`.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn new(secrets: &BTreeMap<Vec<u8>, Vec<u8>>, key: &Key) -> Result<Self, TooMany> {
        let mut forms: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
        for (secret, made) in secrets {
            add_forms(secret, made, &mut forms);
            for line in secret.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii) {
                if line.len() >= SHORTEST_LINE && line.len() < secret.len() && !line.starts_with(b"-----") {
                    add_forms(line, &key.replacement(line), &mut forms);
                }
            }
        }
        let needles: Vec<Needle> = forms.into_iter().map(|(full, made)| Needle { full, made }).collect();
        let patterns = needles.iter().map(|needle| needle.full.get(..IN_AUTOMATON).unwrap_or(&needle.full));
        let automaton = AhoCorasick::builder().match_kind(MatchKind::Standard).build(patterns);
        let automaton = automaton.map_err(|_| TooMany(secrets.len()))?;
        let automaton = (!needles.is_empty()).then_some(automaton);
        Ok(Self { needles, automaton })
    }

    /// Where secrets stand in a text: the first and longest of those that overlap.
    fn found<'n>(&'n self, text: &[u8]) -> Vec<(usize, &'n Needle)> {
        let Some(automaton) = &self.automaton else { return Vec::new() };
        let mut all: Vec<(usize, &Needle)> = automaton
            .find_overlapping_iter(text)
            .filter_map(|found| Some((found.start(), self.needles.get(found.pattern().as_usize())?)))
            .filter(|(start, needle)| text.get(*start..).is_some_and(|rest| rest.starts_with(&needle.full)))
            .collect();
        all.sort_by_key(|(start, needle)| (*start, std::cmp::Reverse(needle.full.len())));
        let mut end = 0;
        all.retain(|(start, needle)| {
            let is_free = *start >= end;
            if is_free {
                end = start + needle.full.len();
            }
            is_free
        });
        all
    }

    /// Replaces every secret in a text; how many there were.
    pub fn replace(&self, text: &mut [u8]) -> usize {
        let found = self.found(text);
        for (start, needle) in &found {
            if let Some(place) = text.get_mut(*start..*start + needle.made.len()) {
                place.copy_from_slice(&needle.made);
            }
        }
        found.len()
    }

    /// Whether a secret stands in a text.
    pub fn any(&self, text: &[u8]) -> bool {
        !self.found(text).is_empty()
    }
}

/// Whether a secret is looked for outside of Secrets, too. `names` says whether a text is part of the name of an object.
pub fn is_looked_for(secret: &[u8], names: impl Fn(&[u8]) -> bool) -> bool {
    let is_text = std::str::from_utf8(secret).is_ok_and(|text| !text.contains(|c: char| c.is_control() && c != '\n'));
    let shortest = if is_text { SHORTEST } else { SHORTEST_BYTES };
    let is_number = secret.iter().all(u8::is_ascii_digit) && secret.len() < 2 * SHORTEST;
    secret.len() >= shortest && !is_number && !WORDS.contains(&secret) && !names(secret)
}

fn add_forms(secret: &[u8], made: &[u8], forms: &mut HashMap<Vec<u8>, Vec<u8>>) {
    if secret.len() != made.len() {
        return;
    }
    forms.insert(secret.to_vec(), made.to_vec());
    // In base64 a text looks different by its place in the text around it.
    for lead in 0..3 {
        let encode = |text: &[u8]| {
            let whole = STANDARD.encode([&b"\0\0\0"[..lead], text].concat());
            // Only the characters that are all its own.
            let (start, end) = ((8 * lead).div_ceil(6), 8 * (lead + text.len()) / 6);
            whole.as_bytes().get(start..end).unwrap_or_default().to_vec()
        };
        let (form, made) = (encode(secret), encode(made));
        if form.len() >= SHORTEST && form.len() == made.len() {
            forms.entry(form).or_insert(made);
        }
    }
    // In JSON, and as Go writes JSON.
    let Ok(text) = std::str::from_utf8(secret) else { return };
    let escaped = serde_json::Value::from(text).to_string();
    let plain = escaped.trim_matches('"');
    let html = plain.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    for form in [plain, html.as_str()] {
        if form.as_bytes() != secret {
            let filled: Vec<u8> = made.iter().filter(|byte| byte.is_ascii_alphanumeric()).copied().collect();
            if !filled.is_empty() {
                let made = filled.iter().cycle().take(form.len()).copied().collect();
                forms.entry(form.as_bytes().to_vec()).or_insert(made);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form_and_replaced_by_the_same() {
        let key = Key::new([7; 32]);
        let secrets: BTreeMap<Vec<u8>, Vec<u8>> = ["hunter2-secret", "a\"quoted\" <one>"]
            .iter()
            .map(|secret| (secret.as_bytes().to_vec(), key.replacement(secret.as_bytes())))
            .collect();
        let needles = Needles::new(&secrets, &key).unwrap();
        let wrapped = STANDARD.encode("user:hunter2-secret@host");
        let json = serde_json::Value::from("a\"quoted\" <one>").to_string();
        for text in ["url=hunter2-secret;", &wrapped, &STANDARD.encode("hunter2-secret"), &json] {
            let mut bytes = text.as_bytes().to_vec();
            assert!(needles.any(&bytes), "{text}");
            assert_eq!(needles.replace(&mut bytes), 1);
            assert!(!needles.any(&bytes) && bytes.len() == text.len(), "{text}");
        }
        let mut plain = b"x=hunter2-secret".to_vec();
        needles.replace(&mut plain);
        let mut encoded = STANDARD.encode("x=hunter2-secret").into_bytes();
        needles.replace(&mut encoded);
        assert_eq!(STANDARD.decode(&encoded).unwrap()[3..15], plain[3..15]);
        assert!(!is_looked_for(b"abcd", |_| false) && !is_looked_for(b"shop1", |_| true));
        assert!(is_looked_for(b"hunter2", |_| false) && !is_looked_for(b"12345", |_| false));
    }
}
