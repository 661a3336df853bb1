//! What a server would refuse, translate or drop, `put` refuses: exit code 2, every object named with its place, and nothing
//! written.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;

use std::fs;
use std::path::{Path, PathBuf};

use command::{Ran, names_in, run};
use fixtures::unpacked;
use tempfile::TempDir;

fn source() -> PathBuf {
    unpacked("kine-0.11").join("final/state.db")
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

struct Case {
    dir: TempDir,
}

impl Case {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn put(&self, manifest: &str, more: &[&str]) -> Ran {
        let path = self.dir.path().join("m.yaml");
        fs::write(&path, manifest).unwrap();
        let target = self.dir.path().join("target");
        run([&["put", text(&source()), text(&target), text(&path)], more].concat())
    }

    /// Refused with these words, and nothing is there but the manifest.
    #[track_caller]
    fn refuses(&self, manifest: &str, more: &[&str], words: &[&str]) {
        self.put(manifest, more).cannot(words);
        assert_eq!(names_in(self.dir.path()), ["m.yaml"]);
    }
}

#[test]
fn fields_that_nobody_knows_are_named_with_their_paths() {
    let case = Case::new();
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: shop, lables: {}}\nspec:\n  \
                      replcas: 1\n  template: {spec: {containers: [{imag: x}]}}\n";
    let paths = ["metadata.lables", "spec.replcas", "spec.template.spec.containers[0].imag", "Deployment", "1.35"];
    case.refuses(deployment, &[], &paths);
    case.refuses("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\ndata: [a]\n", &[], &["data"]);
    let service = "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.a}\nspec: {grup: a}\n";
    case.refuses(service, &[], &["spec.grup"]);
    let widget = "apiVersion: fixtures.example.com/v1\nkind: Widget\nmetadata: {name: a, namespace: shop, uids: x}\n";
    case.refuses(widget, &[], &["metadata.uids"]);
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: shop}\nstringData: {a: 1}\n";
    case.refuses(secret, &[], &["stringData.a", "a string"]);
    let quantity =
        "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: a, namespace: shop}\nspec: {hard: {pods: 1x}}\n";
    case.refuses(quantity, &[], &["spec.hard.pods", "quantity"]);
}

#[test]
fn all_objects_that_cannot_be_put_are_named_at_once() {
    let case = Case::new();
    let three = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: none}\n---\nkind: ConfigMap\n---\n\
                 apiVersion: v1\nkind: Nod\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: ok, \
                 namespace: shop}\n";
    case.refuses(
        three,
        &[],
        &["3 objects", "m.yaml:1: the namespace \"none\"", "m.yaml:5: ", "apiVersion", "no Nod of v1"],
    );
}

#[test]
fn versions_that_are_not_stored_are_left_to_a_server() {
    let case = Case::new();
    for (api_version, kind, wanted) in [
        ("autoscaling/v1", "HorizontalPodAutoscaler", "autoscaling/v2"),
        ("extensions/v1beta1", "Ingress", "networking.k8s.io/v1"),
        ("events.k8s.io/v1", "Event", "stored as v1"),
        ("policy/v1beta1", "PodDisruptionBudget", "policy/v1"),
        ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", "apiextensions.k8s.io/v1:"),
        ("k3s.cattle.io/v2", "Addon", "k3s.cattle.io/v1"),
        ("v2", "ConfigMap", "stored as v1"),
    ] {
        let manifest = format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a}}\n");
        let wanted = wanted.trim_end_matches(':');
        case.refuses(&manifest, &[], &[kind, api_version, wanted]);
    }
    // A release that is told on the command line has its own.
    let policy = "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingAdmissionPolicy\nmetadata: {name: a}\n";
    case.refuses(policy, &["--kubernetes-version", "1.36"], &["admissionregistration.k8s.io/v1beta1"]);
    case.refuses(policy, &["--kubernetes-version", "1.25"], &["Kubernetes 1.25 has no MutatingAdmissionPolicy"]);
}

