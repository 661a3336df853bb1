//! `redact`: no secret value of the source is in the result, plain, in base64, in JSON, in history or in an `old_value`; all
//! else is there, object for object, and the engines start on it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod engines;
mod fixtures;
mod proof;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use command::{Ran, run};
use engines::{EtcdVersion, KineVersion};
use fixtures::{base64, unpacked};
use proof::{integrity_check, kine_tells, sql_rows};
use serde_json::{Value, json};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn redact(source: &Path, target: &Path, more: &[&str]) -> Ran {
    run([&["redact", text(source), text(target)], more].concat())
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

const PLANTED: &str = "hunter2-planted!";
const OLDER: &str = "an-older-password-of-it";
const DELETED: &str = "went-with-its-secret";
const QUOTED: &str = "with \"quotes\" & <marks>\nand a second line";
const TOKEN: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6IiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJlb2ZpdA";
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\n-----END PRIVATE KEY-----\n";

/// A copy of `source` with secrets in many places, some of them only in its history.
fn planted(source: &Path, dir: &Path, token: &[&str]) -> PathBuf {
    let secret = |password: &str| {
        let applied =
            json!({"kind": "Secret", "data": {"password": STANDARD.encode(password)}, "stringData": {"pin": "tiny"}});
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {
                "name": "planted", "namespace": "shop",
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied.to_string()},
            },
            "stringData": {"password": password, "quoted": QUOTED, "pin": "tiny", "one": "x", "number": "5432"},
            "data": {"binary": STANDARD.encode([0xff, 0, 1, 2, 3, 0xfe, 9, 9, 9, 9, 7, 7, 7, 7])},
        })
    };
    let gone = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "gone", "namespace": "shop"}, "stringData": {"p": DELETED},
    });
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "careless", "namespace": "shop"},
        "data": {
            "url": format!("postgres://app:{PLANTED}@db/app"),
            "encoded": STANDARD.encode(format!("user={PLANTED};")),
            "json": json!({"q": QUOTED}).to_string(),
            "key.pem": KEY,
            "key.base64": STANDARD.encode(KEY),
            "token": format!("Bearer {TOKEN}"),
            "plain": "nothing to hide",
        },
    });
    let mut store = source.to_owned();
    let steps = [
        (vec![secret(OLDER), gone, map], &[][..]),
        (vec![secret(PLANTED)], &["--delete", "secret/gone", "-n", "shop"]),
    ];
    for (at, (items, more)) in steps.into_iter().enumerate() {
        let manifest = dir.join(format!("{at}.json"));
        fs::write(&manifest, json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()).unwrap();
        let target = dir.join(format!("planted-{at}"));
        run([&["put", text(&store), text(&target), text(&manifest)], more, token].concat()).exits(0);
        store = target;
    }
    store
}

/// Every value of every Secret, at every revision, as `get` shows it.
fn secrets(store: &Path, token: &[&str]) -> BTreeSet<Vec<u8>> {
    let dump = run(["dump", text(store), "--json"]).exits(0).lines();
    let of_secrets =
        dump.iter().filter(|line| line["key"].as_str().unwrap_or_default().starts_with("/registry/secrets/"));
    let mut found = BTreeSet::new();
    for line in of_secrets.filter(|line| line["op"] == "put") {
        let (key, revision) = (line["key"].as_str().unwrap(), line["revision"].to_string());
        let ran =
            run([&["get", text(store), key, "-o", "json", "--reveal", "--at", &revision], token].concat()).exits(0);
        let object: Value = serde_json::from_slice(&ran.stdout).unwrap();
        found.extend(object["data"].as_object().into_iter().flatten().map(|(_, value)| base64(value)));
    }
    found
}

/// The file and each value in it, in one.
fn everything(store: &Path) -> Vec<u8> {
    let mut all = fs::read(store).unwrap();
    for line in run(["dump", text(store), "--json", "--values"]).exits(0).lines() {
        all.extend(line["value"].as_str().map(|_| base64(&line["value"])).unwrap_or_default());
        all.push(b'\n');
    }
    if fs::read(store).unwrap().starts_with(b"SQLite") {
        for row in sql_rows(store) {
            all.extend(row.7.into_iter().flatten());
            all.push(b'\n');
            all.extend(row.8.into_iter().flatten());
        }
    }
    all
}

