//! A conversion of 1 GB, as a whole process, against `cp` and fsync of what it writes, in one run.
//!
//! `cargo bench --bench convert_against_copy`
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::panic)]

mod measure;

use measure::{Took, copy_and_sync, directory, kinescope, ratios, run, snapshot, state_db, tell};

const PAIRS: usize = 5;

fn main() {
    let (snapshot, state_db) = (snapshot(), state_db());
    let ways = [
        ("etcd snapshot -> kine", &snapshot, "kine"),
        ("kine -> etcd snapshot", &state_db, "etcd-snapshot"),
        ("etcd snapshot -> etcd snapshot", &snapshot, "etcd-snapshot"),
        ("kine -> kine", &state_db, "kine"),
    ];
    println!(
        "ratio to cp + fsync of the output: minimum / median / maximum of {PAIRS} pairs; memory beside mapped files"
    );
    for (what, source, to) in ways {
        let target = directory().join("converted");
        let mut memory = 0;
        let convert = || {
            let _ = std::fs::remove_file(&target);
            let took: Took = run(kinescope().arg("convert").arg(source).arg(&target).args(["--to", to]));
            memory = memory.max(took.memory);
            took.wall
        };
        let found = ratios(PAIRS, convert, || copy_and_sync(&directory().join("converted")));
        let size = std::fs::metadata(&target).unwrap().len();
        tell(&format!("{what}, {:.2} GB written, {} MB", size as f64 / 1e9, memory / 1_000_000), &found);
        std::fs::remove_file(&target).unwrap();
    }
}
