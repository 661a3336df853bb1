//! Namespaces, what holds settings, events, leases, quotas and the server's own notes.

use serde_json::Value;

use super::Shown::{Always, Name, Wide, WideName};
use super::access::{
    age, first_three, flag, int, is_set, joined, list, map, maybe_int, maybe_text, moment, name, text, text_or,
};
use super::{Cell, Column, Options};

pub(super) const NAMESPACE: &[Column] = &[("NAME", Name), ("STATUS", Always), ("AGE", Always)];
pub(super) const CONFIG_MAP: &[Column] = &[("NAME", Name), ("DATA", Always), ("AGE", Always)];
pub(super) const SECRET: &[Column] = &[("NAME", Name), ("TYPE", Always), ("DATA", Always), ("AGE", Always)];
pub(super) const EVENT: &[Column] = &[
    ("LAST SEEN", Always),
    ("TYPE", Always),
    ("REASON", Always),
    ("OBJECT", Always),
    ("SUBOBJECT", Wide),
    ("SOURCE", Wide),
    ("MESSAGE", Always),
    ("FIRST SEEN", Wide),
    ("COUNT", Wide),
    ("NAME", WideName),
];
pub(super) const LEASE: &[Column] = &[("NAME", Name), ("HOLDER", Always), ("AGE", Always)];
pub(super) const LEASE_CANDIDATE: &[Column] =
    &[("NAME", Name), ("LEASENAME", Always), ("BINARYVERSION", Always), ("EMULATIONVERSION", Always), ("AGE", Always)];
pub(super) const RESOURCE_QUOTA: &[Column] = &[("NAME", Name), ("REQUEST", Always), ("LIMIT", Always), ("AGE", Always)];
pub(super) const PRIORITY_CLASS: &[Column] =
    &[("NAME", Name), ("VALUE", Always), ("GLOBAL-DEFAULT", Always), ("AGE", Always), ("PREEMPTIONPOLICY", Always)];
pub(super) const RUNTIME_CLASS: &[Column] = &[("NAME", Name), ("HANDLER", Always), ("AGE", Always)];
pub(super) const API_SERVICE: &[Column] =
    &[("NAME", Name), ("SERVICE", Always), ("AVAILABLE", Always), ("AGE", Always)];
pub(super) const STORAGE_VERSION: &[Column] =
    &[("NAME", Name), ("COMMONENCODINGVERSION", Always), ("STORAGEVERSIONS", Always), ("AGE", Always)];
/// Its name is no name to kubectl, which therefore puts no kind before it.
pub(super) const MIGRATION: &[Column] = &[("NAME", Always), ("RESOURCE", Always), ("STATUS", Always)];

fn plain(object: &Value, pointer: &str) -> Cell {
    Cell::text(text(object, pointer))
}

pub(super) fn namespace(object: &Value, options: &Options) -> Vec<Cell> {
    vec![name(object), plain(object, "/status/phase"), age(object, options)]
}

fn entries(object: &Value, pointer: &str) -> i64 {
    map(object, pointer).map_or(0, |map| map.len() as i64)
}

pub(super) fn config_map(object: &Value, options: &Options) -> Vec<Cell> {
    let data = entries(object, "/data") + entries(object, "/binaryData");
    vec![name(object), Cell::Integer(data), age(object, options)]
}

pub(super) fn secret(object: &Value, options: &Options) -> Vec<Cell> {
    vec![name(object), plain(object, "/type"), Cell::Integer(entries(object, "/data")), age(object, options)]
}

