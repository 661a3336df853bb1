//! What takes the bytes, as `kinescope why` sums it up: by kind, namespace or owner, and the keys of one of the sums.

use rayon::prelude::*;

use super::Reader;
use super::errand::Errand;
use crate::kube::meta::Meta;
use crate::model::{Engine, KeyId};
use crate::ops::objects::Objects;
use crate::ops::why::contents::contents;
use crate::ops::why::groups::{groups, sum_by, what};
use crate::ops::why::sizes::{FileBytes, Size, Sizes};
use crate::render;
use crate::tui::ask::{By, Cell, List, Row, Target, Tone};
use crate::tui::text::harmless;

/// Keys of a sum that are shown at most.
const MOST: usize = 5000;
/// Keys that are looked at before it is asked whether somebody still waits.
const BATCH: usize = 1 << 16;
/// What `why` calls objects of the whole cluster, and keys that are no objects.
const NO_NAMESPACE: &str = "(no namespace)";
/// What `why` calls values without an owner.
const NO_OWNER: &str = "(no owner)";

/// A line: its name, its bytes, where it leads.
type Sum = (String, Size, Target);

impl Reader {
    pub(super) fn sizes(&self, by: By, within: Option<&str>, at: Option<i64>, errand: &Errand) -> List {
        let objects = self.objects(at);
        let sizes = Sizes::of(&self.source.store);
        errand.tell("summing up what takes the bytes", 0, 0);
        let values = sizes.sum(objects.revision());
        let mut lines: Vec<Sum> = match within {
            Some(within) => self.keys_of(&objects, &sizes, (by, within), errand),
            None => sums(&objects, &sizes, by),
        };
        lines.sort_by(|left, right| right.1.all().cmp(&left.1.all()).then_with(|| left.0.cmp(&right.0)));
        let count = lines.len();
        lines.truncate(MOST);
        let heading = if within.is_some() { "KEY" } else { by.heading() };
        let has_keys = within.is_none() && by != By::Owner;
        let columns = [heading, "LIVE BYTES", "SUPERSEDED", "ALL BYTES", "KEYS", "CHANGES", "SHARE"];
        let columns = columns.into_iter().filter(|column| has_keys || *column != "KEYS").map(str::to_owned);
        List {
            columns: columns.collect(),
            rows: lines.into_iter().map(|line| row(line, values.all(), has_keys)).collect(),
            note: Some(self.size_note(count, &values)),
            empty: "no value takes any bytes at this moment".to_owned(),
        }
    }

    /// The keys of one of the sums.
    fn keys_of(&self, objects: &Objects<'_>, sizes: &Sizes<'_>, (by, within): (By, &str), errand: &Errand) -> Vec<Sum> {
        let is_within = |key: KeyId| match by {
            By::Kind => harmless(&what(objects, key).resource) == within,
            By::Namespace => namespace_name(what(objects, key).namespace) == within,
            By::Owner => owner(objects, key) == within,
        };
        let line = |key: &KeyId| {
            let size = sizes.of_key(*key, objects.revision());
            (size.changes > 0 && is_within(*key)).then(|| {
                let name = self.name(objects, *key);
                (name.clone(), size, Target::Key { key: *key, revision: objects.revision(), name })
            })
        };
        let keys: Vec<KeyId> = self.history().keys().ids().collect();
        let mut found = Vec::new();
        for (nth, batch) in keys.chunks(BATCH).enumerate().take_while(|_| errand.goes_on()) {
            errand.tell("looking for its keys", (nth * BATCH) as u64, keys.len() as u64);
            found.par_extend(batch.par_iter().filter_map(line));
        }
        found
    }

    /// Where the other bytes of the file are.
    fn size_note(&self, count: usize, values: &Size) -> String {
        let file = FileBytes::of(&self.source.store, &self.source.files, values);
        let mut parts = Vec::new();
        if count > MOST {
            parts.push(format!("the largest {} of {}", render::count(MOST as u64), render::count(count as u64)));
        }
        let copies = match self.history().engine() {
            Engine::Kine if file.old_values > 0 => format!(", {} of it kine's copies", render::bytes(file.old_values)),
            _ => String::new(),
        };
        let mut part = |name: &str, bytes: u64, more: &str| {
            if bytes > 0 {
                parts.push(format!("{name} {}{more}", render::bytes(bytes)));
            }
        };
        part("file", file.file, "");
        part("WAL", file.wal.unwrap_or_default(), "");
        part("live", file.live, "");
        part("superseded", file.superseded, &copies);
        part("free", file.free, "");
        part("index", file.index, "");
        part("unused", file.unused, "");
        part("rest", file.rest, "");
        parts.join(" · ")
    }
}

fn sums(objects: &Objects<'_>, sizes: &Sizes<'_>, by: By) -> Vec<Sum> {
    let named = |(name, size): (String, Size)| (name.clone(), size, Target::Sum(by, name));
    let sums: Vec<(String, Size)> = match by {
        By::Kind => sum_by(&groups(objects, sizes), |group| harmless(&group.what.resource)),
        By::Namespace => sum_by(&groups(objects, sizes), |group| namespace_name(group.what.namespace.clone())),
        By::Owner => {
            let size = |share: crate::ops::why::contents::Share| Size {
                live: share.live,
                superseded: share.bytes.saturating_sub(share.live),
                changes: share.changes,
                ..Size::default()
            };
            let owners = contents(objects, sizes).owners.into_iter();
            owners.map(|(name, share)| (harmless(&name), size(share))).collect()
        }
    };
    sums.into_iter().map(named).collect()
}

fn namespace_name(namespace: Option<String>) -> String {
    namespace.map_or_else(|| NO_NAMESPACE.to_owned(), |name| harmless(&name))
}

/// The object that controls the newest value that the key had, as `why` names it.
fn owner(objects: &Objects<'_>, key: KeyId) -> String {
    let history = objects.history();
    let puts = history.changes_of(key).rev().filter(|change| change.revision.main <= objects.revision());
    let told = puts.filter(|change| change.is_put()).find_map(|change| {
        let value = objects.plain(change).ok()?;
        let meta = Meta::read(&value)?;
        let Some((kind, name)) = &meta.owner else { return Some(NO_OWNER.to_owned()) };
        let namespace = if meta.namespace.is_empty() { String::new() } else { format!("{}/", meta.namespace) };
        Some(harmless(&format!("{kind} {namespace}{name}")))
    });
    told.unwrap_or_else(|| NO_OWNER.to_owned())
}

fn row((name, size, target): Sum, all: u64, has_keys: bool) -> Row {
    let bytes = |bytes: u64| Cell::number(render::bytes(bytes), bytes as f64);
    let number = |number: u64| Cell::number(render::count(number), number as f64);
    let share = if all == 0 { 0.0 } else { size.all() as f64 / all as f64 };
    let tone = if size.live == 0 { Tone::Deleted } else { Tone::Plain };
    let mut cells = vec![Cell::text(name), bytes(size.live), bytes(size.gone()), bytes(size.all())];
    if has_keys {
        cells.push(number(size.keys));
    }
    cells.push(number(size.changes));
    cells.push(Cell::number(format!("{:>4.1} % {}", share * 100.0, super::overview::bar(share)), share));
    Row { cells, target, tone, namespace: None }
}
