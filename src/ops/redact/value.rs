//! One value of a store becomes one without secrets, of the same length and still the same object.

use std::ops::Range;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::bytes::Regex;
use serde_json::Value;

use super::key::{HEXADECIMAL, Key};
use super::names::Names;
use super::needles::Needles;
use crate::kube::crd;
use crate::kube::envelope::Envelope;
use crate::kube::look;
use crate::kube::mask::LAST_APPLIED;
use crate::kube::minor::Minor;
use crate::kube::places::places;
use crate::kube::{cbor, secret};

/// What was replaced in one value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Values of a Secret.
    pub values: usize,
    /// Secret values that stood elsewhere.
    pub elsewhere: usize,
    /// Private keys in PEM.
    pub private_keys: usize,
    /// JSON web tokens.
    pub tokens: usize,
    /// Names of objects and namespaces.
    pub names: usize,
}

impl Counts {
    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            values: self.values + other.values,
            elsewhere: self.elsewhere + other.elsewhere,
            private_keys: self.private_keys + other.private_keys,
            tokens: self.tokens + other.tokens,
            names: self.names + other.names,
        }
    }
}

/// A value cannot stay what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoObject;

/// Works on values with the key and the needles of one run.
pub struct Redactor<'a> {
    pub(super) key: &'a Key,
    pub(super) needles: &'a Needles,
    /// Where names become others, too.
    pub(super) names: Option<&'a Names>,
}

impl Redactor<'_> {
    /// Takes the secrets out of a plain value.
    ///
    /// # Errors
    /// [`NoObject`] for a Secret that cannot be read, and for an object that would be another one without the secrets.
    pub fn redact(&self, plain: &[u8], is_secret: bool) -> Result<(Vec<u8>, Counts), NoObject> {
        let mut value = plain.to_vec();
        let mut counts = Counts::default();
        if is_secret {
            self.secret(&mut value, &mut counts)?;
        }
        let body = match Envelope::parse(&value) {
            // The kind stands outside of the message.
            Ok(Envelope::Protobuf(object)) => place_in(&value, object.raw),
            _ => 0..value.len(),
        };
        if let Some(body) = value.get_mut(body) {
            self.text(body, &mut counts);
        }
        if let Some(names) = self.names {
            counts.names += rename(&mut value, names);
        }
        let is_same = match (look::look(plain, Minor::NEWEST), look::look(&value, Minor::NEWEST)) {
            (Ok((before, _)), Ok((after, _))) => {
                let named = |name: &str| self.names.and_then(|names| names.other(name)).map(<[u8]>::to_vec);
                let other = |name: &String| named(name).unwrap_or_else(|| name.as_bytes().to_vec());
                (&before.api_version, &before.kind) == (&after.api_version, &after.kind)
                    && [&before.namespace, &before.name].map(other)
                        == [&after.namespace, &after.name].map(|name| name.as_bytes().to_vec())
            }
            (Ok(_), Err(_)) => false,
            (Err(_), _) => !is_secret,
        };
        if is_same { Ok((value, counts)) } else { Err(NoObject) }
    }

    /// The values of a Secret, where they stand.
    fn secret(&self, value: &mut Vec<u8>, counts: &mut Counts) -> Result<(), NoObject> {
        let (base, found) = match Envelope::parse(value) {
            Ok(Envelope::Protobuf(object)) => {
                (place_in(value, object.raw).start, secret::values(object.raw).map_err(|_| NoObject)?)
            }
            Ok(Envelope::Json(text)) => {
                let mut object: Value = serde_json::from_slice(text).map_err(|_| NoObject)?;
                self.tree(&mut object, counts);
                *value = crd::stored_bytes(&object);
                return Ok(());
            }
            _ => return Err(NoObject),
        };
        for range in found.data {
            let Some(place) = value.get_mut(base + range.start..base + range.end) else { return Err(NoObject) };
            let made = self.key.replacement(place);
            place.copy_from_slice(&made);
            counts.values += 1;
        }
        for range in found.last_applied {
            let Some(place) = value.get_mut(base + range.start..base + range.end) else { return Err(NoObject) };
            blank(place);
        }
        Ok(())
    }

    fn tree(&self, secret: &mut Value, counts: &mut Counts) {
        for (name, is_base64) in [("data", true), ("stringData", false)] {
            let Some(members) = secret.get_mut(name).and_then(Value::as_object_mut) else { continue };
            for value in members.values_mut() {
                let text = value.as_str().unwrap_or_default();
                let made = match STANDARD.decode(text).ok().filter(|_| is_base64) {
                    Some(bytes) => STANDARD.encode(self.key.replacement(&bytes)),
                    None => String::from_utf8_lossy(&self.key.replacement(text.as_bytes())).into_owned(),
                };
                *value = Value::from(made);
                counts.values += 1;
            }
        }
        let annotations = secret.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut);
        if let Some(applied) = annotations.and_then(|annotations| annotations.get_mut(LAST_APPLIED)) {
            *applied = Value::from("{}");
        }
    }

    /// Secrets, private keys and tokens in any text.
    fn text(&self, text: &mut [u8], counts: &mut Counts) {
        counts.elsewhere += self.needles.replace(text);
        for (is_key, range) in marked(text) {
            let Some(place) = text.get_mut(range) else { continue };
            let made = self.key.text(place, None);
            place.copy_from_slice(&made);
            if is_key {
                counts.private_keys += 1;
            } else {
                counts.tokens += 1;
            }
        }
    }

    /// Noise in the place of a value that stays closed; what says how it was closed stays.
    pub fn closed(&self, stored: &[u8]) -> Vec<u8> {
        let head = stored.iter().enumerate().filter(|(_, byte)| **byte == b':').nth(4).map_or(0, |(at, _)| at + 1);
        let (head, body) = stored.split_at(head);
        [head, &self.key.noise(body)].concat()
    }

    /// Noise in the place of bootstrap data: a salt in hexadecimal, and base64.
    pub fn bootstrap(&self, stored: &[u8]) -> Vec<u8> {
        let salt = stored.iter().position(|&byte| byte == b':').unwrap_or(0);
        let (salt, body) = stored.split_at(salt);
        [self.key.text(salt, Some(HEXADECIMAL)), self.key.text(body, None)].concat()
    }
}

