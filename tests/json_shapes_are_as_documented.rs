//! What scripts rely on: the fields of every JSON object with their types, null for what is unknown, one object per line
//! for lists, the exit codes; and the numbers in them are those that the engines recorded.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use command::{copy, run, sha256};
use fixtures::{base64, json, json_lines, listing, unpacked};
use serde_json::{Value, json};

fn kinescope(command: &str, path: &Path, more: &[&str]) -> command::Ran {
    run([&[command, "--json", path.to_str().unwrap()], more].concat())
}

/// What a field may be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Is {
    Int,
    IntOrNull,
    Text,
    TextOrNull,
    Number,
    Bool,
    BoolOrNull,
    List,
    Object,
    ObjectOrNull,
    Null,
}

/// Makes sure that an object has exactly these fields, of these types.
#[track_caller]
fn shape(object: &Value, fields: &[(&str, Is)]) {
    let object = object.as_object().unwrap();
    let names: BTreeSet<&str> = object.keys().map(String::as_str).collect();
    let wanted: BTreeSet<&str> = fields.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, wanted);
    for (name, is) in fields {
        let value = &object[*name];
        let fits = match is {
            Is::Int => value.is_i64(),
            Is::IntOrNull => value.is_i64() || value.is_null(),
            Is::Text => value.is_string(),
            Is::TextOrNull => value.is_string() || value.is_null(),
            Is::Number => value.is_number(),
            Is::Bool => value.is_boolean(),
            Is::BoolOrNull => value.is_boolean() || value.is_null(),
            Is::List => value.is_array(),
            Is::Object => value.is_object(),
            Is::ObjectOrNull => value.is_object() || value.is_null(),
            Is::Null => value.is_null(),
        };
        assert!(fits, "{name} is {value}, not {is:?}");
    }
}

const INFO: [(&str, Is); 15] = [
    ("version", Is::Int),
    ("engine", Is::Text),
    ("format", Is::Text),
    ("page_size", Is::Int),
    ("current_revision", Is::Int),
    ("compact_revision", Is::Int),
    ("live_keys", Is::Int),
    ("changes", Is::Int),
    ("tombstones", Is::Int),
    ("leases", Is::Int),
    ("gap_rows", Is::Int),
    ("bytes", Is::Object),
    ("bootstrap", Is::List),
    ("damage", Is::List),
    ("wal", Is::Object),
];

const INFO_ETCD: [(&str, Is); 12] = [
    ("hash_kv", Is::IntOrNull),
    ("hash_kv_compact_revision", Is::IntOrNull),
    ("status_hash", Is::IntOrNull),
    ("trailer", Is::TextOrNull),
    ("schema_version", Is::TextOrNull),
    ("cluster_version", Is::TextOrNull),
    ("consistent_index", Is::IntOrNull),
    ("term", Is::IntOrNull),
    ("members", Is::List),
    ("alarms", Is::List),
    ("holes", Is::List),
    ("raft_wal", Is::ObjectOrNull),
];

fn info_fields(etcd: bool) -> Vec<(&'static str, Is)> {
    if etcd {
        INFO.into_iter().filter(|(name, _)| *name != "wal").chain(INFO_ETCD).collect()
    } else {
        INFO.into_iter().chain([("indexes", Is::List)]).collect()
    }
}

fn check_info(object: &Value, etcd: bool) {
    shape(object, &info_fields(etcd));
    assert_eq!(object["version"], 1);
    assert_eq!(object["engine"], if etcd { "etcd" } else { "kine" });
    assert_eq!(object["format"], if etcd { "bbolt 2" } else { "SQLite 3" });
    let bytes = ["file", "live", "superseded", "free", "index"].map(|name| (name, Is::Int));
    shape(&object["bytes"], &bytes);
    for key in object["bootstrap"].as_array().unwrap() {
        shape(key, &[("key", Is::Text), ("token_hash", Is::Text), ("value_size", Is::Int)]);
    }
}

#[test]
fn info_of_snapshots_has_the_numbers_of_etcd_s_tools() {
    for archive in ["etcd-3.5", "etcd-3.6"] {
        for name in ["early", "middle"] {
            let dir = unpacked(archive);
            let path = dir.join(format!("{name}.snapshot"));
            let info = kinescope("info", &path, &[]).exits(0).json();
            check_info(&info, true);
            let status = json(&dir.join(format!("{name}.status.json")));
            assert_eq!(info["status_hash"], status["hash"]);
            assert_eq!(info["current_revision"], status["revision"]);
            let (_, listed) = listing(&dir.join(format!("{name}.listing.json")));
            assert_eq!(info["live_keys"], listed.len());
            assert_eq!(info["trailer"], "ok");
            assert_eq!(info["raft_wal"], Value::Null, "there is none");
            assert_eq!(info["bytes"]["file"], fs::metadata(&path).unwrap().len());
            let quick = kinescope("info", &path, &["--quick"]).exits(0).json();
            check_info(&quick, true);
            for unknown in ["hash_kv", "status_hash", "trailer", "hash_kv_compact_revision"] {
                assert_eq!(quick[unknown], Value::Null, "{unknown} is not known then");
            }
        }
        // Never compacted is 0, not null.
        let early = kinescope("info", &unpacked(archive).join("early.snapshot"), &[]).json();
        assert_eq!(early["compact_revision"], 0);
    }
}

#[test]
fn info_of_a_data_directory_has_the_numbers_of_the_etcd_that_recovered_it() {
    for archive in ["etcd-3.5", "etcd-3.6"] {
        let dir = unpacked(archive);
        let info = kinescope("info", &dir.join("final.etcd"), &[]).exits(0).json();
        check_info(&info, true);
        let hash = &json(&dir.join("final.hashkv.json"))[0]["HashKV"];
        assert_eq!(info["hash_kv"], hash["hash"]);
        assert_eq!(info["hash_kv_compact_revision"], hash["compact_revision"]);
        assert_eq!(info["compact_revision"], hash["compact_revision"]);
        assert_eq!(info["current_revision"], hash["header"]["revision"]);
        assert_eq!(info["leases"], json_lines(&dir.join("final.leases.jsonl")).len());
        assert_eq!(info["trailer"], "absent");
        let member = hash["header"]["member_id"].as_u64().unwrap();
        assert_eq!(info["members"], json!([format!("{member:x}")]));
        let wal = [("applied_entries", Is::Int), ("uncommitted_entries", Is::Int), ("notes", Is::List)];
        shape(&info["raft_wal"], &wal);
        assert!(info["raft_wal"]["applied_entries"].as_i64().unwrap() > 0);
    }
}

#[test]
fn info_of_kine_has_the_numbers_of_its_rows() {
    for archive in ["kine-0.11", "kine-0.16"] {
        let dir = unpacked(archive);
        let path = dir.join("final");
        let info = kinescope("info", &path, &[]).exits(0).json();
        check_info(&info, false);
        shape(&info["wal"], &[("committed_frames", Is::Int), ("ignored_frames", Is::Int)]);
        assert!(info["wal"]["committed_frames"].as_i64().unwrap() > 0);
        let rows = Rows::read(&dir.join("final.rows.jsonl"));
        assert_eq!(info["current_revision"], rows.all.last().unwrap()[0]);
        assert_eq!(info["compact_revision"], rows.compact_revision());
        assert_eq!(info["changes"], rows.changes.len());
        assert_eq!(info["gap_rows"], rows.gaps);
        assert_eq!(info["tombstones"], rows.changes.iter().filter(|row| row[3] == 1).count());
        let mut newest = BTreeMap::new();
        for row in &rows.changes {
            newest.insert(row[1].as_str().unwrap(), row);
        }
        let live: Vec<&Vec<Value>> = newest.values().filter(|row| row[3] == 0).copied().collect();
        assert_eq!(info["live_keys"], live.len());
        assert_eq!(info["leases"], live.iter().filter(|row| row[6] != 0).count());
        assert_eq!(info["bytes"]["file"], fs::metadata(path.join("state.db")).unwrap().len());
    }
}

