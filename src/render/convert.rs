//! The report of a conversion.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::keys::put_key;
use super::{JSON_VERSION, text};
use crate::ops::adapt::{Found, Remedy};
use crate::ops::convert::{Added, Report, Target};

/// `convert --json`. `found` is what still says etcd, where that was looked for.
pub fn convert_json(report: &Report, found: Option<&Found>) -> Value {
    let prefixes = report
        .prefixes
        .iter()
        .map(|prefix| json!({"prefix": prefix.prefix, "keys": prefix.keys, "sha256": prefix.sha256}));
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
        "left_out": left_out_json(report),
        "not_wanted": report.not_wanted,
        "translated": translated_json(report),
        "added": added_json(&report.added),
        "prefixes": prefixes.collect::<Vec<_>>(),
        "residue": found.map(|found| residue_json(report, found)),
        "notes": notes(report, found),
    })
}

/// What still says etcd, and the revision at which that ends.
fn residue_json(report: &Report, found: &Found) -> Value {
    let residue = found.residue.iter().map(|residue| {
        let mut object = Map::new();
        put_key(&mut object, &residue.key);
        object.insert("revision".to_owned(), json!(residue.revision));
        object.insert("what".to_owned(), json!(residue.what));
        object.insert("remedy".to_owned(), json!(residue.remedy.name()));
        let why = if let Remedy::None(why) = &residue.remedy { Some(why) } else { None };
        object.insert("why".to_owned(), json!(why));
        let added = report.added.iter().find(|added| added.key == residue.key);
        object.insert("adapted_at".to_owned(), json!(added.map(|added| added.revision)));
        Value::Object(object)
    });
    residue.collect()
}

fn notes(report: &Report, found: Option<&Found>) -> Vec<String> {
    report.notes.iter().chain(found.iter().flat_map(|found| &found.notes)).cloned().collect()
}

/// What is not in the target.
pub(super) fn left_out_json(report: &Report) -> Value {
    let left_out = report.left_out.iter().map(|(key, left)| {
        let mut object = Map::new();
        put_key(&mut object, key);
        object.insert("revision".to_owned(), json!(left.revision));
        object.insert("reason".to_owned(), json!(left.reason.text()));
        Value::Object(object)
    });
    left_out.collect()
}

/// What is in the target in another form.
pub(super) fn translated_json(report: &Report) -> Value {
    let translated = report.translated.iter().map(|(key, made)| {
        let mut object = Map::new();
        put_key(&mut object, key);
        object.insert("revision".to_owned(), json!(made.revision));
        object.insert("what".to_owned(), json!(made.what));
        Value::Object(object)
    });
    translated.collect()
}

/// Changes that the source does not have.
pub(super) fn added_json(added: &[Added]) -> Value {
    let added = added.iter().map(|added| {
        let mut object = Map::new();
        put_key(&mut object, &added.key);
        object.insert("revision".to_owned(), json!(added.revision));
        object.insert("op".to_owned(), json!(added.op.name()));
        object.insert("value_size".to_owned(), json!(added.value_size));
        Value::Object(object)
    });
    added.collect()
}

/// The report for people, as lines. `found` is what still says etcd, where that was looked for; `owner` names who will own
/// the file, where that is worth saying.
pub fn convert_text(report: &Report, found: Option<&Found>, owner: Option<&str>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |name: &str, value: String| lines.push(format!("  {name:<18}{value}"));
    add("live keys", text::count(report.live_keys));
    add("changes", text::count(report.changes));
    add("current revision", report.current_revision.to_string());
    add("compact revision", report.compact_revision.to_string());
    if let Some(hash) = report.hash_kv {
        add("HashKV", hash.to_string());
    }
    let owner = owner.map_or_else(String::new, |owner| format!(", owner {owner}"));
    add("size", format!("{}, mode 0600{owner}", text::bytes(report.bytes)));
    add("read back", "all rows, keys and values are as they should be".to_owned());
    let head = match &report.target {
        Some(target) => format!("{} -> {target} ({})", report.source, report.to.name()),
        None => format!("{}: can be converted to {}; nothing was written (--check)", report.source, report.to.name()),
    };
    lines.insert(0, head);
    differences_text(report, &mut lines);
    if let Some(found) = found {
        residue_text(report, found, &mut lines);
    }
    lines.extend(notes(report, found).iter().map(|note| format!("note: {note}")));
    if let Some(target) = &report.target {
        lines.push(String::new());
        lines.extend(steps(report.to, target));
    }
    lines
}

/// What is not in the target, and what is in another form.
pub(super) fn differences_text(report: &Report, lines: &mut Vec<String>) {
    left_out_text(report, lines);
    translated_text(report, lines);
}

fn left_out_text(report: &Report, lines: &mut Vec<String>) {
    if report.not_wanted > 0 {
        let number = text::count(report.not_wanted);
        lines.push(format!("{number} superseded changes and tombstones are not in the target, as was asked for"));
    }
    let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (key, left) in &report.left_out {
        let at = left.revision.map_or_else(|| "an unknown revision".to_owned(), |revision| revision.to_string());
        by_reason.entry(left.reason.text()).or_default().push(format!("{} at {at}", text::key(key)));
    }
    for (reason, changes) in by_reason {
        lines.push(format!("{} left out: {reason}:", text::count_of(changes.len(), "change")));
        some_of(&changes, lines);
    }
}

