//! The harness itself: every engine starts, does what a test will ask of it, and leaves no process behind.

#![allow(clippy::unwrap_used, clippy::panic)]

mod engines;

use std::time::{Duration, Instant};

use engines::{Conflict, EtcdVersion, KineVersion, Op};

const BINARY: &[u8] = b"\x00\xff\"\\ \n\t{ok}";

fn etcd_start_answer_and_leave(version: EtcdVersion) {
    let Some(engine) = engines::etcd(version) else { return };
    let temporary = tempfile::tempdir().unwrap();
    let data_dir = temporary.path().join("etcd");

    let etcd = engine.start(&data_dir);
    assert_eq!(etcd.revision().unwrap(), 1, "a new store is at revision 1");
    let lease = etcd.grant(1000).unwrap();
    assert_eq!(etcd.put("/a", "1").unwrap(), 2);
    assert_eq!(etcd.put_leased("/a", BINARY, lease).unwrap(), 3);
    assert_eq!(etcd.put(b"/b\0\xfe", "").unwrap(), 4);
    assert_eq!(etcd.put_at_once(&[("/c", "1"), ("/d", "2")]).unwrap(), 5);
    assert_eq!(etcd.delete("/c").unwrap(), 6);

    let a = etcd.get("/a").unwrap().unwrap();
    assert_eq!((a.create_revision, a.mod_revision, a.version, a.lease), (2, 3, 2, lease));
    assert_eq!(a.value, BINARY);
    let listing = etcd.list("").unwrap();
    assert_eq!(listing.revision, 6);
    let keys: Vec<_> = listing.kvs.iter().map(|kv| kv.key.as_slice()).collect();
    assert_eq!(keys, [b"/a".as_slice(), b"/b\0\xfe", b"/d"]);
    assert_eq!(etcd.list_at("/c", 5).unwrap().kvs.len(), 1);
    assert_eq!(etcd.get_at("/a", 2).unwrap().unwrap().value, b"1");
    assert!(etcd.list_at("", 7).unwrap_err().is_future());

    let leases = etcd.leases().unwrap();
    assert_eq!(leases.len(), 1);
    assert_eq!((leases[0].id, leases[0].granted_ttl), (lease, 1000));
    assert_eq!(leases[0].keys, [b"/a"]);

    let watched = etcd.watch("/", 3, 6);
    assert!(watched.reached);
    let events: Vec<_> = watched.events.iter().map(|e| (e.op, e.kv.mod_revision)).collect();
    assert_eq!(events, [(Op::Put, 3), (Op::Put, 4), (Op::Put, 5), (Op::Put, 5), (Op::Delete, 6)]);

    assert_eq!(etcd.hash_kv(0).unwrap().compact_revision, -1);
    etcd.compact(4).unwrap();
    assert!(etcd.list_at("", 3).unwrap_err().is_compacted());
    assert_eq!(etcd.watch("/", 2, 6).compacted, Some(4));
    let hash = etcd.hash_kv(0).unwrap();
    assert_eq!(hash.compact_revision, 4);
    etcd.defrag().unwrap();
    assert_eq!(etcd.hash_kv(0).unwrap(), hash, "defrag does not change the contents");

    let snapshot = temporary.path().join("snapshot.db");
    etcd.save_snapshot(&snapshot).unwrap();
    assert_eq!(engine.snapshot_status(&snapshot).unwrap().revision, 6);

    // Killed, it keeps everything; stopped, it is gone.
    let pid = etcd.pid();
    assert!(!engines::is_gone(pid));
    etcd.kill();
    assert!(engines::is_gone(pid), "killed, and yet {pid} is there");
    let etcd = engine.start(&data_dir);
    assert_eq!(etcd.list("").unwrap(), listing);
    let pid = etcd.pid();
    etcd.stop();
    assert!(engines::is_gone(pid), "stopped, and yet {pid} is there");

    // What bbolt's own command says of the file, and a store restored from the snapshot.
    if let Some(bbolt) = engines::bbolt() {
        bbolt.check(&data_dir.join("member/snap/db")).unwrap();
    }
    let restored = temporary.path().join("restored");
    engine.restore(&snapshot, &restored, &[]).unwrap();
    let etcd = engine.start(&restored);
    assert_eq!(etcd.list("").unwrap(), listing);
    assert_eq!(etcd.hash_kv(0).unwrap().hash, hash.hash);
}

#[test]
fn etcd_3_5_starts_answers_and_leaves() {
    etcd_start_answer_and_leave(EtcdVersion::V3_5);
}

#[test]
fn etcd_3_6_starts_answers_and_leaves() {
    etcd_start_answer_and_leave(EtcdVersion::V3_6);
}

#[test]
fn etcd_3_7_starts_answers_and_leaves() {
    etcd_start_answer_and_leave(EtcdVersion::V3_7);
}

