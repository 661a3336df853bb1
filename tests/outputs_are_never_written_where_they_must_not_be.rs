//! An output is whole or not there at all, and never where it would hurt: not over an input under any name, not beside a
//! file that SQLite would serve instead, not without being asked over anything that exists.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use command::{Ran, copy, copy_tree, kinescope, names_in, ran, run, sha256};
use fixtures::unpacked;
use rusqlite::{Connection, params};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn snapshot() -> PathBuf {
    unpacked("etcd-3.5").join("early.snapshot")
}

fn convert(source: &Path, target: &Path, to: &str, more: &[&str]) -> Ran {
    run([&["convert", source.to_str().unwrap(), target.to_str().unwrap(), "--to", to], more].concat())
}

/// Everything below a directory: paths, contents of files, targets of links.
fn everything(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(dir) = open.pop() {
        for name in names_in(&dir) {
            let path = dir.join(name);
            if path.is_symlink() {
                let target = fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes();
                found.push((path, target));
            } else if path.is_dir() {
                open.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                found.push((path, bytes));
            }
        }
    }
    found.sort();
    found
}

/// Converts to a target that must be refused, also with --force; nothing below `root` may be another then.
#[track_caller]
fn never(root: &Path, source: &Path, target: &Path, to: &str, words: &[&str]) {
    let before = everything(root);
    for force in [&[][..], &["--force"]] {
        convert(source, target, to, force).cannot(words);
        assert!(everything(root) == before, "{} --to {to} {force:?} changed something", target.display());
    }
}

#[test]
fn an_existing_target_is_overwritten_only_with_force_and_then_wholly() {
    let dir = dir();
    let reference = dir.path().join("reference.db");
    convert(&snapshot(), &reference, "kine", &[]).exits(0);
    let target = dir.path().join("state.db");
    fs::write(&target, vec![7; 5 << 20]).unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).unwrap();
    // Whoever has the old file open keeps it: it is replaced, not written into.
    let another_name = dir.path().join("kept");
    fs::hard_link(&target, &another_name).unwrap();
    convert(&snapshot(), &target, "kine", &[]).cannot(&["state.db", "exists already", "--force"]);
    convert(&snapshot(), &target, "kine", &["--force"]).exits(0);
    assert!(fs::read(&target).unwrap() == fs::read(&reference).unwrap());
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o7777, 0o600);
    assert!(fs::read(&another_name).unwrap() == vec![7; 5 << 20]);
    assert_eq!(names_in(dir.path()), ["kept", "reference.db", "state.db"]);
}

#[test]
fn an_existing_directory_is_exchanged_only_with_force_and_only_for_one_of_etcd() {
    let dir = dir();
    let target = dir.path().join("new.etcd");
    convert(&snapshot(), &target, "etcd-dir", &[]).exits(0);
    fs::write(target.join("member/left-over"), "of the old one").unwrap();
    convert(&snapshot(), &target, "etcd-dir", &[]).cannot(&["new.etcd", "exists already", "--force"]);
    assert!(target.join("member/left-over").exists());
    convert(&snapshot(), &target, "etcd-dir", &["--force"]).exits(0);
    assert_eq!(names_in(&target), ["member"]);
    assert!(!target.join("member/left-over").exists());
    assert_eq!(names_in(dir.path()), ["new.etcd"]);

    let home = dir.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("letters"), "all of them").unwrap();
    never(dir.path(), &snapshot(), &home, "etcd-dir", &["home"]);
    convert(&snapshot(), &home, "etcd-dir", &["--force"]).cannot(&["home", "not one of etcd"]);
}

