//! What `grep` finds is what grep would find in the objects as kubectl printed them, with their revisions; keys are searched
//! too, secrets are not unless it is asked for, and nothing that matches is passed over.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;
mod objects;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use command::{copy, run};
use fixtures::{json_lines, unpacked};
use kinescope::model::{
    Change, Engine, Evidence, History, HistoryBuilder, Keys, LeaseRef, Op, ReadValue, Revision, ValueRef, Version,
};
use kinescope::ops::grep::{self, Detail, Pattern, Scope, Search, Space, Syntax, What};
use kinescope::ops::keyring::Keyring;
use kinescope::ops::objects::Objects;
use kinescope::ops::store;
use kinescope::source::{Choice, Damage};
use regex::Regex;
use serde_json::Value;

const STORES: [(&str, &str); 4] =
    [("etcd-3.5", "final.etcd"), ("etcd-3.6", "final.etcd"), ("kine-0.11", "final"), ("kine-0.16", "final")];

fn search(path: &Path, more: &[&str]) -> command::Ran {
    run([&["grep", path.to_str().unwrap()], more].concat())
}

/// The arguments that open what is encrypted in a fixture.
fn keys(archive: &str) -> Vec<String> {
    vec!["--token-file".to_owned(), unpacked(archive).join("token").to_str().unwrap().to_owned()]
}

/// An object as kubectl printed it.
struct Printed {
    kind: String,
    group: String,
    namespace: Option<String>,
    name: String,
    revision: i64,
    yaml: String,
}

impl Printed {
    fn id(&self) -> (String, String, Option<String>, String, i64) {
        (self.kind.clone(), self.group.clone(), self.namespace.clone(), self.name.clone(), self.revision)
    }
}

/// All objects that kubectl printed and that have a revision.
fn printed(archive: &str) -> Vec<Printed> {
    let lines = json_lines(&unpacked(archive).join("kubectl-yaml.jsonl"));
    let object = |line: &Value| {
        let yaml = line["yaml"].as_str().unwrap().to_owned();
        let tree: Value = serde_yaml::from_str(&yaml).unwrap();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let api = text(&tree["apiVersion"])?;
        // Events are listed in two versions, and stored in the core group's.
        let resource = line["resource"].as_str().unwrap();
        let revision = text(&tree["metadata"]["resourceVersion"])?.parse().unwrap();
        (resource != "events.events.k8s.io").then(|| Printed {
            kind: text(&tree["kind"]).unwrap(),
            group: api.split_once('/').map_or("", |(group, _)| group).to_owned(),
            namespace: text(&tree["metadata"]["namespace"]),
            name: text(&tree["metadata"]["name"]).unwrap(),
            revision,
            yaml,
        })
    };
    lines.iter().filter_map(object).collect()
}

type Id = (String, String, Option<String>, String, i64);
/// For each object the numbers and texts of its lines.
type Lines = BTreeMap<Id, Vec<(i64, String)>>;

/// What `grep --json` found in values.
fn found(ran: &command::Ran) -> Lines {
    let mut lines = Lines::new();
    for line in ran.lines().iter().filter(|line| line["in"] == "value" && line["kind"].is_string()) {
        let text = |name: &str| line[name].as_str().map(str::to_owned);
        let (kind, group, name) = (text("kind").unwrap(), text("group").unwrap(), text("name").unwrap());
        let id = (kind, group, text("namespace"), name, line["revision"].as_i64().unwrap());
        lines.entry(id).or_default().push((line["line"].as_i64().unwrap(), text("text").unwrap()));
    }
    lines
}

const PATTERNS: [&str; 14] = [
    "nginx",
    "image: .*:",
    r"^  name: \S+$",
    "2026-11-21T05",
    "f:metadata",
    r"k:\{",
    "cluster-admin|kube-system",
    r"\d{4,}",
    r"[^\x00-\x7f]",
    "'",
    "\"",
    r"^\s+$",
    "replicas: [1-9]",
    "type: Opaque",
];

