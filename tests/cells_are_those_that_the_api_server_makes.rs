//! Cells and columns of objects with all kinds of contents, against what the API server's own printers and kubectl's own
//! table printer made of them; label selectors and durations likewise.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixtures;

use std::collections::BTreeSet;
use std::io::Read;

use fixtures::testdata;
use kinescope::kube::columns::{JsonPath, Options, human_duration, table};
use kinescope::kube::resources::{Registry, Resource};
use kinescope::kube::selector::LabelSelector;
use kinescope::render::{table_text, tables_text};
use proptest::prelude::*;
use serde_json::{Value, json};

fn vectors(name: &str) -> String {
    let mut text = String::new();
    let file = std::fs::File::open(testdata().join("kubectl").join(name)).unwrap();
    zstd::Decoder::new(file).unwrap().read_to_string(&mut text).unwrap();
    text
}

/// The definition of a custom resource with these columns.
fn widget(columns: &Value) -> Value {
    json!({
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"plural": "widgets", "kind": "Widget"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": true, "storage": true, "additionalPrinterColumns": columns}],
        }
    })
}

fn text(resource: &Resource, objects: &[Value], options: &Options) -> String {
    let objects: Vec<&Value> = objects.iter().collect();
    table_text(&table(resource, &objects, options), true)
}

#[test]
fn every_printer_of_the_server_is_matched() {
    let mut kinds = BTreeSet::new();
    let mut tables = 0;
    let mut wrong = Vec::new();
    for line in vectors("tables-1.36.jsonl.zst").lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (group, kind) = (line["group"].as_str().unwrap(), line["kind"].as_str().unwrap());
        let crd = widget(&line["columns"]);
        let registry = Registry::new([&crd]);
        let resource = registry.of_kind(group, kind).unwrap_or_else(|| panic!("{group}/{kind}"));
        let objects = line["objects"].as_array().unwrap();
        let plain = Options { server_minor: 36, ..Options::at(line["now"].as_str().unwrap().parse().unwrap()) };
        let labels = vec!["app".to_owned(), "app.kubernetes.io/name".to_owned()];
        let wide =
            Options { wide: true, with_namespace: true, show_labels: true, label_columns: labels, ..plain.clone() };
        let with_kind = Options { wide: true, with_kind: true, ..plain.clone() };
        for (name, options) in [("plain", plain), ("wide", wide), ("with_kind", with_kind)] {
            if kind == "IPAddress" && name == "wide" {
                // The server sends a cell too many, and kubectl shows it as the first label.
                continue;
            }
            let expected = line[name].as_str().unwrap();
            let mut ours = text(resource, objects, &options);
            if name == "wide" && !resource.is_namespaced() {
                // kubectl knows that these have no namespace; the printer alone, which made the vectors, does not.
                let objects: Vec<Value> = objects.clone();
                ours = text(
                    &Resource { scope: kinescope::kube::resources::Scope::Namespaced, ..resource.clone() },
                    &objects,
                    &options,
                );
            }
            if ours != expected {
                wrong.push(format!("{kind} {name} {}\n{expected}---\n{ours}", line["columns"][0]["jsonPath"]));
            }
            tables += 1;
        }
        kinds.insert(kind.to_owned());
    }
    assert!(wrong.is_empty(), "{} of {tables} differ\n{}", wrong.len(), wrong[..wrong.len().min(12)].join("\n"));
    assert_eq!(kinds.len(), 63);
    assert_eq!(tables, 4036);
}

#[test]
fn durations_are_those_of_go() {
    let mut count = 0;
    for line in vectors("durations.tsv.zst").lines() {
        let (nanoseconds, expected) = line.split_once('\t').unwrap();
        assert_eq!(human_duration(nanoseconds.parse().unwrap()), expected, "{nanoseconds}");
        count += 1;
    }
    assert_eq!(count, 3000);
}

#[test]
fn selectors_select_what_they_select_in_go() {
    let all = vectors("selectors.jsonl.zst");
    let mut lines = all.lines();
    let sets: Vec<Value> = serde_json::from_str(lines.next().unwrap()).unwrap();
    let (mut good, mut bad) = (0, 0);
    for line in lines {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = line["text"].as_str().unwrap();
        match LabelSelector::parse(text) {
            Ok(selector) => {
                assert!(line["ok"].as_bool().unwrap(), "{text:?} is refused by Go");
                assert_eq!(selector.to_string(), line["shown"].as_str().unwrap(), "{text:?}");
                let matches: Vec<bool> = sets.iter().map(|labels| selector.matches(Some(labels))).collect();
                assert_eq!(json!(matches), line["matches"], "{text:?}");
                good += 1;
            }
            Err(error) => {
                assert!(!line["ok"].as_bool().unwrap(), "{text:?}: {error}");
                bad += 1;
            }
        }
    }
    assert!(good > 500 && bad > 1500, "{good} {bad}");
}

