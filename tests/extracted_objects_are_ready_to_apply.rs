//! What is taken out of an object before it goes into a cluster again, and what never is; what a bundle leaves out, in
//! which order it stands, and which other objects an object needs.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixtures;

use std::collections::{BTreeMap, BTreeSet};

use fixtures::{json_lines, unpacked};
use kinescope::kube::order::{object_rank, sort_bundle};
use kinescope::kube::references::{Reference, references};
use kinescope::kube::resources::Registry;
use kinescope::kube::skip::{Skip, skip};
use kinescope::kube::strip::{Mode, Stripped, Warning, strip};
use serde_json::{Value, json};

const MODES: [Mode; 3] = [Mode::Apply, Mode::Create, Mode::SameCluster];

fn objects(archive: &str) -> Vec<Value> {
    let lines = json_lines(&unpacked(archive).join("kubectl-yaml.jsonl"));
    let objects = lines.iter().map(|line| serde_yaml::from_str(line["yaml"].as_str().unwrap()).unwrap());
    // Some were gone when kubectl came to print them.
    objects.filter(|object: &Value| !object.is_null()).collect()
}

fn plain(object: &Value, mode: Mode) -> Stripped {
    strip(object, mode, &|_| false)
}

/// All leaves of a value with their JSON pointers; an empty object or list is a leaf.
fn leaves(value: &Value, at: &str, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                leaves(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for (index, value) in list.iter().enumerate() {
                leaves(value, &format!("{at}/{index}"), found);
            }
        }
        leaf => {
            found.insert(at.to_owned(), leaf.clone());
        }
    }
}

/// Every leaf is still there, at its place or where the removal of elements before it has moved it, or it lies in
/// something that is listed as removed.
fn check_that_only_what_is_listed_is_gone(object: &Value, stripped: &Stripped) {
    let mut before = BTreeMap::new();
    leaves(object, "", &mut before);
    let removed: Vec<&str> = stripped.removed.iter().map(|removal| removal.path.as_str()).collect();
    for (path, value) in before {
        let within = |removed: &&str| path == **removed || path.starts_with(&format!("{removed}/"));
        if removed.iter().any(within) {
            continue;
        }
        let mut moved = String::new();
        let mut original = String::new();
        for part in path.split('/').skip(1) {
            let earlier = part.parse::<usize>().map_or(0, |index| {
                (0..index).filter(|index| removed.contains(&format!("{original}/{index}").as_str())).count()
            });
            original = format!("{original}/{part}");
            moved = match part.parse::<usize>() {
                Ok(index) => format!("{moved}/{}", index - earlier),
                Err(_) => format!("{moved}/{part}"),
            };
        }
        assert_eq!(stripped.object.pointer(&moved), Some(&value), "{path} of {object}");
    }
}

#[test]
fn only_what_is_listed_is_removed_from_objects_of_real_clusters() {
    let mut emptied = 0;
    for archive in ["kine-0.16", "kine-0.11", "etcd-3.5", "etcd-3.6"] {
        for object in objects(archive) {
            for mode in MODES {
                let stripped = plain(&object, mode);
                check_that_only_what_is_listed_is_gone(&object, &stripped);
                assert!(stripped.removed.iter().all(|removal| !removal.why.is_empty()));
                // Doing it again changes nothing.
                assert_eq!(plain(&stripped.object, mode).removed, []);
                for field in ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"] {
                    assert!(stripped.object["metadata"].get(field).is_none(), "{field}");
                }
                assert!(stripped.object.get("status").is_none());
                let mut all = BTreeMap::new();
                leaves(&stripped.object, "", &mut all);
                emptied += all.values().filter(|value| *value == &json!({}) || *value == &json!([])).count();
            }
        }
    }
    assert!(emptied > 500, "there were empty values to keep: {emptied}");
}

