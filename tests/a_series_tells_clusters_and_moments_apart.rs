//! Snapshots in one folder, of two clusters and both engines: each cluster has its rows in the order of time, what is no
//! snapshot is named, the first damaged one is found, and one object's history is that of all files together.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod engines;
mod fixtures;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use command::{copy, run};
use engines::EtcdVersion;
use fixtures::unpacked;
use serde_json::json;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The names sort against time on purpose.
fn folder(dir: &Path) {
    for (from, to) in [
        (unpacked("etcd-3.6").join("early.snapshot"), "z-etcd-1"),
        (unpacked("etcd-3.6").join("middle.snapshot"), "a-etcd-2"),
        (unpacked("kine-0.16").join("early.backup.db"), "y-kine-1.db"),
        (unpacked("kine-0.16").join("middle.backup.db"), "b-kine-2.db"),
    ] {
        copy(&from, dir.join(to));
    }
}

#[test]
fn two_clusters_in_one_folder() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path());
    fs::write(dir.path().join("README"), "no store").unwrap();
    let series = run(["series", "--json", text(dir.path())]).exits(1).says(&["README"]).json();
    let clusters = series["clusters"].as_array().unwrap();
    assert_eq!(clusters.len(), 2);
    let mut ids = BTreeSet::new();
    for cluster in clusters {
        // The uid as kubectl printed it.
        let id = cluster["id"].as_str().unwrap();
        let first = cluster["snapshots"][0]["path"].as_str().unwrap();
        let object = run(["get", "--json", first, "ns/kube-system"]).exits(0).lines();
        assert_eq!(object[0]["object"]["metadata"]["uid"], id);
        ids.insert(id);
        let names: Vec<&str> = cluster["snapshots"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["path"].as_str().unwrap().rsplit('/').next().unwrap())
            .collect();
        assert!(names == ["z-etcd-1", "a-etcd-2"] || names == ["y-kine-1.db", "b-kine-2.db"], "{names:?}");
        assert_eq!(cluster["sound"]["last_is_sound"], true);
    }
    assert_eq!(ids.len(), 2);
    assert_eq!(series["left_out"].as_array().unwrap().len(), 1);
    let shown = run(["series", text(dir.path())]).exits(1);
    assert!(shown.text().contains("size ") && shown.text().contains("GROWTH"), "{}", shown.text());
    // A store without Kubernetes in it is of no cluster that anybody could tell.
    let alone = dir.path().join("alone.db");
    copy(&unpacked("kine-0.16").join("early.backup.db"), alone.clone());
    let connection = rusqlite::Connection::open(&alone).unwrap();
    connection.execute("DELETE FROM kine WHERE name = '/registry/namespaces/kube-system'", []).unwrap();
    drop(connection);
    let series = run(["series", "--json", text(&alone)]).json();
    assert_eq!(series["clusters"][0]["id"], serde_json::Value::Null);
}

#[test]
fn a_picture_is_written_and_never_over_an_input() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = dir.path().join("snapshots");
    folder(&snapshots);
    let svg = dir.path().join("a.svg");
    run(["series", text(&snapshots), "--svg", text(&svg)]).exits(0);
    let drawn = fs::read_to_string(&svg).unwrap();
    assert!(
        drawn.starts_with("<svg") && drawn.matches("<polyline").count() == 6 && drawn.trim_end().ends_with("</svg>")
    );
    run(["series", text(&snapshots), "--svg", text(&svg)]).exits(2).says(&["--force"]);
    let input = snapshots.join("a-etcd-2");
    let before = fs::read(&input).unwrap();
    run(["series", text(&snapshots), "--svg", text(&input), "--force"]).exits(2).says(&["input"]);
    assert_eq!(fs::read(&input).unwrap(), before);
}

#[test]
fn the_history_of_an_object_is_that_of_all_files() {
    for (archive, names) in
        [("kine-0.16", ["early.backup.db", "middle.backup.db"]), ("etcd-3.5", ["early.snapshot", "middle.snapshot"])]
    {
        let dir = tempfile::tempdir().unwrap();
        let mut revisions = BTreeSet::new();
        for (at, name) in names.iter().enumerate() {
            let path = copy(&unpacked(archive).join(name), dir.path().join(format!("{at}")));
            for change in run(["log", "--json", text(&path), "deploy/web", "-n", "shop"]).lines() {
                revisions.insert((change["revision"].as_i64().unwrap(), change["value_sha256"].clone().to_string()));
            }
        }
        assert!(!revisions.is_empty());
        let stitched = run(["series", "log", "--json", text(dir.path()), "deploy/web", "-n", "shop"]).exits(0).lines();
        let told: BTreeSet<(i64, String)> = stitched
            .iter()
            .map(|change| (change["revision"].as_i64().unwrap(), change["value_sha256"].to_string()))
            .collect();
        assert_eq!(told, revisions);
        assert_eq!(stitched.len(), revisions.len(), "each change once");
        assert!(stitched.iter().all(|change| change["forked"] == false));
    }
}

#[test]
fn the_first_unsound_snapshot_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let good = fs::read(unpacked("etcd-3.6").join("middle.snapshot")).unwrap();
    for number in 0..16 {
        let mut bytes = good.clone();
        if number >= 11 {
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
        }
        fs::write(dir.path().join(format!("{number:02}")), bytes).unwrap();
    }
    let series = run(["series", "--json", text(dir.path())]).exits(3).json();
    let sound = &series["clusters"][0]["sound"];
    assert_eq!(sound["last_is_sound"], false);
    assert!(sound["first_unsound"].as_str().unwrap().ends_with("/11"), "{sound}");
}

