//! A store against manifests: whether the objects are as the manifests say. What a manifest does not mention is no
//! difference, because servers fill it in.

use serde_json::{Map, Value};

use super::select::Selector;
use super::{Called, Difference, Scope, What, compare, hide, noise};
use crate::kube::list_keys::ListKey;
use crate::kube::minor::Minor;
use crate::kube::resources::{Origin, Registry, Resource};
use crate::kube::selector::{ArgumentError, LabelSelector};
use crate::kube::show::{self, View};
use crate::kube::stored::{merge_string_data, to_stored};
use crate::model::KeyState;
use crate::ops::objects::{ObjectError, Objects};
use crate::ops::put::Item;

/// Deeper than any object is.
const DEEPEST: usize = 128;

/// A store at one moment, to be held against manifests.
pub struct AgainstManifests<'o, 's> {
    objects: &'o Objects<'s>,
    registry: Registry,
    definitions: Vec<Value>,
    selector: Selector,
    labels: LabelSelector,
    namespace: Option<String>,
    reveal: bool,
    minor: Minor,
}

/// What is to be said of one object of a manifest.
#[derive(Debug)]
pub enum Told {
    /// It is as the manifest says.
    Same,
    /// It is not among those that are asked for.
    NotMeant,
    /// It is not, or not so.
    Different(Box<Difference>),
    /// It cannot be compared: where it stands, and why.
    Not(String, String),
    /// Its value is closed.
    Closed(ObjectError),
    /// Its value is damaged.
    Failed(ObjectError),
}

impl<'o, 's> AgainstManifests<'o, 's> {
    /// Custom resources are known by the definitions of the store and of the manifests. `scope.namespace` is also that of
    /// objects that name none, else `default` is.
    ///
    /// # Errors
    /// A selector that cannot be read.
    pub fn new(objects: &'o Objects<'s>, items: &[Item], scope: &Scope, reveal: bool) -> Result<Self, ArgumentError> {
        let is_definition =
            |object: &&Value| object.get("kind").and_then(Value::as_str) == Some("CustomResourceDefinition");
        let mut definitions = objects.all_of("customresourcedefinitions.apiextensions.k8s.io");
        definitions.extend(items.iter().map(|item| &item.object).filter(is_definition).cloned());
        let registry = Registry::new(&definitions);
        let selector = Selector::new(scope, &[&registry])?;
        let (minor, _) = objects.minor();
        let (labels, namespace) = (scope.labels.clone(), scope.namespace.clone());
        Ok(Self { objects, registry, definitions, selector, labels, namespace, reveal, minor })
    }

    /// Holds one object of a manifest against the store.
    pub fn look(&self, item: &Item) -> Told {
        let cannot = |why: &str| Told::Not(item.place.clone(), why.to_owned());
        let text = |pointer: &str| item.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let Some(resource) = self.registry.of_object(&item.object) else {
            return cannot(&format!("{} {}: nobody defines this kind", text("/apiVersion"), text("/kind")));
        };
        if text("/metadata/name").is_empty() {
            return cannot("it has no name, so that it is a new object whenever it is created");
        }
        let namespace = match text("/metadata/namespace") {
            _ if !resource.is_namespaced() => None,
            "" => Some(self.namespace.as_deref().unwrap_or("default")),
            own => Some(own),
        };
        let key = self.registry.key(resource, namespace, text("/metadata/name"));
        if !self.selector.means(key.as_bytes(), &self.registry.identify(key.as_bytes())) {
            return Told::NotMeant;
        }
        if !self.labels.matches_object(&item.object) {
            return Told::NotMeant;
        }
        let (mut said, meant) = match self.as_stored(&item.object, resource) {
            Ok(both) => both,
            Err(why) => return cannot(&why),
        };
        without_what_is_the_servers(&mut said);
        let called = Called {
            kind: resource.kind.clone().into_owned(),
            group: resource.group.clone().into_owned(),
            namespace: namespace.map(str::to_owned),
            name: text("/metadata/name").to_owned(),
        };
        let history = self.objects.history();
        let live = history.keys().find(key.as_bytes()).filter(|&key| !history.positions_of(key).is_empty());
        let mut difference = Difference {
            key: key.into_bytes(),
            what: What::Added,
            object: Some(called),
            from_revision: None,
            to_revision: None,
            paths: Some(Vec::new()),
            old: None,
            new: None,
            sizes: (None, None),
        };
        let view = history.at(self.objects.revision());
        let change = match live.map(|key| view.state(key)) {
            Some(KeyState::Live(change)) => change,
            Some(KeyState::Unknown) => return cannot("what the store had at this revision is compacted away"),
            None if view.is_incomplete() => return cannot("what the store had at this revision is compacted away"),
            Some(KeyState::Absent(_)) | None => {
                let mut new = meant;
                if !self.reveal {
                    hide::hide(None, Some(&mut new));
                }
                difference.new = Some(new);
                return Told::Different(Box::new(difference));
            }
        };
        let stored = match self.objects.tree(change, &self.objects.whole(change)) {
            Ok((stored, _)) => stored,
            Err(error @ ObjectError::Locked { .. }) => return Told::Closed(error),
            Err(error) => return Told::Failed(error),
        };
        if stored.get("apiVersion") != meant.get("apiVersion") {
            let is = stored.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
            return cannot(&format!("it is stored as {is}, and the manifest is of {}", text("/apiVersion")));
        }
        let (Some(mut new), have) = said_and_had("", &said, &meant, Some(&stored), 0) else { return Told::Same };
        let mut old = have.unwrap_or(Value::Null);
        let paths = compare::paths(&old, &new);
        if paths.is_empty() {
            return Told::Same;
        }
        compare::align(&old, &mut new);
        if !self.reveal {
            hide::hide(Some(&mut old), Some(&mut new));
        }
        difference.what = What::Changed;
        difference.from_revision = Some(change.revision.main);
        difference.paths = Some(paths);
        (difference.old, difference.new) = (Some(old), Some(new));
        Told::Different(Box::new(difference))
    }