/// Gives names in an object other names; how many there were. Of protobuf in all strings and in JSON inside, of JSON in all
/// values; keys of maps and bytes stay.
fn rename(value: &mut Vec<u8>, names: &Names) -> usize {
    match Envelope::parse(value) {
        Ok(Envelope::Protobuf(_)) => {
            let places = places(value).unwrap_or_default();
            let meant = places.into_iter().filter(|place| Names::are_in(&place.field));
            meant.map(|place| value.get_mut(place.range).map_or(0, |text| names.replace(text))).sum()
        }
        Ok(Envelope::Json(_)) => names.replace(value),
        // CBOR is read by whoever reads JSON.
        Ok(Envelope::Cbor(bytes)) => {
            let Ok(object) = cbor::read_value(bytes) else { return 0 };
            *value = crd::stored_bytes(&object);
            names.replace(value)
        }
        _ => 0,
    }
}

/// Where a part of a value lies in it.
fn place_in(value: &[u8], part: &[u8]) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(value.as_ptr() as usize);
    start..start.saturating_add(part.len())
}

/// The annotation of `kubectl apply` has all values once more. It stays JSON, of the same length.
fn blank(text: &mut [u8]) {
    text.fill(b' ');
    if let Some(object) = text.get_mut(..2) {
        object.copy_from_slice(b"{}");
    }
}

/// Private keys in PEM, plain and in base64, and JSON web tokens.
static MARKS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let marks = concat!(
        r"(?-u)(?s:-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----(?P<pem>.*?)-----END )",
        r"|LS0tLS1CRUdJTi(?P<base64>[A-Za-z0-9+/]{40,}={0,2})",
        r"|(?P<token>eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,})"
    );
    Regex::new(marks).ok()
});

/// What the marks enclose; whether it is a private key.
pub fn marked(text: &[u8]) -> Vec<(bool, Range<usize>)> {
    let Some(marks) = MARKS.as_ref() else { return Vec::new() };
    let found = marks.captures_iter(text).filter_map(|found| {
        if let Some(pem) = found.name("pem") {
            return Some((true, pem.range()));
        }
        if let Some(encoded) = found.name("base64") {
            // The rest of `-----BEGIN`, from a place where groups of four begin.
            let body = encoded.as_bytes().get(2..)?;
            let whole = body.len() / 4 * 4;
            let plain = STANDARD.decode(body.get(..whole)?).or_else(|_| STANDARD.decode(body)).ok()?;
            let is_key = memchr::memmem::find(&plain, b"PRIVATE KEY-----").is_some();
            return is_key.then_some((true, encoded.start() + 2..encoded.end()));
        }
        found.name("token").map(|token| (false, token.range()))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn private_keys_and_tokens_are_found_by_their_marks() {
        let key = Key::new([3; 32]);
        let needles = Needles::new(&BTreeMap::new(), &key).unwrap();
        let redactor = Redactor { key: &key, needles: &needles, names: None };
        let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7secretsecret\nabcdEFGHijklMNOP==\n-----END RSA PRIVATE KEY-----\n";
        let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlIn0.c2lnbmF0dXJlLXNpZw";
        for (text, private_keys, tokens) in [
            (pem.to_owned(), 1, 0),
            (format!("a: {}", STANDARD.encode(pem)), 1, 0),
            (serde_json::json!({"kind": "ConfigMap", "data": {"k": pem}}).to_string(), 1, 0),
            (format!("token={token}"), 0, 1),
            (certificate.to_owned(), 0, 0),
            (STANDARD.encode(certificate.repeat(3)), 0, 0),
        ] {
            let (made, counts) = redactor.redact(text.as_bytes(), false).unwrap();
            assert_eq!((counts.private_keys, counts.tokens), (private_keys, tokens), "{text}");
            assert_eq!(made.len(), text.len());
            assert_eq!(made == text.as_bytes(), private_keys + tokens == 0, "{text}");
            let made = String::from_utf8(made).unwrap();
            assert!(!made.contains("MIIEpAIBAAKCAQ") && !made.contains("c2lnbmF0dXJlLXNpZw"), "{made}");
        }
    }
}
