//! From one engine to the other and back: what is not the same afterwards is what the reports name, and they name only
//! what the rules allow. What must come back is known from the engines in miniature that made the stores, and from
//! SQLite, not from kinescope's own readers.

mod fixtures;
mod simulated;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use fixtures::unpacked;
use kinescope::model::Version;
use kinescope::ops::convert::{ConvertError, Options, PlanError, Reason, Report, Target};
use kinescope::ops::store::Store;
use proptest::prelude::*;
use simulated::etcd::{End, Etcd, is_embedded, is_no_text};
use simulated::kine::{APISERVER, COMPACT, Kine};
use simulated::run::{Refused, named, named_for, open, run, scratch};
use simulated::{Facts, Named, assert_same, etcd, facts_of, kine, without};

fn plain(to: Target) -> Options {
    Options::plain(to)
}

fn plan_error(refused: Refused) -> PlanError {
    match refused {
        Refused::Convert(ConvertError::Plan(error)) => error,
        other => panic!("refused for another reason: {other:?}"),
    }
}

/// The facts of etcd as kine has them: the apiserver's note has another name and form there.
fn as_kine(facts: Facts, versions: &BTreeMap<i64, i64>) -> Facts {
    let translate = |((main, key), mut fact): ((i64, Vec<u8>), simulated::Fact)| {
        if key == COMPACT.as_bytes() {
            fact.key = APISERVER.as_bytes().to_vec();
            if fact.put {
                fact.value = [format!("{}|", versions[&main]).as_bytes(), &fact.value].concat();
            }
        }
        ((main, fact.key.clone()), fact)
    };
    facts.into_iter().map(translate).collect()
}

/// The names that kine's report gives, as etcd has them.
fn as_etcd(named: Named) -> Named {
    let translate = |(main, key): (i64, Vec<u8>)| {
        (main, if key == APISERVER.as_bytes() { COMPACT.as_bytes().to_vec() } else { key })
    };
    named.into_iter().map(translate).collect()
}

/// Whether a conversion to kine may be refused, by the source alone.
fn refusal_expected(source: &Etcd, upto: i64, renumber: bool) -> Option<&'static str> {
    if source.live(upto).keys().any(|key| is_no_text(key)) {
        Some("not text")
    } else if !renumber && !source.live_sharing_at(upto).is_empty() {
        Some("shared")
    } else {
        None
    }
}

fn assert_refusal(refused: Refused, expected: Option<&str>) {
    match plan_error(refused) {
        PlanError::LiveKeyNotText { .. } => assert_eq!(expected, Some("not text")),
        PlanError::SharedByLiveKeys { .. } => assert_eq!(expected, Some("shared")),
        other => panic!("{other}"),
    }
}

/// Every change that etcd to kine left out is one that the rules allow to.
fn assert_allowed(source: &Etcd, upto: i64, report: &Report) {
    let mut sharing: BTreeMap<i64, Vec<&etcd::Row>> = BTreeMap::new();
    for row in source.changes(upto).filter(|row| !is_embedded(&row.key) && !is_no_text(&row.key)) {
        sharing.entry(row.main).or_default().push(row);
    }
    let live = source.live(upto);
    let is_shared = |main: i64| sharing.get(&main).is_some_and(|rows| rows.len() > 1);
    let ends_shared = |main: i64, key: &[u8]| {
        let end = source.changes(upto).find(|row| row.key == key && row.main >= main && row.tombstone);
        end.is_some_and(|end| is_shared(end.main))
    };
    for (key, left) in &report.left_out {
        let main = left.revision.unwrap();
        let row = source.changes(upto).find(|row| row.key == *key && row.main == main);
        let row = row.unwrap_or_else(|| panic!("{} at {main} was never there", key.escape_ascii()));
        let is_live = live.get(key.as_slice()).is_some_and(|live| live.main == main);
        let allowed = match left.reason {
            Reason::EmbeddedEtcd => is_embedded(key),
            Reason::NotText => is_no_text(key) && !live.contains_key(key.as_slice()),
            Reason::SharedRevision => !row.tombstone && !is_live && is_shared(main),
            Reason::LifeOfSharedTombstone => !is_live && ends_shared(main, key),
            Reason::OldValueOnly | Reason::BeforeBrokenLife => false,
        };
        assert!(allowed, "{} at {main} is left out: {:?}", key.escape_ascii(), left.reason);
    }
    // A revision loses all of its rows only where each belongs to a life that ended in another transaction.
    let left_out = named(report);
    for (main, rows) in sharing.iter().filter(|(_, rows)| rows.len() > 1) {
        let lives = named_for(report, Reason::LifeOfSharedTombstone);
        let kept = rows.iter().filter(|row| !left_out.contains(&(*main, row.key.clone()))).count();
        let lost = rows.iter().filter(|row| !row.tombstone && lives.contains(&(*main, row.key.clone()))).count();
        assert!(kept == 1 || kept == 0 && lost == rows.len(), "revision {main} keeps {kept} of {} rows", rows.len());
    }
}