#[test]
fn empty_values_that_mean_something_stay() {
    let object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "a", "annotations": {}, "labels": {}},
        "spec": {"selector": {}, "template": {"metadata": {"creationTimestamp": null}, "spec": {
            "securityContext": {}, "volumes": [{"name": "v", "emptyDir": {}}],
            "containers": [{"name": "c", "resources": {}, "args": [], "env": [{"name": "E", "value": ""}]}],
        }}},
    });
    let mut expected = object.clone();
    expected["spec"]["template"]["metadata"] = json!({});
    let policy = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "deny"},
        "spec": {"podSelector": {}, "ingress": [], "egress": [{}], "policyTypes": ["Ingress"]},
    });
    for mode in MODES {
        assert_eq!(plain(&object, mode).object, expected);
        assert_eq!(plain(&policy, mode).object, policy);
    }
}

fn service(more: Value) -> Value {
    let mut service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "type": "LoadBalancer", "clusterIP": "10.43.0.9", "clusterIPs": ["10.43.0.9"], "healthCheckNodePort": 31000,
            "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30080}, {"port": 443, "protocol": "TCP", "nodePort": 30443}],
        },
        "status": {"loadBalancer": {}},
    });
    service["metadata"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    service
}

#[test]
fn services_keep_the_ports_that_somebody_asked_for() {
    let free = plain(&service(json!({})), Mode::Apply).object;
    assert_eq!(
        free["spec"],
        json!({"type": "LoadBalancer", "ports": [{"port": 80, "protocol": "TCP"}, {"port": 443, "protocol": "TCP"}]})
    );
    let applied = r#"{"spec":{"ports":[{"port":80,"nodePort":30080}]}}"#;
    let by_apply = service(json!({"annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}}));
    let managed = json!({"managedFields": [{"manager": "helm", "fieldsV1": {"f:spec": {"f:ports": {
        ".": {}, r#"k:{"port":80,"protocol":"TCP"}"#: {".": {}, "f:nodePort": {}, "f:port": {}},
        r#"k:{"port":443,"protocol":"TCP"}"#: {".": {}, "f:port": {}},
    }}}}]});
    for declared in [by_apply, service(managed)] {
        let ports = &plain(&declared, Mode::Apply).object["spec"]["ports"];
        assert_eq!(
            *ports,
            json!([{"port": 80, "protocol": "TCP", "nodePort": 30080}, {"port": 443, "protocol": "TCP"}])
        );
    }
    assert_eq!(plain(&service(json!({})), Mode::SameCluster).object["spec"], service(json!({}))["spec"]);
    let mut headless = service(json!({}));
    headless["spec"] = json!({"clusterIP": "None", "clusterIPs": ["None"]});
    assert_eq!(plain(&headless, Mode::Apply).object["spec"], headless["spec"]);
}

#[test]
fn modes_differ_in_what_they_say() {
    let applied = json!({"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}});
    let annotations = |mode| plain(&service(applied.clone()), mode).object["metadata"].get("annotations").cloned();
    assert_eq!(annotations(Mode::Apply), None);
    assert_eq!(annotations(Mode::SameCluster), None);
    assert_eq!(annotations(Mode::Create), Some(applied["annotations"].clone()));

    let owned = json!({"ownerReferences": [
        {"kind": "Widget", "name": "alive", "uid": "u1"}, {"kind": "Widget", "name": "gone", "uid": "u2"},
    ]});
    let stripped = strip(&service(owned.clone()), Mode::SameCluster, &|uid| uid == "u1");
    assert_eq!(stripped.object["metadata"]["ownerReferences"], json!([owned["ownerReferences"][0]]));
    assert_eq!(stripped.warnings, [Warning::OwnerGone { kind: "Widget".to_owned(), name: "gone".to_owned() }]);
    for (mode, lives) in [(Mode::Apply, true), (Mode::Create, true), (Mode::SameCluster, false)] {
        let stripped = strip(&service(owned.clone()), mode, &|_| lives);
        assert_eq!(stripped.object["metadata"].get("ownerReferences"), None);
    }

    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "annotations": {"pv.kubernetes.io/bind-completed": "yes", "mine": "yes"}},
        "spec": {"volumeName": "pvc-1", "accessModes": ["ReadWriteOnce"]},
    });
    let moved = plain(&claim, Mode::Apply);
    assert_eq!(moved.object["spec"], json!({"accessModes": ["ReadWriteOnce"]}));
    assert_eq!(moved.warnings, [Warning::Unbound("pvc-1".to_owned())]);
    let back = plain(&claim, Mode::SameCluster);
    assert_eq!(back.object["spec"], claim["spec"]);
    assert_eq!(back.object["metadata"]["annotations"], json!({"mine": "yes"}));
}

#[test]
fn pods_jobs_and_accounts_lose_what_the_server_added() {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "generateName": "a-"},
        "spec": {
            "nodeName": "n", "priority": 0, "serviceAccount": "sa", "serviceAccountName": "sa",
            "volumes": [
                {"name": "kube-api-access-x1y2z", "projected": {}}, {"name": "data", "emptyDir": {}},
                {"name": "sa-token-abcde", "secret": {"secretName": "sa-token-abcde"}},
            ],
            "containers": [{"name": "c", "volumeMounts": [
                {"name": "data", "mountPath": "/data"}, {"name": "kube-api-access-x1y2z", "mountPath": "/var/run"},
            ]}, {"name": "d", "volumeMounts": [{"name": "sa-token-abcde", "mountPath": "/var/run"}]}],
        },
    });
    assert_eq!(
        plain(&pod, Mode::Apply).object,
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
            "spec": {
                "serviceAccountName": "sa", "volumes": [{"name": "data", "emptyDir": {}}],
                "containers": [
                    {"name": "c", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}, {"name": "d"},
                ],
            },
        })
    );
    let labels = json!({"controller-uid": "u", "job-name": "j", "batch.kubernetes.io/controller-uid": "u", "app": "x"});
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "labels": labels},
        "spec": {"selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}},
            "template": {"metadata": {"labels": labels}, "spec": {}}},
    });
    let stripped = plain(&job, Mode::Apply).object;
    assert_eq!(stripped["spec"], json!({"template": {"metadata": {"labels": {"app": "x"}}, "spec": {}}}));
    assert_eq!(stripped["metadata"]["labels"], json!({"app": "x"}));
    let mut manual = job.clone();
    manual["spec"]["manualSelector"] = json!(true);
    assert_eq!(plain(&manual, Mode::Apply).object, manual);

    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "sa"},
        "secrets": [{"name": "sa-token-abcde"}, {"name": "sa-token-by-hand"}],
    });
    assert_eq!(plain(&account, Mode::Apply).object["secrets"], json!([{"name": "sa-token-by-hand"}]));

    let dying = json!({
        "apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": {"name": "w", "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.com/x"]},
    });
    let stripped = plain(&dying, Mode::Apply);
    assert_eq!(stripped.object["metadata"], json!({"name": "w"}));
    assert_eq!(stripped.warnings, [Warning::WasBeingDeleted]);
    let mut held = dying.clone();
    held["metadata"].as_object_mut().unwrap().remove("deletionTimestamp");
    assert_eq!(plain(&held, Mode::Apply).warnings, [Warning::Finalizers(vec!["example.com/x".to_owned()])]);
}

