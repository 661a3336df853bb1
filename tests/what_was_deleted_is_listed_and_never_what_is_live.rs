//! `undelete` lists what real engines deleted and compacted and what is still in the file, with the revision and the value that
//! the engine gave it then, and with what each rests on. Nothing that is live stands in the list.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod engines;
mod fixtures;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use command::{kinescope, ran, run, sha256};
use engines::{EtcdVersion, KineVersion};
use fixtures::{base64, json_lines, listing, unpacked};
use kinescope::model::Evidence;
use kinescope::ops::store;
use kinescope::ops::undelete::{Source, Undeleted, Wanted, undelete};
use kinescope::source::{Bytes, Choice, FileName};
use kinescope::sqlite::{Database, PageNo, PageUse};
use serde_json::Value;

fn found(path: &Path) -> Undeleted {
    undelete(&store::open(path, &Choice::default()).unwrap(), Wanted::default())
}

/// A listed key.
#[derive(Debug)]
struct Listed {
    revision: Option<i64>,
    deleted_at: Option<i64>,
    source: Source,
    evidence: Evidence,
    value: Vec<u8>,
}

fn listed(found: &Undeleted) -> BTreeMap<String, Listed> {
    let one = |deleted: &kinescope::ops::undelete::Deleted| {
        let key = String::from_utf8(found.history.keys().get(deleted.key).to_vec()).unwrap();
        let value = found.history.value(found.change(deleted).unwrap().value).unwrap().into_owned();
        let (revision, deleted_at) = (deleted.revision, deleted.deleted_at);
        (key, Listed { revision, deleted_at, source: deleted.source, evidence: deleted.evidence, value })
    };
    let all: BTreeMap<String, Listed> = found.deleted.iter().map(one).collect();
    assert_eq!(all.len(), found.deleted.len(), "each key once");
    all
}

/// What etcd itself told of a store: all values by key and revision, and the last deletion of each key that is not live.
struct Told {
    values: BTreeMap<(String, i64), Vec<u8>>,
    deleted: BTreeMap<String, i64>,
    live: BTreeSet<String>,
}

fn told(archive: &str) -> Told {
    let dir = unpacked(archive);
    let (mut values, mut deleted) = (BTreeMap::new(), BTreeMap::new());
    for moment in ["early", "middle", "final"] {
        let (_, kvs) = listing(&dir.join(format!("{moment}.listing.json")));
        values.extend(kvs.into_iter().map(|kv| ((kv.key, kv.mod_revision), kv.value)));
    }
    for answer in json_lines(&dir.join("final.history.jsonl")) {
        for event in answer["Events"].as_array().unwrap() {
            let kv = &event["kv"];
            let key = String::from_utf8(base64(&kv["key"])).unwrap();
            let revision = kv["mod_revision"].as_i64().unwrap();
            if event["type"].as_i64() == Some(1) {
                deleted.insert(key, revision);
            } else {
                values.insert((key, revision), kv.get("value").map(base64).unwrap_or_default());
            }
        }
    }
    let live: BTreeSet<String> = listing(&dir.join("final.listing.json")).1.into_iter().map(|kv| kv.key).collect();
    deleted.retain(|key, _| !live.contains(key));
    Told { values, deleted, live }
}

#[test]
fn etcd_s_deleted_keys_are_those_that_it_told_of() {
    for archive in ["etcd-3.5", "etcd-3.6"] {
        let told = told(archive);
        let all = listed(&found(&unpacked(archive).join("final.etcd")));
        let mut proven = 0;
        for (key, one) in &all {
            assert!(!told.live.contains(key), "{archive}: {key} is live");
            if let Some(value) = told.values.get(&(key.clone(), one.revision.unwrap())) {
                assert!(one.value == *value, "{archive}: {key} is another value than etcd told");
                proven += 1;
            }
        }
        // Every deletion of which a value is left anywhere in the rows is listed, with its newest value.
        let mut of_rows = 0;
        for (key, at) in &told.deleted {
            let one = all.get(key).unwrap_or_else(|| panic!("{archive}: {key} is not listed"));
            assert_eq!(one.deleted_at, Some(*at), "{archive}: {key}");
            // What etcd told of it last: some were written between its listings, and are newer.
            let newest = told.values.range((key.clone(), 0)..(key.clone(), *at)).next_back();
            if let Some(((_, revision), _)) = newest {
                assert!(one.revision.unwrap() >= *revision, "{archive}: {key} is given back as of {:?}", one.revision);
                of_rows += 1;
            }
        }
        let free = all.values().filter(|one| one.source == Source::Free).count();
        println!(
            "{archive}: {} listed, {free} of them from free pages, {proven} values proven, {of_rows} of {} deletions told",
            all.len(),
            told.deleted.len()
        );
        assert!(all.len() > 200 && free > 2 && proven > 200 && of_rows > 200);
        assert!(all.values().all(|one| (one.source == Source::Free) == (one.evidence > Evidence::Intact)));
    }
}

