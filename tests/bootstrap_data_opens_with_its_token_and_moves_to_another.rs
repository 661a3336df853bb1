//! `bootstrap` says whether a token fits, lists what it opens, extracts it without giving secrets away unasked, and writes a
//! store under a new token that the real engines serve with exactly one bootstrap key.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod engines;
mod fixtures;
mod proof;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use command::{names_in, run, sha256};
use engines::{EtcdVersion, KineVersion};
use fixtures::unpacked;
use kinescope::k3s::certificate::{ca_hash_fits, certificates};
use kinescope::k3s::{Blob, BlobError, Passphrase, Token};
use kinescope::kube::encryption::{Keyring, is_encrypted};
use kinescope::ops::convert::{NewChange, Options, Target};
use kinescope::ops::keyring::{Given, SealNewError, seal_new};
use kinescope::ops::store;
use kinescope::source::Choice;
use proptest::prelude::*;
use serde_json::{Value, json};

const NEW_TOKEN: &str = "a-new-token-of-this-test";
/// `printf a-new-token-of-this-test | sha256sum | cut -c1-12`
const NEW_KEY: &str = "/bootstrap/0e9a37955d45";

/// Every archive, a store in it, and the password of its token.
const STORES: [(&str, &str, &str, &str); 4] = [
    ("kine-0.16", "final", "fixture0011", "/bootstrap/211f04b247b0"),
    ("kine-0.11", "final", "fixture0014", "/bootstrap/813dd88b84bf"),
    ("etcd-3.5", "middle.snapshot", "fixture0013", "/bootstrap/7ef3a3fd80e9"),
    ("etcd-3.6", "final.etcd", "fixture0012", "/bootstrap/fd7eee2b876c"),
];

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The bootstrap data of a store, by Python's reading of the format: what the fixture was made of.
fn private_keys(archive: &str, store_name: &str, password: &str) -> Vec<String> {
    let source = store::open(&unpacked(archive).join(store_name), &Choice::default()).unwrap();
    let history = source.store.history();
    let token = Token::new(password);
    let passphrase = token.for_new_store().unwrap();
    let key = history.keys().find(&passphrase.key()).unwrap();
    let blob = Blob::open(&history.value(history.live(key).unwrap().value).unwrap(), passphrase).unwrap();
    let pem = |file: &kinescope::k3s::BootstrapFile| {
        let text = String::from_utf8_lossy(&file.content).into_owned();
        text.contains("PRIVATE KEY").then(|| text.lines().nth(1).unwrap().to_owned())
    };
    blob.files().iter().filter_map(pem).collect()
}

#[test]
fn a_token_fits_or_does_not() {
    for (archive, name, password, key) in STORES {
        let dir = unpacked(archive);
        let path = dir.join(name);
        let full = dir.join("token");
        for args in [["--token", password], ["--token-file", text(&full)]] {
            let fits = run(["bootstrap", text(&path), "--json"].into_iter().chain(args)).exits(0).json();
            assert_eq!((&fits["fits"], &fits["keys"][0]["key"]), (&Value::Bool(true), &Value::from(key)), "{archive}");
            assert_eq!(fits["inside"]["key"], key);
        }
        let other = run(["bootstrap", text(&path), "--json", "--token", "another"]).exits(1).json();
        assert_eq!([&other["fits"], &other["inside"]], [&Value::Bool(false), &Value::Null]);
        // printf another | sha256sum
        assert_eq!(other["token_hash"], "ae448ac86c4e");
        let shown = run(["bootstrap", text(&path), "--token", "another"]).exits(1);
        assert!(shown.text().contains("the token does not fit") && shown.text().contains(key), "{}", shown.text());
        run(["bootstrap", text(&path)]).exits(0);
    }
}

