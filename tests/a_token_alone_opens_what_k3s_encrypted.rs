//! k3s keeps the encryption configuration in the datastore, sealed with the token: token and file are enough to read every
//! Secret, of either engine, and no other token is.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;

use command::run;
use kinescope::k3s::{Blob, BlobError, Token, bootstrap};
use kinescope::kube::encryption::{LockedReason, is_encrypted};
use kinescope::model::Op;
use kinescope::ops::keyring::{Given, KeyringError};
use kinescope::ops::store;
use kinescope::source::Choice;
use proptest::prelude::*;

const STORES: [(&str, &str); 6] = [
    ("kine-0.16", "early"),
    ("kine-0.16", "middle.backup.db"),
    ("kine-0.16", "final"),
    ("etcd-3.5", "early.snapshot"),
    ("etcd-3.5", "middle.snapshot"),
    ("etcd-3.5", "final.etcd"),
];

#[test]
fn every_encrypted_value_opens_with_the_token_alone() {
    for (archive, name) in STORES {
        let dir = fixtures::unpacked(archive);
        let source = store::open(&dir.join(name), &Choice::default()).unwrap();
        let given = Given::new(None, None, Some(&dir.join("token")), &[]).unwrap();
        let (keyring, notes) = given.keyring(&source).unwrap();
        assert_eq!(notes, [""; 0], "{archive}/{name}");
        let history = source.store.history();
        let mut opened = 0;
        for change in history.changes().iter().filter(|change| change.op == Op::Put) {
            let value = history.value(change.value).unwrap();
            if is_encrypted(&value) {
                let key = history.keys().get(change.key);
                assert!(keyring.open(key, &value).unwrap().starts_with(b"k8s\0"), "{}", key.escape_ascii());
                opened += 1;
            }
        }
        assert!(opened >= 13, "{archive}/{name}: {opened}");
    }
}

#[test]
fn without_encryption_the_token_opens_nothing_and_says_so() {
    for (archive, name) in [("kine-0.11", "final"), ("etcd-3.6", "early.snapshot")] {
        let dir = fixtures::unpacked(archive);
        let source = store::open(&dir.join(name), &Choice::default()).unwrap();
        let given = Given::new(None, None, Some(&dir.join("token")), &[]).unwrap();
        let (keyring, notes) = given.keyring(&source).unwrap();
        assert!(!keyring.has_config());
        assert!(notes.iter().any(|note| note.contains("without --secrets-encryption")), "{notes:?}");
    }
}

#[test]
fn another_token_is_told_from_the_right_one_by_the_keys_name() {
    let dir = fixtures::unpacked("kine-0.16");
    let source = store::open(&dir.join("final"), &Choice::default()).unwrap();
    let given = Given::new(None, Some("fixture0012"), None, &[]).unwrap();
    let Err(KeyringError::NoFit { given, there }) = given.keyring(&source) else { panic!("it fits") };
    // The first digits of `printf fixture0012 | sha256sum`, and the key in the store.
    assert_eq!((given.as_str(), there.as_str()), ("fd7eee2b876c", "/bootstrap/211f04b247b0"));
    for text in ["fixture0011", "K10::server:fixture0011", " fixture0011\n"] {
        assert!(Given::new(None, Some(text), None, &[]).unwrap().keyring(&source).is_ok(), "{text}");
    }
}

#[test]
fn get_opens_a_value_with_a_configuration_or_a_token_and_names_the_key_otherwise() {
    let dir = fixtures::unpacked("kine-0.16");
    let path = dir.join("final");
    let path = path.to_str().unwrap();
    let lines = run(["ls", path, "/registry/secrets/", "--json"]).exits(0).lines();
    let key = lines[0]["key"].as_str().unwrap();
    let config = dir.join("enc.json");
    let token = dir.join("token");
    let locked = run(["get", path, key]).exits(0).says(&["aescbc", "\"aescbckey\"", "--encryption-config or --token"]);
    assert!(locked.text().contains("(encrypted, "));
    for args in [
        ["--encryption-config", config.to_str().unwrap()],
        ["--token-file", token.to_str().unwrap()],
        ["--token", "fixture0011"],
    ] {
        let opened = run(["get", path, key].into_iter().chain(args)).exits(0);
        assert!(opened.text().contains("(Kubernetes protobuf, "), "{}", opened.text());
        assert_eq!(opened.stderr, "");
        let raw = run(["get", path, key, "--raw"].into_iter().chain(args)).exits(0);
        assert!(raw.stdout.starts_with(b"k8s:enc:aescbc:v1:aescbckey:"));
    }
    run(["get", path, key, "--token", "wrong"]).cannot(&["does not fit", "/bootstrap/211f04b247b0"]);
    run(["get", path, key, "--token", "wrong", "--token-file", "x"]).exits(2);
    run(["get", path, key, "--token-file", "/nowhere/token"]).cannot(&["/nowhere/token: cannot read"]);
    run(["get", path, key, "--encryption-config", token.to_str().unwrap()]).cannot(&["no encryption configuration"]);
    run(["get", path, key, "--kms-seed", "vault=12"]).cannot(&["--kms-seed", "64 hexadecimal digits"]);
    let etcd = fixtures::unpacked("etcd-3.5").join("early.snapshot");
    let other = run(["get", path, key, "--encryption-config", etcd.with_file_name("enc.json").to_str().unwrap()]);
    other.exits(0).says(&["the key of that name that is at hand does not open it"]);
}

