//! The life of one key: its changes, and what each of them changed.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use similar::{Algorithm, ChangeTag, TextDiff};

use super::{Reader, changed};
use crate::kube::show::View;
use crate::model::Says;
use crate::model::{Change, KeyId};
use crate::ops::moments::{self, Stamped};
use crate::ops::objects::{ObjectError, Objects};
use crate::tui::ask::{Cell, List, Row, Syntax, Target, Text, TextLine, Tone};

/// Lines around a difference.
const AROUND: usize = 3;
/// After this a difference is told less finely.
const LONGEST_WORK: Duration = Duration::from_millis(500);

impl Reader {
    /// The changes of a key, newest first.
    pub(super) fn changes(&self, key: KeyId, at: Option<i64>) -> List {
        let history = self.history();
        let revision = self.at(at);
        let objects = self.objects(at);
        let changes: Vec<Change> =
            history.changes_of(key).filter(|change| change.revision.main <= revision).copied().collect();
        let stamps = moments::stamped(&objects, &changes);
        let stamp_of: HashMap<i64, &Stamped> = stamps.iter().rev().map(|stamp| (stamp.revision, stamp)).collect();
        let secret = objects.is_secret(key);
        let mut rows = Vec::with_capacity(changes.len());
        let mut before: Option<Result<Value, ObjectError>> = None;
        for change in &changes {
            let tree = change.is_put().then(|| objects.tree(change, &objects.whole(change)).map(|(tree, _)| tree));
            let (who, what, tone) = told(change, before.as_ref(), tree.as_ref(), secret);
            let number = change.revision.main;
            let stamp = stamp_of.get(&number).copied();
            let cells = vec![
                Cell::number(number.to_string(), number as f64),
                Cell::number(time(stamp), stamp.map_or(0.0, |stamp| stamp.at.as_second() as f64)),
                Cell::text(who),
                Cell::text(what),
            ];
            let name = self.name(&objects, key);
            rows.push(Row { cells, target: Target::Key { key, revision: number, name }, tone, namespace: None });
            before = tree;
        }
        rows.reverse();
        let first = changes.first();
        let is_cut =
            first.is_some_and(|change| change.is_put() && change.create_revision != Some(change.revision.main));
        let compact = history.compact_revision();
        let note = is_cut.then(|| format!("earlier changes are compacted (compact revision {compact})"));
        List {
            columns: ["REVISION", "TIME", "WHO", "WHAT"].map(str::to_owned).to_vec(),
            rows,
            note,
            empty: "no change of this key survives up to this moment".to_owned(),
        }
    }

    /// What a change changed, as a unified difference of what kubectl prints.
    pub(super) fn difference(&self, key: KeyId, revision: i64, reveal: bool) -> Text {
        let history = self.history();
        let objects = self.objects(Some(revision));
        let mut text = Text { title: self.name(&objects, key), syntax: Syntax::Diff, ..Text::default() };
        let Some(at) = history.changes_of(key).rposition(|change| change.revision.main <= revision) else {
            return text;
        };
        let change = history.changes_of(key).nth(at);
        let before = at.checked_sub(1).and_then(|at| history.changes_of(key).nth(at));
        text.revisions = history.changes_of(key).map(|change| change.revision.main).collect();
        text.shown = Some(at);
        text.masked = !reveal && objects.is_secret(key);
        let Some(change) = change else { return text };
        let name = |change: Option<&Change>| {
            change.map_or("nothing".to_owned(), |change| format!("revision {}", change.revision.main))
        };
        let is_first = before.is_none() && change.create_revision != Some(change.revision.main) && change.is_put();
        if is_first {
            text.notes.push("what was before is compacted away: the whole object is shown".to_owned());
        }
        if text.masked {
            text.notes
                .push("secret values are masked: one of the same length shows no difference; x reveals".to_owned());
        }
        match (self.side(&objects, before, reveal), self.side(&objects, Some(change), reveal)) {
            (Ok(old), Ok(new)) => {
                text.lines.push(plain(format!("--- {}", name(before))));
                text.lines.push(plain(format!("+++ {}", name(Some(change)))));
                unified(&old, &new, &mut text.lines);
                if text.lines.len() == 2 {
                    text.lines.push(plain("  no difference in what kubectl prints".to_owned()));
                }
            }
            (Err(error), _) | (_, Err(error)) => {
                text.trouble = Some(self.trouble(&objects, &error, history.keys().get(key)));
            }
        }
        text
    }

    /// One side of a difference: nothing for a tombstone.
    fn side(&self, objects: &Objects<'_>, change: Option<&Change>, reveal: bool) -> Result<String, ObjectError> {
        match change.filter(|change| change.is_put()) {
            Some(change) => {
                // It differs in every change, and says nothing.
                let view = View { reveal, resource_version: None, ..objects.kubectl(change) };
                Ok(self.yaml(objects, change, &view)?.0)
            }
            None => Ok(String::new()),
        }
    }
}

/// Who and what of a change.
fn told(
    change: &Change,
    before: Option<&Result<Value, ObjectError>>,
    tree: Option<&Result<Value, ObjectError>>,
    secret: bool,
) -> (String, String, Tone) {
    let is_created = change.create_revision == Some(change.revision.main);
    match (tree, before) {
        (None, _) => ("-".to_owned(), "deleted".to_owned(), Tone::Deleted),
        (Some(Err(ObjectError::Locked { .. })), _) => ("-".to_owned(), "(encrypted)".to_owned(), Tone::Locked),
        (Some(Err(ObjectError::Damage(_))), _) => ("-".to_owned(), "(damaged)".to_owned(), Tone::Damaged),
        (Some(Err(ObjectError::Show { .. })), _) if is_created => ("-".to_owned(), "created".to_owned(), Tone::Plain),
        (Some(Err(ObjectError::Show { .. })), _) => ("-".to_owned(), "changed".to_owned(), Tone::Plain),
        (Some(Ok(new)), _) if is_created => (changed::writers(None, new), "created".to_owned(), Tone::Plain),
        (Some(Ok(new)), Some(Ok(old))) => {
            (changed::writers(Some(old), new), changed::changed_paths(old, new, secret), Tone::Plain)
        }
        (Some(Ok(_)), _) => ("-".to_owned(), "(what was before is not known)".to_owned(), Tone::Plain),
    }
}

/// A stamp that only says "then or later" is marked so.
fn time(stamp: Option<&Stamped>) -> String {
    match stamp {
        Some(stamp) if stamp.says == Says::Then => format!("{:.0}", stamp.at),
        Some(stamp) => format!("≥ {:.0}", stamp.at),
        None => "-".to_owned(),
    }
}

fn plain(text: String) -> TextLine {
    TextLine { text, block: false }
}

fn unified(old: &str, new: &str, lines: &mut Vec<TextLine>) {
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).timeout(LONGEST_WORK).diff_lines(old, new);
    for group in diff.grouped_ops(AROUND) {
        if let (Some(first), Some(last)) = (group.first(), group.last()) {
            let (old, new) =
                (first.old_range().start..last.old_range().end, first.new_range().start..last.new_range().end);
            let (old_from, new_from) =
                (old.start + usize::from(!old.is_empty()), new.start + usize::from(!new.is_empty()));
            lines.push(plain(format!("@@ -{old_from},{} +{new_from},{} @@", old.len(), new.len())));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            let line = change.value().trim_end_matches('\n');
            lines.push(plain(format!("{sign}{}", crate::tui::text::harmless(line))));
        }
    }
}
