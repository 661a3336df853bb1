//! A file with damage is refused or read with the damage told; only a changed value, which neither format can know of,
//! passes. And nothing is ever converted from what is damaged, torn, or of two moments.
//!
//! A silent case is one that opens without a finding and yet holds another set of changes (revision, sub, key, put or
//! delete, create revision, version, lease), other leases or other bounds than the original.

mod broken;
mod fixtures;
mod simulated;

use std::collections::BTreeMap;
use std::fs;

use broken::{Break, Files, Kind, Outcome, Random, Run, Seen, blocks, cuts, difference, flips, is_earlier, judge, run};
use fixtures::unpacked;
use kinescope::ops::convert::{Options, Target};
use rayon::prelude::*;
use simulated::kine::Kine;
use simulated::run::{Refused, open, run as convert, scratch};

const PAGE: usize = 4096;

/// What a bare bbolt file says only once, and no rule ties to anything else: the name of a key with a single row, the numbers
/// of a row whose neighbours in its life are compacted, the lease a key hangs on, the leases and the compact revision.
const UNPROVEN: [&str; 6] = ["key", "create", "version", "lease", "leases", "bounds"];

fn snapshot(archive: &str, moment: &str) -> Files {
    Files { db: fs::read(unpacked(archive).join(format!("{moment}.snapshot"))).unwrap(), wal: None }
}

/// A snapshot without its trailer is the database as it was.
fn raw(archive: &str, moment: &str) -> Files {
    let mut files = snapshot(archive, moment);
    files.db.truncate(files.db.len() - 32);
    files
}

fn backup(archive: &str, moment: &str) -> Files {
    Files { db: fs::read(unpacked(archive).join(format!("{moment}.backup.db"))).unwrap(), wal: None }
}

fn hot(archive: &str, moment: &str) -> Files {
    let dir = unpacked(archive).join(moment);
    Files { db: fs::read(dir.join("state.db")).unwrap(), wal: Some(fs::read(dir.join("state.db-wal")).unwrap()) }
}

/// Prints what became of the breaks, and holds the silent ones to the parts of a change that they may be in.
#[track_caller]
fn assert_silent(what: &str, run: &Run, parts: &[&str]) {
    let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
    for (broken, difference) in &run.silent {
        println!("    {broken:?}: {difference}");
        *classes.entry(difference.split([' ', ':']).next().unwrap()).or_default() += 1;
    }
    println!("{what}: {:?}, silent by kind: {classes:?}", run.counts);
    assert_eq!(run.count(Outcome::Panicked), 0);
    assert!(classes.keys().all(|part| parts.contains(part)), "{what}: {classes:?}");
}

#[test]
fn no_flip_and_no_cut_of_a_snapshot_passes() {
    for archive in ["etcd-3.5", "etcd-3.6"] {
        let files = snapshot(archive, "early");
        let len = files.db.len();
        let flipped = run(Kind::Snapshot, &files, false, &flips(len, 250, 250, 1));
        assert_silent(&format!("{archive} snapshot flips"), &flipped, &[]);
        assert_eq!(flipped.count(Outcome::Same) + flipped.count(Outcome::Value), 0, "the trailer covers every byte");
        let lost = run(Kind::Snapshot, &files, false, &blocks(len, 100, 2));
        assert_silent(&format!("{archive} snapshot blocks"), &lost, &[]);
        assert_eq!(lost.count(Outcome::Value), 0);
        assert_silent(
            &format!("{archive} snapshot cuts"),
            &run(Kind::Snapshot, &files, false, &cuts(len, 200, 3)),
            &[],
        );
    }
}

#[test]
fn damage_of_a_bare_database_is_told() {
    for archive in ["etcd-3.5", "etcd-3.6"] {
        let files = raw(archive, "early");
        let len = files.db.len();
        let flipped = run(Kind::RawDb, &files, false, &flips(len, 800, 800, 11));
        assert_silent(&format!("{archive} raw flips"), &flipped, &UNPROVEN);
        let heads = record_heads(&files);
        assert_silent(&format!("{archive} raw record heads"), &run(Kind::RawDb, &files, false, &heads), &UNPROVEN);
        assert_silent(&format!("{archive} raw blocks"), &run(Kind::RawDb, &files, false, &blocks(len, 300, 12)), &[]);
        assert_silent(&format!("{archive} raw cuts"), &run(Kind::RawDb, &files, false, &cuts(len, 200, 13)), &[]);
    }
}

