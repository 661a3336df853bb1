//! In a real terminal: after a defect it is given back and what happened is written down; under `NO_COLOR` no colour reaches it, and
//! without that only the sixteen that every terminal has; it may change its size; every way to leave exits with 0.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixtures;
mod terminal;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use terminal::{Terminal, contains};

/// What stands between `ESC [` and `m`, one for each time the terminal is told how to draw.
fn renditions(bytes: &[u8]) -> Vec<Vec<u16>> {
    let text = String::from_utf8_lossy(bytes);
    let number = |part: &str| part.parse::<u16>().unwrap_or(0);
    text.split("\x1b[")
        .skip(1)
        .filter_map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';')?;
            rest[end..].starts_with('m').then(|| rest[..end].split(';').map(number).collect())
        })
        .collect()
}

/// The colours among them, each as the numbers that choose it.
fn colours(bytes: &[u8]) -> Vec<Vec<u16>> {
    let mut found = Vec::new();
    for numbers in renditions(bytes) {
        let mut rest = numbers.as_slice();
        while let Some((&first, more)) = rest.split_first() {
            let taken = match (first, more.first()) {
                (38 | 48, Some(5)) => 3,
                (38 | 48, Some(2)) => 5,
                _ => 1,
            };
            if matches!(first, 30..=38 | 40..=48 | 90..=97 | 100..=107) {
                found.push(rest[..taken.min(rest.len())].to_vec());
            }
            rest = &rest[taken.min(rest.len())..];
        }
    }
    found
}

/// Looks around in a store, and leaves.
fn session(environment: &[(&str, &str)], args: &[&str]) -> Vec<u8> {
    let store = fixtures::unpacked("etcd-3.6").join("middle.snapshot");
    let dir = tempfile::tempdir().unwrap();
    let mut arguments = vec![store.to_str().unwrap()];
    arguments.extend(args);
    let mut terminal = Terminal::start_with(dir.path(), env!("CARGO_BIN_EXE_kinescope"), &arguments, environment);
    terminal.wait("KIND");
    terminal.press(":deploy\r", "deployments.apps(all)[");
    terminal.press("\r", "apiVersion: apps/v1");
    terminal.press("h", "history of deployments.apps");
    terminal.press("t400\r", "as of revision 400");
    terminal.press("?", "On this screen");
    terminal.press("?", "history of");
    terminal.keys.write_all(b":q\r").unwrap();
    let (code, bytes) = terminal.left();
    assert_eq!(code, 0);
    bytes
}

#[test]
fn no_colour_reaches_a_terminal_that_wants_none() {
    let bytes = session(&[("NO_COLOR", "1")], &[]);
    assert_eq!(colours(&bytes), Vec::<Vec<u16>>::new());
    assert!(renditions(&bytes).iter().any(|numbers| numbers.contains(&7)), "the cursor is not seen");
    let bytes = session(&[], &["--color", "never"]);
    assert_eq!(colours(&bytes), Vec::<Vec<u16>>::new());
}

#[test]
fn only_the_sixteen_colours_are_used() {
    for theme in ["dark", "light"] {
        let all = colours(&session(&[("TERM", "xterm")], &["--theme", theme]));
        assert!(!all.is_empty());
        for colour in all {
            let is_one_of_sixteen = match colour.as_slice() {
                [38 | 48, 5, number] => *number < 16,
                [38 | 48, ..] => false,
                _ => true,
            };
            assert!(is_one_of_sixteen, "{theme}: {colour:?}");
        }
    }
}

#[test]
fn the_screen_follows_the_size_of_the_terminal() {
    let store = fixtures::unpacked("etcd-3.6").join("middle.snapshot");
    let dir = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(dir.path(), &[store.to_str().unwrap()]);
    terminal.wait("KIND");
    terminal.press(":po\r", "pods(all)[");
    assert!(!terminal.screen().contains("SIZE"));
    terminal.resize(160, 50);
    terminal.wait("SIZE");
    terminal.resize(80, 24);
    terminal.wait("pods(all)[");
    // From inside of what is typed, too.
    terminal.press("/we", "/we");
    terminal.keys.write_all(b"\x03").unwrap();
    assert_eq!(terminal.left().0, 0);
}

/// The name of the test below, in which this program is the one that has the defect.
const PLANTED: &str = "a_defect_in_a_terminal";

#[test]
fn a_defect_gives_the_terminal_back_and_is_written_down() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let program = std::env::current_exe().unwrap();
    let environment = [("XDG_STATE_HOME", state.to_str().unwrap()), ("KINESCOPE_TEST_DEFECT", "1")];
    let args = ["--exact", PLANTED, "--nocapture", "--test-threads=1"];
    let terminal = Terminal::start_with(dir.path(), program.to_str().unwrap(), &args, &environment);
    let (code, bytes) = terminal.left();
    assert_ne!(code, 0);
    for (what, expected) in [
        ("the screen before", &b"\x1b[?1049l"[..]),
        ("the cursor", b"\x1b[?25h"),
        ("the mouse", b"\x1b[?1000l"),
        ("where it is written down", b"kinescope/crash.log"),
    ] {
        assert!(contains(&bytes, expected), "{what}: {}", String::from_utf8_lossy(&bytes));
    }
    let log = state.join("kinescope/crash.log");
    let told = std::fs::read_to_string(&log).unwrap();
    assert!(told.contains("a planted defect") && told.contains(env!("CARGO_PKG_VERSION")), "{told}");
    assert!(told.contains(file!()), "it does not say where: {told}");
    assert_eq!(std::fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_defect_in_a_terminal() {
    if std::env::var_os("KINESCOPE_TEST_DEFECT").is_some() {
        kinescope::tui::in_terminal(true, |_| panic!("a planted defect")).unwrap();
    }
}
