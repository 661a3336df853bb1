//! Salvaged rows as a history, and what SQLite itself notes of the table.

use super::{Held, Row};
use crate::model::{Change, Evidence, KeyId, Keys, LeaseRef, Op, Revision, ValueRef, Version, is_gap};
use crate::sqlite::{BtreePage, Looked, PageKind, RecordHeader, SerialType, Stand, Value};

/// The rows of the table as changes of their keys, and how many gap rows there are beside them.
pub(super) fn changes(keys: &Keys, rows: &[Row], compact_key: Option<KeyId>) -> (Vec<Change>, u64) {
    let mut gap_rows = 0;
    let mut changes = Vec::with_capacity(rows.len());
    for row in rows.iter().filter(|row| Some(row.key) != compact_key) {
        let Some(id) = row.id else { continue };
        if row.deleted == Some(true) && is_gap(keys.get(row.key), id) {
            gap_rows += 1;
        } else {
            changes.push(change(row, id));
        }
    }
    (changes, gap_rows)
}

fn change(row: &Row, id: i64) -> Change {
    let op = if row.deleted == Some(true) { Op::Delete } else { Op::Put };
    let created = row.created == Some(true);
    let value = match row.value {
        Held::Known(value) | Held::Doubtful(value) if op == Op::Put => value,
        _ => ValueRef::NONE,
    };
    Change {
        revision: Revision::new(id),
        key: row.key,
        op,
        evidence: if op == Op::Put && !row.value.is_whole() { Evidence::Doubtful } else { row.evidence },
        create_revision: if created { Some(id) } else { row.create_revision.filter(|&create| create > 0) },
        version: match op {
            Op::Delete => Version::Known(0),
            Op::Put if created => Version::Known(1),
            Op::Put => Version::AtLeast(2),
        },
        lease: row.lease.filter(|&lease| lease > 0 && op == Op::Put).map_or(LeaseRef::None, LeaseRef::Ttl),
        value,
    }
}

/// The row of table `kine` in `sqlite_sequence`, where a page in use begins with it: the highest id that was ever given (SQLite
/// file format, section 2.6.2).
pub(super) fn sequence(image: &Looked<'_>, page: &BtreePage<'_>) -> Option<i64> {
    if !matches!(image.stand, Stand::Now | Stand::Log) || page.kind() != PageKind::TableLeaf {
        return None;
    }
    let cell = page.table_cell(0).ok().filter(|cell| cell.local.len() < 32)?;
    let record = RecordHeader::parse(cell.local, cell.payload.len()).ok()?;
    let [name, sequence] = record.fields() else { return None };
    let bytes = |range: std::ops::Range<u32>| cell.local.get(range.start as usize..range.end as usize);
    let is_kine = name.kind == SerialType::Text(4) && bytes(name.range()) == Some(b"kine");
    Value::decode(sequence.kind, bytes(sequence.range())?.into())?.as_int().filter(|&id| is_kine && id > 0)
}
