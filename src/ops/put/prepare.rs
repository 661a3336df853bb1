//! From manifests to new changes: what a server does to an object before it stores it, and what it would refuse.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{Action, Changed, Put, PutError, Refusal, What};
use crate::kube::encryption::{self, Writes};
use crate::kube::resources::{Registry, Resource};
use crate::kube::selector::Selection;
use crate::kube::show::{self, View};
use crate::kube::sink::KeyOrder;
use crate::kube::stored::{self, Form};
use crate::kube::table::Types;
use crate::model::{Change, History};
use crate::ops::convert::{NewChange, NewOp};
use crate::ops::keyring::{SealNewError, seal_new};
use crate::ops::objects::{MinorFrom, ObjectError, Objects};

const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";

/// All that is to change.
#[derive(Default)]
pub(super) struct Prepared {
    /// The changes, in order.
    pub changes: Vec<NewChange>,
    /// What they are, in the same order.
    pub changed: Vec<Changed>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Makes the changes of a put.
///
/// # Errors
/// [`PutError::Refused`] with every object that cannot be put.
pub(super) fn all(put: &Put<'_>, objects: &Objects<'_>) -> Result<Prepared, PutError> {
    let definitions = definitions(put, objects);
    let registry = Registry::new(&definitions);
    let mut making = Making {
        put,
        objects,
        registry: &registry,
        definitions: &definitions,
        prepared: Prepared::default(),
        refused: Vec::new(),
        seen: HashMap::new(),
    };
    for item in &put.manifests.items {
        if let Err(what) = making.object(&item.place, &item.object) {
            making.refused.push(Refusal { place: item.place.clone(), what: Box::new(what) });
        }
    }
    for argument in put.delete {
        if let Err(what) = making.delete(argument) {
            making.refused.push(Refusal { place: format!("--delete {argument}"), what: Box::new(what) });
        }
    }
    making.check_namespaces();
    if !making.refused.is_empty() {
        return Err(PutError::Refused(making.refused));
    }
    Ok(making.prepared)
}

/// The definitions of the store, and over them those of the manifests.
fn definitions(put: &Put<'_>, objects: &Objects<'_>) -> Vec<Value> {
    let name = |definition: &Value| definition.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned);
    let of_manifests = put.manifests.items.iter().map(|item| &item.object);
    let new: Vec<&Value> = of_manifests
        .filter(|object| object.get("kind").is_some_and(|kind| kind == "CustomResourceDefinition"))
        .collect();
    let mut definitions = objects.all_of(DEFINITIONS);
    definitions.retain(|old| !new.iter().any(|new| name(new) == name(old)));
    definitions.extend(new.into_iter().cloned());
    definitions
}

struct Making<'a, 's> {
    put: &'a Put<'a>,
    objects: &'a Objects<'s>,
    registry: &'a Registry,
    definitions: &'a [Value],
    prepared: Prepared,
    refused: Vec<Refusal>,
    /// Keys with the place that names them.
    seen: HashMap<String, String>,
}

/// What is there already.
struct Before<'s> {
    change: &'s Change,
    /// `None` where it cannot be read.
    object: Option<Value>,
}

