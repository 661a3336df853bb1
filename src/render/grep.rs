//! Lines that `grep` found.

use serde_json::{Map, Value, json};

use super::keys::put_key;
use super::text;
use crate::model::{Change, KeyId};
use crate::ops::grep::{Match, Part};
use crate::ops::objects::Objects;

/// An object as arguments of `kinescope get` or kubectl name it, `deployment.apps/web -n shop`; a key that is none as it is.
pub fn grep_name_text(objects: &Objects<'_>, key: KeyId) -> String {
    let Some(id) = objects.object(key) else { return text::key(objects.history().keys().get(key)) };
    let namespace = id.namespace.map_or(String::new(), |namespace| format!(" -n {namespace}"));
    format!("{}/{}{namespace}", id.resource.kind_name(), id.name)
}

/// A line that matches: the object, the revision, what the line stands in, and the line.
pub fn grep_text(objects: &Objects<'_>, change: &Change, found: &Match) -> String {
    let name = grep_name_text(objects, change.key);
    let revision = change.revision.main;
    let line = match found.part {
        Part::Key if !change.is_put() => format!("{} (deleted)", text::key(objects.history().keys().get(change.key))),
        Part::Key => text::key(objects.history().keys().get(change.key)),
        Part::Decoded => format!("{} (decoded): {}", found.place.inside, found.text),
        Part::Value if found.place.inside.is_empty() => found.text.clone(),
        Part::Value => format!("{}: {}", found.place.inside, found.text.trim_start_matches(' ')),
    };
    format!("{name} @{revision}: {line}")
}

/// How many lines of an object match.
pub fn grep_count_text(objects: &Objects<'_>, key: KeyId, count: usize) -> String {
    format!("{}: {count}", grep_name_text(objects, key))
}

fn name_json(objects: &Objects<'_>, key: KeyId) -> Map<String, Value> {
    let mut object = Map::new();
    put_key(&mut object, objects.history().keys().get(key));
    let id = objects.object(key);
    object.insert("kind".to_owned(), json!(id.map(|id| id.resource.kind.as_ref())));
    object.insert("group".to_owned(), json!(id.map(|id| id.resource.group.as_ref())));
    object.insert("namespace".to_owned(), json!(id.and_then(|id| id.namespace)));
    object.insert("name".to_owned(), json!(id.map(|id| id.name)));
    object
}

/// The line of `grep --json -l`.
pub fn grep_name_json(objects: &Objects<'_>, key: KeyId) -> Value {
    Value::Object(name_json(objects, key))
}

/// The line of `grep --json -c`.
pub fn grep_count_json(objects: &Objects<'_>, key: KeyId, count: usize) -> Value {
    let mut object = name_json(objects, key);
    object.insert("count".to_owned(), json!(count));
    Value::Object(object)
}

/// The line of `grep --json`.
pub fn grep_json(objects: &Objects<'_>, change: &Change, found: &Match) -> Value {
    let mut object = name_json(objects, change.key);
    let (part, line) = match found.part {
        Part::Key => ("key", None),
        Part::Value => ("value", Some(found.line)),
        Part::Decoded => ("decoded", Some(found.line)),
    };
    let path = Some(&found.place.path).filter(|path| !path.is_empty());
    object.insert("revision".to_owned(), json!(change.revision.main));
    object.insert("op".to_owned(), json!(change.op.name()));
    object.insert("in".to_owned(), json!(part));
    object.insert("line".to_owned(), json!(line));
    object.insert("path".to_owned(), json!(path));
    object.insert("text".to_owned(), json!(found.text));
    Value::Object(object)
}
