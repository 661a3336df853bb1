//! etcd to etcd and kine to kine: every row is kept as it is. The started result has the hash that the source has, kine's
//! rows are the same for SQLite.

mod engines;
mod fixtures;
mod proof;

use engines::{EtcdVersion, KineVersion};
use kinescope::ops::convert::{Options, Target};
use proof::{
    assert_same_events, assert_same_live, converted, copied, etcd_tells, integrity_check, kine_tells, sql_rows,
};

#[test]
fn etcd_has_the_hash_it_had() {
    let versions = [EtcdVersion::V3_5, EtcdVersion::V3_6, EtcdVersion::V3_7];
    let engines: Vec<_> = versions.into_iter().filter_map(engines::etcd).collect();
    let [_, newer @ ..] = engines.as_slice() else { return };
    let stores = tempfile::tempdir().unwrap();
    proof::for_each(&proof::etcd_stores(stores.path()), |source| {
        for engine in newer {
            let name = format!("{} in {:?}", source.name, engine.version);
            let temporary = tempfile::tempdir().unwrap();
            let target = temporary.path().join("target.snapshot");
            let report = converted(&source.path, &target, &Options::plain(Target::EtcdSnapshot));
            assert!(report.left_out.is_empty(), "{name}");
            // Both are restored and started, and asked the same.
            let [hash, expected] = [&target, &source.ask].map(|snapshot| {
                let data_dir = temporary.path().join(format!("{}.etcd", snapshot.file_name().unwrap().display()));
                engine.restore(snapshot, &data_dir, &[]).unwrap();
                let etcd = engine.start(&data_dir);
                let revision = etcd.revision().unwrap();
                (revision, etcd.hash_kv(revision).unwrap(), etcd.list("").unwrap().kvs.len())
            });
            assert_eq!(hash, expected, "{name}: revision, HashKV, keys");
            assert_eq!(report.hash_kv, Some(expected.1.hash), "{name}");
        }
        // Leases with and without keys, and every event in its place in its transaction.
        let Some(engine) = newer.first() else { return };
        let temporary = tempfile::tempdir().unwrap();
        let target = temporary.path().join("target.snapshot");
        converted(&source.path, &target, &Options::plain(Target::EtcdSnapshot));
        let (found, expected) = (etcd_tells(engine, &target), etcd_tells(engine, &source.ask));
        assert_same_live(&source.name, &found.live, &expected.live);
        assert_same_events(&source.name, &found.events, &expected.events);
        assert_eq!(found.apiservers, expected.apiservers, "{}", source.name);
    });
}

#[test]
fn kine_has_the_rows_it_had() {
    let Some(engine) = engines::kine(KineVersion::V0_16) else { return };
    let stores = tempfile::tempdir().unwrap();
    proof::for_each(&proof::kine_stores(stores.path()), |source| {
        let temporary = tempfile::tempdir().unwrap();
        let target = temporary.path().join("target.db");
        let report = converted(&source.path, &target, &Options::plain(Target::Kine));
        assert!(report.left_out.is_empty(), "{}", source.name);
        let expected = sql_rows(&copied(&source.path, temporary.path()));
        let found = sql_rows(&target);
        assert_eq!(found.len(), expected.len(), "{}: rows", source.name);
        for (found, expected) in found.iter().zip(&expected) {
            assert!(found == expected, "{}: row {} differs", source.name, expected.0);
        }
        assert_eq!(integrity_check(&target), "ok", "{}", source.name);
        let (found, expected) = (kine_tells(&engine, &target), kine_tells(&engine, &source.path));
        assert_eq!((found.revision, found.compact_revision), (expected.revision, expected.compact_revision));
        assert_same_live(&source.name, &found.live, &expected.live);
        assert_same_events(&source.name, &found.events, &expected.events);
        assert_eq!(found.apiservers, expected.apiservers, "{}", source.name);
    });
}
