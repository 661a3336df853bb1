//! The objects of a store at one moment: which there are, what they are called, what they say.

use std::borrow::Cow;

use jiff::Timestamp;
use rayon::prelude::*;
use serde_json::Value;

use super::keyring::Keyring;
use crate::kube::decode::Notes;
use crate::kube::encryption::LockedReason;
use crate::kube::minor::Minor;
use crate::kube::resources::{Identity, ObjectId, Registry, Resource, Special};
use crate::kube::selector::LabelSelector;
use crate::kube::show::{self, ShowError, View, Viewer};
use crate::kube::sink::Sink;
use crate::model::{Change, History, KeyId, KeyState};
use crate::source::Damage;

/// Why an object cannot be shown, with its key.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ObjectError {
    /// Its bytes cannot be read from the file.
    #[error("{0}")]
    Damage(Damage),
    /// There is no key for it.
    #[error("{key} at revision {revision}: {reason}")]
    Locked {
        /// The key in the store, escaped.
        key: String,
        /// The revision of the value.
        revision: i64,
        /// What would open it.
        reason: LockedReason,
    },
    /// Its bytes are no object.
    #[error("{key} at revision {revision}: {fault}; `kinescope get --raw` writes its bytes")]
    Show {
        /// The key in the store, escaped.
        key: String,
        /// The revision of the value.
        revision: i64,
        /// What is wrong.
        fault: ShowError,
    },
}

/// Where the release comes from whose printing is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinorFrom {
    /// The user said so.
    Given,
    /// A Node of the control plane, or any Node where none says that it is one, reports it.
    Node,
    /// No Node says: the newest release that is known.
    Newest,
}

/// The objects of a store at one moment.
pub struct Objects<'s> {
    history: &'s History,
    keyring: &'s Keyring,
    registry: Registry,
    minor: Minor,
    minor_from: MinorFrom,
    revision: i64,
}

/// What a selection finds.
#[derive(Debug, Default)]
pub struct Found<'s> {
    /// The newest change of each object that was live, in the order of the keys.
    pub live: Vec<&'s Change>,
    /// Keys of which nobody can know whether they were live: their rows of that time are compacted away.
    pub unknown: u64,
    /// Values whose labels could not be read, so that nobody knows whether they are meant.
    pub unread: Vec<ObjectError>,
}

impl<'s> Objects<'s> {
    /// The objects right after `revision`. The definitions of custom resources and the release are taken from the store
    /// itself.
    pub fn new(history: &'s History, keyring: &'s Keyring, minor: Option<Minor>, revision: i64) -> Self {
        let built_in = Registry::new([]);
        let mut objects = Self {
            history,
            keyring,
            registry: built_in,
            minor: Minor::NEWEST,
            minor_from: MinorFrom::Newest,
            revision,
        };
        (objects.minor, objects.minor_from) = match minor {
            Some(minor) => (minor.nearest_known(), MinorFrom::Given),
            None => match objects.reported_minor() {
                Some(minor) => (minor.nearest_known(), MinorFrom::Node),
                None => (Minor::NEWEST, MinorFrom::Newest),
            },
        };
        let definitions: Vec<Value> = objects.all_of("customresourcedefinitions.apiextensions.k8s.io");
        objects.registry = Registry::new(&definitions);
        objects
    }

