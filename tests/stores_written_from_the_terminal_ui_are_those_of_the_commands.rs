//! A store that a dialog of the terminal UI writes is the one that the command writes, and nothing is written before it is
//! asked for; the rows of the screen of evidence are those that `recover` counts.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixtures;
mod screens;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kinescope::model::Evidence;
use kinescope::ops::recover;
use kinescope::ops::store;
use kinescope::source::Choice;
use kinescope::tui::ask::{Cell, Target};
use screens::Session;

const SIZE: (u16, u16) = (160, 50);

/// A real store in which three pages are overwritten.
fn damaged(dir: &Path) -> PathBuf {
    let mut bytes = std::fs::read(fixtures::unpacked("kine-0.16").join("early.backup.db")).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 3 * 4096].fill(0xa5);
    let path = dir.join("damaged.db");
    std::fs::write(&path, &bytes).unwrap();
    path
}

fn files(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn a_conversion_is_planned_tried_and_written() {
    let dir = tempfile::tempdir().unwrap();
    let source = fixtures::unpacked("etcd-3.6").join("middle.snapshot");
    let target = dir.path().join("new.db");
    let mut session = Session::open(&source, SIZE);
    session.press(&["W", "ctrl-u", &format!("={}", target.display())]);
    let screen = session.screen();
    assert!(screen.contains("nothing is written until enter") && screen.contains("convert to kine"), "{screen}");
    assert!(screen.contains("$ kinescope convert") && screen.contains("--to kine"), "{screen}");
    session.press(&["ctrl-t"]);
    assert!(session.screen().contains("nothing was written (--check)"), "{}", session.screen());
    assert!(files(dir.path()).is_empty());
    session.press(&["enter"]);
    assert!(session.screen().contains("read back"), "{}", session.screen());
    assert_eq!(files(dir.path()), ["new.db"]);
    let open = |path: &Path| store::open(path, &Choice::default()).unwrap();
    let (old, new) = (open(&source), open(&target));
    assert_eq!(old.store.history().counts().live_keys, new.store.history().counts().live_keys);
    assert_eq!(old.store.history().current_revision(), new.store.history().current_revision());
    // What is there is not overwritten unless that is asked for.
    session.press(&["esc", "W", "ctrl-u", &format!("={}", target.display()), "enter"]);
    assert!(session.screen().contains("exists already"), "{}", session.screen());
}

#[test]
fn evidence_is_what_recover_counts_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let source = damaged(dir.path());
    let wal = recover::reading(true);
    let found = recover::search(&source, &Choice::default(), wal).unwrap();
    let options = recover::Options { wal, ..recover::Options::default() };
    let report = recover::recover(&found, None, &options, &mut |_, _, _| true).unwrap();
    let mut session = Session::open(&source, SIZE);
    session.press(&["i"]);
    let grid = session.state.top().unwrap().grid().unwrap();
    let mut shown: BTreeMap<&str, u64> = BTreeMap::new();
    grid.list.rows.iter().for_each(|row| *shown.entry(&row.cells[0].text).or_default() += 1);
    for grade in [Evidence::Intact, Evidence::Log, Evidence::Carved, Evidence::Rebuilt] {
        let counted = report.rows.of(grade) + report.past.of(grade);
        assert_eq!(shown.get(grade.name()).copied().unwrap_or(0), counted, "{}", grade.name());
    }
    assert_eq!(shown.get("lost").copied().unwrap_or(0), report.lost.len() as u64);
    assert!(!report.lost.is_empty() && report.rows.of(Evidence::Intact) > 0);
    // A row of the store that is open leads to its object.
    let is_intact_object = |cells: &[Cell]| cells[0].text == "intact" && cells[1].text.starts_with("/registry/");
    let intact = grid.list.rows.iter().find(|row| is_intact_object(&row.cells)).unwrap();
    assert!(matches!(intact.target, Target::Key { .. }));
    // The worst first, and one grade at a time.
    assert_eq!(grid.list.rows[0].cells[0].text, "lost");
    session.press(&["tab"]);
    let grid = session.state.top().unwrap().grid().unwrap();
    assert_eq!(grid.order.len(), report.lost.len());
    let target = dir.path().join("recovered.db");
    session.press(&["W", "ctrl-u", &format!("={}", target.display()), "enter"]);
    let made = store::open(&target, &Choice::default()).unwrap();
    assert_eq!(made.store.history().counts().live_keys, report.live_keys);
    assert_eq!(files(dir.path()), ["damaged.db", "recovered.db"]);
}

#[test]
fn a_file_that_no_store_opens_from_is_searched_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let source = damaged(dir.path());
    let mut bytes = std::fs::read(&source).unwrap();
    bytes[..4096].fill(0);
    std::fs::write(&source, &bytes).unwrap();
    let mut session = Session::open(&source, SIZE);
    assert!(session.screen().contains("no store could be opened here"), "{}", session.screen());
    session.press(&["i"]);
    assert!(!session.state.top().unwrap().grid().unwrap().list.rows.is_empty(), "{}", session.screen());
    session.press(&["s"]);
    assert!(session.screen().contains("no store is open"), "{}", session.screen());
    session.press(&["esc", "esc", "q"]);
    assert!(session.state.leaving);
}
