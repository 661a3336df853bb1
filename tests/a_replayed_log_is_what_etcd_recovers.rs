//! What we make of a killed etcd's database and log is what etcd itself made of them at its next start; and the whole log,
//! from its first entry on, gives the rows that etcd had written, byte for byte.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod engines;
mod fixtures;

use std::collections::{BTreeMap, BTreeSet};

use fixtures::{Listed, json, json_lines, listing, open, unpacked};
use kinescope::etcd::Store;
use kinescope::etcd::keyvalue::{KeyValue, RowKey};
use kinescope::etcd::replay::{Before, Lease, NewValue, OldRow, Replayed, Rules, replay};
use kinescope::etcd::wal::{Tail, Wal};
use kinescope::source::{File, Files};

/// Bucket `key`: the bytes of every row by the bytes of its key.
type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

struct Member {
    store: Store,
    wal: Wal,
    rows: Rows,
}

fn member(archive: &str) -> Member {
    let Files::EtcdDir { db, wal, .. } = open(&unpacked(archive).join("final.etcd")).files else {
        panic!("final.etcd is a data directory")
    };
    let store = Store::open(&db).unwrap();
    let rows = rows_of(&db);
    Member { store, wal: Wal::read(&wal), rows }
}

fn rows_of(db: &File) -> Rows {
    let bolt = kinescope::bolt::Bolt::open(db.name.clone(), db.bytes.clone()).unwrap();
    let mut damage = Vec::new();
    let bucket = bolt.buckets(&mut damage).into_iter().find(|bucket| bucket.name == b"key").unwrap();
    let mut rows = Rows::new();
    for leaf in bolt.leaves(&bucket, &mut damage) {
        rows.extend(leaf.items(&bolt, &mut damage).map(|item| (item.key.to_vec(), item.value.to_vec())));
    }
    assert_eq!(damage, []);
    rows
}

fn old_rows(rows: &Rows) -> Vec<OldRow<'_>> {
    let decoded = rows.iter().map(|(key, value)| (RowKey::decode(key).unwrap(), KeyValue::decode(value).unwrap()));
    decoded
        .map(|(at, kv)| OldRow {
            revision: at.revision,
            tombstone: at.tombstone,
            key: kv.key,
            create_revision: kv.create_revision,
            version: kv.version,
            lease: kv.lease,
            value: kv.value,
        })
        .collect()
}

fn before(store: &Store) -> Before {
    let meta = store.meta();
    Before {
        consistent_index: meta.consistent_index.unwrap(),
        term: meta.term,
        scheduled_compact_revision: meta.scheduled_compact_revision,
        finished_compact_revision: meta.finished_compact_revision,
        leases: meta
            .leases
            .iter()
            .map(|lease| Lease { id: lease.id, ttl: lease.ttl, remaining: lease.remaining })
            .collect(),
        cluster_version: meta.cluster_version.clone(),
        ..Before::default()
    }
}

/// The bucket as etcd would write it after the replay.
fn after(rows: &Rows, wal: &Wal, replayed: &Replayed) -> Rows {
    let key = |revision, tombstone| RowKey { revision, tombstone }.encode();
    let mut whole = rows.clone();
    for (revision, tombstone) in &replayed.removed {
        assert!(whole.remove(&key(*revision, *tombstone)).is_some());
    }
    for row in &replayed.rows {
        let value = match row.value {
            NewValue::Empty => &[],
            NewValue::Wal(at) => wal.bytes(at).unwrap(),
            NewValue::Old(revision) => KeyValue::decode(&rows[&key(revision, false)]).unwrap().value,
        };
        let (create_revision, version, lease) = (row.create_revision, row.version, row.lease);
        let mod_revision = if row.tombstone { 0 } else { row.revision.main };
        let kv = KeyValue { key: &row.key, create_revision, mod_revision, version, value, value_at: 0, lease };
        assert_eq!(whole.insert(key(row.revision, row.tombstone), kv.encode()), None);
    }
    whole
}

fn live(rows: &Rows) -> Vec<Listed> {
    let mut live = BTreeMap::new();
    for (row, value) in rows {
        let (at, kv) = (RowKey::decode(row).unwrap(), KeyValue::decode(value).unwrap());
        let key = String::from_utf8(kv.key.to_vec()).unwrap();
        let (create_revision, mod_revision, version, lease) =
            (kv.create_revision, kv.mod_revision, kv.version, kv.lease);
        let value = kv.value.to_vec();
        match at.tombstone {
            true => live.remove(&key),
            false => live.insert(key.clone(), Listed { key, create_revision, mod_revision, version, lease, value }),
        };
    }
    live.into_values().collect()
}

/// etcd's HashKV at the current revision (server/storage/mvcc/hash.go), written down once more and more plainly.
fn hash_kv(rows: &Rows, compact: i64) -> u32 {
    let newest: BTreeMap<Vec<u8>, &Vec<u8>> =
        rows.iter().map(|(row, value)| (KeyValue::decode(value).unwrap().key.to_vec(), row)).collect();
    let mut sum = crc32c::crc32c(b"key");
    for (row, value) in rows {
        let at = RowKey::decode(row).unwrap();
        let superseded = newest[KeyValue::decode(value).unwrap().key] != row;
        if at.revision.main > compact || !(superseded || at.tombstone) {
            sum = crc32c::crc32c_append(crc32c::crc32c_append(sum, row), value);
        }
    }
    sum
}

