//! Which salvaged rows of kine make the present state, and the rows of a table that kine starts on.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::Options;
use super::losses::{Losses, nameless, object};
use super::report::{ByEvidence, HowLost, Lost, Report, Unproven, WalVerdict};
use crate::kine::salvage::{Held, HowKnown, Row, Salvage};
use crate::kine::{self, NewRow};
use crate::kube::resources::Registry;
use crate::model::{Contents, Evidence, KeyId, is_gap};
use crate::ops::convert::{self, Plan, PlanError, Rows};
use crate::sqlite::{Reading, WalFit};

/// Decides, and reports. The rows to write, where some are to be, ascend by id.
pub(super) fn decide(salvage: &Salvage, options: &Options, writes: bool) -> (Report, Vec<Row>) {
    let (doubtful, of_keys) = rayon::join(|| contradictions(salvage), || OfKeys::new(salvage));
    let by_evidence = count(&salvage.rows, |row| grade(row, &doubtful));
    let past = count(&salvage.past, |row| if row.value.is_whole() { row.evidence } else { Evidence::Doubtful });
    let mut missing_of: HashMap<KeyId, Vec<(i64, HowLost)>> = HashMap::new();
    let mut found = Decided::default();
    for missing in &salvage.missing {
        let how = match missing.how {
            HowKnown::Index => HowLost::Index,
            HowKnown::Successor => HowLost::Successor,
        };
        match missing.key {
            Some(key) => missing_of.entry(key).or_default().push((missing.id, how)),
            None => found.losses.lost.push(nameless(missing.id, how)),
        }
    }
    let registry = Registry::new([]);
    let one = |mut all: Decided, key: KeyId| {
        let rows: Vec<&Row> = of_keys.of(salvage, key).collect();
        let missing = missing_of.get(&key).map(Vec::as_slice).unwrap_or_default();
        if !rows.is_empty() || !missing.is_empty() {
            One { salvage, doubtful: &doubtful, key, rows: &rows, missing }
                .decide(options, &registry, writes, &mut all);
        }
        all
    };
    let ids: Vec<KeyId> = salvage.history.keys().ids().collect();
    let all = ids.into_par_iter().fold(Decided::default, one).reduce(Decided::default, Decided::and);
    let Decided { losses: found, mut write, live_keys } = found.and(all);
    let Losses { mut lost, unproven } = found;
    lost.sort_by_key(|lost| lost.revision);
    write.par_sort_by_key(|row| row.id);
    let report = Report {
        source: String::new(),
        engine: "kine",
        written: None,
        rows: by_evidence,
        past,
        live_keys,
        current_revision: salvage.highest,
        compact_revision: salvage.compact_revision,
        unknown: salvage.unknown().to_vec(),
        unproven,
        lost,
        repaired: Vec::new(),
        wal: foreign(salvage, options.wal),
        damage: salvage.damage.clone(),
        notes: notes(salvage),
    };
    (report, write)
}

/// What was decided of some keys.
#[derive(Default)]
struct Decided {
    losses: Losses,
    write: Vec<Row>,
    live_keys: u64,
}

impl Decided {
    fn and(mut self, mut others: Self) -> Self {
        self.losses.append(&mut others.losses);
        self.write.append(&mut others.write);
        self.live_keys += others.live_keys;
        self
    }
}

/// The rows of each key, by their places among all, ascending.
struct OfKeys {
    ends: Vec<u32>,
    places: Vec<u32>,
}