/// Kinds, names and everything but the values, of all that is live.
fn objects(store: &Path, token: &[&str]) -> BTreeMap<String, (Value, Value)> {
    let lines = run([&["get", text(store), "/registry/", "--json", "--reveal"], token].concat()).lines();
    let named = lines.into_iter().map(|line| {
        let object = &line["object"];
        let outline = json!([object["kind"], object["metadata"]["name"], object["metadata"]["uid"], object["type"]]);
        (line["key"].as_str().unwrap().to_owned(), (line["mod_revision"].clone(), outline))
    });
    named.collect()
}

/// Real stores of all engines: their archive, their name in it, and what opens their encrypted values.
const STORES: [(&str, &str, &[&str]); 4] = [
    ("kine-0.16", "final", &["--token", "fixture0011"]),
    ("kine-0.11", "final/state.db", &["--token", "fixture0014"]),
    ("etcd-3.6", "middle.snapshot", &["--token", "fixture0012"]),
    ("etcd-3.5", "final.etcd", &["--token", "fixture0013"]),
];

#[test]
fn no_secret_is_left_in_any_form_and_the_engines_start() {
    for (archive, name, token) in STORES {
        let dir = tempfile::tempdir().unwrap();
        let source = planted(&unpacked(archive).join(name), dir.path(), token);
        let target = dir.path().join("target");
        let report = redact(&source, &target, &[token, &["--json"]].concat()).exits(1).json();
        let noise = report["noise"].as_array().unwrap();
        assert!(noise.iter().all(|noise| noise["why"] == "bootstrap"), "{archive}: {noise:?}");
        let known = secrets(&source, token);
        assert!([PLANTED, OLDER, DELETED, QUOTED].iter().all(|secret| known.contains(secret.as_bytes())));
        let after = everything(&target);
        let before = everything(&source);
        let looked: Vec<&Vec<u8>> = known.iter().filter(|secret| secret.len() >= 5).collect();
        assert!(looked.len() > 5, "{archive}");
        for secret in looked {
            let encoded = STANDARD.encode(secret);
            assert!(!contains(&after, secret), "{archive}: {}", secret.escape_ascii());
            assert!(!contains(&after, encoded.trim_end_matches('=').as_bytes()), "{archive}: {encoded}");
        }
        let careless = [
            PLANTED.to_owned(),
            STANDARD.encode(format!("user={PLANTED};")),
            Value::from(QUOTED).to_string(),
            "MIIEvQIBADANBgkqhkiG9w0".to_owned(),
            STANDARD.encode(&KEY[30..60]),
            "c2lnbmF0dXJlb2ZpdA".to_owned(),
            "tiny".to_owned(),
        ];
        for text in &careless {
            assert!(!contains(&after, text.as_bytes()), "{archive}: {text}");
        }
        if !token.is_empty() && archive == "kine-0.11" {
            assert!(contains(&before, PLANTED.as_bytes()), "the test looks where it should");
        }
        assert!(contains(&after, b"nothing to hide") && contains(&after, b"-----BEGIN PRIVATE KEY-----"));
        // The same objects at the same revisions; equal values are equal again.
        assert_eq!(objects(&target, &[]), objects(&source, token), "{archive}");
        let get = |name: &str, kind: &str| -> Value {
            let ran = run(["get", text(&target), kind, name, "-n", "shop", "-o", "json", "--reveal"]).exits(0);
            serde_json::from_slice(&ran.stdout).unwrap()
        };
        let (secret, map) = (get("planted", "secret"), get("careless", "cm"));
        let password = String::from_utf8(base64(&secret["data"]["password"])).unwrap();
        assert_eq!(password.len(), PLANTED.len());
        assert_eq!(map["data"]["url"], format!("postgres://app:{password}@db/app"));
        assert!(base64(&secret["data"]["number"]).iter().all(u8::is_ascii_digit));
        starts(&target, &report);
        // A second run has another key.
        let again = dir.path().join("again");
        redact(&source, &again, token).exits(1);
        assert!(!contains(&everything(&again), password.as_bytes()));
    }
}

