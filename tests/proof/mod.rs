//! What real engines say of the real stores, and what conversions made of them.
#![allow(dead_code, reason = "each test program uses its part")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kinescope::ops::convert::{Convert, ConvertError, Options, Report, convert};
use kinescope::ops::store;
use kinescope::source::Choice;

use crate::engines::{self, Client, Etcd, EtcdEngine, EtcdVersion, Kine, KineEngine, KineVersion, Kv, Op, Watched};
use crate::fixtures::unpacked;

/// Keys with less time to live than this may go while a test looks at them.
const SHORT_TTL: i64 = 120;

/// A real store of `testdata/`.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    pub path: PathBuf,
    /// What an engine is started on to ask it: a snapshot, for a data directory too, since a server writes to that.
    pub ask: PathBuf,
}

fn source(archive: &str, file: &str) -> Source {
    let path = unpacked(archive).join(file);
    Source { name: format!("{archive} {file}"), ask: path.clone(), path }
}

/// The snapshots of etcd.
pub fn etcd_snapshots() -> Vec<Source> {
    let files = ["early.snapshot", "middle.snapshot"];
    ["etcd-3.5", "etcd-3.6"].iter().flat_map(|archive| files.map(|file| source(archive, file))).collect()
}

/// The data directories of etcd, with a raft log behind the database.
pub fn etcd_directories() -> Vec<Source> {
    ["etcd-3.5", "etcd-3.6"].map(|archive| source(archive, "final.etcd")).to_vec()
}

/// Every store of etcd: snapshots that were taken while it ran, data directories with their raft logs, beside them what
/// etcd itself makes of these, and [`hard_etcd_store`].
pub fn etcd_stores(into: &Path) -> Vec<Source> {
    let mut sources = etcd_snapshots();
    for (directory, version) in etcd_directories().into_iter().zip([EtcdVersion::V3_5, EtcdVersion::V3_6]) {
        let Some(engine) = engines::etcd(version) else { continue };
        let data_dir = into.join(format!("{version:?}.etcd"));
        copied_directory(&directory.path, &data_dir);
        let ask = into.join(format!("{version:?}.snapshot"));
        let etcd = engine.start(&data_dir);
        etcd.save_snapshot(&ask).unwrap();
        etcd.kill();
        std::fs::remove_dir_all(&data_dir).unwrap();
        sources.push(Source { ask, ..directory });
    }
    if let Some(engine) = engines::etcd(EtcdVersion::V3_6) {
        let path = hard_etcd_store(&engine, into);
        sources.push(Source { name: "hard".to_owned(), ask: path.clone(), path });
    }
    sources
}

/// A snapshot of a store that has what the real ones lack: several changes at one revision in every mixture that kine can
/// hold, lives that begin below the compact revision, keys that come back, keys and values that are unusual.
pub fn hard_etcd_store(engine: &EtcdEngine, into: &Path) -> PathBuf {
    let etcd = engine.start(&into.join("hard.etcd"));
    let put = |key: &str, value: &[u8]| etcd.put(key, value).unwrap();
    for round in 0..3 {
        for number in 0..40 {
            put(&format!("/registry/hard/{number:02}"), format!("{round} {number}").as_bytes());
        }
    }
    put("/registry/binary", b"\x00\xff\x00k8s\x00 'quoted' \"twice\"");
    put("/registry/empty", b"");
    put("/registry/\u{fc}nicode/\u{1f980}", "\u{1f980}".as_bytes());
    put("/registry/large", &vec![b'x'; 300_000]);
    put("outside", b"of the root");
    put("compact_rev_key", b"7");
    put("compact_rev_key", b"100");
    put("k3s/apiaddresses", b"[]");
    // A lease that takes its keys with it, a lease that stays.
    let (gone, stays) = (etcd.grant(1000).unwrap(), etcd.grant(900).unwrap());
    for number in 0..10 {
        let key = format!("/registry/events/{number}");
        etcd.put_leased(&key, "1", gone).unwrap();
        etcd.put_leased(&key, "2", gone).unwrap();
        etcd.put_leased(format!("/registry/leased/{number}"), "1", stays).unwrap();
    }
    etcd.revoke(gone).unwrap();
    etcd.delete_at_once(&["/registry/hard/00", "/registry/hard/01"]).unwrap();
    etcd.compact(80).unwrap();
    // Two at once: one of them is superseded later, then the other way round, and one is deleted.
    etcd.put_at_once(&[("/registry/pair/a", "1"), ("/registry/pair/b", "1")]).unwrap();
    put("/registry/pair/a", b"2");
    etcd.put_at_once(&[("/registry/pair/c", "1"), ("/registry/pair/d", "1")]).unwrap();
    put("/registry/pair/d", b"2");
    etcd.put_at_once(&[("/registry/pair/e", "1"), ("/registry/pair/f", "1")]).unwrap();
    etcd.delete("/registry/pair/e").unwrap();
    // Keys that died in company come back; keys that died alone do too.
    put("/registry/events/3", b"3");
    etcd.delete("/registry/hard/02").unwrap();
    put("/registry/hard/02", b"back");
    put("/registry/hard/00", b"back");
    etcd.delete_at_once(&["/registry/hard/03", "/registry/hard/04", "/registry/hard/05"]).unwrap();
    put("/registry/hard/05", b"back");
    put("/registry/hard/05", b"again");
    // The newest revision is one of several tombstones, of which kine can keep one.
    etcd.delete_at_once(&["/registry/hard/06", "/registry/hard/07"]).unwrap();
    let path = into.join("hard.snapshot");
    etcd.save_snapshot(&path).unwrap();
    etcd.kill();
    path
}

