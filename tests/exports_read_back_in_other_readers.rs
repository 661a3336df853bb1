//! An export holds what `info`, `dump` and `get` say of the store, in whatever form, and another program reads it: SQLite, a
//! CSV and a JSON reader, and a Parquet reader in Go where it is built. No secret value is in it unless it was asked for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use command::{names_in, run, run_on_stdin};
use fixtures::unpacked;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

const TABLES: [&str; 5] = ["findings", "objects", "owners", "revisions", "stores"];

fn stores() -> [PathBuf; 4] {
    [
        unpacked("kine-0.16").join("final/state.db"),
        unpacked("kine-0.11").join("middle/state.db"),
        unpacked("etcd-3.6").join("middle.snapshot"),
        unpacked("etcd-3.5").join("final.etcd"),
    ]
}

fn export(path: &Path, format: &str, target: &Path, more: &[&str]) -> command::Ran {
    let (path, target) = (path.to_str().unwrap(), target.to_str().unwrap());
    run([&["export", path, "--format", format, "-o", target, "--name", "one"], more].concat())
}

/// Rows as JSON: null, numbers, texts. SQLite has no booleans, CSV nothing but text.
type Table = Vec<BTreeMap<String, Value>>;

fn of_sqlite(path: &Path) -> BTreeMap<String, Table> {
    let sqlite = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let check: String = sqlite.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let table = |name: &str| {
        let mut statement = sqlite.prepare(&format!("SELECT * FROM {name} ORDER BY rowid")).unwrap();
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let rows = statement.query_map([], |row| {
            let value = |at: usize| match row.get_ref(at).unwrap() {
                rusqlite::types::ValueRef::Null => Value::Null,
                rusqlite::types::ValueRef::Integer(number) => json!(number),
                rusqlite::types::ValueRef::Text(text) => json!(std::str::from_utf8(text).unwrap()),
                other => panic!("{other:?}"),
            };
            Ok(names.iter().enumerate().map(|(at, name)| (name.clone(), value(at))).collect())
        });
        rows.unwrap().map(Result::unwrap).collect()
    };
    TABLES.into_iter().map(|name| (name.to_owned(), table(name))).collect()
}

