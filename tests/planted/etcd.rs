//! etcd's databases with something wrong in them: read, changed row by row and built anew, or changed byte by byte where
//! the tree itself is what is wrong.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kinescope::bolt::{Bolt, Format, Home, MetaSlot, Plan, Tree};
use kinescope::source::{Bytes, FileName};

use super::{Case, below};
use crate::fixtures::unpacked;

const PAGE: usize = 4096;

pub type Rows = BTreeMap<Vec<u8>, Vec<u8>>;
pub type Buckets = BTreeMap<Vec<u8>, Rows>;

fn opened(bytes: &[u8]) -> Bolt {
    Bolt::open(FileName::new("db"), Bytes::from(bytes.to_vec())).unwrap()
}

/// All rows of a database.
pub fn buckets(bytes: &[u8]) -> Buckets {
    let bolt = opened(bytes);
    let mut damage = Vec::new();
    let mut all = Buckets::new();
    for bucket in bolt.buckets(&mut damage) {
        let rows = all.entry(bucket.name.clone()).or_default();
        for leaf in bolt.leaves(&bucket, &mut damage) {
            rows.extend(leaf.items(&bolt, &mut Vec::new()).map(|item| (item.key.to_vec(), item.value.to_vec())));
        }
    }
    assert_eq!(damage, []);
    all
}

/// A database with these rows.
pub fn built(buckets: &Buckets) -> Vec<u8> {
    let mut plan = Plan::new(Format::default());
    for (name, rows) in buckets {
        plan.bucket(name, rows.iter().map(|(key, value)| (key.len(), value.len()))).unwrap();
    }
    let mut writer = plan.finish().writer(Vec::new()).unwrap();
    for (name, rows) in buckets {
        writer.bucket(name).unwrap();
        for (key, value) in rows {
            writer.item(key, &[value]).unwrap();
        }
    }
    writer.finish().unwrap()
}

/// The bytes of a snapshot of the fixtures.
pub fn snapshot() -> Vec<u8> {
    fs::read(unpacked("etcd-3.6").join("early.snapshot")).unwrap()
}

/// The same without its trailer.
pub fn bare() -> Vec<u8> {
    let mut bytes = snapshot();
    bytes.truncate(bytes.len() - 32);
    bytes
}

/// The database of a data directory: its two metas lead to two trees.
pub fn of_directory() -> Vec<u8> {
    fs::read(unpacked("etcd-3.6").join("final.etcd/member/snap/db")).unwrap()
}

/// Two files.
pub fn files(dir: &Path, healthy: &[u8], planted: &[u8]) -> Case {
    let (one, other) = (below(dir, "healthy").join("db"), below(dir, "planted").join("db"));
    fs::write(&one, healthy).unwrap();
    fs::write(&other, planted).unwrap();
    Case::of(&one, &other)
}

/// A database built anew as it is, and with its rows changed.
pub fn changed(dir: &Path, change: impl FnOnce(&mut Buckets)) -> Case {
    let mut rows = buckets(&bare());
    let healthy = built(&rows);
    change(&mut rows);
    files(dir, &healthy, &built(&rows))
}

/// A bucket's rows.
pub fn bucket<'b>(buckets: &'b mut Buckets, name: &str) -> &'b mut Rows {
    buckets.get_mut(name.as_bytes()).unwrap()
}

/// A revision as etcd writes it.
pub fn revision(main: i64) -> Vec<u8> {
    [&main.to_be_bytes()[..], b"_", &0i64.to_be_bytes()].concat()
}

/// The only member of the fixtures: the name of its row, and its id.
pub fn member(buckets: &mut Buckets) -> (Vec<u8>, u64) {
    let members = bucket(buckets, "members");
    assert_eq!(members.len(), 1);
    let name = members.keys().next().unwrap().clone();
    let id = u64::from_str_radix(std::str::from_utf8(&name).unwrap(), 16).unwrap();
    (name, id)
}

