//! What an apiserver encrypted opens with its encryption configuration, and with nothing else: vectors made by the
//! apiserver's own code, and every encrypted value of real clusters.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixtures;

use base64::Engine as _;
use kinescope::kube::encryption::{Keyring, KmsSeed, LockedReason, Writes, is_encrypted, named_key, parse_config};
use kinescope::model::Op;
use kinescope::ops::store;
use kinescope::source::Choice;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A vector: what the genuine Go code stored, and what it had been given.
struct Vector {
    key: Vec<u8>,
    path: Vec<u8>,
    stored: Vec<u8>,
    plain: Vec<u8>,
}

fn vector(name: &str) -> Vector {
    let all = fixtures::json(&fixtures::testdata().join("encryption.json"));
    let all = all.as_array().unwrap();
    let vector = all.iter().find(|vector| vector["Name"] == name).unwrap();
    let hex = |field: &str| -> Vec<u8> {
        let text = vector[field].as_str().unwrap();
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    let path = vector["EtcdKey"].as_str().unwrap().as_bytes().to_vec();
    Vector { key: hex("Key"), path, stored: hex("Stored"), plain: hex("Plain") }
}

fn keyring(config: &Value) -> Keyring {
    let mut keyring = Keyring::new();
    keyring.add("test", parse_config(&config.to_string()).unwrap());
    keyring
}

fn provider(kind: &str, keys: &[(&str, &[u8])]) -> Value {
    let base64 = |key: &[u8]| base64::engine::general_purpose::STANDARD.encode(key);
    let keys: Vec<Value> = keys.iter().map(|(name, key)| json!({"name": name, "secret": base64(key)})).collect();
    json!({kind: {"keys": keys}})
}

fn config(resources: &[&str], providers: &[Value]) -> Value {
    json!({"kind": "EncryptionConfiguration", "apiVersion": "apiserver.config.k8s.io/v1",
        "resources": [{"resources": resources, "providers": providers}]})
}

const KEYED: [(&str, &str); 3] = [("aescbc", "aescbckey"), ("aesgcm", "key1"), ("secretbox", "secretboxkey-1")];

/// The keyrings of all vectors, with the vector.
fn vectors() -> Vec<(&'static str, Keyring, Vector)> {
    let mut all: Vec<(&'static str, Keyring, Vector)> = KEYED
        .into_iter()
        .map(|(kind, name)| {
            let vector = vector(kind);
            (kind, keyring(&config(&["secrets"], &[provider(kind, &[(name, &vector.key)])])), vector)
        })
        .collect();
    let kms = vector("kmsv2seed");
    let mut with_seed = Keyring::new();
    with_seed.add_seed(KmsSeed::new("prov", kms.key.clone().try_into().unwrap()));
    all.push(("kms v2", with_seed, kms));
    all
}

#[test]
fn what_the_apiserver_s_own_code_sealed_opens() {
    for (kind, keyring, vector) in vectors() {
        let opened = keyring.open_labelled(&vector.path, &vector.stored).unwrap();
        assert_eq!(opened.plain, vector.plain, "{kind}");
        assert_eq!(opened.by.unwrap().provider, kind);
    }
}

#[test]
fn a_value_moved_to_another_path_stays_closed_where_the_path_is_authenticated() {
    for (kind, keyring, vector) in vectors() {
        let moved = keyring.open(b"/registry/secrets/default/other", &vector.stored);
        match kind {
            "aesgcm" | "kms v2" => assert!(matches!(moved, Err(LockedReason::WrongKey { .. })), "{kind}: {moved:?}"),
            _ => assert_eq!(moved.unwrap(), vector.plain, "{kind}"),
        }
    }
}

#[test]
fn without_the_key_the_name_of_the_one_needed_is_told_as_a_guess() {
    for (kind, name) in KEYED {
        let vector = vector(kind);
        let locked = Keyring::new().open(&vector.path, &vector.stored).unwrap_err();
        let LockedReason::NoKey { provider, name: needed } = &locked else { panic!("{locked:?}") };
        assert_eq!((*provider, needed.text.as_str(), needed.guessed), (kind, name, true));
        let other = keyring(&config(&["secrets"], &[provider_of_zeros(kind, name)]));
        let locked = other.open(&vector.path, &vector.stored).unwrap_err();
        let LockedReason::WrongKey { name: needed, .. } = &locked else { panic!("{locked:?}") };
        assert_eq!((needed.text.as_str(), needed.guessed), (name, false));
    }
    assert!(named_key(b"k8s\0").is_none());
}

fn provider_of_zeros(kind: &str, name: &str) -> Value {
    provider(kind, &[(name, &[0; 32])])
}

#[test]
fn keys_of_one_name_are_tried_in_turn_and_names_may_hold_colons() {
    let vector = vector("aesgcm");
    let both = keyring(&config(
        &["secrets"],
        &[provider_of_zeros("aesgcm", "key1"), json!({"identity": {}}), provider("aesgcm", &[("key1", &vector.key)])],
    ));
    assert_eq!(both.open(&vector.path, &vector.stored).unwrap(), vector.plain);
    let name = "aescbckey-2026-07-01T10:11:12Z";
    for kind in ["aescbc", "aesgcm", "secretbox"] {
        let rotated = keyring(&config(
            &["secrets"],
            &[provider(kind, &[(name, &vector.key), ("aescbckey-2026-07-01T10", &[7; 32]), ("aescbckey", &[8; 32])])],
        ));
        let sealed = rotated.seal("secrets", &vector.path, &vector.plain).unwrap();
        assert!(sealed.starts_with(format!("k8s:enc:{kind}:v1:{name}:").as_bytes()));
        assert_eq!(rotated.open(&vector.path, &sealed).unwrap(), vector.plain);
    }
}

#[test]
fn what_is_sealed_opens_again_and_every_nonce_is_new() {
    for (kind, name) in KEYED {
        for len in [16usize, 24, 32].into_iter().filter(|&len| kind != "secretbox" || len == 32) {
            let key: Vec<u8> = (0..len as u8).collect();
            let keyring = keyring(&config(&["secrets"], &[provider(kind, &[(name, &key)]), json!({"identity": {}})]));
            for plain_len in [4, 15, 16, 17, 1000] {
                let plain = [b"k8s\0".as_slice(), &vec![b'x'; plain_len - 4]].concat();
                let path = b"/registry/secrets/default/a";
                let [one, two] = [0, 1].map(|_| keyring.seal("secrets", path, &plain).unwrap().into_owned());
                assert!(is_encrypted(&one) && one != two);
                assert_eq!(keyring.open(path, &one).unwrap(), plain);
                assert_eq!(keyring.open(path, &two).unwrap(), plain);
            }
        }
    }
}

#[test]
fn the_first_entry_that_names_a_resource_says_how_it_is_written() {
    let entry =
        |resources: &[&str], first: Value| json!({"resources": resources, "providers": [first, {"identity": {}}]});
    let keyring = keyring(&json!({"kind": "EncryptionConfiguration", "resources": [
        entry(&["secrets"], provider_of_zeros("aescbc", "one")),
        entry(&["configmaps", "secrets"], json!({"identity": {}})),
        entry(&["*.apps"], provider_of_zeros("secretbox", "two")),
        entry(&["deployments.apps", "leases.coordination.k8s.io"], provider_of_zeros("aesgcm", "three")),
        entry(&["*."], json!({"kms": {"name": "vault", "apiVersion": "v2", "endpoint": "unix:///x"}})),
    ]}));
    let written = |resource: &str| match keyring.writes(resource) {
        Writes::Plain => "plain".to_owned(),
        Writes::Encrypted(label) => format!("{} {}", label.provider, label.name),
        Writes::Impossible(what) => what,
    };
    let resources =
        ["secrets", "configmaps", "deployments.apps", "leases.coordination.k8s.io", "pods", "x.example.com"];
    let expected = ["aescbc one", "plain", "secretbox two", "aesgcm three", "the KMS provider \"vault\"", "plain"];
    assert_eq!(resources.map(written), expected);
    assert!(keyring.seal("pods", b"/registry/pods/a/b", b"k8s\0").unwrap_err().to_string().contains("vault"));
    assert_eq!(keyring.seal("configmaps", b"/registry/configmaps/a/b", b"k8s\0").unwrap(), b"k8s\0".as_slice());
}

#[test]
fn a_broken_configuration_is_refused_with_its_place_and_without_its_keys() {
    let short = config(&["secrets"], &[provider("aescbc", &[("one", b"too short")])]);
    let two = config(&["secrets"], &[json!({"identity": {}, "aescbc": {"keys": []}})]);
    let no_name = config(&["secrets"], &[json!({"secretbox": {"keys": [{"secret": "c2VjcmV0"}]}})]);
    let no_base64 = config(&["secrets"], &[json!({"secretbox": {"keys": [{"name": "x", "secret": "!secret!"}]}})]);
    for (text, words) in [
        (short.to_string(), "resources[0].providers[0].aescbc.keys[0].secret: has 9 bytes"),
        (two.to_string(), "resources[0].providers[0]: must name exactly one provider"),
        (no_name.to_string(), "resources[0].providers[0].secretbox.keys[0]: has no text \"name\""),
        (no_base64.to_string(), "resources[0].providers[0].secretbox.keys[0].secret: is not base64"),
        ("{\"kind\":\"Pod\"}".to_owned(), "kind: Pod instead of EncryptionConfiguration"),
        ("{".to_owned(), "not JSON"),
        ("{}".to_owned(), "no list \"resources\""),
    ] {
        let error = parse_config(&text).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert!(!error.contains("secret!") && !error.contains("c2VjcmV0"), "{error}");
    }
    let debug = format!("{:?}", parse_config(&config(&["secrets"], &[provider_of_zeros("aescbc", "one")]).to_string()));
    assert!(debug.contains("one") && !debug.contains("AAAA"), "{debug}");
}

/// The plain text of every encrypted value that a real store still knows.
fn all_open(store: &str, keys: &str) -> (usize, usize) {
    let dir = fixtures::unpacked(keys);
    let keyring = {
        let mut keyring = Keyring::new();
        keyring.add("enc.json", parse_config(&std::fs::read_to_string(dir.join("enc.json")).unwrap()).unwrap());
        keyring
    };
    let opened = store::open(&dir.join(store), &Choice::default()).unwrap();
    let history = opened.store.history();
    let (mut cbc, mut secretbox) = (0, 0);
    for change in history.changes().iter().filter(|change| change.op == Op::Put) {
        let key = history.keys().get(change.key);
        let value = history.value(change.value).unwrap();
        if !is_encrypted(&value) {
            assert!(!key.starts_with(b"/registry/secrets/") && !key.starts_with(b"/registry/configmaps/"));
            continue;
        }
        let opened = keyring.open_labelled(key, &value).unwrap();
        assert!(opened.plain.starts_with(b"k8s\0"), "{}", key.escape_ascii());
        match opened.by.unwrap().provider {
            "aescbc" => cbc += 1,
            _ => secretbox += 1,
        }
        assert!(Keyring::new().open(key, &value).is_err());
    }
    (cbc, secretbox)
}

#[test]
fn every_encrypted_value_of_real_clusters_opens_with_their_configuration() {
    for (archive, stores) in
        [("kine-0.16", ["early", "middle", "final"]), ("etcd-3.5", ["early.snapshot", "middle.snapshot", "final.etcd"])]
    {
        for store in stores {
            let (cbc, secretbox) = all_open(store, archive);
            assert!(cbc >= 3 && secretbox >= 10, "{archive}/{store}: {cbc} {secretbox}");
        }
    }
}

/// KMS v1, and v2 with a data key, laid out by hand: apiserver pkg/storage/value/encrypt/envelope/envelope.go and
/// envelope/kmsv2/v2/api.proto.
#[test]
fn data_keys_of_a_kms_open_what_they_sealed() {
    use aes_gcm::aead::{Aead, Payload};
    use aes_gcm::{Aes256Gcm, KeyInit};
    let (path, plain, key) = (b"/registry/secrets/default/db".as_slice(), b"k8s\0plain".as_slice(), [9; 32]);
    let payload = Payload { msg: plain, aad: path };
    let sealed = Aes256Gcm::new(&key.into()).encrypt(&[5; 12].into(), payload).unwrap();
    let gcm = [[5; 12].as_slice(), &sealed].concat();
    // Kubernetes up to 1.24 wrote AES-CBC, as the provider aescbc does.
    let cbc =
        keyring(&config(&["secrets"], &[provider("aescbc", &[("k", &key)])])).seal("secrets", path, plain).unwrap();
    let cbc = cbc.strip_prefix(b"k8s:enc:aescbc:v1:k:").unwrap();
    let v1 = |payload: &[u8]| [b"k8s:enc:kms:v1:vault:\x00\x07wrapped".as_slice(), payload].concat();
    let data = [&[0x0a, gcm.len() as u8], gcm.as_slice()].concat();
    let v2 = [b"k8s:enc:kms:v2:vault:".as_slice(), &data, b"\x12\x02id\x1a\x07wrapped"].concat();
    let mut keyring = Keyring::new();
    keyring.add_seed(KmsSeed::new("vault", [1; 32]));
    for stored in [&v1(&gcm), &v1(cbc), &v2] {
        assert!(matches!(keyring.open(path, stored), Err(LockedReason::WrongKey { .. })));
    }
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    keyring.add_seed(KmsSeed::parse(&format!("vault={hex}")).unwrap());
    for stored in [&v1(&gcm), &v1(cbc), &v2] {
        assert_eq!(keyring.open(path, stored).unwrap(), plain);
    }
    assert!(keyring.open(b"/registry/secrets/default/other", &v2).is_err());
}

/// Commands look into values on all processors at once.
#[test]
fn a_keyring_may_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Keyring>();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flipped_and_cut_values_are_refused_and_never_fatal(
        which in 0usize..4, at in any::<prop::sample::Index>(), bit in 0u8..8, cut in any::<prop::sample::Index>(),
    ) {
        let (kind, keyring, vector) = vectors().swap_remove(which);
        let mut flipped = vector.stored.clone();
        let at = at.index(flipped.len());
        flipped[at] ^= 1 << bit;
        match keyring.open(&vector.path, &flipped) {
            // aescbc authenticates nothing: all that can be asked is that an object begins, and `k` is one bit from `{`.
            Ok(plain) if kind == "aescbc" && is_encrypted(&flipped) => {
                let begins = plain.starts_with(b"k8s\0") || plain.starts_with(b"{");
                prop_assert!(begins);
            }
            // Key id and annotations of a KMS are not authenticated.
            Ok(plain) if kind == "kms v2" && is_encrypted(&flipped) => prop_assert_eq!(plain, vector.plain),
            Ok(plain) => prop_assert!(!is_encrypted(&plain)),
            Err(locked) => prop_assert!(!locked.to_string().is_empty()),
        }
        let cut = &vector.stored[..cut.index(vector.stored.len())];
        if let Ok(plain) = keyring.open(&vector.path, cut) {
            prop_assert!(!is_encrypted(cut) || kind == "kms v2", "{:?}", plain);
        }
    }

    #[test]
    fn any_bytes_behind_a_prefix_are_refused_and_never_fatal(
        prefix in prop::sample::select(vec![
            "k8s:enc:", "k8s:enc:aescbc:v1:", "k8s:enc:aescbc:v1:aescbckey:", "k8s:enc:aesgcm:v1:key1:",
            "k8s:enc:secretbox:v1:secretboxkey-1:", "k8s:enc:kms:v1:prov:", "k8s:enc:kms:v2:prov:",
        ]),
        payload in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let stored = [prefix.as_bytes(), &payload].concat();
        for (_, keyring, vector) in vectors() {
            prop_assert!(keyring.open(&vector.path, &stored).is_err());
        }
    }

    #[test]
    fn any_text_is_a_configuration_or_refused(text in "\\PC*", json in any::<bool>()) {
        let text = if json { format!("{{\"resources\":[{{\"resources\":[\"secrets\"],\"providers\":[{text}]}}]}}") } else { text };
        let _ = parse_config(&text);
    }
}
