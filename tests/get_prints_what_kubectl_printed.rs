//! `get` prints every object of real clusters as kubectl printed it from the live API server: byte for byte, with Secrets and
//! ConfigMaps opened by k3s's token alone, also at revisions below the compact revision.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;

use std::path::PathBuf;

use command::{kinescope, ran};
use fixtures::{json_lines, unpacked};
use kinescope::kube::selector::LabelSelector;
use kinescope::kube::show::View;
use kinescope::ops::keyring::Given;
use kinescope::ops::objects::Objects;
use kinescope::ops::store;
use kinescope::render::{ListForm, objects_text};
use kinescope::source::Choice;
use rayon::prelude::*;
use serde_json::Value;

/// Archive, and the store in it.
const STORES: [(&str, &str); 4] = [
    ("kine-0.16", "final/state.db"),
    ("kine-0.11", "final/state.db"),
    ("etcd-3.5", "final.etcd"),
    ("etcd-3.6", "final.etcd"),
];

struct Printed {
    resource: String,
    namespace: Option<String>,
    name: String,
    yaml: String,
    revision: i64,
}

/// What kubectl printed, but for the second view of the stored Events that the server makes up, and for Events that had
/// expired when kubectl asked for them one by one.
fn printed(archive: &str) -> Vec<Printed> {
    let lines = json_lines(&unpacked(archive).join("kubectl-yaml.jsonl"));
    let mut gone = lines.iter().filter(|line| line["yaml"] == "");
    assert!(gone.all(|line| line["resource"].as_str().unwrap().starts_with("events")));
    let printed = lines.iter().filter(|line| line["resource"] != "events.events.k8s.io" && line["yaml"] != "");
    printed.map(printed_of).collect()
}

fn printed_of(line: &Value) -> Printed {
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let yaml = text("yaml");
    let metadata =
        yaml.lines().skip_while(|line| *line != "metadata:").skip(1).take_while(|line| line.starts_with(' '));
    let revision = metadata.filter_map(|line| line.strip_prefix("  resourceVersion: \"")?.strip_suffix('"')).next();
    let revision = revision.unwrap_or_else(|| panic!("no revision in {yaml}")).parse().unwrap();
    let namespace = Some(text("namespace")).filter(|namespace| !namespace.is_empty());
    Printed { resource: text("resource"), namespace, name: text("name"), yaml, revision }
}

fn token(archive: &str) -> PathBuf {
    unpacked(archive).join("token")
}

#[test]
fn every_object_is_printed_as_kubectl_printed_it() {
    let mut all = 0;
    for (archive, name) in STORES {
        let source = store::open(&unpacked(archive).join(name), &Choice::default()).unwrap();
        let given = Given::new(None, None, Some(&token(archive)), &[]).unwrap();
        let (keyring, _) = given.keyring(&source).unwrap();
        let printed = printed(archive);
        assert!(printed.len() > 390, "{archive}: {}", printed.len());
        let wrong: Vec<String> = printed
            .par_iter()
            .filter_map(|one| {
                let objects = Objects::new(source.store.history(), &keyring, None, one.revision);
                let resource = objects.registry().find(&one.resource).unwrap();
                let everything = LabelSelector::default();
                let found = objects.select(resource, one.namespace.as_deref(), Some(&one.name), &everything);
                let view = |change: &_| View { managed_fields: true, reveal: true, ..objects.kubectl(change) };
                let shown = objects_text(&objects, &found.live, &view, ListForm::Yaml, true);
                (shown.text != one.yaml || !shown.failed.is_empty()).then(|| {
                    format!(
                        "{archive} {} {} at {}:\n{}\n--- kubectl:\n{}\n{:?}",
                        one.resource, one.name, one.revision, shown.text, one.yaml, shown.failed
                    )
                })
            })
            .collect();
        assert!(wrong.is_empty(), "{} of {}; the first: {}", wrong.len(), printed.len(), wrong[0]);
        all += printed.len();
    }
    println!("{all} objects");
    assert_eq!(all, 1662);
}

#[test]
fn the_command_prints_the_same() {
    for (archive, name) in STORES {
        let path = unpacked(archive).join(name);
        for one in printed(archive).iter().step_by(37) {
            let mut command = kinescope();
            command.arg("get").arg(&path).arg(format!("{}/{}", one.resource, one.name));
            command.args(["-o", "yaml", "--show-managed-fields", "--reveal", "--at", &one.revision.to_string()]);
            command.arg("--token-file").arg(token(archive));
            if let Some(namespace) = &one.namespace {
                command.args(["-n", namespace]);
            }
            let ran = ran(&mut command).exits(0);
            assert_eq!(ran.text(), one.yaml, "{archive} {} {}", one.resource, one.name);
        }
    }
}

/// Resources whose objects changed between kubectl's tables and the end of the cluster: its API server left its addresses.
const MOVED_ON: [&str; 3] = ["endpoints", "endpointslices.discovery.k8s.io", "leases.coordination.k8s.io"];
/// Resources that no store has: the server makes them up.
const NEVER_STORED: [&str; 2] = ["componentstatuses", "events.events.k8s.io"];

/// The lines of a table without its ages and paddings. Old kine listed objects in the order of their revisions.
fn cells(table: &str, sorted: bool) -> Vec<String> {
    let age = regex::Regex::new(r"(^|\s)(\d+[dhmsy])+(\s|$)").unwrap();
    let mut lines: Vec<String> = table
        .trim_end()
        .lines()
        .map(|line| age.replace_all(line, " AGO ").split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    if sorted {
        lines.sort();
    }
    lines
}

#[test]
fn tables_are_those_of_kubectl_but_for_the_ages() {
    for (archive, name) in STORES {
        let path = unpacked(archive).join(name);
        let all = std::fs::read_to_string(unpacked(archive).join("kubectl-tables.txt")).unwrap();
        let (mut equal, mut left_out) = (0, 0);
        for section in all.split("### ").skip(1) {
            let (resource, table) = section.split_once('\n').unwrap();
            if MOVED_ON.contains(&resource) || NEVER_STORED.contains(&resource) {
                left_out += 1;
                continue;
            }
            let mut command = kinescope();
            command.arg("get").arg(&path).args([resource, "-A"]).arg("--token-file").arg(token(archive));
            let ran = ran(&mut command).exits(0);
            let sorted = archive == "kine-0.11";
            assert_eq!(cells(ran.text(), sorted), cells(table, sorted), "{archive} {resource}");
            equal += 1;
        }
        assert!(equal >= 40 && left_out <= 5, "{archive}: {equal} tables, {left_out} left out");
    }
}
