//! Devices that pods claim, and groups of pods that are placed together.

use serde_json::Value;

use super::Shown::{Always, Name};
use super::access::{age, int, is_set, list, moment, name, text};
use super::{Cell, Column, Options};

pub(super) const CLAIM: &[Column] = &[("NAME", Name), ("STATE", Always), ("AGE", Always)];
pub(super) const SLICE: &[Column] =
    &[("NAME", Name), ("NODE", Always), ("DRIVER", Always), ("POOL", Always), ("AGE", Always)];
pub(super) const TAINT_RULE: &[Column] =
    &[("NAME", Name), ("KEY", Always), ("VALUE", Always), ("EFFECT", Always), ("TIMEADDED", Always), ("AGE", Always)];
pub(super) const POOL_STATUS: &[Column] = &[
    ("NAME", Name),
    ("DRIVER", Always),
    ("TOTAL", Always),
    ("AVAILABLE", Always),
    ("ALLOCATED", Always),
    ("UNAVAILABLE", Always),
    ("ERRORS", Always),
    ("POOLS", Always),
    ("STATUS", Always),
    ("COMPLETED", Always),
];
pub(super) const POD_GROUP: &[Column] =
    &[("NAME", Name), ("POLICY", Always), ("WORKLOAD", Always), ("STATUS", Always), ("AGE", Always)];
pub(super) const CLASS: &[Column] = &[("NAME", Name), ("DRIVERNAME", Always), ("AGE", Always)];
pub(super) const SCHEDULING: &[Column] = &[("NAME", Name), ("SELECTEDNODE", Always), ("AGE", Always)];

pub(super) fn claim(object: &Value, options: &Options) -> Vec<Cell> {
    let deleted = is_set(object, "/metadata/deletionTimestamp");
    let mut states = Vec::new();
    if deleted {
        states.push("deleted");
    }
    match is_set(object, "/status/allocation") {
        true => {
            states.push("allocated");
            if !list(object, "/status/reservedFor").is_empty() {
                states.push("reserved");
            }
        }
        false if !deleted => states.push("pending"),
        false => {}
    }
    vec![name(object), Cell::text(states.join(",")), age(object, options)]
}

pub(super) fn slice(object: &Value, options: &Options) -> Vec<Cell> {
    let field = |pointer: &str| Cell::text(text(object, pointer));
    vec![name(object), field("/spec/nodeName"), field("/spec/driver"), field("/spec/pool/name"), age(object, options)]
}

pub(super) fn taint_rule(object: &Value, options: &Options) -> Vec<Cell> {
    let field = |field: &str| Cell::text(text(object, &format!("/spec/taint/{field}")));
    let added = match is_set(object, "/spec/taint/timeAdded") {
        true => Cell::ago(moment(object, "/spec/taint/timeAdded"), options),
        false => Cell::text(""),
    };
    vec![name(object), field("key"), field("value"), field("effect"), added, age(object, options)]
}

/// From 1.36 on.
pub(super) fn pool_status(object: &Value, options: &Options) -> Vec<Cell> {
    let condition = |kind: &str| {
        let is_true = |one: &&Value| text(one, "/type") == kind && text(one, "/status") == "True";
        list(object, "/status/conditions").iter().position(|one| is_true(&one))
    };
    let (complete, failed) = (condition("Complete"), condition("Failed"));
    // Of both the first counts.
    let complete = complete.filter(|at| failed.is_none_or(|other| *at < other));
    let failed = complete.is_none() && failed.is_some();
    let pools = list(object, "/status/pools");
    let (count, shown) = (int(object, "/status/poolCount"), pools.len() as i64);
    let status = match (complete.is_some(), failed) {
        (true, _) if count > shown => format!("Complete ({shown}/{count} pools)"),
        (true, _) => "Complete".to_owned(),
        (false, true) => "Failed".to_owned(),
        (false, false) => "Pending".to_owned(),
    };
    let counted = is_set(object, "/status") && !failed;
    let sum = |field: &str| match counted {
        true => Cell::Integer(pools.iter().fold(0i64, |sum, pool| sum.saturating_add(int(pool, field)))),
        false => Cell::text("-"),
    };
    let errors = pools.iter().filter(|pool| is_set(pool, "/validationError")).count() as i64;
    let completed = match complete {
        Some(at) => Cell::ago(moment(object, &format!("/status/conditions/{at}/lastTransitionTime")), options),
        None => Cell::text("<none>"),
    };
    vec![
        name(object),
        Cell::text(text(object, "/spec/driver")),
        sum("/totalDevices"),
        sum("/availableDevices"),
        sum("/allocatedDevices"),
        sum("/unavailableDevices"),
        if counted { Cell::Integer(errors) } else { Cell::text("-") },
        Cell::Integer(count),
        Cell::text(status),
        completed,
    ]
}

/// From 1.36 on.
pub(super) fn pod_group(object: &Value, options: &Options) -> Vec<Cell> {
    let condition = |kind: &str| list(object, "/status/conditions").iter().rfind(|one| text(one, "/type") == kind);
    let status = match (condition("DisruptionTarget"), condition("PodGroupScheduled")) {
        (Some(disruption), _) => text(disruption, "/reason"),
        (None, Some(scheduled)) if text(scheduled, "/status") == "True" => "Scheduled",
        (None, Some(_)) => "Unschedulable",
        (None, None) => "Pending",
    };
    let policy = if is_set(object, "/spec/schedulingPolicy/gang") { "Gang" } else { "Basic" };
    let workload = match is_set(object, "/spec/podGroupTemplateRef") {
        true => text(object, "/spec/podGroupTemplateRef/workload/workloadName"),
        false => "<none>",
    };
    vec![name(object), Cell::text(policy), Cell::text(workload), Cell::text(status), age(object, options)]
}

/// Servers 1.26 to 1.30.
pub(super) fn class(object: &Value, options: &Options) -> Vec<Cell> {
    vec![name(object), Cell::text(text(object, "/driverName")), age(object, options)]
}

/// Servers 1.27 to 1.31.
pub(super) fn scheduling(object: &Value, options: &Options) -> Vec<Cell> {
    vec![name(object), Cell::text(text(object, "/spec/selectedNode")), age(object, options)]
}
