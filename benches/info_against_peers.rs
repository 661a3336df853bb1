//! `info` of a 1 GB snapshot, as a whole process, against `etcdutl snapshot status` and `openssl dgst -sha256`.
//!
//! `cargo bench --bench info_against_peers`, after `engines/build`
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::panic)]

mod measure;

use std::process::Command;

use measure::{engine, kinescope, ratios, run, snapshot, tell};

const PAIRS: usize = 5;

fn main() {
    let snapshot = snapshot();
    println!("ratios: minimum / median / maximum of {PAIRS} pairs, everything in the page cache");
    let quick = || run(kinescope().args(["info", "--quick"]).arg(&snapshot)).wall;
    let full = || run(kinescope().arg("info").arg(&snapshot)).wall;
    for version in ["3.5.35", "3.6.16", "3.7.3"] {
        let program = format!("etcd-{version}/etcdutl");
        let status = || run(engine(&program).args(["snapshot", "status"]).arg(&snapshot)).wall;
        tell(&format!("info --quick against etcdutl {version} snapshot status"), &ratios(PAIRS, quick, status));
    }
    let openssl = || run(Command::new("openssl").args(["dgst", "-sha256"]).arg(&snapshot)).wall;
    tell("info (trailer, status hash, HashKV) against openssl dgst -sha256", &ratios(PAIRS, full, openssl));
}
