//! k3s's bootstrap data: which token fits, what is inside, how it gets out, and a store with the same under a new token.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::convert::{self, Convert, ConvertError, NewChange, Options, Phase, Target};
use super::keyring::{Given, KeyringError, fitting, live_bootstrap_keys, no_fit};
use super::output::{Destination, Kind, OutputError, sync_directory};
use super::store::OpenStore;
use crate::k3s::certificate::{self, Certificate, Validity};
use crate::k3s::token::{KEY_PREFIX, TokenError};
use crate::k3s::{Blob, BlobError, BootstrapFile, Passphrase, Token, Variant};
use crate::kube::encryption::Label;
use crate::model::{Change, History, KeyId, Op};
use crate::source::Watch;

/// What became of a bootstrap key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: Vec<u8>,
    /// Whether it is live.
    pub is_live: bool,
    /// The revision of its newest change.
    pub revision: i64,
    /// Length of its value in bytes; 0 for a deleted one.
    pub value_size: u32,
    /// Whether it is a lock: a server took the key and had not yet filled it in.
    pub is_lock: bool,
    /// How the token that was given leads to it; `None` where it does not.
    pub variant: Option<Variant>,
}

/// A file of the bootstrap data, as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The name inside.
    pub name: String,
    /// Where k3s has it, below `server/`.
    pub path: Option<&'static str>,
    /// Its length in bytes.
    pub size: usize,
    /// When it was last changed, as k3s wrote it.
    pub timestamp: Option<String>,
    /// Whether it must be kept secret.
    pub is_secret: bool,
    /// The certificates in it.
    pub certificates: Vec<(Certificate, Validity)>,
}

/// What bootstrap data holds.
#[derive(Clone, Debug)]
pub struct Inside {
    /// The key it was under.
    pub key: Vec<u8>,
    /// The revision of the value.
    pub revision: i64,
    /// Whether the store serves it today.
    pub is_live: bool,
    /// Its files.
    pub files: Vec<Listed>,
    /// The keys of the encryption configuration inside.
    pub encryption: Vec<Label>,
    /// Whether the CA hash in the token is that of the server's CA inside; `None` for a token without one.
    pub ca_hash_fits: Option<bool>,
    /// The data itself.
    pub blob: Blob,
}

/// What is known of a store's bootstrap data.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    /// The keys, live ones first.
    pub keys: Vec<Key>,
    /// The hash of the password in the token that was given.
    pub token_hash: Option<String>,
    /// Whether that token fits a live key; `None` without a token.
    pub fits: Option<bool>,
    /// What it opens.
    pub inside: Option<Inside>,
    /// What else the user should know.
    pub notes: Vec<String>,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The token does not fit, or what it opens is not what it should be.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// Something could not be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The new store could not be made.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// The new token is none.
    #[error("{}: {source}", path.display())]
    NewToken {
        /// The file that was named.
        path: PathBuf,
        /// What is wrong.
        source: TokenError,
    },
    /// The new token is the old one.
    #[error("the new token is the one that the store has already; nothing was written")]
    SameToken,
    /// There is nothing to seal anew.
    #[error("the token opens no bootstrap data that is live; nothing was written")]
    NothingLive,
    /// Sealing failed.
    #[error("{0}; nothing was written")]
    Seal(BlobError),
}