fn kine_starts_answers_and_leaves(version: KineVersion) {
    let Some(engine) = engines::kine(version) else { return };
    let temporary = tempfile::tempdir().unwrap();
    let state_db = temporary.path().join("state.db");

    // 1 is kine's compact_rev_key, 2 its /registry/health.
    let kine = engine.start(&state_db);
    assert_eq!(kine.create("/registry/a", BINARY).unwrap(), 3);
    assert_eq!(kine.create_leased("/registry/b", "1", 3600).unwrap(), 4);
    assert_eq!(kine.update("/registry/a", "2", 3).unwrap(), 5);
    match kine.create("/registry/a", "3") {
        Err(Conflict::Other(Some(there))) => assert_eq!(there.mod_revision, 5),
        other => panic!("created twice: {other:?}"),
    }
    assert!(matches!(kine.delete("/registry/a", 3), Err(Conflict::Other(Some(_)))));
    assert_eq!(kine.delete("/registry/a", 5).unwrap(), 6);
    assert_eq!(kine.create("/registry/a", "4").unwrap(), 7);

    let b = kine.get("/registry/b").unwrap().unwrap();
    assert_eq!((b.create_revision, b.mod_revision, b.version, b.lease), (4, 4, 0, 3600));
    let listing = kine.list("/").unwrap();
    assert_eq!(listing.revision, 7);
    let keys: Vec<_> = listing.kvs.iter().map(engines::Kv::name).collect();
    assert_eq!(keys, ["/registry/a", "/registry/b", "/registry/health"]);

    if version == KineVersion::V0_11Eager {
        // It compacts what it likes, soon; the last revision is still there to be watched.
        let deadline = Instant::now() + Duration::from_secs(20);
        while kine.list_at("/", 5).is_ok() {
            assert!(Instant::now() < deadline, "no compaction");
            std::thread::sleep(Duration::from_millis(100));
        }
    } else {
        assert_eq!(kine.get_at("/registry/a", 4).unwrap().unwrap().value, BINARY);
        let watched = kine.watch("/registry/", 3, 7);
        assert!(watched.reached);
        let events: Vec<_> = watched.events.iter().map(|e| (e.op, e.kv.mod_revision)).collect();
        assert_eq!(events, [(Op::Put, 3), (Op::Put, 4), (Op::Put, 5), (Op::Delete, 6), (Op::Put, 7)]);
    }
    kine.compact(6).unwrap();
    if version == KineVersion::V0_16 {
        assert!(kine.list_at("/", 5).unwrap_err().is_compacted());
        assert_eq!(kine.watch("/", 4, 7).compacted, Some(6));
    }

    let pid = kine.pid();
    kine.kill();
    assert!(engines::is_gone(pid), "killed, and yet {pid} is there");
    let kine = engine.start(&state_db);
    assert_eq!(kine.list("/").unwrap(), listing);
    let pid = kine.pid();
    kine.stop();
    assert!(engines::is_gone(pid), "stopped, and yet {pid} is there");
}

#[test]
fn kine_0_11_starts_answers_and_leaves() {
    kine_starts_answers_and_leaves(KineVersion::V0_11);
}

#[test]
fn kine_0_11_with_eager_compaction_starts_answers_and_leaves() {
    kine_starts_answers_and_leaves(KineVersion::V0_11Eager);
}

#[test]
fn kine_0_16_starts_answers_and_leaves() {
    kine_starts_answers_and_leaves(KineVersion::V0_16);
}

/// A test that fails must not leave its server behind.
#[test]
fn a_panic_takes_the_server_with_it() {
    let Some(engine) = engines::etcd(EtcdVersion::V3_6) else { return };
    let temporary = tempfile::tempdir().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let failed = std::thread::scope(|scope| {
        let test = scope.spawn(|| {
            let etcd = engine.start(&temporary.path().join("etcd"));
            sender.send(etcd.pid()).unwrap();
            panic!("as a failing test does");
        });
        test.join().is_err()
    });
    let pid = receiver.recv().unwrap();
    assert!(failed);
    assert!(engines::is_gone(pid), "{pid} outlived its test");
}

/// What cannot start says why, soon, and is gone too.
#[test]
fn a_server_that_cannot_start_shows_its_log() {
    let Some(engine) = engines::etcd(EtcdVersion::V3_6) else { return };
    let temporary = tempfile::tempdir().unwrap();
    let data_dir = temporary.path().join("etcd");
    std::fs::create_dir_all(data_dir.join("member/snap")).unwrap();
    std::fs::write(data_dir.join("member/snap/db"), vec![0; 16384]).unwrap();
    let failure = engine.try_start(&data_dir, &[]).unwrap_err();
    assert!(failure.why.contains("ended at its start"), "{failure:?}");
    assert!(failure.log.contains("invalid database"), "{failure:?}");

    let Some(engine) = engines::kine(KineVersion::V0_16) else { return };
    let state_db = temporary.path().join("state.db");
    std::fs::write(&state_db, vec![b'x'; 8192]).unwrap();
    let failure = engine.try_start(&state_db, &[]).unwrap_err();
    assert!(failure.log.contains("file is not a database"), "{failure:?}");
}