    /// The manifest with a Secret's `stringData` in its `data`, and what a server would make of it: quantities in their
    /// canonical form, numbers as their types have them.
    fn as_stored(&self, object: &Value, resource: &Resource) -> Result<(Value, Value), String> {
        let mut said = object.clone();
        if let Some(secret) = said.as_object_mut().filter(|_| resource.plural == "secrets" && resource.group.is_empty())
        {
            merge_string_data(secret);
        }
        if resource.origin == Origin::Custom {
            return Ok((said.clone(), said));
        }
        let definition = self.definitions.first();
        let stored = to_stored(&said, resource, self.minor, definition).map_err(|error| error.to_string())?;
        let view = View { minor: self.minor, managed_fields: true, resource_version: None, reveal: true, served: true };
        let (mut meant, _) = show::tree(&stored.bytes, &view).map_err(|error| error.to_string())?;
        noise::take_out(&mut meant);
        Ok((said, meant))
    }
}

/// What a server keeps to itself, and controllers write through a subresource: a manifest's word on it is not heard.
fn without_what_is_the_servers(said: &mut Value) {
    let Some(object) = said.as_object_mut() else { return };
    object.remove("status");
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"] {
            metadata.remove(field);
        }
    }
}

/// What a manifest says, in the form in which it would be stored, and what the store has in the same places. Nothing of the
/// first where the manifest says nothing.
fn said_and_had(
    name: &str,
    said: &Value,
    meant: &Value,
    had: Option<&Value>,
    depth: usize,
) -> (Option<Value>, Option<Value>) {
    match (said, meant, had) {
        (Value::Null, ..) => (None, None),
        (Value::Object(said), Value::Object(meant), _) if depth < DEEPEST => {
            let had = had.and_then(Value::as_object);
            let (mut wanted, mut found) = (Map::new(), Map::new());
            for (name, said) in said {
                // What the stored form does not have is empty there, or unknown to the release.
                let Some(meant) = meant.get(name) else { continue };
                let had = had.and_then(|had| had.get(name));
                let (want, have) = said_and_had(name, said, meant, had, depth + 1);
                wanted.extend(want.map(|want| (name.clone(), want)));
                found.extend(have.map(|have| (name.clone(), have)));
            }
            (Some(Value::Object(wanted)), had.map(|_| Value::Object(found)))
        }
        (Value::Array(said), Value::Array(meant), Some(Value::Array(had)))
            if said.len() == meant.len() && depth < DEEPEST =>
        {
            let had = match ListKey::of(name, meant, had) {
                // Of a list that is merged by names, only the items that the manifest names.
                Some(key) => {
                    let find = |item: &Value| {
                        let id = key.id(item)?;
                        had.iter().find(|had| key.id(had).as_ref() == Some(&id))
                    };
                    meant.iter().map(find).collect::<Vec<Option<&Value>>>()
                }
                None if had.len() == meant.len() => had.iter().map(Some).collect(),
                None => return (Some(meant.clone().into()), Some(had.clone().into())),
            };
            let (mut wanted, mut found) = (Vec::new(), Vec::new());
            for ((said, meant), had) in said.iter().zip(meant).zip(had) {
                let (want, have) = said_and_had("", said, meant, had, depth + 1);
                wanted.extend(want);
                found.extend(have);
            }
            (Some(wanted.into()), Some(found.into()))
        }
        _ => (Some(meant.clone()), had.cloned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_manifest_does_not_say_is_no_difference() {
        let said = json!({"spec": {"replicas": 2, "paused": null, "ports": [{"port": 80}], "args": ["a"], "gone": {}}});
        let had = json!({"spec": {
            "replicas": 3, "paused": true, "strategy": {"type": "x"}, "args": ["a"],
            "ports": [{"port": 80, "protocol": "TCP", "nodePort": 1}, {"port": 81, "protocol": "TCP"}],
        }});
        let mut meant = said.clone();
        meant["spec"].as_object_mut().unwrap().remove("gone");
        let (want, have) = said_and_had("", &said, &meant, Some(&had), 0);
        assert_eq!(want.unwrap(), json!({"spec": {"replicas": 2, "ports": [{"port": 80}], "args": ["a"]}}));
        assert_eq!(have.unwrap(), json!({"spec": {"replicas": 3, "ports": [{"port": 80}], "args": ["a"]}}));
    }
}
