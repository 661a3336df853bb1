//! What takes the bytes: values that live, and values that only history needs; by kind, namespace or owner.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde_json::Value;

use super::Reader;
use super::errand::Errand;
use crate::kube::resources::Identity;
use crate::model::{Change, KeyId, KeyState};
use crate::ops::objects::Objects;
use crate::render;
use crate::tui::ask::{By, Cell, List, Row, Target, Tone};
use crate::tui::text::harmless;

/// Keys of a sum that are shown at most.
const MOST: usize = 5000;

/// Bytes of one key, or of many.
#[derive(Clone, Copy, Debug, Default)]
struct Bytes {
    live: u64,
    superseded: u64,
    keys: u64,
    changes: u64,
}

impl Bytes {
    const fn all(self) -> u64 {
        self.live + self.superseded
    }

    fn add(&mut self, other: Self) {
        self.live += other.live;
        self.superseded += other.superseded;
        self.keys += other.keys;
        self.changes += other.changes;
    }
}

impl Reader {
    pub(super) fn sizes(&self, by: By, within: Option<&str>, at: Option<i64>, _errand: &Errand) -> List {
        let objects = self.objects(at);
        let keys: Vec<KeyId> = self.history().keys().ids().collect();
        let one = |key: &KeyId| {
            let bytes = self.bytes_of(&objects, *key);
            (bytes.changes > 0).then(|| (*key, group(&objects, *key, by), bytes))
        };
        let found: Vec<(KeyId, String, Bytes)> = keys.par_iter().filter_map(one).collect();
        let all: u64 = found.iter().map(|(_, _, bytes)| bytes.all()).sum();
        let mut lines: Vec<(String, Bytes, Target)> = match within {
            None => {
                let mut sums: BTreeMap<String, Bytes> = BTreeMap::new();
                found.into_iter().for_each(|(_, group, bytes)| sums.entry(group).or_default().add(bytes));
                sums.into_iter().map(|(name, bytes)| (name.clone(), bytes, Target::Sum(by, name))).collect()
            }
            Some(within) => {
                let own = found.into_iter().filter(|(_, group, _)| group == within);
                let line = |(key, _, bytes)| {
                    let name = self.name(&objects, key);
                    (name.clone(), bytes, Target::Key { key, revision: objects.revision(), name })
                };
                own.map(line).collect()
            }
        };
        lines.sort_by(|left, right| right.1.all().cmp(&left.1.all()).then_with(|| left.0.cmp(&right.0)));
        let count = lines.len();
        lines.truncate(MOST);
        let heading = if within.is_some() { "KEY" } else { by.heading() };
        let columns = [heading, "LIVE BYTES", "SUPERSEDED", "ALL BYTES", "KEYS", "CHANGES", "SHARE"];
        List {
            columns: columns.map(str::to_owned).to_vec(),
            rows: lines.into_iter().map(|line| row(line, all)).collect(),
            note: Some(self.size_note(count, all)),
            empty: "no value takes any bytes at this moment".to_owned(),
        }
    }

    /// Bytes of a key's values up to the moment.
    fn bytes_of(&self, objects: &Objects<'_>, key: KeyId) -> Bytes {
        let history = self.history();
        let before = |change: &&Change| change.revision.main <= objects.revision();
        let (mut changes, mut all) = (0, 0);
        for change in history.changes_of(key).take_while(before) {
            changes += 1;
            all += u64::from(change.value.len);
        }
        let live = match history.at(objects.revision()).state(key) {
            KeyState::Live(change) => u64::from(change.value.len),
            KeyState::Absent(_) | KeyState::Unknown => 0,
        };
        Bytes { live, superseded: all - live.min(all), keys: 1, changes }
    }

    /// Where the other bytes of the file are.
    fn size_note(&self, count: usize, values: u64) -> String {
        let bytes = self.info().bytes;
        let cut = if count > MOST { format!("the largest {MOST} of {count} · ") } else { String::new() };
        let (values, free, index) = (render::bytes(values), render::bytes(bytes.free), render::bytes(bytes.index));
        format!("{cut}values {values} · free pages {free} · index pages {index} · file {}", render::bytes(bytes.file))
    }
}

/// What a key is summed up under.
fn group(objects: &Objects<'_>, key: KeyId, by: By) -> String {
    match (by, objects.identity(key)) {
        (By::Kind, Identity::Object(id)) => id.resource.full_name(),
        (By::Kind, Identity::Unlisted { group, plural, .. }) => {
            let name = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
            harmless(&format!("{name} (no definition)"))
        }
        (_, Identity::Special(_) | Identity::Foreign) => "(keys that are no objects)".to_owned(),
        (By::Namespace, Identity::Object(id)) => harmless(id.namespace.unwrap_or("(no namespace)")),
        (By::Namespace, Identity::Unlisted { .. }) => "(no definition)".to_owned(),
        (By::Owner, _) => owner(objects, key).unwrap_or_else(|| "(no owner)".to_owned()),
    }
}

/// The object that controls the key's newest value.
fn owner(objects: &Objects<'_>, key: KeyId) -> Option<String> {
    let history = objects.history();
    let last = history.changes_of(key).rfind(|change| change.is_put() && change.revision.main <= objects.revision())?;
    let (object, _) = objects.tree(last, &objects.whole(last)).ok()?;
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    let controls = |owner: &&Value| owner.get("controller").and_then(Value::as_bool) == Some(true);
    let owner = owners.iter().find(controls).or(owners.first())?;
    let text = |name: &str| owner.get(name).and_then(Value::as_str).unwrap_or_default();
    let namespace = objects.object(key).and_then(|id| id.namespace).map_or(String::new(), |name| format!("{name}/"));
    Some(harmless(&format!("{} {namespace}{}", text("kind"), text("name"))))
}

fn row((name, bytes, target): (String, Bytes, Target), all: u64) -> Row {
    let size = |bytes: u64| Cell::number(render::bytes(bytes), bytes as f64);
    let number = |number: u64| Cell::number(render::count(number), number as f64);
    let share = if all == 0 { 0.0 } else { bytes.all() as f64 / all as f64 };
    let tone = if bytes.live == 0 { Tone::Deleted } else { Tone::Plain };
    let cells = vec![
        Cell::text(name),
        size(bytes.live),
        size(bytes.superseded),
        size(bytes.all()),
        number(bytes.keys),
        number(bytes.changes),
        Cell::number(format!("{:>4.1} % {}", share * 100.0, super::overview::bar(share)), share),
    ];
    Row { cells, target, tone, namespace: None }
}
