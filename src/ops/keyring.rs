//! The keys that a command may use: from an encryption configuration, from the bootstrap data that a token opens, from what
//! a KMS gave.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::store::{OpenStore, Store};
use crate::k3s::token::KEY_PREFIX;
use crate::k3s::{Blob, BlobError, Passphrase, Token, Variant};
use crate::kube::encryption::{self, ConfigError, KmsSeed, LockedReason, SealError, SeedError};
pub use crate::kube::encryption::{Keyring, Writes};
use crate::model::{Change, History, KeyId, KeyState, Op};

/// The longest configuration or token file that is read, in bytes: any real one is far below.
const LONGEST_FILE: u64 = 1 << 20;
/// Bootstrap values that are opened at most: each takes milliseconds by design of the cipher, and real stores have a few.
const MOST_BLOBS: usize = 200;

/// What the user gave to open values with.
#[derive(Debug, Default)]
pub struct Given {
    /// The path of an encryption configuration.
    pub config: Option<PathBuf>,
    /// A server token of k3s.
    pub token: Option<Token>,
    /// What a KMS unwraps.
    pub seeds: Vec<KmsSeed>,
}

/// Why there is no keyring.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// A file that was named cannot be read.
    #[error("{}: cannot read: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that was named is no configuration.
    #[error("{}: no encryption configuration: {source}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ConfigError,
    },
    /// A seed that was given is none.
    #[error("--kms-seed: {0}")]
    Seed(#[from] SeedError),
    /// The store has no bootstrap data.
    #[error("the store has no /bootstrap/ key, so a token opens nothing in it; give --encryption-config")]
    NoBootstrap,
    /// The token is another cluster's, or another one's of this cluster.
    #[error(
        "the token does not fit: it leads to /bootstrap/{given}, and the store has {there}; `kinescope bootstrap` says more"
    )]
    NoFit {
        /// The hash of the token's password.
        given: String,
        /// The keys that are there.
        there: String,
    },
    /// The bootstrap data does not open although its key fits, or holds something else.
    #[error("{key} at revision {revision}: {source}")]
    Blob {
        /// The key.
        key: String,
        /// The revision of the value.
        revision: i64,
        /// What is wrong.
        source: BlobError,
    },
    /// The configuration inside the bootstrap data cannot be read.
    #[error("{key} at revision {revision}: its encryption configuration: {source}")]
    Inner {
        /// The key.
        key: String,
        /// The revision of the value.
        revision: i64,
        /// What is wrong.
        source: ConfigError,
    },
    /// A value that is needed could not be read.
    #[error("{0}")]
    Damage(crate::source::Damage),
}

impl Given {
    /// From what stands on a command line: a path, a token or a file with one, and `PROVIDER=HEX` or `PROVIDER=@FILE`.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn new(
        config: Option<&Path>,
        token: Option<&str>,
        token_file: Option<&Path>,
        seeds: &[String],
    ) -> Result<Self, KeyringError> {
        let token = match (token, token_file) {
            (Some(text), _) => Some(Token::new(text)),
            (None, Some(path)) => Some(Token::new(&read(path)?)),
            (None, None) => None,
        };
        let seeds = seeds.iter().map(|text| seed(text)).collect::<Result<_, _>>()?;
        Ok(Self { config: config.map(Path::to_owned), token, seeds })
    }

    /// The same without the token.
    pub fn without_token(&self) -> Self {
        Self { config: self.config.clone(), token: None, seeds: self.seeds.clone() }
    }

    /// The keyring for a store, and what the user should know about it.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn keyring(&self, source: &OpenStore) -> Result<(Keyring, Vec<String>), KeyringError> {
        let mut keyring = Keyring::new();
        let mut notes = Vec::new();
        if let Some(path) = &self.config {
            let config = encryption::parse_config(&read(path)?);
            let config = config.map_err(|source| KeyringError::Config { path: path.clone(), source })?;
            keyring.add(path.display().to_string(), config);
        }
        if let Some(token) = &self.token {
            add_from_bootstrap(&mut keyring, &source.store, token, &mut notes)?;
        }
        for seed in &self.seeds {
            keyring.add_seed(seed.clone());
        }
        Ok((keyring, notes))
    }
}

