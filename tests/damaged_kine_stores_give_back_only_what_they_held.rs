//! Whatever is broken in a kine store: what is given back as good is what SQLite read from the undamaged file, an object that
//! was deleted stays deleted, and real engines start on what is written.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod engines;
mod fixtures;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use command::kinescope;
use engines::{EtcdVersion, KineVersion};
use fixtures::unpacked;
use kinescope::kine::salvage::{Held, Row, Salvage};
use kinescope::model::Evidence;
use kinescope::ops::convert::Target;
use kinescope::ops::recover::{self, Found, Options, Report, Salvaged};
use kinescope::source::{Bytes, File, FileName, Watch};
use kinescope::sqlite::{Reading, WalFit};
use proptest::prelude::*;
use rusqlite::{Connection, OpenFlags};

const PAGE: usize = 4096;

/// Name, deleted, prev_revision, value, old_value of each row by id, as SQLite reads them.
type Truth = BTreeMap<i64, (Vec<u8>, bool, i64, Option<Vec<u8>>, Option<Vec<u8>>)>;

#[derive(Clone)]
struct Files {
    db: Vec<u8>,
    wal: Option<Vec<u8>>,
}

fn truth(files: &Files) -> Truth {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    std::fs::write(&path, &files.db).unwrap();
    if let Some(wal) = &files.wal {
        std::fs::write(dir.path().join("state.db-wal"), wal).unwrap();
    }
    rows_of(&path)
}

