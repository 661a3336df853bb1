//! Two states of an object, field by field: which paths differ.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::kube::list_keys::ListKey;
use crate::ops::grep::push_name;

/// Deeper than any object is; below it states are compared whole.
const DEEPEST: usize = 128;
/// Lists of more items than this, without names, are compared whole: finding what was inserted takes the square of it.
const LONGEST: usize = 5_000;

/// The paths at which two states differ, as jq writes them: a member or item that only one of them has is one path. Items of
/// lists that Kubernetes merges by a name are told apart by it.
pub fn paths(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(&mut String::new(), "", old, new, 0, &mut found);
    found
}

/// Runs `inside` with one more step on the path.
fn below(path: &mut String, step: impl FnOnce(&mut String), inside: impl FnOnce(&mut String)) {
    let end = path.len();
    step(path);
    inside(path);
    path.truncate(end);
}

fn compare(path: &mut String, name: &str, old: &Value, new: &Value, depth: usize, found: &mut Vec<String>) {
    if old == new {
        return;
    }
    match (old, new) {
        (Value::Object(old), Value::Object(new)) if depth < DEEPEST => members(path, old, new, depth, found),
        (Value::Array(old), Value::Array(new)) if depth < DEEPEST => items(path, name, old, new, depth, found),
        _ if path.is_empty() => found.push(".".to_owned()),
        _ => found.push(path.clone()),
    }
}

fn members(
    path: &mut String,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    depth: usize,
    found: &mut Vec<String>,
) {
    for (name, value) in old {
        below(
            path,
            |path| push_name(name, path),
            |path| match new.get(name) {
                Some(other) => compare(path, name, value, other, depth + 1, found),
                None => found.push(path.clone()),
            },
        );
    }
    for name in new.keys().filter(|name| !old.contains_key(*name)) {
        below(path, |path| push_name(name, path), |path| found.push(path.clone()));
    }
}

fn items(path: &mut String, name: &str, old: &[Value], new: &[Value], depth: usize, found: &mut Vec<String>) {
    match ListKey::of(name, old, new) {
        Some(key) => named(path, key, old, new, depth, found),
        None => placed(path, old, new, depth, found),
    }
}

fn ids(key: ListKey, items: &[Value]) -> Vec<String> {
    items.iter().map(|item| key.id(item).unwrap_or_default()).collect()
}

/// Items with names: one that is elsewhere in the list has moved, where the place says something.
fn named(path: &mut String, key: ListKey, old: &[Value], new: &[Value], depth: usize, found: &mut Vec<String>) {
    let (old_ids, new_ids) = (ids(key, old), ids(key, new));
    let by_id: HashMap<&String, &Value> = new_ids.iter().zip(new).collect();
    let moved = if key.ordered { moved(&old_ids, &new_ids) } else { HashSet::new() };
    let step = |id: &String| format!("[{id}]");
    for (id, item) in old_ids.iter().zip(old) {
        below(
            path,
            |path| path.push_str(&step(id)),
            |path| match by_id.get(id) {
                Some(other) if item == *other && moved.contains(id) => found.push(path.clone()),
                Some(other) => compare(path, "", item, other, depth + 1, found),
                None => found.push(path.clone()),
            },
        );
    }
    let before: HashSet<&String> = old_ids.iter().collect();
    for id in new_ids.iter().filter(|id| !before.contains(id)) {
        below(path, |path| path.push_str(&step(id)), |path| found.push(path.clone()));
    }
}

/// Items that both lists have, and that stand elsewhere in one of them.
fn moved<'a>(old: &'a [String], new: &'a [String]) -> HashSet<&'a String> {
    let (in_old, in_new): (HashSet<_>, HashSet<_>) = (old.iter().collect(), new.iter().collect());
    let old: Vec<&String> = old.iter().filter(|id| in_new.contains(id)).collect();
    let new: Vec<&String> = new.iter().filter(|id| in_old.contains(id)).collect();
    let mut moved = HashSet::new();
    if old == new || old.len() > LONGEST {
        return moved;
    }
    for op in capture_diff_slices(Algorithm::Myers, &old, &new) {
        if !matches!(op, DiffOp::Equal { .. }) {
            moved.extend(old.get(op.old_range()).unwrap_or_default());
        }
    }
    moved
}

