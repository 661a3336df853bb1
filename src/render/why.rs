//! Where the bytes of a store are.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::{Map, Value, json};

use super::keys::put_key;
use super::spark::sparkline;
use super::tables::aligned_text;
use super::why_words::{cause_advice, cause_text, verdict_advice, verdict_text};
use super::{JSON_VERSION, text};
use crate::model::Engine;
use crate::ops::why::contents::Share;
use crate::ops::why::groups::{Group, What};
use crate::ops::why::sizes::{FileBytes, Size};
use crate::ops::why::{Cause, KeySize, Why};

/// `why --json`. Of writers and owners so many are listed.
pub fn why_json(why: &Why, most: usize) -> Value {
    let bytes = &why.bytes;
    let verdict = &why.verdict;
    let about = verdict.about.as_ref();
    let compaction = &why.compaction;
    let shares = |name: &str, shares: &[(String, Share)]| -> Vec<Value> {
        shares.iter().take(most).map(|(who, share)| share_json(name, who, share, bytes)).collect()
    };
    json!({
        "version": JSON_VERSION,
        "engine": why.engine.name(),
        "current_revision": why.current_revision,
        "verdict": {
            "id": verdict.finding.name(),
            "problem": verdict.problem,
            "bytes": verdict.bytes,
            "share": share(verdict.share),
            "kind": about.and_then(|about| about.what.kind.as_deref()),
            "namespace": about.and_then(|about| about.what.namespace.as_deref()),
            "text": verdict_text(verdict, bytes, compaction),
            "advice": verdict_advice(why.engine, verdict),
        },
        "bytes": bytes_json(bytes),
        "causes": why.causes().iter().map(|cause| cause_json(why, cause)).collect::<Vec<_>>(),
        "kinds": why.kinds().iter().map(|(what, size)| kind_json(what, size, bytes)).collect::<Vec<_>>(),
        "namespaces": why.namespaces().iter().map(|(namespace, size)| {
            let mut object = size_json(size, bytes);
            object.insert("namespace".to_owned(), json!(namespace));
            Value::Object(object)
        }).collect::<Vec<_>>(),
        "writers": shares("writer", &why.writers),
        "owners": shares("owner", &why.owners),
        "keys": why.keys.iter().map(|key| key_json(key, bytes)).collect::<Vec<_>>(),
        "managed_fields": {
            "bytes": why.managed.bytes, "live": why.managed.live, "share": share(bytes.share(why.managed.bytes)),
        },
        "locked_values": why.locked,
        "compaction": {
            "last_revision": compaction.last_revision,
            "lag_revisions": compaction.lag_revisions,
            "since": compaction.since.map(|at| at.to_string()),
            "newest": compaction.newest.map(|at| at.to_string()),
            "lag_seconds": compaction.lag_seconds(),
        },
        "rate": rate_json(why),
    })
}

/// Four digits are enough for a share.
pub(super) fn share(share: f64) -> Value {
    json!((share * 10_000.0).round() / 10_000.0)
}

pub(super) fn bytes_json(bytes: &FileBytes) -> Value {
    json!({
        "file": bytes.file,
        "wal": bytes.wal,
        "total": bytes.total,
        "live": bytes.live,
        "superseded": bytes.superseded,
        "old_value": bytes.old_values,
        "free": bytes.free,
        "index": bytes.index,
        "unused": bytes.unused,
        "rest": bytes.rest,
    })
}

fn rate_json(why: &Why) -> Value {
    let Some(rate) = &why.rate else { return Value::Null };
    let intervals = rate.intervals.iter();
    json!({
        "first_revision": rate.first.0,
        "first": rate.first.1.to_string(),
        "last_revision": rate.last.0,
        "last": rate.last.1.to_string(),
        "per_hour": (rate.per_hour * 10.0).round() / 10.0,
        "intervals": intervals.map(|interval| json!({
            "from": interval.from.to_string(), "to": interval.to.to_string(), "revisions": interval.revisions,
        })).collect::<Vec<_>>(),
    })
}

fn size_json(size: &Size, bytes: &FileBytes) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("bytes", json!(size.all()));
    put("share", share(bytes.share(size.all())));
    put("live", json!(size.live));
    put("superseded", json!(size.gone()));
    put("old_value", json!(size.old_values));
    put("keys", json!(size.keys));
    put("live_keys", json!(size.live_keys));
    put("changes", json!(size.changes));
    object
}

fn put_what(object: &mut Map<String, Value>, what: &What) {
    object.insert("kind".to_owned(), json!(what.kind));
    object.insert("group".to_owned(), json!(what.group));
    object.insert("resource".to_owned(), json!(what.resource));
}

fn kind_json(what: &What, size: &Size, bytes: &FileBytes) -> Value {
    let mut object = size_json(size, bytes);
    put_what(&mut object, what);
    Value::Object(object)
}

fn key_json(key: &KeySize, bytes: &FileBytes) -> Value {
    let mut object = size_json(&key.size, bytes);
    put_key(&mut object, &key.key);
    object.insert("kind".to_owned(), json!(key.what.kind));
    object.insert("namespace".to_owned(), json!(key.what.namespace));
    Value::Object(object)
}