/// The object with one of its parts replaced.
fn broken(object: &Value, at: usize, by: &Value) -> Option<Value> {
    fn part<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
        if *left == 0 {
            return Some(value);
        }
        *left -= 1;
        match value {
            Value::Object(map) => map.values_mut().find_map(|value| part(value, left)),
            Value::Array(list) => list.iter_mut().find_map(|value| part(value, left)),
            _ => None,
        }
    }
    let mut broken = object.clone();
    let mut left = at;
    *part(&mut broken, &mut left)? = by.clone();
    Some(broken)
}

/// Whatever stands in a field, there is a row with a cell for each column.
#[test]
fn objects_of_any_shape_have_cells() {
    let others = [
        json!(null),
        json!(-1),
        json!(1.5),
        json!("x"),
        json!([]),
        json!({}),
        json!([null]),
        json!([{}]),
        json!(i64::MAX),
    ];
    let mut kinds = BTreeSet::new();
    for line in vectors("tables-1.36.jsonl.zst").lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let crd = widget(&line["columns"]);
        let registry = Registry::new([&crd]);
        let resource = registry.of_kind(line["group"].as_str().unwrap(), line["kind"].as_str().unwrap()).unwrap();
        if !kinds.insert(resource.full_name()) {
            continue;
        }
        let options = Options { wide: true, ..Options::at(line["now"].as_str().unwrap().parse().unwrap()) };
        for (at, other) in (0..80).flat_map(|at| others.iter().map(move |other| (at, other))) {
            let Some(object) = broken(&line["objects"][0], at, other) else { break };
            let table = table(resource, &[&object], &options);
            assert_eq!(table.rows.len(), 1);
            assert_eq!(table.rows[0].cells.len(), table.columns.len());
        }
    }
    assert_eq!(kinds.len(), 63);
}

/// kubectl get with several kinds: an empty line between the sections, each as wide as its own cells, and nothing of a
/// kind without objects (kubectl pkg/cmd/get/get.go).
#[test]
fn sections_of_several_kinds_stand_apart() {
    let registry = Registry::new([]);
    let options = Options { with_kind: true, ..Options::at("2026-01-01T00:00:10Z".parse().unwrap()) };
    let object = |name: &str| json!({"metadata": {"name": name, "creationTimestamp": "2026-01-01T00:00:00Z"}});
    let [long, short] = [object("a-long-name"), object("b")];
    let section = |name: &str, objects: &[&Value]| table(registry.find(name).unwrap(), objects, &options);
    let tables = [section("sa", &[&long]), section("secrets", &[]), section("deviceclasses", &[&short])];
    assert_eq!(
        tables_text(&tables),
        "NAME                         AGE\nserviceaccount/a-long-name   10s\n\n\
         NAME                            AGE\ndeviceclass.resource.k8s.io/b   10s\n"
    );
    assert_eq!(table_text(&tables[0], false), "serviceaccount/a-long-name   10s\n");
}

proptest! {
    #[test]
    fn any_path_is_read_or_refused(path in r#"[.\[\]@$?()a-c0-3*,:'"=<>! \\-]{0,40}"#) {
        let object = json!({"a": [[[[1, 2], {"b": "c"}], [3]], {"c": null}], "b": {"a": {"b": [0.5, "a", true]}}});
        if let Ok(path) = JsonPath::parse(&path) {
            let _ = path.find(&object);
        }
    }

    #[test]
    fn any_selector_is_read_or_refused(text in "\\PC{0,40}") {
        let _ = LabelSelector::parse(&text);
    }
}

/// A definition and an object can be made to double what is found with each step.
#[test]
fn paths_that_multiply_come_to_an_end() {
    let mut object = json!(1);
    for _ in 0..100 {
        object = json!([object]);
    }
    let path = JsonPath::parse(&"[0,0]".repeat(100)).unwrap();
    assert_eq!(path.find(&object).len(), 0);
}
