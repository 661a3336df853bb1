//! A row for each change that the store still knows.

use base64::Engine as _;
use sha2::{Digest, Sha256};

use super::{Cell, Noticed, Row, Tabled, Wanted};
use crate::kube::resources::Identity;
use crate::model::{Change, KeyId, LeaseRef};
use crate::ops::moments;

/// What a key is, as cells.
pub(super) struct Named<'a> {
    pub group: Cell<'a>,
    pub resource: Cell<'a>,
    pub kind: Cell<'a>,
    pub namespace: Cell<'a>,
    pub name: Cell<'a>,
}

/// What a key says of the object under it; nulls for a key that is none.
pub(super) fn named<'a>(from: &'a Tabled<'_>, key: KeyId) -> Named<'a> {
    match from.objects.identity(key) {
        Identity::Object(id) => Named {
            group: Cell::text(&id.resource.group),
            resource: Cell::text(&id.resource.plural),
            kind: Cell::text(&id.resource.kind),
            namespace: Cell::some(id.namespace, Cell::text),
            name: Cell::text(id.name),
        },
        // Nobody knows without the definition whether a slash in the rest ends a namespace.
        Identity::Unlisted { group, plural, .. } => Named {
            group: Cell::text(group),
            resource: Cell::text(plural),
            kind: Cell::Null,
            namespace: Cell::Null,
            name: Cell::Null,
        },
        Identity::Special(_) | Identity::Foreign => {
            Named { group: Cell::Null, resource: Cell::Null, kind: Cell::Null, namespace: Cell::Null, name: Cell::Null }
        }
    }
}

/// A key as text, or else in base64.
fn key_cells(key: &[u8]) -> (Cell<'_>, Cell<'_>) {
    match std::str::from_utf8(key) {
        Ok(text) => (Cell::text(text), Cell::Null),
        Err(_) => (Cell::Null, Cell::owned(base64::engine::general_purpose::STANDARD.encode(key))),
    }
}

/// The hash of a value's stored bytes. That of a secret value would let a guess be confirmed.
pub(super) fn sha256<'r>(from: &Tabled<'_>, change: &Change, noticed: &mut Noticed) -> Cell<'r> {
    if !change.is_put() || !from.reveal && from.objects.is_secret(change.key) {
        return Cell::Null;
    }
    match from.history().value(change.value) {
        Ok(value) => {
            use std::fmt::Write as _;
            let mut text = String::with_capacity(64);
            for byte in Sha256::digest(&value) {
                let _ = write!(text, "{byte:02x}");
            }
            Cell::owned(text)
        }
        Err(damage) => {
            noticed.damage.push(damage);
            Cell::Null
        }
    }
}

/// Whether a change is the live value of its key.
pub(super) fn is_live(from: &Tabled<'_>, change: &Change) -> bool {
    from.history().live(change.key).is_some_and(|live| live.revision == change.revision)
}

pub(super) fn row<'r>(from: &'r Tabled<'_>, change: &Change, wanted: Wanted<'_>) -> (Row<'r>, Noticed) {
    let history = from.history();
    let mut noticed = Noticed::default();
    let (key, key_base64) = key_cells(history.keys().get(change.key));
    let Named { group, resource, kind, namespace, name } = named(from, change.key);
    let lease = match change.lease {
        LeaseRef::Id(id) => id,
        LeaseRef::None | LeaseRef::Ttl(_) => 0,
    };
    let version = change.version.known().filter(|_| change.is_put());
    let sha256 = if wanted.has("value_sha256") { sha256(from, change, &mut noticed) } else { Cell::Null };
    let stamp = if wanted.has("stamp") { moments::stamp(from.objects, change) } else { None };
    let row = vec![
        Cell::text(from.name),
        Cell::Int(change.revision.main),
        Cell::Int(change.revision.sub.into()),
        Cell::text(change.op.name()),
        key,
        key_base64,
        group,
        resource,
        kind,
        namespace,
        name,
        Cell::some(change.create_revision, Cell::Int),
        Cell::some(version, Cell::Int),
        Cell::Int(lease),
        Cell::some(history.ttl(change.lease), Cell::Int),
        Cell::some(change.is_put().then_some(change.value.len), |len| Cell::Int(len.into())),
        sha256,
        Cell::Bool(is_live(from, change)),
        Cell::text(change.evidence.name()),
        Cell::some(stamp, |stamp| Cell::time(stamp.at)),
    ];
    (row, noticed)
}