#[test]
fn lines_are_those_that_grep_finds_in_what_kubectl_printed() {
    for (archive, store) in STORES {
        let path = unpacked(archive).join(store);
        let token = keys(archive);
        let token: Vec<&str> = token.iter().map(String::as_str).collect();
        let everything = ["--json", "--history", "--show-managed-fields", "--reveal"];
        let all = found(&search(&path, &[&["."], &everything[..], &token].concat()).exits(0));
        // Kubectl's YAML loses U+0085, which is escaped here.
        let has_nel = |id: &Id| all[id].iter().any(|(_, line)| line.contains(r"\N"));
        let printed = printed(archive);
        let kept = printed.iter().filter(|one| all.contains_key(&one.id()) && !has_nel(&one.id()));
        let kept: Vec<&Printed> = kept.collect();
        assert!(kept.len() + 20 > printed.len() && kept.len() > 350, "{archive}: {} of {}", kept.len(), printed.len());
        for pattern in PATTERNS {
            let regex = Regex::new(pattern).unwrap();
            let mut expected = Lines::new();
            for object in &kept {
                let lines = (1..).zip(object.yaml.lines()).filter(|(_, line)| regex.is_match(line));
                let lines: Vec<(i64, String)> = lines.map(|(number, line)| (number, line.to_owned())).collect();
                if !lines.is_empty() {
                    expected.insert(object.id(), lines);
                }
            }
            let ran = search(&path, &[&[pattern], &everything[..], &token].concat());
            let known: BTreeSet<Id> = kept.iter().map(|object| object.id()).collect();
            let mut ours = found(&ran);
            ours.retain(|id, _| known.contains(id));
            for (id, lines) in &expected {
                assert_eq!(ours.get(id), Some(lines), "{archive}: {pattern} in {id:?}");
            }
            assert_eq!(ours.len(), expected.len(), "{archive}: {pattern}");
        }
    }
}

#[test]
fn the_same_lines_are_found_by_every_way_of_asking() {
    let path = unpacked("etcd-3.6").join("middle.snapshot");
    let lines = search(&path, &["nginx:1.27"]).exits(0);
    assert!(
        lines
            .text()
            .contains("deployment.apps/wp -n blog @1023: .spec.template.spec.containers[0]: image: nginx:1.27\n")
    );
    let json = search(&path, &["nginx:1.27", "--json"]).exits(0).lines();
    assert_eq!(json.len(), lines.text().lines().count());
    assert!(json.iter().any(|line| line["path"] == ".spec.template.spec.containers[0].image"));
    assert!(json.is_sorted_by_key(|line| line["key"].as_str().unwrap().to_owned()), "in the order of the keys");
    // The point is any character, unless the pattern is text; letters are letters, unless their case is the same.
    assert_eq!(search(&path, &["nginx.1.27"]).text(), lines.text());
    assert_eq!(search(&path, &["-F", "nginx:1.27"]).text(), lines.text());
    search(&path, &["-F", "nginx.1.27"]).exits(1);
    search(&path, &["NGINX:1.27"]).exits(1);
    assert_eq!(search(&path, &["-i", "NGINX:1.27"]).text(), lines.text());

    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines.text().lines() {
        *counts.entry(line.split(" @").next().unwrap().to_owned()).or_default() += 1;
    }
    let count = search(&path, &["-c", "nginx:1.27"]).exits(0);
    let counted = count.text().lines().map(|line| line.rsplit_once(": ").unwrap());
    let counted: BTreeMap<String, usize> =
        counted.map(|(name, count)| (name.to_owned(), count.parse().unwrap())).collect();
    assert_eq!(counted, counts);
    let names = search(&path, &["-l", "nginx:1.27"]).exits(0);
    assert_eq!(names.text().lines().collect::<BTreeSet<_>>(), counts.keys().map(String::as_str).collect());

    let only = |more: &[&str]| search(&path, &[&["-l", "nginx:1.27"], more].concat()).exits(0).text().to_owned();
    assert!(only(&["-n", "blog"]).lines().all(|line| line.ends_with(" -n blog")));
    assert_eq!(only(&["--kind", "deploy", "-n", "blog"]), "deployment.apps/wp -n blog\n");
    assert_eq!(only(&["-A"]), names.text());
    search(&path, &["-n", "none", "nginx:1.27"]).exits(1);
    search(&path, &["--kind", "deplyo", "x"]).cannot(&["deplyo"]);
    search(&path, &["--kind", "deploy/wp", "x"]).cannot(&["deploy/wp"]);
    search(&path, &["a("]).cannot(&["a(", "unclosed group", "-F"]);
}

