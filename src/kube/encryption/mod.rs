//! Encryption at rest: how the apiserver keeps a value that its EncryptionConfiguration says to encrypt, opened and sealed
//! without an apiserver.
//!
//! A stored value is `k8s:enc:<provider>:<version>:<key name>:` and the provider's payload (kubernetes/apiserver
//! pkg/server/options/encryptionconfig/config.go and pkg/storage/value/encrypt). The key's full path is authenticated
//! with the value by aesgcm and kms, and not by aescbc and secretbox.

mod cipher;
mod config;
mod kms;
mod locked;
mod resource;

use std::borrow::Cow;

pub use cipher::Kind;
pub use config::{Config, ConfigError, parse_config};
pub use kms::{KmsSeed, SeedError};
pub use locked::{KeyName, LockedReason};

use config::{Entry, Provider};
use locked::Parsed;

/// What every encrypted value begins with.
pub const PREFIX: &[u8] = b"k8s:enc:";

/// Random bytes of the system.
///
/// # Errors
/// [`SealError::Random`].
pub fn random<const N: usize>() -> Result<[u8; N], SealError> {
    cipher::random().map_err(|error| match error {
        cipher::CipherError::Random(what) => SealError::Random(what),
        cipher::CipherError::TooLong => SealError::Random(String::new()),
    })
}

/// Whether a stored value is encrypted.
pub fn is_encrypted(stored: &[u8]) -> bool {
    stored.starts_with(PREFIX)
}

/// Provider and key that a stored value names, without any keys at hand; `None` for what is not encrypted.
pub fn named_key(stored: &[u8]) -> Option<LockedReason> {
    Parsed::of(stored).map(|parsed| parsed.no_key())
}

/// The keys of one store: those of any number of configurations, and seeds of KMS providers.
#[derive(Default)]
pub struct Keyring {
    configs: Vec<(String, Config)>,
    seeds: Vec<KmsSeed>,
}

/// A value opened.
#[derive(Debug)]
pub struct Opened<'v> {
    /// What the apiserver gave to be stored.
    pub plain: Cow<'v, [u8]>,
    /// Provider and key that opened it; `None` for what was not encrypted.
    pub by: Option<Label>,
}

/// A provider and one of its keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// `aescbc`, `aesgcm`, `secretbox`, `kms v1` or `kms v2`.
    pub provider: &'static str,
    /// The key's name; for KMS the provider's.
    pub name: String,
}

/// How a resource's new values would be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Writes {
    /// As they are: the configuration does not name the resource, or names `identity` first.
    Plain,
    /// Encrypted.
    Encrypted(Label),
    /// Through a provider that cannot be used here.
    Impossible(String),
}

/// Why a value cannot be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Writing through a KMS needs the KMS.
    #[error(
        "{resource} is written through {provider}, which only the running apiserver can do; put another provider first \
         in a copy of the encryption configuration, and give that"
    )]
    Impossible {
        /// The resource.
        resource: String,
        /// The provider.
        provider: String,
    },
    /// The system has no randomness to give.
    #[error("no random bytes for a nonce: {0}")]
    Random(String),
    /// The cipher refused, which it only does for values beyond its limits.
    #[error("the value of {resource} is too long to be encrypted")]
    TooLong {
        /// The resource.
        resource: String,
    },
}

impl Keyring {
    /// No keys: opens what is not encrypted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the keys of a configuration. The first one added also says how new values are written. `origin` names it for
    /// messages.
    pub fn add(&mut self, origin: impl Into<String>, config: Config) {
        self.configs.push((origin.into(), config));
    }

    /// Adds the seed or key of a KMS provider.
    pub fn add_seed(&mut self, seed: KmsSeed) {
        self.seeds.push(seed);
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.configs.is_empty() && self.seeds.is_empty()
    }

    /// Whether it knows how new values are to be written.
    pub fn has_config(&self) -> bool {
        !self.configs.is_empty()
    }

