//! Inputs are evidence: no command changes one, its times, its mode or what lies beside it, however it ends.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use command::{copy, copy_tree, names_in, run, run_on_stdin, sha256};
use fixtures::unpacked;

/// A file or directory as it must stay: inode, mode, length, modification and status change times, and the bytes' hash.
type Facts = (u64, u32, u64, i64, i64, i64, i64, String);

fn facts(root: &Path) -> BTreeMap<PathBuf, Facts> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(path) = open.pop() {
        let about = fs::symlink_metadata(&path).unwrap();
        let hash = if about.is_file() { sha256(&fs::read(&path).unwrap()) } else { String::new() };
        if about.is_dir() {
            open.extend(names_in(&path).iter().map(|name| path.join(name)));
        }
        let times = (about.mtime(), about.mtime_nsec(), about.ctime(), about.ctime_nsec());
        let facts = (about.ino(), about.mode(), about.len(), times.0, times.1, times.2, times.3, hash);
        found.insert(path, facts);
    }
    found
}

/// Every command that reads, with the exit code it has on a sound store.
fn commands(out: &Path) -> Vec<(Vec<String>, i32)> {
    let convert = |to: &str| (["convert", "PATH", out.join(to).to_str().unwrap(), "--to", to].join("\n"), 0);
    let check = (format!("convert\nPATH\n{}\n--to\nkine\n--check", out.join("none").display()), 0);
    let reading = [
        ("info\nPATH", 0),
        ("info\nPATH\n--json\n--quick", 0),
        ("why\nPATH", 0),
        ("why\nPATH\n--json", 0),
        ("ls\nPATH", 0),
        ("ls\nPATH\n/registry/\n--all\n--json", 0),
        ("get\nPATH\n/registry/namespaces/default", 0),
        ("get\nPATH\n/registry/none", 1),
        ("log\nPATH\n/registry/namespaces/default", 0),
        ("grep\nPATH\ndefault\n--history", 0),
        ("bootstrap\nPATH", 0),
        ("bootstrap\nPATH\n--token\nno-such", 1),
        ("dump\nPATH", 0),
        ("diff\nPATH\nPATH\n--all", 0),
        ("dump\nPATH\n--json\n--values", 0),
        ("sql\nPATH\nselect * from stores, findings", 0),
        ("export\nPATH\n--format\ncsv\n--table\nrevisions", 0),
        ("report\nPATH", 0),
        ("ls\nPATH\n--at\n999999999", 2),
    ];
    let reading = reading.into_iter().map(|(line, code)| (line.to_owned(), code));
    let adapt = (format!("convert\nPATH\n{}\n--to\nkine\n--adapt", out.join("adapted").display()), 0);
    // The smallest of deletes: what a manifest needs to be encrypted is another test's matter.
    let put = (format!("put\nPATH\n{}\n--delete\nns/kube-public", out.join("put").display()), 0);
    let prune = (format!("prune\nPATH\n{}\n--drop\nevents", out.join("prune").display()), 0);
    let redact = (format!("redact\nPATH\n{}", out.join("redact").display()), 1);
    let export =
        (format!("export\nPATH\n--format\nsqlite\n--table\nstores,revisions\n-o\n{}", out.join("export").display()), 0);
    let report = (format!("report\nPATH\n-o\n{}", out.join("report").display()), 0);
    let all = reading.chain([
        export,
        report,
        convert("kine"),
        convert("etcd-snapshot"),
        convert("etcd-dir"),
        check,
        adapt,
        put,
        prune,
        redact,
    ]);
    all.map(|(line, code)| (line.lines().map(str::to_owned).collect(), code)).collect()
}

