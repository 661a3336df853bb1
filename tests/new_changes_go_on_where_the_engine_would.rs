//! Changes that are put on top of a store while it is copied or converted are those that the real engine makes of the same
//! writes: same revisions, same lives, same hash.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod engines;
mod fixtures;
mod proof;

use std::path::Path;

use engines::{EtcdVersion, KineVersion};
use fixtures::unpacked;
use kinescope::model::Op;
use kinescope::ops::convert::{ConvertError, NewChange, NewOp, Options, Target};
use proof::{converted, copied, etcd_tells, integrity_check, kine_tells, sql_rows, try_convert};

/// A live key and a deleted one of a store.
fn keys(path: &Path) -> (String, String) {
    let source = kinescope::ops::store::open(path, &kinescope::source::Choice::default()).unwrap();
    let history = source.store.history();
    let names = |live: bool| {
        let lasts =
            |name: &[u8]| !name.starts_with(b"/registry/events/") && !name.starts_with(b"/registry/masterleases/");
        let fits = |name: &&[u8]| name.starts_with(b"/registry/") && lasts(name);
        let keys = history.keys().ids().filter(|&key| history.live(key).is_some() == live);
        let mut names = keys.map(|key| history.keys().get(key)).filter(fits);
        String::from_utf8(names.next().unwrap().to_vec()).unwrap()
    };
    (names(true), names(false))
}

/// Every way in which a change can follow another.
fn changes(live: &str, deleted: &str) -> Vec<NewChange> {
    let put = |key: &str, value: &str| NewChange::put(key, value.as_bytes().to_vec());
    vec![
        put("/registry/new", "1"),
        put("/registry/new", "2"),
        put(live, "updated"),
        put(deleted, "created again"),
        NewChange::delete("/registry/new"),
        put("/registry/new", "third"),
        NewChange::delete(live),
        put("/registry/empty", ""),
    ]
}

fn with(to: Target, additions: Vec<NewChange>) -> Options {
    Options { additions, ..Options::plain(to) }
}

#[test]
fn etcd_has_the_hash_that_it_has_after_the_same_writes() {
    for (archive, version) in [("etcd-3.5", EtcdVersion::V3_6), ("etcd-3.6", EtcdVersion::V3_7)] {
        let Some(engine) = engines::etcd(version) else { continue };
        let source = unpacked(archive).join("middle.snapshot");
        let (live, deleted) = keys(&source);
        let changes = changes(&live, &deleted);
        let temporary = tempfile::tempdir().unwrap();
        let data_dir = temporary.path().join("expected.etcd");
        engine.restore(&source, &data_dir, &[]).unwrap();
        let etcd = engine.start(&data_dir);
        for change in &changes {
            match &change.op {
                NewOp::Put { value, .. } => etcd.put(&change.key, value).unwrap(),
                NewOp::Delete => etcd.delete(&change.key).unwrap(),
            };
        }
        let revision = etcd.revision().unwrap();
        let expected = etcd.hash_kv(revision).unwrap();
        etcd.kill();
        let target = temporary.path().join("target.snapshot");
        let report = converted(&source, &target, &with(Target::EtcdSnapshot, changes.clone()));
        assert_eq!((report.current_revision, report.hash_kv), (revision, Some(expected.hash)), "{archive}");
        assert_eq!(report.added.len(), changes.len());
        let told = etcd_tells(&engine, &target);
        assert_eq!(told.revision, revision);
        assert_eq!(told.live[b"/registry/new".as_slice()].value, b"third");
        assert!(!told.live.contains_key(live.as_bytes()));
    }
}

