//! A file from our one-pass builder is what bbolt would have written: bbolt-rs finds no fault in it, reads every row, and
//! can go on writing to it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use bbolt_rs::{Bolt as Engine, BucketApi, BucketRwApi, DbApi, DbRwAPI, TxApi, TxCheck, TxRwRefApi};
use kinescope::bolt::{Bolt, BuildError, Fill, Format, HashingSink, PageSize, Plan};
use kinescope::source::{Bytes, FileName};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;
type Buckets = BTreeMap<Vec<u8>, Rows>;

fn build(format: Format, buckets: &Buckets) -> Result<Vec<u8>, BuildError> {
    let mut plan = Plan::new(format);
    // In any order: the plan sorts the names.
    for (name, rows) in buckets.iter().rev() {
        plan.bucket(name, rows.iter().map(|(key, value)| (key.len(), value.len())))?;
    }
    let layout = plan.finish();
    let length = layout.length();
    let mut writer = layout.writer(HashingSink::new(Vec::new())?)?;
    for (name, rows) in buckets {
        writer.bucket(name)?;
        for (key, value) in rows {
            let (head, tail) = value.split_at(value.len() / 3);
            writer.item(key, &[head, tail, &[]])?;
        }
    }
    let (bytes, sum) = writer.finish()?.finish()?;
    assert_eq!(bytes.len() as u64, length);
    assert_eq!(sum[..], Sha256::digest(&bytes)[..]);
    Ok(bytes)
}

/// Opens the file with bbolt-rs, lets it check all pages, reads all rows, and then writes one more.
fn check_with_bbolt(bytes: &[u8], wanted: &Buckets) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    std::fs::write(&path, bytes).unwrap();
    let mut db = Engine::open(&path).unwrap();
    let look = |tx: &bbolt_rs::TxRef<'_>| {
        assert_eq!(tx.check(), Vec::<String>::new());
        for (name, rows) in wanted {
            let bucket = tx.bucket(name).unwrap();
            let found: Rows = bucket.iter_entries().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
            assert!(found == *rows, "bucket {}", name.escape_ascii());
        }
    };
    db.view(|tx| {
        look(&tx);
        Ok(())
    })
    .unwrap();
    db.update(|mut tx| tx.create_bucket_if_not_exists("written later")?.put("key", "value")).unwrap();
    db.view(|tx| {
        look(&tx);
        Ok(())
    })
    .unwrap();
}

fn check_with_us(bytes: Vec<u8>, buckets: &Buckets, freelist: bool) {
    let bolt = Bolt::open(FileName::new("db"), Bytes::from(bytes)).unwrap();
    let mut damage = bolt.damage().to_vec();
    let walked = bolt.walk(&mut damage);
    let items: usize =
        walked.buckets.iter().flat_map(|(_, leaves)| leaves).map(|leaf| leaf.items(&bolt, &mut damage).count()).sum();
    assert_eq!(damage, []);
    assert_eq!(items, buckets.values().map(BTreeMap::len).sum::<usize>());
    assert_eq!(walked.census.free, 0);
    assert_eq!(walked.census.freelist.is_some(), freelist);
    assert!(bolt.trailing().is_empty());
}

fn rows(count: u32, key: usize, value: impl Fn(u32) -> usize) -> Rows {
    (0..count)
        .map(|n| {
            let mut key_bytes = n.to_be_bytes().to_vec();
            key_bytes.resize(key, b'k');
            (key_bytes, vec![n as u8; value(n)])
        })
        .collect()
}

#[test]
fn every_shape_of_tree_is_accepted() {
    let buckets = BTreeMap::from([
        (b"empty".to_vec(), Rows::new()),
        (b"inline".to_vec(), rows(5, 8, |_| 20)),
        (b"one leaf".to_vec(), rows(40, 8, |_| 20)),
        (b"two levels".to_vec(), rows(2000, 17, |n| n as usize % 300)),
        (b"three levels".to_vec(), rows(40_000, 17, |_| 60)),
        (b"large values".to_vec(), rows(30, 17, |n| n as usize * 5000)),
        (b"long keys".to_vec(), rows(40, 3000, |_| 3)),
        (b"longest keys".to_vec(), rows(7, 32768, |_| 70_000)),
    ]);
    for page_size in [4096, 16384, 65536] {
        for (fill, freelist) in [(100, true), (50, true), (90, false)] {
            let page_size = PageSize::new(page_size).unwrap();
            let format = Format { page_size, fill: Fill::percent(fill).unwrap(), freelist };
            let bytes = build(format, &buckets).unwrap();
            check_with_us(bytes.clone(), &buckets, freelist);
            if freelist {
                // bbolt-rs cannot open a file without a freelist, as it says itself.
                check_with_bbolt(&bytes, &buckets);
            }
        }
    }
}