#[test]
fn the_listing_has_what_the_certificates_say_and_no_secret() {
    for (archive, name, password, _) in STORES {
        let path = unpacked(archive).join(name);
        let secrets = private_keys(archive, name, password);
        assert_eq!(secrets.len(), 6, "{archive}");
        let listed = run(["bootstrap", text(&path), "--token", password]).exits(0);
        let json = run(["bootstrap", text(&path), "--token", password, "--json"]).exits(0);
        for answer in [&listed, &json] {
            let all = format!("{}{}", answer.text(), answer.stderr);
            for secret in &secrets {
                assert!(!all.contains(secret.as_str()), "{archive}");
            }
            assert!(!all.contains("PRIVATE") && !all.contains(password) && !all.contains("deadbeef"), "{archive}");
        }
        assert!(listed.text().contains("tls/etcd/peer-ca.crt"));
        let json = json.json();
        let files = json["inside"]["files"].as_array().unwrap();
        let ca = files.iter().find(|file| file["name"] == "ServerCA").unwrap();
        assert_eq!(ca["timestamp"], "2026-01-02T03:04:05Z");
        let certificate = &ca["certificates"][0];
        assert!(certificate["subject"].as_str().unwrap().starts_with("CN=k3s-server-ca@"), "{certificate}");
        assert_eq!(certificate["subject"], certificate["issuer"]);
        assert!(certificate["not_after"].as_str().unwrap().starts_with("2036-11-"), "{certificate}");
    }
}

#[test]
fn a_full_token_s_ca_hash_is_held_against_the_ca() {
    let dir = unpacked("kine-0.16");
    let out = tempfile::tempdir().unwrap();
    let extracted = out.path().join("server");
    let path = dir.join("final");
    run(["bootstrap", text(&path), "--token", "fixture0011", "--extract", text(&extracted)]).exits(1);
    let hash = sha256(&fs::read(extracted.join("tls/server-ca.crt")).unwrap());
    for (token, fits) in [
        (format!("K10{hash}::server:fixture0011"), Value::Bool(true)),
        (format!("K10{}::server:fixture0011", "0".repeat(64)), Value::Bool(false)),
        ("fixture0011".to_owned(), Value::Null),
    ] {
        let json = run(["bootstrap", text(&path), "--json", "--token", &token]).exits(0).json();
        assert_eq!(json["inside"]["ca_hash_fits"], fits);
    }
}

fn all_files(dir: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(inside) = open.pop() {
        for name in names_in(&dir.join(&inside)) {
            let path = inside.join(name);
            if dir.join(&path).is_dir() { open.push(path) } else { files.push(text(&path).to_owned()) }
        }
    }
    files.sort();
    files
}

#[test]
fn files_are_extracted_and_secrets_only_when_asked() {
    let dir = unpacked("etcd-3.5");
    let (path, token) = (dir.join("early.snapshot"), dir.join("token"));
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("server");
    let args = ["bootstrap", text(&path), "--token-file", text(&token), "--extract", text(&target)];
    let said = run(args).exits(1);
    assert!(said.text().contains("left out: ServerCAKey") && said.text().contains("left out: PasswdFile"));
    let public = [
        "cred/encryption-state.json",
        "tls/client-ca.crt",
        "tls/etcd/peer-ca.crt",
        "tls/etcd/server-ca.crt",
        "tls/request-header-ca.crt",
        "tls/server-ca.crt",
    ];
    assert_eq!(all_files(&target), public);
    // Again: refused, then with --force, which leaves what is there under other names.
    run(args).cannot(&["exists already", "--force"]);
    fs::write(target.join("mine"), "mine").unwrap();
    fs::write(target.join("tls/client-ca.crt"), "changed").unwrap();
    run(args.into_iter().chain(["--force", "--reveal"])).exits(0);
    let files = all_files(&target);
    assert_eq!(files.len(), 16);
    assert!(files.contains(&"mine".to_owned()) && files.contains(&"cred/passwd".to_owned()));
    assert_eq!(fs::read(target.join("cred/encryption-config.json")).unwrap(), fs::read(dir.join("enc.json")).unwrap());
    assert!(fs::read_to_string(target.join("tls/client-ca.crt")).unwrap().starts_with("-----BEGIN CERTIFICATE"));
    for file in files.iter().filter(|file| *file != "mine") {
        let metadata = fs::metadata(target.join(file)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{file}");
        // 2026-01-02T03:04:05Z, as in the data.
        let modified = metadata.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(modified.as_secs(), 1_767_323_045, "{file}");
    }
    assert_eq!(names_in(out.path()), ["server"]);
    let empty = out.path().join("empty");
    fs::create_dir(&empty).unwrap();
    run(["bootstrap", text(&path), "--token-file", text(&token), "--extract", text(&empty)]).exits(1);
    assert_eq!(all_files(&empty), public);
    let none = out.path().join("none");
    run(["bootstrap", text(&path), "--token", "wrong", "--extract", text(&none)]).cannot(&["does not fit"]);
    run(["bootstrap", text(&path), "--extract", text(&none)]).cannot(&["--token"]);
    assert!(!none.exists());
}

#[test]
fn nothing_is_extracted_into_the_input() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("server/db");
    command::copy_tree(&unpacked("kine-0.16").join("final"), &db);
    let server = dir.path().join("server");
    for target in [server.clone(), db.clone(), db.join("out")] {
        let ran = run(["bootstrap", text(&server), "--token", "fixture0011", "--extract", text(&target), "--force"]);
        ran.exits(2);
    }
    assert_eq!(names_in(&server), ["db"]);
    assert_eq!(names_in(&db), ["state.db", "state.db-shm", "state.db-wal"]);
}

