//! Each finding of `doctor` is planted in a server directory that is whole, and is what `doctor` then finds: this and
//! nothing else, with its weight, the verdict and the exit code. No finding is told that is not written in docs/verify.md.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;
mod planted;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use command::copy;
use fixtures::unpacked;
use kinescope::ops::doctor::{Asked, examine};
use kinescope::ops::finding::{OF_DOCTOR, OF_VERIFY, Verdict};
use kinescope::render::doctor_json;
use planted::Weight::{Error, Loss, Note, Warning};
use planted::kine::{TOKEN, bootstrap_key, inside, replace, sealed};
use planted::server::{changed, config, encrypted, is_root, mode, on_etcd, on_kine, write};
use planted::{Case, Plant, Told, judge, kine, not_found, of_json, server, told};

/// After the authorities of the fixtures have ended, and 60 days before.
const AFTER: i64 = 2_120_000_000;
const BEFORE: i64 = 2_108_000_000;
const LONG_AGO: i64 = 1_600_000_000;

const PLANTS: &[Plant] = &[
    ("half-migrated", Error, |dir| {
        on_etcd(dir, |server| {
            copy(&unpacked("kine-0.11").join("middle.backup.db"), server.join("db/state.db"));
        })
    }),
    ("two-stores", Warning, |dir| {
        on_etcd(dir, |server| {
            copy(&unpacked("kine-0.11").join("early.backup.db"), server.join("db/state.db"));
        })
    }),
    ("only-migrated", Error, |dir| {
        on_kine(dir, |server| fs::rename(server.join("db/state.db"), server.join("db/state.db.migrated")).unwrap())
    }),
    ("state-after-migration", Warning, |dir| {
        on_kine(dir, |server| {
            copy(&server.join("db/state.db"), server.join("db/state.db.migrated"));
        })
    }),
    ("migrated", Note, |dir| {
        on_etcd(dir, |server| {
            copy(&unpacked("kine-0.11").join("early.backup.db"), server.join("db/state.db.migrated"));
        })
    }),
    ("wal-foreign", Error, |dir| {
        let case = on_kine(dir, |server| {
            copy(&unpacked("kine-0.11").join("final/state.db-wal"), server.join("db/state.db-wal"));
        });
        case.and_damage().comes_with(&["wal-stale"])
    }),
    ("wal-alone", Error, |dir| {
        on_kine(dir, |server| {
            fs::rename(server.join("db/state.db"), server.join("../elsewhere")).unwrap();
            copy(&unpacked("kine-0.11").join("final/state.db-wal"), server.join("db/state.db-wal"));
        })
    }),
    ("wal-of-migrated", Note, |dir| {
        let case = on_etcd(dir, |server| {
            copy(&unpacked("kine-0.11").join("final/state.db"), server.join("db/state.db.migrated"));
            copy(&unpacked("kine-0.11").join("final/state.db-wal"), server.join("db/state.db-wal"));
        });
        copy(&unpacked("kine-0.11").join("final/state.db"), Path::new(&case.healthy[0]).join("db/state.db.migrated"));
        case
    }),
    ("shm-alone", Note, |dir| on_kine(dir, |server| write(&server.join("db/state.db-shm"), &[0; 32768]))),
    ("journal", Error, |dir| on_kine(dir, |server| write(&server.join("db/state.db-journal"), &[0; 512]))),
    ("etcd-hollow", Error, |dir| {
        let case = on_etcd(dir, |server| fs::remove_file(server.join("db/etcd/member/snap/db")).unwrap());
        case.comes_with(&["not-a-store"])
    }),
    ("etcd-without-log", Warning, |dir| {
        on_kine(dir, |server| {
            let db = unpacked("etcd-3.6").join("final.etcd/member/snap/db");
            copy(&db, server.join("db/etcd/member/snap/db"));
            mode(&server.join("db/etcd"), 0o700);
        })
    }),
    ("etcd-tombstone", Error, |dir| on_etcd(dir, |server| write(&server.join("db/etcd/tombstone"), b""))),
    ("etcd-tmp", Note, |dir| on_kine(dir, |server| fs::create_dir(server.join("db/etcd-tmp")).unwrap())),
    ("etcd-tmp", Note, |dir| on_kine(dir, |server| fs::create_dir(server.join("db/tmp-etcd")).unwrap())),
    ("etcd-old", Note, |dir| on_etcd(dir, |server| fs::create_dir(server.join("db/etcd-old-1700000000")).unwrap())),
    ("etcd-old", Note, |dir| on_kine(dir, |server| fs::create_dir(server.join("db/etcd-backup-1700000000")).unwrap())),
    ("reset-flag", Warning, |dir| on_etcd(dir, |server| write(&server.join("db/reset-flag"), b""))),
    ("config-endpoint-and-init", Warning, |dir| {
        let endpoint = "datastore-endpoint: sqlite:///var/lib/rancher/k3s/server/db/state.db\n";
        configured(on_kine(dir, |_| {}), dir, endpoint, &format!("{endpoint}cluster-init: true\n"))
    }),
    ("config-endpoint-ignored", Error, |dir| {
        configured(on_etcd(dir, |_| {}), dir, "", "datastore-endpoint: mysql://k3s@tcp(10.0.0.2:3306)/k3s\n")
    }),
    ("config-migrates", Warning, |dir| configured(on_kine(dir, |_| {}), dir, "", "cluster-init: true\n")),
    ("config-migrates", Warning, |dir| {
        configured(on_kine(dir, |_| {}), dir, "", "server: https://10.0.0.2:6443\ntoken: fixture0014\n")
    }),
    ("config-endpoint", Warning, |dir| {
        configured(on_kine(dir, |_| {}), dir, "", "datastore-endpoint: mysql://k3s@tcp(10.0.0.2:3306)/k3s\n")
    }),
    ("token-missing", Error, |dir| on_kine(dir, |server| fs::remove_file(server.join("token")).unwrap())),
    ("token-differs", Warning, |dir| {
        on_kine(dir, |server| write(&server.join("token"), b"another")).both(&["--token", TOKEN])
    }),
    ("file-newer", Error, |dir| on_kine(dir, |server| write(&server.join("tls/server-ca.crt"), b"another"))),
    ("file-older", Warning, |dir| {
        on_kine(dir, |server| {
            let path = server.join("tls/server-ca.crt");
            write(&path, b"another");
            let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
            File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
        })
    }),
    ("file-missing", Note, |dir| on_kine(dir, |server| fs::remove_file(server.join("tls/service.key")).unwrap())),
    ("files-from-store", Note, |dir| on_kine(dir, |server| fs::remove_dir_all(server.join("cred")).unwrap())),
    ("encryption-flag", Error, |dir| {
        configured(encrypted(dir, |_| {}), dir, "secrets-encryption: true\n", "write-kubeconfig-mode: '600'\n")
    }),
    ("encryption-needed", Note, |dir| {
        let on = config(dir, "on.yaml", "secrets-encryption: true\n");
        encrypted(dir, |_| {}).healthy(&["--config", &on])
    }),
    ("encryption-key-missing", Loss, |dir| {
        let on = config(dir, "on.yaml", "secrets-encryption: true\n");
        let case = encrypted(dir, |server| {
            let table = rusqlite::Connection::open(server.join("db/state.db")).unwrap();
            let mut files = inside(&table, kine::TOKEN_16);
            files.as_object_mut().unwrap().remove("EncryptionConfig").unwrap();
            replace(&table, &bootstrap_key(&table), &sealed(&files, kine::TOKEN_16, 0).1);
            fs::remove_file(server.join("cred/encryption-config.json")).unwrap();
        });
        case.both(&["--config", &on]).comes_with(&["locked"])
    }),
    ("authority-ended", Error, |dir| on_kine(dir, |_| {}).at(AFTER).comes_with(&["authority-time"])),
    ("authority-ends", Warning, |dir| on_kine(dir, |_| {}).at(BEFORE).comes_with(&["authority-time"])),
    ("certificate-ended", Note, |dir| certificate(dir, AFTER)),
    ("certificate-ends", Note, |dir| certificate(dir, BEFORE)),
    ("clock", Error, |dir| on_kine(dir, |_| {}).at(LONG_AGO).comes_with(&["authority-time"])),
    ("mode-open", Warning, |dir| on_kine(dir, |server| mode(&server.join("db"), 0o755))),
    ("mode-open", Warning, |dir| on_kine(dir, |server| mode(&server.join("token"), 0o644))),
    ("mode-open", Warning, |dir| on_kine(dir, |server| mode(&server.join("tls/service.key"), 0o644))),
    ("mode-open", Warning, |dir| on_etcd(dir, |server| mode(&server.join("db/etcd"), 0o755))),
    ("mode-read-only", Warning, |dir| on_kine(dir, |server| mode(&server.join("db/state.db"), 0o444))),
];

