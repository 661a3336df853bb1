//! What makes pods: deployments and their like, jobs, and what limits their loss.

use serde_json::Value;

use super::Shown::{Always, Name, Wide};
use super::access::{
    FormatLabels as _, age, int, is_set, list, maybe_int, maybe_text, moment, name, number_or_text, text,
};
use super::pods::container_cells;
use super::{Cell, Column, Options, human_duration};
use crate::kube::selector::LabelSelector;

const CONTAINERS: Column = ("CONTAINERS", Wide);
const IMAGES: Column = ("IMAGES", Wide);
const SELECTOR: Column = ("SELECTOR", Wide);

pub(super) const DEPLOYMENT: &[Column] = &[
    ("NAME", Name),
    ("READY", Always),
    ("UP-TO-DATE", Always),
    ("AVAILABLE", Always),
    ("AGE", Always),
    CONTAINERS,
    IMAGES,
    SELECTOR,
];
pub(super) const REPLICA_SET: &[Column] = &[
    ("NAME", Name),
    ("DESIRED", Always),
    ("CURRENT", Always),
    ("READY", Always),
    ("AGE", Always),
    CONTAINERS,
    IMAGES,
    SELECTOR,
];
pub(super) const STATEFUL_SET: &[Column] = &[("NAME", Name), ("READY", Always), ("AGE", Always), CONTAINERS, IMAGES];
pub(super) const DAEMON_SET: &[Column] = &[
    ("NAME", Name),
    ("DESIRED", Always),
    ("CURRENT", Always),
    ("READY", Always),
    ("UP-TO-DATE", Always),
    ("AVAILABLE", Always),
    ("NODE SELECTOR", Always),
    ("AGE", Always),
    CONTAINERS,
    IMAGES,
    SELECTOR,
];
pub(super) const JOB: &[Column] = &[
    ("NAME", Name),
    ("STATUS", Always),
    ("COMPLETIONS", Always),
    ("DURATION", Always),
    ("AGE", Always),
    CONTAINERS,
    IMAGES,
    SELECTOR,
];
pub(super) const CRON_JOB: &[Column] = &[
    ("NAME", Name),
    ("SCHEDULE", Always),
    ("TIMEZONE", Always),
    ("SUSPEND", Always),
    ("ACTIVE", Always),
    ("LAST SCHEDULE", Always),
    ("AGE", Always),
    CONTAINERS,
    IMAGES,
    SELECTOR,
];
pub(super) const CONTROLLER_REVISION: &[Column] =
    &[("NAME", Name), ("CONTROLLER", Always), ("REVISION", Always), ("AGE", Always)];
pub(super) const DISRUPTION_BUDGET: &[Column] = &[
    ("NAME", Name),
    ("MIN AVAILABLE", Always),
    ("MAX UNAVAILABLE", Always),
    ("ALLOWED DISRUPTIONS", Always),
    ("AGE", Always),
];

/// A label selector in a cell; `<none>` for one that selects all or nothing.
pub(super) fn selector(selector: Option<&Value>) -> String {
    match LabelSelector::of_object(selector.unwrap_or(&Value::Null)).map(|selector| selector.to_string()) {
        Ok(text) if text.is_empty() => "<none>".to_owned(),
        Ok(text) => text,
        Err(_) => "<error>".to_owned(),
    }
}

fn template_cells(object: &Value) -> [Cell; 2] {
    let (names, images) = container_cells(list(object, "/spec/template/spec/containers"));
    [names, images]
}

fn count(object: &Value, pointer: &str) -> Cell {
    Cell::Integer(int(object, pointer))
}

/// How many of how many.
fn fraction(object: &Value, done: &str, wanted: &str) -> Cell {
    Cell::text(format!("{}/{}", int(object, done), int(object, wanted)))
}

pub(super) fn deployment(object: &Value, options: &Options) -> Vec<Cell> {
    let [names, images] = template_cells(object);
    // Here alone nothing stands for a selector without requirements.
    let selector = LabelSelector::of_object(object.pointer("/spec/selector").unwrap_or(&Value::Null));
    vec![
        name(object),
        fraction(object, "/status/readyReplicas", "/spec/replicas"),
        count(object, "/status/updatedReplicas"),
        count(object, "/status/availableReplicas"),
        age(object, options),
        names,
        images,
        Cell::text(selector.map_or_else(|_| "<invalid>".to_owned(), |selector| selector.to_string())),
    ]
}

pub(super) fn replica_set(object: &Value, options: &Options) -> Vec<Cell> {
    replicas(object, options, selector(object.pointer("/spec/selector")))
}

pub(super) fn replication_controller(object: &Value, options: &Options) -> Vec<Cell> {
    replicas(object, options, object.pointer("/spec/selector").format_labels())
}

fn replicas(object: &Value, options: &Options, selector: String) -> Vec<Cell> {
    let [names, images] = template_cells(object);
    vec![
        name(object),
        count(object, "/spec/replicas"),
        count(object, "/status/replicas"),
        count(object, "/status/readyReplicas"),
        age(object, options),
        names,
        images,
        Cell::text(selector),
    ]
}

