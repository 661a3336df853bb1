//! Which values cannot hold a match, told from their stored bytes.
//!
//! The texts that are searched are made of names of fields, of strings as they are stored, and of numbers, times, base64
//! and escapes, which are stored otherwise. So only letters are looked for: a run of at least three that is in every match,
//! in no name of a field, and not in base64, stands in the stored bytes if it stands in the text.

use std::collections::HashSet;

use memchr::memmem::Finder;

use super::pattern::Pattern;
use crate::kube::envelope::{CBOR, ENCRYPTED, Envelope};
use crate::kube::minor::Minor;
use crate::kube::sink::KeyOrder;
use crate::kube::table::{Kind, MessageId, Slot, Types};

/// A `Z`, a `T`, the `e` of a float, the `Ki` of a quantity are made of numbers; nothing longer is.
const SHORTEST: usize = 3;
/// What stands in texts and is neither in the values nor the name of a field.
const WORDS: [&str; 10] =
    ["apiVersion", "kind", "metadata", "resourceVersion", "true", "false", "null", "Pending", "masked", "bytes"];

/// Passes over values that cannot hold a match.
#[derive(Debug)]
pub(super) struct Prefilter {
    types: &'static Types,
    /// Messages that show bytes, themselves or in a part.
    with_base64: HashSet<MessageId>,
    needle: Finder<'static>,
    escape: Finder<'static>,
    cbor: Finder<'static>,
    definition: Finder<'static>,
    secret: Finder<'static>,
}

impl Prefilter {
    /// The filter for a pattern; none where nothing can be told from stored bytes.
    pub(super) fn new(pattern: &Pattern, minor: Minor) -> Option<Self> {
        let letters = pattern.letters()?;
        let types = Types::of(minor, KeyOrder::Natural);
        let slots = || types.messages().flat_map(|(_, message)| types.slots(message));
        let mut names = slots().map(|slot| slot.name.plain()).chain(WORDS);
        let needle = letters.get(escaped_letters(letters)..)?;
        if needle.len() < SHORTEST || names.any(|name| name.contains(letters)) {
            return None;
        }
        Some(Self {
            types,
            with_base64: with_base64(types),
            needle: Finder::new(needle).into_owned(),
            escape: Finder::new(r"\u"),
            cbor: Finder::new(CBOR),
            definition: Finder::new("CustomResourceDefinition"),
            secret: Finder::new("Secret"),
        })
    }

    /// Whether the text of a value, decrypted, may hold a match.
    pub(super) fn may_match(&self, value: &[u8]) -> bool {
        if value.starts_with(ENCRYPTED) || self.needle.find(value).is_some() {
            return true;
        }
        // CBOR, also inside of objects, has bytes that are shown as base64.
        if self.cbor.find(value).is_some() {
            return true;
        }
        // JSON, and JSON inside of objects, may have its letters as `\u0061`.
        let has_escape = self.escape.find(value).is_some();
        match Envelope::parse(value) {
            Ok(Envelope::Protobuf(object)) => {
                let id = self.types.kind(object.api_version, object.kind);
                has_escape || id.is_none_or(|id| self.with_base64.contains(&id))
            }
            // Definitions are shown in another version; Secrets are counted.
            Ok(Envelope::Json(_)) => {
                has_escape || self.definition.find(value).is_some() || self.secret.find(value).is_some()
            }
            Ok(_) => false,
            Err(_) => true,
        }
    }
}

/// How many letters at the beginning may be of an escape in double quotes: `\t`, `\N`, `\xFF`, `\uFEFF`, or the last digits
/// of these.
fn escaped_letters(letters: &str) -> usize {
    let bytes = letters.as_bytes();
    let short = usize::from(bytes.first().is_some_and(|byte| b"abtnvfreNLP".contains(byte)));
    let marked = usize::from(bytes.first().is_some_and(|byte| b"xuU".contains(byte)));
    let digits = bytes.iter().skip(marked).take(8).take_while(|byte| (b'A'..=b'F').contains(byte)).count();
    short.max(marked + digits)
}

/// The messages that show bytes as base64, themselves or in a part of them.
fn with_base64(types: &Types) -> HashSet<MessageId> {
    let mut found: HashSet<MessageId> = HashSet::new();
    loop {
        let before = found.len();
        let shows = |slot: &Slot, found: &HashSet<MessageId>| match slot.kind {
            Kind::Bytes => true,
            Kind::Message(id) | Kind::OrBool(id) | Kind::OrArray(id) | Kind::OrStringArray(id) => found.contains(&id),
            _ => false,
        };
        for (id, message) in types.messages() {
            if types.slots(message).iter().any(|slot| shows(slot, &found)) {
                found.insert(id);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_escapes_are_not_looked_for() {
        let cases =
            [("ginx", 0), ("nginx", 1), ("xFFoo", 3), ("uFEFFoo", 5), ("BEEF", 4), ("Pod", 1), ("U", 1), ("", 0)];
        for (letters, escaped) in cases {
            assert_eq!(escaped_letters(letters), escaped, "{letters}");
        }
    }
}
