//! What our reader finds in files that bbolt-rs wrote is what was put in, for every page size and both byte orders.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use bbolt_rs::{Bolt as Engine, BoltOptions, BucketRwApi, DbRwAPI, TxRwRefApi};
use kinescope::bolt::{Bolt, ByteOrder, OpenError};
use kinescope::source::{Bytes, Damage, FileName};
use proptest::prelude::*;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;
type Buckets = BTreeMap<Vec<u8>, Rows>;

/// Writes the buckets in several transactions, as an engine in use does.
fn written_by_bbolt(page_size: usize, buckets: &Buckets) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    {
        let options = BoltOptions::builder().page_size(page_size).build();
        let mut db: Engine = options.open(&path).unwrap();
        for (name, rows) in buckets {
            // Twice, with other values first: the second transaction leaves free pages behind. (Deletions of many rows are
            // beyond bbolt-rs: it then frees a page twice.)
            for last in [false, true] {
                db.update(|mut tx| {
                    let mut bucket = tx.create_bucket_if_not_exists(name)?;
                    for (key, value) in rows {
                        bucket.put(key, if last { value } else { b"first value".as_slice() })?;
                    }
                    Ok(())
                })
                .unwrap();
            }
        }
    }
    std::fs::read(path).unwrap()
}

fn read_by_us(bytes: Vec<u8>) -> (Buckets, Vec<Damage>, Bolt) {
    let bolt = Bolt::open(FileName::new("db"), Bytes::from(bytes)).unwrap();
    let mut damage = bolt.damage().to_vec();
    let mut found = Buckets::new();
    for bucket in bolt.buckets(&mut damage) {
        let mut rows = Rows::new();
        for leaf in bolt.leaves(&bucket, &mut damage) {
            for item in leaf.items(&bolt, &mut damage) {
                let at = usize::try_from(item.value_at).unwrap();
                assert_eq!(&bolt.bytes()[at..at + item.value.len()], item.value);
                rows.insert(item.key.to_vec(), item.value.to_vec());
            }
        }
        found.insert(bucket.name, rows);
    }
    let census = bolt.census(&mut damage);
    let used = census.meta
        + census.freelist.as_ref().map_or(0, |list| list.pages)
        + census.branch()
        + census.leaf()
        + census.overflow();
    assert_eq!(used + census.free, census.pages);
    assert_eq!(census.freelist.map(|list| list.listed), Some(census.free));
    (found, damage, bolt)
}

fn some_buckets() -> Buckets {
    let row = |n: u32| (format!("key {n:05}").into_bytes(), vec![n as u8; (n as usize * 37) % 900]);
    let big = [(b"big".to_vec(), vec![7; 200_000]), (b"empty".to_vec(), vec![])];
    BTreeMap::from([
        (b"many".to_vec(), (0..3000).map(row).collect()),
        (b"few".to_vec(), (0..3).map(row).collect()),
        (b"none".to_vec(), Rows::new()),
        (b"large".to_vec(), big.into_iter().collect()),
    ])
}

#[test]
fn every_page_size_is_read() {
    let wanted = some_buckets();
    for page_size in [1024, 4096, 16384, 65536] {
        let (found, damage, bolt) = read_by_us(written_by_bbolt(page_size, &wanted));
        assert_eq!(damage, []);
        assert_eq!(bolt.meta().page_size.bytes() as usize, page_size);
        assert!(found == wanted, "page size {page_size}");
    }
}

#[test]
fn the_page_size_is_found_without_the_first_meta() {
    let wanted = some_buckets();
    for page_size in [1024, 4096, 65536] {
        let mut bytes = written_by_bbolt(page_size, &wanted);
        bytes[..page_size].fill(0xAA);
        let (found, damage, bolt) = read_by_us(bytes);
        assert_eq!(damage.iter().map(|damage| damage.id).collect::<Vec<_>>(), ["meta-invalid"]);
        assert_eq!(bolt.meta().page_size.bytes() as usize, page_size);
        // The second meta may be one transaction behind, which changed only the last bucket.
        assert_eq!(found.get(b"large".as_slice()), wanted.get(b"large".as_slice()));
    }
}

#[test]
fn a_file_of_a_big_endian_machine_is_read() {
    let wanted = some_buckets();
    let mut bytes = written_by_bbolt(4096, &wanted);
    let used = turn_big_endian(&mut bytes);
    assert!(used > 100);
    let (found, damage, bolt) = read_by_us(bytes);
    assert_eq!(damage, []);
    assert_eq!(bolt.meta().order, ByteOrder::Big);
    assert!(found == wanted);
}

