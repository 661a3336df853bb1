//! `diff` finds every edit that was made through a real engine, at its field, and nothing else: no heartbeat, no renewal, no
//! order that means nothing, no new encryption of an old value, no change of engine.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod engines;
mod fixtures;
mod proof;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use command::{Ran, names_in, run};
use engines::{EtcdVersion, KineVersion};
use fixtures::unpacked;
use proof::copied;
use serde_json::{Value, json};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn diff(old: &Path, new: &Path, more: &[&str]) -> Ran {
    run([&["diff", text(old), text(new)], more].concat())
}

fn object(store: &Path, kind: &str, name: &str, namespace: &str) -> Value {
    let ran = run(["get", text(store), kind, name, "-n", namespace, "-o", "json", "--reveal", "--show-managed-fields"]);
    serde_json::from_slice(&ran.exits(0).stdout).unwrap()
}

fn cluster_object(store: &Path, kind: &str, name: &str) -> Value {
    let ran = run(["get", text(store), kind, name, "-o", "json", "--reveal", "--show-managed-fields"]);
    serde_json::from_slice(&ran.exits(0).stdout).unwrap()
}

const NODE: &str = "/registry/minions/srv-1";

/// A Node of the fixtures as a kubelet would have written it: with conditions, which these lack.
fn with_conditions(store: &Path) -> Value {
    let mut node = cluster_object(store, "node", "srv-1");
    let condition = |kind: &str| {
        let at = "2026-11-21T05:00:00Z";
        json!({"type": kind, "status": "True", "lastHeartbeatTime": at, "lastTransitionTime": at})
    };
    node["status"]["conditions"] = ["MemoryPressure", "DiskPressure", "Ready"].map(condition).into_iter().collect();
    node
}

/// What is written: a key, and its new value or none.
type Edits = Vec<(String, Option<Vec<u8>>)>;
/// What `diff --json` must then say: key, change, paths.
type Expected = BTreeMap<String, (String, Vec<String>)>;

/// Edits of a store that holds what all fixtures hold, and what must be told of them.
fn edits(store: &Path) -> (Edits, Expected) {
    let mut edits: Edits = Vec::new();
    let mut expected = Expected::new();
    let mut edit = |key: &str, value: Option<Vec<u8>>, told: Option<(&str, &[&str])>| {
        edits.push((key.to_owned(), value));
        if let Some((change, paths)) = told {
            let paths = paths.iter().map(|path| (*path).to_owned()).collect();
            expected.insert(key.to_owned(), (change.to_owned(), paths));
        }
    };
    let bytes = |object: &Value| Some(serde_json::to_vec(object).unwrap());

    let mut web = object(store, "deploy", "web", "shop");
    web["spec"]["replicas"] = json!(41);
    let pod = &mut web["spec"]["template"]["spec"];
    let inserted = json!({"name": "FIRST", "value": "0"});
    pod["containers"][0]["env"].as_array_mut().unwrap().insert(0, inserted);
    pod["containers"].as_array_mut().unwrap().insert(0, json!({"name": "sidecar", "image": "s"}));
    edit(
        "/registry/deployments/shop/web",
        bytes(&web),
        Some((
            "changed",
            &[
                ".spec.replicas",
                ".spec.template.spec.containers[name=\"c\"].env[name=\"FIRST\"]",
                ".spec.template.spec.containers[name=\"sidecar\"]",
            ],
        )),
    );

    let mut secret = object(store, "secret", "db", "shop");
    let name = secret["data"].as_object().unwrap().keys().next().unwrap().clone();
    // Of the same length, so that its mask is the same.
    let length = fixtures::base64(&secret["data"][&name]).len();
    secret["data"][&name] = json!(STANDARD.encode("Z".repeat(length)));
    edit("/registry/secrets/shop/db", bytes(&secret), Some(("changed", &[&format!(".data.{name}")])));

    edit("/registry/configmaps/shop/tricky", None, Some(("removed", &[])));
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new", "namespace": "shop"}});
    edit("/registry/configmaps/shop/new", bytes(&map), Some(("added", &[])));

    let mut lease = object(store, "lease", "kube-scheduler", "kube-system");
    lease["spec"]["holderIdentity"] = json!("another");
    let key = "/registry/leases/kube-system/kube-scheduler";
    edit(key, bytes(&lease), Some(("changed", &[".spec.holderIdentity"])));

    // From here on nothing that counts: a renewal, a heartbeat, conditions in another order, the server's own accounts,
    // another encoding of the same object, and a change that is taken back.
    let mut lease = object(store, "lease", "kube-controller-manager", "kube-system");
    lease["spec"]["renewTime"] = json!("2030-01-01T00:00:00.000000Z");
    edit("/registry/leases/kube-system/kube-controller-manager", bytes(&lease), None);
    let mut node = with_conditions(store);
    let conditions = node["status"]["conditions"].as_array_mut().unwrap();
    conditions.reverse();
    conditions.iter_mut().for_each(|condition| condition["lastHeartbeatTime"] = json!("2030-01-01T00:00:00Z"));
    edit(NODE, bytes(&node), None);
    let mut service = object(store, "svc", "web", "shop");
    service["metadata"]["managedFields"] = json!([]);
    edit("/registry/services/specs/shop/web", bytes(&service), None);
    let namespace = cluster_object(store, "ns", "shop");
    let mut other = namespace.clone();
    other["metadata"]["labels"]["passing"] = json!("x");
    edit("/registry/namespaces/shop", bytes(&other), None);
    edit("/registry/namespaces/shop", bytes(&namespace), None);
    (edits, expected)
}

