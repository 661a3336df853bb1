//! What `prune` shows.

use serde_json::{Map, Value, json};

use super::keys::put_key;
use super::{JSON_VERSION, convert, put, text};
use crate::ops::convert::Target;
use crate::ops::prune::{Numbers, Pruned};

/// Dropped keys that a report names; JSON has all.
const MOST_NAMED: usize = 20;

fn numbers_json(numbers: &Numbers) -> Value {
    json!({
        "bytes": numbers.bytes,
        "live_keys": numbers.live_keys,
        "changes": numbers.changes,
        "compact_revision": numbers.compact_revision,
        "hash_kv": numbers.hash_kv,
    })
}

/// `prune --json`.
pub fn prune_json(pruned: &Pruned) -> Value {
    let report = &pruned.report;
    let dropped = pruned.dropped.iter().map(|dropped| {
        let mut object = Map::new();
        put_key(&mut object, &dropped.key);
        object.insert("revision".to_owned(), json!(dropped.revision));
        object.insert("value_size".to_owned(), json!(dropped.value_size));
        object.insert("why".to_owned(), json!(dropped.why.name()));
        Value::Object(object)
    });
    json!({
        "version": JSON_VERSION,
        "source": report.source,
        "target": report.target,
        "to": report.to.name(),
        "current_revision": report.current_revision,
        "before": numbers_json(&pruned.before),
        "after": numbers_json(&pruned.after),
        "dropped": dropped.collect::<Vec<_>>(),
        "unsure": pruned.unsure.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "left_out": convert::left_out_json(report),
        "translated": convert::translated_json(report),
        "notes": report.notes,
    })
}

/// The report for people, as lines. `owner` names who will own the file, where that is worth saying.
pub fn prune_text(pruned: &Pruned, owner: Option<&str>) -> Vec<String> {
    let report = &pruned.report;
    let (before, after) = (&pruned.before, &pruned.after);
    let mut lines = vec![match &report.target {
        Some(target) => format!("{} -> {target} ({})", report.source, report.to.name()),
        None => format!("{}: nothing was written (--check)", report.source),
    }];
    let mut row = |name: &str, before: String, after: String| {
        lines.push(format!("  {name:<18}{before:>14}  ->  {after:<14}").trim_end().to_owned());
    };
    row("size", text::bytes(before.bytes), text::bytes(after.bytes));
    row("live keys", text::count(before.live_keys), text::count(after.live_keys));
    row("changes", text::count(before.changes), text::count(after.changes));
    row("compact revision", before.compact_revision.to_string(), after.compact_revision.to_string());
    row("current revision", report.current_revision.to_string(), report.current_revision.to_string());
    if before.hash_kv.is_some() || after.hash_kv.is_some() {
        let hash = |hash: Option<u32>| hash.map_or("-".to_owned(), |hash| hash.to_string());
        row("HashKV", hash(before.hash_kv), hash(after.hash_kv));
    }
    let mut add = |name: &str, value: String| lines.push(format!("  {name:<18}{value}"));
    let owner = owner.map_or_else(String::new, |owner| format!(", owner {owner}"));
    add("mode", format!("0600{owner}"));
    add("read back", "every live value that stays is there, compared row by row".to_owned());
    if !pruned.dropped.is_empty() {
        let bytes: u64 = pruned.dropped.iter().map(|dropped| dropped.value_size).sum();
        add("dropped", format!("{}, {}", text::count_of(pruned.dropped.len(), "key"), text::bytes(bytes)));
        for dropped in pruned.dropped.iter().take(MOST_NAMED) {
            lines.push(format!("    {} @{}", text::key(&dropped.key), dropped.revision));
        }
        if pruned.dropped.len() > MOST_NAMED {
            lines.push(format!("    and {} more; --json lists all", pruned.dropped.len() - MOST_NAMED));
        }
    }
    convert::differences_text(report, &mut lines);
    lines.extend(report.notes.iter().map(|note| format!("note: {note}")));
    if let Some(target) = &report.target {
        lines.push(String::new());
        lines.extend(put::steps(pruned.from, report.to, target));
        if report.to != Target::EtcdDir {
            lines.push("Clients that watch from an older revision list anew by themselves.".to_owned());
        }
    }
    lines
}