/// One flip in what stands before the value of each row: key, create and mod revision, version.
fn record_heads(files: &Files) -> Vec<Break> {
    let dir = scratch();
    let path = dir.path().join("db");
    fs::write(&path, &files.db).unwrap();
    let opened = open(&path).unwrap();
    let kinescope::ops::store::Store::Etcd(store) = &opened.store else { panic!("etcd") };
    let mut random = Random(14);
    let one = |row: &kinescope::etcd::Row| {
        let head = if row.at.tombstone { row.record.len } else { (row.value.place - row.record.place) as u32 };
        let at = row.record.place as usize + random.below(head.max(1) as usize);
        Break::Flip { at, bit: random.below(8) as u8 }
    };
    store.rows().iter().map(one).collect()
}

#[test]
fn damage_of_a_sqlite_file_is_told() {
    for archive in ["kine-0.11", "kine-0.16"] {
        let files = backup(archive, "early");
        let len = files.db.len();
        let flipped = run(Kind::Kine, &files, false, &flips(len, 800, 800, 21));
        assert_silent(&format!("{archive} flips"), &flipped, &["create", "lease"]);
        assert_silent(&format!("{archive} blocks"), &run(Kind::Kine, &files, false, &blocks(len, 300, 22)), &[]);
        assert_silent(&format!("{archive} cuts"), &run(Kind::Kine, &files, false, &cuts(len, 200, 23)), &[]);
    }
}

#[test]
fn damage_of_a_wal_is_told_or_ends_it_where_sqlite_ends_it() {
    for archive in ["kine-0.11", "kine-0.16"] {
        let files = hot(archive, "early");
        let len = files.wal.as_ref().unwrap().len();
        let breaks: Vec<Break> =
            flips(len, 120, 60, 31).into_iter().chain(blocks(len, 40, 32)).chain(cuts(len, 60, 33)).collect();
        let broken = run(Kind::Kine, &files, true, &breaks);
        println!("{archive} -wal: {:?}", broken.counts);
        assert_eq!(broken.count(Outcome::Panicked) + broken.count(Outcome::Value), 0, "frames have checksums");
        for (broken, what) in &broken.silent {
            let mut files = files.clone();
            broken.apply(files.wal.as_mut().unwrap());
            assert!(is_a_moment(&files), "{broken:?}: {what}");
        }
    }
}

/// Whether SQLite takes the files for whole, and reads what kinescope reads.
fn is_a_moment(files: &Files) -> bool {
    let dir = scratch();
    let path = dir.path().join("state.db");
    fs::write(&path, &files.db).unwrap();
    if let Some(wal) = &files.wal {
        fs::write(dir.path().join("state.db-wal"), wal).unwrap();
    }
    let ours = match open(&path) {
        Ok(opened) => simulated::facts_of(opened.store.history()),
        Err(_) => return false,
    };
    Kine::try_read(&path).is_some_and(|table| table.facts(i64::MAX) == ours)
}

/// Files of two moments, as a slow copy of a live file makes them: the first pages of one, the rest of the other, or
/// single pages of the other.
fn mixed(one: &[u8], other: &[u8], cases: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut random = Random(seed);
    let pages = one.len().min(other.len()) / PAGE;
    let mut made = Vec::new();
    for case in 0..cases {
        let cut = PAGE * (2 + random.below(pages - 2));
        made.push(match case % 3 {
            0 => [&one[..cut], &other[cut..]].concat(),
            1 => [&one[..cut], &other[cut..other.len().min(one.len())], &one[other.len().min(one.len())..]].concat(),
            _ => {
                let mut mixed = one.to_vec();
                for _ in 0..1 + random.below(12) {
                    let at = PAGE * random.below(pages);
                    mixed[at..at + PAGE].copy_from_slice(&other[at..at + PAGE]);
                }
                mixed
            }
        });
    }
    made
}

