//! `verify` never says "restorable" of a store whose live data is damaged, where anything in the file can prove it; and says
//! it of every store that is whole. What nothing can prove (a letter of a text in a file without checksums) is counted here.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod broken;
mod command;
mod fixtures;

use std::fs;
use std::path::PathBuf;

use broken::{Break, Kind, Outcome, Random, Seen, blocks, cuts, difference, flips, is_earlier, judge};
use command::run;
use fixtures::unpacked;
use kinescope::ops::finding::Verdict;
use kinescope::ops::keyring::Given;
use kinescope::ops::store;
use kinescope::ops::verify::verify;
use kinescope::source::{Bytes, File, FileName, Files, Opened, Watch};
use rayon::prelude::*;

const PAGE: usize = 4096;

/// 2026-11-21, before the certificates of the fixtures end.
const NOW: i64 = 1_795_219_200;

/// All stores of the fixtures, each with the file of its token.
fn stores() -> Vec<(PathBuf, PathBuf)> {
    let mut all = Vec::new();
    for (archive, names) in [
        ("etcd-3.5", ["early.snapshot", "middle.snapshot", "final.etcd", "final.etcd/member/snap/db"].as_slice()),
        ("etcd-3.6", &["early.snapshot", "middle.snapshot", "final.etcd", "final.etcd/member/snap/db"]),
        ("kine-0.11", &["early", "middle", "final", "early.backup.db", "middle.backup.db"]),
        ("kine-0.16", &["early", "middle", "final", "early.backup.db", "middle.backup.db"]),
    ] {
        let dir = unpacked(archive);
        all.extend(names.iter().map(|name| (dir.join(name), dir.join("token"))));
    }
    all
}

#[test]
fn every_real_store_is_restorable_with_and_without_its_token() {
    for (path, token) in stores() {
        let path = path.to_str().unwrap();
        let plain = run(["verify", "--json", path]).exits(0).json();
        assert_eq!(plain["verdict"], "restorable", "{path}");
        assert_eq!(plain["token_fits"], serde_json::Value::Null);
        let opened = run(["verify", "--json", path, "--token-file", token.to_str().unwrap()]).exits(0).json();
        assert_eq!((&opened["verdict"], &opened["token_fits"]), (&"restorable".into(), &true.into()), "{path}");
        assert_eq!(opened["checked"]["locked"], 0, "{path}: the token opens everything");
        assert_eq!(opened["checked"]["opened"], plain["checked"]["locked"]);
        assert!(opened["checked"]["values"].as_u64().unwrap() > 300);
        let worst = opened["findings"].as_array().unwrap().iter().map(|finding| finding["severity"].as_str().unwrap());
        assert!(worst.clone().all(|severity| severity == "note" || severity == "warning"), "{path}: {opened}");
    }
}

fn file(name: &str, bytes: Vec<u8>) -> File {
    File { name: FileName::new(name), bytes: Bytes::from(bytes) }
}

/// The verdict on files in memory; `Not` where they cannot be opened.
fn verdict(kind: Kind, files: &broken::Files, given: &Given) -> Verdict {
    let files = match kind {
        Kind::Kine => Files::Sqlite {
            db: file("state.db", files.db.clone()),
            wal: files.wal.clone().map(|wal| file("state.db-wal", wal)),
        },
        Kind::Snapshot | Kind::RawDb => Files::Bolt { db: file("db", files.db.clone()) },
    };
    let opened = Opened { name: "store".to_owned(), files, notes: Vec::new(), watch: Watch::default() };
    match store::opened(opened) {
        Ok(source) => verify(&source, given, NOW).unwrap().verdict,
        Err(_) => Verdict::Not,
    }
}

/// How many breaks pass, by what they changed.
#[derive(Debug, Default)]
struct Passed {
    same: usize,
    /// Bytes of values that still parse, with the names of their keys.
    value: Vec<String>,
    /// Anything else.
    silent: Vec<String>,
    caught: usize,
}

fn breaks_of(kind: Kind, files: &broken::Files, given: &Given, breaks: &[Break]) -> Passed {
    let original = Seen::of(kind, files.clone()).unwrap();
    let judged: Vec<(Verdict, Outcome, String)> = breaks
        .par_iter()
        .map(|broken| {
            let mut files = files.clone();
            broken.apply(&mut files.db);
            let verdict = verdict(kind, &files, given);
            let (outcome, mut what) = judge(kind, &original, files.clone());
            if outcome == Outcome::Value {
                let seen = Seen::of(kind, files).unwrap();
                let at = (0..seen.values.len()).find(|&at| seen.values[at] != original.values[at]).unwrap();
                what = format!("the value of {}", original.facts[at].2.escape_ascii());
            }
            (verdict, outcome, format!("{broken:?}: {what}"))
        })
        .collect();
    let mut passed = Passed::default();
    for (verdict, outcome, what) in judged {
        match (verdict, outcome) {
            (_, Outcome::Panicked) => panic!("{what}"),
            (Verdict::Restorable, Outcome::Same) => passed.same += 1,
            (Verdict::Restorable, Outcome::Value) => passed.value.push(what),
            (Verdict::Restorable, _) => passed.silent.push(what),
            _ => passed.caught += 1,
        }
    }
    passed
}

