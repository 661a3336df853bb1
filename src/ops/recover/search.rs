//! From the path that the user named to everything that its files still hold.

use std::path::Path;

use super::content;
use crate::ops::convert::Target;
use crate::ops::store::OpenError;
use crate::source::{self, Choice, File, Files, SourceError, Watch};
use crate::sqlite::Reading;
use crate::{etcd, kine};

/// What was found, by engine.
pub enum Salvaged {
    /// Rows of kine.
    Kine(kine::salvage::Salvage),
    /// Rows of etcd.
    Etcd(etcd::salvage::Salvage),
}

/// What was found in a store's files.
pub struct Found {
    /// The store's name.
    pub name: String,
    /// What was found.
    pub salvaged: Salvaged,
    /// What the user should know about how it was found.
    pub notes: Vec<String>,
    /// The files as they were.
    pub watch: Watch,
}

impl Found {
    /// A store of the engine that wrote the source.
    pub fn own_target(&self) -> Target {
        match self.salvaged {
            Salvaged::Kine(_) => Target::Kine,
            Salvaged::Etcd(_) => Target::EtcdSnapshot,
        }
    }
}

/// Searches the files of a store.
///
/// # Errors
/// The path leads to no file that could be one.
pub fn search(path: &Path, choice: &Choice, reading: Reading) -> Result<Found, OpenError> {
    let (name, files, notes, watch) = match source::open(path, choice) {
        Ok(opened) => (opened.name, opened.files, opened.notes, opened.watch),
        Err(error @ (SourceError::NotAStore { .. } | SourceError::NoStore(_) | SourceError::Part { .. })) => {
            let raw = source::open_raw(path).map_err(|_| error)?;
            let (name, db, beside, watch) = raw;
            let files = guess(db, beside, choice);
            let what = format!("{name}: no header tells what it is; it is searched for rows of {}", engine(&files));
            (name, files, vec![what], watch)
        }
        Err(error) => return Err(error.into()),
    };
    let salvaged = match &files {
        Files::Sqlite { db, wal } => Salvaged::Kine(kine::salvage::Salvage::of(db, wal.as_ref(), reading)),
        Files::Bolt { db } => Salvaged::Etcd(etcd::salvage::Salvage::of(db, &[], &content::check)),
        Files::EtcdDir { db, wal, .. } => {
            let log: &[File] = if reading == Reading::Use { wal } else { &[] };
            Salvaged::Etcd(etcd::salvage::Salvage::of(db, log, &content::check))
        }
    };
    let mut notes = notes;
    if let Salvaged::Etcd(salvage) = &salvaged {
        notes.extend(salvage.notes.iter().cloned());
    }
    Ok(Found { name, salvaged, notes, watch })
}

fn engine(files: &Files) -> &'static str {
    match files {
        Files::Sqlite { .. } => "kine",
        _ => "etcd",
    }
}

/// Which engine's rows a file without a header holds. etcd's records begin with the key as a protobuf field: the tag and
/// its length stand before it.
fn guess(db: File, wal: Option<File>, choice: &Choice) -> Files {
    const LOOKED_AT: usize = 2000;
    let is_etcd = match choice.store.as_deref() {
        Some(store) => store == "etcd",
        None if wal.is_some() => false,
        None => {
            let names = memchr::memmem::find_iter(&db.bytes, b"/registry/").take(LOOKED_AT);
            let tagged = |at: &usize| at.checked_sub(2).and_then(|at| db.bytes.get(at)) == Some(&0x0a);
            let (all, tagged) = names.fold((0, 0), |(all, of), at| (all + 1, of + usize::from(tagged(&at))));
            tagged * 2 > all
        }
    };
    if is_etcd { Files::Bolt { db } } else { Files::Sqlite { db, wal } }
}
