//! What was deleted, one line for each.

use serde_json::{Value, json};

use super::text;
use crate::ops::objects::Objects;
use crate::ops::undelete::Deleted;

/// The heading of the lines.
pub fn deleted_header() -> String {
    format!(
        "{:>10}  {:>10}  {:>10}  {:<8}  {:<9}  OBJECT OR KEY",
        "REVISION", "DELETED", "SIZE", "EVIDENCE", "FOUND IN"
    )
}

/// A line for people.
pub fn deleted_text(objects: &Objects<'_>, deleted: &Deleted) -> String {
    let number = |number: Option<i64>| number.map_or("?".to_owned(), |number| number.to_string());
    let key = objects.history().keys().get(deleted.key);
    let what = match objects.object(deleted.key) {
        Some(id) => {
            let place = id.namespace.map_or(String::new(), |namespace| format!(" -n {namespace}"));
            format!("{}/{}{place}", id.resource.full_name(), id.name)
        }
        None => text::key(key),
    };
    let later = match (deleted.revision, deleted.newest_known) {
        (Some(revision), Some(newest)) if newest > revision => format!("  (revision {newest} of it is lost)"),
        _ => String::new(),
    };
    format!(
        "{:>10}  {:>10}  {:>10}  {:<8}  {:<9}  {what}{later}",
        number(deleted.revision),
        number(deleted.deleted_at),
        text::bytes(deleted.size.into()),
        deleted.evidence.name(),
        deleted.source.name(),
    )
}

/// A line of JSON.
pub fn deleted_json(objects: &Objects<'_>, deleted: &Deleted) -> Value {
    let key = objects.history().keys().get(deleted.key);
    let mut object = json!({
        "revision": deleted.revision,
        "newest_known_revision": deleted.newest_known,
        "deleted_revision": deleted.deleted_at,
        "value_size": deleted.size,
        "evidence": deleted.evidence.name(),
        "found_in": deleted.source.name(),
        "other_revisions": deleted.older,
    });
    let id = objects.object(deleted.key);
    let name = match std::str::from_utf8(key) {
        Ok(text) => ("key", json!(text)),
        Err(_) => {
            use base64::Engine as _;
            ("key_base64", json!(base64::engine::general_purpose::STANDARD.encode(key)))
        }
    };
    if let Some(object) = object.as_object_mut() {
        object.insert(name.0.to_owned(), name.1);
        object.insert("kind".to_owned(), json!(id.map(|id| id.resource.kind.as_ref())));
        object.insert("namespace".to_owned(), json!(id.and_then(|id| id.namespace)));
        object.insert("name".to_owned(), json!(id.map(|id| id.name)));
    }
    object
}