#[test]
fn the_tail_of_the_log_gives_what_etcd_recovered() {
    for archive in ["etcd-3.5", "etcd-3.6"] {
        let Member { store, wal, rows } = member(archive);
        assert_eq!((wal.tail, wal.damage.len()), (Tail::Clean, 0));
        let replayed = replay(&wal, &before(&store), old_rows(&rows), Rules::default());
        assert!(replayed.applied > 0 && !replayed.rows.is_empty(), "{archive}: the log must be ahead of the database");
        assert_eq!((&replayed.refused, &replayed.uncommitted), (&vec![], &vec![]));
        assert_eq!((&replayed.notes, &replayed.contradictions), (&vec![], &vec![]));
        assert_eq!(Some(replayed.consistent_index), wal.last_index());

        let dir = unpacked(archive);
        let rows = after(&rows, &wal, &replayed);
        let (revision, listed) = listing(&dir.join("final.listing.json"));
        assert_eq!(replayed.current_revision, revision);
        assert!(live(&rows) == listed, "{archive}: the keys that are there");

        let told = &json(&dir.join("final.hashkv.json"))[0]["HashKV"];
        assert_eq!(replayed.compact_revision, told["compact_revision"].as_i64());
        assert_eq!(Some(u64::from(hash_kv(&rows, replayed.compact_revision.unwrap()))), told["hash"].as_u64());

        let leases = json_lines(&dir.join("final.leases.jsonl"));
        let told: BTreeSet<_> =
            leases.iter().map(|lease| (lease["id"].as_i64(), lease["granted-ttl"].as_i64())).collect();
        let ours = replayed.leases.iter().map(|lease| (Some(lease.id), Some(lease.ttl))).collect();
        assert_eq!(told, ours, "{archive}: leases");
    }
}

#[test]
fn the_whole_log_gives_the_rows_of_the_database() {
    for archive in ["etcd-3.5", "etcd-3.6"] {
        let Member { store, wal, rows } = member(archive);
        let tail = replay(&wal, &before(&store), old_rows(&rows), Rules::default());
        let whole = replay(&wal, &Before::default(), Vec::new(), Rules::default());
        assert!(whole.applied > 1000 && whole.rows.iter().any(|row| row.tombstone));
        assert!(whole.compact_revision > Some(0));
        assert!(after(&Rows::new(), &wal, &whole) == after(&rows, &wal, &tail), "{archive}: rows");
        assert_eq!(whole.current_revision, tail.current_revision);
        assert_eq!(whole.compact_revision, tail.compact_revision);
        assert_eq!(whole.leases, tail.leases);
        assert_eq!(whole.voters, tail.voters);
        assert_eq!(whole.cluster_version, tail.cluster_version);
        assert_eq!((whole.contradictions, whole.notes), (vec![], vec![]));
    }
}

#[test]
fn any_point_of_the_log_leads_to_the_same_end() {
    let Member { wal, .. } = member("etcd-3.6");
    let whole = replay(&wal, &Before::default(), Vec::new(), Rules::default());
    let last = wal.last_index().unwrap();
    for stop in [1, 5, 100, 380, 701, 900, last - 1] {
        // First the log up to `stop`, then a database with those rows and the rest of the log.
        let mut first = wal.clone();
        first.entries.retain(|entry| entry.index <= stop);
        let half = replay(&first, &Before::default(), Vec::new(), Rules::default());
        let rows = after(&Rows::new(), &wal, &half);
        let database = Before {
            consistent_index: half.consistent_index,
            term: half.term,
            scheduled_compact_revision: half.compact_revision,
            finished_compact_revision: half.compact_revision,
            leases: half.leases.clone(),
            cluster_version: half.cluster_version.clone(),
            ..Before::default()
        };
        let rest = replay(&wal, &database, old_rows(&rows), Rules::default());
        assert!(after(&rows, &wal, &rest) == after(&Rows::new(), &wal, &whole), "stopped at entry {stop}");
        assert_eq!(rest.leases, whole.leases, "stopped at entry {stop}");
        assert_eq!(rest.current_revision, whole.current_revision);
    }
}

#[test]
fn a_member_among_others_does_not_apply_what_may_not_count() {
    let Member { store, wal, rows } = member("etcd-3.5");
    let voters = BTreeSet::from([wal.node_id.unwrap(), 1, 2]);
    let database = Before { voters, ..before(&store) };
    let mut wal = wal;
    wal.state.commit = database.consistent_index + 3;
    let replayed = replay(&wal, &database, old_rows(&rows), Rules::default());
    assert_eq!(replayed.consistent_index, wal.state.commit);
    assert_eq!(replayed.applied, 3);
    let left: Vec<u64> = replayed.uncommitted.iter().map(|entry| entry.index).collect();
    assert_eq!(left, (wal.state.commit + 1..=wal.last_index().unwrap()).collect::<Vec<_>>());
}