/// Items without names: told apart by what they are, and counted by their places.
fn placed(path: &mut String, old: &[Value], new: &[Value], depth: usize, found: &mut Vec<String>) {
    if old.len().max(new.len()) > LONGEST {
        found.push(path.clone());
        return;
    }
    let texts = |items: &[Value]| items.iter().map(Value::to_string).collect::<Vec<_>>();
    for op in capture_diff_slices(Algorithm::Myers, &texts(old), &texts(new)) {
        if matches!(op, DiffOp::Equal { .. }) {
            continue;
        }
        let (before, now) = (op.old_range(), op.new_range());
        let shared = before.len().min(now.len());
        let (first_old, first_new) = (before.start, now.start);
        let step = |at: usize| move |path: &mut String| path.push_str(&format!("[{at}]"));
        for at in 0..shared {
            let (Some(old), Some(new)) = (old.get(first_old + at), new.get(first_new + at)) else { continue };
            below(path, step(first_new + at), |path| compare(path, "", old, new, depth + 1, found));
        }
        let left = if before.len() > shared { before.skip(shared) } else { now.skip(shared) };
        for at in left {
            below(path, step(at), |path| found.push(path.clone()));
        }
    }
}

/// Puts the items of `new` whose place says nothing into the order that they have in `old`, so that texts of both show only
/// what differs.
pub fn align(old: &Value, new: &mut Value) {
    align_below("", old, new, 0);
}

fn align_below(name: &str, old: &Value, new: &mut Value, depth: usize) {
    if depth >= DEEPEST {
        return;
    }
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, new) in new {
                if let Some(old) = old.get(name) {
                    align_below(name, old, new, depth + 1);
                }
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            let Some(key) = ListKey::of(name, old, new) else { return };
            let places: HashMap<String, usize> = ids(key, old).into_iter().zip(0..).collect();
            if !key.ordered {
                new.sort_by_cached_key(|item| {
                    key.id(item).and_then(|id| places.get(&id).copied()).unwrap_or(usize::MAX)
                });
            }
            for item in new {
                let before = key.id(item).and_then(|id| old.get(*places.get(&id)?));
                if let Some(before) = before {
                    align_below("", before, item, depth + 1);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_inserted_item_is_that_item_and_nothing_behind_it() {
        let old = json!({"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}], "args": ["x", "y", "z"]}});
        let mut new = old.clone();
        new["spec"]["containers"] = json!([{"name": "new"}, {"name": "a", "image": "1"}, {"name": "b", "image": "3"}]);
        new["spec"]["args"] = json!(["x", "w", "y", "z"]);
        let expected = [".spec.args[1]", ".spec.containers[name=\"b\"].image", ".spec.containers[name=\"new\"]"]
            .map(str::to_owned);
        assert_eq!(paths(&old, &new), expected);
        let back = [".spec.args[1]", ".spec.containers[name=\"new\"]", ".spec.containers[name=\"b\"].image"];
        assert_eq!(paths(&new, &old), back);
    }

    #[test]
    fn a_moved_item_is_that_item_where_order_counts_and_nothing_where_it_does_not() {
        let list = |name: &str, field: &str, ids: &[&str]| json!({name: ids.iter().map(|id| json!({field: id})).collect::<Vec<_>>()});
        let init = |ids: &[&str]| list("initContainers", "name", ids);
        assert_eq!(paths(&init(&["a", "b", "c"]), &init(&["b", "c", "a"])), [".initContainers[name=\"a\"]"]);
        let conditions = |ids: &[&str]| list("conditions", "type", ids);
        assert!(paths(&conditions(&["a", "b", "c"]), &conditions(&["c", "a", "b"])).is_empty());
        let (old, mut new) = (conditions(&["a", "b"]), conditions(&["new", "b", "a"]));
        align(&old, &mut new);
        assert_eq!(new, conditions(&["a", "b", "new"]));
    }

    #[test]
    fn a_value_that_becomes_another_type_is_one_path() {
        assert_eq!(paths(&json!({"a": {"b": 1}}), &json!({"a": [1]})), [".a"]);
        assert_eq!(paths(&json!(1), &json!(2)), ["."]);
        assert_eq!(paths(&json!({"a.b/c": 1}), &json!({})), [".[\"a.b/c\"]"]);
    }
}
