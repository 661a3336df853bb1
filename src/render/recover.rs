//! What a recovery found.

use serde_json::{Map, Value, json};

use super::keys::put_key;
use super::{JSON_VERSION, text};
use crate::ops::recover::{ByEvidence, Digest, Lost, Object, Report, RowLine, Unproven, Written};

/// `recover --json`.
pub fn recover_json(report: &Report) -> Value {
    let lost: Vec<Value> = report.lost.iter().map(lost_json).collect();
    let unknown: Vec<Value> = report.unknown.iter().map(|(from, to)| json!({"from": from, "to": to})).collect();
    let written = |of: fn(&Written) -> Value| report.written.as_ref().map_or(Value::Null, of);
    let damage: Vec<Value> = report
        .damage
        .iter()
        .map(|damage| {
            json!({
                "id": damage.id,
                "file": damage.file.to_string(),
                "where": damage.place.to_string(),
                "text": damage.what,
            })
        })
        .collect();
    json!({
        "version": JSON_VERSION,
        "source": report.source,
        "engine": report.engine,
        "target": written(|written| json!(written.target)),
        "to": written(|written| json!(written.to.name())),
        "total": report.rows.total(),
        "by_evidence": by_evidence(&report.rows),
        "past": by_evidence(&report.past),
        "live_keys": report.live_keys,
        "current_revision": report.current_revision,
        "compact_revision": report.compact_revision,
        "lost": lost,
        "unproven": report.unproven.iter().map(unproven_json).collect::<Vec<_>>(),
        "unknown_revisions": unknown,
        "written": written(|written| json!({
            "bytes": written.bytes,
            "live_keys": written.live_keys,
            "changes": written.changes,
            "current_revision": written.current_revision,
            "compact_revision": written.compact_revision,
        })),
        "repaired": report.repaired,
        "foreign_wal": report.wal.as_ref().map(|wal| json!({"reasons": wal.reasons, "used": wal.used})),
        "damage": damage,
        "notes": report.notes,
    })
}

fn by_evidence(counts: &ByEvidence) -> Value {
    Value::Object(
        ByEvidence::GRADES.into_iter().map(|grade| (grade.name().to_owned(), json!(counts.of(grade)))).collect(),
    )
}

fn named(key: Option<&[u8]>, of: Option<&Object>) -> Map<String, Value> {
    let mut object = Map::new();
    match key {
        Some(key) => put_key(&mut object, key),
        None => {
            object.insert("key".to_owned(), Value::Null);
        }
    }
    object.insert("kind".to_owned(), json!(of.map(|object| &object.kind)));
    object.insert("namespace".to_owned(), json!(of.and_then(|object| object.namespace.as_ref())));
    object.insert("name".to_owned(), json!(of.map(|object| &object.name)));
    object
}

fn unproven_json(unproven: &Unproven) -> Value {
    let mut object = named(Some(&unproven.key), unproven.object.as_ref());
    object.insert("revision".to_owned(), json!(unproven.revision));
    object.insert("deleted".to_owned(), json!(unproven.deleted));
    object.insert("used".to_owned(), json!(unproven.used));
    Value::Object(object)
}

fn lost_json(lost: &Lost) -> Value {
    let mut object = named(lost.key.as_deref(), lost.object.as_ref());
    object.insert("revision".to_owned(), json!(lost.revision));
    object.insert("how_known".to_owned(), json!(lost.how.name()));
    object.insert("newest".to_owned(), json!(lost.newest));
    object.insert("last_good_revision".to_owned(), json!(lost.last_good_revision));
    object.insert("last_good_used".to_owned(), json!(lost.used));
    Value::Object(object)
}

/// What each grade means.
const MEANINGS: [&str; 5] = [
    "where the file itself would find them, and consistent",
    "from WAL frames that SQLite drops, proven by their checksums",
    "from bytes that the file holds for free, vouched for by an index",
    "from the row after them and from indexes",
    "incomplete or contradicted: shown, never used",
];

/// The same for etcd.
const MEANINGS_OF_ETCD: [&str; 5] = [
    "where the file itself would find them, and consistent",
    "from the raft log",
    "from pages that nothing leads to, newer than any compaction",
    "etcd keeps nothing to rebuild a row from",
    "incomplete or contradicted: shown, never used",
];