fn rows_of(path: &Path) -> Truth {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    let sql = "SELECT id, CAST(name AS BLOB), deleted, prev_revision, value, old_value FROM kine ORDER BY id";
    let mut statement = connection.prepare(sql).unwrap();
    let blob = |row: &rusqlite::Row<'_>, at| -> rusqlite::Result<Option<Vec<u8>>> {
        Ok(match row.get_ref(at)? {
            rusqlite::types::ValueRef::Null => None,
            rusqlite::types::ValueRef::Text(bytes) | rusqlite::types::ValueRef::Blob(bytes) => Some(bytes.to_vec()),
            other => panic!("{other:?}"),
        })
    };
    let rows = statement.query_map((), |row| {
        Ok((row.get(0)?, (row.get(1)?, row.get::<_, i64>(2)? != 0, row.get(3)?, blob(row, 4)?, blob(row, 5)?)))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// The newest row of each object.
fn newest(truth: &Truth) -> BTreeMap<&[u8], i64> {
    let rows = truth.iter().filter(|(_, row)| row.0.starts_with(b"/"));
    rows.map(|(id, row)| (row.0.as_slice(), *id)).collect()
}

/// Stores of real clusters: consistent copies, and copies with a WAL of which one was compacted.
fn stores() -> Vec<(String, Files)> {
    let mut all = Vec::new();
    for version in ["kine-0.11", "kine-0.16"] {
        let dir = unpacked(version);
        all.push((
            format!("{version} middle"),
            Files { db: std::fs::read(dir.join("middle.backup.db")).unwrap(), wal: None },
        ));
        for moment in ["middle", "final"] {
            let db = std::fs::read(dir.join(moment).join("state.db")).unwrap();
            let wal = std::fs::read(dir.join(moment).join("state.db-wal")).ok();
            all.push((format!("{version} {moment} with its WAL"), Files { db, wal }));
        }
    }
    all
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

    /// So many pages, never the first.
    fn pages(&mut self, db: &[u8], percent: usize) -> Vec<usize> {
        let pages = db.len() / PAGE;
        (1..pages).filter(|_| self.roll(100) < percent).collect()
    }
}

/// What a kind of damage does, and the share of the rows in percent that must come back all the same.
type Scenario = (&'static str, usize, fn(&mut Files, &mut Dice));

fn zero(files: &mut Files, dice: &mut Dice, percent: usize) {
    for page in dice.pages(&files.db, percent) {
        files.db[page * PAGE..(page + 1) * PAGE].fill(0);
    }
}

fn interior(files: &mut Files, change: impl Fn(&mut [u8])) {
    for page in files.db.chunks_exact_mut(PAGE).skip(1).filter(|page| page[0] == 5) {
        change(page);
    }
}

const SCENARIOS: [Scenario; 17] = [
    ("nothing", 100, |_, _| {}),
    ("header zero", 100, |files, _| files.db[..100].fill(0)),
    ("page 1 zero", 100, |files, _| files.db[..PAGE].fill(0)),
    ("page 1 random", 100, |files, dice| files.db[..PAGE].fill_with(|| dice.roll(256) as u8)),
    ("schema zero", 100, |files, _| files.db[100..PAGE].fill(0)),
    ("page size lies", 100, |files, _| files.db[16..18].copy_from_slice(&[0x20, 0])),
    ("interior pages zero", 100, |files, _| interior(files, |page| page.fill(0))),
    ("interior pages of another type", 100, |files, _| interior(files, |page| page[0] = 13)),
    ("first page missing", 99, |files, _| drop(files.db.drain(..PAGE))),
    ("1% of pages zero", 90, |files, dice| zero(files, dice, 1)),
    ("5% of pages zero", 80, |files, dice| zero(files, dice, 5)),
    ("20% of pages zero", 50, |files, dice| zero(files, dice, 20)),
    ("5% of pages random", 80, |files, dice| {
        for page in dice.pages(&files.db, 5) {
            files.db[page * PAGE..(page + 1) * PAGE].fill_with(|| dice.roll(256) as u8);
        }
    }),
    ("1% of sectors zero", 80, |files, dice| {
        for sector in (8..files.db.len() / 512).filter(|_| dice.roll(100) == 0) {
            files.db[sector * 512..(sector + 1) * 512].fill(0);
        }
    }),
    ("cut to 60%", 30, |files, _| files.db.truncate(files.db.len() * 6 / 10)),
    ("WAL header zero", 95, |files, _| {
        if let Some(wal) = files.wal.as_mut().filter(|wal| wal.len() > 32) {
            wal[..32].fill(0);
        }
    }),
    ("a bit in the middle of the WAL", 95, |files, _| {
        if let Some(wal) = files.wal.as_mut().filter(|wal| wal.len() > 8192) {
            let middle = wal.len() / 3;
            wal[middle] ^= 0x40;
        }
    }),
];

fn salvage(files: &Files, reading: Reading) -> Salvage {
    let file = |name: &str, bytes: &[u8]| File { name: FileName::new(name), bytes: Bytes::from(bytes.to_vec()) };
    let wal = files.wal.as_ref().map(|wal| file("state.db-wal", wal));
    Salvage::of(&file("state.db", &files.db), wal.as_ref(), reading)
}

fn found(files: &Files) -> Found {
    let salvaged = Salvaged::Kine(salvage(files, Reading::Use));
    Found { name: "state.db".to_owned(), salvaged, notes: Vec::new(), watch: Watch::default() }
}

fn is_good(row: &Row) -> bool {
    row.evidence != Evidence::Doubtful && row.value.is_whole()
}

/// Every row that is given back as good is one of the truth's. Gives how many there are.
#[track_caller]
fn nothing_false(what: &str, salvage: &Salvage, truth: &Truth) -> usize {
    let mut right = 0;
    for row in salvage.rows.iter().filter(|row| is_good(row)) {
        let id = row.id.unwrap();
        let name = salvage.history.keys().get(row.key);
        let Some(known) = truth.get(&id) else { panic!("{what}: row {id} of {} never was", name.escape_ascii()) };
        assert_eq!(name, known.0, "{what}: the name of row {id}");
        let value = match row.value {
            Held::Null => None,
            Held::Known(value) => Some(salvage.history.value(value).unwrap().into_owned()),
            other => panic!("{other:?}"),
        };
        assert!(value == known.3, "{what}: the value of row {id} ({:?}, {:?})", row.source, row.evidence);
        if let Some(prev) = row.prev_revision.filter(|_| known.0 != b"compact_rev_key") {
            assert_eq!(prev, known.2, "{what}: prev_revision of row {id}");
        }
        if let Held::Known(old) = row.old_value {
            assert!(
                salvage.history.value(old).unwrap() == known.4.clone().unwrap_or_default(),
                "{what}: old_value of {id}"
            );
        }
        right += 1;
    }
    right
}

fn recovered(files: &Files, to: Target, target: &Path, last_known_good: bool) -> Report {
    let options = Options { to: Some(to), last_known_good, force: true, ..Options::default() };
    recover::recover(&found(files), Some(target), &options, &mut |_, _, _| true).unwrap()
}

/// The store that is written holds of each object its newest row or nothing.
#[track_caller]
fn nothing_risen(what: &str, report: &Report, target: &Path, truth: &Truth) -> usize {
    let connection = Connection::open(target).unwrap();
    let check: String = connection.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(check, "ok", "{what}");
    let written = rows_of(target);
    let of_truth = newest(truth);
    let mut live = 0;
    for (name, id) in newest(&written) {
        let row = &written[&id];
        let should = of_truth.get(name).copied().unwrap_or_else(|| panic!("{what}: {} never was", name.escape_ascii()));
        // An end that left no trace at all is another matter: what is written is the state before it.
        if should > report.current_revision {
            assert!(report.has_loss(), "{what}");
            continue;
        }
        assert_eq!(id, should, "{what}: {}", name.escape_ascii());
        assert!(row.1 == truth[&id].1 && (row.1 || row.3 == truth[&id].3), "{what}: {}", name.escape_ascii());
        live += usize::from(!row.1);
    }
    live
}

#[test]
fn what_is_given_back_as_good_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("recovered.db");
    for (store, healthy) in stores() {
        let truth = truth(&healthy);
        for (scenario, share, damage) in SCENARIOS {
            for seed in 1..=3 {
                let what = format!("{store}: {scenario}, seed {seed}");
                let mut files = healthy.clone();
                damage(&mut files, &mut Dice(seed * 0x1e37_79b9_7f4a));
                let salvage = salvage(&files, Reading::Use);
                let right = nothing_false(&what, &salvage, &truth);
                // Pages shifted under a WAL that is not make two files of one.
                let share = if scenario == "first page missing" && files.wal.is_some() { 0 } else { share };
                assert!(right * 100 >= truth.len() * share, "{what}: {right} of {}", truth.len());
                let report = recovered(&files, Target::Kine, &target, false);
                let counts = report.rows;
                assert_eq!(counts.total(), salvage.rows.len() as u64, "{what}");
                let live = nothing_risen(&what, &report, &target, &truth);
                assert!(live as u64 <= newest_live(&target), "{what}");
                if scenario == "nothing" {
                    assert!(
                        !report.has_loss() && report.lost.is_empty() && report.damage.is_empty(),
                        "{what}: {report:?}"
                    );
                    assert_eq!(counts.of(Evidence::Intact), counts.total(), "{what}");
                    assert_eq!(rows_of(&target), truth, "{what}");
                }
            }
        }
    }
}

fn newest_live(target: &Path) -> u64 {
    let rows = rows_of(target);
    newest(&rows).values().filter(|id| !rows[id].1).count() as u64
}

/// What is lost is named: every object that is not in the target, or an index page and a row page are gone together.
#[test]
fn what_is_lost_is_named_or_has_left_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("recovered.db");
    let (_, healthy) = &stores()[3];
    let truth = truth(healthy);
    let mut named = 0;
    for seed in 1..=3 {
        let mut files = healthy.clone();
        zero(&mut files, &mut Dice(seed * 77), 20);
        let report = recovered(&files, Target::Kine, &target, false);
        assert!(report.has_loss());
        let written = rows_of(&target);
        for (name, id) in newest(&truth).into_iter().filter(|(_, id)| !truth[id].1) {
            let traceless = report.unknown.iter().any(|&(from, to)| (from..=to).contains(&id));
            let lost = report.lost.iter().find(|lost| lost.revision == id);
            let unproven = report.unproven.iter().any(|unproven| unproven.key == name);
            assert!(written.contains_key(&id) || traceless || unproven || lost.is_some(), "{}", name.escape_ascii());
            if let Some(lost) = lost.filter(|lost| lost.key.is_some()) {
                assert!(lost.newest && !written.contains_key(&id), "{}", name.escape_ascii());
                let older = truth.iter().filter(|(older, row)| row.0 == name && **older < id).map(|(older, _)| *older);
                let last_good = lost.last_good_revision;
                assert!(last_good.is_none_or(|revision| older.max().unwrap() >= revision), "{}", name.escape_ascii());
                named += 1;
            }
        }
        // The older ones on request, and marked.
        let report = recovered(&files, Target::Kine, &target, true);
        let written = rows_of(&target);
        for lost in report.lost.iter().filter(|lost| lost.used) {
            let newest = newest(&written)[lost.key.as_deref().unwrap()];
            assert!(newest < lost.revision && lost.newest);
        }
        assert!(report.lost.iter().any(|lost| lost.used));
    }
    assert!(named > 20, "{named}");
}

/// A restored file beside a WAL that a later state of it left behind.
#[test]
fn a_wal_of_another_state_is_told_and_can_be_left_aside() {
    let dir = unpacked("kine-0.16");
    let early = std::fs::read(dir.join("early.backup.db")).unwrap();
    let wal = std::fs::read(dir.join("final").join("state.db-wal")).unwrap();
    let alone = truth(&Files { db: early.clone(), wal: None });
    let files = Files { db: early, wal: Some(wal) };
    let with = salvage(&files, Reading::Use);
    assert!(matches!(with.wal_fit(), WalFit::Foreign(reasons) if !reasons.is_empty()));
    let without = salvage(&files, Reading::Ignore);
    assert_eq!(nothing_false("without the WAL", &without, &alone), alone.len());
    for (store, files) in stores() {
        let fit = salvage(&files, Reading::Use);
        assert!(!matches!(fit.wal_fit(), WalFit::Foreign(_)), "{store}: {:?}", fit.wal_fit());
    }
}

/// A `-wal` whose database is gone, and pieces cut from the middle of a file: what is given back was there at some time.
#[test]
fn a_wal_alone_and_a_piece_of_a_file_give_their_rows() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let store = unpacked("kine-0.16");
    let mut ever = Truth::new();
    for name in ["early.backup.db", "middle.backup.db"] {
        ever.extend(truth(&Files { db: std::fs::read(store.join(name)).unwrap(), wal: None }));
    }
    let (_, whole) = stores().remove(5);
    let last = truth(&whole);
    ever.extend(last.clone());
    let wal = whole.wal.unwrap();
    let middle = std::fs::read(store.join("middle.backup.db")).unwrap();
    let piece = middle[middle.len() / PAGE / 4 * PAGE..middle.len() / PAGE / 2 * PAGE].to_vec();
    let pieces = [
        ("a -wal alone", wal.clone(), 50),
        ("a -wal without its header", wal[32..].to_vec(), 0),
        ("the middle of a file", piece, 20),
        ("the end of a file", middle[middle.len() / PAGE * 3 / 4 * PAGE..].to_vec(), 20),
    ];
    for (what, bytes, fewest) in pieces {
        let path = dir.join("piece");
        std::fs::write(&path, bytes).unwrap();
        let (rows, past) = (dir.join("rows.jsonl"), dir.join("past.jsonl"));
        let mut command = kinescope();
        command
            .arg("recover")
            .arg(&path)
            .args(["--force", "--json"])
            .arg("--rows")
            .arg(&rows)
            .arg("--rows-history")
            .arg(&past);
        let ran = command.output().unwrap();
        assert!(matches!(ran.status.code(), Some(0 | 3)), "{what}: {}", String::from_utf8_lossy(&ran.stderr));
        let mut good = 0;
        for line in
            std::fs::read_to_string(&rows).unwrap().lines().chain(std::fs::read_to_string(&past).unwrap().lines())
        {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let known = line["id"].as_i64().and_then(|id| ever.get(&id));
            let Some(known) = known.filter(|_| line["grade"] != "doubtful" && line["value"] != "partial") else {
                continue;
            };
            assert_eq!(line["name"].as_str().map(str::as_bytes), Some(known.0.as_slice()), "{what}: {line}");
            if known.0 != b"compact_rev_key" && known.3.is_some() {
                let sha1 = known.3.as_ref().map(|value| {
                    <sha1::Sha1 as sha1::Digest>::digest(value)
                        .iter()
                        .map(|byte| format!("{byte:02x}"))
                        .collect::<String>()
                });
                assert_eq!(line["value"].as_str(), sha1.as_deref(), "{what}: {line}");
            }
            good += 1;
        }
        assert!(good >= fewest, "{what}: {good}");
    }
}

