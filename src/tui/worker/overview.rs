//! What the first screen says: whose cluster, how much, how healthy, and the kinds that there are.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde_json::Value;

use super::Reader;
use crate::kube::resources::{Identity, Resource};
use crate::kube::selector::LabelSelector;
use crate::model::{Change, KeyId, KeyState};
use crate::ops::info::Info;
use crate::ops::objects::{MinorFrom, ObjectError, Objects};
use crate::render;
use crate::tui::ask::{Cell, Finding, List, Overview, Row, Severity, Target, Tone};

/// Keys that one processor counts at a time.
const CHUNK: usize = 1 << 16;

/// How much there is of one kind.
#[derive(Default)]
struct Sum<'s> {
    target: Option<Target>,
    live: u64,
    deleted: u64,
    unknown: u64,
    changes: u64,
    bytes: u64,
    sample: Option<&'s Change>,
}

impl Sum<'_> {
    fn add(&mut self, other: Self) {
        self.live += other.live;
        self.deleted += other.deleted;
        self.unknown += other.unknown;
        self.changes += other.changes;
        self.bytes += other.bytes;
        self.target = self.target.take().or(other.target);
        self.sample = self.sample.or(other.sample);
    }
}

impl Reader {
    pub(super) fn overview(&self, at: Option<i64>) -> Overview {
        let objects = self.objects(at);
        let info = self.info();
        let nodes = self.nodes(&objects);
        let release = match objects.minor().1 {
            MinorFrom::Newest => None,
            MinorFrom::Node | MinorFrom::Given => {
                nodes.iter().map(|(_, version)| version).max().filter(|version| !version.is_empty()).cloned()
            }
        };
        let (kinds, locked) = self.kinds(&objects);
        Overview {
            nodes,
            release,
            newest: objects.newest_stamp(),
            bytes: [info.bytes.file, info.bytes.live, info.bytes.superseded, info.bytes.free, info.bytes.index],
            counts: [info.counts.live_keys, info.counts.changes, info.counts.tombstones, info.leases],
            findings: self.findings(info, &objects, &locked),
            kinds,
        }
    }

    /// Names and versions of the nodes.
    fn nodes(&self, objects: &Objects<'_>) -> Vec<(String, String)> {
        let Ok(resource) = objects.registry().find("nodes") else { return Vec::new() };
        let found = objects.select(resource, None, None, &LabelSelector::default());
        let node = |change: &&Change| {
            let name = objects.object(change.key)?.name.to_owned();
            let tree = objects.tree(change, &objects.whole(change)).ok().map(|(tree, _)| tree);
            let version = tree.as_ref().and_then(|tree| tree.pointer("/status/nodeInfo/kubeletVersion"));
            Some((crate::tui::text::harmless(&name), version.and_then(Value::as_str).unwrap_or_default().to_owned()))
        };
        found.live.iter().filter_map(node).collect()
    }

