//! Snapshots in one folder, of two clusters and both engines: each cluster has its rows in the order of time, what is no
//! snapshot is named, the first damaged one is found, and one object's history is that of all files together.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use command::{copy, run};
use fixtures::unpacked;

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
