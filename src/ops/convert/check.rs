//! Reads a target back and compares it: row for row with what was planned, change for change with the source.

use std::collections::HashSet;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::Options;
use super::overlay::NewOp;
use super::plan::{Plan, Reason, Rows};
use super::report::Prefix;
use crate::kine::schema::{APISERVER_COMPACT_KEY, COMPACT_KEY};
use crate::model::{Change, Content, Engine, History, KeyId, Op, ValueRef};
use crate::ops::store::Store;
use crate::{etcd, kine};

/// What does not agree. None of these can happen unless there is a fault in this program or in the machine.
#[derive(Debug, thiserror::Error)]
#[error("what was read back is not what was to be written: {0}; nothing was put in place. Please report this")]
pub struct Mismatch(String);

impl Mismatch {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

fn mismatch<T>(what: impl Into<String>) -> Result<T, Mismatch> {
    Err(Mismatch(what.into()))
}

/// Compares the target with the plan and the source.
///
/// # Errors
/// The first difference.
pub(super) fn check(source: &Store, plan: &Plan<'_>, options: &Options, target: &Store) -> Result<(), Mismatch> {
    planned(plan, target)?;
    if let Some(rewrite) = &options.rewrite {
        rewrite.check(target)?;
    }
    against_source(source.history(), plan, options, target.history())?;
    against_additions(plan, options, target.history())
}

/// Compares the target with the plan alone.
///
/// # Errors
/// The first difference.
pub(in crate::ops) fn planned(plan: &Plan<'_>, target: &Store) -> Result<(), Mismatch> {
    if let Some(first) = target.damage().first().or(target.contradictions().first()) {
        return mismatch(first.to_string());
    }
    let history = target.history();
    let bounds = [
        ("current revision", history.current_revision(), plan.current_revision),
        ("compact revision", history.compact_revision(), plan.compact_revision),
    ];
    for (name, found, planned) in bounds {
        if found != planned {
            return mismatch(format!("{name} {found} instead of {planned}"));
        }
    }
    match (&plan.rows, target) {
        (Rows::Kine(rows), Store::Kine(target)) => kine_rows(plan, rows, target)?,
        (Rows::Etcd(rows), Store::Etcd(target)) => etcd_rows(plan, rows, target)?,
        _ => return mismatch("a store of the other engine"),
    }
    Ok(())
}

fn same_value(plan: &Plan<'_>, planned: Content, target: &History, found: Option<ValueRef>) -> Result<(), Mismatch> {
    let planned = plan.contents.read(planned).map_err(|damage| Mismatch(damage.to_string()))?;
    let found = found.unwrap_or(ValueRef::NONE);
    let found = target.value(found).map_err(|damage| Mismatch(damage.to_string()))?;
    if planned == found { Ok(()) } else { mismatch("a value differs") }
}

fn kine_rows(plan: &Plan<'_>, planned: &[kine::NewRow], target: &kine::Store) -> Result<(), Mismatch> {
    if planned.len() != target.rows().len() {
        return mismatch(format!("{} rows instead of {}", target.rows().len(), planned.len()));
    }
    let history = target.history();
    planned.par_iter().zip(target.rows()).try_for_each(|(new, row)| {
        let numbers =
            |row: &kine::Row| (row.id, row.created, row.deleted, row.create_revision, row.prev_revision, row.lease);
        let wanted = (new.id, new.created, new.deleted, new.create_revision, new.prev_revision, new.lease);
        let same = numbers(row) == wanted
            && history.keys().get(row.key) == plan.contents.name_bytes(new.name)
            && row.value.is_some() == new.value.is_some()
            && row.old_value.is_some() == new.old_value.is_some();
        if !same {
            return mismatch(format!("row {} differs from row {}", row.id, new.id));
        }
        same_value(plan, new.value.unwrap_or(Content::Empty), history, row.value)?;
        same_value(plan, new.old_value.unwrap_or(Content::Empty), history, row.old_value)
    })
}

fn etcd_rows(plan: &Plan<'_>, planned: &[etcd::NewRow], target: &etcd::Store) -> Result<(), Mismatch> {
    if planned.len() != target.rows().len() {
        return mismatch(format!("{} rows instead of {}", target.rows().len(), planned.len()));
    }
    let history = target.history();
    if history.leases() != plan.leases {
        return mismatch("the leases differ");
    }
    planned.par_iter().zip(target.rows()).try_for_each(|(new, row)| {
        let bump = plan.contents.name_bytes(new.name).is_empty();
        let same = row.at == new.at
            && history.keys().get(row.key) == plan.contents.name_bytes(new.name)
            && (bump || (row.create_revision, row.version, row.lease) == (new.create_revision, new.version, new.lease));
        if !same {
            return mismatch(format!("row {} differs from row {}", row.at.revision, new.at.revision));
        }
        same_value(plan, new.value, history, Some(row.value))
    })
}

/// The name that a key of the source has in the target.
pub(super) fn target_name(source: Engine, target: Engine, name: &[u8]) -> &[u8] {
    match (source, target) {
        (Engine::Etcd, Engine::Kine) if name == COMPACT_KEY => APISERVER_COMPACT_KEY,
        (Engine::Kine, Engine::Etcd) if name == APISERVER_COMPACT_KEY => COMPACT_KEY,
        _ => name,
    }
}

/// Every change of the source is in the target, or is named as left out, or was not wanted.
fn against_source(source: &History, plan: &Plan<'_>, options: &Options, target: &History) -> Result<(), Mismatch> {
    // A value that only an old_value held is no change of the source.
    let changes = plan.left_out.iter().filter(|left_out| left_out.reason != Reason::OldValueOnly);
    let left_out: HashSet<(KeyId, i64)> =
        changes.filter_map(|left_out| Some((left_out.key, left_out.revision?))).collect();
    let upto = options.at.unwrap_or(i64::MAX);
    // Names without changes are those of kine's own rows.
    let keys: Vec<KeyId> = source.keys().ids().filter(|&key| !source.positions_of(key).is_empty()).collect();
    keys.into_par_iter().try_for_each(|key| {
        let renamed = options.rewrite.as_ref().and_then(|rewrite| rewrite.name(key));
        let name = renamed.unwrap_or_else(|| source.keys().get(key));
        let name = target_name(source.engine(), target.engine(), name);
        let found = target.keys().find(name);
        let wanted = || source.changes_of(key).filter(|change| change.revision.main <= upto);
        let newest = wanted().next_back();
        let mut found = found.into_iter().flat_map(|found| target.changes_of(found)).peekable();
        for change in wanted() {
            let is_live = change.is_put() && newest.is_some_and(|newest| newest.revision == change.revision);
            let pruned = options.prune.as_ref().is_some_and(|prune| prune.takes_out(source, change));
            if left_out.contains(&(key, change.revision.main)) || !options.history && !is_live || pruned {
                // Were it there nevertheless, it would be left over at the end.
                continue;
            }
            if found.next_if(|found| agrees(change, found, options)).is_none() {
                let name = name.escape_ascii();
                return mismatch(format!(
                    "{name} at revision {} is neither there nor named as left out",
                    change.revision
                ));
            }
        }
        match found.find(|found| !is_added(plan, name, found)) {
            None => Ok(()),
            Some(extra) => {
                mismatch(format!("{} at revision {} was not in the source", name.escape_ascii(), extra.revision))
            }
        }
    })
}

fn is_added(plan: &Plan<'_>, name: &[u8], found: &Change) -> bool {
    plan.added.iter().any(|added| added.revision == found.revision.main && added.key == name)
}

/// Every new change is in the target at its revision, with its value, and nothing else is above the source.
fn against_additions(plan: &Plan<'_>, options: &Options, target: &History) -> Result<(), Mismatch> {
    let Some(first) = plan.added.first() else { return Ok(()) };
    let found = target.changes_in(first.revision..=i64::MAX);
    if found.len() != plan.added.len() || plan.added.len() != options.additions.len() {
        return mismatch(format!("{} new changes instead of {}", found.len(), options.additions.len()));
    }
    for ((added, wanted), found) in plan.added.iter().zip(&options.additions).zip(found) {
        let value = target.value(found.value).map_err(|damage| Mismatch(damage.to_string()))?;
        let is_op = match &wanted.op {
            NewOp::Put { value: wanted, ttl } => {
                found.op == Op::Put && value == wanted.as_slice() && target.ttl(found.lease) == *ttl
            }
            NewOp::Delete => found.op == Op::Delete,
        };
        let same = found.revision.main == added.revision && target.keys().get(found.key) == wanted.key && is_op;
        if !same {
            return mismatch(format!("the new change at revision {} differs", added.revision));
        }
    }
    Ok(())
}

/// Whether a change of the target can be `change` of the source.
fn agrees(change: &Change, found: &Change, options: &Options) -> bool {
    let numbers = options.renumber
        || change.revision.main == found.revision.main
            && (change.op == Op::Delete || change.create_revision == found.create_revision);
    numbers && change.op == found.op
}

/// The live keys of a store by prefix, hashed.
///
/// # Errors
/// A value that cannot be read.
pub(super) fn prefixes(history: &History) -> Result<Vec<Prefix>, Mismatch> {
    let mut groups: Vec<(&[u8], Vec<&Change>)> = Vec::new();
    for change in history.keys().ids().filter_map(|key| history.live(key)) {
        let prefix = prefix_of(history.keys().get(change.key));
        match groups.last_mut() {
            Some((last, changes)) if *last == prefix => changes.push(change),
            _ => groups.push((prefix, vec![change])),
        }
    }
    groups.into_par_iter().map(|(prefix, changes)| hash_prefix(history, prefix, &changes)).collect()
}

fn hash_prefix(history: &History, prefix: &[u8], changes: &[&Change]) -> Result<Prefix, Mismatch> {
    let mut hash = Sha256::new();
    for change in changes {
        let key = history.keys().get(change.key);
        let value = history.value(change.value).map_err(|damage| Mismatch(damage.to_string()))?;
        hash.update((key.len() as u64).to_be_bytes());
        hash.update(key);
        hash.update(change.revision.main.to_be_bytes());
        hash.update((value.len() as u64).to_be_bytes());
        hash.update(&value);
    }
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Prefix { prefix: String::from_utf8_lossy(prefix).into_owned(), keys: changes.len() as u64, sha256 })
}

/// `/registry/pods/` of `/registry/pods/default/web`: up to the slash behind the second segment.
fn prefix_of(key: &[u8]) -> &[u8] {
    let slashes = key.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    let end = slashes.take(2).last().map_or(key.len(), |at| at + 1);
    key.get(..end).unwrap_or(key)
}