/// A key is searched at each of its changes, its deletion too.
#[test]
fn history_is_every_change_up_to_the_moment() {
    let path = unpacked("kine-0.16").join("final");
    let dump = run(["dump", "--json", path.to_str().unwrap()]).exits(0).lines();
    let changes = |until: i64| -> BTreeSet<(String, i64, String)> {
        let change = |line: &Value| {
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            (text("key"), line["revision"].as_i64().unwrap(), text("op"))
        };
        dump.iter()
            .map(change)
            .filter(|(key, revision, _)| key.starts_with("/registry/e") && *revision <= until)
            .collect()
    };
    let matched = |more: &[&str]| -> Vec<(String, i64, String)> {
        let lines = search(&path, &[&["--json", "--history", "^/registry/e"], more].concat()).exits(0).lines();
        let keys = lines.iter().filter(|line| line["in"] == "key");
        let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
        keys.map(|line| (text(line, "key"), line["revision"].as_i64().unwrap(), text(line, "op"))).collect()
    };
    let all = matched(&[]);
    assert_eq!(all.iter().cloned().collect::<BTreeSet<_>>(), changes(i64::MAX));
    assert!(all.is_sorted_by_key(|(key, revision, _)| (key.clone(), *revision)));
    let (_, middle, _) = &all[all.len() / 2];
    let until = matched(&["--at", &middle.to_string()]);
    assert_eq!(until.into_iter().collect::<BTreeSet<_>>(), changes(*middle));
    let deleted = search(&path, &["--history", "^/registry/e"]).exits(0);
    assert!(deleted.text().lines().any(|line| line.starts_with("event/") && line.ends_with(" (deleted)")));
}

/// Every secret value that kubectl printed, as base64 and decoded.
fn secret_values(archive: &str) -> BTreeSet<String> {
    let mut values = BTreeSet::new();
    let secrets: Vec<Printed> = printed(archive).into_iter().filter(|one| one.kind == "Secret").collect();
    for secret in &secrets {
        let tree: Value = serde_yaml::from_str(&secret.yaml).unwrap();
        for value in tree["data"].as_object().into_iter().flatten().map(|(_, value)| value.as_str().unwrap()) {
            values.insert(value.to_owned());
            if let Ok(text) = String::from_utf8(STANDARD.decode(value).unwrap()) {
                values.extend(text.lines().next().map(str::to_owned));
            }
        }
    }
    // What is public anyway proves nothing.
    let public: Vec<String> =
        printed(archive).into_iter().filter(|one| one.kind != "Secret").map(|one| one.yaml).collect();
    values.retain(|value| value.len() > 3 && !public.iter().any(|yaml| yaml.contains(value.as_str())));
    assert!(values.len() > 3, "{archive}: {values:?}");
    values
}

#[test]
fn secrets_are_neither_shown_nor_confirmed() {
    for (archive, store) in STORES {
        let path = unpacked(archive).join(store);
        let token = keys(archive);
        let token: Vec<&str> = token.iter().map(String::as_str).collect();
        let values = secret_values(archive);
        let nothing = search(&path, &[&["-F", "no such thing anywhere", "--history"], &token[..]].concat()).exits(1);
        assert_eq!(nothing.stderr.lines().filter(|line| line.contains("--reveal")).count(), 1, "{}", nothing.stderr);
        for form in [&["."][..], &["--json", "."], &["-c", "."], &["-l", "."]] {
            let ran = search(&path, &[form, &["--history", "--show-managed-fields"], &token].concat()).exits(0);
            for value in &values {
                assert!(!ran.text().contains(value.as_str()), "{archive}: {form:?} shows {value}");
            }
        }
        for value in &values {
            let guess = search(&path, &[&["-F", value, "--history"], &token[..]].concat());
            assert_eq!((guess.code, guess.text()), (nothing.code, ""), "{archive}: {value} is confirmed");
            assert_eq!(guess.stderr, nothing.stderr, "{archive}: {value} is confirmed");
            let told = search(&path, &[&["-F", value, "--reveal", "--history"], &token[..]].concat()).exits(0);
            assert!(!told.stderr.contains("--reveal"));
        }
        // The mask is no text of the store.
        search(&path, &[&["masked, [0-9]+ byte", "--kind", "secrets"], &token[..]].concat()).exits(1);
    }
}

