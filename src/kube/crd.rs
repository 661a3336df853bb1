//! CustomResourceDefinitions: stored as `apiextensions.k8s.io/v1beta1` to this day, shown as `v1`.
//!
//! The rules are those of apiextensions-apiserver 0.35 (pkg/apis/apiextensions/v1/conversion.go and the defaults.go of
//! v1beta1 and v1), which every reading API server applies.

use serde_json::{Map, Value, json};

use super::json::{CompactJson, push_value};

const STORED: &str = "apiextensions.k8s.io/v1beta1";
const SERVED: &str = "apiextensions.k8s.io/v1";
const KIND: &str = "CustomResourceDefinition";
/// What v1beta1 has for all versions together, and its name in a version of v1.
const PER_VERSION: [(&str, &str); 4] = [
    ("subresources", "subresources"),
    ("validation", "schema"),
    ("additionalPrinterColumns", "additionalPrinterColumns"),
    ("selectableFields", "selectableFields"),
];

/// Why an object cannot be converted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrdError {
    /// Another kind, or another version.
    #[error("this is {found}, and not {expected}")]
    OtherKind {
        /// apiVersion and kind.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// It has no `spec`, or one that is no object.
    #[error("the CustomResourceDefinition has no spec")]
    NoSpec,
}

type Members = Map<String, Value>;

/// Whether a stored object is a CustomResourceDefinition that has to be converted before it is shown.
pub fn is_stored_form(object: &Value) -> bool {
    object["kind"] == KIND && object["apiVersion"] == STORED
}

/// Makes of the stored object what the server shows as v1.
///
/// # Errors
/// When the object is no CustomResourceDefinition of v1beta1.
pub fn to_served(mut object: Value) -> Result<Value, CrdError> {
    let spec = spec_of(&mut object, STORED, "a CustomResourceDefinition of apiextensions.k8s.io/v1beta1")?;
    default_names(spec);
    if is_empty(spec.get("scope")) {
        spec.insert("scope".to_owned(), json!("Namespaced"));
    }
    let version = spec.remove("version").filter(|version| !is_empty(Some(version)));
    if let Some(name) = version
        && is_empty(spec.get("versions"))
    {
        spec.insert("versions".to_owned(), json!([{"name": name, "served": true, "storage": true}]));
    }
    for (stored, served) in PER_VERSION {
        if let Some(shared) = spec.remove(stored).filter(|shared| !shared.is_null()) {
            for version in versions_of(spec) {
                version.insert(served.to_owned(), shared.clone());
            }
        }
    }
    for version in versions_of(spec) {
        rename_paths(version, "JSONPath", "jsonPath");
    }
    serve_conversion(spec);
    if spec.get("preserveUnknownFields") == Some(&Value::Bool(false)) {
        spec.remove("preserveUnknownFields");
    } else {
        // v1beta1 keeps unknown fields unless told otherwise.
        spec.insert("preserveUnknownFields".to_owned(), Value::Bool(true));
    }
    finish(object, SERVED)
}

/// Makes of a CustomResourceDefinition of v1 what the server would store.
///
/// # Errors
/// When the object is no CustomResourceDefinition of v1.
pub fn to_stored(mut object: Value) -> Result<Value, CrdError> {
    let spec = spec_of(&mut object, SERVED, "a CustomResourceDefinition of apiextensions.k8s.io/v1")?;
    default_names(spec);
    for version in versions_of(spec) {
        rename_paths(version, "jsonPath", "JSONPath");
    }
    let first = versions_of(spec).next().and_then(|version| version.get("name")).cloned();
    if let Some(name) = first {
        spec.insert("version".to_owned(), name);
    }
    for (stored, served) in PER_VERSION {
        hoist(spec, stored, served);
    }
    store_conversion(spec);
    spec.entry("preserveUnknownFields").or_insert(Value::Bool(false));
    finish(object, STORED)
}

/// The bytes of a value of the datastore: JSON without white space and a line feed. The server writes the members in the
/// order of its own types, and reads them in any order; here they are sorted.
pub fn stored_bytes(object: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    let mut sink = CompactJson::new(&mut out);
    push_value(object, &mut sink);
    sink.finish();
    out
}

fn spec_of<'a>(
    object: &'a mut Value,
    api_version: &'static str,
    expected: &'static str,
) -> Result<&'a mut Members, CrdError> {
    if object["kind"] != KIND || object["apiVersion"] != api_version {
        let shown = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        let found = format!("{} {}", shown(&object["apiVersion"]), shown(&object["kind"]));
        return Err(CrdError::OtherKind { found, expected });
    }
    object.get_mut("spec").and_then(Value::as_object_mut).ok_or(CrdError::NoSpec)
}

