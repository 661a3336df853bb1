//! Keys lead to objects and objects to keys, as Kubernetes' own list of stored paths and four real stores have them; and
//! names lead to resources, as kubectl understands them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixtures;

use std::collections::{BTreeMap, BTreeSet};

use fixtures::{json_lines, listing, testdata, unpacked};
use kinescope::kube::resources::{FindError, Identity, Registry, Scope, Special};
use kinescope::kube::selector::Selection;
use proptest::prelude::*;
use serde_json::{Value, json};

fn no_crds() -> Registry {
    Registry::new([])
}

/// test/integration/etcd/data.go of Kubernetes 1.20, 1.24, 1.27, 1.31, 1.35 and 1.36: each resource and version that was
/// ever stored, with the key of an object.
#[test]
fn paths_are_those_of_kubernetes_own_list() {
    let registry = no_crds();
    let text = std::fs::read_to_string(testdata().join("kubectl/stored-paths.tsv")).unwrap();
    let mut listed = BTreeSet::new();
    for line in text.lines() {
        let [group, version, plural, key] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        if ["cr.bar.com", "custom.fancy.com", "awesome.bears.com", "random.numbers.com"].contains(&group) {
            let rest = key.strip_prefix(&format!("/registry/{group}/{plural}/")).unwrap();
            assert_eq!(registry.identify(key.as_bytes()), Identity::Unlisted { group, plural, rest });
            continue;
        }
        let object = registry.identify(key.as_bytes()).object().unwrap_or_else(|| panic!("{key}"));
        let resource = object.resource;
        assert_eq!(object.name, key.rsplit('/').next().unwrap());
        assert_eq!(object.namespace.is_some(), key.contains("etcdstoragepathtestnamespace"), "{key}");
        assert_eq!(registry.key(resource, object.namespace, object.name), key);
        let range = registry.key_range(resource, object.namespace);
        assert!(range.contains(&key.as_bytes().to_vec()), "{key}");
        // Groups that only serve objects of another one are not resources of their own here.
        if group != "extensions" && group != "events.k8s.io" {
            assert_eq!((&*resource.group, &*resource.plural), (group, plural));
            assert!(resource.versions.iter().any(|own| own.name == version), "{version} {plural}");
            let name = format!("{plural}.{version}.{group}");
            assert_eq!(registry.find(&name).unwrap(), resource, "{name}");
            listed.insert(resource.full_name());
        }
    }
    // The rest is newer than the list, or came and went between its releases.
    let missing: Vec<String> =
        registry.resources().iter().map(|one| one.full_name()).filter(|name| !listed.contains(name)).collect();
    assert_eq!(
        missing,
        [
            "compositepodgroups.scheduling.k8s.io",
            "resourceclaimparameters.resource.k8s.io",
            "resourceclassparameters.resource.k8s.io",
            "evictionrequests.lifecycle.k8s.io",
            "evictions.lifecycle.k8s.io",
        ]
    );
}