/// A store of `archive` under the new token.
fn retokened(archive: &str, name: &str, password: &str, into: &Path) -> PathBuf {
    let path = unpacked(archive).join(name);
    let before: Vec<String> = if path.is_dir() { all_files(&path) } else { Vec::new() };
    let file = into.join("token");
    fs::write(&file, format!("{NEW_TOKEN}\n")).unwrap();
    let target = into.join(format!("{archive}.new"));
    let args = ["--token", password, "--new-token-file", text(&file), "-o", text(&target)];
    let said = run(["bootstrap", text(&path)].into_iter().chain(args)).exits(0);
    for words in ["exactly one bootstrap key is live", NEW_KEY, "systemctl stop k3s", "To go back:"] {
        assert!(said.text().contains(words), "{words}: {}", said.text());
    }
    assert!(!said.text().contains(NEW_TOKEN) && !said.stderr.contains(NEW_TOKEN));
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    if path.is_dir() {
        assert_eq!(all_files(&path), before);
    }
    target
}

/// The served value opens with the new token and not with the old one, and the passwords inside changed.
fn assert_moved(what: &str, key: &[u8], value: &[u8], password: &str) {
    assert_eq!(key, NEW_KEY.as_bytes(), "{what}");
    let (new, old) = (Token::new(NEW_TOKEN), Token::new(password));
    let blob = Blob::open(value, new.for_new_store().unwrap()).unwrap();
    assert!(matches!(Blob::open(value, old.for_new_store().unwrap()), Err(BlobError::Closed)), "{what}");
    let passwd = blob.file("PasswdFile").unwrap();
    let expected = format!("{NEW_TOKEN},server,server,k3s:server\n");
    assert_eq!(passwd.content, expected.as_bytes(), "{what}");
    assert!(passwd.timestamp.as_deref() > Some("2026-01-02T03:04:05Z"));
}

#[test]
fn kine_serves_a_store_under_a_new_token() {
    for (archive, name, password, _) in STORES.into_iter().filter(|(archive, ..)| archive.starts_with("kine")) {
        let out = tempfile::tempdir().unwrap();
        let target = retokened(archive, name, password, out.path());
        assert_eq!(proof::integrity_check(&target), "ok");
        for version in [KineVersion::V0_16, KineVersion::V0_11] {
            let Some(engine) = engines::kine(version) else { continue };
            let copy = command::copy(&target, out.path().join(format!("{version:?}/state.db")));
            let kine = engine.start(&copy);
            let listed = kine.list("/bootstrap/").unwrap();
            assert_eq!(
                listed.kvs.len(),
                1,
                "{archive}: {:?}",
                listed.kvs.iter().map(engines::Kv::name).collect::<Vec<_>>()
            );
            assert_moved(archive, &listed.kvs[0].key, &listed.kvs[0].value, password);
        }
    }
}