#[test]
fn revealed_secrets_are_searched_decoded() {
    let path = unpacked("etcd-3.6").join("middle.snapshot");
    let decoded = search(&path, &["--reveal", "-F", "correct horse"]).exits(0);
    assert!(decoded.text().contains("secret/db -n shop @259: .data.password (decoded): correct horse\n"));
    let json = search(&path, &["--reveal", "--json", "-F", "correct horse"]).exits(0).lines();
    assert!(json.iter().any(|line| line["in"] == "decoded" && line["path"] == ".data.password"));
}

#[test]
fn what_stays_closed_is_counted() {
    let path = unpacked("etcd-3.5").join("final.etcd");
    let closed = search(&path, &["correct"]);
    let notes: Vec<&str> = closed.stderr.lines().filter(|line| line.contains("encrypted values were not")).collect();
    assert_eq!(notes.len(), 1, "{}", closed.stderr);
    assert!(notes[0].contains("--token"), "{notes:?}");
    // Its key is no secret.
    assert!(search(&path, &["^/registry/secrets/"]).exits(0).text().contains("secret/"));
}

/// A store with values that nobody expects.
fn odd_store(dir: &Path) -> PathBuf {
    let db = copy(&unpacked("kine-0.16").join("early.backup.db"), dir.join("state.db"));
    let connection = rusqlite::Connection::open(&db).unwrap();
    let sql = "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value) \
               VALUES (?, 1, 0, 0, 0, 0, ?)";
    let put = |key: &str, value: &[u8]| assert_eq!(connection.execute(sql, rusqlite::params![key, value]), Ok(1));
    put("/elsewhere/text", b"first line\nneedle in text\n");
    put("/elsewhere/bytes", b"\xff\x00needle in bytes\xfe");
    put("/elsewhere/json", b"{\"needle\": \"in JSON without a kind\"");
    put("/bootstrap/0123456789ab", b"needle:in the bootstrap data");
    put("/registry/secrets/default/raw", b"needle in the place of a Secret");
    put(
        "/registry/example.com/things/default/one",
        br#"{"apiVersion":"example.com/v1","kind":"Thing","spec":{"a":"needle in an object","\u006eeedle":1}}"#,
    );
    db
}

#[test]
fn values_that_are_no_objects_are_searched_as_text() {
    let dir = tempfile::tempdir().unwrap();
    let db = odd_store(dir.path());
    let ran = search(&db, &["needle"]).exits(0);
    let lines: Vec<&str> = ran.text().lines().map(|line| line.split_once(": ").unwrap().1).collect();
    let expected = [
        "\u{fffd}\\0needle in bytes\u{fffd}",
        "{\"needle\": \"in JSON without a kind\"",
        "needle in text",
        ".spec: a: needle in an object",
        ".spec: needle: 1",
    ];
    assert_eq!(lines, expected);
    let revealed = search(&db, &["needle", "--reveal"]).exits(0);
    assert!(revealed.text().contains("in the bootstrap data") && revealed.text().contains("place of a Secret"));
    assert!(search(&db, &["needle", "-n", "default"]).exits(0).text().contains("in an object"));
}

#[test]
fn objects_that_cannot_be_read_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let db = odd_store(dir.path());
    let connection = rusqlite::Connection::open(&db).unwrap();
    let sql = "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value) \
               VALUES ('/registry/pods/default/torn', 1, 0, 0, 0, 0, ?)";
    connection.execute(sql, [b"k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x02\x0a\x7f\x1a\x00\x22\x00"]).unwrap();
    search(&db, &["needle|nothing"]).exits(3).says(&["/registry/pods/default/torn"]);
}

