//! A store of kine, converted to a snapshot, is restored and served by real etcd 3.5, 3.6 and 3.7: the same keys at the
//! same revisions, the same history, the hash that was computed offline; and it goes on living: writes, compaction,
//! defragmentation, kill, restart, expiry.

mod engines;
mod fixtures;
mod proof;

use std::collections::HashMap;
use std::path::Path;

use engines::{Etcd, EtcdEngine, EtcdVersion, KineVersion};
use kinescope::etcd::EtcdVersion as Marked;
use kinescope::ops::convert::{Options, Reason, Report, Target};
use proof::{
    Live, LiveKeys, SqlRow, Told, Ttls, assert_same_events, assert_same_live, below_root, converted, etcd_live,
    kine_tells, lasting, left_out, live_below_root, seen, without,
};

fn to_snapshot() -> Options {
    Options::plain(Target::EtcdSnapshot)
}

/// A store of kine, what kine and SQLite said of it, and what it became.
struct Case<'a> {
    name: String,
    told: &'a Told,
    rows: &'a [SqlRow],
    report: &'a Report,
}

impl Case<'_> {
    fn events(&self) -> Vec<proof::Seen> {
        below_root(without(&self.told.events, &left_out(self.report)))
    }

    /// What is there, its hash, and the way it came to be.
    fn etcd_tells_the_same(&self, etcd: &Etcd, ttls: &Ttls) {
        let (name, told) = (&self.name, self.told);
        assert_eq!(etcd.revision().unwrap(), told.revision, "{name}: current revision");
        let live = etcd_live(etcd, told.revision, ttls);
        assert_same_live(name, &live_below_root(&live), &live_below_root(&told.live));
        let hash = etcd.hash_kv(told.revision).unwrap();
        assert_eq!(Some(hash.hash), self.report.hash_kv, "{name}: HashKV");
        assert_eq!(hash.compact_revision.max(0), told.compact_revision, "{name}: compact revision");
        let watched = etcd.watch("/", told.compact_revision.max(1), self.events().last().unwrap().mod_revision);
        let mut found = seen(watched, told.revision);
        found.retain(|seen| seen.mod_revision > told.compact_revision);
        assert_same_events(name, &found, &self.events());
        if told.compact_revision > 1 {
            let refused = proof::is_refused(etcd, "/", told.compact_revision - 1);
            assert_eq!(refused, Some(told.compact_revision), "{name}: a watch from below the compact revision");
        }
        self.versions_count_the_rows(etcd);
        self.the_apiserver_finds_its_key(etcd);
    }

    /// A version is the number of puts of a life, where all of its rows are there; else it is at least 2.
    fn versions_count_the_rows(&self, etcd: &Etcd) {
        let mut puts: HashMap<(&[u8], i64), (i64, bool)> = HashMap::new();
        for (id, key, created, deleted, create_revision, ..) in self.rows {
            if *deleted == 0 {
                let life = if *created == 1 { *id } else { *create_revision };
                let (count, whole) = puts.entry((key.as_slice(), life)).or_default();
                *count += 1;
                *whole |= *created == 1;
            }
        }
        for kv in etcd.list_at("/", self.told.revision).unwrap().kvs {
            let (count, whole) = puts[&(kv.key.as_slice(), kv.create_revision)];
            let expected = if whole { count } else { count + 1 };
            assert_eq!(kv.version, expected, "{}: version of {}", self.name, kv.name());
        }
    }

    fn the_apiserver_finds_its_key(&self, etcd: &Etcd) {
        let Some(expected) = &self.told.apiservers else { return };
        let found = etcd.get("compact_rev_key").unwrap().unwrap();
        assert_eq!(
            (found.version, found.mod_revision, &found.value),
            (expected.version, expected.mod_revision, &expected.value),
            "{}",
            self.name
        );
    }

    /// Everything that may happen to a store in use.
    fn etcd_lives_on_it(&self, engine: &EtcdEngine, data_dir: &Path) {
        let name = &self.name;
        let etcd = engine.start(data_dir);
        let ttls = Ttls::of(&etcd, 16);
        self.etcd_tells_the_same(&etcd, &ttls);
        let mut live = self.told.live.clone();
        self.write(&etcd, &mut live);
        let live = lasting(&live_below_root(&live));
        assert_same_live(&format!("{name}, written to"), &self.live_now(&etcd, &ttls), &live);
        let middle = (self.told.compact_revision + self.told.revision) / 2;
        for compact in [middle, etcd.revision().unwrap()] {
            let at = live_below_root(&etcd_live(&etcd, compact, &ttls));
            etcd.compact(compact).unwrap();
            assert_same_live(
                &format!("{name}, at {compact}"),
                &live_below_root(&etcd_live(&etcd, compact, &ttls)),
                &at,
            );
            assert_same_live(&format!("{name}, compacted at {compact}"), &self.live_now(&etcd, &ttls), &live);
        }
        etcd.defrag().unwrap();
        assert_same_live(&format!("{name}, defragmented"), &self.live_now(&etcd, &ttls), &live);
        etcd.put("/registry/proof/last", "words").unwrap();
        etcd.kill();
        let etcd = engine.start(data_dir);
        assert_eq!(etcd.get("/registry/proof/last").unwrap().unwrap().value, b"words", "{name}");
        etcd.delete("/registry/proof/last").unwrap();
        assert_same_live(&format!("{name}, killed and restarted"), &self.live_now(&etcd, &ttls), &live);
        let log = etcd.log();
        assert!(!log.contains("\"level\":\"panic\"") && !log.contains("failed to attach a lease"), "{name}: {log}");
        etcd.stop();
        if let Some(bbolt) = engines::bbolt() {
            bbolt.check(&data_dir.join("member/snap/db")).unwrap();
        }
    }

    /// What is there now, but for keys that may expire meanwhile.
    fn live_now(&self, etcd: &Etcd, ttls: &Ttls) -> LiveKeys {
        let mut live = live_below_root(&etcd_live(etcd, etcd.revision().unwrap(), ttls));
        let lasting = lasting(&self.told.live);
        live.retain(|key, _| lasting.contains_key(key) || !self.told.live.contains_key(key));
        live
    }

    fn write(&self, etcd: &Etcd, live: &mut LiveKeys) {
        let keys: Vec<Vec<u8>> = lasting(&live_below_root(live)).into_keys().collect();
        let chosen: Vec<_> = keys.iter().step_by(keys.len() / 12).take(12).collect();
        let (updated, deleted) = chosen.split_at(6);
        for &key in updated {
            let new = etcd.put(key, b"updated").unwrap();
            assert!(new > self.told.revision, "{}", self.name);
            let is = Live { mod_revision: new, ttl: 0, value: b"updated".to_vec(), ..live[key].clone() };
            live.insert(key.clone(), is);
        }
        for &key in deleted {
            etcd.delete(key).unwrap();
            live.remove(key);
        }
        let dead = self.told.events.iter().filter(|event| event.put.is_none()).map(|event| event.key.clone());
        let dead = dead.filter(|key| !self.told.live.contains_key(key)).take(3);
        let new = [b"/registry/proof/a".to_vec(), deleted[0].clone()];
        for key in dead.chain(new) {
            if live.contains_key(&key) {
                continue;
            }
            let revision = etcd.put(&key, b"created").unwrap();
            let is = Live { create_revision: revision, mod_revision: revision, ttl: 0, value: b"created".to_vec() };
            live.insert(key, is);
        }
    }
}