/// The table is one that kine can work with: chains, flags, its own rows.
fn assert_kine_s_rules(table: &Kine, current: i64, compact: i64) {
    assert_eq!((table.current(), table.compact_revision()), (current, compact));
    let kines_own: Vec<&kine::Row> = table.rows.iter().filter(|row| row.name == COMPACT).collect();
    assert_eq!(kines_own.len(), 1);
    assert!(
        table.changes(i64::MAX).all(|row| row.prev != kines_own[0].id),
        "kine's compaction would delete its own row"
    );
    let mut newest: BTreeMap<&str, &kine::Row> = BTreeMap::new();
    for row in table.rows.iter().filter(|row| row.is_change()) {
        let before = newest.insert(&row.name, row);
        assert_eq!(row.prev, before.map_or(0, |before| before.id), "{row:?}");
        let old = before.filter(|before| !before.deleted).map(|before| before.value.clone().unwrap_or_default());
        assert_eq!(row.old, old, "{row:?} after {before:?}");
        if row.deleted {
            assert_eq!(row.value, row.old, "{row:?}");
            assert_eq!(row.lease, 0);
            assert!(before.is_none_or(|before| before.deleted || row.create == before.life()), "{row:?}");
        } else {
            assert!(row.created == (row.create == 0) && row.create < row.id, "{row:?}");
            let follows = before.filter(|before| !before.deleted);
            assert!(follows.is_none_or(|before| !row.created && row.life() == before.life()), "{row:?}");
        }
    }
}

/// The facts of a target of etcd, with its bounds.
fn etcd_facts(path: &Path, current: i64, compact: i64) -> Facts {
    let opened = open(path).unwrap();
    let history = opened.store.history();
    assert_eq!((history.current_revision(), history.compact_revision()), (current, compact));
    facts_of(history)
}

fn etcd_there_and_back(source: &Etcd, trailer: bool) {
    let dir = scratch();
    let [a, b, c] = ["a.etcd", "b.db", "c.etcd"].map(|name| dir.path().join(name));
    source.write(&a, trailer);
    let expected_refusal = refusal_expected(source, i64::MAX, false);
    let there = match run(&a, &b, &plain(Target::Kine)) {
        Ok(report) => report,
        Err(refused) => return assert_refusal(refused, expected_refusal),
    };
    assert_eq!(expected_refusal, None);
    assert_allowed(source, i64::MAX, &there);
    let facts = source.facts(i64::MAX);
    let versions: BTreeMap<i64, i64> =
        source.rows.iter().filter(|row| row.key == COMPACT.as_bytes()).map(|row| (row.main, row.version)).collect();

    let table = Kine::read(&b);
    assert_kine_s_rules(&table, source.current, source.compact);
    assert_same(&table.facts(i64::MAX), &as_kine(without(facts.clone(), &named(&there)), &versions));

    let back = run(&b, &c, &plain(Target::EtcdSnapshot)).unwrap();
    let lost: Named = named(&there).into_iter().chain(as_etcd(named(&back))).collect();
    let live: BTreeSet<_> = source.live(i64::MAX).values().map(|row| (row.main, row.key.clone())).collect();
    assert!(lost.intersection(&live).all(|(_, key)| is_embedded(key)), "every live key is kept");
    assert_eq!(named_for(&back, Reason::OldValueOnly), Named::new(), "every old value is that of a row");
    let broken = table.before_broken_lives(i64::MAX);
    let jumps = |(_, key): &&(i64, Vec<u8>)| key != APISERVER.as_bytes();
    let told = named_for(&back, Reason::BeforeBrokenLife);
    assert_eq!(told.iter().filter(jumps).collect::<Vec<_>>(), broken.iter().filter(jumps).collect::<Vec<_>>());
    assert_same(&etcd_facts(&c, source.current, source.compact), &without(facts, &lost));
    assert_versions(source, &lost, &c);
    let is_whole = source.leases.is_empty() && source.rows.iter().all(|row| row.lease == 0) && lost.is_empty();
    if is_whole && source.compact == 0 && source.rows.iter().all(|row| row.sub == 0 && Etcd::is_change(row)) {
        assert_eq!(back.hash_kv, Some(source.hash_kv()));
    }
}

