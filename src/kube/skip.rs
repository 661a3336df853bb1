//! Objects that a bundle leaves out: others make them, or they say only what was.

use serde_json::Value;

use super::references::Reference;
use super::strip::is_token_of;

/// Why a bundle leaves an object out. Who names the object gets it all the same, with this as a warning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skip {
    /// Its owner makes it.
    #[error("{kind} {name} makes it")]
    MadeByItsOwner {
        /// The owner's kind.
        kind: String,
        /// The owner's name.
        name: String,
    },
    /// It says what happened or holds at one moment.
    #[error("{0}")]
    OfTheMoment(&'static str),
    /// Every server writes it itself.
    #[error("every API server writes it itself")]
    MadeByTheServer,
    /// A controller keeps it in step with another object.
    #[error("{0} keeps it")]
    KeptBy(&'static str),
    /// It has done its work, and would do it again.
    #[error("it has ended, and would run again")]
    Ended,
    /// k3s writes it.
    #[error("k3s writes it: {0}")]
    MadeByK3s(&'static str),
}

/// Whether a bundle leaves an object out, and why. `find` gives another object of the same store.
pub fn skip(object: &Value, find: &dyn Fn(&Reference) -> Option<Value>) -> Option<Skip> {
    let group = group_of(object);
    let kind = text(object, "/kind");
    of_the_moment(group, kind)
        .or_else(|| made_by_the_server(object, group, kind))
        .or_else(|| made_by_its_owner(object, group, kind))
        .or_else(|| by_kind(object, group, kind, find))
        .or_else(|| made_by_k3s(object, group, kind))
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn group_of(object: &Value) -> &str {
    text(object, "/apiVersion").split_once('/').map_or("", |(group, _)| group)
}

fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/labels")?.get(key)?.as_str()
}

fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(key)?.as_str()
}

fn of_the_moment(group: &str, kind: &str) -> Option<Skip> {
    Some(Skip::OfTheMoment(match (group, kind) {
        ("" | "events.k8s.io", "Event") => "it says what happened",
        ("coordination.k8s.io", _) => "it says who leads or lives at the moment",
        ("", "Node") | ("storage.k8s.io", "CSINode") | ("resource.k8s.io", "ResourceSlice") => {
            "a node writes it when it joins"
        }
        ("storage.k8s.io", "VolumeAttachment" | "CSIStorageCapacity") => "it says where volumes are at the moment",
        ("certificates.k8s.io", "CertificateSigningRequest" | "PodCertificateRequest") => "a request is made once",
        ("resource.k8s.io", "PodSchedulingContext" | "ResourcePoolStatusRequest") => "a request is made once",
        ("lifecycle.k8s.io", _) => "a request is made once",
        ("internal.apiserver.k8s.io", _) => "it says what the servers can do at the moment",
        _ => return None,
    }))
}

fn made_by_the_server(object: &Value, group: &str, kind: &str) -> Option<Skip> {
    let (namespace, name) = (text(object, "/metadata/namespace"), text(object, "/metadata/name"));
    let own = match (group, kind) {
        ("apiregistration.k8s.io", _) => label(object, "kube-aggregator.kubernetes.io/automanaged").is_some(),
        ("rbac.authorization.k8s.io", _) => label(object, "kubernetes.io/bootstrapping") == Some("rbac-defaults"),
        ("flowcontrol.apiserver.k8s.io", _) => annotation(object, "apf.kubernetes.io/autoupdate-spec") == Some("true"),
        ("scheduling.k8s.io", "PriorityClass") => name.starts_with("system-"),
        ("networking.k8s.io", "IPAddress") => label(object, "ipaddress.kubernetes.io/managed-by").is_some(),
        ("networking.k8s.io", "ServiceCIDR") => name == "kubernetes",
        ("", "Service" | "Endpoints") | ("discovery.k8s.io", "EndpointSlice") => {
            namespace == "default" && name == "kubernetes"
        }
        ("", "ConfigMap") => match (namespace, name) {
            (_, "kube-root-ca.crt") => true,
            ("kube-system", "extension-apiserver-authentication") => true,
            ("kube-system", name) => name == "kube-apiserver-legacy-service-account-token-tracking",
            _ => false,
        },
        _ => false,
    };
    own.then_some(Skip::MadeByTheServer)
}

/// Owners of built-in kinds make these kinds; of others nobody knows what they would make again.
fn made_by_its_owner(object: &Value, group: &str, kind: &str) -> Option<Skip> {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array)?;
    let owner = owners.iter().find(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true))?;
    let made = matches!(
        (group, kind),
        ("", "Pod")
            | ("apps", "ReplicaSet" | "ControllerRevision")
            | ("batch", "Job")
            | ("discovery.k8s.io", "EndpointSlice")
            | ("resource.k8s.io", "ResourceClaim")
    );
    let field = |pointer: &str| text(owner, pointer).to_owned();
    made.then(|| Skip::MadeByItsOwner { kind: field("/kind"), name: field("/name") })
}

