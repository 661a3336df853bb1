//! A store reads the same whether it lies on disk, in an archive, or comes in on standard input, and of several stores
//! the one is read that k3s would start on.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use command::{Ran, copy, copy_tree, run, run_on_stdin};
use fixtures::unpacked;
use tempfile::TempDir;

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Every change and every live key, as JSON.
fn content(path: &Path, choice: &[&str]) -> String {
    let path = path.to_str().unwrap();
    let dump = run([&["dump", "--json", "--values", path], choice].concat()).exits(0);
    let ls = run([&["ls", "--json", path], choice].concat()).exits(0);
    assert!(dump.text().lines().count() > 100);
    format!("{}\n{}", dump.text(), ls.text())
}

fn content_of_stdin(path: &Path) -> String {
    let dump = run_on_stdin(["dump", "--json", "--values", "-"], path).exits(0);
    let ls = run_on_stdin(["ls", "--json", "-"], path).exits(0);
    format!("{}\n{}", dump.text(), ls.text())
}

fn info(path: &Path, choice: &[&str]) -> Ran {
    run([&["info", "--json", "--quick", path.to_str().unwrap()], choice].concat())
}

fn tar(args: &[&str], inside: &Path, archive: &Path) -> PathBuf {
    let output = Command::new("tar").args(args).arg("-cf").arg(archive).arg(".").current_dir(inside).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    archive.to_owned()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn zip(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        out.start_file(*name, options).unwrap();
        out.write_all(bytes).unwrap();
    }
    out.finish().unwrap().into_inner()
}

