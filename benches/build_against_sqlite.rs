//! Our own writer of SQLite files against SQLite's fastest insert path, in one process and one run: the same rows of kine's
//! table with the same indexes, both ending with fsync.
//!
//! `cargo bench --bench build_against_sqlite`
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod measure;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kinescope::kine::schema::{INDEXES, TABLE_SQL};
use kinescope::kine::{NewRow, write};
use kinescope::model::{Contents, Engine, HistoryBuilder, Keys, NoValues};
use measure::{directory, ratios, tell};

const ROWS: i64 = 100_000;
const PAIRS: usize = 5;

fn name(row: i64) -> String {
    format!("/registry/pods/namespace-{:03}/object-{:07}", row % 97, (row * 7919) % (ROWS / 3))
}

fn value(row: i64) -> Vec<u8> {
    row.to_be_bytes().repeat(100)
}

fn sqlite(path: &Path) -> Duration {
    let _ = std::fs::remove_file(path);
    let started = Instant::now();
    let mut database = rusqlite::Connection::open(path).unwrap();
    let settings = "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-262144; \
                    PRAGMA temp_store=MEMORY; PRAGMA threads=4;";
    database.execute_batch(settings).unwrap();
    database.execute_batch(TABLE_SQL).unwrap();
    let transaction = database.transaction().unwrap();
    {
        let sql = "INSERT INTO kine VALUES (?1, ?2, 1, 0, 0, ?3, 0, ?4, ?4)";
        let mut insert = transaction.prepare(sql).unwrap();
        for row in 1..=ROWS {
            insert.execute(rusqlite::params![row, name(row), row - 1, value(row)]).unwrap();
        }
    }
    transaction.commit().unwrap();
    for (_, sql) in INDEXES {
        database.execute_batch(sql).unwrap();
    }
    drop(database);
    File::open(path).unwrap().sync_all().unwrap();
    started.elapsed()
}

fn ours(path: &Path) -> Duration {
    let _ = std::fs::remove_file(path);
    let started = Instant::now();
    let names: Vec<String> = (1..=ROWS).map(name).collect();
    let (keys, ids) = Keys::intern(&names.iter().map(|name| name.as_bytes()).collect::<Vec<_>>());
    let history = HistoryBuilder {
        engine: Engine::Kine,
        keys,
        changes: Vec::new(),
        leases: Vec::new(),
        current_revision: ROWS,
        compact_revision: 0,
        gap_rows: 0,
        values: Arc::new(NoValues),
    }
    .build();
    let mut contents = Contents::over(&history);
    let rows: Vec<NewRow> = (1..=ROWS)
        .zip(ids)
        .map(|(row, key)| {
            let value = Some(contents.value(value(row)));
            let blank = NewRow::blank(row, contents.same(key));
            NewRow { created: true, prev_revision: row - 1, value, old_value: value, ..blank }
        })
        .collect();
    let file = write(&contents, &rows, File::create(path).unwrap(), |_| true).unwrap();
    file.sync_all().unwrap();
    started.elapsed()
}

fn main() {
    let (theirs, our) = (directory().join("sqlite.db"), directory().join("ours.db"));
    println!("SQLite's time as a multiple of ours, {ROWS} rows: minimum / median / maximum of {PAIRS} pairs");
    tell("one transaction, no journal, indexes afterwards", &ratios(PAIRS, || sqlite(&theirs), || ours(&our)));
    for path in [theirs, our] {
        std::fs::remove_file(path).unwrap();
    }
}
