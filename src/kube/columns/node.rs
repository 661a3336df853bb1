//! Nodes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Shown::{Always, Name, Wide};
use super::access::{age, flag, joined, list, map, name, text, text_or};
use super::{Cell, Column, Options};

pub(super) const COLUMNS: &[Column] = &[
    ("NAME", Name),
    ("STATUS", Always),
    ("ROLES", Always),
    ("AGE", Always),
    ("VERSION", Always),
    ("INTERNAL-IP", Wide),
    ("EXTERNAL-IP", Wide),
    ("OS-IMAGE", Wide),
    ("KERNEL-VERSION", Wide),
    ("CONTAINER-RUNTIME", Wide),
];

/// From this minor on the architecture stands behind the kernel.
const KERNEL_WITH_ARCHITECTURE: u32 = 36;

pub(super) fn cells(node: &Value, options: &Options) -> Vec<Cell> {
    let info = |field: &str, otherwise: &str| text_or(node, &format!("/status/nodeInfo/{field}"), otherwise).to_owned();
    let mut kernel = info("kernelVersion", "<unknown>");
    let architecture = info("architecture", "");
    if options.server_minor >= KERNEL_WITH_ARCHITECTURE && !architecture.is_empty() {
        kernel = match text(node, "/status/nodeInfo/kernelVersion") {
            "" => "<unknown>".to_owned(),
            kernel => kernel.to_owned(),
        } + &format!(" ({architecture})");
    }
    vec![
        name(node),
        Cell::text(status(node)),
        Cell::text(roles(node)),
        age(node, options),
        Cell::text(info("kubeletVersion", "")),
        Cell::text(address(node, "InternalIP")),
        Cell::text(address(node, "ExternalIP")),
        Cell::text(info("osImage", "<unknown>")),
        Cell::text(kernel),
        Cell::text(info("containerRuntimeVersion", "<unknown>")),
    ]
}

fn status(node: &Value) -> String {
    let ready = list(node, "/status/conditions").iter().rfind(|condition| text(condition, "/type") == "Ready");
    let status = match ready {
        Some(ready) if text(ready, "/status") == "True" => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    match flag(node, "/spec/unschedulable") {
        true => format!("{status},SchedulingDisabled"),
        false => status.to_owned(),
    }
}

/// From the labels `node-role.kubernetes.io/ROLE` and `kubernetes.io/role=ROLE`.
fn roles(node: &Value) -> String {
    let labels = map(node, "/metadata/labels").into_iter().flatten();
    let roles: BTreeSet<&str> = labels
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => Some(role),
            None if key == "kubernetes.io/role" => value.as_str(),
            None => None,
        })
        .filter(|role| !role.is_empty())
        .collect();
    match roles.is_empty() {
        true => "<none>".to_owned(),
        false => joined(roles, ","),
    }
}

fn address<'a>(node: &'a Value, kind: &str) -> &'a str {
    let found = list(node, "/status/addresses").iter().find(|address| text(address, "/type") == kind);
    found.map_or("<none>", |address| text(address, "/address"))
}
