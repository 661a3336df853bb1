//! Damages kine stores with a generator of damage, recovers them, and counts what came back right, wrong, stale and risen.
//!
//! ```text
//! cargo build --release
//! cargo run --release --example score_recovery -- --generator corrupt_sqlite.py --base base1 --seeds 1,2,3 [--only c_] [--undelete]
//! ```
//!
//! The generator is a program with `list` (a scenario at the start of each line) and
//! `corrupt --base DIR --scenario NAME --seed N --out DIR`, which leaves `state.db`, perhaps `state.db-wal`, and `truth.jsonl` in
//! DIR: the rows that the undamaged store had, a line of JSON each, values as SHA-1; `history.jsonl` has every row ever
//! written, where that is more.
//!
//! Columns: rows of `--rows` that are right (name and value), presented as good and wrong, flagged, presented as good and certainly in
//! the table and not in it; newest rows of objects that are right, and objects of which only an older row is; then of the store that is
//! written: objects as they were, objects that are older than that or have another value, objects that did not exist, and objects
//! that the truth or the files know a later change of than the other. `unproven` are objects left out because nothing proves their
//! newest row.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::panic, clippy::indexing_slicing)]

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use sha1::{Digest as _, Sha1};

struct Arguments {
    generator: PathBuf,
    base: PathBuf,
    work: PathBuf,
    seeds: Vec<u64>,
    only: Vec<String>,
    undelete: bool,
    extra: Vec<String>,
}

fn arguments() -> Arguments {
    let mut all = Arguments {
        generator: PathBuf::new(),
        base: PathBuf::new(),
        work: std::env::temp_dir().join("recovery-scores"),
        seeds: vec![1],
        only: Vec::new(),
        undelete: false,
        extra: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| panic!("{name} needs a value"));
        match name.as_str() {
            "--generator" => all.generator = value().into(),
            "--base" => all.base = value().into(),
            "--work" => all.work = value().into(),
            "--seeds" => all.seeds = value().split(',').map(|seed| seed.parse().unwrap()).collect(),
            "--only" => all.only = value().split(',').map(str::to_owned).collect(),
            "--undelete" => all.undelete = true,
            "--recover-with" => all.extra = value().split(' ').map(str::to_owned).collect(),
            other => panic!("{other}: see the head of the source"),
        }
    }
    assert!(all.generator.is_file() && all.base.is_dir(), "--generator FILE --base DIR");
    all
}

/// Name, deleted, SHA-1 of the value.
type Row = (String, bool, Option<String>);

fn json_lines(path: &Path) -> impl Iterator<Item = Value> {
    let file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    BufReader::new(file).lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap())
}

fn truth(path: &Path) -> HashMap<i64, Row> {
    let row = |line: Value| {
        let value = line["value"].as_str().map(str::to_owned);
        (line["id"].as_i64().unwrap(), (line["name"].as_str().unwrap().to_owned(), line["deleted"] == 1, value))
    };
    json_lines(path).map(row).collect()
}

/// The newest revision of each object.
fn newest(rows: &HashMap<i64, Row>) -> HashMap<&str, i64> {
    let mut newest: HashMap<&str, i64> = HashMap::new();
    for (&id, row) in rows.iter().filter(|(_, row)| row.0.starts_with('/')) {
        let slot = newest.entry(&row.0).or_insert(id);
        *slot = id.max(*slot);
    }
    newest
}

