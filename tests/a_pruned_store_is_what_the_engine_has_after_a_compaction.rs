//! `prune` leaves what the real engine has after a compaction to the same revision: same live keys, same events, same hash.
//! What is dropped is gone, everything else stays, and the engines start on it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod engines;
mod fixtures;
mod proof;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use command::{Ran, run};
use engines::{EtcdVersion, KineVersion};
use fixtures::unpacked;
use proof::{etcd_tells, integrity_check, kine_tells, lasting, sql_rows};
use serde_json::{Value, json};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn prune(source: &Path, target: &Path, more: &[&str]) -> Ran {
    run([&["prune", text(source), text(target)], more].concat())
}

/// All live keys. kine keeps no count of a key's puts: without the first of them nobody knows it.
fn lines(path: &Path) -> Vec<Value> {
    let mut lines = run(["ls", text(path), "--json"]).exits(0).lines();
    let is_kine = run(["info", text(path), "--json"]).exits(0).json()["engine"] == "kine";
    lines.iter_mut().filter(|_| is_kine).for_each(|line| line["version"] = Value::Null);
    lines
}

fn stores() -> Vec<PathBuf> {
    [
        ("kine-0.16", "final"),
        ("kine-0.11", "final/state.db"),
        ("etcd-3.5", "middle.snapshot"),
        ("etcd-3.6", "final.etcd"),
    ]
    .map(|(archive, name)| unpacked(archive).join(name))
    .to_vec()
}

#[test]
fn etcd_has_the_hash_that_it_has_after_its_own_compaction() {
    for version in [EtcdVersion::V3_5, EtcdVersion::V3_6, EtcdVersion::V3_7] {
        let Some(engine) = engines::etcd(version) else { continue };
        for name in ["early.snapshot", "middle.snapshot"] {
            let source = unpacked("etcd-3.6").join(name);
            let info = run(["info", "--json", text(&source)]).exits(0).json();
            let (compact, current) =
                (info["compact_revision"].as_i64().unwrap(), info["current_revision"].as_i64().unwrap());
            let middle = compact + (current - compact) / 2;
            for to in [None, Some(middle), Some(current)] {
                let dir = tempfile::tempdir().unwrap();
                let data_dir = dir.path().join("expected.etcd");
                engine.restore(&source, &data_dir, &[]).unwrap();
                let etcd = engine.start(&data_dir);
                etcd.compact(to.unwrap_or(current)).unwrap();
                // Before a restart, etcd answers with the hash that it took on the way to the compaction.
                etcd.stop();
                let etcd = engine.start(&data_dir);
                let expected = etcd.hash_kv(current).unwrap();
                etcd.kill();
                let target = dir.path().join("target.snapshot");
                let revision = to.map(|to| to.to_string());
                let more: Vec<&str> = revision.iter().flat_map(|to| ["--to-revision", to]).chain(["--json"]).collect();
                let report = prune(&source, &target, &more).exits(0).json();
                assert_eq!(report["after"]["compact_revision"], expected.compact_revision, "{name} {to:?} {version:?}");
                assert_eq!(report["after"]["hash_kv"], expected.hash, "{name} {to:?} {version:?}");
                // To ask for all leases takes a process each: one engine and one moment tell enough. After a compaction to the
                // current revision there is no event to wait for.
                if version != EtcdVersion::V3_6 || name != "middle.snapshot" || to != Some(middle) {
                    continue;
                }
                let told = etcd_tells(&engine, &target);
                assert_eq!((told.revision, told.compact_revision), (current, expected.compact_revision));
                let before = etcd_tells(&engine, &source);
                assert_eq!(lasting(&told.live), lasting(&before.live), "{name} {to:?}");
                let mut events = before.events;
                events.retain(|event| event.mod_revision > expected.compact_revision);
                assert_eq!(told.events, events, "{name} {to:?}");
            }
        }
    }
}

