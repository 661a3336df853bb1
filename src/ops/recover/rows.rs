//! Rows one by one, with digests in place of values: for comparing a recovery with what it should have given.

use sha1::{Digest as _, Sha1};

use super::Salvaged;
use crate::etcd;
use crate::kine::salvage::{Held, Row, Salvage};
use crate::model::Evidence;

/// A value, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Digest {
    /// NULL.
    Null,
    /// The SHA-1 of its bytes, in hexadecimal.
    Sha1(String),
    /// Doubtful, or not all of it is there.
    Partial,
}

/// One row.
#[derive(Clone, Debug)]
pub struct RowLine {
    /// The revision; `None` where not even that is known.
    pub id: Option<i64>,
    /// The change's place in its transaction, from 0; kine has no others.
    pub sub: u32,
    /// The key.
    pub name: Vec<u8>,
    /// Whether it begins a life.
    pub created: Option<bool>,
    /// Whether it is a tombstone.
    pub deleted: Option<bool>,
    /// The life's first revision.
    pub create_revision: Option<i64>,
    /// The row before.
    pub prev_revision: Option<i64>,
    /// Seconds to live.
    pub lease: Option<i64>,
    /// The value.
    pub value: Digest,
    /// The value before.
    pub old_value: Digest,
    /// What it rests on.
    pub grade: Evidence,
    /// Where it was found.
    pub source: &'static str,
    /// Whether compaction may have taken it: the file was copied meanwhile. Such a row is right, and perhaps past.
    pub perhaps_compacted: bool,
}

/// The rows of the table, or those of the past.
pub fn row_lines(found: &Salvaged, past: bool) -> Box<dyn Iterator<Item = RowLine> + '_> {
    match found {
        Salvaged::Kine(salvage) => {
            if past {
                return Box::new(salvage.past.iter().map(move |row| line(salvage, row)));
            }
            let perhaps = salvage.perhaps_compacted();
            let line = move |(row, perhaps_compacted)| RowLine { perhaps_compacted, ..line(salvage, row) };
            Box::new(salvage.rows.iter().zip(perhaps).map(line))
        }
        Salvaged::Etcd(salvage) => {
            let rows = if past { &salvage.past } else { &salvage.rows };
            Box::new(rows.iter().map(move |row| etcd_line(salvage, row)))
        }
    }
}

/// A row of etcd in kine's words. `sub` tells apart what one transaction changed.
fn etcd_line(salvage: &etcd::salvage::Salvage, row: &etcd::salvage::Row) -> RowLine {
    let is_put = !row.at.tombstone;
    let known = |number: i64| (is_put && row.is_good()).then_some(number);
    let value = match salvage.history.value(row.value) {
        Ok(value) if row.is_good() && is_put => sha1(&value),
        _ if row.is_good() && !is_put => Digest::Null,
        _ => Digest::Partial,
    };
    RowLine {
        id: Some(row.at.revision.main),
        sub: row.at.revision.sub,
        name: row.key.map(|key| salvage.history.keys().get(key).to_vec()).unwrap_or_default(),
        created: known(0).map(|_| row.version == 1),
        deleted: Some(!is_put),
        create_revision: known(row.create_revision),
        prev_revision: None,
        lease: known(row.lease),
        value,
        old_value: Digest::Null,
        grade: row.evidence,
        source: row.source.name(),
        perhaps_compacted: false,
    }
}

fn sha1(value: &[u8]) -> Digest {
    Digest::Sha1(Sha1::digest(value).iter().map(|byte| format!("{byte:02x}")).collect())
}

fn line(salvage: &Salvage, row: &Row) -> RowLine {
    let is_doubtful = row.evidence == Evidence::Doubtful;
    let digest = |held: Held| match held {
        _ if is_doubtful => Digest::Partial,
        Held::Null => Digest::Null,
        Held::Doubtful(_) | Held::Lost => Digest::Partial,
        Held::Known(at) => match salvage.history.value(at) {
            Ok(value) => sha1(&value),
            Err(_) => Digest::Partial,
        },
    };
    let whole = row.value.is_whole();
    RowLine {
        id: row.id,
        sub: 0,
        name: salvage.history.keys().get(row.key).to_vec(),
        created: row.created,
        deleted: row.deleted,
        create_revision: row.create_revision,
        prev_revision: row.prev_revision,
        lease: row.lease,
        value: digest(row.value),
        old_value: digest(row.old_value),
        grade: if whole { row.evidence } else { Evidence::Doubtful },
        source: row.source.name(),
        perhaps_compacted: false,
    }
}
