//! Which rules a built-in kind has.

use serde_json::Value;

use super::Shown::{Always, Name};
use super::access::{age, int, name, text};
use super::{BuiltIn, Cell, Options};
use super::{cluster, devices, hpa, network, node, pods, policies, storage, workloads};
use crate::kube::resources::Resource;

/// NAME and AGE, for kinds that need no more.
pub(super) const NAME_AGE: &[super::Column] = &[("NAME", Name), ("AGE", Always)];

/// Makes the cells of one object.
pub(super) type Cells = fn(&Value, &Options) -> Vec<Cell>;

/// The columns and cells of a built-in kind.
pub(super) fn columns_of(resource: &Resource) -> BuiltIn {
    let (columns, cells): (&'static [super::Column], Cells) = match &*resource.plural {
        "pods" => (pods::COLUMNS, pods::cells),
        "podtemplates" => (pods::TEMPLATE_COLUMNS, pods::template_cells),
        "deployments" => (workloads::DEPLOYMENT, workloads::deployment),
        "replicasets" => (workloads::REPLICA_SET, workloads::replica_set),
        "replicationcontrollers" => (workloads::REPLICA_SET, workloads::replication_controller),
        "statefulsets" => (workloads::STATEFUL_SET, workloads::stateful_set),
        "daemonsets" => (workloads::DAEMON_SET, workloads::daemon_set),
        "jobs" => (workloads::JOB, workloads::job),
        "cronjobs" => (workloads::CRON_JOB, workloads::cron_job),
        "controllerrevisions" => (workloads::CONTROLLER_REVISION, workloads::controller_revision),
        "poddisruptionbudgets" => (workloads::DISRUPTION_BUDGET, workloads::disruption_budget),
        "horizontalpodautoscalers" => (hpa::COLUMNS, hpa::cells),
        "services" => (network::SERVICE, network::service),
        "endpoints" => (network::ENDPOINTS, network::endpoints),
        "endpointslices" => (network::ENDPOINT_SLICE, network::endpoint_slice),
        "ingresses" => (network::INGRESS, network::ingress),
        "ingressclasses" => (network::INGRESS_CLASS, network::ingress_class),
        "networkpolicies" => (network::NETWORK_POLICY, network::network_policy),
        "ipaddresses" => (network::IP_ADDRESS, network::ip_address),
        "servicecidrs" => (network::SERVICE_CIDR, network::service_cidr),
        "clustercidrs" => (network::CLUSTER_CIDR, network::cluster_cidr),
        "nodes" => (node::COLUMNS, node::cells),
        "namespaces" => (cluster::NAMESPACE, cluster::namespace),
        "configmaps" => (cluster::CONFIG_MAP, cluster::config_map),
        "secrets" => (cluster::SECRET, cluster::secret),
        "events" => (cluster::EVENT, cluster::event),
        "leases" => (cluster::LEASE, cluster::lease),
        "leasecandidates" => (cluster::LEASE_CANDIDATE, cluster::lease_candidate),
        "resourcequotas" => (cluster::RESOURCE_QUOTA, cluster::resource_quota),
        "priorityclasses" => (cluster::PRIORITY_CLASS, cluster::priority_class),
        "runtimeclasses" => (cluster::RUNTIME_CLASS, cluster::runtime_class),
        "apiservices" => (cluster::API_SERVICE, cluster::api_service),
        "storageversions" => (cluster::STORAGE_VERSION, cluster::storage_version),
        "storageversionmigrations" => (cluster::MIGRATION, cluster::migration),
        "persistentvolumes" => (storage::VOLUME, storage::volume),
        "persistentvolumeclaims" => (storage::CLAIM, storage::claim),
        "storageclasses" => (storage::CLASS, storage::class),
        "volumeattributesclasses" => (storage::ATTRIBUTES_CLASS, storage::attributes_class),
        "volumeattachments" => (storage::ATTACHMENT, storage::attachment),
        "csinodes" => (storage::CSI_NODE, storage::csi_node),
        "csidrivers" => (storage::CSI_DRIVER, storage::csi_driver),
        "csistoragecapacities" => (storage::CAPACITY, storage::capacity),
        "rolebindings" | "clusterrolebindings" => (policies::BINDING, policies::binding),
        "mutatingwebhookconfigurations" | "validatingwebhookconfigurations" => (policies::WEBHOOKS, policies::webhooks),
        "validatingadmissionpolicies" => (policies::VALIDATING, policies::validating),
        "mutatingadmissionpolicies" => (policies::MUTATING, policies::mutating),
        "validatingadmissionpolicybindings" | "mutatingadmissionpolicybindings" => {
            (policies::POLICY_BINDING, policies::policy_binding)
        }
        "flowschemas" => (policies::FLOW_SCHEMA, policies::flow_schema),
        "prioritylevelconfigurations" => (policies::PRIORITY_LEVEL, policies::priority_level),
        "certificatesigningrequests" => (policies::SIGNING_REQUEST, policies::signing_request),
        "clustertrustbundles" => (policies::TRUST_BUNDLE, policies::trust_bundle),
        "podcertificaterequests" => (policies::POD_CERTIFICATE, policies::pod_certificate),
        "podsecuritypolicies" => (policies::POD_SECURITY, policies::pod_security),
        "resourceclaims" => (devices::CLAIM, devices::claim),
        "resourceslices" => (devices::SLICE, devices::slice),
        "devicetaintrules" => (devices::TAINT_RULE, devices::taint_rule),
        "resourcepoolstatusrequests" => (devices::POOL_STATUS, devices::pool_status),
        "podgroups" => (devices::POD_GROUP, devices::pod_group),
        "resourceclasses" => (devices::CLASS, devices::class),
        "podschedulingcontexts" => (devices::SCHEDULING, devices::scheduling),
        "serviceaccounts" | "deviceclasses" | "resourceclaimtemplates" | "workloads" => (NAME_AGE, name_age),
        _ => (&[("NAME", Name), ("CREATED AT", Always)], name_created),
    };
    BuiltIn { columns, cells }
}

fn name_age(object: &Value, options: &Options) -> Vec<Cell> {
    vec![name(object), age(object, options)]
}

/// What the server shows of kinds that it has no rule for (apiserver pkg/registry/rest/table.go).
fn name_created(object: &Value, _options: &Options) -> Vec<Cell> {
    vec![
        name(object),
        Cell::text(super::access::text_or(object, "/metadata/creationTimestamp", "0001-01-01T00:00:00Z")),
    ]
}

/// The order of the lines, as places in the list.
pub(super) fn in_order(resource: &Resource, objects: &[&Value]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..objects.len()).collect();
    if resource.plural == "flowschemas" {
        let rank = |at: &usize| {
            objects.get(*at).map(|object| (int(object, "/spec/matchingPrecedence"), text(object, "/metadata/name")))
        };
        places.sort_by_key(rank);
    }
    places
}
