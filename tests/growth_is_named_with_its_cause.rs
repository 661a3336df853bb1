//! A store that grew is told why: while compaction is held back, a controller keeps updating its objects in the real engine,
//! and `why` names the kind, the namespace, the writer and the bytes as they are by SQLite's own sums, by the size of the
//! file, and by what was written.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod engines;

use std::path::Path;

use command::run;
use engines::{EtcdVersion, KineVersion};
use serde_json::{Value, json};

const KEYS: [&str; 3] = ["status-a", "status-b", "status-c"];
const ROUNDS: usize = 60;
/// Where every one of these has its kind and namespace in its key.
const PREFIX: &str = "/registry/configmaps/runaway/";

/// A ConfigMap with a text that changes, of which a manager says that it wrote it.
fn object(name: &str, round: usize) -> String {
    let text = format!("{round:06}-").repeat(2500);
    json!({
        "kind": "ConfigMap", "apiVersion": "v1",
        "metadata": {
            "name": name, "namespace": "runaway", "creationTimestamp": "2026-01-02T00:00:00Z",
            "managedFields": [
                {"manager": "kubectl-create", "operation": "Update", "time": "2026-01-02T00:00:00Z"},
                {"manager": "runaway-controller", "operation": "Update",
                 "time": format!("2026-01-02T{:02}:{:02}:00Z", 1 + round / 60, round % 60)},
            ],
        },
        "data": {"report": text},
    })
    .to_string()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[track_caller]
fn within_5_percent(told: &Value, truth: u64, what: &str) {
    let told = told.as_u64().unwrap();
    let off = (told as f64 / truth as f64 - 1.0).abs();
    assert!(off <= 0.05, "{what}: told {told}, truth {truth}");
}

/// What `why` must say of both engines.
#[track_caller]
fn is_named(why: &Value, last_compacted: i64, truth: u64) {
    let cause = &why["causes"][0];
    assert_eq!((&cause["kind"], &cause["namespace"]), (&json!("ConfigMap"), &json!("runaway")));
    assert_eq!(cause["key_prefix"], PREFIX);
    within_5_percent(&cause["bytes"], truth, "bytes of the cause");
    within_5_percent(&cause["superseded"], truth, "superseded bytes of the cause");
    let verdict = &why["verdict"];
    assert_eq!((&verdict["kind"], &verdict["namespace"]), (&json!("ConfigMap"), &json!("runaway")));
    assert_eq!(verdict["id"], "compaction_held_back", "an hour of changes");
    assert_eq!(why["compaction"]["last_revision"], last_compacted);
    let current = why["current_revision"].as_i64().unwrap();
    assert_eq!(why["compaction"]["lag_revisions"], current - last_compacted);
    let said = verdict["text"].as_str().unwrap();
    let since = match last_compacted {
        0 => "compaction has never run".to_owned(),
        last => format!("compaction has not run since revision {last}"),
    };
    for words in [since.as_str(), "superseded configmaps of namespace runaway"] {
        assert!(said.contains(words), "{words:?} in {said:?}");
    }
    let share = verdict["share"].as_f64().unwrap();
    let total = why["bytes"]["total"].as_f64().unwrap();
    assert!((share - verdict["bytes"].as_f64().unwrap() / total).abs() < 0.001);
    assert_eq!(why["writers"][0]["writer"], "runaway-controller");
    within_5_percent(&why["writers"][0]["bytes"], truth, "bytes of the writer");
    let sum: u64 = why["causes"].as_array().unwrap().iter().map(|cause| cause["bytes"].as_u64().unwrap()).sum();
    assert_eq!(sum, why["bytes"]["total"].as_u64().unwrap(), "the causes add up to the database");
}

fn query(path: &Path, sql: &str) -> u64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap().try_into().unwrap()
}

