//! `verify --engine` lets the real engine try a copy of the store, says what came of it, and leaves neither a process nor a
//! file behind, nor a byte of the input changed. Each of its findings is planted.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod engines;
mod fixtures;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use command::{Ran, kinescope, ran, sha256};
use engines::{EtcdVersion, KineVersion};
use fixtures::unpacked;
use kinescope::ops::finding::OF_VERIFY;
use serde_json::Value;

/// What this file plants.
const PLANTED: [&str; 5] = ["engine-serves", "engine-differs", "engine-refuses", "engine-absent", "engine-not-tried"];

/// The directory of an engine's programs.
fn programs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("engines/bin").join(name)
}

/// Runs `verify --engine` with these directories, and nothing else but the shell's, in PATH, and its own temporary directory,
/// which is empty in the end.
fn verify(store: &Path, path: &[PathBuf], code: i32) -> Value {
    let temporary = tempfile::tempdir().unwrap();
    let path: Vec<OsString> = path.iter().map(|dir| dir.clone().into_os_string()).collect();
    let mut command = kinescope();
    command.args(["verify", "--engine", "--json"]).arg(store);
    command.env("PATH", path.join(&OsString::from(":"))).env("TMPDIR", temporary.path());
    // Settings of the user's reach no engine.
    command.env("ETCD_NAME", "other").env("ETCDCTL_ENDPOINTS", "http://127.0.0.1:9").env("KINE_LISTEN_ADDRESS", ":9");
    let before = fingerprint(store);
    let ran: Ran = ran(&mut command).exits(code);
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "something was left");
    assert_eq!(fingerprint(store), before, "the input was changed");
    assert!(processes_of(temporary.path()).is_empty(), "a process was left");
    ran.json()
}

/// The files below a path with their contents.
fn fingerprint(path: &Path) -> Vec<(PathBuf, String)> {
    if path.is_file() {
        return vec![(path.to_owned(), sha256(&fs::read(path).unwrap()))];
    }
    let mut below: Vec<PathBuf> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    below.sort();
    below.iter().flat_map(|path| fingerprint(path)).collect()
}

/// The processes whose arguments name a directory.
fn processes_of(dir: &Path) -> Vec<String> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = all.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
    lines.filter(|line| line.contains(dir.to_str().unwrap())).collect()
}

/// The finding about the engine, and what the verdict was.
fn of_engine(verdict: &Value) -> (String, String, String, String) {
    let findings = verdict["findings"].as_array().unwrap().iter();
    let of_engine: Vec<&Value> =
        findings.filter(|finding| finding["id"].as_str().unwrap().starts_with("engine-")).collect();
    assert_eq!(of_engine.len(), 1, "{verdict}");
    let text = |field: &str| of_engine[0][field].as_str().unwrap().to_owned();
    (text("id"), text("severity"), text("text"), verdict["verdict"].as_str().unwrap().to_owned())
}

fn says(found: &(String, String, String, String), id: &str, severity: &str, verdict: &str, words: &[&str]) {
    assert!(PLANTED.contains(&id));
    assert_eq!((found.0.as_str(), found.1.as_str(), found.3.as_str()), (id, severity, verdict), "{}", found.2);
    for word in words {
        assert!(found.2.contains(word), "no {word:?} in {}", found.2);
    }
}

#[test]
fn etcd_serves_what_was_read() {
    for (version, name) in
        [(EtcdVersion::V3_5, "etcd-3.5"), (EtcdVersion::V3_6, "etcd-3.6"), (EtcdVersion::V3_7, "etcd-3.6")]
    {
        let Some(_) = engines::etcd(version) else { return };
        let number = match version {
            EtcdVersion::V3_5 => "3.5.35",
            EtcdVersion::V3_6 => "3.6.16",
            EtcdVersion::V3_7 => "3.7.3",
        };
        let dir = programs(&format!("etcd-{number}"));
        for store in ["early.snapshot", "final.etcd", "final.etcd/member/snap/db"] {
            let verdict = verify(&unpacked(name).join(store), std::slice::from_ref(&dir), 0);
            let keys = format!("{} keys", verdict["live_keys"]);
            let revision = format!("revision {}", verdict["current_revision"]);
            let words = [format!("etcd {number} serves"), keys, revision];
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            says(&of_engine(&verdict), "engine-serves", "note", "restorable", &words);
        }
    }
}

#[test]
fn kine_serves_what_was_read() {
    for (version, name, number) in
        [(KineVersion::V0_11, "kine-0.11", "0.11.4"), (KineVersion::V0_16, "kine-0.16", "0.16.4")]
    {
        let Some(_) = engines::kine(version) else { return };
        let path = [programs(&format!("kine-{number}")), programs("etcd-3.6.16")];
        for store in ["early.backup.db", "middle", "final"] {
            let verdict = verify(&unpacked(name).join(store), &path, 0);
            let words = [format!("kine {number} serves"), format!("revision {}", verdict["current_revision"])];
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            says(&of_engine(&verdict), "engine-serves", "note", "restorable", &words);
        }
    }
}