/// Torn files: each is refused, told, or one of the moments; in a bbolt file, whose values carry no mark of their time on
/// their second and later pages, a moment but for bytes of values.
fn assert_torn(what: &str, kind: Kind, moments: &[Files], torn: Vec<Files>) {
    let moments: Vec<Seen> = moments.iter().map(|files| Seen::of(kind, files.clone()).unwrap()).collect();
    let count = torn.len();
    let passed: Vec<(Outcome, String)> = torn
        .into_par_iter()
        .filter_map(|files| {
            let judged = moments.iter().map(|moment| judge(kind, moment, files.clone()));
            let (outcome, difference) = judged.min_by_key(|(outcome, _)| *outcome).unwrap();
            let is_right = || match kind {
                Kind::Kine => is_a_moment(&files),
                _ => Seen::of(kind, files.clone())
                    .is_some_and(|seen| moments.iter().any(|later| is_earlier(later, &seen))),
            };
            (outcome >= Outcome::Value && !is_right()).then_some((outcome, difference))
        })
        .collect();
    let values = passed.iter().filter(|(outcome, _)| *outcome == Outcome::Value).count();
    println!(
        "{what}: of {count} torn files {} pass for whole, {values} of them with bytes of other values",
        passed.len()
    );
    let most = if kind == Kind::Kine { 0 } else { count / 50 };
    assert!(values <= most && passed.len() == values, "{what}: {passed:#?}");
}

#[test]
fn every_real_store_can_be_broken_anywhere() {
    for archive in ["etcd-3.5", "etcd-3.6"] {
        let data_dir = unpacked(archive).join("final.etcd/member/snap/db");
        let last = Files { db: fs::read(data_dir).unwrap(), wal: None };
        for (name, kind, files) in
            [("middle", Kind::Snapshot, snapshot(archive, "middle")), ("final", Kind::RawDb, last)]
        {
            let parts: &[&str] = if kind == Kind::Snapshot { &[] } else { &UNPROVEN };
            let breaks = some_of_each(files.db.len(), 71);
            assert_silent(&format!("{archive} {name}"), &run(kind, &files, false, &breaks), parts);
        }
    }
    for archive in ["kine-0.11", "kine-0.16"] {
        for moment in ["early", "middle", "final"] {
            let files = hot(archive, moment);
            let breaks = some_of_each(files.db.len(), 72);
            assert_silent(&format!("{archive} {moment} under its -wal"), &run(Kind::Kine, &files, false, &breaks), &[]);
        }
    }
}

fn some_of_each(len: usize, seed: u64) -> Vec<Break> {
    flips(len, 20, 20, seed).into_iter().chain(blocks(len, 12, seed)).chain(cuts(len, 8, seed)).collect()
}

#[test]
fn torn_copies_of_a_bbolt_file_are_refused() {
    for archive in ["etcd-3.5", "etcd-3.6"] {
        let moments = [raw(archive, "early"), raw(archive, "middle")];
        let there = mixed(&moments[0].db, &moments[1].db, 150, 41);
        let back = mixed(&moments[1].db, &moments[0].db, 150, 42);
        let torn = there.into_iter().chain(back).map(|db| Files { db, wal: None }).collect();
        assert_torn(archive, Kind::RawDb, &moments, torn);
    }
}

#[test]
fn torn_copies_of_a_sqlite_file_are_refused() {
    for archive in ["kine-0.11", "kine-0.16"] {
        let moments = [backup(archive, "early"), backup(archive, "middle")];
        let there = mixed(&moments[0].db, &moments[1].db, 100, 51);
        let back = mixed(&moments[1].db, &moments[0].db, 100, 52);
        let torn = there.into_iter().chain(back).map(|db| Files { db, wal: None }).collect();
        assert_torn(archive, Kind::Kine, &moments, torn);
    }
}

#[test]
fn a_database_without_its_wal_or_with_another_s_is_refused_or_a_moment() {
    for archive in ["kine-0.11", "kine-0.16"] {
        let moments = ["early", "middle", "final"].map(|moment| hot(archive, moment));
        let mut torn: Vec<Files> = moments.iter().map(|moment| Files { db: moment.db.clone(), wal: None }).collect();
        for (at, one) in moments.iter().enumerate() {
            let others = moments.iter().enumerate().filter(|(other, _)| *other != at);
            torn.extend(others.map(|(_, other)| Files { db: one.db.clone(), wal: other.wal.clone() }));
        }
        assert_torn(archive, Kind::Kine, &moments, torn);
    }
}

