//! Everything that the screen shows, as data. Nothing here draws, reads a store, or knows a terminal.

mod arrange;
mod command;
mod dialog;
mod differences;
mod fold;
mod grid;
mod reading;
mod store_dialog;

pub use arrange::{arranged_behind, is_fuzzy};
pub use dialog::Dialog;
pub use differences::Differences;
pub use fold::Outline;
pub use grid::Grid;
pub use reading::Reading;
pub use store_dialog::StoreDialog;

use super::ask::{Ask, By, Opened, Overview, Timeline, Trouble, With};
use super::keys::Place;
use super::worker::Ticket;
use crate::model::KeyId;

/// What is the same from beginning to end.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// The path that the user named.
    pub path: String,
    /// Options that open encrypted values, as they go into command lines.
    pub options: String,
    /// The engine of the store that the user chose where two lie in one directory.
    pub store: Option<String>,
    /// The user's settings.
    pub config: super::config::Config,
}

/// Another moment than the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The revision.
    pub revision: i64,
    /// How it was found.
    pub told: String,
}

/// What stands on the line where something is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// What for.
    pub what: PromptFor,
    /// The text.
    pub text: String,
    /// Which of the completions is chosen, if one is.
    pub chosen: Option<usize>,
}

/// What is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptFor {
    /// A kind or a command.
    Palette,
    /// A filter of a table, or a search in a text.
    Find,
    /// A moment.
    Time,
    /// What to search everywhere.
    Search,
    /// Another moment, or another store.
    Compare,
}

/// What a list is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListOf {
    /// Objects of a resource.
    Kind(String),
    /// Keys that begin so.
    Keys(Vec<u8>),
    /// Leases.
    Leases,
    /// What takes the bytes, or the keys of one of the sums.
    Sizes(By, Option<String>),
    /// Lines that hold a pattern.
    Search(String),
    /// What owns an object, or what it owns.
    Relatives {
        /// Its key.
        key: KeyId,
        /// As it was at this revision.
        revision: i64,
        /// What to call it.
        name: String,
        /// What it owns, and not what owns it.
        owned: bool,
    },
    /// What each row of the file rests on.
    Evidence,
    /// The stores of the directory.
    Stores,
}

/// One screen.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "a stack of screens has a handful of these")]
pub enum View {
    /// The first one.
    Overview {
        /// What it says; none while it is being made.
        facts: Option<Box<Overview>>,
        /// The kinds.
        grid: Grid,
    },
    /// A list.
    List {
        /// Of what.
        of: ListOf,
        /// Its rows.
        grid: Grid,
        /// Deleted ones too.
        deleted: bool,
        /// More columns.
        wide: bool,
    },
    /// An object or a value.
    Object {
        /// Its key.
        key: KeyId,
        /// At this revision.
        revision: i64,
        /// What to call it.
        name: String,
        /// With managed fields.
        managed: bool,
        /// The text.
        reading: Reading,
    },
    /// The changes of a key.
    History {
        /// The key.
        key: KeyId,
        /// What to call it.
        name: String,
        /// The changes.
        grid: Grid,
        /// What the one under the cursor changed.
        diff: Reading,
        /// The number of the question for it, and its revision.
        asked: (Ticket, i64),
    },
    /// What became of each object between two states.
    Compare(Box<Differences>),
    /// The page that a value came from.
    Page {
        /// The key of the value.
        key: KeyId,
        /// The newest change up to this revision.
        revision: i64,
        /// What to call it.
        name: String,
        /// The text.
        reading: Reading,
    },
    /// What is wrong.
    Health {
        /// The text.
        reading: Reading,
    },
}

/// One screen of the stack.
#[derive(Clone, Debug)]
pub struct Screen {
    /// What it shows.
    pub view: View,
    /// The number of the question whose answer it waits for.
    pub waiting: Option<Ticket>,
    /// Whether it has an answer for the moment that is shown.
    pub loaded: bool,
    /// Why it has none.
    pub trouble: Option<Trouble>,
}

/// A column whose edge is held with the mouse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its heading.
    pub heading: String,
    /// Its place among the columns.
    pub column: usize,
    /// Where the mouse took it.
    pub from: u16,
    /// How wide it was then.
    pub width: usize,
    /// It was moved.
    pub moved: bool,
}

/// How far the store is.
#[derive(Clone, Debug)]
pub enum Phase {
    /// Being opened.
    Opening,
    /// Open.
    Open(Box<Opened>),
    /// It cannot be opened.
    Closed(Trouble),
}

/// A message at the bottom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The message.
    pub text: String,
    /// It says that something does not work.
    pub is_refusal: bool,
}