/// An object of which its manager says when it wrote it, in minutes.
fn written(name: &str, minute: usize, bytes: usize) -> String {
    let time = |minute: usize| format!("2026-01-02T{:02}:{:02}:00Z", minute / 60, minute % 60);
    json!({
        "kind": "ConfigMap", "apiVersion": "v1",
        "metadata": {
            "name": name, "namespace": "runaway", "uid": name, "creationTimestamp": time(0),
            "managedFields": [{"manager": "controller", "operation": "Update", "time": time(minute)}],
        },
        "data": {"report": format!("{minute:06}-").repeat(bytes / 7)},
    })
    .to_string()
}

/// A snapshot of a real etcd every ten minutes of a story: a controller updates its object all the time, compaction runs, and from
/// the seventh snapshot on does not. What is wrong shows once that is half an hour ago, and more than what is live.
#[test]
fn the_first_snapshot_with_a_problem_is_where_it_was_planted() {
    let Some(engine) = engines::etcd(EtcdVersion::V3_6) else { return };
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("snapshots");
    fs::create_dir(&folder).unwrap();
    let etcd = engine.start(&dir.path().join("etcd"));
    let key = |name: &str| format!("/registry/configmaps/runaway/{name}");
    let namespace =
        json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "kube-system", "uid": "of-this-cluster"}});
    etcd.put("/registry/namespaces/kube-system", namespace.to_string()).unwrap();
    const QUIET: usize = 12_000_000;
    for number in 0..QUIET / 1_000_000 {
        let name = format!("quiet-{number}");
        etcd.put(key(&name), written(&name, 0, 1_000_000)).unwrap();
    }
    const EACH: usize = 600_000;
    let (mut superseded, mut compacted_at, mut expected) = (0, 0, None);
    for number in 1..=12_usize {
        let mut last = 0;
        for step in 0..5 {
            last = etcd.put(key("busy"), written("busy", number * 10 + step, EACH)).unwrap();
            superseded += EACH;
        }
        if number < 7 {
            etcd.compact(last).unwrap();
            // Else the pages that compaction frees are most of the file, which is a problem of its own.
            etcd.defrag().unwrap();
            (superseded, compacted_at) = (0, number * 10 + 4);
        }
        let minutes = number * 10 + 4 - compacted_at;
        // The first write behind the compaction is six minutes later.
        if superseded > QUIET + EACH && minutes >= 36 && expected.is_none() {
            expected = Some(number);
        }
        // Names that say nothing of the order.
        etcd.save_snapshot(&folder.join(format!("{}", number * 7 % 13))).unwrap();
    }
    etcd.stop();
    let expected = expected.unwrap();
    assert!((8..12).contains(&expected), "{expected}");
    let series = run(["series", "--json", text(&folder)]).exits(0).json();
    let cluster = &series["clusters"][0];
    assert_eq!(cluster["id"], "of-this-cluster");
    let snapshots = cluster["snapshots"].as_array().unwrap();
    assert!(snapshots.is_sorted_by_key(|row| row["revision"].as_i64().unwrap()) && snapshots.len() == 12);
    let problems: Vec<bool> = snapshots.iter().map(|row| row["problem"].as_bool().unwrap()).collect();
    let planted: Vec<bool> = (1..=12).map(|number| number >= expected).collect();
    assert_eq!(problems, planted);
    let first = &cluster["first_problem"];
    assert_eq!(first["path"], text(&folder.join(format!("{}", expected * 7 % 13))));
    assert_eq!(first["before"], text(&folder.join(format!("{}", (expected - 1) * 7 % 13))));
    assert!(first["text"].as_str().unwrap().contains("compaction has not run since"), "{first}");
    let shown = run(["series", text(&folder)]).exits(0);
    let verdicts: Vec<&str> = shown
        .text()
        .lines()
        .filter(|line| line.starts_with("01-02"))
        .map(|line| if line.contains(" ok ") { "ok" } else { line })
        .collect();
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == "ok").count(), expected - 1, "{}", shown.text());
    assert!(verdicts[expected - 1..].iter().all(|line| line.contains("superseded ")), "{}", shown.text());
}

/// What the API server encrypted tells its times with the keys, and is named closed without.
#[test]
fn a_series_of_encrypted_stores_takes_keys() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["early.backup.db", "middle.backup.db"] {
        copy(&unpacked("kine-0.16").join(name), dir.path().join(name));
    }
    let secret = |more: &[&str]| {
        let args = [&["series", "log", "--json", text(dir.path())], more].concat();
        run(args).exits(0).lines()
    };
    let names =
        run(["get", text(&dir.path().join("middle.backup.db")), "secrets", "-o", "name", "-n", "shop"]).exits(0);
    let name = names.text().lines().next().unwrap().to_owned();
    let closed = secret(&[&name, "-n", "shop"]);
    let open = secret(&[&name, "-n", "shop", "--token", "fixture0011"]);
    assert_eq!(closed.len(), open.len());
    assert!(closed.iter().all(|line| line["time"].is_null()), "{closed:?}");
    assert!(open.iter().all(|line| line["op"] == "delete" || line["time"].is_string()), "{open:?}");
    // A token of another cluster opens nothing, and keeps nothing from being shown.
    run(["series", text(dir.path()), "--token", "fixture0012"]).exits(0);
    let archive = dir.path().join("both.tar");
    let mut tar = tar::Builder::new(fs::File::create(&archive).unwrap());
    for name in ["early.backup.db", "middle.backup.db"] {
        tar.append_path_with_name(dir.path().join(name), name).unwrap();
    }
    tar.finish().unwrap();
    run(["series", text(&archive)]).exits(2).says(&["middle.backup.db"]);
    let chosen = run(["series", "--json", text(&archive), "--member", "middle.backup.db"]).exits(0).json();
    assert_eq!(chosen["clusters"][0]["snapshots"].as_array().unwrap().len(), 1);
}