#[test]
fn every_key_of_a_real_store_is_the_object_that_kubectl_showed() {
    for (archive, list) in [
        ("kine-0.16", "final.listing.json"),
        ("kine-0.11", "final.listing.json"),
        ("etcd-3.5", "final.listing.json"),
        ("etcd-3.6", "final.listing.json"),
    ] {
        let dir = unpacked(archive);
        let shown = json_lines(&dir.join("kubectl-yaml.jsonl"));
        let mut objects: BTreeMap<(String, String, String), Value> = BTreeMap::new();
        for line in shown {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            let object: Value = serde_yaml::from_str(line["yaml"].as_str().unwrap()).unwrap();
            objects.insert((text("resource"), text("namespace"), text("name")), object);
        }
        let crds = objects.iter().filter(|((resource, ..), _)| resource.starts_with("customresourcedefinitions"));
        let registry = Registry::new(crds.map(|(_, crd)| crd));
        assert_eq!(registry.unreadable(), []);
        let mut special = BTreeSet::new();
        let mut foreign = BTreeSet::new();
        let mut seen = 0;
        for entry in listing(&dir.join(list)).1 {
            match registry.identify(entry.key.as_bytes()) {
                Identity::Object(id) => {
                    assert_eq!(registry.key(id.resource, id.namespace, id.name), entry.key);
                    let at = (id.resource.full_name(), id.namespace.unwrap_or_default().to_owned(), id.name.to_owned());
                    if let Some(object) = objects.get(&at) {
                        assert_eq!(registry.of_object(object), Some(id.resource));
                        assert_eq!(object["apiVersion"], id.resource.api_version(), "{}", entry.key);
                        seen += 1;
                    } else {
                        // Events and leases come and go between two commands.
                        assert!(["events", "leases.coordination.k8s.io"].contains(&at.0.as_str()), "{}", entry.key);
                    }
                }
                Identity::Special(kind) => {
                    special.insert(format!("{kind:?}"));
                }
                Identity::Foreign => {
                    foreign.insert(entry.key);
                }
                Identity::Unlisted { .. } => panic!("{}", entry.key),
            }
        }
        assert!(seen > 340, "{archive}: {seen}");
        assert!(special.contains("Bootstrap") && special.contains("Allocation"), "{special:?}");
        assert!(foreign.iter().all(|key| key.starts_with("/burst/")), "{foreign:?}");
    }
}

#[test]
fn special_keys_are_told_from_objects() {
    let registry = no_crds();
    for (key, expected) in [
        ("/bootstrap/7ef3a3fd80e9", Special::Bootstrap),
        ("compact_rev_key", Special::Compaction),
        ("compact_rev_key_apiserver", Special::CompactionApiserver),
        ("gap-17", Special::Gap),
        ("/registry/health", Special::Health),
        ("/registry/ranges/serviceips", Special::Allocation),
        ("/registry/ranges/servicenodeports", Special::Allocation),
        ("/registry/masterleases/10.0.0.1", Special::ServerLease),
        ("/registry/peerserverleases/apiserver-abc", Special::PeerLease),
        ("k3s/etcd/learnerProgress", Special::EmbeddedEtcd),
        ("k3s/apiaddresses", Special::EmbeddedEtcd),
    ] {
        assert_eq!(registry.identify(key.as_bytes()), Identity::Special(expected), "{key}");
    }
    for key in ["gap-x", "", "/", "/registry", "/registry/", "/other/pods/a/b", "/registry/pods", "\u{0}"] {
        assert_eq!(registry.identify(key.as_bytes()), Identity::Foreign, "{key:?}");
    }
    assert_eq!(registry.identify(b"/registry/pods/\xff/x"), Identity::Foreign);
    let unlisted = |key: &'static str, group, plural, rest| {
        assert_eq!(registry.identify(key.as_bytes()), Identity::Unlisted { group, plural, rest }, "{key}");
    };
    unlisted("/registry/pods/default", "", "pods", "default");
    unlisted("/registry/pods/default/a/b", "", "pods", "default/a/b");
    unlisted("/registry/example.com/widgets/ns/w", "example.com", "widgets", "ns/w");
    unlisted("/registry/services/other/ns/w", "", "services", "other/ns/w");
}

#[test]
fn another_root_moves_all_keys() {
    let registry = Registry::with_root("/kubernetes.io/", []);
    let pod = registry.find("po").unwrap();
    assert_eq!(registry.key(pod, Some("ns"), "a"), "/kubernetes.io/pods/ns/a");
    assert_eq!(registry.identify(b"/kubernetes.io/pods/ns/a").object().unwrap().name, "a");
    assert_eq!(registry.identify(b"/registry/pods/ns/a"), Identity::Foreign);
}

