//! Search in keys and in the texts of objects, as kubectl prints them as YAML.

mod pattern;
mod prefilter;
mod secret;
mod trace;

use std::ops::Range;

pub use pattern::{Pattern, PatternError, Syntax};
pub use trace::Place;
pub(super) use trace::push_name;

use super::objects::{ObjectError, Objects};
use crate::kube::encryption;
use crate::kube::resources::{Identity, Resource};
use crate::kube::selector::{ArgumentError, Selection};
use crate::kube::show::{ShowError, View, Viewer};
use crate::model::{Change, KeyId, KeyState};
use prefilter::Prefilter;
use secret::SecretValues;
use trace::{Notes, Trace};

/// Which keys are searched, and what of them.
#[derive(Debug, Default)]
pub struct Scope<'a> {
    /// Only objects of this namespace.
    pub namespace: Option<&'a str>,
    /// Only objects of these kinds, with commas between them.
    pub kinds: Option<&'a str>,
    /// Every change that the store still has up to the moment, and not only what was live then.
    pub history: bool,
}

/// How much of a match is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Each line, with its place.
    Lines,
    /// How many lines.
    Count,
    /// Whether there is any.
    Any,
}

/// What of values is searched.
#[derive(Clone, Copy, Debug)]
pub struct What {
    /// Secret values too, as base64 and decoded.
    pub reveal: bool,
    /// `metadata.managedFields` too.
    pub managed_fields: bool,
    /// How much of a match is wanted.
    pub detail: Detail,
}

/// Where a match stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The key in the store.
    Key,
    /// The object as YAML, or a value that is none as it is.
    Value,
    /// A value of a Secret, decoded.
    Decoded,
}

/// One line that matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// What it is a line of.
    pub part: Part,
    /// Its number, from 1; 0 for a key.
    pub line: usize,
    /// The line. What is no UTF-8 in it is replaced by U+FFFD.
    pub text: String,
    /// The field that it is of; empty where there are no fields.
    pub place: Place,
}

/// What was found in one change.
#[derive(Debug, Default)]
pub struct Found {
    /// The lines that match, if they are wanted.
    pub matches: Vec<Match>,
    /// How many lines match.
    pub count: usize,
    /// A secret value was not searched.
    pub masked: bool,
    /// Why the value was not searched.
    pub failed: Option<ObjectError>,
}

/// The changes to search, in the order of their keys.
#[derive(Debug, Default)]
pub struct Selected<'s> {
    /// The changes; those of a key by their revisions.
    pub changes: Vec<&'s Change>,
    /// Keys of which nobody can know whether they were live.
    pub unknown: u64,
}

/// Selects what is to be searched.
///
/// # Errors
/// [`ArgumentError`] for kinds that are not known.
pub fn select<'s>(objects: &Objects<'s>, scope: &Scope<'_>) -> Result<Selected<'s>, ArgumentError> {
    let kinds = match scope.kinds.map(|kinds| Selection::parse(kinds, objects.registry())).transpose()? {
        None => None,
        Some(Selection::Objects { resources, name: None }) => Some(resources),
        Some(_) => {
            let argument = scope.kinds.unwrap_or_default().to_owned();
            return Err(ArgumentError::Incomplete { argument, why: "a kind alone is wanted here" });
        }
    };
    let history = objects.history();
    let view = history.at(objects.revision());
    let mut selected = Selected::default();
    for key in history.keys().ids() {
        if history.positions_of(key).is_empty() || !is_meant(objects, key, scope, kinds.as_deref()) {
            continue;
        }
        if scope.history {
            let until = objects.revision();
            selected.changes.extend(history.changes_of(key).take_while(|change| change.revision.main <= until));
            continue;
        }
        match view.state(key) {
            KeyState::Live(change) => selected.changes.push(change),
            KeyState::Unknown => selected.unknown += 1,
            KeyState::Absent(_) => {}
        }
    }
    Ok(selected)
}

fn is_meant(objects: &Objects<'_>, key: KeyId, scope: &Scope<'_>, kinds: Option<&[&Resource]>) -> bool {
    if scope.namespace.is_none() && kinds.is_none() {
        return true;
    }
    match objects.identity(key) {
        Identity::Object(id) => {
            scope.namespace.is_none_or(|namespace| id.namespace == Some(namespace))
                && kinds.is_none_or(|kinds| kinds.contains(&id.resource))
        }
        // Its definition is gone, so that its first part may be a namespace.
        Identity::Unlisted { rest, .. } => {
            let first = rest.split_once('/').map(|(first, _)| first);
            kinds.is_none() && first.is_some() && first == scope.namespace
        }
        Identity::Special(_) | Identity::Foreign => false,
    }
}

/// Searches changes for a pattern.
pub struct Search<'o, 's> {
    objects: &'o Objects<'s>,
    pattern: Pattern,
    what: What,
    prefilter: Option<Prefilter>,
}

/// The memory of one thread that searches.
#[derive(Debug)]
pub struct Space {
    viewer: Viewer,
    text: Vec<u8>,
    notes: Notes,
}

impl Default for Space {
    fn default() -> Self {
        Self { viewer: Viewer::for_many(), text: Vec::new(), notes: Notes::default() }
    }
}

impl<'o, 's> Search<'o, 's> {
    /// A search among objects.
    pub fn new(objects: &'o Objects<'s>, pattern: Pattern, what: What) -> Self {
        let prefilter = Prefilter::new(&pattern, objects.minor().0);
        Self { objects, pattern, what, prefilter }
    }

