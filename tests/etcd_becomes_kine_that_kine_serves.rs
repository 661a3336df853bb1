//! A store of etcd, converted, is served by real kine: the same keys at the same revisions, the same history but for what
//! the report names, and it goes on living: writes, compaction, restart, expiry.

mod engines;
mod fixtures;
mod proof;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use engines::{EtcdVersion, Kine, KineEngine, KineVersion, Kv};
use kinescope::ops::convert::{Options, Report, Target};
use proof::{
    Live, LiveKeys, Told, assert_same_events, assert_same_live, below_root, converted, integrity_check, kine_bounds,
    kine_live, lasting, left_out, live_below_root, seen, sql_rows, without,
};

/// What kine has to say of a store that etcd told of.
struct Expected {
    told: Told,
    report: Report,
    live: LiveKeys,
    /// The key by which apiservers agree who compacts.
    apiservers: Option<Kv>,
}

impl Expected {
    fn new(told: Told, report: Report) -> Self {
        let live = live_below_root(&told.live);
        let apiservers = told.apiservers.clone();
        Self { told, report, live, apiservers }
    }

    fn events(&self) -> Vec<proof::Seen> {
        below_root(without(&self.told.events, &left_out(&self.report)))
    }
}

fn to_kine() -> Options {
    Options::plain(Target::Kine)
}

/// The file as SQLite sees it: sound, the bounds kept, every change in a row of its own.
fn sqlite_agrees(name: &str, file: &Path, expected: &Expected) {
    assert_eq!(integrity_check(file), "ok", "{name}");
    let told = &expected.told;
    assert_eq!(kine_bounds(file), (told.revision, told.compact_revision), "{name}: current and compact revision");
    let rows = sql_rows(file);
    let left_out = left_out(&expected.report);
    for event in without(&told.events, &left_out) {
        let at = rows.binary_search_by_key(&event.mod_revision, |row| row.0);
        let row = &rows[at.unwrap_or_else(|_| panic!("{name}: no row {}", event.mod_revision))];
        if event.key == b"compact_rev_key" {
            assert_eq!(row.1, b"compact_rev_key_apiserver", "{name}");
            continue;
        }
        assert_eq!(row.1, event.key, "{name}: the key of row {}", event.mod_revision);
        assert_eq!(row.3 == 1, event.put.is_none(), "{name}: deleted of row {}", event.mod_revision);
        if let Some((create_revision, value)) = &event.put {
            let created = row.2 == 1;
            assert_eq!(if created { row.0 } else { row.4 }, *create_revision, "{name}: row {}", event.mod_revision);
            assert!(row.7.as_ref() == Some(value), "{name}: the value of row {}", event.mod_revision);
        }
    }
    // Every prev_revision is the row before of the same key: kine's compaction deletes what it names.
    let mut newest: std::collections::HashMap<&[u8], i64> = std::collections::HashMap::new();
    for (id, key, prev_revision) in rows.iter().map(|row| (row.0, row.1.as_slice(), row.5)) {
        if key != b"compact_rev_key" {
            assert_eq!(prev_revision, newest.insert(key, id).unwrap_or(0), "{name}: prev_revision of row {id}");
        }
    }
}

/// What the report names is what the rule allows: changes that share their revision, and lives that ended in one that does.
fn nothing_else_is_left_out(name: &str, expected: &Expected) {
    let events = &expected.told.events;
    let mut changes_at: BTreeMap<i64, usize> = BTreeMap::new();
    for event in events {
        *changes_at.entry(event.mod_revision).or_default() += 1;
    }
    let is_shared = |revision: i64| changes_at[&revision] > 1;
    let left_out = left_out(&expected.report);
    for (at, event) in events.iter().enumerate() {
        if event.key.starts_with(b"k3s/") {
            assert!(left_out.contains(&(event.key.clone(), event.mod_revision)), "{name}: k3s's own");
            continue;
        }
        if left_out.contains(&(event.key.clone(), event.mod_revision)) && !is_shared(event.mod_revision) {
            let end = events[at..].iter().find(|later| later.key == event.key && later.put.is_none());
            let end = end.unwrap_or_else(|| panic!("{name}: {} at {}", event.key.escape_ascii(), event.mod_revision));
            assert!(is_shared(end.mod_revision), "{name}: {}", event.key.escape_ascii());
        }
    }
    // And no more than that: of every shared revision one change has the row, unless all its tombstones lost theirs.
    for (revision, _) in changes_at.iter().filter(|(_, count)| **count > 1) {
        let here = events.iter().filter(|event| event.mod_revision == *revision);
        let kept = here.filter(|event| !left_out.contains(&(event.key.clone(), *revision))).count();
        assert_eq!(kept, 1, "{name}: changes that are kept at {revision}");
    }
}