fn share_json(name: &str, who: &str, own: &Share, bytes: &FileBytes) -> Value {
    json!({
        name: who, "bytes": own.bytes, "share": share(bytes.share(own.bytes)), "live": own.live, "changes": own.changes,
    })
}

/// Every cause has the same members; those that say nothing of it are null or 0.
fn cause_json(why: &Why, cause: &Cause) -> Value {
    let none = Size::default();
    let (name, group) = match cause {
        Cause::Keys(group) => (if group.what.kind.is_some() { "objects" } else { "keys" }, Some(&**group)),
        Cause::Free(_) => ("free", None),
        Cause::Index(_) => ("index", None),
        Cause::Unused(_) => ("unused", None),
        Cause::Rest(_) => ("rest", None),
    };
    let mut object = size_json(group.map_or(&none, |group| &group.size), &why.bytes);
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("what", json!(name));
    put("bytes", json!(cause.bytes()));
    put("share", share(why.bytes.share(cause.bytes())));
    put("kind", json!(group.and_then(|group| group.what.kind.as_deref())));
    put("group", json!(group.and_then(|group| group.what.group.as_deref())));
    put("resource", json!(group.map(|group| &group.what.resource)));
    put("namespace", json!(group.and_then(|group| group.what.namespace.as_deref())));
    put("helm_bytes", json!(group.map_or(0, |group| group.helm.all())));
    put("text", json!(cause_text(why, cause)));
    put("advice", json!(cause_advice(why, cause)));
    put_prefix(&mut object, group);
    Value::Object(object)
}

fn put_prefix(object: &mut Map<String, Value>, group: Option<&Group>) {
    let prefix = group.map(|group| group.prefix.as_slice());
    match prefix.map(std::str::from_utf8) {
        Some(Err(_)) => {
            let encoded = prefix.map(|prefix| base64::engine::general_purpose::STANDARD.encode(prefix));
            object.insert("key_prefix_base64".to_owned(), json!(encoded));
        }
        Some(Ok(prefix)) => _ = object.insert("key_prefix".to_owned(), json!(prefix)),
        None => _ = object.insert("key_prefix".to_owned(), Value::Null),
    }
}

/// `why` for people, as a text. Each list has so many lines at most.
pub fn why_text(name: &str, why: &Why, most: usize) -> String {
    let verdict = &why.verdict;
    let sentence = verdict_text(verdict, &why.bytes, &why.compaction);
    let mut out = format!("{name}\n\n");
    out.push_str(&wrapped(&capital(&sentence), "", 80));
    out.push_str(&wrapped(&verdict_advice(why.engine, verdict), "  ", 80));
    out.push('\n');
    out.push_str(&bytes_text(why));
    out.push('\n');
    out.push_str(&causes_text(why, most));
    for (heading, shares) in [("WRITER", &why.writers), ("OWNER", &why.owners)] {
        if shares.iter().any(|(name, _)| !name.starts_with('(')) {
            out.push('\n');
            out.push_str(&shares_text(heading, shares, why, most));
        }
    }
    out.push('\n');
    out.push_str(&keys_text(why, most));
    out.push('\n');
    out.push_str(&clock_text(why));
    out
}

fn bytes_text(why: &Why) -> String {
    let bytes = &why.bytes;
    let mut lines = vec![["BYTES", "SHARE", "WHAT"].map(str::to_owned).to_vec()];
    let mut line = |part: u64, what: String| {
        if part > 0 {
            lines.push(vec![text::bytes(part), text::percent(bytes.share(part)), what]);
        }
    };
    line(bytes.live, format!("live values of {} keys", text::count(why.values.live_keys)));
    let copies = match bytes.old_values {
        0 => String::new(),
        copies => format!(", {} of them kine's old_value", text::bytes(copies)),
    };
    line(bytes.superseded, format!("superseded values{copies}"));
    line(bytes.free, "free pages".to_owned());
    let index = match why.engine {
        Engine::Kine => "indexes",
        Engine::Etcd => "branch pages",
    };
    line(bytes.index, index.to_owned());
    line(bytes.unused, "the end of the file, never used".to_owned());
    line(bytes.rest, "names, headers, half full pages".to_owned());
    let wal = match bytes.wal {
        Some(wal) => format!(", the WAL beside it {}", text::bytes(wal)),
        None => String::new(),
    };
    let all = match (bytes.total == bytes.file, why.engine) {
        (true, _) => format!("the file{wal}"),
        (false, Engine::Kine) => format!("the database; its file has {}{wal}", text::bytes(bytes.file)),
        (false, Engine::Etcd) => format!("database and log; the file has {}{wal}", text::bytes(bytes.file)),
    };
    line(bytes.total, all);
    let mut out = aligned_text(&lines);
    if why.managed.bytes > 0 {
        let managed = text::percent(bytes.share(why.managed.bytes));
        let live = text::bytes(why.managed.live);
        out.push_str(&format!("managedFields are {managed} of it inside of values, {live} of the live ones.\n"));
    }
    if why.locked > 0 {
        let locked = text::count(why.locked);
        out.push_str(&format!("{locked} values are encrypted: their writers and owners need their key.\n"));
    }
    out
}