#[track_caller]
fn tells(ran: Ran, expected: &Expected) {
    let lines = ran.exits(1).lines();
    let mut found = Expected::new();
    for line in &lines {
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        let paths = line["paths"].as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned()).collect();
        found.insert(text("key"), (text("change"), paths));
    }
    assert_eq!(&found, expected);
    assert_eq!(lines.len(), expected.len());
}

/// Two files, and one file at two revisions.
fn check(before: &Path, after: &Path, revision: i64, expected: &Expected) {
    tells(diff(before, after, &["--json"]), expected);
    let at = PathBuf::from(format!("{}@{revision}", text(after)));
    tells(diff(&at, after, &["--json"]), expected);
    // In the other direction, what was added is removed.
    let back = diff(after, before, &["--json"]).exits(1).lines();
    let count = |change: &str| back.iter().filter(|line| line["change"] == change).count();
    assert_eq!([count("added"), count("removed"), count("changed")], [1, 1, 3]);
    // The secret is told and not shown; selectors narrow.
    let shown = diff(before, after, &["secrets", "-n", "shop"]).exits(1);
    assert!(shown.text().contains(".data") && shown.text().contains("another value>"), "{}", shown.text());
    assert!(!shown.text().contains("WlpaWlpa") && !shown.text().contains("ZZZZ"));
    let shown = diff(before, after, &["secrets", "-n", "shop", "--reveal"]).exits(1);
    assert!(shown.text().contains("WlpaWlpa"));
    diff(before, after, &["nodes"]).exits(0);
    assert_eq!(diff(before, after, &["deploy/web", "--json"]).exits(1).lines().len(), 1);
    assert_eq!(diff(before, after, &["-l", "app=web", "--json"]).exits(1).lines().len(), 1);
    assert_eq!(diff(before, after, &["/registry/configmaps/", "--json"]).exits(1).lines().len(), 2);
    assert_eq!(diff(before, after, &["-n", "kube-system", "--json"]).exits(1).lines().len(), 1);
    // With --all every key whose bytes differ: also those that are only in another encoding now.
    let mut all = diff(before, after, &["--all", "--json"]).exits(1).lines();
    // kine touches a key of its own when it starts, which is no object.
    all.retain(|line| !line["kind"].is_null());
    assert_eq!(all.len(), expected.len() + 4, "{all:?}");
    assert!(all.iter().any(|line| line["key"] == NODE));
}

#[test]
fn edits_through_etcd_are_found_and_nothing_else() {
    let Some(engine) = engines::etcd(EtcdVersion::V3_6) else { return };
    let dir = tempfile::tempdir().unwrap();
    let fixture = unpacked("etcd-3.6").join("middle.snapshot");
    let (edits, expected) = edits(&fixture);
    let data_dir = dir.path().join("a.etcd");
    engine.restore(&fixture, &data_dir, &[]).unwrap();
    let etcd = engine.start(&data_dir);
    etcd.put(NODE, serde_json::to_vec(&with_conditions(&fixture)).unwrap()).unwrap();
    let before = dir.path().join("before.snapshot");
    etcd.save_snapshot(&before).unwrap();
    let revision = etcd.revision().unwrap();
    for (key, value) in &edits {
        match value {
            Some(value) => etcd.put(key, value).unwrap(),
            None => etcd.delete(key).unwrap(),
        };
    }
    let after = dir.path().join("after.snapshot");
    etcd.save_snapshot(&after).unwrap();
    etcd.kill();
    check(&before, &after, revision, &expected);
    // Over the border between the engines it is the same.
    let kine = dir.path().join("after.db");
    run(["convert", text(&after), text(&kine), "--to", "kine"]).exits(0);
    tells(diff(&before, &kine, &["--json"]), &expected);
    diff(&after, &kine, &[]).exits(0);
}

