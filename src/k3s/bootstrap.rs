//! The bootstrap data: certificate authorities, keys and passwords of the cluster, sealed with the token.
//!
//! A value is `<salt>:<base64>`: 16 characters of salt, which are the salt as they stand there; 12 bytes of nonce, AES-256-GCM
//! without associated data, key from PBKDF2-HMAC-SHA1 with 4096 rounds (k3s pkg/cluster/encrypt.go). Inside is a JSON
//! object of files (k3s pkg/bootstrap/bootstrap.go).

use aes_gcm::aead::{Aead, Generate};
use aes_gcm::{Aes256Gcm, KeyInit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha1::Sha1;

use super::token::Passphrase;
use crate::kube::encryption::{Config, ConfigError, parse_config};

/// Rounds of PBKDF2.
const ROUNDS: u32 = 4096;
/// Bytes of the nonce.
const NONCE: usize = 12;
/// Bytes of the tag that AES-GCM puts behind what it seals.
const TAG: usize = 16;
/// Bytes from which the salt is made, as hexadecimal text.
const SALT: usize = 8;
/// The name of the file with the passwords of the users `server` and `node`.
const PASSWD: &str = "PasswdFile";

/// A file that k3s may keep in its bootstrap data (k3s pkg/daemons/config/types.go, ControlRuntimeBootstrap), and where it
/// has it on disk, below `server/` (pkg/daemons/control/deps/deps.go, CreateRuntimeCertFiles).
struct Known {
    name: &'static str,
    path: &'static str,
    is_secret: bool,
}

const fn public(name: &'static str, path: &'static str) -> Known {
    Known { name, path, is_secret: false }
}

const fn secret(name: &'static str, path: &'static str) -> Known {
    Known { name, path, is_secret: true }
}

const KNOWN: [Known; 15] = [
    public("ServerCA", "tls/server-ca.crt"),
    secret("ServerCAKey", "tls/server-ca.key"),
    public("ClientCA", "tls/client-ca.crt"),
    secret("ClientCAKey", "tls/client-ca.key"),
    public("RequestHeaderCA", "tls/request-header-ca.crt"),
    secret("RequestHeaderCAKey", "tls/request-header-ca.key"),
    public("ETCDServerCA", "tls/etcd/server-ca.crt"),
    secret("ETCDServerCAKey", "tls/etcd/server-ca.key"),
    public("ETCDPeerCA", "tls/etcd/peer-ca.crt"),
    secret("ETCDPeerCAKey", "tls/etcd/peer-ca.key"),
    secret("ServiceKey", "tls/service.key"),
    secret(PASSWD, "cred/passwd"),
    secret("IPSECKey", "cred/ipsec.psk"),
    secret("EncryptionConfig", "cred/encryption-config.json"),
    public("EncryptionHash", "cred/encryption-state.json"),
];

/// Why bootstrap data cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The value is empty.
    #[error("empty: a server had taken the key, and had not yet filled it in")]
    Lock,
    /// The value is not what k3s writes.
    #[error("not what k3s writes: {0}")]
    Shape(&'static str),
    /// The passphrase does not open it.
    #[error("the token's passphrase does not open it: it is another one's, or the value was changed")]
    Closed,
    /// What was inside is not what k3s writes.
    #[error("opened, and what is inside is not what k3s writes: {0}")]
    Inside(String),
    /// The system has no randomness to give, or the cipher refused.
    #[error("cannot be sealed: {0}")]
    Seal(String),
}

/// Bootstrap data, opened.
#[derive(Clone, PartialEq)]
pub struct Blob {
    document: Map<String, Value>,
    files: Vec<BootstrapFile>,
}

/// A file of the bootstrap data.
#[derive(Clone, PartialEq, Eq)]
pub struct BootstrapFile {
    /// The name that k3s gives it inside.
    pub name: String,
    /// When it was last changed on disk, as k3s wrote it; absent in data of k3s before 1.22.
    pub timestamp: Option<String>,
    /// Its bytes.
    pub content: Vec<u8>,
}

impl std::fmt::Debug for BootstrapFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("BootstrapFile").field(&self.name).field(&self.content.len()).finish()
    }
}

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.files).finish()
    }
}

impl BootstrapFile {
    /// Where k3s has it, below its directory `server/`; `None` for a name that k3s would skip.
    pub fn path(&self) -> Option<&'static str> {
        KNOWN.iter().find(|known| known.name == self.name).map(|known| known.path)
    }

    /// Whether it must be kept secret: private keys, passwords, and whatever is not known to be public.
    pub fn is_secret(&self) -> bool {
        let known = KNOWN.iter().find(|known| known.name == self.name);
        known.is_none_or(|known| known.is_secret) || memchr::memmem::find(&self.content, b"PRIVATE KEY").is_some()
    }
}