/// What is there, at its revisions, and the way it came to be.
fn kine_tells_the_same(name: &str, kine: &Kine, expected: &Expected) {
    let told = &expected.told;
    assert_same_live(name, &kine_live(kine, told.revision), &expected.live);
    let now = kine.list("/").unwrap();
    assert!(now.revision >= told.revision, "{name}: the current revision went back");
    let watched = kine.watch("/", told.compact_revision + 1, expected.events().last().unwrap().mod_revision);
    assert_same_events(name, &seen(watched, told.revision), &expected.events());
}

/// Writes as Kubernetes does, and keeps the books.
fn write(name: &str, kine: &Kine, live: &mut LiveKeys, told: &Told) {
    let lasting: Vec<(Vec<u8>, i64)> =
        proof::lasting(live).into_iter().map(|(key, live)| (key, live.mod_revision)).collect();
    let step = lasting.len() / 12;
    let chosen: Vec<_> = lasting.into_iter().step_by(step.max(1)).take(12).collect();
    let (updated, deleted) = chosen.split_at(6);
    for (key, revision) in updated {
        let new = kine.update(key, b"updated", *revision).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let was = &live[key];
        assert!(new > told.revision);
        let is = Live { mod_revision: new, ttl: 0, value: b"updated".to_vec(), ..was.clone() };
        live.insert(key.clone(), is);
    }
    for (key, revision) in deleted {
        kine.delete(key, *revision).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        live.remove(key);
    }
    // New keys, keys that were deleted just now, and keys that died long ago.
    let dead = told.events.iter().filter(|event| event.put.is_none() && event.key.starts_with(b"/"));
    let dead = dead.map(|event| event.key.clone()).filter(|key| !live.contains_key(key)).take(3);
    let new = [b"/registry/proof/a".to_vec(), b"/registry/proof/b".to_vec()];
    let again: Vec<_> = dead.chain(deleted.iter().take(2).map(|(key, _)| key.clone())).chain(new).collect();
    for key in again {
        if live.contains_key(&key) {
            continue;
        }
        let revision = kine.create(&key, b"created").unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let is = Live { create_revision: revision, mod_revision: revision, ttl: 0, value: b"created".to_vec() };
        live.insert(key, is);
    }
}

/// What is there now, but for keys that may expire meanwhile.
fn live_now(kine: &Kine) -> LiveKeys {
    lasting(&kine_live(kine, kine.revision().unwrap()))
}

fn kine_lives_on_it(name: &str, engine: &KineEngine, file: &Path, expected: &Expected) {
    let kine = engine.start(file);
    kine_tells_the_same(name, &kine, expected);
    // The apiserver's own key lives under another name in kine, which hands it out under its own since 0.13.16; its
    // version decides which apiserver may compact next.
    if let Some(there) = expected.apiservers.as_ref().filter(|_| engine.version == KineVersion::V0_16) {
        assert_eq!(kine.get("compact_rev_key").unwrap().as_ref(), Some(there), "{name}");
    }
    let mut live = expected.live.clone();
    // The one key that kine makes itself where it is missing.
    if let Some(health) = live_now(&kine).remove(b"/registry/health".as_slice()) {
        live.entry(b"/registry/health".to_vec()).or_insert(health);
    }
    write(name, &kine, &mut live, &expected.told);
    let live = lasting(&live);
    assert_same_live(&format!("{name}, written to"), &live_now(&kine), &live);

    if engine.version == KineVersion::V0_16 {
        // First into the middle of the old history, then to its end and beyond.
        let told = &expected.told;
        let middle = (told.compact_revision + told.revision) / 2;
        let at_middle = kine_live(&kine, middle);
        kine.compact(middle).unwrap();
        assert_eq!(proof::is_refused(&kine, "/", middle - 1), Some(middle), "{name}");
        assert_same_live(&format!("{name}, at {middle}"), &kine_live(&kine, middle), &at_middle);
        let later: Vec<_> = expected.events().into_iter().filter(|event| event.mod_revision > middle).collect();
        if let Some(last) = later.last() {
            let watched = seen(kine.watch("/", middle + 1, last.mod_revision), told.revision);
            assert_same_events(&format!("{name}, after {middle}"), &watched, &later);
        }
        kine.compact(kine.revision().unwrap()).unwrap();
        assert_same_live(&format!("{name}, compacted"), &live_now(&kine), &live);
    }
    kine.kill();
    let kine = engine.start(file);
    assert_same_live(&format!("{name}, killed and restarted"), &live_now(&kine), &live);
    kine.stop();
    assert_eq!(integrity_check(file), "ok", "{name}, after kine");
    compacts_in_the_old_way(name, file, &live);
}

