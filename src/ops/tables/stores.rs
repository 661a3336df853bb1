//! One row for the store itself.

use super::{Cell, Noticed, Row, Tabled, TablesError, Take, Wanted};
use crate::ops::info::Info;
use crate::ops::objects::MinorFrom;

pub(super) fn rows<E>(
    from: &Tabled<'_>,
    wanted: Wanted<'_>,
    take: &mut Take<'_, E>,
) -> Result<Noticed, TablesError<E>> {
    let hashes = wanted.has("hash_kv") || wanted.has("trailer");
    let info = Info::of(from.source, !hashes);
    let verdict = match wanted.has("verdict") {
        true => from.verified()?.verdict.name(),
        false => "",
    };
    let (minor, known) = from.objects.minor();
    let kubernetes = (known != MinorFrom::Newest).then(|| Cell::owned(minor.to_string()));
    let etcd = info.etcd.as_ref();
    let bytes = &info.bytes;
    let row: Row<'_> = vec![
        Cell::text(from.name),
        Cell::text(&from.source.name),
        Cell::text(info.engine.name()),
        Cell::Int(info.current_revision),
        Cell::Int(info.compact_revision),
        Cell::count(info.counts.live_keys),
        Cell::count(info.counts.changes),
        Cell::count(info.counts.tombstones),
        Cell::count(info.leases),
        Cell::count(info.gap_rows),
        Cell::count(bytes.file),
        Cell::count(bytes.live),
        Cell::count(bytes.superseded),
        Cell::count(bytes.free),
        Cell::count(bytes.index),
        kubernetes.unwrap_or(Cell::Null),
        Cell::some(from.objects.newest_stamp(), Cell::time),
        Cell::some(etcd.and_then(|etcd| etcd.hash_kv), |(hash, _)| Cell::Int(hash.into())),
        Cell::some(etcd.and_then(|etcd| etcd.trailer), |trailer| Cell::text(trailer.name())),
        Cell::text(verdict),
    ];
    take(&[row]).map_err(TablesError::Taker)?;
    Ok(Noticed::default())
}
