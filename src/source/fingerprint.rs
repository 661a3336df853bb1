//! Inputs are evidence: what they were when we opened them, and whether they still are.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::SourceError;

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

impl Watch {
    /// Remembers a file as it is now, or that it is not there.
    pub fn add(&mut self, path: &Path) {
        self.entries.push(Entry { path: path.to_owned(), seen: look(path) });
    }

    /// Remembers a directory that as a whole is the input.
    pub fn add_root(&mut self, path: &Path) {
        self.roots.push(path.to_owned());
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

    /// Whether `path` is one of the inputs (by device and inode, so through links too) or lies inside one.
    pub fn is_input(&self, path: &Path) -> bool {
        let id = fs::metadata(path).ok().map(|metadata| FileId::from(&metadata));
        let same = |entry: &Entry| matches!((entry.seen, id), (Some((seen, ..)), Some(id)) if seen == id);
        if self.entries.iter().any(same) {
            return true;
        }
        let roots: Vec<FileId> = self
            .roots
            .iter()
            .filter_map(|root| fs::metadata(root).ok())
            .map(|metadata| FileId::from(&metadata))
            .collect();
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let real = fs::canonicalize(path).or_else(|_| fs::canonicalize(parent)).unwrap_or_default();
        real.ancestors()
            .filter_map(|ancestor| fs::metadata(ancestor).ok())
            .any(|metadata| roots.contains(&FileId::from(&metadata)))
    }

    /// The files that were there.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.entries.iter().filter(|entry| entry.seen.is_some()).map(|entry| entry.path.as_path())
    }
}