/// Of a real cluster a bundle takes what its users made, and leaves out what servers and controllers did.
#[test]
fn a_bundle_of_a_real_cluster_holds_what_users_made() {
    let objects = objects("etcd-3.6");
    let find = |wanted: &Reference| {
        objects.iter().find(|object| {
            object["kind"] == wanted.kind
                && object["metadata"]["name"] == wanted.name
                && object["metadata"]["namespace"].as_str() == wanted.namespace.as_deref()
        })
    };
    let mut taken: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut left_out: BTreeMap<&str, usize> = BTreeMap::new();
    for object in &objects {
        match skip(object, &|reference| find(reference).cloned()) {
            Some(reason) => {
                let class = match reason {
                    Skip::MadeByItsOwner { .. } => "owner",
                    Skip::OfTheMoment(_) => "moment",
                    Skip::MadeByTheServer => "server",
                    Skip::KeptBy(_) => "controller",
                    Skip::Ended => "ended",
                    Skip::MadeByK3s(_) => "k3s",
                };
                *left_out.entry(class).or_default() += 1;
            }
            None => {
                let kind = object["kind"].as_str().unwrap().to_owned();
                taken.entry(kind).or_default().insert(object["metadata"]["name"].as_str().unwrap().to_owned());
            }
        }
    }
    let names = |kind: &str| taken.get(kind).map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
    for kind in ["Event", "Lease", "Node", "ReplicaSet", "Endpoints", "EndpointSlice", "FlowSchema", "IPAddress"] {
        assert_eq!(names(kind), None, "{kind}");
    }
    assert_eq!(names("Deployment").unwrap(), ["web", "wp"]);
    assert_eq!(names("Service").unwrap(), ["np", "web"]);
    assert_eq!(names("Secret").unwrap(), ["db", "sh.helm.release.v1.shop.v1"]);
    assert_eq!(names("PriorityClass").unwrap(), ["high"]);
    assert_eq!(names("APIService").unwrap(), ["v1beta1.metrics.k8s.io"]);
    assert_eq!(names("Role").unwrap(), ["reader"]);
    assert!(["owner", "moment", "server", "controller", "k3s"].iter().all(|class| left_out[class] > 0), "{left_out:?}");
}

