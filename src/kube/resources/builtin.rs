//! The resources of Kubernetes 1.20 to 1.37 that are kept in the datastore.
//!
//! Sources: test/integration/etcd/data.go of 1.20, 1.24, 1.27, 1.31, 1.35 and 1.36 (resources, versions, keys); the
//! storage packages below pkg/registry (short names, categories); pkg/kubeapiserver/default_storage_factory_builder.go
//! (the prefixes that are not the plural). Groups stand in the order of their priority, and in them resources by name:
//! so `kubectl get all` lists them.

use super::Scope::{Cluster, Namespaced};
use super::{Origin, Resource, Scope, Text, Version};

/// One line of the table: group, plural, kind, scope, versions (preferred first), short names, category.
type Line =
    (&'static str, &'static str, &'static str, Scope, &'static [&'static str], &'static [&'static str], &'static str);

const ADMISSION: &str = "admissionregistration.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";
const FLOWCONTROL: &str = "flowcontrol.apiserver.k8s.io";
const NETWORKING: &str = "networking.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const RESOURCE: &str = "resource.k8s.io";
const SCHEDULING: &str = "scheduling.k8s.io";
const STORAGE: &str = "storage.k8s.io";

const V1: &[&str] = &["v1"];
const V1_BETA: &[&str] = &["v1", "v1beta1"];
const V1_BETA_ALPHA: &[&str] = &["v1", "v1beta1", "v1alpha1"];
const APPS: &[&str] = &["v1", "v1beta2", "v1beta1"];
const FLOW: &[&str] = &["v1", "v1beta3", "v1beta2", "v1beta1", "v1alpha1"];
const DRA: &[&str] = &["v1", "v1beta2", "v1beta1", "v1alpha3", "v1alpha2", "v1alpha1"];

const LINES: &[Line] = &[
    ("", "configmaps", "ConfigMap", Namespaced, V1, &["cm"], ""),
    ("", "endpoints", "Endpoints", Namespaced, V1, &["ep"], ""),
    ("", "events", "Event", Namespaced, V1, &["ev"], ""),
    ("", "limitranges", "LimitRange", Namespaced, V1, &["limits"], ""),
    ("", "namespaces", "Namespace", Cluster, V1, &["ns"], ""),
    ("", "nodes", "Node", Cluster, V1, &["no"], ""),
    ("", "persistentvolumeclaims", "PersistentVolumeClaim", Namespaced, V1, &["pvc"], ""),
    ("", "persistentvolumes", "PersistentVolume", Cluster, V1, &["pv"], ""),
    ("", "pods", "Pod", Namespaced, V1, &["po"], "all"),
    ("", "podtemplates", "PodTemplate", Namespaced, V1, &[], ""),
    ("", "replicationcontrollers", "ReplicationController", Namespaced, V1, &["rc"], "all"),
    ("", "resourcequotas", "ResourceQuota", Namespaced, V1, &["quota"], ""),
    ("", "secrets", "Secret", Namespaced, V1, &[], ""),
    ("", "serviceaccounts", "ServiceAccount", Namespaced, V1, &["sa"], ""),
    ("", "services", "Service", Namespaced, V1, &["svc"], "all"),
    ("apiregistration.k8s.io", "apiservices", "APIService", Cluster, V1_BETA, &[], "api-extensions"),
    ("apps", "controllerrevisions", "ControllerRevision", Namespaced, APPS, &[], ""),
    ("apps", "daemonsets", "DaemonSet", Namespaced, APPS, &["ds"], "all"),
    ("apps", "deployments", "Deployment", Namespaced, APPS, &["deploy"], "all"),
    ("apps", "replicasets", "ReplicaSet", Namespaced, APPS, &["rs"], "all"),
    ("apps", "statefulsets", "StatefulSet", Namespaced, APPS, &["sts"], "all"),
    (
        "autoscaling",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        Namespaced,
        &["v2", "v1", "v2beta2", "v2beta1"],
        &["hpa"],
        "all",
    ),
    ("batch", "cronjobs", "CronJob", Namespaced, &["v1", "v1beta1", "v2alpha1"], &["cj"], "all"),
    ("batch", "jobs", "Job", Namespaced, V1, &[], "all"),
    (CERTIFICATES, "certificatesigningrequests", "CertificateSigningRequest", Cluster, V1_BETA, &["csr"], ""),
    (CERTIFICATES, "clustertrustbundles", "ClusterTrustBundle", Cluster, V1_BETA_ALPHA, &[], ""),
    (CERTIFICATES, "podcertificaterequests", "PodCertificateRequest", Namespaced, V1_BETA_ALPHA, &[], ""),
    (NETWORKING, "clustercidrs", "ClusterCIDR", Cluster, &["v1alpha1"], &["cc"], ""),
    (NETWORKING, "ingressclasses", "IngressClass", Cluster, V1_BETA, &[], ""),
    (NETWORKING, "ingresses", "Ingress", Namespaced, V1_BETA, &["ing"], ""),
    (NETWORKING, "ipaddresses", "IPAddress", Cluster, V1_BETA_ALPHA, &["ip"], ""),
    (NETWORKING, "networkpolicies", "NetworkPolicy", Namespaced, V1, &["netpol"], ""),
    (NETWORKING, "servicecidrs", "ServiceCIDR", Cluster, V1_BETA_ALPHA, &[], ""),
    ("policy", "poddisruptionbudgets", "PodDisruptionBudget", Namespaced, V1_BETA, &["pdb"], ""),
    ("policy", "podsecuritypolicies", "PodSecurityPolicy", Cluster, &["v1beta1"], &["psp"], ""),
    (RBAC, "clusterrolebindings", "ClusterRoleBinding", Cluster, V1_BETA_ALPHA, &[], ""),
    (RBAC, "clusterroles", "ClusterRole", Cluster, V1_BETA_ALPHA, &[], ""),
    (RBAC, "rolebindings", "RoleBinding", Namespaced, V1_BETA_ALPHA, &[], ""),
    (RBAC, "roles", "Role", Namespaced, V1_BETA_ALPHA, &[], ""),
    (STORAGE, "csidrivers", "CSIDriver", Cluster, V1_BETA, &[], ""),
    (STORAGE, "csinodes", "CSINode", Cluster, V1_BETA, &[], ""),
    (STORAGE, "csistoragecapacities", "CSIStorageCapacity", Namespaced, V1_BETA_ALPHA, &[], ""),
    (STORAGE, "storageclasses", "StorageClass", Cluster, V1_BETA, &["sc"], ""),
    (STORAGE, "volumeattachments", "VolumeAttachment", Cluster, V1_BETA_ALPHA, &[], ""),
    (STORAGE, "volumeattributesclasses", "VolumeAttributesClass", Cluster, V1_BETA_ALPHA, &["vac"], ""),
    (
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        Cluster,
        V1_BETA,
        &["crd", "crds"],
        "api-extensions",
    ),
    (ADMISSION, "mutatingadmissionpolicies", "MutatingAdmissionPolicy", Cluster, V1_BETA_ALPHA, &[], "api-extensions"),
    (
        ADMISSION,
        "mutatingadmissionpolicybindings",
        "MutatingAdmissionPolicyBinding",
        Cluster,
        V1_BETA_ALPHA,
        &[],
        "api-extensions",
    ),
    (
        ADMISSION,
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        Cluster,
        V1_BETA,
        &[],
        "api-extensions",
    ),
    (
        ADMISSION,
        "validatingadmissionpolicies",
        "ValidatingAdmissionPolicy",
        Cluster,
        V1_BETA_ALPHA,
        &[],
        "api-extensions",
    ),
    (
        ADMISSION,
        "validatingadmissionpolicybindings",
        "ValidatingAdmissionPolicyBinding",
        Cluster,
        V1_BETA_ALPHA,
        &[],
        "api-extensions",
    ),
    (
        ADMISSION,
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        Cluster,
        V1_BETA,
        &[],
        "api-extensions",
    ),
    (SCHEDULING, "compositepodgroups", "CompositePodGroup", Namespaced, &["v1alpha3"], &[], ""),
    (SCHEDULING, "podgroups", "PodGroup", Namespaced, &["v1alpha3", "v1alpha2"], &[], ""),
    (SCHEDULING, "priorityclasses", "PriorityClass", Cluster, V1_BETA_ALPHA, &["pc"], ""),
    (SCHEDULING, "workloads", "Workload", Namespaced, &["v1alpha3", "v1alpha2", "v1alpha1"], &[], ""),
    (
        "coordination.k8s.io",
        "leasecandidates",
        "LeaseCandidate",
        Namespaced,
        &["v1beta1", "v1alpha2", "v1alpha1"],
        &[],
        "",
    ),
    ("coordination.k8s.io", "leases", "Lease", Namespaced, V1_BETA, &[], ""),
    ("node.k8s.io", "runtimeclasses", "RuntimeClass", Cluster, V1_BETA_ALPHA, &[], ""),
    ("discovery.k8s.io", "endpointslices", "EndpointSlice", Namespaced, V1_BETA, &[], ""),
    (FLOWCONTROL, "flowschemas", "FlowSchema", Cluster, FLOW, &[], ""),
    (FLOWCONTROL, "prioritylevelconfigurations", "PriorityLevelConfiguration", Cluster, FLOW, &[], ""),
    ("internal.apiserver.k8s.io", "storageversions", "StorageVersion", Cluster, &["v1alpha1"], &[], ""),
    (RESOURCE, "deviceclasses", "DeviceClass", Cluster, DRA, &[], ""),
    (RESOURCE, "devicetaintrules", "DeviceTaintRule", Cluster, &["v1", "v1beta2", "v1alpha3"], &[], ""),
    (RESOURCE, "podschedulingcontexts", "PodSchedulingContext", Namespaced, &["v1alpha3", "v1alpha2"], &[], ""),
    (RESOURCE, "resourceclaimparameters", "ResourceClaimParameters", Namespaced, &["v1alpha2"], &[], ""),
    (RESOURCE, "resourceclaims", "ResourceClaim", Namespaced, DRA, &[], ""),
    (RESOURCE, "resourceclaimtemplates", "ResourceClaimTemplate", Namespaced, DRA, &[], ""),
    (RESOURCE, "resourceclasses", "ResourceClass", Cluster, &["v1alpha2", "v1alpha1"], &[], ""),
    (RESOURCE, "resourceclassparameters", "ResourceClassParameters", Namespaced, &["v1alpha2"], &[], ""),
    (RESOURCE, "resourcepoolstatusrequests", "ResourcePoolStatusRequest", Cluster, &["v1alpha3"], &[], ""),
    (RESOURCE, "resourceslices", "ResourceSlice", Cluster, DRA, &[], ""),
    ("storagemigration.k8s.io", "storageversionmigrations", "StorageVersionMigration", Cluster, V1_BETA_ALPHA, &[], ""),
    ("lifecycle.k8s.io", "evictionrequests", "EvictionRequest", Namespaced, &["v1alpha1"], &[], ""),
    ("lifecycle.k8s.io", "evictions", "Eviction", Namespaced, &["v1alpha1"], &[], ""),
];

/// Where the keys of a resource begin when that is not its plural.
fn special_prefix(group: &str, plural: &str) -> Option<&'static str> {
    Some(match (group, plural) {
        ("", "nodes") => "minions",
        ("", "services") => "services/specs",
        ("", "endpoints") => "services/endpoints",
        ("", "replicationcontrollers") => "controllers",
        (NETWORKING, "ingresses") => "ingress",
        ("policy", "podsecuritypolicies") => "podsecuritypolicy",
        // The servers for these two are libraries of their own, which keep the group in the key.
        ("apiregistration.k8s.io", "apiservices") => "apiregistration.k8s.io/apiservices",
        ("apiextensions.k8s.io", "customresourcedefinitions") => "apiextensions.k8s.io/customresourcedefinitions",
        _ => return None,
    })
}

/// All of them, in the order of their groups' priority.
pub(super) fn resources() -> impl Iterator<Item = Resource> {
    LINES.iter().map(|&(group, plural, kind, scope, versions, short_names, category)| Resource {
        plural: Text::Borrowed(plural),
        singular: Text::Owned(kind.to_lowercase()),
        kind: Text::Borrowed(kind),
        group: Text::Borrowed(group),
        versions: versions
            .iter()
            .map(|&name| Version { name: Text::Borrowed(name), served: true, columns: Vec::new() })
            .collect(),
        short_names: short_names.iter().map(|&name| Text::Borrowed(name)).collect(),
        categories: (!category.is_empty()).then_some(Text::Borrowed(category)).into_iter().collect(),
        scope,
        origin: Origin::BuiltIn,
        prefix: Text::Borrowed(special_prefix(group, plural).unwrap_or(plural)),
    })
}

/// A group that serves objects which the datastore keeps under another group: asking for it gets an explanation.
pub(super) const COHABITING: [(&str, &str, &str); 7] = [
    ("events.k8s.io", "events", ""),
    ("extensions", "deployments", "apps"),
    ("extensions", "daemonsets", "apps"),
    ("extensions", "replicasets", "apps"),
    ("extensions", "ingresses", NETWORKING),
    ("extensions", "networkpolicies", NETWORKING),
    ("extensions", "podsecuritypolicies", "policy"),
];

/// Resources that a server makes up when asked and never keeps: plural, singular, short name.
pub(super) const NEVER_STORED: [(&str, &str, &str); 8] = [
    ("componentstatuses", "componentstatus", "cs"),
    ("bindings", "binding", ""),
    ("tokenreviews", "tokenreview", ""),
    ("subjectaccessreviews", "subjectaccessreview", ""),
    ("selfsubjectaccessreviews", "selfsubjectaccessreview", ""),
    ("selfsubjectrulesreviews", "selfsubjectrulesreview", ""),
    ("selfsubjectreviews", "selfsubjectreview", ""),
    ("localsubjectaccessreviews", "localsubjectaccessreview", ""),
];