#[test]
fn edits_through_kine_are_found_and_nothing_else() {
    let Some(engine) = engines::kine(KineVersion::V0_11) else { return };
    let dir = tempfile::tempdir().unwrap();
    let fixture = unpacked("kine-0.11").join("final/state.db");
    let (edits, expected) = edits(&fixture);
    let before = copied(&fixture, dir.path());
    let kine = engine.start(&before);
    let node = kine.get(NODE).unwrap().unwrap();
    kine.update(NODE, serde_json::to_vec(&with_conditions(&fixture)).unwrap(), node.mod_revision).unwrap();
    kine.stop();
    let later = dir.path().join("later");
    fs::create_dir(&later).unwrap();
    let after = copied(&before, &later);
    let kine = engine.start(&after);
    let revision = kine.revision().unwrap();
    for (key, value) in &edits {
        let now = kine.get(key).unwrap().map(|kv| kv.mod_revision);
        match (value, now) {
            (Some(value), Some(now)) => kine.update(key, value, now).unwrap(),
            (Some(value), None) => kine.create(key, value).unwrap(),
            (None, now) => kine.delete(key, now.unwrap()).unwrap(),
        };
    }
    kine.stop();
    check(&before, &after, revision, &expected);
}

#[test]
fn a_conversion_differs_in_nothing_not_even_with_all() {
    let dir = tempfile::tempdir().unwrap();
    let stores = [
        ("etcd-3.5", "middle.snapshot", "kine"),
        ("etcd-3.6", "final.etcd", "kine"),
        ("kine-0.11", "final/state.db", "etcd-snapshot"),
        ("kine-0.16", "final", "etcd-snapshot"),
    ];
    for (archive, name, to) in stores {
        let (source, target) = (unpacked(archive).join(name), dir.path().join(archive));
        run(["convert", text(&source), text(&target), "--to", to]).exits(0);
        for more in [&[][..], &["--all"]] {
            let ran = diff(&source, &target, more).exits(0);
            assert_eq!(ran.text(), "no difference\n", "{archive}");
        }
    }
}

/// The same Secret, sealed once more: another nonce, the same value.
#[test]
fn a_value_that_is_encrypted_anew_is_no_difference_where_its_key_is_at_hand() {
    let dir = tempfile::tempdir().unwrap();
    let (source, target) = (unpacked("kine-0.16").join("final"), dir.path().join("state.db"));
    let token = ["--token", "fixture0011"];
    let secret =
        run([&["get", text(&source), "secret", "db", "-n", "shop", "-o", "yaml", "--reveal"], &token[..]].concat());
    let manifest = dir.path().join("secret.yaml");
    fs::write(&manifest, secret.exits(0).stdout).unwrap();
    run([&["put", text(&source), text(&target), text(&manifest)], &token[..]].concat()).exits(0);
    diff(&source, &target, &token).exits(0);
    // Without it nobody knows, and it says so.
    let ran = diff(&source, &target, &[]).exits(1).says(&["1 encrypted value", "cannot be compared", "--token"]);
    assert_eq!(ran.text(), "no difference\n");
    let all = diff(&source, &target, &["--all", "--json"]).exits(1).lines();
    assert_eq!(all.len(), 1);
    assert_eq!([&all[0]["change"], &all[0]["name"], &all[0]["paths"]], [&json!("changed"), &json!("db"), &Value::Null]);
}

