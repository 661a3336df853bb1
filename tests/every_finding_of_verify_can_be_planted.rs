//! Each finding of `verify` is planted in a store that is whole, and is what `verify` then finds: this and nothing else, with
//! the weight, the verdict and the exit code that docs/verify.md gives it. No finding is told that is not written there.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;
mod planted;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fixtures::unpacked;
use kinescope::etcd::proto::etcdserverpb::{InternalRaftRequest, Opaque};
use kinescope::ops::finding::OF_VERIFY;
use kinescope::ops::keyring::Given;
use kinescope::ops::verify::verify;
use kinescope::ops::{finding::Verdict, store};
use kinescope::render::verify_json;
use kinescope::source::Choice;
use planted::Weight::{Error, Loss, Note, Warning};
use planted::etcd::{bare, bucket, directory, edit, files, member, of_directory, revision, snapshot};
use planted::kine::{
    CONFIG_MAP, SECRET, TOKEN, TOKEN_16, bootstrap_key, broken_configuration, configurations, create, inside, newest,
    object, replace, seal_anew, sealed, sql, update, value, with_wal,
};
use planted::{Case, NOW, Plant, Told, below, etcd, kine, log, not_found, of_json, told};

/// An id of a member that is not there.
const STRANGER: u64 = 0x1234_5678;