/// Versions are the same where every row of the life survived.
fn assert_versions(source: &Etcd, lost: &Named, path: &Path) {
    let opened = open(path).unwrap();
    let history = opened.store.history();
    let mut whole: BTreeMap<&[u8], bool> = BTreeMap::new();
    for row in source.changes(i64::MAX).filter(|row| !row.tombstone) {
        let is_lost = lost.contains(&(row.main, row.key.clone()));
        let whole = whole.entry(&row.key).or_insert(false);
        *whole = !is_lost && (row.version == 1 || *whole);
        if *whole {
            let key = history.keys().find(&row.key).unwrap();
            let found = history.changes_of(key).find(|change| change.revision.main == row.main).unwrap();
            assert_eq!(found.version, Version::Known(row.version), "{row:?}");
        }
    }
}

fn kine_there_and_back(source: &Kine, a: &Path) {
    let [b, c] = ["b.etcd", "c.db"].map(|name| a.parent().unwrap().join(name));
    let there = run(a, &b, &plain(Target::EtcdSnapshot)).unwrap();
    let jumped = |named: &Named| -> Named {
        let is_apiservers = |(_, key): &&(i64, Vec<u8>)| key == APISERVER.as_bytes();
        named.iter().filter(is_apiservers).cloned().collect()
    };
    assert_eq!(named_for(&there, Reason::OldValueOnly), source.old_values_only(i64::MAX));
    let told = named_for(&there, Reason::BeforeBrokenLife);
    let expected: Named = source.before_broken_lives(i64::MAX).union(&jumped(&told)).cloned().collect();
    assert_eq!(told, expected);
    let allowed = [Reason::OldValueOnly, Reason::BeforeBrokenLife];
    assert!(there.left_out.iter().all(|(_, left)| allowed.contains(&left.reason)));
    let live: Named = source.live(i64::MAX).values().map(|row| (row.id, row.name.clone().into_bytes())).collect();
    assert!(named(&there).is_disjoint(&live), "every live key is kept");
    let facts = without(source.facts(i64::MAX), &named(&there));
    assert_eq!(etcd_facts(&b, source.current(), source.compact_revision()).len(), facts.len());

    let ids: BTreeSet<i64> = facts.keys().map(|(id, _)| *id).collect();
    let is_full = (1..source.current()).all(|id| ids.contains(&id));
    let back = match run(&b, &c, &plain(Target::Kine)) {
        Ok(report) => report,
        Err(refused) => {
            assert!(matches!(plan_error(refused), PlanError::NoFreeRevision { .. }));
            return assert!(is_full, "kine's compact row finds a place");
        }
    };
    assert!(back.left_out.iter().all(|(key, left)| left.reason == Reason::EmbeddedEtcd && is_embedded(key)));
    let table = Kine::read(&c);
    assert_kine_s_rules(&table, source.current(), source.compact_revision());
    assert_same(&table.facts(i64::MAX), &without(facts, &named(&back)));
}

/// A moment and what of it: `--at`, `--no-history`, `--bump`.
#[derive(Clone, Copy, Debug)]
struct Flags {
    /// Revisions before the current one.
    back: Option<i64>,
    history: bool,
    bump: i64,
    to_etcd: bool,
}

