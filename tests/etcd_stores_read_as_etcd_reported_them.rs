//! Every key, revision, version, lease and value of a real etcd file is the one that etcd itself reported, and so are the
//! hashes of its tools.

mod fixtures;

use fixtures::{Listed, json, listing, open, unpacked};
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