#[test]
fn names_and_namespaces_must_make_a_key() {
    let case = Case::new();
    let map = |metadata: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{{metadata}}}\n");
    case.refuses(&map("namespace: shop"), &[], &["no metadata.name"]);
    case.refuses(&map("generateName: a-, namespace: shop"), &[], &["generateName"]);
    case.refuses(&map("name: a/b, namespace: shop"), &[], &["\"a/b\""]);
    case.refuses(&map("name: .., namespace: shop"), &[], &["\"..\""]);
    case.refuses(&map("name: a, namespace: shop"), &["-n", "blog"], &["\"shop\"", "-n says \"blog\""]);
    case.refuses(&map("name: a"), &["-n", "nowhere"], &["\"nowhere\"", "put a manifest of it"]);
    case.refuses(
        "apiVersion: v1\nkind: Node\nmetadata: {name: a, namespace: shop}\n",
        &[],
        &["whole cluster", "\"shop\""],
    );
    let twice = format!("{}---\n{}", map("name: a, namespace: shop"), map("name: a, namespace: shop"));
    case.refuses(&twice, &[], &["configmap/a", "twice", "m.yaml:1"]);
    let deleted = ["--delete", "cm/a", "-n", "shop"];
    case.refuses(&map("name: a"), &deleted, &["configmap/a", "both put and deleted"]);
    case.refuses(&map("name: a, namespace: scratch"), &["--delete", "ns/scratch"], &["\"scratch\" is not there"]);
}

#[test]
fn what_cannot_be_deleted_is_named() {
    let case = Case::new();
    let target = case.dir.path().join("target");
    for (argument, words) in [
        ("cm/none", "no configmap/none in namespace default"),
        ("cm", "KIND/NAME"),
        ("/registry/none", "no /registry/none"),
        ("/registry/pods/", "KIND/NAME"),
        ("widgit/a", "widgets"),
        ("cm/", "the name is missing"),
    ] {
        run(["put", text(&source()), text(&target), "--delete", argument]).cannot(&[words, "--delete"]);
    }
    run(["put", text(&source()), text(&target)]).exits(2);
    assert_eq!(names_in(case.dir.path()), [""; 0]);
}

#[test]
fn manifests_that_cannot_be_read_say_where() {
    let case = Case::new();
    case.refuses("apiVersion: v1\n  kind: [\n", &[], &["m.yaml", "line 2"]);
    case.refuses("a: 1\na: 2\n", &[], &["m.yaml", "already set"]);
    case.refuses("# nothing\n---\n", &[], &["no object in the manifests"]);
    case.refuses("- a\n- b\n", &[], &["m.yaml:1", "no Kubernetes object"]);
    let target = case.dir.path().join("target");
    run(["put", text(&source()), text(&target), "/nonexistent.yaml"]).cannot(&["/nonexistent.yaml"]);
    run(["put", "-", text(&target), "-"]).cannot(&["standard input"]);
    run(["put", text(&source()), "-", "a.yaml"]).cannot(&["standard output"]);
    // A manifest is an input like any other.
    let manifest = case.dir.path().join("m.yaml");
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n";
    fs::write(&manifest, map).unwrap();
    run(["put", text(&source()), text(&manifest), text(&manifest), "--force"]).cannot(&["m.yaml", "input"]);
    assert_eq!(fs::read_to_string(&manifest).unwrap(), map);
}

#[test]
fn the_release_must_be_known_where_the_bytes_depend_on_it() {
    let case = Case::new();
    let without = case.dir.path().join("nodeless.db");
    let nodes = ["srv-0", "srv-1", "srv-2"].map(|name| ["--delete".to_owned(), format!("node/{name}")]);
    let nodes: Vec<&str> = nodes.iter().flatten().map(String::as_str).collect();
    run([&["put", text(&source()), text(&without)][..], &nodes].concat()).exits(0);
    let manifest = case.dir.path().join("m.yaml");
    fs::write(&manifest, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n").unwrap();
    let target = case.dir.path().join("target");
    let args = ["put", text(&without), text(&target), text(&manifest)];
    run(args).cannot(&["--kubernetes-version", "ConfigMap"]);
    run(args.into_iter().chain(["--kubernetes-version", "1.33"])).exits(0);
}