fn written(path: &Path) -> HashMap<i64, Row> {
    let uri = format!("file:{}?immutable=1", path.display());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags).unwrap();
    let check: String = connection.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let mut statement = connection.prepare("SELECT id, name, deleted, value FROM kine").unwrap();
    let rows = statement.query_map((), |row| {
        let value: Option<Vec<u8>> = row.get(3)?;
        Ok((row.get(0)?, (row.get(1)?, row.get::<_, i64>(2)? != 0, value.map(|value| sha1(&value)))))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

fn sha1(bytes: &[u8]) -> String {
    Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Default, Debug)]
struct Score {
    right: usize,
    wrong: usize,
    flagged: usize,
    phantom: usize,
    newest: usize,
    older: usize,
    newest_wrong: usize,
    live: usize,
    stale: usize,
    risen: usize,
    behind: usize,
}

const RIGHT: u8 = 3;
const FLAGGED: u8 = 2;
const WRONG: u8 = 1;

fn score_rows(score: &mut Score, rows: &Path, truth: &HashMap<i64, Row>, verbose: bool) {
    let mut best: HashMap<i64, u8> = HashMap::new();
    for line in json_lines(rows) {
        let is_flagged = line["value"] == "partial" || line["grade"] == "doubtful";
        let is_past = is_flagged || line["perhaps_compacted"] == true;
        let Some(id) = line["id"].as_i64() else { continue };
        let Some(known) = truth.get(&id) else {
            score.phantom += usize::from(!is_past);
            if verbose && !is_past {
                println!("  phantom {line}");
            }
            continue;
        };
        let is_right = line["name"] == known.0.as_str() && line["value"].as_str() == known.2.as_deref();
        let grade = if is_right {
            RIGHT
        } else if is_flagged {
            FLAGGED
        } else {
            WRONG
        };
        if verbose && grade == WRONG {
            println!("  wrong {line}; it was {known:?}");
        }
        let slot = best.entry(id).or_insert(grade);
        *slot = grade.max(*slot);
    }
    let count = |grade| best.values().filter(|&&of| of == grade).count();
    (score.right, score.flagged, score.wrong) = (count(RIGHT), count(FLAGGED), count(WRONG));
    let some: std::collections::HashSet<&str> = best
        .iter()
        .filter(|&(id, &grade)| grade == RIGHT && truth[id].2.is_some())
        .map(|(id, _)| truth[id].0.as_str())
        .collect();
    for (name, id) in newest(truth).into_iter().filter(|(_, id)| !truth[id].1) {
        match best.get(&id) {
            Some(&RIGHT) => score.newest += 1,
            grade => {
                score.newest_wrong += usize::from(grade == Some(&WRONG));
                score.older += usize::from(some.contains(name));
            }
        }
    }
}

fn score_written(
    score: &mut Score,
    written: &HashMap<i64, Row>,
    truth: &HashMap<i64, Row>,
    highest: i64,
    verbose: bool,
) {
    let should = newest(truth);
    for (name, id) in newest(written).into_iter().filter(|(_, id)| !written[id].1) {
        let of_truth = should.get(name).copied();
        if of_truth.is_some_and(|newest| newest > highest) {
            score.behind += 1;
        } else if of_truth.is_none_or(|newest| truth[&newest].1) {
            score.risen += 1;
            if verbose {
                println!("  risen {name} at {id}; {of_truth:?}");
            }
        } else if of_truth.is_some_and(|newest| newest < id) {
            score.behind += 1;
        } else if of_truth != Some(id) || written[&id].2 != truth[&id].2 {
            score.stale += 1;
            if verbose {
                println!("  stale {name} at {id}; {of_truth:?}");
            }
        } else {
            score.live += 1;
        }
    }
}

fn scenarios(arguments: &Arguments) -> Vec<String> {
    let output = Command::new("python3").arg(&arguments.generator).arg("list").output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned);
    let wanted = |name: &String| arguments.only.is_empty() || arguments.only.iter().any(|only| name.starts_with(only));
    names.filter(wanted).collect()
}

fn kinescope() -> Command {
    let example = std::env::current_exe().unwrap();
    let beside = example.parent().and_then(Path::parent).unwrap().join("kinescope");
    assert!(beside.is_file(), "{} is not there: cargo build --release", beside.display());
    Command::new(beside)
}

