//! Which files and directories are the snapshots of a series.

use std::path::{Path, PathBuf};

use crate::source::{SIDECARS, SourceError};

/// What makes a directory one store.
const STORES: [&str; 5] = ["member", "state.db", "db/state.db", "db/etcd", "server/db"];

/// The snapshots that paths name: a file is one, so is the directory of a store, and any other directory is a folder of them.
///
/// # Errors
/// What the operating system says of a path.
pub fn snapshots(paths: &[PathBuf]) -> Result<Vec<PathBuf>, SourceError> {
    let mut found = Vec::new();
    for path in paths {
        let about = std::fs::metadata(path).map_err(|error| SourceError::io(path, error))?;
        if !about.is_dir() || is_store(path) {
            found.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(|error| SourceError::io(path, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| SourceError::io(path, error))?.path();
            if !is_sidecar(&entry) {
                found.push(entry);
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn is_store(dir: &Path) -> bool {
    STORES.iter().any(|inside| dir.join(inside).exists())
}

fn is_sidecar(path: &Path) -> bool {
    let name = path.as_os_str().to_string_lossy();
    SIDECARS.iter().filter_map(|suffix| name.strip_suffix(suffix)).any(|database| Path::new(database).exists())
}