/// Gives both a configuration.
fn configured(case: Case, dir: &Path, healthy: &str, planted: &str) -> Case {
    let usual = "node-name: srv-0\n";
    let healthy = config(dir, "healthy.yaml", &format!("{usual}{healthy}"));
    let planted = config(dir, "planted.yaml", &format!("{usual}{planted}"));
    case.healthy(&["--config", &healthy]).planted(&["--config", &planted])
}

/// A certificate that k3s renews itself, looked at when all of them end: the authorities do so in both.
fn certificate(dir: &Path, now: i64) -> Case {
    let mut case = on_kine(dir, |server| {
        copy(&server.join("tls/client-ca.crt"), server.join("tls/client-admin.crt"));
    });
    case.at_both(now);
    case
}

fn told_at(server: &OsString, now: i64) -> Told {
    let found = examine(server.as_ref(), &Asked { now, ..Asked::default() }).unwrap();
    let code = match found.verdict {
        Verdict::Restorable => 0,
        Verdict::WithLoss => 3,
        Verdict::Not => 1,
    };
    of_json(code, doctor_json(&found))
}

fn looked_at(case: &Case) -> (Told, Told) {
    let at = |args: &[OsString], now: Option<i64>| match now {
        Some(now) => told_at(&args[0], now),
        None => told("doctor", args),
    };
    (at(&case.healthy, case.healthy_now), at(&case.planted, case.now))
}

