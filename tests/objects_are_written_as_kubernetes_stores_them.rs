//! What an object was decoded to becomes the bytes again that Kubernetes' own encoder makes of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod fixtures;
mod objects;

use kinescope::kube::decode::{Options, decode};
use kinescope::kube::encode::{EncodeError, encode};
use kinescope::kube::minor::Minor;
use objects::{Tree, protobuf};
use serde_json::{Value, json};

/// Every vector of a file, decoded and written again.
fn assert_written(file: &str) {
    let minor = Minor::new(35);
    for vector in objects::vectors(file) {
        let mut tree = Tree::default();
        decode(&protobuf(&vector.stored), &Options::as_stored(minor), &mut tree).unwrap();
        let written = encode(&tree.value.unwrap(), minor).unwrap();
        assert_eq!(written.unknown, Vec::<String>::new(), "{}", vector.name);
        assert!(written.bytes == vector.reencoded, "{}", vector.name);
    }
}

#[test]
fn objects_with_fields_left_out_are_written_as_kubernetes_does() {
    assert_written("omit-rules-v1.35.jsonl.gz");
}

#[test]
fn objects_with_awkward_strings_are_written_as_kubernetes_does() {
    assert_written("yaml-strings-v1.35.jsonl.gz");
}

#[test]
fn the_fixtures_of_kubernetes_itself_are_written_as_they_are_stored() {
    let mut written = 0;
    for fixture in objects::kubernetes_fixtures() {
        if fixture.name == "core.v1.WatchEvent" {
            continue;
        }
        let encoded = encode(&fixture.json, Minor::new(fixture.minor)).unwrap();
        assert_eq!(encoded.unknown, Vec::<String>::new(), "{}", fixture.name);
        assert!(encoded.bytes == fixture.stored, "{} of 1.{}", fixture.name, fixture.minor);
        written += 1;
    }
    assert_eq!(written, 720);
}

fn pod(spec: Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "a" }, "spec": spec })
}

#[test]
fn fields_that_the_release_does_not_know_are_named_with_their_path() {
    let spec = json!({ "containers": [{ "name": "a" }, { "imag": "b", "env": null }], "hostname": "c", "a.b": 1 });
    let written = encode(&pod(spec), Minor::NEWEST).unwrap();
    assert_eq!(written.unknown, ["spec.a.b", "spec.containers[1].imag"]);

    // Pod-level resources came with 1.32.
    let resources = pod(json!({ "resources": {} }));
    assert_eq!(encode(&resources, Minor::new(31)).unwrap().unknown, ["spec.resources"]);
    assert_eq!(encode(&resources, Minor::new(32)).unwrap().unknown, Vec::<String>::new());
}

#[test]
fn a_value_of_a_wrong_type_is_named_with_its_path() {
    let wrong = |spec: Value| match encode(&pod(spec), Minor::NEWEST) {
        Err(EncodeError::WrongType { path, found, .. }) => (path, found),
        other => panic!("{other:?}"),
    };
    let expected = |path: &str, found: &str| (path.to_owned(), found.to_owned());
    assert_eq!(wrong(json!({ "priority": "1" })), expected("spec.priority", "\"1\""));
    assert_eq!(wrong(json!({ "priority": 1.5 })), expected("spec.priority", "1.5"));
    assert_eq!(wrong(json!({ "priority": 3_000_000_000_i64 })), expected("spec.priority", "3000000000"));
    assert_eq!(wrong(json!({ "containers": {} })), expected("spec.containers", "{}"));
    assert_eq!(wrong(json!({ "nodeSelector": { "a": 1 } })), expected("spec.nodeSelector.a", "1"));
    let probe = json!({ "containers": [{ "livenessProbe": { "httpGet": { "port": true } } }] });
    assert_eq!(wrong(probe), expected("spec.containers[0].livenessProbe.httpGet.port", "true"));
}

#[test]
fn what_is_not_stored_in_protobuf_is_refused() {
    let resource = json!({ "apiVersion": "example.com/v1", "kind": "Thing" });
    assert!(matches!(encode(&resource, Minor::NEWEST), Err(EncodeError::UnknownKind { .. })));
    for nothing in [json!({ "kind": "Pod" }), json!({ "apiVersion": "v1" }), json!([]), json!(null)] {
        assert!(matches!(encode(&nothing, Minor::NEWEST), Err(EncodeError::NoObject(_))), "{nothing}");
    }
}