/// Over a link the link is replaced, never what it leads to.
#[test]
fn a_link_in_the_way_is_replaced_and_what_it_leads_to_stays() {
    let dir = dir();
    let elsewhere = dir.path().join("elsewhere");
    convert(&snapshot(), &elsewhere.join("../old.etcd"), "etcd-dir", &[]).cannot(&["no such directory"]);
    fs::create_dir(&elsewhere).unwrap();
    convert(&snapshot(), &elsewhere.join("old.etcd"), "etcd-dir", &[]).exits(0);
    fs::write(elsewhere.join("old.db"), "an older store").unwrap();
    let before = everything(&elsewhere);
    for (name, old, to) in [("new.db", "old.db", "kine"), ("new.etcd", "old.etcd", "etcd-dir")] {
        let target = dir.path().join(name);
        symlink(elsewhere.join(old), &target).unwrap();
        convert(&snapshot(), &target, to, &[]).cannot(&[name, "exists already"]);
        convert(&snapshot(), &target, to, &["--force"]).exits(0);
        assert!(!target.is_symlink() && target.exists(), "{to}");
        assert!(everything(&elsewhere) == before, "{to}");
        symlink("nowhere", dir.path().join(format!("dangling-{name}"))).unwrap();
        convert(&snapshot(), &dir.path().join(format!("dangling-{name}")), to, &[]).cannot(&["exists already"]);
    }
    assert_eq!(names_in(dir.path()), ["dangling-new.db", "dangling-new.etcd", "elsewhere", "new.db", "new.etcd"]);
}

#[test]
fn a_target_of_the_other_kind_is_refused() {
    let dir = dir();
    let file = dir.path().join("file");
    fs::write(&file, "a file").unwrap();
    never(dir.path(), &snapshot(), &file, "etcd-dir", &["file"]);
    let directory = dir.path().join("directory");
    fs::create_dir(&directory).unwrap();
    never(dir.path(), &snapshot(), &directory, "kine", &["directory"]);
}

#[test]
fn results_belong_to_their_owner_alone() {
    let dir = dir();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    for (to, name) in [("kine", "state.db"), ("etcd-snapshot", "a.snapshot")] {
        let target = dir.path().join(name);
        let mut command = Command::new("sh");
        let line = format!("umask 000; exec \"$0\" convert \"$1\" \"$2\" --to {to}");
        let command = command.args(["-c", &line, env!("CARGO_BIN_EXE_kinescope")]).arg(snapshot()).arg(&target);
        ran(command).exits(0);
        assert_eq!(mode(&target), 0o600, "{to}");
    }
    let target = dir.path().join("new.etcd");
    convert(&snapshot(), &target, "etcd-dir", &[]).exits(0);
    let mut open = vec![target];
    while let Some(path) = open.pop() {
        let wanted = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&path), wanted, "{}", path.display());
        if path.is_dir() {
            open.extend(names_in(&path).iter().map(|name| path.join(name)));
        }
    }
}

#[test]
fn an_input_is_never_the_target_under_whatever_name() {
    let dir = dir();
    let kine = copy(&unpacked("kine-0.16").join("early.backup.db"), dir.path().join("db/state.db"));
    let snapshot = copy(&snapshot(), dir.path().join("snapshots/a.snapshot"));
    let hard = dir.path().join("hard");
    let soft = dir.path().join("soft");
    let soft_dir = dir.path().join("soft-dir");
    symlink(dir.path().join("snapshots"), &soft_dir).unwrap();
    for (input, to) in [(&kine, "etcd-snapshot"), (&kine, "kine"), (&snapshot, "kine"), (&snapshot, "etcd-snapshot")] {
        let _ = (fs::remove_file(&hard), fs::remove_file(&soft));
        fs::hard_link(input, &hard).unwrap();
        symlink(input, &soft).unwrap();
        never(dir.path(), input, input, to, &["input", "choose another name"]);
        never(dir.path(), input, &hard, to, &["hard", "input", "--force"]);
        never(dir.path(), input, &soft, to, &["soft", "input", "--force"]);
        never(dir.path(), &soft, input, to, &["input", "--force"]);
        never(dir.path(), &hard, input, to, &["input", "--force"]);
    }
    never(dir.path(), &snapshot, &soft_dir.join("a.snapshot"), "kine", &["a.snapshot", "input"]);
    never(dir.path(), &snapshot, &dir.path().join("db/../snapshots/a.snapshot"), "kine", &["a.snapshot", "input"]);
    let archive = dir.path().join("a.snapshot.zst");
    fs::write(&archive, zstd::encode_all(&fs::read(&snapshot).unwrap()[..], 1).unwrap()).unwrap();
    never(dir.path(), &archive, &archive, "kine", &["a.snapshot.zst", "input"]);
}

