//! In which order objects go into a cluster: what others need comes first.

use serde_json::Value;

/// Where an object of this kind stands in a bundle. Definitions and namespaces come before all that lives in them;
/// settings, volumes and rights before what runs; custom resources after what serves them; and what can refuse other
/// objects, or answers for a part of the API, last.
pub fn bundle_rank(group: &str, kind: &str) -> u8 {
    match (group, kind) {
        ("", "Namespace") => 0,
        ("apiextensions.k8s.io", _) => 1,
        ("scheduling.k8s.io", "PriorityClass") | ("node.k8s.io", _) => 2,
        ("storage.k8s.io", _) | ("resource.k8s.io", "DeviceClass") => 2,
        ("networking.k8s.io", "IngressClass" | "ServiceCIDR") => 2,
        ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration") => 2,
        ("flowcontrol.apiserver.k8s.io", _) => 3,
        ("", "ServiceAccount") => 4,
        ("", "Secret") => 5,
        ("", "ConfigMap") => 6,
        ("", "LimitRange" | "ResourceQuota") => 7,
        ("", "PersistentVolume") => 8,
        ("", "PersistentVolumeClaim") => 9,
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => 10,
        ("rbac.authorization.k8s.io", _) => 11,
        ("", "Service") => 12,
        ("", "Endpoints") | ("discovery.k8s.io", _) => 13,
        ("networking.k8s.io", "NetworkPolicy") | ("policy", _) => 14,
        ("resource.k8s.io" | "scheduling.k8s.io", _) => 15,
        ("", "ReplicationController" | "Pod" | "PodTemplate") | ("apps" | "batch", _) => 16,
        ("autoscaling", _) => 17,
        ("networking.k8s.io", _) => 18,
        ("admissionregistration.k8s.io", kind) if !kind.ends_with("Binding") => 21,
        ("admissionregistration.k8s.io", _) => 22,
        ("apiregistration.k8s.io", _) => 20,
        (group, _) if !group.is_empty() && group.contains('.') && !group.ends_with(".k8s.io") => 19,
        _ => 15,
    }
}

/// The rank of an object, by its apiVersion and kind.
pub fn object_rank(object: &Value) -> u8 {
    let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default();
    let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group);
    bundle_rank(group, text("kind"))
}

/// Sorts the objects of a bundle by rank, and those of one rank by kind, namespace and name.
pub fn sort_bundle(objects: &mut [Value]) {
    objects.sort_by_cached_key(|object| {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        (object_rank(object), text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
    });
}