/// Looks at the bootstrap keys of a store, and into the data that `token` opens. `now` is in seconds since 1970.
///
/// # Errors
/// [`KeyringError`]: data that the token leads to does not open.
pub fn inspect(history: &History, token: Option<&Token>, now: i64) -> Result<Bootstrap, KeyringError> {
    let fitting = token.map(|token| fitting(history, token)).unwrap_or_default();
    let mut keys: Vec<Key> = history
        .keys()
        .with_prefix(KEY_PREFIX)
        .filter_map(|id| {
            let newest = history.changes_of(id).next_back()?;
            let is_live = newest.op == Op::Put;
            Some(Key {
                name: history.keys().get(id).to_vec(),
                is_live,
                revision: newest.revision.main,
                value_size: newest.value.len,
                is_lock: is_live && newest.value.len == 0,
                variant: fitting.iter().find(|fit| fit.key == id).map(|fit| fit.passphrase.variant),
            })
        })
        .collect();
    keys.sort_by_key(|key| !key.is_live);
    let mut bootstrap = Bootstrap {
        token_hash: token.and_then(|token| token.passphrases().first().map(Passphrase::hash)),
        fits: token.map(|_| fitting.iter().any(|fit| fit.is_live)),
        inside: None,
        notes: key_notes(&keys),
        keys,
    };
    for fit in &fitting {
        if let (None, Some(token)) = (&bootstrap.inside, token) {
            bootstrap.inside = look_inside(history, fit.key, fit.passphrase, token, now, &mut bootstrap.notes)?;
        }
    }
    Ok(bootstrap)
}

fn key_notes(keys: &[Key]) -> Vec<String> {
    let live = keys.iter().filter(|key| key.is_live).count();
    let mut notes = Vec::new();
    if live > 1 {
        notes.push(format!(
            "{live} bootstrap keys are live; k3s wants exactly one, and older releases do not start on more"
        ));
    }
    if keys.iter().any(|key| key.is_lock) {
        notes.push(
            "an empty bootstrap key is a lock: a server had begun to make the cluster, and had not finished".to_owned(),
        );
    }
    notes
}

/// The newest value of a key that is no lock.
fn newest_value(history: &History, key: KeyId) -> Option<&Change> {
    history.changes_of(key).rev().find(|change| change.op == Op::Put && change.value.len > 0)
}

fn look_inside(
    history: &History,
    key: KeyId,
    passphrase: Passphrase<'_>,
    token: &Token,
    now: i64,
    notes: &mut Vec<String>,
) -> Result<Option<Inside>, KeyringError> {
    let Some(change) = newest_value(history, key) else { return Ok(None) };
    let name = history.keys().get(key);
    let shown = String::from_utf8_lossy(name).into_owned();
    let revision = change.revision.main;
    let stored = history.value(change.value).map_err(KeyringError::Damage)?;
    let blob = Blob::open(&stored, passphrase);
    let blob = blob.map_err(|source| KeyringError::Blob { key: shown.clone(), revision, source })?;
    let encryption = match blob.encryption_config() {
        Some(Ok(config)) => config.key_names(),
        Some(Err(error)) => {
            notes.push(format!("{shown}: its encryption configuration cannot be read: {error}"));
            Vec::new()
        }
        None => Vec::new(),
    };
    let server_ca = blob.file("ServerCA");
    let ca_hash_fits = token.ca_hash().zip(server_ca).map(|(hash, ca)| certificate::ca_hash_fits(&ca.content, hash));
    if ca_hash_fits == Some(false) {
        notes.push(
            "the CA hash in the token is not that of the server CA inside: the password decides here, and agents that \
             join with this token will refuse the server"
                .to_owned(),
        );
    }
    Ok(Some(Inside {
        key: name.to_vec(),
        revision,
        is_live: history.live(key).is_some_and(|live| live.revision == change.revision),
        files: blob.files().iter().map(|file| listed(file, now)).collect(),
        encryption,
        ca_hash_fits,
        blob,
    }))
}

fn listed(file: &BootstrapFile, now: i64) -> Listed {
    let certificates = certificate::certificates(&file.content).into_iter().map(|certificate| {
        let validity = certificate.validity(now);
        (certificate, validity)
    });
    Listed {
        name: file.name.clone(),
        path: file.path(),
        size: file.content.len(),
        timestamp: file.timestamp.clone(),
        is_secret: file.is_secret(),
        certificates: certificates.collect(),
    }
}

/// What was written of bootstrap data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extracted {
    /// Where to.
    pub directory: PathBuf,
    /// The files, below it.
    pub written: Vec<&'static str>,
    /// What was not written, and why.
    pub left_out: Vec<(String, &'static str)>,
}

