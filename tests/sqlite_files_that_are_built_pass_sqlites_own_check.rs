//! A database file that the bulk writer makes is one that SQLite itself finds whole, and in which it finds every row.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs::File;
use std::path::Path;

use kinescope::sqlite::{BuildError, Builder, Column, Options, PageNo, PageSize, SchemaRow};
use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value;

const TABLE: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, number INTEGER, value BLOB)";
const BY_NAME: &str = "CREATE INDEX t_name ON t (name)";
const BY_NAME_AND_NUMBER: &str = "CREATE UNIQUE INDEX t_name_number ON t (name, number)";
const SEQUENCE: &str = "CREATE TABLE sqlite_sequence(name,seq)";

#[derive(Clone, Debug, PartialEq)]
struct Row {
    id: i64,
    name: String,
    number: i64,
    value: Option<Vec<u8>>,
}

/// Writes rows with both indexes and `sqlite_sequence`.
fn build(path: &Path, page_size: u32, rows: &[Row]) -> Result<(), BuildError> {
    let options = Options { page_size: PageSize::new(page_size).unwrap(), ..Options::default() };
    let mut builder = Builder::new(File::create(path)?, options)?;
    let mut table = builder.table();
    for row in rows {
        let value = row.value.as_deref().map_or(Column::Null, Column::Blob);
        table.push(row.id, &[Column::Null, Column::Text(row.name.as_bytes()), Column::Int(row.number), value])?;
    }
    let table = table.finish()?;
    let by_name = build_index(
        &mut builder,
        rows.iter().map(|row| vec![Column::Text(row.name.as_bytes()), Column::Int(row.id)]).collect(),
    )?;
    let by_both = build_index(
        &mut builder,
        rows.iter()
            .map(|row| vec![Column::Text(row.name.as_bytes()), Column::Int(row.number), Column::Int(row.id)])
            .collect(),
    )?;
    let mut sequence = builder.table();
    if let Some(last) = rows.last() {
        sequence.push(1, &[Column::Text(b"t"), Column::Int(last.id)])?;
    }
    let sequence = sequence.finish()?;
    let entry = |kind, name, table, root, sql| SchemaRow { kind, name, table, root: Some(root), sql: Some(sql) };
    builder.finish(&[
        entry("table", "t", "t", table, TABLE),
        entry("table", "sqlite_sequence", "sqlite_sequence", sequence, SEQUENCE),
        entry("index", "t_name", "t", by_name, BY_NAME),
        entry("index", "t_name_number", "t", by_both, BY_NAME_AND_NUMBER),
    ])?;
    Ok(())
}

fn build_index(builder: &mut Builder<File>, mut entries: Vec<Vec<Column<'_>>>) -> Result<PageNo, BuildError> {
    entries.sort();
    let mut index = builder.index();
    for entry in entries {
        index.push(&entry)?;
    }
    index.finish()
}

/// Builds, lets SQLite check the file, and compares what it reads with what was written.
fn prove(page_size: u32, rows: &[Row]) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("built.db");
    build(&path, page_size, rows).unwrap();
    let connection = Connection::open(&path).unwrap();
    assert_whole(&connection);
    assert_eq!(connection.query_row("PRAGMA page_size", (), |row| row.get::<_, u32>(0)).unwrap(), page_size);
    assert_eq!(connection.query_row("PRAGMA journal_mode", (), |row| row.get::<_, String>(0)).unwrap(), "wal");
    let mut statement = connection.prepare("SELECT id, name, number, value FROM t ORDER BY id").unwrap();
    let read = statement
        .query_map((), |row| Ok(Row { id: row.get(0)?, name: row.get(1)?, number: row.get(2)?, value: row.get(3)? }))
        .unwrap();
    let mut count = 0;
    for (read, written) in read.zip(rows) {
        assert_eq!(read.unwrap(), *written);
        count += 1;
    }
    assert_eq!(count, rows.len());
    assert_eq!(
        connection.query_row("SELECT count(*) FROM t", (), |row| row.get::<_, i64>(0)).unwrap() as usize,
        rows.len()
    );
    // The trees are used as SQLite uses its own: searched, and written to.
    for row in rows.iter().step_by(rows.len() / 20 + 1) {
        let found =
            connection.query_row("SELECT id FROM t WHERE name = ?1 AND number = ?2", (&row.name, row.number), |row| {
                row.get(0)
            });
        assert_eq!(found, Ok(row.id));
    }
    connection.execute("DELETE FROM t WHERE id % 3 = 0", ()).unwrap();
    connection.execute("INSERT INTO t (name, number) VALUES ('\u{10ffff}', 1)", ()).unwrap();
    let id: i64 = connection.query_row("SELECT max(id) FROM t", (), |row| row.get(0)).unwrap();
    assert_eq!(id, rows.last().map_or(1, |row| row.id + 1));
    assert_whole(&connection);
}