#[test]
fn kine_has_the_rows_that_it_has_after_the_same_writes() {
    for (archive, version) in [("kine-0.11", KineVersion::V0_11), ("kine-0.16", KineVersion::V0_16)] {
        let Some(engine) = engines::kine(version) else { continue };
        let source = unpacked(archive).join("final/state.db");
        let (live, deleted) = keys(&source);
        let changes = changes(&live, &deleted);
        let temporary = tempfile::tempdir().unwrap();
        let file = copied(&source, temporary.path());
        let kine = engine.start(&file);
        let before = kine.revision().unwrap();
        for change in &changes {
            let now = kine.get(std::str::from_utf8(&change.key).unwrap()).unwrap();
            match (&change.op, now) {
                (NewOp::Put { value, .. }, None) => kine.create(&change.key, value).unwrap(),
                (NewOp::Put { value, .. }, Some(now)) => kine.update(&change.key, value, now.mod_revision).unwrap(),
                (NewOp::Delete, now) => kine.delete(&change.key, now.unwrap().mod_revision).unwrap(),
            };
        }
        kine.stop();
        let target = temporary.path().join("target.db");
        let report = converted(&source, &target, &with(Target::Kine, changes.clone()));
        assert_eq!(report.current_revision, before + changes.len() as i64);
        let [expected, found] = [&file, &target].map(|file| {
            let mut rows = sql_rows(file);
            rows.retain(|row| row.0 > before);
            rows
        });
        assert_eq!(found.len(), changes.len());
        for (found, expected) in found.iter().zip(&expected) {
            let mut found = found.clone();
            if found.3 == 1 && version == KineVersion::V0_16 {
                // A tombstone as kine wrote it before 0.16: with create revision and value.
                assert!(found.4 > 0 && found.7 == found.8, "{archive}: {}", found.0);
                found.4 = expected.4;
                found.7.clone_from(&expected.7);
            }
            if found.1 == b"/registry/new" && found.2 == 1 && version == KineVersion::V0_16 {
                // The value of the tombstone before it, which 0.16 would have left without one.
                found.8.clone_from(&expected.8);
            }
            // kine 0.11 stores an empty value as NULL.
            found.7 = found.7.filter(|value| !value.is_empty() || expected.7.is_some());
            assert!(&found == expected, "{archive}: row {} of {}", found.0, found.1.escape_ascii());
        }
        assert_eq!(integrity_check(&target), "ok");
        let told = kine_tells(&engine, &target);
        assert_eq!(told.live[b"/registry/new".as_slice()].value, b"third");
        assert!(!told.live.contains_key(live.as_bytes()));
    }
}

#[test]
fn on_top_of_a_conversion_they_are_served_too() {
    let (Some(kine), Some(etcd)) = (engines::kine(KineVersion::V0_16), engines::etcd(EtcdVersion::V3_6)) else {
        return;
    };
    let temporary = tempfile::tempdir().unwrap();
    let source = unpacked("etcd-3.6").join("middle.snapshot");
    let (live, deleted) = keys(&source);
    let target = temporary.path().join("state.db");
    let changes = changes(&live, &deleted);
    for (no_history, name) in [(false, "all"), (true, "live")] {
        let target = temporary.path().join(format!("{name}.db"));
        let options = Options { history: !no_history, ..with(Target::Kine, changes.clone()) };
        let report = converted(&source, &target, &options);
        let told = kine_tells(&kine, &target);
        assert_eq!(told.revision, report.current_revision, "{name}");
        assert_eq!(told.live[deleted.as_bytes()].value, b"created again");
        assert_eq!(told.compact_revision, report.compact_revision);
        assert_eq!(no_history, report.compact_revision == report.current_revision);
    }
    let source = unpacked("kine-0.16").join("final/state.db");
    let (live, deleted) = keys(&source);
    let mut additions = self::changes(&live, &deleted);
    additions
        .push(NewChange { key: b"/registry/leased".to_vec(), op: NewOp::Put { value: b"x".to_vec(), ttl: Some(900) } });
    converted(&source, &target.with_extension("snapshot"), &with(Target::EtcdSnapshot, additions));
    let told = etcd_tells(&etcd, &target.with_extension("snapshot"));
    assert_eq!(told.live[b"/registry/leased".as_slice()].ttl, 900);
    assert_eq!(told.live[b"/registry/new".as_slice()].value, b"third");
}

#[test]
fn what_no_engine_would_do_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let source = unpacked("etcd-3.6").join("early.snapshot");
    let refused = |to: Target, change: NewChange| {
        let target = temporary.path().join("target");
        let error = try_convert(&source, &target, &with(to, vec![change])).unwrap_err();
        assert!(matches!(error, ConvertError::Plan(_)) && !target.exists());
        error.to_string()
    };
    assert!(refused(Target::Kine, NewChange::delete("/registry/none")).contains("is not live"));
    assert!(refused(Target::EtcdSnapshot, NewChange::put("", b"x".to_vec())).contains("empty key"));
    assert!(refused(Target::Kine, NewChange::put("compact_rev_key", b"x".to_vec())).contains("for itself"));
    assert!(refused(Target::Kine, NewChange::put(b"\xff".to_vec(), b"x".to_vec())).contains("not UTF-8"));
    let ttl = NewChange { key: b"/a".to_vec(), op: NewOp::Put { value: Vec::new(), ttl: Some(0) } };
    assert!(refused(Target::EtcdSnapshot, ttl.clone()).contains("above 0"));
    assert!(!format!("{ttl:?}{:?}", NewChange::put("/a", b"secret".to_vec())).contains("secret"));
    assert_eq!([Op::Put, Op::Delete].map(Op::name), ["put", "delete"]);
}