/// Everything.
#[derive(Clone, Debug)]
pub struct State {
    /// What was started.
    pub start: Start,
    /// The keys as the user wants them.
    pub keymap: super::keys::Keymap,
    /// Columns and lines of the terminal.
    pub size: (u16, u16),
    /// How far the store is.
    pub phase: Phase,
    /// The screens; the last one is seen.
    pub stack: Vec<Screen>,
    /// Something is being typed.
    pub prompt: Option<Prompt>,
    /// A dialog is open.
    pub dialog: Option<Box<Dialog>>,
    /// The dialog of a whole store is open.
    pub store_dialog: Option<Box<StoreDialog>>,
    /// What the file is, before the store is open: the engine, and bytes.
    pub glance: Option<(String, u64)>,
    /// Whether there are two stores was asked.
    pub stores_asked: Option<Ticket>,
    /// And answered.
    pub stores_told: bool,
    /// A column whose edge is held with the mouse.
    pub held: Option<Held>,
    /// What the terminal is to put into its clipboard.
    pub clipboard: Option<String>,
    /// The keys are shown, from this line on.
    pub help: Option<usize>,
    /// The message at the bottom.
    pub said: Option<Said>,
    /// Another moment than the newest.
    pub moment: Option<Moment>,
    /// A moment that was asked for.
    pub moment_asked: Option<Ticket>,
    /// Names of files that were asked for.
    pub paths_asked: Option<Ticket>,
    /// The last question for the order of a large table.
    pub arranging: Option<Ticket>,
    /// What the user wants to be done with a row once its table is arranged.
    pub later: Vec<super::keys::Action>,
    /// The namespace that is shown; none for all.
    pub namespace: Option<String>,
    /// Secret values in clear.
    pub reveal: bool,
    /// The number of the next question.
    pub next_ticket: Ticket,
    /// What all checks found; none while they are being made.
    pub checked: Option<super::ask::Checked>,
    /// The owner of an object that was asked for, and what to call the object.
    pub owner_asked: Option<(Ticket, String)>,
    /// How much was changed when; none while it is not known.
    pub timeline: Option<Timeline>,
    /// A timeline that was asked for.
    pub timeline_asked: Option<Ticket>,
    /// How far the answer to a question is.
    pub progress: Option<(Ticket, String)>,
    /// Tenths of a second since something was asked.
    pub waited: u32,
    /// The user wants to leave.
    pub leaving: bool,
}

impl Screen {
    /// A screen without an answer.
    pub fn new(view: View) -> Self {
        Self { view, waiting: None, loaded: false, trouble: None }
    }

    /// Its table, if it has one.
    pub fn grid(&self) -> Option<&Grid> {
        match &self.view {
            View::Overview { grid, .. } | View::List { grid, .. } | View::History { grid, .. } => Some(grid),
            View::Compare(differences) => Some(&differences.grid),
            View::Object { .. } | View::Page { .. } | View::Health { .. } => None,
        }
    }

    /// Its table, to change it.
    pub fn grid_mut(&mut self) -> Option<&mut Grid> {
        match &mut self.view {
            View::Overview { grid, .. } | View::List { grid, .. } | View::History { grid, .. } => Some(grid),
            View::Compare(differences) => Some(&mut differences.grid),
            View::Object { .. } | View::Page { .. } | View::Health { .. } => None,
        }
    }

    /// Its text, if it has one.
    pub fn reading_mut(&mut self) -> Option<&mut Reading> {
        match &mut self.view {
            View::Object { reading, .. } | View::Page { reading, .. } | View::Health { reading } => Some(reading),
            View::History { diff, .. } => Some(diff),
            View::Compare(differences) => Some(&mut differences.diff),
            View::Overview { .. } | View::List { .. } => None,
        }
    }

    /// Which part of the key table holds.
    pub fn place(&self) -> Place {
        match &self.view {
            View::Overview { .. } => Place::Overview,
            View::List { of: ListOf::Kind(_), .. } => Place::Table,
            View::List { of: ListOf::Keys(_), .. } => Place::Keys,
            View::List { of: ListOf::Leases, .. } => Place::Leases,
            View::List { of: ListOf::Sizes(..), .. } => Place::Sizes,
            View::List { of: ListOf::Search(_), .. } => Place::Search,
            View::List { of: ListOf::Relatives { .. }, .. } => Place::Relatives,
            View::List { of: ListOf::Evidence, .. } => Place::Evidence,
            View::List { of: ListOf::Stores, .. } => Place::Stores,
            View::Object { .. } => Place::Object,
            View::History { .. } => Place::History,
            View::Compare(_) => Place::Compare,
            View::Page { .. } => Place::Page,
            View::Health { .. } => Place::Health,
        }
    }
}

impl State {
    /// Before anything is known.
    pub fn new(start: Start, size: (u16, u16)) -> Self {
        let first = Screen::new(View::Overview { facts: None, grid: Grid::default() });
        // Settings that contradict each other were refused when they were read.
        let keymap = super::keys::Keymap::new(&start.config.keys).unwrap_or_default();
        Self {
            start,
            keymap,
            size,
            phase: Phase::Opening,
            stack: vec![first],
            prompt: None,
            dialog: None,
            store_dialog: None,
            glance: None,
            stores_asked: None,
            stores_told: false,
            held: None,
            clipboard: None,
            help: None,
            said: None,
            moment: None,
            moment_asked: None,
            paths_asked: None,
            arranging: None,
            later: Vec::new(),
            namespace: None,
            reveal: false,
            next_ticket: super::worker::UNASKED + 1,
            checked: None,
            owner_asked: None,
            timeline: None,
            timeline_asked: None,
            progress: None,
            waited: 0,
            leaving: false,
        }
    }