impl OfKeys {
    fn new(salvage: &Salvage) -> Self {
        let mut ends = vec![0_u32; salvage.history.keys().len() + 1];
        for row in &salvage.rows {
            if let Some(count) = ends.get_mut(row.key.index() + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for end in &mut ends {
            sum += *end;
            *end = sum;
        }
        // Each moves from where its key begins to where it ends.
        let mut places = vec![0; sum as usize];
        for (place, row) in (0..).zip(&salvage.rows) {
            if let Some(next) = ends.get_mut(row.key.index()) {
                if let Some(slot) = places.get_mut(*next as usize) {
                    *slot = place;
                }
                *next += 1;
            }
        }
        Self { ends, places }
    }

    fn of<'a>(&'a self, salvage: &'a Salvage, key: KeyId) -> impl Iterator<Item = &'a Row> {
        let end = self.ends.get(key.index()).copied().unwrap_or(0) as usize;
        let start = key.index().checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0) as usize;
        let places = self.places.get(start..end).unwrap_or_default();
        places.iter().filter_map(|&place| salvage.rows.get(place as usize))
    }
}

/// Counts rows by what they rest on.
fn count(rows: &[Row], of: impl Fn(&Row) -> Evidence) -> ByEvidence {
    let mut counts = ByEvidence::default();
    rows.iter().for_each(|row| counts.add(of(row)));
    counts
}

/// Nothing in a file tells whether a WAL that is gone was empty.
const NO_WAL: &str = "there is no -wal beside it. After a clean stop that is as it should be; if the server was running or was killed, \
                      the newest changes were in the -wal, and nothing here can tell how many";

fn notes(salvage: &Salvage) -> Vec<String> {
    let perhaps = salvage.perhaps_compacted().iter().filter(|perhaps| **perhaps).count();
    let perhaps = (perhaps > 0).then(|| {
        format!("pages are of different moments: {perhaps} rows are listed that compaction may have taken meanwhile")
    });
    salvage.lacks_wal().then(|| NO_WAL.to_owned()).into_iter().chain(perhaps).collect()
}

fn foreign(salvage: &Salvage, wal: Reading) -> Option<WalVerdict> {
    match salvage.wal_fit() {
        WalFit::Foreign(reasons) => Some(WalVerdict { reasons: reasons.clone(), used: wal == Reading::Use }),
        WalFit::Absent | WalFit::Fits => None,
    }
}

fn grade(row: &Row, doubtful: &HashSet<i64>) -> Evidence {
    let contradicted = row.id.is_some_and(|id| doubtful.contains(&id));
    if contradicted || !is_put_whole(row) { Evidence::Doubtful } else { row.evidence }
}

/// A tombstone needs no value.
fn is_put_whole(row: &Row) -> bool {
    row.value.is_whole() || row.deleted == Some(true)
}

/// Rows that contradict others, after the doubtful ones are left aside: no kine wrote them after each other.
fn contradictions(salvage: &Salvage) -> HashSet<i64> {
    let mut doubtful = HashSet::new();
    let compact = salvage.compact_key();
    // Each round leaves out at least one row; a file in which so many contradict each other is beyond order.
    for _ in 0..16 {
        let rows: Vec<kine::Row> = salvage
            .rows
            .par_iter()
            .filter(|row| row.evidence != Evidence::Doubtful && row.id.is_some_and(|id| !doubtful.contains(&id)))
            .filter(|row| Some(row.key) != compact)
            .filter_map(stored)
            .collect();
        let faulty = salvage.faulty(&rows);
        if faulty.is_empty() {
            break;
        }
        doubtful.extend(faulty);
    }
    doubtful
}

/// A row all of whose numbers are known, as a reader has it.
fn stored(row: &Row) -> Option<kine::Row> {
    Some(kine::Row {
        id: row.id?,
        key: row.key,
        created: row.created?,
        deleted: row.deleted?,
        create_revision: if row.deleted? { row.create_revision.unwrap_or(0) } else { row.create_revision? },
        prev_revision: row.prev_revision?,
        lease: row.lease.unwrap_or(0),
        value: None,
        old_value: None,
    })
}

/// One key: its rows, ascending, and the revisions of it that are missing.
struct One<'a> {
    salvage: &'a Salvage,
    doubtful: &'a HashSet<i64>,
    key: KeyId,
    rows: &'a [&'a Row],
    missing: &'a [(i64, HowLost)],
}

