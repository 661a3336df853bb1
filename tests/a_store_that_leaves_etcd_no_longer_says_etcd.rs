//! `convert --adapt` takes out what embedded etcd left on the objects, as new revisions; everything else is served by the
//! real kine as it was.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod engines;
mod fixtures;
mod proof;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use command::{Ran, names_in, run};
use engines::KineVersion;
use fixtures::unpacked;
use kinescope::kube::encode;
use kinescope::kube::minor::Minor;
use kinescope::kube::resources::Registry;
use kinescope::ops::adapt::{self, Adapt, AdaptError, Remedy};
use kinescope::ops::convert::{NewChange, Options, Target};
use kinescope::ops::keyring::Keyring;
use kinescope::ops::store;
use kinescope::source::Choice;
use proof::{converted, integrity_check, kine_tells};
use serde_json::{Value, json};

fn stores() -> Vec<PathBuf> {
    let files = ["middle.snapshot", "final.etcd"];
    ["etcd-3.5", "etcd-3.6"].iter().flat_map(|archive| files.map(|file| unpacked(archive).join(file))).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn adapted(source: &Path, target: &Path, more: &[&str]) -> Ran {
    run([&["convert", text(source), text(target), "--to", "kine", "--adapt"], more].concat())
}

fn keys(residue: &Value, remedy: &str) -> Vec<String> {
    let mut keys: Vec<String> = residue
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["remedy"] == remedy)
        .map(|one| one["key"].as_str().unwrap().trim_start_matches("/registry/").to_owned())
        .collect();
    keys.sort();
    keys
}

/// Nodes as `get` shows them, by name.
fn nodes(store: &Path) -> BTreeMap<String, Value> {
    let ran = run(["get", text(store), "nodes", "-o", "json", "--show-managed-fields"]).exits(0);
    let list: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let items = list["items"].as_array().cloned().unwrap_or_else(|| vec![list]);
    items.into_iter().map(|node| (node["metadata"]["name"].as_str().unwrap().to_owned(), node)).collect()
}

/// The Node without what k3s's embedded etcd puts there, by the names in k3s's own code (pkg/etcd, pkg/util/labels).
fn without_etcd(node: &Value) -> Value {
    let mut node = node.clone();
    let metadata = node["metadata"].as_object_mut().unwrap();
    metadata.remove("resourceVersion");
    metadata["labels"].as_object_mut().unwrap().remove("node-role.kubernetes.io/etcd");
    metadata["annotations"].as_object_mut().unwrap().retain(|name, _| !name.starts_with("etcd.k3s.cattle.io/"));
    metadata["finalizers"].as_array_mut().unwrap().retain(|name| name != "wrangler.cattle.io/managed-etcd-controller");
    node
}

#[test]
fn nothing_of_etcd_is_left_and_everything_else_stays() {
    let dir = tempfile::tempdir().unwrap();
    for (at, source) in stores().into_iter().enumerate() {
        let plain = dir.path().join(format!("{at}.plain.db"));
        let target = dir.path().join(format!("{at}.db"));
        let listed = run(["convert", text(&source), text(&plain), "--to", "kine", "--json"]).exits(0).json();
        let report = adapted(&source, &target, &["--json"]).exits(0).json();
        let residue = &report["residue"];
        assert_eq!(keys(residue, "change"), ["minions/srv-0", "minions/srv-1", "minions/srv-2"]);
        let snapshots = [0, 1, 2].map(|n| format!("k3s.cattle.io/etcdsnapshotfiles/etcdsnapshotfile-{n}"));
        assert_eq!(keys(residue, "delete"), snapshots);
        // The same is listed without the flag, and nothing is done.
        for (listed, adapted) in listed["residue"].as_array().unwrap().iter().zip(residue.as_array().unwrap()) {
            assert_eq!((&listed["key"], &listed["what"]), (&adapted["key"], &adapted["what"]));
            assert_eq!(listed["adapted_at"], Value::Null);
            assert!(adapted["adapted_at"].as_i64() > listed["revision"].as_i64());
        }
        assert_eq!(listed["added"], json!([]));
        assert_eq!(report["current_revision"], listed["current_revision"].as_i64().unwrap() + 6);
        let (before, after) = (nodes(&plain), nodes(&target));
        assert_eq!(after.len(), 3);
        for (name, node) in &after {
            let metadata = &node["metadata"];
            assert_eq!(metadata["finalizers"], json!(["wrangler.cattle.io/node"]), "{name}");
            let shown =
                json!([metadata["labels"], metadata["annotations"].as_object().unwrap().keys().collect::<Vec<_>>()]);
            assert!(!shown.to_string().contains("etcd"), "{name}: {shown}");
            let mut node = node.clone();
            node["metadata"].as_object_mut().unwrap().remove("resourceVersion");
            assert_eq!(node, without_etcd(&before[name]), "{name}");
        }
        // History is what it was, row for row, and so is every other key.
        let rows = proof::sql_rows(&plain);
        let upto = listed["current_revision"].as_i64().unwrap();
        let mut now = proof::sql_rows(&target);
        now.retain(|row| row.0 <= upto);
        assert!(rows == now, "{}", source.display());
        assert_eq!(integrity_check(&target), "ok");
        for version in [KineVersion::V0_16, KineVersion::V0_11] {
            let Some(engine) = engines::kine(version) else { continue };
            let [before, after] = [&plain, &target].map(|path| kine_tells(&engine, path));
            assert_eq!(after.revision, report["current_revision"]);
            let touched = |key: &[u8]| {
                key.starts_with(b"/registry/minions/") || key.starts_with(b"/registry/k3s.cattle.io/etcdsnapshotfiles/")
            };
            let [before, after] = [before.live, after.live].map(|mut live| {
                live.retain(|key, _| !touched(key));
                live
            });
            assert!(before == after && before.len() > 250, "{}", source.display());
        }
        // And nothing is left to do.
        let again = run(["convert", text(&target), text(&plain), "--to", "kine", "--check", "--json"]).exits(0).json();
        assert_eq!(again["residue"], json!([]));
    }
}

