//! What an object needs to work: the other objects that it names.

mod pod_spec;

use serde_json::Value;

use super::resources::{Origin, Registry};

/// Another object that an object names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// The group; empty for the core group.
    pub group: String,
    /// The kind.
    pub kind: String,
    /// The namespace; none for objects of the whole cluster.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
    /// Where it is named, as a JSON pointer.
    pub path: String,
    /// Whether the object also works without it, because it says so.
    pub optional: bool,
}

impl Reference {
    /// To an object of the core group in a namespace.
    pub(super) fn core(kind: &str, namespace: &str, name: &str, path: &str) -> Self {
        Self {
            group: String::new(),
            kind: kind.to_owned(),
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
            path: path.to_owned(),
            optional: false,
        }
    }
}

/// The objects that an object needs: its namespace, its definition if it is a custom resource, and what its fields name
/// (settings, volumes, accounts, rights, classes, backends). Not its owners, and not what a selector would find. Each is
/// named once, at the first place.
pub fn references(object: &Value, registry: &Registry) -> Vec<Reference> {
    let namespace = text(object, "/metadata/namespace");
    let mut found = Found { object, namespace, all: Vec::new() };
    if !namespace.is_empty() {
        found.cluster("", "Namespace", namespace, "/metadata/namespace");
    }
    if let Some(resource) = registry.of_object(object).filter(|resource| resource.origin == Origin::Custom) {
        let name = resource.full_name();
        found.cluster("apiextensions.k8s.io", "CustomResourceDefinition", &name, "/apiVersion");
    }
    by_kind(&mut found);
    let mut seen = Vec::new();
    found.all.retain(|reference| {
        let id = (reference.group.clone(), reference.kind.clone(), reference.namespace.clone(), reference.name.clone());
        let new = !seen.contains(&id);
        if new {
            seen.push(id);
        }
        new
    });
    found.all
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

const RBAC: &str = "rbac.authorization.k8s.io";
const STORAGE: &str = "storage.k8s.io";
const NETWORKING: &str = "networking.k8s.io";

/// What was found so far.
struct Found<'a> {
    object: &'a Value,
    namespace: &'a str,
    all: Vec<Reference>,
}

impl<'a> Found<'a> {
    fn push(&mut self, group: &str, kind: &str, namespace: Option<&str>, name: &str, path: &str, optional: bool) {
        if name.is_empty() {
            return;
        }
        self.all.push(Reference {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
            path: path.to_owned(),
            optional,
        });
    }

    /// An object in the object's own namespace.
    fn local(&mut self, group: &str, kind: &str, name: &str, path: &str) {
        self.push(group, kind, Some(self.namespace), name, path, false);
    }

    fn cluster(&mut self, group: &str, kind: &str, name: &str, path: &str) {
        self.push(group, kind, None, name, path, false);
    }

    /// The text at a path of the object is the name of an object in its namespace.
    fn local_at(&mut self, group: &str, kind: &str, path: &str) {
        self.local(group, kind, text(self.object, path), path);
    }

    fn cluster_at(&mut self, group: &str, kind: &str, path: &str) {
        self.cluster(group, kind, text(self.object, path), path);
    }

    /// A service that is named with its namespace, as webhooks do.
    fn service_at(&mut self, path: &str) {
        let field = |field: &str| text(self.object, &format!("{path}/{field}"));
        let (namespace, name) = (field("namespace"), field("name"));
        self.push("", "Service", Some(namespace), name, path, false);
    }
}