#[test]
fn etcd_restores_a_snapshot_under_a_new_token() {
    for (archive, name, password, _) in STORES.into_iter().filter(|(archive, ..)| archive.starts_with("etcd")) {
        let out = tempfile::tempdir().unwrap();
        let target = retokened(archive, name, password, out.path());
        for version in [EtcdVersion::V3_5, EtcdVersion::V3_6] {
            let Some(engine) = engines::etcd(version) else { continue };
            let data_dir = out.path().join(format!("{version:?}"));
            engine.restore(&target, &data_dir, &[]).unwrap();
            let etcd = engine.start(&data_dir);
            let listed = etcd.list("/bootstrap/").unwrap();
            assert_eq!(listed.kvs.len(), 1, "{archive}");
            assert_eq!((listed.kvs[0].version, listed.kvs[0].mod_revision), (1, listed.kvs[0].create_revision));
            assert_moved(archive, &listed.kvs[0].key, &listed.kvs[0].value, password);
        }
    }
}

#[test]
fn the_rest_of_the_store_is_as_it_was_and_still_opens() {
    for (archive, name, password, old_key) in STORES {
        let out = tempfile::tempdir().unwrap();
        let target = retokened(archive, name, password, out.path());
        let lines = |path: &Path| run(["ls", text(path), "--json"]).exits(0).lines();
        let not_bootstrap = |line: &Value| !line["key"].as_str().unwrap().starts_with("/bootstrap/");
        let [before, after] = [&unpacked(archive).join(name), &target].map(|path| {
            let mut lines = lines(path);
            lines.retain(not_bootstrap);
            lines
        });
        assert!(before == after && before.len() > 100, "{archive}");
        // Secrets open with the new token; the old one is told that it is gone, and opens what history has.
        let source = store::open(&target, &Choice::default()).unwrap();
        let history = source.store.history();
        let (keyring, _) = Given::new(None, Some(NEW_TOKEN), None, &[]).unwrap().keyring(&source).unwrap();
        for key in history.keys().ids() {
            let Some(live) = history.live(key) else { continue };
            let value = history.value(live.value).unwrap();
            if is_encrypted(&value) {
                keyring.open(history.keys().get(key), &value).unwrap();
            }
        }
        let (_, notes) = Given::new(None, Some(password), None, &[]).unwrap().keyring(&source).unwrap();
        assert!(notes.iter().any(|note| note.contains("deleted since")), "{notes:?}");
        let old = run(["bootstrap", text(&target), "--json", "--token", password]).exits(1).json();
        assert_eq!((&old["fits"], &old["inside"]["live"]), (&Value::Bool(false), &Value::Bool(false)));
        assert_eq!(old["inside"]["key"], old_key);
        // And back again.
        let file = out.path().join("old");
        fs::write(&file, password).unwrap();
        let back = out.path().join("back");
        let args = ["--token", NEW_TOKEN, "--new-token-file", text(&file), "-o", text(&back)];
        run(["bootstrap", text(&target)].into_iter().chain(args)).exits(0);
        let fits = run(["bootstrap", text(&back), "--json", "--token", password]).exits(0).json();
        assert_eq!(fits["keys"].as_array().unwrap().iter().filter(|key| key["state"] == "live").count(), 1);
    }
}