/// Of the rows of freed space those that are right, and those presented as good that are wrong.
fn undelete(case: &Path, rows: &Path) {
    let (truth, history) = (truth(&case.join("truth.jsonl")), truth(&case.join("history.jsonl")));
    let deleted: HashMap<i64, Row> = history.into_iter().filter(|(id, _)| !truth.contains_key(id)).collect();
    let mut right = std::collections::HashSet::new();
    let (mut good, mut wrong, mut nameless) = (0, 0, 0);
    let mut by_grade: std::collections::BTreeMap<String, (usize, usize)> = std::collections::BTreeMap::new();
    for line in json_lines(rows) {
        let id = line["id"].as_i64();
        let is_good = line["grade"] != "doubtful" && line["value"] != "partial" && id.is_some();
        nameless += usize::from(id.is_none());
        let known = id.and_then(|id| deleted.get(&id));
        let is_right =
            known.is_some_and(|known| line["name"] == known.0.as_str() && line["value"].as_str() == known.2.as_deref());
        if is_right {
            right.insert(id);
        }
        let count = by_grade.entry(line["grade"].as_str().unwrap().to_owned()).or_default();
        *(if is_right { &mut count.0 } else { &mut count.1 }) += 1;
        good += usize::from(is_good);
        if is_good && !is_right {
            wrong += 1;
            if std::env::var_os("VERBOSE").is_some() {
                println!("  wrong {line}; it was {known:?}; in the table {:?}", id.and_then(|id| truth.get(&id)));
            }
        }
    }
    println!(
        "  undelete: {} of {} right ({:.1} %), {wrong} of {good} presented as good wrong ({:.2} %), {nameless} without a revision; right and not by grade {by_grade:?}",
        right.len(),
        deleted.len(),
        100.0 * right.len() as f64 / deleted.len() as f64,
        100.0 * wrong as f64 / good.max(1) as f64,
    );
}

fn main() {
    let arguments = arguments();
    let verbose = std::env::var_os("VERBOSE").is_some();
    std::fs::create_dir_all(&arguments.work).unwrap();
    println!(
        "{:<16} seed {:>6} {:>6} {:>5} {:>7} {:>7} {:>6} {:>5} {:>6} | {:>6} {:>5} {:>5} {:>6} {:>8} {:>5} | exit seconds",
        "scenario",
        "rows",
        "right",
        "wrong",
        "flagged",
        "phantom",
        "newest",
        "older",
        "nwrong",
        "live",
        "stale",
        "risen",
        "behind",
        "unproven",
        "lost"
    );
    for scenario in scenarios(&arguments) {
        for &seed in &arguments.seeds {
            let case = arguments.work.join("case");
            let _ = std::fs::remove_dir_all(&case);
            let mut generator = Command::new("python3");
            generator.arg(&arguments.generator).args(["corrupt", "--scenario", &scenario, "--seed", &seed.to_string()]);
            generator.arg("--base").arg(&arguments.base).arg("--out").arg(&case);
            assert!(generator.output().unwrap().status.success());
            let of = |name: &str| arguments.work.join(name);
            let mut recover = kinescope();
            recover.args(["recover", "--json", "--force"]).arg(case.join("state.db"));
            recover.arg("--rows").arg(of("rows.jsonl")).arg("--rows-history").arg(of("history.jsonl"));
            recover.args(&arguments.extra).arg("-o").arg(of("recovered.db"));
            let begun = std::time::Instant::now();
            let output = recover.output().unwrap();
            let seconds = begun.elapsed().as_secs_f64();
            let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
                panic!("{scenario} {seed}: {:?} {}", output.status, String::from_utf8_lossy(&output.stderr))
            });
            let truth = truth(&case.join("truth.jsonl"));
            let mut score = Score::default();
            score_rows(&mut score, &of("rows.jsonl"), &truth, verbose);
            let highest = report["current_revision"].as_i64().unwrap();
            score_written(&mut score, &written(&of("recovered.db")), &truth, highest, verbose);
            println!(
                "{scenario:<16} {seed:>4} {:>6} {:>6} {:>5} {:>7} {:>7} {:>6} {:>5} {:>6} | {:>6} {:>5} {:>5} {:>6} {:>8} {:>5} | {:>4} {seconds:>6.2}",
                truth.len(),
                score.right,
                score.wrong,
                score.flagged,
                score.phantom,
                score.newest,
                score.older,
                score.newest_wrong,
                score.live,
                score.stale,
                score.risen,
                score.behind,
                report["unproven"].as_array().map_or(0, Vec::len),
                report["lost"].as_array().map_or(0, Vec::len),
                output.status.code().unwrap(),
            );
            if arguments.undelete && case.join("history.jsonl").exists() {
                undelete(&case, &of("history.jsonl"));
            }
        }
    }
}