/// Replaces text in a row.
pub fn edit(buckets: &mut Buckets, name: &str, key: &[u8], from: &str, to: &str) {
    let value = bucket(buckets, name).get_mut(key).unwrap();
    let text = String::from_utf8(value.clone()).unwrap();
    assert!(text.contains(from), "{text}");
    *value = text.replace(from, to).into_bytes();
}

/// The page at which bucket `key` begins.
fn root_of_keys(bolt: &Bolt) -> usize {
    let all = bolt.buckets(&mut Vec::new());
    let key = all.iter().find(|bucket| bucket.name == b"key").unwrap();
    let Tree::Root(page) = key.tree else { panic!("inline") };
    page.get() as usize
}

/// Makes the root page of bucket `key` an empty leaf, as where it was used for something else in the meantime.
pub fn without_rows(bytes: &mut [u8]) {
    let at = root_of_keys(&opened(bytes)) * PAGE;
    bytes[at + 8..at + 16].copy_from_slice(&[2, 0, 0, 0, 0, 0, 0, 0]);
}

/// Takes a leaf in the middle out of the tree of bucket `key`, as an older branch page does in a torn copy.
pub fn without_a_leaf(bytes: &mut [u8]) {
    let at = root_of_keys(&opened(bytes)) * PAGE;
    let page = &mut bytes[at..at + PAGE];
    assert_eq!(page[8], 1, "a branch page");
    let count = u16::from_le_bytes([page[10], page[11]]);
    let middle = usize::from(count) / 2;
    for element in middle..usize::from(count) - 1 {
        let from = 16 + 16 * (element + 1);
        page.copy_within(from..from + 16, from - 16);
        let key = u32::from_le_bytes(page[from - 16..from - 12].try_into().unwrap()) + 16;
        page[from - 16..from - 12].copy_from_slice(&key.to_le_bytes());
    }
    page[10..12].copy_from_slice(&(count - 1).to_le_bytes());
}

/// Spoils a leaf of bucket `key` that the older meta does not lead to.
pub fn spoil_what_is_new(bytes: &mut [u8]) {
    let newest = opened(bytes);
    let other = if newest.metas().chosen == MetaSlot::First { MetaSlot::Second } else { MetaSlot::First };
    let older = newest.through_slot(other).unwrap();
    let leaves = |bolt: &Bolt| -> Vec<u64> {
        let all = bolt.buckets(&mut Vec::new());
        let key = all.iter().find(|bucket| bucket.name == b"key").unwrap();
        let pages = bolt.leaves(key, &mut Vec::new()).into_iter().map(|leaf| match leaf.home {
            Home::Page(page) => page.get(),
            Home::Inline { .. } => panic!("inline"),
        });
        pages.collect()
    };
    let old = leaves(&older);
    let new = leaves(&newest).into_iter().find(|page| !old.contains(page)).unwrap();
    bytes[new as usize * PAGE] ^= 1;
}

/// Sets the flags of both metas, as `bbolt surgery meta update` does, with the checksum that belongs to it.
pub fn mark_by_surgery(bytes: &mut [u8]) {
    for meta in bytes[..2 * PAGE].chunks_exact_mut(PAGE) {
        meta[28] = 4;
        let fnv = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let sum = meta[16..72].iter().fold(0xcbf2_9ce4_8422_2325, fnv);
        meta[72..80].copy_from_slice(&sum.to_le_bytes());
    }
}

/// Writes a data directory.
pub fn directory(at: &Path, db: &[u8], log: &[u8]) -> PathBuf {
    let member = at.join("member");
    fs::create_dir_all(member.join("wal")).unwrap();
    fs::create_dir_all(member.join("snap")).unwrap();
    fs::write(member.join("snap/db"), db).unwrap();
    fs::write(member.join("wal/0000000000000000-0000000000000000.wal"), log).unwrap();
    at.to_owned()
}
