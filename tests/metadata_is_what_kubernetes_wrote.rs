//! Who wrote an object, when, for whom, and how much of it is managedFields: read from the stored bytes alone, it is what
//! Kubernetes' own fixtures and kubectl say of the same objects.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixtures;
mod objects;

use std::collections::HashMap;

use fixtures::unpacked;
use kinescope::kube::meta::Meta;
use kinescope::kube::yaml::read_manifest;
use kinescope::ops::keyring::Keyring;
use kinescope::ops::objects::Objects;
use kinescope::ops::store;
use kinescope::source::Choice;
use objects::kubernetes_fixtures;
use serde_json::{Value, json};

/// What the metadata of an object in JSON says of the things that are read.
fn said(object: &Value) -> Value {
    let meta = &object["metadata"];
    let owners = meta["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default();
    let owner = owners.iter().find(|owner| owner["controller"] == true).or(owners.first());
    let managers = meta["managedFields"].as_array().map(Vec::as_slice).unwrap_or_default();
    json!({
        "kind": object["kind"],
        "namespace": meta["namespace"].as_str().unwrap_or_default(),
        "uid": meta["uid"].as_str().unwrap_or_default(),
        "created": meta["creationTimestamp"],
        "owner": owner.map(|owner| json!([owner["kind"], owner["name"]])),
        "managers": managers.iter().map(|one| json!([one["manager"], one["time"]])).collect::<Vec<_>>(),
    })
}

fn read(meta: &Meta<'_>) -> Value {
    json!({
        "kind": meta.kind,
        "namespace": meta.namespace,
        "uid": meta.uid,
        "created": meta.created.map(|at| at.to_string()),
        "owner": meta.owner.as_ref().map(|(kind, name)| json!([kind, name])),
        "managers": meta.managers.iter().map(|one| json!([one.name, one.at.map(|at| at.to_string())])).collect::<Vec<_>>(),
    })
}

#[test]
fn of_every_kind_with_every_field_set() {
    let mut seen = 0;
    for fixture in kubernetes_fixtures().into_iter().filter(|fixture| fixture.json["metadata"]["uid"].is_string()) {
        let meta = Meta::read(&fixture.stored).unwrap();
        assert_eq!(read(&meta), said(&fixture.json), "{}", fixture.name);
        // Deletion was asked for when it was to be over, less the grace period: 10 seconds in each fixture.
        assert_eq!(meta.deletion_asked.unwrap().to_string(), "2009-01-01T01:00:51Z", "{}", fixture.name);
        assert_eq!(meta.newest(true).unwrap().to_string(), "2008-01-01T01:01:01Z");
        assert_eq!(meta.newest(false).unwrap().to_string(), "2009-01-01T01:00:51Z");
        // The entry as it stands in the stored bytes: everything between the values around it.
        let entry = ["managerValue", "operationValue", "fieldsTypeValue", "subresourceValue"];
        let at = memchr::memmem::find(&fixture.stored, entry[0].as_bytes()).unwrap();
        let end = memchr::memmem::find(&fixture.stored, entry[3].as_bytes()).unwrap() + entry[3].len();
        // Before the first text stand a tag and a length each of the entry (tag of two bytes, number 17) and of the text.
        assert_eq!(meta.managed_bytes, (end - at + 2 + 3) as u64, "{}", fixture.name);
        let text = fixture.json.to_string();
        assert_eq!(read(&Meta::read(text.as_bytes()).unwrap()), said(&fixture.json), "{}: as JSON", fixture.name);
        seen += 1;
    }
    assert!(seen > 200, "{seen}");
}

#[test]
fn of_real_clusters_as_kubectl_showed_them() {
    for (archive, path) in [("kine-0.11", "final/state.db"), ("etcd-3.5", "final.etcd")] {
        let dir = unpacked(archive);
        let mut shown: HashMap<(String, String), Value> = HashMap::new();
        for line in std::fs::read_to_string(dir.join("kubectl-yaml.jsonl")).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let documents = read_manifest(line["yaml"].as_str().unwrap().as_bytes()).unwrap();
            // What kubectl could not show is an empty text.
            let Some(object) = documents.into_iter().next().map(|document| document.value) else { continue };
            let meta = &object["metadata"];
            let at = [&meta["uid"], &meta["resourceVersion"]].map(|text| text.as_str().unwrap_or_default().to_owned());
            shown.insert(at.into(), object);
        }
        let source = store::open(&dir.join(path), &Choice::default()).unwrap();
        let history = source.store.history();
        let keyring = Keyring::new();
        let objects = Objects::new(history, &keyring, None, history.current_revision());
        let (mut seen, mut managers) = (0, 0);
        for change in history.changes().iter().filter(|change| change.is_put()) {
            let Ok(value) = objects.plain(change) else { continue };
            let Some(meta) = Meta::read(&value) else { continue };
            let Some(object) = shown.get(&(meta.uid.to_string(), change.revision.main.to_string())) else { continue };
            assert_eq!(read(&meta), said(object), "{archive}: revision {}", change.revision);
            assert_eq!(meta.managed_bytes > 0, !meta.managers.is_empty());
            seen += 1;
            managers += meta.managers.len();
        }
        assert!(seen > 100 && managers > 50, "{archive}: {seen} objects, {managers} managers");
    }
}
