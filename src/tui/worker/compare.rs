//! What became of each object between two states: this store at two moments, or this store and another one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use rayon::prelude::*;

use super::errand::Errand;
use super::{Reader, moment_of};
use crate::kube::resources::Identity;
use crate::ops::diff::{Comparison, Difference, Looked, Scope, What};
use crate::ops::keyring::Keyring;
use crate::ops::objects::Objects;
use crate::ops::store::{self, OpenStore};
use crate::render;
use crate::source::Choice;
use crate::tui::ask::{Answer, Became, Compared, Differs, Syntax, Text, Trouble, With};
use crate::tui::text::harmless;

/// Pairs that are compared at once.
const BATCH: usize = 2048;

/// Another store that is open.
pub(super) struct OtherStore {
    path: PathBuf,
    source: OpenStore,
    keyring: Keyring,
    notes: Vec<String>,
}

/// One of two states.
struct Side<'s> {
    store: Option<&'s OtherStore>,
    revision: i64,
    told: String,
    argument: String,
}

/// Both, the older one first.
struct Sides<'s> {
    old: Side<'s>,
    new: Side<'s>,
}

impl Reader {
    /// What became of each object.
    pub(super) fn compare(&self, with: &With, errand: &Errand) -> Answer {
        let other = match self.other_of(with, errand) {
            Ok(other) => other,
            Err(what) => return Answer::Failed(cannot(what)),
        };
        match self.compared(with, other.as_deref(), errand) {
            Ok(compared) => Answer::Compared(Box::new(compared)),
            Err(what) => Answer::Failed(cannot(what)),
        }
    }

    fn compared(&self, with: &With, other: Option<&OtherStore>, errand: &Errand) -> Result<Compared, String> {
        let sides = self.sides(with, other)?;
        let (old, new) = (self.objects_of(&sides.old), self.objects_of(&sides.new));
        let scope = Scope { all: with.noise, ..Scope::default() };
        let comparison = Comparison::new(&old, &new, &scope, false).map_err(|error| error.to_string())?;
        let found = comparison.pairs();
        let mut compared = Compared {
            old: sides.old.told.clone(),
            new: sides.new.told.clone(),
            arguments: [sides.old.argument.clone(), sides.new.argument.clone()],
            ..Compared::default()
        };
        let (mut closed, mut failed, mut first_closed) = (0_u64, 0_u64, None);
        let all = found.pairs.len() as u64;
        for (at, batch) in found.pairs.chunks(BATCH).enumerate() {
            if !errand.goes_on() {
                return Err("given up".to_owned());
            }
            errand.tell("comparing", (at * BATCH) as u64, all);
            let looked: Vec<Looked> = batch.par_iter().map(|pair| comparison.look(pair, false)).collect();
            for looked in looked {
                match looked {
                    Looked::Same | Looked::NotMeant => {}
                    Looked::Noise => compared.hidden += 1,
                    Looked::Different(difference) => compared.objects.push(self.differs(&difference, &sides, &new)),
                    Looked::Closed(error) => {
                        closed += 1;
                        first_closed.get_or_insert(error);
                    }
                    Looked::Failed(_) => failed += 1,
                }
            }
        }
        if found.unknown > 0 {
            compared.notes.push(format!("{} keys are unknown at one of the revisions: compacted away", found.unknown));
        }
        if let Some(first) = first_closed {
            compared.notes.push(format!("{closed} encrypted values differ and cannot be compared: {first}"));
        }
        if failed > 0 {
            compared.notes.push(format!("{failed} values are damaged and cannot be compared"));
        }
        compared.notes.extend(other.iter().flat_map(|other| other.notes.iter().cloned()));
        Ok(compared)
    }

    /// The difference of one object, as `kinescope diff` prints it.
    pub(super) fn compare_one(&self, with: &With, key: &[u8], reveal: bool) -> Text {
        let mut text = Text { title: render::key(key), syntax: Syntax::Diff, ..Text::default() };
        let other = self.other.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let sides = self.sides(with, other.as_deref());
        let printed = sides.and_then(|sides| {
            let (old, new) = (self.objects_of(&sides.old), self.objects_of(&sides.new));
            let is_secret =
                |objects: &Objects<'_>| objects.history().keys().find(key).is_some_and(|key| objects.is_secret(key));
            text.masked = !reveal && (is_secret(&old) || is_secret(&new));
            let scope = Scope { all: with.noise, ..Scope::default() };
            let comparison = Comparison::new(&old, &new, &scope, reveal).map_err(|error| error.to_string())?;
            match comparison.pair(key).map(|pair| comparison.look(&pair, true)) {
                Some(Looked::Different(difference)) => Ok(render::diff_text(&difference)),
                Some(Looked::Closed(error) | Looked::Failed(error)) => Err(error.to_string()),
                _ => Ok(String::new()),
            }
        });
        match printed {
            Ok(printed) => {
                // The heading stands in the list already.
                let body = printed.split_once('\n').map_or("", |(_, body)| body);
                text.lines = Text::lines_of(body, Syntax::Diff);
            }
            Err(what) => text.trouble = Some(cannot(what)),
        }
        if text.masked {
            text.notes.push("secret values are masked; x reveals".to_owned());
        }
        text
    }

