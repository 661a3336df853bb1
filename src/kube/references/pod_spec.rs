//! What pods need: accounts, settings, volumes.

use serde_json::Value;

use super::{Found, list, text};

/// What the pod spec at a JSON pointer of the object names.
pub(super) fn needs(found: &mut Found<'_>, spec: &str) {
    found.local_at("", "ServiceAccount", &format!("{spec}/serviceAccountName"));
    found.cluster_at("scheduling.k8s.io", "PriorityClass", &format!("{spec}/priorityClassName"));
    found.cluster_at("node.k8s.io", "RuntimeClass", &format!("{spec}/runtimeClassName"));
    let object = found.object;
    for at in 0..list(object, &format!("{spec}/imagePullSecrets")).len() {
        found.local_at("", "Secret", &format!("{spec}/imagePullSecrets/{at}/name"));
    }
    for containers in ["initContainers", "containers", "ephemeralContainers"] {
        for at in 0..list(object, &format!("{spec}/{containers}")).len() {
            environment(found, &format!("{spec}/{containers}/{at}"));
        }
    }
    for (at, volume) in list(object, &format!("{spec}/volumes")).iter().enumerate() {
        // The server adds this one and what is in it.
        if !text(volume, "/name").starts_with("kube-api-access-") {
            volume_needs(found, &format!("{spec}/volumes/{at}"));
        }
    }
    for at in 0..list(object, &format!("{spec}/resourceClaims")).len() {
        let claim = format!("{spec}/resourceClaims/{at}");
        found.local_at("resource.k8s.io", "ResourceClaim", &format!("{claim}/resourceClaimName"));
        found.local_at("resource.k8s.io", "ResourceClaimTemplate", &format!("{claim}/resourceClaimTemplateName"));
    }
}

/// A ConfigMap or Secret in a source that may say that it is optional.
fn source(found: &mut Found<'_>, kind: &str, at: &str, name: &str) {
    let Some(value) = found.object.pointer(at) else { return };
    let optional = value.get("optional").and_then(Value::as_bool).unwrap_or(false);
    let name = value.get(name).and_then(Value::as_str).unwrap_or_default();
    found.push("", kind, Some(found.namespace), name, at, optional);
}

fn environment(found: &mut Found<'_>, container: &str) {
    let object = found.object;
    for at in 0..list(object, &format!("{container}/env")).len() {
        source(found, "ConfigMap", &format!("{container}/env/{at}/valueFrom/configMapKeyRef"), "name");
        source(found, "Secret", &format!("{container}/env/{at}/valueFrom/secretKeyRef"), "name");
    }
    for at in 0..list(object, &format!("{container}/envFrom")).len() {
        source(found, "ConfigMap", &format!("{container}/envFrom/{at}/configMapRef"), "name");
        source(found, "Secret", &format!("{container}/envFrom/{at}/secretRef"), "name");
    }
}

fn volume_needs(found: &mut Found<'_>, at: &str) {
    source(found, "ConfigMap", &format!("{at}/configMap"), "name");
    source(found, "Secret", &format!("{at}/secret"), "secretName");
    found.local_at("", "PersistentVolumeClaim", &format!("{at}/persistentVolumeClaim/claimName"));
    let projected = format!("{at}/projected/sources");
    for index in 0..list(found.object, &projected).len() {
        source(found, "ConfigMap", &format!("{projected}/{index}/configMap"), "name");
        source(found, "Secret", &format!("{projected}/{index}/secret"), "name");
        found.cluster_at(
            "certificates.k8s.io",
            "ClusterTrustBundle",
            &format!("{projected}/{index}/clusterTrustBundle/name"),
        );
    }
    found.cluster_at(
        "storage.k8s.io",
        "StorageClass",
        &format!("{at}/ephemeral/volumeClaimTemplate/spec/storageClassName"),
    );
    for driver in [
        "csi/nodePublishSecretRef",
        "iscsi/secretRef",
        "cephfs/secretRef",
        "rbd/secretRef",
        "flexVolume/secretRef",
        "scaleIO/secretRef",
        "storageos/secretRef",
        "cinder/secretRef",
    ] {
        found.local_at("", "Secret", &format!("{at}/{driver}/name"));
    }
    found.local_at("", "Secret", &format!("{at}/azureFile/secretName"));
}
