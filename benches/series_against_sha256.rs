//! `series` over a week of hourly copies, as a whole process, against `openssl dgst -sha256` over the same files.
//!
//! `cargo bench --bench series_against_sha256`
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::panic)]

mod measure;

use std::path::{Path, PathBuf};
use std::process::Command;

use measure::{directory, kinescope, make_snapshot, ratios, run, tell};

const HOURS: u64 = 168;
const PAIRS: usize = 5;

/// Snapshots that grow from hour to hour, 16 to 24 MB each.
fn snapshots() -> PathBuf {
    let folder = directory().join("week-etcd");
    if !folder.exists() {
        let unfinished = folder.with_extension("part");
        let _ = std::fs::remove_dir_all(&unfinished);
        std::fs::create_dir_all(&unfinished).unwrap();
        for hour in 0..HOURS {
            make_snapshot(&unfinished.join(format!("etcd-snapshot-{hour:03}")), 1600 + hour * 5, 3, 100);
        }
        std::fs::rename(&unfinished, &folder).unwrap();
    }
    folder
}

/// The same as state.db files.
fn state_dbs(snapshots: &Path) -> PathBuf {
    let folder = directory().join("week-kine");
    if !folder.exists() {
        let unfinished = folder.with_extension("part");
        let _ = std::fs::remove_dir_all(&unfinished);
        std::fs::create_dir_all(&unfinished).unwrap();
        for hour in 0..HOURS {
            let source = snapshots.join(format!("etcd-snapshot-{hour:03}"));
            let target = unfinished.join(format!("state-{hour:03}.db"));
            run(kinescope().arg("convert").arg(source).arg(target).args(["--to", "kine"]));
        }
        std::fs::rename(&unfinished, &folder).unwrap();
    }
    folder
}

fn main() {
    let etcd = snapshots();
    let kine = state_dbs(&etcd);
    println!("ratios: minimum / median / maximum of {PAIRS} pairs, everything in the page cache");
    for (name, folder) in [("168 etcd snapshots", &etcd), ("168 state.db", &kine)] {
        let files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        let bytes: u64 = files.iter().map(|file| file.metadata().unwrap().len()).sum();
        println!("{name}: {:.2} GB", bytes as f64 / 1e9);
        let mut memory = 0;
        let series = || {
            let took = run(kinescope().args(["series", "--json"]).arg(folder));
            memory = memory.max(took.memory);
            took.wall
        };
        let openssl = || run(Command::new("openssl").args(["dgst", "-sha256"]).args(&files)).wall;
        tell(&format!("series of {name} against openssl dgst -sha256"), &ratios(PAIRS, series, openssl));
        println!("at most {} MB of memory beside mapped files", memory / 1_000_000);
    }
}