#[test]
fn nothing_is_written_inside_a_directory_that_is_the_input() {
    let dir = dir();
    let server = dir.path().join("server");
    copy_tree(&unpacked("etcd-3.6").join("final.etcd"), &server.join("db/etcd"));
    symlink(&server, dir.path().join("link")).unwrap();
    for inside in ["server/new.db", "server/db/state.db", "server/db/etcd/member/snap/new", "link/db/state.db"] {
        never(dir.path(), &server, &dir.path().join(inside), "kine", &["lies inside", "input"]);
    }
    never(dir.path(), &server, &server.join("db/etcd"), "etcd-dir", &["input"]);
    never(dir.path(), &server.join("db/etcd"), &server.join("db/etcd"), "etcd-dir", &["input"]);
    // Beside it is as good a place as any.
    convert(&server.join("db/etcd"), &server.join("db/state.db"), "kine", &[]).exits(0);
}

/// The old directory goes when a new one takes its name: the input must not go with it.
#[test]
fn a_directory_around_an_input_is_never_replaced() {
    let dir = dir();
    let data = dir.path().join("old.etcd");
    copy_tree(&unpacked("etcd-3.6").join("final.etcd"), &data);
    never(dir.path(), &data.join("member/snap/db"), &data, "etcd-dir", &["old.etcd", "input"]);
    never(dir.path(), &data.join("member"), &data, "etcd-dir", &["old.etcd", "input"]);
    copy(&snapshot(), data.join("a.snapshot"));
    never(dir.path(), &data.join("a.snapshot"), &data, "etcd-dir", &["old.etcd", "input"]);
}

/// SQLite would take a file of these names for a part of the input.
#[test]
fn nothing_is_created_beside_an_input_that_would_become_a_part_of_it() {
    let dir = dir();
    let input = copy(&unpacked("kine-0.16").join("early.backup.db"), dir.path().join("state.db"));
    for name in ["state.db-wal", "state.db-shm", "state.db-journal"] {
        never(dir.path(), &input, &dir.path().join(name), "kine", &[name, "input"]);
        never(dir.path(), &input, &dir.path().join(name), "etcd-snapshot", &[name, "input"]);
    }
    let migrated = dir.path().join("state.db.migrated");
    fs::rename(&input, &migrated).unwrap();
    never(dir.path(), &migrated, &dir.path().join("state.db-wal"), "kine", &["state.db-wal", "input"]);
}

#[test]
fn a_file_that_would_shadow_the_target_is_named() {
    let dir = dir();
    for suffix in ["-wal", "-shm", "-journal"] {
        let target = dir.path().join(format!("under{suffix}")).join("state.db");
        fs::create_dir(target.parent().unwrap()).unwrap();
        let sidecar = format!("state.db{suffix}");
        fs::write(target.with_file_name(&sidecar), "").unwrap();
        never(dir.path(), &snapshot(), &target, "kine", &[&sidecar, "SQLite would serve it", "move it away"]);
        fs::write(&target, "an older store").unwrap();
        never(dir.path(), &snapshot(), &target, "kine", &[&sidecar, "SQLite would serve it", "move it away"]);
        fs::remove_file(target.with_file_name(&sidecar)).unwrap();
        symlink("nowhere", target.with_file_name(&sidecar)).unwrap();
        never(dir.path(), &snapshot(), &target, "kine", &[&sidecar, "move it away"]);
    }
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let dir = dir();
    never(dir.path(), &snapshot(), &dir.path().join("none/state.db"), "kine", &["none", "no such directory"]);
    never(dir.path(), &snapshot(), &dir.path().join(".."), "kine", &[".."]);
}

#[test]
fn the_report_ends_with_the_steps_to_put_the_result_in_place_and_to_go_back() {
    let dir = dir();
    let owner = if rustix::process::geteuid().is_root() { "mode 0600, owner root" } else { "mode 0600" };
    for (to, name, step) in [
        ("kine", "state.db", "install -m 0600 -o root -g root"),
        ("etcd-snapshot", "a.snapshot", "--cluster-reset-restore-path="),
        ("etcd-dir", "new.etcd", "etcd --data-dir"),
    ] {
        let target = dir.path().join(name);
        let report = convert(&snapshot(), &target, to, &[]).exits(0);
        let text = report.text();
        assert!(text.contains(owner), "{text}");
        let (_, steps) = text.split_once("\n\n").unwrap();
        let in_place = steps.lines().find(|line| line.contains(step)).unwrap();
        assert!(in_place.contains(target.to_str().unwrap()), "{in_place}");
        assert!(steps.contains("To go back:"), "{steps}");
        let checked = convert(&snapshot(), &dir.path().join("none"), to, &["--check"]).exits(0);
        assert!(checked.text().contains("nothing was written") && !checked.text().contains("To go back"));
    }
}

