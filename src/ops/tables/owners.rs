//! A row for each owner that a live object names.

use std::collections::HashMap;

use rayon::prelude::*;
use serde_json::Value;

use super::revisions::{Named, named};
use super::{BATCH, Cell, Noticed, Row, Tabled, TablesError, Take};
use crate::model::{Change, KeyId};

/// Owners of one object that are taken at most: a hostile one shall not cost more.
const MOST_OWNERS: usize = 10_000;

/// An owner as an object names it.
struct Owner {
    api_version: Option<String>,
    kind: Option<String>,
    name: Option<String>,
    uid: Option<String>,
    controller: Option<bool>,
    block: Option<bool>,
}

/// An object with the owners that it names.
struct Owned {
    key: KeyId,
    revision: i64,
    uid: Option<String>,
    owners: Vec<Owner>,
}

pub(super) fn rows<E>(from: &Tabled<'_>, take: &mut Take<'_, E>) -> Result<Noticed, TablesError<E>> {
    let history = from.history();
    let live: Vec<&Change> = history.keys().ids().filter_map(|key| history.live(key)).collect();
    let all: Vec<Owned> = live.par_iter().filter_map(|change| owned(from, change)).collect();
    let by_uid: HashMap<&str, KeyId> =
        all.iter().filter_map(|owned| Some((owned.uid.as_deref()?, owned.key))).collect();
    let mut batch: Vec<Row<'_>> = Vec::new();
    for owned in &all {
        batch.extend(owned.owners.iter().map(|owner| row(from, owned, owner, &by_uid)));
        if batch.len() >= BATCH {
            take(&batch).map_err(TablesError::Taker)?;
            batch.clear();
        }
    }
    take(&batch).map_err(TablesError::Taker)?;
    Ok(Noticed::default())
}

/// What an object says of its owners; nothing for what is no object, or closed: the table of objects tells those.
fn owned(from: &Tabled<'_>, change: &Change) -> Option<Owned> {
    let (object, _) = from.objects.tree(change, &from.objects.kubectl(change)).ok()?;
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let flag = |value: &Value, name: &str| value.get(name).and_then(Value::as_bool);
    let owner = |value: &Value| Owner {
        api_version: text(value, "apiVersion"),
        kind: text(value, "kind"),
        name: text(value, "name"),
        uid: text(value, "uid"),
        controller: flag(value, "controller"),
        block: flag(value, "blockOwnerDeletion"),
    };
    let metadata = object.get("metadata")?;
    let owners = metadata.get("ownerReferences").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Some(Owned {
        key: change.key,
        revision: change.revision.main,
        uid: text(metadata, "uid"),
        owners: owners.iter().take(MOST_OWNERS).map(owner).collect(),
    })
}

fn row<'r>(from: &'r Tabled<'_>, owned: &'r Owned, owner: &'r Owner, by_uid: &HashMap<&str, KeyId>) -> Row<'r> {
    let key = |id: KeyId| Cell::owned(String::from_utf8_lossy(from.history().keys().get(id)));
    let text = |text: &'r Option<String>| Cell::some(text.as_deref(), Cell::text);
    let Named { kind, namespace, name, .. } = named(from, owned.key);
    let owner_key = owner.uid.as_deref().and_then(|uid| by_uid.get(uid).copied());
    vec![
        Cell::text(from.name),
        key(owned.key),
        Cell::Int(owned.revision),
        kind,
        namespace,
        name,
        text(&owned.uid),
        text(&owner.api_version),
        text(&owner.kind),
        text(&owner.name),
        text(&owner.uid),
        Cell::some(owner.controller, Cell::Bool),
        Cell::some(owner.block, Cell::Bool),
        Cell::some(owner_key, key),
    ]
}
