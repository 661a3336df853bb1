//! Every row of a real state.db, hot copies with their WAL included, is the one that SQLite itself reads, and the keys
//! that are live are those that kine listed.

mod fixtures;

use std::path::Path;

use fixtures::{json_lines, listing, open, unpacked};
use kinescope::kine::Store;
use kinescope::model::ValueRef;
use kinescope::source::Files;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn store(path: &Path) -> Store {
    let Files::Sqlite { db, wal } = open(path).files else { panic!("{} is SQLite", path.display()) };
    Store::open(&db, wal.as_ref()).unwrap()
}

fn rows_as_recorded(store: &Store) -> Vec<Value> {
    let history = store.history();
    let hash = |value: Option<ValueRef>| {
        value.map(|value| {
            let digest = Sha256::digest(history.value(value).unwrap());
            digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        })
    };
    let row = |row: &kinescope::kine::Row| {
        let name = std::str::from_utf8(history.keys().get(row.key)).unwrap();
        json!([
            row.id,
            name,
            i64::from(row.created),
            i64::from(row.deleted),
            row.create_revision,
            row.prev_revision,
            row.lease,
            hash(row.value),
            hash(row.old_value)
        ])
    };
    store.rows().iter().map(row).collect()
}

#[test]
fn all_rows_of_all_copies_are_those_that_sqlite_reads() {
    for archive in ["kine-0.11", "kine-0.16"] {
        let dir = unpacked(archive);
        let copies = [
            ("early/state.db", "early.rows.jsonl"),
            ("middle/state.db", "middle.rows.jsonl"),
            ("final/state.db", "final.rows.jsonl"),
            ("early.backup.db", "early.backup.rows.jsonl"),
            ("middle.backup.db", "middle.backup.rows.jsonl"),
        ];
        for (file, expected) in copies {
            let store = store(&dir.join(file));
            assert_eq!(store.damage(), [], "{archive} {file}");
            let expected = json_lines(&dir.join(expected));
            assert!(expected.len() > 100);
            assert_eq!(rows_as_recorded(&store), expected, "{archive} {file}");
        }
    }
}

#[test]
fn live_keys_are_those_that_kine_listed() {
    for archive in ["kine-0.11", "kine-0.16"] {
        let dir = unpacked(archive);
        let store = store(&dir.join("final/state.db"));
        let history = store.history();
        let (revision, expected) = listing(&dir.join("final.listing.json"));
        assert!(revision <= history.current_revision());
        for listed in &expected {
            let key = history.keys().find(listed.key.as_bytes()).unwrap_or_else(|| panic!("{} is there", listed.key));
            let change = history.changes_of(key).find(|change| change.revision.main == listed.mod_revision).unwrap();
            assert_eq!(change.create_revision, Some(listed.create_revision), "{}", listed.key);
            assert_eq!(*history.value(change.value).unwrap(), *listed.value, "{}", listed.key);
            assert_eq!(history.ttl(change.lease).unwrap_or(0), listed.lease, "{}", listed.key);
        }
        let live = history.keys().ids().filter(|&key| history.live(key).is_some()).count();
        assert!(live.abs_diff(expected.len()) < 20, "{live} live keys, {} listed a moment before", expected.len());
    }
}