#[test]
fn check_writes_nothing_and_asks_for_no_free_name() {
    let dir = dir();
    let target = dir.path().join("state.db");
    let check = convert(&snapshot(), &target, "kine", &["--check", "--json"]).exits(0);
    assert_eq!(check.json()["target"], serde_json::Value::Null);
    assert_eq!(names_in(dir.path()), [""; 0]);
    fs::write(&target, "an older store").unwrap();
    convert(&snapshot(), &target, "kine", &["--check"]).exits(0);
    assert_eq!(fs::read(&target).unwrap(), b"an older store");
    assert_eq!(names_in(dir.path()), ["state.db"]);
}

/// What makes another store of one writes by the same rules as what converts.
#[test]
fn put_prune_and_redact_write_where_a_conversion_would() {
    for (command, code) in [(&["put", "--delete", "ns/kube-public"][..], 0), (&["prune"], 0), (&["redact"], 1)] {
        writes_as_a_conversion_would(command, code);
    }
}

/// `code` is how the command ends that has written.
fn writes_as_a_conversion_would(command: &[&str], code: i32) {
    let dir = dir();
    let input = copy(&unpacked("kine-0.11").join("early.backup.db"), dir.path().join("db/state.db"));
    let put = |target: &Path, more: &[&str]| {
        let paths = [input.to_str().unwrap(), target.to_str().unwrap()];
        run([&command[..1], &paths, &command[1..], more].concat())
    };
    let before = everything(dir.path());
    for force in [&[][..], &["--force"]] {
        put(&input, force).cannot(&["input", "choose another name"]);
        put(&input.with_file_name("state.db-wal"), force).cannot(&["input"]);
        put(&dir.path().join("none/state.db"), force).cannot(&["no such directory"]);
        assert!(everything(dir.path()) == before);
    }
    let target = dir.path().join("new.db");
    put(&target, &["--check"]).exits(code);
    assert!(everything(dir.path()) == before);
    put(&target, &[]).exits(code);
    put(&target, &[]).cannot(&["exists already", "--force"]);
    put(&target, &["--force"]).exits(code);
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o7777, 0o600);
    fs::write(dir.path().join("new.db-wal"), "").unwrap();
    put(&target, &["--force"]).cannot(&["new.db-wal", "move it away"]);
}

/// What makes a file of a store that is no store writes by the same rules; a directory is only replaced by one of its kind.
#[test]
fn exports_and_reports_write_where_a_conversion_would() {
    for command in [&["export", "--format", "sqlite"][..], &["export", "--format", "csv"], &["report"]] {
        let dir = dir();
        let input = copy(&unpacked("kine-0.11").join("early.backup.db"), dir.path().join("db/state.db"));
        let write = |target: &Path, more: &[&str]| {
            let paths = [input.to_str().unwrap(), "-o", target.to_str().unwrap()];
            run([command, &paths, more].concat())
        };
        let before = everything(dir.path());
        let link = dir.path().join("link");
        symlink(&input, &link).unwrap();
        for force in [&[][..], &["--force"]] {
            write(&input, force).cannot(&["input", "choose another name"]);
            write(&link, force).cannot(&["input"]);
            write(&input.with_file_name("state.db-wal"), force).cannot(&["input"]);
            write(&dir.path().join("db"), force).cannot(&["db"]);
            write(&dir.path().join("none/out"), force).cannot(&["no such directory"]);
        }
        fs::remove_file(link).unwrap();
        assert!(everything(dir.path()) == before, "{command:?}");
        let target = dir.path().join("out");
        assert!(matches!(write(&target, &[]).code, Some(0 | 1)), "{command:?}");
        write(&target, &[]).cannot(&["exists already", "--force"]);
        assert!(matches!(write(&target, &["--force"]).code, Some(0 | 1)), "{command:?}");
        assert_eq!(names_in(dir.path()), ["db", "out"]);
        let mode = if target.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o7777, mode);
        fs::write(dir.path().join("out-wal"), "").unwrap();
        write(&target, &["--force"]).cannot(&["out-wal", "move it away"]);
    }
}

/// A file system of 300 KB, which goes when it is dropped.
struct Small(TempDir);

