//! Which revision a moment is, from the stamps inside the objects of a store.

use jiff::Timestamp;
use rayon::prelude::*;

use super::objects::Objects;
use crate::kube::stamps::{Meaning, newest};
use crate::model::{Change, History, Says, revision_at};
pub use crate::model::{Moment, MomentError, Stamped};

/// The newest stamp of every change that has one, in the order of the revisions. Values that are encrypted or are no objects
/// say nothing.
pub fn stamped(objects: &Objects<'_>, changes: &[Change]) -> Vec<Stamped> {
    changes.par_iter().filter_map(|change| stamp(objects, change)).collect()
}

/// The newest stamp of one change, as [`stamped`] takes it.
pub(super) fn stamp(objects: &Objects<'_>, change: &Change) -> Option<Stamped> {
    if !change.is_put() {
        return None;
    }
    let (object, _) = objects.tree(change, &objects.whole(change)).ok()?;
    let is_first = change.create_revision == Some(change.revision.main);
    let stamp = newest(&object, is_first)?;
    let says = if is_first && stamp.meaning == Meaning::Created { Says::Then } else { Says::NotBefore };
    Some(Stamped { revision: change.revision.main, at: stamp.at, says })
}

/// The revision that shows the store as it was at a moment.
///
/// # Errors
/// [`MomentError`] for a moment outside the stamps.
pub fn revision_of(history: &History, moment: Timestamp) -> Result<Moment, MomentError> {
    let keyring = super::keyring::Keyring::new();
    let objects = Objects::new(history, &keyring, None, history.current_revision());
    revision_at(&stamped(&objects, history.changes()), moment)
}