#[test]
fn kine_starts_on_what_is_left_and_serves_it() {
    for version in [KineVersion::V0_11, KineVersion::V0_16] {
        let Some(engine) = engines::kine(version) else { continue };
        let source = unpacked("kine-0.11").join("final/state.db");
        let before = kine_tells(&engine, &source);
        let middle = before.compact_revision + (before.revision - before.compact_revision) / 2;
        for to in [None, Some(middle)] {
            let dir = tempfile::tempdir().unwrap();
            let target = dir.path().join("target.db");
            let revision = to.map(|to| to.to_string());
            let more: Vec<&str> = revision.iter().flat_map(|to| ["--to-revision", to]).chain(["--json"]).collect();
            let report = prune(&source, &target, &more).exits(0).json();
            assert_eq!(integrity_check(&target), "ok");
            let told = kine_tells(&engine, &target);
            let compact = to.unwrap_or(before.revision);
            assert_eq!((told.revision, told.compact_revision), (before.revision, compact));
            assert_eq!(lasting(&told.live), lasting(&before.live));
            let mut events = before.events.clone();
            events.retain(|event| event.mod_revision > compact);
            assert_eq!(told.events, events);
            // No value that is superseded up to there is in the file any more, not as an old value either.
            assert!(sql_rows(&target).iter().all(|row| row.0 > compact || row.8.as_ref().is_none_or(Vec::is_empty)));
            assert_eq!(report["before"]["live_keys"], report["after"]["live_keys"]);
            assert!(report["after"]["bytes"].as_u64() < report["before"]["bytes"].as_u64());
        }
    }
}

#[test]
fn every_store_gets_smaller_and_keeps_its_live_keys() {
    let dir = tempfile::tempdir().unwrap();
    for (at, source) in stores().into_iter().enumerate() {
        let target = dir.path().join(at.to_string());
        let report = prune(&source, &target, &["--json"]).exits(0).json();
        assert_eq!(lines(&target), lines(&source), "{}", source.display());
        let info = run(["info", "--json", text(&target)]).exits(0).json();
        assert_eq!(info["changes"], info["live_keys"]);
        assert_eq!(report["after"]["changes"], info["changes"]);
        assert_eq!(report["before"]["changes"], run(["info", "--json", text(&source)]).exits(0).json()["changes"]);
        let again = dir.path().join("again");
        prune(&source, &again, &["--check"]).exits(0);
        assert!(!again.exists());
    }
}

#[test]
fn what_is_dropped_is_gone_and_nothing_else_is() {
    let dir = tempfile::tempdir().unwrap();
    for (at, source) in stores().into_iter().enumerate() {
        let target = dir.path().join(at.to_string());
        let args = ["--drop", "events", "--drop", "/registry/configmaps/scratch/", "--drop", "ns/blog", "--json"];
        let report = prune(&source, &target, &args).exits(0).json();
        let dropped: BTreeSet<&str> =
            report["dropped"].as_array().unwrap().iter().map(|dropped| dropped["key"].as_str().unwrap()).collect();
        let is_dropped = |key: &str| {
            key.starts_with("/registry/events/")
                || key.starts_with("/registry/configmaps/scratch/")
                || key == "/registry/namespaces/blog"
        };
        let mut expected = lines(&source);
        let named: Vec<Value> = expected.clone();
        let named: BTreeSet<&str> =
            named.iter().map(|line| line["key"].as_str().unwrap()).filter(|key| is_dropped(key)).collect();
        assert!(dropped.contains("/registry/namespaces/blog") && dropped.len() > 2);
        assert_eq!(dropped, named);
        expected.retain(|line| !is_dropped(line["key"].as_str().unwrap()));
        assert_eq!(lines(&target), expected);
        let kine = report["to"] == "kine";
        if kine && let Some(engine) = engines::kine(KineVersion::V0_16) {
            assert_eq!(integrity_check(&target), "ok");
            assert_eq!(kine_tells(&engine, &target).revision, report["current_revision"]);
        }
        if !kine && let Some(engine) = engines::etcd(EtcdVersion::V3_6) {
            let data_dir = dir.path().join(format!("{at}.etcd"));
            engine.restore(&target, &data_dir, &[]).unwrap();
            let etcd = engine.start(&data_dir);
            let revision = etcd.revision().unwrap();
            assert_eq!(revision, report["current_revision"]);
            assert_eq!(etcd.hash_kv(revision).unwrap().compact_revision, revision);
            let listed: Vec<String> = etcd.list("").unwrap().kvs.iter().map(|kv| kv.name()).collect();
            assert!(expected.iter().map(|line| line["key"].as_str().unwrap()).eq(listed.iter().map(String::as_str)));
        }
    }
    let source = unpacked("kine-0.11").join("final/state.db");
    let target = dir.path().join("labels.db");
    let report =
        prune(&source, &target, &["--drop", "deploy", "-l", "app=web", "-n", "shop", "--json"]).exits(0).json();
    let keys: Vec<&Value> = report["dropped"].as_array().unwrap().iter().map(|dropped| &dropped["key"]).collect();
    assert_eq!(keys, ["/registry/deployments/shop/web"]);
    prune(&source, &dir.path().join("none.db"), &["--drop", "cm/nobody"]).exits(1).says(&["nothing of that is live"]);
    prune(&source, &dir.path().join("no.db"), &["--drop", "nosuchkind"]).cannot(&["nosuchkind"]);
    let cut = unpacked("kine-0.16").join("final");
    prune(&cut, &dir.path().join("no.db"), &["--to-revision", "1"]).cannot(&["below", "compact revision"]);
    prune(&source, &dir.path().join("no.db"), &["--to-revision", "99999"]).cannot(&["above", "current revision"]);
    prune(&source, &dir.path().join("no.db"), &["--to-revision", "900", "--drop", "events"]).exits(2);
    prune(&source, Path::new("-"), &[]).cannot(&["standard output"]);
}