fn flags() -> impl Strategy<Value = Flags> {
    let bump = prop_oneof![2 => Just(0i64), 1 => 1i64..1_000_000];
    (proptest::option::of(0i64..30), any::<bool>(), bump, any::<bool>())
        .prop_map(|(back, history, bump, to_etcd)| Flags { back, history, bump, to_etcd })
}

impl Flags {
    fn options(self, at: Option<i64>) -> Options {
        let to = if self.to_etcd { Target::EtcdSnapshot } else { Target::Kine };
        Options { at, history: self.history, bump: self.bump, ..plain(to) }
    }

    fn at(self, current: i64) -> Option<i64> {
        self.back.map(|back| current - back)
    }

    /// The facts of a moment without those that nobody wanted.
    fn of(self, facts: Facts, live: &Named) -> Facts {
        facts.into_iter().filter(|(at, _)| self.history || live.contains(at)).collect()
    }

    fn bounds(self, current: i64, compact: i64) -> (i64, i64) {
        let breaks = self.back.is_some() || !self.history || self.bump > 0;
        (current + self.bump, if breaks { current + self.bump } else { compact })
    }
}

/// The facts of a target of either engine, read by SQLite where it is kine's.
fn target_facts(path: &Path, to_etcd: bool, bounds: (i64, i64)) -> Facts {
    if to_etcd {
        return etcd_facts(path, bounds.0, bounds.1);
    }
    let table = Kine::read(path);
    assert_eq!((table.current(), table.compact_revision()), bounds);
    let kines_own = table.rows.iter().find(|row| row.name == COMPACT).unwrap();
    assert!(table.changes(i64::MAX).all(|row| row.prev != kines_own.id), "kine's compaction would delete its own row");
    table.facts(i64::MAX)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn etcd_s_histories_come_back_from_kine(story in etcd::stories(), trailer: bool) {
        etcd_there_and_back(&Etcd::of(&story), trailer);
    }

    #[test]
    fn kine_s_histories_come_back_from_etcd(story in kine::stories()) {
        let dir = scratch();
        let path = dir.path().join("a.db");
        let source = Kine::of(&story);
        source.write(&path, story.writer);
        kine_there_and_back(&source, &path);
    }

    #[test]
    fn moments_of_etcd_are_what_was_there(story in etcd::stories(), flags in flags()) {
        let source = Etcd::of(&story);
        let dir = scratch();
        let [a, b] = ["a.etcd", "b"].map(|name| dir.path().join(name));
        source.write(&a, true);
        let at = flags.at(source.current);
        let upto = at.unwrap_or(source.current);
        let report = match run(&a, &b, &flags.options(at)) {
            Ok(report) => report,
            Err(refused) if upto < source.compact.max(0) => {
                let too_old = matches!(plan_error(refused), PlanError::At { .. });
                prop_assert!(too_old);
                return Ok(());
            }
            Err(refused) => {
                prop_assert!(!flags.to_etcd);
                assert_refusal(refused, refusal_expected(&source, upto, false));
                return Ok(());
            }
        };
        let live: Named = source.live(upto).values().map(|row| (row.main, row.key.clone())).collect();
        let versions: BTreeMap<i64, i64> =
            source.rows.iter().filter(|row| row.key == COMPACT.as_bytes()).map(|row| (row.main, row.version)).collect();
        let expected = without(flags.of(source.facts(upto), &live), &named(&report));
        let expected = if flags.to_etcd { expected } else { as_kine(expected, &versions) };
        if flags.history && !flags.to_etcd {
            assert_allowed(&source, upto, &report);
        }
        prop_assert!(named(&report).intersection(&live).all(|(_, key)| is_embedded(key)));
        let bounds = flags.bounds(source.current, source.compact);
        assert_same(&target_facts(&b, flags.to_etcd, bounds), &expected);
    }

    #[test]
    fn moments_of_kine_are_what_was_there(story in kine::stories(), flags in flags()) {
        let source = Kine::of(&story);
        let dir = scratch();
        let [a, b] = ["a.db", "b"].map(|name| dir.path().join(name));
        source.write(&a, story.writer);
        let at = flags.at(source.current());
        let upto = at.unwrap_or(source.current());
        let report = match run(&a, &b, &flags.options(at)) {
            Ok(report) => report,
            Err(refused) => {
                match plan_error(refused) {
                    PlanError::At { .. } => prop_assert!(upto < source.compact_revision()),
                    PlanError::NoFreeRevision { .. } => prop_assert!(has_no_room(&source, upto)),
                    other => prop_assert!(false, "{}", other),
                }
                return Ok(());
            }
        };
        let live: Named = source.live(upto).values().map(|row| (row.id, row.name.clone().into_bytes())).collect();
        prop_assert!(named(&report).is_disjoint(&live));
        if flags.to_etcd && flags.history {
            prop_assert_eq!(named_for(&report, Reason::OldValueOnly), source.old_values_only(upto));
        } else if !flags.to_etcd || !flags.history {
            prop_assert_eq!(named(&report), Named::new());
        }
        let expected = without(flags.of(source.facts(upto), &live), &named(&report));
        let expected = if flags.to_etcd {
            expected.into_iter().map(|((main, key), fact)| from_kine(main, key, fact)).collect()
        } else {
            expected
        };
        let bounds = flags.bounds(source.current(), source.compact_revision());
        assert_same(&target_facts(&b, flags.to_etcd, bounds), &expected);
    }

    #[test]
    fn renumbering_keeps_every_change_in_its_order(story in etcd::stories()) {
        let source = Etcd::of(&story);
        let dir = scratch();
        let [a, b] = ["a.etcd", "b.db"].map(|name| dir.path().join(name));
        source.write(&a, true);
        let options = Options { renumber: true, ..plain(Target::Kine) };
        let report = match run(&a, &b, &options) {
            Ok(report) => report,
            Err(refused) => {
                assert_refusal(refused, refusal_expected(&source, i64::MAX, true));
                return Ok(());
            }
        };
        let only = [Reason::EmbeddedEtcd, Reason::NotText];
        prop_assert!(report.left_out.iter().all(|(_, left)| only.contains(&left.reason)));
        assert_allowed_keys(&source, &report);
        let table = Kine::read(&b);
        let kept = |row: &&etcd::Row| !named(&report).contains(&(row.main, row.key.clone()));
        let rows: Vec<&etcd::Row> = source.changes(i64::MAX).filter(kept).collect();
        let found: Vec<&kine::Row> = table.changes(i64::MAX).collect();
        prop_assert_eq!(found.len(), rows.len());
        let mut lives: BTreeMap<(&[u8], i64), i64> = BTreeMap::new();
        let mut last = 0;
        for (row, found) in rows.iter().zip(&found) {
            prop_assert!(found.id >= row.main && found.id > last, "{:?} became {:?}", row, found);
            prop_assert_eq!(found.id, row.main.max(last + 1), "no number is moved further than it must");
            last = found.id;
            prop_assert_eq!(found.deleted, row.tombstone);
            if row.key == COMPACT.as_bytes() {
                prop_assert_eq!(&found.name, APISERVER);
                continue;
            }
            prop_assert_eq!(found.name.as_bytes(), &row.key);
            if !row.tombstone {
                let life = if row.create == row.main { found.id } else { row.create };
                let life = *lives.entry((&row.key, row.create)).or_insert(life);
                prop_assert_eq!(found.life(), life, "{:?} became {:?}", row, found);
                prop_assert_eq!(found.value.as_ref(), Some(&row.value));
            }
        }
        let current = source.current.max(last);
        assert_kine_s_rules(&table, current, current);
        prop_assert_eq!(report.current_revision, current);
    }

    #[test]
    fn the_same_engine_keeps_every_row_of_etcd(story in etcd::stories()) {
        let source = Etcd::of(&story);
        let dir = scratch();
        let [a, b] = ["a.etcd", "b.etcd"].map(|name| dir.path().join(name));
        source.write(&a, true);
        run(&a, &b, &plain(Target::EtcdSnapshot)).unwrap();
        let opened = open(&b).unwrap();
        let Store::Etcd(store) = &opened.store else { panic!("etcd") };
        let history = store.history();
        let rows: Vec<etcd::Row> = store
            .rows()
            .iter()
            .map(|row| etcd::Row {
                main: row.at.revision.main,
                sub: row.at.revision.sub,
                tombstone: row.at.tombstone,
                key: history.keys().get(row.key).to_vec(),
                create: row.create_revision,
                version: row.version,
                lease: row.lease,
                value: history.value(row.value).unwrap().into_owned(),
            })
            .collect();
        prop_assert_eq!(&rows, &source.rows);
        let leases: BTreeMap<i64, i64> = history.leases().iter().map(|lease| (lease.id, lease.ttl)).collect();
        prop_assert_eq!(&leases, &source.leases);
        prop_assert_eq!((history.current_revision(), history.compact_revision()), (source.current, source.compact));
        // With the same content, a snapshot made from it is the same file.
        prop_assert!(std::fs::read(&a).unwrap() == std::fs::read(&b).unwrap());
    }

    #[test]
    fn the_same_engine_keeps_every_row_of_kine(story in kine::stories()) {
        let source = Kine::of(&story);
        let dir = scratch();
        let [a, b] = ["a.db", "b.db"].map(|name| dir.path().join(name));
        source.write(&a, story.writer);
        let has_compact_row = source.rows.iter().any(|row| row.name == COMPACT);
        match run(&a, &b, &plain(Target::Kine)) {
            Ok(_) => {
                let mut rows = Kine::read(&b).rows;
                if !has_compact_row {
                    let added = rows.iter().position(|row| row.name == COMPACT).unwrap();
                    prop_assert_eq!(rows.remove(added).prev, 0);
                }
                prop_assert_eq!(&rows, &source.rows);
            }
            Err(refused) => {
                let full = matches!(plan_error(refused), PlanError::NoFreeRevision { .. });
                prop_assert!(full);
                prop_assert!(!has_compact_row && has_no_room(&source, i64::MAX));
            }
        }
    }
}