/// Writes the files of bootstrap data into `directory`, under the names that k3s has them by below `server/`; those that
/// must be kept secret only with `reveal`. Into a directory that holds something only with `force`; what is there under
/// other names stays.
///
/// # Errors
/// [`OutputError`].
pub fn extract(
    blob: &Blob,
    directory: &Path,
    reveal: bool,
    force: bool,
    inputs: &Watch,
) -> Result<Extracted, OutputError> {
    let mut chosen = Vec::new();
    let mut left_out = Vec::new();
    for file in blob.files() {
        match file.path() {
            None => left_out.push((file.name.clone(), "k3s has no place for it on disk")),
            Some(_) if file.is_secret() && !reveal => {
                left_out.push((file.name.clone(), "secret; --reveal writes it too"));
            }
            Some(path) => chosen.push((path, file)),
        }
    }
    let is_empty = fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none());
    let exists = fs::symlink_metadata(directory).is_ok();
    if exists && !is_empty {
        if !force {
            return Err(OutputError::Exists(directory.to_owned()));
        }
        into_existing(&chosen, directory, inputs)?;
    } else {
        let destination = Destination::new(directory, Kind::Directory, is_empty, inputs)?;
        let made = destination.temporary_directory()?;
        let io = |source| OutputError::Io { path: directory.to_owned(), source };
        for (path, file) in &chosen {
            write_new(&made.path().join(path), file).map_err(io)?;
        }
        for inside in ["tls/etcd", "tls", "cred", "."].map(|inside| made.path().join(inside)) {
            if inside.is_dir() {
                sync_directory(&inside).map_err(io)?;
            }
        }
        destination.publish_directory(made)?;
    }
    Ok(Extracted {
        directory: directory.to_owned(),
        written: chosen.into_iter().map(|(path, _)| path).collect(),
        left_out,
    })
}

fn into_existing(
    chosen: &[(&'static str, &BootstrapFile)],
    directory: &Path,
    inputs: &Watch,
) -> Result<(), OutputError> {
    if inputs.is_input(directory) {
        return Err(OutputError::IsInput(directory.to_owned()));
    }
    if !directory.is_dir() {
        return Err(OutputError::OtherKind { path: directory.to_owned(), what: "a file" });
    }
    for (path, file) in chosen {
        let path = directory.join(path);
        let io = |source| OutputError::Io { path: path.clone(), source };
        if let Some(parent) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(io)?;
        }
        let destination = Destination::new(&path, Kind::File, true, inputs)?;
        let mut temporary = destination.temporary()?;
        temporary.write_all(&file.content).and_then(|()| finish(temporary.as_file(), file)).map_err(io)?;
        destination.publish(temporary)?;
    }
    Ok(())
}

fn write_new(path: &Path, file: &BootstrapFile) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    out.write_all(&file.content)?;
    finish(&out, file)?;
    if fs::read(path)? == file.content { Ok(()) } else { Err(io::Error::other("what was read back differs")) }
}

/// Syncs a file, and gives it the time that k3s would give it: by its times it tells which side is newer.
fn finish(out: &File, file: &BootstrapFile) -> io::Result<()> {
    let stamp = file.timestamp.as_ref().and_then(|stamp| stamp.parse::<jiff::Timestamp>().ok());
    if let Some(seconds) = stamp.and_then(|stamp| u64::try_from(stamp.as_second()).ok()) {
        // A file system without times keeps the content all the same.
        let _ = out.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    }
    out.sync_all()
}

/// A store with the bootstrap data under another token.
pub struct Retoken<'a> {
    /// The store.
    pub source: &'a OpenStore,
    /// The token that fits it.
    pub token: &'a Token,
    /// The token that is to fit the new one, and the file it came from.
    pub new_token: (&'a Token, &'a Path),
    /// Where to: a file of the source's engine.
    pub target: &'a Path,
    /// Overwrite a target that exists.
    pub force: bool,
    /// Seconds since 1970.
    pub now: i64,
}