/// The engines serve as many keys as the report says.
fn starts(target: &Path, report: &Value) {
    let live = run(["ls", text(target), "--json"]).exits(0).lines();
    assert_eq!(live.len(), report["live_keys"]);
    if report["to"] == "kine" {
        assert_eq!(integrity_check(target), "ok");
        for version in [KineVersion::V0_11, KineVersion::V0_16] {
            let Some(engine) = engines::kine(version) else { continue };
            assert_eq!(kine_tells(&engine, target).revision, report["current_revision"]);
        }
        return;
    }
    for version in [EtcdVersion::V3_5, EtcdVersion::V3_6, EtcdVersion::V3_7] {
        let Some(engine) = engines::etcd(version) else { continue };
        let dir = tempfile::tempdir().unwrap();
        let data_dir = dir.path().join("a.etcd");
        engine.restore(target, &data_dir, &[]).unwrap();
        let etcd = engine.start(&data_dir);
        let revision = etcd.revision().unwrap();
        assert_eq!(revision, report["current_revision"]);
        assert_eq!(etcd.hash_kv(revision).unwrap().hash, report["hash_kv"]);
        assert_eq!(etcd.list("").unwrap().kvs.len(), report["live_keys"]);
    }
}

#[test]
fn what_stays_closed_is_noise_of_the_same_length_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let (source, target) = (unpacked("kine-0.16").join("final"), dir.path().join("state.db"));
    let report = redact(&source, &target, &["--json"]).exits(1).json();
    let noise = report["noise"].as_array().unwrap();
    let named: BTreeSet<&str> = noise.iter().map(|noise| noise["key"].as_str().unwrap()).collect();
    let lines = |path: &Path| run(["dump", text(path), "--json", "--values"]).exits(0).lines();
    let (before, after) = (lines(&source), lines(&target));
    assert_eq!(before.len(), after.len());
    let mut closed = 0;
    for (old, new) in before.iter().zip(&after) {
        assert_eq!(
            [&old["key"], &old["revision"], &old["value_size"]],
            [&new["key"], &new["revision"], &new["value_size"]]
        );
        let key = old["key"].as_str().unwrap();
        if old["op"] == "delete" {
            continue;
        }
        let (old, new) = (base64(&old["value"]), base64(&new["value"]));
        let is_closed = old.starts_with(b"k8s:enc:");
        closed += usize::from(is_closed);
        if is_closed {
            assert_eq!(old[..24], new[..24], "{key}: what says how it was closed");
            assert_ne!(old[old.len() - 16..], new[new.len() - 16..], "{key}");
        }
        assert_eq!(named.contains(key), is_closed || key.starts_with("/bootstrap/"), "{key}");
    }
    assert!(closed > 10);
    // The bootstrap data looks as before, and no token opens it any more.
    run(["bootstrap", text(&target), "--token", "fixture0011"]).exits(2);
    let other = dir.path().join("other");
    redact(&source, &other, &["--to", "etcd-snapshot", "--check"]).exits(1);
    assert!(!other.exists());
    redact(&source, Path::new("-"), &[]).cannot(&["standard output"]);
    redact(&source, &target, &[]).cannot(&["exists already"]);
}

