//! Whatever is broken in an etcd database: what is given back as present is what etcd itself listed, an object that was
//! deleted stays deleted, what may be older than it looks is named, and real engines start on what is written.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod command;
mod engines;
mod fixtures;

use std::collections::BTreeMap;
use std::path::Path;

use command::kinescope;
use engines::{EtcdVersion, KineVersion};
use fixtures::{base64, json_lines, listing, unpacked};
use kinescope::etcd;
use kinescope::etcd::proto::mvccpb;
use kinescope::etcd::salvage::Salvage;
use kinescope::model::History;
use kinescope::ops::convert::Target;
use kinescope::ops::recover::{self, Digest, Found, Options, Report, Salvaged};
use kinescope::source::{Bytes, File, FileName, Watch};
use proptest::prelude::*;
use prost::Message as _;
use rayon::prelude::*;
use sha1::Digest as _;

const PAGE: usize = 4096;

/// Main, sub, and whether it is a tombstone, of all rows that any page of the healthy file holds: key and value.
type AllRows = BTreeMap<(i64, u32, bool), (Vec<u8>, Vec<u8>)>;

/// Revision and value of each live key, as etcd listed them.
type Present = BTreeMap<Vec<u8>, (i64, Vec<u8>)>;

struct Store {
    name: String,
    db: Vec<u8>,
    wal: Vec<File>,
    present: Present,
    all: AllRows,
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// All rows of all leaf pages of a healthy file, read by nothing but their places.
fn all_rows(db: &[u8]) -> AllRows {
    let mut all = AllRows::new();
    for (no, at) in (0u64..).zip((0..db.len() / PAGE).map(|page| page * PAGE)) {
        if u64_at(db, at) != no || db[at + 8] != 2 {
            continue;
        }
        let count = usize::from(u16::from_le_bytes(db[at + 10..at + 12].try_into().unwrap()));
        for element in (0..count).map(|index| at + 16 + 16 * index) {
            let key = element + u32_at(db, element + 4);
            let value = key + u32_at(db, element + 8);
            let Some(row) = db.get(key..value).filter(|row| matches!(row.len(), 17 | 18) && row[8] == b'_') else {
                continue;
            };
            let main = i64::from_be_bytes(row[..8].try_into().unwrap());
            let sub = u32::try_from(u64::from_be_bytes(row[9..17].try_into().unwrap())).unwrap();
            let record = db.get(value..value + u32_at(db, element + 12)).and_then(|record| {
                // The continuation of an old page may be another page by now.
                mvccpb::KeyValue::decode(record).ok().filter(|kv| row.len() == 18 || kv.mod_revision == main)
            });
            if let Some(kv) = record {
                all.insert((main, sub, row.len() == 18), (kv.key.to_vec(), kv.value.to_vec()));
            }
        }
    }
    all
}

fn file(name: &str, bytes: &[u8]) -> File {
    File { name: FileName::new(name), bytes: Bytes::from(bytes.to_vec()) }
}

fn present_of(history: &History) -> Present {
    let live = history.keys().ids().filter_map(|key| history.live(key));
    live.map(|change| {
        let value = history.value(change.value).unwrap().into_owned();
        (history.keys().get(change.key).to_vec(), (change.revision.main, value))
    })
    .collect()
}

fn listed(path: &Path) -> Present {
    let (_, listed) = listing(path);
    listed.into_iter().map(|one| (one.key.into_bytes(), (one.mod_revision, one.value))).collect()
}

/// Databases of real clusters: snapshots, with what etcd listed of them, and a compacted database without its log, whose
/// other rows are read as `etcd_stores_read_as_etcd_reported_them` proves them read.
fn stores() -> Vec<Store> {
    let mut stores = Vec::new();
    for version in ["etcd-3.5", "etcd-3.6"] {
        let dir = unpacked(version);
        for moment in ["early", "middle"] {
            let db = std::fs::read(dir.join(format!("{moment}.snapshot"))).unwrap();
            let present = listed(&dir.join(format!("{moment}.listing.json")));
            let all = all_rows(&db);
            stores.push(Store { name: format!("{version} {moment}"), db, wal: Vec::new(), present, all });
        }
        let db = std::fs::read(dir.join("final.etcd/member/snap/db")).unwrap();
        let present = present_of(etcd::Store::open(&file("db", &db)).unwrap().history());
        let all = all_rows(&db);
        stores.push(Store { name: format!("{version} compacted"), db, wal: Vec::new(), present, all });
    }
    stores
}

/// Data directories, with what the etcd listed that recovered them.
fn directories() -> Vec<Store> {
    let of = |version: &str| {
        let dir = unpacked(version);
        let db = std::fs::read(dir.join("final.etcd/member/snap/db")).unwrap();
        let wal = dir.join("final.etcd/member/wal");
        let wal = std::fs::read_dir(wal).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            file(path.to_str().unwrap(), &std::fs::read(&path).unwrap())
        });
        let present = listed(&dir.join("final.listing.json"));
        let mut all = all_rows(&db);
        // Rows that are only in the log were delivered by a watch.
        for event in
            json_lines(&dir.join("final.history.jsonl")).iter().flat_map(|line| line["Events"].as_array().unwrap())
        {
            let kv = &event["kv"];
            let main = kv["mod_revision"].as_i64().unwrap();
            let value = if kv["value"].is_null() { Vec::new() } else { base64(&kv["value"]) };
            let deleted = !event["type"].is_null();
            let key = base64(&kv["key"]);
            let known = |sub| all.get(&(main, sub, deleted)).is_some_and(|row: &(Vec<u8>, Vec<u8>)| row.0 != key);
            let sub = (0..).find(|sub| !known(*sub)).unwrap();
            all.insert((main, sub, deleted), (key, value));
        }
        Store { name: format!("{version} directory"), db, wal: wal.collect(), present, all }
    };
    vec![of("etcd-3.5"), of("etcd-3.6")]
}

