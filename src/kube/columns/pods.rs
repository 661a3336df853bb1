//! Pods, whose STATUS is gathered from phase, conditions and containers, and pod templates.

use jiff::Timestamp;
use serde_json::Value;

use super::Shown::{Always, Name, Wide};
use super::access::{FormatLabels as _, age, flag, int, is_set, list, moment, name, text, text_or};
use super::{Cell, Column, Options};

pub(super) const COLUMNS: &[Column] = &[
    ("NAME", Name),
    ("READY", Always),
    ("STATUS", Always),
    ("RESTARTS", Always),
    ("AGE", Always),
    ("IP", Wide),
    ("NODE", Wide),
    ("NOMINATED NODE", Wide),
    ("READINESS GATES", Wide),
];

pub(super) const TEMPLATE_COLUMNS: &[Column] =
    &[("NAME", Name), ("CONTAINERS", Always), ("IMAGES", Always), ("POD LABELS", Always)];

/// What is counted over the containers of a pod.
struct Summary {
    ready: usize,
    restarts: i64,
    last_restart: Option<Timestamp>,
    reason: String,
}

pub(super) fn cells(pod: &Value, options: &Options) -> Vec<Cell> {
    let summary = summary(pod);
    let sidecars = list(pod, "/spec/initContainers").iter().filter(|container| is_sidecar(container)).count();
    let total = list(pod, "/spec/containers").len() + sidecars;
    let restarts = match summary.last_restart {
        Some(last) if summary.restarts != 0 => {
            format!("{} ({} ago)", summary.restarts, super::age::between(last, options.now))
        }
        _ => summary.restarts.to_string(),
    };
    vec![
        name(pod),
        Cell::text(format!("{}/{total}", summary.ready)),
        Cell::text(status(pod, summary.reason)),
        Cell::text(restarts),
        age(pod, options),
        Cell::text(text_or(pod, "/status/podIPs/0/ip", "<none>")),
        Cell::text(text_or(pod, "/spec/nodeName", "<none>")),
        Cell::text(text_or(pod, "/status/nominatedNodeName", "<none>")),
        Cell::text(readiness_gates(pod)),
    ]
}

/// An init container that goes on running beside the others.
fn is_sidecar(container: &Value) -> bool {
    text(container, "/restartPolicy") == "Always"
}

fn has_condition(pod: &Value, kind: &str) -> bool {
    let found = list(pod, "/status/conditions").iter().find(|condition| text(condition, "/type") == kind);
    found.is_some_and(|condition| text(condition, "/status") == "True")
}

fn summary(pod: &Value) -> Summary {
    let gated = list(pod, "/status/conditions")
        .iter()
        .any(|condition| text(condition, "/type") == "PodScheduled" && text(condition, "/reason") == "SchedulingGated");
    let reason = match gated {
        true => "SchedulingGated",
        false => text_or(pod, "/status/reason", text(pod, "/status/phase")),
    };
    let mut summary = Summary { ready: 0, restarts: 0, last_restart: None, reason: reason.to_owned() };
    let sidecar_restarts = init_containers(pod, &mut summary);
    let initializing = sidecar_restarts.initializing;
    if !initializing || has_condition(pod, "Initialized") {
        summary.restarts = sidecar_restarts.restarts;
        summary.last_restart = sidecar_restarts.last;
        containers(pod, &mut summary);
    }
    summary
}

struct SidecarRestarts {
    initializing: bool,
    restarts: i64,
    last: Option<Timestamp>,
}