impl<'a, 's> Making<'a, 's> {
    fn history(&self) -> &'s History {
        self.objects.history()
    }

    fn note(&mut self, note: impl Into<String>) {
        self.prepared.notes.push(note.into());
    }

    fn object(&mut self, place: &str, given: &Value) -> Result<(), What> {
        let mut object = given.as_object().cloned().ok_or(What::NoObject("members"))?;
        let text = |name: &'static str| given.get(name).and_then(Value::as_str).ok_or(What::NoObject(name));
        let (api_version, kind) = (text("apiVersion")?.to_owned(), text("kind")?.to_owned());
        let resource = self.registry.of_object(given);
        let resource =
            resource.ok_or_else(|| What::UnknownKind { api_version: api_version.clone(), kind: kind.clone() })?;
        let definition = self.definition_of(resource);
        self.check_version(resource, &api_version, definition)?;
        let mut metadata = match object.remove("metadata") {
            Some(Value::Object(metadata)) => metadata,
            _ => return Err(What::NoObject("metadata")),
        };
        let name = name_of(&metadata)?;
        let namespace = self.namespace_of(resource, &metadata)?;
        let key = self.registry.key(resource, namespace.as_deref(), &name);
        let shown = shown(resource, namespace.as_deref(), &name);
        if let Some(first) = self.seen.insert(key.clone(), place.to_owned()) {
            return Err(What::Twice { what: shown, first });
        }
        let before = self.before(resource, &key, &metadata)?;
        self.fill_metadata(resource, &mut metadata, namespace.as_deref(), before.as_ref(), &shown)?;
        fill_object(resource, &mut object, before.as_ref());
        self.note_what_a_server_would_add(resource, &object, &metadata, before.is_some(), &shown);
        object.insert("metadata".to_owned(), Value::Object(metadata));
        let mut object = Value::Object(object);
        let mut plain = self.stored(resource, &object, definition)?;
        if let Some(Before { object: Some(old), .. }) = &before
            && let Some(next) = self.next_generation(resource, given, old, &plain)
        {
            if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.insert("generation".to_owned(), next.into());
            }
            plain = self.stored(resource, &object, definition)?;
        }
        let full_name = resource.full_name();
        let keyring = self.put.keyring;
        let value =
            seal_new(self.history(), keyring, &full_name, key.as_bytes(), &plain).map_err(What::Seal)?.into_owned();
        let encrypted = match keyring.writes(&full_name) {
            Writes::Encrypted(label) => Some(label),
            Writes::Plain | Writes::Impossible(_) => None,
        };
        let ttl = before.as_ref().and_then(|before| self.history().ttl(before.change.lease));
        self.prepared.changed.push(Changed {
            key: key.clone().into_bytes(),
            revision: 0,
            action: if before.is_some() { Action::Updated } else { Action::Created },
            object: Some(format!("{}/{name}", resource.kind_name())),
            namespace,
            encrypted,
        });
        self.prepared.changes.push(NewChange { key: key.into_bytes(), op: NewOp::Put { value, ttl } });
        Ok(())
    }

    fn definition_of(&self, resource: &Resource) -> Option<&'a Value> {
        let is = |definition: &Value, path: &str, text: &str| definition.pointer(path).is_some_and(|own| own == text);
        self.definitions.iter().find(|definition| {
            is(definition, "/spec/group", &resource.group) && is(definition, "/spec/names/plural", &resource.plural)
        })
    }

    /// The version must be the one that a server stores, or the one that the newest object of its kind is stored in.
    fn check_version(&self, resource: &Resource, given: &str, definition: Option<&Value>) -> Result<(), What> {
        let (minor, from) = self.objects.minor();
        let kind = resource.kind.clone().into_owned();
        let form = Form::of(resource);
        if form == Form::Protobuf && from == MinorFrom::Newest {
            return Err(What::NoRelease(kind));
        }
        let wanted = match form {
            // Stored as v1beta1, and made of what everybody writes.
            Form::Definition => Some("apiextensions.k8s.io/v1".to_owned()),
            _ => stored::stored_version(resource, minor, definition),
        };
        let Some(wanted) = wanted else {
            return Err(What::OtherRelease { minor, kind, given: given.to_owned() });
        };
        let is_read = || form == Form::Protobuf && Types::of(minor, KeyOrder::Bytes).has_kind(given, &resource.kind);
        if given == wanted || is_read() && self.newest_version(resource).as_deref() == Some(given) {
            return Ok(());
        }
        Err(What::OtherVersion { kind, given: given.to_owned(), wanted })
    }

    /// The apiVersion of the object of a resource that was written last.
    fn newest_version(&self, resource: &Resource) -> Option<String> {
        let found = self.objects.select(resource, None, None, &Default::default());
        let newest = found.live.into_iter().max_by_key(|change| change.revision)?;
        let (tree, _) = self.objects.tree(newest, &self.objects.whole(newest)).ok()?;
        tree.get("apiVersion").and_then(Value::as_str).map(str::to_owned)
    }

    fn namespace_of(&self, resource: &Resource, metadata: &Map<String, Value>) -> Result<Option<String>, What> {
        let own = match metadata.get("namespace") {
            None | Some(Value::Null) => None,
            Some(Value::String(own)) => Some(own.as_str()).filter(|own| !own.is_empty()),
            Some(_) => return Err(What::Name("metadata.namespace is no string".to_owned())),
        };
        match (resource.is_namespaced(), own, self.put.namespace) {
            (false, None, _) => Ok(None),
            (false, Some(own), _) => {
                Err(What::NotNamespaced { kind: resource.kind.clone().into_owned(), namespace: own.to_owned() })
            }
            (true, Some(found), Some(wanted)) if found != wanted => {
                Err(What::OtherNamespace { found: found.to_owned(), wanted: wanted.to_owned() })
            }
            (true, own, given) => {
                let namespace = own.or(given).unwrap_or("default");
                check_segment("namespace", namespace)?;
                Ok(Some(namespace.to_owned()))
            }
        }
    }

    /// What the store has under a key. One that cannot be read may be replaced by an object that brings its own uid.
    fn before(
        &mut self,
        resource: &Resource,
        key: &str,
        metadata: &Map<String, Value>,
    ) -> Result<Option<Before<'s>>, What> {
        let history = self.history();
        let live = history.keys().find(key.as_bytes()).and_then(|key| history.live(key));
        let Some(change) = live else { return Ok(None) };
        match self.objects.tree(change, &self.as_stored(resource)) {
            Ok((object, _)) => Ok(Some(Before { change, object: Some(object) })),
            Err(ObjectError::Show { .. }) if text_in(metadata, "uid").is_some() => {
                self.note(format!("{key}: what was there could not be read, and is replaced as a whole"));
                Ok(Some(Before { change, object: None }))
            }
            Err(error) => Err(What::Before(error)),
        }
    }

    /// As it is stored, but for CustomResourceDefinitions, which nobody writes as they are stored.
    fn as_stored(&self, resource: &Resource) -> View {
        View {
            minor: self.objects.minor().0,
            managed_fields: true,
            resource_version: None,
            reveal: true,
            served: Form::of(resource) == Form::Definition,
        }
    }

    /// As a server's BeforeCreate and BeforeUpdate do (apiserver pkg/registry/rest), but that what the manifest says of uid,
    /// times and generation stands.
    fn fill_metadata(
        &mut self,
        resource: &Resource,
        metadata: &mut Map<String, Value>,
        namespace: Option<&str>,
        before: Option<&Before<'_>>,
        shown: &str,
    ) -> Result<(), What> {
        metadata.retain(|_, value| !value.is_null());
        metadata.remove("selfLink");
        let given_revision = metadata.remove("resourceVersion");
        if let Some(namespace) = namespace {
            metadata.insert("namespace".to_owned(), namespace.into());
        }
        let Some(before) = before else {
            if !metadata.contains_key("uid") {
                let bytes = encryption::random::<16>().map_err(|error| What::Seal(SealNewError::Seal(error)))?;
                let uid = uuid::Builder::from_random_bytes(bytes).into_uuid().to_string();
                metadata.insert("uid".to_owned(), uid.into());
            }
            let created = jiff::Timestamp::from_second(self.put.now.as_second()).unwrap_or(self.put.now);
            metadata.entry("creationTimestamp").or_insert_with(|| created.to_string().into());
            if stored::begins_generations(resource) {
                metadata.entry("generation").or_insert_with(|| 1.into());
            }
            return Ok(());
        };
        let revision = before.change.revision.main.to_string();
        if let Some(Value::String(given)) = given_revision
            && !given.is_empty()
            && given != revision
        {
            self.note(format!(
                "{shown}: the manifest is of resourceVersion {given}, and the store has {revision}: what changed between is \
                 overwritten"
            ));
        }
        let empty = Map::new();
        let old = before.object.as_ref().and_then(|object| object.get("metadata")?.as_object()).unwrap_or(&empty);
        if let (Some(stored), Some(given)) = (text_in(old, "uid"), text_in(metadata, "uid"))
            && stored != given
        {
            let (stored, given) = (stored.to_owned(), given.to_owned());
            return Err(What::OtherUid { kind: resource.kind.clone().into_owned(), stored, given });
        }
        for kept in ["uid", "creationTimestamp", "generation", "managedFields"] {
            if let (false, Some(value)) = (metadata.contains_key(kept), old.get(kept)) {
                metadata.insert(kept.to_owned(), value.clone());
            }
        }
        if old.contains_key("deletionTimestamp") && !metadata.contains_key("deletionTimestamp") {
            self.note(format!("{shown} was being deleted, and no longer is: the manifest has no deletionTimestamp"));
        }
        Ok(())
    }

    fn stored(&self, resource: &Resource, object: &Value, definition: Option<&Value>) -> Result<Vec<u8>, What> {
        let minor = self.objects.minor().0;
        let stored = stored::to_stored(object, resource, minor, definition).map_err(What::Store)?;
        if stored.unknown.is_empty() {
            return Ok(stored.bytes);
        }
        let of = if definition.is_some() { String::new() } else { format!("Kubernetes {minor}") };
        Err(What::UnknownFields { kind: resource.kind.clone().into_owned(), of, paths: stored.unknown })
    }

    /// The generation counts changes of the spec, where the kind counts at all.
    fn next_generation(&self, resource: &Resource, given: &Value, old: &Value, plain: &[u8]) -> Option<i64> {
        if given.pointer("/metadata/generation").is_some_and(|generation| !generation.is_null()) {
            return None;
        }
        let generation = old.pointer("/metadata/generation")?.as_i64()?;
        let (new, _) = show::tree(plain, &self.as_stored(resource)).ok()?;
        (new.get("spec") != old.get("spec")).then(|| generation.saturating_add(1))
    }

    /// What a server does when it creates an object, and nobody does here.
    fn note_what_a_server_would_add(
        &mut self,
        resource: &Resource,
        object: &Map<String, Value>,
        metadata: &Map<String, Value>,
        existed: bool,
        shown: &str,
    ) {
        let set =
            |path: &str| object.get("spec").is_some_and(|spec| spec.pointer(path).is_some_and(|at| !at.is_null()));
        let is = |group: &str, plural: &str| resource.group == group && resource.plural == plural;
        let name = text_in(metadata, "name").unwrap_or_default();
        if existed {
            return;
        }
        if is("", "services") && !set("/clusterIP") && !set("/externalName") {
            self.note(format!(
                "{shown} has no spec.clusterIP, and no server allocates one for a Service that is there already"
            ));
        }
        if is("", "namespaces") && !set("/finalizers") {
            self.note(format!(
                "{shown} has no finalizer: with spec.finalizers: [kubernetes], deleting it later deletes what is in it"
            ));
        }
        if is("", "events") {
            self.note(format!("{shown} never expires: a server would give it a time to live"));
        }
        if let Some(namespace) = text_in(metadata, "namespace")
            && self.namespace_ends(namespace)
        {
            self.note(format!(
                "{shown}: the namespace {namespace} is being deleted, and {name} with it once a server runs"
            ));
        }
    }

    fn namespace_ends(&self, namespace: &str) -> bool {
        let Ok(resource) = self.registry.find("namespaces") else { return false };
        let found = self.objects.select(resource, None, Some(namespace), &Default::default());
        let tree = found.live.first().and_then(|change| self.objects.tree(change, &self.objects.whole(change)).ok());
        tree.is_some_and(|(tree, _)| tree.pointer("/metadata/deletionTimestamp").is_some_and(|at| !at.is_null()))
    }

    /// The namespaces of all objects must be there in the end.
    fn check_namespaces(&mut self) {
        let mut refused = Vec::new();
        for changed in self.prepared.changed.iter().filter(|changed| changed.action != Action::Deleted) {
            let Some(namespace) = &changed.namespace else { continue };
            let key = format!("{}/namespaces/{namespace}", self.registry.root());
            let change = self.prepared.changed.iter().find(|changed| changed.key == key.as_bytes());
            let history = self.history();
            let is_live = match change {
                Some(change) => change.action != Action::Deleted,
                None => history.keys().find(key.as_bytes()).is_some_and(|key| history.live(key).is_some()),
            };
            if !is_live {
                let place =
                    self.seen.get(&String::from_utf8_lossy(&changed.key).into_owned()).cloned().unwrap_or_default();
                refused.push(Refusal { place, what: Box::new(What::NoNamespace(namespace.clone())) });
            }
        }
        self.refused.extend(refused);
    }

    fn delete(&mut self, argument: &str) -> Result<(), What> {
        let (key, object, namespace) = match Selection::parse(argument, self.registry)? {
            Selection::Key(key) => {
                let id = self.registry.identify(key.as_bytes()).object();
                let object = id.map(|id| format!("{}/{}", id.resource.kind_name(), id.name));
                (key.to_owned(), object, id.and_then(|id| id.namespace).map(str::to_owned))
            }
            Selection::Objects { resources, name: Some(name) } => {
                let [resource] = resources.as_slice() else { return Err(What::NotOne) };
                let namespace = resource.is_namespaced().then(|| self.put.namespace.unwrap_or("default").to_owned());
                let key = self.registry.key(resource, namespace.as_deref(), name);
                (key, Some(format!("{}/{name}", resource.kind_name())), namespace)
            }
            Selection::KeyPrefix(_) | Selection::Objects { name: None, .. } => return Err(What::NotOne),
        };
        let place = namespace.as_ref().map_or(String::new(), |namespace| format!(" in namespace {namespace}"));
        let shown = object.clone().map_or_else(|| key.clone(), |object| object + &place);
        if self.seen.insert(key.clone(), format!("--delete {argument}")).is_some() {
            return Err(What::PutAndDeleted(shown));
        }
        let history = self.history();
        let Some(change) = history.keys().find(key.as_bytes()).and_then(|key| history.live(key)) else {
            return Err(What::NotThere(shown));
        };
        self.note_what_a_delete_leaves(change, &key, &shown);
        let key = key.into_bytes();
        self.prepared.changes.push(NewChange::delete(key.clone()));
        let changed = Changed { key, revision: 0, action: Action::Deleted, object, namespace, encrypted: None };
        self.prepared.changed.push(changed);
        Ok(())
    }

    fn note_what_a_delete_leaves(&mut self, change: &Change, key: &str, shown: &str) {
        if let Ok((tree, _)) = self.objects.tree(change, &self.objects.whole(change)) {
            let finalizers = ["/metadata/finalizers", "/spec/finalizers"];
            let names = finalizers.iter().filter_map(|path| tree.pointer(path)?.as_array()).flatten();
            let names: Vec<&str> = names.filter_map(Value::as_str).collect();
            if !names.is_empty() {
                self.note(format!("{shown} has finalizers ({}): what they stand for is not done", names.join(", ")));
            }
        }
        let Some(namespace) = key.strip_prefix(&format!("{}/namespaces/", self.registry.root())) else { return };
        let history = self.history();
        let inside = history.keys().ids().filter(|&key| history.live(key).is_some());
        let inside = inside.filter(|&key| self.objects.object(key).is_some_and(|id| id.namespace == Some(namespace)));
        let inside = inside.count();
        if inside > 0 {
            self.note(format!("{shown}: the {inside} objects in it stay, without a namespace"));
        }
    }
}

