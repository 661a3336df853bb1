//! Owners and what they own: `metadata.ownerReferences`, followed in both directions.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};

use rayon::prelude::*;
use serde_json::Value;

use super::Reader;
use super::errand::Errand;
use crate::model::{Change, KeyId, KeyState};
use crate::ops::objects::Objects;
use crate::render;
use crate::tui::ask::{Answer, Cell, List, Row, Target, Tone, Trouble};
use crate::tui::text::harmless;

/// Keys that are looked at at once.
const BATCH: usize = 4096;
/// Owners above owners, at most.
const DEEPEST: usize = 32;
/// Lines of a tree, at most.
const MOST: usize = 10_000;

/// The uids of an object's owners, and whether each controls it.
type Owners = Vec<(String, bool)>;

/// Whom every object says to be owned by, the other way round, at one moment.
pub(super) struct Owned {
    revision: i64,
    of: HashMap<String, Vec<(KeyId, bool)>>,
    closed: u64,
}

impl Reader {
    /// The owners that an object names.
    pub(super) fn owners(&self, key: KeyId, revision: i64, at: Option<i64>) -> List {
        let objects = self.objects(at);
        let mut list = List {
            columns: ["OBJECT", "WHAT"].map(str::to_owned).to_vec(),
            empty: "it names no owner: nothing in its metadata.ownerReferences".to_owned(),
            ..List::default()
        };
        let change = self.history().changes_of(key).rfind(|change| change.revision.main <= revision && change.is_put());
        let Some((object, _)) = change.and_then(|change| objects.tree(change, &objects.whole(change)).ok()) else {
            list.empty = "its value cannot be read, and so nobody knows its owner".to_owned();
            return list;
        };
        let namespace = objects.object(key).and_then(|id| id.namespace).map(str::to_owned);
        list.rows = references(&object).map(|owner| self.owner_row(&objects, owner, namespace.as_deref())).collect();
        list
    }

    fn owner_row(&self, objects: &Objects<'_>, owner: &Value, namespace: Option<&str>) -> Row {
        let text = |name: &str| owner.get(name).and_then(Value::as_str).unwrap_or_default();
        let (kind, name, uid) = (text("kind"), text("name"), text("uid"));
        let registry = objects.registry();
        let key = registry.of_object(owner).and_then(|resource| {
            let namespace = namespace.filter(|_| resource.is_namespaced());
            self.history().keys().find(registry.key(resource, namespace, name).as_bytes())
        });
        let row = |target: Target, name: String, what: String, tone: Tone| Row {
            cells: vec![Cell::text(name), Cell::text(what)],
            target,
            tone,
            namespace: None,
        };
        let called = harmless(&format!("{kind} {name}"));
        let Some(key) = key else {
            return row(Target::Nothing, called, "no key of this store is its".to_owned(), Tone::Damaged);
        };
        // An object of this name may be another one, made after the owner was deleted.
        let is_it = |change: &&Change| {
            let tree = objects.tree(change, &objects.whole(change)).ok();
            tree.is_some_and(|(tree, _)| tree.pointer("/metadata/uid").and_then(Value::as_str) == Some(uid))
        };
        let before = |change: &&Change| change.is_put() && change.revision.main <= objects.revision();
        let own = self.history().changes_of(key).rev().filter(before).find(is_it);
        let live = match self.history().at(objects.revision()).state(key) {
            KeyState::Live(live) => Some(live.revision),
            KeyState::Absent(_) | KeyState::Unknown => None,
        };
        let name = self.name(objects, key);
        match own {
            Some(own) if live == Some(own.revision) => {
                let target = Target::Key { key, revision: objects.revision(), name: name.clone() };
                let is_controller = owner.get("controller").and_then(Value::as_bool) == Some(true);
                let what = if is_controller { "controls it" } else { "owns it" };
                row(target, name, what.to_owned(), Tone::Plain)
            }
            Some(own) => {
                let target = Target::Key { key, revision: own.revision.main, name: name.clone() };
                row(target, name, "deleted, as it last was".to_owned(), Tone::Deleted)
            }
            None => row(
                Target::Nothing,
                called,
                format!("gone: no change with its uid {} survives", harmless(uid)),
                Tone::Damaged,
            ),
        }
    }

