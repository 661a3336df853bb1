//! Whether a datastore can be restored: everything that can be known from the file alone, in one pass, as one verdict.
//!
//! "Restorable" means that every check holds: structure, checksums where there are any, the rows' relations to each other, the
//! values. It is no proof for bytes that nothing covers: bbolt's pages and SQLite's have no checksums, so that a bit inside
//! a text of a live value may have changed unseen in a file without a trailer.

mod bootstrap;
mod engine;
mod etcd;
mod kine;
mod values;

pub use values::Checked;

use super::finding::{Finding, Findings, Id, Severity, Verdict};
use super::keyring::{Given, Keyring, KeyringError};
use super::store::{OpenError, OpenStore, Store};
use crate::model::Engine;
use crate::source::SourceError;

/// What to do about damage.
const RECOVER: &str = "kinescope recover takes what is whole and says what is lost";

/// What is known of a datastore after all checks.
#[derive(Clone, Debug)]
pub struct Verification {
    /// The answer.
    pub verdict: Verdict,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// What the store is; `None` where it could not be opened.
    pub store: Option<Looked>,
}

/// A store that could be opened.
#[derive(Clone, Debug)]
pub struct Looked {
    /// Who wrote it.
    pub engine: Engine,
    /// The newest revision.
    pub current_revision: i64,
    /// The revision up to which history is compacted.
    pub compact_revision: i64,
    /// Keys that are live.
    pub live_keys: u64,
    /// How many values were looked at.
    pub checked: Checked,
    /// Whether the token fits a live bootstrap key; `None` without a token.
    pub token_fits: Option<bool>,
}

/// Runs all checks on an open store. `now` is in seconds since 1970.
///
/// # Errors
/// [`KeyringError`]: what was given to open values with cannot be read.
pub fn verify(source: &OpenStore, given: &Given, now: i64) -> Result<Verification, KeyringError> {
    verify_with(source, given, now, None)
}

/// As [`verify`], and lets the engine itself try a copy, as long as `go_on` says so.
///
/// # Errors
/// [`KeyringError`].
pub fn verify_and_try(
    source: &OpenStore,
    given: &Given,
    now: i64,
    go_on: &dyn Fn() -> bool,
) -> Result<Verification, KeyringError> {
    verify_with(source, given, now, Some(go_on))
}

fn verify_with(
    source: &OpenStore,
    given: &Given,
    now: i64,
    go_on: Option<&dyn Fn() -> bool>,
) -> Result<Verification, KeyringError> {
    let store = &source.store;
    let history = store.history();
    let mut findings = Findings::default();
    for damage in store.damage().iter().chain(store.contradictions()) {
        findings.damage(Severity::Loss, damage, RECOVER);
    }
    let token_fits = bootstrap::check(history, given.token.as_ref(), now, &mut findings);
    let keyring = keyring(source, given, token_fits, &mut findings)?;
    let checked = values::check(store, &keyring, &mut findings);
    match store {
        Store::Etcd(store) => etcd::check(source, store, &mut findings),
        Store::Kine(store) => kine::check(store, &mut findings),
    }
    let counts = history.counts();
    if counts.live_keys == 0 {
        nothing_live(source, &mut findings);
    }
    if let Some(go_on) = go_on {
        engine::check(source, go_on, &mut findings);
    }
    let findings = findings.finish();
    Ok(Verification {
        verdict: Verdict::of(&findings),
        findings,
        store: Some(Looked {
            engine: history.engine(),
            current_revision: history.current_revision(),
            compact_revision: history.compact_revision(),
            live_keys: counts.live_keys,
            checked,
            token_fits,
        }),
    })
}

/// A store without a live key: empty, or cut off from its rows.
fn nothing_live(source: &OpenStore, findings: &mut Findings) {
    let name = source.name.as_str();
    let in_pages = matches!(&source.store, Store::Etcd(store) if etcd::has_rows_in_lost_pages(store));
    if in_pages {
        let text = "no tree leads to a live key, and rows stand in pages that nothing reaches";
        findings.add(Severity::Loss, Id::NOTHING_REACHABLE, name, text, RECOVER);
    } else if source.store.damage().is_empty() {
        let text = "no key is live in here: there is nothing to restore";
        let hint = "is it the right file? k3s makes an empty store when it starts on another engine than before";
        findings.add(Severity::Error, Id::EMPTY_STORE, name, text, hint);
    } else {
        let text = "no live key can be reached";
        findings.add(
            Severity::Error,
            Id::NOTHING_REACHABLE,
            name,
            text,
            "kinescope recover searches the pages for what is left",
        );
    }
}

/// The keys to open values with. A token that does not fit was told already, and the rest of what was given is used.
fn keyring(
    source: &OpenStore,
    given: &Given,
    token_fits: Option<bool>,
    findings: &mut Findings,
) -> Result<Keyring, KeyringError> {
    let without_token = || given.without_token().keyring(source);
    let made = if token_fits == Some(false) { without_token() } else { given.keyring(source) };
    let (keyring, _) = match made {
        Err(error @ (KeyringError::Blob { .. } | KeyringError::Inner { .. } | KeyringError::Damage(_))) => {
            // Of a configuration that is none it was told already.
            if !findings.has(Id::ENCRYPTION_CONFIG_BROKEN) {
                bootstrap::keyring_fault(&error, findings);
            }
            without_token()?
        }
        Err(KeyringError::NoFit { .. } | KeyringError::NoBootstrap) => without_token()?,
        other => other?,
    };
    Ok(keyring)
}

/// The verdict on a path that is no store that can be opened; `None` where that says nothing of the file: it is not there, it
/// changes, it was not chosen.
pub fn unopened(error: &OpenError) -> Option<Verification> {
    let (id, hint) = match error {
        OpenError::Source(error) => match error {
            SourceError::NotAStore { .. } | SourceError::NoStore(_) | SourceError::Unpack { .. } => {
                (Id::NOT_A_STORE, "kinescope recover searches the bytes for what is left")
            }
            _ => return None,
        },
        OpenError::Etcd(crate::etcd::OpenError::Newer { .. }) => return None,
        OpenError::Etcd(_) | OpenError::Kine(_) => {
            (Id::UNREADABLE, "kinescope recover searches the pages for what is left")
        }
    };
    let mut findings = Findings::default();
    findings.add(Severity::Error, id, "", error.to_string(), hint);
    let findings = findings.finish();
    Some(Verification { verdict: Verdict::of(&findings), findings, store: None })
}