fn broken_store(dir: &Path) -> (PathBuf, Truth) {
    let (_, mut files) = stores().remove(3);
    let truth = truth(&files);
    files.db[..PAGE].fill(0);
    interior(&mut files, |page| page.fill(0));
    let path = dir.join("broken.db");
    std::fs::write(&path, &files.db).unwrap();
    (path, truth)
}

#[test]
fn real_engines_start_on_what_is_written() {
    let (Some(kine), Some(etcd)) = (engines::kine(KineVersion::V0_16), engines::etcd(EtcdVersion::V3_6)) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let (path, truth) = broken_store(dir.path());
    let live: Vec<(Vec<u8>, i64)> = newest(&truth)
        .into_iter()
        .filter(|(name, id)| !truth[id].1 && name.starts_with(b"/registry/"))
        .map(|(name, id)| (name.to_vec(), id))
        .collect();
    let state_db = dir.path().join("recovered.db");
    command::ran(kinescope().arg("recover").arg(&path).arg("-o").arg(&state_db)).exits(0);
    let served = kine.start(&state_db);
    for (name, id) in live.iter().step_by(live.len() / 20) {
        let name = std::str::from_utf8(name).unwrap();
        let kv = served.get(name).unwrap().unwrap_or_else(|| panic!("{name} is not there"));
        assert_eq!((kv.mod_revision, Some(kv.value)), (*id, truth[id].3.clone()), "{name}");
    }
    served.stop();
    let snapshot = dir.path().join("recovered.snapshot");
    let mut command = kinescope();
    let command = command.arg("recover").arg(&path).args(["--to", "etcd-snapshot", "-o"]).arg(&snapshot);
    command::ran(command).exits(0);
    let data_dir = dir.path().join("etcd");
    etcd.restore(&snapshot, &data_dir, &[]).unwrap();
    let served = etcd.start(&data_dir);
    for (name, id) in live.iter().step_by(live.len() / 20) {
        let name = std::str::from_utf8(name).unwrap();
        let kv = served.get(name).unwrap().unwrap_or_else(|| panic!("{name} is not there"));
        assert_eq!((kv.mod_revision, Some(kv.value)), (*id, truth[id].3.clone()), "{name}");
    }
    served.stop();
}