fn assert_whole(connection: &Connection) {
    let mut statement = connection.prepare("PRAGMA integrity_check").unwrap();
    let found: Vec<String> = statement.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(found, ["ok"]);
}

fn rows(count: usize, name_len: usize, value_len: impl Fn(usize) -> usize) -> Vec<Row> {
    (0..count)
        .map(|at| Row {
            id: at as i64 * 3 + 1,
            name: format!("{:0>width$}", (at * 7919) % 100_003, width = name_len),
            number: at as i64 - 5,
            value: (at % 7 != 0).then(|| vec![at as u8; value_len(at)]),
        })
        .collect()
}

#[test]
fn every_page_size_and_every_size_of_value_up_to_megabytes() {
    for page_size in [512, 1024, 4096, 16384, 65536] {
        prove(page_size, &rows(300, 20, |at| at * at));
        let around_a_page = page_size as usize - 60;
        prove(page_size, &rows(120, 5, |at| around_a_page + at));
        prove(page_size, &rows(3, 8, |at| at * 3_000_000));
    }
}

#[test]
fn no_rows_one_row_and_the_numbers_of_rows_at_which_trees_grow() {
    for count in (0..40).chain([100, 161, 162, 163, 511, 2000]) {
        prove(512, &rows(count, 30, |_| 20));
    }
}

#[test]
fn index_keys_of_every_length_up_to_some_pages() {
    for page_size in [512, 4096] {
        for name_len in (5..600).step_by(7) {
            prove(page_size, &rows(60, name_len, |_| 1));
        }
        prove(page_size, &rows(200, 5000, |_| 1));
    }
}

#[test]
fn every_count_of_index_entries_leaves_no_page_empty() {
    // Three to five entries a page: each count ends its levels in another way.
    for count in 0..160 {
        prove(512, &rows(count, 90, |_| 0));
    }
}

#[test]
fn a_hundred_thousand_rows() {
    prove(4096, &rows(100_000, 40, |at| at % 300));
}

#[test]
fn integers_of_every_width() {
    let edges = (0..63).flat_map(|bit| [(1i64 << bit) - 1, 1 << bit, -(1 << bit), -(1 << bit) - 1]);
    let mut numbers: Vec<i64> = edges.chain([i64::MIN, i64::MAX]).collect();
    numbers.sort_unstable();
    numbers.dedup();
    // As rowids too, but for the largest, after which SQLite could not insert.
    let row = |id: i64, number: i64| Row { id, name: format!("{number}"), number, value: None };
    let (last, others) = numbers.split_last().unwrap();
    let mut rows: Vec<_> = others.iter().map(|&number| row(number, number)).collect();
    rows.push(row(last - 1, *last));
    prove(1024, &rows);
}

#[test]
fn a_schema_too_long_for_page_1_spills_into_a_tree() {
    for (page_size, tables) in [(512, 1), (512, 4), (512, 30), (512, 300), (4096, 2000), (65536, 3000)] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("built.db");
        let options = Options { page_size: PageSize::new(page_size).unwrap(), user_version: 7, application_id: 8 };
        let mut builder = Builder::new(File::create(&path).unwrap(), options).unwrap();
        let named: Vec<_> = (0..tables)
            .map(|at| {
                let mut table = builder.table();
                table.push(at, &[Column::Int(at)]).unwrap();
                let name = format!("table_{at}");
                let sql = format!("CREATE TABLE {name} (number INTEGER /* {} */)", "x".repeat(at as usize % 700));
                (name, sql, table.finish().unwrap())
            })
            .collect();
        let rows: Vec<_> = named
            .iter()
            .map(|(name, sql, root)| SchemaRow { kind: "table", name, table: name, root: Some(*root), sql: Some(sql) })
            .collect();
        builder.finish(&rows).unwrap();
        let connection = Connection::open(&path).unwrap();
        assert_whole(&connection);
        for at in 0..tables {
            let sql = format!("SELECT number FROM table_{at}");
            assert_eq!(connection.query_row(&sql, (), |row| row.get::<_, i64>(0)), Ok(at));
        }
        let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), (), |row| row.get::<_, i64>(0));
        assert_eq!((pragma("user_version"), pragma("application_id")), (Ok(7), Ok(8)));
    }
}