/// Whether each id below the current one is that of a row, or of one that a row says it supersedes.
fn has_no_room(source: &Kine, upto: i64) -> bool {
    (1..source.current()).all(|id| source.rows.iter().any(|row| row.id <= upto && (row.id == id || row.prev == id)))
}

/// Keys that are left out without regard to sharing.
fn assert_allowed_keys(source: &Etcd, report: &Report) {
    let expected: Named = source
        .changes(i64::MAX)
        .filter(|row| is_embedded(&row.key) || is_no_text(&row.key))
        .map(|row| (row.main, row.key.clone()))
        .collect();
    assert_eq!(named(report), expected);
}

/// A fact of kine as etcd has it.
fn from_kine(main: i64, key: Vec<u8>, mut fact: simulated::Fact) -> ((i64, Vec<u8>), simulated::Fact) {
    if key == APISERVER.as_bytes() {
        fact.key = COMPACT.as_bytes().to_vec();
        let bar = fact.value.iter().position(|&byte| byte == b'|').map_or(0, |at| at + 1);
        fact.value.drain(..bar);
    }
    ((main, fact.key.clone()), fact)
}

#[test]
fn real_stores_of_kine_come_back_from_etcd() {
    for archive in ["kine-0.11", "kine-0.16"] {
        let files = ["early/state.db", "middle/state.db", "final/state.db", "early.backup.db", "middle.backup.db"];
        for file in files {
            let from = unpacked(archive).join(file);
            // SQLite writes to what it opens: it gets a copy.
            let [ours, sqlites] = [scratch(), scratch()];
            for dir in [&ours, &sqlites] {
                std::fs::copy(&from, dir.path().join("a.db")).unwrap();
                let wal = from.with_file_name(format!("{}-wal", from.file_name().unwrap().to_str().unwrap()));
                if wal.exists() {
                    std::fs::copy(wal, dir.path().join("a.db-wal")).unwrap();
                }
            }
            let source = Kine::read(&sqlites.path().join("a.db"));
            assert!(source.rows.len() > 100, "{archive} {file}");
            kine_there_and_back(&source, &ours.path().join("a.db"));
            let directory = ours.path().join("etcd");
            let report = run(&ours.path().join("a.db"), &directory, &plain(Target::EtcdDir)).unwrap();
            let facts: Facts = without(source.facts(i64::MAX), &named(&report))
                .into_iter()
                .map(|((main, key), fact)| from_kine(main, key, fact))
                .collect();
            assert_same(&etcd_facts(&directory, source.current(), source.compact_revision()), &facts);
        }
    }
}