#[test]
fn tokens_that_k3s_would_not_keep_write_nothing() {
    let out = tempfile::tempdir().unwrap();
    let path = unpacked("kine-0.16").join("final");
    let target = out.path().join("state.db");
    let file = out.path().join("new");
    let refused = |token: &str, given: &str, words: &[&str]| {
        fs::write(&file, token).unwrap();
        let args = ["--token", given, "--new-token-file", text(&file), "-o", text(&target)];
        run(["bootstrap", text(&path)].into_iter().chain(args)).cannot(words);
        assert_eq!(names_in(out.path()), ["new"]);
    };
    refused("\n", "fixture0011", &["the token is empty"]);
    refused("abcdef.0123456789abcdef", "fixture0011", &["kubeadm bootstrap token"]);
    refused("K10nonsense", "fixture0011", &["K10<64 hexadecimal digits>"]);
    refused("fixture0011", "fixture0011", &["already"]);
    refused("good", "wrong", &["does not fit", "/bootstrap/211f04b247b0"]);
    fs::write(&target, "mine").unwrap();
    fs::write(&file, "good").unwrap();
    let args = ["--token", "fixture0011", "--new-token-file", text(&file), "-o", text(&target)];
    run(["bootstrap", text(&path)].into_iter().chain(args)).cannot(&["exists already"]);
    assert_eq!(fs::read(&target).unwrap(), b"mine");
    run(["bootstrap", text(&path), "--token", "fixture0011", "-o", text(&target)]).exits(2);
}

/// A store of kine with more changes on top, and the bootstrap data that it has.
fn with_more(changes: impl FnOnce(&Blob) -> Vec<NewChange>, into: &Path) -> PathBuf {
    let source = unpacked("kine-0.16").join("final/state.db");
    let opened = store::open(&source, &Choice::default()).unwrap();
    let history = opened.store.history();
    let token = Token::new("fixture0011");
    let passphrase = token.for_new_store().unwrap();
    let live = history.live(history.keys().find(&passphrase.key()).unwrap()).unwrap();
    let blob = Blob::open(&history.value(live.value).unwrap(), passphrase).unwrap();
    let target = into.join("more.db");
    proof::converted(&source, &target, &Options { additions: changes(&blob), ..Options::plain(Target::Kine) });
    target
}

#[test]
fn of_several_keys_one_stays_and_old_forms_are_known() {
    let out = tempfile::tempdir().unwrap();
    let whole = "K10::server:old-form";
    let path = with_more(
        |blob| {
            let token = Token::new(whole);
            let old_form = token.passphrases()[1];
            vec![
                NewChange::put(Passphrase::EMPTY.key(), blob.seal(Passphrase::EMPTY).unwrap()),
                NewChange::put(old_form.key(), blob.seal(old_form).unwrap()),
                NewChange::put("/bootstrap/000000000000", Vec::new()),
            ]
        },
        out.path(),
    );
    let shown = |token: &str| run(["bootstrap", text(&path), "--json", "--token", token]).exits(0).json();
    let variant_of = |json: &Value, key: &str| {
        let keys = json["keys"].as_array().unwrap();
        keys.iter().find(|found| found["key"] == key).unwrap()["variant"].clone()
    };
    // Any token opens what was sealed without one.
    let any = shown("any");
    assert_eq!(variant_of(&any, "/bootstrap/e3b0c44298fc"), "empty");
    assert_eq!(any["inside"]["key"], "/bootstrap/e3b0c44298fc");
    let old = shown(whole);
    assert_eq!(old["inside"]["encryption"].as_array().unwrap().len(), 2);
    assert!(old["keys"].as_array().unwrap().iter().any(|key| key["variant"] == "whole"));
    assert!(old["keys"].as_array().unwrap().iter().any(|key| key["lock"] == true));
    assert!(
        old["notes"].to_string().contains("4 bootstrap keys are live") && old["notes"].to_string().contains("lock")
    );
    let file = out.path().join("token");
    fs::write(&file, NEW_TOKEN).unwrap();
    let target = out.path().join("one.db");
    let args = ["--token", "fixture0011", "--new-token-file", text(&file), "-o", text(&target), "--json"];
    let made = run(["bootstrap", text(&path)].into_iter().chain(args)).exits(0).json();
    assert_eq!(made["new_store"]["added"].as_array().unwrap().len(), 5);
    let live = run(["ls", text(&target), "/bootstrap/", "--json"]).exits(0).lines();
    assert_eq!(live.iter().map(|line| &line["key"]).collect::<Vec<_>>(), [NEW_KEY]);
}

