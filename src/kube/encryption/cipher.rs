//! The ciphers of the providers that keep their keys in the configuration.

use aes::cipher::array::{Array, ArraySize};
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::consts::U12;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::{Aead, Generate, Payload};
use aes_gcm::{Aes128Gcm, Aes256Gcm, AesGcm};
use crypto_secretbox::XSalsa20Poly1305;
use crypto_secretbox::aead::Aead as _;

/// AES's block, and aescbc's IV, in bytes.
const BLOCK: usize = 16;
/// aesgcm's nonce, in bytes.
const GCM_NONCE: usize = 12;
/// secretbox's nonce, in bytes.
const SECRETBOX_NONCE: usize = 24;
/// The tag of aesgcm and of secretbox, in bytes.
const TAG: usize = 16;

/// A provider that keeps its keys in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// AES-CBC with PKCS#7, without authentication.
    AesCbc,
    /// AES-GCM; authenticates the key's path.
    AesGcm,
    /// NaCl's secretbox: XSalsa20 and Poly1305.
    Secretbox,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AesCbc, Self::AesGcm, Self::Secretbox];

    /// The provider's name in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesCbc => "aescbc",
            Self::AesGcm => "aesgcm",
            Self::Secretbox => "secretbox",
        }
    }

    /// What stands before the key's name in a stored value.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::AesCbc => "k8s:enc:aescbc:v1:",
            Self::AesGcm => "k8s:enc:aesgcm:v1:",
            Self::Secretbox => "k8s:enc:secretbox:v1:",
        }
    }

    /// Whether a payload of this many bytes can be one of this provider.
    pub(super) const fn may_be_long(self, len: usize) -> bool {
        match self {
            Self::AesCbc => len >= 2 * BLOCK && len.is_multiple_of(BLOCK),
            Self::AesGcm => len >= GCM_NONCE + TAG,
            Self::Secretbox => len >= SECRETBOX_NONCE + TAG,
        }
    }

    /// Lengths of a key that the provider takes, in bytes.
    pub(super) const fn key_lengths(self) -> &'static [usize] {
        match self {
            Self::AesCbc | Self::AesGcm => &[16, 24, 32],
            Self::Secretbox => &[32],
        }
    }
}

/// Why nothing was sealed.
#[derive(Debug)]
pub(super) enum CipherError {
    Random(String),
    TooLong,
}

/// A key, ready for use.
pub(super) enum Cipher {
    Cbc128(Aes128),
    Cbc192(Aes192),
    Cbc256(Aes256),
    Gcm128(Box<Aes128Gcm>),
    Gcm192(Box<AesGcm<Aes192, U12>>),
    Gcm256(Box<Aes256Gcm>),
    Secretbox(Box<XSalsa20Poly1305>),
}

impl Cipher {
    /// `None` for a key whose length the provider does not take.
    pub fn new(kind: Kind, key: &[u8]) -> Option<Self> {
        Some(match (kind, key.len()) {
            (Kind::AesCbc, 16) => Self::Cbc128(Aes128::new_from_slice(key).ok()?),
            (Kind::AesCbc, 24) => Self::Cbc192(Aes192::new_from_slice(key).ok()?),
            (Kind::AesCbc, 32) => Self::Cbc256(Aes256::new_from_slice(key).ok()?),
            (Kind::AesGcm, 16) => Self::Gcm128(Box::new(Aes128Gcm::new_from_slice(key).ok()?)),
            (Kind::AesGcm, 24) => Self::Gcm192(Box::new(AesGcm::new_from_slice(key).ok()?)),
            (Kind::AesGcm, 32) => Self::Gcm256(Box::new(Aes256Gcm::new_from_slice(key).ok()?)),
            (Kind::Secretbox, _) => {
                use crypto_secretbox::KeyInit as _;
                Self::Secretbox(Box::new(XSalsa20Poly1305::new_from_slice(key).ok()?))
            }
            _ => return None,
        })
    }

