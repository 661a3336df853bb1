//! `kinescope get PATH KIND[/NAME]`: objects as kubectl shows them.

use super::{Args, Form};
use crate::cli::exit::{Failure, Outcome};
use crate::cli::labels::labels;
use crate::cli::release::ReleaseArg;
use crate::cli::source::close;
use crate::cli::ui::Ui;
use crate::kube::resources::Resource;
use crate::kube::selector::Selection;
use crate::kube::show::View;
use crate::model::{Change, KeyState};
use crate::ops::objects::{Found, ObjectError, Objects};
use crate::ops::store::OpenStore;
use crate::render::{self, ListForm};

/// Objects of one resource, as they were asked for.
struct Group<'o, 's> {
    resource: Option<&'o Resource>,
    found: Found<'s>,
}

pub(super) fn run(args: &Args, source: &OpenStore, ui: &mut Ui) -> Result<Outcome, Failure> {
    let history = source.store.history();
    let revision = args.at.resolve(history, ui)?;
    let keyring = args.keyring.keyring(source, ui)?;
    let objects = Objects::new(history, &keyring, args.release.kubernetes_version, revision);
    let mut outcome = Outcome::Done;
    let groups = groups(args, &objects, &mut outcome, ui)?;
    for group in &groups {
        if group.found.unknown > 0 {
            ui.note(format!(
                "{} of these keys are unknown at revision {revision}: no row that old survives the compaction",
                group.found.unknown
            ));
        }
        for error in &group.found.unread {
            outcome = tell(error, ui);
        }
    }
    if args.output != Some(Form::Name) {
        ReleaseArg::say(&objects, ui);
    }
    let live: usize = groups.iter().map(|group| group.found.live.len()).sum();
    if live == 0 && outcome == Outcome::Done {
        let place = args.namespace.as_ref().map_or(String::new(), |namespace| format!(" in namespace {namespace}"));
        ui.note(format!("no such objects{place} at revision {revision}"));
        outcome = Outcome::Found;
    }
    let printed = Printer { args, objects: &objects }.print(&groups, live, ui)?;
    close(source, worse(outcome, printed), ui)
}

fn worse(left: Outcome, right: Outcome) -> Outcome {
    if left.code() >= right.code() { left } else { right }
}

/// Says why an object is not shown. Without a key it is there and only closed; all else is damage.
fn tell(error: &ObjectError, ui: &Ui) -> Outcome {
    match error {
        ObjectError::Damage(damage) => {
            ui.damage(std::slice::from_ref(damage));
            Outcome::Damaged
        }
        ObjectError::Locked { .. } => {
            ui.note(error);
            Outcome::Found
        }
        ObjectError::Show { .. } => {
            ui.note(error);
            Outcome::Damaged
        }
    }
}

fn groups<'o, 's>(
    args: &'o Args,
    objects: &'o Objects<'s>,
    outcome: &mut Outcome,
    ui: &Ui,
) -> Result<Vec<Group<'o, 's>>, Failure> {
    let usage = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
    let labels = labels(args.selector.as_deref())?;
    let registry = objects.registry();
    let keys = objects.history().keys();
    let selection = match (&args.raw_key, &args.what) {
        (Some(key), _) => Selection::Key(key),
        (None, Some(what)) => Selection::parse(what, registry).map_err(|error| usage(&error))?,
        (None, None) => return Err(Failure::Usage("which objects?".to_owned())),
    };
    let (resources, name) = match selection {
        Selection::Key(key) => {
            let found = objects.among(keys.find(key.as_bytes()).into_iter(), &labels);
            return Ok(vec![Group { resource: resource_of(objects, &found), found }]);
        }
        Selection::KeyPrefix(prefix) => {
            let mut groups: Vec<Group<'o, 's>> = Vec::new();
            let found = objects.among(keys.with_prefix(prefix.as_bytes()), &labels);
            for change in found.live {
                let resource = objects.object(change.key).map(|id| id.resource);
                match groups.last_mut() {
                    Some(last) if last.resource == resource => last.found.live.push(change),
                    _ => groups.push(Group { resource, found: Found { live: vec![change], ..Found::default() } }),
                }
            }
            return Ok(groups);
        }
        Selection::Objects { resources, name } => (resources, name),
    };
    let names: Vec<&str> = name.into_iter().chain(args.names.iter().map(String::as_str)).collect();
    if !names.is_empty() && resources.len() > 1 {
        return Err(Failure::Usage("a name goes with one kind".to_owned()));
    }
    let namespace = args.namespace.as_deref();
    let mut groups = Vec::new();
    for resource in resources {
        if names.is_empty() {
            groups.push(Group { resource: Some(resource), found: objects.select(resource, namespace, None, &labels) });
        }
        for name in &names {
            let found = objects.select(resource, namespace, Some(name), &labels);
            if found.live.is_empty() && found.unread.is_empty() {
                missing(objects, resource, namespace, name, ui);
                *outcome = Outcome::Found;
            }
            groups.push(Group { resource: Some(resource), found });
        }
    }
    Ok(groups)
}

fn resource_of<'o>(objects: &'o Objects<'_>, found: &Found<'_>) -> Option<&'o Resource> {
    Some(objects.object(found.live.first()?.key)?.resource)
}