impl Small {
    fn mounted() -> Option<Self> {
        let dir = dir();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=300k", "tmpfs"]).arg(dir.path()).status();
        if mount.is_ok_and(|status| status.success()) {
            return Some(Self(dir));
        }
        eprintln!("SKIPPED: a small file system cannot be mounted here");
        None
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_under_what_is_unpacked_is_not_taken_for_a_damaged_archive() {
    let dir = dir();
    let archive = dir.path().join("a.snapshot.zst");
    fs::write(&archive, zstd::encode_all(&fs::read(snapshot()).unwrap()[..], 1).unwrap()).unwrap();
    let Some(small) = Small::mounted() else { return };
    let words = ["no room", small.0.path().to_str().unwrap(), "TMPDIR"];
    let mut command = kinescope();
    command.env("TMPDIR", small.0.path()).arg("info");
    let unpacking = ran(command.arg(&archive)).cannot(&["a.snapshot.zst"]).says(&words);
    assert!(!unpacking.stderr.contains("damaged"), "{}", unpacking.stderr);
    let mut command = kinescope();
    command.env("TMPDIR", small.0.path()).args(["info", "-"]).stdin(fs::File::open(snapshot()).unwrap());
    ran(&mut command).cannot(&["standard input"]).says(&words);
    assert_eq!(names_in(small.0.path()), [""; 0]);
}

#[test]
fn a_full_disk_leaves_nothing_and_says_so() {
    let source = snapshot();
    let Some(mounted) = Small::mounted() else { return };
    let small = mounted.0.path();
    let small_name = small.file_name().unwrap().to_str().unwrap();
    for (to, name) in [("kine", "state.db"), ("etcd-snapshot", "a.snapshot"), ("etcd-dir", "new.etcd")] {
        let full = convert(&source, &small.join(name), to, &[]);
        full.cannot(&[small_name, "bytes are needed", "are free", "nothing was written"]);
        assert_eq!(names_in(small), [""; 0], "{to}");
    }
}

/// The disk that fills up on the way: a limit on the length of files stops a write in the middle.
#[test]
fn a_write_that_fails_in_the_middle_leaves_nothing_and_says_so() {
    let dir = dir();
    for (to, name) in [("kine", "state.db"), ("etcd-snapshot", "a.snapshot"), ("etcd-dir", "new.etcd")] {
        let mut command = Command::new("sh");
        let line = format!("ulimit -f 200; exec \"$0\" convert \"$1\" \"$2\" --to {to}");
        let command = command.args(["-c", &line, env!("CARGO_BIN_EXE_kinescope")]);
        ran(command.arg(snapshot()).arg(dir.path().join(name))).cannot(&[name, "no temporary file was left"]);
        assert_eq!(names_in(dir.path()), [""; 0], "{to}");
    }
}

/// A state.db of some 35 MB, made by SQLite with kine's table, whose conversion takes long enough to be stopped.
static BIG: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let dir = dir();
    let path = copy(&unpacked("kine-0.16").join("early.backup.db"), dir.path().join("big/state.db"));
    let mut connection = Connection::open(&path).unwrap();
    let first: i64 = connection.query_row("SELECT MAX(id) + 1 FROM kine", [], |row| row.get(0)).unwrap();
    let all = connection.transaction().unwrap();
    {
        let sql = "INSERT INTO kine VALUES (?, ?, 1, 0, 0, 0, 0, ?, NULL)";
        let mut insert = all.prepare(sql).unwrap();
        let mut noise = 1u64;
        for number in 0..16_000 {
            let value: Vec<u8> = std::iter::repeat_with(|| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                noise.to_le_bytes()
            })
            .take(230)
            .flatten()
            .collect();
            insert.execute(params![first + number, format!("/registry/configmaps/big/{number:06}"), value]).unwrap();
        }
    }
    all.commit().unwrap();
    connection.close().unwrap();
    (dir, path)
});

fn big() -> &'static Path {
    &BIG.1
}

