//! A query is answered from the same rows that `export` writes, can change nothing and reach nothing else, and needs only what
//! it names.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;

use command::{names_in, run};
use fixtures::unpacked;
use serde_json::json;

fn snapshot() -> String {
    unpacked("etcd-3.6").join("middle.snapshot").to_str().unwrap().to_owned()
}

#[test]
fn all_of_a_table_is_what_export_writes() {
    let path = snapshot();
    for table in ["stores", "revisions", "objects", "owners", "findings"] {
        let exported = run(["export", &path, "--format", "csv", "--table", table]);
        let order = if table == "stores" { "" } else { " order by rowid" };
        let asked = run(["sql", &path, "--csv", &format!("select * from {table}{order}")]).exits(0);
        // SQLite has no yes and no.
        let said = exported.text().replace(",true,", ",1,").replace(",false,", ",0,");
        let said = said.replace(",true,", ",1,").replace(",false,", ",0,");
        assert!(said == asked.text() || table == "objects", "{table}");
        assert_eq!(exported.text().lines().count(), asked.text().lines().count());
    }
}

#[test]
fn a_query_over_both_engines_agrees_with_info() {
    let kine = unpacked("kine-0.16").join("final/state.db");
    let (kine, etcd) = (kine.to_str().unwrap(), snapshot());
    let query =
        "select store, sum(live) as live, count(*) as changes, sum(op = 'delete') as deleted from revisions group by 1";
    let rows = run(["sql", kine, &etcd, query, "--json"]).exits(0).lines();
    assert_eq!(rows.len(), 2);
    for row in rows {
        let info = run(["info", "--quick", "--json", row["store"].as_str().unwrap()]).json();
        assert_eq!(
            [&row["live"], &row["changes"], &row["deleted"]],
            [&info["live_keys"], &info["changes"], &info["tombstones"]]
        );
    }
}

/// Columns that need a look into values are the same when nothing else is asked for.
#[test]
fn a_column_alone_is_the_column_of_the_whole_row() {
    let path = snapshot();
    for (table, columns) in [
        ("revisions", &["value_sha256", "stamp", "key"][..]),
        ("objects", &["kind", "state", "labels", "problem", "object", "value_sha256"]),
        ("stores", &["verdict", "hash_kv", "trailer", "live_keys"]),
    ] {
        let whole = run(["sql", &path, &format!("select * from {table}"), "--json"]).exits(0).lines();
        for column in columns {
            let alone = run(["sql", &path, &format!("select {column} as c from {table}"), "--json"]).exits(0).lines();
            assert!(whole.iter().map(|row| &row[column]).eq(alone.iter().map(|row| &row["c"])), "{table}.{column}");
        }
    }
}

#[test]
fn objects_are_json_that_queries_look_into_with_secrets_masked() {
    let path = snapshot();
    let query = "select namespace || '/' || name as n, object ->> '$.spec.replicas' as r from objects where kind = 'Deployment' order by 1";
    let rows = run(["sql", &path, query, "--json"]).exits(0).lines();
    let listed = run(["get", &path, "deployments", "--json"]).exits(0).lines();
    assert!(!rows.is_empty());
    assert_eq!(rows.len(), listed.len());
    for (row, object) in rows.iter().zip(&listed) {
        assert_eq!(row["n"], format!("{}/{}", object["namespace"].as_str().unwrap(), object["name"].as_str().unwrap()));
        assert_eq!(row["r"], object["object"]["spec"]["replicas"]);
    }
    let query = "select object ->> '$.data' as d from objects where kind = 'Secret' and state = 'masked'";
    let masked = run(["sql", &path, query, "--json"]).exits(0).lines();
    assert!(!masked.is_empty() && masked.iter().all(|row| row["d"].as_str().unwrap().contains("<masked, ")));
    let query = "select count(*) as n from objects where kind = 'Secret' and state = 'masked'";
    assert_eq!(run(["sql", &path, query, "--json", "--reveal"]).exits(0).json(), json!({"n": 0}));
}

#[test]
fn nothing_but_one_query_is_answered() {
    let path = snapshot();
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("other.db");
    let other = other.to_str().unwrap();
    for (query, words) in [
        (format!("attach '{other}' as other"), &["only queries"][..]),
        (format!("vacuum into '{other}'"), &["only queries"]),
        ("delete from stores".to_owned(), &["only queries"]),
        ("create table t (a)".to_owned(), &["only queries"]),
        ("pragma journal_mode = wal".to_owned(), &["only queries"]),
        ("select 1; select 2".to_owned(), &["one query"]),
        ("select 1; drop table stores".to_owned(), &["one query"]),
        ("select nonesuch from stores".to_owned(), &["no such column", "docs/export.md"]),
        ("select".to_owned(), &["incomplete input"]),
        (" ".to_owned(), &["no query"]),
        ("select load_extension('x')".to_owned(), &["not authorized"]),
    ] {
        run(["sql", &path, &query]).cannot(words);
    }
    assert_eq!(names_in(dir.path()), [""; 0]);
}

#[test]
fn a_table_is_aligned_and_every_row_is_a_line() {
    let path = snapshot();
    let query = "select 'a' || char(10) || 'b' || char(27) as odd, 12 as number, null as missing union all select 'longer text', 3, 'x'";
    let asked = run(["sql", &path, query]).exits(0);
    let expected = "odd           number   missing\na\\nb\\u{1b}        12   NULL\nlonger text        3   x\n";
    assert_eq!(asked.text(), expected);
    assert_eq!(run(["sql", &path, "select key from revisions where 0"]).exits(0).text(), "key\n");
}