/// The encryption configuration of a fixture with another key in front, as a rotation leaves it.
fn rotated(blob: &Blob, and_old: bool) -> Vec<u8> {
    let old = &blob.file("EncryptionConfig").unwrap().content;
    let mut config: Value = serde_json::from_slice(old).unwrap();
    let new = json!({"name": "aescbckey-2026-07-01T10:11:12Z", "secret": STANDARD.encode([7; 32])});
    let keys = config["resources"][0]["providers"][0]["aescbc"]["keys"].as_array_mut().unwrap();
    keys.insert(0, new);
    if !and_old {
        keys.truncate(1);
    }
    let mut all: Value = json!({});
    for file in blob.files() {
        all[&file.name] = json!({"Timestamp": file.timestamp, "Content": STANDARD.encode(&file.content)});
    }
    all["EncryptionConfig"]["Content"] = json!(STANDARD.encode(config.to_string()));
    let token = Token::new("fixture0011");
    Blob::from_plain(all.to_string().as_bytes()).unwrap().seal(token.for_new_store().unwrap()).unwrap()
}

#[test]
fn keys_that_were_rotated_away_are_found_in_older_data() {
    let out = tempfile::tempdir().unwrap();
    let token = Token::new("fixture0011");
    let key = token.for_new_store().unwrap().key();
    let path = with_more(
        |blob| {
            vec![NewChange::put(key.clone(), rotated(blob, true)), NewChange::put(key.clone(), rotated(blob, false))]
        },
        out.path(),
    );
    let source = store::open(&path, &Choice::default()).unwrap();
    let (keyring, notes) = Given::new(None, Some("fixture0011"), None, &[]).unwrap().keyring(&source).unwrap();
    assert_eq!(notes, [""; 0]);
    assert_eq!(keyring.origins().count(), 3);
    let history = source.store.history();
    let secrets: Vec<_> = history.keys().with_prefix(b"/registry/secrets/").collect();
    let mut opened = 0;
    for change in secrets.iter().flat_map(|&secret| history.changes_of(secret)).filter(|change| change.is_put()) {
        let secret = history.keys().get(change.key);
        assert!(keyring.open(secret, &history.value(change.value).unwrap()).unwrap().starts_with(b"k8s\0"));
        opened += 1;
    }
    assert!(opened > 2);
    // What is new is written with the newest key.
    let sealed = keyring.seal("secrets", b"/registry/secrets/a/b", b"k8s\0").unwrap();
    assert!(sealed.starts_with(b"k8s:enc:aescbc:v1:aescbckey-2026-07-01T10:11:12Z:"));
    // Nothing plain is put beside what is encrypted.
    let locked = seal_new(history, &Keyring::new(), "secrets", b"/registry/secrets/default/new", b"k8s\0").unwrap_err();
    assert!(matches!(&locked, SealNewError::Locked { .. }) && locked.to_string().contains("\"aescbckey\""), "{locked}");
    let plain = seal_new(history, &Keyring::new(), "pods", b"/registry/pods/default/new", b"k8s\0").unwrap();
    assert_eq!(plain, b"k8s\0".as_slice());
}

fn a_certificate() -> Vec<u8> {
    let source = store::open(&unpacked("kine-0.16").join("final"), &Choice::default()).unwrap();
    let history = source.store.history();
    let token = Token::new("fixture0011");
    let passphrase = token.for_new_store().unwrap();
    let live = history.live(history.keys().find(&passphrase.key()).unwrap()).unwrap();
    let blob = Blob::open(&history.value(live.value).unwrap(), passphrase).unwrap();
    blob.file("ServerCA").unwrap().content.clone()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_certificates_are_read_or_passed_over(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut pem = a_certificate();
        prop_assert_eq!(certificates(&pem).len(), 1);
        let len = pem.len();
        pem[at.index(len)] = byte;
        pem.truncate(1 + cut.index(2 * len));
        prop_assert!(certificates(&pem).len() <= 1);
        let _ = ca_hash_fits(&pem, "00");
    }
}