fn by_kind(found: &mut Found<'_>) {
    let object = found.object;
    let group = text(object, "/apiVersion").split_once('/').map_or("", |(group, _)| group);
    match (group, text(object, "/kind")) {
        ("", "Pod") => pod_spec::needs(found, "/spec"),
        ("", "PodTemplate") => pod_spec::needs(found, "/template/spec"),
        ("", "ReplicationController") | ("batch", "Job") => pod_spec::needs(found, "/spec/template/spec"),
        ("batch", "CronJob") => pod_spec::needs(found, "/spec/jobTemplate/spec/template/spec"),
        ("apps", "StatefulSet") => stateful_set(found),
        ("apps" | "extensions", "Deployment" | "ReplicaSet" | "DaemonSet") => {
            pod_spec::needs(found, "/spec/template/spec")
        }
        ("", "PersistentVolumeClaim") => claim(found, ""),
        ("", "PersistentVolume") => volume(found),
        ("", "ServiceAccount") => {
            for field in ["/secrets", "/imagePullSecrets"] {
                for (at, secret) in list(object, field).iter().enumerate() {
                    found.local("", "Secret", text(secret, "/name"), &format!("{field}/{at}"));
                }
            }
        }
        ("", "Secret") => {
            found.local_at("", "ServiceAccount", "/metadata/annotations/kubernetes.io~1service-account.name");
        }
        ("", "Endpoints") => found.local_at("", "Service", "/metadata/name"),
        ("discovery.k8s.io", _) => found.local_at("", "Service", "/metadata/labels/kubernetes.io~1service-name"),
        (NETWORKING | "extensions", "Ingress") => ingress(found),
        ("autoscaling", _) => {
            let target = "/spec/scaleTargetRef";
            let api_version = text(object, "/spec/scaleTargetRef/apiVersion");
            let group = api_version.split_once('/').map_or("", |(group, _)| group);
            let (kind, name) = (text(object, "/spec/scaleTargetRef/kind"), text(object, "/spec/scaleTargetRef/name"));
            found.local(group, kind, name, target);
        }
        (RBAC, "RoleBinding" | "ClusterRoleBinding") => binding(found),
        ("admissionregistration.k8s.io", _) => admission(found),
        ("apiregistration.k8s.io", _) => found.service_at("/spec/service"),
        ("apiextensions.k8s.io", _) => found.service_at("/spec/conversion/webhook/clientConfig/service"),
        ("flowcontrol.apiserver.k8s.io", "FlowSchema") => {
            found.cluster_at(
                "flowcontrol.apiserver.k8s.io",
                "PriorityLevelConfiguration",
                "/spec/priorityLevelConfiguration/name",
            );
        }
        (STORAGE, "StorageClass") => storage_class(found),
        ("resource.k8s.io", "ResourceClaim") => device_requests(found, "/spec"),
        ("resource.k8s.io", "ResourceClaimTemplate") => device_requests(found, "/spec/spec"),
        ("helm.cattle.io", _) => {
            for field in ["authSecret", "dockerRegistrySecret"] {
                found.local_at("", "Secret", &format!("/spec/{field}/name"));
            }
            found.local_at("", "ConfigMap", "/spec/repoCAConfigMap/name");
        }
        _ => {}
    }
}

/// How many claims of a stateful set are named at most.
const MAX_REPLICAS: i64 = 1000;

fn stateful_set(found: &mut Found<'_>) {
    let object = found.object;
    pod_spec::needs(found, "/spec/template/spec");
    found.local_at("", "Service", "/spec/serviceName");
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64);
    let first = number("/spec/ordinals/start").unwrap_or(0).max(0);
    let replicas = number("/spec/replicas").unwrap_or(1).clamp(0, MAX_REPLICAS);
    for (at, template) in list(object, "/spec/volumeClaimTemplates").iter().enumerate() {
        let path = format!("/spec/volumeClaimTemplates/{at}");
        claim(found, &path);
        let (set, template) = (text(object, "/metadata/name"), text(template, "/metadata/name"));
        if set.is_empty() || template.is_empty() {
            continue;
        }
        for ordinal in first..first.saturating_add(replicas) {
            // The set makes those that are missing, empty.
            let name = format!("{template}-{set}-{ordinal}");
            found.push("", "PersistentVolumeClaim", Some(found.namespace), &name, &path, true);
        }
    }
}

fn claim(found: &mut Found<'_>, at: &str) {
    found.cluster_at(
        STORAGE,
        "StorageClass",
        &format!("{at}/metadata/annotations/volume.beta.kubernetes.io~1storage-class"),
    );
    found.cluster_at(STORAGE, "StorageClass", &format!("{at}/spec/storageClassName"));
    found.cluster_at(STORAGE, "VolumeAttributesClass", &format!("{at}/spec/volumeAttributesClassName"));
    found.cluster_at("", "PersistentVolume", &format!("{at}/spec/volumeName"));
    let source = format!("{at}/spec/dataSource");
    let field = |field: &str| text(found.object, &format!("{source}/{field}"));
    let (group, kind, name) = (field("apiGroup"), field("kind"), field("name"));
    found.local(group, kind, name, &source);
}