/// `PROVIDER=HEX`, or `PROVIDER=@FILE` for a seed that no process list is to show.
fn seed(text: &str) -> Result<KmsSeed, KeyringError> {
    match text.rsplit_once("=@") {
        Some((provider, path)) => Ok(KmsSeed::parse(&format!("{provider}={}", read(Path::new(path))?.trim()))?),
        None => Ok(KmsSeed::parse(text)?),
    }
}

/// A text file that a user named.
///
/// # Errors
/// [`KeyringError::File`].
pub(super) fn read(path: &Path) -> Result<String, KeyringError> {
    use std::io::Read;
    let failed = |source| KeyringError::File { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(LONGEST_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(failed(std::io::Error::other("longer than a mebibyte: not what it should be")));
    }
    String::from_utf8(bytes).map_err(|_| failed(std::io::Error::other("not UTF-8 text")))
}

/// A bootstrap key whose name a token leads to.
pub struct Fitting<'t> {
    /// The key.
    pub key: KeyId,
    /// The passphrase that leads to it.
    pub passphrase: Passphrase<'t>,
    /// Whether it is live.
    pub is_live: bool,
}

/// The bootstrap keys that a token leads to: live ones first, then by how the passphrase is made.
pub fn fitting<'t>(history: &History, token: &'t Token) -> Vec<Fitting<'t>> {
    let mut fitting: Vec<Fitting<'t>> = token
        .passphrases()
        .into_iter()
        .filter_map(|passphrase| {
            let key = history.keys().find(&passphrase.key()).filter(|&key| !history.positions_of(key).is_empty())?;
            Some(Fitting { key, passphrase, is_live: history.live(key).is_some() })
        })
        .collect();
    fitting.sort_by_key(|fit| (!fit.is_live, fit.passphrase.variant));
    fitting
}

/// A value of a bootstrap key, oldest knowledge included.
struct StoredBlob<'s> {
    revision: i64,
    bytes: Cow<'s, [u8]>,
    /// Whether the store serves it today.
    is_live: bool,
}

/// Every value of a key that the store still has, newest first; of kine also those that only an `old_value` holds.
fn values<'s>(store: &'s Store, key: KeyId) -> Result<Vec<StoredBlob<'s>>, KeyringError> {
    let history = store.history();
    let live = history.live(key).map(|change| change.revision);
    let mut values = Vec::new();
    for change in history.changes_of(key).rev().filter(|change| change.op == Op::Put).take(MOST_BLOBS) {
        let bytes = history.value(change.value).map_err(KeyringError::Damage)?;
        values.push(StoredBlob { revision: change.revision.main, bytes, is_live: live == Some(change.revision) });
    }
    if let Store::Kine(store) = store {
        let old = store.rows().iter().filter(|row| row.key == key).filter_map(|row| Some((row.id, row.old_value?)));
        for (revision, value) in old.take(MOST_BLOBS) {
            values.push(StoredBlob {
                revision,
                bytes: history.value(value).map_err(KeyringError::Damage)?,
                is_live: false,
            });
        }
    }
    Ok(values)
}