#[test]
fn servers_that_will_not_exist_go_with_their_leases_and_passwords() {
    let dir = tempfile::tempdir().unwrap();
    let source = unpacked("etcd-3.5").join("middle.snapshot");
    let target = dir.path().join("a.db");
    let report = adapted(&source, &target, &["--json", "--keep-node", "srv-1"]).exits(0).json();
    let deleted = keys(&report["residue"], "delete");
    // 10.0.0.1 is the address of srv-1.
    assert_eq!(deleted[3..], ["minions/srv-0", "minions/srv-2", "secrets/kube-system/srv-0.node-password.k3s"]);
    assert_eq!(nodes(&target).into_keys().collect::<Vec<_>>(), ["srv-1"]);
    let target = dir.path().join("b.db");
    let report = adapted(&source, &target, &["--json", "--keep-node", "srv-0"]).exits(0).json();
    let deleted = keys(&report["residue"], "delete");
    assert_eq!(deleted[3..], ["masterleases/10.0.0.1", "minions/srv-1", "minions/srv-2"]);
    run(["get", text(&target), "/registry/masterleases/10.0.0.1"]).exits(1).says(&["deleted"]);
    let target = dir.path().join("c.db");
    let said = adapted(&source, &target, &["--keep-node", "srv-0", "--new-host"]).exits(0);
    for words in [
        "the password of a server on the machine that it leaves; deleted",
        "label node-role.kubernetes.io/etcd, finalizer wrangler.cattle.io/managed-etcd-controller, 3 annotations",
        "mv etcd state.db* before/",
        "take cluster-init, server and datastore-endpoint out",
        "install -m 0600 -o root -g root",
        "To go back:",
    ] {
        assert!(said.text().contains(words), "{words}: {}", said.text());
    }
    run(["get", text(&target), "/registry/secrets/kube-system/srv-0.node-password.k3s"]).exits(1);
}

#[test]
fn what_is_not_meant_is_refused_and_check_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let source = unpacked("etcd-3.6").join("middle.snapshot");
    let target = dir.path().join("state.db");
    adapted(&source, &target, &["--keep-node", "srv-9"]).cannot(&["srv-9", "srv-0, srv-1, srv-2"]);
    let etcd = ["convert", text(&source), text(&target), "--to", "etcd-snapshot", "--adapt"];
    run(etcd).cannot(&["--to kine"]);
    run(["convert", text(&source), text(&target), "--to", "kine", "--new-host"]).exits(2);
    let checked = adapted(&source, &target, &["--check", "--keep-node", "srv-0"]).exits(0);
    assert!(checked.text().contains("nothing was written") && checked.text().contains("deleted"));
    assert_eq!(names_in(dir.path()), [""; 0]);
    let etcd = run(["convert", text(&source), text(&target), "--to", "etcd-snapshot", "--check", "--json"]).exits(0);
    assert_eq!(etcd.json()["residue"], Value::Null);
}

