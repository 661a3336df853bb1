//! kine to etcd.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

use super::Options;
use super::chains::Numbering;
use super::plan::{Bounds, LeftOut, Plan, PlanError, Reason, Rows, Translated};
use super::select::Selection;
use crate::etcd::NewRow;
use crate::etcd::keyvalue::RowKey;
use crate::kine::schema::{APISERVER_COMPACT_KEY, COMPACT_KEY};
use crate::kine::{self, Row};
use crate::model::{Change, Content, Contents, History, KeyId, Lease, LeaseRef, Name, Op, Revision, Version};

/// Plans an etcd store with everything that `store` holds.
pub(super) fn plan<'a>(store: &'a kine::Store, options: &Options, bounds: Bounds) -> Result<Plan<'a>, PlanError> {
    let history = store.history();
    let mut selection = Selection::new(history, bounds, options);
    let mut left_out = Vec::new();
    for key in history.keys().ids() {
        if let Some(live) = history.keys().get(key).is_empty().then(|| history.live(key)).flatten() {
            return Err(PlanError::EmptyKey { revision: live.revision.main });
        }
        leave_out_broken_lives(history, key, &mut selection, &mut left_out);
    }
    if options.history {
        left_out.extend(old_values_only(store, bounds));
    }
    let numbers = Numbering::keep(history, &selection);
    let mut builder = Builder::new(history, &selection, &numbers);
    builder.all(&mut left_out)?;
    let Builder { contents, mut rows, leases, translated, .. } = builder;
    rows.sort_by_key(|row| row.at);
    let mut plan = Plan {
        contents,
        rows: Rows::Etcd(Vec::new()),
        leases,
        current_revision: bounds.current,
        compact_revision: bounds.compact(history, bounds.current),
        left_out,
        not_wanted: selection.not_wanted,
        translated,
        added: Vec::new(),
        notes: notes(store),
    };
    pin(&mut rows, &mut plan.contents, plan.current_revision);
    plan.leases.sort_by_key(|lease| lease.id);
    plan.rows = Rows::Etcd(rows);
    Ok(plan)
}

/// Pins the current revision by a tombstone where it has no row: by the compact revision, all history would be
/// unreadable.
pub(in crate::ops) fn pin(rows: &mut Vec<NewRow>, contents: &mut Contents<'_>, current: i64) {
    let last = rows.last().map_or(1, |row| row.at.revision.main);
    if last < current {
        rows.push(NewRow {
            at: RowKey { revision: Revision::new(current), tombstone: true },
            name: contents.name(format!("gap-{current}").as_bytes()),
            create_revision: 0,
            version: 0,
            lease: 0,
            value: Content::Empty,
        });
    }
}

fn notes(store: &kine::Store) -> Vec<String> {
    let compact_rows = store.compact_rows().count();
    let mut notes = Vec::new();
    if compact_rows > 1 {
        notes.push(format!(
            "the source has {compact_rows} compact_rev_key rows, by a bug of old kine; the highest revision counts, as it \
             does for kine"
        ));
    }
    notes
}

/// etcd takes create revision and version from the first row of a life, and a life's beginning from its tombstone: where a
/// later life has lost its first row, the rows before it would make etcd invent numbers for it.
fn leave_out_broken_lives(history: &History, key: KeyId, selection: &mut Selection, left_out: &mut Vec<LeftOut>) {
    let taken: Vec<u32> =
        history.positions_of(key).iter().copied().filter(|&position| selection.is_taken(position)).collect();
    let change = |position: u32| history.changes().get(position as usize);
    let mut keep_from = 0;
    for (at, pair) in (1..).zip(taken.windows(2)) {
        let [Some(before), Some(now)] = [0, 1].map(|side| pair.get(side).and_then(|&position| change(position))) else {
            continue;
        };
        let begins = now.version == Version::Known(1);
        let follows = match (before.op, now.op) {
            (_, Op::Delete) => true,
            (Op::Delete, Op::Put) => begins,
            (Op::Put, Op::Put) => !begins && now.create_revision == before.create_revision,
        };
        if !follows {
            keep_from = at;
        }
    }
    for &position in taken.get(..keep_from).unwrap_or_default() {
        selection.leave_out(history, position, Reason::BeforeBrokenLife, left_out);
    }
}

/// Values that only an `old_value` still holds: the row they were written by is compacted away, and etcd has no place
/// for them. They are named by that row, which `prev_revision` tells.
fn old_values_only(store: &kine::Store, bounds: Bounds) -> Vec<LeftOut> {
    let history = store.history();
    let by_id = |id: i64| store.rows().binary_search_by_key(&id, |row| row.id).ok().and_then(|at| store.rows().get(at));
    let compact = history.keys().find(COMPACT_KEY);
    let mut found = Vec::new();
    for row in store.rows().iter().filter(|row| row.id <= bounds.upto && Some(row.key) != compact) {
        let Some(old_value) = row.old_value else { continue };
        let before = by_id(row.prev_revision).filter(|before| before.key == row.key);
        let held = |row: &Row| row.value.is_some_and(|value| value.len == old_value.len);
        let revision = match before {
            Some(before) if !before.deleted && held(before) => continue,
            // A new life over a tombstone: its old_value is that of the life before (kine up to 0.15).
            Some(tombstone) if tombstone.deleted => {
                match by_id(tombstone.prev_revision).filter(|before| before.key == row.key && !before.deleted) {
                    Some(before) if held(before) => continue,
                    _ => (tombstone.prev_revision != 0).then_some(tombstone.prev_revision),
                }
            }
            _ => (row.prev_revision != 0).then_some(row.prev_revision),
        };
        if old_value.len > 0 {
            found.push(LeftOut { key: row.key, revision, reason: Reason::OldValueOnly });
        }
    }
    found
}