impl One<'_> {
    /// Whether a row may stand in the target.
    fn is_good(&self, row: &Row) -> bool {
        grade(row, self.doubtful) != Evidence::Doubtful && stored(row).is_some()
    }

    /// Adds what is lost of the key, and the rows to write.
    fn decide(&self, options: &Options, registry: &Registry, writes: bool, all: &mut Decided) {
        let Decided { losses: found, write, live_keys } = all;
        let keys = self.salvage.history.keys();
        let name = keys.get(self.key);
        if self.salvage.compact_key() == Some(self.key) {
            // The row is made anew where it is lost; its revision is what counts.
            write.extend(
                self.rows
                    .iter()
                    .filter(|row| row.prev_revision == self.salvage.compact_revision)
                    .take(1)
                    .map(|row| **row),
            );
            return;
        }
        let is_own_gap = |id: i64| is_gap(name, id);
        let bad = self.rows.iter().filter(|row| !self.is_good(row)).filter_map(|row| {
            let how = if is_put_whole(row) { HowLost::Contradiction } else { HowLost::Value };
            Some((row.id?, how))
        });
        let mut gone: Vec<(i64, HowLost)> =
            self.missing.iter().copied().chain(bad).filter(|(id, _)| !is_own_gap(*id)).collect();
        gone.sort_unstable();
        let good: Vec<&Row> = self.rows.iter().copied().filter(|row| self.is_good(row)).collect();
        let newest_good = good.last().and_then(|row| row.id).unwrap_or(0);
        let newest_gone = gone.last().map_or(0, |(id, _)| *id);
        let is_lost = newest_gone > newest_good;
        let used = is_lost && options.last_known_good && !good.is_empty();
        let object = || object(registry, name);
        for &(revision, how) in &gone {
            let before = good.iter().rev().find(|row| row.id.is_some_and(|id| id < revision));
            let newest = revision == newest_gone && is_lost;
            found.lost.push(Lost {
                key: Some(name.to_vec()),
                object: object(),
                revision,
                how,
                newest,
                last_good_revision: before.filter(|row| row.deleted == Some(false)).and_then(|row| row.id),
                used: newest && used,
            });
        }
        if is_lost && !used {
            return;
        }
        if let Some(newest) = good.last()
            && let Some(revision) = newest.id
            && !is_lost
            && !self.salvage.is_newest(self.key, revision)
        {
            let deleted = newest.deleted == Some(true);
            let used = options.last_known_good;
            found.unproven.push(Unproven { key: name.to_vec(), object: object(), revision, deleted, used });
            if !used {
                return;
            }
        }
        if writes {
            write.extend(good.iter().map(|row| **row));
        }
        *live_keys += u64::from(good.last().is_some_and(|row| row.deleted == Some(false)));
    }
}

/// The rows of the new table.
///
/// # Errors
/// No revision is free for kine's own row.
pub(super) fn plan<'a>(salvage: &'a Salvage, rows: &[Row], report: &mut Report) -> Result<Plan<'a>, PlanError> {
    let mut contents = Contents::over(&salvage.history);
    let mut values = HashMap::new();
    let mut taken = HashSet::new();
    let mut new = Vec::with_capacity(rows.len() + 2);
    let mut cleared = 0_u64;
    for row in rows {
        let Some(known) = stored(row) else { continue };
        let value = row.value.known().map(|value| contents.stored(value));
        values.insert(known.id, value);
        if !taken.insert((known.key, known.prev_revision)) {
            continue;
        }
        let old_value = row.old_value.known().map(|value| contents.stored(value));
        cleared += u64::from(!row.old_value.is_whole());
        let is_put = !known.deleted;
        new.push(NewRow {
            id: known.id,
            name: contents.same(known.key),
            created: known.created,
            deleted: known.deleted,
            create_revision: known.create_revision,
            prev_revision: known.prev_revision,
            lease: known.lease,
            value: if is_put && row.value == Held::Null { None } else { value },
            old_value,
        });
    }
    if cleared > 0 {
        report
            .repaired
            .push(format!("{cleared} rows whose old_value is lost have none; kine needs it for watches only"));
    }
    let has_loss = report.has_loss();
    let current = salvage.highest.max(rows.last().and_then(|row| row.id).unwrap_or(0)).max(1);
    let has_compact_row = salvage.compact_key().is_some_and(|key| rows.iter().any(|row| row.key == key));
    let compact = match salvage.compact_revision {
        Some(compact) if compact <= current => compact,
        _ if has_loss || salvage.compact_revision.is_some() => current,
        _ => 0,
    };
    let (new, current) = if has_compact_row {
        pin(new, &mut contents, current, report)
    } else {
        report
            .repaired
            .push(format!("kine's row for the compact revision was lost; it is written anew with {compact}"));
        let before = new.last().map_or(0, |row| row.id);
        match convert::frame(new.clone(), &mut contents, current, compact) {
            Ok(framed) => (framed, current),
            Err(_) => (convert::frame(new, &mut contents, before.max(current) + 1, compact)?, before.max(current) + 1),
        }
    };
    Ok(Plan {
        contents,
        rows: Rows::Kine(new),
        leases: Vec::new(),
        current_revision: current,
        compact_revision: compact,
        left_out: Vec::new(),
        not_wanted: 0,
        translated: Vec::new(),
        added: Vec::new(),
        notes: Vec::new(),
    })
}

/// A gap row pins the current revision where its own row is lost: else its number would be given again.
fn pin(mut rows: Vec<NewRow>, contents: &mut Contents<'_>, current: i64, report: &mut Report) -> (Vec<NewRow>, i64) {
    if rows.last().is_none_or(|row| row.id < current) {
        let name = contents.name(format!("gap-{current}").as_bytes());
        rows.push(NewRow { deleted: true, ..NewRow::blank(current, name) });
        report.repaired.push(format!("revision {current} is pinned by a gap row, so that it is not given again"));
    }
    (rows, current)
}
