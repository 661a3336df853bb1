//! Inputs are evidence: what they were when we opened them, and whether they still are.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::SourceError;

/// What SQLite appends to a database's name for the files that belong to it (sqlite.org, tempfiles.html, section 2).
pub const SIDECARS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A file's identity on this machine, whatever name leads to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl From<&Metadata> for FileId {
    fn from(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

#[derive(Clone, Debug)]
struct Entry {
    path: PathBuf,
    /// `None` for a file that was not there, and must not appear.
    seen: Option<(FileId, u64, (i64, i64))>,
}

/// The files of a source as they were when they were opened.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    entries: Vec<Entry>,
    roots: Vec<PathBuf>,
}

fn look(path: &Path) -> Option<(FileId, u64, (i64, i64))> {
    let metadata = fs::metadata(path).ok()?;
    Some((FileId::from(&metadata), metadata.len(), (metadata.mtime(), metadata.mtime_nsec())))
}

fn identity(path: &Path) -> Option<FileId> {
    fs::metadata(path).ok().map(|metadata| FileId::from(&metadata))
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Watch {
    /// Remembers a file as it is now, or that it is not there.
    pub fn add(&mut self, path: &Path) {
        self.entries.push(Entry { path: path.to_owned(), seen: look(path) });
    }

    /// Remembers a directory that as a whole is the input.
    pub fn add_root(&mut self, path: &Path) {
        self.roots.push(path.to_owned());
    }

    /// Takes over what another one remembers.
    pub fn append(&mut self, other: &Self) {
        self.entries.extend(other.entries.iter().cloned());
        self.roots.extend(other.roots.iter().cloned());
    }

    /// Compares all files with what they were.
    ///
    /// # Errors
    /// [`SourceError::InUse`] for the first file whose size, time of change or identity is another.
    pub fn check(&self) -> Result<(), SourceError> {
        for entry in &self.entries {
            let what = match (entry.seen, look(&entry.path)) {
                (None, None) => continue,
                (Some(before), Some(now)) if before == now => continue,
                (Some(before), Some(now)) if before.0 != now.0 => "the file itself",
                (Some(before), Some(now)) if before.1 != now.1 => "its size",
                (Some(_), Some(_)) => "its modification time",
                _ => "its existence",
            };
            return Err(SourceError::InUse { path: entry.path.clone(), what });
        }
        Ok(())
    }

    /// Whether `path` is one of the inputs (by device and inode, so through links too), lies inside one, holds one, or is
    /// a name that would make a part of one.
    pub fn is_input(&self, path: &Path) -> bool {
        let id = identity(path);
        let same = |entry: &Entry| matches!((entry.seen, id), (Some((seen, ..)), Some(id)) if seen == id);
        self.entries.iter().any(same) || self.is_inside(path) || self.is_around(id) || self.is_beside(path)
    }

    fn is_inside(&self, path: &Path) -> bool {
        let roots: Vec<FileId> = self.roots.iter().filter_map(|root| identity(root)).collect();
        let real = fs::canonicalize(path).or_else(|_| fs::canonicalize(directory_of(path))).unwrap_or_default();
        real.ancestors().filter_map(identity).any(|ancestor| roots.contains(&ancestor))
    }

    /// An output that replaces a directory removes what is in it.
    fn is_around(&self, target: Option<FileId>) -> bool {
        let inputs = self.paths().chain(self.roots.iter().map(PathBuf::as_path));
        let real = inputs.filter_map(|input| fs::canonicalize(input).ok());
        target.is_some() && real.into_iter().any(|input| input.ancestors().any(|around| identity(around) == target))
    }

    /// SQLite reads these files with a database, and so do we (see [`super::locate::sqlite`]).
    fn is_beside(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(db) = SIDECARS.iter().find_map(|suffix| name.strip_suffix(suffix)) else {
            return false;
        };
        let here = identity(directory_of(path));
        self.paths().any(|input| {
            let input_name = input.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let belongs = input_name.strip_suffix(".migrated").unwrap_or(input_name) == db || input_name == db;
            belongs && here.is_some() && identity(directory_of(input)) == here
        })
    }

    /// The files that were there.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.entries.iter().filter(|entry| entry.seen.is_some()).map(|entry| entry.path.as_path())
    }
}
