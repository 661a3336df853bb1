//! What a real etcd did, killed in the middle of it or stopped, is never taken for an entry without an effect; and a database
//! that says it has applied one entry more than it has is told, whatever came before.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod engines;
mod fixtures;
mod planted;

use std::fs;
use std::path::Path;

use command::copy_tree;
use engines::{EtcdEngine, EtcdVersion};
use planted::etcd::{bucket, buckets, built};
use planted::told;

/// Fills a store with all that Kubernetes does, and ends etcd.
fn work(engine: &EtcdEngine, data: &Path, rounds: usize, kill: bool) {
    let etcd = engine.start(data);
    for round in 0..rounds {
        let lease = etcd.grant(600).unwrap();
        for number in 0..20 {
            let key = format!("/data/pods/shop/web-{number}");
            etcd.put(&key, format!("{round} of {number} in {}", etcd.pid())).unwrap();
        }
        let pairs: Vec<(String, String)> =
            (0..5).map(|number| (format!("/data/endpoints/{number}"), format!("{round}"))).collect();
        etcd.put_at_once(&pairs).unwrap();
        etcd.put_leased(format!("/data/events/{round}"), "leased", lease).unwrap();
        etcd.delete("/data/pods/shop/web-3").unwrap();
        etcd.delete("/data/nothing/there").unwrap();
        etcd.delete_at_once(&["/data/endpoints/1", "/data/endpoints/2"]).unwrap();
        if round % 3 == 1 {
            etcd.revoke(lease).unwrap();
        }
        let revision = etcd.put("/data/same", "always the same").unwrap();
        if round % 4 == 2 {
            etcd.compact(revision - 10).unwrap();
        }
    }
    if kill {
        etcd.kill();
    } else {
        etcd.stop();
    }
}

/// Says in the database that one entry more is applied than is.
fn claim_one_more(data: &Path) {
    let db = data.join("member/snap/db");
    let mut rows = buckets(&fs::read(&db).unwrap());
    let applied = bucket(&mut rows, "meta").get_mut(&b"consistent_index"[..]).unwrap();
    let next = u64::from_be_bytes(applied.as_slice().try_into().unwrap()) + 1;
    *applied = next.to_be_bytes().to_vec();
    fs::write(&db, built(&rows)).unwrap();
}

#[test]
fn what_etcd_did_is_there() {
    let (mut claimed, mut noticed) = (0, 0);
    for version in EtcdVersion::ALL {
        let Some(engine) = engines::etcd(version) else { return };
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("etcd");
        for (start, kill) in [true, false, true].into_iter().enumerate() {
            work(&engine, &data, 2 + start, kill);
            let verdict = told("verify", &[data.clone().into()]);
            assert_eq!(verdict.code, 0, "{version:?} start {start}: {}", verdict.all);
            assert!(!verdict.ids().contains("effect-missing"));
            // The next entry is a write where etcd was killed before it had written all of them.
            let copy = dir.path().join(format!("claimed-{start}"));
            copy_tree(&data, &copy);
            let info = command::run(["info".as_ref(), "--json".as_ref(), data.as_os_str()]).exits(0).json();
            if info["raft_wal"]["applied_entries"].as_i64().unwrap_or(0) > 0 {
                claim_one_more(&copy);
                let verdict = told("verify", &[copy.into()]);
                claimed += 1;
                noticed += usize::from(verdict.ids().contains("effect-missing"));
            }
        }
    }
    println!("{noticed} of {claimed} missing effects noticed");
    // Which entry is the next one is a matter of time: it may be one that changes no key, or deletes one.
    assert!(claimed < 4 || noticed > 0, "{noticed} of {claimed}");
}

#[test]
fn a_deletion_and_a_lease_without_effect_are_told() {
    for version in EtcdVersion::ALL {
        let Some(engine) = engines::etcd(version) else { return };
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("etcd");
        let etcd = engine.start(&data);
        for number in 0..10 {
            etcd.put(format!("/data/pods/shop/web-{number}"), format!("value {number}")).unwrap();
        }
        etcd.grant(600).unwrap();
        etcd.delete("/data/pods/shop/web-3").unwrap();
        etcd.stop();
        assert!(!told("verify", &[data.clone().into()]).ids().contains("effect-missing"), "{version:?}");
        let without = |name: &str, take: &dyn Fn(&mut planted::etcd::Rows)| {
            let copy = dir.path().join(format!("without-{name}"));
            copy_tree(&data, &copy);
            let db = copy.join("member/snap/db");
            let mut rows = buckets(&fs::read(&db).unwrap());
            take(bucket(&mut rows, name));
            fs::write(&db, built(&rows)).unwrap();
            let verdict = told("verify", &[copy.into()]);
            assert!(verdict.ids().contains("effect-missing"), "{version:?} {name}: {}", verdict.all);
        };
        without("key", &|rows| drop(rows.pop_last()));
        without("lease", &|rows| rows.clear());
    }
}