impl Blob {
    /// Opens a value of the datastore.
    ///
    /// # Errors
    /// [`BlobError`].
    pub fn open(stored: &[u8], passphrase: Passphrase<'_>) -> Result<Self, BlobError> {
        Self::from_plain(&unseal(stored, passphrase)?)
    }

    /// From the JSON inside, in the form of today or of k3s before 1.22.
    ///
    /// # Errors
    /// [`BlobError::Inside`].
    pub fn from_plain(plain: &[u8]) -> Result<Self, BlobError> {
        let inside = |what: &str| BlobError::Inside(what.to_owned());
        let document: Value = serde_json::from_slice(plain).map_err(|error| BlobError::Inside(error.to_string()))?;
        let Value::Object(document) = document else { return Err(inside("no object of files")) };
        let mut files = Vec::with_capacity(document.len());
        for (name, value) in &document {
            // Before 1.22 the content alone (pkg/cluster/bootstrap.go, migrateBootstrapData).
            let (content, timestamp) = match value {
                Value::Object(file) => (file.get("Content"), file.get("Timestamp").and_then(Value::as_str)),
                other => (Some(other), None),
            };
            let content = match content {
                Some(Value::String(text)) => STANDARD.decode(text).map_err(|_| inside("a file that is not base64"))?,
                // Go writes no bytes at all as null.
                Some(Value::Null) | None => Vec::new(),
                Some(_) => return Err(inside("a file without content")),
            };
            files.push(BootstrapFile { name: name.clone(), timestamp: timestamp.map(str::to_owned), content });
        }
        let place =
            |file: &BootstrapFile| KNOWN.iter().position(|known| known.name == file.name).unwrap_or(KNOWN.len());
        files.sort_by(|a, b| place(a).cmp(&place(b)).then_with(|| a.name.cmp(&b.name)));
        Ok(Self { document, files })
    }

    /// Seals it under a passphrase, with a fresh salt and nonce.
    ///
    /// # Errors
    /// [`BlobError::Seal`].
    pub fn seal(&self, passphrase: Passphrase<'_>) -> Result<Vec<u8>, BlobError> {
        let failed = |error: &dyn std::fmt::Display| BlobError::Seal(error.to_string());
        let mut plain = serde_json::to_vec(&self.document).map_err(|error| failed(&error))?;
        plain.push(b'\n');
        let salt = <[u8; SALT]>::try_generate().map_err(|error| failed(&error))?;
        let salt: String = salt.iter().map(|byte| format!("{byte:02x}")).collect();
        let nonce = <[u8; NONCE]>::try_generate().map_err(|error| failed(&error))?;
        let sealed = cipher(passphrase, salt.as_bytes()).encrypt(&nonce.into(), plain.as_slice());
        let sealed = sealed.map_err(|error| failed(&error))?;
        Ok(format!("{salt}:{}", STANDARD.encode([nonce.as_slice(), &sealed].concat())).into_bytes())
    }

    /// Its files, in the order of a house: authorities, keys, the rest.
    pub fn files(&self) -> &[BootstrapFile] {
        &self.files
    }

    /// A file by its name.
    pub fn file(&self, name: &str) -> Option<&BootstrapFile> {
        self.files.iter().find(|file| file.name == name)
    }

    /// The encryption configuration inside; `None` where secrets are not encrypted.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn encryption_config(&self) -> Option<Result<Config, ConfigError>> {
        let file = self.file("EncryptionConfig").filter(|file| !file.content.is_empty())?;
        Some(parse_config(&String::from_utf8_lossy(&file.content)))
    }

    /// Gives the user `server` another password, and `node` where it had the same: k3s does so when it rotates a token
    /// (pkg/server/token.go, tokenRotate). Without it, k3s would rewrite its file at the first start, and refuse the second
    /// because the file is newer than the datastore. `now` is RFC 3339. Says whether it could be done.
    pub fn set_server_password(&mut self, new: Passphrase<'_>, now: &str) -> bool {
        let Some(file) = self.files.iter_mut().find(|file| file.name == PASSWD) else { return true };
        let Some(content) = with_password(&file.content, new.text()) else { return false };
        file.content = content;
        let encoded = Value::String(STANDARD.encode(&file.content));
        let old_format = self.document.get(PASSWD).is_some_and(|value| !value.is_object());
        let value = if old_format {
            encoded
        } else {
            file.timestamp = Some(now.to_owned());
            json!({"Timestamp": now, "Content": encoded})
        };
        self.document.insert(PASSWD.to_owned(), value);
        true
    }
}

fn cipher(passphrase: Passphrase<'_>, salt: &[u8]) -> Aes256Gcm {
    let mut key = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha1>(passphrase.text().as_bytes(), salt, ROUNDS, &mut key);
    Aes256Gcm::new(&key.into())
}