    /// The other store, where another one is meant: it is opened once.
    fn other_of(&self, with: &With, errand: &Errand) -> Result<Option<Arc<OtherStore>>, String> {
        let Some((path, _)) = self.path_of(&with.other) else { return Ok(None) };
        let mut kept = self.other.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = kept.as_ref().filter(|other| other.path == path) {
            return Ok(Some(Arc::clone(other)));
        }
        errand.tell("opening the other store", 0, 0);
        let source = store::open(&path, &Choice::default()).map_err(|error| error.to_string())?;
        let mut notes = source.notes.clone();
        // A token is one cluster's, and this may be another one.
        let keyring = self.given.keyring(&source).or_else(|_| {
            notes.push(format!("{}: the token does not fit this store, and opens nothing in it", source.name));
            self.given.without_token().keyring(&source)
        });
        let (keyring, more) = keyring.map_err(|error| error.to_string())?;
        notes.extend(more);
        let _ = self.opened.send(source.watch.clone());
        let other = Arc::new(OtherStore { path, source, keyring, notes });
        *kept = Some(Arc::clone(&other));
        Ok(Some(other))
    }

    /// The path that was typed, and the moment behind it; none for a moment of this store.
    fn path_of(&self, typed: &str) -> Option<(PathBuf, Option<String>)> {
        let typed = typed.trim();
        let is_moment = typed.replace(',', "").parse::<i64>().is_ok() || typed.parse::<jiff::Timestamp>().is_ok();
        if is_moment && !Path::new(typed).exists() {
            return None;
        }
        match typed.rsplit_once('@') {
            Some((path, at)) if !Path::new(typed).exists() => Some((PathBuf::from(path), Some(at.to_owned()))),
            _ => Some((PathBuf::from(typed), None)),
        }
    }

    fn sides<'s>(&self, with: &With, other: Option<&'s OtherStore>) -> Result<Sides<'s>, String> {
        let here = self.at(with.at);
        let name = crate::tui::shell_word(&self.name);
        let side = |revision: i64| Side {
            store: None,
            revision,
            told: format!("revision {}", render::count(revision.unsigned_abs())),
            argument: format!("{name}@{revision}"),
        };
        let Some((path, at)) = self.path_of(&with.other) else {
            let (there, _) = self.moment(&with.other)?;
            let (old, new) = (side(there.min(here)), side(there.max(here)));
            return Ok(Sides { old, new });
        };
        let Some(other) = other.filter(|other| other.path == path) else {
            return Err(format!("{}: not open", path.display()));
        };
        let history = other.source.store.history();
        let revision = match at {
            Some(at) => moment_of(history, &at)?.0,
            None => history.current_revision(),
        };
        let shown = harmless(&path.display().to_string());
        let old = Side {
            store: Some(other),
            revision,
            told: format!("{shown} at revision {}", render::count(revision.unsigned_abs())),
            argument: crate::tui::shell_word(&format!("{shown}@{revision}")),
        };
        Ok(Sides { old, new: Side { told: format!("this store at {}", side(here).told), ..side(here) } })
    }

    fn objects_of<'o>(&'o self, side: &Side<'o>) -> Objects<'o> {
        match side.store {
            Some(other) => Objects::new(other.source.store.history(), &other.keyring, self.minor, side.revision),
            None => self.objects(Some(side.revision)),
        }
    }

    fn differs(&self, difference: &Difference, sides: &Sides<'_>, new: &Objects<'_>) -> Differs {
        let became = match difference.what {
            What::Added => Became::Added,
            What::Removed => Became::Removed,
            What::Changed => Became::Changed,
        };
        let id = new.registry().identify(&difference.key);
        let kind = match (id, &difference.object) {
            (Identity::Object(id), _) => id.resource.full_name(),
            (_, Some(called)) if called.group.is_empty() => called.kind.clone(),
            (_, Some(called)) => format!("{}.{}", called.kind, called.group),
            (_, None) => "(no object)".to_owned(),
        };
        let called = difference.object.as_ref();
        let name = called.map_or_else(|| render::key(&difference.key), |called| called.name.clone());
        let is_one_store = sides.old.store.is_none();
        let revision = match became {
            Became::Removed if is_one_store => difference.from_revision,
            Became::Removed => None,
            Became::Added | Became::Changed => Some(sides.new.revision),
        };
        let told = render::diff_brief(difference);
        let told = told.split_once(": ").map_or("", |(_, told)| told);
        Differs {
            became,
            namespace: called.and_then(|called| called.namespace.as_deref()).map(harmless),
            kind: harmless(&kind),
            name: harmless(&name),
            told: harmless(told),
            here: revision.and_then(|revision| Some((self.history().keys().find(&difference.key)?, revision))),
            key: difference.key.clone(),
        }
    }
}

fn cannot(what: String) -> Trouble {
    Trouble {
        title: "this cannot be compared".to_owned(),
        what,
        advice: vec![
            "v asks anew. What can be typed: a revision (1200), a time (2026-01-02T15:04:05Z), the path of another"
                .to_owned(),
            "store of either engine, or a path with a moment (/backup/state.db@1200).".to_owned(),
        ],
    }
}
