//! A whole session in a real terminal: from the start of the program to a file with a deleted Secret's last value, counted
//! in keys; and the terminal is given back as it was.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixtures;
mod terminal;

use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use terminal::{Terminal, contains};

/// A store of k3s in which one Secret is deleted, by a row as kine writes it: the store, the Secret's name and its last bytes.
fn store(dir: &Path) -> (PathBuf, String, Vec<u8>) {
    let path = dir.join("state.db");
    std::fs::copy(fixtures::unpacked("kine-0.11").join("middle.backup.db"), &path).unwrap();
    let database = rusqlite::Connection::open(&path).unwrap();
    let last =
        "SELECT name, value FROM kine WHERE name LIKE '/registry/secrets/%' AND deleted = 0 ORDER BY id DESC LIMIT 1";
    let (name, value): (String, Vec<u8>) = database.query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let delete = "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, old_value) \
                  SELECT name, 0, 1, CASE created WHEN 1 THEN id ELSE create_revision END, id, lease, value, value \
                  FROM kine WHERE name = ?1 ORDER BY id DESC LIMIT 1";
    assert_eq!(database.execute(delete, [&name]).unwrap(), 1);
    drop(database);
    (path, name, value)
}

#[test]
fn a_deleted_secrets_last_value_is_found_and_exported() {
    let dir = tempfile::tempdir().unwrap();
    let (path, key, value) = store(dir.path());
    let name = key.rsplit('/').next().unwrap();
    let before = std::fs::read(&path).unwrap();
    let mut terminal = Terminal::start(dir.path(), &["state.db"]);
    terminal.wait("KIND");
    terminal.press(":sec\r", "secrets(all)[");
    terminal.press("D", name);
    terminal.press("G\r", &format!("secrets/{}", key.strip_prefix("/registry/secrets/").unwrap()));
    terminal.wait("<masked");
    terminal.press("x", "SECRETS SHOWN");
    terminal.press("e", "1 object");
    // What will be written stands there before it is, with the command that does the same.
    let dialog = terminal.screen();
    assert!(dialog.contains("nothing is written until enter") && dialog.contains("kinescope extract"), "{dialog}");
    assert!(std::fs::read_dir(dir.path()).unwrap().count() == 1, "something was written before it was asked for");
    terminal.press("\r", "wrote 1 object");
    assert_eq!(terminal.pressed, 11, "{}", terminal.screen());
    let written: Vec<PathBuf> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    let [written] = written.as_slice() else { panic!("{written:?}") };
    let yaml: serde_yaml::Value = serde_yaml::from_slice(&std::fs::read(written).unwrap()).unwrap();
    assert_eq!((yaml["kind"].as_str(), yaml["metadata"]["name"].as_str()), (Some("Secret"), Some(name)));
    let data = yaml["data"].as_mapping().unwrap();
    assert!(!data.is_empty());
    for encoded in data.values() {
        let bytes = base64::engine::general_purpose::STANDARD.decode(encoded.as_str().unwrap()).unwrap();
        assert!(contains(&value, &bytes), "a value that the store did not have");
    }
    terminal.press("c", "copied");
    terminal.keys.write_all(b"q").unwrap();
    let (code, bytes) = terminal.left();
    assert_eq!(code, 0);
    assert!(contains(&bytes, b"\x1b]52;c;"), "nothing went to the clipboard");
    assert!(contains(&bytes, b"\x1b[?1049l") && contains(&bytes, b"\x1b[?25h"), "the terminal is not as it was");
    assert_eq!(std::fs::read(&path).unwrap(), before, "the input was written");
}

#[test]
fn the_same_command_line_writes_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let (_, key, _) = store(dir.path());
    let mut terminal = Terminal::start(dir.path(), &["state.db"]);
    terminal.wait("KIND");
    terminal.press(":sec\r", "secrets(all)[");
    terminal.press("D", key.rsplit('/').next().unwrap());
    terminal.press("Ge", "1 left out");
    terminal.press("\x18", "1 object");
    terminal.press("\x15", "to file");
    terminal.press("out.yaml", "> out.yaml");
    let screen = terminal.screen();
    let (_, command) = screen.split_once("$ ").unwrap();
    let command: String = command.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let command = command.split_once("> out.yaml").unwrap().0.to_owned();
    terminal.press("\r", "wrote 1 object");
    terminal.keys.write_all(b"\x03").unwrap();
    assert_eq!(terminal.left().0, 0);
    let args: Vec<&str> = command.split_whitespace().skip(1).collect();
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_kinescope")).args(&args).current_dir(dir.path()).output();
    let out = out.unwrap();
    assert_eq!(out.stdout, std::fs::read(dir.path().join("out.yaml")).unwrap(), "{command}");
}
