//! The house stays as it was drawn: each room of `src/` uses only the rooms below it, one place alone is unsafe, only the
//! command line prints, nothing panics, and no file grows beyond what can be read.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each room may use.
const ROOMS: [(&str, &[&str]); 12] = [
    ("source", &[]),
    ("bolt", &["source"]),
    ("sqlite", &["source"]),
    ("model", &["source"]),
    ("etcd", &["bolt", "model", "source"]),
    ("kine", &["sqlite", "model", "source"]),
    ("kube", &["model", "source"]),
    ("k3s", &["kube", "model", "source"]),
    ("ops", &["source", "bolt", "sqlite", "model", "etcd", "kine", "kube", "k3s"]),
    // Of what the engines' rooms keep, the renderer takes the data that ops hands on, and no way to open a file.
    ("render", &["model", "source", "ops", "etcd", "kine", "sqlite", "kube", "k3s"]),
    ("tui", &["ops", "render", "source", "model", "kube"]),
    ("cli", &["ops", "render", "source", "model", "etcd", "kube", "tui"]),
];

/// A file with its comments, strings and tests taken out: of code only what runs is left, line for line.
struct Code {
    path: PathBuf,
    lines_in_all: usize,
    text: String,
}

impl Code {
    /// The room: the first directory below `src`, or the name of a file there.
    fn room(&self) -> &str {
        let first = self.path.iter().next().unwrap().to_str().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    fn shown(&self) -> String {
        format!("src/{}", self.path.display())
    }

    /// Lines with the number they have in the file.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }
}

fn all_code() -> Vec<Code> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut open = vec![src.clone()];
    let mut found = Vec::new();
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let whole = fs::read_to_string(&path).unwrap();
                let text = without_tests(&bare(&whole));
                let path = path.strip_prefix(&src).unwrap().to_owned();
                found.push(Code { path, lines_in_all: whole.lines().count(), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 50, "only {} files were found", found.len());
    found
}

/// Code without comments and without what stands in strings and character literals; line ends stay.
fn bare(code: &str) -> String {
    let chars: Vec<char> = code.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let mut out = String::with_capacity(code.len());
    let mut index = 0;
    while index < chars.len() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let begins = index == 0 || !is_word(at(index - 1));
        let end = match (at(index), at(index + 1)) {
            ('/', '/') => (index..chars.len()).find(|&end| at(end) == '\n').unwrap_or(chars.len()),
            ('/', '*') => end_of_comment(&chars, index),
            ('"', _) => end_of_string(&chars, index + 1),
            ('r', '"' | '#') if begins && is_raw_string(&chars, index + 1) => end_of_raw_string(&chars, index + 1),
            // A character literal, and no lifetime.
            ('\'', '\\') => (index + 3..chars.len()).find(|&end| at(end) == '\'').map_or(chars.len(), |end| end + 1),
            ('\'', _) if at(index + 2) == '\'' => index + 3,
            (c, _) => {
                out.push(c);
                index += 1;
                continue;
            }
        };
        out.extend(chars[index..end].iter().filter(|c| **c == '\n'));
        index = end;
    }
    out
}

fn end_of_comment(chars: &[char], start: usize) -> usize {
    let (mut depth, mut index) = (0, start);
    while index + 1 < chars.len() {
        match (chars[index], chars[index + 1]) {
            ('/', '*') => (depth, index) = (depth + 1, index + 2),
            ('*', '/') if depth == 1 => return index + 2,
            ('*', '/') => (depth, index) = (depth - 1, index + 2),
            _ => index += 1,
        }
    }
    chars.len()
}

fn end_of_string(chars: &[char], mut index: usize) -> usize {
    while index < chars.len() {
        match chars[index] {
            '\\' => index += 2,
            '"' => return index + 1,
            _ => index += 1,
        }
    }
    chars.len()
}

fn is_raw_string(chars: &[char], after_r: usize) -> bool {
    chars[after_r..].iter().find(|c| **c != '#') == Some(&'"')
}

