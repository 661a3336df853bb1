//! The log and the `.snap` file of a new member are those that `etcdutl snapshot restore` makes, byte for byte, and etcd
//! starts on them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod engines;

use std::path::Path;

use kinescope::bolt::{Format, Plan};
use kinescope::etcd::EtcdVersion;
use kinescope::etcd::datadir::Member;
use kinescope::etcd::keyvalue::{KeyValue, RowKey};
use kinescope::etcd::replay::{Before, Rules, replay};
use kinescope::etcd::wal::{Tail, Wal};
use kinescope::model::Revision;
use kinescope::source::{Bytes, File, FileName};
use sha2::{Digest, Sha256};

/// What etcdutl 3.5.35 and 3.6.16 write for the member `default` at http://localhost:2380, without the zeros behind it.
const WAL_3_5: &str = "040000000000008408041000000000002000000000000000080110bb81c7fc051a1608cdd2918bd2b881cf8e0110b298ea\
f1948386fccd010e0000000000008208051094bbc7ed0e1a040800100000007400000000000084080210c2ee92950b1a6a08011001180122620800100018\
cdd2918bd2b881cf8e0122517b226964223a31303237363635373734333933323937353433372c227065657255524c73223a5b22687474703a2f2f6c6f63\
616c686f73743a32333830225d2c226e616d65223a2264656661756c74227d0000000019000000000000870803109b98d6c3081a0f080110cdd2918bd2b8\
81cf8e011801000000000000001d000000000000830805108d9eaeef0d1a13080110011a0d08cdd2918bd2b881cf8e012800000000";
/// The same of etcdutl 3.7.3.
const WAL_3_7: &str = "040000000000008408041000000000002000000000000000080110bb81c7fc051a1608cdd2918bd2b881cf8e0110b298ea\
f1948386fccd010e0000000000008208051094bbc7ed0e1a040800100000007200000000000086080210dbf28c8e071a680801100118012260100018cdd2\
918bd2b881cf8e0122517b226964223a31303237363635373734333933323937353433372c227065657255524c73223a5b22687474703a2f2f6c6f63616c\
686f73743a32333830225d2c226e616d65223a2264656661756c74227d0000000000001900000000000087080310ffefac9c011a0f080110cdd2918bd2b8\
81cf8e011801000000000000001b000000000000850805108f9a8eec0a1a11080110011a0b08cdd2918bd2b881cf8e010000000000";
/// SHA-256 of the `.snap` files of etcdutl 3.5.35, 3.6.16 and 3.7.3.
const SNAPS: [(EtcdVersion, &str); 3] = [
    (EtcdVersion::V3_5, "391e233526d2ed237b95d33b9d3c7975cf3db23b1913a478baacdeee4177b533"),
    (EtcdVersion::V3_6, "5246c57d2e96e870a78cb5bb5505ff1f7b5994a59208fa172418f80477c4980f"),
    (EtcdVersion::V3_7, "41563111c2c8a1db209ed9b231795be42e3c3861ec82c75f97d7292ea2f69a5e"),
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn member(version: Option<EtcdVersion>) -> Member {
    Member::new("default", &["http://localhost:2380".to_owned()], version)
}

fn file_of(member: &Member, end: &str) -> Vec<u8> {
    member.files().into_iter().find(|(path, _)| path.ends_with(end)).unwrap().1
}

#[test]
fn the_files_are_those_of_etcdutl() {
    for (version, snap) in SNAPS {
        let member = member(Some(version));
        assert_eq!(hex(&Sha256::digest(file_of(&member, ".snap"))), snap, "{version:?}");
        let wal = if version == EtcdVersion::V3_7 { WAL_3_7 } else { WAL_3_5 };
        let ours = hex(&file_of(&member, ".wal"));
        // The constants lack what is cut off the last padding.
        assert_eq!(ours.trim_end_matches('0'), wal.trim_end_matches('0'), "{version:?}");
        assert_eq!(ours.len() % 16, 0);
    }
    assert_eq!((member(None).id(), member(None).cluster_id()), (0x8e9e_05c5_2164_694d, 0xcdf8_1819_4e3a_8c32));
}

#[test]
fn the_id_follows_sorted_urls_and_the_token() {
    // What etcdutl 3.5.35 gave the member `srv` with the token `tok`.
    let srv = Member::new("srv", &["https://10.0.0.1:2380".to_owned()], None).with_token("tok");
    assert_eq!(srv.id(), 0xd737_151a_3f4c_dcfe);
    let urls = |urls: [&str; 2]| Member::new("a", &urls.map(str::to_owned), None).id();
    assert_eq!(urls(["http://a:1", "http://b:1"]), urls(["http://b:1", "http://a:1"]));
}

#[test]
fn our_reader_finds_the_member_in_the_log() {
    let member = member(Some(EtcdVersion::V3_6));
    let (path, bytes) = member.files().swap_remove(0);
    let wal = Wal::read(&[File { name: FileName::new(path), bytes: Bytes::from(bytes) }]);
    assert_eq!((wal.tail, wal.damage.len(), wal.entries.len()), (Tail::Clean, 0, 1));
    assert_eq!((wal.node_id, wal.cluster_id), (Some(member.id()), Some(member.cluster_id())));
    assert_eq!(wal.last_snapshot().unwrap().index, 1);
    let replayed = replay(&wal, &Before::default(), Vec::new(), Rules::default());
    assert_eq!(replayed.voters.into_iter().collect::<Vec<_>>(), [member.id()]);
    assert_eq!(replayed.consistent_index, 1);
}

/// A database with three puts, one of them deleted.
fn database(member: &Member) -> Vec<u8> {
    let mut rows = Vec::new();
    for (main, key) in (2..).zip(["/a", "/b", "/c"]) {
        let at = RowKey { revision: Revision::new(main), tombstone: false };
        let (value, key) = (key.to_uppercase(), key.as_bytes());
        let numbers = KeyValue { key, create_revision: main, mod_revision: main, version: 1, ..KeyValue::default() };
        rows.push((at.encode(), KeyValue { value: value.as_bytes(), ..numbers }.encode()));
    }
    let gone = RowKey { revision: Revision::new(5), tombstone: true };
    rows.push((gone.encode(), KeyValue { key: b"/b", ..KeyValue::default() }.encode()));

    type Pairs = Vec<(Vec<u8>, Vec<u8>)>;
    let mut buckets: Vec<(&str, Pairs)> = vec![("key", rows)];
    for name in ["cluster", "lease", "members", "members_removed", "meta"] {
        let rows = member.rows().into_iter().filter(|(bucket, ..)| *bucket == name);
        buckets.push((name, rows.map(|(_, key, value)| (key, value)).collect()));
    }
    buckets.sort();
    let mut plan = Plan::new(Format::default());
    for (name, rows) in &buckets {
        plan.bucket(name.as_bytes(), rows.iter().map(|(key, value)| (key.len(), value.len()))).unwrap();
    }
    let mut writer = plan.finish().writer(Vec::new()).unwrap();
    for (name, rows) in &buckets {
        writer.bucket(name.as_bytes()).unwrap();
        rows.iter().for_each(|(key, value)| writer.item(key, &[value]).unwrap());
    }
    writer.finish().unwrap()
}

fn write_directory(dir: &Path, member: &Member) {
    for (path, bytes) in member.files().into_iter().chain([("member/snap/db".to_owned(), database(member))]) {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

#[test]
fn etcd_starts_on_the_directory_and_goes_on_writing() {
    let engines = [
        (EtcdVersion::V3_5, engines::EtcdVersion::V3_5),
        (EtcdVersion::V3_6, engines::EtcdVersion::V3_6),
        (EtcdVersion::V3_7, engines::EtcdVersion::V3_7),
    ];
    for (version, engine) in engines {
        let Some(etcd) = engines::etcd(engine) else { continue };
        for marked in [Some(version), None] {
            let dir = tempfile::tempdir().unwrap();
            let data = dir.path().join("data");
            write_directory(&data, &member(marked));
            for round in 0..2 {
                let server = etcd.start(&data);
                let keys: Vec<String> = server.list("/").unwrap().kvs.iter().map(|kv| kv.name()).collect();
                assert_eq!(keys[..2], ["/a", "/c"], "{version:?} marked {marked:?}");
                assert_eq!(server.get_at("/b", 4).unwrap().unwrap().value, b"/B");
                assert_eq!(server.put(format!("/new{round}"), "1").unwrap(), 6 + round);
                server.kill();
            }
        }
    }
}
