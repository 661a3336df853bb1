//! Standard output carries the answer and nothing else, to a terminal without control codes from the store, to a reader
//! that goes away without a complaint; and the whole interface is written down, so that it cannot change unseen.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use command::{copy, kinescope, ran, run};
use fixtures::unpacked;

const COMMANDS: [&str; 26] = [
    "tui",
    "info",
    "why",
    "series",
    "verify",
    "doctor",
    "ls",
    "get",
    "grep",
    "log",
    "dump",
    "diff",
    "extract",
    "undelete",
    "export",
    "sql",
    "report",
    "convert",
    "put",
    "prune",
    "redact",
    "recover",
    "bootstrap",
    "config",
    "completions",
    "man",
];

fn snapshot() -> PathBuf {
    unpacked("etcd-3.6").join("middle.snapshot")
}

/// Reads one line of the answer and goes away.
#[track_caller]
fn one_line_of(args: &[&str]) {
    let mut command = kinescope();
    let mut child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::with_capacity(64, child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    assert!(!line.is_empty(), "{args:?}");
    drop(stdout);
    let status = child.wait().unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""), "{args:?}");
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    let path = snapshot();
    let path = path.to_str().unwrap();
    one_line_of(&["dump", "--json", "--values", path]);
    one_line_of(&["dump", path]);
    one_line_of(&["ls", path]);
    one_line_of(&["ls", "--json", path]);
    one_line_of(&["info", path]);
    one_line_of(&["completions", "bash"]);
    one_line_of(&["man", "convert"]);
    one_line_of(&["convert", "--help"]);
    one_line_of(&["get", path, "/registry/namespaces/default", "--json"]);
    one_line_of(&["log", path, "/registry/namespaces/default"]);
    one_line_of(&["grep", "-q", path, ".", "--history"]);
    one_line_of(&["export", path, "--format", "csv", "--table", "revisions"]);
    one_line_of(&["sql", path, "select * from revisions", "--csv"]);
    one_line_of(&["report", path]);
    one_line_of(&["grep", "-q", path, ".", "--history", "--json"]);
}

/// As a shell does it, with a pipe that nobody ever reads from.
#[test]
fn a_reader_that_was_never_there_is_no_failure() {
    let line = "(\"$0\" dump --json --values \"$1\"; echo $? >\"$2\") | true";
    let dir = tempfile::tempdir().unwrap();
    let code = dir.path().join("code");
    let mut shell = Command::new("sh");
    let shell = shell.args(["-c", line, env!("CARGO_BIN_EXE_kinescope")]).arg(snapshot()).arg(&code);
    assert_eq!(ran(shell).stderr, "");
    assert_eq!(fs::read_to_string(code).unwrap(), "0\n");
}

/// A full disk under standard output is a failure, and nobody may take half an answer for a whole one.
#[test]
fn an_answer_that_cannot_be_printed_is_a_failure() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = kinescope();
    let failed = ran(command.arg("ls").arg(snapshot()).stdout(full)).exits(2);
    assert!(failed.stderr.contains("cannot print"), "{}", failed.stderr);
}

#[test]
fn notes_and_damage_go_to_standard_error_and_quiet_leaves_only_the_latter() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("db");
    command::copy_tree(&unpacked("etcd-3.6").join("final.etcd"), &db.join("etcd"));
    copy(&unpacked("kine-0.16").join("early.backup.db"), db.join("state.db"));
    let path = db.to_str().unwrap();
    let loud = run(["ls", path, "--at", "1100"]).exits(0);
    assert_eq!(loud.stderr.lines().count(), 3, "which store, an incomplete view, unknown keys:\n{}", loud.stderr);
    assert!(loud.stderr.lines().all(|line| line.starts_with("note: ")));
    assert!(!loud.text().contains("note"));
    for quiet in ["-q", "--quiet"] {
        let quiet = run(["ls", quiet, path, "--at", "1100"]).exits(0);
        assert_eq!(quiet.stderr, "");
        assert_eq!(quiet.text(), loud.text());
    }
    // What is wrong is said in any case.
    let mut bytes = fs::read(snapshot()).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let damaged = dir.path().join("damaged.snapshot");
    fs::write(&damaged, bytes).unwrap();
    run(["-q", "ls", damaged.to_str().unwrap()]).exits(3).says(&["damage: "]);
    run(["-q", "ls", "nothing"]).exits(2).says(&["error: "]);
}

const ESCAPE: char = '\u{1b}';