fn of_ndjson(directory: &Path) -> BTreeMap<String, Table> {
    let table = |name: &str| {
        let text = fs::read_to_string(directory.join(format!("{name}.ndjson"))).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    TABLES.into_iter().map(|name| (name.to_owned(), table(name))).collect()
}

fn of_csv(directory: &Path) -> BTreeMap<String, Table> {
    let table = |name: &str| {
        let mut reader = csv::Reader::from_path(directory.join(format!("{name}.csv"))).unwrap();
        let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let record = |record: csv::StringRecord| {
            assert_eq!(record.len(), names.len());
            names.iter().cloned().zip(record.iter().map(|field| json!(field))).collect()
        };
        reader.records().map(|one| record(one.unwrap())).collect()
    };
    TABLES.into_iter().map(|name| (name.to_owned(), table(name))).collect()
}

/// What a value of JSON is in SQLite: yes is 1, JSON is text.
fn as_sqlite(value: &Value) -> Value {
    match value {
        Value::Bool(yes) => json!(i64::from(*yes)),
        Value::Object(_) | Value::Array(_) => json!(value.to_string()),
        other => other.clone(),
    }
}

/// What a value of JSON is in CSV: text.
fn as_csv(value: &Value) -> Value {
    match value {
        Value::Null => json!(""),
        Value::String(text) => json!(text),
        other => json!(other.to_string()),
    }
}

fn converted(tables: &BTreeMap<String, Table>, with: fn(&Value) -> Value) -> BTreeMap<String, Table> {
    let row = |row: &BTreeMap<String, Value>| row.iter().map(|(name, value)| (name.clone(), with(value))).collect();
    tables.iter().map(|(name, rows)| (name.clone(), rows.iter().map(row).collect())).collect()
}

#[test]
fn every_form_has_the_same_rows_and_they_are_those_of_info() {
    for path in stores() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for format in ["sqlite", "ndjson", "csv"] {
            export(&path, format, &at(format), &[]).exits(1).says(&["note: "]);
        }
        let (sqlite, ndjson, csv) = (of_sqlite(&at("sqlite")), of_ndjson(&at("ndjson")), of_csv(&at("csv")));
        for name in TABLES {
            assert!(converted(&ndjson, as_sqlite)[name] == sqlite[name], "{name} of {}", path.display());
            assert!(converted(&ndjson, as_csv)[name] == csv[name], "{name} of {}", path.display());
        }
        let info = run(["info", "--json", path.to_str().unwrap()]).exits(0).json();
        let [store] = ndjson["stores"].as_slice() else { panic!("one store has one row") };
        for field in [
            "engine",
            "current_revision",
            "compact_revision",
            "live_keys",
            "changes",
            "tombstones",
            "leases",
            "gap_rows",
        ] {
            assert_eq!(store[field], info[field], "{field}");
        }
        for field in ["file", "live", "superseded", "free", "index"] {
            assert_eq!(store[&format!("{field}_bytes")], info["bytes"][field], "{field}");
        }
        let revisions = &ndjson["revisions"];
        let count = |field: &str, value: Value| revisions.iter().filter(|row| row[field] == value).count();
        assert_eq!(info["changes"], revisions.len());
        assert_eq!(info["live_keys"], count("live", json!(true)));
        assert_eq!(info["tombstones"], count("op", json!("delete")));
        assert_eq!(fs::metadata(at("sqlite")).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::metadata(at("csv/objects.csv")).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(names_in(dir.path()), ["csv", "ndjson", "sqlite"]);
    }
}

#[test]
fn a_revision_is_what_dump_says_of_it() {
    for path in stores() {
        let path = path.to_str().unwrap();
        let dump = run(["dump", "--json", path]).exits(0).lines();
        let rows = run(["export", path, "--format", "ndjson", "--table", "revisions", "--reveal"]).exits(0).lines();
        assert_eq!(rows.len(), dump.len());
        for (row, line) in rows.iter().zip(&dump) {
            for (field, value) in line.as_object().unwrap() {
                assert_eq!(row[field], *value, "{field} of {line}");
            }
            assert_eq!(row["store"], path);
        }
    }
}

#[test]
fn an_object_is_what_get_prints_of_it() {
    let path = unpacked("etcd-3.6").join("middle.snapshot");
    let path = path.to_str().unwrap();
    let rows = run(["export", path, "--format", "ndjson", "--table", "objects"]).exits(1).lines();
    let mut seen = 0;
    for kind in ["deployments", "configmaps", "secrets", "widgets", "nodes"] {
        for line in run(["get", path, kind, "--json"]).lines() {
            let row = rows.iter().find(|row| row["key"] == line["key"]).unwrap();
            assert_eq!(row["object"], line["object"]);
            assert_eq!(row["revision"], line["mod_revision"]);
            for (column, pointer) in [
                ("kind", "/kind"),
                ("api_version", "/apiVersion"),
                ("namespace", "/metadata/namespace"),
                ("name", "/metadata/name"),
                ("uid", "/metadata/uid"),
                ("created", "/metadata/creationTimestamp"),
                ("labels", "/metadata/labels"),
                ("generation", "/metadata/generation"),
            ] {
                assert_eq!(row[column], *line["object"].pointer(pointer).unwrap_or(&Value::Null), "{column} of {line}");
            }
            seen += 1;
        }
    }
    assert!(seen > 15, "{seen}");
}

/// Every owner that kubectl showed stands in the table, with the key of the object that has its uid.
#[test]
fn owners_lead_to_the_objects_that_have_their_uids() {
    let path = unpacked("etcd-3.6").join("middle.snapshot");
    let path = path.to_str().unwrap();
    let objects = run(["export", path, "--format", "ndjson", "--table", "objects"]).exits(1).lines();
    let owners = run(["export", path, "--format", "ndjson", "--table", "owners"]).exits(0).lines();
    let mut expected = Vec::new();
    for row in &objects {
        for owner in row["object"]["metadata"]["ownerReferences"].as_array().into_iter().flatten() {
            let leads_to = objects.iter().find(|other| other["uid"] == owner["uid"]).map(|other| other["key"].clone());
            expected.push(json!([row["key"], owner["kind"], owner["name"], owner["uid"], leads_to]));
        }
    }
    let found: Vec<Value> = owners
        .iter()
        .map(|row| json!([row["key"], row["owner_kind"], row["owner_name"], row["owner_uid"], row["owner_key"]]))
        .collect();
    assert!(expected.len() > 50);
    assert_eq!(found, expected);
}

#[test]
fn findings_are_those_of_verify() {
    let path = unpacked("kine-0.16").join("final/state.db");
    let path = path.to_str().unwrap();
    let verified = run(["verify", "--json", path]).exits(0).json();
    let rows = run(["export", path, "--format", "ndjson", "--table", "findings"]).exits(0).lines();
    let expected: Vec<Value> = verified["findings"].as_array().unwrap().iter().map(|one| one["text"].clone()).collect();
    assert!(!expected.is_empty());
    assert_eq!(rows.iter().map(|row| row["text"].clone()).collect::<Vec<_>>(), expected);
    let store = run(["export", path, "--format", "ndjson", "--table", "stores"]).exits(0).json();
    assert_eq!(store["verdict"], verified["verdict"]);
}

/// The values of Secrets, in base64 and decoded, and the hashes of their stored bytes.
#[test]
fn secret_values_are_in_an_export_only_when_asked_for() {
    let path = unpacked("etcd-3.6").join("middle.snapshot");
    let token = unpacked("etcd-3.6").join("token");
    let (path, token) = (path.to_str().unwrap(), token.to_str().unwrap());
    let open = ["--token-file", token];
    let secrets = run([&["get", path, "secrets", "--json", "--reveal"], &open[..]].concat()).exits(0).lines();
    let mut needles: Vec<String> = Vec::new();
    for secret in &secrets {
        for value in secret["object"]["data"].as_object().into_iter().flat_map(|data| data.values()) {
            let text = value.as_str().unwrap();
            let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).unwrap();
            needles.extend((text.len() > 8).then(|| text.to_owned()));
            needles.extend(String::from_utf8(bytes).ok().filter(|text| text.len() > 8 && !text.contains('\n')));
        }
    }
    for line in run(["ls", "--json", path, "/registry/secrets/"]).exits(0).lines() {
        needles.push(line["value_sha256"].as_str().unwrap().to_owned());
    }
    assert!(needles.len() > 6, "{needles:?}");
    let dir = tempfile::tempdir().unwrap();
    let all = |format: &str, target: &Path, more: &[&str]| -> Vec<u8> {
        let args = [&open[..], more].concat();
        let ran = export(Path::new(path), format, target, &args);
        assert_eq!(ran.code, Some(i32::from(more.is_empty())), "{}", ran.stderr);
        match target.is_dir() {
            true => names_in(target).iter().flat_map(|name| fs::read(target.join(name)).unwrap()).collect(),
            false => fs::read(target).unwrap(),
        }
    };
    for format in ["sqlite", "ndjson", "csv"] {
        let masked = all(format, &dir.path().join(format), &[]);
        let revealed = all(format, &dir.path().join(format!("{format}-revealed")), &["--reveal"]);
        let has = |bytes: &[u8], needle: &str| memchr::memmem::find(bytes, needle.as_bytes()).is_some();
        let found: Vec<&String> = needles.iter().filter(|needle| has(&masked, needle)).collect();
        assert!(found.is_empty(), "{format}: {found:?}");
        assert!(needles.iter().filter(|needle| has(&revealed, needle)).count() >= 4, "{format}");
    }
}