    /// The kinds with their counts, and why values of them stay closed.
    fn kinds<'s>(&'s self, objects: &Objects<'s>) -> (List, Vec<ObjectError>) {
        let keys: Vec<KeyId> = self.history().keys().ids().collect();
        let parts = keys.par_chunks(CHUNK).map(|keys| self.sums(objects, keys));
        let sums = parts.reduce(BTreeMap::new, |mut sums, more| {
            more.into_iter().for_each(|(name, sum)| sums.entry(name).or_default().add(sum));
            sums
        });
        let is_locked = |sum: &Sum<'_>| objects.plain(sum.sample?).err();
        let mut locked: Vec<ObjectError> = Vec::new();
        for error in sums.values().filter_map(is_locked) {
            let is_known = locked.iter().any(|other| match (other, &error) {
                (ObjectError::Locked { reason, .. }, ObjectError::Locked { reason: own, .. }) => reason == own,
                (other, own) => other == own,
            });
            if !is_known {
                locked.push(error);
            }
        }
        (list(sums, is_locked), locked)
    }

    /// The sums of some keys. Keys of one kind stand together: its name is made once.
    fn sums<'s>(&'s self, objects: &Objects<'s>, keys: &[KeyId]) -> BTreeMap<String, Sum<'s>> {
        let history = self.history();
        let view = history.at(objects.revision());
        let mut sums: BTreeMap<String, Sum<'s>> = BTreeMap::new();
        let mut own: Option<(&Resource, Sum<'s>)> = None;
        let flush = |own: Option<(&Resource, Sum<'s>)>, sums: &mut BTreeMap<String, Sum<'s>>| {
            if let Some((resource, sum)) = own {
                sums.entry(resource.full_name()).or_default().add(sum);
            }
        };
        for &key in keys {
            let before = |change: &&Change| change.revision.main <= objects.revision();
            let changes = history.changes_of(key).take_while(before);
            let (count, bytes) =
                changes.fold((0, 0), |(n, bytes), change| (n + 1, bytes + u64::from(change.value.len)));
            if count == 0 {
                continue;
            }
            let mut sum = Sum { changes: count, bytes, ..Sum::default() };
            match view.state(key) {
                KeyState::Live(change) => (sum.live, sum.sample) = (1, Some(change)),
                KeyState::Absent(_) => sum.deleted = 1,
                KeyState::Unknown => sum.unknown = 1,
            }
            let (name, target) = match objects.identity(key) {
                Identity::Object(id) => {
                    match &mut own {
                        Some((resource, all)) if std::ptr::eq(*resource, id.resource) => all.add(sum),
                        _ => {
                            flush(own.take(), &mut sums);
                            sum.target = Some(Target::Kind(id.resource.full_name()));
                            own = Some((id.resource, sum));
                        }
                    }
                    continue;
                }
                Identity::Unlisted { group, plural, .. } => {
                    let name = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
                    let group = if group.is_empty() { String::new() } else { format!("{group}/") };
                    let prefix = format!("{}/{group}{plural}/", objects.registry().root());
                    (format!("{name} (no definition)"), Target::Prefix(prefix.into_bytes()))
                }
                Identity::Special(_) | Identity::Foreign => {
                    ("(keys that are no objects)".to_owned(), Target::Prefix(Vec::new()))
                }
            };
            sum.target = Some(target);
            sums.entry(name).or_default().add(sum);
        }
        flush(own, &mut sums);
        sums
    }

    fn findings(&self, info: &Info, objects: &Objects<'_>, locked: &[ObjectError]) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        for damage in &info.damage {
            let text = crate::tui::text::harmless(&damage.to_string());
            findings.push(Finding { severity: Severity::Damage, text, checked_again: true, ..Finding::default() });
        }
        let mut add = |severity, text: String, hint: &str| {
            let (text, hint) = (crate::tui::text::harmless(&text), hint.to_owned());
            findings.push(Finding { severity, text, hint, ..Finding::default() });
        };
        if let Some(fault) = &self.keys_fault {
            add(Severity::Warning, format!("the keys that were given do not help: {fault}"), "");
        }
        for error in locked {
            match error {
                ObjectError::Locked { reason, .. } => {
                    add(
                        Severity::Warning,
                        format!("values are {reason}"),
                        "start with --token-file, or --encryption-config",
                    );
                }
                other => add(Severity::Damage, other.to_string(), ""),
            }
        }
        for error in objects.registry().unreadable() {
            add(Severity::Warning, format!("a definition cannot be used: {error}"), "");
        }
        if let Some(etcd) = &info.etcd {
            for replay in etcd.replay.iter().filter(|replay| replay.applied > 0) {
                let applied = render::count(replay.applied);
                let text = format!("{applied} entries of the raft log are not in the database yet; they are shown");
                add(Severity::Note, text, "");
            }
        }
        if objects.minor().1 == MinorFrom::Newest && info.counts.live_keys > 0 {
            let minor = objects.minor().0;
            add(
                Severity::Note,
                format!("no Node tells the Kubernetes release: shown as {minor} would"),
                "--kubernetes-version says another",
            );
        }
        for note in &self.notes {
            add(Severity::Note, note.clone(), "");
        }
        findings.sort_by_key(|finding| finding.severity);
        findings
    }

    /// The findings that are known at once.
    pub(super) fn early_findings(&self) -> Vec<Finding> {
        let objects = self.objects(None);
        let (_, locked) = self.kinds(&objects);
        self.findings(self.info(), &objects, &locked)
    }
}

fn list<'s>(sums: BTreeMap<String, Sum<'s>>, is_locked: impl Fn(&Sum<'s>) -> Option<ObjectError>) -> List {
    let all: u64 = sums.values().map(|sum| sum.bytes).sum();
    let unknown = sums.values().any(|sum| sum.unknown > 0);
    let mut rows: Vec<(u64, String, Row)> = Vec::with_capacity(sums.len());
    for (name, sum) in sums {
        let tone = match is_locked(&sum) {
            Some(ObjectError::Locked { .. }) => Tone::Locked,
            Some(_) => Tone::Damaged,
            None if sum.live == 0 && sum.unknown == 0 => Tone::Deleted,
            None => Tone::Plain,
        };
        let share = if all == 0 { 0.0 } else { sum.bytes as f64 / all as f64 };
        let number = |number: u64| Cell::number(render::count(number), number as f64);
        let mut cells = vec![Cell::text(&name), number(sum.live), number(sum.deleted)];
        if unknown {
            cells.push(number(sum.unknown));
        }
        cells.push(number(sum.changes));
        cells.push(Cell::number(render::bytes(sum.bytes), sum.bytes as f64));
        cells.push(Cell::number(format!("{:>4.1} % {}", share * 100.0, bar(share)), share));
        let target = sum.target.unwrap_or(Target::Nothing);
        rows.push((sum.bytes, name, Row { cells, target, tone, namespace: None }));
    }
    rows.sort_by(|left, right| (right.0, &left.1).cmp(&(left.0, &right.1)));
    let mut columns = vec!["KIND", "LIVE", "DELETED"];
    if unknown {
        columns.push("UNKNOWN");
    }
    columns.extend(["CHANGES", "BYTES", "SHARE"]);
    List {
        columns: columns.into_iter().map(str::to_owned).collect(),
        rows: rows.into_iter().map(|(_, _, row)| row).collect(),
        note: unknown.then(|| "UNKNOWN: no row that old survives the compaction".to_owned()),
        empty: "this store has no keys at all at this moment".to_owned(),
    }
}

/// A share as a bar of at most twelve columns, in eighths.
pub(super) fn bar(share: f64) -> String {
    const FULL: f64 = 12.0 * 8.0;
    let eighths = (share.clamp(0.0, 1.0) * FULL).round() as usize;
    let mut out = "█".repeat(eighths / 8);
    out.extend(["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"].get(eighths % 8).copied());
    out
}
