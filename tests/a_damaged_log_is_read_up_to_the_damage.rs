//! A write-ahead log is read as etcd reads it: a frame that was being written ends it quietly, anything else ends it with
//! the place of the damage, and no entry is ever taken whose checksum does not fit.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod fixtures;

use fixtures::{open, unpacked};
use kinescope::etcd::proto::{raftpb, walpb};
use kinescope::etcd::wal::{Tail, Wal, parse_name};
use kinescope::source::{Bytes, File, FileName, Files};
use prost::Message as _;

/// The bytes of a real log up to the preallocated zeros, and a few of these.
fn real_log() -> Vec<u8> {
    let Files::EtcdDir { wal, .. } = open(&unpacked("etcd-3.6").join("final.etcd")).files else {
        panic!("a directory")
    };
    let whole = &wal[0].bytes;
    let end = frames(whole).last().unwrap().1;
    whole[..end + 64].to_vec()
}

/// Start and end of every frame.
fn frames(log: &[u8]) -> Vec<(usize, usize)> {
    let (mut at, mut frames) = (0, Vec::new());
    while let Some(header) = log.get(at..at + 8).filter(|header| **header != [0; 8]) {
        let field = u64::from_le_bytes(header.try_into().unwrap());
        let padding = if field >> 63 == 1 { field >> 56 & 7 } else { 0 };
        let end = at + 8 + (field & 0xFF_FFFF_FFFF_FFFF) as usize + padding as usize;
        frames.push((at, end));
        at = end;
    }
    frames
}

fn segment(sequence: u64, bytes: Vec<u8>) -> File {
    File { name: FileName::new(format!("wal/{sequence:016x}-{sequence:016x}.wal")), bytes: Bytes::from(bytes) }
}

fn read(bytes: Vec<u8>) -> Wal {
    Wal::read(&[segment(0, bytes)])
}

fn ids(wal: &Wal) -> Vec<&str> {
    wal.damage.iter().map(|damage| damage.id).collect()
}