/// What is inside a value of the datastore, as it is.
///
/// # Errors
/// [`BlobError`].
pub fn unseal(stored: &[u8], passphrase: Passphrase<'_>) -> Result<Vec<u8>, BlobError> {
    let (salt, sealed) = parts(stored)?;
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(BlobError::Shape("too short"))?;
    cipher(passphrase, salt).decrypt(nonce.into(), sealed).map_err(|_| BlobError::Closed)
}

/// Whether a value has the form of sealed data, which is all that can be said of it without its passphrase.
///
/// # Errors
/// [`BlobError::Lock`] and [`BlobError::Shape`].
pub fn check_shape(stored: &[u8]) -> Result<(), BlobError> {
    let (salt, sealed) = parts(stored)?;
    if !salt.iter().all(u8::is_ascii_hexdigit) {
        return Err(BlobError::Shape("the salt is not hexadecimal"));
    }
    if sealed.len() < NONCE + TAG { Err(BlobError::Shape("too short")) } else { Ok(()) }
}

/// The salt, and the sealed bytes with their nonce.
fn parts(stored: &[u8]) -> Result<(&[u8], Vec<u8>), BlobError> {
    if stored.is_empty() {
        return Err(BlobError::Lock);
    }
    let colon = memchr::memchr(b':', stored).ok_or(BlobError::Shape("no colon behind a salt"))?;
    let (salt, encoded) = (stored.get(..colon).unwrap_or_default(), stored.get(colon + 1..).unwrap_or_default());
    if salt.len() != 2 * SALT {
        return Err(BlobError::Shape("no salt of 16 characters"));
    }
    let sealed = STANDARD.decode(encoded).map_err(|_| BlobError::Shape("no base64 behind the salt"))?;
    Ok((salt, sealed))
}

/// k3s keeps lines of `password,user,name,group` (pkg/passwd/passwd.go). `None` for a file with quotes, which is not
/// touched.
fn with_password(content: &[u8], new: &str) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(content).ok().filter(|text| !text.contains('"'))?;
    let records = text.lines().map(|line| line.split_once(',').unwrap_or((line, "")));
    let user = |rest: &str| rest.split(',').next().unwrap_or_default().to_owned();
    let old = records.clone().find(|(_, rest)| user(rest) == "server").map(|(password, _)| password);
    let new = if new.contains([',', '"']) { format!("\"{}\"", new.replace('"', "\"\"")) } else { new.to_owned() };
    let mut out = String::with_capacity(text.len() + new.len());
    for (password, rest) in records {
        let changes = user(rest) == "server" || user(rest) == "node" && Some(password) == old;
        out.push_str(if changes { &new } else { password });
        out.push(',');
        out.push_str(rest);
        out.push('\n');
    }
    Some(out.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k3s::Token;

    #[test]
    fn passwords_change_as_k3s_changes_them() {
        let changed =
            |text: &str, new: &str| with_password(text.as_bytes(), new).map(|out| String::from_utf8(out).unwrap());
        let both = "old,server,server,k3s:server\nold,node,node,k3s:agent\nold,other,other,\n";
        let expected = "new,server,server,k3s:server\nnew,node,node,k3s:agent\nold,other,other,\n";
        assert_eq!(changed(both, "new").as_deref(), Some(expected));
        let own = "old,server,server,k3s:server\nagents,node,node,k3s:agent\n";
        assert_eq!(changed(own, "a,b").unwrap(), "\"a,b\",server,server,k3s:server\nagents,node,node,k3s:agent\n");
        assert_eq!(changed("\"o,ld\",server,server,k3s:server\n", "new"), None);
    }

    #[test]
    fn both_formats_are_read_and_sealed_again() {
        let token = Token::new("tok");
        let passphrase = token.for_new_store().unwrap();
        let current = r#"{"ServerCA":{"Timestamp":"2026-01-02T03:04:05Z","Content":"YQ=="},"Later":{"Content":null}}"#;
        let old = r#"{"ServerCA":"YQ==","PasswdFile":"b2xkLHNlcnZlcixzZXJ2ZXIsazNzOnNlcnZlcgo="}"#;
        for text in [current, old] {
            let mut blob = Blob::from_plain(text.as_bytes()).unwrap();
            assert_eq!(blob.file("ServerCA").unwrap().content, b"a");
            let sealed = blob.seal(passphrase).unwrap();
            assert_eq!(Blob::open(&sealed, passphrase).unwrap(), blob);
            assert!(matches!(Blob::open(&sealed, Passphrase::EMPTY), Err(BlobError::Closed)));
            assert!(blob.set_server_password(passphrase, "2026-11-21T00:00:00Z"));
            let sealed = blob.seal(passphrase).unwrap();
            assert_eq!(Blob::open(&sealed, passphrase).unwrap(), blob);
        }
        assert!(Blob::from_plain(old.as_bytes()).unwrap().file("ServerCA").unwrap().timestamp.is_none());
        assert!(Blob::from_plain(current.as_bytes()).unwrap().file("Later").unwrap().is_secret());
    }
}