#[test]
fn the_page_at_one_gibibyte_is_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("big.db");
    let options = Options { page_size: PageSize::new(65536).unwrap(), ..Options::default() };
    let mut builder = Builder::new(File::create(&path).unwrap(), options).unwrap();
    let mut table = builder.table();
    let value = vec![b'v'; 100_000_000];
    // One chain runs across the lock-byte page, and leaves lie behind it.
    for id in 1..=12 {
        table.push(id, &[Column::Blob(&value), Column::Int(id)]).unwrap();
    }
    let root = table.finish().unwrap();
    let sql = "CREATE TABLE t (value BLOB, number INTEGER)";
    builder.finish(&[SchemaRow { kind: "table", name: "t", table: "t", root: Some(root), sql: Some(sql) }]).unwrap();
    let connection = Connection::open(&path).unwrap();
    assert_whole(&connection);
    let sum = connection.query_row("SELECT sum(number) FROM t WHERE length(value) = 100000000", (), |row| row.get(0));
    assert_eq!(sum, Ok(78));
    let last: Vec<u8> = connection.query_row("SELECT value FROM t WHERE rowid = 11", (), |row| row.get(0)).unwrap();
    assert!(last == value);
}

#[test]
fn rows_out_of_order_are_refused() {
    let mut builder = Builder::new(std::io::Cursor::new(Vec::new()), Options::default()).unwrap();
    let mut table = builder.table();
    table.push(5, &[]).unwrap();
    assert!(matches!(table.push(5, &[]), Err(BuildError::RowOrder { last: 5, next: 5 })));
    assert!(matches!(table.push(-1, &[]), Err(BuildError::RowOrder { last: 5, next: -1 })));
}

#[test]
fn a_disk_that_is_full_is_an_error() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    impl std::io::Seek for Full {
        fn seek(&mut self, _: std::io::SeekFrom) -> std::io::Result<u64> {
            Ok(0)
        }
    }
    let mut builder = Builder::new(Full, Options::default()).unwrap();
    let mut table = builder.table();
    let value = vec![0; 10 << 20];
    let error = table.push(1, &[Column::Blob(&value)]).unwrap_err();
    assert!(matches!(error, BuildError::Io(error) if error.kind() == std::io::ErrorKind::StorageFull));
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::Integer),
        (-300i64..300).prop_map(Value::Integer),
        ".{0,40}".prop_map(Value::Text),
        proptest::collection::vec(any::<u8>(), 0..2000).prop_map(Value::Blob),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn any_rows(
        page_size in (9u32..17).prop_map(|power| 1 << power),
        rows in proptest::collection::btree_map(any::<i64>(), proptest::collection::vec(any_value(), 4), 0..60),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("built.db");
        let options = Options { page_size: PageSize::new(page_size).unwrap(), ..Options::default() };
        let mut builder = Builder::new(File::create(&path).unwrap(), options).unwrap();
        let as_columns = |values: &'_ [Value]| -> Vec<Column<'static>> {
            values.iter().map(|value| match value {
                Value::Integer(number) => Column::Int(*number),
                Value::Text(text) => Column::Text(Box::leak(text.clone().into_boxed_str()).as_bytes()),
                Value::Blob(bytes) => Column::Blob(Box::leak(bytes.clone().into_boxed_slice())),
                _ => Column::Null,
            }).collect()
        };
        let mut table = builder.table();
        for (id, values) in &rows {
            table.push(*id, &as_columns(values)).unwrap();
        }
        let table = table.finish().unwrap();
        let mut entries: Vec<_> = rows.iter().map(|(id, values)| {
            let mut entry = as_columns(values);
            entry.push(Column::Int(*id));
            entry
        }).collect();
        entries.sort();
        let mut index = builder.index();
        for entry in &entries {
            index.push(entry).unwrap();
        }
        let index = index.finish().unwrap();
        builder.finish(&[
            SchemaRow { kind: "table", name: "t", table: "t", root: Some(table), sql: Some("CREATE TABLE t (a, b, c, d)") },
            SchemaRow { kind: "index", name: "i", table: "t", root: Some(index), sql: Some("CREATE INDEX i ON t (a, b, c, d)") },
        ]).unwrap();
        let connection = Connection::open(&path).unwrap();
        assert_whole(&connection);
        let mut statement = connection.prepare("SELECT rowid, a, b, c, d FROM t ORDER BY rowid").unwrap();
        let read: Vec<(i64, Vec<Value>)> = statement
            .query_map((), |row| Ok((row.get(0)?, (1..5).map(|at| row.get(at)).collect::<Result<_, _>>()?)))
            .unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(read, rows.into_iter().collect::<Vec<_>>());
    }
}
