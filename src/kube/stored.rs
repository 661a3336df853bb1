//! An object becomes the value that a server would store: in which form, in which version, and which of its fields would be
//! lost on the way.

use serde_json::{Map, Value, json};

use super::crd::{self, CrdError};
use super::encode::{self, EncodeError};
use super::minor::Minor;
use super::resources::{Origin, Resource};
use super::schema;
use super::sink::KeyOrder;
use super::table::Types;

/// How a server stores the objects of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Protobuf, as nearly all that is built in.
    Protobuf,
    /// JSON with a line feed: custom resources, and APIServices (kube-aggregator encodes with its LegacyCodec).
    Json,
    /// CustomResourceDefinitions: JSON of v1beta1, whatever version they were written in.
    Definition,
}

impl Form {
    /// The form of a resource.
    pub fn of(resource: &Resource) -> Self {
        match (resource.origin, resource.group.as_ref()) {
            (Origin::Custom, _) | (_, "apiregistration.k8s.io") => Self::Json,
            (_, "apiextensions.k8s.io") => Self::Definition,
            _ => Self::Protobuf,
        }
    }
}

/// A value to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The plain bytes.
    pub bytes: Vec<u8>,
    /// Fields that the release or the schema does not know: `spec.containers[0].imag`. They may not be in the bytes.
    pub unknown: Vec<String>,
}

/// Why an object cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A field has a value that its type does not allow.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A CustomResourceDefinition that is none.
    #[error(transparent)]
    Definition(#[from] CrdError),
}

/// The apiVersion in which a release stores new objects of a resource. For custom resources their definition says it; of
/// what is built in a server stores the version it prefers among those that the release before it could read too, so that
/// an upgrade can be taken back (apiserver pkg/server/storage/resource_encoding_config.go).
pub fn stored_version(resource: &Resource, minor: Minor, definition: Option<&Value>) -> Option<String> {
    let with_group = |version: &str| match resource.group.as_ref() {
        "" => version.to_owned(),
        group => format!("{group}/{version}"),
    };
    if resource.origin == Origin::Custom {
        let versions = definition?.pointer("/spec/versions")?.as_array()?;
        let stored = versions.iter().find(|version| version.get("storage") == Some(&Value::Bool(true)))?;
        return Some(with_group(stored.get("name")?.as_str()?));
    }
    let before = Minor::new(minor.number().saturating_sub(1)).nearest_known();
    let has = |minor: Minor, version: &str| Types::of(minor, KeyOrder::Bytes).has_kind(version, &resource.kind);
    let versions: Vec<String> = resource.versions.iter().map(|version| with_group(&version.name)).collect();
    let settled = versions.iter().find(|version| has(minor, version) && has(before, version));
    settled.or_else(|| versions.iter().find(|version| has(minor, version))).cloned()
}

/// Makes the value that a release stores for an object. For custom resources `definition` is their definition.
///
/// # Errors
/// [`StoreError`].
pub fn to_stored(
    object: &Value,
    resource: &Resource,
    minor: Minor,
    definition: Option<&Value>,
) -> Result<Stored, StoreError> {
    if resource.origin == Origin::Custom {
        let api_version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        let version = api_version.rsplit_once('/').map_or(api_version, |(_, version)| version);
        let mut unknown = unknown_metadata(object, minor)?;
        unknown.extend(definition.map(|crd| schema::unknown_fields(object, crd, version)).unwrap_or_default());
        return Ok(Stored { bytes: crd::stored_bytes(object), unknown });
    }
    let encoded = encode::encode(object, minor)?;
    let bytes = match Form::of(resource) {
        Form::Protobuf => encoded.bytes,
        Form::Json => crd::stored_bytes(object),
        Form::Definition => crd::stored_bytes(&crd::to_stored(object.clone())?),
    };
    Ok(Stored { bytes, unknown: encoded.unknown })
}

/// The metadata of every object is of one type; a ConfigMap has nothing else that could be wrong.
fn unknown_metadata(object: &Value, minor: Minor) -> Result<Vec<String>, EncodeError> {
    let metadata = object.get("metadata").cloned().unwrap_or_default();
    Ok(encode::encode(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}), minor)?.unknown)
}

