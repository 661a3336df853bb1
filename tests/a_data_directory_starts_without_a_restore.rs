//! A data directory that a conversion wrote is one that etcd starts on as it is, and the store in it is the source's.

mod engines;
mod fixtures;
mod proof;

use engines::{EtcdEngine, EtcdVersion, KineVersion};
use kinescope::etcd::EtcdVersion as Marked;
use kinescope::ops::convert::{Options, Report, Target};
use proof::{
    LiveKeys, Source, Told, assert_same_events, assert_same_live, below_root, converted, lasting, left_out,
    live_below_root, without,
};

/// Starts `engine` on a copy of what `source` became, compares, and uses it.
fn serves(engine: &EtcdEngine, source: &Source, told: &Told) {
    let name = format!("{} in {:?}", source.name, engine.version);
    let temporary = tempfile::tempdir().unwrap();
    let data_dir = temporary.path().join("etcd");
    let report: Report = converted(&source.path, &data_dir, &Options::plain(Target::EtcdDir));
    let found = proof::etcd_directory_tells(engine, &data_dir);
    assert_eq!((found.revision, found.compact_revision), (told.revision, told.compact_revision), "{name}");
    assert_same_live(&name, &live_below_root(&found.live), &live_below_root(&told.live));
    let (events, expected) = (below_root(found.events), below_root(without(&told.events, &left_out(&report))));
    assert_same_events(&name, &events, &expected);
    assert_eq!(
        found.apiservers.map(|kv| (kv.version, kv.value)),
        told.apiservers.clone().map(|kv| (kv.version, kv.value))
    );

    // It was killed; it starts again, and goes on.
    let etcd = engine.start(&data_dir);
    let hash = etcd.hash_kv(told.revision).unwrap();
    assert_eq!(Some(hash.hash), report.hash_kv, "{name}: HashKV");
    let long = lasting(&told.live);
    let live_now = |etcd: &engines::Etcd| -> LiveKeys {
        let ttls = proof::Ttls::of(etcd, 16);
        let mut live = live_below_root(&proof::etcd_live(etcd, etcd.revision().unwrap(), &ttls));
        live.retain(|key, _| long.contains_key(key));
        live
    };
    let expected = live_below_root(&long);
    let made = etcd.put("/registry/proof", "1").unwrap();
    assert!(made > told.revision, "{name}");
    etcd.compact(made).unwrap();
    etcd.defrag().unwrap();
    assert_same_live(&name, &live_now(&etcd), &expected);
    let snapshot = temporary.path().join("snapshot.db");
    etcd.save_snapshot(&snapshot).unwrap();
    etcd.kill();
    let etcd = engine.start(&data_dir);
    assert_eq!(etcd.get("/registry/proof").unwrap().unwrap().mod_revision, made, "{name}");
    assert_same_live(&name, &live_now(&etcd), &expected);
    assert!(!etcd.log().contains("\"level\":\"panic\""), "{name}");
    etcd.stop();
    if let Some(bbolt) = engines::bbolt() {
        bbolt.check(&data_dir.join("member/snap/db")).unwrap();
    }
}

fn of_kine(version: EtcdVersion) {
    let (Some(engine), Some(kine)) = (engines::etcd(version), engines::kine(KineVersion::V0_16)) else { return };
    let stores = tempfile::tempdir().unwrap();
    let sources = proof::kine_stores(stores.path());
    let last: Vec<_> = sources
        .into_iter()
        .filter(|source| !source.name.contains("/state.db") || source.name.contains("final"))
        .collect();
    proof::for_each(&last, |source| serves(&engine, source, &proof::kine_tells(&kine, &source.path)));
}

#[test]
fn what_was_kine_s_starts_in_3_5() {
    of_kine(EtcdVersion::V3_5);
}

#[test]
fn what_was_kine_s_starts_in_3_6() {
    of_kine(EtcdVersion::V3_6);
}

#[test]
fn what_was_kine_s_starts_in_3_7() {
    of_kine(EtcdVersion::V3_7);
}

#[test]
fn what_was_etcd_s_starts_in_3_6() {
    let Some(engine) = engines::etcd(EtcdVersion::V3_6) else { return };
    let stores = tempfile::tempdir().unwrap();
    let mut sources = proof::etcd_stores(stores.path());
    sources.retain(|source| !source.name.contains("early"));
    proof::for_each(&sources, |source| {
        serves(&engine, source, &proof::etcd_tells(&engine, &source.ask));
    });
}

/// A directory for all versions starts in all; one that is marked for 3.7 does not in 3.6. 3.5 takes the version of a
/// cluster from its store of version 2, and looks at neither mark.
#[test]
fn a_marked_directory_starts_where_it_should() {
    let engines: Vec<_> = EtcdVersion::ALL.into_iter().filter_map(engines::etcd).collect();
    let source = &proof::kine_files()[0];
    let mut cases = Vec::new();
    for mark in [None, Some(Marked::V3_5), Some(Marked::V3_6), Some(Marked::V3_7)] {
        cases.extend(engines.iter().map(|engine| (mark, engine)));
    }
    proof::for_each(&cases, |(mark, engine)| {
        let temporary = tempfile::tempdir().unwrap();
        let data_dir = temporary.path().join("etcd");
        let options = Options { etcd_version: *mark, ..Options::plain(Target::EtcdDir) };
        let report = converted(&source.path, &data_dir, &options);
        let started = engine.try_start(&data_dir, &[]).map(|etcd| {
            assert_eq!(Some(etcd.hash_kv(report.current_revision).unwrap().hash), report.hash_kv);
        });
        match (mark, engine.version) {
            (Some(Marked::V3_7), EtcdVersion::V3_6) => {
                let log = started.unwrap_err().log;
                assert!(log.contains("is not supported"), "{log}");
            }
            (mark, version) => started.unwrap_or_else(|log| panic!("marked {mark:?}, in {version:?}: {log:?}")),
        }
    });
}
