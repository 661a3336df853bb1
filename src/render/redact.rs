//! What `redact` shows.

use serde_json::{Map, Value, json};

use super::keys::put_key;
use super::{JSON_VERSION, convert, text};
use crate::ops::redact::{NoiseFor, Redacted, Renamed};

/// Keys that a report names; JSON has all.
const MOST_NAMED: usize = 20;

/// `redact --json`.
pub fn redact_json(redacted: &Redacted) -> Value {
    let report = &redacted.report;
    let counts = &redacted.counts;
    let keyed = |key: &[u8]| {
        let mut object = Map::new();
        put_key(&mut object, key);
        object
    };
    let noise = redacted.noise.iter().map(|noise| {
        let mut object = keyed(&noise.key);
        object.insert("values".to_owned(), json!(noise.values));
        object.insert("why".to_owned(), json!(noise.why.name()));
        Value::Object(object)
    });
    let elsewhere = redacted.elsewhere.iter().map(|key| Value::Object(keyed(key)));
    json!({
        "version": JSON_VERSION,
        "source": report.source,
        "target": report.target,
        "to": report.to.name(),
        "bytes": report.bytes,
        "live_keys": report.live_keys,
        "changes": report.changes,
        "current_revision": report.current_revision,
        "compact_revision": report.compact_revision,
        "hash_kv": report.hash_kv,
        "secrets": redacted.secrets,
        "looked_for": redacted.looked_for,
        "replaced": {
            "values": counts.values,
            "elsewhere": counts.elsewhere,
            "private_keys": counts.private_keys,
            "tokens": counts.tokens,
            "names": counts.names,
        },
        "names": redacted.names.as_ref().map(names_json),
        "elsewhere": elsewhere.collect::<Vec<_>>(),
        "opened": redacted.opened,
        "noise": noise.collect::<Vec<_>>(),
        "left_out": convert::left_out_json(report),
        "translated": convert::translated_json(report),
        "notes": report.notes,
    })
}

fn names_json(renamed: &Renamed) -> Value {
    let remaining = renamed.remaining.iter().map(|remaining| {
        let mut object = Map::new();
        put_key(&mut object, &remaining.example);
        object.insert("name".to_owned(), json!(String::from_utf8_lossy(&remaining.name)));
        object.insert("keys".to_owned(), json!(remaining.keys));
        Value::Object(object)
    });
    json!({"names": renamed.names, "keys": renamed.keys, "remaining": remaining.collect::<Vec<_>>()})
}

/// The report for people, as lines.
pub fn redact_text(redacted: &Redacted, owner: Option<&str>) -> Vec<String> {
    let report = &redacted.report;
    let counts = &redacted.counts;
    let mut lines = vec![match &report.target {
        Some(target) => format!("{} -> {target} ({})", report.source, report.to.name()),
        None => format!("{}: nothing was written (--check)", report.source),
    }];
    let mut add = |name: &str, value: String| lines.push(format!("  {name:<18}{value}"));
    let owner = owner.map_or_else(String::new, |owner| format!(", owner {owner}"));
    add("size", format!("{}, mode 0600{owner}", text::bytes(report.bytes)));
    let shorter = redacted.secrets.saturating_sub(redacted.looked_for);
    add("secrets", format!("{} different, in {}", text::count(redacted.secrets as u64), values(counts.values)));
    add("elsewhere", format!("{} in {}", text::count(counts.elsewhere as u64), keys(redacted.elsewhere.len())));
    add("private keys", text::count(counts.private_keys as u64));
    add("tokens", text::count(counts.tokens as u64));
    add(
        "read back",
        format!("none of {} secrets is in the file or in any value", text::count(redacted.looked_for as u64)),
    );
    if shorter > 0 {
        add(
            "not looked for",
            format!("{} outside of Secrets: too short, or part of an object's name", values(shorter)),
        );
    }
    if let Some(renamed) = &redacted.names {
        let count = text::count_of(renamed.names, "name");
        let keys = keys(renamed.keys);
        add("names", format!("{count} replaced, in {keys} and {} in values", text::count_of(counts.names, "place")));
    }
    if redacted.opened > 0 {
        add("opened", format!("{} that were encrypted are plain now", values(redacted.opened)));
    }
    for (why, what) in [
        (NoiseFor::Bootstrap, "bootstrap data: noise now, so that k3s cannot start on it with any token"),
        (NoiseFor::Encrypted, "encrypted, and no key at hand: noise now"),
        (NoiseFor::Unreadable, "cannot be read, or not without its secrets: noise now"),
    ] {
        let found: Vec<_> = redacted.noise.iter().filter(|noise| noise.why == why).collect();
        if found.is_empty() {
            continue;
        }
        lines.push(format!("{} {what}:", keys(found.len())));
        for noise in found.iter().take(MOST_NAMED) {
            lines.push(format!("    {} ({})", text::key(&noise.key), values(noise.values)));
        }
        if found.len() > MOST_NAMED {
            lines.push(format!("    and {} more; --json lists all", found.len() - MOST_NAMED));
        }
    }
    if let Some(renamed) = &redacted.names {
        remaining_text(renamed, &mut lines);
    }
    convert::differences_text(report, &mut lines);
    lines.extend(report.notes.iter().map(|note| format!("note: {note}")));
    let stays = match &redacted.names {
        None => "names, labels, addresses and certificates outside of Secrets are as they were",
        Some(_) => {
            "keys of labels and of ConfigMaps, base64, addresses, uids and certificates outside of Secrets are as they were"
        }
    };
    lines.push(format!("note: {stays}"));
    lines
}

fn remaining_text(renamed: &Renamed, lines: &mut Vec<String>) {
    let remaining = &renamed.remaining;
    if remaining.is_empty() {
        return;
    }
    lines.push(format!("{} still in the result, for example in:", text::count_of(remaining.len(), "name")));
    for one in remaining.iter().take(MOST_NAMED) {
        let (name, key) = (text::key(&one.name), text::key(&one.example));
        lines.push(format!("    {name}: {} like {key}", keys(one.keys)));
    }
    if remaining.len() > MOST_NAMED {
        lines.push(format!("    and {} more; --json lists all", remaining.len() - MOST_NAMED));
    }
}

fn values(count: usize) -> String {
    text::count_of(count, "value")
}

fn keys(count: usize) -> String {
    text::count_of(count, "key")
}