fn write(dir: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn one_file_in_every_wrapping() {
    for (file, name) in [
        (unpacked("etcd-3.5").join("middle.snapshot"), "on-demand-server-1700000000"),
        (unpacked("kine-0.16").join("middle.backup.db"), "state.db"),
    ] {
        let dir = dir();
        let bytes = fs::read(&file).unwrap();
        let inside = dir.path().join("inside");
        copy(&file, inside.join("db/snapshots").join(name));
        fs::write(inside.join("db/config.yaml"), "beside it\n").unwrap();
        let tarred = fs::read(tar(&[], &inside, &dir.path().join("a.tar"))).unwrap();
        let expected = content(&file, &[]);
        let wrappings = [
            ("plain", bytes.clone()),
            ("a.gz", gzip(&bytes)),
            ("a.zst", zstd(&bytes)),
            ("a.tar", tarred.clone()),
            ("a.tar.gz", gzip(&tarred)),
            ("a.tar.zst", zstd(&tarred)),
            ("a.zip", zip(&[(name, bytes.clone())])),
            ("a.zip.zst", zstd(&zip(&[(name, bytes)]))),
        ];
        for (wrapping, bytes) in wrappings {
            let path = write(&dir, wrapping, &bytes);
            assert!(content(&path, &[]) == expected, "{name} in {wrapping}");
            assert!(content_of_stdin(&path) == expected, "{name} in {wrapping} on standard input");
        }
    }
}

/// The name says nothing: a zip may be called `.db`, and a snapshot anything.
#[test]
fn the_format_is_told_by_the_bytes_and_not_by_the_name() {
    let dir = dir();
    let file = unpacked("etcd-3.6").join("early.snapshot");
    let misnamed = write(&dir, "state.db", &zip(&[("x", fs::read(&file).unwrap())]));
    assert!(content(&misnamed, &[]) == content(&file, &[]));
}

/// `tar -C member snap` puts the first page of `snap/db` where the second meta of a bbolt file with pages of 1 KiB is.
#[test]
fn a_tar_that_begins_with_a_directory_is_not_taken_for_the_file_in_it() {
    let dir = dir();
    let inside = dir.path().join("inside");
    copy(&unpacked("etcd-3.5").join("early.snapshot"), inside.join("snap/db"));
    let archive = dir.path().join("snap.tar");
    let output = Command::new("tar").arg("-cf").arg(&archive).arg("snap").current_dir(&inside).output().unwrap();
    assert!(output.status.success());
    assert!(content(&archive, &[]) == content(&inside.join("snap/db"), &[]));
}

#[test]
fn a_hot_copy_with_its_wal_belongs_together_in_an_archive() {
    for archive in ["kine-0.11", "kine-0.16"] {
        let dir = dir();
        let store = unpacked(archive).join("final");
        let expected = content(&store.join("state.db"), &[]);
        let alone = copy(&store.join("state.db"), dir.path().join("alone/state.db"));
        assert!(content(&alone, &[]) != expected, "the newest changes are only in the WAL");
        let tarred = tar(&[], &store, &dir.path().join("db.tar"));
        let zipped = zip(&[
            ("db/state.db-wal", fs::read(store.join("state.db-wal")).unwrap()),
            ("db/state.db", fs::read(store.join("state.db")).unwrap()),
        ]);
        let zipped = write(&dir, "db.zip", &zipped);
        let zst = write(&dir, "db.tar.zst", &zstd(&fs::read(&tarred).unwrap()));
        for path in [&store, &tarred, &zipped, &zst] {
            assert!(content(path, &[]) == expected, "{}", path.display());
        }
        assert!(content_of_stdin(&zst) == expected);
    }
}

/// etcd preallocates each segment of its WAL to 64 MB, of which most is a hole that `tar -S` keeps.
#[test]
fn a_data_directory_in_an_archive_is_read_with_its_raft_log() {
    let dir = dir();
    let data = unpacked("etcd-3.5").join("final.etcd");
    let expected = content(&data, &[]);
    let bare = content(&data.join("member/snap/db"), &[]);
    assert!(bare != expected, "the newest changes are only in the log");
    let sparse = dir.path().join("sparse");
    for name in ["member/snap/db", "member/snap/0000000000000002-00000000000002bd.snap"] {
        copy(&data.join(name), sparse.join(name));
    }
    // The same segment with a hole for its zeros.
    let segment = "member/wal/0000000000000000-0000000000000000.wal";
    let bytes = fs::read(data.join(segment)).unwrap();
    let used = bytes.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    fs::create_dir(sparse.join("member/wal")).unwrap();
    fs::write(sparse.join(segment), &bytes[..used]).unwrap();
    fs::File::options().write(true).open(sparse.join(segment)).unwrap().set_len(bytes.len() as u64).unwrap();

    let with_holes = tar(&["-S", "--format=gnu"], &sparse, &dir.path().join("holes.tar"));
    assert!(fs::metadata(&with_holes).unwrap().len() < 30 << 20, "tar kept the hole");
    let zst = write(&dir, "holes.tar.zst", &zstd(&fs::read(&with_holes).unwrap()));
    let plain = write(&dir, "plain.tar.zst", &zstd(&fs::read(tar(&[], &data, &dir.path().join("plain.tar"))).unwrap()));
    for path in [&sparse, &with_holes, &zst, &plain] {
        assert!(content(path, &[]) == expected, "{}", path.display());
    }
    assert!(content_of_stdin(&zst) == expected);
    // `member/` itself is as good a name.
    assert!(content(&data.join("member"), &[]) == expected);
}

/// A `server/` with what the arguments name in its `db/`.
fn server(dir: &TempDir, etcd: bool, wal: bool, state: Option<&str>) -> PathBuf {
    let server = dir.path().join("server");
    let db = server.join("db");
    fs::create_dir_all(server.join("tls")).unwrap();
    fs::create_dir_all(db.join("snapshots")).unwrap();
    fs::write(server.join("token"), "K10::server:secret\n").unwrap();
    if etcd {
        copy_tree(&unpacked("etcd-3.6").join("final.etcd"), &db.join("etcd"));
        if !wal {
            fs::remove_dir_all(db.join("etcd/member/wal")).unwrap();
        }
    }
    if let Some(name) = state {
        for suffix in ["", "-wal", "-shm"] {
            let from = unpacked("kine-0.16").join(format!("final/state.db{suffix}"));
            // The migration renames the database and leaves its WAL where it was.
            let name = if suffix.is_empty() { name.to_owned() } else { format!("state.db{suffix}") };
            copy(&from, db.join(name));
        }
    }
    server
}

#[test]
fn k3s_s_own_choice_is_made_and_said() {
    let kine = content(&unpacked("kine-0.16").join("final"), &[]);
    let etcd = content(&unpacked("etcd-3.6").join("final.etcd"), &[]);
    let bare = content(&unpacked("etcd-3.6").join("final.etcd/member/snap/db"), &[]);

    let both = dir();
    let server_dir = server(&both, true, true, Some("state.db"));
    let tarred = tar(&["-S", "--format=gnu"], &server_dir, &both.path().join("server.tar"));
    for path in [server_dir.clone(), server_dir.join("db"), tarred] {
        info(&path, &[]).exits(0).says(&["note: ", "reading the etcd store", "etcd/member/wal exists"]);
        assert!(content(&path, &[]) == etcd, "{}", path.display());
        info(&path, &["--store", "etcd"]).exits(0);
        assert!(content(&path, &["--store", "kine"]) == kine, "{}", path.display());
        assert!(content(&path, &["--member", "state.db"]) == kine, "{}", path.display());
        assert!(content(&path, &["--member", "etcd"]) == etcd, "{}", path.display());
        assert!(!info(&path, &["--quiet"]).exits(0).stderr.contains("note"));
    }

    let no_wal = dir();
    let server_dir = server(&no_wal, true, false, Some("state.db"));
    for path in [server_dir.clone(), server_dir.join("db")] {
        info(&path, &[]).exits(0).says(&["reading the kine store", "no etcd/member/wal"]);
        assert!(content(&path, &[]) == kine, "{}", path.display());
        assert!(content(&path, &["--store", "etcd"]) == bare, "{}", path.display());
    }

    let only_kine = dir();
    let server_dir = server(&only_kine, false, false, Some("state.db"));
    for path in [server_dir.clone(), server_dir.join("db")] {
        assert_eq!(info(&path, &[]).exits(0).stderr, "", "there is nothing to choose");
        assert!(content(&path, &[]) == kine, "{}", path.display());
    }
}

#[test]
fn a_migrated_state_db_is_read_with_the_wal_that_its_migration_left() {
    let kine = content(&unpacked("kine-0.16").join("final"), &[]);
    let migrated = dir();
    let server_dir = server(&migrated, true, true, Some("state.db.migrated"));
    let db = server_dir.join("db");
    assert_eq!(info(&db, &[]).exits(0).json()["engine"], "etcd");
    let said = info(&db, &["--store", "kine"]).exits(0).says(&["state.db.migrated", "orphan", "state.db-wal"]);
    assert_eq!(said.json()["engine"], "kine");
    let tarred = tar(&["-S", "--format=gnu"], &server_dir, &migrated.path().join("server.tar"));
    for path in [&server_dir, &db, &tarred] {
        assert!(content(path, &["--store", "kine"]) == kine, "{}", path.display());
    }
    assert!(content(&db.join("state.db.migrated"), &[]) == kine, "named itself");

    // A k3s that went back to SQLite has a state.db of its own again, and its WAL belongs to that one.
    copy(&unpacked("kine-0.16").join("early.backup.db"), db.join("state.db"));
    fs::remove_file(db.join("state.db-wal")).unwrap();
    let early = content(&unpacked("kine-0.16").join("early.backup.db"), &[]);
    let alone = copy(&db.join("state.db.migrated"), migrated.path().join("alone.db"));
    assert!(content(&db, &["--member", "state.db"]) == early);
    assert!(content(&db, &["--member", "state.db.migrated"]) == content(&alone, &[]));
    info(&db, &["--store", "kine"]).cannot(&["more than one datastore", "state.db.migrated", "kine  state.db"]);
    fs::remove_dir_all(db.join("etcd")).unwrap();
    fs::remove_dir(db.join("snapshots")).unwrap();
    info(&db, &[]).exits(0).says(&["reading the kine store", "state.db", "no etcd/member/wal"]);
    assert!(content(&db, &[]) == early);
}

/// A crash and a restore leave whole stores behind; k3s's choice is not theirs, but they can be named.
#[test]
fn leftovers_do_not_change_the_choice_and_can_be_named() {
    let dir = dir();
    let server_dir = server(&dir, true, true, Some("state.db"));
    let db = server_dir.join("db");
    let left = unpacked("etcd-3.5");
    copy_tree(&left.join("final.etcd"), &db.join("etcd-old-1700000000"));
    copy_tree(&left.join("final.etcd/member/snap"), &db.join("etcd-tmp/member/snap"));
    copy(&unpacked("kine-0.11").join("early.backup.db"), db.join("before/state.db"));
    copy(&left.join("early.snapshot"), db.join("snapshots/on-demand-server-1700000000"));
    let tarred = tar(&["-S", "--format=gnu"], &server_dir, &dir.path().join("server.tar"));
    let etcd = content(&unpacked("etcd-3.6").join("final.etcd"), &[]);
    let before = content(&unpacked("kine-0.11").join("early.backup.db"), &[]);
    assert!(content(&db, &["--member", "state.db"]) == content(&unpacked("kine-0.16").join("final"), &[]));
    for path in [&server_dir, &db, &tarred] {
        assert!(content(path, &["--member", "before/state.db"]) == before);
        let member = |name: &str| content(path, &["--member", name]);
        assert!(content(path, &[]) == etcd, "{}", path.display());
        assert!(member("etcd") == etcd);
        assert!(member("etcd-old-1700000000") == content(&left.join("final.etcd"), &[]));
        assert!(member("etcd-tmp") == content(&left.join("final.etcd/member/snap/db"), &[]));
        assert!(member("snapshots/on-demand-server-1700000000") == content(&left.join("early.snapshot"), &[]));
        info(path, &["--member", "none"]).cannot(&[
            "etcd-old-1700000000",
            "etcd-tmp",
            "snapshots/on-demand",
            "state.db",
        ]);
    }
}

/// All rows may lie in the WAL while the database has no byte yet.
#[test]
fn an_empty_database_with_a_wal_is_a_store() {
    let dir = dir();
    let path = dir.path().join("made/state.db");
    fs::create_dir(path.parent().unwrap()).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    let sql = "CREATE TABLE kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, created INTEGER, deleted INTEGER, \
               create_revision INTEGER, prev_revision INTEGER, lease INTEGER, value BLOB, old_value BLOB); \
               INSERT INTO kine VALUES (1, 'compact_rev_key', 1, 0, 0, 0, 0, '', NULL); \
               INSERT INTO kine VALUES (2, '/registry/a', 1, 0, 0, 0, 0, 'value', NULL)";
    connection.execute_batch(sql).unwrap();
    let hot = dir.path().join("hot");
    copy(&path, hot.join("state.db"));
    copy(&path.with_file_name("state.db-wal"), hot.join("state.db-wal"));
    fs::write(hot.join("state.db"), "").unwrap();
    let expected = run(["dump", "--json", path.to_str().unwrap()]).exits(0);
    assert_eq!(expected.lines().len(), 1);
    let tarred = tar(&[], &hot, &dir.path().join("hot.tar"));
    for path in [hot.join("state.db"), hot.clone(), tarred] {
        assert_eq!(run(["dump", "--json", path.to_str().unwrap()]).exits(0).text(), expected.text());
    }
}