#[test]
fn colour_is_only_where_it_is_wanted_and_never_in_the_answer() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none");
    let colours = |args: &[&str], no_color: Option<&str>| {
        let mut command = kinescope();
        if let Some(value) = no_color {
            command.env("NO_COLOR", value);
        }
        let failed = ran(command.args(args).arg("info").arg(&missing));
        assert_eq!(failed.code, Some(2));
        failed.stderr.contains(ESCAPE)
    };
    assert!(!colours(&[], None), "standard error is no terminal here");
    assert!(!colours(&["--color", "never"], None));
    assert!(colours(&["--color", "always"], None));
    assert!(colours(&["--color", "always"], Some("1")), "what was asked for on the command line wins");
    assert!(!colours(&["--color", "auto"], Some("1")));
    for args in [["info"].as_slice(), &["ls"], &["dump"], &["dump", "--json"]] {
        let answer = run([&["--color", "always"], args, &[snapshot().to_str().unwrap()]].concat()).exits(0);
        assert!(!answer.text().contains(ESCAPE), "{args:?}");
    }
}

/// A terminal of util-linux's `script`, which has colours and a progress bar until somebody does not want them.
#[test]
fn on_a_terminal_no_color_is_heeded() {
    let on_terminal = |variables: &str, flags: &str| {
        let line = format!("{variables} {} {flags} info /nonexistent", env!("CARGO_BIN_EXE_kinescope"));
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()).env_remove("NO_COLOR").env("TERM", "xterm");
        script.output().ok().map(|output| String::from_utf8_lossy(&output.stdout).contains(ESCAPE))
    };
    let Some(colours) = on_terminal("", "") else {
        eprintln!("SKIPPED: there is no `script` here");
        return;
    };
    assert!(colours, "a terminal has colours");
    assert_eq!(on_terminal("NO_COLOR=1", ""), Some(false));
    assert_eq!(on_terminal("NO_COLOR=", ""), Some(true), "an empty NO_COLOR says nothing (no-color.org)");
    assert_eq!(on_terminal("", "--color never"), Some(false));
    assert_eq!(on_terminal("NO_COLOR=1", "--color always"), Some(true));
}

/// Everything that stands in a file and is shown, with control codes in it: keys, values, table names, names in archives.
fn hostile(dir: &Path) -> Vec<PathBuf> {
    let evil = "\x1b]0;pwned\x07\x1b[2J\u{9b}31m";
    let db = copy(&unpacked("kine-0.16").join("early.backup.db"), dir.join("state.db"));
    let connection = rusqlite::Connection::open(&db).unwrap();
    let sql = "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value) \
               VALUES (?, 1, 0, 0, 0, 0, ?)";
    for prefix in ["/registry/", "/bootstrap/", "plain"] {
        connection.execute(sql, rusqlite::params![format!("{prefix}{evil}"), evil.as_bytes()]).unwrap();
    }
    let other = dir.join("other.db");
    let tables = rusqlite::Connection::open(&other).unwrap();
    tables.execute_batch(&format!("CREATE TABLE \"{evil}\" (id)")).unwrap();
    let columns = dir.join("columns.db");
    let table = rusqlite::Connection::open(&columns).unwrap();
    table.execute_batch(&format!("CREATE TABLE kine (\"{evil}\" INTEGER)")).unwrap();
    let bytes = fs::read(&db).unwrap();
    let mut archives = Vec::new();
    for members in [1, 2] {
        let path = dir.join(format!("{members}.tar"));
        let mut tar = tar::Builder::new(fs::File::create(&path).unwrap());
        for member in 0..members {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o600);
            tar.append_data(&mut header, format!("{member}{evil}"), &bytes[..]).unwrap();
        }
        tar.finish().unwrap();
        archives.push(path);
    }
    [vec![db, other, columns], archives].concat()
}

#[test]
fn nothing_in_a_file_can_send_control_codes_to_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("target");
    let target = target.to_str().unwrap();
    let is_code = |c: char| c.is_control() && c != '\n' && c != '\t';
    for path in hostile(dir.path()) {
        let path = path.to_str().unwrap();
        let evil = "/registry/\x1b]0;pwned\x07\x1b[2J\u{9b}31m";
        let lines = [
            vec!["info", path],
            vec!["ls", path],
            vec!["dump", path],
            vec!["dump", "--json", path],
            vec!["get", path, evil],
            vec!["log", path, evil],
            vec!["grep", path, "pwned"],
            vec!["grep", "--json", path, "pwned"],
            vec!["grep", "-c", path, "pwned"],
            vec!["get", path, "/none/\x1b[2J"],
            vec!["info", path, "--member", "none"],
            vec!["convert", path, target, "--to", "etcd-snapshot", "--force"],
            vec!["convert", path, target, "--to", "etcd-snapshot", "--force", "--no-history"],
        ];
        for line in lines {
            let ran = run(&line);
            let code = ran.text().chars().find(|&c| is_code(c));
            assert_eq!(code, None, "{line:?} answers {:?}", ran.text());
            assert_eq!(ran.stderr.chars().find(|&c| is_code(c)), None, "{line:?} says {:?}", ran.stderr);
        }
    }
    // The bytes themselves are there for whoever asks for them.
    let raw = run([
        "get",
        "--raw",
        dir.path().join("state.db").to_str().unwrap(),
        "--key",
        "plain\x1b]0;pwned\x07\x1b[2J\u{9b}31m",
    ]);
    assert_eq!(raw.exits(0).stdout, "\x1b]0;pwned\x07\x1b[2J\u{9b}31m".as_bytes());
}