struct Builder<'a, 's> {
    history: &'a History,
    selection: &'s Selection,
    numbers: &'s Numbering,
    contents: Contents<'a>,
    rows: Vec<NewRow>,
    leases: Vec<Lease>,
    lease_ids: HashSet<i64>,
    translated: Vec<Translated>,
}

impl<'a, 's> Builder<'a, 's> {
    fn new(history: &'a History, selection: &'s Selection, numbers: &'s Numbering) -> Self {
        Self {
            history,
            selection,
            numbers,
            contents: Contents::over(history),
            rows: Vec::with_capacity(history.changes().len() + 1),
            leases: Vec::new(),
            lease_ids: HashSet::new(),
            translated: Vec::new(),
        }
    }

    fn all(&mut self, left_out: &mut Vec<LeftOut>) -> Result<(), PlanError> {
        let apiservers = self.history.keys().find(APISERVER_COMPACT_KEY);
        for key in self.history.keys().ids() {
            if apiservers == Some(key) {
                self.apiserver_s_key(key, left_out)?;
                continue;
            }
            let mut version = 0;
            let name = self.contents.same(key);
            for &position in self.history.positions_of(key).iter().filter(|&&at| self.selection.is_taken(at)) {
                let Some(change) = self.history.changes().get(position as usize) else { continue };
                version = next_version(change, version);
                let value = self.contents.stored(change.value);
                self.push(position, change, name, version, value);
            }
        }
        Ok(())
    }

    fn push(&mut self, position: u32, change: &Change, name: Name, version: i64, value: Content) {
        let at = RowKey { revision: Revision::new(self.numbers.of(position)), tombstone: change.op == Op::Delete };
        let lease = self.lease(position, change);
        let blank = NewRow { at, name, create_revision: 0, version: 0, lease: 0, value: Content::Empty };
        self.rows.push(match change.op {
            Op::Delete => blank,
            Op::Put => {
                let create_revision = self.numbers.create_revision(change).unwrap_or(at.revision.main);
                NewRow { create_revision, version, lease, value, ..blank }
            }
        });
    }

    /// A lease of its own for each live key with a time to live: a key that names a lease which is not there would put
    /// etcd into a crash loop at its next put.
    fn lease(&mut self, position: u32, change: &Change) -> i64 {
        let LeaseRef::Ttl(ttl) = change.lease else { return 0 };
        if !self.selection.is_live(position, change) {
            return 0;
        }
        let id = self.lease_id(self.history.keys().get(change.key), change.revision.main);
        self.leases.push(Lease { id, ttl, remaining: 0 });
        let what = format!("its time to live of {ttl} s is kept as lease {id:x}");
        self.translated.push(Translated { key: change.key, revision: change.revision.main, what });
        id
    }

    /// Positive and unique, and the same in every conversion of the same file.
    fn lease_id(&mut self, key: &[u8], revision: i64) -> i64 {
        let digest = Sha256::new().chain_update(revision.to_be_bytes()).chain_update(key).finalize();
        let bytes: [u8; 8] = std::array::from_fn(|at| digest.get(at).copied().unwrap_or(1));
        let mut id = (i64::from_be_bytes(bytes) & i64::MAX).max(1);
        while !self.lease_ids.insert(id) {
            id = id % i64::MAX + 1;
        }
        id
    }

    /// kine keeps the apiserver's `compact_rev_key` as `version|value` under another name; the apiserver compares its
    /// version, so that this number decides it. Rows before a jump of it are left out.
    fn apiserver_s_key(&mut self, key: KeyId, left_out: &mut Vec<LeftOut>) -> Result<(), PlanError> {
        let name = self.contents.name(COMPACT_KEY);
        let mut made: Vec<(u32, &'a Change, i64, Content)> = Vec::new();
        let mut version = 0;
        for &position in self.history.positions_of(key).iter().filter(|&&at| self.selection.is_taken(at)) {
            let Some(change) = self.history.changes().get(position as usize) else { continue };
            let (stated, value) = if change.is_put() {
                let stored = self.history.value(change.value).map_err(PlanError::Source)?;
                let (stated, value) = parse_apiserver_value(&stored);
                let value = value.to_vec();
                (stated, self.contents.value(value))
            } else {
                (None, Content::Empty)
            };
            let next = next_version(change, version);
            version = if change.is_put() { stated.unwrap_or(next) } else { 0 };
            if version != next && next != 1 && version != 1 && !made.is_empty() && change.is_put() {
                for (_, change, ..) in made.drain(..) {
                    let revision = Some(change.revision.main);
                    left_out.push(LeftOut { key, revision, reason: Reason::BeforeBrokenLife });
                }
            }
            made.push((position, change, version, value));
        }
        for (position, change, version, value) in made {
            let what = "kept as compact_rev_key, the name that the apiserver gave it".to_owned();
            self.translated.push(Translated { key, revision: change.revision.main, what });
            self.push(position, change, name, version, value);
        }
        Ok(())
    }
}

/// etcd needs a run of versions without jumps; a life whose first rows are gone starts at 2.
fn next_version(change: &Change, before: i64) -> i64 {
    match (change.op, change.version) {
        (Op::Delete, _) => 0,
        (Op::Put, Version::Known(1)) => 1,
        (Op::Put, _) => (before + 1).max(2),
    }
}

/// `N|value`, or `N` before kine 0.14.4.
fn parse_apiserver_value(stored: &[u8]) -> (Option<i64>, &[u8]) {
    let mut parts = stored.splitn(2, |&byte| byte == b'|');
    let number = parts.next().and_then(|number| std::str::from_utf8(number).ok()?.parse().ok()).filter(|&n| n > 0);
    (number, parts.next().unwrap_or_default())
}
