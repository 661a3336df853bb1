//! What leads from the second state back to the first: what to delete, what to create, what to replace.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value, json};

use super::{Comparison, Pair};
use crate::kube::mask::LAST_APPLIED;
use crate::kube::order;
use crate::model::Change;
use crate::ops::extract::{self, Asked, Bundle, LeftOut, Mode, Piece, Wanted, write_new};
use crate::ops::objects::ObjectError;
use crate::ops::output::{Destination, Kind, OutputError, sync_directory};
use crate::source::Watch;

/// The files that lead back.
#[derive(Clone, Debug, Default)]
pub struct ChangeSet {
    /// Objects that only the second state has: their names, in the order in which they can go.
    pub delete: Vec<Piece>,
    /// Objects that only the first state has.
    pub apply: Vec<Piece>,
    /// Objects that differ in more than what controllers write, as the first state has them.
    pub replace: Vec<Piece>,
    /// What is not in the files.
    pub left_out: Vec<LeftOut>,
    /// Values that are damaged.
    pub damaged: Vec<ObjectError>,
}

/// A file of a change set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its name.
    pub name: &'static str,
    /// Objects in it.
    pub objects: usize,
    /// What kubectl does with it.
    pub verb: &'static str,
}

impl ChangeSet {
    /// What leads back over these pairs, which differ. Secrets come along only if they may be shown.
    pub fn new(comparison: &Comparison<'_, '_>, differing: &[Pair<'_>], reveal: bool) -> Self {
        let sides = || differing.iter().map(|pair| comparison.changes(pair));
        let added: Vec<&Change> = sides().filter(|(old, _)| old.is_none()).filter_map(|(_, new)| new).collect();
        let removed: Vec<&Change> = sides().filter(|(_, new)| new.is_none()).filter_map(|(old, _)| old).collect();
        let changed: Vec<(&Change, &Change)> = sides().filter_map(|(old, new)| Some((old?, new?))).collect();
        let wanted = |reveal| Wanted { mode: Mode::SameCluster, with_deps: false, reveal };
        let mut set = Self::default();
        // Of what is deleted only the names are written, which are no secrets.
        let gone = extract::bundle(comparison.new, &asked(added), wanted(true));
        set.delete = set.take(gone).into_iter().map(only_named).collect();
        set.delete.sort_by_cached_key(|piece| std::cmp::Reverse(order::object_rank(&piece.object)));
        let back = extract::bundle(comparison.old, &asked(removed), wanted(reveal));
        set.apply = set.take(back);
        let (before, now): (Vec<&Change>, Vec<&Change>) = changed.into_iter().unzip();
        let before = extract::bundle(comparison.old, &asked(before), wanted(reveal));
        let now = extract::bundle(comparison.new, &asked(now), wanted(true));
        let now: HashMap<Vec<u8>, Value> = now.pieces.into_iter().map(|piece| (piece.key, piece.object)).collect();
        let mut replace = set.take(before);
        // What differs in its status alone is its controller's business.
        replace.retain(|piece| now.get(&piece.key) != Some(&piece.object));
        set.replace = replace;
        let whole = set.apply.iter_mut().chain(&mut set.replace);
        whole.for_each(|piece| keep_last_applied(comparison, piece));
        set
    }

    fn take(&mut self, bundle: Bundle) -> Vec<Piece> {
        self.left_out.extend(bundle.left_out);
        self.damaged.extend(bundle.damaged);
        bundle.pieces
    }

    /// Writes the files into a new directory. Gives those that there are, in the order in which they are to be used.
    ///
    /// # Errors
    /// [`OutputError`]; nothing is left then.
    pub fn write(&self, directory: &Path, inputs: [&Watch; 2]) -> Result<Vec<Written>, OutputError> {
        if inputs.iter().any(|watch| watch.is_input(directory)) {
            return Err(OutputError::IsInput(directory.to_owned()));
        }
        let destination = Destination::new(directory, Kind::Directory, false, inputs[0])?;
        let made = destination.temporary_directory()?;
        let io = |source| OutputError::Io { path: directory.to_owned(), source };
        let mut written = Vec::new();
        let files = [
            ("delete.yaml", &self.delete, "delete --ignore-not-found"),
            ("apply.yaml", &self.apply, "apply"),
            ("replace.yaml", &self.replace, "replace"),
        ];
        for (name, pieces, verb) in files.into_iter().filter(|(_, pieces, _)| !pieces.is_empty()) {
            let bundle = Bundle { pieces: pieces.clone(), ..Bundle::default() };
            write_new(&made.path().join(name), &bundle.yaml()).map_err(io)?;
            written.push(Written { name, objects: pieces.len(), verb });
        }
        sync_directory(made.path()).map_err(io)?;
        destination.publish_directory(made)?;
        Ok(written)
    }
}

fn only_named(piece: Piece) -> Piece {
    let text = |pointer: &str| piece.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let mut object = json!({
        "apiVersion": text("/apiVersion"),
        "kind": text("/kind"),
        "metadata": {"name": text("/metadata/name")},
    });
    if let Some(namespace) = piece.object.pointer("/metadata/namespace") {
        object["metadata"]["namespace"] = namespace.clone();
    }
    Piece { object, ..piece }
}

/// `kubectl replace` and `create` write the whole object: without this annotation, a later `kubectl apply` would not know what it had set.
fn keep_last_applied(comparison: &Comparison<'_, '_>, piece: &mut Piece) {
    let objects = comparison.old;
    let history = objects.history();
    let change = history
        .keys()
        .find(&piece.key)
        .and_then(|key| history.changes_of(key).rfind(|change| change.revision.main == piece.revision));
    let Some(Ok((whole, _))) = change.map(|change| objects.tree(change, &objects.whole(change))) else { return };
    let annotation = whole.pointer("/metadata/annotations").and_then(|annotations| annotations.get(LAST_APPLIED));
    if let (Some(annotation), Some(metadata)) =
        (annotation, piece.object.get_mut("metadata").and_then(Value::as_object_mut))
    {
        let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(LAST_APPLIED.to_owned(), annotation.clone());
        }
    }
}

fn asked(changes: Vec<&Change>) -> Vec<Asked<'_>> {
    changes.into_iter().map(|change| Asked { change, by_name: false }).collect()
}
