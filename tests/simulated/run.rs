//! Converts, and holds every conversion to what all of them promise: inputs stay as they are, a refusal leaves nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kinescope::ops::convert::{Convert, ConvertError, Options, Reason, Report, convert};
use kinescope::ops::store::{self, OpenError, OpenStore};
use kinescope::source::Choice;

use super::Named;

/// A directory in memory where there is one: conversions sync.
pub fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// The names and bytes of all files below a directory.
pub fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                found.insert(path.clone(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// The bytes of a file, or of all files below a directory.
pub fn contents_of(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    if path.is_dir() { contents(path) } else { BTreeMap::from([(path.to_owned(), fs::read(path).unwrap())]) }
}

/// Why there is no target.
#[derive(Debug)]
pub enum Refused {
    Open(OpenError),
    Convert(ConvertError),
}

/// Opens and converts `source` to `target` in the same directory.
pub fn run(source: &Path, target: &Path, options: &Options) -> Result<Report, Refused> {
    let directory = source.parent().unwrap();
    assert_eq!(target.parent(), Some(directory));
    let before = contents(directory);
    let result = match open(source) {
        Ok(opened) => {
            let job = Convert { source: &opened, target, options, check_only: false, force: false };
            convert(&job, &mut |_, _, _| true).map_err(Refused::Convert)
        }
        Err(error) => Err(Refused::Open(error)),
    };
    let mut after = contents(directory);
    if result.is_ok() {
        let is_new = |path: &PathBuf| !before.contains_key(path);
        assert!(
            after.keys().filter(|path| is_new(path)).all(|path| path.starts_with(target)),
            "only the target is new"
        );
        assert!(target.exists());
        after.retain(|path, _| !path.starts_with(target));
    }
    assert!(before == after, "the inputs are as they were, and nothing lies beside them");
    result
}

/// Opens a store by its path.
pub fn open(path: &Path) -> Result<OpenStore, OpenError> {
    store::open(path, &Choice::default())
}

/// What a report names as left out; every entry has its revision.
pub fn named(report: &Report) -> Named {
    report.left_out.iter().map(|(key, left)| (left.revision.unwrap(), key.clone())).collect()
}

/// What a report names as left out for one reason.
pub fn named_for(report: &Report, reason: Reason) -> Named {
    let fits = report.left_out.iter().filter(|(_, left)| left.reason == reason);
    fits.map(|(key, left)| (left.revision.unwrap(), key.clone())).collect()
}