/// What `--as-manifests` writes, put on top of B, is A again.
#[test]
fn the_change_set_leads_back() {
    let dir = tempfile::tempdir().unwrap();
    let before = unpacked("kine-0.11").join("final/state.db");
    let edited = dir.path().join("edited.db");
    let mut deployment = object(&before, "deploy", "web", "shop");
    deployment["spec"]["replicas"] = json!(7);
    deployment["metadata"]["labels"]["added"] = json!("later");
    let mut secret = object(&before, "secret", "db", "shop");
    secret["data"]["added"] = json!("bGF0ZXI=");
    let new = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new", "namespace": "shop"}});
    let manifest = dir.path().join("edits.json");
    fs::write(&manifest, json!({"apiVersion": "v1", "kind": "List", "items": [deployment, secret, new]}).to_string())
        .unwrap();
    let mut args = vec!["put", text(&before), text(&edited), text(&manifest)];
    args.extend(["--delete", "svc/np", "--delete", "cm/tricky", "-n", "shop"]);
    run(args).exits(0);
    let set = dir.path().join("back");
    let masked = dir.path().join("masked");
    let ran = diff(&before, &edited, &["--as-manifests", text(&masked), "--brief"]).exits(1);
    ran.says(&["secrets \"db\"", "--reveal"]);
    for name in names_in(&masked) {
        assert!(!fs::read_to_string(masked.join(name)).unwrap().contains("kind: Secret"));
    }
    let ran = diff(&before, &edited, &["--as-manifests", text(&set), "--reveal"]).exits(1);
    assert!(ran.text().contains("kubectl delete --ignore-not-found -f "), "{}", ran.text());
    assert_eq!(names_in(&set), ["apply.yaml", "delete.yaml", "replace.yaml"]);
    let delete = fs::read_to_string(set.join("delete.yaml")).unwrap();
    assert_eq!(delete, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: new\n  namespace: shop\n");
    let restored = dir.path().join("restored.db");
    let (apply, replace) = (set.join("apply.yaml"), set.join("replace.yaml"));
    let paths = [text(&edited), text(&restored), text(&apply), text(&replace)];
    run([&["put"], &paths[..], &["--delete", "cm/new", "-n", "shop"]].concat()).exits(0);
    // An object that comes back is another one: its uid and its age are new, and nothing else.
    let left = diff(&before, &restored, &["--json"]).exits(1).lines();
    for line in &left {
        let paths: Vec<&str> = line["paths"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
        let name = line["name"].as_str().unwrap();
        match name {
            "np" | "tricky" => {
                let server_s = [".metadata.creationTimestamp", ".metadata.uid"];
                assert_eq!(paths, server_s, "{name}");
            }
            // Its spec changed twice since.
            "web" => assert_eq!(paths, [".metadata.generation"]),
            _ => panic!("{name}: {paths:?}"),
        }
    }
    diff(&before, &edited, &["--as-manifests", text(&set)]).exits(2).says(&["exists already"]);
}

#[test]
fn against_manifests_only_what_they_say_counts() {
    let dir = tempfile::tempdir().unwrap();
    let store = unpacked("kine-0.11").join("final/state.db");
    let manifests = dir.path().join("deploy");
    fs::create_dir(&manifests).unwrap();
    let against = |more: &[&str]| run([&["diff", text(&store), "--manifests", text(&manifests)], more].concat());
    // As people write them: no defaults, quantities and numbers in any form, ports without their protocol.
    let web = |replicas: &str, image: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop, creationTimestamp: null}}\n\
             spec:\n  replicas: {replicas}\n  template:\n    spec:\n      containers:\n      - name: c\n        \
             image: {image}\n        ports: [{{containerPort: 0x50}}]\n        \
             resources: {{requests: {{cpu: 0.1, memory: 131072Ki}}}}\nstatus: {{}}\n"
        )
    };
    let live = object(&store, "deploy", "web", "shop");
    let image = live["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap();
    let replicas = live["spec"]["replicas"].to_string();
    fs::write(manifests.join("web.yaml"), web(&replicas, image)).unwrap();
    fs::write(manifests.join("README.md"), "no manifest").unwrap();
    assert_eq!(against(&[]).exits(0).text(), "no difference\n");
    fs::write(manifests.join("web.yaml"), web("77", "other:1")).unwrap();
    fs::write(manifests.join("new.yml"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: new}\ndata: {a: b}\n")
        .unwrap();
    let lines = against(&["--json"]).exits(1).lines();
    assert_eq!(lines.len(), 2);
    assert_eq!([&lines[0]["key"], &lines[0]["change"]], ["/registry/configmaps/default/new", "added"]);
    let paths = [".spec.replicas", ".spec.template.spec.containers[name=\"c\"].image"];
    assert_eq!(lines[1]["paths"], json!(paths));
    let shown = against(&["deploy"]).exits(1);
    assert!(
        shown.text().contains("+  replicas: 77\n") && shown.text().contains("+      - image: other:1\n"),
        "{}",
        shown.text()
    );
    // Secrets by their strings, told and not shown; what cannot be compared is named.
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\nstringData: {password: another-one}\n";
    fs::write(
        manifests.join("new.yml"),
        format!("{secret}---\napiVersion: a.b/v1\nkind: Nobodys\nmetadata: {{name: x}}\n"),
    )
    .unwrap();
    let ran = against(&[]).exits(1).says(&["new.yml:6", "not compared", "Nobodys"]);
    assert!(ran.text().contains("secret/db -n shop: .data.password"), "{}", ran.text());
    assert!(!ran.text().contains("another-one") && !ran.text().contains("YW5vdGhlci1vbmU"));
}

#[test]
fn what_cannot_be_compared_is_refused_or_told() {
    let store = unpacked("kine-0.16").join("final");
    run(["diff", text(&store)]).exits(2);
    let at = |moment: &str| PathBuf::from(format!("{}@{moment}", text(&store)));
    diff(&at("999999"), &store, &[]).cannot(&["newest revision"]);
    diff(&at("5"), &store, &["--brief"])
        .exits(1)
        .says(&["below the compact revision", "unknown at one of the revisions"]);
    diff(&store, &store, &["nosuchkind"]).cannot(&["nosuchkind"]);
    diff(&store, &store, &["--all"]).exits(0);
    diff(&store, &store, &["cm/nobody"]).exits(0).says(&["cm/nobody", "nothing of that"]);
    diff(&store, Path::new("/nonexistent@7"), &[]).cannot(&["/nonexistent"]);
}