/// Says that a named object is not there, and where it went.
fn missing(objects: &Objects<'_>, resource: &Resource, namespace: Option<&str>, name: &str, ui: &Ui) {
    let what = format!("{} {name:?}", resource.full_name());
    let history = objects.history();
    let prefix = objects.registry().prefix(resource, namespace).into_bytes();
    let mut told = false;
    for key in history.keys().with_prefix(&prefix) {
        let Some(id) = objects.object(key).filter(|id| id.resource == resource && id.name == name) else { continue };
        let place = id.namespace.map_or(String::new(), |namespace| format!(" in namespace {namespace}"));
        match history.at(objects.revision()).state(key) {
            KeyState::Absent(Some(tombstone)) => {
                let at = tombstone.revision.main;
                ui.note(format!("{what}{place} was deleted at revision {at}: --at {} shows it as it was", at - 1));
            }
            KeyState::Absent(None) => {
                let first = history.changes_of(key).next().map_or(0, |change| change.revision.main);
                ui.note(format!("{what}{place} is not there yet: its first change is revision {first}"));
            }
            KeyState::Unknown => ui.note(format!("{what}{place}: unknown at revision {}", objects.revision())),
            KeyState::Live(_) => continue,
        }
        told = true;
    }
    if !told {
        let place = namespace.map_or(String::new(), |namespace| format!(" in namespace {namespace}"));
        ui.note(format!("{what} not found{place} at revision {}", objects.revision()));
    }
}

struct Printer<'a, 's> {
    args: &'a Args,
    objects: &'a Objects<'s>,
}

impl Printer<'_, '_> {
    fn print(&self, groups: &[Group<'_, '_>], live: usize, ui: &mut Ui) -> Result<Outcome, Failure> {
        // A name asks for one object, which kubectl prints without a list around it.
        let single = live == 1
            && (self.args.what.as_deref().is_none_or(|what| what.contains('/')) || self.args.names.len() == 1);
        if ui.json() && self.args.output.is_none() {
            return self.json_lines(groups, ui);
        }
        match self.args.output {
            _ if self.args.is_raw() => self.raw(groups, live, ui),
            Some(Form::Name) => self.names(groups, ui),
            Some(Form::Yaml) => self.list(groups, ListForm::Yaml, single, ui),
            Some(Form::Json) => self.list(groups, ListForm::Json, single, ui),
            Some(Form::Wide | Form::Raw) | None => self.tables(groups, ui),
        }
    }

    fn view(&self, change: &Change) -> View {
        let args = self.args;
        View { managed_fields: args.show_managed_fields, reveal: args.reveal, ..self.objects.kubectl(change) }
    }

    fn raw(&self, groups: &[Group<'_, '_>], live: usize, ui: &mut Ui) -> Result<Outcome, Failure> {
        if live > 1 {
            return Err(Failure::Usage(format!("-o raw writes the bytes of one object, and {live} are meant")));
        }
        for change in groups.iter().flat_map(|group| &group.found.live) {
            ui.raw(&self.objects.history().value(change.value).map_err(Failure::Damage)?)?;
        }
        Ok(Outcome::Done)
    }

    fn names(&self, groups: &[Group<'_, '_>], ui: &mut Ui) -> Result<Outcome, Failure> {
        for change in groups.iter().flat_map(|group| &group.found.live) {
            match self.objects.object(change.key) {
                Some(id) => ui.line(format_args!("{}/{}", id.resource.kind_name(), id.name))?,
                None => ui.line(render::key(self.objects.history().keys().get(change.key)))?,
            }
        }
        Ok(Outcome::Done)
    }

    fn list(&self, groups: &[Group<'_, '_>], form: ListForm, single: bool, ui: &mut Ui) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::Done;
        let changes: Vec<&Change> = groups.iter().flat_map(|group| group.found.live.iter().copied()).collect();
        let mut failed = |error: &ObjectError, ui: &Ui| outcome = worse(outcome, tell(error, ui));
        let view = |change: &Change| self.view(change);
        let printed = render::objects_text(self.objects, &changes, &view, form, single);
        for error in &printed.failed {
            failed(error, ui);
        }
        for note in printed.notes {
            ui.note(note);
        }
        match form {
            ListForm::Json => ui.json_text(&printed.text)?,
            ListForm::Yaml => ui.raw(printed.text.as_bytes())?,
        }
        Ok(outcome)
    }

    fn json_lines(&self, groups: &[Group<'_, '_>], ui: &mut Ui) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::Done;
        for change in groups.iter().flat_map(|group| &group.found.live) {
            match self.objects.tree(change, &self.view(change)) {
                Ok((object, _)) => ui.line(render::object_json(self.objects, change, object))?,
                Err(error) => outcome = worse(outcome, tell(&error, ui)),
            }
        }
        Ok(outcome)
    }

    fn tables(&self, groups: &[Group<'_, '_>], ui: &mut Ui) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::Done;
        let mut merged: Vec<(Option<&Resource>, Vec<&Change>)> = Vec::new();
        for group in groups.iter().filter(|group| !group.found.live.is_empty()) {
            match merged.last_mut() {
                Some((resource, changes)) if *resource == group.resource => changes.extend(&group.found.live),
                _ => merged.push((group.resource, group.found.live.clone())),
            }
        }
        let options = render::TableOptions {
            wide: self.args.output == Some(Form::Wide),
            with_namespace: self.args.namespace.is_none(),
            with_kind: merged.len() > 1,
            show_labels: self.args.show_labels,
            label_columns: &self.args.label_columns,
            headings: !self.args.no_headers,
        };
        let printed = render::objects_tables(self.objects, &merged, &options);
        for error in &printed.failed {
            outcome = worse(outcome, tell(error, ui));
        }
        for note in printed.notes {
            ui.note(note);
        }
        ui.text(&printed.text)?;
        Ok(outcome)
    }
}