/// Rows as SQLite read them: id, name, created, deleted, create_revision, prev_revision, lease, and the hashes of value
/// and old value.
struct Rows {
    all: Vec<Vec<Value>>,
    changes: Vec<Vec<Value>>,
    gaps: usize,
}

impl Rows {
    fn read(path: &Path) -> Self {
        let all: Vec<Vec<Value>> = json_lines(path).iter().map(|row| row.as_array().unwrap().clone()).collect();
        let is_gap = |row: &Vec<Value>| row[1].as_str().unwrap() == format!("gap-{}", row[0]);
        let gaps = all.iter().filter(|row| is_gap(row)).count();
        let changes = all.iter().filter(|row| row[1] != "compact_rev_key" && !is_gap(row)).cloned().collect();
        Self { all, changes, gaps }
    }

    fn compact_revision(&self) -> i64 {
        let rows = self.all.iter().filter(|row| row[1] == "compact_rev_key");
        rows.map(|row| row[5].as_i64().unwrap()).max().unwrap()
    }
}

const CHANGE: [(&str, Is); 11] = [
    ("revision", Is::Int),
    ("sub", Is::Int),
    ("op", Is::Text),
    ("key", Is::Text),
    ("create_revision", Is::IntOrNull),
    ("version", Is::IntOrNull),
    ("lease", Is::Int),
    ("ttl", Is::IntOrNull),
    ("value_size", Is::IntOrNull),
    ("value_sha256", Is::TextOrNull),
    ("evidence", Is::Text),
];

#[test]
fn dump_of_kine_is_the_rows_that_sqlite_reads() {
    for archive in ["kine-0.11", "kine-0.16"] {
        for copy in ["early", "middle", "final"] {
            let dir = unpacked(archive);
            let rows = Rows::read(&dir.join(format!("{copy}.rows.jsonl")));
            let dump = kinescope("dump", &dir.join(copy), &[]).exits(0).lines();
            assert_eq!(dump.len(), rows.changes.len());
            for (line, row) in dump.iter().zip(&rows.changes) {
                shape(line, &CHANGE);
                let is_put = row[3] == 0;
                assert_eq!(line["revision"], row[0]);
                assert_eq!(line["sub"], 0);
                assert_eq!(line["key"], row[1]);
                assert_eq!(line["op"], if is_put { "put" } else { "delete" });
                assert_eq!(line["lease"], 0, "kine has no lease ids");
                assert_eq!(line["evidence"], "intact");
                if is_put {
                    let created = if row[2] == 1 { &row[0] } else { &row[4] };
                    assert_eq!(&line["create_revision"], created, "{line}");
                    assert_eq!(line["value_sha256"], row[7]);
                    assert_eq!(line["ttl"], if row[6] == 0 { Value::Null } else { row[6].clone() });
                } else {
                    assert_eq!([&line["value_size"], &line["value_sha256"], &line["version"]], [&Value::Null; 3]);
                }
            }
        }
    }
}

#[test]
fn dump_of_etcd_has_every_event_that_a_watch_delivered() {
    for archive in ["etcd-3.5", "etcd-3.6"] {
        let dir = unpacked(archive);
        let path = dir.join("final.etcd");
        let compact = kinescope("info", &path, &["--quick"]).json()["compact_revision"].to_string();
        let dump = kinescope("dump", &path, &["--values", "--from", &compact]).exits(0).lines();
        let ttl: BTreeMap<i64, Value> = json_lines(&dir.join("final.leases.jsonl"))
            .iter()
            .map(|lease| (lease["id"].as_i64().unwrap(), lease["granted-ttl"].clone()))
            .collect();
        let history = json_lines(&dir.join("final.history.jsonl"));
        let events: Vec<&Value> = history.iter().flat_map(|line| line["Events"].as_array().unwrap()).collect();
        assert_eq!(dump.len(), events.len());
        // The changes of one revision come in the order of their subs, which a watch does not tell.
        let mut by_key: BTreeMap<(i64, Vec<u8>), &Value> = BTreeMap::new();
        for event in events {
            by_key.insert((event["kv"]["mod_revision"].as_i64().unwrap(), base64(&event["kv"]["key"])), event);
        }
        for line in &dump {
            shape(line, &CHANGE.into_iter().chain([("value", Is::TextOrNull)]).collect::<Vec<_>>());
            let key = line["key"].as_str().unwrap().as_bytes().to_vec();
            let event = by_key[&(line["revision"].as_i64().unwrap(), key)];
            let kv = &event["kv"];
            if event.get("type").is_none() {
                let value = base64(&kv["value"]);
                assert_eq!(line["op"], "put");
                assert_eq!(line["create_revision"], kv["create_revision"]);
                assert_eq!(line["version"], kv["version"]);
                assert_eq!(line["lease"], kv.get("lease").cloned().unwrap_or(json!(0)));
                if let Some(ttl) = ttl.get(&line["lease"].as_i64().unwrap()) {
                    assert_eq!(&line["ttl"], ttl);
                }
                assert_eq!(line["value"], base64::engine::general_purpose::STANDARD.encode(&value));
                assert_eq!(line["value_size"], value.len());
                assert_eq!(line["value_sha256"], sha256(&value));
            } else {
                assert_eq!(line["op"], "delete");
                assert_eq!([&line["value"], &line["value_size"], &line["version"]], [&Value::Null; 3]);
            }
        }
        assert!(dump.is_sorted_by_key(|line| (line["revision"].as_i64().unwrap(), line["sub"].as_i64().unwrap())));
    }
}

const KEY: [(&str, Is); 8] = [
    ("key", Is::Text),
    ("mod_revision", Is::Int),
    ("create_revision", Is::IntOrNull),
    ("version", Is::IntOrNull),
    ("lease", Is::Int),
    ("ttl", Is::IntOrNull),
    ("value_size", Is::IntOrNull),
    ("value_sha256", Is::TextOrNull),
];

#[test]
fn ls_is_the_engine_s_own_listing() {
    for (archive, store, listed) in [
        ("etcd-3.5", "middle.snapshot", "middle.listing.json"),
        ("etcd-3.6", "final.etcd", "final.listing.json"),
        ("etcd-3.5", "final.etcd", "final.listing.json"),
    ] {
        let dir = unpacked(archive);
        let lines = kinescope("ls", &dir.join(store), &[]).exits(0).lines();
        let (revision, expected) = listing(&dir.join(listed));
        assert_eq!(lines.len(), expected.len());
        for (line, listed) in lines.iter().zip(&expected) {
            shape(line, &KEY);
            assert_eq!(line["key"], listed.key);
            assert_eq!(line["mod_revision"], listed.mod_revision);
            assert_eq!(line["create_revision"], listed.create_revision);
            assert_eq!(line["version"], listed.version);
            assert_eq!(line["lease"], listed.lease);
            assert_eq!(line["ttl"].is_null(), listed.lease == 0, "{line}");
            assert_eq!(line["value_size"], listed.value.len());
            assert_eq!(line["value_sha256"], sha256(&listed.value));
        }
        let at = kinescope("ls", &dir.join(store), &["--at", &revision.to_string()]).exits(0);
        assert_eq!(at.lines(), lines);
        let pods = kinescope("ls", &dir.join(store), &["/registry/pods/"]).exits(0).lines();
        let expected = expected.iter().filter(|listed| listed.key.starts_with("/registry/pods/"));
        let keys: Vec<&str> = pods.iter().map(|line| line["key"].as_str().unwrap()).collect();
        assert_eq!(keys, expected.map(|listed| listed.key.as_str()).collect::<Vec<_>>());
        assert!(!keys.is_empty());
    }
}

