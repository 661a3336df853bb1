//! etcd to kine: the direction that k3s does not offer.

use rayon::prelude::*;

use super::Options;
use super::chains::Numbering;
use super::plan::{Bounds, LeftOut, Plan, PlanError, Reason, Rows, Translated};
use super::select::{Selection, is_embedded_etcd_s};
use super::shared;
use crate::etcd;
use crate::kine::NewRow;
use crate::kine::schema::{APISERVER_COMPACT_KEY, COMPACT_KEY};
use crate::model::{Change, Content, Contents, History, LeaseRef, Name, Op, Version};

/// Plans a kine store with everything that `store` holds.
pub(super) fn plan<'a>(store: &'a etcd::Store, options: &Options, bounds: Bounds) -> Result<Plan<'a>, PlanError> {
    let history = store.history();
    let mut selection = Selection::new(history, bounds, options);
    let mut left_out = Vec::new();
    drop_keys(history, &mut selection, &mut left_out)?;
    let numbers = if options.renumber {
        Numbering::renumber(history, &selection)
    } else {
        shared::settle(history, &mut selection, &mut left_out)?;
        Numbering::keep(history, &selection)
    };
    let mut rows = Builder::new(history, &selection, &numbers);
    rows.all()?;
    let Builder { contents, rows, translated, .. } = rows;
    let current = bounds.current.max(numbers.last() + options.bump);
    let compact = bounds.compact(history, current);
    let mut plan = Plan {
        contents,
        rows: Rows::Kine(Vec::new()),
        leases: Vec::new(),
        current_revision: current,
        compact_revision: compact,
        left_out,
        not_wanted: selection.not_wanted,
        translated,
        added: Vec::new(),
        notes: notes(store, &selection),
    };
    plan.rows = Rows::Kine(frame(rows, &mut plan.contents, current, compact)?);
    Ok(plan)
}

/// Leaves out what kine cannot or must not hold.
fn drop_keys(history: &History, selection: &mut Selection, left_out: &mut Vec<LeftOut>) -> Result<(), PlanError> {
    let keys = history.keys();
    for key in keys.ids() {
        let name = keys.get(key);
        if is_embedded_etcd_s(name) {
            selection.leave_out_key(history, key, Reason::EmbeddedEtcd, left_out);
        } else if std::str::from_utf8(name).is_err() || name.contains(&0) {
            if selection.is_live_key(key) {
                return Err(PlanError::LiveKeyNotText { key: name.escape_ascii().to_string() });
            }
            selection.leave_out_key(history, key, Reason::NotText, left_out);
        }
    }
    let has = |name: &[u8]| keys.find(name).is_some_and(|key| !history.positions_of(key).is_empty());
    if has(COMPACT_KEY) && has(APISERVER_COMPACT_KEY) {
        return Err(PlanError::NameTaken);
    }
    Ok(())
}

/// Adds the rows that kine keeps for itself: the compact revision, and a gap where the current revision has no row.
pub(in crate::ops) fn frame(
    mut rows: Vec<NewRow>,
    contents: &mut Contents<'_>,
    current: i64,
    compact: i64,
) -> Result<Vec<NewRow>, PlanError> {
    rows.sort_by_key(|row| row.id);
    let free = first_free(&rows);
    if free >= current.max(2) {
        return Err(PlanError::NoFreeRevision { current });
    }
    let compact_row = NewRow {
        created: true,
        prev_revision: compact,
        value: Some(Content::Empty),
        ..NewRow::blank(free, contents.name(COMPACT_KEY))
    };
    let at = rows.partition_point(|row| row.id < free);
    rows.insert(at, compact_row);
    if rows.last().is_none_or(|row| row.id < current) {
        let name = contents.name(format!("gap-{current}").as_bytes());
        rows.push(NewRow { deleted: true, ..NewRow::blank(current, name) });
    }
    Ok(rows)
}

/// The smallest revision without a row that no `prev_revision` names either: kine's compaction deletes what one names, were
/// it the compact row itself.
fn first_free(rows: &[NewRow]) -> i64 {
    let mut taken: Vec<i64> = rows.iter().flat_map(|row| [row.id, row.prev_revision]).collect();
    taken.par_sort_unstable();
    let mut free = 1;
    for id in taken {
        if id > free {
            break;
        }
        free = free.max(id + 1);
    }
    free
}

