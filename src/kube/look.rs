//! What a stored object says of itself: its kind, its namespace, its name. To say it, the whole object is read.

use super::decode::Notes;
use super::minor::Minor;
use super::show::{ShowError, View, show};
use super::sink::{KeyOrder, Sink};

/// What an object says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Itself {
    /// As `apps/v1`.
    pub api_version: String,
    /// As `Deployment`.
    pub kind: String,
    /// `metadata.namespace`; empty where there is none.
    pub namespace: String,
    /// `metadata.name`; empty where there is none.
    pub name: String,
    /// `type`, which Secrets have; empty where there is none.
    pub secret_type: String,
    /// Whether `data.release` is something else than base64: what Helm keeps there is (helm pkg/storage/driver/util.go).
    release_is_no_base64: bool,
}

impl Itself {
    /// The group of its apiVersion; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Whether it is a release of Helm whose content Helm could not have written. The largest Secrets of most clusters are
    /// such, and nothing else would tell of a changed byte in them.
    pub fn is_broken_release(&self) -> bool {
        self.release_is_no_base64 && self.secret_type == "helm.sh/release.v1"
    }
}

/// Reads the object that `value` holds, decrypted, to its end, and tells what in it no server would have written.
///
/// # Errors
/// [`ShowError`]: it is no object, or its bytes are not those of its kind.
pub fn look(value: &[u8], minor: Minor) -> Result<(Itself, Notes), ShowError> {
    let view = View { minor, managed_fields: true, resource_version: None, reveal: true, served: false };
    let mut names = Names::default();
    let notes = show(value, &view, &mut names)?;
    Ok((names.found, notes))
}

/// Where the tokens are that are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Elsewhere,
    ApiVersion,
    Kind,
    Metadata,
    Data,
    Namespace,
    Name,
    Type,
    Release,
}

/// Takes the names out of an object's tokens.
#[derive(Debug, Default)]
struct Names {
    depth: u32,
    in_metadata: bool,
    in_data: bool,
    next: Place,
    found: Itself,
}

impl Names {
    fn value(&mut self) {
        self.next = Place::Elsewhere;
    }

    fn begin(&mut self) {
        self.in_metadata |= self.depth == 1 && self.next == Place::Metadata;
        self.in_data |= self.depth == 1 && self.next == Place::Data;
        self.next = Place::Elsewhere;
        self.depth = self.depth.saturating_add(1);
    }

    fn end(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.in_metadata &= self.depth > 1;
        self.in_data &= self.depth > 1;
    }
}

impl Sink for Names {
    const ORDER: KeyOrder = KeyOrder::Bytes;

    fn begin_object(&mut self) {
        self.begin();
    }
    fn end_object(&mut self) {
        self.end();
    }
    fn key(&mut self, key: &str) {
        self.next = match (self.depth, self.in_metadata, key) {
            (1, _, "apiVersion") => Place::ApiVersion,
            (1, _, "kind") => Place::Kind,
            (1, _, "metadata") => Place::Metadata,
            (1, _, "data") => Place::Data,
            (1, _, "type") => Place::Type,
            (2, _, "release") if self.in_data => Place::Release,
            (2, true, "namespace") => Place::Namespace,
            (2, true, "name") => Place::Name,
            _ => Place::Elsewhere,
        };
    }
    fn begin_array(&mut self) {
        self.begin();
    }
    fn end_array(&mut self) {
        self.end();
    }
    fn null(&mut self) {
        self.value();
    }
    fn bool(&mut self, _: bool) {
        self.value();
    }
    fn int(&mut self, _: i64) {
        self.value();
    }
    fn float(&mut self, _: f64) {
        self.value();
    }
    fn string(&mut self, value: &str) {
        let to = match std::mem::take(&mut self.next) {
            Place::ApiVersion => &mut self.found.api_version,
            Place::Kind => &mut self.found.kind,
            Place::Namespace => &mut self.found.namespace,
            Place::Name => &mut self.found.name,
            Place::Type => &mut self.found.secret_type,
            Place::Elsewhere | Place::Metadata | Place::Data | Place::Release => return,
        };
        value.clone_into(to);
    }
    fn bytes(&mut self, value: &[u8]) {
        if std::mem::take(&mut self.next) == Place::Release {
            let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
            self.found.release_is_no_base64 = !value.iter().all(is_base64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_object_s_own_names_are_taken() {
        let text = br#"{"spec":{"metadata":{"name":"inner"},"kind":"X"},"kind":"Widget","apiVersion":"a.b/v1",
            "metadata":{"labels":{"name":"label"},"ownerReferences":[{"name":"owner","kind":"Y"}],"name":"own","namespace":"ns"}}"#;
        let (found, notes) = look(text, Minor::NEWEST).unwrap();
        assert!(notes.is_empty());
        let own = |text: &str| text.to_owned();
        let expected = Itself {
            api_version: own("a.b/v1"),
            kind: own("Widget"),
            namespace: own("ns"),
            name: own("own"),
            ..Itself::default()
        };
        assert_eq!(found, expected);
        assert_eq!(found.group(), "a.b");
        assert!(look(b"no object", Minor::NEWEST).is_err());
    }
}