/// Turns every integer round, page by page, following only headers and tables; the number of pages that were turned.
fn turn_big_endian(bytes: &mut [u8]) -> usize {
    let turn = |bytes: &mut [u8], at: usize, length: usize| bytes[at..at + length].reverse();
    let little = |bytes: &[u8], at: usize, length: usize| {
        bytes[at..at + length].iter().rev().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let high_water = (0..2).map(|meta| little(bytes, meta * 4096 + 56, 8)).max().unwrap();
    let (mut page, mut turned) = (0, 0);
    while page < high_water {
        let at = page * 4096;
        // The last page is 0 where bbolt never wrote.
        let (flags, count, overflow) = (little(bytes, at + 8, 2), little(bytes, at + 10, 2), little(bytes, at + 12, 4));
        match flags {
            1 => (0..count).for_each(|index| {
                let entry = at + 16 + 16 * index;
                [(0, 4), (4, 4), (8, 8)].iter().for_each(|(field, length)| turn(bytes, entry + field, *length));
            }),
            2 => turn_leaf(bytes, at, count),
            4 => {
                [16, 20, 24, 28].iter().for_each(|field| turn(bytes, at + field, 4));
                (32..72).step_by(8).for_each(|field| turn(bytes, at + field, 8));
                let sum = bytes[at + 16..at + 72].iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
                    (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
                });
                bytes[at + 72..at + 80].copy_from_slice(&sum.to_be_bytes());
            }
            0x10 => (0..count).for_each(|index| turn(bytes, at + 16 + 8 * index, 8)),
            _ => {}
        }
        [(0, 8), (8, 2), (10, 2), (12, 4)].iter().for_each(|(field, length)| turn(bytes, at + field, *length));
        page += 1 + overflow;
        turned += 1;
    }
    turned
}

fn turn_leaf(bytes: &mut [u8], at: usize, count: usize) {
    let little = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    for index in 0..count {
        let entry = at + 16 + 16 * index;
        let [flags, pos, key] = [0, 4, 8].map(|field| little(bytes, entry + field));
        let value = entry + pos + key;
        [0, 4, 8, 12].iter().for_each(|field| bytes[entry + field..entry + field + 4].reverse());
        if flags & 1 == 1 {
            let inline = bytes[value..value + 8] == [0; 8];
            bytes[value..value + 8].reverse();
            bytes[value + 8..value + 16].reverse();
            if inline {
                let page = value + 16;
                let count = u16::from_le_bytes([bytes[page + 10], bytes[page + 11]]);
                turn_leaf(bytes, page, usize::from(count));
                [(0, 8), (8, 2), (10, 2), (12, 4)]
                    .iter()
                    .for_each(|(field, length)| bytes[page + field..page + field + length].reverse());
            }
        }
    }
}

#[test]
fn what_is_no_bbolt_file_is_named() {
    let open = |bytes: Vec<u8>| Bolt::open(FileName::new("x"), Bytes::from(bytes)).unwrap_err();
    assert!(matches!(open(vec![]), OpenError::Empty { .. }));
    assert!(matches!(open(vec![1; 60]), OpenError::TooShort { length: 60, .. }));
    assert!(matches!(open(vec![0; 40_000]), OpenError::NotBolt { .. }));
    let mut newer = written_by_bbolt(4096, &Buckets::new());
    newer[20] = 3;
    newer[4096 + 20] = 3;
    assert!(matches!(open(newer.clone()), OpenError::Version { version: 3, .. }));
    newer[20] = 2;
    newer[4096 + 20] = 2;
    newer[60] ^= 1;
    newer[4096 + 60] ^= 1;
    assert!(matches!(open(newer), OpenError::NoValidMeta { .. }));
}

#[test]
fn a_file_that_was_cut_off_is_read_as_far_as_it_goes() {
    let wanted = some_buckets();
    let whole = written_by_bbolt(4096, &wanted);
    let (_, _, bolt) = read_by_us(whole.clone());
    let end = usize::try_from(bolt.meta().high_water.get()).unwrap() * 4096;
    let bolt = Bolt::open(FileName::new("db"), Bytes::from(whole[..end - 1].to_vec())).unwrap();
    assert_eq!(bolt.damage().iter().map(|damage| damage.id).collect::<Vec<_>>(), ["truncated"]);
    let bolt = Bolt::open(FileName::new("db"), Bytes::from(whole[..end].to_vec())).unwrap();
    assert_eq!(bolt.damage(), []);
}

