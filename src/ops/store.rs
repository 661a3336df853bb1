//! A store of either engine, opened from the path that the user named.

use std::path::Path;
use std::sync::Mutex;
use std::thread::JoinHandle;

use crate::etcd::hash::Trailer;
use crate::model::History;
use crate::source::{self, Choice, Damage, Files, Opened, Place, SourceError, Watch};
use crate::{etcd, kine};

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The path leads to no store.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The file is no store of etcd.
    #[error(transparent)]
    Etcd(#[from] etcd::OpenError),
    /// The file is no store of kine.
    #[error(transparent)]
    Kine(#[from] kine::OpenError),
}

/// A store of either engine.
pub enum Store {
    /// etcd's.
    Etcd(Box<etcd::Store>),
    /// kine's.
    Kine(Box<kine::Store>),
}

/// A store, open, with what is known of its files.
pub struct OpenStore {
    /// Its name for messages: the path, with the member inside it.
    pub name: String,
    /// The store.
    pub store: Store,
    /// What the user should know about how it was found.
    pub notes: Vec<String>,
    /// Its files as they were.
    pub watch: Watch,
    /// Their bytes.
    pub files: Files,
    trailer: Mutex<Ahead>,
}

/// A trailer's verdict that is being worked out while other work goes on.
enum Ahead {
    Running(JoinHandle<Trailer>),
    Known(Option<Trailer>),
}

/// Opens the store that `path` names.
///
/// # Errors
/// [`OpenError`].
pub fn open(path: &Path, choice: &Choice) -> Result<OpenStore, OpenError> {
    open_with(path, choice, |_| Ahead::Known(None))
}

/// As [`open`], and starts at once, on a thread of its own, to hash a snapshot against its trailer, which takes longer than
/// everything else.
///
/// # Errors
/// [`OpenError`].
pub fn open_and_hash(path: &Path, choice: &Choice) -> Result<OpenStore, OpenError> {
    open_with(path, choice, |files| {
        let Files::Bolt { db } = files else { return Ahead::Known(None) };
        let bytes = db.bytes.clone();
        let thread = std::thread::Builder::new().name("trailer".to_owned());
        thread.spawn(move || Trailer::check(&bytes)).map_or(Ahead::Known(None), Ahead::Running)
    })
}

fn open_with(path: &Path, choice: &Choice, ahead: impl FnOnce(&Files) -> Ahead) -> Result<OpenStore, OpenError> {
    of_files(source::open(path, choice)?, ahead)
}

/// A store of files that are open already.
///
/// # Errors
/// [`OpenError`].
pub fn opened(files: Opened) -> Result<OpenStore, OpenError> {
    of_files(files, |_| Ahead::Known(None))
}

fn of_files(opened: Opened, ahead: impl FnOnce(&Files) -> Ahead) -> Result<OpenStore, OpenError> {
    let trailer = Mutex::new(ahead(&opened.files));
    let store = match &opened.files {
        Files::Sqlite { db, wal } => Store::Kine(Box::new(kine::Store::open(db, wal.as_ref())?)),
        Files::Bolt { db } => Store::Etcd(Box::new(etcd::Store::open(db)?)),
        Files::EtcdDir { db, wal, .. } => Store::Etcd(Box::new(etcd::Store::open_dir(db, wal)?)),
    };
    Ok(OpenStore { name: opened.name, store, notes: opened.notes, watch: opened.watch, files: opened.files, trailer })
}

impl OpenStore {
    /// The verdict of a snapshot's trailer, hashed now unless [`open_and_hash`] has begun it; nothing for kine.
    pub fn trailer(&self) -> Option<Trailer> {
        let Store::Etcd(store) = &self.store else { return None };
        let mut ahead = self.trailer.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let verdict = match std::mem::replace(&mut *ahead, Ahead::Known(None)) {
            Ahead::Running(thread) => thread.join().ok(),
            Ahead::Known(verdict) => verdict,
        };
        let verdict = verdict.unwrap_or_else(|| store.trailer());
        *ahead = Ahead::Known(Some(verdict));
        Some(verdict)
    }

    /// The damage of a trailer that does not fit its file.
    pub fn wrong_trailer(&self) -> Option<Damage> {
        let Store::Etcd(store) = &self.store else { return None };
        let what =
            "the last 32 bytes are not the SHA-256 of what stands before them: changed or damaged after it was taken";
        (self.trailer() == Some(Trailer::Wrong)).then(|| Damage {
            file: store.bolt().file().clone(),
            place: Place::File,
            id: "trailer",
            what: what.to_owned(),
        })
    }
}

impl Store {
    /// What the store still knows.
    pub fn history(&self) -> &History {
        match self {
            Self::Etcd(store) => store.history(),
            Self::Kine(store) => store.history(),
        }
    }

    /// What is wrong with its files.
    pub fn damage(&self) -> &[Damage] {
        match self {
            Self::Etcd(store) => store.damage(),
            Self::Kine(store) => store.damage(),
        }
    }

    /// Well-formed content that contradicts itself.
    pub fn contradictions(&self) -> &[Damage] {
        match self {
            Self::Etcd(store) => store.contradictions(),
            Self::Kine(store) => store.contradictions(),
        }
    }
}