    /// The resources of the store.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The history that the objects are of.
    pub fn history(&self) -> &'s History {
        self.history
    }

    /// The release whose printing is followed, and how it was found.
    pub fn minor(&self) -> (Minor, MinorFrom) {
        (self.minor, self.minor_from)
    }

    /// The moment.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// All objects of a resource that can be read, as trees.
    pub(super) fn all_of(&self, resource: &str) -> Vec<Value> {
        let Ok(resource) = self.registry.find(resource) else { return Vec::new() };
        let found = self.select(resource, None, None, &LabelSelector::default());
        found.live.iter().filter_map(|change| Some(self.tree(change, &self.whole(change)).ok()?.0)).collect()
    }

    /// The highest release that Nodes of the control plane report, or all Nodes where none is of the control plane.
    fn reported_minor(&self) -> Option<Minor> {
        let nodes = self.all_of("nodes");
        let minor = |node: &Value| node.pointer("/status/nodeInfo/kubeletVersion")?.as_str()?.parse::<Minor>().ok();
        let is_server = |node: &&Value| {
            let labels = node.pointer("/metadata/labels").and_then(Value::as_object);
            let roles = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];
            labels.is_some_and(|labels| roles.iter().any(|role| labels.contains_key(*role)))
        };
        nodes.iter().filter(is_server).filter_map(minor).max().or_else(|| nodes.iter().filter_map(minor).max())
    }

    /// The objects of a resource: in one namespace or in all, the one of a name or all, those with certain labels.
    pub fn select(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: Option<&str>,
        labels: &LabelSelector,
    ) -> Found<'s> {
        let prefix = self.registry.prefix(resource, namespace).into_bytes();
        let means = |key: &KeyId| {
            let id = self.object(*key);
            id.is_some_and(|id| id.resource == resource && name.is_none_or(|name| name == id.name))
        };
        let keys: Vec<KeyId> = self.history.keys().with_prefix(&prefix).filter(means).collect();
        self.among(keys.into_iter(), labels)
    }

    /// The live ones of some keys, those with certain labels.
    pub fn among(&self, keys: impl Iterator<Item = KeyId>, labels: &LabelSelector) -> Found<'s> {
        let mut found = Found::default();
        let view = self.history.at(self.revision);
        for key in keys.filter(|&key| !self.history.positions_of(key).is_empty()) {
            match view.state(key) {
                KeyState::Live(change) => found.live.push(change),
                KeyState::Unknown => found.unknown += 1,
                KeyState::Absent(_) => {}
            }
        }
        if !labels.is_everything() {
            let judged: Vec<Result<bool, ObjectError>> = found
                .live
                .par_iter()
                .map(|change| Ok(labels.matches_object(&self.tree(change, &self.whole(change))?.0)))
                .collect();
            let mut judged = judged.into_iter();
            found.live.retain(|_| match judged.next() {
                Some(Ok(matches)) => matches,
                Some(Err(error)) => {
                    found.unread.push(error);
                    false
                }
                None => false,
            });
        }
        found
    }

    /// The object that a key is, if it is one.
    pub fn object(&self, key: KeyId) -> Option<ObjectId<'_>> {
        self.identity(key).object()
    }

    /// What a key is.
    pub fn identity(&self, key: KeyId) -> Identity<'_> {
        self.registry.identify(self.history.keys().get(key))
    }

    /// The newest time that the objects tell of: a store keeps no clock of its own.
    pub fn newest_stamp(&self) -> Option<Timestamp> {
        const LOOKED_AT: usize = 256;
        let changes = self.history.changes_in(0..=self.revision);
        let newest = changes.get(changes.len().saturating_sub(LOOKED_AT)..).unwrap_or_default();
        super::moments::stamped(self, newest).iter().map(|stamped| stamped.at).max()
    }

    /// The view in which nothing is left out: for looking at an object.
    pub fn whole(&self, change: &Change) -> View {
        View::whole(self.minor, change.revision.main)
    }

    /// The view of kubectl.
    pub fn kubectl(&self, change: &Change) -> View {
        View::kubectl(self.minor, change.revision.main)
    }

    /// A change's value, decrypted where it was encrypted.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub fn plain(&self, change: &Change) -> Result<Cow<'s, [u8]>, ObjectError> {
        let stored = self.history.value(change.value).map_err(ObjectError::Damage)?;
        let key = self.history.keys().get(change.key);
        if !crate::kube::encryption::is_encrypted(&stored) {
            return Ok(stored);
        }
        let opened = self.keyring.open(key, &stored).map(Cow::into_owned);
        opened.map(Cow::Owned).map_err(|reason| ObjectError::Locked {
            key: key.escape_ascii().to_string(),
            revision: change.revision.main,
            reason,
        })
    }

    /// Sends a change's object to a sink.
    ///
    /// # Errors
    /// [`ObjectError`]; the sink may have part of the object then.
    pub fn show<S: Sink>(
        &self,
        viewer: &mut Viewer,
        change: &Change,
        view: &View,
        sink: &mut S,
    ) -> Result<Notes, ObjectError> {
        let plain = self.plain(change)?;
        viewer.show(&plain, view, sink).map_err(|fault| self.fault(change, fault))
    }

    /// A change's object as a tree.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub fn tree(&self, change: &Change, view: &View) -> Result<(Value, Notes), ObjectError> {
        let plain = self.plain(change)?;
        show::tree(&plain, view).map_err(|fault| self.fault(change, fault))
    }

    /// Whether a key's values are secrets by what they are, in whatever form they are stored.
    pub fn is_secret(&self, key: KeyId) -> bool {
        match self.identity(key) {
            Identity::Object(id) => id.resource.plural == "secrets" && id.resource.group.is_empty(),
            Identity::Special(Special::Bootstrap) => true,
            _ => false,
        }
    }

    pub(super) fn fault(&self, change: &Change, fault: ShowError) -> ObjectError {
        let key = self.history.keys().get(change.key).escape_ascii().to_string();
        ObjectError::Show { key, revision: change.revision.main, fault }
    }
}
