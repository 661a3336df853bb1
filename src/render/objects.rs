//! Objects as kubectl prints them: YAML, JSON, lists of them, tables.

use rayon::prelude::*;
use serde_json::{Value, json};

use super::keys::put_key;
use super::tables;
use crate::kube::columns::{self, Cell, Table};
use crate::kube::decode::Notes;
use crate::kube::json::KubectlJson;
use crate::kube::resources::Resource;
use crate::kube::show::{View, Viewer};
use crate::kube::sink::{Discard, Sink};
use crate::kube::yaml::{AsKubectl, YamlSink};
use crate::model::Change;
use crate::ops::objects::{ObjectError, Objects};

/// The two forms in which kubectl prints whole objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListForm {
    /// `-o yaml`
    Yaml,
    /// `-o json`
    Json,
}

/// A text, what could not be part of it, and what is worth knowing about it.
#[derive(Debug, Default)]
pub struct Printed {
    /// The text.
    pub text: String,
    /// Objects that are not in it, or only with their names.
    pub failed: Vec<ObjectError>,
    /// What readers should know.
    pub notes: Vec<String>,
}

/// Objects in a list as kubectl makes it, or the one of them alone.
pub fn objects_text(
    objects: &Objects<'_>,
    changes: &[&Change],
    view: &dyn Fn(&Change) -> View,
    form: ListForm,
    single: bool,
) -> Printed {
    let mut printed = Printed::default();
    if changes.is_empty() && single {
        return printed;
    }
    let mut out = Vec::new();
    let mut noticed = Noticed::default();
    match form {
        ListForm::Yaml => {
            let mut sink = YamlSink::new(&mut out);
            let mut folded = AsKubectl::new(&mut sink);
            push_all(objects, changes, view, single, &mut folded, &mut noticed, &mut printed.failed);
            noticed.folded = folded.changed();
            noticed.refused = sink.refused_by_kubectl();
            sink.finish();
        }
        ListForm::Json => {
            let mut sink = KubectlJson::new(&mut out);
            push_all(objects, changes, view, single, &mut sink, &mut noticed, &mut printed.failed);
            sink.finish();
        }
    }
    if single && !printed.failed.is_empty() {
        out.clear();
    }
    printed.notes = noticed.told();
    printed.text =
        String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    printed
}

fn push_all<S: Sink>(
    objects: &Objects<'_>,
    changes: &[&Change],
    view: &dyn Fn(&Change) -> View,
    single: bool,
    sink: &mut S,
    noticed: &mut Noticed,
    failed: &mut Vec<ObjectError>,
) {
    let mut viewer = Viewer::for_many();
    let mut push = |change: &Change, sink: &mut S| {
        let view = view(change);
        // A sink cannot take back what it has: an object that breaks off halfway is found before.
        let whole = objects.show(&mut viewer, change, &view, &mut Discard);
        let shown = whole.and_then(|_| objects.show(&mut viewer, change, &view, sink));
        match shown {
            Ok(notes) => noticed.add(&notes),
            Err(error) => failed.push(error),
        }
    };
    if single {
        changes.iter().for_each(|change| push(change, sink));
        return;
    }
    sink.begin_object();
    sink.key("apiVersion");
    sink.string("v1");
    sink.key("items");
    sink.begin_array();
    changes.iter().for_each(|change| push(change, sink));
    sink.end_array();
    sink.key("kind");
    sink.string("List");
    sink.key("metadata");
    sink.begin_object();
    sink.key("resourceVersion");
    sink.string("");
    sink.end_object();
    sink.end_object();
}

/// What was noticed in all objects of an answer.
#[derive(Debug, Default)]
struct Noticed {
    unknown: u64,
    invalid_text: u64,
    repeated: u64,
    refused: usize,
    folded: usize,
}

impl Noticed {
    fn add(&mut self, notes: &Notes) {
        let count = |places: &[crate::kube::decode::Place]| places.iter().map(|place| place.times).sum::<u64>();
        self.unknown += count(&notes.unknown);
        self.invalid_text += count(&notes.invalid_text);
        self.repeated += count(&notes.repeated);
    }

    fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        if self.unknown > 0 {
            told.push(format!(
                "{} fields are of no Kubernetes release that is known here, and are not shown: a newer server wrote them",
                self.unknown
            ));
        }
        if self.invalid_text > 0 {
            told.push(format!("{} strings are no UTF-8: U+FFFD stands for what is not", self.invalid_text));
        }
        if self.repeated > 0 {
            told.push(format!(
                "{} fields are there twice, which no server writes; the last one is shown",
                self.repeated
            ));
        }
        if self.folded > 0 {
            told.push(format!(
                "{} strings have the character NEL (U+0085), which kubectl prints as a space in YAML, and so it is here; -o json \
                 shows them as they are",
                self.folded
            ));
        }
        if self.refused > 0 {
            told.push(format!(
                "{} strings have characters that kubectl refuses to print as YAML; they are escaped here",
                self.refused
            ));
        }
        told
    }
}