#[test]
fn a_blob_sealed_by_the_genuine_cipher_opens() {
    let all = fixtures::json(&fixtures::testdata().join("encryption.json"));
    let vector = all.as_array().unwrap().iter().find(|vector| vector["Name"] == "k3sbootstrap").unwrap();
    let hex = |field: &str| -> Vec<u8> {
        let text = vector[field].as_str().unwrap();
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    let token = Token::new(std::str::from_utf8(&hex("Key")).unwrap());
    let passphrase = token.for_new_store().unwrap();
    assert_eq!(bootstrap::unseal(&hex("Stored"), passphrase).unwrap(), hex("Plain"));
    let other = Token::new("other");
    let closed = bootstrap::unseal(&hex("Stored"), other.for_new_store().unwrap());
    assert!(matches!(closed, Err(BlobError::Closed)));
}

/// The stored bootstrap data of a real store, and the token that opens it.
fn real_blob() -> (Vec<u8>, Token) {
    let source = store::open(&fixtures::unpacked("kine-0.16").join("final"), &Choice::default()).unwrap();
    let history = source.store.history();
    let key = history.keys().find(b"/bootstrap/211f04b247b0").unwrap();
    let value = history.value(history.live(key).unwrap().value).unwrap().into_owned();
    (value, Token::new("fixture0011"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_blobs_are_refused_and_never_fatal(at in any::<prop::sample::Index>(), bit in 0u8..8, cut in any::<prop::sample::Index>()) {
        let (value, token) = real_blob();
        let passphrase = token.for_new_store().unwrap();
        prop_assert!(Blob::open(&value, passphrase).is_ok());
        let mut flipped = value.clone();
        flipped[at.index(value.len())] ^= 1 << bit;
        prop_assert!(Blob::open(&flipped, passphrase).is_err());
        prop_assert!(Blob::open(&value[..cut.index(value.len())], passphrase).is_err());
    }

    #[test]
    fn any_text_is_a_token_or_none(text in "\\PC{0,80}", full in any::<bool>()) {
        let token = Token::new(&if full { format!("K10{text}") } else { text });
        for passphrase in token.passphrases() {
            prop_assert_eq!(passphrase.hash().len(), 12);
        }
        let _ = (token.ca_hash(), token.for_new_store());
    }

    #[test]
    fn any_bytes_are_a_blob_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), salted in any::<bool>()) {
        let stored = if salted { [b"0123456789abcdef:".as_slice(), &bytes].concat() } else { bytes };
        let token = Token::new("any");
        prop_assert!(Blob::open(&stored, token.for_new_store().unwrap()).is_err());
    }
}

#[test]
fn what_is_locked_says_so_without_a_key() {
    let dir = fixtures::unpacked("etcd-3.5");
    let source = store::open(&dir.join("early.snapshot"), &Choice::default()).unwrap();
    let (keyring, _) = Given::default().keyring(&source).unwrap();
    let history = source.store.history();
    let named: std::collections::BTreeSet<String> = history
        .changes()
        .iter()
        .filter(|change| change.op == Op::Put)
        .filter_map(|change| keyring.open(history.keys().get(change.key), &history.value(change.value).unwrap()).err())
        .map(|locked| match locked {
            LockedReason::NoKey { provider, name } => format!("{provider} {}", name.text),
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(named.into_iter().collect::<Vec<_>>(), ["aescbc aescbckey", "secretbox sbkey-2026"]);
}
