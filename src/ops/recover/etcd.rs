//! Which salvaged rows of etcd make the present state, and the rows of a database that etcd starts on.

use std::collections::{HashMap, HashSet};

use super::Options;
use super::losses::{Losses, nameless, object};
use super::report::{ByEvidence, HowLost, Lost, Report, Unproven};
use crate::etcd::NewRow;
use crate::etcd::salvage::{Row, Salvage};
use crate::kube::resources::Registry;
use crate::model::{Contents, KeyId, is_gap};
use crate::ops::convert::{self, Plan, Rows};

/// Decides, and reports. The rows to write ascend by revision.
pub(super) fn decide(salvage: &Salvage, options: &Options) -> (Report, Vec<Row>) {
    let count = |rows: &[Row]| {
        let mut counts = ByEvidence::default();
        rows.iter().for_each(|row| counts.add(row.evidence));
        counts
    };
    let keys = salvage.history.keys();
    let mut of_key: Vec<Vec<(&Row, bool)>> = vec![Vec::new(); keys.len()];
    let rows = salvage.rows.iter().map(|row| (row, true)).chain(salvage.past.iter().map(|row| (row, false)));
    for (row, in_table) in rows {
        if let Some(slot) = row.key.and_then(|key| of_key.get_mut(key.index())) {
            slot.push((row, in_table));
        }
    }
    let registry = Registry::new([]);
    let mut found = Losses::default();
    let of_nobody = salvage.rows.iter().filter(|row| row.key.is_none());
    found.lost.extend(of_nobody.map(|row| nameless(row.at.revision.main, HowLost::Value)));
    let mut write = Vec::new();
    let mut live_keys = 0;
    for (key, mut rows) in keys.ids().zip(of_key) {
        rows.sort_by_key(|(row, _)| row.at);
        live_keys += One { salvage, key, rows: &rows }.decide(options, &registry, &mut found, &mut write);
    }
    let Losses { mut lost, unproven } = found;
    lost.sort_by_key(|lost| lost.revision);
    write.sort_by_key(|row: &Row| row.at);
    let report = Report {
        source: String::new(),
        engine: "etcd",
        written: None,
        rows: count(&salvage.rows),
        past: count(&salvage.past),
        live_keys,
        current_revision: salvage.highest,
        compact_revision: salvage.compact_revision,
        unknown: salvage.unknown.clone(),
        unproven,
        lost,
        repaired: Vec::new(),
        wal: None,
        damage: salvage.damage.clone(),
        notes: Vec::new(),
    };
    (report, write)
}

/// One key with all its rows, those of the past too, ascending, and whether each is in the table.
struct One<'a> {
    salvage: &'a Salvage,
    key: KeyId,
    rows: &'a [(&'a Row, bool)],
}

