//! Every key, revision, version, lease and value of a real etcd file is the one that etcd itself reported, and so are the
//! hashes of its tools.

mod fixtures;

use fixtures::{Listed, base64, json, json_lines, listing, open, unpacked};
use kinescope::etcd::Store;
use kinescope::etcd::hash::Trailer;
use kinescope::model::{KeyState, LeaseRef, Version};
use kinescope::source::Files;

fn listed(store: &Store, revision: i64) -> Vec<Listed> {
    let history = store.history();
    let view = history.at(revision);
    history
        .keys()
        .ids()
        .filter_map(|key| match view.state(key) {
            KeyState::Live(change) => Some(Listed {
                key: String::from_utf8(history.keys().get(key).to_vec()).unwrap(),
                create_revision: change.create_revision.unwrap(),
                mod_revision: change.revision.main,
                version: match change.version {
                    Version::Known(version) => version,
                    Version::AtLeast(_) => panic!("etcd keeps versions"),
                },
                lease: match change.lease {
                    LeaseRef::Id(id) => id,
                    LeaseRef::None => 0,
                    LeaseRef::Ttl(_) => panic!("etcd keeps lease ids"),
                },
                value: history.value(change.value).unwrap().into_owned(),
            }),
            _ => None,
        })
        .collect()
}

fn snapshot(archive: &str, name: &str) {
    let dir = unpacked(archive);
    let Files::Bolt { db } = open(&dir.join(format!("{name}.snapshot"))).files else { panic!("a snapshot") };
    let store = Store::open(&db).unwrap();
    assert_eq!(store.damage(), [], "{archive} {name}");
    assert_eq!(store.contradictions(), [], "{archive} {name}");
    assert_eq!(store.trailer(), Trailer::Ok);

    let status = json(&dir.join(format!("{name}.status.json")));
    assert_eq!(u64::from(store.status_hash()), status["hash"].as_u64().unwrap(), "{archive} {name} status hash");
    assert_eq!(store.history().current_revision(), status["revision"].as_i64().unwrap());

    let (revision, expected) = listing(&dir.join(format!("{name}.listing.json")));
    assert!(expected.len() > 200);
    assert_eq!(listed(&store, revision), expected, "{archive} {name}");
}

#[test]
fn snapshots_of_etcd_3_5_and_3_6_read_as_etcd_lists_them() {
    for archive in ["etcd-3.5", "etcd-3.6"] {
        for name in ["early", "middle"] {
            snapshot(archive, name);
        }
    }
}

/// The newest changes of these directories are only in the raft log; the reports are those of the etcd that was started on
/// a copy.
#[test]
fn data_directories_read_as_the_etcd_that_recovered_them_reported() {
    for archive in ["etcd-3.5", "etcd-3.6"] {
        let dir = unpacked(archive);
        let Files::EtcdDir { db, wal, .. } = open(&dir.join("final.etcd")).files else { panic!("a directory") };
        let store = Store::open_dir(&db, &wal).unwrap();
        assert_eq!(store.damage(), [], "{archive}");
        assert_eq!(store.contradictions(), [], "{archive}");

        let (revision, expected) = listing(&dir.join("final.listing.json"));
        assert_eq!(store.history().current_revision(), revision, "{archive}");
        assert!(expected.iter().any(|listed| listed.mod_revision > 1160), "{archive}: some are only in the log");
        assert_eq!(listed(&store, revision), expected, "{archive}");

        let hash = &json(&dir.join("final.hashkv.json"))[0]["HashKV"];
        let ours = store.hash_kv().unwrap();
        assert_eq!(u64::from(ours.hash), hash["hash"].as_u64().unwrap(), "{archive} HashKV");
        assert_eq!(ours.compact_revision, hash["compact_revision"].as_i64().unwrap(), "{archive}");

        let leases = json_lines(&dir.join("final.leases.jsonl"));
        let mut expected: Vec<(i64, i64)> = leases
            .iter()
            .map(|lease| (lease["id"].as_i64().unwrap(), lease["granted-ttl"].as_i64().unwrap()))
            .collect();
        expected.sort_unstable();
        let ours: Vec<(i64, i64)> = store.history().leases().iter().map(|lease| (lease.id, lease.ttl)).collect();
        assert_eq!(ours, expected, "{archive} leases");
    }
}

#[test]
fn every_change_that_a_watch_delivered_is_in_the_history() {
    for archive in ["etcd-3.5", "etcd-3.6"] {
        let dir = unpacked(archive);
        let Files::EtcdDir { db, wal, .. } = open(&dir.join("final.etcd")).files else { panic!("a directory") };
        let store = Store::open_dir(&db, &wal).unwrap();
        let history = store.history();
        let mut delivered = 0;
        for event in
            json_lines(&dir.join("final.history.jsonl")).iter().flat_map(|line| line["Events"].as_array().unwrap())
        {
            let kv = &event["kv"];
            let key = history.keys().find(&base64(&kv["key"])).expect("the key is known");
            let revision = kv["mod_revision"].as_i64().unwrap();
            let change =
                history.changes_of(key).find(|change| change.revision.main == revision).expect("the change is there");
            // A put is type 0, which JSON leaves out.
            assert_eq!(change.is_put(), event.get("type").is_none(), "{archive} at {revision}");
            if change.is_put() {
                assert_eq!(*history.value(change.value).unwrap(), *base64(&kv["value"]), "{archive} at {revision}");
                assert_eq!(change.create_revision, kv["create_revision"].as_i64(), "{archive} at {revision}");
            }
            delivered += 1;
        }
        assert_eq!(delivered, history.changes_in(history.compact_revision()..=i64::MAX).len(), "{archive}");
    }
}
