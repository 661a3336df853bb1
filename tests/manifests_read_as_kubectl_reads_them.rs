//! What kubectl prints as YAML reads back as what it is, and manifests mean what they mean to kubectl, which speaks YAML 1.1.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixtures;
mod vectors;

use kinescope::kube::json::push_value;
use kinescope::kube::yaml::{YamlSink, read_manifest};
use serde_json::Value;
use vectors::{Printed, Vectors};

fn yaml_of(value: &Value) -> String {
    let mut out = Vec::new();
    let mut sink = YamlSink::new(&mut out);
    push_value(value, &mut sink);
    sink.finish();
    String::from_utf8(out).unwrap()
}

/// The one document of a text.
fn read(yaml: &str) -> Result<Value, String> {
    let mut documents = read_manifest(yaml.as_bytes()).map_err(|error| error.to_string())?;
    assert_eq!(documents.len(), 1, "{yaml}");
    Ok(documents.remove(0).value)
}

fn all_read_alike(vectors: Vectors) {
    let printed = vectors.printed();
    let mut different = Vec::new();
    for Printed { name, json, yaml } in &printed {
        let expected: Value = serde_json::from_str(json).unwrap();
        match read(yaml) {
            Ok(value) if value == expected => {}
            Ok(value) => different.push(format!("{name}: {value}\n instead of {expected}\n{yaml}")),
            Err(error) => different.push(format!("{name}: {error}\n{yaml}")),
        }
    }
    assert!(different.is_empty(), "{} of {}: {}", different.len(), printed.len(), different[0]);
}

#[test]
fn objects_of_every_kind_read_back() {
    all_read_alike(Vectors::OmitRules);
}

#[test]
fn awkward_strings_read_back() {
    all_read_alike(Vectors::YamlStrings);
}

#[test]
fn what_kubectl_printed_of_real_clusters_reads_back_and_prints_the_same() {
    for archive in ["etcd-3.5", "etcd-3.6", "kine-0.11", "kine-0.16"] {
        let printed = fixtures::json_lines(&fixtures::unpacked(archive).join("kubectl-yaml.jsonl"));
        assert!(printed.len() > 400, "{archive}");
        // Events that expired while kubectl listed them are empty.
        for object in printed.iter().filter(|object| object["yaml"] != "") {
            let yaml = object["yaml"].as_str().unwrap();
            assert_eq!(yaml_of(&read(yaml).unwrap()), yaml, "{archive} {}", object["name"]);
        }
    }
}
