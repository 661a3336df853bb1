//! The stores of one directory: k3s has two in it while it moves from one engine to the other, or where that failed.

use super::errand::Errand;
use super::{Opened, Reader};
use crate::model::Engine;
use crate::ops::keyring::Keyring;
use crate::ops::objects::Objects;
use crate::ops::store;
use crate::render;
use crate::source::Choice;
use crate::tui::ask::{Cell, List, Row, Target, Tone};
use crate::tui::text::harmless;

/// Both engines' stores, as far as they are there.
pub(super) fn stores(opened: &Opened<'_>, reader: Option<&Reader>, errand: &Errand) -> List {
    let mut list = List {
        columns: ["STORE", "REVISION", "LIVE KEYS", "CHANGES", "NEWEST STAMP", "WHAT"].map(str::to_owned).to_vec(),
        empty: "there is one store here at most".to_owned(),
        ..List::default()
    };
    if !opened.path.is_dir() || opened.choice.member.is_some() {
        return list;
    }
    // What k3s starts on is what is opened without a choice, and it is said there why.
    let (first, why) = match store::open(opened.path, &Choice::default()) {
        Ok(store) => (Some(store.store.history().engine()), store.notes.first().cloned()),
        Err(_) => (None, None),
    };
    for name in ["etcd", "kine"] {
        errand.tell("looking at both stores", 0, 0);
        let choice = Choice { store: Some(name.to_owned()), member: None };
        let Ok(other) = store::open(opened.path, &choice) else { continue };
        let history = other.store.history();
        let keyring = Keyring::new();
        let stamp = Objects::new(history, &keyring, None, history.current_revision()).newest_stamp();
        let counts = history.counts();
        let is_first = first == Some(history.engine());
        let is_shown = reader.is_some_and(|reader| reader.history().engine() == history.engine());
        let what = match (is_first, is_shown) {
            (true, true) => "k3s starts on this one; it is shown",
            (true, false) => "k3s starts on this one",
            (false, true) => "k3s leaves it aside; it is shown",
            (false, false) => "k3s leaves it aside",
        };
        let number = |number: u64| Cell::number(render::count(number), number as f64);
        let cells = vec![
            Cell::text(name),
            number(history.current_revision().unsigned_abs()),
            number(counts.live_keys),
            number(counts.changes),
            Cell::text(stamp.map_or_else(|| "-".to_owned(), |at| format!("{at:.0}"))),
            Cell::text(what),
        ];
        list.rows.push(Row { cells, target: Target::Store(name.to_owned()), tone: Tone::Plain, namespace: None });
    }
    if list.rows.len() < 2 {
        list.rows.clear();
        return list;
    }
    let reason = why.and_then(|why| why.rsplit_once(": ").map(|(_, why)| why.to_owned()));
    let engine = first.map_or("", |engine| if engine == Engine::Etcd { "etcd" } else { "kine" });
    list.note = reason.map(|reason| harmless(&format!("{engine}: {reason}")));
    list
}