#[test]
fn get_and_log_show_one_key_with_all_its_states() {
    let dir = unpacked("etcd-3.6");
    let path = dir.join("middle.snapshot");
    let (_, expected) = listing(&dir.join("middle.listing.json"));
    let with_state = KEY.into_iter().chain([("state", Is::Text)]).collect::<Vec<_>>();
    for listed in expected.iter().step_by(29) {
        let get = kinescope("get", &path, &["--key", &listed.key]).exits(0).json();
        shape(&get, &with_state);
        assert_eq!(get["state"], "live");
        assert_eq!(get["mod_revision"], listed.mod_revision);
        assert_eq!(get["value_sha256"], sha256(&listed.value));
        let raw = run(["get", "--raw", "--key", &listed.key, path.to_str().unwrap()]).exits(0);
        assert!(raw.stdout == listed.value, "{}", listed.key);
        let log = kinescope("log", &path, &["--key", &listed.key]).exits(0).lines();
        assert_eq!(log.last().unwrap()["revision"], listed.mod_revision);
        assert_eq!(log.len() as i64, listed.version, "never compacted, so that all of its life is there");
        log.iter().for_each(|line| shape(line, &CHANGE));
        let before = kinescope("get", &path, &["--key", &listed.key, "--at", "1"]).exits(1).json();
        assert_eq!(before, json!({"key": listed.key, "state": "absent", "at": 1}));
    }
    let dump = kinescope("dump", &path, &[]).exits(0).lines();
    let deleted = dump.iter().rfind(|line| line["op"] == "delete").unwrap();
    let (key, revision) = (deleted["key"].as_str().unwrap(), deleted["revision"].as_i64().unwrap());
    let at = |revision: i64| kinescope("get", &path, &[key, "--at", &revision.to_string()]);
    assert_eq!(at(revision).exits(1).json()["state"], "deleted");
    assert_eq!(at(revision - 1).exits(0).json()["state"], "live");

    // Below the compact revision what cannot be known is unknown, and never absent.
    let compacted = dir.join("final.etcd");
    let info = kinescope("info", &compacted, &["--quick"]).json();
    let below = (info["compact_revision"].as_i64().unwrap() - 1).to_string();
    let unknown = kinescope("get", &compacted, &["/registry/never/was", "--at", &below]).exits(1).json();
    assert_eq!(unknown["state"], "unknown");
    let lines = kinescope("ls", &compacted, &["--at", &below]).exits(0).lines();
    lines.iter().for_each(|line| shape(line, &KEY));
}

#[test]
fn deleted_keys_are_marked_where_they_are_asked_for() {
    let path = unpacked("etcd-3.5").join("middle.snapshot");
    let all = kinescope("ls", &path, &["--all"]).exits(0).lines();
    let live = kinescope("ls", &path, &[]).exits(0).lines();
    let (deleted, rest): (Vec<&Value>, Vec<&Value>) = all.iter().partition(|line| line.get("deleted").is_some());
    assert_eq!(rest, live.iter().collect::<Vec<_>>());
    assert!(!deleted.is_empty());
    for line in deleted {
        assert_eq!(line["deleted"], true);
        assert_eq!([&line["value_size"], &line["value_sha256"], &line["version"]], [&Value::Null; 3]);
    }
}