/// What a store with another token is.
#[derive(Clone, Debug)]
pub struct Retokened {
    /// The report of the copy, with the changes on top.
    pub report: convert::Report,
    /// The hash of the new token.
    pub token_hash: String,
    /// Where the new token was read.
    pub new_token_file: PathBuf,
    /// Whether the passwords inside could be changed too.
    pub passwords_changed: bool,
}

impl Retoken<'_> {
    /// Copies the store, with three kinds of new changes on top: the data under the new token's key, and a tombstone for each
    /// bootstrap key that was live. Exactly one is live then. The order is k3s's own: first the new, then the old goes
    /// (k3s pkg/cluster/storage.go, doMigrateToken).
    ///
    /// # Errors
    /// [`BootstrapError`]; nothing is left under the target's name then.
    pub fn run(&self, progress: &mut (dyn FnMut(Phase, u64, u64) -> bool + Send)) -> Result<Retokened, BootstrapError> {
        let history = self.source.store.history();
        let (new_token, path) = self.new_token;
        let new = new_token.for_new_store();
        let new = new.map_err(|source| BootstrapError::NewToken { path: path.to_owned(), source })?;
        let fitting = fitting(history, self.token);
        if fitting.is_empty() {
            return Err(no_fit(history, self.token).into());
        }
        let live = fitting.iter().find_map(|fit| Some((fit, history.live(fit.key)?)));
        let (fit, change) = live.filter(|(_, change)| change.value.len > 0).ok_or(BootstrapError::NothingLive)?;
        let stored = history.value(change.value).map_err(KeyringError::Damage)?;
        let blob = Blob::open(&stored, fit.passphrase).map_err(|source| KeyringError::Blob {
            key: String::from_utf8_lossy(history.keys().get(fit.key)).into_owned(),
            revision: change.revision.main,
            source,
        });
        let mut blob = blob?;
        if history.keys().get(fit.key) == new.key() {
            return Err(BootstrapError::SameToken);
        }
        let now = jiff::Timestamp::from_second(self.now).unwrap_or_default().to_string();
        let passwords_changed = blob.set_server_password(new, &now);
        let sealed = blob.seal(new).map_err(BootstrapError::Seal)?;
        let opened = Blob::open(&sealed, new).map_err(BootstrapError::Seal)?;
        if opened != blob {
            return Err(BootstrapError::Seal(BlobError::Inside("it does not come out as it went in".to_owned())));
        }
        let mut additions = vec![NewChange::put(new.key(), sealed)];
        let old = live_bootstrap_keys(history).map(|(key, _)| history.keys().get(key)).filter(|key| *key != new.key());
        additions.extend(old.map(NewChange::delete));
        let to = Target::of(history.engine());
        let options = Options { additions, ..Options::plain(to) };
        let job = Convert {
            source: self.source,
            target: self.target,
            options: &options,
            check_only: false,
            force: self.force,
        };
        let mut report = convert::convert(&job, progress)?;
        let old = "the data under the old token stays in the store's history until the next compaction, and the old token \
                   opens it: if that token is known to others, change what is inside too";
        report.notes.push(old.to_owned());
        Ok(Retokened { report, token_hash: new.hash(), new_token_file: path.to_owned(), passwords_changed })
    }
}

/// Why a token opened nothing.
pub fn nothing_opened(source: &OpenStore, given: &Given) -> BootstrapError {
    let history = source.store.history();
    match &given.token {
        Some(token) if fitting(history, token).is_empty() => no_fit(history, token).into(),
        _ => BootstrapError::NothingLive,
    }
}

/// A token from a file.
///
/// # Errors
/// [`KeyringError::File`].
pub fn token_from(path: &Path) -> Result<Token, KeyringError> {
    Ok(Token::new(&super::keyring::read(path)?))
}