/// Names that a cluster's users gave, and those made of them, with what becomes of them.
#[test]
fn names_become_others_and_all_that_refers_to_them_follows() {
    for (archive, name, token) in STORES {
        let dir = tempfile::tempdir().unwrap();
        let source = planted(&unpacked(archive).join(name), dir.path(), token);
        let target = dir.path().join("target");
        let report = redact(&source, &target, &[token, &["--names", "--json"]].concat()).exits(1).json();
        starts(&target, &report);
        // Key by key the same revision, kind and uid, under another name.
        let before = by_revision(&source, token);
        let after = by_revision(&target, &[]);
        assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{archive}");
        let mut names: BTreeMap<&str, &str> = BTreeMap::new();
        let (mut changed, mut uids) = (0, BTreeMap::new());
        for (revision, (old_key, old)) in &before {
            let (key, new) = &after[revision];
            assert_eq!((&old["kind"], &old["metadata"]["uid"]), (&new["kind"], &new["metadata"]["uid"]), "{old_key}");
            for field in ["name", "namespace"] {
                let (Some(old), Some(new)) = (old["metadata"][field].as_str(), new["metadata"][field].as_str()) else {
                    continue;
                };
                assert_eq!(old.len(), new.len());
                assert_eq!(*names.entry(old).or_insert(new), new, "{archive}: one other name for each");
                changed += usize::from(old != new);
            }
            // The leases of API servers have no name inside.
            if let Some(name) = new["metadata"]["name"].as_str() {
                assert!(key.ends_with(&format!("/{name}")), "{key} {name}");
                uids.insert(new["metadata"]["uid"].as_str().unwrap(), name);
            }
        }
        assert!(changed > 50, "{archive}: {changed}");
        let different: BTreeSet<&&str> = names.values().collect();
        assert_eq!(different.len(), names.len(), "{archive}: no two names become one");
        for name in ["default", "kube-system", "kube-root-ca.crt", "cluster-admin"] {
            assert_eq!(names[name], name);
        }
        for name in ["shop", "planted", "careless", "web"] {
            assert_ne!(names[name], name);
        }
        // What refers to an object does so by its other name.
        let (mut owners, mut nodes, mut pods) = (0, 0, 0);
        for (_, object) in after.values() {
            for owner in object["metadata"]["ownerReferences"].as_array().into_iter().flatten() {
                if let Some(name) = uids.get(owner["uid"].as_str().unwrap()) {
                    assert_eq!(owner["name"], *name);
                    owners += 1;
                }
            }
            if let Some(node) = object["spec"]["nodeName"].as_str() {
                assert!(names.values().any(|name| *name == node), "{archive}: {node}");
                nodes += 1;
            }
            if object["kind"] == "Pod" && object["metadata"]["namespace"] == names["shop"] {
                pods += 1;
            }
        }
        assert!(owners > 5 && nodes > 0 && pods > 0, "{archive}: {owners} {nodes} {pods}");
        let web = run(["get", text(&target), "deploy", names["web"], "-n", names["shop"], "-o", "json"]).exits(0);
        let web: Value = serde_json::from_slice(&web.stdout).unwrap();
        assert_eq!(web["spec"]["selector"]["matchLabels"], web["spec"]["template"]["metadata"]["labels"]);
        // What is left is said: a name that the report does not list is nowhere.
        let remaining: BTreeSet<&str> = report["names"]["remaining"]
            .as_array()
            .unwrap()
            .iter()
            .map(|remaining| remaining["name"].as_str().unwrap())
            .collect();
        let all = everything(&target);
        let mut nowhere = 0;
        for (old, new) in names.iter().filter(|(old, new)| old != new && old.len() >= 6) {
            let stands = contains(&all, old.as_bytes());
            assert!(!stands || remaining.contains(old), "{archive}: {old} (now {new}) stands in the result");
            nowhere += usize::from(!stands);
        }
        assert!(nowhere * 10 > names.len(), "{archive}: {nowhere} of {}", names.len());
        assert!(!remaining.contains("careless") && !remaining.contains("planted"), "{archive}: {remaining:?}");
        let shown = redact(&source, &dir.path().join("again"), &[token, &["--names"]].concat()).exits(1);
        assert!(shown.text().contains("names") && shown.text().contains("replaced"), "{}", shown.text());
    }
}

/// The key and the object of every put, by revision.
fn by_revision(store: &Path, token: &[&str]) -> BTreeMap<i64, (String, Value)> {
    let lines = run([&["get", text(store), "/registry/", "--json", "--reveal"], token].concat()).lines();
    let live = lines.into_iter().map(|line| {
        let object = line["object"].clone();
        (line["mod_revision"].as_i64().unwrap(), (line["key"].as_str().unwrap().to_owned(), object))
    });
    live.collect()
}