/// Does what a server does with a Secret before it stores it: `stringData` goes into `data`, over what is there under the
/// same key (kubernetes pkg/apis/core/v1/conversion.go). What is no string stays where it is.
pub fn merge_string_data(secret: &mut Map<String, Value>) {
    use base64::Engine as _;
    let Some(Value::Object(texts)) = secret.get("stringData") else { return };
    if !texts.values().all(Value::is_string) {
        return;
    }
    let encode =
        |text: &Value| base64::engine::general_purpose::STANDARD.encode(text.as_str().unwrap_or_default()).into();
    let merged: Vec<(String, Value)> = texts.iter().map(|(key, text)| (key.clone(), encode(text))).collect();
    secret.remove("stringData");
    if merged.is_empty() {
        return;
    }
    let data = secret.entry("data").or_insert(Value::Null);
    if data.is_null() {
        *data = Value::Object(Map::new());
    }
    if let Some(data) = data.as_object_mut() {
        data.extend(merged);
    }
}

/// Whether a server numbers the generations of these objects from 1 on: their strategies set it when they are created
/// (kubernetes pkg/registry, PrepareForCreate; for custom resources apiextensions-apiserver pkg/registry/customresource).
pub fn begins_generations(resource: &Resource) -> bool {
    const KINDS: [(&str, &str); 18] = [
        ("apps", "daemonsets"),
        ("apps", "deployments"),
        ("apps", "replicasets"),
        ("apps", "statefulsets"),
        ("", "replicationcontrollers"),
        ("batch", "jobs"),
        ("batch", "cronjobs"),
        ("discovery.k8s.io", "endpointslices"),
        ("networking.k8s.io", "ingresses"),
        ("networking.k8s.io", "ingressclasses"),
        ("networking.k8s.io", "networkpolicies"),
        ("policy", "poddisruptionbudgets"),
        ("scheduling.k8s.io", "priorityclasses"),
        ("flowcontrol.apiserver.k8s.io", "flowschemas"),
        ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations"),
        ("apiextensions.k8s.io", "customresourcedefinitions"),
        ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
        ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
    ];
    resource.origin == Origin::Custom || KINDS.contains(&(resource.group.as_ref(), resource.plural.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::super::resources::Registry;
    use super::*;

    /// As test/integration/etcd/data.go of the releases has it; what these store by default, and what only when told to.
    #[test]
    fn the_stored_version_is_the_one_that_the_release_before_could_read() {
        let registry = Registry::new([]);
        for (resource, minor, expected) in [
            ("deployments", 35, "apps/v1"),
            ("horizontalpodautoscalers", 35, "autoscaling/v2"),
            ("mutatingadmissionpolicies", 36, "admissionregistration.k8s.io/v1beta1"),
            ("leasecandidates", 36, "coordination.k8s.io/v1beta1"),
            ("devicetaintrules", 36, "resource.k8s.io/v1alpha3"),
            ("deviceclasses", 36, "resource.k8s.io/v1"),
            ("clustertrustbundles", 36, "certificates.k8s.io/v1beta1"),
            ("pods", 20, "v1"),
        ] {
            let resource = registry.find(resource).unwrap();
            assert_eq!(stored_version(resource, Minor::new(minor), None).as_deref(), Some(expected));
        }
    }

    #[test]
    fn strings_of_a_secret_go_over_its_data() {
        let mut secret = json!({"data": {"a": "b2xk", "b": "Yg=="}, "stringData": {"a": "new", "c": ""}});
        merge_string_data(secret.as_object_mut().unwrap());
        assert_eq!(secret, json!({"data": {"a": "bmV3", "b": "Yg==", "c": ""}}));
        let mut wrong = json!({"stringData": {"a": 1}});
        merge_string_data(wrong.as_object_mut().unwrap());
        assert_eq!(wrong, json!({"stringData": {"a": 1}}));
    }
}