/// Reads everything; only that it ends and does not panic matters.
fn read_all(bytes: Vec<u8>) -> (usize, Vec<Damage>) {
    let Ok(bolt) = Bolt::open(FileName::new("db"), Bytes::from(bytes)) else { return (0, vec![]) };
    let mut damage = bolt.damage().to_vec();
    let walked = bolt.walk(&mut damage);
    let leaves = walked.buckets.iter().flat_map(|(_, leaves)| leaves);
    let items = leaves.map(|leaf| leaf.items(&bolt, &mut damage).map(|item| item.value.len().min(1)).sum::<usize>());
    (items.sum(), damage)
}

#[test]
fn damage_of_every_kind_is_told() {
    let whole = written_by_bbolt(4096, &some_buckets());
    let (bolt_leaf, bolt_branch) = {
        let bolt = Bolt::open(FileName::new("db"), Bytes::from(whole.clone())).unwrap();
        let mut none = vec![];
        let bucket = bolt.buckets(&mut none).into_iter().find(|bucket| bucket.name == b"many").unwrap();
        let leaves = bolt.leaves(&bucket, &mut none);
        let kinescope::bolt::Tree::Root(root) = bucket.tree else { panic!("the bucket has pages") };
        (leaves[3].home.page().get() as usize * 4096, root.get() as usize * 4096)
    };
    let hurt = |at: usize, with: &[u8]| {
        let mut bytes = whole.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        let (_, damage) = read_all(bytes);
        damage.iter().map(|damage| damage.id).collect::<Vec<_>>()
    };
    assert!(hurt(bolt_leaf, &[9, 9]).contains(&"page-id"));
    assert!(hurt(bolt_leaf + 8, &[3]).contains(&"page-flags"));
    assert!(hurt(bolt_leaf + 8, &[0x10]).contains(&"page-kind"));
    assert!(hurt(bolt_leaf + 10, &[0xFF, 0xFF]).contains(&"page-count"));
    assert!(hurt(bolt_leaf + 12, &[0xFF, 0xFF, 0xFF]).contains(&"page-twice"));
    assert!(hurt(bolt_leaf + 16 + 4, &[0xFF, 0xFF]).contains(&"cell-bounds"));
    assert!(hurt(bolt_leaf + 16 + 8, &[0, 0, 0, 0]).contains(&"cell-empty-key"));
    assert!(hurt(bolt_leaf + 16 + 16 + 4, &[0, 0, 0, 0]).contains(&"cell-bounds"));
    assert!(hurt(bolt_branch + 16 + 8, &[0xFF; 8]).contains(&"page-out-of-bounds"));
    let second_child = whole[bolt_branch + 32 + 8..bolt_branch + 40 + 8].to_vec();
    let twice = hurt(bolt_branch + 16 + 8, &second_child);
    assert!(twice.contains(&"page-twice"), "{twice:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_rows_are_read_back(rows in proptest::collection::btree_map(
        proptest::collection::vec(any::<u8>(), 1..40),
        proptest::collection::vec(any::<u8>(), 0..3000),
        0..200,
    )) {
        let wanted = BTreeMap::from([(b"b".to_vec(), rows)]);
        let (found, damage, _) = read_by_us(written_by_bbolt(4096, &wanted));
        prop_assert_eq!(damage, vec![]);
        prop_assert!(found == wanted);
    }
}

#[test]
fn broken_files_end_without_a_panic() {
    let whole = written_by_bbolt(1024, &some_buckets());
    let mut runner = proptest::test_runner::TestRunner::default();
    let place = (0..whole.len(), any::<u8>());
    let strategy = (proptest::collection::vec(place, 1..60), 0..=whole.len(), any::<bool>());
    runner
        .run(&strategy, |(hits, cut, near)| {
            let mut bytes = whole.clone();
            for (at, value) in hits {
                // Half of the runs hit only headers and tables, where it hurts most.
                let at = if near { at / 1024 * 1024 + at % 64 } else { at };
                bytes[at.min(whole.len() - 1)] = value;
            }
            bytes.truncate(if near { whole.len() } else { cut });
            read_all(bytes);
            Ok(())
        })
        .unwrap();
}