/// kine's files, copied while it ran, each with its WAL.
pub fn kine_files() -> Vec<Source> {
    let files = ["early/state.db", "middle/state.db", "final/state.db"];
    ["kine-0.11", "kine-0.16"].iter().flat_map(|archive| files.map(|file| source(archive, file))).collect()
}

/// Every store of kine: the real ones, and [`hard_kine_store`].
pub fn kine_stores(into: &Path) -> Vec<Source> {
    let mut sources = kine_files();
    for version in [KineVersion::V0_11, KineVersion::V0_16] {
        if let Some(engine) = engines::kine(version) {
            let path = hard_kine_store(&engine, &into.join(format!("{version:?}")));
            sources.push(Source { name: format!("hard {version:?}"), ask: path.clone(), path });
        }
    }
    sources
}

/// A state.db that has what the real ones lack: lives that lost their beginning in compaction, and came back before it; a
/// newest revision that has no row; the key by which apiservers agree; keys and values that are unusual.
pub fn hard_kine_store(engine: &KineEngine, into: &Path) -> PathBuf {
    std::fs::create_dir_all(into).unwrap();
    let file = into.join("state.db");
    let kine = engine.start(&file);
    let mut at: HashMap<String, i64> = HashMap::new();
    let mut put = |key: String, value: &[u8]| {
        let revision = match at.get(&key) {
            None => kine.create(&key, value).unwrap(),
            Some(&at) => kine.update(&key, value, at).unwrap(),
        };
        at.insert(key, revision);
        revision
    };
    for round in 0..3 {
        for number in 0..40 {
            put(format!("/registry/hard/{number:02}"), format!("{round} {number}").as_bytes());
        }
    }
    put("/registry/binary".to_owned(), b"\x00\xff\x00k8s\x00 'quoted' \"twice\"");
    put("/registry/empty".to_owned(), b"");
    put("/registry/\u{fc}nicode/\u{1f980}".to_owned(), "\u{1f980}".as_bytes());
    put("/registry/large".to_owned(), &vec![b'x'; 300_000]);
    kine.create_leased("/registry/leased/long", "1", 900).unwrap();
    let first = kine.create_leased("/registry/leased/renewed", "1", 900).unwrap();
    kine.update_leased("/registry/leased/renewed", "2", first, 1800).unwrap();
    // Lives that end and begin again, once and twice, and go on.
    for number in 0..10 {
        let key = format!("/registry/hard/{number:02}");
        kine.delete(&key, at[&key]).unwrap();
        if number % 2 == 0 {
            let again = kine.create(&key, "again").unwrap();
            let more = kine.update(&key, "more", again).unwrap();
            if number % 4 == 0 {
                kine.delete(&key, more).unwrap();
                kine.create(&key, "third").unwrap();
            }
        }
    }
    if engine.version == KineVersion::V0_16 {
        kine.compact(90).unwrap();
    }
    let last = kine.create("/registry/last", "1").unwrap();
    kine.delete("/registry/last", last).unwrap();
    kine.kill();
    // What a kine leaves behind whose transaction failed: a gap, which is the newest revision.
    let database = rusqlite::Connection::open(&file).unwrap();
    let gap = last + 3;
    let sql = "INSERT INTO kine(id, name, created, deleted, create_revision, prev_revision, lease) \
               VALUES(?1, ?2, 0, 1, 0, 0, 0)";
    database.execute(sql, rusqlite::params![gap, format!("gap-{gap}")]).unwrap();
    // What it leaves behind that compacted in batches and was stopped: a life that has lost its first row, with the life
    // before it still there.
    let sql = "DELETE FROM kine WHERE name = '/registry/hard/06' AND created = 1 AND value = CAST('again' AS BLOB)";
    assert_eq!(database.execute(sql, []).unwrap(), 1);
    file
}