/// A frame around a record, its checksum continued.
fn frame(kind: i64, data: Option<Vec<u8>>, crc: &mut u32) -> Vec<u8> {
    *crc = crc32c::crc32c_append(*crc, data.as_deref().unwrap_or_default());
    let record = walpb::Record { r#type: Some(kind), crc: Some(*crc), data: data.map(Into::into) }.encode_to_vec();
    let padding = (8 - record.len() % 8) % 8;
    let flag = if padding == 0 { 0 } else { (0x80 | padding as u64) << 56 };
    let mut frame = (record.len() as u64 | flag).to_le_bytes().to_vec();
    frame.extend(record);
    frame.resize(frame.len() + padding, 0);
    frame
}

fn entry(index: u64, term: u64, crc: &mut u32) -> Vec<u8> {
    let data = format!("{index} of {term}").into_bytes().into();
    let entry = raftpb::Entry { r#type: Some(0), term: Some(term), index: Some(index), data: Some(data) };
    frame(2, Some(entry.encode_to_vec()), crc)
}

#[test]
fn a_torn_frame_ends_the_log_quietly() {
    let log = real_log();
    let frames = frames(&log);
    let whole = read(log.clone());
    assert_eq!((whole.tail, ids(&whole), whole.entries.len()), (Tail::Clean, vec![], 1369));
    // The last entry's frame is large enough to cover more than one sector; from its second sector on it is not written.
    let (start, end) = *frames.iter().rev().find(|(start, end)| end - start > 1100).unwrap();
    let mut torn = log.clone();
    let sector = (start / 512 + 1) * 512;
    torn[sector..].fill(0);
    let read_torn = read(torn.clone());
    assert_eq!(read_torn.tail, Tail::Torn { segment: 0, at: start as u64 });
    assert_eq!(ids(&read_torn), Vec::<&str>::new());
    assert_eq!(read_torn.entries[..], whole.entries[..read_torn.entries.len()]);
    // Cut off in the middle of the frame.
    let read_cut = read(log[..end - 9].to_vec());
    assert_eq!(read_cut.tail, Tail::Torn { segment: 0, at: start as u64 });
    // A wrong byte in a frame without a hole is no torn write.
    let mut wrong = log.clone();
    wrong[end - 20] ^= 1;
    let read_wrong = read(wrong);
    assert_eq!((read_wrong.tail, ids(&read_wrong)), (Tail::Broken, vec!["wal-frame"]));
    // The same torn frame in a segment that is not the last one was damaged later.
    let read_two = Wal::read(&[segment(0, torn), segment(1, Vec::new())]);
    assert_eq!((read_two.tail, ids(&read_two)), (Tail::Broken, vec!["wal-frame"]));
}

#[test]
fn segments_are_chained() {
    let log = real_log();
    let frames = frames(&log);
    let cut = frames[700].1;
    let mut crc = 0;
    for (start, end) in &frames[1..=700] {
        let length = u64::from_le_bytes(log[*start..start + 8].try_into().unwrap()) & 0xFF_FFFF_FFFF_FFFF;
        assert!(start + 8 + length as usize <= *end);
        let record = walpb::Record::decode(&log[start + 8..start + 8 + length as usize]).unwrap();
        crc = record.crc.unwrap();
    }
    let chained = |crc: u32| {
        let mut crc = crc;
        [frame(4, None, &mut crc), log[cut..].to_vec()].concat()
    };
    let head = || segment(0, [&log[..cut], &[0; 512][..]].concat());
    let whole = read(log.clone());

    let two = Wal::read(&[segment(1, chained(crc)), head()]);
    assert_eq!((two.tail, ids(&two)), (Tail::Clean, vec![]));
    assert_eq!(two.state, whole.state);
    let plain = |wal: &Wal| wal.entries.iter().map(|entry| (entry.index, entry.data.clone())).collect::<Vec<_>>();
    assert!(plain(&two) == plain(&whole));

    let other = Wal::read(&[head(), segment(1, chained(crc ^ 1))]);
    assert_eq!((other.tail, ids(&other)), (Tail::Broken, vec!["wal-chain"]));
    let missing = Wal::read(&[head(), segment(2, chained(crc))]);
    assert_eq!(ids(&missing), ["wal-segment-missing"]);
}

#[test]
fn a_later_entry_overrides_all_from_its_index_on() {
    let mut crc = 0;
    let mut log = frame(4, None, &mut crc);
    for (index, term) in [(5, 1), (6, 1), (7, 1), (8, 1), (7, 2), (8, 2)] {
        log.extend(entry(index, term, &mut crc));
    }
    let wal = read(log.clone());
    let found: Vec<_> = wal.entries.iter().map(|entry| (entry.index, entry.term)).collect();
    assert_eq!(found, [(5, 1), (6, 1), (7, 2), (8, 2)]);
    log.extend(entry(10, 2, &mut crc));
    let wal = read(log);
    assert_eq!((wal.tail, ids(&wal), wal.last_index()), (Tail::Broken, vec!["wal-hole"], Some(8)));
}

#[test]
fn only_segments_have_the_name_of_one() {
    assert_eq!(parse_name("member/wal/000000000000000a-00000000000001ff.wal"), Some((10, 511)));
    assert_eq!(parse_name("x.zip!wal/0000000000000000-0000000000000000.wal"), Some((0, 0)));
    assert_eq!(parse_name("member/wal/0.tmp"), None);
    assert_eq!(parse_name("member/wal/0000000000000000-0000000000000000.wal.broken"), None);
}

#[test]
fn whatever_is_broken_the_entries_before_it_are_right() {
    let log = real_log();
    let whole = read(log.clone());
    let place = (0..log.len(), 0..8_u32);
    let strategy = (proptest::collection::vec(place, 0..3), 0..=log.len(), proptest::bool::ANY);
    let config = proptest::test_runner::Config { cases: 48, failure_persistence: None, ..Default::default() };
    proptest::test_runner::TestRunner::new(config)
        .run(&strategy, |(flips, cut, near)| {
            let mut bytes = log.clone();
            for (at, bit) in flips {
                bytes[at] ^= 1 << bit;
            }
            bytes.truncate(if near { log.len() } else { cut });
            let found = read(bytes);
            assert!(found.entries.len() <= whole.entries.len());
            for (ours, theirs) in found.entries.iter().zip(&whole.entries) {
                assert_eq!((ours.index, ours.term, &ours.data), (theirs.index, theirs.term, &theirs.data));
            }
            Ok(())
        })
        .unwrap();
}