/// Compares what a server lists with what was written: each live key with its revision and its value.
#[track_caller]
fn serves(what: &str, kine: &engines::Kine, written: &Truth) {
    let live: BTreeMap<&[u8], i64> = newest(written).into_iter().filter(|(_, id)| !written[id].1).collect();
    let listed = kine.list("/registry/").unwrap();
    let served: BTreeMap<&[u8], (i64, Option<&Vec<u8>>)> =
        listed.kvs.iter().map(|kv| (kv.key.as_slice(), (kv.mod_revision, Some(&kv.value)))).collect();
    let of_registry = live.into_iter().filter(|(name, _)| name.starts_with(b"/registry/"));
    let should: BTreeMap<&[u8], (i64, Option<&Vec<u8>>)> =
        of_registry.map(|(name, id)| (name, (id, written[&id].3.as_ref()))).collect();
    assert!(served == should, "{what}: {} served of {}", served.len(), should.len());
}

#[test]
fn real_kine_starts_on_what_is_left_after_every_kind_of_damage() {
    let Some(kine) = engines::kine(KineVersion::V0_16) else { return };
    for (store, healthy) in stores().into_iter().skip(3).step_by(2) {
        for (scenario, _, damage) in SCENARIOS {
            let what = format!("{store}: {scenario}");
            let dir = tempfile::tempdir().unwrap();
            let mut files = healthy.clone();
            damage(&mut files, &mut Dice(0x1e37_79b9_7f4a));
            let target = dir.path().join("recovered.db");
            recovered(&files, Target::Kine, &target, true);
            let written = rows_of(&target);
            let served = kine.start(&target);
            serves(&what, &served, &written);
            // It goes on where the store ends, and gives no revision twice.
            let last = *written.keys().next_back().unwrap();
            let next = served.create("/registry/example/after-the-recovery", "x").unwrap();
            assert!(next > last, "{what}: {next} behind {last}");
            served.stop();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// No bytes make it panic: bits, bytes and pages of a real store anywhere, and no store at all.
    #[test]
    fn no_damage_ends_the_search(
        seed in 1u64..,
        flips in 0usize..400,
        cut in 0usize..100,
        with_wal: bool,
        noise in proptest::collection::vec(any::<u8>(), 0..9000),
    ) {
        let (_, mut files) = stores().remove(if with_wal { 5 } else { 3 });
        let mut dice = Dice(seed);
        for _ in 0..flips {
            let at = dice.roll(files.db.len());
            files.db[at] ^= 1 << dice.roll(8);
            if let Some(wal) = files.wal.as_mut().filter(|wal| !wal.is_empty()) {
                let at = dice.roll(wal.len());
                wal[at] ^= 1 << dice.roll(8);
            }
        }
        let keep = files.db.len() * (100 - cut) / 100;
        files.db.truncate(keep);
        let _ = salvage(&files, Reading::Use);
        let _ = salvage(&Files { db: noise.clone(), wal: None }, Reading::Use);
        let _ = salvage(&Files { db: Vec::new(), wal: Some(noise) }, Reading::Use);
    }
}