#[test]
fn of_kine() {
    for version in [KineVersion::V0_11, KineVersion::V0_16] {
        let Some(engine) = engines::kine(version) else { continue };
        let dir = tempfile::tempdir().unwrap();
        let db = dir.path().join("state.db");
        let kine = engine.start(&db);
        for number in 0..20 {
            let quiet = object("quiet", number).replace("runaway", "quiet");
            kine.create(format!("/registry/configmaps/quiet/{number}"), quiet).unwrap();
        }
        let mut at: Vec<i64> =
            KEYS.map(|name| kine.create(format!("{PREFIX}{name}"), object(name, 0)).unwrap()).to_vec();
        // kine 0.11 compacts by its own clock alone, which does not run here.
        let compacted = match version {
            KineVersion::V0_16 => at[2],
            _ => 0,
        };
        if compacted > 0 {
            kine.compact(compacted).unwrap();
        }
        let pages_before = pages(&db, dir.path());
        for round in 1..=ROUNDS {
            for (name, at) in KEYS.iter().zip(&mut at) {
                *at = kine.update(format!("{PREFIX}{name}"), object(name, round), *at).unwrap();
            }
        }
        kine.stop();
        let why = run(["why", "--json", text(&db)]).exits(0).json();
        let copy = copied(&db, dir.path());
        // What SQLite says: all rows of the objects, without the values that are live.
        let of = format!("FROM kine WHERE name LIKE '{PREFIX}%'");
        let all = query(&copy, &format!("SELECT SUM(LENGTH(value) + IFNULL(LENGTH(old_value), 0)) {of}"));
        let live =
            query(&copy, &format!("SELECT SUM(LENGTH(value)) {of} AND id IN (SELECT MAX(id) FROM kine GROUP BY name)"));
        assert_eq!(why["causes"][0]["bytes"], all);
        assert_eq!(why["causes"][0]["superseded"], all - live);
        is_named(&why, compacted, all - live);
        // What was written: each update brought a value, and a copy of the one before.
        let written = (KEYS.len() * ROUNDS * 2 * object(KEYS[0], 1).len()) as u64;
        within_5_percent(&why["causes"][0]["superseded"], written, "against what was written");
        // What the file grew by.
        let grown = (pages(&db, dir.path()) - pages_before) * 4096;
        within_5_percent(&why["causes"][0]["bytes"], grown, "against the growth of the file");
        let shown = run(["why", text(&db)]).exits(0);
        assert!(shown.text().contains("of namespace runaway") && shown.text().contains("runaway-controller"));
    }
}

/// A copy that SQLite itself may write to, with the WAL.
fn copied(db: &Path, dir: &Path) -> std::path::PathBuf {
    let copy = dir.join("copy.db");
    for suffix in ["", "-wal"] {
        let from = format!("{}{suffix}", db.display());
        let to = format!("{}{suffix}", copy.display());
        let _ = std::fs::remove_file(&to);
        if Path::new(&from).exists() {
            std::fs::copy(from, to).unwrap();
        }
    }
    let _ = std::fs::remove_file(dir.join("copy.db-shm"));
    copy
}

fn pages(db: &Path, dir: &Path) -> u64 {
    query(&copied(db, dir), "PRAGMA page_count")
}

#[test]
fn of_etcd() {
    for version in [EtcdVersion::V3_5, EtcdVersion::V3_6] {
        let Some(engine) = engines::etcd(version) else { continue };
        let dir = tempfile::tempdir().unwrap();
        let etcd = engine.start(&dir.path().join("etcd"));
        let mut last = 0;
        for name in KEYS {
            last = etcd.put(format!("{PREFIX}{name}"), object(name, 0)).unwrap();
        }
        etcd.compact(last).unwrap();
        for round in 1..=ROUNDS {
            for name in KEYS {
                etcd.put(format!("{PREFIX}{name}"), object(name, round)).unwrap();
            }
        }
        let snapshot = dir.path().join("a.snapshot");
        etcd.save_snapshot(&snapshot).unwrap();
        etcd.stop();
        let why = run(["why", "--json", text(&snapshot)]).exits(0).json();
        let written = (KEYS.len() * ROUNDS * object(KEYS[0], 1).len()) as u64;
        is_named(&why, last, written);
        within_5_percent(&why["bytes"]["total"], std::fs::metadata(&snapshot).unwrap().len(), "the file");
    }
}