    /// The screen that is seen.
    pub fn top(&self) -> Option<&Screen> {
        self.stack.last()
    }

    /// Which part of the key table holds.
    pub fn place(&self) -> Option<Place> {
        match (&self.dialog, &self.store_dialog) {
            (Some(_), _) => Some(Place::Export),
            (None, Some(_)) => Some(Place::Store),
            (None, None) => self.top().map(Screen::place),
        }
    }

    /// The findings of the first screen and, once they are there, of all checks: the worst first; what is said several times
    /// stands once, with how often it is said.
    pub fn findings(&self) -> Vec<(&super::ask::Finding, usize)> {
        let facts = match self.stack.first().map(|screen| &screen.view) {
            Some(View::Overview { facts: Some(facts), .. }) => facts.findings.as_slice(),
            _ => &[],
        };
        let checked = self.checked.as_ref();
        let own = facts.iter().filter(|finding| checked.is_none() || !finding.checked_again);
        let mut all: Vec<(&super::ask::Finding, usize)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for finding in own.chain(checked.map_or(&[] as &[_], |checked| &checked.findings)) {
            let at = *places.entry((finding.severity, finding.text.as_str())).or_insert(all.len());
            match all.get_mut(at) {
                Some((_, count)) => *count += 1,
                None => all.push((finding, 1)),
            }
        }
        all.sort_by_key(|(finding, _)| finding.severity);
        all
    }

    /// Whether bytes of the store's files are damaged; what else verify and doctor find is no reason to recover.
    pub fn is_damaged(&self) -> bool {
        let Some(View::Overview { facts: Some(facts), .. }) = self.stack.first().map(|screen| &screen.view) else {
            return false;
        };
        facts.findings.iter().any(|finding| finding.severity == super::ask::Severity::Damage)
    }

    /// What is known of the store, once it is open.
    pub fn opened(&self) -> Option<&Opened> {
        match &self.phase {
            Phase::Open(opened) => Some(opened),
            Phase::Opening | Phase::Closed(_) => None,
        }
    }

    /// The revision that is shown.
    pub fn revision(&self) -> i64 {
        let newest = self.opened().map_or(0, |opened| opened.current);
        self.moment.as_ref().map_or(newest, |moment| moment.revision)
    }

    /// Whether something is being worked out that the screen waits for.
    pub fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::Opening)
            || self.moment_asked.is_some()
            || self.owner_asked.is_some()
            || self.paths_asked.is_some()
            || self.dialog.as_ref().is_some_and(|dialog| dialog.asked.is_some())
            || self.store_dialog.as_ref().is_some_and(|dialog| dialog.asked.is_some())
            || self.top().is_some_and(|screen| screen.waiting.is_some())
            || self.is_arranging()
    }

    /// Whether the rows of the screen are being arranged.
    pub fn is_arranging(&self) -> bool {
        self.top().and_then(Screen::grid).is_some_and(Grid::is_arranging)
    }

    /// The question that a screen's content answers.
    pub fn ask_of(&self, view: &View) -> Ask {
        let at = self.moment.as_ref().map(|moment| moment.revision);
        match view {
            View::Overview { .. } => Ask::Overview { at },
            View::List { of: ListOf::Kind(resource), deleted, wide, .. } => {
                let columns = self.start.config.columns.get(resource).cloned().unwrap_or_default();
                Ask::Table { resource: resource.clone(), at, deleted: *deleted, wide: *wide, columns }
            }
            View::List { of: ListOf::Keys(prefix), .. } => Ask::Keys { prefix: prefix.clone(), at },
            View::List { of: ListOf::Leases, .. } => Ask::Leases,
            View::List { of: ListOf::Sizes(by, within), .. } => Ask::Sizes { by: *by, within: within.clone(), at },
            View::List { of: ListOf::Search(pattern), deleted, .. } => Ask::Search {
                pattern: pattern.clone(),
                history: *deleted,
                namespace: self.namespace.clone(),
                at,
                reveal: self.reveal,
            },
            View::List { of: ListOf::Evidence, .. } => Ask::Evidence,
            View::List { of: ListOf::Stores, .. } => Ask::Stores,
            View::List { of: ListOf::Relatives { key, revision, owned, .. }, .. } => match owned {
                true => Ask::Owned { key: *key, revision: *revision, at },
                false => Ask::Owners { key: *key, revision: *revision, at },
            },
            View::Object { key, revision, managed, .. } => {
                Ask::Object { key: *key, revision: *revision, reveal: self.reveal, managed: *managed }
            }
            View::Page { key, revision, .. } => Ask::Page { key: *key, revision: *revision, reveal: self.reveal },
            View::History { key, .. } => Ask::History { key: *key, at },
            View::Health { .. } => Ask::Health,
            View::Compare(differences) => {
                Ask::Compare(With { other: differences.other.clone(), at, noise: differences.noise })
            }
        }
    }
}
