//! Everything that a real API server stored in protobuf is shown without a rest: each revision of each object, current or
//! replaced, in the stores of `testdata/`; and it is what kubectl printed of it when that server ran.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod fixtures;
mod objects;

use std::collections::BTreeMap;

use kinescope::kube::decode::{Notes, Options, decode};
use kinescope::kube::encode::encode;
use kinescope::kube::envelope::Envelope;
use kinescope::kube::minor::Minor;
use kinescope::ops::store;
use kinescope::source::Choice;
use objects::Tree;
use serde_json::Value;

/// The release of the API server that wrote all of them.
const MINOR: Minor = Minor::new(35);

const STORES: [(&str, &str); 4] = [
    ("etcd-3.5", "final.etcd"),
    ("etcd-3.6", "final.etcd"),
    ("kine-0.11", "final/state.db"),
    ("kine-0.16", "final/state.db"),
];

/// All values of a store with their revisions.
fn values(archive: &str, member: &str) -> Vec<(i64, String, Vec<u8>)> {
    let opened = store::open(&fixtures::unpacked(archive).join(member), &Choice::default()).unwrap();
    let history = opened.store.history();
    let puts = history.changes().iter().filter(|change| change.is_put());
    puts.map(|change| {
        let key = String::from_utf8_lossy(history.keys().get(change.key)).into_owned();
        (change.revision.main, key, history.value(change.value).unwrap().into_owned())
    })
    .collect()
}

fn shown(value: &[u8], options: &Options) -> Option<Value> {
    let Envelope::Protobuf(object) = Envelope::parse(value).unwrap() else { return None };
    let mut tree = Tree::default();
    assert_eq!(decode(&object, options, &mut tree), Ok(Notes::default()), "{object:?}");
    tree.value
}

#[test]
fn every_object_is_shown_and_can_be_written_again() {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for (archive, member) in STORES {
        for (_, key, value) in values(archive, member) {
            let Some(object) = shown(&value, &Options::as_stored(MINOR)) else { continue };
            let written = encode(&object, MINOR).unwrap();
            assert_eq!(written.unknown, Vec::<String>::new(), "{key}");
            assert!(written.bytes == value, "{key} is written otherwise than the server stored it");
            *kinds.entry(format!("{} {}", object["apiVersion"], object["kind"])).or_default() += 1;
        }
    }
    assert!(kinds.len() >= 35, "{kinds:?}");
    assert!(kinds.values().sum::<usize>() >= 2_800, "{kinds:?} {}", kinds.values().sum::<usize>());
}

/// What `kubectl get -o yaml --show-managed-fields` printed while the server ran, found again by its resourceVersion.
#[test]
fn objects_are_those_that_kubectl_printed() {
    for (archive, member) in STORES {
        let values: BTreeMap<(i64, String), Vec<u8>> = values(archive, member)
            .into_iter()
            .map(|(revision, key, value)| ((revision, key.rsplit('/').next().unwrap().to_owned()), value))
            .collect();
        let (mut same, mut gone) = (0, 0);
        for line in fixtures::json_lines(&fixtures::unpacked(archive).join("kubectl-yaml.jsonl")) {
            let printed: Value = serde_yaml::from_str(line["yaml"].as_str().unwrap()).unwrap();
            // ComponentStatuses are made up when they are asked for, and have none.
            let Some(revision) = printed["metadata"]["resourceVersion"].as_str() else { continue };
            let revision: i64 = revision.parse().unwrap();
            let name = printed["metadata"]["name"].as_str().unwrap().to_owned();
            let Some(value) = values.get(&(revision, name)) else {
                gone += 1;
                continue;
            };
            let options = Options { managed_fields: true, ..Options::kubectl(MINOR, Some(revision)) };
            let Some(object) = shown(value, &options) else { continue };
            // Kubectl's YAML loses U+0085; and it lists Events in another version, too, than the one that is stored.
            if !object.to_string().contains('\u{85}') && object["apiVersion"] == printed["apiVersion"] {
                assert_eq!(objects::difference(&object, &printed, ""), None, "{archive}");
                same += 1;
            }
        }
        assert!(same > 350 && gone < 5, "{archive}: {same} the same, {gone} are not in the store any more");
    }
}

/// Kubectl leaves out who manages which fields, and a server adds the revision.
#[test]
fn the_options_change_nothing_but_what_they_name() {
    let (mut shorter, mut pending) = (0, 0);
    for (revision, key, value) in values("kine-0.16", "final/state.db") {
        let Some(mut expected) = shown(&value, &Options::as_stored(MINOR)) else { continue };
        let metadata = expected["metadata"].as_object_mut().unwrap();
        shorter += usize::from(metadata.remove("managedFields").is_some());
        metadata.insert("resourceVersion".to_owned(), revision.to_string().into());
        if key.starts_with("/registry/persistentvolume") && expected["status"]["phase"].is_null() {
            expected["status"]["phase"] = "Pending".into();
            pending += 1;
        }
        assert_eq!(shown(&value, &Options::kubectl(MINOR, Some(revision))).unwrap(), expected, "{key}");
    }
    assert!(shorter > 100 && pending > 0, "{shorter} with managed fields, {pending} without a phase");
}