    /// Where its configurations came from, the one that says how to write first.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        self.configs.iter().map(|(origin, _)| origin.as_str())
    }

    /// The plain text of a stored value. What is not encrypted comes back as it is.
    ///
    /// # Errors
    /// [`LockedReason`]: which key would be needed, or why the one there is does not open it.
    pub fn open<'v>(&self, key: &[u8], stored: &'v [u8]) -> Result<Cow<'v, [u8]>, LockedReason> {
        self.open_labelled(key, stored).map(|opened| opened.plain)
    }

    /// As [`Keyring::open`], and says what opened it.
    ///
    /// # Errors
    /// As [`Keyring::open`].
    pub fn open_labelled<'v>(&self, key: &[u8], stored: &'v [u8]) -> Result<Opened<'v>, LockedReason> {
        let Some(parsed) = Parsed::of(stored) else { return Ok(Opened { plain: Cow::Borrowed(stored), by: None }) };
        match parsed {
            Parsed::Keyed(kind, rest) => self.open_keyed(kind, key, rest).ok_or(parsed),
            Parsed::Kms(version, rest) => kms::open(&self.seeds, version, key, rest).ok_or(parsed),
            Parsed::Unknown(_) => Err(parsed),
        }
        .map(|(plain, by)| Opened { plain: Cow::Owned(plain), by: Some(by) })
        .map_err(|parsed| self.locked(&parsed))
    }

    /// Tries every key of that provider whose name the value begins with: names may hold colons, and may be given to several
    /// keys (apiserver pkg/storage/value/transformer.go, prefixTransformers).
    fn open_keyed(&self, kind: Kind, key: &[u8], rest: &[u8]) -> Option<(Vec<u8>, Label)> {
        self.named(kind, rest).find_map(|(named, payload)| {
            let plain = named.cipher.open(payload, key)?;
            Some((plain, Label { provider: kind.name(), name: named.name.clone() }))
        })
    }

    /// The keys of a provider whose name `rest` begins with, and what follows it.
    fn named<'s>(&'s self, kind: Kind, rest: &'s [u8]) -> impl Iterator<Item = (&'s config::NamedKey, &'s [u8])> {
        let providers = self.configs.iter().flat_map(|(_, config)| config.entries()).flat_map(|entry| &entry.providers);
        providers
            .filter_map(move |provider| match provider {
                Provider::Keyed(own, keys) if *own == kind => Some(keys),
                _ => None,
            })
            .flatten()
            .filter_map(move |key| Some((key, rest.strip_prefix(key.name.as_bytes())?.strip_prefix(b":")?)))
    }

    fn locked(&self, parsed: &Parsed<'_>) -> LockedReason {
        let mut tried: Vec<String> = match parsed {
            Parsed::Keyed(kind, rest) => self.named(*kind, rest).map(|(key, _)| key.name.clone()).collect(),
            Parsed::Kms(_, rest) => kms::named(&self.seeds, rest).map(|(seed, _)| seed.provider().to_owned()).collect(),
            Parsed::Unknown(_) => Vec::new(),
        };
        tried.dedup();
        // The longest name is the one that was most likely meant.
        match tried.into_iter().max_by_key(String::len) {
            Some(name) => parsed.wrong_key(name),
            None => parsed.no_key(),
        }
    }

    /// How new values of a resource (`secrets`, `deployments.apps`) would be written.
    pub fn writes(&self, resource: &str) -> Writes {
        let Some(provider) = self.writing_provider(resource) else { return Writes::Plain };
        match provider {
            Provider::Identity => Writes::Plain,
            Provider::Keyed(kind, keys) => match keys.first() {
                Some(key) => Writes::Encrypted(Label { provider: kind.name(), name: key.name.clone() }),
                None => Writes::Impossible(kind.name().to_owned()),
            },
            Provider::Kms { name } => Writes::Impossible(format!("the KMS provider {name:?}")),
            Provider::Unknown(name) => Writes::Impossible(format!("the provider {name:?}")),
        }
    }

    fn writing_provider(&self, resource: &str) -> Option<&Provider> {
        let (_, config) = self.configs.first()?;
        config.entries().iter().find(|entry: &&Entry| resource::names(&entry.resources, resource))?.providers.first()
    }

    /// What the apiserver would store for a new value of a resource (`secrets`, `deployments.apps`) under `key`: encrypted
    /// with the first key of the first provider of the first entry that names the resource, else as it is.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal<'p>(&self, resource: &str, key: &[u8], plain: &'p [u8]) -> Result<Cow<'p, [u8]>, SealError> {
        let first = match self.writing_provider(resource) {
            Some(Provider::Keyed(kind, keys)) => keys.first().map(|key| (*kind, key)),
            _ => None,
        };
        match (self.writes(resource), first) {
            (Writes::Plain, _) => Ok(Cow::Borrowed(plain)),
            (Writes::Encrypted(_), Some((kind, named))) => {
                let payload = named.cipher.seal(plain, key).map_err(|error| match error {
                    cipher::CipherError::Random(what) => SealError::Random(what),
                    cipher::CipherError::TooLong => SealError::TooLong { resource: resource.to_owned() },
                })?;
                Ok(Cow::Owned([kind.prefix().as_bytes(), named.name.as_bytes(), b":", &payload].concat()))
            }
            (Writes::Impossible(provider), _) => Err(SealError::Impossible { resource: resource.to_owned(), provider }),
            (Writes::Encrypted(label), None) => {
                Err(SealError::Impossible { resource: resource.to_owned(), provider: label.provider.to_owned() })
            }
        }
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.origins()).finish()
    }
}
