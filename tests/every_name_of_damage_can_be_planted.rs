//! Each name of docs/damage.md is planted in a store that is whole, and is told then: by `verify`, or by `recover` where the
//! name is its own. The whole store is not said to have it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;
mod planted;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use command::run;
use kinescope::etcd::keyvalue::KeyValue;
use kinescope::model::ValueRef;
use kinescope::ops::store;
use kinescope::source::Choice;
use kinescope::sqlite::{PageUse, TreeKind};
use planted::bytes::{self, COUNT, ELEMENTS, FLAGS, PAGE, bolt, patch, sqlite, with_freelist};
use planted::etcd::{self, bare, bucket, files, revision};
use planted::kine::{self, beside, sql, with_wal};
use planted::{Case, log};
use rayon::prelude::*;
use sha2::Digest as _;

/// A name, and how to plant it in a directory.
type Planting = (&'static str, fn(&Path) -> Case);

const TABLE: &str = "kine";
const INDEX: &str = "kine_name_index";

/// "SQLite and kine's table", told by `verify`.
const SQLITE: &[Planting] = &[
    ("header", |dir| sqlite(dir, |db| db.bytes[21] = 65)),
    ("file-truncated", |dir| sqlite(dir, |db| db.bytes.truncate(db.bytes.len() - PAGE))),
    ("schema", |dir| {
        kine::changed("kine-0.11", dir, |table| {
            sql(table, "PRAGMA writable_schema = ON; INSERT INTO sqlite_master VALUES ('thing', 'a', 'a', 0, NULL)");
        })
    }),
    ("page-type", |dir| {
        sqlite(dir, |db| {
            let leaf = db.leaf(TABLE, TreeKind::Table);
            db.page(leaf).fill(0);
        })
    }),
    ("page-number", |dir| {
        sqlite(dir, |db| {
            let root = db.root(TABLE);
            db.page(root)[8..12].copy_from_slice(&0x7fff_ffff_u32.to_be_bytes());
        })
    }),
    ("page-twice", |dir| {
        sqlite(dir, |db| {
            let (root, leaf) = (db.root(TABLE), db.leaf(TABLE, TreeKind::Table));
            db.page(root)[8..12].copy_from_slice(&leaf.get().to_be_bytes());
        })
    }),
    ("page-orphan", |dir| {
        sqlite(dir, |db| {
            db.append(&[0; PAGE]);
        })
    }),
    ("page-space", |dir| {
        sqlite(dir, |db| {
            let leaf = db.leaf(TABLE, TreeKind::Table);
            db.page(leaf)[7] += 5;
        })
    }),
    ("cell-overlap", |dir| {
        sqlite(dir, |db| {
            let leaf = db.leaf(TABLE, TreeKind::Table);
            db.page(leaf).copy_within(8..10, 10);
        })
    }),
    ("cell", |dir| {
        sqlite(dir, |db| {
            let leaf = db.leaf(TABLE, TreeKind::Table);
            db.page(leaf)[8..10].copy_from_slice(&4095_u16.to_be_bytes());
        })
    }),
    ("freeblock", |dir| {
        sqlite(dir, |db| {
            let leaf = db.leaf(TABLE, TreeKind::Table);
            db.page(leaf)[1..3].copy_from_slice(&4095_u16.to_be_bytes());
        })
    }),
    ("key-order", |dir| {
        sqlite(dir, |db| {
            let root = db.root(TABLE);
            db.swap_pointers(root, 12);
        })
    }),
    ("rowid-order", |dir| {
        sqlite(dir, |db| {
            let leaf = db.leaf(TABLE, TreeKind::Table);
            db.swap_pointers(leaf, 8);
        })
    }),
    ("tree-depth", |dir| {
        sqlite(dir, |db| {
            let root = db.root(TABLE);
            let first = (db.bytes.len() / PAGE) as u32 + 1;
            db.page(root)[8..12].copy_from_slice(&first.to_be_bytes());
            for child in first + 1..first + 30 {
                // An interior page without cells, which leads to the next one.
                let mut page = vec![5, 0, 0, 0, 0, 0x10, 0, 0];
                page.extend(child.to_be_bytes());
                db.append(&page);
            }
        })
    }),
    ("overflow-chain", |dir| {
        sqlite(dir, |db| {
            let page = db.first(PageUse::Overflow);
            let link = &mut db.page(page)[..4];
            let other = if link == [0; 4] { 3_u32 } else { 0 };
            link.copy_from_slice(&other.to_be_bytes());
        })
    }),
    ("record", |dir| {
        sqlite(dir, |db| {
            let leaf = db.leaf(TABLE, TreeKind::Table);
            let start = db.database.btree_page(leaf).unwrap().table_cell(0).unwrap().payload.start();
            db.page(leaf)[start] = 0;
        })
    }),
    ("freelist-count", |dir| sqlite(dir, |db| db.word(36, 7))),
    ("freelist", |dir| {
        let case = kine::changed("kine-0.11", dir, |table| {
            sql(table, "CREATE TABLE other (value); INSERT INTO other VALUES (zeroblob(100000)); DROP TABLE other");
        });
        patch(&case, |db| {
            let trunk = db.first(PageUse::FreelistTrunk);
            db.page(trunk)[8..12].copy_from_slice(&1_u32.to_be_bytes());
        });
        case
    }),
    ("wal-header", |dir| {
        let case = with_wal(dir, |table, _| {
            sql(table, "UPDATE kine SET lease = lease + 1 WHERE id = 300");
            None
        });
        change_wal(&case, |wal| wal[0] ^= 1);
        case
    }),
    ("wal-page-size", |dir| {
        let case = kine::changed("kine-0.11", dir, |_| {});
        let foreign = dir.join("foreign.db");
        let other = rusqlite::Connection::open(&foreign).unwrap();
        sql(&other, "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; CREATE TABLE other (value)");
        fs::copy(beside(&foreign, "-wal"), beside(Path::new(&case.planted[0]), "-wal")).unwrap();
        case
    }),
    ("wal-checksum", |dir| {
        let case = with_wal(dir, |table, _| {
            sql(table, "UPDATE kine SET lease = lease + 1 WHERE id = 300");
            sql(table, "UPDATE kine SET lease = lease + 1 WHERE id = 301");
            None
        });
        change_wal(&case, |wal| wal[32 + 24 + 2000] ^= 1);
        case
    }),
    ("kine-row", |dir| kine::changed("kine-0.11", dir, |table| sql(table, "UPDATE kine SET value = 7 WHERE id = 300"))),
    ("row-numbers", |dir| {
        kine::changed("kine-0.11", dir, |table| sql(table, "UPDATE kine SET created = 1, deleted = 1 WHERE id = 300"))
    }),
    ("row-chain", |dir| {
        kine::changed("kine-0.11", dir, |table| {
            sql(table, "UPDATE kine SET prev_revision = (SELECT min(id) FROM kine WHERE id > 1) WHERE id = 300");
        })
    }),
    ("row-twice", |dir| {
        kine::changed("kine-0.11", dir, |table| {
            sql(
                table,
                "DROP INDEX kine_name_prev_revision_uindex; INSERT INTO kine (name, created, deleted, create_revision, \
                 prev_revision, lease, value, old_value) SELECT name, created, deleted, create_revision, prev_revision, \
                 lease, value, old_value FROM kine WHERE prev_revision > 0 AND deleted = 0 ORDER BY id LIMIT 1",
            );
        })
    }),
    ("index-row", |dir| {
        sqlite(dir, |db| {
            let leaf = db.leaf(INDEX, TreeKind::Index);
            let cell = db.database.btree_page(leaf).unwrap().index_cell(1).unwrap();
            // The last letter of the name, in front of the id.
            let name = cell.payload.start() + cell.local.iter().rposition(u8::is_ascii_lowercase).unwrap();
            db.page(leaf)[name] ^= 1;
        })
    }),
    ("index-missing", |dir| {
        let case = kine::changed("kine-0.11", dir, |table| {
            sql(
                table,
                "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = sql || ' WHERE id > 100' \
                 WHERE name = 'kine_id_deleted_index'",
            );
        });
        let table = rusqlite::Connection::open(&case.planted[0]).unwrap();
        sql(
            &table,
            "REINDEX kine_id_deleted_index; PRAGMA writable_schema = ON; \
             UPDATE sqlite_master SET sql = replace(sql, ' WHERE id > 100', '') WHERE name = 'kine_id_deleted_index'",
        );
        case
    }),
];

/// "bbolt and etcd's rows", told by `verify`.
const BOLT: &[Planting] = &[
    ("meta-invalid", |dir| bolt(dir, |db| db.bytes[72] ^= 1)),
    ("truncated", |dir| bolt(dir, |db| db.bytes.truncate(db.bytes.len() - PAGE))),
    ("page-out-of-bounds", |dir| bolt(dir, |db| child(db, 1, 1 << 40))),
    ("page-past-end", |dir| {
        bolt(dir, |db| {
            let beyond = (db.bytes.len() / PAGE) as u64;
            db.grow();
            child(db, 1, beyond);
            db.bytes.truncate(db.bytes.len() - PAGE);
        })
    }),
    // The last page in use is the continuation of another one.
    ("page-overflow", |dir| bolt(dir, |db| db.bytes.truncate(db.last_used()))),
    ("page-id", |dir| bolt(dir, |db| db.put(db.leaf(1), &3_u64.to_le_bytes()))),
    ("page-flags", |dir| bolt(dir, |db| db.put(db.leaf(1) + FLAGS, &[0x40]))),
    ("page-kind", |dir| bolt(dir, |db| db.put(db.leaf(1) + FLAGS, &[0x10]))),
    ("page-count", |dir| bolt(dir, |db| db.put(db.leaf(1) + COUNT, &60_000_u16.to_le_bytes()))),
    ("page-twice", |dir| {
        bolt(dir, |db| {
            let other = (db.leaf(2) / PAGE) as u64;
            child(db, 1, other);
        })
    }),
    ("depth", |dir| {
        bolt(dir, |db| {
            let first = (db.bytes.len() / PAGE) as u64;
            child(db, 1, first);
            for page in first..first + 70 {
                db.grow();
                let at = page as usize * PAGE;
                // A branch page with one element, which leads to the next one; its key is that of the leaf before.
                let key = revision(1 << 40);
                db.put(at, &page.to_le_bytes());
                db.put(at + FLAGS, &[1, 0, 1, 0]);
                db.put(at + ELEMENTS, &16_u32.to_le_bytes());
                db.put(at + ELEMENTS + 4, &(key.len() as u32).to_le_bytes());
                db.put(at + ELEMENTS + 8, &(page + 1).to_le_bytes());
                db.put(at + ELEMENTS + 16, &key);
            }
            db.grow();
        })
    }),
    ("key-order", |dir| {
        bolt(dir, |db| {
            let (_, key, _) = db.item(db.leaf(1), 1);
            db.put(key, &[0; 8]);
        })
    }),
    ("key-range", |dir| {
        bolt(dir, |db| {
            let (_, key, _) = db.item(db.leaf(1), 0);
            db.put(key, &[0; 8]);
        })
    }),
    ("branch-order", |dir| {
        bolt(dir, |db| {
            let element = db.branch() + ELEMENTS + 16 * 2;
            let key = element + db.u32(element) as usize;
            db.put(key, &[0; 8]);
        })
    }),
    ("branch-empty", |dir| bolt(dir, |db| db.put(db.branch() + COUNT, &[0, 0]))),
    ("cell-bounds", |dir| {
        bolt(dir, |db| {
            let (element, ..) = db.item(db.leaf(1), 1);
            db.put(element + 4, &0x7fff_ffff_u32.to_le_bytes());
        })
    }),
    ("cell-overlap", |dir| {
        bolt(dir, |db| {
            let (element, ..) = db.item(db.leaf(1), 1);
            let before = db.u32(element - 16 + 4);
            db.put(element + 4, &(before - 16).to_le_bytes());
        })
    }),
    ("cell-empty-key", |dir| {
        bolt(dir, |db| {
            let (element, ..) = db.item(db.leaf(1), 1);
            db.put(element + 8, &[0; 4]);
        })
    }),
    ("not-a-bucket", |dir| {
        bolt(dir, |db| {
            let (element, ..) = db.item(db.root(), 0);
            db.put(element, &[0; 4]);
        })
    }),
    ("bucket-header", |dir| {
        bolt(dir, |db| {
            let (element, ..) = db.item(db.root(), 0);
            db.put(element + 12, &8_u32.to_le_bytes());
        })
    }),
    ("inline-bucket", |dir| {
        bolt(dir, |db| {
            // An inline bucket has no root; its page stands behind its header.
            let inline = (0..10).map(|at| db.item(db.root(), at).2).find(|&value| db.bytes[value..value + 8] == [0; 8]);
            db.put(inline.unwrap() + 16 + FLAGS, &[1]);
        })
    }),
    ("freelist-used", |dir| {
        with_freelist(dir, |db, freelist| {
            let root = (db.root() / PAGE) as u64;
            list(db, freelist, root);
        })
    }),
    ("freelist-bounds", |dir| with_freelist(dir, |db, freelist| list(db, freelist, 1 << 40))),
    ("freelist-lost", |dir| with_freelist(dir, |db, _| db.grow())),
    ("freelist", |dir| with_freelist(dir, |db, freelist| db.put(freelist + FLAGS, &[2]))),
    ("bucket-missing", |dir| etcd::changed(dir, |rows| assert!(rows.remove(&b"meta"[..]).is_some()))),
    ("bucket-unknown", |dir| {
        etcd::changed(dir, |rows| {
            rows.insert(b"strange".to_vec(), etcd::Rows::new());
        })
    }),
    ("meta-value", |dir| {
        etcd::changed(dir, |rows| {
            bucket(rows, "meta").insert(b"consistent_index".to_vec(), b"abc".to_vec());
        })
    }),
    ("row-key", |dir| row(dir, b"abc".to_vec(), b"")),
    ("row-revision", |dir| row(dir, revision(300), &record(b"/registry/a", 301, 1))),
    ("row-without-key", |dir| row(dir, revision(300), &record(b"", 300, 1))),
    ("row-value", |dir| row(dir, revision(300), b"\xff\xff\xff")),
    ("row-numbers", |dir| row(dir, revision(300), &record(b"/registry/a", 300, 0))),
    ("row-twice", |dir| row(dir, [revision(300), b"t".to_vec()].concat(), &record_of_tombstone(b"/registry/a"))),
    ("row-sub", |dir| {
        let sub = [&300_i64.to_be_bytes()[..], b"_", &2_i64.to_be_bytes()].concat();
        row(dir, sub, &record(b"/registry/a", 300, 1))
    }),
    ("row-chain", |dir| torn(dir)),
    ("row-lost", |dir| torn(dir)),
];

/// "etcd's raft log", told by `verify`.
const LOG: &[Planting] = &[
    ("wal-frame", |dir| {
        log::changed(dir, |_, log| {
            let name = log.bytes.windows(10).position(|bytes| bytes == b"/registry/").unwrap();
            log.bytes[name + 1] ^= 1;
        })
    }),
    ("wal-record", |dir| log::changed(dir, |_, log| log.record(99, Vec::new()))),
    ("wal-chain", |dir| {
        log::changed(dir, |_, log| {
            // A segment begins with the checksum of the one before.
            log.crc ^= 1;
            log.record(4, Vec::new());
        })
    }),
    ("wal-hole", |dir| {
        log::changed(dir, |_, log| {
            log.last += 5;
            log.put("/registry/a", 0);
        })
    }),
    ("wal-segment-missing", |dir| {
        let case = log::changed(dir, |_, _| {});
        let wal = Path::new(&case.planted[0]).join("member/wal");
        fs::copy(wal.join(FIRST_SEGMENT), wal.join("0000000000000002-0000000000000000.wal")).unwrap();
        case
    }),
    ("wal-metadata", |dir| {
        log::changed(dir, |_, log| {
            // Node 1 of cluster 1.
            log.record(1, vec![8, 1, 16, 1]);
        })
    }),
    ("wal-behind", |dir| log::changed(dir, |rows, _| applied(rows, 1_000_000))),
    ("wal-begins-late", |dir| {
        log::changed(dir, |rows, log| {
            applied(rows, 3);
            *log = log::Log::behind(log.last, log.term);
            log.put("/registry/a", 0);
        })
    }),
    ("wal-other-term", |dir| {
        log::changed(dir, |rows, _| {
            bucket(rows, "meta").insert(b"term".to_vec(), 77_u64.to_be_bytes().to_vec());
        })
    }),
];

const FIRST_SEGMENT: &str = "0000000000000000-0000000000000000.wal";

/// "`recover` alone", and what of the WAL only `recover` tells as damage.
const RECOVER: &[Planting] = &[
    ("wal-torn", |dir| {
        with_wal(dir, |table, wal| {
            sql(table, "UPDATE kine SET lease = lease + 1 WHERE id = 300");
            Some(fs::metadata(wal).unwrap().len() - 1000)
        })
    }),
    ("page-zero", |dir| {
        sqlite(dir, |db| {
            let leaf = db.leaf(TABLE, TreeKind::Table);
            db.page(leaf).fill(0);
        })
    }),
    ("pages-missing", |dir| {
        sqlite(dir, |db| {
            db.bytes.drain(..2 * PAGE);
        })
    }),
    ("copied-while-written", |dir| sqlite(dir, |db| db.bytes.extend([0; PAGE]))),
    ("page-lost", |dir| bolt(dir, |db| db.put(db.leaf(2), &[0; PAGE]))),
    ("shifted", |dir| {
        bolt(dir, |db| {
            let at = db.bytes.len() / 2 / PAGE * PAGE;
            db.bytes.drain(at..at + PAGE);
        })
    }),
    ("trailer", |dir| {
        // Without rows that go on in further pages: where a trailer is wrong, these are not to be believed.
        let mut rows = etcd::buckets(&bare());
        bucket(&mut rows, "key").retain(|_, record| record.len() < 1000);
        let mut whole = etcd::built(&rows);
        let sum = sha2::Sha256::digest(&whole);
        whole.extend(sum);
        let mut changed = whole.clone();
        *changed.last_mut().unwrap() ^= 1;
        files(dir, &whole, &changed)
    }),
];

/// Told of a reference that no reader gives: nothing in a file leads to it.
const VALUE_OUTSIDE: &str = "value-outside";

fn change_wal(case: &Case, change: impl FnOnce(&mut Vec<u8>)) {
    let wal = beside(Path::new(&case.planted[0]), "-wal");
    let mut bytes = fs::read(&wal).unwrap();
    change(&mut bytes);
    fs::write(wal, bytes).unwrap();
}

/// Lets an element of the branch page lead to another page.
fn child(db: &mut bytes::Pages, element: usize, page: u64) {
    db.put(db.branch() + ELEMENTS + 16 * element + 8, &page.to_le_bytes());
}

/// Lists one page as free.
fn list(db: &mut bytes::Pages, freelist: usize, page: u64) {
    db.put(freelist + COUNT, &[1, 0]);
    db.put(freelist + ELEMENTS, &page.to_le_bytes());
}

/// A database with one row more, or another one.
fn row(dir: &Path, key: Vec<u8>, record: &[u8]) -> Case {
    etcd::changed(dir, |rows| {
        bucket(rows, "key").insert(key, record.to_vec());
    })
}

fn record(key: &[u8], revision: i64, version: i64) -> Vec<u8> {
    let (create, value) = (revision, &b"x"[..]);
    let record =
        KeyValue { key, create_revision: create, mod_revision: revision, version, value, value_at: 0, lease: 0 };
    let (head, tail) = record.encode_around();
    [&head, value, &tail].concat()
}

fn record_of_tombstone(key: &[u8]) -> Vec<u8> {
    [&[10, key.len() as u8], key].concat()
}

fn torn(dir: &Path) -> Case {
    let mut torn = bare();
    etcd::without_a_leaf(&mut torn);
    files(dir, &bare(), &torn)
}

fn applied(rows: &mut etcd::Buckets, index: u64) {
    bucket(rows, "meta").insert(b"consistent_index".to_vec(), index.to_be_bytes().to_vec());
}

/// The names that a command gives to what is wrong.
fn told(command: &str, args: &[OsString]) -> BTreeSet<String> {
    let ran = run([OsString::from(command), "--json".into()].iter().chain(args));
    assert!(ran.stdout.starts_with(b"{"), "kinescope {}\n{}", ran.called, ran.stderr);
    let all = ran.json();
    let list = if command == "verify" { &all["findings"] } else { &all["damage"] };
    list.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_planted_is_told() {
    let verify = [SQLITE, BOLT, LOG].concat().into_iter().map(|planting| ("verify", planting));
    let all: Vec<_> = verify.chain(RECOVER.iter().map(|planting| ("recover", *planting))).collect();
    let judge = |(command, (id, plant)): &(&str, Planting)| {
        let whole = || {
            let dir = tempfile::tempdir().unwrap();
            let case = plant(dir.path());
            let (healthy, planted) = (told(command, &case.healthy), told(command, &case.planted));
            if healthy.contains(*id) {
                return Err(format!("{id}: the whole store is said to have it"));
            }
            if planted.contains(*id) { Ok(()) } else { Err(format!("{id}: {command} tells {planted:?}")) }
        };
        // One that cannot be planted is not to hide the others.
        let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(whole));
        judged.unwrap_or_else(|_| Err(format!("{id}: could not be planted"))).err()
    };
    let wrong: Vec<String> = all.par_iter().filter_map(judge).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_reference_to_nowhere_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let of_kine = kine::changed("kine-0.11", dir.path(), |_| {}).healthy[0].clone();
    let of_etcd = files(&dir.path().join("etcd"), &bare(), &bare()).healthy[0].clone();
    for path in [of_kine, of_etcd] {
        let open = store::open(Path::new(&path), &Choice::default()).unwrap();
        let nowhere = ValueRef { place: u64::MAX / 4, len: 9 };
        assert_eq!(open.store.history().value(nowhere).unwrap_err().id, VALUE_OUTSIDE);
    }
}

#[test]
fn every_name_that_is_written_down_is_planted() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/damage.md")).unwrap();
    let section = |title: &str| -> BTreeSet<String> {
        let (_, behind) = text.split_once(&format!("## {title}\n")).unwrap();
        let own = behind.split("\n## ").next().unwrap();
        let rows = own.lines().filter_map(|line| line.strip_prefix("| `")?.split('|').next());
        rows.flat_map(|names| names.split(',')).map(|name| name.trim().trim_matches('`').to_owned()).collect()
    };
    let planted = |of: &[Planting], others: &[&str]| -> BTreeSet<String> {
        of.iter().map(|(id, _)| *id).chain(others.iter().copied()).map(str::to_owned).collect()
    };
    assert_eq!(planted(SQLITE, &["wal-torn", VALUE_OUTSIDE]), section("SQLite and kine's table"));
    assert_eq!(planted(BOLT, &[VALUE_OUTSIDE]), section("bbolt and etcd's rows"));
    assert_eq!(planted(LOG, &[]), section("etcd's raft log"));
    let mut of_recover = planted(RECOVER, &[]);
    of_recover.remove("wal-torn");
    assert_eq!(of_recover, section("`recover` alone"));
}
