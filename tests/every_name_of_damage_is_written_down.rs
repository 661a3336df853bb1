//! docs/damage.md has every name that the readers give to damage, and no other.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms whose readers tell damage.
const ROOMS: [&str; 4] = ["bolt", "sqlite", "etcd", "kine"];

/// Words with a hyphen in these rooms that name something else: where a row was found, a name in etcd's tables.
const OTHERS: [&str; 6] = ["etcd-cluster", "log-entry", "log-frame", "orphan-page", "page-remains", "past-page"];

/// Names without a hyphen, which no pattern tells from other words.
const PLAIN: [&str; 10] =
    ["cell", "depth", "freeblock", "freelist", "header", "record", "schema", "shifted", "trailer", "truncated"];

fn below(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let all = entries.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] });
    all.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Quoted words with hyphens in the code of the rooms, tests and comments left out.
fn in_code() -> BTreeSet<String> {
    let word = regex::Regex::new(r#""([a-z]+(?:-[a-z0-9]+)+)""#).unwrap();
    let mut found = BTreeSet::new();
    for path in ROOMS.iter().flat_map(|room| below(&project().join("src").join(room))) {
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            found.extend(word.captures_iter(line).map(|found| found[1].to_owned()));
            found.extend(
                PLAIN.iter().filter(|name| line.contains(&format!("\"{name}\""))).map(|name| (*name).to_owned()),
            );
        }
    }
    found.into_iter().filter(|word| !OTHERS.contains(&word.as_str())).collect()
}

fn written() -> BTreeSet<String> {
    let text = fs::read_to_string(project().join("docs/damage.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split('|').next());
    let names = rows.flat_map(|names| names.split(',')).map(|name| name.trim().trim_matches('`').to_owned());
    names.collect()
}

#[test]
fn the_names_in_the_code_are_those_that_are_written_down() {
    assert_eq!(in_code(), written());
}