fn crd(group: &str, plural: &str, kind: &str, more: Value) -> Value {
    let mut spec = json!({"group": group, "names": {"plural": plural, "kind": kind, "shortNames": ["w"]}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"metadata": {"name": format!("{plural}.{group}")}, "spec": spec})
}

#[test]
fn names_are_understood_as_kubectl_understands_them() {
    let versions = json!({"versions": [{"name": "v1", "served": true}], "scope": "Cluster"});
    let widgets = crd("example.com", "widgets", "Widget", versions.clone());
    let more_widgets = crd("example.org", "widgets", "Widget", versions.clone());
    let knative = crd("serving.knative.dev", "services", "Service", versions);
    let registry = Registry::new([&widgets, &more_widgets, &knative]);
    for (name, expected) in [
        ("pod", "pods"),
        ("pods", "pods"),
        ("po", "pods"),
        ("Pod", "pods"),
        ("PODS", "pods"),
        ("pods.v1.", "pods"),
        ("deploy", "deployments.apps"),
        ("deploy.apps", "deployments.apps"),
        ("deployments.v1.apps", "deployments.apps"),
        ("Deployment", "deployments.apps"),
        ("Deployment.v1.apps", "deployments.apps"),
        ("ing", "ingresses.networking.k8s.io"),
        ("ingress.networking", "ingresses.networking.k8s.io"),
        ("netpol", "networkpolicies.networking.k8s.io"),
        ("events", "events"),
        ("ev", "events"),
        ("crds", "customresourcedefinitions.apiextensions.k8s.io"),
        ("endpoints", "endpoints"),
        ("sts.v1.apps", "statefulsets.apps"),
        ("hpa.v2beta2.autoscaling", "horizontalpodautoscalers.autoscaling"),
        ("services", "services"),
        ("services.serving.knative.dev", "services.serving.knative.dev"),
        ("service.v1.serving.knative.dev", "services.serving.knative.dev"),
        ("widgets.example.com", "widgets.example.com"),
        ("w.example.org", "widgets.example.org"),
        ("Widget.v1.example.org", "widgets.example.org"),
    ] {
        assert_eq!(
            registry.find(name).unwrap_or_else(|error| panic!("{name}: {error}")).full_name(),
            expected,
            "{name}"
        );
    }
    let error = |name: &str| registry.find(name).unwrap_err();
    assert_eq!(
        error("widgets"),
        FindError::Ambiguous {
            name: "widgets".to_owned(),
            candidates: vec!["widgets.example.com".to_owned(), "widgets.example.org".to_owned()],
        }
    );
    assert_eq!(
        error("events.events.k8s.io"),
        FindError::KeptElsewhere { asked: "events.events.k8s.io".to_owned(), stored: "events".to_owned() }
    );
    assert_eq!(
        error("ing.extensions"),
        FindError::KeptElsewhere {
            asked: "ingresses.extensions".to_owned(),
            stored: "ingresses.networking.k8s.io".to_owned()
        }
    );
    assert_eq!(error("cs"), FindError::NeverStored { name: "componentstatuses".to_owned() });
    assert_eq!(
        error("deploymnet").to_string(),
        r#"there is no resource type "deploymnet" in this store; did you mean deployments.apps?"#
    );
    for name in ["", ".", "pods.", "pods.v2.", "pods.apps", "deployments.v3.apps", "x", "..."] {
        let found = registry.find(name);
        assert!(name == "pods." || matches!(found, Err(FindError::Unknown { .. })), "{name:?}: {found:?}");
    }
    let all: Vec<String> =
        registry.resources().iter().filter(|one| one.is_in("all")).map(|one| one.full_name()).collect();
    assert_eq!(
        all,
        [
            "pods",
            "replicationcontrollers",
            "services",
            "daemonsets.apps",
            "deployments.apps",
            "replicasets.apps",
            "statefulsets.apps",
            "horizontalpodautoscalers.autoscaling",
            "cronjobs.batch",
            "jobs.batch"
        ]
    );
}