/// Converts broken files of disk: `simulated::run` holds every run to leave nothing behind and to change no input.
fn assert_converts_only_what_is_whole(kind: Kind, files: &Files, breaks: &[Break]) {
    let original = Seen::of(kind, files.clone()).unwrap();
    let targets = [Target::Kine, Target::EtcdSnapshot];
    let refused = breaks.par_iter().enumerate().filter(|(at, broken)| {
        let mut files = files.clone();
        broken.apply(&mut files.db);
        let (outcome, _) = judge(kind, &original, files.clone());
        let dir = scratch();
        let source = dir.path().join("source");
        fs::write(&source, &files.db).unwrap();
        let target = dir.path().join("target");
        let result = convert(&source, &target, &Options::plain(targets[at % 2]));
        match (&result, outcome) {
            (Ok(_), Outcome::Same | Outcome::Value | Outcome::Silent) => false,
            (Ok(_), _) => panic!("{broken:?} is {outcome:?} and yet converted"),
            (Err(Refused::Open(_) | Refused::Convert(_)), _) => true,
        }
    });
    let refused = refused.count();
    println!("{kind:?}: {refused} of {} refused", breaks.len());
    assert!(refused > breaks.len() / 4, "{refused}");
}

#[test]
fn nothing_is_converted_from_damage() {
    for archive in ["etcd-3.5", "etcd-3.6"] {
        let files = snapshot(archive, "early");
        let len = files.db.len();
        let breaks: Vec<Break> = flips(len, 60, 30, 61).into_iter().chain(blocks(len, 20, 62)).collect();
        for broken in &breaks {
            assert!(changes(*broken, &files.db) || matches!(broken, Break::Copy { .. } | Break::Zeros { .. }));
        }
        let breaks: Vec<Break> = breaks.into_iter().filter(|broken| changes(*broken, &files.db)).collect();
        assert_snapshots_are_refused(&files, &breaks);
        let files = raw(archive, "early");
        let len = files.db.len();
        let breaks: Vec<Break> =
            flips(len, 10, 40, 63).into_iter().chain(blocks(len, 30, 64)).chain(cuts(len, 30, 65)).collect();
        assert_converts_only_what_is_whole(Kind::RawDb, &files, &breaks);
    }
    for archive in ["kine-0.11", "kine-0.16"] {
        let files = backup(archive, "early");
        let len = files.db.len();
        let breaks: Vec<Break> =
            flips(len, 10, 40, 66).into_iter().chain(blocks(len, 30, 67)).chain(cuts(len, 30, 68)).collect();
        assert_converts_only_what_is_whole(Kind::Kine, &files, &breaks);
    }
}

fn changes(broken: Break, bytes: &[u8]) -> bool {
    let mut changed = bytes.to_vec();
    broken.apply(&mut changed);
    changed != bytes
}

/// A snapshot's trailer covers all of it: whatever is changed, nothing is written.
fn assert_snapshots_are_refused(files: &Files, breaks: &[Break]) {
    breaks.par_iter().enumerate().for_each(|(at, broken)| {
        let mut files = files.clone();
        broken.apply(&mut files.db);
        let dir = scratch();
        let source = dir.path().join("source");
        fs::write(&source, &files.db).unwrap();
        let to = [Target::Kine, Target::EtcdSnapshot, Target::EtcdDir][at % 3];
        let result = convert(&source, &dir.path().join("target"), &Options::plain(to));
        assert!(result.is_err(), "{broken:?}");
        assert!(fs::read_dir(dir.path()).unwrap().count() == 1, "only the source is there");
    });
}

#[test]
fn reading_changes_nothing() {
    for (archive, name) in [("etcd-3.6", "early.snapshot"), ("kine-0.16", "early")] {
        let from = unpacked(archive).join(name);
        let before = simulated::run::contents_of(&from);
        let path = if from.is_dir() { from.join("state.db") } else { from.clone() };
        let opened = open(&path).unwrap();
        let read = Seen::of_history(opened.store.history(), Vec::new());
        assert!(read.values.iter().all(Option::is_some));
        assert_eq!(difference(&read, &read), None);
        assert!(opened.watch.check().is_ok());
        assert!(simulated::run::contents_of(&from) == before);
    }
}
