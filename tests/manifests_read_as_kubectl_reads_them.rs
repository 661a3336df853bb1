//! What kubectl prints as YAML reads back as what it is, and manifests mean what they mean to kubectl, which speaks YAML 1.1.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixtures;
mod vectors;

use kinescope::kube::json::{MAX_DEPTH, Reader, ValueSink, push_value};
use kinescope::kube::yaml::{YamlFault, YamlSink, read_manifest};
use proptest::prelude::*;
use serde_json::{Value, json};
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

fn tree(text: &str) -> Value {
    let mut sink = ValueSink::new();
    Reader::new().read(text.as_bytes(), &mut sink).unwrap();
    sink.finish()
}

/// Manifests of every feature of YAML, and what sigs.k8s.io/yaml and Go's Unstructured make of them. We may refuse what
/// needs a parser of YAML 1.1, and do without complaint what only that refuses, but never read another value.
#[test]
fn manifests_mean_what_they_mean_to_kubectl() {
    let (mut same, mut both_refuse, mut only_we) = (0, 0, 0);
    for line in vectors::lines("manifests.jsonl.gz") {
        let yaml = line["yaml"].as_str().unwrap();
        let ours = read_manifest(yaml.as_bytes());
        match (ours, line["json"].as_str().map(tree)) {
            (Ok(documents), Some(Value::Null)) => assert!(documents.is_empty(), "{yaml}"),
            (Ok(documents), Some(theirs)) => {
                assert_eq!(documents.len(), 1, "{yaml}");
                assert_eq!(documents[0].value, theirs, "{yaml}");
                same += 1;
            }
            // Go's strict reading refuses repeated keys too.
            (Err(error), Some(_)) if line["strict"].is_string() => {
                assert!(error.line > 0 && error.column > 0, "{yaml}");
            }
            (Err(_), Some(_)) => only_we += 1,
            (Ok(_), None) => {
                let error = line["error"].as_str().unwrap();
                let is_known =
                    ["unknown escape character", "cannot start any token"].iter().any(|why| error.contains(why));
                assert!(is_known && (yaml.contains("\\/") || yaml.contains('\t')), "{error}\n{yaml}");
            }
            (Err(_), None) => both_refuse += 1,
        }
    }
    assert!(same > 1000 && both_refuse > 1000, "{same} {both_refuse}");
    assert!(only_we * 50 < same, "{only_we} of {same}");
}

#[test]
fn several_documents_are_told_apart_with_their_lines() {
    let text = "# first\n---\nkind: A\n--- # second\n\nkind: B\n---\n# nothing\n---\nnull\n";
    let documents = read_manifest(text.as_bytes()).unwrap();
    let seen: Vec<_> =
        documents.iter().map(|document| (document.line, document.value["kind"].as_str().unwrap())).collect();
    assert_eq!(seen, [(3, "A"), (6, "B")]);

    let text = "{\"kind\": \"A\"}\n\n{\"kind\":\n\"B\", \"n\": 12345678901234567890, \"f\": 1.0}";
    let documents = read_manifest(text.as_bytes()).unwrap();
    assert_eq!((documents[0].line, documents[1].line), (1, 3));
    assert_eq!(documents[1].value["n"], json!(12345678901234567890_f64));

    let flow = read_manifest(b"{kind: A, mode: 0644, y: yes}").unwrap();
    assert_eq!(flow[0].value, json!({"kind": "A", "mode": 420, "true": true}));
}

