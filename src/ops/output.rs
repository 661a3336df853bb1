//! Outputs: all or nothing, never over an input, never beside a WAL that would shadow them.
//!
//! A file is written under a temporary name in the target's directory, synced, read back by who wrote it, and renamed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

use crate::source::{SIDECARS, Watch};

/// Why nothing is written, or what went wrong on the way.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The target exists.
    #[error("{}: exists already; move it away, or overwrite it with --force", .0.display())]
    Exists(PathBuf),
    /// The target is the evidence.
    #[error("{}: is, leads to, holds, belongs to or lies inside an input, which is never written to, not with --force either; choose another name", .0.display())]
    IsInput(PathBuf),
    /// A file that SQLite would apply to the target.
    #[error(
        "{}: lies beside the target, and SQLite would serve it instead of what is written; move it away (not even \
         --force writes beside it)", .0.display()
    )]
    Sidecar(PathBuf),
    /// A directory where a file is to be, or a file where a directory is to be.
    #[error("{}: is {what}, and the target is not; choose another name", path.display())]
    OtherKind {
        /// The target.
        path: PathBuf,
        /// `a directory` or `a file`.
        what: &'static str,
    },
    /// A directory that is replaced is removed with all that is in it.
    #[error("{}: is a directory, and not one of etcd, so that --force does not replace it; choose another name", .0.display())]
    NotEtcd(PathBuf),
    /// A directory that is replaced is removed with all that is in it.
    #[error(
        "{}: is a directory with something else in it than an earlier output of this kind, so that --force does not replace \
         it; choose another name", .0.display()
    )]
    NotOurs(PathBuf),
    /// There is no directory to write in.
    #[error("{}: no such directory; make it first", .0.display())]
    NoDirectory(PathBuf),
    /// The target has no name.
    #[error("{}: is no name for an output", .0.display())]
    NoName(PathBuf),
    /// The disk is too full.
    #[error("{}: {needed} bytes are needed and {free} are free; nothing was written", path.display())]
    NoSpace {
        /// The directory.
        path: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// The operating system refused.
    #[error("{}: cannot write: {source}; no temporary file was left", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What an output will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One file.
    File,
    /// A directory.
    Directory,
}

/// A target that may be written.
#[derive(Debug)]
pub struct Destination {
    path: PathBuf,
    directory: PathBuf,
    name: String,
    force: bool,
}

impl Destination {
    /// Makes sure that `path` may be written: it is no input, it does not exist unless `force`, nothing lies beside it
    /// that would shadow it.
    ///
    /// # Errors
    /// [`OutputError`], with the file to move away.
    pub fn new(path: &Path, kind: Kind, force: bool, inputs: &Watch) -> Result<Self, OutputError> {
        Self::where_replaceable(path, kind, force, inputs, &may_be_replaced, OutputError::NotEtcd)
    }

