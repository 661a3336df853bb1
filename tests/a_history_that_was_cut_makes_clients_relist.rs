//! `--at`, `--no-history`, `--bump` and `--revisions renumber` make a store whose history is not the source's. The engines
//! start on it, its current revision is no lower than the source's, and a client that watches from an older revision is
//! told to list anew.

mod engines;
mod fixtures;
mod proof;

use std::path::{Path, PathBuf};

use engines::{Etcd, EtcdEngine, EtcdVersion, Kine, KineVersion};
use kinescope::ops::convert::{ConvertError, Options, PlanError, Target};
use proof::{
    LiveKeys, Told, Ttls, assert_same_live, converted, etcd_live, kine_live, lasting, live_below_root, try_convert,
};

/// What was asked for, in the words of the options.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cut {
    At(i64),
    NoHistory,
    Bump(i64),
    Renumber,
    /// All that can be asked for at once.
    All(i64),
}

impl Cut {
    fn options(self, to: Target) -> Options {
        let plain = Options::plain(to);
        match self {
            Self::At(at) => Options { at: Some(at), ..plain },
            Self::NoHistory => Options { history: false, ..plain },
            Self::Bump(bump) => Options { bump, ..plain },
            Self::Renumber => Options { renumber: true, ..plain },
            Self::All(at) => Options { at: Some(at), history: false, bump: 1000, renumber: true, ..plain },
        }
    }

    fn bump(self) -> i64 {
        match self {
            Self::Bump(bump) => bump,
            Self::All(_) => 1000,
            _ => 0,
        }
    }

    fn at(self) -> Option<i64> {
        match self {
            Self::At(at) | Self::All(at) => Some(at),
            _ => None,
        }
    }
}

/// A store, what its own engine told of it now, and what it listed at an older revision.
struct Whole {
    name: String,
    path: PathBuf,
    told: Told,
    then: (i64, LiveKeys),
}

impl Whole {
    fn cuts(&self) -> [Cut; 5] {
        [Cut::At(self.then.0), Cut::NoHistory, Cut::Bump(100_000), Cut::Renumber, Cut::All(self.then.0)]
    }

    fn live(&self, cut: Cut) -> LiveKeys {
        live_below_root(if cut.at().is_some() { &self.then.1 } else { &self.told.live })
    }

    /// What all engines have to say of what became of it. Only numbers that renumbering changes may differ.
    fn check(&self, cut: Cut, name: &str, current: i64, found: &LiveKeys) {
        assert!(current >= self.told.revision + cut.bump(), "{name}: the current revision went back");
        if !matches!(cut, Cut::Renumber | Cut::All(_)) {
            assert_eq!(current, self.told.revision + cut.bump(), "{name}: current revision");
            assert_same_live(name, found, &self.live(cut));
            return;
        }
        let mut expected = self.live(cut);
        for (key, live) in &mut expected {
            let found = found.get(key).unwrap_or_else(|| panic!("{name}: {}", key.escape_ascii()));
            assert!(found.mod_revision >= live.mod_revision, "{name}: a lower revision");
            assert!(found.create_revision >= live.create_revision, "{name}: a lower create revision");
            assert!(found.create_revision <= found.mod_revision, "{name}");
            (live.create_revision, live.mod_revision) = (found.create_revision, found.mod_revision);
        }
        assert_same_live(name, found, &expected);
    }