#[test]
fn kine_s_deleted_keys_are_those_of_its_tombstones() {
    for archive in ["kine-0.11", "kine-0.16"] {
        for moment in ["early", "middle", "final"] {
            let rows = json_lines(&unpacked(archive).join(format!("{moment}.rows.jsonl")));
            // id, name, created, deleted, create_revision, prev_revision, lease, and the hashes of the values.
            let newest: BTreeMap<&str, &Value> = rows.iter().map(|row| (row[1].as_str().unwrap(), row)).collect();
            let is_gap = |name: &str| name.starts_with("gap-");
            let expected: BTreeMap<&str, &Value> =
                newest.into_iter().filter(|(name, row)| row[3] == 1 && !is_gap(name) && !row[8].is_null()).collect();
            let all = listed(&found(&unpacked(archive).join(moment)));
            for (key, row) in &expected {
                let one = all.get(*key).unwrap_or_else(|| panic!("{archive} {moment}: {key} is not listed"));
                assert_eq!(one.deleted_at, row[0].as_i64(), "{key}");
                assert_eq!(one.revision, row[5].as_i64(), "{key}");
                assert_eq!(sha256(&one.value), row[8].as_str().unwrap(), "{key}");
            }
            let names: BTreeSet<&str> = expected.keys().copied().collect();
            let listed: BTreeSet<&str> =
                all.iter().filter(|(_, one)| one.source != Source::Free).map(|(key, _)| key.as_str()).collect();
            assert_eq!(listed, names, "{archive} {moment}");
            println!("{archive} {moment}: {} listed", all.len());
            if moment == "final" {
                assert!(!expected.is_empty());
            }
        }
    }
}

#[test]
fn what_a_real_etcd_compacted_away_is_found_in_free_pages() {
    for version in [EtcdVersion::V3_5, EtcdVersion::V3_6] {
        let Some(engine) = engines::etcd(version) else { return };
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("etcd");
        let etcd = engine.start(&data);
        let mut values = BTreeMap::new();
        for number in 0..300 {
            let (key, value) =
                (format!("/registry/configmaps/shop/settings-{number:03}"), vec![b'a' + number as u8 % 26; 200]);
            let revision = etcd.put(&key, &value).unwrap();
            values.insert(key, (revision, value));
        }
        let gone: Vec<String> = values.keys().step_by(3).cloned().collect();
        for key in &gone {
            etcd.delete(key).unwrap();
        }
        let last = etcd.put("/registry/last", "1").unwrap();
        etcd.compact(last).unwrap();
        etcd.put("/registry/later", "1").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(500));
        etcd.stop();
        let all = listed(&found(&data));
        println!("{version:?}: {} of {} found after the compaction", all.len(), gone.len());
        assert!(all.len() > gone.len() / 2, "{} of {}", all.len(), gone.len());
        for (key, one) in &all {
            assert!(gone.contains(key), "{key} was not deleted");
            let (revision, value) = &values[key];
            assert_eq!((one.revision, &one.value), (Some(*revision), value), "{key}");
            assert_eq!((one.source, one.evidence), (Source::Free, Evidence::Carved), "{key}");
        }
    }
}

