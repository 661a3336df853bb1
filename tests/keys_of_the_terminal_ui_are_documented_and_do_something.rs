//! The key table is the truth about the keys: `docs/tui.md` has it, every key of it can be reached where it says so, and does
//! something there; a key that cannot work says why.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixtures;
mod screens;

use kinescope::tui::keys::{self, Found, KEYS, Place};
use screens::Session;

#[test]
fn the_documentation_has_the_key_table() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/tui.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, _) = text.split_once("## Keys\n").unwrap();
    let expected = format!("{before}## Keys\n\n{}", keys::markdown());
    if std::env::var_os("KINESCOPE_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, expected).unwrap();
        return;
    }
    assert_eq!(text, expected, "KINESCOPE_UPDATE_SNAPSHOTS=1 writes the table anew");
}

#[test]
fn no_key_has_two_meanings_on_one_screen() {
    for &place in Place::ALL {
        let mut seen = std::collections::BTreeSet::new();
        for binding in KEYS.iter().filter(|binding| binding.places.contains(&place)) {
            assert!(!binding.what.is_empty() && !binding.keys.is_empty());
            for key in binding.keys {
                assert!(seen.insert(*key), "{key} in {place:?}");
                assert!(matches!(keys::find(place, key), Found::Do(action) if action == binding.action), "{key}");
            }
        }
    }
}

/// A file that may be written.
const EXPORTED: &str = concat!("=", env!("CARGO_TARGET_TMPDIR"), "/exported-by-a-key.yaml");

/// A store that may be written.
const STORE: &str = concat!("=", env!("CARGO_TARGET_TMPDIR"), "/written-by-a-key.db");

/// The screens, each reached by its keys.
const WAYS: [(Place, &[&str]); 17] = [
    (Place::Overview, &["down", "right"]),
    (Place::Table, &[":po", "enter", "/e", "enter", "n", "space", "down", "right"]),
    (Place::Object, &[":po", "enter", "enter", "/a", "enter", "right", "down"]),
    (Place::Relatives, &[":deploy", "enter", "enter", "O", "space", "right", "down"]),
    (Place::History, &[":lease", "enter", "enter", "h", "down", "right", "pgdn"]),
    (Place::Compare, &["v", "=400", "enter", "/a", "enter", "down", "space", "down", "right", "pgdn"]),
    (Place::Keys, &["r", "down", "enter", "down", "right"]),
    (Place::Leases, &["l", "down", "right"]),
    (Place::Sizes, &["s", "enter", "space", "down", "right"]),
    (Place::Search, &["f", "=nginx", "enter", "space", "down", "right"]),
    (Place::Page, &[":po", "enter", "b", "/0", "enter", "right", "down"]),
    (Place::Export, &[":po", "enter", "space", "space", "e", "ctrl-u", EXPORTED, "down", "down"]),
    (Place::Evidence, &["i", "/reg", "enter", "down", "right"]),
    // There are two lines: from the first one `up` leads nowhere, from the second `down`.
    (Place::Stores, &["S", "right"]),
    (Place::Stores, &["S", "down", "right"]),
    (Place::Store, &["W", "ctrl-u", STORE, "down", "down"]),
    (Place::Health, &["!", "/e", "enter", "down", "right"]),
];

#[test]
fn every_key_does_something_where_the_table_has_it() {
    // Both engines' stores lie in it, so that every screen has something to show.
    let (_dir, path) = fixtures::half_migrated();
    for &place in Place::ALL {
        let reach = |(_, way): &(Place, &[&str])| {
            let mut session = Session::open(&path, (100, 12));
            assert_eq!(session.state.place(), Some(Place::Stores));
            session.press(&["esc"]);
            session.press(way);
            assert_eq!(session.state.place().unwrap(), place);
            session
        };
        let sessions: Vec<Session> = WAYS.iter().filter(|(own, _)| *own == place).map(reach).collect();
        assert!(!sessions.is_empty(), "no way to {place:?}");
        for binding in KEYS.iter().filter(|binding| binding.places.contains(&place)) {
            for key in binding.keys {
                let works = |session: &Session| {
                    let before = format!("{:?}", session.state);
                    let mut there = session.fork();
                    there.press(&[*key]);
                    before != format!("{:?}", there.state)
                };
                assert!(sessions.iter().any(works), "{key} on {place:?} does nothing, and says nothing");
            }
        }
    }
}

/// Whatever is pressed where it does not work: the screen says why, or where it works.
#[test]
fn no_key_is_silent() {
    let (_dir, path) = fixtures::half_migrated();
    let letters = ('a'..='z').chain('A'..='Z').chain('0'..='9').chain(['[', ']', '%', '+', '.', '$']).map(String::from);
    let controls = ('a'..='z').map(|letter| format!("ctrl-{letter}"));
    let all: Vec<String> = letters.chain(controls).chain(["tab".to_owned()]).collect();
    for &place in Place::SCREENS {
        let (_, way) = WAYS.iter().find(|(own, _)| *own == place).unwrap();
        let mut reached = Session::open(&path, (100, 12));
        reached.press(&["esc"]);
        reached.press(way);
        for key in all.iter().filter(|key| !matches!(keys::find(place, key), Found::Do(_))) {
            let mut session = reached.fork();
            session.press(&[key.as_str()]);
            let said = session.state.said.clone();
            assert!(said.is_some_and(|said| said.is_refusal && said.text.len() > 10), "{key} on {place:?}");
        }
    }
}

#[test]
fn a_key_that_cannot_work_says_why() {
    let path = fixtures::unpacked("etcd-3.6").join("final.etcd");
    let mut session = Session::open(&path, (100, 30));
    for (key, reason) in [
        ("m", "works in: object"),
        ("x", "works in: object, history"),
        ("Z", "no column begins"),
        ("ctrl-p", "does nothing"),
        ("esc", "first screen"),
    ] {
        session.press(&[key]);
        let said = session.state.said.clone().unwrap();
        assert!(said.is_refusal && said.text.contains(reason), "{key}: {}", said.text);
    }
}