/// The configuration of an archive whose apiserver encrypted: without it names under locked values prove nothing.
fn keys_of(archive: &str) -> Given {
    let config = unpacked(archive).join("enc.json");
    Given { config: config.exists().then_some(config), ..Given::default() }
}

fn snapshot(archive: &str, moment: &str) -> broken::Files {
    broken::Files { db: fs::read(unpacked(archive).join(format!("{moment}.snapshot"))).unwrap(), wal: None }
}

fn raw(archive: &str, moment: &str) -> broken::Files {
    let mut files = snapshot(archive, moment);
    files.db.truncate(files.db.len() - 32);
    files
}

fn backup(archive: &str, moment: &str) -> broken::Files {
    broken::Files { db: fs::read(unpacked(archive).join(format!("{moment}.backup.db"))).unwrap(), wal: None }
}

#[test]
fn no_change_of_a_snapshot_passes() {
    for archive in ["etcd-3.5", "etcd-3.6"] {
        let files = snapshot(archive, "early");
        let len = files.db.len();
        let given = keys_of(archive);
        let all = flips(len, 60, 60, 101).into_iter().chain(blocks(len, 40, 102)).chain(cuts(len, 60, 103));
        let changes = |broken: &Break| {
            let mut changed = files.db.clone();
            broken.apply(&mut changed);
            changed != files.db
        };
        let breaks: Vec<Break> = all.filter(changes).collect();
        let passed = breaks_of(Kind::Snapshot, &files, &given, &breaks);
        assert_eq!(passed.caught, breaks.len(), "{archive}: {passed:?}");
    }
}

/// What a bare bbolt file says only once and no rule ties to anything else: the numbers of a row whose neighbours are
/// compacted, the lease of a key, the leases, the compact revision. Names of keys are not among it: objects say theirs.
const UNPROVEN: [&str; 5] = ["create", "version", "lease", "leases", "bounds"];

fn class(what: &str) -> String {
    what.rsplit_once("}: ").unwrap().1.split([' ', ':']).next().unwrap().to_owned()
}

#[test]
fn damage_of_a_bare_database_passes_only_where_nothing_can_prove_it() {
    for archive in ["etcd-3.5", "etcd-3.6"] {
        let files = raw(archive, "early");
        let len = files.db.len();
        let given = keys_of(archive);
        let flipped = breaks_of(Kind::RawDb, &files, &given, &flips(len, 300, 500, 111));
        println!("{archive} flips: {} same, {} values, {:?}", flipped.same, flipped.value.len(), flipped.silent);
        assert!(flipped.silent.iter().all(|what| UNPROVEN.contains(&class(what).as_str())), "{:?}", flipped.silent);
        let lost = breaks_of(Kind::RawDb, &files, &given, &blocks(len, 300, 112));
        println!("{archive} blocks: {} same, {} caught", lost.same, lost.caught);
        assert!(lost.silent.is_empty() && lost.value.is_empty(), "{lost:?}");
        let cut = breaks_of(Kind::RawDb, &files, &given, &cuts(len, 100, 113));
        assert!(cut.silent.is_empty() && cut.value.is_empty(), "{cut:?}");
    }
}

#[test]
fn damage_of_a_sqlite_file_passes_only_where_nothing_can_prove_it() {
    for archive in ["kine-0.11", "kine-0.16"] {
        let files = backup(archive, "early");
        let len = files.db.len();
        let given = keys_of(archive);
        let flipped = breaks_of(Kind::Kine, &files, &given, &flips(len, 300, 500, 121));
        println!("{archive} flips: {} same, {} values, {:?}", flipped.same, flipped.value.len(), flipped.silent);
        assert!(
            flipped.silent.iter().all(|what| ["create", "lease"].contains(&class(what).as_str())),
            "{:?}",
            flipped.silent
        );
        let lost = breaks_of(Kind::Kine, &files, &given, &blocks(len, 300, 122));
        println!("{archive} blocks: {} same, {} caught", lost.same, lost.caught);
        assert!(lost.silent.is_empty() && lost.value.is_empty(), "{lost:?}");
        let cut = breaks_of(Kind::Kine, &files, &given, &cuts(len, 100, 123));
        assert!(cut.silent.is_empty() && cut.value.is_empty(), "{cut:?}");
    }
}

