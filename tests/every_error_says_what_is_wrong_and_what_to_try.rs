//! Whatever cannot be done: exit 2, one message that names the file, says what is wrong with it in words of its own, and
//! what to try.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use bbolt_rs::{Bolt as Engine, BucketRwApi, DbRwAPI, TxRwRefApi};
use command::{copy, copy_tree, ran, run, run_on_stdin};
use fixtures::unpacked;
use rusqlite::Connection;
use tempfile::TempDir;

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn snapshot() -> PathBuf {
    unpacked("etcd-3.5").join("early.snapshot")
}

fn kine_file() -> PathBuf {
    unpacked("kine-0.16").join("early.backup.db")
}

/// A command on `path` that cannot be done, with the words of its message; the path is always among them.
#[track_caller]
fn refused(path: &Path, words: &[&str]) {
    let name = path.file_name().unwrap().to_str().unwrap();
    run([Path::new("info"), path]).cannot(&[name]).says(words);
    let target = path.parent().unwrap().join("target.db");
    let convert = ["convert", path.to_str().unwrap(), target.to_str().unwrap(), "--to", "kine"];
    run(convert).cannot(&[name]).says(words);
    assert!(!target.exists());
}

fn file(dir: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_file_that_is_not_there() {
    let dir = dir();
    refused(&dir.path().join("state.db"), &["no such file", "check the path", "/var/lib/rancher/k3s/server/db"]);
}

#[test]
fn a_directory_without_a_datastore() {
    let dir = dir();
    let empty = dir.path().join("server-backup");
    fs::create_dir(&empty).unwrap();
    fs::write(empty.join("notes.txt"), "no store").unwrap();
    refused(&empty, &["no datastore in here", "name a state.db, an etcd snapshot"]);
}

#[test]
fn files_that_are_no_datastore_each_say_what_they_are() {
    let dir = dir();
    refused(&file(&dir, "empty.db", b""), &["not a datastore", "the file is empty"]);
    refused(&file(&dir, "zeros.db", &[0; 1 << 20]), &["not a datastore", "zeros"]);
    refused(&file(&dir, "notes.txt", b"all is well\n"), &["not a datastore", "expected a SQLite file of kine"]);
    let stdin = file(&dir, "stdin", b"all is well\n");
    run_on_stdin(["info", "-"], &stdin).cannot(&["standard input", "not a datastore"]);
}

#[test]
fn a_wal_named_directly_names_the_database_it_belongs_to() {
    let dir = dir();
    let wal = copy(&unpacked("kine-0.16").join("final/state.db-wal"), dir.path().join("state.db-wal"));
    let db = dir.path().join("state.db");
    refused(
        &wal,
        &["a SQLite WAL", "cannot be read alone", &format!("name the database it belongs to: {}", db.display())],
    );
}

#[test]
fn a_sqlite_file_that_is_not_kine_s_names_its_tables() {
    let dir = dir();
    let path = dir.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE songs (id INTEGER); CREATE TABLE bands (id)").unwrap();
    refused(&path, &["a SQLite database, but not kine's", "no table named kine", "songs", "bands"]);
}

#[test]
fn a_table_named_kine_with_other_columns_is_shown() {
    let dir = dir();
    let path = dir.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE kine (id INTEGER PRIMARY KEY, song TEXT)").unwrap();
    refused(&path, &["other columns than those of kine", "song TEXT"]);
}

#[test]
fn data_from_before_kine_says_which_k3s_moves_it() {
    let dir = dir();
    let path = dir.path().join("state.db");
    let sql = "CREATE TABLE key_value (id INTEGER PRIMARY KEY, name INTEGER, created INTEGER, deleted INTEGER, \
               prev_revision INTEGER, lease INTEGER, value BLOB, old_value BLOB); \
               INSERT INTO key_value VALUES (1, '/registry/a', 1, 0, 0, 0, 'value', NULL)";
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    refused(&path, &["key_value", "start a k3s of that age once"]);
}

/// SQLite keeps the version that a reader must know at offset 19 (SQLite file format, section 1.3.3).
#[test]
fn a_sqlite_file_of_a_newer_format_says_so() {
    let dir = dir();
    let mut bytes = fs::read(kine_file()).unwrap();
    bytes[18] = 3;
    bytes[19] = 3;
    refused(&file(&dir, "newer.db", &bytes), &["read version 3", "newer"]);
}

/// Writes a bbolt file with the engine itself.
fn bbolt(path: &Path, bucket: &str, rows: &[(&str, &str)]) {
    let mut engine = Engine::open(path).unwrap();
    engine
        .update(|mut tx| {
            let mut bucket = tx.create_bucket_if_not_exists(bucket)?;
            for (key, value) in rows {
                bucket.put(key, value)?;
            }
            Ok(())
        })
        .unwrap();
    drop(engine);
}

#[test]
fn a_bbolt_file_that_is_not_etcd_s_names_its_buckets() {
    let dir = dir();
    let path = dir.path().join("meta.db");
    bbolt(&path, "v1", &[("snapshots", "of containerd")]);
    refused(&path, &["a bbolt file, but not etcd's", "its buckets are: v1"]);
}

#[test]
fn an_etcd_newer_than_all_that_are_known_is_named() {
    let dir = dir();
    let bytes = fs::read(unpacked("etcd-3.6").join("final.etcd/member/snap/db")).unwrap();
    // In a leaf page the value follows its key, and no checksum covers them.
    let marked = |version: &str| {
        let mut bytes = bytes.clone();
        let places: Vec<usize> =
            bytes.windows(19).enumerate().filter(|(_, at)| *at == b"storageVersion3.6.0").map(|(at, _)| at).collect();
        assert!(!places.is_empty());
        for at in places {
            bytes[at + 14..at + 19].copy_from_slice(version.as_bytes());
        }
        file(&dir, "db", &bytes)
    };
    refused(&marked("3.8.0"), &["etcd 3.8.0", "newer than 3.7", "use a newer kinescope"]);
    run([Path::new("info"), &marked("3.7.0")]).exits(0);
}

/// FNV-1a over the meta without its checksum (bbolt internal/common/meta.go, Sum64).
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// The meta stands behind the page header of 16 bytes: magic, version, and 56 bytes on, the checksum.
#[test]
fn a_bbolt_format_version_that_nobody_knows_is_named() {
    let dir = dir();
    let mut bytes = fs::read(unpacked("etcd-3.6").join("final.etcd/member/snap/db")).unwrap();
    for page in [0, 4096] {
        bytes[page + 20] = 3;
        let sum = fnv1a(&bytes[page + 16..page + 72]);
        bytes[page + 72..page + 80].copy_from_slice(&sum.to_le_bytes());
    }
    refused(&file(&dir, "newer", &bytes), &["bbolt format version 3", "only version 2 is known"]);
}

#[test]
fn a_snapshot_that_was_cut_off_is_read_as_far_as_it_goes_and_never_converted() {
    let dir = dir();
    let whole = fs::read(snapshot()).unwrap();
    let part = file(&dir, "on-demand-server-1700000000.part", &whole[..whole.len() * 2 / 3]);
    let info = run([Path::new("info"), &part]).exits(3);
    assert!(info.text().contains("was cut off"), "{}", info.text());
    run([Path::new("dump"), &part]).exits(3).says(&["cut off", "on-demand-server-1700000000.part"]);
    let target = dir.path().join("state.db");
    run(["convert", part.to_str().unwrap(), target.to_str().unwrap(), "--to", "kine"]).cannot(&[
        "on-demand-server-1700000000.part",
        "cut off",
        "nothing was written",
        "kinescope recover",
    ]);
    assert_eq!(command::names_in(dir.path()), ["on-demand-server-1700000000.part"]);

    let stub = file(&dir, "stub.part", &whole[..70]);
    refused(&stub, &["too few for a bbolt file", "cut off"]);
}

#[test]
fn a_sqlite_file_that_was_cut_off_is_read_as_far_as_it_goes_and_never_converted() {
    let dir = dir();
    let whole = fs::read(kine_file()).unwrap();
    let part = file(&dir, "state.db", &whole[..whole.len() / 2]);
    run([Path::new("info"), &part]).exits(3);
    run([Path::new("ls"), &part]).exits(3).says(&["state.db", "damage: "]);
    let target = dir.path().join("target");
    run(["convert", part.to_str().unwrap(), target.to_str().unwrap(), "--to", "etcd-snapshot"]).cannot(&[
        "state.db",
        "nothing was written",
        "kinescope recover",
    ]);
    assert_eq!(command::names_in(dir.path()), ["state.db"]);
}

#[test]
fn a_snapshot_with_a_wrong_trailer_is_read_and_never_converted() {
    let dir = dir();
    let mut bytes = fs::read(snapshot()).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let path = file(&dir, "changed.snapshot", &bytes);
    let info = run([Path::new("info"), &path, Path::new("--json")]).exits(3);
    assert_eq!(info.json()["trailer"], "wrong");
    for reading in [["ls", ""], ["dump", ""], ["get", "/registry/ranges/servicenodeports"]] {
        let ran = run(["--quiet", reading[0], path.to_str().unwrap()]
            .into_iter()
            .chain(Some(reading[1]).filter(|key| !key.is_empty())));
        let ran = ran.exits(3).says(&["changed.snapshot", "SHA-256"]);
        assert!(!ran.stdout.is_empty(), "{reading:?}");
    }
    let target = dir.path().join("state.db");
    run(["convert", path.to_str().unwrap(), target.to_str().unwrap(), "--to", "kine"]).cannot(&[
        "changed.snapshot",
        "its last 32 bytes are not the SHA-256",
        "kinescope recover",
    ]);
    assert_eq!(command::names_in(dir.path()), ["changed.snapshot"]);
}

fn pack(command: &str, args: &[&str], inside: &Path) {
    let output = Command::new(command).args(args).current_dir(inside).output().unwrap();
    assert!(output.status.success(), "{command} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_archive_that_was_cut_short_says_so_in_every_format() {
    let dir = dir();
    let inside = dir.path().join("inside");
    copy(&snapshot(), inside.join("a.snapshot"));
    pack("tar", &["-cf", "../whole.tar", "."], &inside);
    let tar = fs::read(dir.path().join("whole.tar")).unwrap();
    let zst = zstd::encode_all(&tar[..], 1).unwrap();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&tar).unwrap();
    let gz = gz.finish().unwrap();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("a.snapshot", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&fs::read(snapshot()).unwrap()).unwrap();
    let zip = zip.finish().unwrap().into_inner();
    for (name, whole, format) in [
        ("backup.tar", tar, "tar archive"),
        ("backup.tar.gz", gz, "gzip stream"),
        ("backup.tar.zst", zst, "zstd stream"),
        ("backup.zip", zip, "zip archive"),
    ] {
        run([Path::new("info"), &file(&dir, name, &whole)]).exits(0);
        let short = file(&dir, name, &whole[..whole.len() / 2]);
        refused(&short, &[format, "cannot be unpacked", "cut off or damaged"]);
    }
}

#[test]
fn an_archive_without_a_store_says_so() {
    let dir = dir();
    let inside = dir.path().join("inside");
    fs::create_dir(&inside).unwrap();
    fs::write(inside.join("config.yaml"), "cluster-init: true\n").unwrap();
    pack("tar", &["-cf", "../configs.tar", "."], &inside);
    refused(&dir.path().join("configs.tar"), &["no datastore in here", "name a state.db"]);
    let gz = dir.path().join("notes.gz");
    let mut out = flate2::write::GzEncoder::new(fs::File::create(&gz).unwrap(), flate2::Compression::fast());
    out.write_all(b"all is well").unwrap();
    out.finish().unwrap();
    refused(&gz, &["not a datastore"]);
}

#[test]
fn several_stores_are_listed_and_chosen_by_member_or_store() {
    let dir = dir();
    let several = dir.path().join("backups");
    copy(&snapshot(), several.join("monday.snapshot"));
    copy(&unpacked("etcd-3.6").join("early.snapshot"), several.join("tuesday.snapshot"));
    copy(&kine_file(), several.join("old/state.db"));
    pack("tar", &["-cf", "../backups.tar", "."], &several);
    for path in [several.clone(), dir.path().join("backups.tar")] {
        let lists = ["etcd  monday.snapshot", "etcd  tuesday.snapshot", "kine  old/state.db"];
        refused(&path, &["more than one datastore", "--member", "--store"]);
        refused(&path, &lists);
        let info = |choice: &[&str]| run([&["info", "--json", path.to_str().unwrap()], choice].concat());
        assert_eq!(info(&["--store", "kine"]).exits(0).json()["engine"], "kine");
        assert_eq!(info(&["--member", "tuesday.snapshot"]).exits(0).json()["schema_version"], "3.6.0");
        assert_eq!(info(&["--member", "monday.snapshot"]).exits(0).json()["schema_version"], "3.5.0");
        info(&["--store", "etcd"]).cannot(&["more than one datastore"]).says(&lists[..2]);
        info(&["--member", "friday.snapshot"]).cannot(&["fits --member friday.snapshot", "there is:"]).says(&lists);
        info(&["--store", "kine", "--member", "monday.snapshot"]).cannot(&["--store kine --member monday.snapshot"]);
    }
}

/// The user said which engine; that a file is of the other one must not pass in silence.
#[test]
fn a_single_file_of_the_other_engine_is_refused() {
    let info = |path: &Path, choice: &[&str]| run([&["info", path.to_str().unwrap()], choice].concat());
    info(&kine_file(), &["--store", "kine"]).exits(0);
    info(&kine_file(), &["--store", "etcd"]).cannot(&["early.backup.db", "--store etcd", "kine"]);
    info(&snapshot(), &["--store", "etcd"]).exits(0);
    info(&snapshot(), &["--store", "kine"]).cannot(&["early.snapshot", "--store kine", "etcd"]);
}

#[test]
fn revisions_that_a_store_has_not_or_no_longer_has() {
    let dir = dir();
    let path = unpacked("etcd-3.5").join("early.snapshot");
    let path = path.to_str().unwrap();
    let newest = run(["info", "--json", path]).exits(0).json()["current_revision"].as_i64().unwrap();
    let above = (newest + 1).to_string();
    run(["ls", path, "--at", &above]).cannot(&[&format!("--at {above}"), &format!("newest revision is {newest}")]);
    run(["ls", path, "--at", &newest.to_string()]).exits(0);
    run(["ls", path, "--at", "-3"]).exits(2);
    run(["ls", path, "--at", "yesterday"]).cannot(&[
        "--at yesterday",
        "neither a revision nor a time",
        "2026-01-02T15:04:05Z",
    ]);
    let target = dir.path().join("state.db");
    let target = target.to_str().unwrap();
    run(["convert", path, target, "--to", "kine", "--at", &above]).cannot(&[&above, &newest.to_string()]);

    let compacted = unpacked("etcd-3.5").join("final.etcd");
    let compacted = compacted.to_str().unwrap();
    let compact = run(["info", "--json", "--quick", compacted]).exits(0).json()["compact_revision"].as_i64().unwrap();
    let below = (compact - 1).to_string();
    let view =
        run(["ls", compacted, "--at", &below]).exits(0).says(&[&below, "compact revision", "unknown, not absent"]);
    assert!(view.text().lines().count() > 10, "what survives is shown");
    run(["convert", compacted, target, "--to", "kine", "--at", &below]).cannot(&[&below, &compact.to_string()]);
    assert_eq!(command::names_in(dir.path()), [""; 0]);
}

#[test]
fn a_target_that_is_in_the_way_is_named_and_stays_as_it_is() {
    let dir = dir();
    let target = file(&dir, "state.db", b"precious");
    let convert =
        ["convert", snapshot().to_str().unwrap(), target.to_str().unwrap(), "--to", "kine"].map(str::to_owned);
    run(convert).cannot(&["state.db", "exists already", "--force"]);
    assert_eq!(fs::read(&target).unwrap(), b"precious");
}

#[test]
fn arguments_that_do_not_go_together() {
    let dir = dir();
    let path = snapshot();
    let path = path.to_str().unwrap();
    let said = |args: &[&str], words: &[&str]| run(args).exits(2).says(words);
    said(&["dump", path, "--values"], &["--json"]);
    said(&["get", path], &["KIND"]);
    said(&["get", path, "registry"], &["no resource type", "registry", "kinescope ls"]);
    said(&["log", path, "deploy"], &["which one", "KIND/NAME", "begins with a slash"]);
    said(&["convert", path, "-", "--to", "kine"], &["standard output", "read back", "name a file"]);
    let target = dir.path().join("x");
    let target = target.to_str().unwrap();
    said(&["convert", path, target], &["--to"]);
    said(&["convert", path, target, "--to", "mysql"], &["mysql", "kine"]);
    said(&["convert", path, target, "--to", "kine", "--bump", "-1"], &["--bump"]);
    said(&["man", "nothing"], &["nothing", "no such command"]);
    said(&["info", path, "--store", "dqlite"], &["dqlite", "kine", "etcd"]);
    assert_eq!(command::names_in(dir.path()), [""; 0]);
}

#[test]
fn a_key_that_is_not_there_is_an_answer_and_says_what_to_try() {
    let path = unpacked("kine-0.16").join("final");
    let path = path.to_str().unwrap();
    let absent = run(["get", path, "/registry/none"]).exits(1).says(&["/registry/none", "no such key", "kinescope ls"]);
    assert_eq!(absent.text(), "");
    run(["log", path, "/registry/none"]).exits(1).says(&["/registry/none", "no change of this key", "ls --all"]);
    let deleted = run(["dump", "--json", path]).exits(0).lines();
    let live: Vec<String> =
        run(["ls", "--json", path]).exits(0).lines().iter().map(|line| line["key"].to_string()).collect();
    let deleted =
        deleted.iter().find(|line| line["op"] == "delete" && !live.contains(&line["key"].to_string())).unwrap();
    run(["get", path, deleted["key"].as_str().unwrap()]).exits(1).says(&[
        "deleted at revision",
        "kinescope log",
        "--at",
    ]);
}

/// A directory of etcd whose raft log is gone is a bare database; one without the database is no store.
#[test]
fn half_a_data_directory() {
    let dir = dir();
    let half = dir.path().join("half.etcd");
    copy_tree(&unpacked("etcd-3.6").join("final.etcd/member/wal"), &half.join("member/wal"));
    refused(&half, &["no datastore in here", "etcd data directory"]);
}

/// Nobody may read root's files; whoever tries is told so, not that nothing is there.
#[test]
fn a_file_that_may_not_be_read() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can become someone else");
        return;
    }
    let dir = dir();
    let path = copy(&snapshot(), dir.path().join("secret.snapshot"));
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(dir.path(), 0o755);
    mode(&path, 0o600);
    let program = copy(Path::new(env!("CARGO_BIN_EXE_kinescope")), dir.path().join("kinescope"));
    mode(&program, 0o755);
    let mut command = Command::new(program);
    ran(command.arg("info").arg(&path).uid(65534)).cannot(&["secret.snapshot", "cannot read", "ermission denied"]);
}
