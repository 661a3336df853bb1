//! HorizontalPodAutoscalers, whose TARGETS are a small language.

use serde_json::Value;

use super::Shown::{Always, Name};
use super::access::{age, int, is_set, list, maybe_int, maybe_text, name, text};
use super::{Cell, Column, Options};

pub(super) const COLUMNS: &[Column] = &[
    ("NAME", Name),
    ("REFERENCE", Always),
    ("TARGETS", Always),
    ("MINPODS", Always),
    ("MAXPODS", Always),
    ("REPLICAS", Always),
    ("AGE", Always),
];

pub(super) fn cells(object: &Value, options: &Options) -> Vec<Cell> {
    let target = format!("{}/{}", text(object, "/spec/scaleTargetRef/kind"), text(object, "/spec/scaleTargetRef/name"));
    let min = maybe_int(object, "/spec/minReplicas").map_or_else(|| "<unset>".to_owned(), |min| min.to_string());
    vec![
        name(object),
        Cell::text(target),
        Cell::text(targets(object)),
        Cell::text(min),
        Cell::Integer(int(object, "/spec/maxReplicas")),
        Cell::Integer(int(object, "/status/currentReplicas")),
        age(object, options),
    ]
}

fn targets(object: &Value) -> String {
    let specs = list(object, "/spec/metrics");
    let statuses = list(object, "/status/currentMetrics");
    let mut shown: Vec<String> =
        specs.iter().enumerate().map(|(at, spec)| metric(spec, statuses.get(at).unwrap_or(&Value::Null))).collect();
    // v1 has only the processor, in fields of its own.
    if let Some(target) = maybe_int(object, "/spec/targetCPUUtilizationPercentage") {
        let current = maybe_int(object, "/status/currentCPUUtilizationPercentage");
        shown.push(format!("cpu: {}/{target}%", percent(current, "<unknown>")));
    }
    match shown.len() {
        0 => "<none>".to_owned(),
        count if count > 2 => {
            shown.truncate(2);
            format!("{} + {} more...", shown.join(", "), count - 2)
        }
        _ => shown.join(", "),
    }
}

fn metric(spec: &Value, status: &Value) -> String {
    match text(spec, "/type") {
        "External" => total("external", spec, status),
        "Object" => total("object", spec, status),
        "Pods" => {
            let current =
                if is_set(status, "/pods") { quantity(status, "/pods/current/averageValue") } else { UNKNOWN };
            format!("{current}/{}", quantity(spec, "/pods/target/averageValue"))
        }
        "Resource" => share("resource", spec, status),
        "ContainerResource" => share("containerResource", spec, status),
        _ => "<unknown type>".to_owned(),
    }
}

const UNKNOWN: &str = "<unknown>";

/// A quantity that Go prints through a pointer.
fn quantity<'a>(value: &'a Value, pointer: &str) -> &'a str {
    maybe_text(value, pointer).unwrap_or("<nil>")
}

/// A value for all pods together, or for each on average.
fn total(source: &str, spec: &Value, status: &Value) -> String {
    let average = format!("/{source}/target/averageValue");
    if is_set(spec, &average) {
        let current = maybe_text(status, &format!("/{source}/current/averageValue"));
        // Of an external metric without an average the current one is unknown, and of an object's too.
        return format!("{}/{} (avg)", current.unwrap_or(UNKNOWN), quantity(spec, &average));
    }
    let current = if is_set(status, &format!("/{source}")) {
        quantity(status, &format!("/{source}/current/value"))
    } else {
        UNKNOWN
    };
    format!("{current}/{}", quantity(spec, &format!("/{source}/target/value")))
}

/// What pods use of a resource, as a value or in parts of what they asked for.
fn share(source: &str, spec: &Value, status: &Value) -> String {
    let resource = text(spec, &format!("/{source}/name"));
    let average = format!("/{source}/target/averageValue");
    if is_set(spec, &average) {
        let current = match is_set(status, &format!("/{source}")) {
            true => quantity(status, &format!("/{source}/current/averageValue")),
            false => UNKNOWN,
        };
        return format!("{resource}: {current}/{}", quantity(spec, &average));
    }
    let current = percent(maybe_int(status, &format!("/{source}/current/averageUtilization")), UNKNOWN);
    let target = percent(maybe_int(spec, &format!("/{source}/target/averageUtilization")), "<auto>");
    format!("{resource}: {current}/{target}")
}

fn percent(value: Option<i64>, otherwise: &str) -> String {
    value.map_or_else(|| otherwise.to_owned(), |value| format!("{value}%"))
}
