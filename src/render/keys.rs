//! Keys as `ls` and `get` show them.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::text;
use crate::model::{Change, History, KeyId, LeaseRef};
use crate::source::Damage;

/// A key with its newest change at the moment that is shown.
#[derive(Clone, Copy)]
pub struct KeyLine<'a> {
    /// The key.
    pub key: KeyId,
    /// Its newest change: a put where the key is live.
    pub change: &'a Change,
}

/// Adds a key under `key`, or under `key_base64` where it is not UTF-8.
pub(super) fn put_key(object: &mut Map<String, Value>, name: &[u8]) {
    use base64::Engine as _;
    match std::str::from_utf8(name) {
        Ok(text) => object.insert("key".to_owned(), json!(text)),
        Err(_) => object.insert("key_base64".to_owned(), json!(base64::engine::general_purpose::STANDARD.encode(name))),
    };
}

/// The lease's id as etcd has it; 0 for kine, which has none.
fn lease_id(lease: LeaseRef) -> i64 {
    match lease {
        LeaseRef::Id(id) => id,
        LeaseRef::None | LeaseRef::Ttl(_) => 0,
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The line of `ls --json`.
///
/// # Errors
/// The damage that keeps the value from being read.
pub fn key_json(history: &History, line: KeyLine<'_>) -> Result<Value, Damage> {
    let KeyLine { key, change } = line;
    let mut object = Map::new();
    put_key(&mut object, history.keys().get(key));
    object.insert("mod_revision".to_owned(), json!(change.revision.main));
    put_change(&mut object, history, change)?;
    if !change.is_put() {
        object.insert("deleted".to_owned(), json!(true));
    }
    Ok(Value::Object(object))
}

/// Adds what a change says of its key: numbers, lease, and the value's length and hash. Gives the value of a put.
pub(super) fn put_change<'a>(
    object: &mut Map<String, Value>,
    history: &'a History,
    change: &Change,
) -> Result<Option<Cow<'a, [u8]>>, Damage> {
    let value = change.is_put().then(|| history.value(change.value)).transpose()?;
    let version = value.as_ref().and_then(|_| change.version.known());
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("create_revision", json!(change.create_revision));
    put("version", json!(version));
    put("lease", json!(lease_id(change.lease)));
    put("ttl", json!(history.ttl(change.lease)));
    put("value_size", json!(value.as_ref().map(|value| value.len())));
    put("value_sha256", json!(value.as_ref().map(|value| sha256(value))));
    Ok(value)
}

/// The heading over the lines of `ls`.
pub fn key_header() -> String {
    format!("{:>12} {:>12} {:>8} {:>8} {:>10}  KEY", "MODIFIED", "CREATED", "VERSION", "TTL", "SIZE")
}

/// The line of `ls`.
pub fn key_text(history: &History, line: KeyLine<'_>) -> String {
    let KeyLine { key, change } = line;
    let or_unknown = |number: Option<i64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
    let ttl = history.ttl(change.lease).map_or_else(String::new, |ttl| format!("{ttl}s"));
    let (version, size) = if change.is_put() {
        (or_unknown(change.version.known()), change.value.len.to_string())
    } else {
        ("-".to_owned(), "deleted".to_owned())
    };
    format!(
        "{:>12} {:>12} {:>8} {:>8} {:>10}  {}",
        change.revision.main,
        or_unknown(change.create_revision),
        version,
        ttl,
        size,
        text::key(history.keys().get(key))
    )
}

/// Keys whose values are secrets by what they are.
fn is_secret(key: &[u8], value: &[u8]) -> bool {
    key.starts_with(b"/registry/secrets/") || key.starts_with(b"/bootstrap/") || value.starts_with(b"k8s:enc:")
}

/// A value for people: text as it is, unless it is a secret; of binary values only what they are.
pub fn value_text(key: &[u8], value: &[u8], reveal: bool) -> String {
    let what = match value {
        [] => return "(empty)".to_owned(),
        _ if value.starts_with(b"k8s:enc:") => "encrypted",
        _ if value.starts_with(b"k8s\0") => "Kubernetes protobuf",
        _ => "binary",
    };
    match std::str::from_utf8(value) {
        Ok(_) if is_secret(key, value) && !reveal => format!("(secret, {} bytes; --reveal shows it)", value.len()),
        Ok(text) if !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') => text.to_owned(),
        _ => format!("({what}, {} bytes; --raw writes them as they are)", value.len()),
    }
}