impl One<'_> {
    /// Adds what is lost of the key, and the rows to write. Gives 1 where the key is live and known to be.
    fn decide(&self, options: &Options, registry: &Registry, found: &mut Losses, write: &mut Vec<Row>) -> u64 {
        let name = self.salvage.history.keys().get(self.key);
        let table = || self.rows.iter().filter(|(_, in_table)| *in_table).map(|(row, _)| **row);
        let Some(&(newest, in_table)) = self.rows.last() else { return 0 };
        // The row that a bump left, and gaps, are no objects.
        if name.is_empty() || is_gap(name, newest.at.revision.main) {
            write.extend(table().filter(Row::is_good));
            return 0;
        }
        let revision = newest.at.revision.main;
        let good = self.rows.iter().rev().map(|(row, _)| *row).find(|row| row.is_good() && !row.is_gone);
        let last_good = good.filter(|row| !row.at.tombstone);
        let older = self.rows.iter().rev().skip(1).filter(|(row, in_table)| *in_table && !row.is_good());
        let lost = older.map(|(row, _)| (row.at.revision.main, false));
        let is_lost = !newest.is_good() && !newest.is_gone;
        let used = options.last_known_good && last_good.is_some();
        for (revision, newest) in lost.chain(is_lost.then_some((revision, true))) {
            found.lost.push(Lost {
                key: Some(name.to_vec()),
                object: object(registry, name),
                revision,
                how: HowLost::Value,
                newest,
                last_good_revision: last_good.filter(|_| newest).map(|row| row.at.revision.main),
                used: newest && used,
            });
        }
        let deleted = newest.at.tombstone || newest.is_gone;
        let is_proven = revision >= self.salvage.horizon() && (in_table || deleted);
        if !is_lost && !is_proven {
            let used = used && !deleted;
            let (key, object) = (name.to_vec(), object(registry, name));
            found.unproven.push(Unproven { key, object, revision, deleted, used });
        }
        if is_proven && !is_lost {
            write.extend(self.chain(table()));
            return u64::from(!deleted);
        }
        write.extend(last_good.filter(|_| used && !deleted));
        0
    }

    /// The rows from which on each follows the one before: etcd would invent numbers for a life whose rows have a gap.
    fn chain(&self, rows: impl Iterator<Item = Row>) -> Vec<Row> {
        let mut chain: Vec<Row> = Vec::new();
        for row in rows {
            let begins = row.version == 1 && row.create_revision == row.at.revision.main;
            let follows = match chain.last() {
                _ if !row.is_good() => false,
                None => true,
                Some(before) if row.at.tombstone => !before.at.tombstone,
                Some(before) if before.at.tombstone => begins,
                Some(before) => row.create_revision == before.create_revision && row.version == before.version + 1,
            };
            if !follows {
                chain.clear();
            }
            if row.is_good() {
                chain.push(row);
            }
        }
        chain
    }
}

/// The rows of the new database.
pub(super) fn plan<'a>(salvage: &'a Salvage, rows: &[Row], report: &mut Report) -> Plan<'a> {
    let mut contents = Contents::over(&salvage.history);
    let known: HashSet<i64> = salvage.leases.iter().map(|lease| lease.id).collect();
    let mut newest: HashMap<KeyId, &Row> = HashMap::new();
    for row in rows {
        newest.extend(row.key.map(|key| (key, row)));
    }
    let has_loss = report.has_loss();
    let mut new: Vec<NewRow> = Vec::with_capacity(rows.len() + 1);
    let mut forever = 0_u64;
    for row in rows {
        let Some(key) = row.key else { continue };
        let is_newest = newest.get(&key).is_some_and(|newest| newest.at == row.at);
        // A key with a lease that is not there would put etcd into a crash loop.
        let is_dangling = has_loss && row.lease != 0 && !known.contains(&row.lease);
        forever += u64::from(is_dangling && is_newest && !row.at.tombstone);
        new.push(NewRow {
            at: row.at,
            name: contents.same(key),
            create_revision: row.create_revision,
            version: row.version,
            lease: if is_dangling { 0 } else { row.lease },
            value: contents.stored(row.value),
        });
    }
    if forever > 0 {
        report.repaired.push(format!("{forever} keys whose lease is lost have none: they will not expire"));
    }
    let current = salvage.highest.max(1);
    if new.last().is_none_or(|row| row.at.revision.main < current) && current > 1 {
        report.repaired.push(format!("revision {current} is pinned by a tombstone, so that it is not given again"));
    }
    convert::pin(&mut new, &mut contents, current);
    // History with holes is no history: clients must list anew.
    let compact = if has_loss { current } else { salvage.compact_revision.unwrap_or(0) };
    Plan {
        contents,
        rows: Rows::Etcd(new),
        leases: salvage.leases.clone(),
        current_revision: current.max(compact),
        compact_revision: compact,
        left_out: Vec::new(),
        not_wanted: 0,
        translated: Vec::new(),
        added: Vec::new(),
        notes: Vec::new(),
    }
}
