//! An object that is stored as JSON prints as kubectl prints it, as JSON and as YAML: thousands of objects that the genuine
//! Go code printed in both forms.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixtures;
mod vectors;

use kinescope::kube::json::{CompactJson, KubectlJson, Reader, ValueSink, push_value};
use kinescope::kube::yaml::YamlSink;
use vectors::{Printed, Vectors};

fn yaml_of(json: &[u8]) -> String {
    let mut out = Vec::new();
    let mut sink = YamlSink::new(&mut out);
    Reader::new().read(json, &mut sink).unwrap();
    sink.finish();
    String::from_utf8(out).unwrap()
}

fn json_of(json: &[u8]) -> String {
    let mut out = Vec::new();
    let mut sink = KubectlJson::new(&mut out);
    Reader::new().read(json, &mut sink).unwrap();
    sink.finish();
    String::from_utf8(out).unwrap()
}

fn compact_of(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Reader::new().read(json, &mut CompactJson::new(&mut out)).unwrap();
    out
}

fn all_print_alike(vectors: Vectors) {
    let printed = vectors.printed();
    let mut different = Vec::new();
    for Printed { name, json, yaml } in &printed {
        if yaml_of(json.as_bytes()) != *yaml {
            different.push(format!("{name}: {}", vectors::first_difference(&yaml_of(json.as_bytes()), yaml)));
        }
        assert_eq!(json_of(json.as_bytes()), *json, "{name}");
        assert_eq!(json_of(&compact_of(json.as_bytes())), *json, "{name}, by way of JSON without white space");
    }
    assert!(different.is_empty(), "{} of {}: {}", different.len(), printed.len(), different[0]);
}

#[test]
fn objects_of_every_kind_print_as_kubectl_prints_them() {
    all_print_alike(Vectors::OmitRules);
}

#[test]
fn awkward_strings_print_as_kubectl_prints_them() {
    all_print_alike(Vectors::YamlStrings);
}

#[test]
fn a_tree_prints_like_the_text_it_was_made_of() {
    for Printed { name, json, yaml } in Vectors::YamlStrings.printed() {
        let mut sink = ValueSink::new();
        Reader::new().read(json.as_bytes(), &mut sink).unwrap();
        let tree = sink.finish();
        assert_eq!(tree, serde_json::from_str::<serde_json::Value>(&json).unwrap(), "{name}");
        let mut out = Vec::new();
        let mut sink = YamlSink::new(&mut out);
        push_value(&tree, &mut sink);
        sink.finish();
        assert_eq!(String::from_utf8(out).unwrap(), yaml, "{name}");
        let mut out = Vec::new();
        let mut sink = KubectlJson::new(&mut out);
        push_value(&tree, &mut sink);
        sink.finish();
        assert_eq!(String::from_utf8(out).unwrap(), json, "{name}");
    }
}

/// Strings made of everything that means something in YAML, in every place, as sigs.k8s.io/yaml prints them.
#[test]
fn strings_in_every_place_print_as_kubectl_prints_them() {
    let (mut same, mut refused) = (0, 0);
    for line in vectors::lines("yaml-texts.jsonl.gz") {
        let json = line["json"].as_str().unwrap();
        let mut out = Vec::new();
        let mut sink = YamlSink::new(&mut out);
        Reader::new().read(json.as_bytes(), &mut sink).unwrap();
        let is_refused = sink.refused_by_kubectl() > 0;
        sink.finish();
        match line["yaml"].as_str() {
            Some(yaml) if !is_refused => {
                assert_eq!(String::from_utf8(out).unwrap(), yaml, "{json}");
                same += 1;
            }
            // kubectl makes a space of the character NEL.
            Some(_) => assert!(json.contains('\u{85}'), "{json}"),
            None => {
                assert!(is_refused, "{json}");
                refused += 1;
            }
        }
    }
    assert!(same > 1500 && refused > 500, "{same} {refused}");
}
