//! What differs between two states: two stores of either engine, or one store at two revisions.
//!
//! Values that are the same bytes are never decoded. Of the others the objects are compared, without what changes although
//! nobody changed it ([`crate::kube::noise`]), or, where everything is asked for, the stored bytes.

mod change_set;
mod compare;
mod hide;
mod manifests;
mod select;

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

pub use change_set::{ChangeSet, Written};
pub use manifests::{AgainstManifests, Told};
pub use select::Scope;
pub(super) use select::Selector;

use super::objects::{ObjectError, Objects};
use crate::kine::schema::{APISERVER_COMPACT_KEY, COMPACT_KEY};
use crate::kube::minor::Minor;
use crate::kube::noise;
use crate::kube::resources::Identity;
use crate::kube::selector::{ArgumentError, LabelSelector};
use crate::kube::show::View;
use crate::model::{Change, Engine, KeyId, KeyState};

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Only the second state has it.
    Added,
    /// Only the first state has it.
    Removed,
    /// Both have it, and it differs.
    Changed,
}

impl What {
    /// Its name in JSON, and on the screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// What an object is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Called {
    /// As `Deployment`.
    pub kind: String,
    /// As `apps`; empty for the core group.
    pub group: String,
    /// None for objects of the whole cluster.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// An object, or a key, that differs.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The key, in the newer state where it is in both.
    pub key: Vec<u8>,
    /// What became of it.
    pub what: What,
    /// The object; `None` for a key that is none.
    pub object: Option<Called>,
    /// The revision that it has in the first state.
    pub from_revision: Option<i64>,
    /// The revision that it has in the second state.
    pub to_revision: Option<i64>,
    /// Where it differs, as jq writes paths; empty for what only one state has; `None` where nobody can say.
    pub paths: Option<Vec<String>>,
    /// The first state without noise, secrets masked; `None` where there is none, or it is not to be shown.
    pub old: Option<Value>,
    /// The second state, likewise.
    pub new: Option<Value>,
    /// Bytes of both values, where what differs is no object.
    pub sizes: (Option<u64>, Option<u64>),
}

/// What a look at a pair gave.
#[derive(Debug)]
pub enum Looked {
    /// They are the same.
    Same,
    /// They differ in noise only.
    Noise,
    /// They have not the labels that are asked for.
    NotMeant,
    /// They differ.
    Different(Box<Difference>),
    /// Nobody can say whether they differ: a value is closed.
    Closed(ObjectError),
    /// A value is damaged.
    Failed(ObjectError),
}

/// One key in both states.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'s> {
    key: KeyOf,
    old: Option<&'s Change>,
    new: Option<&'s Change>,
}

#[derive(Clone, Copy, Debug)]
enum KeyOf {
    Old(KeyId),
    New(KeyId),
}

/// Two states.
pub struct Comparison<'o, 's> {
    old: &'o Objects<'s>,
    new: &'o Objects<'s>,
    selector: Selector,
    labels: LabelSelector,
    all: bool,
    reveal: bool,
    minor: Minor,
}

/// The keys to look at.
#[derive(Debug, Default)]
pub struct Pairs<'s> {
    /// In the order of the keys.
    pub pairs: Vec<Pair<'s>>,
    /// Keys of which nobody can know what they were in one of the states: their rows of that time are compacted away.
    pub unknown: u64,
    /// Selectors that mean no key in either state.
    pub idle: bool,
}

impl<'o, 's> Comparison<'o, 's> {
    /// Compares what `scope` means. Both states are decoded as the second one's release prints.
    ///
    /// # Errors
    /// A selector that cannot be read.
    pub fn new(old: &'o Objects<'s>, new: &'o Objects<'s>, scope: &Scope, reveal: bool) -> Result<Self, ArgumentError> {
        let selector = Selector::new(scope, &[new.registry(), old.registry()])?;
        let (minor, _) = new.minor();
        Ok(Self { old, new, selector, labels: scope.labels.clone(), all: scope.all, reveal, minor })
    }