    /// What an object owns, and what that owns, as a tree.
    pub(super) fn owned(&self, key: KeyId, revision: i64, at: Option<i64>, errand: &Errand) -> Answer {
        let objects = self.objects(at);
        let Some(index) = self.owned_index(&objects, errand) else {
            return Answer::Failed(Trouble { title: "given up".to_owned(), ..Trouble::default() });
        };
        let change = self.history().changes_of(key).rfind(|change| change.revision.main <= revision && change.is_put());
        let mut list = List {
            columns: ["OBJECT", "CONTROLLED", "CHANGES", "SIZE"].map(str::to_owned).to_vec(),
            empty: "nothing that lives at this moment names it as an owner".to_owned(),
            ..List::default()
        };
        if index.closed > 0 {
            let closed = render::count(index.closed);
            list.note = Some(format!("{closed} values cannot be read: nobody knows whom these belong to"));
        }
        let mut seen: HashSet<KeyId> = HashSet::from([key]);
        let children = |change: &Change| -> Vec<(KeyId, bool)> {
            let uid = uid(&objects, change);
            uid.and_then(|uid| index.of.get(&uid)).cloned().unwrap_or_default()
        };
        let mut open: Vec<(KeyId, bool, usize)> = Vec::new();
        let mut push = |open: &mut Vec<(KeyId, bool, usize)>, change: &Change, depth: usize| {
            let own = children(change).into_iter().rev().filter(|(key, _)| depth < DEEPEST && seen.insert(*key));
            open.extend(own.map(|(key, controlled)| (key, controlled, depth)));
        };
        if let Some(change) = change {
            push(&mut open, change, 0);
        }
        while let Some((key, controlled, depth)) = open.pop().filter(|_| list.rows.len() < MOST) {
            let KeyState::Live(change) = self.history().at(objects.revision()).state(key) else { continue };
            list.rows.push(self.owned_row(&objects, change, controlled, depth));
            push(&mut open, change, depth + 1);
        }
        Answer::List(list.into())
    }

    fn owned_row(&self, objects: &Objects<'_>, change: &Change, controlled: bool, depth: usize) -> Row {
        let name = self.name(objects, change.key);
        let before = |other: &&Change| other.revision.main <= objects.revision();
        let count = self.history().changes_of(change.key).take_while(before).count();
        let size = u64::from(change.value.len);
        let branch = if depth == 0 { String::new() } else { format!("{}└ ", "  ".repeat(depth - 1)) };
        let cells = vec![
            Cell::text(format!("{branch}{name}")),
            Cell::text(if controlled { "yes" } else { "no" }),
            Cell::number(render::count(count as u64), count as f64),
            Cell::number(render::bytes(size), size as f64),
        ];
        let namespace = objects.object(change.key).and_then(|id| id.namespace).map(str::to_owned);
        let target = Target::Key { key: change.key, revision: objects.revision(), name };
        Row { cells, target, tone: Tone::Plain, namespace }
    }

    /// The index of a moment; it is made once for each, of all values that live then.
    fn owned_index(&self, objects: &Objects<'_>, errand: &Errand) -> Option<Arc<Owned>> {
        let mut kept = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = kept.as_ref().filter(|index| index.revision == objects.revision()) {
            return Some(Arc::clone(index));
        }
        let history = self.history();
        let view = history.at(objects.revision());
        let keys: Vec<KeyId> = history.keys().ids().collect();
        let mut index = Owned { revision: objects.revision(), of: HashMap::new(), closed: 0 };
        for (at, batch) in keys.chunks(BATCH).enumerate() {
            if !errand.goes_on() {
                return None;
            }
            errand.tell("looking for owners in all objects:", (at * BATCH) as u64, keys.len() as u64);
            let look = |key: &KeyId| {
                let KeyState::Live(change) = view.state(*key) else { return None };
                objects.object(*key)?;
                Some((*key, objects.tree(change, &objects.whole(change)).ok().map(|(tree, _)| tree)))
            };
            let found: Vec<(KeyId, Option<Owners>)> = batch
                .par_iter()
                .filter_map(look)
                .map(|(key, tree)| (key, tree.map(|tree| references(&tree).filter_map(owner_of).collect())))
                .collect();
            for (key, owners) in found {
                let Some(owners) = owners else {
                    index.closed += 1;
                    continue;
                };
                owners.into_iter().for_each(|(uid, controls)| index.of.entry(uid).or_default().push((key, controls)));
            }
        }
        let index = Arc::new(index);
        *kept = Some(Arc::clone(&index));
        Some(index)
    }
}

fn references(object: &Value) -> impl Iterator<Item = &Value> {
    object.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten()
}

/// The uid of an owner, and whether it controls what names it.
fn owner_of(owner: &Value) -> Option<(String, bool)> {
    let controls = owner.get("controller").and_then(Value::as_bool) == Some(true);
    Some((owner.get("uid")?.as_str()?.to_owned(), controls))
}

fn uid(objects: &Objects<'_>, change: &Change) -> Option<String> {
    let (tree, _) = objects.tree(change, &objects.whole(change)).ok()?;
    Some(tree.pointer("/metadata/uid")?.as_str()?.to_owned())
}
