//! A tree of files, on disk or inside an archive, seen the same way.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::sniff::SNIFF_BYTES;
use super::{Bytes, SourceError};

/// Names in one directory beyond which nobody looks further.
const MOST_ENTRIES: usize = 20_000;

/// A tree of files. Paths inside it are relative, with `/`; the root is "".
pub enum Tree {
    /// A directory on disk.
    Disk(PathBuf),
    /// The members of an archive.
    Archive {
        /// The archive's name for messages.
        name: String,
        /// Its files by path.
        members: BTreeMap<String, Bytes>,
    },
}

/// Joins two paths inside a tree.
pub fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

impl Tree {
    /// The name under which a file of the tree is shown.
    pub fn shown(&self, path: &str) -> String {
        match self {
            Self::Disk(root) if path.is_empty() => root.display().to_string(),
            Self::Disk(root) => root.join(path).display().to_string(),
            Self::Archive { name, .. } if path.is_empty() => name.clone(),
            Self::Archive { name, .. } => format!("{name}!{path}"),
        }
    }

    /// The path on disk, where the tree is one.
    pub fn disk_path(&self, path: &str) -> Option<PathBuf> {
        match self {
            Self::Disk(root) => Some(if path.is_empty() { root.clone() } else { root.join(path) }),
            Self::Archive { .. } => None,
        }
    }

    /// Names of the files and of the directories in `dir`, sorted.
    ///
    /// # Errors
    /// What the operating system says of a directory on disk.
    pub fn list(&self, dir: &str) -> Result<(Vec<String>, Vec<String>), SourceError> {
        let (mut files, mut dirs) = (Vec::new(), Vec::new());
        match self {
            Self::Disk(root) => {
                let path = root.join(dir);
                let entries = fs::read_dir(&path).map_err(|error| SourceError::io(&path, error))?;
                for entry in entries.take(MOST_ENTRIES).flatten() {
                    let Ok(name) = entry.file_name().into_string() else {
                        continue;
                    };
                    match fs::metadata(entry.path()) {
                        Ok(metadata) if metadata.is_dir() => dirs.push(name),
                        Ok(metadata) if metadata.is_file() => files.push(name),
                        _ => {}
                    }
                }
            }
            Self::Archive { members, .. } => {
                let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
                for path in members.keys().filter_map(|path| path.strip_prefix(prefix.as_str())) {
                    match path.split_once('/') {
                        Some((first, _)) => dirs.push(first.to_owned()),
                        None => files.push(path.to_owned()),
                    }
                }
            }
        }
        files.sort();
        dirs.sort();
        dirs.dedup();
        Ok((files, dirs))
    }

    /// Whether there is a file at `path`.
    pub fn is_file(&self, path: &str) -> bool {
        match self {
            Self::Disk(root) => root.join(path).is_file(),
            Self::Archive { members, .. } => members.contains_key(path),
        }
    }

    /// Whether there is a directory at `path`.
    pub fn is_dir(&self, path: &str) -> bool {
        match self {
            Self::Disk(root) => root.join(path).is_dir(),
            Self::Archive { members, .. } => {
                let prefix = format!("{path}/");
                members.range(prefix.clone()..).next().is_some_and(|(name, _)| name.starts_with(&prefix))
            }
        }
    }

    /// The first bytes of a file, enough to tell its format; empty where it cannot be read.
    pub fn head(&self, path: &str) -> Vec<u8> {
        match self {
            Self::Disk(root) => read_head(&root.join(path)).unwrap_or_default(),
            Self::Archive { members, .. } => {
                members.get(path).map(|bytes| bytes.iter().take(SNIFF_BYTES).copied().collect()).unwrap_or_default()
            }
        }
    }

    /// A file's bytes: mapped.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn map(&self, path: &str) -> Result<Bytes, SourceError> {
        match self {
            Self::Disk(root) => {
                let path = root.join(path);
                let map = fs::File::open(&path).and_then(|file| Bytes::map(&file));
                map.map_err(|error| SourceError::io(&path, error))
            }
            Self::Archive { .. } => self.member(path),
        }
    }

    /// A file's bytes: read into memory, as WAL files must be, whose writer may truncate them at any moment.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn read(&self, path: &str) -> Result<Bytes, SourceError> {
        match self {
            Self::Disk(root) => {
                let path = root.join(path);
                fs::read(&path).map(Bytes::from).map_err(|error| SourceError::io(&path, error))
            }
            Self::Archive { .. } => self.member(path),
        }
    }

    fn member(&self, path: &str) -> Result<Bytes, SourceError> {
        match self {
            Self::Archive { members, .. } => members.get(path).cloned(),
            Self::Disk(_) => None,
        }
        .ok_or_else(|| SourceError::Missing(self.shown(path).into()))
    }
}

/// The first bytes of a file on disk.
///
/// # Errors
/// What the operating system says.
pub fn read_head(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    fs::File::open(path)?.take(SNIFF_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}
