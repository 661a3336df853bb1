//! What can go wrong before a datastore is open.

use std::path::PathBuf;

use super::Format;

/// Why a path could not be opened as a datastore. Each message says what, where, and what to try.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nothing is there.
    #[error("{}: no such file or directory; check the path, k3s keeps its datastore in /var/lib/rancher/k3s/server/db", .0.display())]
    Missing(PathBuf),
    /// The operating system refused.
    #[error("{}: cannot read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A directory or archive without a datastore in it.
    #[error(
        "{0}: no datastore in here; name a state.db, an etcd snapshot, an etcd data directory or k3s's server directory"
    )]
    NoStore(String),
    /// A file that is neither format.
    #[error("{name}: not a datastore: {what}; expected a SQLite file of kine or a bbolt file of etcd")]
    NotAStore {
        /// The file.
        name: String,
        /// What it looks like instead.
        what: &'static str,
    },
    /// A file of a datastore that cannot be read alone.
    #[error("{name}: this is {what}, which cannot be read alone; {hint}")]
    Part {
        /// The file.
        name: String,
        /// What it is.
        what: &'static str,
        /// What to name instead.
        hint: String,
    },
    /// More than one datastore, and no rule says which.
    #[error("{name}: more than one datastore in here; choose one with --member NAME or --store kine|etcd:{list}")]
    Ambiguous {
        /// The directory or archive.
        name: String,
        /// One line per store.
        list: String,
    },
    /// `--store` or `--member` fits nothing.
    #[error("{name}: no datastore in here fits {wanted}; there is:{list}")]
    NoMatch {
        /// The directory or archive.
        name: String,
        /// What was asked for.
        wanted: String,
        /// One line per store.
        list: String,
    },
    /// An archive that cannot be unpacked.
    #[error("{name}: the {format} cannot be unpacked: {source}; the file may be cut off or damaged")]
    Unpack {
        /// The archive.
        name: String,
        /// Its format.
        format: Format,
        /// What the unpacker said.
        source: std::io::Error,
    },
    /// The disk is too full for what an archive or standard input holds.
    #[error(
        "{name}: no room to unpack it in {}, where temporary files are kept; free some, or set TMPDIR to a larger place",
        directory.display()
    )]
    NoRoom {
        /// The archive.
        name: String,
        /// Where temporary files are kept.
        directory: PathBuf,
    },
    /// Archives in archives in archives.
    #[error("{0}: archives are nested too deep; unpack it first")]
    TooDeep(String),
    /// More unpacked bytes than we take.
    #[error("{name}: unpacks to more than {limit} bytes; unpack it yourself and name the file in it")]
    TooLarge {
        /// The archive.
        name: String,
        /// The bound in bytes.
        limit: u64,
    },
    /// An input was written to while we read it.
    #[error("{}: this file is in use: stop k3s or copy it first ({what} changed while it was read)", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
        /// What changed.
        what: &'static str,
    },
}

impl SourceError {
    /// What a failed unpacking means, if it is the disk that failed and not the archive.
    pub(super) fn no_room(name: &str, source: &std::io::Error) -> Option<Self> {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        matches!(source.kind(), StorageFull | QuotaExceeded | FileTooLarge)
            .then(|| Self::NoRoom { name: name.to_owned(), directory: std::env::temp_dir() })
    }

    /// Wraps what the operating system said about a path; a missing file gets its own message.
    pub fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        let path = path.into();
        if source.kind() == std::io::ErrorKind::NotFound { Self::Missing(path) } else { Self::Io { path, source } }
    }
}