#[test]
fn real_stores_of_etcd_come_back_from_kine() {
    for archive in ["etcd-3.5", "etcd-3.6"] {
        for file in ["early.snapshot", "middle.snapshot", "final.etcd/member/snap/db"] {
            let dir = scratch();
            let a = dir.path().join("a.etcd");
            std::fs::copy(unpacked(archive).join(file), &a).unwrap();
            let source = etcd_as_listed(&a);
            assert!(source.rows.len() > 100);
            real_etcd_there_and_back(&source, &a);
        }
    }
}

/// A real etcd's rows; another test holds the reader to what etcd itself listed of these files.
fn etcd_as_listed(path: &Path) -> Etcd {
    let opened = open(path).unwrap();
    let Store::Etcd(store) = &opened.store else { panic!("etcd") };
    let history = store.history();
    let rows = store.rows().iter().map(|row| etcd::Row {
        main: row.at.revision.main,
        sub: row.at.revision.sub,
        tombstone: row.at.tombstone,
        key: history.keys().get(row.key).to_vec(),
        create: row.create_revision,
        version: row.version,
        lease: row.lease,
        value: history.value(row.value).unwrap().into_owned(),
    });
    let leases = history.leases().iter().map(|lease| (lease.id, lease.ttl)).collect();
    Etcd::from_rows(rows.collect(), leases, history.compact_revision())
}