/// A line of `get --json`: where the object stands, and the object.
pub fn object_json(objects: &Objects<'_>, change: &Change, object: Value) -> Value {
    let mut line = serde_json::Map::new();
    put_key(&mut line, objects.history().keys().get(change.key));
    let id = objects.object(change.key);
    line.insert("kind".to_owned(), object.get("kind").cloned().unwrap_or_default());
    line.insert("namespace".to_owned(), json!(id.and_then(|id| id.namespace)));
    line.insert("name".to_owned(), json!(id.map(|id| id.name)));
    line.insert("mod_revision".to_owned(), json!(change.revision.main));
    line.insert("object".to_owned(), object);
    Value::Object(line)
}

/// What tables show.
#[derive(Clone, Copy, Debug)]
pub struct TableOptions<'a> {
    /// `-o wide`
    pub wide: bool,
    /// The namespace comes first.
    pub with_namespace: bool,
    /// Names are `KIND/NAME`.
    pub with_kind: bool,
    /// `--show-labels`
    pub show_labels: bool,
    /// `-L`
    pub label_columns: &'a [String],
    /// Whether there are headings.
    pub headings: bool,
}

/// Objects in kubectl's tables, one for each resource. Ages count from the newest moment that the store tells of.
pub fn objects_tables(
    objects: &Objects<'_>,
    groups: &[(Option<&Resource>, Vec<&Change>)],
    options: &TableOptions<'_>,
) -> Printed {
    let mut printed = Printed::default();
    let now = objects.newest_stamp();
    let options_of = columns::Options {
        wide: options.wide,
        with_namespace: options.with_namespace,
        with_kind: options.with_kind,
        show_labels: options.show_labels,
        label_columns: options.label_columns.to_vec(),
        server_minor: u32::from(objects.minor().0.number()),
        now: now.unwrap_or_default(),
    };
    let mut made: Vec<Table> = Vec::new();
    for (resource, changes) in groups {
        match resource {
            Some(resource) => made.push(objects_table(objects, resource, changes, &options_of, &mut printed.failed)),
            None => made.push(keys_table(objects, changes)),
        }
    }
    printed.text = match (options.headings, made.as_slice()) {
        (false, tables) => tables.iter().map(|table| tables::table_text(table, false)).collect(),
        (true, tables) => tables::tables_text(tables),
    };
    if let Some(now) = now.filter(|_| made.iter().any(has_ages)) {
        printed.notes.push(format!("ages count from {now}, the newest time that the store tells of"));
    }
    printed
}

fn has_ages(table: &Table) -> bool {
    table.rows.iter().any(|row| row.cells.iter().any(|cell| matches!(cell, Cell::Ago { .. })))
}

/// Objects of one resource in kubectl's columns, as data. Of those that cannot be read only the names are known.
pub fn objects_table(
    objects: &Objects<'_>,
    resource: &Resource,
    changes: &[&Change],
    options: &columns::Options,
    failed: &mut Vec<ObjectError>,
) -> Table {
    let trees: Vec<Result<Value, ObjectError>> =
        changes.par_iter().map(|change| Ok(objects.tree(change, &objects.whole(change))?.0)).collect();
    let mut values = Vec::with_capacity(trees.len());
    let mut closed = Vec::new();
    for (at, (tree, change)) in trees.into_iter().zip(changes).enumerate() {
        match tree {
            Ok(tree) => values.push(tree),
            Err(error) => {
                // Its names are those of its key; nothing else is known.
                let id = objects.object(change.key);
                let (namespace, name) = id.map_or((None, ""), |id| (id.namespace, id.name));
                values.push(json!({"metadata": {"name": name, "namespace": namespace.unwrap_or_default()}}));
                closed.push((at, matches!(error, ObjectError::Locked { .. })));
                failed.push(error);
            }
        }
    }
    let values: Vec<&Value> = values.iter().collect();
    let mut table = columns::table(resource, &values, options);
    let named = 1 + usize::from(options.with_namespace && resource.is_namespaced());
    for row in &mut table.rows {
        let Some((_, locked)) = closed.iter().find(|(at, _)| *at == row.object) else { continue };
        for cell in row.cells.iter_mut().skip(named) {
            *cell = Cell::text(if *locked { "<encrypted>" } else { "<damaged>" });
        }
    }
    table
}

/// Keys that are no objects.
fn keys_table(objects: &Objects<'_>, changes: &[&Change]) -> Table {
    let row = |(object, change): (usize, &&Change)| columns::Row {
        object,
        cells: vec![
            Cell::text(super::text::key(objects.history().keys().get(change.key))),
            Cell::Integer(change.revision.main),
            Cell::Integer(change.value.len.into()),
        ],
    };
    Table {
        columns: ["KEY", "MODIFIED", "SIZE"].map(Into::into).to_vec(),
        rows: changes.iter().enumerate().map(row).collect(),
    }
}
