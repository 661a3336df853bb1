//! The rows of bucket `key`, scanned in parallel.

use rayon::prelude::*;

use super::keyvalue::{KeyValue, RowKey};
use crate::bolt::{Bolt, Leaf};
use crate::model::{KeyId, Keys, Names, ValueRef};
use crate::source::{Damage, Place};

/// One row of bucket `key`, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// When, and whether it is a tombstone: the row's key.
    pub at: RowKey,
    /// The user's key.
    pub key: KeyId,
    /// The life's first revision; 0 in a tombstone.
    pub create_revision: i64,
    /// Puts of this life; 0 in a tombstone.
    pub version: i64,
    /// The lease's id, or 0.
    pub lease: i64,
    /// The value.
    pub value: ValueRef,
    /// The whole record, where it lies in the file as such; [`ValueRef::NONE`] for a row replayed from the WAL.
    pub record: ValueRef,
}

pub(super) struct Scanned<'a> {
    pub row: Row,
    pub key: &'a [u8],
}

/// How many leaves one task reads: few tasks, so that handing them out costs nothing beside reading.
const LEAVES_PER_TASK: usize = 256;
/// How many leaves are touched before they are read: what was touched must still be in the cache when it is read.
const LEAVES_PER_TOUCH: usize = 32;

/// All rows in the order of the bucket, with their keys. What is no row of etcd is reported and left out.
pub fn scan(bolt: &Bolt, leaves: &[Leaf], damage: &mut Vec<Damage>) -> (Keys, Vec<Row>) {
    let found: Vec<Part> = leaves.par_chunks(LEAVES_PER_TASK).map(|leaves| scan_leaves(bolt, leaves)).collect();
    let mut names = Vec::with_capacity(found.len());
    let mut parts = Vec::with_capacity(found.len());
    for part in found {
        damage.extend(part.faults);
        names.push(part.names);
        parts.push(part.rows);
    }
    let (keys, ids) = Keys::of_parts(&names);
    drop(names);
    let scanned: Vec<&Row> = parts.iter().flatten().collect();
    let rows = scanned.par_iter().zip(&ids).map(|(row, &key)| Row { key, ..**row }).collect();
    (keys, rows)
}

/// What one task reads.
struct Part {
    rows: Vec<Row>,
    /// The key of each row.
    names: Names,
    faults: Vec<Damage>,
}

fn scan_leaves(bolt: &Bolt, leaves: &[Leaf]) -> Part {
    let mut faults = Vec::new();
    let mut names = Names::default();
    let mut rows = Vec::with_capacity(leaves.iter().map(|leaf| usize::from(leaf.count)).sum());
    for (at, leaf) in leaves.iter().enumerate() {
        if at % LEAVES_PER_TOUCH == 0 {
            leaves.iter().skip(at).take(LEAVES_PER_TOUCH).for_each(|leaf| leaf.touch(bolt));
        }
        let mut bad = Vec::new();
        for item in leaf.items(bolt, &mut faults) {
            let tell = |id, what| {
                let place = Place::Cell { page: leaf.home.page().get(), cell: item.cell.into() };
                Damage { file: bolt.file().clone(), place, id, what }
            };
            match decode(item.key, item.value, item.value_at) {
                Ok((scanned, decoded)) => {
                    bad.extend(foreign(&scanned.row, &decoded).map(|what| tell("row-value", what)));
                    names.push(scanned.key);
                    rows.push(scanned.row);
                }
                Err((id, what)) => bad.push(tell(id, what)),
            }
        }
        faults.append(&mut bad);
    }
    Part { rows, names, faults }
}

/// A record that decodes, and yet is not what etcd writes: it encodes fields in order and leaves zeros out, and a tombstone
/// has nothing but its key (etcd server/storage/mvcc/kvstore_txn.go, delete). A changed tag would else pass for a field of
/// a later etcd, and take a value or a lease with it.
pub(super) fn foreign(row: &Row, decoded: &Decoded<'_>) -> Option<String> {
    let value = &decoded.value;
    if row.at.tombstone && *value != (KeyValue { key: value.key, ..KeyValue::default() }) {
        return Some(format!("the tombstone of revision {} holds more than its key", row.at.revision));
    }
    (!decoded.as_encoded)
        .then(|| format!("the record of revision {} is not encoded as etcd encodes it", row.at.revision))
}

/// A row's record.
pub(super) struct Decoded<'a> {
    value: KeyValue<'a>,
    /// Whether etcd would have written these very bytes.
    as_encoded: bool,
}

pub(super) type Fault = (&'static str, String);

pub(super) fn decode<'a>(
    row_key: &[u8],
    record: &'a [u8],
    record_at: u64,
) -> Result<(Scanned<'a>, Decoded<'a>), Fault> {
    let shown = row_key.escape_ascii();
    let at = RowKey::decode(row_key).ok_or_else(|| ("row-key", format!("{shown} in bucket key is no revision")))?;
    let (value, as_encoded) = KeyValue::decode_and_compare(record)
        .ok_or_else(|| ("row-value", format!("the record of revision {} cannot be decoded", at.revision)))?;
    // etcdutl's --bump-revision leaves one row with nothing in it; every other put says its own revision.
    if !at.tombstone && !record.is_empty() && value.mod_revision != at.revision.main {
        let what =
            format!("the record says revision {}, its key says revision {}", value.mod_revision, at.revision.main);
        return Err(("row-revision", what));
    }
    if value.key.is_empty() && !record.is_empty() {
        return Err(("row-without-key", format!("the record of revision {} has no key", at.revision)));
    }
    if !at.tombstone
        && !record.is_empty()
        && (value.version < 1 || !(1..=at.revision.main).contains(&value.create_revision))
    {
        let what = format!(
            "the record of revision {} says create revision {} and version {}",
            at.revision, value.create_revision, value.version
        );
        return Err(("row-numbers", what));
    }
    let too_long = |_| ("row-value", format!("the record of revision {} is too long", at.revision));
    let value_ref = if at.tombstone {
        ValueRef::NONE
    } else {
        let len = u32::try_from(value.value.len()).map_err(too_long)?;
        ValueRef { place: record_at.saturating_add(value.value_at as u64), len }
    };
    let record = ValueRef { place: record_at, len: u32::try_from(record.len()).map_err(too_long)? };
    let row = Row {
        at,
        key: KeyId::UNSET,
        create_revision: value.create_revision,
        version: value.version,
        lease: value.lease,
        value: value_ref,
        record,
    };
    Ok((Scanned { row, key: value.key }, Decoded { value, as_encoded }))
}