#[test]
fn what_a_real_kine_deleted_is_found() {
    for version in [KineVersion::V0_11, KineVersion::V0_16] {
        let Some(engine) = engines::kine(version) else { return };
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state.db");
        let kine = engine.start(&state);
        for number in 0..30 {
            let key = format!("/registry/configmaps/shop/settings-{number:02}");
            let first = kine.create(&key, format!("first {number}")).unwrap();
            let second = kine.update(&key, format!("second {number}"), first).unwrap();
            if number % 3 == 0 {
                kine.delete(&key, second).unwrap();
            }
            if number % 6 == 0 {
                kine.create(&key, format!("third {number}")).unwrap();
            }
        }
        kine.stop();
        let all = listed(&found(&state));
        let expected: Vec<i32> = (0..30).filter(|number| number % 3 == 0 && number % 6 != 0).collect();
        assert_eq!(all.len(), expected.len(), "{:?}", all.keys());
        for number in expected {
            let one = &all[&format!("/registry/configmaps/shop/settings-{number:02}")];
            assert_eq!(one.value, format!("second {number}").into_bytes());
            assert_eq!((one.source, one.evidence), (Source::History, Evidence::Intact));
        }
    }
}

#[test]
fn a_list_says_what_each_rests_on() {
    let path = unpacked("etcd-3.6").join("final.etcd");
    let lines = run(["undelete", "--json", path.to_str().unwrap()]).exits(0).lines();
    assert!(lines.len() > 20);
    let fields = [
        "deleted_revision",
        "evidence",
        "found_in",
        "key",
        "kind",
        "name",
        "namespace",
        "newest_known_revision",
        "other_revisions",
        "revision",
        "value_size",
    ];
    for line in &lines {
        let object = line.as_object().unwrap();
        assert_eq!(object.keys().map(String::as_str).collect::<Vec<_>>(), fields);
        assert!(["intact", "carved", "rebuilt", "doubtful"].contains(&line["evidence"].as_str().unwrap()));
        assert!(["history", "old_value", "free"].contains(&line["found_in"].as_str().unwrap()));
        assert!(line["revision"].as_i64().unwrap() <= line["newest_known_revision"].as_i64().unwrap());
    }
    let text = run(["undelete", path.to_str().unwrap()]).exits(0);
    assert_eq!(text.text().lines().count(), lines.len() + 1, "a heading, and a line for each");
    // Only those that are meant.
    let events = run(["undelete", "--json", path.to_str().unwrap(), "events", "-n", "scratch"]).exits(0).lines();
    assert!(!events.is_empty() && events.len() < lines.len());
    assert!(events.iter().all(|line| line["kind"] == "Event" && line["namespace"] == "scratch"));
    run(["undelete", path.to_str().unwrap(), "ns/default"]).exits(1).says(&["nothing of that was deleted"]);
}

#[test]
fn what_was_deleted_is_extracted_as_it_was() {
    // Deleted with SQL as kine does it, so that it is known what it was.
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state.db");
    std::fs::copy(unpacked("kine-0.11").join("early.backup.db"), &state).unwrap();
    let args = |more: &[&str]| {
        let mut command = kinescope();
        command.args(["extract", state.to_str().unwrap()]).args(more);
        ran(&mut command)
    };
    let live = args(&["cm/tricky", "-n", "shop"]).exits(0);
    let secret = args(&["secret/db", "-n", "shop", "--reveal"]).exits(0);
    let table = rusqlite::Connection::open(&state).unwrap();
    for key in ["/registry/configmaps/shop/tricky", "/registry/secrets/shop/db"] {
        table
            .execute(
                "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, old_value) \
                 SELECT name, 0, 1, id, id, 0, value, value FROM kine WHERE name = ?",
                [key],
            )
            .unwrap();
    }
    table.close().unwrap();
    args(&["cm/tricky", "-n", "shop"]).exits(1);
    let back = args(&["--deleted", "cm/tricky", "-n", "shop"]).exits(0);
    assert!(back.text().contains("name: tricky"));
    assert_eq!(back.text(), live.text());
    // Values of Secrets only where they are asked for.
    let masked = args(&["--deleted", "secret/db", "-n", "shop"]).exits(1);
    assert!(!masked.text().contains("name: db"), "{}", masked.text());
    let revealed = args(&["--deleted", "secret/db", "-n", "shop", "--reveal"]).exits(0);
    assert_eq!(revealed.text(), secret.text());
    // What is live is no answer.
    args(&["--deleted", "cm/kube-root-ca.crt", "-n", "shop"]).exits(1);
    let list = run(["undelete", "--json", state.to_str().unwrap()]).exits(0).lines();
    let names: BTreeSet<&str> = list.iter().map(|line| line["key"].as_str().unwrap()).collect();
    assert!(names.contains("/registry/secrets/shop/db") && names.contains("/registry/configmaps/shop/tricky"));
}