/// Several stores in one export are told apart by the first column, and nothing of one is lost in the other.
#[test]
fn stores_of_one_export_are_told_apart() {
    let [first, second, ..] = stores();
    let (first, second) = (first.to_str().unwrap(), second.to_str().unwrap());
    let both = run(["export", first, second, "--format", "ndjson", "--table", "revisions"]).exits(0).lines();
    for path in [first, second] {
        let own: Vec<&Value> = both.iter().filter(|row| row["store"] == path).collect();
        let alone = run(["export", path, "--format", "ndjson", "--table", "revisions"]).exits(0).lines();
        assert!(own.len() > 100 && own.into_iter().eq(&alone));
    }
    run(["export", first, first, "--format", "csv", "--table", "stores"]).cannot(&["named twice"]);
    run(["export", first, second, "--name", "x", "--format", "csv", "--table", "stores"]).cannot(&["--name"]);
    let stdin = run_on_stdin(["export", "-", "--format", "ndjson", "--table", "stores"], &stores()[2]).exits(0).json();
    assert_eq!(stdin["store"], "-");
}

#[test]
fn history_has_every_value_that_dump_has_and_marks_the_live_ones() {
    let path = unpacked("kine-0.16").join("middle/state.db");
    let path = path.to_str().unwrap();
    let live = run(["export", path, "--format", "ndjson", "--table", "objects"]).lines();
    let all = run(["export", path, "--format", "ndjson", "--table", "objects", "--history"]).lines();
    assert!(all.len() > live.len());
    let marked: Vec<&Value> = all.iter().filter(|row| row["live"] == true).collect();
    assert!(marked.into_iter().eq(&live));
}

