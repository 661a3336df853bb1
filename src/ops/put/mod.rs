//! A new datastore in which objects of manifests are new revisions on top of all others, and objects are deleted.
//!
//! For those who know what they do: nothing validates, defaults or admits what is put, as a server would. What a server
//! does to the metadata of every write is done (`prepare`); fields that it would drop are refused.

mod manifest;
mod prepare;
mod refusal;

use std::path::Path;

use jiff::Timestamp;

pub use manifest::{Item, Manifests};
pub use refusal::{PutError, Refusal, What};

use super::convert::{self, Convert, NewChange, Options, Phase, Target};
use super::keyring::Keyring;
use super::objects::{MinorFrom, Objects};
use super::output::OutputError;
use super::store::OpenStore;
use crate::kube::encryption::Label;
use crate::kube::minor::Minor;
use crate::model::Engine;
use crate::source::SourceError;

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It was not there.
    Created,
    /// It was there.
    Updated,
    /// It is gone.
    Deleted,
}

impl Action {
    /// Its name in JSON, and on the screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// An object of the new store, or one that is no longer in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The key.
    pub key: Vec<u8>,
    /// The revision of the change; 0 until it is known.
    pub revision: i64,
    /// What happened.
    pub action: Action,
    /// `deployment.apps/web`; nothing for a key that is no object.
    pub object: Option<String>,
    /// Its namespace.
    pub namespace: Option<String>,
    /// What the new value is encrypted with; `None` for plain ones.
    pub encrypted: Option<Label>,
}

/// What to put.
pub struct Put<'a> {
    /// The store.
    pub source: &'a OpenStore,
    /// The keys of its encrypted values.
    pub keyring: &'a Keyring,
    /// Where to.
    pub target: &'a Path,
    /// What to write; `None` for the source's engine.
    pub to: Option<Target>,
    /// The objects.
    pub manifests: Manifests,
    /// What to delete: `KIND/NAME`, or a key.
    pub delete: &'a [String],
    /// The namespace of objects that name none.
    pub namespace: Option<&'a str>,
    /// The release to write for; `None` for the one that the Nodes report.
    pub minor: Option<Minor>,
    /// Only try.
    pub check_only: bool,
    /// Overwrite a target that exists.
    pub force: bool,
    /// The time at which new objects are created.
    pub now: Timestamp,
}

/// What was put.
#[derive(Clone, Debug)]
pub struct Done {
    /// The report of the copy, with the changes on top.
    pub report: convert::Report,
    /// The objects, in the order of their revisions.
    pub changed: Vec<Changed>,
    /// The engine of the source.
    pub from: Engine,
    /// The release that was written for, and how it was found.
    pub minor: (Minor, MinorFrom),
}

impl Put<'_> {
    /// Writes the new store.
    ///
    /// # Errors
    /// [`PutError`]; nothing is left under the target's name then.
    pub fn run(self, progress: &mut (dyn FnMut(Phase, u64, u64) -> bool + Send)) -> Result<Done, PutError> {
        if self.manifests.files.is_input(self.target) {
            return Err(OutputError::IsInput(self.target.to_owned()).into());
        }
        let history = self.source.store.history();
        let objects = Objects::new(history, self.keyring, self.minor, history.current_revision());
        let prepared = prepare::all(&self, &objects)?;
        if prepared.changes.is_empty() {
            return Err(PutError::Nothing);
        }
        let from = history.engine();
        let to = self.to.unwrap_or(Target::of(from));
        let additions: Vec<NewChange> = prepared.changes;
        let options = Options { additions, ..Options::plain(to) };
        let job = Convert {
            source: self.source,
            target: self.target,
            options: &options,
            check_only: self.check_only,
            force: self.force,
        };
        self.manifests.files.check().map_err(changed)?;
        let mut report = convert::convert(&job, progress)?;
        let mut changed = prepared.changed;
        for (changed, added) in changed.iter_mut().zip(&report.added) {
            changed.revision = added.revision;
        }
        report.notes.extend(prepared.notes);
        Ok(Done { report, changed, from, minor: objects.minor() })
    }
}

fn changed(error: SourceError) -> PutError {
    PutError::Source(error)
}
