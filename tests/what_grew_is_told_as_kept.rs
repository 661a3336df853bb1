//! What `why` and `series` say of the real stores, for people, line by line as it was when somebody last looked at it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;

use std::fs;
use std::path::Path;

use command::{copy, run};
use fixtures::unpacked;

/// A change is made known with `KINESCOPE_UPDATE_SNAPSHOTS=1 cargo test --test what_grew_is_told_as_kept`, and seen in the diff.
#[track_caller]
fn is_as_kept(name: &str, now: &str) {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/snapshots/{name}.txt"));
    if std::env::var_os("KINESCOPE_UPDATE_SNAPSHOTS").is_some() {
        fs::write(&kept, now).unwrap();
    }
    let before = fs::read_to_string(&kept).unwrap_or_default();
    let differs = before.lines().zip(now.lines()).position(|(before, now)| before != now);
    let line = differs.unwrap_or_else(|| before.lines().count().min(now.lines().count()));
    assert!(
        before == now,
        "{name}, line {} was {:?} and is {:?}; with KINESCOPE_UPDATE_SNAPSHOTS=1 this test takes the new text",
        line + 1,
        before.lines().nth(line),
        now.lines().nth(line)
    );
    let wide = now.lines().filter(|line| line.chars().count() > 80 && !line.contains("/registry/")).count();
    assert_eq!(wide, 0, "{name} fits a terminal of 80 columns, but for keys");
}

/// Without the directory that stores are unpacked to.
fn told(args: &[&str], dir: &Path) -> String {
    let ran = run(args).exits(0);
    ran.text().replace(&format!("{}/", dir.display()), "")
}

#[test]
fn where_the_bytes_are() {
    for (archive, path, more) in [
        ("kine-0.16", "final/state.db", &["--token", "fixture0011"][..]),
        ("kine-0.11", "middle.backup.db", &["--top", "3"]),
        ("etcd-3.6", "middle.snapshot", &["--token", "fixture0012"]),
        ("etcd-3.5", "final.etcd", &["--top", "4"]),
    ] {
        let dir = unpacked(archive);
        let path = dir.join(path);
        let text = told(&[&["why", path.to_str().unwrap()], more].concat(), &dir);
        is_as_kept(&format!("why-{archive}"), &text);
    }
}

#[test]
fn many_snapshots_in_a_row() {
    let dir = tempfile::tempdir().unwrap();
    for (archive, end, names) in [
        ("kine-0.16", "db", ["early.backup.db", "middle.backup.db"]),
        ("etcd-3.6", "etcd", ["early.snapshot", "middle.snapshot"]),
    ] {
        for (name, day) in names.into_iter().zip(["monday", "tuesday"]) {
            copy(&unpacked(archive).join(name), dir.path().join(format!("{day}.{end}")));
        }
    }
    let path = dir.path().to_str().unwrap();
    is_as_kept("series", &told(&["series", path], dir.path()));
    is_as_kept("series-log", &told(&["series", "log", path, "deploy/web", "-n", "shop"], dir.path()));
}