#[test]
fn grep_says_where_a_line_stands() {
    let path = unpacked("etcd-3.6").join("middle.snapshot");
    let name = [
        ("key", Is::Text),
        ("kind", Is::TextOrNull),
        ("group", Is::TextOrNull),
        ("namespace", Is::TextOrNull),
        ("name", Is::TextOrNull),
    ];
    let with = |more: &[(&'static str, Is)]| [&name[..], more].concat();
    let line = with(&[
        ("revision", Is::Int),
        ("op", Is::Text),
        ("in", Is::Text),
        ("line", Is::IntOrNull),
        ("path", Is::TextOrNull),
        ("text", Is::Text),
    ]);
    let lines =
        kinescope("grep", &path, &["correct horse|/registry/secrets/shop/|health", "--reveal"]).exits(0).lines();
    lines.iter().for_each(|found| shape(found, &line));
    let places: BTreeSet<&str> = lines.iter().map(|line| line["in"].as_str().unwrap()).collect();
    assert_eq!(places, BTreeSet::from(["decoded", "key", "value"]));
    let image = kinescope("grep", &path, &["nginx:1.27", "--kind", "deploy", "-n", "blog"]).exits(0).lines();
    let expected = json!({
        "key": "/registry/deployments/blog/wp", "kind": "Deployment", "group": "apps", "namespace": "blog", "name": "wp",
        "revision": 1023, "op": "put", "in": "value", "line": 30, "path": ".spec.template.spec.containers[0].image",
        "text": "        image: nginx:1.27",
    });
    assert!(image.iter().any(|line| same_but_for_the_line(line, &expected)), "{image:?}");
    for counted in kinescope("grep", &path, &["-c", "nginx"]).exits(0).lines() {
        shape(&counted, &with(&[("count", Is::Int)]));
    }
    for named in kinescope("grep", &path, &["-l", "."]).exits(0).lines() {
        shape(&named, &name);
    }
}

/// Kubectl may print more fields above a line than a listing tells.
fn same_but_for_the_line(one: &Value, other: &Value) -> bool {
    let mut one = one.clone();
    one["line"] = other["line"].clone();
    one == *other
}

#[test]
fn bootstrap_says_what_fits_and_what_is_inside() {
    let source = unpacked("kine-0.16").join("final");
    let new = tempfile::tempdir().unwrap();
    fs::write(new.path().join("token"), "another\n").unwrap();
    let [token, target, out] = ["token", "state.db", "out"].map(|name| new.path().join(name).display().to_string());
    let fields = [
        ("version", Is::Int),
        ("source", Is::Text),
        ("keys", Is::List),
        ("token_hash", Is::TextOrNull),
        ("fits", Is::BoolOrNull),
        ("inside", Is::ObjectOrNull),
        ("extracted", Is::ObjectOrNull),
        ("new_store", Is::ObjectOrNull),
        ("notes", Is::List),
    ];
    let without = kinescope("bootstrap", &source, &[]).exits(0).json();
    shape(&without, &fields);
    assert_eq!([&without["fits"], &without["inside"], &without["token_hash"]], [&Value::Null; 3]);
    let more = ["--token", "fixture0011", "--extract", &out, "--new-token-file", &token, "-o", &target];
    let all = kinescope("bootstrap", &source, &more).exits(1).json();
    shape(&all, &fields);
    let key = [
        ("key", Is::Text),
        ("state", Is::Text),
        ("revision", Is::Int),
        ("value_size", Is::IntOrNull),
        ("lock", Is::Bool),
        ("variant", Is::TextOrNull),
    ];
    shape(&all["keys"][0], &key);
    assert_eq!(all["keys"][0]["variant"], "password");
    let inside = [
        ("key", Is::Text),
        ("revision", Is::Int),
        ("live", Is::Bool),
        ("ca_hash_fits", Is::BoolOrNull),
        ("encryption", Is::List),
        ("files", Is::List),
    ];
    shape(&all["inside"], &inside);
    shape(&all["inside"]["encryption"][0], &[("provider", Is::Text), ("key", Is::Text)]);
    let file = [
        ("name", Is::Text),
        ("path", Is::TextOrNull),
        ("size", Is::Int),
        ("timestamp", Is::TextOrNull),
        ("secret", Is::Bool),
        ("certificates", Is::List),
    ];
    let files = all["inside"]["files"].as_array().unwrap();
    assert_eq!(files.len(), 15);
    for listed in files {
        shape(listed, &file);
    }
    let certificate =
        ["subject", "issuer", "not_before", "not_after", "sha256", "validity"].map(|name| (name, Is::Text));
    shape(&files[0]["certificates"][0], &certificate);
    shape(&all["extracted"], &[("directory", Is::Text), ("written", Is::List), ("left_out", Is::List)]);
    shape(&all["extracted"]["left_out"][0], &[("name", Is::Text), ("reason", Is::Text)]);
    let made = [
        ("target", Is::Text),
        ("to", Is::Text),
        ("token_hash", Is::Text),
        ("bytes", Is::Int),
        ("current_revision", Is::Int),
        ("hash_kv", Is::IntOrNull),
        ("passwords_changed", Is::Bool),
        ("added", Is::List),
        ("notes", Is::List),
    ];
    shape(&all["new_store"], &made);
    let added = [("key", Is::Text), ("revision", Is::Int), ("op", Is::Text), ("value_size", Is::Int)];
    shape(&all["new_store"]["added"][0], &added);
}

#[test]
fn convert_reports_what_it_did() {
    let out = tempfile::tempdir().unwrap();
    let source = unpacked("etcd-3.6").join("final.etcd");
    let report = |source: &Path, to: &str, more: &[&str]| {
        let target = out.path().join(format!("{to}{}", more.len()));
        let target_text = target.to_str().unwrap().to_owned();
        let args = [&["convert", "--json", source.to_str().unwrap(), &target_text, "--to", to], more].concat();
        let report = run(args).exits(0).json();
        let fields = [
            ("version", Is::Int),
            ("source", Is::Text),
            ("target", Is::TextOrNull),
            ("to", Is::Text),
            ("bytes", Is::Int),
            ("live_keys", Is::Int),
            ("changes", Is::Int),
            ("current_revision", Is::Int),
            ("compact_revision", Is::Int),
            ("hash_kv", Is::IntOrNull),
            ("left_out", Is::List),
            ("not_wanted", Is::Int),
            ("translated", Is::List),
            ("added", Is::List),
            ("prefixes", Is::List),
            ("residue", if to == "kine" { Is::List } else { Is::Null }),
            ("notes", Is::List),
        ];
        shape(&report, &fields);
        for residue in report["residue"].as_array().into_iter().flatten() {
            let fields = [
                ("key", Is::Text),
                ("revision", Is::Int),
                ("what", Is::List),
                ("remedy", Is::Text),
                ("why", Is::TextOrNull),
                ("adapted_at", Is::IntOrNull),
            ];
            shape(residue, &fields);
        }
        assert_eq!([&report["version"], &report["to"]], [&json!(1), &json!(to)]);
        for left in report["left_out"].as_array().unwrap() {
            shape(left, &[("key", Is::Text), ("revision", Is::IntOrNull), ("reason", Is::Text)]);
        }
        for made in report["translated"].as_array().unwrap() {
            shape(made, &[("key", Is::Text), ("revision", Is::Int), ("what", Is::Text)]);
        }
        for prefix in report["prefixes"].as_array().unwrap() {
            shape(prefix, &[("prefix", Is::Text), ("keys", Is::Int), ("sha256", Is::Text)]);
        }
        let keys = report["prefixes"].as_array().unwrap().iter().map(|prefix| prefix["keys"].as_i64().unwrap());
        assert_eq!(keys.sum::<i64>(), report["live_keys"].as_i64().unwrap());
        (target, report)
    };
    let hash = &json(&unpacked("etcd-3.6").join("final.hashkv.json"))[0]["HashKV"];
    let (_, listed) = listing(&unpacked("etcd-3.6").join("final.listing.json"));
    for to in ["etcd-snapshot", "etcd-dir"] {
        let (target, report) = report(&source, to, &[]);
        assert_eq!(report["hash_kv"], hash["hash"], "the same rows have the same hash");
        assert_eq!(report["current_revision"], hash["header"]["revision"]);
        assert_eq!(report["live_keys"], listed.len());
        assert_eq!(report["target"], target.to_str().unwrap());
        assert_eq!(report["left_out"], json!([]));
        let info = kinescope("info", &target, &[]).exits(0).json();
        assert_eq!(info["hash_kv"], hash["hash"]);
    }
    let (target, kine) = report(&source, "kine", &[]);
    assert_eq!(kine["hash_kv"], Value::Null, "kine has none");
    assert_eq!(kine["bytes"], fs::metadata(&target).unwrap().len());
    assert_eq!(kine["current_revision"], hash["header"]["revision"]);
    assert!(!kine["left_out"].as_array().unwrap().is_empty(), "its tombstones share revisions");
    let (target, checked) = report(&source, "kine", &["--check"]);
    assert_eq!(checked["target"], Value::Null);
    assert!(!target.exists());
    assert_eq!(checked["prefixes"], kine["prefixes"]);
}

#[test]
fn put_reports_what_it_did() {
    let out = tempfile::tempdir().unwrap();
    let source = unpacked("kine-0.16").join("final");
    let (manifest, target) = (out.path().join("m.json"), out.path().join("state.db"));
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "shop"}});
    fs::write(&manifest, secret.to_string()).unwrap();
    let paths = [&source, &target, &manifest].map(|path| path.to_str().unwrap());
    let args = ["--json", "--token", "fixture0011", "--delete", "/registry/minions/srv-2"];
    let report = run([&["put"][..], &paths, &args].concat()).exits(0).json();
    let fields = [
        ("version", Is::Int),
        ("source", Is::Text),
        ("target", Is::TextOrNull),
        ("to", Is::Text),
        ("kubernetes_version", Is::TextOrNull),
        ("changed", Is::List),
        ("bytes", Is::Int),
        ("live_keys", Is::Int),
        ("current_revision", Is::Int),
        ("compact_revision", Is::Int),
        ("hash_kv", Is::IntOrNull),
        ("left_out", Is::List),
        ("translated", Is::List),
        ("notes", Is::List),
    ];
    shape(&report, &fields);
    assert_eq!((&report["kubernetes_version"], &report["to"]), (&json!("1.35"), &json!("kine")));
    for changed in report["changed"].as_array().unwrap() {
        let fields = [
            ("key", Is::Text),
            ("revision", Is::Int),
            ("action", Is::Text),
            ("object", Is::TextOrNull),
            ("namespace", Is::TextOrNull),
            ("encrypted", Is::ObjectOrNull),
        ];
        shape(changed, &fields);
    }
    shape(&report["changed"][0]["encrypted"], &[("provider", Is::Text), ("key", Is::Text)]);
    assert_eq!(
        (&report["changed"][1]["object"], &report["changed"][1]["action"]),
        (&json!("node/srv-2"), &json!("deleted"))
    );
}