const PLANTS: &[Plant] = &[
    ("not-a-store", Error, |dir| {
        let case = kine::changed("kine-0.11", dir, |_| {});
        fs::write(&case.planted[0], "a letter to the next administrator\n").unwrap();
        case
    }),
    ("unreadable", Error, |dir| {
        let case = kine::changed("kine-0.11", dir, |_| {});
        fs::remove_file(&case.planted[0]).unwrap();
        let other = rusqlite::Connection::open(&case.planted[0]).unwrap();
        sql(&other, "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)");
        case
    }),
    ("empty-store", Error, |dir| {
        kine::changed("kine-0.11", dir, |table| sql(table, "DELETE FROM kine WHERE name != 'compact_rev_key'"))
    }),
    ("nothing-reachable", Loss, |dir| {
        let mut torn = bare();
        etcd::without_rows(&mut torn);
        files(dir, &bare(), &torn)
    }),
    ("trailer", Loss, |dir| {
        let mut changed = snapshot();
        *changed.last_mut().unwrap() ^= 1;
        files(dir, &snapshot(), &changed)
    }),
    ("cut-off", Loss, |dir| {
        let whole = snapshot();
        files(dir, &whole, &whole[..whole.len() - 7])
    }),
    ("no-trailer", Note, |dir| files(dir, &snapshot(), &bare())),
    ("row-lost", Loss, |dir| {
        let mut torn = bare();
        etcd::without_a_leaf(&mut torn);
        files(dir, &bare(), &torn).comes_with(&["revisions-missing", "row-chain"])
    }),
    ("value-broken", Loss, |dir| {
        kine::changed("kine-0.11", dir, |table| replace(table, CONFIG_MAP, b"k8s\0\x0a\xff\xff"))
    }),
    ("value-broken", Loss, |dir| {
        kine::changed("kine-0.11", dir, |table| replace(table, &bootstrap_key(table), b"0123456789abcdef:#"))
    }),
    ("value-broken", Warning, |dir| {
        kine::changed("kine-0.11", dir, |table| create(table, "/registry/example.org/things/default/a", b"hello"))
    }),
    ("value-odd", Loss, |dir| {
        kine::changed("kine-0.11", dir, |table| {
            let mut value = newest(table, CONFIG_MAP).value;
            let at = value.windows(20).position(|bytes| bytes == b"Contains a CA bundle").unwrap();
            value[at] = 0xff;
            replace(table, CONFIG_MAP, &value);
        })
    }),
    ("value-odd", Warning, |dir| {
        // Without a Node nobody knows whether the server was of a later release than all that are known here.
        let case = kine::changed("kine-0.11", dir, |table| {
            sql(table, "DELETE FROM kine WHERE name LIKE '/registry/minions/%'");
        });
        let without_nodes = dir.join("without-nodes.db");
        fs::copy(&case.planted[0], &without_nodes).unwrap();
        let table = rusqlite::Connection::open(&case.planted[0]).unwrap();
        create(&table, "/registry/configmaps/default/odd", &object("v1", "ConfigMap", "default", "odd", true));
        Case { healthy: vec![without_nodes.into()], ..case }
    }),
    ("other-than-its-key", Loss, |dir| {
        kine::changed("kine-0.11", dir, |table| {
            table.execute("UPDATE kine SET name = name || 'x' WHERE name = ?", [CONFIG_MAP]).unwrap();
        })
    }),
    ("copies-differ", Loss, |dir| {
        kine::changed("kine-0.11", dir, |table| {
            sql(
                table,
                "UPDATE kine SET old_value = value WHERE id = (SELECT id FROM kine WHERE prev_revision > 0 AND \
                 name LIKE '/registry/pods/%' AND deleted = 0 AND value != old_value ORDER BY id DESC LIMIT 1)",
            );
        })
    }),
    ("does-not-open", Loss, |dir| {
        let (right, wrong) = configurations(dir);
        let store = kine::backup("kine-0.16", dir, "store");
        let case = Case::of(&store, &store);
        case.healthy(&["--encryption-config", &right]).planted(&["--encryption-config", &wrong])
    }),
    ("does-not-open", Warning, |dir| {
        let (right, _) = configurations(dir);
        let case = kine::changed("kine-0.16", dir, |table| {
            let whole = newest(table, SECRET);
            let mut spoiled = whole.value.clone();
            let at = spoiled.len() - 20;
            spoiled[at] ^= 1;
            replace(table, SECRET, &spoiled);
            update(table, SECRET, &whole.value);
        });
        case.both(&["--encryption-config", &right])
    }),
    ("locked", Note, |dir| {
        let store = kine::backup("kine-0.16", dir, "store");
        Case::of(&store, &store).healthy(&["--token", TOKEN_16])
    }),
    ("bootstrap-broken", Loss, |dir| {
        let case = kine::changed("kine-0.11", dir, |table| {
            let key = bootstrap_key(table);
            let mut value = newest(table, &key).value;
            let at = value.len() / 2;
            value[at] = if value[at] == b'A' { b'B' } else { b'A' };
            replace(table, &key, &value);
        });
        case.both(&["--token", TOKEN])
    }),
    ("encryption-config-broken", Loss, |dir| {
        let case = kine::changed("kine-0.11", dir, |table| {
            let value = broken_configuration(table, TOKEN);
            replace(table, &bootstrap_key(table), &value);
        });
        case.both(&["--token", TOKEN])
    }),
    ("token-no-fit", Error, |dir| {
        let store = kine::backup("kine-0.11", dir, "store");
        Case::of(&store, &store).healthy(&["--token", TOKEN]).planted(&["--token", "another"])
    }),
    ("token-unused", Warning, |dir| {
        let case =
            kine::changed("kine-0.11", dir, |table| sql(table, "DELETE FROM kine WHERE name LIKE '/bootstrap/%'"));
        Case { healthy: case.planted.clone(), ..case }.planted(&["--token", TOKEN])
    }),
    ("token-form", Warning, |dir| {
        const KUBEADM: &str = "abcdef.0123456789abcdef";
        let case = kine::changed("kine-0.11", dir, |table| seal_anew(table, TOKEN, KUBEADM, 0));
        case.healthy(&["--token", TOKEN]).planted(&["--token", KUBEADM])
    }),
    ("token-ca-hash", Warning, |dir| {
        let store = kine::backup("kine-0.11", dir, "store");
        let whole = fs::read_to_string(unpacked("kine-0.11").join("token")).unwrap();
        Case::of(&store, &store).healthy(&["--token", TOKEN]).planted(&["--token", &whole])
    }),
    ("keys-not-read", Warning, |dir| {
        let whole = fs::read_to_string(unpacked("kine-0.11").join("token")).unwrap();
        let case = kine::changed("kine-0.11", dir, |table| {
            let (key, mut value) = sealed(&inside(table, TOKEN), &whole, 1);
            let at = value.len() / 2;
            value[at] = if value[at] == b'A' { b'B' } else { b'A' };
            create(table, &key, &value);
        });
        case.both(&["--token", &whole]).comes_with(&["bootstrap-several"])
    }),
    ("bootstrap-none", Warning, |dir| {
        kine::changed("kine-0.11", dir, |table| sql(table, "DELETE FROM kine WHERE name LIKE '/bootstrap/%'"))
    }),
    ("bootstrap-several", Warning, |dir| {
        kine::changed("kine-0.11", dir, |table| {
            let (key, value) = sealed(&inside(table, TOKEN), "another", 0);
            create(table, &key, &value);
        })
    }),
    ("bootstrap-lock", Warning, |dir| {
        kine::changed("kine-0.11", dir, |table| replace(table, &bootstrap_key(table), b""))
    }),
    ("bootstrap-old-form", Note, |dir| {
        let whole = fs::read_to_string(unpacked("kine-0.11").join("token")).unwrap();
        kine::changed("kine-0.11", dir, |table| seal_anew(table, TOKEN, &whole, 1)).both(&["--token", &whole])
    }),
    // Ten years later, 60 days before that, and before the authorities were made.
    ("authority-time", Warning, |dir| authorities(dir, 2_120_000_000)),
    ("authority-time", Warning, |dir| authorities(dir, 2_108_000_000)),
    ("authority-time", Warning, |dir| authorities(dir, 1_600_000_000)),
    ("plain-live", Warning, |dir| {
        let case = kine::changed("kine-0.16", dir, |table| update(table, SECRET, &value("kine-0.11", SECRET)));
        case.both(&["--token", TOKEN_16])
    }),
    ("plain-history", Warning, |dir| {
        let case = kine::changed("kine-0.16", dir, |table| {
            let encrypted = newest(table, SECRET).value;
            update(table, SECRET, &value("kine-0.11", SECRET));
            update(table, SECRET, &encrypted);
        });
        case.both(&["--token", TOKEN_16])
    }),
    ("masterlease-forever", Warning, |dir| {
        kine::changed("kine-0.11", dir, |table| {
            sql(table, "UPDATE kine SET lease = 0 WHERE name LIKE '/registry/masterleases/%'");
        })
    }),
    ("lease-unknown", Warning, |dir| {
        etcd::changed(dir, |rows| {
            bucket(rows, "lease").clear();
        })
    }),
    ("events-forever", Note, |dir| {
        kine::changed("kine-0.11", dir, |table| {
            sql(table, "UPDATE kine SET lease = 0 WHERE name LIKE '/registry/events/%'");
        })
    }),
    ("revisions-missing", Note, |dir| {
        etcd::changed(dir, |rows| assert!(bucket(rows, "key").remove(&revision(300)).is_some()))
    }),
    ("revision-bump", Note, |dir| {
        // What `etcdutl snapshot restore --bump-revision 1000 --mark-compacted` leaves.
        let case = etcd::changed(dir, |rows| {
            let last = bucket(rows, "key").keys().next_back().unwrap()[..8].try_into().map(i64::from_be_bytes).unwrap();
            bucket(rows, "key").insert(revision(last + 1000), Vec::new());
            bucket(rows, "meta").insert(b"scheduledCompactRev".to_vec(), revision(last + 1000));
        });
        case.comes_with(&["compaction-unfinished"])
    }),
    ("revision-bump", Note, |dir| {
        let case = etcd::changed(dir, |rows| {
            bucket(rows, "key").insert(revision(5000), Vec::new());
        });
        case.comes_with(&["revisions-missing"])
    }),
    ("compaction-unfinished", Note, |dir| {
        etcd::changed(dir, |rows| {
            bucket(rows, "meta").insert(b"scheduledCompactRev".to_vec(), revision(100));
        })
    }),
    ("kind-unknown", Note, |dir| {
        kine::changed("kine-0.11", dir, |table| {
            let thing = object("example.org/v1", "Thing", "default", "a", false);
            create(table, "/registry/example.org/things/default/a", &thing);
        })
    }),
    ("surgery", Note, |dir| {
        let mut marked = bare();
        etcd::mark_by_surgery(&mut marked);
        files(dir, &bare(), &marked)
    }),
    ("older-meta-sound", Note, |dir| {
        let whole = of_directory();
        let mut spoiled = whole.clone();
        etcd::spoil_what_is_new(&mut spoiled);
        files(dir, &whole, &spoiled).comes_with(&["lease-unknown", "page-id", "revisions-missing", "row-lost"])
    }),
    ("revision-decreased", Warning, |dir| {
        etcd::changed(dir, |rows| {
            bucket(rows, "meta").insert(b"scheduledCompactRev".to_vec(), revision(9000));
        })
    }),
    ("members-differ", Warning, |dir| {
        etcd::changed(dir, |rows| {
            let entry = format!("{{\"id\":{STRANGER},\"peerURLs\":[\"http://10.0.0.9:2380\"]}}");
            bucket(rows, "members").insert(format!("{STRANGER:x}").into_bytes(), entry.into_bytes());
        })
    }),
    ("members-removed", Warning, |dir| {
        etcd::changed(dir, |rows| {
            let (name, _) = member(rows);
            bucket(rows, "members_removed").insert(name, b"removed".to_vec());
        })
    }),
    ("learner-votes", Warning, |dir| {
        etcd::changed(dir, |rows| {
            let (name, _) = member(rows);
            edit(rows, "members", &name, "\"peerURLs\"", "\"isLearner\":true,\"peerURLs\"");
        })
    }),
    ("alarm", Warning, |dir| {
        etcd::changed(dir, |rows| {
            // Member 1, no space.
            bucket(rows, "alarm").insert(vec![8, 1, 16, 1], Vec::new());
        })
    }),
    ("bucket-absent", Warning, |dir| etcd::changed(dir, |rows| assert!(rows.remove(&b"authRoles"[..]).is_some()))),
    ("no-log", Warning, |dir| {
        let case = log::changed(dir, |_, _| {});
        fs::remove_dir_all(Path::new(&case.planted[0]).join("member/wal")).unwrap();
        case
    }),
    ("uncommitted", Warning, |dir| {
        log::changed_both(
            dir,
            |rows| {
                let (_, id) = member(rows);
                let entry = format!("{{\"id\":{STRANGER},\"peerURLs\":[\"http://10.0.0.9:2380\"]}}");
                bucket(rows, "members").insert(format!("{STRANGER:x}").into_bytes(), entry.into_bytes());
                edit(rows, "meta", b"confState", &format!("{id}"), &format!("{id},{STRANGER}"));
            },
            |log| log.put("/example/later", 0),
        )
    }),
    ("defrag-leftover", Warning, |dir| {
        let case = log::changed(dir, |_, _| {});
        fs::write(Path::new(&case.planted[0]).join("member/snap/db.tmp.1234"), b"").unwrap();
        case
    }),
    ("received-database", Warning, |dir| {
        let case = log::changed(dir, |_, _| {});
        fs::write(Path::new(&case.planted[0]).join("member/snap/0000000000001000.snap.db"), bare()).unwrap();
        case
    }),
    ("database-behind", Loss, |dir| {
        log::changed(dir, |_, log| {
            log.committed(log.last + 100);
            log.mark(log.last + 100);
        })
    }),
    ("database-behind", Warning, |dir| {
        // The database of an older copy beside the log of today.
        let log = log::Log::real();
        let healthy = directory(&below(dir, "healthy"), &of_directory(), &log.bytes);
        Case::of(&healthy, &directory(&below(dir, "planted"), &bare(), &log.bytes))
    }),
    ("effect-missing", Loss, |dir| {
        // The number of the last applied entry was written, and the crash came before its effect was.
        log::changed(dir, |rows, _| {
            let applied = bucket(rows, "meta").get_mut(&b"consistent_index"[..]).unwrap();
            let next = u64::from_be_bytes(applied.as_slice().try_into().unwrap()) + 1;
            *applied = next.to_be_bytes().to_vec();
        })
    }),
    ("log-note", Note, |dir| {
        log::changed(dir, |_, log| {
            log.request(&InternalRaftRequest { id: 7, auth_enable: Some(Opaque {}), ..InternalRaftRequest::default() });
        })
    }),
    ("log-refused", Note, |dir| log::changed(dir, |_, log| log.put("/example/leased", 77))),
    ("sequence-absent", Loss, |dir| {
        kine::changed("kine-0.11", dir, |table| {
            sql(
                table,
                "PRAGMA writable_schema = ON; UPDATE sqlite_master SET name = 'other', tbl_name = 'other', \
                 sql = 'CREATE TABLE other(name,seq)' WHERE name = 'sqlite_sequence'",
            );
        })
    }),
    ("compact-row-twice", Warning, |dir| {
        kine::changed("kine-0.11", dir, |table| {
            sql(
                table,
                "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value) \
                 VALUES ('compact_rev_key', 1, 0, 0, 100, 0, x'')",
            );
        })
    }),
    ("compact-row-missing", Note, |dir| {
        kine::changed("kine-0.11", dir, |table| sql(table, "DELETE FROM kine WHERE name = 'compact_rev_key'"))
    }),
    ("index-absent", Note, |dir| {
        kine::changed("kine-0.11", dir, |table| sql(table, "DROP INDEX kine_name_prev_revision_uindex"))
    }),
    ("wal-uncommitted", Note, |dir| {
        with_wal(dir, |table, _| {
            sql(table, "PRAGMA cache_size = 3; BEGIN IMMEDIATE; UPDATE kine SET value = value || x'00'");
            None
        })
    }),
    ("wal-stale", Note, |dir| {
        with_wal(dir, |table, _| {
            sql(table, "UPDATE kine SET lease = lease + 1; PRAGMA wal_checkpoint(FULL)");
            sql(table, "UPDATE kine SET lease = lease + 1 WHERE id = 300");
            None
        })
    }),
    ("wal-torn", Note, |dir| {
        with_wal(dir, |table, wal| {
            sql(table, "UPDATE kine SET lease = lease + 1 WHERE id = 300");
            let whole = fs::metadata(wal).unwrap().len();
            sql(table, "UPDATE kine SET lease = lease + 1 WHERE id = 20");
            Some(whole + 1000)
        })
    }),
];