/// Runs every command on `path`, below `root`, where nothing may change.
fn unchanged(root: &Path, path: &Path) {
    let before = facts(root);
    let out = tempfile::tempdir().unwrap();
    for (args, code) in commands(out.path()) {
        let path = path.to_str().unwrap();
        let ran = run(args.iter().map(|arg| if arg == "PATH" { path } else { arg }));
        // Its code is a verdict on what the directory is, too.
        match args[0].as_str() {
            "report" => assert!(matches!(ran.code, Some(0 | 1 | 3)), "{}", ran.stderr),
            _ => drop(ran.exits(code)),
        }
        assert_eq!(facts(root), before, "{args:?} on {path}");
    }
    assert_eq!(
        names_in(out.path()),
        ["adapted", "etcd-dir", "etcd-snapshot", "export", "kine", "prune", "put", "redact", "report"]
    );
}

/// A directory that holds nothing but one input; even its name list must stay as it is.
fn alone(fill: impl FnOnce(&Path)) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    dir
}

#[test]
fn etcd_s_snapshots_databases_and_directories() {
    let data = unpacked("etcd-3.6");
    let snapshot = alone(|dir| drop(copy(&data.join("early.snapshot"), dir.join("a.snapshot"))));
    unchanged(snapshot.path(), &snapshot.path().join("a.snapshot"));
    let bare = alone(|dir| drop(copy(&data.join("final.etcd/member/snap/db"), dir.join("db"))));
    unchanged(bare.path(), &bare.path().join("db"));
}

#[test]
fn etcd_s_data_directory() {
    let directory = alone(|dir| copy_tree(&unpacked("etcd-3.5").join("final.etcd"), &dir.join("etcd")));
    unchanged(directory.path(), &directory.path().join("etcd"));
}

#[test]
fn state_db_alone_with_its_wal_and_with_its_shm() {
    let data = unpacked("kine-0.16").join("final");
    for beside in [&[][..], &["-wal"], &["-wal", "-shm"]] {
        let dir = alone(|dir| {
            for suffix in [&[""], beside].concat() {
                let name = format!("state.db{suffix}");
                copy(&data.join(&name), dir.join(&name));
            }
        });
        unchanged(dir.path(), &dir.path().join("state.db"));
    }
}

#[test]
fn a_migrated_state_db_with_its_orphan_wal() {
    let data = unpacked("kine-0.11").join("middle");
    let dir = alone(|dir| {
        copy(&data.join("state.db"), dir.join("state.db.migrated"));
        copy(&data.join("state.db-wal"), dir.join("state.db-wal"));
    });
    unchanged(dir.path(), &dir.path().join("state.db.migrated"));
}

#[test]
fn archives() {
    let data = unpacked("kine-0.11").join("early");
    let dir = alone(|dir| {
        let archive = dir.join("server.tar");
        let tar = Command::new("tar").arg("-C").arg(&data).arg("-cf").arg(&archive).arg(".").output().unwrap();
        assert!(tar.status.success());
        let bytes = fs::read(&archive).unwrap();
        fs::write(dir.join("server.tar.zst"), zstd::encode_all(&bytes[..], 1).unwrap()).unwrap();
        fs::remove_file(&archive).unwrap();
        let mut zip = zip::ZipWriter::new(fs::File::create(dir.join("snapshot.zip")).unwrap());
        zip.start_file("on-demand", zip::write::SimpleFileOptions::default()).unwrap();
        let snapshot = fs::read(unpacked("etcd-3.5").join("early.snapshot")).unwrap();
        std::io::Write::write_all(&mut zip, &snapshot).unwrap();
        zip.finish().unwrap();
    });
    unchanged(dir.path(), &dir.path().join("server.tar.zst"));
    unchanged(dir.path(), &dir.path().join("snapshot.zip"));
}