    /// The plain text of a payload; `None` where this key did not make it. Only aesgcm looks at `aad`.
    pub fn open(&self, payload: &[u8], aad: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Cbc128(cipher) => open_cbc(cipher.clone(), payload),
            Self::Cbc192(cipher) => open_cbc(cipher.clone(), payload),
            Self::Cbc256(cipher) => open_cbc(cipher.clone(), payload),
            Self::Gcm128(cipher) => open_gcm(&**cipher, payload, aad),
            Self::Gcm192(cipher) => open_gcm(&**cipher, payload, aad),
            Self::Gcm256(cipher) => open_gcm(&**cipher, payload, aad),
            Self::Secretbox(cipher) => {
                let (nonce, sealed) = payload.split_first_chunk::<SECRETBOX_NONCE>()?;
                cipher.decrypt(nonce.into(), sealed).ok()
            }
        }
    }

    /// A payload for `plain`, with a fresh nonce.
    pub fn seal(&self, plain: &[u8], aad: &[u8]) -> Result<Vec<u8>, CipherError> {
        match self {
            Self::Cbc128(cipher) => seal_cbc(cipher.clone(), plain),
            Self::Cbc192(cipher) => seal_cbc(cipher.clone(), plain),
            Self::Cbc256(cipher) => seal_cbc(cipher.clone(), plain),
            Self::Gcm128(cipher) => seal_gcm(&**cipher, plain, aad),
            Self::Gcm192(cipher) => seal_gcm(&**cipher, plain, aad),
            Self::Gcm256(cipher) => seal_gcm(&**cipher, plain, aad),
            Self::Secretbox(cipher) => {
                let nonce = random::<SECRETBOX_NONCE>()?;
                let sealed = cipher.encrypt((&nonce).into(), plain).map_err(|_| CipherError::TooLong)?;
                Ok([nonce.as_slice(), &sealed].concat())
            }
        }
    }
}

/// Random bytes of the system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], CipherError> {
    <[u8; N]>::try_generate().map_err(|error| CipherError::Random(error.to_string()))
}

/// Bytes that begin a value the apiserver may have stored: protobuf, JSON, CBOR (apimachinery runtime/serializer). Without
/// authentication one wrong key in 256 leaves a padding that looks right, and noise before it.
fn begins_like_an_object(plain: &[u8]) -> bool {
    plain.starts_with(b"k8s\0") || plain.starts_with(b"{") || plain.starts_with(b"\xd9\xd9\xf7")
}

fn open_cbc<C>(cipher: C, payload: &[u8]) -> Option<Vec<u8>>
where
    C: aes::cipher::BlockCipherDecrypt + aes::cipher::BlockSizeUser,
    cbc::Decryptor<C>: InnerIvInit<Inner = C> + BlockModeDecrypt,
{
    if !Kind::AesCbc.may_be_long(payload.len()) {
        return None;
    }
    let (iv, sealed) = payload.split_at_checked(BLOCK)?;
    let mut buffer = sealed.to_vec();
    let decryptor = cbc::Decryptor::inner_iv_slice_init(cipher, iv).ok()?;
    let len = decryptor.decrypt_padded::<Pkcs7>(&mut buffer).ok()?.len();
    buffer.truncate(len);
    begins_like_an_object(&buffer).then_some(buffer)
}

fn seal_cbc<C>(cipher: C, plain: &[u8]) -> Result<Vec<u8>, CipherError>
where
    C: aes::cipher::BlockCipherEncrypt + aes::cipher::BlockSizeUser,
    cbc::Encryptor<C>: InnerIvInit<Inner = C> + BlockModeEncrypt,
{
    let iv = random::<BLOCK>()?;
    let mut payload = iv.to_vec();
    payload.extend_from_slice(plain);
    // PKCS#7 always adds something, a whole block to what is whole already.
    payload.resize(BLOCK + plain.len() - plain.len() % BLOCK + BLOCK, 0);
    let encryptor = cbc::Encryptor::inner_iv_slice_init(cipher, &iv).map_err(|_| CipherError::TooLong)?;
    let body = payload.get_mut(BLOCK..).unwrap_or_default();
    encryptor.encrypt_padded::<Pkcs7>(body, plain.len()).map_err(|_| CipherError::TooLong)?;
    Ok(payload)
}

/// Nonce, cipher text, tag.
pub(super) fn open_gcm<C: Aead>(cipher: &C, payload: &[u8], aad: &[u8]) -> Option<Vec<u8>>
where
    C::NonceSize: ArraySize,
{
    let (nonce, sealed) = payload.split_at_checked(GCM_NONCE)?;
    let nonce = Array::try_from(nonce).ok()?;
    cipher.decrypt(&nonce, Payload { msg: sealed, aad }).ok()
}

fn seal_gcm<C: Aead>(cipher: &C, plain: &[u8], aad: &[u8]) -> Result<Vec<u8>, CipherError>
where
    C::NonceSize: ArraySize,
{
    let nonce = random::<GCM_NONCE>()?;
    let array = Array::try_from(nonce.as_slice()).map_err(|_| CipherError::TooLong)?;
    let sealed = cipher.encrypt(&array, Payload { msg: plain, aad }).map_err(|_| CipherError::TooLong)?;
    Ok([nonce.as_slice(), &sealed].concat())
}