/// Converts `source` to `target`.
#[track_caller]
pub fn converted(source: &Path, target: &Path, options: &Options) -> Report {
    try_convert(source, target, options).unwrap_or_else(|error| panic!("{}: {error}", source.display()))
}

pub fn try_convert(source: &Path, target: &Path, options: &Options) -> Result<Report, ConvertError> {
    let source = store::open(source, &Choice::default()).unwrap();
    let job = Convert { source: &source, target, options, check_only: false, force: false };
    convert(&job, &mut |_, _, _| true)
}

/// A key that is live. Without version and lease id, which not every engine keeps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Live {
    pub create_revision: i64,
    pub mod_revision: i64,
    /// Seconds; 0 for a key that stays.
    pub ttl: i64,
    pub value: Vec<u8>,
}

/// One event. Of a delete only key and revision, which is all that every engine tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    pub mod_revision: i64,
    pub key: Vec<u8>,
    /// `None` for a delete; else create revision and value.
    pub put: Option<(i64, Vec<u8>)>,
}

pub type LiveKeys = BTreeMap<Vec<u8>, Live>;

/// What a server said of its store before anybody wrote to it.
#[derive(Clone, Debug)]
pub struct Told {
    pub revision: i64,
    /// 0: never compacted.
    pub compact_revision: i64,
    pub live: LiveKeys,
    /// All events after the compact revision, by revision and key.
    pub events: Vec<Seen>,
    /// `compact_rev_key`, by which apiservers agree who compacts.
    pub apiservers: Option<Kv>,
}

/// The time to live of a lease that is there, and was not asked for its time: each question is a process of its own, and
/// a store may have hundreds of leases.
pub const UNASKED: i64 = -1;

/// Times to live that etcd's leases were granted; 0 for a lease that is gone.
pub struct Ttls(HashMap<i64, i64>);

impl Ttls {
    /// Asks for all leases, or for one in `every`.
    pub fn of(etcd: &Etcd, every: usize) -> Self {
        let list = etcd.json(&["lease", "list"], b"").unwrap();
        let ids = list["leases"].as_array().into_iter().flatten().map(|lease| lease["id"].as_i64().unwrap());
        let ttl =
            |at: usize, id| if at.is_multiple_of(every) { etcd.lease(id).unwrap().granted_ttl.max(0) } else { UNASKED };
        Self(ids.enumerate().map(|(at, id)| (id, ttl(at, id))).collect())
    }
}

/// All that is live right after `revision`, as etcd lists it.
pub fn etcd_live(etcd: &Etcd, revision: i64, ttls: &Ttls) -> LiveKeys {
    let live = etcd.list_at("", revision).unwrap().kvs.into_iter().map(|kv| {
        let ttl = ttls.0.get(&kv.lease).copied().unwrap_or(0);
        let (create_revision, mod_revision) = (kv.create_revision, kv.mod_revision);
        (kv.key, Live { create_revision, mod_revision, ttl, value: kv.value })
    });
    live.collect()
}

/// All that is live below `/` right after `revision`, as kine lists it.
pub fn kine_live(kine: &Kine, revision: i64) -> LiveKeys {
    kine_live_below(kine, "/", revision)
}

fn kine_live_below(kine: &Kine, prefix: &str, revision: i64) -> LiveKeys {
    let live = kine.list_at(prefix, revision).unwrap().kvs.into_iter().map(|kv| {
        let (create_revision, mod_revision) = (kv.create_revision, kv.mod_revision);
        (kv.key, Live { create_revision, mod_revision, ttl: kv.lease, value: kv.value })
    });
    live.collect()
}