fn real_etcd_there_and_back(source: &Etcd, a: &Path) {
    let dir = a.parent().unwrap();
    let [b, c] = ["b.db", "c.etcd"].map(|name| dir.join(name));
    let there = run(a, &b, &plain(Target::Kine)).unwrap();
    assert_allowed(source, i64::MAX, &there);
    assert_kine_s_rules(&Kine::read(&b), source.current, source.compact);
    let back = run(&b, &c, &plain(Target::EtcdSnapshot)).unwrap();
    let lost: Named = named(&there).into_iter().chain(as_etcd(named(&back))).collect();
    assert_same(&etcd_facts(&c, source.current, source.compact), &without(source.facts(i64::MAX), &lost));
    let live: Named = source.live(i64::MAX).values().map(|row| (row.main, row.key.clone())).collect();
    assert!(lost.is_disjoint(&live) && live.len() > 200, "every live key is kept");
    assert_versions(source, &lost, &c);
}

#[test]
fn the_miniature_of_etcd_makes_what_the_properties_are_about() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..200 {
        let story = etcd::stories().new_tree(&mut runner).unwrap().current();
        let source = Etcd::of(&story);
        let mut saw = |what, is_there: bool| is_there.then(|| seen.insert(what));
        saw("compacted", source.compact > 0 && story.end == End::Plain);
        saw("shared", source.rows.iter().any(|row| row.sub > 3));
        saw("leased", source.live(i64::MAX).values().any(|row| source.leases.contains_key(&row.lease)));
        saw(
            "dangling",
            source.live(i64::MAX).values().any(|row| row.lease != 0 && !source.leases.contains_key(&row.lease)),
        );
        saw("live sharing", !source.live_sharing_at(i64::MAX).is_empty());
        saw("dead key that is no text", source.rows.iter().any(|row| row.tombstone && is_no_text(&row.key)));
        saw("live key that is no text", source.live(i64::MAX).keys().any(|key| is_no_text(key)));
        saw(
            "new life",
            source.rows.iter().any(|row| {
                row.version == 1
                    && source
                        .rows
                        .iter()
                        .any(|before| before.tombstone && before.main < row.main && before.key == row.key)
            }),
        );
        saw("large", source.rows.iter().any(|row| row.value.len() > 10_000));
    }
    assert_eq!(seen.len(), 9, "{seen:?}");
}