#[test]
fn pages_are_used_well_whatever_the_size_of_the_rows() {
    for size in [40, 700, 1400, 2100, 2600, 3300, 4100, 5000, 9000] {
        let buckets = BTreeMap::from([(b"b".to_vec(), rows(3_000_000 / size as u32, 17, |n| size + n as usize % 7))]);
        let content: usize = buckets[b"b".as_slice()].values().map(|value| 16 + 17 + value.len()).sum();
        let bytes = build(Format::default(), &buckets).unwrap();
        assert!(bytes.len() < content * 115 / 100, "rows of {size} bytes: {} for {content}", bytes.len());
        check_with_us(bytes.clone(), &buckets, true);
        check_with_bbolt(&bytes, &buckets);
    }
}

#[test]
fn a_file_without_buckets_is_accepted() {
    let bytes = build(Format::default(), &Buckets::new()).unwrap();
    assert_eq!(bytes.len(), 4 * 4096);
    check_with_bbolt(&bytes, &Buckets::new());
}

#[test]
fn many_buckets_need_a_tree_of_their_own() {
    let buckets: Buckets = (0..700).map(|n| (format!("bucket {n:04}").into_bytes(), rows(n % 9, 8, |_| 60))).collect();
    let bytes = build(Format::default(), &buckets).unwrap();
    check_with_us(bytes.clone(), &buckets, true);
    check_with_bbolt(&bytes, &buckets);
}

#[test]
fn every_number_of_pages_of_every_level_is_accepted() {
    // With keys this long a branch page holds few children, so that all remainders occur.
    for count in 1..60 {
        let buckets = BTreeMap::from([(b"b".to_vec(), rows(count, 900, |_| 2000))]);
        let bytes = build(Format::default(), &buckets).unwrap();
        check_with_us(bytes.clone(), &buckets, true);
        check_with_bbolt(&bytes, &buckets);
    }
}

#[test]
fn rows_other_than_planned_are_refused() {
    let layout = |sizes: &[(usize, usize)]| {
        let mut plan = Plan::new(Format::default());
        plan.bucket(b"b", sizes.iter().copied()).unwrap();
        plan.finish()
    };
    let large = [(3, 2000), (3, 2000), (3, 4000)];
    let mut writer = layout(&large).writer(Vec::new()).unwrap();
    assert!(matches!(writer.item(b"aaa", &[&[0; 2000]]), Err(BuildError::NotAsPlanned { .. })), "no bucket yet");
    assert!(matches!(writer.bucket(b"c"), Err(BuildError::NotAsPlanned { .. })));

    let mut writer = layout(&large).writer(Vec::new()).unwrap();
    writer.bucket(b"b").unwrap();
    writer.item(b"bbb", &[&[0; 2000]]).unwrap();
    assert!(matches!(writer.item(b"aaa", &[&[0; 2000]]), Err(BuildError::Order { .. })));
    assert!(matches!(writer.finish(), Err(BuildError::NotAsPlanned { .. })), "rows are missing");

    let mut writer = layout(&large).writer(Vec::new()).unwrap();
    writer.bucket(b"b").unwrap();
    assert!(matches!(writer.item(b"aaa", &[&[0; 5000]]), Err(BuildError::NotAsPlanned { .. })), "too large");

    let mut writer = layout(&[(3, 10)]).writer(Vec::new()).unwrap();
    writer.bucket(b"b").unwrap();
    writer.item(b"aaa", &[&[0; 9]]).unwrap();
    assert!(matches!(writer.finish(), Err(BuildError::NotAsPlanned { .. })), "inline, too small");

    let mut plan = Plan::new(Format::default());
    assert!(matches!(plan.bucket(b"b", [(0, 1)]), Err(BuildError::Key { length: 0, .. })));
    assert!(matches!(plan.bucket(b"b", [(32769, 1)]), Err(BuildError::Key { .. })));
    assert!(matches!(plan.bucket(b"b", [(1, 1 << 31)]), Err(BuildError::Value { .. })));
    plan.bucket(b"b", [(1, 1)]).unwrap();
    assert!(matches!(plan.bucket(b"b", [(1, 1)]), Err(BuildError::Bucket { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn any_rows_are_read_back(
        buckets in proptest::collection::btree_map(
            proptest::collection::vec(any::<u8>(), 1..20),
            proptest::collection::btree_map(
                proptest::collection::vec(any::<u8>(), 1..600),
                (any::<u8>(), 0_usize..9000).prop_map(|(byte, length)| vec![byte; length]),
                0..60,
            ),
            0..6,
        ),
        fill in 10_u8..=100,
    ) {
        let format = Format { fill: Fill::percent(fill).unwrap(), ..Format::default() };
        let bytes = build(format, &buckets).unwrap();
        check_with_us(bytes.clone(), &buckets, true);
        check_with_bbolt(&bytes, &buckets);
    }
}