/// The events of a watch, up to and with `revision`.
#[track_caller]
pub fn seen(watched: Watched, revision: i64) -> Vec<Seen> {
    assert_eq!(watched.compacted, None, "the watch was refused");
    assert!(watched.reached, "the watch did not come to its end: {} events", watched.events.len());
    let mut seen: Vec<Seen> = watched
        .events
        .into_iter()
        .filter(|event| event.kv.mod_revision <= revision)
        .map(|event| Seen {
            mod_revision: event.kv.mod_revision,
            put: (event.op == Op::Put).then_some((event.kv.create_revision, event.kv.value)),
            key: event.kv.key,
        })
        .collect();
    // The changes of one transaction come in no order that all engines share.
    seen.sort();
    seen
}

/// Starts `engine` on what `snapshot` holds, and asks.
pub fn etcd_tells(engine: &EtcdEngine, snapshot: &Path) -> Told {
    let temporary = tempfile::tempdir().unwrap();
    let data_dir = temporary.path().join("etcd");
    engine.restore(snapshot, &data_dir, &[]).unwrap();
    etcd_directory_tells(engine, &data_dir)
}

/// Starts `engine` on a data directory that may be written to, and asks.
pub fn etcd_directory_tells(engine: &EtcdEngine, data_dir: &Path) -> Told {
    let etcd = engine.start(data_dir);
    let revision = etcd.revision().unwrap();
    let compact_revision = etcd.hash_kv(revision).unwrap().compact_revision.max(0);
    let live = etcd_live(&etcd, revision, &Ttls::of(&etcd, 1));
    let events = seen(etcd.watch("", compact_revision + 1, revision), revision);
    Told { revision, compact_revision, live, events, apiservers: etcd.get("compact_rev_key").unwrap() }
}

/// Copies a state.db and its WAL, starts `engine` on the copy, and asks. kine tells only of keys below `/`.
pub fn kine_tells(engine: &KineEngine, state_db: &Path) -> Told {
    let temporary = tempfile::tempdir().unwrap();
    let copy = copied(state_db, temporary.path());
    let (revision, compact_revision) = kine_bounds(&copy);
    // The newest id below each first part of a name. `/` itself ends before `0`, which a column `name INTEGER` takes for
    // a number: on files of old kine, 0.16 finds nothing below `/`.
    let mut prefixes: BTreeMap<String, i64> = BTreeMap::new();
    for row in sql_rows(&copy).iter().filter(|row| row.1.starts_with(b"/")) {
        let name = std::str::from_utf8(&row.1).unwrap();
        let end = name[1..].find('/').map_or(name.len(), |slash| slash + 2);
        prefixes.insert(name[..end].to_owned(), row.0);
    }
    let kine = engine.start(&copy);
    let live = prefixes.keys().flat_map(|prefix| kine_live_below(&kine, prefix, revision)).collect();
    let mut events = Vec::new();
    for (prefix, last) in prefixes.iter().filter(|(_, last)| **last > compact_revision) {
        events.extend(seen(kine.watch(prefix, compact_revision + 1, *last), revision));
    }
    events.sort();
    Told { revision, compact_revision, live, events, apiservers: kine.get("compact_rev_key").unwrap() }
}

/// Copies a SQLite file with its WAL; the -shm is SQLite's to make anew.
pub fn copied(state_db: &Path, to: &Path) -> PathBuf {
    let copy = to.join("state.db");
    std::fs::copy(state_db, &copy).unwrap();
    let wal = state_db.with_extension("db-wal");
    if wal.exists() {
        std::fs::copy(wal, to.join("state.db-wal")).unwrap();
    }
    copy
}