/// The report for people, as lines.
pub fn recover_text(report: &Report, owner: Option<&str>) -> Vec<String> {
    let mut lines = vec![match &report.written {
        Some(written) => format!("{} -> {} ({})", report.source, written.target, written.to.name()),
        None => format!("{}: nothing was written", report.source),
    }];
    let mut add = |name: &str, value: String| lines.push(format!("  {name:<18}{value}"));
    add("rows found", text::count(report.rows.total()));
    let meanings = if report.engine == "etcd" { MEANINGS_OF_ETCD } else { MEANINGS };
    for (grade, meaning) in ByEvidence::GRADES.into_iter().zip(meanings) {
        add(&format!("  {}", grade.name()), format!("{:<9} {meaning}", text::count(report.rows.of(grade))));
    }
    add("objects", format!("{} whose present state is known", text::count(report.live_keys)));
    add("current revision", report.current_revision.to_string());
    add("compact revision", report.compact_revision.map_or_else(|| "lost".to_owned(), |revision| revision.to_string()));
    add(
        "past rows",
        format!("{} deleted or compacted, or maybe so (--rows-history)", text::count(report.past.total())),
    );
    if let Some(written) = &report.written {
        let owner = owner.map_or_else(String::new, |owner| format!(", owner {owner}"));
        add(
            "written",
            format!(
                "{} live keys, {} changes, {}, mode 0600{owner}",
                text::count(written.live_keys),
                text::count(written.changes),
                text::bytes(written.bytes)
            ),
        );
        add("read back", "all rows, keys and values are as they should be".to_owned());
    }
    lost_text(report, &mut lines);
    unproven_text(report, &mut lines);
    wal_text(report, &mut lines);
    lines.extend(report.repaired.iter().map(|repaired| format!("repaired: {repaired}")));
    if let Some(written) = &report.written {
        lines.push(String::new());
        lines.extend(super::convert::steps(written.to, &written.target));
    }
    lines
}

/// Lines of one kind beyond which the rest is only counted.
const MOST_SHOWN: usize = 20;

fn lost_text(report: &Report, lines: &mut Vec<String>) {
    let (newest, older): (Vec<&Lost>, Vec<&Lost>) = report.lost.iter().partition(|lost| lost.newest);
    if report.has_loss() {
        lines.push(format!(
            "{} whose newest revision is lost, {} lost besides",
            text::count_of(newest.len(), "object"),
            text::count_of(older.len(), "older revision")
        ));
    } else {
        lines.push("nothing is known to be lost".to_owned());
    }
    lines.extend(newest.iter().take(MOST_SHOWN).map(|lost| format!("    {}", lost_line(lost))));
    if let Some(more) = newest.len().checked_sub(MOST_SHOWN).filter(|&more| more > 0) {
        lines.push(format!("    and {} more; --json lists all", text::count(more as u64)));
    }
    let unknown = report.unknown.iter().fold(0_i64, |sum, (from, to)| sum.saturating_add(to - from + 1));
    if unknown > 0 {
        lines.push(format!(
            "{} revisions between {} and {} have left no trace: any object may have been changed or deleted in them, where no \
             index proves that it was not",
            text::count(unknown.unsigned_abs()),
            report.unknown.first().map_or(0, |range| range.0),
            report.unknown.last().map_or(0, |range| range.1)
        ));
    }
}

/// Objects whose newest row may be lost. Those that are deleted as far as anybody knows are only counted.
fn unproven_text(report: &Report, lines: &mut Vec<String>) {
    let (deleted, live): (Vec<&Unproven>, Vec<&Unproven>) =
        report.unproven.iter().partition(|unproven| unproven.deleted);
    if report.unproven.is_empty() {
        return;
    }
    lines.push(format!(
        "{} may be older than they were, and {} more perhaps deleted no longer: nothing proves that their newest revisions are \
         there",
        text::count_of(live.len(), "object"),
        text::count(deleted.len() as u64),
    ));
    let unknown = report.unknown.iter().map(|(from, upto)| upto.saturating_sub(*from).saturating_add(1));
    let unknown = unknown.fold(0_i64, i64::saturating_add);
    if unknown > 0 {
        lines.push(format!(
            "    {} up to {} unknown: Kubernetes writes one object with each, so that at most as many were changed or deleted in them",
            text::count_of(usize::try_from(unknown).unwrap_or(usize::MAX), "revision"),
            report.current_revision,
        ));
    }
    if report.unproven.iter().any(|unproven| unproven.used) {
        lines.push("    they are written as last known; --json and --report FILE say which".to_owned());
    } else {
        let target =
            report.written.as_ref().map_or_else(|| "DST".to_owned(), |written| format!("{} --force", written.target));
        lines.push("    they are left out. To write them as last known:".to_owned());
        lines.push(format!("      kinescope recover {} -o {target} --last-known-good", report.source));
    }
    let line = |unproven: &&Unproven| {
        let what = subject(unproven.object.as_ref(), Some(&unproven.key));
        format!("    {what}: revision {} or a lost one", unproven.revision)
    };
    lines.extend(live.iter().take(MOST_SHOWN).map(line));
    if let Some(more) = live.len().checked_sub(MOST_SHOWN).filter(|&more| more > 0) {
        lines.push(format!("    and {} more; --json lists all", text::count(more as u64)));
    }
}