#[test]
fn a_folder_of_snapshots() {
    let dir = alone(|dir| {
        copy(&unpacked("etcd-3.6").join("early.snapshot"), dir.join("a.snapshot"));
        copy_tree(&unpacked("kine-0.16").join("final"), &dir.join("b"));
        copy_tree(&unpacked("etcd-3.5").join("final.etcd"), &dir.join("c"));
        copy(&unpacked("kine-0.11").join("final/state.db"), dir.join("d.db"));
        copy(&unpacked("kine-0.11").join("final/state.db-wal"), dir.join("d.db-wal"));
    });
    let before = facts(dir.path());
    let folder = dir.path().to_str().unwrap();
    run(["series", folder]).exits(0);
    run(["series", folder, "--json"]).exits(0);
    run(["series", "log", folder, "ns/default"]).exits(0);
    run(["series", "log", folder, "/registry/none"]).exits(1);
    assert_eq!(facts(dir.path()), before);
}

#[test]
fn standard_input() {
    let dir = alone(|dir| drop(copy(&unpacked("etcd-3.6").join("early.snapshot"), dir.join("a.snapshot"))));
    let before = facts(dir.path());
    let out = tempfile::tempdir().unwrap();
    for (args, code) in commands(out.path()) {
        let args = args.iter().map(|arg| if arg == "PATH" { "-" } else { arg });
        run_on_stdin(args, &dir.path().join("a.snapshot")).exits(code);
        assert_eq!(facts(dir.path()), before);
    }
}

#[test]
fn damaged_inputs() {
    let mut bytes = fs::read(unpacked("kine-0.16").join("early.backup.db")).unwrap();
    let len = bytes.len();
    bytes[len / 2..len / 2 + 20_000].fill(0xa5);
    let mut snapshot = fs::read(unpacked("etcd-3.6").join("early.snapshot")).unwrap();
    snapshot[100_000] ^= 1;
    let dir = alone(|dir| {
        fs::write(dir.join("state.db"), bytes).unwrap();
        fs::write(dir.join("a.snapshot"), snapshot).unwrap();
    });
    let before = facts(dir.path());
    for name in ["state.db", "a.snapshot"] {
        let out = tempfile::tempdir().unwrap();
        for (args, code) in commands(out.path()) {
            let path = dir.path().join(name);
            let code = match (args[0].as_str(), code) {
                ("convert" | "put" | "prune" | "redact", _) | (_, 2) => 2,
                // What only reads tells what it can, into files too.
                ("export" | "report", _) if args.iter().any(|arg| arg == "-o") => {
                    let ran =
                        run(args.iter().map(|arg| if arg == "PATH" { path.to_str().unwrap() } else { arg })).exits(3);
                    assert!(ran.stderr.contains("damage") || args[0] == "report", "{}", ran.stderr);
                    continue;
                }
                ("info", _) if name == "a.snapshot" && args.len() > 2 => 0, // --quick looks at no hash
                ("get" | "log", _) => {
                    run(args.iter().map(|arg| if arg == "PATH" { path.to_str().unwrap() } else { arg }))
                        .code
                        .filter(|code| [2, 3].contains(code))
                        .unwrap()
                }
                _ => 3,
            };
            run(args.iter().map(|arg| if arg == "PATH" { path.to_str().unwrap() } else { arg })).exits(code);
            assert_eq!(facts(dir.path()), before, "{args:?} on {name}");
        }
        assert_eq!(names_in(out.path()), ["export", "report"]);
    }
}

/// Files that may not be written at all, in a directory that may not be written, are read all the same.
#[test]
fn read_only_inputs() {
    use std::os::unix::fs::PermissionsExt;
    let dir = alone(|dir| {
        copy_tree(&unpacked("kine-0.16").join("early"), &dir.join("db"));
        for name in names_in(&dir.join("db")) {
            fs::set_permissions(dir.join("db").join(name), fs::Permissions::from_mode(0o400)).unwrap();
        }
        fs::set_permissions(dir.join("db"), fs::Permissions::from_mode(0o500)).unwrap();
    });
    unchanged(dir.path(), &dir.path().join("db/state.db"));
    unchanged(dir.path(), &dir.path().join("db"));
}