/// Adds the encryption configurations of all bootstrap data that the token opens: the live one first, which says how new
/// values are written; older ones have the names of keys that were rotated since.
fn add_from_bootstrap(
    keyring: &mut Keyring,
    store: &Store,
    token: &Token,
    notes: &mut Vec<String>,
) -> Result<(), KeyringError> {
    let history = store.history();
    let fitting = fitting(history, token);
    if fitting.is_empty() {
        return Err(no_fit(history, token));
    }
    let mut seen: Vec<Vec<u8>> = Vec::new();
    let mut any_live = false;
    for fit in &fitting {
        let key = String::from_utf8_lossy(history.keys().get(fit.key)).into_owned();
        for value in values(store, fit.key)? {
            let (revision, is_live) = (value.revision, value.is_live);
            any_live |= is_live;
            let blob = match Blob::open(&value.bytes, fit.passphrase) {
                Ok(blob) => blob,
                Err(BlobError::Lock) => continue,
                Err(source) if is_live => return Err(KeyringError::Blob { key, revision, source }),
                Err(source) => {
                    notes.push(format!("{key}, superseded at revision {revision}: {source}"));
                    continue;
                }
            };
            let Some(config) = blob.encryption_config() else {
                if is_live {
                    notes
                        .push(format!("{key} holds no encryption configuration: k3s ran without --secrets-encryption"));
                }
                continue;
            };
            let text = blob.file("EncryptionConfig").map(|file| file.content.clone()).unwrap_or_default();
            if seen.contains(&text) {
                continue;
            }
            seen.push(text);
            let origin = format!("{key} at revision {revision}");
            match config {
                Ok(config) => keyring.add(origin, config),
                Err(source) if is_live => return Err(KeyringError::Inner { key, revision, source }),
                Err(source) => notes.push(format!("{origin}, superseded: its encryption configuration: {source}")),
            }
        }
        if fit.is_live && fit.passphrase.variant != Variant::Password {
            notes.push(format!(
                "{key} is sealed with {}; k3s seals it anew at its next start",
                variant_text(fit.passphrase.variant)
            ));
        }
    }
    if !any_live {
        notes.push(
            "the token fits no live bootstrap key, only one that was deleted since: it was replaced by another token"
                .to_owned(),
        );
    }
    Ok(())
}

fn variant_text(variant: Variant) -> &'static str {
    match variant {
        Variant::Password => "the token's password",
        Variant::Whole => "the whole token, as k3s did before 1.21",
        Variant::Empty => "an empty passphrase, as k3s did before 1.21 without a token",
    }
}

pub(super) fn no_fit(history: &History, token: &Token) -> KeyringError {
    let live: Vec<String> = live_bootstrap_keys(history)
        .map(|(key, _)| String::from_utf8_lossy(history.keys().get(key)).into_owned())
        .collect();
    if live.is_empty() {
        return KeyringError::NoBootstrap;
    }
    let given = token.passphrases().first().map(Passphrase::hash).unwrap_or_default();
    KeyringError::NoFit { given, there: live.join(", ") }
}

/// The bootstrap keys that are live, with their newest change.
pub fn live_bootstrap_keys(history: &History) -> impl Iterator<Item = (KeyId, &Change)> {
    history.keys().with_prefix(KEY_PREFIX).filter_map(|key| Some((key, history.live(key)?)))
}

/// Why a new value cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SealNewError {
    /// It would have to be encrypted, and it is not known how.
    #[error("{resource} are encrypted in this store, so a new one must be too: {reason}")]
    Locked {
        /// The resource.
        resource: String,
        /// The key that would be needed.
        reason: LockedReason,
    },
    /// It cannot be encrypted.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A value that was looked at could not be read.
    #[error("{0}")]
    Damage(crate::source::Damage),
}

/// The bytes to store for a new value of a resource (`secrets`, `deployments.apps`): as the store's configuration would have
/// them. Without a configuration, plain text is only right where no value beside it is encrypted.
///
/// # Errors
/// [`SealNewError`].
pub fn seal_new<'p>(
    history: &History,
    keyring: &Keyring,
    resource: &str,
    key: &[u8],
    plain: &'p [u8],
) -> Result<Cow<'p, [u8]>, SealNewError> {
    if !keyring.has_config()
        && let Some(reason) = encrypted_beside(history, key).map_err(SealNewError::Damage)?
    {
        return Err(SealNewError::Locked { resource: resource.to_owned(), reason });
    }
    Ok(keyring.seal(resource, key, plain)?)
}

/// The key that a live value under the same prefix (`/registry/secrets/`) is encrypted with.
fn encrypted_beside(history: &History, key: &[u8]) -> Result<Option<LockedReason>, crate::source::Damage> {
    let slashes = key.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    let prefix = key.get(..slashes.take(3).last().map_or(key.len(), |at| at + 1)).unwrap_or(key);
    let view = history.at(history.current_revision());
    for beside in history.keys().with_prefix(prefix) {
        let KeyState::Live(change) = view.state(beside) else { continue };
        if let Some(reason) = encryption::named_key(&history.value(change.value)?) {
            return Ok(Some(reason));
        }
    }
    Ok(None)
}