/// The hash of a prefix is one that others can compute: of each key its length, the key, its mod revision, the value's
/// length and the value; all numbers in 8 bytes, big-endian.
#[test]
fn the_hash_of_a_prefix_is_as_documented() {
    let source = unpacked("etcd-3.5").join("middle.snapshot");
    let (_, listed) = listing(&unpacked("etcd-3.5").join("middle.listing.json"));
    let target = tempfile::tempdir().unwrap();
    let target = target.path().join("x");
    let args = ["convert", "--json", source.to_str().unwrap(), target.to_str().unwrap(), "--to", "etcd-snapshot"];
    let report = run(args).exits(0).json();
    let pods =
        report["prefixes"].as_array().unwrap().iter().find(|prefix| prefix["prefix"] == "/registry/pods/").unwrap();
    let mut bytes = Vec::new();
    let of_pods: Vec<_> = listed.iter().filter(|listed| listed.key.starts_with("/registry/pods/")).collect();
    for listed in &of_pods {
        bytes.extend((listed.key.len() as u64).to_be_bytes());
        bytes.extend(listed.key.as_bytes());
        bytes.extend(listed.mod_revision.to_be_bytes());
        bytes.extend((listed.value.len() as u64).to_be_bytes());
        bytes.extend(&listed.value);
    }
    assert_eq!(pods["keys"], of_pods.len());
    assert_eq!(pods["sha256"], sha256(&bytes));
}

/// A store with what is rare: keys that are not UTF-8, an apiserver's compact key, a gap, an unknown version.
fn odd_store(dir: &Path) -> PathBuf {
    let path = copy(&unpacked("kine-0.16").join("early.backup.db"), dir.join("state.db"));
    let connection = rusqlite::Connection::open(&path).unwrap();
    let sql = "DELETE FROM kine WHERE name != 'compact_rev_key';
        UPDATE kine SET prev_revision = 500 WHERE name = 'compact_rev_key';
        INSERT INTO kine VALUES (600, '/registry/a', 0, 0, 400, 450, 0, 'updated', 'before');
        INSERT INTO kine VALUES (601, 'gap-601', 0, 1, 0, 0, 0, NULL, NULL);
        INSERT INTO kine VALUES (602, 'gap-7', 1, 0, 0, 0, 0, 'a key of somebody', NULL);
        INSERT INTO kine VALUES (603, 'compact_rev_key_apiserver', 1, 0, 0, 0, 0, '600', NULL);
        INSERT INTO kine VALUES (604, CAST(x'2fff61' AS TEXT), 1, 0, 0, 0, 60, '', NULL);
        INSERT INTO kine VALUES (605, '/registry/b', 1, 0, 0, 0, 0, 'b', NULL);
        INSERT INTO kine VALUES (606, '/registry/b', 0, 1, 605, 605, 0, 'b', 'b');";
    connection.execute_batch(sql).unwrap();
    path
}

#[test]
fn what_is_rare_has_its_documented_form() {
    let dir = tempfile::tempdir().unwrap();
    let path = odd_store(dir.path());
    let dump = kinescope("dump", &path, &["--values"]).exits(0).lines();
    let revisions: Vec<i64> = dump.iter().map(|line| line["revision"].as_i64().unwrap()).collect();
    assert_eq!(revisions, [600, 602, 603, 604, 605, 606], "gap rows and kine's own compact row are no changes");
    assert_eq!(dump[0]["version"], Value::Null, "the first changes of its life are compacted");
    assert_eq!(dump[0]["create_revision"], 400);
    assert_eq!(dump[1]["key"], "gap-7");
    assert_eq!(dump[2]["key"], "compact_rev_key_apiserver");
    let strange = dump[3].as_object().unwrap();
    assert!(!strange.contains_key("key"));
    assert_eq!(strange["key_base64"], "L/9h");
    assert_eq!([&strange["ttl"], &strange["lease"]], [&json!(60), &json!(0)]);
    assert_eq!([&strange["value"], &strange["value_size"]], [&json!(""), &json!(0)], "empty is not unknown");
    assert_eq!([&dump[5]["op"], &dump[5]["value"]], [&json!("delete"), &Value::Null]);
    let info = kinescope("info", &path, &[]).exits(0).json();
    assert_eq!([&info["gap_rows"], &info["compact_revision"]], [&json!(1), &json!(500)]);
    assert_eq!([&info["changes"], &info["live_keys"], &info["tombstones"]], [&json!(6), &json!(4), &json!(1)]);
    let ls = kinescope("ls", &path, &[]).exits(0).lines();
    assert!(ls.iter().any(|line| line.get("key_base64").is_some()));
    let range = kinescope("dump", &path, &["--from", "602", "--to", "604"]).exits(0).lines();
    let revisions: Vec<i64> = range.iter().map(|line| line["revision"].as_i64().unwrap()).collect();
    assert_eq!(revisions, [602, 603, 604], "both ends belong to it");
    // In etcd a lease needs an id, which is made.
    let target = dir.path().join("a.snapshot");
    run(["convert", path.to_str().unwrap(), target.to_str().unwrap(), "--to", "etcd-snapshot"]).exits(0);
    let converted = kinescope("ls", &target, &[]).exits(0).lines();
    let leased = converted.iter().find(|line| line.get("key_base64").is_some()).unwrap();
    assert_eq!(leased["ttl"], 60);
    assert_ne!(leased["lease"], 0);
}

#[test]
fn damage_has_its_place_in_json_and_exit_code_3() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = fs::read(unpacked("kine-0.16").join("early.backup.db")).unwrap();
    let page = bytes.len() / 4096 / 2;
    bytes[page * 4096..(page + 3) * 4096].fill(0xa5);
    let path = dir.path().join("state.db");
    fs::write(&path, bytes).unwrap();
    let info = kinescope("info", &path, &[]).exits(3).json();
    check_info(&info, false);
    let damage = info["damage"].as_array().unwrap();
    assert!(!damage.is_empty());
    for finding in damage {
        shape(finding, &[("id", Is::Text), ("file", Is::Text), ("where", Is::Text), ("text", Is::Text)]);
        assert!(finding["file"].as_str().unwrap().ends_with("state.db"));
    }
    let dump = kinescope("dump", &path, &[]).exits(3);
    dump.lines().iter().for_each(|line| shape(line, &CHANGE));
}

#[test]
fn objects_have_their_names_beside_them() {
    let path = unpacked("kine-0.11").join("final/state.db");
    let lines = kinescope("get", &path, &["deployments", "-n", "shop"]).exits(0).lines();
    assert!(!lines.is_empty());
    let fields = [
        ("key", Is::Text),
        ("kind", Is::Text),
        ("namespace", Is::TextOrNull),
        ("name", Is::Text),
        ("mod_revision", Is::Int),
        ("object", Is::Object),
    ];
    for line in &lines {
        shape(line, &fields);
        assert_eq!([&line["kind"], &line["namespace"]], ["Deployment", "shop"]);
        assert_eq!(line["object"]["metadata"]["name"], line["name"]);
        assert_eq!(line["object"]["metadata"]["resourceVersion"], line["mod_revision"].to_string());
    }
    let namespaces = kinescope("get", &path, &["ns/default"]).exits(0).lines();
    assert_eq!([&namespaces[0]["namespace"], &namespaces[0]["name"]], [&Value::Null, &json!("default")]);
}

#[test]
fn an_extract_says_what_it_holds_and_what_not() {
    let path = unpacked("kine-0.11").join("final/state.db");
    let report = kinescope("extract", &path, &["deploy", "secrets", "-n", "shop", "--with-deps"]).exits(1).json();
    shape(&report, &[("version", Is::Int), ("at", Is::Int), ("objects", Is::List), ("left_out", Is::List)]);
    let fields = [
        ("key", Is::Text),
        ("revision", Is::Int),
        ("needed_by", Is::TextOrNull),
        ("warnings", Is::List),
        ("file", Is::TextOrNull),
        ("object", Is::ObjectOrNull),
    ];
    let objects = report["objects"].as_array().unwrap();
    objects.iter().for_each(|object| shape(object, &fields));
    assert!(objects.iter().any(|object| object["needed_by"].is_string()));
    let left_out = report["left_out"].as_array().unwrap();
    left_out.iter().for_each(|left| shape(left, &[("what", Is::Text), ("reason", Is::Text), ("why", Is::Text)]));
    assert!(left_out.iter().any(|left| left["reason"] == "secret"));
}

