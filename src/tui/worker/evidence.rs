//! What each row of a file rests on, and what is lost: the search of `recover`, with nothing written.

use std::collections::BTreeMap;

use super::Opened;
use super::errand::Errand;
use crate::model::{Evidence, History};
use crate::ops::recover::{self, ByEvidence, Digest, Lost, RowLine};
use crate::render;
use crate::tui::ask::{Answer, Cell, GRADES, List, Row, Target, Tone, Trouble};

/// Rows that are shown at most of each grade.
const MOST: usize = 20_000;

/// All rows that are found, the worst first.
pub(super) fn evidence(opened: &Opened<'_>, errand: &Errand) -> Answer {
    if opened.is_gone() {
        return Answer::Failed(cannot("standard input is read once, and it was: save it to a file first".to_owned()));
    }
    errand.tell("searching the whole file for rows", 0, 0);
    let wal = recover::reading(true);
    let found = match recover::search(opened.path, opened.choice, wal) {
        Ok(found) => found,
        Err(error) => return Answer::Failed(cannot(error.to_string())),
    };
    if !errand.goes_on() {
        return Answer::Failed(cannot("given up".to_owned()));
    }
    let options = recover::Options { wal, ..recover::Options::default() };
    let report = match recover::recover(&found, None, &options, &mut |_, _, _| errand.goes_on()) {
        Ok(report) => report,
        Err(error) => return Answer::Failed(cannot(error.to_string())),
    };
    errand.tell("grading rows", 0, 0);
    let history = opened.source.map(|source| source.store.history());
    let mut by_grade: BTreeMap<usize, Vec<Row>> = BTreeMap::new();
    let mut add = |row: Row| {
        let grade = row.cells.first().map_or("", |cell| cell.text.as_str());
        let rank = GRADES.iter().position(|other| *other == grade).unwrap_or(GRADES.len());
        let rows = by_grade.entry(rank).or_default();
        if rows.len() < MOST {
            rows.push(row);
        }
    };
    report.lost.iter().for_each(|lost| add(lost_row(lost, history)));
    for unproven in &report.unproven {
        let what = if unproven.deleted {
            "a tombstone; whether it is the newest, nothing in the file proves"
        } else {
            "whether it is the newest, nothing in the file proves"
        };
        add(row("unproven", &unproven.key, Some(unproven.revision), what.to_owned(), history, Tone::Locked));
    }
    for (past, where_) in [(false, ""), (true, ", not in the table: deleted or compacted, or may have been")] {
        for line in recover::row_lines(&found.salvaged, past) {
            add(found_row(&line, where_, history));
        }
    }
    let told = |of: &ByEvidence| {
        let part =
            |grade: Evidence| (of.of(grade) > 0).then(|| format!("{} {}", render::count(of.of(grade)), grade.name()));
        ByEvidence::GRADES.into_iter().filter_map(part).collect::<Vec<_>>().join(" · ")
    };
    let mut notes = vec![told(&report.rows)];
    if !report.lost.is_empty() {
        notes.push(format!("{} known lost", render::count(report.lost.len() as u64)));
    }
    if report.past.total() > 0 {
        notes.push(format!("beside the table {}", told(&report.past)));
    }
    let list = List {
        columns: ["GRADE", "KEY", "REVISION", "WHAT"].map(str::to_owned).to_vec(),
        rows: by_grade.into_values().flatten().collect(),
        note: Some(notes.join(" · ")),
        empty: "no row of either engine is in this file".to_owned(),
    };
    Answer::List(list.into())
}

fn lost_row(lost: &Lost, history: Option<&History>) -> Row {
    let mut what = lost.how.text().to_owned();
    match lost.last_good_revision {
        Some(good) => what.push_str(&format!("; revision {good} is the last whole one: enter opens it")),
        None if lost.newest => what.push_str("; no earlier one is whole"),
        None => what.push_str("; it was superseded"),
    }
    let key = lost.key.clone().unwrap_or_else(|| b"(a key that nobody knows)".to_vec());
    let mut row = row("lost", &key, Some(lost.revision), what, history, Tone::Deleted);
    row.target = target(&key, lost.last_good_revision, history);
    row
}

fn found_row(line: &RowLine, beside: &str, history: Option<&History>) -> Row {
    let value = match (&line.value, line.deleted) {
        (_, Some(true)) => "tombstone",
        (Digest::Partial, _) => "its value is not all there, or contradicts itself",
        (Digest::Null, _) => "no value",
        (Digest::Sha1(_), _) => "its value is whole",
    };
    let tone = match line.grade {
        Evidence::Intact | Evidence::Log => Tone::Plain,
        Evidence::Carved | Evidence::Rebuilt => Tone::Guessed,
        Evidence::Doubtful => Tone::Damaged,
    };
    let what = format!("{}: {value}{beside}", line.source);
    row(line.grade.name(), &line.name, line.id, what, history, tone)
}

fn row(grade: &str, key: &[u8], revision: Option<i64>, what: String, history: Option<&History>, tone: Tone) -> Row {
    let number = revision.map_or_else(|| Cell::text("?"), |at| Cell::number(at.to_string(), at as f64));
    let cells = vec![Cell::text(grade), Cell::text(render::key(key)), number, Cell::text(what)];
    Row { cells, target: target(key, revision, history), tone, namespace: None }
}

/// The object, where the store that is open has that change.
fn target(key: &[u8], revision: Option<i64>, history: Option<&History>) -> Target {
    let found = history.zip(revision).and_then(|(history, revision)| {
        let id = history.keys().find(key)?;
        history.changes_of(id).any(|change| change.revision.main == revision).then_some((id, revision))
    });
    match found {
        Some((id, revision)) => Target::Key { key: id, revision, name: render::key(key) },
        None => Target::Nothing,
    }
}

fn cannot(what: String) -> Trouble {
    Trouble { title: "this file cannot be searched".to_owned(), what, advice: Vec::new() }
}