fn start(source: &Path, target: &Path, to: &str) -> Child {
    let mut command = kinescope();
    command.arg("convert").arg(source).arg(target).args(["--to", to]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ended(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    Ran { called: "convert".to_owned(), code: output.status.code(), stdout: output.stdout, stderr }
}

/// Waits until the conversion has begun to write beside its target.
fn wait_for_temporary(dir: &Path, child: &mut Child) {
    let patience = Instant::now() + Duration::from_secs(60);
    while names_in(dir).is_empty() {
        assert!(Instant::now() < patience, "the conversion never begins to write");
        assert!(child.try_wait().unwrap().is_none(), "the conversion ended before it began to write");
        sleep(Duration::from_millis(1));
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn a_user_who_stops_a_conversion_finds_nothing_left() {
    for to in ["etcd-snapshot", "kine", "etcd-dir"] {
        for wanted in [Signal::INT, Signal::TERM, Signal::HUP] {
            let dir = dir();
            let mut child = start(big(), &dir.path().join("target"), to);
            wait_for_temporary(dir.path(), &mut child);
            signal(&child, wanted);
            ended(child).cannot(&["interrupted", "no temporary file was left"]);
            assert_eq!(names_in(dir.path()), [""; 0], "--to {to}, {wanted:?}");
        }
    }
}

#[test]
fn a_conversion_that_is_killed_leaves_nothing_under_the_final_name_or_all_of_it() {
    let dir = dir();
    for to in ["etcd-snapshot", "kine"] {
        let reference = dir.path().join("reference");
        let started = Instant::now();
        convert(big(), &reference, to, &["--force"]).exits(0);
        let took = started.elapsed();
        let whole = sha256(&fs::read(&reference).unwrap());
        let (mut absent, mut complete) = (0, 0);
        let mut noise = 0x6b69_6e65u64;
        for _ in 0..20 {
            let place = tempfile::tempdir_in(dir.path()).unwrap();
            let target = place.path().join("target");
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Most of the moments lie near the end, where the file gets its name.
            let part = (noise >> 33) as f64 / f64::from(1u32 << 31);
            let mut child = start(big(), &target, to);
            sleep(took.mul_f64(1.15 * part.sqrt()));
            let _ = child.kill();
            child.wait().unwrap();
            if target.exists() {
                complete += 1;
                assert_eq!(sha256(&fs::read(&target).unwrap()), whole, "--to {to}");
            } else {
                absent += 1;
            }
        }
        assert!(absent > 0 && absent + complete == 20, "--to {to}: no kill came in time ({complete} complete)");
    }
}

#[test]
fn a_killed_conversion_to_a_directory_leaves_all_of_it_or_nothing() {
    let dir = dir();
    let reference = dir.path().join("reference");
    let started = Instant::now();
    convert(big(), &reference, "etcd-dir", &[]).exits(0);
    let took = started.elapsed();
    let relative = |root: &Path| -> Vec<(PathBuf, Vec<u8>)> {
        let files = everything(root).into_iter();
        files.map(|(path, bytes)| (path.strip_prefix(root).unwrap().to_owned(), bytes)).collect()
    };
    let whole = relative(&reference);
    for part in [0.4, 0.8, 0.9, 0.95, 0.98, 1.0, 1.02, 1.05] {
        let place = tempfile::tempdir_in(dir.path()).unwrap();
        let target = place.path().join("target");
        let mut child = start(big(), &target, "etcd-dir");
        sleep(took.mul_f64(part));
        let _ = child.kill();
        child.wait().unwrap();
        assert!(!target.exists() || relative(&target) == whole, "killed at {part}");
    }
}

#[test]
fn an_input_that_is_written_to_meanwhile_is_in_use() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 3] = [
        ("modification time", |path| {
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_modified(std::time::SystemTime::now()).unwrap();
        }),
        ("the file itself", |path| {
            let copied = path.with_extension("copy");
            fs::copy(path, &copied).unwrap();
            fs::rename(&copied, path).unwrap();
        }),
        ("existence", |path| fs::write(path.with_extension("db-wal"), "of a k3s that was started").unwrap()),
    ];
    for (what, change) in changes {
        let dir = dir();
        let input = copy(big(), dir.path().join("in/state.db"));
        let out = dir.path().join("out");
        fs::create_dir(&out).unwrap();
        let mut child = start(&input, &out.join("target"), "etcd-snapshot");
        wait_for_temporary(&out, &mut child);
        // However quick the conversion is: it is not done before the change.
        signal(&child, Signal::STOP);
        change(&input);
        signal(&child, Signal::CONT);
        ended(child).cannot(&["state.db", "this file is in use", "stop k3s or copy it first", what]);
        assert_eq!(names_in(&out), [""; 0]);
    }
}