fn text_in<'m>(metadata: &'m Map<String, Value>, name: &str) -> Option<&'m str> {
    metadata.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn shown(resource: &Resource, namespace: Option<&str>, name: &str) -> String {
    let place = namespace.map_or(String::new(), |namespace| format!(" in namespace {namespace}"));
    format!("{}/{name}{place}", resource.kind_name())
}

fn name_of(metadata: &Map<String, Value>) -> Result<String, What> {
    let Some(name) = text_in(metadata, "name") else {
        let generated = text_in(metadata, "generateName").is_some();
        let what = if generated {
            "it has metadata.generateName, which a server makes a name of: give it metadata.name"
        } else {
            "it has no metadata.name"
        };
        return Err(What::Name(what.to_owned()));
    };
    check_segment("name", name)?;
    Ok(name.to_owned())
}

/// What may stand between two slashes of a key (apimachinery pkg/api/validation/path).
fn check_segment(what: &str, text: &str) -> Result<(), What> {
    if matches!(text, "." | "..") || text.contains(['/', '%', '\0']) {
        return Err(What::Name(format!("metadata.{what} {text:?} cannot be part of a key")));
    }
    Ok(())
}

/// What stands outside of the metadata: a server keeps the status where a write says nothing of it.
fn fill_object(resource: &Resource, object: &mut Map<String, Value>, before: Option<&Before<'_>>) {
    if resource.group.is_empty() && resource.plural == "secrets" {
        stored::merge_string_data(object);
    }
    object.retain(|key, value| key != "status" || !value.is_null());
    let old = before.and_then(|before| before.object.as_ref());
    let old = old.filter(|old| old.get("apiVersion") == object.get("apiVersion"));
    if let (None, Some(status)) = (object.get("status"), old.and_then(|old| old.get("status"))) {
        object.insert("status".to_owned(), status.clone());
    }
    if Form::of(resource) == Form::Definition {
        fill_stored_versions(object);
    }
}

/// Without it the server would not know which versions there are in the store (apiextensions-apiserver
/// pkg/registry/customresourcedefinition, strategy.go).
fn fill_stored_versions(object: &mut Map<String, Value>) {
    let versions = object.get("spec").and_then(|spec| spec.get("versions")?.as_array());
    let is_stored = |version: &&Value| version.get("storage") == Some(&Value::Bool(true));
    let Some(stored) = versions.into_iter().flatten().find(is_stored).and_then(|version| version.get("name")).cloned()
    else {
        return;
    };
    let status = object.entry("status").or_insert_with(|| json!({}));
    let Some(status) = status.as_object_mut() else { return };
    status.entry("acceptedNames").or_insert_with(|| json!({"kind": "", "plural": ""}));
    status.entry("conditions").or_insert_with(|| json!([]));
    let all = status.entry("storedVersions").or_insert_with(|| json!([]));
    if let Some(all) = all.as_array_mut()
        && !all.contains(&stored)
    {
        all.push(stored);
    }
}
