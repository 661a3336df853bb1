//! `recover` of a large state.db that lost 5 % of its pages, as a whole process, against `.recover` of SQLite's own shell: the
//! report against its SQL text, which is thrown away, and a new store against its text loaded into a new database. A new store
//! is read back and synced, which takes as long as the disk; so both outputs are made in a directory in memory as well
//! (`KINESCOPE_BENCH_MEMORY`, by default /dev/shm).
//!
//! Each measurement begins with a pair that is not counted: a virtual machine gives idle memory back to its host, and to fetch it
//! takes longer than to search the file.
//!
//! The shell must be built with SQLITE_ENABLE_DBPAGE_VTAB; those of Debian 11 and 12 are not. From Debian's source package:
//! `CFLAGS="-O2 -DSQLITE_ENABLE_DBPAGE_VTAB" ./configure --disable-tcl && make sqlite3`.
//!
//! `KINESCOPE_SQLITE3=path/to/sqlite3 KINESCOPE_BENCH_KEYS=54000 cargo bench --bench recover_against_sqlite` (1 GB); behind
//! `--` one may ask for `report`, `disk` or `memory` alone.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::panic, clippy::indexing_slicing)]

mod measure;

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use measure::{directory, kinescope, ratios, state_db, tell};

const PAIRS: usize = 3;
const PAGE: u64 = 4096;

/// A copy of which every page but the first is lost with a probability of 5 %.
fn damaged() -> PathBuf {
    let (whole, damaged) = (state_db(), directory().join("kine-damaged.db"));
    std::fs::copy(whole, &damaged).unwrap();
    let file = File::options().write(true).open(&damaged).unwrap();
    let mut dice = 0x9e37_79b9_u64;
    for page in 1..file.metadata().unwrap().len() / PAGE {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        if dice.is_multiple_of(20) {
            file.write_all_at(&[0; PAGE as usize], page * PAGE).unwrap();
        }
    }
    damaged
}

fn shell() -> PathBuf {
    std::env::var_os("KINESCOPE_SQLITE3").map(PathBuf::from).expect("KINESCOPE_SQLITE3: a sqlite3 that has .recover")
}

fn took(command: &mut Command, code: i32) -> Duration {
    let started = Instant::now();
    let status = command.stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(code), "{command:?}");
    started.elapsed()
}

/// A new store in a directory.
fn ours(damaged: &Path, directory: &Path) -> Duration {
    let target = directory.join("recovered.db");
    let took = took(kinescope().arg("recover").arg(damaged).arg("-o").arg(&target).stdout(Stdio::null()), 3);
    std::fs::remove_file(target).unwrap();
    took
}

fn report(damaged: &Path) -> Duration {
    took(kinescope().arg("recover").arg(damaged).stdout(Stdio::null()), 3)
}

fn text(damaged: &Path) -> Duration {
    took(Command::new(shell()).arg(damaged).arg(".recover").stdout(Stdio::null()), 0)
}

fn loaded(damaged: &Path, directory: &Path) -> Duration {
    let target = directory.join("recovered-by-sqlite.db");
    let _ = std::fs::remove_file(&target);
    let started = Instant::now();
    let mut recover = Command::new(shell()).arg(damaged).arg(".recover").stdout(Stdio::piped()).spawn().unwrap();
    let sql = recover.stdout.take().unwrap();
    let load = Command::new(shell()).arg(&target).stdin(sql).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(load.is_ok() && recover.wait().unwrap().success());
    let took = started.elapsed();
    std::fs::remove_file(target).unwrap();
    took
}

/// Compares what two take, after each was run once.
fn compare(what: &str, mut a: impl FnMut() -> Duration, mut b: impl FnMut() -> Duration) {
    a();
    b();
    tell(what, &ratios(PAIRS, a, b));
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |part: &str| asked.is_empty() || asked.iter().any(|asked| asked == part);
    let damaged = damaged();
    println!("ratios: minimum / median / maximum of {PAIRS} pairs, everything in the page cache");
    if wanted("report") {
        compare(".recover as text against the report of recover", || text(&damaged), || report(&damaged));
    }
    let memory = std::env::var_os("KINESCOPE_BENCH_MEMORY").map_or_else(|| PathBuf::from("/dev/shm"), PathBuf::from);
    for (part, place) in [("disk", directory()), ("memory", memory)].iter().filter(|(part, _)| wanted(part)) {
        let ours = || ours(&damaged, place);
        compare(&format!("{part}: .recover as text against recover -o"), || text(&damaged), ours);
        compare(&format!("{part}: .recover into a database against recover -o"), || loaded(&damaged, place), ours);
    }
}