fn served(version: EtcdVersion) {
    let (Some(engine), Some(kine)) = (engines::etcd(version), engines::kine(KineVersion::V0_16)) else { return };
    let stores = tempfile::tempdir().unwrap();
    proof::for_each(&proof::kine_stores(stores.path()), |source| {
        let temporary = tempfile::tempdir().unwrap();
        let snapshot = temporary.path().join("snapshot.db");
        let report = converted(&source.path, &snapshot, &to_snapshot());
        let rows = proof::sql_rows(&proof::copied(&source.path, temporary.path()));
        let told = kine_tells(&kine, &source.path);
        let name = format!("{} in etcd {version:?}", source.name);
        assert!(told.live.len() > 30 && told.events.len() > 60, "{name}");
        only_broken_lives_are_left_out(&name, &report, &rows);
        if source.name.starts_with("hard") {
            assert!(report.left_out.iter().any(|(_, left_out)| left_out.reason == Reason::BeforeBrokenLife), "{name}");
        }
        let status = engine.snapshot_status(&snapshot).unwrap();
        assert_eq!(status.revision, told.revision, "{name}");
        if let Some(bbolt) = engines::bbolt() {
            bbolt.check(&snapshot).unwrap();
        }
        let data_dir = temporary.path().join("etcd");
        engine.restore(&snapshot, &data_dir, &[]).unwrap();
        Case { name, told: &told, rows: &rows, report: &report }.etcd_lives_on_it(&engine, &data_dir);
    });
}

/// What is left out has no row any more, or stands before a life whose first row is gone.
fn only_broken_lives_are_left_out(name: &str, report: &Report, rows: &[SqlRow]) {
    for (key, left_out) in &report.left_out {
        let there = |id: i64| rows.binary_search_by_key(&id, |row| row.0).ok().map(|at| &rows[at]);
        let key_name = key.escape_ascii();
        match left_out.reason {
            Reason::OldValueOnly => {
                let row = left_out.revision.and_then(there).filter(|row| row.1 == *key && row.3 == 0);
                assert!(row.is_none(), "{name}: {key_name} at {:?} is there", left_out.revision);
            }
            Reason::BeforeBrokenLife => {
                let revision = left_out.revision.unwrap();
                let later = rows.iter().filter(|row| row.1 == *key && row.0 > revision && row.3 == 0);
                let broken = later.filter(|row| row.2 == 0).any(|row| there(row.4).is_none_or(|first| first.1 != *key));
                assert!(broken, "{name}: {key_name} at {revision}");
            }
            other => panic!("{name}: {key_name} is left out: {other:?}"),
        }
    }
}

