//! Taking parts out of an object, with a record of what and why.

use serde_json::Value;

use super::{Removal, Stripped, Warning};

/// An object that loses parts.
pub(super) struct Remover {
    pub(super) object: Value,
    removed: Vec<Removal>,
    warnings: Vec<Warning>,
}

impl Remover {
    pub(super) fn new(object: Value) -> Self {
        Self { object, removed: Vec::new(), warnings: Vec::new() }
    }

    pub(super) fn finish(self) -> Stripped {
        Stripped { object: self.object, removed: self.removed, warnings: self.warnings }
    }

    pub(super) fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }

    pub(super) fn text(&self, pointer: &str) -> Option<&str> {
        self.object.pointer(pointer).and_then(Value::as_str)
    }

    /// Removes the member at a JSON pointer; whether there was one.
    pub(super) fn remove(&mut self, pointer: &str, why: &'static str) -> bool {
        let taken = take(&mut self.object, pointer).is_some();
        if taken {
            self.removed.push(Removal { path: pointer.to_owned(), why });
        }
        taken
    }

    /// Removes the member if nothing is in it. Only for containers that mean nothing when empty.
    pub(super) fn remove_if_empty(&mut self, pointer: &str) {
        let empty = match self.object.pointer(pointer) {
            Some(Value::Object(map)) => map.is_empty(),
            Some(Value::Array(list)) => list.is_empty(),
            _ => false,
        };
        if empty {
            take(&mut self.object, pointer);
        }
    }

    /// Removes an annotation, and the annotations with the last one.
    pub(super) fn remove_annotation(&mut self, key: &str, why: &'static str) {
        self.remove_entry("/metadata/annotations", key, why);
    }

    /// Removes an entry of a map of labels or annotations, and the map with the last one.
    pub(super) fn remove_entry(&mut self, map: &str, key: &str, why: &'static str) {
        if self.remove(&format!("{map}/{}", escaped(key)), why) {
            self.remove_if_empty(map);
        }
    }

    /// Keeps the elements of a list that `keep` wants, and the list unless none is left of some.
    pub(super) fn retain(&mut self, pointer: &str, why: &'static str, keep: &mut dyn FnMut(&Value) -> bool) {
        let Some(list) = self.object.pointer_mut(pointer).and_then(Value::as_array_mut) else { return };
        let mut at = 0;
        let mut gone = Vec::new();
        list.retain(|element| {
            let stays = keep(element);
            if !stays {
                gone.push(at);
            }
            at += 1;
            stays
        });
        let none_left = list.is_empty() && !gone.is_empty();
        self.removed.extend(gone.into_iter().map(|at| Removal { path: format!("{pointer}/{at}"), why }));
        if none_left {
            take(&mut self.object, pointer);
        }
    }
}

/// A key as a part of a JSON pointer.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Takes a member out of its object.
fn take(object: &mut Value, pointer: &str) -> Option<Value> {
    let (parent, key) = pointer.rsplit_once('/')?;
    let key = key.replace("~1", "/").replace("~0", "~");
    object.pointer_mut(parent)?.as_object_mut()?.remove(&key)
}
