//! A store of either engine, opened from the path that the user named.

use std::path::Path;

use crate::model::History;
use crate::source::{self, Choice, Damage, Files, SourceError, Watch};
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
}

/// Opens the store that `path` names.
///
/// # Errors
/// [`OpenError`].
pub fn open(path: &Path, choice: &Choice) -> Result<OpenStore, OpenError> {
    let opened = source::open(path, choice)?;
    let store = match &opened.files {
        Files::Sqlite { db, wal } => Store::Kine(Box::new(kine::Store::open(db, wal.as_ref())?)),
        Files::Bolt { db } => Store::Etcd(Box::new(etcd::Store::open(db)?)),
        Files::EtcdDir { db, wal, .. } => Store::Etcd(Box::new(etcd::Store::open_dir(db, wal)?)),
    };
    Ok(OpenStore { name: opened.name, store, notes: opened.notes, watch: opened.watch })
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