fn notes(store: &etcd::Store, selection: &Selection) -> Vec<String> {
    let meta = store.meta();
    let mut notes = Vec::new();
    for alarm in &meta.alarms {
        notes.push(format!("the source has an armed {} alarm, which kine does not know", alarm.kind));
    }
    if meta.auth_enabled {
        notes.push("etcd's authentication is on in the source; its users and roles are not carried over".to_owned());
    }
    let history = store.history();
    let used: std::collections::HashSet<i64> = selection
        .live
        .iter()
        .flatten()
        .filter_map(|&position| match history.changes().get(position as usize)?.lease {
            LeaseRef::Id(id) => Some(id),
            _ => None,
        })
        .collect();
    let unused = history.leases().iter().filter(|lease| !used.contains(&lease.id)).count();
    if unused > 0 {
        let leases = if unused == 1 { "1 lease".to_owned() } else { format!("{unused} leases") };
        notes.push(format!("{leases} without a live key not carried over: kine keeps a time to live per row"));
    }
    notes
}

/// Makes rows of changes, key by key.
struct Builder<'a, 's> {
    history: &'a History,
    selection: &'s Selection,
    numbers: &'s Numbering,
    contents: Contents<'a>,
    rows: Vec<NewRow>,
    translated: Vec<Translated>,
}

/// The newest row of a key so far.
#[derive(Clone, Copy)]
struct Before {
    id: i64,
    /// Its value, if it is a put.
    value: Option<Content>,
}

impl<'a, 's> Builder<'a, 's> {
    fn new(history: &'a History, selection: &'s Selection, numbers: &'s Numbering) -> Self {
        let rows = Vec::with_capacity(history.changes().len() + 2);
        Self { history, selection, numbers, contents: Contents::over(history), rows, translated: Vec::new() }
    }

    fn all(&mut self) -> Result<(), PlanError> {
        let apiservers = self.history.keys().find(COMPACT_KEY);
        for key in self.history.keys().ids() {
            let renamed = apiservers == Some(key);
            let name = if renamed { self.contents.name(APISERVER_COMPACT_KEY) } else { self.contents.same(key) };
            let mut before = None;
            for &position in self.history.positions_of(key).iter().filter(|&&at| self.selection.is_taken(at)) {
                let Some(change) = self.history.changes().get(position as usize) else { continue };
                let value = if renamed { self.apiserver_value(change)? } else { self.contents.stored(change.value) };
                let row = self.row(position, change, name, value, before);
                before = Some(Before { id: row.id, value: change.is_put().then_some(value) });
                self.rows.push(row);
            }
        }
        Ok(())
    }

    fn row(&mut self, position: u32, change: &Change, name: Name, value: Content, before: Option<Before>) -> NewRow {
        let id = self.numbers.of(position);
        let create_revision = self.numbers.create_revision(change).unwrap_or(0);
        let old_value = before.and_then(|before| before.value);
        let prev_revision = before.map_or(0, |before| before.id);
        let row = NewRow { prev_revision, old_value, ..NewRow::blank(id, name) };
        match change.op {
            Op::Delete => NewRow { deleted: true, create_revision, value: old_value, ..row },
            Op::Put => {
                let created = create_revision == id && change.version == Version::Known(1);
                NewRow {
                    created,
                    create_revision: if created { 0 } else { create_revision },
                    lease: self.lease(position, change),
                    value: Some(value),
                    ..row
                }
            }
        }
    }

    /// kine's column is a time to live, never a lease's id: as seconds such an id overflows, and kine deletes the key.
    fn lease(&mut self, position: u32, change: &Change) -> i64 {
        if change.lease == LeaseRef::None || !self.selection.is_live(position, change) {
            return 0;
        }
        let what = match self.history.ttl(change.lease) {
            Some(ttl) => format!("its lease is kept as a time to live of {ttl} s"),
            None => "names a lease that the source does not have: the key will not expire".to_owned(),
        };
        self.translated.push(Translated { key: change.key, revision: change.revision.main, what });
        self.history.ttl(change.lease).unwrap_or(0)
    }

    /// kine keeps the apiserver's `compact_rev_key` as `version|value` under another name (kine 0.14.4).
    fn apiserver_value(&mut self, change: &Change) -> Result<Content, PlanError> {
        if !change.is_put() {
            return Ok(Content::Empty);
        }
        let mut value = format!("{}|", change.version.known().unwrap_or(1)).into_bytes();
        value.extend_from_slice(&self.history.value(change.value).map_err(PlanError::Source)?);
        let what = "kept as compact_rev_key_apiserver: kine reserves the name for itself".to_owned();
        self.translated.push(Translated { key: change.key, revision: change.revision.main, what });
        Ok(self.contents.value(value))
    }
}