/// kine 0.11 compacts with the statements of its time.
fn compacts_in_the_old_way(name: &str, file: &Path, live: &LiveKeys) {
    let Some(engine) = engines::kine(KineVersion::V0_11Eager) else { return };
    let kine = engine.start(file);
    let revision = kine.revision().unwrap();
    proof::wait_until(name, || {
        kine.list_at("/", revision - 1).is_err_and(|error| error.is_compacted()) || {
            // It compacts only when there is something new.
            let key = format!("/registry/proof/{}", kine.revision().unwrap());
            let made = kine.create(&key, b"").unwrap();
            kine.delete(&key, made).unwrap();
            std::thread::sleep(Duration::from_millis(300));
            false
        }
    });
    assert_same_live(&format!("{name}, compacted by 0.11"), &live_now(&kine), live);
    kine.stop();
    assert_eq!(integrity_check(file), "ok", "{name}, after 0.11");
}

fn served(version: KineVersion) {
    let Some(engine) = engines::kine(version) else { return };
    let Some(etcd) = engines::etcd(EtcdVersion::V3_6) else { return };
    let stores = tempfile::tempdir().unwrap();
    proof::for_each(&proof::etcd_stores(stores.path()), |source| {
        let temporary = tempfile::tempdir().unwrap();
        let file = temporary.path().join("state.db");
        let report = converted(&source.path, &file, &to_kine());
        let expected = Expected::new(proof::etcd_tells(&etcd, &source.ask), report);
        let name = format!("{} in kine {version:?}", source.name);
        assert!(expected.live.len() > 50 && expected.told.events.len() > 100, "{name}");
        nothing_else_is_left_out(&name, &expected);
        sqlite_agrees(&name, &file, &expected);
        kine_lives_on_it(&name, &engine, &file, &expected);
    });
}

#[test]
fn kine_0_16_serves_every_store() {
    served(KineVersion::V0_16);
}

#[test]
fn kine_0_11_serves_every_store() {
    served(KineVersion::V0_11);
}

/// Keys with a lease go after their time; the others stay.
fn leased_keys_expire(version: KineVersion) {
    let Some(engine) = engines::kine(version) else { return };
    let Some(etcd_engine) = engines::etcd(EtcdVersion::V3_6) else { return };
    let temporary = tempfile::tempdir().unwrap();
    let snapshot = temporary.path().join("snapshot.db");
    let etcd = etcd_engine.start(&temporary.path().join("etcd"));
    let (short, long) = (etcd.grant(4).unwrap(), etcd.grant(3600).unwrap());
    for number in 0..5 {
        etcd.put_leased(format!("/registry/short/{number}"), "s", short).unwrap();
        etcd.put_leased(format!("/registry/long/{number}"), "l", long).unwrap();
        etcd.put(format!("/registry/stays/{number}"), "x").unwrap();
    }
    // A key whose newest value has no lease any more stays.
    etcd.put_leased("/registry/stays/freed", "1", short).unwrap();
    etcd.put("/registry/stays/freed", "2").unwrap();
    etcd.save_snapshot(&snapshot).unwrap();
    etcd.kill();

    let file = temporary.path().join("state.db");
    converted(&snapshot, &file, &to_kine());
    let kine = engine.start(&file);
    let at_start = kine_live(&kine, 18);
    let ttls = |prefix: &str| -> Vec<i64> {
        at_start.iter().filter(|(key, _)| key.starts_with(prefix.as_bytes())).map(|(_, live)| live.ttl).collect()
    };
    assert_eq!(ttls("/registry/short/"), [4; 5]);
    assert_eq!(ttls("/registry/long/"), [3600; 5]);
    assert_eq!(ttls("/registry/stays/"), [0; 6]);
    proof::wait_until("expiry", || kine.list("/registry/short/").unwrap().kvs.is_empty());
    assert_eq!(kine.list("/registry/long/").unwrap().kvs.len(), 5);
    assert_eq!(kine.list("/registry/stays/").unwrap().kvs.len(), 6);
}

#[test]
fn leased_keys_expire_in_kine_0_16() {
    leased_keys_expire(KineVersion::V0_16);
}

#[test]
fn leased_keys_expire_in_kine_0_11() {
    leased_keys_expire(KineVersion::V0_11);
}
