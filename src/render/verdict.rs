//! Verdicts and what they rest on: `verify` and `doctor`.

use serde_json::{Map, Value, json};

use super::{JSON_VERSION, text};
use crate::ops::doctor::Diagnosis;
use crate::ops::finding::{Finding, Id, Severity, Verdict};
use crate::ops::verify::{Looked, Verification};

/// The fields that `verify` and `doctor` have in common.
fn verdict_json(verdict: Verdict, findings: &[Finding]) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("version".to_owned(), json!(JSON_VERSION));
    object.insert("verdict".to_owned(), json!(verdict.name()));
    object.insert("findings".to_owned(), findings.iter().map(finding_json).collect());
    object
}

fn finding_json(finding: &Finding) -> Value {
    json!({
        "id": finding.id.name(),
        "severity": finding.severity.name(),
        "where": finding.place,
        "text": finding.text,
        "hint": finding.hint,
    })
}

/// `verify --json`.
pub fn verify_json(source: &str, found: &Verification) -> Value {
    let mut object = verdict_json(found.verdict, &found.findings);
    object.insert("source".to_owned(), json!(source));
    let store = found.store.as_ref();
    object.insert("engine".to_owned(), json!(store.map(|store| store.engine.name())));
    object.insert("current_revision".to_owned(), json!(store.map(|store| store.current_revision)));
    object.insert("compact_revision".to_owned(), json!(store.map(|store| store.compact_revision)));
    object.insert("live_keys".to_owned(), json!(store.map(|store| store.live_keys)));
    object.insert("token_fits".to_owned(), json!(store.and_then(|store| store.token_fits)));
    let checked = store.map(|store| store.checked);
    object.insert(
        "checked".to_owned(),
        json!(
            checked.map(|checked| {
                json!({"values": checked.values, "opened": checked.opened, "locked": checked.locked})
            })
        ),
    );
    Value::Object(object)
}

/// `verify` for people, as lines.
pub fn verify_text(source: &str, found: &Verification) -> Vec<String> {
    let verdict = match found.verdict {
        Verdict::Restorable => "RESTORABLE",
        Verdict::WithLoss => "RESTORABLE WITH LOSS",
        Verdict::Not => "NOT RESTORABLE",
    };
    let mut lines = vec![format!("{verdict}  {source}")];
    if let Some(store) = &found.store {
        lines.extend(looked_text(store));
    }
    findings_text(&found.findings, &mut lines);
    lines
}

fn looked_text(store: &Looked) -> Vec<String> {
    let checked = store.checked;
    let mut values = text::count_of(usize::try_from(checked.values).unwrap_or(usize::MAX), "value");
    if checked.opened + checked.locked > 0 {
        values += &format!(
            ", {} of them encrypted and opened, {} without a key",
            text::count(checked.opened),
            text::count(checked.locked)
        );
    }
    let mut lines = vec![
        format!(
            "  {} store at revision {}, {} live keys",
            store.engine.name(),
            store.current_revision,
            text::count(store.live_keys)
        ),
        format!("  looked at {values}"),
    ];
    if let Some(fits) = store.token_fits {
        lines.push(format!("  the token {}", if fits { "fits" } else { "does not fit" }));
    }
    lines
}

/// Findings of one kind beyond which the rest is only counted.
const MOST_SHOWN: usize = 8;

/// Findings for people: the worst first, many of a kind cut short.
fn findings_text(findings: &[Finding], lines: &mut Vec<String>) {
    let mut shown: Option<(Severity, Id, usize)> = None;
    let mut hidden = 0;
    for finding in findings {
        let kind = (finding.severity, finding.id);
        let count = match shown {
            Some((severity, id, count)) if (severity, id) == kind => count + 1,
            _ => {
                tell_hidden(&mut hidden, lines);
                1
            }
        };
        shown = Some((kind.0, kind.1, count));
        if count > MOST_SHOWN {
            hidden += 1;
            continue;
        }
        let place = if finding.place.is_empty() { String::new() } else { format!("{}: ", finding.place) };
        lines.push(format!("  {:<8} {place}{} [{}]", finding.severity.name(), finding.text, finding.id));
        if !finding.hint.is_empty() && count == 1 {
            lines.push(format!("           -> {}", finding.hint));
        }
    }
    tell_hidden(&mut hidden, lines);
}

fn tell_hidden(hidden: &mut usize, lines: &mut Vec<String>) {
    if *hidden > 0 {
        lines.push(format!("           and {} more like these; --json lists them", text::count(*hidden as u64)));
        *hidden = 0;
    }
}

/// `doctor --json`.
pub fn doctor_json(found: &Diagnosis) -> Value {
    let mut object = verdict_json(found.verdict, &found.findings);
    object.insert("server".to_owned(), json!(found.server.display().to_string()));
    object.insert("starts_on".to_owned(), json!(found.starts_on.name()));
    object.insert("current_revision".to_owned(), json!(found.store.as_ref().map(|store| store.current_revision)));
    object.insert("live_keys".to_owned(), json!(found.store.as_ref().map(|store| store.live_keys)));
    object.insert("token_fits".to_owned(), json!(found.store.as_ref().and_then(|store| store.token_fits)));
    object.insert("next_start".to_owned(), json!(found.next_start));
    let fixes = found.fixes.iter().map(|fix| json!({"id": fix.id.name(), "commands": fix.commands}));
    object.insert("fixes".to_owned(), fixes.collect());
    Value::Object(object)
}

/// `doctor` for people, as lines.
pub fn doctor_text(found: &Diagnosis) -> Vec<String> {
    let verdict = match found.verdict {
        Verdict::Restorable => "K3S WOULD START",
        Verdict::WithLoss => "K3S WOULD START WITH LOSS",
        Verdict::Not => "K3S WOULD NOT START, OR NOT WITH THIS DATA",
    };
    let mut lines = vec![format!("{verdict}  {}", found.server.display())];
    if let Some(store) = &found.store {
        lines.extend(looked_text(store));
    }
    findings_text(&found.findings, &mut lines);
    lines.push("at its next start:".to_owned());
    lines.extend(found.next_start.iter().map(|step| format!("  {step}")));
    if !found.fixes.is_empty() {
        lines.push("with k3s stopped, after reading them (nothing was run):".to_owned());
    }
    for fix in &found.fixes {
        lines.push(format!("  # {}", fix.id));
        lines.extend(fix.commands.iter().map(|command| format!("  {command}")));
    }
    lines
}
