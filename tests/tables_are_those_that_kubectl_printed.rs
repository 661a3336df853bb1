//! The tables that kubectl printed of four real clusters, from the objects that it printed as YAML just before.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixtures;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fixtures::{json_lines, unpacked};
use jiff::{SignedDuration, Timestamp};
use kinescope::kube::columns::{Options, table};
use kinescope::kube::resources::Registry;
use kinescope::render::table_text;
use serde_json::Value;

/// What kubectl printed as YAML, by resource, in the order in which the server lists: that of the keys, but kine up to
/// 0.11 lists by the revision of the last change.
fn objects(dir: &Path, by_revision: bool) -> BTreeMap<String, Vec<Value>> {
    let mut objects: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in json_lines(&dir.join("kubectl-yaml.jsonl")) {
        let object: Value = serde_yaml::from_str(line["yaml"].as_str().unwrap()).unwrap();
        objects.entry(line["resource"].as_str().unwrap().to_owned()).or_default().push(object);
    }
    for list in objects.values_mut() {
        let path = |object: &Value| {
            let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
            let revision = if by_revision { text("resourceVersion").parse::<u64>().unwrap_or(0) } else { 0 };
            (revision, format!("{}/{}", text("namespace"), text("name")))
        };
        list.sort_by_key(path);
    }
    objects
}

/// `kubectl get RESOURCE -A`, by resource.
fn printed(dir: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(dir.join("kubectl-tables.txt")).unwrap();
    let sections = text.split("### ").skip(1).map(|section| {
        let (resource, table) = section.split_once('\n').unwrap();
        (resource.to_owned(), table.strip_suffix('\n').unwrap_or(table).to_owned())
    });
    sections.collect()
}

/// The objects of one cluster, and the moment of the newest.
struct Cluster {
    objects: BTreeMap<String, Vec<Value>>,
    registry: Registry,
    newest: Timestamp,
}

impl Cluster {
    fn of(dir: &Path, by_revision: bool) -> Self {
        let objects = objects(dir, by_revision);
        let registry = Registry::new(objects.get("customresourcedefinitions.apiextensions.k8s.io").unwrap());
        let created = |object: &Value| object["metadata"]["creationTimestamp"].as_str()?.parse::<Timestamp>().ok();
        let newest = objects.values().flatten().filter_map(created).max().unwrap();
        Self { objects, registry, newest }
    }

    /// Moments at which kubectl may have printed: the whole run ended within two minutes of the last creation.
    fn moments(&self) -> impl Iterator<Item = Timestamp> + '_ {
        (0..120).map(|after| self.newest + SignedDuration::from_secs(after))
    }

    fn text(&self, resource: &str, objects: &[&Value], now: Timestamp) -> String {
        let options = Options { with_namespace: true, server_minor: 35, ..Options::at(now) };
        table_text(&table(self.registry.find(resource).unwrap(), objects, &options), true)
    }

    /// Whether a section is what kubectl printed, byte for byte, at one moment.
    fn is_printed(&self, resource: &str, objects: &[&Value], expected: &str) -> bool {
        self.moments().any(|now| self.text(resource, objects, now) == expected)
    }

    /// The Events that were still there when the table was printed: those whose line is in it.
    fn events_in<'a>(&self, events: &[&'a Value], expected: &str) -> Vec<&'a Value> {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let printed: Vec<Vec<String>> = expected.lines().skip(1).map(words).collect();
        let is_in = |event: &&Value| {
            self.moments().any(|now| {
                let text = self.text("events", &[event], now);
                printed.contains(&words(text.lines().nth(1).unwrap()))
            })
        };
        events.iter().copied().filter(is_in).collect()
    }
}

/// Sections that are as printed. Not compared: componentstatuses, which no store holds; events.events.k8s.io, which is
/// the table of events again. Of events, those are compared that had not expired when the table was printed, a while
/// after the YAML.
#[test]
fn tables_are_byte_for_byte_those_of_kubectl() {
    for (archive, sections, events) in
        [("kine-0.16", 45, 9), ("kine-0.11", 45, 9), ("etcd-3.5", 45, 9), ("etcd-3.6", 46, 9)]
    {
        let dir = unpacked(archive);
        let cluster = Cluster::of(&dir, archive == "kine-0.11");
        let (mut same, mut wrong) = (0, Vec::new());
        for (resource, expected) in printed(&dir) {
            if ["componentstatuses", "events.events.k8s.io"].contains(&resource.as_str()) {
                continue;
            }
            let mut list: Vec<&Value> = cluster.objects.get(&resource).into_iter().flatten().collect();
            if resource == "events" {
                list = cluster.events_in(&list, &expected);
                assert_eq!(list.len(), events, "{archive}: events that had not expired");
            }
            match cluster.is_printed(&resource, &list, &expected) {
                true => same += 1,
                false => wrong.push(format!("{resource}\n{}", cluster.text(&resource, &list, cluster.newest))),
            }
        }
        assert!(wrong.is_empty(), "{archive}:\n{}", wrong.join("\n"));
        assert_eq!(same, sections, "{archive}");
    }
}