#[test]
fn a_changed_byte_of_a_superseded_value_is_found_by_its_copy() {
    for archive in ["kine-0.11", "kine-0.16"] {
        let files = backup(archive, "early");
        let len = files.db.len();
        // Every value but the newest of a key stands twice in the file.
        let breaks = flips(len, 600, 0, 131);
        let original = Seen::of(Kind::Kine, files.clone()).unwrap();
        let newest = |at: usize| {
            let key = &original.facts[at].2;
            !original.facts[at + 1..].iter().any(|fact| fact.2 == *key)
        };
        let missed: Vec<String> = breaks
            .par_iter()
            .filter_map(|broken| {
                let mut files = files.clone();
                broken.apply(&mut files.db);
                let seen = Seen::of(Kind::Kine, files.clone())?;
                if difference(&original, &seen).is_some() {
                    return None;
                }
                let changed =
                    (0..seen.values.len()).find(|&at| seen.values[at] != original.values[at] && !newest(at))?;
                let verdict = verdict(Kind::Kine, &files, &Given::default());
                (verdict == Verdict::Restorable).then(|| format!("{broken:?}: change {changed}"))
            })
            .collect();
        assert_eq!(missed, Vec::<String>::new());
    }
}

/// Files of two moments, as a slow copy of a live file makes them.
fn mixed(one: &[u8], other: &[u8], cases: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut random = Random(seed);
    let pages = one.len().min(other.len()) / PAGE;
    let mut made = Vec::new();
    for case in 0..cases {
        let cut = PAGE * (2 + random.below(pages - 2));
        made.push(if case % 2 == 0 {
            [&one[..cut], &other[cut..]].concat()
        } else {
            let mut mixed = one.to_vec();
            for _ in 0..1 + random.below(12) {
                let at = PAGE * random.below(pages);
                mixed[at..at + PAGE].copy_from_slice(&other[at..at + PAGE]);
            }
            mixed
        });
    }
    made
}

#[test]
fn torn_copies_are_never_restorable() {
    for archive in ["etcd-3.5", "etcd-3.6", "kine-0.11", "kine-0.16"] {
        let kind = if archive.starts_with("etcd") { Kind::RawDb } else { Kind::Kine };
        let of = if kind == Kind::RawDb { raw } else { backup };
        let moments = [of(archive, "early"), of(archive, "middle")];
        let seen: Vec<Seen> = moments.iter().map(|files| Seen::of(kind, files.clone()).unwrap()).collect();
        let there = mixed(&moments[0].db, &moments[1].db, 80, 141);
        let back = mixed(&moments[1].db, &moments[0].db, 80, 142);
        let torn: Vec<broken::Files> =
            there.into_iter().chain(back).map(|db| broken::Files { db, wal: None }).collect();
        let count = torn.len();
        let passed: Vec<usize> = torn
            .into_par_iter()
            .enumerate()
            .filter_map(|(case, files)| {
                if verdict(kind, &files, &Given::default()) != Verdict::Restorable {
                    return None;
                }
                let whole = Seen::of(kind, files).unwrap();
                let same = |moment: &Seen| difference(moment, &whole).is_none() && moment.values == whole.values;
                let is_moment = seen.iter().any(|moment| same(moment) || is_earlier(moment, &whole));
                (!is_moment).then_some(case)
            })
            .collect();
        println!("{archive}: {} of {count} torn copies pass and are no moment of the store", passed.len());
        assert!(passed.is_empty(), "{archive}: {passed:?}");
    }
}

#[test]
fn verdicts_and_exit_codes_go_together() {
    let dir = tempfile::tempdir().unwrap();
    let snapshot = fs::read(unpacked("etcd-3.6").join("early.snapshot")).unwrap();
    let cases: [(&str, Vec<u8>, i32, &str, &str); 5] = [
        ("whole", snapshot.clone(), 0, "restorable", ""),
        ("cut", snapshot[..snapshot.len() - 7].to_vec(), 3, "with_loss", "cut-off"),
        ("half", snapshot[..snapshot.len() / 2].to_vec(), 3, "with_loss", "truncated"),
        ("text", b"not a store at all".to_vec(), 1, "not", "not-a-store"),
        ("zeros", vec![0; 1 << 16], 1, "not", "not-a-store"),
    ];
    for (name, bytes, code, verdict, id) in cases {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        let ran = run(["verify", "--json", path.to_str().unwrap()]).exits(code).json();
        assert_eq!(ran["verdict"], verdict, "{name}");
        let ids: Vec<&str> = ran["findings"].as_array().unwrap().iter().map(|f| f["id"].as_str().unwrap()).collect();
        assert!(id.is_empty() || ids.contains(&id), "{name}: {ids:?}");
    }
    run(["verify", dir.path().join("nothing").to_str().unwrap()]).cannot(&["no such file"]);
}