pub(super) fn stateful_set(object: &Value, options: &Options) -> Vec<Cell> {
    let [names, images] = template_cells(object);
    let ready = fraction(object, "/status/readyReplicas", "/spec/replicas");
    vec![name(object), ready, age(object, options), names, images]
}

pub(super) fn daemon_set(object: &Value, options: &Options) -> Vec<Cell> {
    let [names, images] = template_cells(object);
    vec![
        name(object),
        count(object, "/status/desiredNumberScheduled"),
        count(object, "/status/currentNumberScheduled"),
        count(object, "/status/numberReady"),
        count(object, "/status/updatedNumberScheduled"),
        count(object, "/status/numberAvailable"),
        Cell::text(object.pointer("/spec/template/spec/nodeSelector").format_labels()),
        age(object, options),
        names,
        images,
        Cell::text(selector(object.pointer("/spec/selector"))),
    ]
}

pub(super) fn job(object: &Value, options: &Options) -> Vec<Cell> {
    let [names, images] = template_cells(object);
    let succeeded = int(object, "/status/succeeded");
    let completions = match (maybe_int(object, "/spec/completions"), int(object, "/spec/parallelism")) {
        (Some(wanted), _) => format!("{succeeded}/{wanted}"),
        (None, parallel) if parallel > 1 => format!("{succeeded}/1 of {parallel}"),
        (None, _) => format!("{succeeded}/1"),
    };
    vec![
        name(object),
        Cell::text(job_status(object)),
        Cell::text(completions),
        job_duration(object, options),
        age(object, options),
        names,
        images,
        Cell::text(selector(object.pointer("/spec/selector"))),
    ]
}

fn job_status(object: &Value) -> &'static str {
    let has = |kind: &str| {
        let found = list(object, "/status/conditions").iter().find(|condition| text(condition, "/type") == kind);
        found.is_some_and(|condition| text(condition, "/status") == "True")
    };
    match () {
        () if has("Complete") => "Complete",
        () if has("Failed") => "Failed",
        () if is_set(object, "/metadata/deletionTimestamp") => "Terminating",
        () if has("Suspended") => "Suspended",
        () if has("FailureTarget") => "FailureTarget",
        () if has("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

/// How long it ran, or runs by now.
fn job_duration(object: &Value, options: &Options) -> Cell {
    match (moment(object, "/status/startTime"), moment(object, "/status/completionTime")) {
        (None, _) => Cell::Empty,
        (Some(start), None) => Cell::ago(Some(start), options),
        (Some(start), Some(end)) => Cell::text(human_duration(end.as_nanosecond() - start.as_nanosecond())),
    }
}

pub(super) fn cron_job(object: &Value, options: &Options) -> Vec<Cell> {
    let (names, images) = container_cells(list(object, "/spec/jobTemplate/spec/template/spec/containers"));
    let suspended = match object.pointer("/spec/suspend").and_then(Value::as_bool) {
        Some(true) => "True",
        Some(false) => "False",
        None => "<unset>",
    };
    let last = match is_set(object, "/status/lastScheduleTime") {
        true => Cell::ago(moment(object, "/status/lastScheduleTime"), options),
        false => Cell::text("<none>"),
    };
    vec![
        name(object),
        Cell::text(text(object, "/spec/schedule")),
        Cell::text(maybe_text(object, "/spec/timeZone").unwrap_or("<none>")),
        Cell::text(suspended),
        Cell::Integer(list(object, "/status/active").len() as i64),
        last,
        age(object, options),
        names,
        images,
        Cell::text(selector(object.pointer("/spec/jobTemplate/spec/selector"))),
    ]
}

pub(super) fn controller_revision(object: &Value, options: &Options) -> Vec<Cell> {
    let owners = list(object, "/metadata/ownerReferences");
    let owner = owners.iter().find(|owner| super::access::flag(owner, "/controller"));
    let controller = owner.map_or_else(
        || "<none>".to_owned(),
        |owner| {
            let kind = text(owner, "/kind").to_lowercase();
            let group = text(owner, "/apiVersion").split_once('/').map(|(group, _)| format!(".{group}"));
            match kind + &group.unwrap_or_default() {
                kind if kind.is_empty() => text(owner, "/name").to_owned(),
                kind => format!("{kind}/{}", text(owner, "/name")),
            }
        },
    );
    vec![name(object), Cell::text(controller), count(object, "/revision"), age(object, options)]
}

pub(super) fn disruption_budget(object: &Value, options: &Options) -> Vec<Cell> {
    let bound = |pointer: &str| {
        let bound = object.pointer(pointer).filter(|bound| !bound.is_null());
        Cell::text(bound.map_or_else(|| "N/A".to_owned(), number_or_text))
    };
    vec![
        name(object),
        bound("/spec/minAvailable"),
        bound("/spec/maxUnavailable"),
        count(object, "/status/disruptionsAllowed"),
        age(object, options),
    ]
}
