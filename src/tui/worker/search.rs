//! Lines of keys and objects that hold what is typed.

use rayon::prelude::*;

use super::Reader;
use super::errand::Errand;
use crate::ops::grep::{self, Detail, Found, Match, Part, Pattern, Scope, Search, Space, Syntax, What};
use crate::render;
use crate::tui::ask::{Cell, List, Row, Tone};

/// Changes that are searched before it is asked whether somebody still waits.
const BATCH: usize = 2048;
/// Lines that are shown at most.
const MOST: usize = 2000;

/// What is searched.
pub(super) struct Wanted<'a> {
    /// A regular expression, or text where it is none.
    pub pattern: &'a str,
    /// Every change that survives.
    pub history: bool,
    /// Only objects of this namespace.
    pub namespace: Option<&'a str>,
    /// Secret values too.
    pub reveal: bool,
}

impl Reader {
    pub(super) fn search(&self, wanted: &Wanted<'_>, at: Option<i64>, errand: &Errand) -> List {
        let columns = ["OBJECT", "REVISION", "FIELD", "LINE"].map(str::to_owned).to_vec();
        let mut list = List { columns, empty: "type what to look for".to_owned(), ..List::default() };
        if wanted.pattern.is_empty() {
            return list;
        }
        let syntax = |fixed| Syntax { ignore_case: true, fixed };
        // Half an expression, while it is typed, is looked for as it stands.
        let pattern =
            Pattern::new(wanted.pattern, syntax(false)).or_else(|_| Pattern::new(wanted.pattern, syntax(true)));
        let Ok(pattern) = pattern else { return list };
        let objects = self.objects(at);
        let scope = Scope { namespace: wanted.namespace, kinds: None, history: wanted.history };
        let Ok(selected) = grep::select(&objects, &scope) else { return list };
        let what = What { reveal: wanted.reveal, managed_fields: false, detail: Detail::Lines };
        let search = Search::new(&objects, pattern, what);
        let (mut masked, mut closed, mut seen) = (0_u64, 0_u64, 0);
        for batch in selected.changes.chunks(BATCH) {
            errand.tell("searching", seen as u64, selected.changes.len() as u64);
            let found: Vec<Found> =
                batch.par_iter().map_init(Space::default, |space, change| search.search(change, space)).collect();
            seen += batch.len();
            for (change, found) in batch.iter().zip(found) {
                masked += u64::from(found.masked);
                closed += u64::from(found.failed.is_some());
                for line in found.matches {
                    let target = self.target(&objects, change);
                    let tone = if change.is_put() { Tone::Plain } else { Tone::Deleted };
                    let namespace = objects.object(change.key).and_then(|id| id.namespace).map(str::to_owned);
                    let name = Cell::text(self.name(&objects, change.key));
                    let revision = change.revision.main;
                    let revision = Cell::number(revision.to_string(), revision as f64);
                    let cells = vec![name, revision, Cell::text(place(&line)), Cell::text(line.text.trim())];
                    list.rows.push(Row { cells, target, tone, namespace });
                }
            }
            if list.rows.len() >= MOST || !errand.goes_on() {
                break;
            }
        }
        list.rows.truncate(MOST);
        let mut notes = Vec::new();
        let all = selected.changes.len();
        if seen < all {
            notes.push(format!("{} of {} searched", render::count(seen as u64), render::count(all as u64)));
        }
        if masked > 0 && !wanted.reveal {
            notes.push(format!("{masked} Secrets masked: x searches them"));
        }
        if closed > 0 {
            notes.push(format!("{closed} values cannot be read"));
        }
        if !wanted.history {
            notes.push("D searches the history too".to_owned());
        }
        list.note = Some(notes.join(" · ")).filter(|note| !note.is_empty());
        list.empty = format!("nothing has {:?} in {} changes", wanted.pattern, render::count(all as u64));
        if !wanted.history {
            list.empty.push_str(" that are live; D searches every change that survives");
        }
        list
    }
}

/// What a line stands in.
fn place(line: &Match) -> String {
    match line.part {
        Part::Key => "(key)".to_owned(),
        Part::Decoded => format!("{} (decoded)", line.place.inside),
        Part::Value => line.place.inside.clone(),
    }
}