#[test]
fn a_log_and_a_database_of_different_moments_are_not_put_together() {
    let Member { store, wal, rows } = member("etcd-3.5");
    let ids = |wal: &Wal, database: &Before| {
        let replayed = replay(wal, database, old_rows(&rows), Rules::default());
        assert!(replayed.contradictions.is_empty() || replayed.rows.is_empty());
        replayed.contradictions.iter().map(|found| found.id).collect::<Vec<_>>()
    };
    let database = before(&store);
    assert_eq!(ids(&wal, &database), Vec::<&str>::new());
    assert_eq!(ids(&wal, &Before { consistent_index: 5000, ..database.clone() }), ["wal-behind"]);
    assert_eq!(ids(&wal, &Before { term: Some(9), ..database.clone() }), ["wal-other-term"]);
    let mut late = wal.clone();
    late.entries.drain(..late.entries.len() - 3);
    assert_eq!(ids(&late, &database), ["wal-begins-late"]);
}

/// Writes with everything that changes keys, mixed by a fixed sequence of numbers, so that every run is the same.
fn live_a_life(server: &engines::Etcd) {
    let lease = server.grant(3600).unwrap();
    let short = server.grant(1000).unwrap();
    let mut seed = 12345_u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let run = |args: &[&str], input: &str| {
        let ran = server.etcdctl(args, input.as_bytes());
        assert!(ran.success, "{}: {}", ran.command, ran.stderr);
    };
    for round in 0..70 {
        let key = format!("/k{}", next(12));
        let other = format!("/k{}", next(12));
        let value = format!("{round}-").repeat(1 + next(40) as usize);
        match next(9) {
            0 | 1 => drop(server.put(&key, &value).unwrap()),
            // Refused once the lease is gone; the request stands in the log all the same.
            2 => drop(server.put_leased(&key, &value, if next(2) == 0 { lease } else { short })),
            3 => run(&["del", &key], ""),
            4 => run(&["del", &key, &other], ""),
            5 => drop(server.put_at_once(&[(&key, &value), (&format!("{key}/x"), &value)]).unwrap()),
            6 if server.get(&key).unwrap().is_some() => {
                let keep = ["--ignore-value", "--ignore-lease"][next(2) as usize];
                let args = ["put", keep, &key, &value];
                run(if keep == "--ignore-value" { &args[..3] } else { &args[..] }, "");
            }
            7 => {
                let compare =
                    ["mod(\"KEY\") > \"0\"", "ver(\"KEY\") < \"3\"", "val(\"KEY\") = \"x\"", "create(\"KEY\") = \"0\""];
                let compare = compare[next(4) as usize].replace("KEY", &other);
                let value = value.replace('-', "_");
                run(
                    &["txn"],
                    &format!("{compare}\n\nput {key} {value}\ndel {other}y {other}z\n\nput {other} no\nget {key}\n\n"),
                );
            }
            _ => {
                let revision = server.revision().unwrap();
                if next(3) == 0 {
                    // A revision that is compacted already is refused, which is part of the life.
                    let _ = server.compact(revision - next(20) as i64);
                }
            }
        }
        if round == 45 {
            server.revoke(short).unwrap();
        }
    }
    server.put_leased("/last", "x", lease).unwrap();
}

#[test]
fn a_life_that_was_cut_off_is_replayed_as_that_etcd_recovers_it() {
    use engines::EtcdVersion::{V3_5, V3_6, V3_7};
    for version in [V3_5, V3_6, V3_7] {
        let Some(etcd) = engines::etcd(version) else { continue };
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let server = etcd.start(&data);
        live_a_life(&server);
        server.kill();

        let Files::EtcdDir { db, wal, .. } = open(&data).files else { panic!("a data directory") };
        let (wal, rows, store) = (Wal::read(&wal), rows_of(&db), Store::open(&db).unwrap());
        let replayed = replay(&wal, &before(&store), old_rows(&rows), Rules::default());
        assert_eq!((&replayed.notes, &replayed.contradictions), (&vec![], &vec![]));
        let whole = replay(&wal, &Before::default(), Vec::new(), Rules::default());
        assert!(!whole.refused.is_empty(), "{version:?}: a put with a lease that is gone");
        let ours = after(&rows, &wal, &replayed);
        assert!(after(&Rows::new(), &wal, &whole) == ours, "{version:?}: the whole log");

        let server = etcd.start(&data);
        let told = server.hash_kv(0).unwrap();
        assert_eq!(told.compact_revision, replayed.compact_revision.unwrap(), "{version:?}");
        assert_eq!(server.revision().unwrap(), replayed.current_revision, "{version:?}");
        assert_eq!(told.hash, hash_kv(&ours, told.compact_revision), "{version:?}");
        let listed = server.list("/").unwrap().kvs.into_iter().map(|kv| (kv.name(), kv.version, kv.lease, kv.value));
        let live = live(&ours).into_iter().map(|kv| (kv.key, kv.version, kv.lease, kv.value));
        assert!(listed.eq(live), "{version:?}: the keys that are there");
        server.kill();
    }
}