#[test]
fn errors_say_where() {
    let error = |text: &str| {
        let error = read_manifest(text.as_bytes()).unwrap_err();
        (error.line, error.column, error.fault)
    };
    let repeated = |key: &str| YamlFault::RepeatedKey(key.to_owned());
    assert_eq!(error("a: 1\nb:\n  c: 1\n  c: 2\n"), (4, 3, repeated("c")));
    assert_eq!(error("a: 1\n---\na: 1\n'a': 2\n"), (4, 1, repeated("a")));
    assert_eq!(error("{\"a\": 1,\n \"a\": 2}"), (2, 2, repeated("a")));
    assert_eq!(error("a: \"\u{7f}\""), (1, 5, YamlFault::ControlCharacter(0x7f)));
    assert_eq!(error("a: 1\n--- b\n"), (2, 4, YamlFault::Separator));
    assert_eq!(error("a: 1\n...\nb: 2\n").2, YamlFault::BehindEnd);
    assert_eq!(error("a: .inf\n"), (1, 4, YamlFault::NotFinite));
    assert_eq!(error("a: &x [*x]\n").2, YamlFault::AnchorInItself);
    assert_eq!(error("[a]: 1\n").2, YamlFault::Key);
    assert_eq!(read_manifest(b"a: 1\nb: \xff").unwrap_err().to_string(), "line 2, column 4: not UTF-8");
    assert!(matches!(error("a: [1\n").2, YamlFault::Syntax(_)));
    assert!(matches!(error("{\"a\": 1,}}").2, YamlFault::Json(_)));
}

#[test]
fn merges_and_aliases_expand_within_bounds() {
    let text = "base: &b {a: 1, b: 2}\nx:\n  <<: *b\n  b: 3\nz: {<<: [{a: 5}, *b]}\n";
    let value = read(text).unwrap();
    assert_eq!(value["x"], json!({"a": 1, "b": 3}));
    assert_eq!(value["z"], json!({"a": 5, "b": 2}));

    let mut laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        laughs += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    assert_eq!(read_manifest(laughs.as_bytes()).unwrap_err().fault, YamlFault::TooManyAliases);

    let mut chain = "a0: &a0 [x]\n".to_owned();
    for level in 1..2 * MAX_DEPTH {
        chain += &format!("a{level}: &a{level} [*a{}]\n", level - 1);
    }
    assert_eq!(read_manifest(chain.as_bytes()).unwrap_err().fault, YamlFault::TooDeep);
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", "")] {
        let deep = open.repeat(100_000) + &close.repeat(100_000);
        assert!(read_manifest(deep.as_bytes()).is_err());
    }
}

#[test]
fn a_key_that_reads_as_a_merge_is_counted() {
    let mut out = Vec::new();
    let mut sink = YamlSink::new(&mut out);
    push_value(&json!({"<<": {"a": 1}, "b": "<<"}), &mut sink);
    assert_eq!(sink.keys_that_read_as_merges(), 1);
    sink.finish();
    assert_eq!(read(std::str::from_utf8(&out).unwrap()).unwrap(), json!({"a": 1, "b": "<<"}));
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
        // A whole float comes back as a whole number, as it does in Go.
        any::<f64>().prop_filter("a fraction", |value| value.fract() != 0.0 && value.is_finite()).prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
        "[a:#'\" \n\t0-9.é日\u{2028}-]{0,90}".prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ]
}

fn object() -> impl Strategy<Value = Value> {
    // kubectl writes the key << without quotes, and then reads a merge.
    let key = "[ -~é\u{2028}]{0,10}|[a-z]{120,140}".prop_filter("a merge", |key| key != "<<");
    scalar().prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(value in object()) {
        let yaml = yaml_of(&value);
        let documents = read_manifest(yaml.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
        let read = documents.into_iter().next().map_or(Value::Null, |document| document.value);
        prop_assert_eq!(&read, &value, "{}", yaml);
        prop_assert_eq!(yaml_of(&read), yaml);
    }

    #[test]
    fn no_text_makes_it_panic(text in "([-a:{}\\[\\],'\"|>&*!?%@ \n\t#<]|---|\\.\\.\\.|\u{2028}|\u{85}|é|&x|\\*x|<<: ){0,60}") {
        let _ = read_manifest(text.as_bytes());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_manifest(&bytes);
    }
}