fn volume(found: &mut Found<'_>) {
    let object = found.object;
    found.cluster_at(STORAGE, "StorageClass", "/spec/storageClassName");
    found.cluster_at(STORAGE, "VolumeAttributesClass", "/spec/volumeAttributesClassName");
    for source in object.pointer("/spec").and_then(Value::as_object).into_iter().flatten() {
        let (name, source) = source;
        for (field, secret) in source.as_object().into_iter().flatten() {
            let is_secret = field.ends_with("SecretRef") || field == "secretRef";
            if is_secret && name != "claimRef" {
                let path = format!("/spec/{name}/{field}");
                found.push("", "Secret", Some(text(secret, "/namespace")), text(secret, "/name"), &path, false);
            }
        }
    }
}

fn ingress(found: &mut Found<'_>) {
    let object = found.object;
    found.cluster_at(NETWORKING, "IngressClass", "/spec/ingressClassName");
    found.cluster_at(NETWORKING, "IngressClass", "/metadata/annotations/kubernetes.io~1ingress.class");
    backend(found, "/spec/defaultBackend");
    backend(found, "/spec/backend");
    for (rule, value) in list(object, "/spec/rules").iter().enumerate() {
        for path in 0..list(value, "/http/paths").len() {
            backend(found, &format!("/spec/rules/{rule}/http/paths/{path}/backend"));
        }
    }
    for at in 0..list(object, "/spec/tls").len() {
        found.local_at("", "Secret", &format!("/spec/tls/{at}/secretName"));
    }
}

/// In v1 a service or any object; before it a service's name.
fn backend(found: &mut Found<'_>, at: &str) {
    found.local_at("", "Service", &format!("{at}/service/name"));
    found.local_at("", "Service", &format!("{at}/serviceName"));
    let field = |field: &str| text(found.object, &format!("{at}/resource/{field}"));
    let (group, kind, name) = (field("apiGroup"), field("kind"), field("name"));
    found.local(group, kind, name, &format!("{at}/resource"));
}

fn binding(found: &mut Found<'_>) {
    let object = found.object;
    let (kind, name) = (text(object, "/roleRef/kind"), text(object, "/roleRef/name"));
    match kind {
        "ClusterRole" => found.cluster(RBAC, kind, name, "/roleRef"),
        _ => found.local(RBAC, kind, name, "/roleRef"),
    }
    for (at, subject) in list(object, "/subjects").iter().enumerate() {
        if text(subject, "/kind") == "ServiceAccount" {
            let path = format!("/subjects/{at}");
            found.push("", "ServiceAccount", Some(text(subject, "/namespace")), text(subject, "/name"), &path, false);
        }
    }
}

fn admission(found: &mut Found<'_>) {
    let object = found.object;
    for at in 0..list(object, "/webhooks").len() {
        found.service_at(&format!("/webhooks/{at}/clientConfig/service"));
    }
    let policy = match text(object, "/kind") {
        "ValidatingAdmissionPolicyBinding" => "ValidatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding" => "MutatingAdmissionPolicy",
        _ => return,
    };
    found.cluster_at("admissionregistration.k8s.io", policy, "/spec/policyName");
}

/// Secrets of a driver; names with `${` are filled in for each volume.
fn storage_class(found: &mut Found<'_>) {
    let parameters = found.object.pointer("/parameters").and_then(Value::as_object);
    for (key, name) in parameters.into_iter().flatten() {
        let Some(stem) = key.strip_suffix("-secret-name") else { continue };
        let namespace = parameters.and_then(|all| all.get(&format!("{stem}-secret-namespace"))).and_then(Value::as_str);
        let (Some(namespace), Some(name)) = (namespace, name.as_str()) else { continue };
        if !namespace.contains("${") && !name.contains("${") {
            found.push("", "Secret", Some(namespace), name, &format!("/parameters/{}", key.replace('/', "~1")), false);
        }
    }
}

fn device_requests(found: &mut Found<'_>, at: &str) {
    let requests = format!("{at}/devices/requests");
    for (index, request) in list(found.object, &requests).iter().enumerate() {
        let path = format!("{requests}/{index}");
        found.cluster_at("resource.k8s.io", "DeviceClass", &format!("{path}/deviceClassName"));
        found.cluster_at("resource.k8s.io", "DeviceClass", &format!("{path}/exactly/deviceClassName"));
        for alternative in 0..list(request, "/firstAvailable").len() {
            let path = format!("{path}/firstAvailable/{alternative}/deviceClassName");
            found.cluster_at("resource.k8s.io", "DeviceClass", &path);
        }
    }
}
