//! A state.db of more than 1 GiB, where SQLite keeps the page at the lock byte for itself, is sound for real SQLite and is
//! served by real kine.

mod engines;
mod fixtures;
mod proof;

use std::fs::File;
use std::sync::Arc;

use engines::KineVersion;
use kinescope::etcd::Image;
use kinescope::etcd::keyvalue::RowKey;
use kinescope::model::{Contents, Engine, HistoryBuilder, Keys, NoValues, Revision};
use kinescope::ops::convert::{Options, Target};
use proof::converted;

/// SQLite file format, section 1.9: the page that holds this byte is never used.
const LOCK_BYTE: u64 = 1 << 30;
const KEYS: i64 = 900;
/// So many different values; the rows share them, which keeps the test's memory small.
const VALUES: i64 = 16;
const VALUE_LEN: usize = 900_000;

/// A value that says whose it is, and whose bytes are not all the same.
fn value(number: i64, round: i64) -> Vec<u8> {
    let number = number % VALUES;
    let unit = format!("{number}.{round};");
    unit.bytes().cycle().take(VALUE_LEN + number as usize).collect()
}

fn name(number: i64) -> String {
    format!("/registry/configmaps/large/{number:04}")
}

/// An etcd database in which every key is put once, and one in five a second time.
fn write_source(file: File) -> i64 {
    let history = HistoryBuilder {
        engine: Engine::Etcd,
        keys: Keys::default(),
        changes: Vec::new(),
        leases: Vec::new(),
        current_revision: 1,
        compact_revision: 0,
        gap_rows: 0,
        values: Arc::new(NoValues),
    }
    .build();
    let mut contents = Contents::over(&history);
    let rounds = [1, 2].map(|round| (0..VALUES).map(|number| contents.value(value(number, round))).collect::<Vec<_>>());
    let mut rows = Vec::new();
    let mut revision = 1;
    let second = (0..KEYS).filter(|number| number % 5 == 0).map(|number| (number, 2));
    for (number, round) in (0..KEYS).map(|number| (number, 1)).chain(second) {
        revision += 1;
        rows.push(kinescope::etcd::NewRow {
            at: RowKey { revision: Revision::new(revision), tombstone: false },
            name: contents.name(name(number).as_bytes()),
            create_revision: number + 2,
            version: round,
            lease: 0,
            value: rounds[round as usize - 1][(number % VALUES) as usize],
        });
    }
    let image = Image {
        contents: &contents,
        rows: &rows,
        leases: &[],
        compact_revision: 0,
        version: None,
        membership: Vec::new(),
    };
    image.write(file, |_| true).unwrap();
    revision
}

#[test]
fn an_output_above_one_gib_is_sound() {
    let temporary = tempfile::tempdir().unwrap();
    let source = temporary.path().join("source.db");
    let revision = write_source(File::create(&source).unwrap());
    let target = temporary.path().join("state.db");
    let report = converted(&source, &target, &Options::plain(Target::Kine));
    std::fs::remove_file(&source).unwrap();
    assert!(std::fs::metadata(&target).unwrap().len() > LOCK_BYTE + (16 << 20));
    assert_eq!(report.live_keys, KEYS as u64);

    let database = rusqlite::Connection::open(&target).unwrap();
    let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let pages: i64 = database.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    assert_eq!(pages as u64 * 4096, std::fs::metadata(&target).unwrap().len());
    // The values that lie around the lock byte, and all others.
    let mut statement =
        database.prepare("SELECT id, name, value, old_value FROM kine WHERE id > 1 ORDER BY id").unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut read = 1;
    while let Some(row) = rows.next().unwrap() {
        read += 1;
        let (number, round) = if read - 2 < KEYS { (read - 2, 1) } else { ((read - 2 - KEYS) * 5, 2) };
        assert_eq!(row.get::<_, i64>(0).unwrap(), read);
        assert_eq!(row.get::<_, String>(1).unwrap(), name(number));
        assert!(row.get::<_, Vec<u8>>(2).unwrap() == value(number, round), "the value of row {read}");
        let old = (round == 2).then(|| value(number, 1));
        assert!(row.get::<_, Option<Vec<u8>>>(3).unwrap() == old, "the old value of row {read}");
    }
    assert_eq!(read, revision);
    drop(rows);
    drop(statement);
    drop(database);

    // 0.16 writes the whole file anew at its start, so it comes second.
    let mut live = KEYS;
    for version in [KineVersion::V0_11, KineVersion::V0_16] {
        let Some(engine) = engines::kine(version) else { continue };
        let kine = engine.start(&target);
        let count = ["get", "--prefix", "--count-only", "--write-out=fields", "--", "/registry/configmaps/"];
        let counted = kine.etcdctl(&count, b"").ok();
        assert!(counted.contains(&format!("\"Count\" : {live}\n")), "{version:?}: {counted}");
        for number in [0, 1, KEYS / 2, KEYS - 1] {
            let kv = kine.get(&name(number)).unwrap().unwrap();
            let round = if number % 5 == 0 { 2 } else { 1 };
            assert_eq!(kv.create_revision, number + 2);
            assert!(kv.value == value(number, round), "{version:?}: {number}");
        }
        let made = kine.create(format!("/registry/configmaps/{version:?}"), value(3, 3)).unwrap();
        assert!(made > revision, "{version:?}");
        live += 1;
        kine.stop();
        assert_eq!(proof::integrity_check(&target), "ok", "after {version:?}");
    }
}