/// Random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap()
    }
}

/// The pages that were ever given out: behind them a database file has nothing.
fn pages(db: &[u8]) -> usize {
    let of = |at: usize| (u64_at(db, at + 64), usize::try_from(u64_at(db, at + 56)).unwrap());
    of(0).max(of(PAGE)).1
}

fn fill(db: &mut [u8], unit: usize, percent: usize, dice: &mut Dice, random: bool) {
    for at in (0..pages(db) * PAGE / unit).map(|at| at * unit).collect::<Vec<_>>() {
        if dice.roll(100) >= percent {
            continue;
        }
        if random {
            db[at..at + unit].fill_with(|| dice.roll(256) as u8);
        } else {
            db[at..at + unit].fill(0);
        }
    }
}

fn metas(db: &mut [u8]) {
    db[..2 * PAGE].fill(0);
}

fn branches(db: &mut [u8]) {
    for at in (2..db.len() / PAGE).map(|page| page * PAGE) {
        if u64_at(db, at) == (at / PAGE) as u64 && db[at + 8..at + 10] == [1, 0] {
            db[at..at + PAGE].fill(0);
        }
    }
}

/// A kind of damage, and how many percent of the present objects must be given back as present.
type Scenario = (&'static str, usize, fn(&mut Vec<u8>, &mut Dice));

const SCENARIOS: [Scenario; 21] = [
    ("nothing", 100, |_, _| {}),
    ("metas zero", 100, |db, _| metas(db)),
    ("branches zero", 100, |db, _| branches(db)),
    ("metas and branches zero", 100, |db, _| {
        branches(db);
        metas(db);
    }),
    ("newest meta zero", 0, |db, _| {
        let at = if u64_at(db, 64) > u64_at(db, PAGE + 64) { 0 } else { PAGE };
        db[at..at + PAGE].fill(0);
    }),
    ("1% of pages zero", 0, |db, dice| fill(db, PAGE, 1, dice, false)),
    ("5% of pages zero", 0, |db, dice| fill(db, PAGE, 5, dice, false)),
    ("20% of pages zero", 0, |db, dice| fill(db, PAGE, 20, dice, false)),
    ("1% of pages random", 0, |db, dice| fill(db, PAGE, 1, dice, true)),
    ("5% of pages random", 0, |db, dice| fill(db, PAGE, 5, dice, true)),
    ("20% of pages random", 0, |db, dice| fill(db, PAGE, 20, dice, true)),
    ("metas zero, 5% of pages zero", 0, |db, dice| {
        fill(db, PAGE, 5, dice, false);
        metas(db);
    }),
    ("branches zero, 1% of pages zero", 0, |db, dice| {
        fill(db, PAGE, 1, dice, false);
        branches(db);
    }),
    ("1% of sectors zero", 0, |db, dice| fill(db, 512, 1, dice, false)),
    ("5% of sectors zero", 0, |db, dice| fill(db, 512, 5, dice, false)),
    ("cut to 60%", 0, |db, _| db.truncate(pages(db) * PAGE * 6 / 10)),
    ("cut to 95%", 0, |db, _| db.truncate(pages(db) * PAGE * 95 / 100)),
    ("first page missing", 100, |db, _| drop(db.drain(..PAGE))),
    ("3 pages missing in the middle", 0, |db, dice| {
        let at = dice.roll(pages(db) - 5) + 2;
        drop(db.drain(at * PAGE..(at + 3) * PAGE));
    }),
    ("a sector missing", 0, |db, dice| {
        let at = dice.roll(pages(db) * 8 - 16) + 16;
        drop(db.drain(at * 512..(at + 1) * 512));
    }),
    ("a page added", 0, |db, dice| {
        let at = (dice.roll(pages(db) - 2) + 2) * PAGE;
        db.splice(at..at, std::iter::repeat_n(0x55, PAGE));
    }),
];

fn found(db: &[u8], wal: &[File]) -> Found {
    let salvage = Salvage::of(&file("db", db), wal, &recover::check);
    Found { name: "db".to_owned(), salvaged: Salvaged::Etcd(salvage), notes: Vec::new(), watch: Watch::default() }
}

/// Every row that is not doubtful is one that the healthy file held, with its key and its value.
#[track_caller]
fn no_false_rows(what: &str, found: &Found, all: &AllRows) {
    for past in [false, true] {
        for line in recover::row_lines(&found.salvaged, past).filter(|line| line.grade.name() != "doubtful") {
            let at = (line.id.unwrap(), line.sub, line.deleted.unwrap());
            let Some((key, value)) = all.get(&at) else { panic!("{what}: row {at:?} never was") };
            assert_eq!(line.name, *key, "{what}: the key of row {at:?}");
            let digest: String = sha1::Sha1::digest(value).iter().map(|byte| format!("{byte:02x}")).collect();
            let is_same = line.value == if at.2 { Digest::Null } else { Digest::Sha1(digest) };
            assert!(is_same, "{what}: the value of row {at:?}, {}", line.source);
        }
    }
}

/// What a recovery gave.
#[derive(Clone, Copy, Debug, Default)]
struct Score {
    /// Present objects that were given as present.
    right: usize,
    /// Those whose newest row is there, and nothing proves that it is the newest.
    unproven: usize,
    /// Present objects of which there is an older row, and it is marked.
    older: usize,
    /// Deleted objects that were put in, marked.
    risen_marked: usize,
    all: usize,
}

/// Recovers as a user would, with and without `--last-known-good`, and holds the result against what etcd listed.
#[track_caller]
fn score(what: &str, found: &Found, present: &Present, target: &Path) -> (Score, Report) {
    let options = |last_known_good| Options {
        to: Some(Target::EtcdSnapshot),
        last_known_good,
        force: true,
        ..Options::default()
    };
    let mut score = Score { all: present.len(), ..Score::default() };
    let report = match recover::recover(found, Some(target), &options(false), &mut |_, _, _| true) {
        Ok(report) => {
            let written = present_of(etcd::Store::open(&file("w", &std::fs::read(target).unwrap())).unwrap().history());
            for (key, (revision, value)) in &written {
                let Some((newest, should)) = present.get(key) else {
                    panic!("{what}: {} rose at {revision}", key.escape_ascii())
                };
                let unknown = &report.unknown;
                let name = key.escape_ascii();
                assert_eq!(revision, newest, "{what}: {name} is stale; {unknown:?} {:?}", report.damage);
                assert!(value == should, "{what}: {} has another value", key.escape_ascii());
            }
            assert_eq!(written.len() as u64, report.live_keys, "{what}");
            score.right = written.len();
            report
        }
        Err(recover::RecoverError::Nothing(_)) => {
            recover::recover(found, None, &options(false), &mut |_, _, _| true).unwrap()
        }
        Err(error) => panic!("{what}: {error}"),
    };
    let named: BTreeMap<&[u8], i64> = report
        .unproven
        .iter()
        .map(|unproven| (unproven.key.as_slice(), unproven.revision))
        .chain(report.lost.iter().filter_map(|lost| Some((lost.key.as_deref()?, lost.revision))))
        .collect();
    score.unproven =
        named.iter().filter(|(key, at)| present.get(**key).is_some_and(|(newest, _)| newest == *at)).count();
    match recover::recover(found, Some(target), &options(true), &mut |_, _, _| true) {
        Ok(report) => {
            let used: BTreeMap<&[u8], i64> = report
                .unproven
                .iter()
                .filter(|unproven| unproven.used)
                .map(|unproven| (unproven.key.as_slice(), unproven.revision))
                .chain(
                    report
                        .lost
                        .iter()
                        .filter(|lost| lost.used)
                        .map(|lost| (lost.key.as_deref().unwrap(), lost.last_good_revision.unwrap())),
                )
                .collect();
            let written = present_of(etcd::Store::open(&file("w", &std::fs::read(target).unwrap())).unwrap().history());
            for (key, (revision, _)) in &written {
                match present.get(key) {
                    Some((newest, _)) if newest == revision => {}
                    newest => {
                        assert_eq!(used.get(key.as_slice()), Some(revision), "{what}: {} unmarked", key.escape_ascii());
                        *if newest.is_some() { &mut score.older } else { &mut score.risen_marked } += 1;
                    }
                }
            }
        }
        Err(recover::RecoverError::Nothing(_)) => {}
        Err(error) => panic!("{what}: {error}"),
    }
    (score, report)
}

/// A case by its name.
type Case = Box<dyn Fn() + Send + Sync>;
type Cases = Vec<(String, Case)>;

/// Three seeds, or as many as `KINESCOPE_SEEDS` says.
fn seeds() -> std::ops::RangeInclusive<u64> {
    1..=std::env::var("KINESCOPE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(3)
}

/// Runs all cases, and fails for all that failed.
fn all_hold(cases: Cases) {
    let run = |(what, case): &(String, Case)| {
        let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(case));
        held.is_err().then(|| what.clone())
    };
    let failed: Vec<String> = cases.par_iter().filter_map(run).collect();
    assert!(failed.is_empty(), "{} failed: {failed:#?}", failed.len());
}

#[test]
fn what_is_given_back_as_present_was_present() {
    let mut cases: Cases = Vec::new();
    for store in stores() {
        let store = std::sync::Arc::new(store);
        for (scenario, share, damage) in SCENARIOS {
            for seed in seeds() {
                let what = format!("{}: {scenario}, seed {seed}", store.name);
                let (name, store) = (what.clone(), store.clone());
                let case = move || {
                    let dir = tempfile::tempdir().unwrap();
                    let target = dir.path().join("recovered.snapshot");
                    let mut db = store.db.clone();
                    damage(&mut db, &mut Dice(seed * 0x1e37_79b9_7f4a));
                    let found = found(&db, &[]);
                    no_false_rows(&what, &found, &store.all);
                    let (score, report) = score(&what, &found, &store.present, &target);
                    println!("{what}: {score:?}");
                    // Without branches, compaction leaves pages of which two moments are possible.
                    let share = if store.name.ends_with("compacted") { share * 95 / 100 } else { share };
                    assert!(score.right * 100 >= score.all * share, "{what}: {score:?} {:?}", report.notes);
                    if scenario == "nothing" {
                        assert!(!report.has_loss() && report.damage.is_empty(), "{what}: {report:?}");
                        assert!(report.lost.is_empty() && report.unproven.is_empty(), "{what}");
                    }
                };
                cases.push((name, Box::new(case)));
            }
        }
    }
    all_hold(cases);
}

/// The log of a data directory that goes back to the first entry gives everything, whatever is broken in the database.
#[test]
fn a_whole_log_gives_back_what_the_database_lost() {
    let mut cases: Cases = Vec::new();
    for store in directories() {
        let store = std::sync::Arc::new(store);
        for (scenario, _, damage) in SCENARIOS {
            let what = format!("{}: {scenario}", store.name);
            let (name, store) = (what.clone(), store.clone());
            let case = move || {
                let dir = tempfile::tempdir().unwrap();
                let target = dir.path().join("recovered.snapshot");
                let mut db = store.db.clone();
                damage(&mut db, &mut Dice(0x1e37_79b9_7f4a));
                let found = found(&db, &store.wal);
                no_false_rows(&what, &found, &store.all);
                let (score, report) = score(&what, &found, &store.present, &target);
                assert_eq!(score.right, score.all, "{what}: {:?}", report.notes);
            };
            cases.push((name, Box::new(case)));
        }
    }
    all_hold(cases);
}

/// Copies of a database that was written meanwhile: one part is of one moment, the rest of a later one.
#[test]
fn of_two_moments_nothing_older_is_taken_for_the_present() {
    let mut cases: Cases = Vec::new();
    for version in ["etcd-3.5", "etcd-3.6"] {
        let dir = unpacked(version);
        let read = |name: &str| std::fs::read(dir.join(name)).unwrap();
        let moments = [read("early.snapshot"), read("middle.snapshot"), read("final.etcd/member/snap/db")];
        let mut ever = AllRows::new();
        moments.iter().for_each(|db| ever.extend(all_rows(db)));
        let ever = std::sync::Arc::new(ever);
        for (pair, seed) in [(0, 1), (1, 2)].into_iter().flat_map(|pair| (1..=6).map(move |seed| (pair, seed))) {
            for swapped in [false, true] {
                let (first, second) = if swapped { (pair.1, pair.0) } else { pair };
                let what = format!("{version}: {first} in front of {second}, {seed}");
                let (older, newer) = (moments[first].clone(), moments[second].clone());
                let ever = ever.clone();
                let name = what.clone();
                let case = move || {
                    let cut = Dice(seed * 0x1e37_79b9).roll(pages(&older).min(pages(&newer)) - 2) + 2;
                    let mut db = older[..cut * PAGE].to_vec();
                    db.extend(&newer[cut * PAGE..]);
                    let found = found(&db, &[]);
                    no_false_rows(&what, &found, &ever);
                    let target = tempfile::NamedTempFile::new().unwrap();
                    let options = Options { to: Some(Target::EtcdSnapshot), force: true, ..Options::default() };
                    match recover::recover(&found, Some(target.path()), &options, &mut |_, _, _| true) {
                        Ok(report) => {
                            let written = std::fs::read(target.path()).unwrap();
                            let written = present_of(etcd::Store::open(&file("w", &written)).unwrap().history());
                            println!("{what}: {} written, {} unproven", written.len(), report.unproven.len());
                            nothing_newer(&what, &written, &ever, report.current_revision);
                        }
                        Err(recover::RecoverError::Nothing(_)) => println!("{what}: nothing is proven"),
                        Err(error) => panic!("{what}: {error}"),
                    }
                };
                cases.push((name, Box::new(case)));
            }
        }
    }
    all_hold(cases);
}

/// No key that was written has a later row up to the revision that the recovery calls the current one.
#[track_caller]
fn nothing_newer(what: &str, written: &Present, ever: &AllRows, current: i64) {
    for (&(main, _, tombstone), (key, _)) in ever.iter().filter(|((main, ..), _)| *main <= current) {
        if let Some((revision, _)) = written.get(key) {
            let kind = if tombstone { "deleted" } else { "changed" };
            assert!(*revision >= main, "{what}: {} of {revision} was {kind} at {main}", key.escape_ascii());
        }
    }
}

fn broken(dir: &Path, damage: impl FnOnce(&mut Vec<u8>)) -> std::path::PathBuf {
    let mut db = std::fs::read(unpacked("etcd-3.6").join("middle.snapshot")).unwrap();
    damage(&mut db);
    let path = dir.join("broken.snapshot");
    std::fs::write(&path, db).unwrap();
    path
}

#[test]
fn real_etcd_starts_on_what_is_left_after_every_kind_of_damage() {
    let Some(etcd) = engines::etcd(EtcdVersion::V3_6) else { return };
    // A store that was never compacted, and one that was.
    for store in stores().into_iter().skip(4) {
        for (scenario, _, damage) in SCENARIOS {
            let what = format!("{}: {scenario}", store.name);
            let dir = tempfile::tempdir().unwrap();
            let mut db = store.db.clone();
            damage(&mut db, &mut Dice(0x1e37_79b9_7f4a));
            let options =
                Options { to: Some(Target::EtcdSnapshot), last_known_good: true, force: true, ..Options::default() };
            let snapshot = dir.path().join("recovered.snapshot");
            let report = recover::recover(&found(&db, &[]), Some(&snapshot), &options, &mut |_, _, _| true).unwrap();
            let written =
                present_of(etcd::Store::open(&file("w", &std::fs::read(&snapshot).unwrap())).unwrap().history());
            let data_dir = dir.path().join("etcd");
            etcd.restore(&snapshot, &data_dir, &[]).unwrap();
            let served = etcd.start(&data_dir);
            let listed = served.list("/registry/").unwrap();
            let listed: Present = listed.kvs.into_iter().map(|kv| (kv.key, (kv.mod_revision, kv.value))).collect();
            let should: Present = written.into_iter().filter(|(key, _)| key.starts_with(b"/registry/")).collect();
            assert!(listed == should, "{what}: {} served of {}", listed.len(), should.len());
            // It goes on where the store ends, and gives no revision twice.
            let next = served.put("/registry/example/after-the-recovery", "x").unwrap();
            assert!(next > report.current_revision, "{what}: {next} behind {}", report.current_revision);
            served.stop();
        }
    }
}

#[test]
fn real_engines_start_on_what_is_written() {
    let (Some(kine), Some(etcd)) = (engines::kine(KineVersion::V0_16), engines::etcd(EtcdVersion::V3_6)) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let present = listed(&unpacked("etcd-3.6").join("middle.listing.json"));
    let path = broken(dir.path(), |db| {
        branches(db);
        metas(db);
    });
    let some: Vec<(&str, &(i64, Vec<u8>))> = present
        .iter()
        .filter(|(key, _)| key.starts_with(b"/registry/"))
        .map(|(key, row)| (std::str::from_utf8(key).unwrap(), row))
        .step_by(25)
        .collect();
    let snapshot = dir.path().join("recovered.snapshot");
    command::ran(kinescope().arg("recover").arg(&path).arg("-o").arg(&snapshot)).exits(0);
    let data_dir = dir.path().join("etcd");
    etcd.restore(&snapshot, &data_dir, &[]).unwrap();
    let served = etcd.start(&data_dir);
    for (key, (revision, value)) in &some {
        let kv = served.get(key).unwrap().unwrap_or_else(|| panic!("{key} is not there"));
        assert_eq!((kv.mod_revision, &kv.value), (*revision, value), "{key}");
    }
    served.stop();
    let state_db = dir.path().join("state.db");
    command::ran(kinescope().arg("recover").arg(&path).args(["--to", "kine", "-o"]).arg(&state_db)).exits(0);
    let served = kine.start(&state_db);
    for (key, (revision, value)) in &some {
        let kv = served.get(key).unwrap().unwrap_or_else(|| panic!("{key} is not there"));
        assert_eq!((kv.mod_revision, &kv.value), (*revision, value), "{key}");
    }
    served.stop();
    // With loss: what is written says so, and serves what it holds.
    let path = broken(dir.path(), |db| fill(db, PAGE, 5, &mut Dice(7), false));
    let mut command = kinescope();
    let command = command.arg("recover").arg(&path).args(["--last-known-good", "--force", "-o"]).arg(&snapshot);
    command::ran(command).exits(3).says(&["lost"]);
    let data_dir = dir.path().join("etcd-with-loss");
    etcd.restore(&snapshot, &data_dir, &[]).unwrap();
    let served = etcd.start(&data_dir);
    let written = present_of(etcd::Store::open(&file("w", &std::fs::read(&snapshot).unwrap())).unwrap().history());
    assert!(written.len() * 100 > present.len() * 80, "{} of {}", written.len(), present.len());
    for (key, (revision, value)) in written.iter().step_by(25) {
        let kv = served.get(std::str::from_utf8(key).unwrap()).unwrap().unwrap();
        assert_eq!((kv.mod_revision, &kv.value), (*revision, value));
    }
    served.put("/registry/after", "1").unwrap();
    served.stop();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// No bytes make it panic: bits and pages of a real database anywhere, its own pages in each other's places, and no
    /// database at all.
    #[test]
    fn no_damage_ends_the_search(
        seed in 1u64..,
        flips in 0usize..400,
        moved in 0usize..20,
        cut in 0usize..100,
        noise in proptest::collection::vec(any::<u8>(), 0..9000),
    ) {
        let mut db = std::fs::read(unpacked("etcd-3.6").join("early.snapshot")).unwrap();
        let mut dice = Dice(seed);
        for _ in 0..flips {
            let at = dice.roll(db.len());
            db[at] ^= 1 << dice.roll(8);
        }
        for _ in 0..moved {
            let (from, to) = (dice.roll(160) * PAGE, dice.roll(160) * PAGE);
            db.copy_within(from..from + PAGE, to);
        }
        let keep = db.len() * (100 - cut) / 100;
        db.truncate(keep);
        let damaged = found(&db, &[]);
        let options = Options { last_known_good: true, ..Options::default() };
        recover::recover(&damaged, None, &options, &mut |_, _, _| true).unwrap();
        let _ = found(&noise, &[]);
        let _ = found(&[], &[]);
    }
}