const FINDING: [(&str, Is); 5] =
    [("id", Is::Text), ("severity", Is::Text), ("where", Is::Text), ("text", Is::Text), ("hint", Is::Text)];

/// Makes sure of the fields that `verify` and `doctor` have in common.
fn check_verdict(object: &Value, verdict: &str) {
    assert_eq!([&object["version"], &object["verdict"]], [&json!(1), &json!(verdict)], "{object}");
    for finding in object["findings"].as_array().unwrap() {
        shape(finding, &FINDING);
        assert!(["error", "loss", "warning", "note"].contains(&finding["severity"].as_str().unwrap()));
    }
}

#[test]
fn a_verdict_has_its_findings_and_what_was_looked_at() {
    let fields = |is_open: bool| {
        let or_null = |is, null| if is_open { is } else { null };
        [
            ("version", Is::Int),
            ("verdict", Is::Text),
            ("findings", Is::List),
            ("source", Is::Text),
            ("engine", or_null(Is::Text, Is::Null)),
            ("current_revision", or_null(Is::Int, Is::Null)),
            ("compact_revision", or_null(Is::Int, Is::Null)),
            ("live_keys", or_null(Is::Int, Is::Null)),
            ("token_fits", Is::BoolOrNull),
            ("checked", or_null(Is::Object, Is::Null)),
        ]
    };
    let checked = [("values", Is::Int), ("opened", Is::Int), ("locked", Is::Int)];
    for (archive, engine) in [("kine-0.16", "kine"), ("etcd-3.5", "etcd")] {
        let name = if engine == "kine" { "final" } else { "final.etcd" };
        let path = unpacked(archive).join(name);
        let token = unpacked(archive).join("token");
        let info = kinescope("info", &path, &[]).exits(0).json();
        for (more, fits) in [(vec![], Value::Null), (vec!["--token-file", token.to_str().unwrap()], json!(true))] {
            let verdict = kinescope("verify", &path, &more).exits(0).json();
            shape(&verdict, &fields(true));
            shape(&verdict["checked"], &checked);
            check_verdict(&verdict, "restorable");
            assert_eq!([&verdict["engine"], &verdict["token_fits"]], [&json!(engine), &fits]);
            for field in ["current_revision", "compact_revision", "live_keys"] {
                assert_eq!(verdict[field], info[field], "{archive} {field}");
            }
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let none = dir.path().join("none");
    fs::write(&none, "no store").unwrap();
    let verdict = kinescope("verify", &none, &[]).exits(1).json();
    shape(&verdict, &fields(false));
    check_verdict(&verdict, "not");
    let bytes = fs::read(unpacked("etcd-3.6").join("early.snapshot")).unwrap();
    fs::write(&none, &bytes[..bytes.len() - 7]).unwrap();
    let verdict = kinescope("verify", &none, &[]).exits(3).json();
    shape(&verdict, &fields(true));
    check_verdict(&verdict, "with_loss");
    kinescope("verify", &dir.path().join("nothing"), &[]).cannot(&["no such file"]);
}

#[test]
fn a_diagnosis_has_its_steps_and_its_commands() {
    let dir = tempfile::tempdir().unwrap();
    let server = dir.path().join("server");
    copy(&unpacked("kine-0.16").join("early.backup.db"), server.join("db/state.db"));
    let fields = [
        ("version", Is::Int),
        ("verdict", Is::Text),
        ("findings", Is::List),
        ("server", Is::Text),
        ("starts_on", Is::Text),
        ("current_revision", Is::IntOrNull),
        ("live_keys", Is::IntOrNull),
        ("token_fits", Is::BoolOrNull),
        ("next_start", Is::List),
        ("fixes", Is::List),
    ];
    let check = |object: &Value, verdict, starts_on| {
        shape(object, &fields);
        check_verdict(object, verdict);
        assert_eq!(object["starts_on"], starts_on);
        assert!(!object["next_start"].as_array().unwrap().is_empty());
        for fix in object["fixes"].as_array().unwrap() {
            shape(fix, &[("id", Is::Text), ("commands", Is::List)]);
            assert!(object["findings"].as_array().unwrap().iter().any(|finding| finding["id"] == fix["id"]));
        }
    };
    let without_token = kinescope("doctor", &server, &[]).exits(1).json();
    check(&without_token, "not", "kine");
    assert_eq!([&without_token["token_fits"], &without_token["current_revision"]], [&Value::Null, &json!(381)]);
    assert!(!without_token["fixes"].as_array().unwrap().is_empty());
    let token = unpacked("kine-0.16").join("token");
    let with_token = kinescope("doctor", &server, &["--token-file", token.to_str().unwrap()]).exits(0).json();
    check(&with_token, "restorable", "kine");
    assert_eq!(with_token["token_fits"], true);
    fs::rename(server.join("db/state.db"), server.join("db/state.db.migrated")).unwrap();
    let migrated = kinescope("doctor", &server, &[]).exits(1).json();
    check(&migrated, "not", "new_kine");
    assert_eq!(migrated["live_keys"], Value::Null);
    kinescope("doctor", dir.path().join("nothing").as_path(), &[]).cannot(&["no directory of a k3s server"]);
}

#[test]
fn a_difference_says_what_became_of_an_object_and_where() {
    let (old, new) = (unpacked("etcd-3.6").join("early.snapshot"), unpacked("etcd-3.6").join("middle.snapshot"));
    let fields = [
        ("key", Is::Text),
        ("change", Is::Text),
        ("kind", Is::TextOrNull),
        ("namespace", Is::TextOrNull),
        ("name", Is::TextOrNull),
        ("from_revision", Is::IntOrNull),
        ("to_revision", Is::IntOrNull),
    ];
    for all in [&[][..], &["--all"]] {
        let lines = kinescope("diff", &old, &[&[new.to_str().unwrap()], all].concat()).exits(1).lines();
        assert!(lines.len() > 100);
        for line in &lines {
            let mut rest = line.clone();
            let paths = rest.as_object_mut().unwrap().remove("paths").unwrap();
            shape(&rest, &fields);
            match line["change"].as_str().unwrap() {
                "added" => assert!(line["from_revision"].is_null() && line["to_revision"].is_i64()),
                "removed" => assert!(line["from_revision"].is_i64() && line["to_revision"].is_null()),
                "changed" => assert!(line["from_revision"].as_i64() < line["to_revision"].as_i64()),
                other => panic!("{other}"),
            }
            let is_object = !line["kind"].is_null();
            assert!(is_object || !all.is_empty());
            assert_eq!(
                line["change"] == "changed" && is_object,
                paths.as_array().is_some_and(|paths| !paths.is_empty())
            );
        }
    }
}

#[test]
fn a_pruning_has_its_numbers_before_and_after() {
    let dir = tempfile::tempdir().unwrap();
    for source in [unpacked("etcd-3.6").join("middle.snapshot"), unpacked("kine-0.16").join("final")] {
        let target = dir.path().join("target");
        let args = [target.to_str().unwrap(), "--drop", "events", "--force"];
        let report = kinescope("prune", &source, &args).exits(0).json();
        let fields = [
            ("version", Is::Int),
            ("source", Is::Text),
            ("target", Is::TextOrNull),
            ("to", Is::Text),
            ("current_revision", Is::Int),
            ("before", Is::Object),
            ("after", Is::Object),
            ("dropped", Is::List),
            ("unsure", Is::List),
            ("left_out", Is::List),
            ("translated", Is::List),
            ("notes", Is::List),
        ];
        shape(&report, &fields);
        let numbers = [
            ("bytes", Is::Int),
            ("live_keys", Is::Int),
            ("changes", Is::Int),
            ("compact_revision", Is::Int),
            ("hash_kv", Is::IntOrNull),
        ];
        for (path, side) in [(&source, "before"), (&target, "after")] {
            shape(&report[side], &numbers);
            let info = kinescope("info", path, &[]).exits(0).json();
            assert_eq!(report[side]["bytes"], info["bytes"]["file"]);
            for same in ["live_keys", "changes", "compact_revision", "hash_kv"] {
                assert_eq!(report[side][same], *info.get(same).unwrap_or(&Value::Null), "{side} {same}");
            }
        }
        let dropped = [("key", Is::Text), ("revision", Is::Int), ("value_size", Is::Int), ("why", Is::Text)];
        let list = report["dropped"].as_array().unwrap();
        assert!(!list.is_empty());
        list.iter().for_each(|line| shape(line, &dropped));
    }
}

#[test]
fn a_redaction_says_what_it_replaced_and_what_is_noise() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("target");
    let args = [target.to_str().unwrap(), "--names"];
    let report = kinescope("redact", &unpacked("etcd-3.6").join("middle.snapshot"), &args).exits(1).json();
    let fields = [
        ("version", Is::Int),
        ("source", Is::Text),
        ("target", Is::TextOrNull),
        ("to", Is::Text),
        ("bytes", Is::Int),
        ("live_keys", Is::Int),
        ("changes", Is::Int),
        ("current_revision", Is::Int),
        ("compact_revision", Is::Int),
        ("hash_kv", Is::IntOrNull),
        ("secrets", Is::Int),
        ("looked_for", Is::Int),
        ("replaced", Is::Object),
        ("names", Is::ObjectOrNull),
        ("elsewhere", Is::List),
        ("opened", Is::Int),
        ("noise", Is::List),
        ("left_out", Is::List),
        ("translated", Is::List),
        ("notes", Is::List),
    ];
    shape(&report, &fields);
    let replaced = ["values", "elsewhere", "private_keys", "tokens", "names"].map(|name| (name, Is::Int));
    shape(&report["replaced"], &replaced);
    shape(&report["names"], &[("names", Is::Int), ("keys", Is::Int), ("remaining", Is::List)]);
    let remaining = report["names"]["remaining"].as_array().unwrap();
    remaining.iter().for_each(|one| shape(one, &[("name", Is::Text), ("keys", Is::Int), ("key", Is::Text)]));
    let noise = report["noise"].as_array().unwrap();
    assert!(!noise.is_empty());
    noise.iter().for_each(|noise| shape(noise, &[("key", Is::Text), ("values", Is::Int), ("why", Is::Text)]));
    let info = kinescope("info", &target, &[]).exits(0).json();
    for same in ["live_keys", "changes", "current_revision", "hash_kv"] {
        assert_eq!(report[same], info[same], "{same}");
    }
}

const FILE_BYTES: [(&str, Is); 10] = [
    ("file", Is::Int),
    ("wal", Is::IntOrNull),
    ("total", Is::Int),
    ("live", Is::Int),
    ("superseded", Is::Int),
    ("old_value", Is::Int),
    ("free", Is::Int),
    ("index", Is::Int),
    ("unused", Is::Int),
    ("rest", Is::Int),
];

const SIZE: [(&str, Is); 8] = [
    ("bytes", Is::Int),
    ("share", Is::Number),
    ("live", Is::Int),
    ("superseded", Is::Int),
    ("old_value", Is::Int),
    ("keys", Is::Int),
    ("live_keys", Is::Int),
    ("changes", Is::Int),
];

#[test]
fn why_names_causes_that_add_up_to_the_file() {
    for (archive, name) in [("kine-0.16", "final"), ("etcd-3.6", "middle.snapshot"), ("kine-0.11", "middle.backup.db")]
    {
        let path = unpacked(archive).join(name);
        let why = kinescope("why", &path, &[]).exits(0).json();
        let fields = [
            ("version", Is::Int),
            ("engine", Is::Text),
            ("current_revision", Is::Int),
            ("verdict", Is::Object),
            ("bytes", Is::Object),
            ("causes", Is::List),
            ("kinds", Is::List),
            ("namespaces", Is::List),
            ("writers", Is::List),
            ("owners", Is::List),
            ("keys", Is::List),
            ("managed_fields", Is::Object),
            ("locked_values", Is::Int),
            ("compaction", Is::Object),
            ("rate", Is::ObjectOrNull),
        ];
        shape(&why, &fields);
        shape(&why["bytes"], &FILE_BYTES);
        let verdict = [
            ("id", Is::Text),
            ("problem", Is::Bool),
            ("bytes", Is::Int),
            ("share", Is::Number),
            ("kind", Is::TextOrNull),
            ("namespace", Is::TextOrNull),
            ("text", Is::Text),
            ("advice", Is::Text),
        ];
        shape(&why["verdict"], &verdict);
        let compaction = [
            ("last_revision", Is::Int),
            ("lag_revisions", Is::Int),
            ("since", Is::TextOrNull),
            ("newest", Is::TextOrNull),
            ("lag_seconds", Is::IntOrNull),
        ];
        shape(&why["compaction"], &compaction);
        let own = [
            ("what", Is::Text),
            ("kind", Is::TextOrNull),
            ("group", Is::TextOrNull),
            ("resource", Is::TextOrNull),
            ("namespace", Is::TextOrNull),
            ("key_prefix", Is::TextOrNull),
            ("helm_bytes", Is::Int),
            ("text", Is::Text),
            ("advice", Is::Text),
        ];
        let causes = why["causes"].as_array().unwrap();
        causes.iter().for_each(|cause| shape(cause, &[&own[..], &SIZE].concat()));
        let bytes: Vec<u64> = causes.iter().map(|cause| cause["bytes"].as_u64().unwrap()).collect();
        assert!(bytes.is_sorted_by(|a, b| a >= b), "largest first");
        assert_eq!(bytes.iter().sum::<u64>(), why["bytes"]["total"].as_u64().unwrap());
        let info = kinescope("info", &path, &[]).json();
        for same in ["file", "live", "superseded", "free", "index"] {
            assert_eq!(why["bytes"][same], info["bytes"][same], "{same}");
        }
        assert_eq!(why["compaction"]["last_revision"], info["compact_revision"]);
        let rate = &why["rate"];
        let intervals = rate["intervals"].as_array().unwrap();
        let revisions: i64 = intervals.iter().map(|interval| interval["revisions"].as_i64().unwrap()).sum();
        assert!(revisions <= rate["last_revision"].as_i64().unwrap() - rate["first_revision"].as_i64().unwrap());
        for list in ["writers", "owners"] {
            let name = (&list[..list.len() - 1], Is::Text);
            let fields = [name, ("bytes", Is::Int), ("share", Is::Number), ("live", Is::Int), ("changes", Is::Int)];
            why[list].as_array().unwrap().iter().for_each(|line| shape(line, &fields));
        }
    }
}

#[test]
fn a_series_has_a_row_for_each_snapshot() {
    let dir = unpacked("etcd-3.6");
    let (early, middle) = (dir.join("early.snapshot"), dir.join("middle.snapshot"));
    let series = kinescope("series", &middle, &[early.to_str().unwrap()]).exits(0).json();
    shape(&series, &[("version", Is::Int), ("clusters", Is::List), ("left_out", Is::List)]);
    let cluster = &series["clusters"][0];
    let fields = [
        ("id", Is::TextOrNull),
        ("snapshots", Is::List),
        ("growth", Is::List),
        ("first_problem", Is::ObjectOrNull),
        ("sound", Is::Object),
    ];
    shape(cluster, &fields);
    let fields = [
        ("path", Is::Text),
        ("engine", Is::Text),
        ("time", Is::TextOrNull),
        ("revision", Is::Int),
        ("compact_revision", Is::Int),
        ("live_keys", Is::Int),
        ("changes", Is::Int),
        ("bytes", Is::Object),
        ("verdict", Is::Text),
        ("problem", Is::Bool),
        ("kind", Is::TextOrNull),
        ("namespace", Is::TextOrNull),
        ("text", Is::Text),
        ("damage", Is::Int),
        ("went_back", Is::Bool),
    ];
    let rows = cluster["snapshots"].as_array().unwrap();
    for (row, path) in rows.iter().zip([&early, &middle]) {
        shape(row, &fields);
        shape(&row["bytes"], &FILE_BYTES);
        assert_eq!(row["path"], path.to_str().unwrap(), "in the order of their times");
        let info = kinescope("info", path, &[]).json();
        assert_eq!((&row["revision"], &row["live_keys"]), (&info["current_revision"], &info["live_keys"]));
    }
    let growth = ["first", "last", "delta"].map(|name| (name, Is::Int));
    let growth = [&growth[..], &[("resource", Is::Text), ("began", Is::TextOrNull), ("bytes", Is::List)]].concat();
    cluster["growth"].as_array().unwrap().iter().for_each(|line| shape(line, &growth));
    let log = run(["series", "--json", "log", early.to_str().unwrap(), middle.to_str().unwrap(), "deploy/web"]);
    let fields = [
        ("cluster", Is::TextOrNull),
        ("key", Is::Text),
        ("revision", Is::Int),
        ("sub", Is::Int),
        ("op", Is::Text),
        ("time", Is::TextOrNull),
        ("value_size", Is::IntOrNull),
        ("value_sha256", Is::TextOrNull),
        ("first_seen", Is::Text),
        ("last_seen", Is::Text),
        ("snapshots", Is::Int),
        ("forked", Is::Bool),
    ];
    log.exits(0).lines().iter().for_each(|line| shape(line, &fields));
}

#[test]
fn a_report_holds_what_the_other_commands_say() {
    let dir = tempfile::tempdir().unwrap();
    let (early, middle) =
        (unpacked("kine-0.16").join("early.backup.db"), unpacked("kine-0.16").join("middle.backup.db"));
    let damaged = dir.path().join("damaged.db");
    let mut bytes = std::fs::read(&middle).unwrap();
    let page = 4096;
    // Leaf pages of the table with their cells, in the middle of the file.
    bytes[300 * page..340 * page].fill(0);
    std::fs::write(&damaged, bytes).unwrap();
    let nothing = dir.path().join("nothing.db");
    std::fs::write(&nothing, [b'x'; 5000]).unwrap();
    let more = [&middle, &damaged, &nothing].map(|path| path.to_str().unwrap());
    let report = kinescope("report", &early, &more).json();
    let fields = [
        ("version", Is::Int),
        ("made_at", Is::TextOrNull),
        ("verdict", Is::Text),
        ("stores", Is::List),
        ("unopened", Is::List),
        ("directories", Is::List),
        ("between", Is::List),
    ];
    shape(&report, &fields);
    let stores = report["stores"].as_array().unwrap();
    assert_eq!(stores.len(), 3);
    for (store, path) in stores.iter().zip([&early, &middle, &damaged]) {
        let fields = [
            ("source", Is::Text),
            ("info", Is::Object),
            ("verify", Is::Object),
            ("kubernetes_version", Is::TextOrNull),
            ("newest_stamp", Is::TextOrNull),
            ("why", Is::Object),
            ("kinds", Is::List),
            ("growth", Is::List),
            ("times", Is::List),
            ("recent", Is::List),
            ("recovery", Is::ObjectOrNull),
        ];
        shape(store, &fields);
        let numbers = |names: &[&'static str]| names.iter().map(|name| (*name, Is::Int)).collect::<Vec<_>>();
        let kind =
            [&[("kind", Is::Text)], &numbers(&["live_keys", "changes", "live_bytes", "superseded_bytes"])[..]].concat();
        store["kinds"].as_array().unwrap().iter().for_each(|line| shape(line, &kind));
        let point = numbers(&["revision", "live_keys", "live_bytes", "written_bytes"]);
        store["growth"].as_array().unwrap().iter().for_each(|line| shape(line, &point));
        store["times"]
            .as_array()
            .unwrap()
            .iter()
            .for_each(|line| shape(line, &[("revision", Is::Int), ("time", Is::Text)]));
        let recent = [
            ("revision", Is::Int),
            ("op", Is::Text),
            ("key", Is::Text),
            ("value_size", Is::IntOrNull),
            ("stamp", Is::TextOrNull),
        ];
        store["recent"].as_array().unwrap().iter().for_each(|line| shape(line, &recent));
        for (command, part) in [("info", "info"), ("verify", "verify")] {
            assert_eq!(store[part], kinescope(command, path, &[]).json(), "{command}");
        }
        let why = kinescope("why", path, &["--top", "10"]).json();
        assert_eq!(store["why"], why);
        // One way to sum up by kind.
        let told: Vec<[&Value; 3]> = store["kinds"]
            .as_array()
            .unwrap()
            .iter()
            .map(|kind| [&kind["kind"], &kind["live_bytes"], &kind["superseded_bytes"]])
            .collect();
        let kinds: Vec<[&Value; 3]> = why["kinds"]
            .as_array()
            .unwrap()
            .iter()
            .map(|kind| [&kind["resource"], &kind["live"], &kind["superseded"]])
            .collect();
        assert_eq!(told, kinds);
        let is_damaged = path == &damaged;
        assert_eq!(store["recovery"].is_null(), !is_damaged, "{}", store["recovery"]);
        if is_damaged {
            assert_eq!(store["recovery"], kinescope("recover", path, &[]).json());
            assert!(!store["recovery"]["lost"].as_array().unwrap().is_empty());
        }
    }
    let mut unopened = report["unopened"][0].clone();
    unopened.as_object_mut().unwrap().remove("recovery");
    assert_eq!(unopened, kinescope("verify", &nothing, &[]).json());
    let between = report["between"].as_array().unwrap();
    assert_eq!(between.len(), 2);
    let fields = [
        ("old", Is::Text),
        ("new", Is::Text),
        ("differing", Is::Int),
        ("noise", Is::Int),
        ("unsure", Is::Int),
        ("kinds", Is::List),
    ];
    between.iter().for_each(|line| shape(line, &fields));
    let kind = [("kind", Is::Text), ("added", Is::Int), ("removed", Is::Int), ("changed", Is::Int)];
    between[0]["kinds"].as_array().unwrap().iter().for_each(|line| shape(line, &kind));
    let page = run(["report", damaged.to_str().unwrap(), "--format", "markdown"]);
    let lost = &stores[2]["recovery"]["lost"][0];
    assert!(page.text().contains("What is lost") && page.text().contains(&lost["revision"].to_string()));
}