pub(super) fn event(object: &Value, options: &Options) -> Vec<Cell> {
    let seen = |pointer: &str| Cell::ago(moment(object, pointer), options);
    let first = match moment(object, "/firstTimestamp") {
        Some(first) => Cell::ago(Some(first), options),
        None => seen("/eventTime"),
    };
    let mut last = match moment(object, "/lastTimestamp") {
        Some(last) => Cell::ago(Some(last), options),
        None => first.clone(),
    };
    let mut count = maybe_int(object, "/count").filter(|count| *count != 0).unwrap_or(1);
    if is_set(object, "/series") {
        last = seen("/series/lastObservedTime");
        count = int(object, "/series/count");
    }
    let kind = text(object, "/involvedObject/kind").to_lowercase();
    let target = match text(object, "/involvedObject/name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    };
    vec![
        last,
        plain(object, "/type"),
        plain(object, "/reason"),
        Cell::text(target),
        plain(object, "/involvedObject/fieldPath"),
        Cell::text(source(object)),
        Cell::text(go_trimmed(text(object, "/message"))),
        first,
        Cell::Integer(count),
        name(object),
    ]
}

/// Go's white space is Unicode's.
fn go_trimmed(text: &str) -> &str {
    text.trim()
}

fn source(object: &Value) -> String {
    let component = text_or(object, "/source/component", text(object, "/reportingComponent"));
    match text_or(object, "/source/host", text(object, "/reportingInstance")) {
        "" => component.to_owned(),
        host => format!("{component}, {host}"),
    }
}

pub(super) fn lease(object: &Value, options: &Options) -> Vec<Cell> {
    vec![name(object), plain(object, "/spec/holderIdentity"), age(object, options)]
}

pub(super) fn lease_candidate(object: &Value, options: &Options) -> Vec<Cell> {
    vec![
        name(object),
        plain(object, "/spec/leaseName"),
        plain(object, "/spec/binaryVersion"),
        plain(object, "/spec/emulationVersion"),
        age(object, options),
    ]
}

pub(super) fn resource_quota(object: &Value, options: &Options) -> Vec<Cell> {
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    let mut hard: Vec<(&String, &Value)> = map(object, "/status/hard").into_iter().flatten().collect();
    hard.sort_by_key(|(resource, _)| *resource);
    for (resource, hard) in hard {
        let used = map(object, "/status/used").and_then(|used| used.get(resource)).and_then(Value::as_str);
        let line = format!("{resource}: {}/{}", used.unwrap_or("0"), hard.as_str().unwrap_or("0"));
        if resource.starts_with("limits.") { limits.push(line) } else { requests.push(line) }
    }
    vec![name(object), Cell::text(requests.join(", ")), Cell::text(limits.join(", ")), age(object, options)]
}

pub(super) fn priority_class(object: &Value, options: &Options) -> Vec<Cell> {
    vec![
        name(object),
        Cell::Integer(int(object, "/value")),
        Cell::Boolean(flag(object, "/globalDefault")),
        age(object, options),
        plain(object, "/preemptionPolicy"),
    ]
}

pub(super) fn runtime_class(object: &Value, options: &Options) -> Vec<Cell> {
    // v1alpha1 had it in a spec.
    let handler = text_or(object, "/handler", text(object, "/spec/runtimeHandler"));
    vec![name(object), Cell::text(handler), age(object, options)]
}

/// kube-aggregator pkg/registry/apiservice/etcd/etcd.go.
pub(super) fn api_service(object: &Value, options: &Options) -> Vec<Cell> {
    let service = match is_set(object, "/spec/service") {
        true => format!("{}/{}", text(object, "/spec/service/namespace"), text(object, "/spec/service/name")),
        false => "Local".to_owned(),
    };
    let condition = list(object, "/status/conditions").iter().find(|one| text(one, "/type") == "Available");
    let available = condition.map_or_else(
        || "Unknown".to_owned(),
        |condition| match (text(condition, "/status"), text(condition, "/reason")) {
            (status @ "True", _) | (status, "") => status.to_owned(),
            (status, reason) => format!("{status} ({reason})"),
        },
    );
    vec![name(object), Cell::text(service), Cell::text(available), age(object, options)]
}

pub(super) fn storage_version(object: &Value, options: &Options) -> Vec<Cell> {
    let versions = list(object, "/status/storageVersions");
    let shown: Vec<String> = versions
        .iter()
        .take(3)
        .map(|version| format!("{}={}", text(version, "/apiServerID"), text(version, "/encodingVersion")))
        .collect();
    vec![
        name(object),
        Cell::text(maybe_text(object, "/status/commonEncodingVersion").unwrap_or("<unset>")),
        Cell::text(first_three(&shown, versions.len())),
        age(object, options),
    ]
}

pub(super) fn migration(object: &Value, _options: &Options) -> Vec<Cell> {
    let resource = [text(object, "/spec/resource/resource"), text(object, "/spec/resource/group")];
    let known = |condition: &&Value| {
        text(condition, "/status") == "True" && matches!(text(condition, "/type"), "Running" | "Failed" | "Succeeded")
    };
    let status = list(object, "/status/conditions").iter().rfind(known);
    vec![
        name(object),
        Cell::text(joined(resource.into_iter().filter(|part| !part.is_empty()), ".")),
        Cell::text(status.map_or("Unknown", |condition| text(condition, "/type"))),
    ]
}
