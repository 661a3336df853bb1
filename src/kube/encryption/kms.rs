//! Values that a KMS provider encrypted: the data key lies beside the data, wrapped by the KMS; here the user gives it.
//!
//! v1: two bytes of length, the wrapped key, the data (apiserver pkg/storage/value/encrypt/envelope/envelope.go); v2: an
//! `EncryptedObject` (envelope/kmsv2/v2/api.proto).

use std::collections::BTreeMap;

use aes_gcm::{Aes256Gcm, KeyInit};
use hkdf::Hkdf;
use prost::Message;
use sha2::Sha256;

use super::Label;
use super::cipher::{Cipher, Kind, open_gcm};

/// Bytes of a seed, and of a data key.
const SEED: usize = 32;
/// Bytes before the nonce from which a value's own key is derived (envelope/kmsv2 and encrypt/aes/aes_extended_nonce.go).
const INFO: usize = 32;
/// `EncryptedDEKSourceType` of a seed from which each value's key is derived; 0 is a data key.
const SOURCE_IS_SEED: i32 = 1;

/// What the KMS unwraps for a provider: the seed of v2, or a data key of v2 or v1.
#[derive(Clone)]
pub struct KmsSeed {
    provider: String,
    seed: [u8; SEED],
}

/// Why a text is no seed.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// There is no `=`.
    #[error("give the provider's name and the seed: PROVIDER=HEX")]
    Shape,
    /// The seed is no hexadecimal number of 32 bytes.
    #[error("the seed of {0:?} must be 64 hexadecimal digits: 32 bytes, as the KMS unwraps them")]
    Hex(String),
}

impl KmsSeed {
    /// A provider's seed or data key.
    pub fn new(provider: impl Into<String>, seed: [u8; SEED]) -> Self {
        Self { provider: provider.into(), seed }
    }

    /// From `PROVIDER=HEX`.
    ///
    /// # Errors
    /// [`SeedError`], which does not show the seed.
    pub fn parse(text: &str) -> Result<Self, SeedError> {
        let (provider, hex) =
            text.rsplit_once('=').filter(|(provider, _)| !provider.is_empty()).ok_or(SeedError::Shape)?;
        let seed = from_hex(hex.trim()).ok_or_else(|| SeedError::Hex(provider.to_owned()))?;
        Ok(Self::new(provider, seed))
    }

    /// The provider's name.
    pub fn provider(&self) -> &str {
        &self.provider
    }
}

fn from_hex(text: &str) -> Option<[u8; SEED]> {
    let digits: Vec<u32> = text.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .filter_map(|pair| u8::try_from(pair.iter().fold(0, |sum, d| sum * 16 + d)).ok())
        .collect();
    (digits.len() == 2 * SEED).then_some(bytes)?.try_into().ok()
}

impl std::fmt::Debug for KmsSeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("KmsSeed").field(&self.provider).finish()
    }
}

/// The API version that a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

impl Version {
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::V1 => "k8s:enc:kms:v1:",
            Self::V2 => "k8s:enc:kms:v2:",
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::V1 => "kms v1",
            Self::V2 => "kms v2",
        }
    }
}

#[derive(Clone, PartialEq, Message)]
struct EncryptedObject {
    #[prost(bytes = "vec", tag = "1")]
    encrypted_data: Vec<u8>,
    #[prost(string, tag = "2")]
    key_id: String,
    #[prost(bytes = "vec", tag = "3")]
    encrypted_dek_source: Vec<u8>,
    #[prost(btree_map = "string, bytes", tag = "4")]
    annotations: BTreeMap<String, Vec<u8>>,
    #[prost(int32, tag = "5")]
    source_type: i32,
}

/// The seeds whose provider's name `rest` begins with, and what follows it.
pub(super) fn named<'s>(seeds: &'s [KmsSeed], rest: &'s [u8]) -> impl Iterator<Item = (&'s KmsSeed, &'s [u8])> {
    seeds.iter().filter_map(|seed| Some((seed, rest.strip_prefix(seed.provider.as_bytes())?.strip_prefix(b":")?)))
}

/// Tries the seeds of the provider that a value names.
pub(super) fn open(seeds: &[KmsSeed], version: Version, key: &[u8], rest: &[u8]) -> Option<(Vec<u8>, Label)> {
    named(seeds, rest).find_map(|(seed, payload)| {
        let plain = match version {
            Version::V1 => open_v1(&seed.seed, payload, key),
            Version::V2 => open_v2(&seed.seed, payload, key),
        };
        Some((plain?, Label { provider: version.name(), name: seed.provider.clone() }))
    })
}

fn open_v2(seed: &[u8; SEED], payload: &[u8], key: &[u8]) -> Option<Vec<u8>> {
    let object = EncryptedObject::decode(payload).ok()?;
    if object.source_type != SOURCE_IS_SEED {
        return open_gcm(&Aes256Gcm::new(seed.into()), &object.encrypted_data, key);
    }
    let (info, sealed) = object.encrypted_data.split_at_checked(INFO)?;
    let mut derived = [0; SEED];
    Hkdf::<Sha256>::from_prk(seed).ok()?.expand(info, &mut derived).ok()?;
    open_gcm(&Aes256Gcm::new(&derived.into()), sealed, key)
}

/// Kubernetes 1.25 and newer write AES-GCM, older ones AES-CBC.
fn open_v1(data_key: &[u8; SEED], payload: &[u8], key: &[u8]) -> Option<Vec<u8>> {
    let (len, rest) = payload.split_first_chunk::<2>()?;
    let (_, sealed) = rest.split_at_checked(u16::from_be_bytes(*len).into())?;
    let tried = [Kind::AesGcm, Kind::AesCbc];
    tried.into_iter().find_map(|kind| Cipher::new(kind, data_key)?.open(sealed, key))
}