/// A store in memory.
struct Values(Vec<Vec<u8>>);

impl ReadValue for Values {
    fn read(&self, at: ValueRef) -> Result<Cow<'_, [u8]>, Damage> {
        Ok(Cow::Borrowed(&self.0[at.place as usize]))
    }
}

fn history_of(values: Vec<Vec<u8>>) -> History {
    let names: Vec<Vec<u8>> = (0..values.len()).map(|at| format!("/registry/x/{at:06}").into_bytes()).collect();
    let (keys, ids) = Keys::intern(&names.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let change = |(at, value): (usize, &Vec<u8>)| Change {
        revision: Revision::new(at as i64 + 1),
        key: ids[at],
        op: Op::Put,
        evidence: Evidence::Intact,
        create_revision: Some(at as i64 + 1),
        version: Version::Known(1),
        lease: LeaseRef::None,
        value: ValueRef { place: at as u64, len: value.len() as u32 },
    };
    let changes: Vec<Change> = values.iter().enumerate().map(change).collect();
    HistoryBuilder {
        engine: Engine::Etcd,
        keys,
        current_revision: changes.len() as i64,
        changes,
        leases: Vec::new(),
        compact_revision: 0,
        gap_rows: 0,
        values: Arc::new(Values(values)),
    }
    .build()
}

/// Looks in each object for words that its own text has. What spares decoding may not spare one of them.
fn assert_nothing_is_passed_over(history: &History) -> usize {
    let keyring = Keyring::new();
    let objects = Objects::new(history, &keyring, None, history.current_revision());
    let what = What { reveal: true, managed_fields: true, detail: Detail::Lines };
    let searched = |pattern: &str| {
        Search::new(&objects, Pattern::new(pattern, Syntax { fixed: true, ignore_case: false }).unwrap(), what)
    };
    let scope = Scope { history: true, ..Scope::default() };
    let changes = grep::select(&objects, &scope).unwrap().changes;
    let all = Search::new(&objects, Pattern::new(".", Syntax::default()).unwrap(), what);
    let mut space = Space::default();
    let mut words: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, change) in changes.iter().enumerate() {
        let found = all.search(change, &mut space);
        let lines = found.matches.iter().filter(|line| line.part != grep::Part::Key);
        let runs = lines.flat_map(|line| line.text.split(|c: char| !c.is_ascii_alphabetic()));
        let mut runs: Vec<&str> = runs.filter(|run| run.len() >= 3).collect();
        runs.sort_unstable();
        runs.dedup();
        for run in runs.into_iter().skip(at % 7).step_by(7) {
            words.entry(run.to_owned()).or_default().push(at);
            // Escapes and names of fields begin and end words.
            words.entry(run[1..].to_owned()).or_default().push(at);
            words.entry(run[..run.len() - 1].to_owned()).or_default().push(at);
        }
    }
    for (word, in_changes) in words.iter().filter(|(word, _)| word.len() > 1) {
        let search = searched(word);
        for &at in in_changes.iter().take(3) {
            assert!(search.search(changes[at], &mut space).count > 0, "{word} in {at}");
        }
    }
    words.len()
}

#[test]
fn nothing_that_matches_is_passed_over() {
    let opened = store::open(&unpacked("etcd-3.6").join("final.etcd"), &Choice::default()).unwrap();
    assert!(assert_nothing_is_passed_over(opened.store.history()) > 1_000);
    let hostile = objects::vectors("yaml-strings-v1.35.jsonl.gz").into_iter().map(|vector| vector.stored).collect();
    assert!(assert_nothing_is_passed_over(&history_of(hostile)) > 500);
    let every_field = objects::kubernetes_fixtures().into_iter().map(|fixture| fixture.stored).collect();
    assert!(assert_nothing_is_passed_over(&history_of(every_field)) > 500);
}

#[test]
fn no_file_is_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let db = odd_store(dir.path());
    let before = fs::read_dir(dir.path()).unwrap().count();
    search(&db, &["needle"]).exits(0);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), before);
}