    /// Searches one change: its key, and the value that a put left.
    pub fn search(&self, change: &Change, space: &mut Space) -> Found {
        let mut found = Found::default();
        let key = self.objects.history().keys().get(change.key);
        if self.pattern.is_in_line(key) {
            self.add(&mut found, Part::Key, 0, key, Place::default);
        }
        if change.is_put() && !self.is_enough(&found) {
            found.failed = self.value(change, space, &mut found).err();
        }
        found
    }

    fn is_enough(&self, found: &Found) -> bool {
        self.what.detail == Detail::Any && found.count > 0
    }

    fn add(&self, found: &mut Found, part: Part, line: usize, text: &[u8], place: impl FnOnce() -> Place) {
        found.count += 1;
        if self.what.detail == Detail::Lines {
            let text = String::from_utf8_lossy(text).into_owned();
            found.matches.push(Match { part, line, text, place: place() });
        }
    }

    fn value(&self, change: &Change, space: &mut Space, found: &mut Found) -> Result<(), ObjectError> {
        let value = self.objects.plain(change)?;
        let is_secret = self.objects.is_secret(change.key);
        if !is_secret && !self.prefilter.as_ref().is_none_or(|prefilter| prefilter.may_match(&value)) {
            return Ok(());
        }
        match self.show(&value, change, space, false) {
            Ok(()) => {}
            // Text in the place of an object is what somebody put there; anything else in its place is damage.
            Err(ShowError::NoObject) => {
                self.text(&value, is_secret, found);
                return Ok(());
            }
            Err(ShowError::Json(_)) if self.objects.object(change.key).is_none() => {
                self.text(&value, is_secret, found);
                return Ok(());
            }
            Err(fault) => return Err(self.objects.fault(change, fault)),
        }
        found.masked = !space.notes.masked.is_empty();
        if self.pattern.may_be_in(&space.text) {
            self.object(&value, change, space, found);
        }
        let may_be_secret = || is_secret || memchr::memmem::find(&value, b"Secret").is_some();
        if self.what.reveal && !self.is_enough(found) && may_be_secret() {
            self.decoded(&value, change, space, found);
        }
        Ok(())
    }

    /// Writes an object as YAML.
    fn show(&self, value: &[u8], change: &Change, space: &mut Space, with_places: bool) -> Result<(), ShowError> {
        space.text.clear();
        space.notes.clear(with_places);
        let mut trace = Trace::new(&mut space.text, &mut space.notes);
        space.viewer.show(value, &self.view(change), &mut trace)?;
        trace.finish();
        Ok(())
    }

    fn view(&self, change: &Change) -> View {
        let What { managed_fields, reveal, .. } = self.what;
        View { managed_fields, reveal, ..self.objects.kubectl(change) }
    }

    /// The lines of an object, which stands in the space as YAML.
    fn object(&self, value: &[u8], change: &Change, space: &mut Space, found: &mut Found) {
        let mut hits: Vec<(usize, Range<usize>)> = Vec::new();
        for (number, line) in lines(&space.text) {
            let text = space.text.get(shown(&line, &space.notes.masked)).unwrap_or_default();
            if self.pattern.is_in_line(text) {
                hits.push((number, line));
                if self.what.detail == Detail::Any {
                    break;
                }
            }
        }
        // The places cost more than the text: only what has a match gets them.
        if !hits.is_empty() && self.what.detail == Detail::Lines && self.show(value, change, space, true).is_err() {
            space.notes.clear(false);
        }
        for (number, line) in hits {
            let text = space.text.get(line.clone()).unwrap_or_default();
            self.add(found, Part::Value, number, text, || space.notes.place(&line));
        }
    }

    /// A value that is no object.
    fn text(&self, value: &[u8], is_secret: bool, found: &mut Found) {
        if is_secret && !self.what.reveal || encryption::is_encrypted(value) {
            found.masked = true;
        } else {
            self.plain_lines(value, Part::Value, "", found);
        }
    }

    /// The values of a Secret, decoded.
    fn decoded(&self, value: &[u8], change: &Change, space: &mut Space, found: &mut Found) {
        let mut values = SecretValues::default();
        // The object was shown before, so that it can be read.
        if space.viewer.show(value, &self.view(change), &mut values).is_err() {
            return;
        }
        for (key, value) in values.finish() {
            self.plain_lines(&value, Part::Decoded, &trace::path_of(&["data", &key]), found);
        }
    }

    fn plain_lines(&self, text: &[u8], part: Part, path: &str, found: &mut Found) {
        if !self.pattern.may_be_in(text) {
            return;
        }
        for (number, line) in lines(text) {
            let line = text.get(line).unwrap_or_default();
            if self.pattern.is_in_line(line) {
                let place = || Place { path: path.to_owned(), inside: path.to_owned() };
                self.add(found, part, number, line, place);
            }
        }
    }
}

/// The lines of a text with their numbers, without their ends. An end at the end of the text begins no line.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, Range<usize>)> + '_ {
    let mut start = 0;
    (1..).map_while(move |number| {
        let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
        let len = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = start..start + len;
        start += len + 1;
        Some((number, line))
    })
}

/// What of a line may be looked at: what stands before a masked value.
fn shown(line: &Range<usize>, masked: &[Range<usize>]) -> Range<usize> {
    let at = masked.partition_point(|masked| masked.end <= line.start);
    match masked.get(at) {
        Some(masked) if masked.start < line.end => line.start..masked.start.max(line.start),
        _ => line.clone(),
    }
}
