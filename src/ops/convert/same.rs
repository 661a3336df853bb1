//! The same engine on both sides: every row is kept as it is; only the file's shape and the flags apply.

use super::chains::Numbering;
use super::plan::{Bounds, Plan, PlanError, Rows, Translated};
use super::select::Selection;
use super::{Options, to_etcd, to_kine};
use crate::kine::schema::COMPACT_KEY;
use crate::model::{Change, Contents, History, Lease, LeaseRef};
use crate::{etcd, kine};

/// The position in the history of each row's change, where it is one; both are in revision order.
fn positions<R>(history: &History, rows: &[R], revision: impl Fn(&R) -> crate::model::Revision) -> Vec<Option<u32>> {
    let mut changes = (0u32..).zip(history.changes()).peekable();
    rows.iter()
        .map(|row| {
            let here = changes.next_if(|(_, change): &(u32, &Change)| change.revision == revision(row));
            here.map(|(position, _)| position)
        })
        .collect()
}

/// etcd to etcd.
pub(super) fn etcd<'a>(store: &'a etcd::Store, options: &Options, bounds: Bounds) -> Result<Plan<'a>, PlanError> {
    let history = store.history();
    let selection = Selection::new(history, bounds, options);
    let numbers =
        if options.renumber { Numbering::renumber(history, &selection) } else { Numbering::keep(history, &selection) };
    let mut contents = Contents::over(history);
    let mut translated = Vec::new();
    let positions = positions(history, store.rows(), |row: &etcd::Row| row.at.revision);
    let mut rows = Vec::with_capacity(store.rows().len() + 1);
    for (row, position) in store.rows().iter().zip(positions) {
        let Some(position) = position else {
            // The row of a bump, or a gap: kept as long as the numbers are.
            let is_compacted = bounds.compact_to.is_some_and(|to| row.at.revision.main <= to);
            if !bounds.relist && !is_compacted && row.at.revision.main <= bounds.upto {
                rows.push(verbatim(row, &contents));
            }
            continue;
        };
        let Some(change) = history.changes().get(position as usize).filter(|_| selection.is_taken(position)) else {
            continue;
        };
        let mut new = verbatim(row, &contents);
        if options.renumber {
            new.at.revision = crate::model::Revision::new(numbers.of(position));
            new.create_revision = numbers.create_revision(change).filter(|_| change.is_put()).unwrap_or(0);
        }
        if bounds.relist && selection.is_live(position, change) && is_dangling(history, change) {
            new.lease = 0;
            let what = "named a lease that is gone since: the key will not expire".to_owned();
            translated.push(Translated { key: change.key, revision: change.revision.main, what });
        }
        rows.push(new);
    }
    rows.sort_by_key(|row| row.at);
    let current = bounds.current.max(numbers.last() + options.bump);
    to_etcd::pin(&mut rows, &mut contents, current);
    let leases: Vec<Lease> = history.leases().to_vec();
    Ok(Plan {
        contents,
        rows: Rows::Etcd(rows),
        leases,
        current_revision: current,
        compact_revision: bounds.compact(history, current),
        left_out: Vec::new(),
        not_wanted: selection.not_wanted,
        translated,
        added: Vec::new(),
        notes: etcd_notes(store),
    })
}

fn etcd_notes(store: &etcd::Store) -> Vec<String> {
    let mut notes = Vec::new();
    for alarm in &store.meta().alarms {
        notes.push(format!("the source has an armed {} alarm; it is not carried over", alarm.kind));
    }
    if store.meta().auth_enabled {
        notes.push("etcd's authentication is on in the source; its users and roles are not carried over".to_owned());
    }
    notes
}

fn is_dangling(history: &History, change: &Change) -> bool {
    matches!(change.lease, LeaseRef::Id(_)) && history.ttl(change.lease).is_none()
}

fn verbatim(row: &etcd::Row, contents: &Contents<'_>) -> etcd::NewRow {
    etcd::NewRow {
        at: row.at,
        name: contents.same(row.key),
        create_revision: row.create_revision,
        version: row.version,
        lease: row.lease,
        value: contents.stored(row.value),
    }
}

/// kine to kine. A `prev_revision` whose row is gone is harmless while ids stay: no other key can get that id.
pub(super) fn kine<'a>(store: &'a kine::Store, options: &Options, bounds: Bounds) -> Result<Plan<'a>, PlanError> {
    let history = store.history();
    let selection = Selection::new(history, bounds, options);
    let mut contents = Contents::over(history);
    let compact_key = history.keys().find(COMPACT_KEY);
    let positions = positions(history, store.rows(), |row: &kine::Row| crate::model::Revision::new(row.id));
    let mut rows = Vec::with_capacity(store.rows().len() + 2);
    for (row, position) in store.rows().iter().zip(positions) {
        let keep = match position {
            Some(position) => selection.is_taken(position),
            // kine's own rows: its compact revision, which a broken history gets anew, and gaps.
            None => !bounds.relist && bounds.compact_to.is_none_or(|to| row.id > to && Some(row.key) != compact_key),
        };
        if keep {
            let mut new = kine_row(row, &contents);
            // A watch gives it with the event of its row, and no watch can begin below the compact revision.
            if bounds.compact_to.is_some_and(|to| row.id <= to) {
                new.old_value = None;
            }
            rows.push(new);
        }
    }
    let current = bounds.current;
    let compact = bounds.compact(history, current);
    let has_compact_row = !bounds.relist && bounds.compact_to.is_none() && store.compact_rows().next().is_some();
    let rows = if has_compact_row { rows } else { to_kine::frame(rows, &mut contents, current, compact)? };
    Ok(Plan {
        contents,
        rows: Rows::Kine(rows),
        leases: Vec::new(),
        current_revision: current,
        compact_revision: compact,
        left_out: Vec::new(),
        not_wanted: selection.not_wanted,
        translated: Vec::new(),
        added: Vec::new(),
        notes: Vec::new(),
    })
}

fn kine_row(row: &kine::Row, contents: &Contents<'_>) -> kine::NewRow {
    kine::NewRow {
        id: row.id,
        name: contents.same(row.key),
        created: row.created,
        deleted: row.deleted,
        create_revision: row.create_revision,
        prev_revision: row.prev_revision,
        lease: row.lease,
        value: row.value.map(|value| contents.stored(value)),
        old_value: row.old_value.map(|value| contents.stored(value)),
    }
}
