//! No text that is printed without `--reveal` has a secret in it, plain or in base64, and what stands in its place cannot be
//! applied: a decoder of Secrets refuses it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;

use std::collections::BTreeSet;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use command::{Ran, run};
use fixtures::unpacked;
use serde_json::Value;

const STORES: [(&str, &str); 4] = [
    ("kine-0.16", "final/state.db"),
    ("kine-0.11", "final/state.db"),
    ("etcd-3.5", "middle.snapshot"),
    ("etcd-3.6", "final.etcd"),
];

struct Store {
    path: PathBuf,
    token: PathBuf,
}

impl Store {
    fn run(&self, command: &str, args: &[&str]) -> Ran {
        let (path, token) = (self.path.to_str().unwrap(), self.token.to_str().unwrap());
        run([&[command, path], args, &["--token-file", token]].concat())
    }
}

fn stores() -> impl Iterator<Item = Store> {
    STORES
        .iter()
        .map(|(archive, name)| Store { path: unpacked(archive).join(name), token: unpacked(archive).join("token") })
}

/// All secret values of a store, long enough not to be found by chance.
fn secrets(store: &Store) -> BTreeSet<Vec<u8>> {
    let list: Value =
        serde_json::from_str(store.run("get", &["secrets", "-o", "json", "--reveal"]).exits(0).text()).unwrap();
    let items = list["items"].as_array().unwrap();
    let data = items.iter().flat_map(|item| item["data"].as_object().into_iter().flatten());
    data.map(|(_, value)| STANDARD.decode(value.as_str().unwrap()).unwrap()).filter(|value| value.len() >= 5).collect()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

/// A secret as it may stand in a text: plain, in base64 at each of the three alignments, and in JSON inside of JSON.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.to_vec()];
    for lead in 0..3 {
        let padded = [&b"\0\0\0"[..lead], secret].concat();
        let encoded = STANDARD.encode(padded);
        let inner = encoded.trim_end_matches('=').get(lead * 4 / 3 + 1..).unwrap_or_default();
        let inner = inner.get(..inner.len().saturating_sub(1)).unwrap_or_default();
        if inner.len() >= 6 {
            forms.push(inner.as_bytes().to_vec());
        }
    }
    forms
}

#[test]
fn no_secret_is_in_any_answer_that_was_not_asked_to_reveal_it() {
    for store in stores() {
        let secrets = secrets(&store);
        assert!(secrets.len() >= 2, "{}", store.path.display());
        let answers = [
            store.run("get", &["secrets", "-o", "yaml", "--show-managed-fields"]),
            store.run("get", &["secrets", "-o", "json"]),
            store.run("get", &["secrets", "-o", "wide", "--show-labels"]),
            store.run("get", &["secrets", "--json"]),
            store.run("get", &["/registry/", "-o", "yaml"]),
            store.run("extract", &["secrets", "deploy", "--with-deps"]),
            store.run("extract", &["/registry/secrets/", "--json"]),
        ];
        for answer in answers {
            for secret in &secrets {
                for form in forms(secret) {
                    let shown = String::from_utf8_lossy(&form).into_owned();
                    assert!(!contains(&answer.stdout, &form), "kinescope {} shows {shown:?}", answer.called);
                    assert!(!contains(answer.stderr.as_bytes(), &form), "kinescope {} says {shown:?}", answer.called);
                }
            }
        }
    }
}

#[test]
fn a_masked_secret_is_refused_by_whoever_decodes_secrets() {
    for store in stores() {
        let text = store.run("get", &["secrets", "-o", "yaml"]).exits(0);
        let list: Value = serde_yaml::from_str(text.text()).unwrap();
        let mut values = 0;
        for item in list["items"].as_array().unwrap() {
            for (key, value) in item["data"].as_object().into_iter().flatten() {
                // Go decodes a []byte as standard base64 with padding (encoding/json).
                assert!(STANDARD.decode(value.as_str().unwrap()).is_err(), "{key}: {value}");
                values += 1;
            }
        }
        assert!(values >= 2);
    }
}

#[test]
fn what_is_revealed_is_the_stored_object() {
    for store in stores() {
        let masked = store.run("get", &["secrets", "-o", "yaml"]).exits(0);
        let shown = store.run("get", &["secrets", "-o", "yaml", "--reveal"]).exits(0);
        assert!(masked.text().contains("<masked, ") && !shown.text().contains("<masked, "));
        assert_eq!(
            masked.text().lines().filter(|line| line.contains("  name: ")).count(),
            shown.text().lines().filter(|line| line.contains("  name: ")).count()
        );
    }
}