    /// As [`Self::new`] for a directory that is not etcd's: `ours` says of one that is there whether it may be replaced.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn directory(
        path: &Path,
        force: bool,
        inputs: &Watch,
        ours: &dyn Fn(&Path) -> bool,
    ) -> Result<Self, OutputError> {
        Self::where_replaceable(path, Kind::Directory, force, inputs, ours, OutputError::NotOurs)
    }

    fn where_replaceable(
        path: &Path,
        kind: Kind,
        force: bool,
        inputs: &Watch,
        may_be_replaced: &dyn Fn(&Path) -> bool,
        refusal: fn(PathBuf) -> OutputError,
    ) -> Result<Self, OutputError> {
        let name =
            path.file_name().and_then(|name| name.to_str()).ok_or_else(|| OutputError::NoName(path.to_owned()))?;
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        if !directory.is_dir() {
            return Err(OutputError::NoDirectory(directory));
        }
        if inputs.is_input(path) {
            return Err(OutputError::IsInput(path.to_owned()));
        }
        for suffix in SIDECARS {
            let sidecar = directory.join(format!("{name}{suffix}"));
            if fs::symlink_metadata(&sidecar).is_ok() {
                return Err(OutputError::Sidecar(sidecar));
            }
        }
        if let Ok(metadata) = fs::symlink_metadata(path) {
            if !force {
                return Err(OutputError::Exists(path.to_owned()));
            }
            let followed = fs::metadata(path).unwrap_or(metadata);
            match (kind, followed.is_dir()) {
                (Kind::File, true) => {
                    return Err(OutputError::OtherKind { path: path.to_owned(), what: "a directory" });
                }
                (Kind::Directory, false) => {
                    return Err(OutputError::OtherKind { path: path.to_owned(), what: "a file" });
                }
                (Kind::Directory, true) if !may_be_replaced(path) => {
                    return Err(refusal(path.to_owned()));
                }
                _ => {}
            }
        }
        Ok(Self { path: path.to_owned(), directory, name: name.to_owned(), force })
    }

    /// The target's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes sure that `needed` bytes are free where the target will be.
    ///
    /// # Errors
    /// [`OutputError::NoSpace`].
    pub fn reserve(&self, needed: u64) -> Result<(), OutputError> {
        let free = rustix::fs::statvfs(&self.directory).map(|space| space.f_bavail.saturating_mul(space.f_frsize));
        match free {
            Ok(free) if free < needed => Err(OutputError::NoSpace { path: self.directory.clone(), needed, free }),
            // A file system that does not say is tried.
            _ => Ok(()),
        }
    }

    fn failed(&self, source: io::Error) -> OutputError {
        OutputError::Io { path: self.path.clone(), source }
    }

    /// A temporary file (mode 0600) beside the target; gone when it is dropped.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn temporary(&self) -> Result<NamedTempFile, OutputError> {
        let made =
            tempfile::Builder::new().prefix(&format!(".{}.", self.name)).suffix(".tmp").tempfile_in(&self.directory);
        made.map_err(|error| self.failed(error))
    }

    /// A temporary directory (mode 0700) beside the target; gone when it is dropped.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn temporary_directory(&self) -> Result<TempDir, OutputError> {
        let made = tempfile::Builder::new()
            .prefix(&format!(".{}.", self.name))
            .suffix(".tmp")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(&self.directory);
        made.map_err(|error| self.failed(error))
    }

    /// Gives a synced temporary file its final name, and syncs the directory.
    ///
    /// # Errors
    /// What the operating system says; [`OutputError::Exists`] when the target appeared meanwhile.
    pub fn publish(&self, file: NamedTempFile) -> Result<(), OutputError> {
        let renamed = if self.force { file.persist(&self.path) } else { file.persist_noclobber(&self.path) };
        renamed.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => OutputError::Exists(self.path.clone()),
            _ => self.failed(error.error),
        })?;
        sync_directory(&self.directory).map_err(|error| self.failed(error))
    }

    /// Gives a synced temporary directory its final name. One that is there is exchanged for it and then removed.
    ///
    /// # Errors
    /// What the operating system says; [`OutputError::Exists`] when the target appeared meanwhile.
    pub fn publish_directory(&self, made: TempDir) -> Result<(), OutputError> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        let flags = if self.force && self.path.exists() { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
        renameat_with(CWD, made.path(), CWD, &self.path, flags).map_err(|error| match error {
            rustix::io::Errno::EXIST => OutputError::Exists(self.path.clone()),
            other => self.failed(other.into()),
        })?;
        if flags == RenameFlags::NOREPLACE {
            // The name is gone, so nothing must be removed.
            let _ = made.keep();
        }
        sync_directory(&self.directory).map_err(|error| self.failed(error))
    }
}

/// Writes a file whole or not at all: beside the target, synced, read back, renamed; mode 0600.
///
/// # Errors
/// [`OutputError`]; nothing is left then.
pub fn write_file(path: &Path, bytes: &[u8], force: bool, inputs: &Watch) -> Result<(), OutputError> {
    let destination = Destination::new(path, Kind::File, force, inputs)?;
    destination.reserve(bytes.len() as u64)?;
    let mut made = destination.temporary()?;
    let written = made.write_all(bytes).and_then(|()| made.as_file().sync_all());
    written.map_err(|error| destination.failed(error))?;
    let back = fs::read(made.path()).map_err(|error| destination.failed(error))?;
    if back != bytes {
        return Err(destination.failed(io::Error::other("what was read back differs")));
    }
    destination.publish(made)
}

/// Whether a directory is empty or has the data of an etcd in it.
fn may_be_replaced(directory: &Path) -> bool {
    let is_empty = fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none());
    is_empty || directory.join("member").is_dir()
}

/// Makes a directory's names durable.
///
/// # Errors
/// What the operating system says.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
