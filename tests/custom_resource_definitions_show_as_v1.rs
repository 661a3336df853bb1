//! A CustomResourceDefinition, stored as v1beta1, shows as the v1 that kubectl prints, and can be stored again.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixtures;
mod vectors;

use std::collections::HashMap;

use kinescope::kube::crd;
use kinescope::kube::json::{Reader, ValueSink, push_value};
use kinescope::kube::yaml::YamlSink;
use serde_json::{Value, json};

fn tree(text: &[u8]) -> Value {
    let mut sink = ValueSink::new();
    Reader::new().read(text, &mut sink).unwrap();
    sink.finish()
}

/// The text, and how many strings kubectl prints otherwise.
fn printed(value: &Value) -> (String, usize) {
    let mut out = Vec::new();
    let mut sink = YamlSink::new(&mut out);
    push_value(value, &mut sink);
    let refused = sink.refused_by_kubectl();
    sink.finish();
    (String::from_utf8(out).unwrap(), refused)
}

fn yaml_of(value: &Value) -> String {
    printed(value).0
}

#[test]
fn definitions_convert_as_the_server_converts_them() {
    let mut count = 0;
    for line in vectors::lines("crd-stored-vs-served.jsonl.gz") {
        let name = line["name"].as_str().unwrap();
        let stored = tree(line["stored"].as_str().unwrap().as_bytes());
        let served = tree(line["served"].as_str().unwrap().as_bytes());
        assert!(crd::is_stored_form(&stored) && !crd::is_stored_form(&served), "{name}");
        let ours = crd::to_served(stored.clone()).unwrap();
        assert!(ours == served, "{name}: {}", vectors::first_difference(&yaml_of(&ours), &yaml_of(&served)));
        let back = crd::to_stored(served).unwrap();
        assert!(back == stored, "{name}: {}", vectors::first_difference(&yaml_of(&back), &yaml_of(&stored)));
        assert_eq!(tree(&crd::stored_bytes(&back)), stored, "{name}");
        count += 1;
    }
    assert_eq!(count, 89);
}

/// Values of a store by their revision.
fn values_of(archive: &str) -> HashMap<i64, Vec<u8>> {
    let listing = fixtures::json(&fixtures::unpacked(archive).join("final.listing.json"));
    let values = listing["kvs"].as_array().unwrap().iter();
    values.map(|kv| (kv["mod_revision"].as_i64().unwrap(), fixtures::base64(&kv["value"]))).collect()
}

#[test]
fn everything_a_real_cluster_stores_as_json_prints_as_kubectl_printed_it() {
    for archive in ["etcd-3.5", "etcd-3.6", "kine-0.11", "kine-0.16"] {
        let values = values_of(archive);
        let mut seen: HashMap<String, usize> = HashMap::new();
        for object in fixtures::json_lines(&fixtures::unpacked(archive).join("kubectl-yaml.jsonl")) {
            let yaml = object["yaml"].as_str().unwrap();
            // Of several, the last one is that of the object's own metadata.
            let mut versions =
                yaml.lines().filter_map(|line| line.strip_prefix("  resourceVersion: \"")?.strip_suffix('"'));
            let Some(revision) = versions.next_back() else { continue };
            let Some(value) = values.get(&revision.parse().unwrap()).filter(|value| value.starts_with(b"{")) else {
                continue;
            };
            let mut stored = tree(value);
            if crd::is_stored_form(&stored) {
                stored = crd::to_served(stored).unwrap();
            }
            stored["metadata"]["resourceVersion"] = json!(revision);
            let (mut ours, refused) = printed(&stored);
            if refused > 0 {
                // kubectl prints a space instead of the character NEL.
                assert!(ours.contains("\\N") && !yaml.contains("\\N"), "{archive} {}", object["name"]);
                ours = yaml_of(&serde_json::from_str(&stored.to_string().replace('\u{85}', " ")).unwrap());
            }
            let difference = vectors::first_difference(&ours, yaml);
            assert!(ours == yaml, "{archive} {}: {difference}", object["name"]);
            *seen.entry(object["resource"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        let expected = [
            ("customresourcedefinitions.apiextensions.k8s.io", 4),
            ("apiservices.apiregistration.k8s.io", 25),
            ("widgets.fixtures.example.com", 3),
            ("addons.k3s.cattle.io", 3),
        ];
        for (kind, count) in expected {
            assert_eq!(seen.get(kind), Some(&count), "{archive}: {seen:?}");
        }
    }
}

#[test]
fn other_kinds_are_not_converted() {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {}});
    assert!(crd::to_served(pod.clone()).unwrap_err().to_string().contains("this is v1 Pod"));
    assert!(crd::to_stored(pod).is_err());
    let headless = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"});
    assert_eq!(crd::to_stored(headless), Err(crd::CrdError::NoSpec));
}
