//! What each parser must stand: whatever the bytes are, it ends, with an answer, damage or an error.
//!
//! Each function is the body of one target of cargo-fuzz, and `tests/parsers_stand_whatever_bytes_they_get.rs` runs the same
//! functions over real stores that were changed.

use kinescope::k3s::Passphrase;
use kinescope::k3s::bootstrap::Blob;
use kinescope::kine;
use kinescope::kube::minor::Minor;
use kinescope::kube::show::{View, show};
use kinescope::kube::sink::Discard;
use kinescope::model::Check;
use kinescope::model::History;
use kinescope::source::{Bytes, File, FileName};
use kinescope::sqlite::{Database, Reading, Wal};
use kinescope::{bolt, etcd, kube, ops};

/// A target.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Target); 13] = [
    ("salvage_kine", salvage_kine),
    ("salvage_etcd", salvage_etcd),
    ("sqlite", sqlite),
    ("sqlite_wal", sqlite_wal),
    ("kine_store", kine_store),
    ("bolt", bolt_file),
    ("etcd_store", etcd_store),
    ("etcd_wal", etcd_wal),
    ("object", object),
    ("json", json),
    ("yaml", yaml),
    ("cbor", cbor),
    ("bootstrap", bootstrap),
];

fn file(name: &str, bytes: &[u8]) -> File {
    File { name: FileName::new(name), bytes: Bytes::from(bytes.to_vec()) }
}

/// Two files out of one input: the first byte says where it is cut.
fn two(input: &[u8]) -> (&[u8], Option<&[u8]>) {
    let Some((&share, bytes)) = input.split_first() else { return (&[], None) };
    let (first, second) = bytes.split_at(bytes.len() * usize::from(share) / 255);
    (first, (!second.is_empty()).then_some(second))
}

/// A reader of values must stand whatever the rows say.
fn read_values(history: &History) {
    for change in history.changes() {
        let _ = history.value(change.value);
    }
}

/// Rows out of a damaged state.db and its -wal.
pub fn salvage_kine(input: &[u8]) {
    let (db, wal) = two(input);
    let wal = wal.map(|wal| file("state.db-wal", wal));
    for reading in [Reading::Use, Reading::Ignore] {
        read_values(&kine::salvage::Salvage::of(&file("state.db", db), wal.as_ref(), reading).history);
    }
}

/// Rows out of a damaged database of etcd and its raft log.
pub fn salvage_etcd(input: &[u8]) {
    let (db, wal) = two(input);
    let wal: Vec<File> = wal.map(|wal| file("0000000000000000-0000000000000000.wal", wal)).into_iter().collect();
    let check = |value: &[u8]| -> Check { ops::recover::check(value) };
    read_values(&etcd::salvage::Salvage::of(&file("db", db), &wal, &check).history);
}

/// A SQLite file, page by page.
pub fn sqlite(input: &[u8]) {
    let (db, wal) = two(input);
    let wal = wal.map(|wal| (FileName::new("state.db-wal"), Bytes::from(wal.to_vec())));
    if let Ok(database) = Database::open(FileName::new("state.db"), Bytes::from(db.to_vec()), wal) {
        let _ = database.census();
        let _ = database.schema(&mut Vec::new());
    }
}

/// A WAL with and without its header.
pub fn sqlite_wal(input: &[u8]) {
    let bytes = Bytes::from(input.to_vec());
    let _ = Wal::parse(bytes.clone()).map(|wal| (wal.closed(), wal.ignored()));
    let _ = Wal::without_header(bytes).map(|wal| wal.closed());
}

/// kine's table as its ordinary reader has it.
pub fn kine_store(input: &[u8]) {
    let (db, wal) = two(input);
    let wal = wal.map(|wal| file("state.db-wal", wal));
    if let Ok(store) = kine::Store::open(&file("state.db", db), wal.as_ref()) {
        let _ = store.contradictions();
        read_values(store.history());
    }
}

/// A bbolt file, with and without its trees.
pub fn bolt_file(input: &[u8]) {
    let bytes = Bytes::from(input.to_vec());
    let _ = bolt::Scan::of(&bytes).images().len();
    if let Ok(bolt) = bolt::Bolt::open(FileName::new("db"), bytes) {
        let mut damage = Vec::new();
        for bucket in bolt.buckets(&mut damage) {
            for leaf in bolt.leaves(&bucket, &mut damage) {
                let mut of_items = Vec::new();
                let _ = leaf.items(&bolt, &mut of_items).count();
            }
        }
    }
}

/// etcd's rows as their ordinary reader has them.
pub fn etcd_store(input: &[u8]) {
    let (db, wal) = two(input);
    let wal: Vec<File> = wal.map(|wal| file("0000000000000000-0000000000000000.wal", wal)).into_iter().collect();
    if let Ok(store) = etcd::Store::open_dir(&file("db", db), &wal) {
        let _ = store.contradictions();
        let _ = (store.hash_kv(), store.lost_rows(), store.holes());
        read_values(store.history());
    }
}

/// A segment of etcd's raft log, replayed onto nothing.
pub fn etcd_wal(input: &[u8]) {
    let wal = etcd::wal::Wal::read(&[file("0000000000000000-0000000000000000.wal", input)]);
    let rules = etcd::replay::Rules::default();
    let _ = etcd::replay::replay(&wal, &etcd::replay::Before::default(), std::iter::empty(), rules);
}

/// A stored value: an object in protobuf or JSON, an encrypted one, anything.
pub fn object(input: &[u8]) {
    let _ = show(input, &View::whole(Minor::NEWEST, 0), &mut Discard);
    let _ = kube::show::tree(input, &View::whole(Minor::NEWEST, 0));
    let _ = kube::encryption::named_key(input);
}

/// JSON text.
pub fn json(input: &[u8]) {
    let _ = kube::json::Reader::new().read(input, &mut Discard);
}

/// Manifests.
pub fn yaml(input: &[u8]) {
    let _ = kube::yaml::read_manifest(input);
}

/// CBOR.
pub fn cbor(input: &[u8]) {
    let _ = kube::cbor::read_value(input);
}

/// k3s's bootstrap data, sealed and plain.
pub fn bootstrap(input: &[u8]) {
    let _ = kinescope::k3s::bootstrap::check_shape(input);
    let _ = Blob::from_plain(input);
    let token = kinescope::k3s::Token::new(std::str::from_utf8(input).unwrap_or_default());
    let _: Vec<Passphrase<'_>> = token.passphrases();
    let _ = kinescope::k3s::certificate::certificates(input);
}
