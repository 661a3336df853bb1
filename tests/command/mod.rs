//! Runs the built `kinescope` as a user does, and says what it printed and how it ended.
#![allow(dead_code, reason = "each test program uses its part")]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use sha2::{Digest, Sha256};

/// A command that has ended.
#[derive(Debug)]
pub struct Ran {
    /// What it was called with.
    pub called: String,
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The answer.
    pub stdout: Vec<u8>,
    /// Everything else.
    pub stderr: String,
}

/// The binary, with an environment that has nothing to say about how it prints.
pub fn kinescope() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinescope"));
    command.stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES", "RUST_BACKTRACE"] {
        command.env_remove(name);
    }
    command
}

/// Runs the binary to its end.
pub fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Ran {
    let mut command = kinescope();
    command.args(args);
    ran(&mut command)
}

/// Runs the binary with a file as its standard input.
pub fn run_on_stdin<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>, stdin: &Path) -> Ran {
    let mut command = kinescope();
    command.args(args).stdin(File::open(stdin).unwrap());
    ran(&mut command)
}

/// Runs a command to its end.
pub fn ran(command: &mut Command) -> Ran {
    let called = command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ");
    let output = command.output().unwrap();
    Ran { called, code: output.status.code(), stdout: output.stdout, stderr: String::from_utf8(output.stderr).unwrap() }
}

impl Ran {
    /// Makes sure of the exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "kinescope {}\n{}", self.called, self.stderr);
        assert!(!self.stderr.contains("panicked"), "kinescope {}\n{}", self.called, self.stderr);
        self
    }

    /// Makes sure that the message has these words.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "kinescope {}: no {word:?} in:\n{}", self.called, self.stderr);
        }
        self
    }

    /// Makes sure that the command could not do it: exit 2, one error on standard error with these words, no answer.
    #[track_caller]
    pub fn cannot(self, words: &[&str]) -> Self {
        let ran = self.exits(2).says(words);
        assert_eq!(ran.text(), "", "kinescope {}", ran.called);
        let errors = ran.stderr.lines().filter(|line| line.starts_with("error: ")).count();
        assert_eq!(errors, 1, "kinescope {}\n{}", ran.called, ran.stderr);
        ran
    }

    /// The answer as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    /// The answer as one JSON object.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.text().lines().count(), 1, "kinescope {}: one object", self.called);
        serde_json::from_str(self.text()).unwrap_or_else(|error| panic!("kinescope {}: {error}", self.called))
    }

    /// The answer as one JSON object per line.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}", self.called));
        self.text().lines().map(parse).collect()
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The names in a directory, sorted.
pub fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Copies a directory with all below it. Files that are mostly holes stay so.
pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in names_in(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            copy_tree(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

/// A copy of a file under another name.
pub fn copy(from: &Path, to: PathBuf) -> PathBuf {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, &to).unwrap();
    to
}
