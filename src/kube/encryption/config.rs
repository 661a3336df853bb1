//! EncryptionConfiguration: which resources are encrypted, by which providers, with which keys.
//!
//! `apiserver.config.k8s.io/v1` `EncryptionConfiguration`, and the same layout under its old name `v1`
//! `EncryptionConfig` (kubernetes/apiserver pkg/apis/apiserver/v1/types_encryption.go).

use base64::Engine as _;
use serde_json::{Map, Value};

use super::cipher::{Cipher, Kind};

/// A configuration, read and checked. It shows none of its keys.
#[derive(Default)]
pub struct Config {
    entries: Vec<Entry>,
}

/// One entry of `resources`.
pub(super) struct Entry {
    /// `secrets`, `deployments.apps`, `*.apps`, `*.`, `*.*`.
    pub resources: Vec<String>,
    /// In order: the first one writes, all of them read.
    pub providers: Vec<Provider>,
}

/// A provider of an entry.
pub(super) enum Provider {
    Identity,
    /// In order: the first key writes.
    Keyed(Kind, Vec<NamedKey>),
    Kms {
        name: String,
    },
    Unknown(String),
}

/// A key of a provider.
pub(super) struct NamedKey {
    pub name: String,
    pub cipher: Cipher,
}

/// Why a text is no encryption configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is no JSON, and no YAML that can be read.
    #[error("not {format}: {what}")]
    Text {
        /// `JSON` or `YAML`.
        format: &'static str,
        /// What the parser said.
        what: String,
    },
    /// It is something else.
    #[error("{at}: {what}")]
    Shape {
        /// Where in the document.
        at: String,
        /// What is wrong there, and what should be there.
        what: String,
    },
}

fn wrong<T>(at: &str, what: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError::Shape { at: at.to_owned(), what: what.into() })
}

/// Reads a configuration from JSON or YAML.
///
/// # Errors
/// [`ConfigError`], with the place. No message holds a key.
pub fn parse_config(text: &str) -> Result<Config, ConfigError> {
    Config::from_value(&document(text)?)
}

/// JSON begins with a brace; k3s writes JSON, most others YAML.
fn document(text: &str) -> Result<Value, ConfigError> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text)
            .map_err(|error| ConfigError::Text { format: "JSON", what: error.to_string() });
    }
    yaml(text)
}

/// The seam to the reader of YAML.
fn yaml(_text: &str) -> Result<Value, ConfigError> {
    let what = "only JSON is read so far; `yq -o json FILE` converts it".to_owned();
    Err(ConfigError::Text { format: "YAML", what })
}

impl Config {
    /// From the document as a tree.
    ///
    /// # Errors
    /// [`ConfigError::Shape`].
    pub fn from_value(document: &Value) -> Result<Self, ConfigError> {
        let root = object(document, "the document")?;
        if let Some(kind) = root.get("kind").and_then(Value::as_str)
            && !matches!(kind, "EncryptionConfiguration" | "EncryptionConfig")
        {
            return wrong("kind", format!("{kind} instead of EncryptionConfiguration"));
        }
        let entries = array(root, "resources", "the document")?;
        let entries =
            entries.iter().enumerate().map(|(number, entry)| read_entry(entry, &format!("resources[{number}]")));
        Ok(Self { entries: entries.collect::<Result<_, _>>()? })
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The names of all keys, with their providers, as they stand in the configuration.
    pub fn key_names(&self) -> Vec<super::Label> {
        let mut names = Vec::new();
        for provider in self.entries.iter().flat_map(|entry| &entry.providers) {
            match provider {
                Provider::Keyed(kind, keys) => {
                    names.extend(keys.iter().map(|key| super::Label { provider: kind.name(), name: key.name.clone() }));
                }
                Provider::Kms { name } => names.push(super::Label { provider: "kms", name: name.clone() }),
                Provider::Identity | Provider::Unknown(_) => {}
            }
        }
        names.dedup();
        names
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.key_names()).finish()
    }
}

fn object<'v>(value: &'v Value, at: &str) -> Result<&'v Map<String, Value>, ConfigError> {
    value.as_object().map_or_else(|| wrong(at, "is no object"), Ok)
}

fn array<'v>(object: &'v Map<String, Value>, name: &str, at: &str) -> Result<&'v Vec<Value>, ConfigError> {
    match object.get(name).and_then(Value::as_array) {
        Some(array) => Ok(array),
        None => wrong(at, format!("has no list {name:?}: this is no encryption configuration")),
    }
}

fn text<'v>(object: &'v Map<String, Value>, name: &str, at: &str) -> Result<&'v str, ConfigError> {
    match object.get(name).and_then(Value::as_str) {
        Some(text) if !text.is_empty() => Ok(text),
        _ => wrong(at, format!("has no text {name:?}")),
    }
}

fn read_entry(value: &Value, at: &str) -> Result<Entry, ConfigError> {
    let entry = object(value, at)?;
    let resources = array(entry, "resources", at)?;
    let resources = resources.iter().enumerate().map(|(number, resource)| match resource.as_str() {
        Some(name) => Ok(name.to_owned()),
        None => wrong(&format!("{at}.resources[{number}]"), "is no text"),
    });
    let resources = resources.collect::<Result<_, _>>()?;
    let providers = array(entry, "providers", at)?;
    let providers =
        providers.iter().enumerate().map(|(number, value)| read_provider(value, &format!("{at}.providers[{number}]")));
    Ok(Entry { resources, providers: providers.collect::<Result<_, _>>()? })
}

fn read_provider(value: &Value, at: &str) -> Result<Provider, ConfigError> {
    let provider = object(value, at)?;
    // A field that is null is one that is not there.
    let mut given = provider.iter().filter(|(_, value)| !value.is_null());
    let (Some((name, value)), None) = (given.next(), given.next()) else {
        return wrong(at, "must name exactly one provider");
    };
    let at = format!("{at}.{name}");
    if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == name) {
        let keys = array(object(value, &at)?, "keys", &at)?;
        if keys.is_empty() {
            return wrong(&at, "has no keys");
        }
        let keys = keys.iter().enumerate().map(|(number, key)| read_key(kind, key, &format!("{at}.keys[{number}]")));
        return Ok(Provider::Keyed(kind, keys.collect::<Result<_, _>>()?));
    }
    match name.as_str() {
        "identity" => Ok(Provider::Identity),
        "kms" => Ok(Provider::Kms { name: text(object(value, &at)?, "name", &at)?.to_owned() }),
        // One that a later Kubernetes may know: the others can be read nevertheless.
        _ => Ok(Provider::Unknown(name.clone())),
    }
}

fn read_key(kind: Kind, value: &Value, at: &str) -> Result<NamedKey, ConfigError> {
    let key = object(value, at)?;
    let name = text(key, "name", at)?.to_owned();
    let secret = text(key, "secret", at)?;
    let Ok(secret) = base64::engine::general_purpose::STANDARD.decode(secret.trim()) else {
        return wrong(&format!("{at}.secret"), "is not base64");
    };
    let Some(cipher) = Cipher::new(kind, &secret) else {
        let lengths: Vec<String> = kind.key_lengths().iter().map(usize::to_string).collect();
        let what = format!("has {} bytes; {} takes {}", secret.len(), kind.name(), lengths.join(", "));
        return wrong(&format!("{at}.secret"), what);
    };
    Ok(NamedKey { name, cipher })
}