fn by_kind(object: &Value, group: &str, kind: &str, find: &dyn Fn(&Reference) -> Option<Value>) -> Option<Skip> {
    match (group, kind) {
        ("", "Pod") if matches!(text(object, "/status/phase"), "Succeeded" | "Failed") => Some(Skip::Ended),
        ("batch", "Job") => job_ended(object).then_some(Skip::Ended),
        ("discovery.k8s.io", "EndpointSlice") => {
            let manager = label(object, "endpointslice.kubernetes.io/managed-by")?;
            let controller =
                manager.starts_with("endpointslice-controller") || manager.starts_with("endpointslicemirroring");
            controller.then_some(Skip::KeptBy("the Service's controller"))
        }
        ("", "Endpoints") => {
            let (namespace, name) = (text(object, "/metadata/namespace"), text(object, "/metadata/name"));
            let service = find(&Reference::core("Service", namespace, name, "/metadata/name"))?;
            let selects =
                service.pointer("/spec/selector").and_then(Value::as_object).is_some_and(|map| !map.is_empty());
            selects.then_some(Skip::KeptBy("the Service's controller"))
        }
        ("", "Secret") if text(object, "/type") == "kubernetes.io/service-account-token" => {
            let account = annotation(object, "kubernetes.io/service-account.name").unwrap_or_default();
            let made = !account.is_empty() && is_token_of(text(object, "/metadata/name"), account);
            made.then_some(Skip::KeptBy("the ServiceAccount's controller"))
        }
        _ => None,
    }
}

fn job_ended(job: &Value) -> bool {
    let conditions = job.pointer("/status/conditions").and_then(Value::as_array).map(Vec::as_slice);
    conditions.unwrap_or_default().iter().any(|condition| {
        matches!(text(condition, "/type"), "Complete" | "Failed") && text(condition, "/status") == "True"
    })
}

/// k3s pkg/deploy (addons), pkg/etcd (snapshots), pkg/nodepassword, pkg/cluster (serving certificate).
fn made_by_k3s(object: &Value, group: &str, kind: &str) -> Option<Skip> {
    let (namespace, name) = (text(object, "/metadata/namespace"), text(object, "/metadata/name"));
    Some(Skip::MadeByK3s(match (group, kind) {
        ("k3s.cattle.io", "Addon") => "its record of manifests",
        ("k3s.cattle.io", "ETCDSnapshotFile") => "its record of snapshots",
        ("", "Secret") if namespace == "kube-system" && name.ends_with(".node-password.k3s") => {
            "the password of a node, which a node of that name must have"
        }
        ("", "Secret") if namespace == "kube-system" && name == "k3s-serving" => "the certificate of its servers",
        ("", "ConfigMap") if namespace == "kube-system" && name == "k3s-etcd-snapshots" => "its record of snapshots",
        _ if annotation(object, "objectset.rio.cattle.io/owner-gvk") == Some("k3s.cattle.io/v1, Kind=Addon") => {
            "it deploys it from server/manifests"
        }
        _ => return None,
    }))
}