#[test]
fn of_a_helm_chart_the_newest_releases_and_the_deployed_one_stay() {
    let dir = tempfile::tempdir().unwrap();
    let source = unpacked("kine-0.11").join("final/state.db");
    let release = |chart: &str, version: u32, status: &str| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1", "data": {"release": "SDRzSQ=="},
            "metadata": {
                "name": format!("sh.helm.release.v1.{chart}.v{version}"), "namespace": "shop",
                "labels": {"owner": "helm", "name": chart, "status": status, "version": version.to_string()},
            },
        })
    };
    let mut items = vec![release("web", 2, "deployed"), release("other", 1, "deployed")];
    items.extend((3..12).map(|version| release("web", version, "failed")));
    let (manifest, many) = (dir.path().join("m.json"), dir.path().join("many.db"));
    std::fs::write(&manifest, json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()).unwrap();
    run(["put", text(&source), text(&many), text(&manifest)]).exits(0);
    let target = dir.path().join("target.db");
    let report = prune(&many, &target, &["--helm-history", "3", "--json"]).exits(0).json();
    let versions: Vec<&str> =
        report["dropped"].as_array().unwrap().iter().map(|dropped| dropped["key"].as_str().unwrap()).collect();
    // By their numbers, not by their letters: 9, 10 and 11 are the newest, and 2 is deployed.
    let expected = ["3", "4", "5", "6", "7", "8"]
        .map(|version| format!("/registry/secrets/shop/sh.helm.release.v1.web.v{version}"));
    assert_eq!(versions, expected);
    assert!(report["dropped"].as_array().unwrap().iter().all(|dropped| dropped["why"] == "helm_history"));
    let left = run(["get", text(&target), "secrets", "-n", "shop", "-o", "name"]).exits(0);
    let left: BTreeSet<&str> = left.text().lines().filter(|name| name.contains(".web.v")).collect();
    assert_eq!(
        left,
        BTreeSet::from(
            ["9", "10", "11", "2"]
                .map(|v| format!("secret/sh.helm.release.v1.web.v{v}"))
                .each_ref()
                .map(|name| name.as_str())
        )
    );
    // A release that cannot be looked into may be the deployed one: it stays, and that is said.
    let locked = unpacked("kine-0.16").join("final");
    prune(&locked, &dir.path().join("locked.db"), &["--helm-history", "0"]).exits(1).says(&["kept", "sh.helm.release"]);
    let open = ["--helm-history", "0", "--token", "fixture0011", "--json"];
    prune(&locked, &dir.path().join("open.db"), &open).exits(0);
}