    fn in_kine(&self, cut: Cut, file: &Path) {
        let name = format!("{} {cut:?} in kine", self.name);
        assert_eq!(proof::integrity_check(file), "ok", "{name}");
        let (current, compact) = proof::kine_bounds(file);
        assert_eq!(current, compact, "{name}: current and compact revision");
        let Some(engine) = engines::kine(KineVersion::V0_16) else { return };
        let kine: Kine = engine.start(file);
        self.check(cut, &name, current, &kine_live(&kine, current));
        let before = lasting(&kine_live(&kine, current));
        for old in [1, self.told.compact_revision + 1, current - 1] {
            assert_eq!(proof::is_refused(&kine, "/", old), Some(compact), "{name}: a watch from {old}");
        }
        // A client that has listed goes on from there.
        let made = kine.create("/registry/proof", "1").unwrap();
        assert!(made > current, "{name}");
        let events = proof::seen(kine.watch("/", current + 1, made), made);
        assert_eq!(events.last().unwrap().key, b"/registry/proof", "{name}");
        kine.compact(made).unwrap();
        let mut after = lasting(&kine_live(&kine, kine.revision().unwrap()));
        assert!(after.remove(b"/registry/proof".as_slice()).is_some());
        after.retain(|key, _| before.contains_key(key) || key != b"/registry/health");
        assert_same_live(&name, &after, &before);
    }

    fn in_etcd(&self, cut: Cut, engine: &EtcdEngine, snapshot: &Path, into: &Path, hash: u32) {
        let name = format!("{} {cut:?} in etcd", self.name);
        let data_dir = into.join("restored");
        engine.restore(snapshot, &data_dir, &[]).unwrap();
        let etcd: Etcd = engine.start(&data_dir);
        let current = etcd.revision().unwrap();
        let told = etcd.hash_kv(current).unwrap();
        assert_eq!((told.hash, told.compact_revision), (hash, current), "{name}: HashKV, compact revision");
        let ttls = Ttls::of(&etcd, 16);
        let live = live_below_root(&etcd_live(&etcd, current, &ttls));
        self.check(cut, &name, current, &live);
        for old in [1, self.told.compact_revision + 1, current - 1] {
            assert_eq!(proof::is_refused(&etcd, "/", old), Some(current), "{name}: a watch from {old}");
        }
        let made = etcd.put("/registry/proof", "1").unwrap();
        assert_eq!(made, current + 1, "{name}");
        let events = proof::seen(etcd.watch("/", made, made), made);
        assert_eq!(events[0].key, b"/registry/proof", "{name}");
        etcd.compact(made).unwrap();
        etcd.kill();
        let etcd = engine.start(&data_dir);
        assert!(etcd.list("/").unwrap().kvs.len() > live.len() / 2, "{name}, restarted");
    }
}

fn of_etcd(engine: &EtcdEngine, name: &str, path: PathBuf, into: &Path) -> Whole {
    let data_dir = into.join("source.etcd");
    engine.restore(&path, &data_dir, &[]).unwrap();
    let told = proof::etcd_directory_tells(engine, &data_dir);
    let etcd = engine.start(&data_dir);
    let at = (told.compact_revision + told.revision) / 2;
    let then = (at, etcd_live(&etcd, at, &Ttls::of(&etcd, 1)));
    Whole { name: name.to_owned(), path, told, then }
}

fn of_kine(name: &str, path: PathBuf, into: &Path) -> Option<Whole> {
    let engine = engines::kine(KineVersion::V0_16)?;
    let told = proof::kine_tells(&engine, &path);
    let at = (told.compact_revision + told.revision) / 2;
    let kine = engine.start(&proof::copied(&path, into));
    let then = (at, kine_live(&kine, at));
    Some(Whole { name: name.to_owned(), path, told, then })
}

fn all_ways(whole: &Whole) {
    assert!(whole.then.1.len() > 20 && whole.then.1 != whole.told.live, "{}", whole.name);
    let targets = [Target::Kine, Target::EtcdSnapshot];
    let ways: Vec<_> = whole.cuts().into_iter().flat_map(|cut| targets.map(|to| (cut, to))).collect();
    proof::for_each(&ways, |(cut, to)| {
        let temporary = tempfile::tempdir().unwrap();
        let target = temporary.path().join("target.db");
        let report = converted(&whole.path, &target, &cut.options(*to));
        assert_eq!(report.current_revision, report.compact_revision);
        match to {
            Target::Kine => whole.in_kine(*cut, &target),
            _ => {
                let Some(engine) = engines::etcd(EtcdVersion::V3_6) else { return };
                whole.in_etcd(*cut, &engine, &target, temporary.path(), report.hash_kv.unwrap());
            }
        }
    });
}