fn causes_text(why: &Why, most: usize) -> String {
    let names = plurals(why.groups.iter().map(|group| group.what.resource.as_str()));
    let mut lines = vec![["KIND", "NAMESPACE", "BYTES", "SUPERSEDED", "SHARE", "CHANGES"].map(str::to_owned).to_vec()];
    lines.extend(why.groups.iter().take(most).map(|group| {
        let size = &group.size;
        let helm = if group.helm.all() * 2 > size.all() { " (Helm)" } else { "" };
        vec![
            format!("{}{helm}", text::key(plural(&names, &group.what.resource).as_bytes())),
            group.what.namespace.as_ref().map_or_else(|| "-".to_owned(), |namespace| text::key(namespace.as_bytes())),
            text::bytes(size.all()),
            text::bytes(size.gone()),
            text::percent(why.bytes.share(size.all())),
            text::count(size.changes),
        ]
    }));
    let mut out = aligned_text(&lines);
    if let Some(rest) = why.groups.get(most..).filter(|rest| !rest.is_empty()) {
        let bytes = text::bytes(rest.iter().map(|group| group.size.all()).sum());
        out.push_str(&format!(
            "and {} more with {bytes}; --top N lists them, --json all\n",
            text::count(rest.len() as u64)
        ));
    }
    out
}

/// Plurals that are of one group alone, as `deployments` of `deployments.apps`: what people call them.
pub(super) fn plurals<'a>(resources: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, Option<&'a str>> {
    let mut plurals: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for resource in resources {
        let plural = resource.split('.').next().unwrap_or(resource);
        let known = plurals.entry(plural).or_insert(Some(resource));
        *known = known.filter(|known| *known == resource);
    }
    plurals
}

/// What a resource is called in a table.
pub(super) fn plural<'a>(plurals: &BTreeMap<&'a str, Option<&'a str>>, resource: &'a str) -> &'a str {
    let plural = resource.split('.').next().unwrap_or(resource);
    if plurals.get(plural) == Some(&Some(resource)) { plural } else { resource }
}

fn shares_text(heading: &str, shares: &[(String, Share)], why: &Why, most: usize) -> String {
    let mut lines = vec![[heading, "BYTES", "LIVE", "SHARE", "CHANGES"].map(str::to_owned).to_vec()];
    lines.extend(shares.iter().take(most).map(|(name, share)| {
        vec![
            text::key(name.as_bytes()),
            text::bytes(share.bytes),
            text::bytes(share.live),
            text::percent(why.bytes.share(share.bytes)),
            text::count(share.changes),
        ]
    }));
    aligned_text(&lines)
}

fn keys_text(why: &Why, most: usize) -> String {
    let mut lines = vec![["BYTES", "SUPERSEDED", "CHANGES", "KEY"].map(str::to_owned).to_vec()];
    lines.extend(why.keys.iter().take(most).map(|key| {
        vec![
            text::bytes(key.size.all()),
            text::bytes(key.size.gone()),
            text::count(key.size.changes),
            text::key(&key.key),
        ]
    }));
    aligned_text(&lines)
}

fn clock_text(why: &Why) -> String {
    let compaction = &why.compaction;
    let lag = text::count(compaction.lag_revisions.unsigned_abs());
    let last = match compaction.last_revision {
        0 => "never".to_owned(),
        last => format!("to revision {}", text::count(last.unsigned_abs())),
    };
    let time = match (compaction.since, compaction.lag_seconds()) {
        (Some(since), Some(seconds)) => format!("\n            since {since} ({})", text::duration(seconds)),
        _ => String::new(),
    };
    let mut out = format!("compacted   {last}; {lag} revisions behind it{time}\n");
    if let Some(rate) = &why.rate {
        let (first, last) = (rate.first, rate.last);
        let bars = sparkline(rate.intervals.iter().map(|interval| Some(interval.revisions as f64)));
        out.push_str(&format!("revisions   {bars}  {} an hour\n", text::count(rate.per_hour.round() as u64)));
        out.push_str(&format!("            {} ({}) to {} ({})\n", first.1, first.0, last.1, last.0));
    }
    out
}

pub(super) fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// Lines of so many characters, each with an indentation; words are not cut.
pub(super) fn wrapped(sentence: &str, indent: &str, width: usize) -> String {
    let mut out = String::new();
    let mut line = indent.to_owned();
    for word in sentence.split(' ') {
        let is_first = line.len() == indent.len();
        if !is_first && line.chars().count() + 1 + word.chars().count() > width {
            out.push_str(&line);
            out.push('\n');
            line = indent.to_owned();
        } else if !is_first {
            line.push(' ');
        }
        line.push_str(word);
    }
    out.push_str(&line);
    out.push('\n');
    out
}