/// Init containers up to the first that has not done its work, which gives the reason.
fn init_containers(pod: &Value, summary: &mut Summary) -> SidecarRestarts {
    let declared = list(pod, "/spec/initContainers");
    let mut sidecars = SidecarRestarts { initializing: false, restarts: 0, last: None };
    for (at, status) in list(pod, "/status/initContainerStatuses").iter().enumerate() {
        let restarts = int(status, "/restartCount");
        let ended = moment(status, "/lastState/terminated/finishedAt");
        summary.restarts = summary.restarts.saturating_add(restarts);
        summary.last_restart = summary.last_restart.max(ended);
        // Of containers with one name the last counts.
        let own = declared.iter().rfind(|container| text(container, "/name") == text(status, "/name"));
        let sidecar = own.is_some_and(is_sidecar);
        if sidecar {
            sidecars.restarts = sidecars.restarts.saturating_add(restarts);
            sidecars.last = sidecars.last.max(ended);
        }
        let terminated = is_set(status, "/state/terminated");
        if terminated && int(status, "/state/terminated/exitCode") == 0 {
            continue;
        }
        if sidecar && flag(status, "/started") {
            summary.ready += usize::from(flag(status, "/ready"));
            continue;
        }
        let waiting = text(status, "/state/waiting/reason");
        summary.reason = if terminated {
            format!("Init:{}", termination(status))
        } else if !waiting.is_empty() && waiting != "PodInitializing" {
            format!("Init:{waiting}")
        } else {
            format!("Init:{at}/{}", declared.len())
        };
        sidecars.initializing = true;
        break;
    }
    sidecars
}

/// Why a container ended.
fn termination(status: &Value) -> String {
    match (text(status, "/state/terminated/reason"), int(status, "/state/terminated/signal")) {
        ("", 0) => format!("ExitCode:{}", int(status, "/state/terminated/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn containers(pod: &Value, summary: &mut Summary) {
    let mut running = false;
    let mut failure = None;
    for status in list(pod, "/status/containerStatuses").iter().rev() {
        summary.restarts = summary.restarts.saturating_add(int(status, "/restartCount"));
        summary.last_restart = summary.last_restart.max(moment(status, "/lastState/terminated/finishedAt"));
        let waiting = text(status, "/state/waiting/reason");
        if !waiting.is_empty() {
            waiting.clone_into(&mut summary.reason);
        } else if is_set(status, "/state/terminated") {
            summary.reason = termination(status);
            if int(status, "/state/terminated/exitCode") != 0 {
                failure = Some(summary.reason.clone());
            }
        } else if flag(status, "/ready") && is_set(status, "/state/running") {
            running = true;
            summary.ready += 1;
        }
    }
    // One container that is done does not make a pod done.
    if summary.reason == "Completed" {
        if running && has_ready_condition(pod) {
            "Running".clone_into(&mut summary.reason);
        } else if let Some(failure) = failure {
            summary.reason = failure;
        } else if running {
            "NotReady".clone_into(&mut summary.reason);
        }
    }
}

fn has_ready_condition(pod: &Value) -> bool {
    let ready = |condition: &Value| text(condition, "/type") == "Ready" && text(condition, "/status") == "True";
    list(pod, "/status/conditions").iter().any(ready)
}

fn status(pod: &Value, reason: String) -> String {
    let over = matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
    match is_set(pod, "/metadata/deletionTimestamp") {
        true if text(pod, "/status/reason") == "NodeLost" => "Unknown".to_owned(),
        true if !over => "Terminating".to_owned(),
        _ => reason,
    }
}

fn readiness_gates(pod: &Value) -> String {
    let gates = list(pod, "/spec/readinessGates");
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let open = gates.iter().filter(|gate| has_condition(pod, text(gate, "/conditionType"))).count();
    format!("{open}/{}", gates.len())
}

pub(super) fn template_cells(template: &Value, _options: &Options) -> Vec<Cell> {
    let (names, images) = container_cells(list(template, "/template/spec/containers"));
    vec![name(template), names, images, Cell::text(template.pointer("/template/metadata/labels").format_labels())]
}

/// Names and images of containers.
pub(super) fn container_cells(containers: &[Value]) -> (Cell, Cell) {
    let all = |field: &str| {
        Cell::text(containers.iter().map(|container| text(container, field)).collect::<Vec<_>>().join(","))
    };
    (all("/name"), all("/image"))
}