fn end_of_raw_string(chars: &[char], after_r: usize) -> usize {
    let hashes = chars[after_r..].iter().take_while(|c| **c == '#').count();
    let mut index = after_r + hashes + 1;
    while index < chars.len() {
        if chars[index] == '"' && chars[index + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes {
            return index + 1 + hashes;
        }
        index += 1;
    }
    chars.len()
}

/// Bare code without the items that are only compiled for tests.
fn without_tests(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..start]);
        let item = &rest[start..];
        let open = item.find('{').unwrap_or(item.len());
        let semicolon = item.find(';').unwrap_or(item.len());
        let end = if semicolon < open {
            semicolon + 1
        } else {
            let mut depth = 0i32;
            let close = item.char_indices().skip_while(|(at, _)| *at < open).find(|(_, c)| {
                depth += i32::from(*c == '{') - i32::from(*c == '}');
                depth == 0
            });
            close.map_or(item.len(), |(at, _)| at + 1)
        };
        out.extend(item[..end].chars().filter(|c| *c == '\n'));
        rest = &item[end..];
    }
    out + rest
}

/// The rooms that code names by `crate::`, alone or in braces, with the line.
fn rooms_used(code: &Code) -> Vec<(usize, String)> {
    let mut used = Vec::new();
    for (at, _) in code.text.match_indices("crate::") {
        let line = code.text[..at].lines().count().max(1);
        let rest = &code.text[at + "crate::".len()..];
        let first_word = |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        match rest.strip_prefix('{') {
            None => used.push((line, first_word(rest))),
            Some(group) => {
                let (mut depth, mut start) = (1, 0);
                for (end, c) in group.char_indices() {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    if depth == 0 || depth == 1 && c == ',' {
                        let word: String = first_word(&group[start..end]);
                        used.extend((!word.is_empty()).then_some((line, word)));
                        start = end + 1;
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
        }
    }
    used
}

#[test]
fn the_scanner_sees_code_and_only_code() {
    let text = r####"
// crate::cli in a comment
/* crate::cli /* nested */ crate::cli */
const A: &str = "crate::cli \" crate::cli"; const B: char = '"'; const C: &str = r#"crate::cli " crate::cli"#;
use crate::model::{History, Change};
use crate::{etcd::{self, Store}, kine};
fn lifetimes<'a>(x: &'a str) -> &'a str { let _ = '\''; crate::bolt::open(x) }
#[cfg(test)]
mod tests { use crate::cli::Cli; fn inner() { x.unwrap(); } }
#[cfg(test)]
use crate::tui;
fn after() { crate::source::sniff(&[]) }
"####;
    let code = Code { path: PathBuf::from("etcd/x.rs"), lines_in_all: 0, text: without_tests(&bare(text)) };
    let used: Vec<String> = rooms_used(&code).into_iter().map(|(_, room)| room).collect();
    assert_eq!(used, ["model", "etcd", "kine", "bolt", "source"]);
    assert_eq!(code.text.lines().count(), text.lines().count());
    assert!(!code.text.contains("unwrap"));
    assert_eq!(code.room(), "etcd");
}

#[test]
fn rooms_use_only_what_lies_below_them() {
    let allowed: BTreeMap<&str, &[&str]> = ROOMS.into_iter().collect();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for code in all_code() {
        let room = code.room().to_owned();
        if ["lib", "main"].contains(&room.as_str()) {
            continue;
        }
        let Some(allowed) = allowed.get(room.as_str()) else {
            wrong.push(format!("{}: the room {room} is in no plan", code.shown()));
            continue;
        };
        for (line, used) in rooms_used(&code) {
            seen.insert((room.clone(), used.clone()));
            if used != room && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{}:{line}: {room} uses {used}", code.shown()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let uses = |room: &str, used: &str| seen.contains(&(room.to_owned(), used.to_owned()));
    assert!(uses("cli", "ops") && uses("ops", "model") && uses("etcd", "bolt"), "the scanner sees nothing: {seen:?}");
}

/// The same plan, read from the other side: `lib.rs` declares the rooms, and no others.
#[test]
fn every_room_is_in_the_plan() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let rooms: Vec<&str> =
        lib.lines().filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(rooms.len() >= 9);
    for room in rooms {
        assert!(ROOMS.iter().any(|(name, _)| *name == room), "the room {room} is in no plan");
    }
    // No circle: a room may only use rooms that stand before it.
    for (at, (room, allowed)) in ROOMS.iter().enumerate() {
        for used in *allowed {
            assert!(ROOMS[..at].iter().any(|(name, _)| name == used), "{room} may use {used}, which stands above it");
        }
    }
}

/// Each line of the code that runs, in the files that `wanted` takes, that has one of `words`.
fn lines_with(words: &[&str], wanted: impl Fn(&Code) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for code in all_code().iter().filter(|code| wanted(code)) {
        for (number, line) in code.lines() {
            // A word begins where no other ends: `unwrap(` is not in `try_unwrap(`.
            let has = |word: &&str| {
                line.match_indices(*word)
                    .any(|(at, _)| !line[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_'))
            };
            if words.iter().any(has) {
                found.push(format!("{}:{number}: {}", code.shown(), line.trim()));
            }
        }
    }
    found
}

#[test]
fn only_the_map_of_a_file_is_unsafe() {
    let lines =
        lines_with(&["unsafe {", "unsafe fn", "unsafe impl", "unsafe trait"], |code| !code.path.starts_with("source"));
    assert!(lines.is_empty(), "\n{}", lines.join("\n"));
    let in_source =
        lines_with(&["unsafe {", "unsafe fn", "unsafe impl", "unsafe trait"], |code| code.path.starts_with("source"));
    assert_eq!(in_source.len(), 1, "\n{}", in_source.join("\n"));
}

#[test]
fn only_the_command_line_prints() {
    let printing = ["println!", "print!", "eprintln!", "eprint!", "dbg!", "stdout()", "stderr()"];
    let lines = lines_with(&printing, |code| !["cli", "tui"].contains(&code.room()));
    assert!(lines.is_empty(), "\n{}", lines.join("\n"));
    let in_cli = lines_with(&["println!", "print!", "eprintln!", "eprint!", "dbg!"], |_| true);
    assert!(in_cli.is_empty(), "these panic when nobody listens:\n{}", in_cli.join("\n"));
}

#[test]
fn nothing_panics_where_a_file_could_make_it() {
    let words = ["unwrap(", "expect(", "panic!", "unreachable!", "todo!", "unimplemented!"];
    // `#[expect(lint)]` is another thing.
    let lines: Vec<String> = lines_with(&words, |_| true)
        .into_iter()
        .filter(|line| !line.contains("#[expect(") && !line.contains("#![expect("))
        .collect();
    assert!(lines.is_empty(), "\n{}", lines.join("\n"));
}

#[test]
fn no_file_is_longer_than_can_be_read() {
    let long: Vec<String> = all_code()
        .iter()
        .filter(|code| code.lines_in_all > 900)
        .map(|code| format!("{} has {} lines", code.shown(), code.lines_in_all))
        .collect();
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let silent: Vec<String> = all_code()
        .iter()
        .filter(|code| !fs::read_to_string(src.join(&code.path)).unwrap().contains("//! "))
        .map(Code::shown)
        .filter(|path| !path.contains("/proto/"))
        .collect();
    assert!(silent.is_empty(), "no `//!` paragraph:\n{}", silent.join("\n"));
    let vague = ["utils", "util", "helpers", "helper", "common", "misc"];
    for code in all_code() {
        let names: Vec<&str> = code.path.iter().map(|part| part.to_str().unwrap().trim_end_matches(".rs")).collect();
        assert!(!names.iter().any(|name| vague.contains(name)), "{}: what is in it?", code.shown());
    }
}
