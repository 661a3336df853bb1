//! Every parser ends with an answer, damage or an error, whatever its bytes are: the targets of `fuzz/`, over real stores and
//! objects in which bits, pieces and lengths were changed. `KINESCOPE_FUZZ_SECONDS` lets it go on for longer than a moment.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixtures;
#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fixtures::{base64, json_lines, listing, unpacked};
use rayon::prelude::*;
use targets::TARGETS;

/// Changed inputs for each target, where no time is given.
const ROUNDS: u64 = 300;

/// Random numbers that are the same in every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % below.max(1) as u64).unwrap()
    }
}

/// Inputs of each target that are whole.
fn seeds() -> BTreeMap<&'static str, Vec<Vec<u8>>> {
    let read = |path: &str| {
        let (archive, rest) = path.split_once('/').unwrap();
        std::fs::read(unpacked(archive).join(rest)).unwrap()
    };
    // The first byte says where the two files of one input are cut.
    let alone = |db: &[u8]| [&[255], db].concat();
    let both = |db: &[u8], wal: &[u8]| {
        let share = (db.len() * 255).div_ceil((db.len() + wal.len()).max(1)).min(255);
        [&[u8::try_from(share).unwrap()], db, wal].concat()
    };
    let state = read("kine-0.16/middle/state.db");
    let wal = read("kine-0.16/middle/state.db-wal");
    let old = read("kine-0.11/early.backup.db");
    let bolt = read("etcd-3.6/early.snapshot");
    let segment = std::fs::read_dir(unpacked("etcd-3.6").join("final.etcd/member/wal")).unwrap();
    let mut segments: Vec<_> = segment.map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    let mut log = std::fs::read(&segments[0]).unwrap();
    log.truncate(1 << 19);
    let (_, kvs) = listing(&unpacked("etcd-3.6").join("middle.listing.json"));
    let values: Vec<Vec<u8>> = kvs.into_iter().map(|kv| kv.value).step_by(7).collect();
    let texts: Vec<Vec<u8>> = values.iter().filter(|value| value.starts_with(b"{")).cloned().collect();
    let yaml = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: &l {x: 'y'}}\ndata:\n  a: |-\n    text\n  b: *l\n---\n- 1\n- !!str 2\n";
    let watched = json_lines(&unpacked("etcd-3.6").join("final.history.jsonl"));
    let events = watched.iter().flat_map(|line| line["Events"].as_array().unwrap());
    let later = events.filter_map(|event| event["kv"].get("value")).map(base64).take(40);
    let objects: Vec<Vec<u8>> = values.into_iter().chain(later).collect();
    let sqlite = vec![alone(&old), both(&state, &wal)];
    BTreeMap::from([
        ("salvage_kine", sqlite.clone()),
        ("sqlite", sqlite.clone()),
        ("kine_store", sqlite),
        ("sqlite_wal", vec![wal]),
        ("salvage_etcd", vec![alone(&bolt), both(&bolt, &log)]),
        ("etcd_store", vec![alone(&bolt), both(&bolt, &log)]),
        ("bolt", vec![bolt]),
        ("etcd_wal", vec![log]),
        ("object", objects.clone()),
        ("json", texts.clone()),
        ("yaml", [vec![yaml.to_vec()], texts].concat()),
        ("cbor", vec![b"\xd9\xd9\xf7\xa2\x44kind\x43Pod\x48metadata\xa1\x44name\x41a".to_vec()]),
        ("bootstrap", objects),
    ])
}

/// Numbers at which parsers go wrong.
const EDGES: [u64; 9] = [0, 1, 0x7f, 0x80, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 62, u64::MAX];

fn changed(whole: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..=dice.roll(12) {
        let len = bytes.len();
        let at = dice.roll(len);
        let size = 1 << dice.roll(13);
        let end = len.min(at + size);
        match dice.roll(8) {
            0 if len > 0 => bytes[at] ^= 1 << dice.roll(8),
            1 => bytes[at..end].fill(0),
            2 => bytes[at..end].fill_with(|| dice.roll(256) as u8),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let from = dice.roll(len);
                let piece = bytes[from..len.min(from + size)].to_vec();
                drop(bytes.splice(at..at, piece));
            }
            5 if len > 8 => {
                let edge = EDGES[dice.roll(EDGES.len())];
                let number = if dice.roll(2) == 0 { edge.to_le_bytes() } else { edge.to_be_bytes() };
                let (width, at) = (1 << dice.roll(4), at.min(len - 8));
                bytes[at..at + width].copy_from_slice(&number[..width]);
            }
            6 => bytes.truncate(at),
            // Pages in each other's places.
            7 if len > 8192 => {
                let page = |dice: &mut Dice| dice.roll(len / 4096) * 4096;
                let (from, to) = (page(dice), page(dice));
                bytes.copy_within(from..from + 4096, to);
            }
            _ => {}
        }
    }
    bytes
}

#[test]
fn changed_stores_and_objects_end_no_parser() {
    let seeds = seeds();
    let seconds = std::env::var("KINESCOPE_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let slowest: Vec<String> = TARGETS
        .par_iter()
        .map(|(name, target)| {
            let until = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
            let mut dice = Dice(name.len() as u64);
            let (mut round, mut slowest) = (0, Duration::ZERO);
            while until.map_or(round < ROUNDS, |until| Instant::now() < until) {
                let whole = &seeds[name];
                let input = match round {
                    0 => Vec::new(),
                    round if round % 10 == 9 => (0..dice.roll(9000)).map(|_| dice.roll(256) as u8).collect(),
                    _ => changed(&whole[dice.roll(whole.len())], &mut dice),
                };
                let begun = Instant::now();
                let held = std::panic::catch_unwind(|| target(&input));
                assert!(held.is_ok(), "{name} panicked in round {round}");
                slowest = slowest.max(begun.elapsed());
                round += 1;
            }
            format!("{name}: {round} inputs, the slowest {slowest:?}")
        })
        .collect();
    println!("{}", slowest.join("\n"));
}

#[test]
fn every_target_has_its_program() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let mut there: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    there.sort();
    let mut known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    known.sort_unstable();
    assert_eq!(there, known);
}
