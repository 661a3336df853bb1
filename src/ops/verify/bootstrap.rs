//! The bootstrap data, the token and the encryption configuration: whether k3s would start with them.

use crate::k3s::{Token, Validity, Variant};
use crate::model::History;
use crate::ops::bootstrap::{Bootstrap, inspect};
use crate::ops::finding::{Findings, Id, Severity};
use crate::ops::keyring::KeyringError;

/// Looks at the bootstrap keys, with a token into them. `now` is in seconds since 1970. Says whether the token fits a live
/// key.
pub fn check(history: &History, token: Option<&Token>, now: i64, findings: &mut Findings) -> Option<bool> {
    match inspect(history, token, now) {
        Ok(found) => {
            keys(history, &found, findings);
            if let Some(token) = token {
                fit(&found, token, findings);
            }
            inside(&found, findings);
            found.fits
        }
        Err(error) => {
            let hint = "k3s would not start with it: take an older copy, or kinescope recover";
            findings.add(Severity::Loss, Id::BOOTSTRAP_BROKEN, "/bootstrap/", error.to_string(), hint);
            Some(false)
        }
    }
}

fn shown(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}

/// k3s wants exactly one key (k3s pkg/cluster/storage.go, bootstrapKeyData).
fn keys(history: &History, found: &Bootstrap, findings: &mut Findings) {
    let live: Vec<_> = found.keys.iter().filter(|key| key.is_live).collect();
    let is_k3s = history.keys().with_prefix(b"/registry/k3s.cattle.io/").next().is_some();
    match live.as_slice() {
        [] if is_k3s => {
            let text = "a store of k3s without bootstrap data: with empty tls/ and cred/ k3s would make a new cluster's certificates";
            let hint = "keep server/tls, server/cred and server/token of the old server beside it";
            findings.add(Severity::Warning, Id::BOOTSTRAP_NONE, "/bootstrap/", text, hint);
        }
        [] | [_] => {}
        several => {
            let names: Vec<String> = several.iter().map(|key| shown(&key.name)).collect();
            let text = format!("{} keys are live ({}), and k3s wants exactly one", several.len(), names.join(", "));
            let hint = "kinescope bootstrap --token-file T --new-token-file T2 -o DST leaves one";
            findings.add(Severity::Warning, Id::BOOTSTRAP_SEVERAL, "/bootstrap/", text, hint);
        }
    }
    for key in live.iter().filter(|key| key.is_lock) {
        let text = "its value is empty: a server had taken the key as a lock and had not yet filled it in";
        let hint =
            "k3s deletes it after five polls, and saves what is on disk; on an empty disk it makes a new cluster";
        findings.add(Severity::Warning, Id::BOOTSTRAP_LOCK, shown(&key.name), text, hint);
    }
}

fn fit(found: &Bootstrap, token: &Token, findings: &mut Findings) {
    let live: Vec<String> = found.keys.iter().filter(|key| key.is_live).map(|key| shown(&key.name)).collect();
    match found.fits {
        Some(true) => {
            let variant = found.keys.iter().filter(|key| key.is_live).filter_map(|key| key.variant).min();
            if variant.is_some_and(|variant| variant != Variant::Password) {
                let text =
                    "sealed with another form of the token, as k3s did before 1.21; it seals it anew at its next start";
                findings.add(Severity::Note, Id::BOOTSTRAP_OLD_FORM, live.join(", "), text, "");
            }
        }
        _ if live.is_empty() => {
            let text = "there is no live bootstrap key that a token could fit";
            findings.add(Severity::Warning, Id::TOKEN_UNUSED, "/bootstrap/", text, "");
        }
        _ => {
            let hash = found.token_hash.clone().unwrap_or_default();
            let text = format!(
                "the token leads to /bootstrap/{hash}, and the store has {}: k3s would end with \"bootstrap data already found \
                 and encrypted with different token\"",
                live.join(", ")
            );
            let hint = "give the token of the time of this copy; the objects themselves are not locked by it";
            findings.add(Severity::Error, Id::TOKEN_NO_FIT, "/bootstrap/", text, hint);
        }
    }
    if token.for_new_store().is_err() && token.password().is_some() {
        let text = "the token has a form that k3s takes for something else (k3s issue 12982)";
        findings.add(
            Severity::Warning,
            Id::TOKEN_FORM,
            "--token",
            text,
            "kinescope bootstrap --new-token-file moves the store",
        );
    }
}

fn inside(found: &Bootstrap, findings: &mut Findings) {
    let Some(inside) = &found.inside else { return };
    let key = shown(&inside.key);
    if inside.ca_hash_fits == Some(false) {
        let text =
            "the CA hash in the token is not that of the server CA inside: agents that join with it refuse the server";
        findings.add(
            Severity::Warning,
            Id::TOKEN_CA_HASH,
            key.as_str(),
            text,
            "take the token from server/token after the start",
        );
    }
    if inside.is_live && inside.blob.encryption_config().is_some_and(|config| config.is_err()) {
        let text = "the encryption configuration inside cannot be read";
        let hint = "encrypted Secrets stay closed: find an older copy";
        findings.add(Severity::Loss, Id::ENCRYPTION_CONFIG_BROKEN, key.as_str(), text, hint);
    }
    for file in &inside.files {
        for (certificate, validity) in &file.certificates {
            let what = match validity {
                Validity::Good => continue,
                Validity::Expired => "has ended",
                Validity::EndsSoon => "ends within 90 days",
                Validity::NotYet => "has not begun",
            };
            let text = format!("the certificate authority {:?} {what}", certificate.subject);
            let hint = "k3s does not renew its authorities: k3s certificate rotate-ca";
            findings.add(Severity::Warning, Id::AUTHORITY_TIME, format!("{key}: {}", file.name), text, hint);
        }
    }
}

/// What keeps a keyring from being made, where the token is not to blame.
pub fn keyring_fault(error: &KeyringError, findings: &mut Findings) {
    let hint = "encrypted values were not opened";
    findings.add(Severity::Warning, Id::KEYS_NOT_READ, "", error.to_string(), hint);
}