/// An object for people, or its key.
fn subject(object: Option<&Object>, key: Option<&[u8]>) -> String {
    match (object, key) {
        (Some(object), _) => {
            let namespace = object.namespace.as_ref().map_or_else(String::new, |namespace| format!("{namespace}/"));
            format!("{} {namespace}{}", object.kind, object.name)
        }
        (None, Some(key)) => text::key(key),
        (None, None) => "an unknown object".to_owned(),
    }
}

fn lost_line(lost: &Lost) -> String {
    let older = match (lost.last_good_revision, lost.used) {
        (Some(revision), true) => format!("; revision {revision} stands in for it"),
        (Some(revision), false) => format!("; revision {revision} is whole (--last-known-good)"),
        (None, _) => String::new(),
    };
    format!("{} at {}: {}{older}", subject(lost.object.as_ref(), lost.key.as_deref()), lost.revision, lost.how.text())
}

fn wal_text(report: &Report, lines: &mut Vec<String>) {
    let Some(wal) = &report.wal else { return };
    lines.push("the -wal does not belong to this file:".to_owned());
    lines.extend(wal.reasons.iter().map(|reason| format!("    {reason}")));
    lines.push(
        if wal.used {
            "    Its rows were read beside those of the file, not over them. Was the file restored from a backup? Then --wal \
             ignore gives the state of the backup alone."
        } else {
            "    It was left aside (--wal ignore). Without that its rows are read beside those of the file."
        }
        .to_owned(),
    );
}

/// The report in Markdown, with everything that is lost.
pub fn recover_markdown(report: &Report) -> Vec<String> {
    let mut lines = vec![format!("# Recovery of {}", cell(&report.source)), String::new()];
    lines.extend(["| rows | number |", "| --- | --- |"].map(str::to_owned));
    for grade in ByEvidence::GRADES {
        lines.push(format!("| {} | {} |", grade.name(), report.rows.of(grade)));
    }
    lines.push(format!("| total | {} |", report.rows.total()));
    lines.extend([String::new(), "## Lost".to_owned(), String::new()]);
    if report.lost.is_empty() {
        lines.push("Nothing is known to be lost.".to_owned());
    } else {
        lines.push("| key | revision | newest | how it is known | last good revision |".to_owned());
        lines.push("| --- | --- | --- | --- | --- |".to_owned());
    }
    for lost in &report.lost {
        let key = lost.key.as_deref().map_or_else(|| "unknown".to_owned(), |key| cell(&text::key(key)));
        let last = lost.last_good_revision.map_or_else(|| "none".to_owned(), |revision| revision.to_string());
        let newest = if lost.newest { "yes" } else { "no" };
        lines.push(format!("| {key} | {} | {newest} | {} | {last} |", lost.revision, lost.how.text()));
    }
    if !report.unproven.is_empty() {
        lines.extend(
            ["", "## Perhaps not the newest", "", "| key | revision | deleted | in the target |"].map(str::to_owned),
        );
        lines.push("| --- | --- | --- | --- |".to_owned());
    }
    let yes_no = |yes| if yes { "yes" } else { "no" };
    for Unproven { key, revision, deleted, used, .. } in &report.unproven {
        let key = cell(&text::key(key));
        lines.push(format!("| {key} | {revision} | {} | {} |", yes_no(*deleted), yes_no(*used)));
    }
    for (title, items) in [
        ("## Revisions without a trace", report.unknown.iter().map(|(from, to)| format!("{from} to {to}")).collect()),
        ("## Damage", report.damage.iter().map(ToString::to_string).collect::<Vec<_>>()),
        ("## Repaired in the target", report.repaired.clone()),
        ("## Notes", report.notes.clone()),
    ] {
        if !items.is_empty() {
            lines.extend([String::new(), title.to_owned(), String::new()]);
            lines.extend(items.iter().map(|item| format!("- {}", cell(item))));
        }
    }
    lines
}

/// Text that cannot end a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A line of `recover --rows`.
pub fn row_line_json(line: &RowLine) -> Value {
    let digest = |digest: &Digest| match digest {
        Digest::Null => Value::Null,
        Digest::Sha1(hex) => json!(hex),
        Digest::Partial => json!("partial"),
    };
    json!({
        "id": line.id,
        "sub": line.sub,
        "name": String::from_utf8_lossy(&line.name),
        "created": line.created.map(i64::from),
        "deleted": line.deleted.map(i64::from),
        "create_revision": line.create_revision,
        "prev_revision": line.prev_revision,
        "lease": line.lease,
        "value": digest(&line.value),
        "old_value": digest(&line.old_value),
        "grade": line.grade.name(),
        "source": line.source,
        "perhaps_compacted": line.perhaps_compacted,
    })
}