/// Where in its page the bytes of a row are that is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Freed {
    /// In a freeblock, which has overwritten its first bytes.
    Freeblock,
    /// Between the cell pointers and the cells.
    Gap,
}

/// Says where bytes are that stand once in a database, in a page that is in use.
fn freed_at(state: &Path, marker: &[u8]) -> Freed {
    let bytes = std::fs::read(state).unwrap();
    let found: Vec<usize> = memchr::memmem::find_iter(&bytes, marker).collect();
    let [at] = found[..] else { panic!("{found:?}") };
    let database = Database::open(FileName::new("state.db"), Bytes::from(bytes), None).unwrap();
    let no = PageNo::new((at / 4096 + 1) as u32).unwrap();
    assert_eq!(database.census().page(no), PageUse::TableLeaf, "a page in use");
    let page = database.btree_page(no).unwrap();
    let inside = at as u32 % 4096;
    let blocks = page.freeblocks().unwrap();
    if blocks.iter().any(|&(start, end)| (u32::from(start)..end).contains(&inside)) {
        return Freed::Freeblock;
    }
    assert!((page.pointers_end() as u32..page.content_start()).contains(&inside));
    Freed::Gap
}

#[test]
fn a_compacted_row_in_the_free_bytes_of_a_live_page_is_found() {
    const KEY: &str = "/registry/example.org/things/default/freed";
    let value = format!(
        "{{\"apiVersion\":\"example.org/v1\",\"kind\":\"Thing\",\"metadata\":{{\"name\":\"freed\",\"namespace\":\"default\"}},\
         \"spec\":{{\"marker\":\"{}\"}}}}",
        "only here".repeat(30)
    );
    for place in [Freed::Freeblock, Freed::Gap] {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state.db");
        std::fs::copy(unpacked("kine-0.11").join("early.backup.db"), &state).unwrap();
        let table = rusqlite::Connection::open(&state).unwrap();
        // As go-sqlite3 has it, with which kine is built.
        table.execute_batch("PRAGMA secure_delete = OFF").unwrap();
        let insert = "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, old_value) \
                      VALUES (?, ?, ?, ?, ?, 0, ?, NULL)";
        let put = |key: &str, value: &str| {
            table.execute(insert, rusqlite::params![key, 1, 0, 0, 0, value.as_bytes()]).unwrap();
            table.last_insert_rowid()
        };
        // The first one begins a page, so that those behind it stand there too.
        put("/registry/example.org/things/default/first", &format!("{{\"a\":\"{}\"}}", "x".repeat(2500)));
        let row = put(KEY, &value);
        if place == Freed::Freeblock {
            put("/registry/example.org/things/default/behind", "{}");
        }
        table.execute(insert, rusqlite::params![KEY, 0, 1, row, row, None::<Vec<u8>>]).unwrap();
        let tombstone = table.last_insert_rowid();
        // As kine compacts.
        table.execute("UPDATE kine SET prev_revision = ? WHERE name = 'compact_rev_key'", [tombstone]).unwrap();
        for id in [tombstone, row] {
            assert_eq!(table.execute("DELETE FROM kine WHERE id = ?", [id]).unwrap(), 1);
        }
        table.close().unwrap();
        assert_eq!(freed_at(&state, b"only hereonly here\"".as_slice()), place);
        let all = listed(&found(&state));
        let one = all.get(KEY).unwrap_or_else(|| panic!("{place:?}: not listed"));
        assert_eq!((one.source, one.evidence), (Source::Free, Evidence::Carved), "{place:?}");
        assert_eq!(one.value, value.as_bytes(), "{place:?}");
        // Where a freeblock has overwritten the revision, it is not made up.
        assert!(one.revision.is_none_or(|revision| revision == row), "{place:?}: {:?}", one.revision);
        assert!(place == Freed::Freeblock || one.revision == Some(row));
    }
}
