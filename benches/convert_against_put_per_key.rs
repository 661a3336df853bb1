//! `kinescope convert state.db X --to etcd-snapshot`, as a whole process, against the way that k3s migrates: every
//! value listed, then one Put per key over gRPC, each waiting for the one before (k3s pkg/etcd/etcd.go,
//! `migrateFromSQLite`). Pairs, in one run, on the same state.db.
//!
//! `PROTOC=$(cargo run -q --manifest-path engines/protoc/Cargo.toml) \
//!     cargo bench --features live --bench convert_against_put_per_key`
//!
//! Of k3s's way only the connection and the puts are counted. Not counted, all in its favour: the start of kine and of
//! etcd, kine's list (here the same query, straight from SQLite), TLS, the rename of the state.db. etcd runs as k3s
//! runs it, with fsync; one more pair is without, to tell what the disk's share is. The conversion is counted from the
//! start of the process to its end: reading, the snapshot and its hash, fsync, and reading it back. How often the puts
//! hold `cp` and fsync of the finished snapshot tells what no conversion could do better.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::panic)]

#[path = "../tests/engines/mod.rs"]
mod engines;
mod measure;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use engines::{EtcdEngine, EtcdVersion};
use etcd_client::{Client, GetOptions};
use measure::{copy_and_sync, directory, kinescope, make_snapshot, ratios, run, tell};

const KEYS: u64 = 50_000;
/// Values of 1.6 KiB in the mean: live values of the real stores in `testdata/` have 1.4 to 1.9 KiB (`kinescope info`).
const PERCENT: u64 = 50;
const PAIRS: usize = 3;
/// No more than this for all puts of one measurement: a disk on which each fsync takes 10 ms stays below.
const PUTS_LIMIT: Duration = Duration::from_secs(900);

fn main() {
    let Some(etcd) = engines::etcd(EtcdVersion::V3_6) else {
        panic!("etcd 3.6 is missing: run engines/build");
    };
    let state_db = state_db();
    let pairs = list(&state_db);
    assert_eq!(pairs.len() as u64, KEYS);
    let bytes: usize = pairs.iter().map(|(key, value)| key.len() + value.len()).sum();
    println!("{KEYS} live keys, {:.0} MB of keys and values; etcd 3.6.16", bytes as f64 / 1e6);
    println!("put per key (connection and puts only) to convert (whole process): minimum / median / maximum");
    for (what, fsync, count) in [("etcd with fsync, as k3s runs it", true, PAIRS), ("etcd without fsync", false, 1)] {
        let (mut puts, mut conversions, mut copies) = (Vec::new(), Vec::new(), Vec::new());
        let put = || {
            let took = put_per_key(&etcd, &pairs, fsync);
            puts.push(took);
            took
        };
        let convert = || {
            // What the puts leave to the disk is not the conversion's to wait for. And while they run, a virtual machine gives
            // idle memory back to its host; one conversion that is not counted fetches it, as the first puts do for etcd.
            rustix::fs::sync();
            run(conversion(&state_db, &directory().join("put-per-key.snapshot")).arg("--check"));
            let (took, copy) = convert(&etcd, &state_db);
            conversions.push(took);
            copies.push(copy);
            took
        };
        tell(&format!("{what}: pairs: {count}"), &ratios(count, put, convert));
        let mut of_copies: Vec<f64> =
            puts.iter().zip(&copies).map(|(put, copy)| put.as_secs_f64() / copy.as_secs_f64()).collect();
        of_copies.sort_by(f64::total_cmp);
        tell("    the same puts to cp + fsync of the snapshot", &of_copies);
        println!("    puts {puts:.2?}; conversions {conversions:.2?}; copies {copies:.2?}");
    }
}

/// A state.db of [`KEYS`] keys, each put once and alive; made once.
fn state_db() -> PathBuf {
    let path = directory().join(format!("kine-{KEYS}-live.db"));
    if !path.exists() {
        let (snapshot, unfinished) = (path.with_extension("snapshot"), path.with_extension("part"));
        let _ = std::fs::remove_file(&unfinished);
        make_snapshot(&snapshot, KEYS, 1, PERCENT);
        run(kinescope().arg("convert").arg(&snapshot).arg(&unfinished).args(["--to", "kine"]));
        std::fs::remove_file(snapshot).unwrap();
        std::fs::rename(unfinished, &path).unwrap();
    }
    path
}

/// All keys below `/registry/` with their values, as kine lists them: the newest row of each name that is no deletion,
/// in the order of the names.
fn list(state_db: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let database = rusqlite::Connection::open(state_db).unwrap();
    let query = "SELECT kv.name, kv.value FROM kine AS kv \
        JOIN (SELECT MAX(id) AS id FROM kine WHERE name >= '/registry/' AND name < '/registry0' GROUP BY name) AS newest \
        ON newest.id = kv.id WHERE kv.deleted = 0 ORDER BY kv.name";
    let mut statement = database.prepare(query).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?.into_bytes(), row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn conversion(state_db: &Path, target: &Path) -> Command {
    let mut command = kinescope();
    command.arg("convert").arg(state_db).arg(target).args(["--to", "etcd-snapshot"]);
    command
}

/// The conversion; and afterwards, not counted in it, `cp` and fsync of what it wrote, and whether etcdutl finds every
/// key there.
fn convert(etcd: &EtcdEngine, state_db: &Path) -> (Duration, Duration) {
    let target = directory().join("put-per-key.snapshot");
    let _ = std::fs::remove_file(&target);
    let took = run(&mut conversion(state_db, &target));
    let copy = copy_and_sync(&target);
    assert_eq!(etcd.snapshot_status(&target).unwrap().total_key, KEYS as i64);
    std::fs::remove_file(target).unwrap();
    (took.wall, copy)
}

/// The puts into a fresh etcd, and afterwards, not counted, whether it holds every key.
fn put_per_key(etcd: &EtcdEngine, pairs: &[(Vec<u8>, Vec<u8>)], fsync: bool) -> Duration {
    let data = tempfile::Builder::new().prefix("put-per-key-").tempdir_in(directory()).unwrap();
    // The last of two flags counts: the tests' etcd has it set. It ends with `server`, also when this panics.
    let no_fsync = format!("--unsafe-no-fsync={}", !fsync);
    let server = etcd.try_start(data.path(), &[&no_fsync]).unwrap();
    // One thread: a put that waits for the one before gains nothing by more, and changing threads costs.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let took = runtime.block_on(async {
        let started = Instant::now();
        let puts = async {
            let mut client = Client::connect([server.endpoint()], None).await.unwrap();
            for (key, value) in pairs {
                client.put(key.as_slice(), value.as_slice(), None).await.unwrap();
            }
            client
        };
        let mut client = tokio::time::timeout(PUTS_LIMIT, puts).await.unwrap();
        let took = started.elapsed();
        let options = GetOptions::new().with_prefix().with_count_only();
        let found = client.get("/registry/", Some(options)).await.unwrap();
        assert_eq!(found.count(), pairs.len() as i64);
        took
    });
    server.stop();
    took
}
