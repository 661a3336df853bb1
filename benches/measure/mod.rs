//! What the benches share: a large store that looks like a cluster's, and whole processes measured from outside.
#![allow(dead_code, reason = "each bench uses its part")]

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kinescope::bolt::{Format, HashingSink, Plan};
use kinescope::etcd::keyvalue::{KeyValue, RowKey};
use kinescope::model::Revision;

/// Writes an etcd snapshot of `keys` keys with `puts` puts each; values of 0.4 to 12 KiB, 3.2 KiB in the mean, or `percent`
/// of that.
pub fn make_snapshot(path: &Path, keys: u64, puts: u64, percent: u64) {
    let rows = keys * puts;
    let key_of = |row: u64| {
        let key = (row * 7919) % keys;
        let kind = ["pods", "configmaps", "events", "leases", "secrets", "replicasets"][(key % 6) as usize];
        format!("/registry/{kind}/namespace-{:03}/object-{key:07}", key % 199)
    };
    let len_of = |row: u64| {
        let dice = mix(row) % 100;
        let len = match dice {
            0..50 => 400 + mix(row + 1) % 1600,
            50..90 => 2000 + mix(row + 2) % 4000,
            _ => 6000 + mix(row + 3) % 6300,
        };
        len * percent / 100
    };
    let noise: Vec<u8> = (0..(1u64 << 17)).flat_map(|at| mix(at).to_le_bytes()).collect();
    let record = |row: u64| {
        let (round, len) = (row / keys, len_of(row) as usize);
        let at = (mix(row + 4) as usize) % (noise.len() - len);
        let create = (row % keys) as i64 + 2;
        (key_of(row), create, round as i64 + 1, &noise[at..at + len])
    };
    let mut plan = Plan::new(Format::default());
    let sizes = (0..rows).map(|row| {
        let (key, create, version, value) = record(row);
        let whole = key_value(key.as_bytes(), create, row as i64 + 2, version, &[]);
        let (head, tail) = whole.encode_around();
        // A length of more than 127 and less than 16,384 bytes takes two bytes, and the field's tag one.
        (17, head.len() + tail.len() + 3 + value.len())
    });
    plan.bucket(b"key", sizes).unwrap();
    for bucket in ["alarm", "auth", "authRoles", "authUsers", "cluster", "lease", "members", "members_removed", "meta"]
    {
        plan.bucket(bucket.as_bytes(), []).unwrap();
    }
    let layout = plan.finish();
    let names: Vec<Vec<u8>> = layout.names().map(<[u8]>::to_vec).collect();
    let mut writer = layout.writer(HashingSink::new(File::create(path).unwrap()).unwrap()).unwrap();
    for name in names {
        writer.bucket(&name).unwrap();
        if name == b"key" {
            for row in 0..rows {
                let (key, create, version, value) = record(row);
                let (head, tail) = key_value(key.as_bytes(), create, row as i64 + 2, version, value).encode_around();
                let at = RowKey { revision: Revision::new(row as i64 + 2), tombstone: false };
                writer.item(&at.encode(), &[&head, value, &tail]).unwrap();
            }
        }
    }
    let (mut file, sha256) = writer.finish().unwrap().finish().unwrap();
    file.write_all(&sha256).unwrap();
    file.sync_all().unwrap();
}

fn key_value<'a>(
    key: &'a [u8],
    create_revision: i64,
    mod_revision: i64,
    version: i64,
    value: &'a [u8],
) -> KeyValue<'a> {
    KeyValue { key, create_revision, mod_revision, version, value, value_at: 0, lease: 0 }
}

/// A number that looks random and is the same every time (splitmix64).
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What a process took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Took {
    pub wall: Duration,
    /// The most memory that was its own, without the files it had mapped, in bytes.
    pub memory: u64,
}

/// Runs a command to its end, and fails when it fails.
pub fn run(command: &mut Command) -> Took {
    let started = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut memory = 0;
    let status = loop {
        memory = memory.max(own_memory(&child));
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    let wall = started.elapsed();
    if !status.success() {
        let mut said = String::new();
        std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
        panic!("{command:?}: {status}: {said}");
    }
    Took { wall, memory }
}

fn own_memory(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// `cp` of a file and the fsync of the copy, which is removed.
pub fn copy_and_sync(file: &Path) -> Duration {
    let copy = file.with_extension("copy");
    let started = Instant::now();
    run(Command::new("cp").arg(file).arg(&copy));
    File::open(&copy).unwrap().sync_all().unwrap();
    let took = started.elapsed();
    std::fs::remove_file(copy).unwrap();
    took
}

/// Runs two measurements in turn, and gives the ratios A/B of each pair, sorted.
pub fn ratios(pairs: usize, mut a: impl FnMut() -> Duration, mut b: impl FnMut() -> Duration) -> Vec<f64> {
    let mut ratios: Vec<f64> = (0..pairs)
        .map(|_| {
            let (a, b) = (a(), b());
            a.as_secs_f64() / b.as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios
}

/// Prints minimum, median and maximum.
pub fn tell(what: &str, ratios: &[f64]) {
    let median = ratios[ratios.len() / 2];
    println!("{what:<64} {:.2} / {median:.2} / {:.2}", ratios[0], ratios[ratios.len() - 1]);
}

/// The directory for large files: `KINESCOPE_BENCH_DIR`, else below the target directory.
pub fn directory() -> PathBuf {
    let directory = match std::env::var_os("KINESCOPE_BENCH_DIR") {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench"),
    };
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

pub fn kinescope() -> Command {
    Command::new(env!("CARGO_BIN_EXE_kinescope"))
}

/// A program of the real etcd, built by `engines/build`.
pub fn engine(path: &str) -> Command {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("engines/bin").join(path);
    assert!(program.exists(), "{} is missing: run engines/build", program.display());
    Command::new(program)
}

/// About the size of the large store: 1 GB, or `KINESCOPE_BENCH_KEYS` keys of three puts.
pub fn keys() -> u64 {
    std::env::var("KINESCOPE_BENCH_KEYS").ok().and_then(|keys| keys.parse().ok()).unwrap_or(100_000)
}

/// The large snapshot, made once.
pub fn snapshot() -> PathBuf {
    let path = directory().join(format!("etcd-{}.snapshot", keys()));
    if !path.exists() {
        let unfinished = path.with_extension("part");
        make_snapshot(&unfinished, keys(), 3, 100);
        std::fs::rename(&unfinished, &path).unwrap();
    }
    path
}

/// The same as a state.db.
pub fn state_db() -> PathBuf {
    let path = directory().join(format!("kine-{}.db", keys()));
    if !path.exists() {
        run(kinescope().arg("convert").arg(snapshot()).arg(&path).args(["--to", "kine"]));
    }
    path
}