fn translated_text(report: &Report, lines: &mut Vec<String>) {
    let mut by_what: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (key, made) in &report.translated {
        // Leases differ in their ids, which --json lists.
        let what = made.what.split(" as lease ").next().unwrap_or_default();
        by_what.entry(what).or_default().push(format!("{} at {}", text::key(key), made.revision));
    }
    for (what, changes) in by_what {
        lines.push(format!("{}: {what}:", text::count_of(changes.len(), "change")));
        some_of(&changes, lines);
    }
}

fn residue_text(report: &Report, found: &Found, lines: &mut Vec<String>) {
    let mut groups: BTreeMap<(String, &str, String), Vec<String>> = BTreeMap::new();
    for residue in &found.residue {
        let added = report.added.iter().find(|added| added.key == residue.key);
        let (tense, remedy) = match (&residue.remedy, added) {
            (Remedy::Change, Some(_)) => ("was", "taken out".to_owned()),
            (Remedy::Delete, Some(_)) => ("was", "deleted".to_owned()),
            (Remedy::Change, None) => ("is", "--adapt takes that out".to_owned()),
            (Remedy::Delete, None) => ("is", "--adapt deletes this".to_owned()),
            (Remedy::None(why), _) => ("is", format!("left as it is: {why}")),
        };
        let at = added.map_or(residue.revision, |added| added.revision);
        let key = format!("{} at {at}", text::key(&residue.key));
        groups.entry((residue_what(&residue.what), tense, remedy)).or_default().push(key);
    }
    for ((what, tense, remedy), keys) in groups {
        let count = text::count_of(keys.len(), "object");
        lines.push(format!("{count}: what {tense} left of etcd: {what}; {remedy}:"));
        some_of(&keys, lines);
    }
}

/// A Node has several annotations of embedded etcd, which differ in their ends only.
fn residue_what(what: &[String]) -> String {
    let is_annotation = |one: &&String| one.starts_with("annotation ");
    let annotations = what.iter().filter(is_annotation).count();
    let mut parts: Vec<String> = what.iter().filter(|one| !is_annotation(one)).cloned().collect();
    if annotations > 0 {
        parts.push(format!("{} etcd.k3s.cattle.io/*", text::count_of(annotations, "annotation")));
    }
    parts.join(", ")
}

/// Lines beyond which the rest is only counted.
const MOST_SHOWN: usize = 3;

fn some_of(all: &[String], lines: &mut Vec<String>) {
    lines.extend(all.iter().take(MOST_SHOWN).map(|line| format!("    {line}")));
    if let Some(more) = all.len().checked_sub(MOST_SHOWN).filter(|&more| more > 0) {
        lines.push(format!("    and {} more; --json lists all", text::count(more as u64)));
    }
}

/// How to put the result in place, and how to go back. Which store k3s starts on is decided by `db/etcd/member/wal`
/// alone, unless flags name another (k3s pkg/cluster/managed.go, assignManagedDriver).
pub(super) fn steps(to: Target, target: &str) -> Vec<String> {
    // The steps are for another directory than this one.
    let target = std::path::absolute(target).map_or_else(|_| target.to_owned(), |path| path.display().to_string());
    let cd = "  cd /var/lib/rancher/k3s/server/db";
    let aside = "  mkdir before && mv etcd state.db* before/    # whatever there is of them";
    let lines = match to {
        Target::Kine => format!(
            "To put it in place on a single k3s server, as root:
  systemctl stop k3s
{cd}
{aside}
  # take cluster-init, server and datastore-endpoint out of k3s's configuration
  install -m 0600 -o root -g root {target} state.db
  # with the same token and the same --secrets-encryption as before:
  systemctl start k3s
To go back:
  systemctl stop k3s
{cd}
  rm -f state.db* && mv before/* .    # and put the configuration back
  systemctl start k3s"
        ),
        Target::EtcdSnapshot => format!(
            "To put it in place on k3s, as root:
  systemctl stop k3s
{cd}
{aside}
  # with the same token as before:
  k3s server --cluster-init --cluster-reset --cluster-reset-restore-path={target}
  # put cluster-init into k3s's configuration
  systemctl start k3s
Or with plain etcd:
  etcdutl snapshot restore {target} --data-dir NEW
To go back:
  systemctl stop k3s
{cd}
  rm -rf etcd && mv before/* .    # and put the configuration back
  systemctl start k3s"
        ),
        Target::EtcdDir => format!(
            "To start etcd on it, with the name and peer URL it was made for:
  etcd --data-dir {target}
k3s should be given a snapshot instead (--to etcd-snapshot), with
--cluster-reset-restore-path.
To go back: stop etcd and remove {target}; the source is as it was."
        ),
    };
    lines.lines().map(str::to_owned).collect()
}