    /// All keys that are meant and were live in one of the states.
    pub fn pairs(&self) -> Pairs<'s> {
        let mut found = Pairs::default();
        let mut keys = 0;
        let (old_view, new_view) =
            (self.old.history().at(self.old.revision()), self.new.history().at(self.new.revision()));
        for (old_key, new_key) in self.both() {
            let key = match (old_key, new_key) {
                (_, Some(key)) => KeyOf::New(key),
                (Some(key), None) => KeyOf::Old(key),
                (None, None) => continue,
            };
            if !self.selector.means(self.name(key), &self.identity(key)) {
                continue;
            }
            let unused = |objects: &Objects<'_>, key: &KeyId| !objects.history().positions_of(*key).is_empty();
            let old = old_key.filter(|key| unused(self.old, key)).map(|key| old_view.state(key));
            let new = new_key.filter(|key| unused(self.new, key)).map(|key| new_view.state(key));
            // A key that one store has never seen is unknown too, where that store's view is incomplete.
            let gone = |state: Option<KeyState<'_>>, incomplete: bool, other: Option<KeyState<'_>>| {
                state == Some(KeyState::Unknown)
                    || state.is_none() && incomplete && matches!(other, Some(KeyState::Live(_)))
            };
            if gone(old, old_view.is_incomplete(), new) || gone(new, new_view.is_incomplete(), old) {
                found.unknown += 1;
                continue;
            }
            let live = |state: Option<KeyState<'s>>| match state {
                Some(KeyState::Live(change)) => Some(change),
                _ => None,
            };
            let (old, new) = (live(old), live(new));
            if old.is_some() || new.is_some() {
                keys += 1;
                found.pairs.push(Pair { key, old, new });
            }
        }
        found.idle = keys == 0;
        found
    }

    /// One key, by its name; nothing where it was live in neither state, or nobody can know.
    pub fn pair(&self, key: &[u8]) -> Option<Pair<'s>> {
        let live = |objects: &Objects<'s>| {
            let id = objects.history().keys().find(key)?;
            match objects.history().at(objects.revision()).state(id) {
                KeyState::Live(change) => Some((id, change)),
                KeyState::Absent(_) | KeyState::Unknown => None,
            }
        };
        let (old, new) = (live(self.old), live(self.new));
        let key = new.map(|(id, _)| KeyOf::New(id)).or(old.map(|(id, _)| KeyOf::Old(id)))?;
        Some(Pair { key, old: old.map(|(_, change)| change), new: new.map(|(_, change)| change) })
    }

    /// The keys of both, in byte order.
    fn both(&self) -> Vec<(Option<KeyId>, Option<KeyId>)> {
        let (old, new) = (self.old.history(), self.new.history());
        if std::ptr::eq(old, new) {
            return old.keys().ids().map(|key| (Some(key), Some(key))).collect();
        }
        let (mut left, mut right) = (old.keys().ids().peekable(), new.keys().ids().peekable());
        let mut both = Vec::with_capacity(old.keys().len().max(new.keys().len()));
        loop {
            let order = match (left.peek(), right.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(&left), Some(&right)) => name_of(self.old, left).cmp(name_of(self.new, right)),
            };
            both.push(match order {
                Ordering::Less => (left.next(), None),
                Ordering::Equal => (left.next(), right.next()),
                Ordering::Greater => (None, right.next()),
            });
        }
        both
    }

    fn name(&self, key: KeyOf) -> &[u8] {
        match key {
            KeyOf::Old(key) => self.old.history().keys().get(key),
            KeyOf::New(key) => self.new.history().keys().get(key),
        }
    }

    fn identity(&self, key: KeyOf) -> Identity<'_> {
        let first = match key {
            KeyOf::Old(key) => self.old.identity(key),
            KeyOf::New(key) => self.new.identity(key),
        };
        // Only one of the stores may have the definition that says what the key is.
        match (first, key) {
            (Identity::Unlisted { .. }, KeyOf::New(_)) => self.old.registry().identify(self.name(key)),
            (Identity::Unlisted { .. }, KeyOf::Old(_)) => self.new.registry().identify(self.name(key)),
            (identity, _) => identity,
        }
    }

    /// Whether a pair differs, and where. `shown`: with both states, for a text.
    pub fn look(&self, pair: &Pair<'s>, shown: bool) -> Looked {
        match (pair.old, pair.new) {
            (Some(old), Some(new)) => self.changed(pair, old, new, shown),
            (old, new) => self.one_sided(pair, old, new, shown),
        }
    }

    fn changed(&self, pair: &Pair<'s>, old: &'s Change, new: &'s Change, shown: bool) -> Looked {
        if std::ptr::eq(old, new) {
            return Looked::Same;
        }
        let stored = match (self.stored(self.old, old), self.stored(self.new, new)) {
            (Ok(old), Ok(new)) => (old, new),
            (Err(error), _) | (_, Err(error)) => return Looked::Failed(error),
        };
        if stored.0 == stored.1 {
            return Looked::Same;
        }
        if !self.all
            && let (Ok(old), Ok(new)) = (self.old.plain(old), self.new.plain(new))
            && old == new
        {
            return Looked::Same;
        }
        let is_object = matches!(self.identity(pair.key), Identity::Object(_) | Identity::Unlisted { .. });
        let mut difference = self.difference(pair, What::Changed);
        difference.sizes = (Some(stored.0.len() as u64), Some(stored.1.len() as u64));
        if !is_object {
            return self.of_a_key(difference);
        }
        let (mut old, mut new) = match (self.tree(self.old, old), self.tree(self.new, new)) {
            (Ok(old), Ok(new)) => (old, new),
            // The bytes differ: that is all that can be said, and all that is asked for.
            (Err(error), _) | (_, Err(error)) => {
                return match error {
                    ObjectError::Damage(_) => Looked::Failed(error),
                    _ if self.all => Looked::Different(Box::new(difference)),
                    ObjectError::Locked { .. } => Looked::Closed(error),
                    ObjectError::Show { .. } => Looked::Different(Box::new(difference)),
                };
            }
        };
        if ![&old, &new].iter().any(|object| self.labels.matches_object(object)) {
            return Looked::NotMeant;
        }
        if !self.all {
            noise::take_out(&mut old);
            noise::take_out(&mut new);
        }
        let paths = compare::paths(&old, &new);
        if paths.is_empty() && !self.all {
            return Looked::Noise;
        }
        difference.object = difference.object.or_else(|| called(&new));
        difference.paths = Some(paths);
        if shown {
            compare::align(&old, &mut new);
            if !self.reveal {
                hide::hide(Some(&mut old), Some(&mut new));
            }
            (difference.old, difference.new) = (Some(old), Some(new));
        }
        Looked::Different(Box::new(difference))
    }

    fn one_sided(&self, pair: &Pair<'s>, old: Option<&'s Change>, new: Option<&'s Change>, shown: bool) -> Looked {
        let (objects, change, what) = match (old, new) {
            (Some(change), _) => (self.old, change, What::Removed),
            (None, Some(change)) => (self.new, change, What::Added),
            (None, None) => return Looked::Same,
        };
        let mut difference = self.difference(pair, what);
        difference.paths = Some(Vec::new());
        let size = Some(u64::from(change.value.len));
        difference.sizes = if what == What::Removed { (size, None) } else { (None, size) };
        let is_object = matches!(self.identity(pair.key), Identity::Object(_) | Identity::Unlisted { .. });
        let looks_inside = shown || difference.object.is_none() || !self.labels.is_everything();
        if !is_object {
            return self.of_a_key(difference);
        }
        if !looks_inside {
            return Looked::Different(Box::new(difference));
        }
        match self.tree(objects, change) {
            Ok(object) if !self.labels.matches_object(&object) => return Looked::NotMeant,
            Ok(mut object) => {
                difference.object = difference.object.or_else(|| called(&object));
                if !self.all {
                    noise::take_out(&mut object);
                }
                if !self.reveal {
                    hide::hide(None, Some(&mut object));
                }
                let shown = shown.then_some(object);
                if what == What::Removed { difference.old = shown } else { difference.new = shown }
            }
            Err(error @ ObjectError::Damage(_)) => return Looked::Failed(error),
            // That it is there or not is known all the same.
            Err(_) if self.labels.is_everything() => {}
            Err(error) => return Looked::Closed(error),
        }
        Looked::Different(Box::new(difference))
    }

    /// A key that is no object has no labels.
    fn of_a_key(&self, difference: Difference) -> Looked {
        match self.labels.is_everything() {
            true => Looked::Different(Box::new(difference)),
            false => Looked::NotMeant,
        }
    }

    fn difference(&self, pair: &Pair<'s>, what: What) -> Difference {
        let revision = |change: Option<&Change>| change.map(|change| change.revision.main);
        let object = self.identity(pair.key).object().map(|id| Called {
            kind: id.resource.kind.clone().into_owned(),
            group: id.resource.group.clone().into_owned(),
            namespace: id.namespace.map(str::to_owned),
            name: id.name.to_owned(),
        });
        Difference {
            key: self.name(pair.key).to_vec(),
            what,
            object,
            from_revision: revision(pair.old),
            to_revision: revision(pair.new),
            paths: None,
            old: None,
            new: None,
            sizes: (None, None),
        }
    }

    /// A value's bytes; of the API server's own mark without what kine writes in front of it.
    fn stored(&self, objects: &Objects<'s>, change: &'s Change) -> Result<Cow<'s, [u8]>, ObjectError> {
        let history = objects.history();
        let value = history.value(change.value).map_err(ObjectError::Damage)?;
        let is_kine_s = history.engine() == Engine::Kine && history.keys().get(change.key) == APISERVER_COMPACT_KEY;
        match value.iter().position(|&byte| byte == b'|').filter(|_| is_kine_s) {
            Some(at) => Ok(Cow::Owned(value.get(at + 1..).unwrap_or_default().to_vec())),
            None => Ok(value),
        }
    }

    fn tree(&self, objects: &Objects<'s>, change: &Change) -> Result<Value, ObjectError> {
        let view =
            View { minor: self.minor, managed_fields: true, resource_version: None, reveal: true, served: !self.all };
        objects.tree(change, &view).map(|(object, _)| object)
    }

    /// The pair's change in the first state, and in the second.
    pub(super) fn changes(&self, pair: &Pair<'s>) -> (Option<&'s Change>, Option<&'s Change>) {
        (pair.old, pair.new)
    }
}

/// The name by which a key is paired: kine keeps the API server's mark under another one than etcd.
fn name_of<'a>(objects: &'a Objects<'_>, key: KeyId) -> &'a [u8] {
    let history = objects.history();
    let name = history.keys().get(key);
    match history.engine() {
        Engine::Etcd if name == COMPACT_KEY => APISERVER_COMPACT_KEY,
        _ => name,
    }
}

/// What an object calls itself.
fn called(object: &Value) -> Option<Called> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let group = text("/apiVersion")?.split_once('/').map_or("", |(group, _)| group);
    Some(Called {
        kind: text("/kind")?.to_owned(),
        group: group.to_owned(),
        namespace: text("/metadata/namespace").filter(|namespace| !namespace.is_empty()).map(str::to_owned),
        name: text("/metadata/name")?.to_owned(),
    })
}