/// A store with Nodes that are not like those of the fixtures.
fn with_nodes(dir: &Path, values: &[(&str, Vec<u8>)]) -> PathBuf {
    let target = dir.join("other.snapshot");
    let put = |(name, value): &(&str, Vec<u8>)| NewChange::put(format!("/registry/minions/{name}"), value.clone());
    let options = Options { additions: values.iter().map(put).collect(), ..Options::plain(Target::EtcdSnapshot) };
    converted(&unpacked("etcd-3.6").join("middle.snapshot"), &target, &options);
    target
}

fn node(name: &str, minor: u8) -> Vec<u8> {
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "finalizers": ["a",
        "wrangler.cattle.io/managed-etcd-controller"], "labels": {"node-role.kubernetes.io/etcd": "true"}},
        "status": {"conditions": [{"type": "EtcdIsVoter", "status": "True"}, {"type": "Ready", "status": "True"}]}});
    encode::encode(&node, Minor::new(minor)).unwrap().bytes
}

#[test]
fn a_node_that_would_not_stay_the_same_is_left_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut odd = node("odd", 35);
    // A field that no release has, at the end of the envelope's message: raw is its second field.
    let unknown = kinescope::kube::envelope::Envelope::parse(&odd).unwrap();
    let kinescope::kube::envelope::Envelope::Protobuf(unknown) = unknown else { panic!("a Node is protobuf") };
    let raw = [unknown.raw, &[0xfa, 0x07, 0x01, 0x41]].concat();
    odd = kinescope::kube::envelope::Unknown { raw: &raw, ..unknown }.to_bytes();
    let values = [("odd", odd.clone()), ("old", node("old", 20)), ("none", b"garbage".to_vec())];
    let source = with_nodes(dir.path(), &values);
    let target = dir.path().join("state.db");
    let ran = adapted(&source, &target, &["--json"]).exits(1);
    let report = ran.json();
    assert_eq!(keys(&report["residue"], "none"), ["minions/odd"]);
    assert!(report["notes"].to_string().contains("/registry/minions/none"), "{}", report["notes"]);
    assert_eq!(run(["get", text(&target), "/registry/minions/odd", "--raw"]).exits(0).stdout, odd);
    // What an old server wrote stays as it wrote it, but for what had to go.
    let old = nodes_one(&target, "old");
    assert_eq!(old["status"]["conditions"].as_array().unwrap().len(), 1);
    assert_eq!(old["metadata"]["finalizers"], json!(["a"]));
    let stored = run(["get", text(&target), "/registry/minions/old", "--raw"]).exits(0).stdout;
    let by = |minor| {
        let mut node = old.clone();
        node["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        encode::encode(&node, Minor::new(minor)).unwrap().bytes
    };
    assert!(stored == by(20) && stored != by(35));
    // Without the flag a Node that cannot be read does not stop the conversion.
    run(["convert", text(&source), text(&target), "--to", "kine", "--check"]).exits(0);
}

fn nodes_one(store: &Path, name: &str) -> Value {
    let ran = run(["get", text(store), "nodes", name, "-o", "json"]).exits(0);
    serde_json::from_slice(&ran.stdout).unwrap()
}

#[test]
fn an_agent_is_not_the_server_that_stays() {
    let dir = tempfile::tempdir().unwrap();
    let agent = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "agent"}});
    let agent = encode::encode(&agent, Minor::new(35)).unwrap().bytes;
    let source = with_nodes(dir.path(), &[("agent", agent)]);
    let opened = store::open(&source, &Choice::default()).unwrap();
    let history = opened.store.history();
    let find = |keep: &[&str]| {
        let adapt = Adapt { keep_nodes: keep.iter().map(|&name| name.to_owned()).collect(), new_host: false };
        adapt::find(history, &Keyring::new(), &adapt, None, history.current_revision())
    };
    assert!(matches!(find(&["agent"]), Err(AdaptError::NoServer { .. })));
    let kept = find(&["srv-0"]).unwrap();
    let agent = Registry::new([]).key(Registry::new([]).find("nodes").unwrap(), None, "agent");
    assert!(!kept.residue.iter().any(|one| one.key == agent.as_bytes()));
    assert_eq!(kept.residue.iter().filter(|one| one.remedy == Remedy::Change).count(), 1);
}
