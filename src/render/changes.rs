//! Changes as `dump` and `log` show them.

use base64::Engine as _;
use serde_json::{Map, Value, json};

use super::keys::{put_change, put_key};
use super::text;
use crate::model::{Change, History, Op};
use crate::source::Damage;

/// The line of `dump --json`, with the value in base64 where it is wanted.
///
/// # Errors
/// The damage that keeps the value from being read.
pub fn change_json(history: &History, change: &Change, with_value: bool) -> Result<Value, Damage> {
    let mut object = Map::new();
    object.insert("revision".to_owned(), json!(change.revision.main));
    object.insert("sub".to_owned(), json!(change.revision.sub));
    object.insert("op".to_owned(), json!(change.op.name()));
    put_key(&mut object, history.keys().get(change.key));
    let value = put_change(&mut object, history, change)?;
    if with_value {
        let encoded = value.map(|value| base64::engine::general_purpose::STANDARD.encode(value));
        object.insert("value".to_owned(), json!(encoded));
    }
    object.insert("evidence".to_owned(), json!(change.evidence.name()));
    Ok(Value::Object(object))
}

/// The line of `dump`.
pub fn change_text(history: &History, change: &Change) -> String {
    let size = if change.is_put() { change.value.len.to_string() } else { String::new() };
    let key = text::key(history.keys().get(change.key));
    format!("{:>12} {:<6} {size:>10}  {key}", change.revision.to_string(), change.op.name())
}

/// The changes of one key, oldest first, each life under a heading of its own.
pub fn log_text(history: &History, changes: &[&Change]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut life: Option<Option<i64>> = None;
    for change in changes {
        let begins = life.is_none() || change.is_put() && life != Some(change.create_revision);
        if begins {
            let since = match change.create_revision {
                Some(create) if change.is_put() && create == change.revision.main => format!("created at {create}"),
                Some(create) => format!("created at {create}, the changes up to here are compacted"),
                None => "created at an unknown revision; the changes up to here are compacted".to_owned(),
            };
            lines.push(format!("life {since}"));
        }
        life = Some(change.create_revision);
        lines.push(log_line(history, change));
        if change.op == Op::Delete {
            life = None;
        }
    }
    lines
}

fn log_line(history: &History, change: &Change) -> String {
    if change.op == Op::Delete {
        return format!("{:>12} deleted", change.revision.to_string());
    }
    let version = change.version.known().map_or_else(|| "?".to_owned(), |version| version.to_string());
    let ttl = history.ttl(change.lease).map_or_else(String::new, |ttl| format!("  ttl {ttl}s"));
    format!("{:>12} put      version {version:<6} {:>10} bytes{ttl}", change.revision.to_string(), change.value.len)
}
