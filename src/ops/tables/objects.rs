//! A row for each object, with all of it as JSON.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::revisions::{Named, is_live, named, sha256};
use super::{Cell, Noticed, Row, Tabled, Wanted};
use crate::kube::resources::Identity;
use crate::kube::show::View;
use crate::kube::stamps;
use crate::model::{Change, Op};
use crate::ops::objects::ObjectError;

/// The columns that need the object; for all others key and change are enough.
const FROM_THE_OBJECT: [&str; 13] = [
    "api_version",
    "kind",
    "namespace",
    "name",
    "uid",
    "generation",
    "created",
    "deletion_asked",
    "stamp",
    "labels",
    "state",
    "problem",
    "object",
];

/// The changes that are objects: the live ones, or all puts.
pub(super) fn selected<'a>(from: &'a Tabled<'_>) -> Vec<&'a Change> {
    let history = from.history();
    let is_object =
        |change: &&Change| matches!(from.objects.identity(change.key), Identity::Object(_) | Identity::Unlisted { .. });
    match from.history {
        true => history.changes().iter().filter(|change| change.op == Op::Put).filter(is_object).collect(),
        false => history.keys().ids().filter_map(|key| history.live(key)).filter(is_object).collect(),
    }
}

/// An object, or why there is none.
enum Read {
    Object(Value),
    /// A Secret, with its values left out.
    Masked(Value),
    /// Under the key of a Secret stands something else: nobody knows what in it is secret.
    Withheld,
    Failed(ObjectError),
}

fn read(from: &Tabled<'_>, change: &Change) -> Read {
    let Tabled { reveal, managed_fields, .. } = *from;
    let view = View { reveal, managed_fields, ..from.objects.kubectl(change) };
    let object = match from.objects.tree(change, &view) {
        Ok((object, _)) => object,
        Err(error) => return Read::Failed(error),
    };
    let says_secret = object.get("kind").and_then(Value::as_str) == Some("Secret");
    match (reveal, says_secret, from.objects.is_secret(change.key)) {
        (true, ..) | (false, false, false) => Read::Object(object),
        (false, true, _) => Read::Masked(object),
        (false, false, true) => Read::Withheld,
    }
}

fn text<'v>(object: &'v Value, pointer: &str) -> Option<&'v str> {
    object.pointer(pointer).and_then(Value::as_str)
}

fn text_cell<'r>(object: &Value, pointer: &str) -> Cell<'r> {
    Cell::some(text(object, pointer), Cell::owned)
}

fn moment(object: &Value, pointer: &str) -> Option<Timestamp> {
    text(object, pointer)?.parse().ok()
}

/// When the deletion was asked for: its timestamp lies later by the grace period.
fn deletion_asked(object: &Value) -> Option<Timestamp> {
    let until = moment(object, "/metadata/deletionTimestamp")?;
    let grace = object.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0);
    until.checked_sub(SignedDuration::from_secs(grace)).ok()
}

pub(super) fn row<'r>(from: &'r Tabled<'_>, change: &Change, wanted: Wanted<'_>) -> (Row<'r>, Noticed) {
    let mut noticed = Noticed::default();
    let wants_object = FROM_THE_OBJECT.iter().any(|column| wanted.has(column));
    let read = wants_object.then(|| read(from, change));
    let (state, problem) = match &read {
        None | Some(Read::Object(_)) => ("read", Cell::Null),
        Some(Read::Masked(_)) => ("masked", Cell::Null),
        Some(Read::Withheld) => ("masked", Cell::text("the key is of a Secret and the value is none")),
        Some(Read::Failed(error @ ObjectError::Locked { .. })) => ("encrypted", Cell::owned(error.to_string())),
        Some(Read::Failed(error)) => ("unreadable", Cell::owned(error.to_string())),
    };
    match state {
        "masked" => noticed.masked += 1,
        "encrypted" => noticed.locked += 1,
        "unreadable" => noticed.unreadable += 1,
        _ => {}
    }
    if let Some(Read::Failed(ObjectError::Damage(damage))) = &read {
        noticed.damage.push(damage.clone());
    }
    let object = match &read {
        Some(Read::Object(object) | Read::Masked(object)) => Some(object),
        _ => None,
    };
    let of = |pointer: &str| object.map_or(Cell::Null, |object| text_cell(object, pointer));
    let or = |known: Cell<'r>, pointer: &str| if known == Cell::Null { of(pointer) } else { known };
    let is_first = change.create_revision == Some(change.revision.main);
    let Named { group, resource, kind, namespace, name } = named(from, change.key);
    let sha256 = if wanted.has("value_sha256") { sha256(from, change, &mut noticed) } else { Cell::Null };
    let json = |value: &Value| Cell::owned(value.to_string());
    let generation = object.and_then(|object| object.pointer("/metadata/generation")?.as_i64());
    let row = vec![
        Cell::text(from.name),
        Cell::owned(String::from_utf8_lossy(from.history().keys().get(change.key))),
        Cell::Int(change.revision.main),
        Cell::some(change.create_revision, Cell::Int),
        Cell::some(change.version.known(), Cell::Int),
        Cell::Bool(is_live(from, change)),
        group,
        resource,
        of("/apiVersion"),
        or(kind, "/kind"),
        or(namespace, "/metadata/namespace"),
        or(name, "/metadata/name"),
        of("/metadata/uid"),
        Cell::some(generation, Cell::Int),
        Cell::some(object.and_then(|object| moment(object, "/metadata/creationTimestamp")), Cell::time),
        Cell::some(object.and_then(deletion_asked), Cell::time),
        Cell::some(object.and_then(|object| stamps::newest(object, is_first)), |stamp| Cell::time(stamp.at)),
        Cell::some(object.and_then(|object| object.pointer("/metadata/labels")), json),
        Cell::Int(change.value.len.into()),
        sha256,
        Cell::text(state),
        problem,
        Cell::some(object.filter(|_| wanted.has("object")), json),
    ];
    (row, noticed)
}