#[test]
fn an_engine_that_is_not_there_is_a_note() {
    let empty = tempfile::tempdir().unwrap();
    let none = [empty.path().to_owned()];
    let verdict = verify(&unpacked("etcd-3.6").join("early.snapshot"), &none, 0);
    says(&of_engine(&verdict), "engine-absent", "note", "restorable", &["no etcd in PATH"]);
    let verdict = verify(&unpacked("kine-0.16").join("early.backup.db"), &none, 0);
    says(&of_engine(&verdict), "engine-absent", "note", "restorable", &["no kine in PATH"]);
    // Without the question nothing is said.
    let mut command = kinescope();
    command.args(["verify", "--json"]).arg(unpacked("etcd-3.6").join("early.snapshot"));
    assert!(!ran(&mut command).exits(0).text().contains("engine-"));
}

#[test]
fn an_engine_that_refuses_says_why() {
    let Some(_) = engines::etcd(EtcdVersion::V3_6) else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = fs::read(unpacked("etcd-3.6").join("early.snapshot")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let store = dir.path().join("snapshot");
    fs::write(&store, bytes).unwrap();
    let verdict = verify(&store, &[programs("etcd-3.6.16")], 1);
    let words = ["etcdutl does not start on it", "expected sha256"];
    says(&of_engine(&verdict), "engine-refuses", "error", "not", &words);
    // Two rows that the index which kine makes anew forbids.
    let Some(_) = engines::kine(KineVersion::V0_16) else { return };
    let state = dir.path().join("state.db");
    fs::copy(unpacked("kine-0.16").join("early.backup.db"), &state).unwrap();
    let table = rusqlite::Connection::open(&state).unwrap();
    table.execute_batch("DROP INDEX kine_name_prev_revision_uindex").unwrap();
    table
        .execute_batch(
            "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value) \
             SELECT name, created, deleted, create_revision, prev_revision, lease, value FROM kine WHERE id = 300",
        )
        .unwrap();
    table.close().unwrap();
    let verdict = verify(&state, &[programs("kine-0.16.4"), programs("etcd-3.6.16")], 1);
    says(&of_engine(&verdict), "engine-refuses", "error", "not", &["kine 0.16.4 does not start on it", "UNIQUE"]);
}

/// A directory with a program that is a line of shell.
fn script(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn an_engine_that_serves_something_else_is_loss() {
    let Some(_) = engines::etcd(EtcdVersion::V3_6) else { return };
    // A restore that takes another snapshot than it was told, and is content.
    let real = programs("etcd-3.6.16");
    for (told, taken, words) in [("middle", "early", "has no revision"), ("early", "middle", "and 381 was read")] {
        let dir = tempfile::tempdir().unwrap();
        let other = unpacked("etcd-3.6").join(format!("{taken}.snapshot"));
        let restore = format!("exec {}/etcdutl snapshot restore {} --data-dir \"$5\"", real.display(), other.display());
        script(dir.path(), "etcdutl", &restore);
        let path = [dir.path().to_owned(), real.clone()];
        let verdict = verify(&unpacked("etcd-3.6").join(format!("{told}.snapshot")), &path, 3);
        says(&of_engine(&verdict), "engine-differs", "loss", "with_loss", &["etcd 3.6.16", words]);
    }
}

#[test]
fn an_engine_that_cannot_be_tried_is_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["etcd", "etcdctl", "etcdutl"] {
        fs::write(dir.path().join(name), b"\x7fELF no program").unwrap();
        fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let verdict = verify(&unpacked("etcd-3.6").join("early.snapshot"), &[dir.path().to_owned()], 0);
    says(&of_engine(&verdict), "engine-not-tried", "warning", "restorable", &["not tried to the end"]);
}

/// Killed, the program can clean up no more: a shell that waits for that does.
#[test]
fn an_engine_ends_with_the_program_however_that_ends() {
    let dir = tempfile::tempdir().unwrap();
    let sleeper = dir.path().join("bin");
    fs::create_dir(&sleeper).unwrap();
    // It names the directory of the copy, by which it is found.
    script(&sleeper, "kine", "[ \"$1\" = --version ] && echo kine version v0 && exit; exec tail -f /dev/null \"$PWD\"");
    script(&sleeper, "etcdctl", "exit 1");
    let temporary = tempfile::tempdir().unwrap();
    let mut command = kinescope();
    command.args(["verify", "--engine"]).arg(unpacked("kine-0.16").join("middle.backup.db"));
    command.env("PATH", format!("{}:/usr/bin:/bin", sleeper.display())).env("TMPDIR", temporary.path());
    let mut child = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let is_there = || processes_of(temporary.path()).iter().any(|line| line.starts_with("tail"));
    wait_until("the engine runs", is_there);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the engine is gone", || processes_of(temporary.path()).is_empty());
    wait_until("its copy is gone", || fs::read_dir(temporary.path()).unwrap().count() == 0);
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("it never comes to this: {what}");
}

#[test]
fn all_findings_of_the_engine_are_planted_here() {
    let planted: BTreeSet<&str> = PLANTED.into_iter().collect();
    let in_code = OF_VERIFY.iter().map(|id| id.name()).filter(|id| id.starts_with("engine-"));
    assert_eq!(planted, in_code.collect::<BTreeSet<&str>>());
}