/// Servers store definitions as v1beta1 and kubectl shows them as v1: both say the same here.
#[test]
fn definitions_are_read_in_both_forms() {
    let columns = |path: &str| json!([{"name": "Size", "type": "integer", path: ".spec.size", "priority": 1}]);
    let old = crd(
        "example.com",
        "widgets",
        "Widget",
        json!({
            "version": "v1alpha1",
            "scope": "Namespaced",
            "versions": [
                {"name": "v1alpha1", "served": true, "storage": true},
                {"name": "v2", "served": false},
                {"name": "v1", "served": true},
            ],
            "additionalPrinterColumns": columns("JSONPath"),
        }),
    );
    let version = |name: &str, served: bool| json!({"name": name, "served": served, "additionalPrinterColumns": columns("jsonPath")});
    let new = crd(
        "example.com",
        "widgets",
        "Widget",
        json!({
            "scope": "Namespaced",
            "versions": [version("v1alpha1", true), version("v2", false), version("v1", true)],
        }),
    );
    let both = [Registry::new([&old]), Registry::new([&new])];
    assert_eq!(both[0].resources(), both[1].resources());
    let widgets = both[0].find("widget").unwrap();
    assert_eq!((widgets.api_version().as_str(), widgets.scope), ("example.com/v1", Scope::Namespaced));
    assert_eq!(widgets.versions.iter().map(|version| &*version.name).collect::<Vec<_>>(), ["v1", "v1alpha1", "v2"]);
    assert_eq!(widgets.versions[0].columns[0].json_path, ".spec.size");
    let only = crd("example.com", "widgets", "Widget", json!({"version": "v1beta1"}));
    assert_eq!(Registry::new([&only]).find("w").unwrap().api_version(), "example.com/v1beta1");
    let broken = json!({"metadata": {"name": "x.y"}, "spec": {"group": "y", "names": {"plural": "x"}}});
    let registry = Registry::new([&broken, &Value::Null]);
    let said: Vec<String> = registry.unreadable().iter().map(ToString::to_string).collect();
    assert!(said[0].starts_with("CustomResourceDefinition x.y: /spec/names/kind is missing"), "{said:?}");
    assert_eq!(said.len(), 2);
}

#[test]
fn arguments_select_keys_or_objects() {
    let registry = no_crds();
    let parse = |text| Selection::parse(text, &registry);
    assert_eq!(parse("/registry/pods/a/b").unwrap(), Selection::Key("/registry/pods/a/b"));
    assert_eq!(parse("/registry/pods/").unwrap(), Selection::KeyPrefix("/registry/pods/"));
    let objects = |text| match parse(text).unwrap() {
        Selection::Objects { resources, name } => {
            (resources.iter().map(|one| one.full_name()).collect::<Vec<_>>().join(" "), name)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(objects("deploy/web"), ("deployments.apps".to_owned(), Some("web")));
    assert_eq!(objects("po,svc,po"), ("pods services".to_owned(), None));
    assert!(objects("all").0.starts_with("pods replicationcontrollers services daemonsets.apps"));
    for wrong in ["", "pods/", "pods/a/b", "po,svc/a", "/x,", "nothing", "pods,", "all/x"] {
        assert!(wrong == "/x," || parse(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn any_key_is_answered(key in proptest::collection::vec(any::<u8>(), 0..60), tail in "[a-z./-]{0,40}") {
        let registry = no_crds();
        let _ = registry.identify(&key);
        let tail = format!("/registry/{tail}");
        if let Identity::Object(id) = registry.identify(tail.as_bytes()) {
            prop_assert_eq!(registry.key(id.resource, id.namespace, id.name), tail);
        }
    }

    #[test]
    fn any_name_is_answered(name in "\\PC{0,30}") {
        let registry = no_crds();
        let _ = registry.find(&name);
        let _ = Selection::parse(&name, &registry);
    }
}
