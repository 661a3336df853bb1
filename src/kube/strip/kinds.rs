//! What is special about single kinds.

use serde_json::Value;

use super::parts::Remover;
use super::{Mode, Warning, ports};

pub(super) fn strip(remover: &mut Remover, original: &Value, mode: Mode) {
    let api_version = original.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let kind = original.get("kind").and_then(Value::as_str).unwrap_or_default();
    match (group, kind) {
        ("", "Namespace") => {
            remover.remove("/spec/finalizers", "set by the server");
            remover.remove_if_empty("/spec");
        }
        ("", "Pod") => pod(remover),
        ("", "Service") => service(remover, original, mode),
        ("", "PersistentVolumeClaim") => claim(remover, mode),
        ("", "PersistentVolume") => volume(remover),
        ("", "ServiceAccount") => service_account(remover),
        ("", "Secret") => secret(remover),
        ("batch", "Job") => job(remover, original),
        ("autoscaling", "HorizontalPodAutoscaler") => {
            for note in ["conditions", "current-metrics"] {
                remover.remove_annotation(&format!("autoscaling.alpha.kubernetes.io/{note}"), "the status, of old");
            }
        }
        ("apps", "StatefulSet") => {
            let templates = original.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array);
            for at in 0..templates.map_or(0, Vec::len) {
                let template = format!("/spec/volumeClaimTemplates/{at}");
                remover.remove(&format!("{template}/status"), "says nothing in a template");
                null_creation(remover, &template);
            }
        }
        _ => {}
    }
    for template in ["/spec/template", "/spec/jobTemplate", "/spec/jobTemplate/spec/template", "/template"] {
        null_creation(remover, template);
    }
}

/// Servers up to 1.33 show `creationTimestamp: null` in templates.
fn null_creation(remover: &mut Remover, template: &str) {
    let pointer = format!("{template}/metadata/creationTimestamp");
    if remover.object.pointer(&pointer).is_some_and(Value::is_null) {
        remover.remove(&pointer, "never set in a template");
    }
}

fn pod(remover: &mut Remover) {
    remover.remove("/spec/nodeName", "chosen by the scheduler");
    remover.remove("/spec/priority", "follows from the priority class");
    remover.remove("/spec/serviceAccount", "the old name of serviceAccountName");
    remover.remove("/spec/ephemeralContainers", "added to a running pod only, through a subresource");
    let account = remover.text("/spec/serviceAccountName").unwrap_or("default").to_owned();
    let added = |name: &str| name.starts_with("kube-api-access-") || is_token_of(name, &account);
    let name = |value: &Value| value.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    const WHY: &str = "added by the server, for the service account's token";
    let mut gone = Vec::new();
    remover.retain("/spec/volumes", WHY, &mut |volume| {
        let added = added(&name(volume));
        if added {
            gone.push(name(volume));
        }
        !added
    });
    for list in ["/spec/containers", "/spec/initContainers"] {
        let count = remover.object.pointer(list).and_then(Value::as_array).map_or(0, Vec::len);
        for at in 0..count {
            remover.retain(&format!("{list}/{at}/volumeMounts"), WHY, &mut |mount| !gone.contains(&name(mount)));
        }
    }
}

/// `NAME-token-xxxxx`, as servers up to 1.23 called the token's Secret and its volume.
pub(in crate::kube) fn is_token_of(name: &str, account: &str) -> bool {
    let suffix = name.strip_prefix(account).and_then(|rest| rest.strip_prefix("-token-"));
    suffix.is_some_and(|suffix| suffix.len() == 5 && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn service(remover: &mut Remover, original: &Value, mode: Mode) {
    if mode == Mode::SameCluster {
        return;
    }
    if remover.text("/spec/clusterIP").is_some_and(|address| address != "None") {
        const WHY: &str = "given out by the server";
        remover.remove("/spec/clusterIP", WHY);
        remover.remove("/spec/clusterIPs", WHY);
    }
    remover.remove("/spec/healthCheckNodePort", "given out by the server");
    let ports = original.pointer("/spec/ports").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (at, port) in ports.iter().enumerate() {
        if !ports::is_declared(original, port) {
            remover.remove(&format!("/spec/ports/{at}/nodePort"), "given out by the server: nobody asked for this one");
        }
    }
}

fn claim(remover: &mut Remover, mode: Mode) {
    const WHY: &str = "written when the claim was bound";
    for annotation in [
        "pv.kubernetes.io/bind-completed",
        "pv.kubernetes.io/bound-by-controller",
        "volume.kubernetes.io/storage-provisioner",
        "volume.beta.kubernetes.io/storage-provisioner",
        "volume.kubernetes.io/selected-node",
    ] {
        remover.remove_annotation(annotation, WHY);
    }
    let Some(volume) = remover.text("/spec/volumeName").filter(|volume| !volume.is_empty()) else { return };
    let volume = volume.to_owned();
    if mode != Mode::SameCluster {
        remover.remove("/spec/volumeName", WHY);
        remover.warn(Warning::Unbound(volume));
    }
}

/// The volume stays reserved for its claim, by name: the new claim has another uid.
fn volume(remover: &mut Remover) {
    for field in ["uid", "resourceVersion"] {
        remover.remove(&format!("/spec/claimRef/{field}"), "of the claim that it was bound to");
    }
    remover.remove_annotation("pv.kubernetes.io/bound-by-controller", "else the reservation would be taken back");
}

fn service_account(remover: &mut Remover) {
    let account = remover.text("/metadata/name").unwrap_or_default().to_owned();
    remover.retain("/secrets", "made anew by the server", &mut |secret| {
        let name = secret.get("name").and_then(Value::as_str).unwrap_or_default();
        !is_token_of(name, &account)
    });
}

fn secret(remover: &mut Remover) {
    if remover.text("/type") != Some("kubernetes.io/service-account-token") {
        return;
    }
    const WHY: &str = "made anew by the server";
    remover.remove("/data", WHY);
    remover.remove_annotation("kubernetes.io/service-account.uid", WHY);
    for label in ["kubernetes.io/legacy-token-last-used", "kubernetes.io/legacy-token-invalid-since"] {
        remover.remove_entry("/metadata/labels", label, "written by the server");
    }
}

/// The selector and its labels carry the uid of the old job.
fn job(remover: &mut Remover, original: &Value) {
    if original.pointer("/spec/manualSelector").and_then(Value::as_bool) == Some(true) {
        return;
    }
    const WHY: &str = "carries the old object's uid: the server makes it anew";
    remover.remove("/spec/selector", WHY);
    for labels in ["/metadata/labels", "/spec/template/metadata/labels"] {
        for label in
            ["controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"]
        {
            remover.remove_entry(labels, label, WHY);
        }
    }
    remover.remove_annotation("batch.kubernetes.io/job-tracking", "written by the server");
}