#[test]
fn an_etcd_store_that_was_cut() {
    let Some(engine) = engines::etcd(EtcdVersion::V3_6) else { return };
    let temporary = tempfile::tempdir().unwrap();
    let snapshot = proof::hard_etcd_store(&engine, temporary.path());
    all_ways(&of_etcd(&engine, "hard", snapshot, temporary.path()));
}

#[test]
fn a_kine_store_that_was_cut() {
    let source = proof::kine_files().into_iter().next_back().unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let Some(whole) = of_kine(&source.name, source.path, temporary.path()) else { return };
    all_ways(&whole);
}

#[test]
fn a_moment_outside_the_history_is_refused() {
    for source in proof::etcd_directories().into_iter().chain(proof::kine_files()) {
        let temporary = tempfile::tempdir().unwrap();
        let target = temporary.path().join("target.db");
        let report = converted(&source.path, &target, &Options::plain(Target::Kine));
        for at in [report.compact_revision - 1, report.current_revision + 1] {
            let other = temporary.path().join("other.db");
            let error = try_convert(&source.path, &other, &Cut::At(at).options(Target::Kine)).unwrap_err();
            assert!(matches!(error, ConvertError::Plan(PlanError::At { .. })), "{}: {error}", source.name);
            assert!(!other.exists());
        }
    }
}

/// Two keys that one transaction wrote and that are both live have no place in kine under their numbers; with numbers of
/// their own they have.
#[test]
fn live_keys_of_one_transaction_need_numbers_of_their_own() {
    let (Some(engine), Some(kine)) = (engines::etcd(EtcdVersion::V3_6), engines::kine(KineVersion::V0_16)) else {
        return;
    };
    let temporary = tempfile::tempdir().unwrap();
    let etcd = engine.start(&temporary.path().join("etcd"));
    etcd.put("/registry/before", "1").unwrap();
    let shared = etcd.put_at_once(&[("/registry/a", "1"), ("/registry/b", "1"), ("/registry/c", "1")]).unwrap();
    etcd.put("/registry/b", "2").unwrap();
    let last = etcd.put("/registry/after", "1").unwrap();
    let snapshot = temporary.path().join("snapshot.db");
    etcd.save_snapshot(&snapshot).unwrap();
    let expected = etcd.list("").unwrap();
    etcd.kill();

    let target = temporary.path().join("state.db");
    let refused = try_convert(&snapshot, &target, &Options::plain(Target::Kine)).unwrap_err();
    let ConvertError::Plan(PlanError::SharedByLiveKeys { revision, keys }) = &refused else { panic!("{refused}") };
    assert_eq!((*revision, keys.as_str()), (shared, "/registry/a, /registry/c"));
    assert!(refused.to_string().contains("--revisions renumber"));

    converted(&snapshot, &target, &Cut::Renumber.options(Target::Kine));
    let kine = kine.start(&target);
    let listed: Vec<_> = kine.list("/registry/").unwrap().kvs;
    let values = |kvs: &[engines::Kv]| -> Vec<(String, Vec<u8>)> {
        let named = kvs.iter().filter(|kv| kv.key != b"/registry/health");
        named.map(|kv| (kv.name(), kv.value.clone())).collect()
    };
    assert_eq!(values(&listed), values(&expected.kvs));
    // Three changes at one revision push what comes after them by two.
    let revision_of = |key: &str| listed.iter().find(|kv| kv.name() == key).unwrap().mod_revision;
    let keys = ["/registry/before", "/registry/a", "/registry/c", "/registry/b", "/registry/after"];
    assert_eq!(keys.map(revision_of), [shared - 1, shared, shared + 2, shared + 3, last + 2]);
    assert_eq!(kine.get("/registry/b").unwrap().unwrap().create_revision, shared + 1);
}