#[test]
fn etcd_3_5_serves_every_store() {
    served(EtcdVersion::V3_5);
}

#[test]
fn etcd_3_6_serves_every_store() {
    served(EtcdVersion::V3_6);
}

#[test]
fn etcd_3_7_serves_every_store() {
    served(EtcdVersion::V3_7);
}

/// A file for all versions starts in all; a marked one in its own and in later ones.
#[test]
fn a_marked_version_starts_where_it_should() {
    let engines: Vec<_> = EtcdVersion::ALL.into_iter().filter_map(engines::etcd).collect();
    let source = &proof::kine_files()[0];
    let mut cases = Vec::new();
    for mark in [None, Some(Marked::V3_5), Some(Marked::V3_6), Some(Marked::V3_7)] {
        for engine in &engines {
            cases.push((mark, engine));
        }
    }
    proof::for_each(&cases, |(mark, engine)| {
        let temporary = tempfile::tempdir().unwrap();
        let snapshot = temporary.path().join("snapshot.db");
        let report = converted(&source.path, &snapshot, &Options { etcd_version: *mark, ..to_snapshot() });
        let data_dir = temporary.path().join("etcd");
        let restored = engine.restore(&snapshot, &data_dir, &[]);
        let started = restored.map_err(|error| error.stderr).and_then(|()| {
            let etcd = engine.try_start(&data_dir, &[]).map_err(|failure| failure.log)?;
            assert_eq!(Some(etcd.hash_kv(report.current_revision).unwrap().hash), report.hash_kv);
            Ok(())
        });
        // 3.6 refuses the storage version of 3.7; 3.5 knows none, and restoring has made a new cluster of the file.
        match (mark, engine.version) {
            (Some(Marked::V3_7), EtcdVersion::V3_6) => {
                let log = started.unwrap_err();
                assert!(log.contains("is not supported"), "{log}");
            }
            (mark, version) => started.unwrap_or_else(|log| panic!("marked {mark:?}, in {version:?}: {log}")),
        }
    });
}

/// Keys with a time to live go after it; the others stay.
fn leased_keys_expire(version: EtcdVersion) {
    let (Some(engine), Some(kine_engine)) = (engines::etcd(version), engines::kine(KineVersion::V0_16)) else { return };
    let temporary = tempfile::tempdir().unwrap();
    let file = temporary.path().join("state.db");
    let kine = kine_engine.start(&file);
    for number in 0..5 {
        kine.create_leased(format!("/registry/short/{number}"), "s", 4).unwrap();
        kine.create_leased(format!("/registry/long/{number}"), "l", 3600).unwrap();
        kine.create(format!("/registry/stays/{number}"), "x").unwrap();
    }
    // A key whose newest value has no time to live any more stays.
    let freed = kine.create_leased("/registry/stays/freed", "1", 4).unwrap();
    let last = kine.update("/registry/stays/freed", "2", freed).unwrap();
    kine.kill();

    let snapshot = temporary.path().join("snapshot.db");
    converted(&file, &snapshot, &to_snapshot());
    let data_dir = temporary.path().join("etcd");
    engine.restore(&snapshot, &data_dir, &[]).unwrap();
    let etcd = engine.start(&data_dir);
    let leases = etcd.leases().unwrap();
    let with = |ttl: i64| -> Vec<String> {
        let leases = leases.iter().filter(|lease| lease.granted_ttl == ttl);
        let mut keys: Vec<String> =
            leases.flat_map(|lease| &lease.keys).map(|key| String::from_utf8(key.clone()).unwrap()).collect();
        keys.sort();
        keys
    };
    let named = |kind: &str| -> Vec<String> { (0..5).map(|number| format!("/registry/{kind}/{number}")).collect() };
    assert_eq!(with(4), named("short"));
    assert_eq!(with(3600), named("long"));
    assert_eq!(leases.len(), 10, "a lease for each key");
    proof::wait_until("expiry", || etcd.list("/registry/short/").unwrap().kvs.is_empty());
    assert_eq!(etcd.list("/registry/long/").unwrap().kvs.len(), 5);
    assert_eq!(etcd.list("/registry/stays/").unwrap().kvs.len(), 6);
    // Five leases of their own, five revisions.
    assert_eq!(etcd.revision().unwrap(), last + 5);
    assert_eq!(etcd.leases().unwrap().len(), 5);
}

#[test]
fn leased_keys_expire_in_etcd_3_5() {
    leased_keys_expire(EtcdVersion::V3_5);
}

#[test]
fn leased_keys_expire_in_etcd_3_7() {
    leased_keys_expire(EtcdVersion::V3_7);
}