/// Copies a data directory of etcd.
pub fn copied_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copied_directory(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A row of kine's table, as SQLite reads it: id, name, created, deleted, create_revision, prev_revision, lease, value,
/// old_value.
pub type SqlRow = (i64, Vec<u8>, i64, i64, i64, i64, i64, Option<Vec<u8>>, Option<Vec<u8>>);

/// All rows of a state.db that nobody serves, in order.
pub fn sql_rows(state_db: &Path) -> Vec<SqlRow> {
    let database = rusqlite::Connection::open(state_db).unwrap();
    let sql = "SELECT id, CAST(name AS BLOB), created, deleted, create_revision, prev_revision, lease, \
               CAST(value AS BLOB), CAST(old_value AS BLOB) FROM kine ORDER BY id";
    let mut statement = database.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| {
        Ok((
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get(3)?,
            row.get(4)?,
            row.get(5)?,
            row.get(6)?,
            row.get(7)?,
            row.get(8)?,
        ))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// What SQLite's own `PRAGMA integrity_check` says.
pub fn integrity_check(state_db: &Path) -> String {
    let database = rusqlite::Connection::open(state_db).unwrap();
    database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
}

/// Current and compact revision of a state.db, in kine's own words of SQL.
pub fn kine_bounds(state_db: &Path) -> (i64, i64) {
    let database = rusqlite::Connection::open(state_db).unwrap();
    let sql = "SELECT (SELECT MAX(id) FROM kine), (SELECT MAX(prev_revision) FROM kine WHERE name = 'compact_rev_key')";
    database.query_row(sql, [], |row| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?.unwrap_or(0)))).unwrap()
}

/// The changes that the report says are not in the target, by key and revision.
pub fn left_out(report: &Report) -> BTreeSet<(Vec<u8>, i64)> {
    report.left_out.iter().filter_map(|(key, left_out)| Some((key.clone(), left_out.revision?))).collect()
}

/// The events but those that the report names.
pub fn without(events: &[Seen], left_out: &BTreeSet<(Vec<u8>, i64)>) -> Vec<Seen> {
    events.iter().filter(|event| !left_out.contains(&(event.key.clone(), event.mod_revision))).cloned().collect()
}

/// The events below `/`, which are all that kine tells of.
pub fn below_root(mut events: Vec<Seen>) -> Vec<Seen> {
    events.retain(|event| event.key.starts_with(b"/"));
    events
}

/// The keys below `/`.
pub fn live_below_root(live: &LiveKeys) -> LiveKeys {
    live.iter().filter(|(key, _)| key.starts_with(b"/")).map(|(key, live)| (key.clone(), live.clone())).collect()
}

/// The keys that outlast a test.
pub fn lasting(live: &LiveKeys) -> LiveKeys {
    let lasts = |live: &Live| live.ttl == 0 || live.ttl >= SHORT_TTL;
    live.iter().filter(|(_, live)| lasts(live)).map(|(key, live)| (key.clone(), live.clone())).collect()
}

/// Compares key by key, so that a failure names the key and not all of them.
#[track_caller]
pub fn assert_same_live(what: &str, found: &LiveKeys, expected: &LiveKeys) {
    for (key, expected) in expected {
        let name = key.escape_ascii();
        let found = found.get(key).unwrap_or_else(|| panic!("{what}: {name} is not there"));
        let asked = found.ttl != UNASKED || expected.ttl == 0;
        let numbers = |live: &Live| (live.create_revision, live.mod_revision, if asked { live.ttl } else { UNASKED });
        assert_eq!(numbers(found), numbers(expected), "{what}: create revision, mod revision, TTL of {name}");
        assert!(found.value == expected.value, "{what}: the value of {name} differs");
    }
    for key in found.keys() {
        assert!(expected.contains_key(key), "{what}: {} is there", key.escape_ascii());
    }
}

/// Compares event by event, so that a failure names the event and not all of them.
#[track_caller]
pub fn assert_same_events(what: &str, found: &[Seen], expected: &[Seen]) {
    for (found, expected) in found.iter().zip(expected) {
        let name = expected.key.escape_ascii();
        let brief = |seen: &Seen| {
            (seen.mod_revision, seen.key.escape_ascii().to_string(), seen.put.as_ref().map(|(create, _)| *create))
        };
        assert_eq!(brief(found), brief(expected), "{what}: revision, key and create revision of an event");
        assert!(found.put == expected.put, "{what}: the value of {name} at {} differs", expected.mod_revision);
    }
    assert_eq!(found.len(), expected.len(), "{what}: events");
}

/// Waits until `done`, twenty seconds at most.
#[track_caller]
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < deadline, "{what}: not after twenty seconds");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Whether a watch from `revision` is refused, as a client must see it that has to list anew.
pub fn is_refused(client: &Client, prefix: &str, revision: i64) -> Option<i64> {
    client.watch(prefix, revision, i64::MAX).compacted
}

/// Runs `work` for every source, two at a time; the first failure is the test's.
pub fn for_each<T: Sync>(sources: &[T], work: impl Fn(&T) + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(source) = sources.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    work(source);
                }
            });
        }
    });
}
