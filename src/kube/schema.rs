//! The schema of a custom resource: which fields of an object it does not know, and a server would drop.
//!
//! The rules are those of apiextensions-apiserver 0.35 (pkg/apiserver/schema/pruning/algorithm.go). Types and values are
//! not looked at.

use serde_json::{Map, Value};

/// What a place in an object is to the schema.
#[derive(Clone, Copy)]
enum Known<'a> {
    /// Described by this part of the schema.
    By(&'a Value),
    /// Not described at all: an object here may have no members.
    Not,
}

/// Paths of the fields that the schema of a version does not know. `definition` is the CustomResourceDefinition as a server
/// shows it; one without a schema, or that keeps unknown fields, knows everything.
pub fn unknown_fields(object: &Value, definition: &Value, version: &str) -> Vec<String> {
    if definition.pointer("/spec/preserveUnknownFields") == Some(&Value::Bool(true)) {
        return Vec::new();
    }
    let versions =
        definition.pointer("/spec/versions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let schema = versions
        .iter()
        .find(|own| own.get("name").and_then(Value::as_str) == Some(version))
        .and_then(|own| own.pointer("/schema/openAPIV3Schema"));
    let Some(schema) = schema else { return Vec::new() };
    let mut unknown = Vec::new();
    // A stack of its own: an object may be deeper than a thread's stack allows.
    let mut open = vec![(String::new(), object, Known::By(schema), true)];
    while let Some((path, value, known, is_object)) = open.pop() {
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    let is_meta = is_object && matches!(key.as_str(), "apiVersion" | "kind" | "metadata");
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    match below(known, key) {
                        _ if is_meta => {}
                        Below::Known(known) => open.push((path, member, known, is_embedded(known))),
                        Below::Kept => {}
                        Below::Unknown => unknown.push(path),
                    }
                }
            }
            Value::Array(items) => {
                let known = match known {
                    Known::By(schema) => match schema.get("items") {
                        Some(items) => Known::By(items),
                        None if keeps_unknown(schema) => continue,
                        None => Known::Not,
                    },
                    Known::Not => Known::Not,
                };
                let items = items.iter().enumerate();
                open.extend(items.map(|(at, item)| (format!("{path}[{at}]"), item, known, is_embedded(known))));
            }
            _ => {}
        }
    }
    unknown.sort();
    unknown
}

enum Below<'a> {
    Known(Known<'a>),
    /// Unknown, and kept with all that is in it.
    Kept,
    Unknown,
}

fn below<'a>(known: Known<'a>, key: &str) -> Below<'a> {
    let Known::By(schema) = known else { return Below::Unknown };
    let properties = schema.get("properties").and_then(Value::as_object);
    if let Some(property) = properties.and_then(|properties: &Map<String, Value>| properties.get(key)) {
        return Below::Known(Known::By(property));
    }
    match schema.get("additionalProperties") {
        Some(more @ Value::Object(_)) => Below::Known(Known::By(more)),
        _ if keeps_unknown(schema) => Below::Kept,
        Some(Value::Bool(true)) => Below::Known(Known::Not),
        _ => Below::Unknown,
    }
}

fn keeps_unknown(schema: &Value) -> bool {
    schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true))
}

/// Whether a whole object of Kubernetes stands here, with its kind and metadata.
fn is_embedded(known: Known<'_>) -> bool {
    matches!(known, Known::By(schema) if schema.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn unknown(schema: Value, object: Value) -> Vec<String> {
        let version = json!({"name": "v1", "schema": {"openAPIV3Schema": schema}});
        unknown_fields(&object, &json!({"spec": {"versions": [version]}}), "v1")
    }

    #[test]
    fn fields_outside_of_the_schema_are_named() {
        let schema = json!({"properties": {"spec": {"properties": {
            "size": {"type": "integer"},
            "parts": {"items": {"properties": {"name": {}}}},
            "labels": {"additionalProperties": {"type": "string"}},
            "free": {"x-kubernetes-preserve-unknown-fields": true, "properties": {"in": {"properties": {}}}},
            "inner": {"x-kubernetes-embedded-resource": true, "properties": {"spec": {}}},
        }}}});
        let object = json!({"apiVersion": "a/v1", "kind": "A", "metadata": {"name": "x"}, "spec": {
            "size": 1, "sise": 2, "labels": {"a": "b"}, "parts": [{"name": "a"}, {"nme": "b"}],
            "free": {"any": {"thing": 1}, "in": {"no": 1}},
            "inner": {"apiVersion": "v1", "kind": "B", "metadata": {}, "data": {}},
        }, "stat": {}});
        let found = unknown(schema, object);
        assert_eq!(found, ["spec.free.in.no", "spec.inner.data", "spec.parts[1].nme", "spec.sise", "stat"]);
    }

    #[test]
    fn without_a_schema_everything_is_known() {
        assert_eq!(unknown_fields(&json!({"a": 1}), &json!({"spec": {"versions": [{"name": "v1"}]}}), "v1"), [""; 0]);
        let kept = json!({"x-kubernetes-preserve-unknown-fields": true});
        assert_eq!(unknown(kept, json!({"a": {"b": [{"c": 1}]}})), [""; 0]);
        assert_eq!(unknown(json!({"properties": {"a": {}}}), json!({"a": {"b": 1}})), ["a.b"]);
    }
}