#[test]
fn a_bundle_begins_with_what_others_need() {
    let kinds = [
        ("v1", "Namespace"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("storage.k8s.io/v1", "StorageClass"),
        ("v1", "ServiceAccount"),
        ("v1", "Secret"),
        ("v1", "ConfigMap"),
        ("v1", "PersistentVolume"),
        ("v1", "PersistentVolumeClaim"),
        ("rbac.authorization.k8s.io/v1", "Role"),
        ("rbac.authorization.k8s.io/v1", "RoleBinding"),
        ("v1", "Service"),
        ("apps/v1", "Deployment"),
        ("networking.k8s.io/v1", "Ingress"),
        ("example.com/v1", "Widget"),
        ("apiregistration.k8s.io/v1", "APIService"),
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
    ];
    let object = |(api_version, kind): (&str, &str)| json!({"apiVersion": api_version, "kind": kind});
    let mut shuffled: Vec<Value> = kinds.into_iter().rev().map(object).collect();
    sort_bundle(&mut shuffled);
    assert_eq!(shuffled, kinds.map(object));
    assert!(shuffled.windows(2).all(|pair| object_rank(&pair[0]) < object_rank(&pair[1])));
    let named = |kind: &str, namespace: &str, name: &str| json!({"apiVersion": "v1", "kind": kind, "metadata": {"namespace": namespace, "name": name}});
    let mut secrets = [named("Secret", "b", "a"), named("Secret", "a", "z"), named("Secret", "a", "b")];
    sort_bundle(&mut secrets);
    assert_eq!(secrets, [named("Secret", "a", "b"), named("Secret", "a", "z"), named("Secret", "b", "a")]);
}

#[test]
fn references_name_what_an_object_needs() {
    let crd = json!({"metadata": {"name": "widgets.example.com"}, "spec": {
        "group": "example.com", "names": {"plural": "widgets", "kind": "Widget"}, "versions": [{"name": "v1", "served": true}]}});
    let registry = Registry::new([&crd]);
    let named = |object: Value| -> Vec<String> {
        let shown = |one: &Reference| {
            let group = if one.group.is_empty() { String::new() } else { format!(".{}", one.group) };
            let namespace = one.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
            assert!(object.pointer(&one.path).is_some(), "{}", one.path);
            format!("{}{group} {namespace}{}{}", one.kind, one.name, if one.optional { "?" } else { "" })
        };
        references(&object, &registry).iter().map(shown).collect()
    };
    assert_eq!(
        named(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "n"},
        "spec": {"template": {"spec": {
            "serviceAccountName": "sa", "priorityClassName": "high", "imagePullSecrets": [{"name": "pull"}],
            "initContainers": [{"envFrom": [{"configMapRef": {"name": "cm"}}, {"secretRef": {"name": "s", "optional": true}}]}],
            "containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "key", "key": "k"}}},
                {"valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k"}}}, {"value": "x"}]}],
            "volumes": [{"name": "a", "secret": {"secretName": "vol"}}, {"name": "b", "persistentVolumeClaim": {"claimName": "pvc"}},
                {"name": "c", "projected": {"sources": [{"configMap": {"name": "proj"}}, {"downwardAPI": {}}]}},
                {"name": "kube-api-access-12345", "projected": {"sources": [{"configMap": {"name": "kube-root-ca.crt"}}]}},
                {"name": "d", "emptyDir": {}}],
        }}}})),
        [
            "Namespace n",
            "ServiceAccount n/sa",
            "PriorityClass.scheduling.k8s.io high",
            "Secret n/pull",
            "ConfigMap n/cm",
            "Secret n/s?",
            "Secret n/key",
            "Secret n/vol",
            "PersistentVolumeClaim n/pvc",
            "ConfigMap n/proj"
        ]
    );
    assert_eq!(
        named(
            json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "pg", "namespace": "n"}, "spec": {
            "serviceName": "pg", "replicas": 2,
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"storageClassName": "fast"}}]}})
        ),
        [
            "Namespace n",
            "Service n/pg",
            "StorageClass.storage.k8s.io fast",
            "PersistentVolumeClaim n/data-pg-0?",
            "PersistentVolumeClaim n/data-pg-1?"
        ]
    );
    assert_eq!(
        named(
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "i", "namespace": "n"}, "spec": {
            "ingressClassName": "traefik", "tls": [{"secretName": "cert"}],
            "rules": [{"http": {"paths": [{"backend": {"service": {"name": "web"}}},
                {"backend": {"resource": {"apiGroup": "example.com", "kind": "Widget", "name": "w"}}}]}}]}})
        ),
        [
            "Namespace n",
            "IngressClass.networking.k8s.io traefik",
            "Service n/web",
            "Widget.example.com n/w",
            "Secret n/cert"
        ]
    );
    assert_eq!(
        named(
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "b", "namespace": "n"},
            "roleRef": {"kind": "ClusterRole", "name": "view"},
            "subjects": [{"kind": "ServiceAccount", "name": "sa", "namespace": "other"}, {"kind": "User", "name": "me"}]})
        ),
        ["Namespace n", "ClusterRole.rbac.authorization.k8s.io view", "ServiceAccount other/sa"]
    );
    assert_eq!(
        named(json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}})),
        ["CustomResourceDefinition.apiextensions.k8s.io widgets.example.com"]
    );
}

/// In a real cluster nearly everything that is named is there.
#[test]
fn what_objects_of_a_real_cluster_need_is_there() {
    let objects = objects("etcd-3.6");
    let registry = Registry::new(objects.iter().filter(|object| object["kind"] == "CustomResourceDefinition"));
    let ids: BTreeSet<(String, String, String)> = objects
        .iter()
        .map(|object| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&object["kind"]), text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]))
        })
        .collect();
    let mut missing = BTreeSet::new();
    let mut found = 0;
    for object in &objects {
        for one in references(object, &registry) {
            match ids.contains(&(one.kind.clone(), one.namespace.clone().unwrap_or_default(), one.name.clone())) {
                true => found += 1,
                false => {
                    missing.insert(format!("{} {}/{}", one.kind, one.namespace.unwrap_or_default(), one.name));
                }
            }
        }
    }
    assert!(found > 400, "{found}");
    // Bindings of the server name accounts that this cluster's controllers did not use.
    missing.retain(|name| !name.starts_with("ServiceAccount kube-system/"));
    assert_eq!(
        missing.into_iter().collect::<Vec<_>>(),
        ["ConfigMap blog/tricky", "Service kube-system/metrics-server", "Service shop/pg"]
    );
}
