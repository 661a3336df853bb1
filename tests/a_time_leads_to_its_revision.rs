//! `--at TIME` shows the store as it was then: the revision is taken from stamps inside objects, told with the stamps around
//! it, and refused where the store has none.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;

use command::run;
use fixtures::{json_lines, unpacked};
use jiff::Timestamp;
use serde_json::Value;

/// When kubectl saw an object created, and at which revision it was then: objects that nobody changed since.
fn created(archive: &str) -> Vec<(Timestamp, i64, String)> {
    let lines = json_lines(&unpacked(archive).join("kubectl-yaml.jsonl"));
    let of = |line: &Value| {
        let yaml = line["yaml"].as_str()?;
        let field = |name: &str| {
            let start = yaml.find(&format!("\n  {name}: \""))? + name.len() + 6;
            yaml[start..].split('"').next().map(str::to_owned)
        };
        Some((
            field("creationTimestamp")?.parse().ok()?,
            field("resourceVersion")?.parse().ok()?,
            line["name"].to_string(),
        ))
    };
    // An Event has the revision of another object before its own.
    let others = lines.iter().filter(|line| !line["resource"].as_str().unwrap().starts_with("events"));
    let mut all: Vec<(Timestamp, i64, String)> = others.filter_map(of).collect();
    all.sort();
    assert!(all.len() > 300, "{archive}");
    all
}

#[test]
fn whatever_was_created_by_then_is_there_and_nothing_later() {
    for archive in ["kine-0.11", "etcd-3.6"] {
        let path = unpacked(archive).join(if archive == "kine-0.11" { "final/state.db" } else { "final.etcd" });
        let path = path.to_str().unwrap();
        let created = created(archive);
        let (first, last) = (created[0].0, created[created.len() - 1].0);
        for step in 1..6 {
            let moment = first + last.duration_since(first) * step / 6;
            let ran = run(["ls", path, "--json", "--at", &moment.to_string()]);
            assert!(ran.stderr.contains(&format!("{moment} is revision ")), "{}", ran.stderr);
            let told = ran.stderr.split(" is revision ").nth(1).unwrap();
            let revision: i64 = told.split(',').next().unwrap().parse().unwrap();
            for (at, written, name) in &created {
                // An object of that age has its creation at or below the revision; the server's clock cuts to seconds.
                if *written <= revision {
                    assert!(
                        at.as_second() <= moment.as_second() + 2,
                        "{archive} {name}: created {at}, shown at {moment}"
                    );
                }
            }
        }
    }
}

#[test]
fn times_that_the_store_does_not_reach_are_refused() {
    let path = unpacked("kine-0.16").join("final/state.db");
    let path = path.to_str().unwrap();
    run(["ls", path, "--at", "2020-01-01T00:00:00Z"]).cannot(&["before the first time that this store knows"]);
    run(["ls", path, "--at", "2099-01-01T00:00:00Z"]).cannot(&["after the last time that this store knows"]);
    run(["ls", path, "--at", "yesterday"]).cannot(&["neither a revision nor a time"]);
}