#[test]
fn what_is_planted_is_what_is_found() {
    let wrong = not_found(PLANTS, looked_at);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_of_others_are_told_apart_from_a_copy_that_is_all_another_s() {
    let dir = tempfile::tempdir().unwrap();
    let case = on_kine(dir.path(), |_| {});
    let server = Path::new(&case.planted[0]);
    if !is_root(server) {
        let (healthy, _) = looked_at(&case);
        assert!(healthy.findings.contains(&("owner".to_owned(), "note".to_owned())), "{}", healthy.all);
        return;
    }
    std::os::unix::fs::chown(server.join("db/state.db"), Some(1000), Some(1000)).unwrap();
    let (healthy, planted) = looked_at(&case);
    judge("owner", Warning, &case, &healthy, &planted).unwrap();
    let fix = planted.all["fixes"].as_array().unwrap().iter().find(|fix| fix["id"] == "owner").unwrap();
    assert!(fix["commands"][0].as_str().unwrap().starts_with("chown -R root:root "));
    let dir = tempfile::tempdir().unwrap();
    let case = changed(&server::kine("kine-0.11", TOKEN, dir.path()), give_away);
    let (healthy, planted) = looked_at(&case);
    judge("owner", Note, &case, &healthy, &planted).unwrap();
}

/// Gives all files to a user.
fn give_away(path: &Path) {
    std::os::unix::fs::chown(path, Some(1000), Some(1000)).unwrap();
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give_away(&entry.unwrap().path()));
    }
}

#[test]
fn every_finding_is_planted_and_none_else_is_told_or_written_down() {
    let planted: BTreeSet<&str> = PLANTS.iter().map(|(id, ..)| *id).chain(["owner"]).collect();
    let in_code: BTreeSet<&str> = OF_DOCTOR.iter().map(|id| id.name()).collect();
    assert_eq!(planted, in_code);
    assert!(OF_VERIFY.iter().all(|id| !in_code.contains(id.name())));
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verify.md")).unwrap();
    let (_, of_doctor) = text.split_once("## `doctor`").unwrap();
    let rows = of_doctor.lines().filter_map(|line| line.strip_prefix("| `")?.split('|').next());
    let written: BTreeSet<&str> =
        rows.flat_map(|ids| ids.split(',')).map(|id| id.trim().trim_matches('`')).filter(|id| !id.is_empty()).collect();
    assert_eq!(written, in_code);
}

#[test]
fn each_error_and_each_thing_that_commands_can_put_right_has_its_commands() {
    // An id of a fix is that of a finding, and no command is run: the directory is as it was.
    for (id, weight, plant) in PLANTS.iter().filter(|(_, weight, _)| *weight == Error) {
        let dir = tempfile::tempdir().unwrap();
        let case = plant(dir.path());
        let (_, planted) = looked_at(&case);
        let ids: BTreeSet<&str> =
            planted.all["fixes"].as_array().unwrap().iter().map(|fix| fix["id"].as_str().unwrap()).collect();
        assert!(ids.is_subset(&planted.ids()), "{id} {weight:?}: {ids:?}");
        let by_hand = ["authority-ended", "clock"];
        assert!(ids.contains(id) != by_hand.contains(id), "{id}: {ids:?}");
    }
}