fn finish(mut object: Value, api_version: &str) -> Result<Value, CrdError> {
    default_stored_versions(&mut object);
    if let Some(members) = object.as_object_mut() {
        members.insert("apiVersion".to_owned(), json!(api_version));
    }
    Ok(object)
}

/// Absent, `null`, or nothing in it: Go makes no difference between these.
fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    }
}

fn versions_of(spec: &mut Members) -> impl Iterator<Item = &mut Members> {
    spec.get_mut("versions").and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

/// Both versions fill in the names that follow from the kind.
fn default_names(spec: &mut Members) {
    let Some(names) = spec.get_mut("names").and_then(Value::as_object_mut) else { return };
    let kind = names.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    if kind.is_empty() {
        return;
    }
    if is_empty(names.get("singular")) {
        names.insert("singular".to_owned(), json!(kind.to_lowercase()));
    }
    if is_empty(names.get("listKind")) {
        names.insert("listKind".to_owned(), json!(format!("{kind}List")));
    }
}

fn default_stored_versions(object: &mut Value) {
    if !is_empty(object.pointer("/status/storedVersions")) {
        return;
    }
    let versions = object.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten();
    let storage =
        versions.into_iter().find(|version| version["storage"] == true).map(|version| version["name"].clone());
    let status = object.get_mut("status").and_then(Value::as_object_mut);
    if let (Some(name), Some(status)) = (storage, status) {
        status.insert("storedVersions".to_owned(), json!([name]));
    }
}

fn rename_paths(version: &mut Members, from: &str, to: &str) {
    let columns = version.get_mut("additionalPrinterColumns").and_then(Value::as_array_mut);
    for column in columns.into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(path) = column.remove(from) {
            column.insert(to.to_owned(), path);
        }
    }
}

/// Moves what all versions have in common to the spec.
fn hoist(spec: &mut Members, stored: &str, served: &str) {
    let first = versions_of(spec).next().map(|version| version.get(served).cloned());
    let Some(first) = first else { return };
    let is_same = |other: Option<&Value>| first.as_ref() == other || is_empty(first.as_ref()) && is_empty(other);
    if !versions_of(spec).all(|version| is_same(version.get(served))) {
        return;
    }
    for version in versions_of(spec) {
        version.remove(served);
    }
    if let Some(shared) = first.filter(|shared| !is_empty(Some(shared))) {
        spec.insert(stored.to_owned(), shared);
    }
}

fn serve_conversion(spec: &mut Members) {
    let conversion = spec.entry("conversion").or_insert(Value::Null);
    if conversion.is_null() {
        *conversion = json!({"strategy": "None"});
    }
    let Some(conversion) = conversion.as_object_mut() else { return };
    let mut config = conversion.remove("webhookClientConfig").filter(|config| !config.is_null());
    let mut reviews = conversion.remove("conversionReviewVersions").filter(|reviews| !is_empty(Some(reviews)));
    if reviews.is_none() && conversion.get("strategy").is_some_and(|strategy| strategy == "Webhook") {
        reviews = Some(json!(["v1beta1"]));
    }
    default_port(config.as_mut());
    if config.is_some() || reviews.is_some() {
        let mut webhook = Members::new();
        webhook.extend(config.map(|config| ("clientConfig".to_owned(), config)));
        webhook.insert("conversionReviewVersions".to_owned(), reviews.unwrap_or_default());
        conversion.insert("webhook".to_owned(), Value::Object(webhook));
    }
}

fn store_conversion(spec: &mut Members) {
    let conversion = spec.entry("conversion").or_insert(Value::Null);
    if conversion.is_null() {
        *conversion = json!({"strategy": "None"});
    }
    let Some(conversion) = conversion.as_object_mut() else { return };
    let Some(Value::Object(mut webhook)) = conversion.remove("webhook") else { return };
    let mut config = webhook.remove("clientConfig").filter(|config| !config.is_null());
    default_port(config.as_mut());
    conversion.extend(config.map(|config| ("webhookClientConfig".to_owned(), config)));
    let reviews = webhook.remove("conversionReviewVersions").filter(|reviews| !is_empty(Some(reviews)));
    conversion.extend(reviews.map(|reviews| ("conversionReviewVersions".to_owned(), reviews)));
}

fn default_port(config: Option<&mut Value>) {
    let service = config.and_then(|config| config.get_mut("service")).and_then(Value::as_object_mut);
    if let Some(service) = service
        && is_empty(service.get("port"))
    {
        service.insert("port".to_owned(), json!(443));
    }
}