#[test]
fn an_export_is_replaced_only_with_force_and_only_where_it_is_one() {
    let path = unpacked("etcd-3.6").join("early.snapshot");
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out");
    export(&path, "csv", &target, &["--table", "stores,findings"]).exits(0);
    assert_eq!(names_in(&target), ["findings.csv", "stores.csv"]);
    export(&path, "csv", &target, &[]).cannot(&["exists already", "--force"]);
    export(&path, "csv", &target, &["--table", "stores", "--force"]).exits(0);
    assert_eq!(names_in(&target), ["stores.csv"]);
    fs::write(target.join("letters"), "all of them").unwrap();
    export(&path, "csv", &target, &["--force"]).cannot(&["something else"]);
    assert_eq!(names_in(&target), ["letters", "stores.csv"]);
    export(&path, "csv", &dir.path().join("none/out"), &[]).cannot(&["no such directory"]);
    export(&path, "csv", &dir.path().join("x"), &["--table", "nope"]).cannot(&["nope", "revisions"]);
    run(["export", path.to_str().unwrap(), "--format", "csv"]).cannot(&["--table"]);
    run(["export", path.to_str().unwrap(), "--format", "sqlite", "--table", "stores"]).cannot(&["-o"]);
    assert_eq!(names_in(dir.path()), ["out"]);
}

#[test]
fn json_says_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out.sqlite");
    let path = unpacked("etcd-3.6").join("middle.snapshot");
    let said = export(&path, "sqlite", &target, &["--json"]).exits(1).json();
    let names: Vec<&str> = said.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["encrypted", "format", "masked", "tables", "target", "unreadable", "version"]);
    assert_eq!([&said["version"], &said["format"]], [&json!(1), &json!("sqlite")]);
    let sqlite = of_sqlite(&target);
    for table in said["tables"].as_array().unwrap() {
        assert_eq!(table["rows"], sqlite[table["table"].as_str().unwrap()].len());
        assert_eq!(table["bytes"], fs::metadata(&target).unwrap().len());
    }
    let masked = sqlite["objects"].iter().filter(|row| row["state"] == "masked").count();
    assert_eq!(said["masked"], masked);
    assert!(masked > 0);
}

/// The documentation has a line for every column, in order, and for no other.
#[test]
fn every_column_is_documented() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/export.md")).unwrap();
    for table in kinescope::ops::tables::ALL {
        let section = text.split(&format!("### `{}`", table.name)).nth(1).unwrap().split("\n### ").next().unwrap();
        let documented: Vec<&str> =
            section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
        assert_eq!(documented, columns, "{}", table.name);
    }
}

#[cfg(not(feature = "parquet"))]
#[test]
fn a_build_without_parquet_says_how_to_get_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = unpacked("etcd-3.6").join("early.snapshot");
    export(&path, "parquet", &dir.path().join("out"), &[]).cannot(&["--features parquet", "sqlite"]);
    assert_eq!(names_in(dir.path()), [""; 0]);
}

/// As `ndjson`, read by a Parquet reader that has no code in common with the one that wrote.
#[cfg(feature = "parquet")]
#[test]
fn parquet_has_the_same_rows() {
    use std::io::Write;
    let reader = Path::new(env!("CARGO_MANIFEST_DIR")).join("engines/bin/parquet-go-0.32.0/rows");
    if !reader.is_file() {
        assert!(std::env::var_os("KINESCOPE_REQUIRE_ENGINES").is_none(), "{} is not built", reader.display());
        let _ = writeln!(std::io::stderr(), "skipped: run engines/build");
        return;
    }
    for path in stores() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for format in ["ndjson", "parquet"] {
            export(&path, format, &at(format), &[]).exits(1);
        }
        let mut ndjson = of_ndjson(&at("ndjson"));
        for name in TABLES {
            let file = at("parquet").join(format!("{name}.parquet"));
            let read = std::process::Command::new(&reader).arg(file).output().unwrap();
            assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
            let text = String::from_utf8(read.stdout).unwrap();
            let found: Table = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            for row in ndjson.get_mut(name).unwrap() {
                for (column, value) in row.iter_mut() {
                    if matches!(value, Value::Object(_) | Value::Array(_)) {
                        *value = json!(value.to_string());
                    }
                    // Moments are microseconds there.
                    if ["created", "deletion_asked", "stamp", "newest_stamp"].contains(&column.as_str())
                        && let Some(text) = value.as_str()
                    {
                        *value = json!(text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
                    }
                }
            }
            assert!(found == ndjson[name], "{name} of {}", path.display());
        }
    }
}
