//! Rows one by one, with digests in place of values: for comparing a recovery with what it should have given.

use sha1::{Digest as _, Sha1};

use super::Salvaged;
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
}

/// The rows of the table, or those of the past.
pub fn row_lines(found: &Salvaged, past: bool) -> impl Iterator<Item = RowLine> {
    let Salvaged::Kine(salvage) = found;
    let rows = if past { &salvage.past } else { &salvage.rows };
    rows.iter().map(move |row| line(salvage, row))
}

fn line(salvage: &Salvage, row: &Row) -> RowLine {
    let is_doubtful = row.evidence == Evidence::Doubtful;
    let digest = |held: Held| match held {
        _ if is_doubtful => Digest::Partial,
        Held::Null => Digest::Null,
        Held::Doubtful(_) | Held::Lost => Digest::Partial,
        Held::Known(at) => match salvage.history.value(at) {
            Ok(value) => Digest::Sha1(Sha1::digest(&value).iter().map(|byte| format!("{byte:02x}")).collect()),
            Err(_) => Digest::Partial,
        },
    };
    let whole = row.value.is_whole();
    RowLine {
        id: row.id,
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
    }
}