fn authorities(dir: &Path, now: i64) -> Case {
    let store = kine::backup("kine-0.11", dir, "store");
    Case::of(&store, &store).at(now)
}

/// What `verify` says of a store at another time than today, with its token.
fn told_at(store: &Path, now: i64) -> Told {
    let open = store::open(store, &Choice::default()).unwrap();
    let given = Given::new(None, Some(TOKEN), None, &[]).unwrap();
    let found = verify(&open, &given, now).unwrap();
    let code = match found.verdict {
        Verdict::Restorable => 0,
        Verdict::WithLoss => 3,
        Verdict::Not => 1,
    };
    of_json(code, verify_json("", &found))
}

#[test]
fn what_is_planted_is_what_is_found() {
    let wrong = not_found(PLANTS, |case| match case.now {
        Some(now) => (told_at(case.healthy[0].as_ref(), NOW), told_at(case.planted[0].as_ref(), now)),
        None => (told("verify", &case.healthy), told("verify", &case.planted)),
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_finding_is_planted_and_none_else_is_told_or_written_down() {
    // Those of the engine have a test of their own: tests/an_engine_may_try_a_copy.rs.
    let of_engine = OF_VERIFY.iter().map(|id| id.name()).filter(|id| id.starts_with("engine-"));
    let planted: BTreeSet<&str> = PLANTS.iter().map(|(id, ..)| *id).chain(of_engine).collect();
    let in_code: BTreeSet<&str> = OF_VERIFY.iter().map(|id| id.name()).collect();
    assert_eq!(planted, in_code);
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verify.md")).unwrap();
    let (of_verify, _) = text.split_once("## `doctor`").unwrap();
    let rows = of_verify.lines().filter_map(|line| line.strip_prefix("| `")?.split('|').next());
    let written: BTreeSet<&str> =
        rows.flat_map(|ids| ids.split(',')).map(|id| id.trim().trim_matches('`')).filter(|id| !id.is_empty()).collect();
    assert_eq!(written, in_code);
}

#[test]
fn a_store_of_which_no_tree_is_left_is_not_restorable() {
    let dir = tempfile::tempdir().unwrap();
    let case = kine::changed("kine-0.11", dir.path(), |_| {});
    let root: i64 = {
        let table = rusqlite::Connection::open(&case.planted[0]).unwrap();
        table.query_row("SELECT rootpage FROM sqlite_master WHERE name = 'kine'", [], |row| row.get(0)).unwrap()
    };
    let mut bytes = fs::read(&case.planted[0]).unwrap();
    let at = (usize::try_from(root).unwrap() - 1) * 4096;
    bytes[at..at + 4096].fill(0);
    fs::write(&case.planted[0], bytes).unwrap();
    let told = told("verify", &case.planted);
    assert_eq!((told.code, told.verdict.as_str()), (1, "not"));
    assert!(told.findings.contains(&("nothing-reachable".to_owned(), "error".to_owned())), "{}", told.all);
}

#[test]
fn the_log_of_a_directory_in_an_archive_is_looked_at_too() {
    // Leftovers are seen on disk alone; what the log says does not hang on where it lies.
    let dir = tempfile::tempdir().unwrap();
    let case = log::changed(dir.path(), |_, log| log.put("/example/leased", 77));
    let tar = dir.path().join("planted.tar");
    let mut archive = tar::Builder::new(fs::File::create(&tar).unwrap());
    archive.append_dir_all("etcd", &case.planted[0]).unwrap();
    archive.into_inner().unwrap();
    assert!(told("verify", &[tar.into()]).ids().contains("log-refused"));
}