/// `--reveal` is what shows them.
#[test]
fn secrets_are_not_shown_unasked() {
    let dir = tempfile::tempdir().unwrap();
    let db = copy(&unpacked("kine-0.16").join("early.backup.db"), dir.path().join("state.db"));
    let connection = rusqlite::Connection::open(&db).unwrap();
    let sql = "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value) \
               VALUES (?, 1, 0, 0, 0, 0, 'my-password')";
    connection.execute(sql, ["/registry/secrets/default/web"]).unwrap();
    let path = db.to_str().unwrap();
    let key = "/registry/secrets/default/web";
    for args in [vec!["get", path, key], vec!["get", "--json", path, key], vec!["log", path, key], vec!["dump", path]] {
        assert!(!run(&args).exits(0).text().contains("my-password"), "{args:?}");
    }
    assert!(run(["get", path, key]).text().contains("--reveal"));
    assert!(run(["get", "--reveal", path, key]).exits(0).text().contains("my-password"));
    assert_eq!(run(["get", "--raw", path, key]).exits(0).stdout, b"my-password");
}

#[test]
fn threads_change_the_speed_and_nothing_else() {
    let path = snapshot();
    let dump =
        |threads: &str| run(["--threads", threads, "dump", "--json", "--values", path.to_str().unwrap()]).exits(0);
    let one = dump("1").stdout;
    assert!(one == dump("0").stdout && one == dump("7").stdout);
}

#[test]
fn completions_name_every_command_in_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(["completions", shell]).exits(0);
        for command in COMMANDS {
            assert!(script.text().contains(command), "{shell}: {command}");
        }
        for flag in ["etcd-version", "member", "no-history"] {
            assert!(script.text().contains(flag), "{shell}: {flag}");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("kinescope.bash");
    fs::write(&script, run(["completions", "bash"]).stdout).unwrap();
    let checked = Command::new("bash").arg("-n").arg(&script).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let nothing = run(["completions", "tcsh"]).exits(2);
    assert!(nothing.stderr.contains("tcsh"));
}

#[test]
fn every_command_has_a_manual_page() {
    let whole = run(["man"]).exits(0);
    assert!(whole.text().starts_with(".ie") || whole.text().contains(".TH kinescope"), "{}", whole.text());
    for command in COMMANDS {
        assert!(whole.text().contains(command));
        let page = run(["man", command]).exits(0);
        assert!(page.text().contains(".TH"), "{command}");
        assert!(page.text().contains(".SH SYNOPSIS") && page.text().contains("json"), "{command}");
    }
}

#[test]
fn the_version_is_the_crate_s() {
    for flag in ["--version", "-V"] {
        assert_eq!(run([flag]).exits(0).text(), format!("kinescope {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn no_command_at_all_shows_what_there_is() {
    let nothing: [&str; 0] = [];
    let shown = run(nothing).exits(2);
    for command in COMMANDS {
        assert!(shown.stderr.contains(command));
    }
    run(["inof", "x"]).exits(2).says(&["inof", "info"]);
}

/// The help of the program and of every command, as a user with a pipe sees it.
fn whole_help() -> String {
    let mut text = String::new();
    let mut calls = vec![vec!["--help"], vec!["-h"]];
    calls.extend(COMMANDS.map(|command| vec![command, "--help"]));
    for call in calls {
        let help = run(&call).exits(0);
        assert_eq!(help.stderr, "");
        text.push_str(&format!("$ kinescope {}\n{}\n", call.join(" "), help.text()));
    }
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n"
}

/// Commands, flags and their words are a contract. A change is made known with
/// `KINESCOPE_UPDATE_SNAPSHOTS=1 cargo test --test stdout_pipes_cleanly`, and seen in the diff.
#[test]
fn the_help_is_as_it_was() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/help.txt");
    let now = whole_help();
    if std::env::var_os("KINESCOPE_UPDATE_SNAPSHOTS").is_some() {
        fs::write(&kept, &now).unwrap();
    }
    let before = fs::read_to_string(&kept).unwrap_or_default();
    let differs = before.lines().zip(now.lines()).position(|(before, now)| before != now);
    let line = differs.unwrap_or_else(|| before.lines().count().min(now.lines().count()));
    assert!(
        before == now,
        "line {} was {:?} and is {:?}; with KINESCOPE_UPDATE_SNAPSHOTS=1 this test takes the new help",
        line + 1,
        before.lines().nth(line),
        now.lines().nth(line)
    );
    assert!(run(["help", "convert"]).exits(0).text().contains("--to <TARGET>"));
    let commands = run(["--help"]).exits(0);
    let listed: Vec<&str> = commands
        .text()
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with("     "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(listed, [&COMMANDS[..], &["help"]].concat(), "a new command belongs into this test");
}
