//! The thread that reads: it opens the store, and answers what screens ask, so that the terminal never waits.

mod arrange;
mod changed;
mod check;
mod compare;
mod errand;
mod evidence;
mod export;
mod history;
mod inbox;
mod job;
mod keys;
mod object;
mod overview;
mod page;
mod paths;
mod relatives;
mod search;
mod sizes;
mod stores;
mod tables;
mod timeline;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, OnceLock};

use jiff::Timestamp;

use errand::{Errand, Errands};
use inbox::Inbox;

use super::ask::{Answer, Ask, KindName, Trouble};
use crate::kube::minor::Minor;
use crate::model::{Engine, History};
use crate::ops::info::Info;
use crate::ops::keyring::{Given, Keyring};
use crate::ops::moments;
use crate::ops::objects::{ObjectError, Objects};
use crate::ops::store::{self, OpenError, OpenStore};
use crate::source::{self, Choice, Files, Watch};

/// What to open, and with what.
#[derive(Debug)]
pub struct Opening {
    /// The path that the user named.
    pub path: PathBuf,
    /// What to call it.
    pub name: String,
    /// Which of several stores.
    pub choice: Choice,
    /// What opens encrypted values.
    pub given: Arc<Given>,
    /// The release to print as.
    pub minor: Option<Minor>,
    /// Where the files go that were opened, so that they can be compared at the end.
    pub opened: Sender<Watch>,
}

/// A question with its number, which the answer carries too.
pub type Ticket = u64;

/// Answers under this number are about the store as a whole.
pub const UNASKED: Ticket = 0;

/// A store that is open, and what is needed to read it.
pub(super) struct Reader {
    source: Arc<OpenStore>,
    keyring: Keyring,
    minor: Option<Minor>,
    notes: Vec<String>,
    keys_fault: Option<String>,
    given: Arc<Given>,
    path: PathBuf,
    name: String,
    checked: Arc<OnceLock<check::All>>,
    /// Another store is shown instead: what is still found here is of no use.
    left: Arc<AtomicBool>,
    info: OnceLock<Info>,
    opened: Sender<Watch>,
    other: Mutex<Option<Arc<compare::OtherStore>>>,
    owned: Mutex<Option<Arc<relatives::Owned>>>,
}

/// What was named, and the store there, where it can be opened.
pub(super) struct Opened<'o> {
    path: &'o std::path::Path,
    choice: &'o Choice,
    source: Option<&'o OpenStore>,
}

impl Opened<'_> {
    /// Whether what was read cannot be read a second time.
    fn is_gone(&self) -> bool {
        self.path == std::path::Path::new("-")
    }
}

/// Opens the store, then answers until nobody asks any more.
pub fn run(opening: &Opening, asks: &Receiver<(Ticket, Ask)>, answers: &Sender<(Ticket, Answer)>) {
    let inbox = Inbox::new(asks);
    let mut choice = opening.choice.clone();
    loop {
        let reader = match open(opening, &choice, answers) {
            Ok(reader) => Some(Arc::new(reader)),
            Err(error) => {
                let _ = answers.send((UNASKED, Answer::Closed(check::cannot_open(&error, opening))));
                None
            }
        };
        if let Some(reader) = &reader
            && answers.send((UNASKED, Answer::Opened(Box::new(reader.opened())))).is_err()
        {
            return;
        }
        let next = serve(opening, &choice, reader.as_ref(), &inbox, answers);
        if let Some(reader) = reader {
            reader.left.store(true, Ordering::Relaxed);
        }
        match next {
            Some(store) => choice.store = Some(store),
            None => return,
        }
    }
}

fn open(opening: &Opening, choice: &Choice, answers: &Sender<(Ticket, Answer)>) -> Result<Reader, OpenError> {
    let files = source::open(&opening.path, choice)?;
    let (engine, bytes) = match &files.files {
        Files::Sqlite { db, .. } => ("kine/SQLite", db),
        Files::Bolt { db } => ("etcd/bbolt", db),
        Files::EtcdDir { db, .. } => ("etcd data directory", db),
    };
    let _ = answers.send((UNASKED, Answer::Glance(engine.to_owned(), bytes.bytes.len() as u64)));
    let source = Arc::new(store::opened(files)?);
    let _ = opening.opened.send(source.watch.clone());
    let (keyring, mut notes, keys_fault) = match opening.given.keyring(&source) {
        Ok((keyring, notes)) => (keyring, notes, None),
        Err(error) => (Keyring::new(), Vec::new(), Some(error.to_string())),
    };
    notes.splice(0..0, source.notes.iter().cloned());
    Ok(Reader {
        source,
        keyring,
        minor: opening.minor,
        notes,
        keys_fault,
        given: Arc::clone(&opening.given),
        path: opening.path.clone(),
        name: opening.name.clone(),
        checked: Arc::default(),
        left: Arc::default(),
        info: OnceLock::new(),
        opened: opening.opened.clone(),
        other: Mutex::default(),
        owned: Mutex::default(),
    })
}

/// Answers; the engine of another store, if that is to be opened instead.
fn serve(
    opening: &Opening,
    choice: &Choice,
    reader: Option<&Arc<Reader>>,
    inbox: &Inbox<'_>,
    answers: &Sender<(Ticket, Answer)>,
) -> Option<String> {
    let errands = Errands::default();
    // The checks take all that the machine has: the first screen comes before them.
    let mut unchecked = reader;
    while let Some((ticket, ask)) = inbox.next() {
        match ask {
            Ask::GiveUp(ticket) => errands.give_up(ticket),
            Ask::Reopen(store) => return Some(store),
            ask if ask.takes_long() => {
                let errand = errands.begin(ticket, &ask, answers);
                let (reader, path, choice) = (reader.cloned(), opening.path.clone(), choice.clone());
                let run = move || {
                    let answer = safely(|| {
                        let source = reader.as_deref().map(|reader| &*reader.source);
                        let opened = Opened { path: &path, choice: &choice, source };
                        long_answer(&ask, reader.as_deref(), &opened, &errand)
                    });
                    errand.answer(answer);
                };
                if std::thread::Builder::new().name("errand".to_owned()).spawn(run).is_err() {
                    let _ = answers.send((ticket, Answer::Failed(no_thread())));
                }
            }
            ask => {
                let answer = safely(|| match reader {
                    Some(reader) => reader.answer(&ask),
                    None => Answer::Failed(no_store()),
                });
                if answers.send((ticket, answer)).is_err() {
                    return None;
                }
                if let Some(reader) = unchecked.take() {
                    reader.check_behind(answers);
                }
            }
        }
    }
    None
}

/// What takes long, on a thread of its own.
fn long_answer(ask: &Ask, reader: Option<&Reader>, opened: &Opened<'_>, errand: &Errand) -> Answer {
    match (ask, reader) {
        (Ask::Paths(typed), _) => Answer::Paths(typed.clone(), paths::paths(typed)),
        (Ask::Evidence, _) => evidence::evidence(opened, errand),
        (Ask::Stores, _) => Answer::List(stores::stores(opened, reader, errand).into()),
        (Ask::Job { job, stage }, _) => Answer::Did(job::run(opened, job, *stage, errand)),
        (Ask::Arrange(wanted), _) => arrange::arrange(wanted, errand),
        (Ask::Table { resource, at, deleted, wide, columns }, Some(reader)) => {
            let wanted = tables::Wanted { at: *at, deleted: *deleted, wide: *wide, columns };
            reader.table(resource, &wanted, errand)
        }
        (Ask::Keys { prefix, at }, Some(reader)) => Answer::List(reader.keys(prefix, *at).into()),
        (Ask::Leases, Some(reader)) => Answer::List(reader.leases().into()),
        (Ask::Sizes { by, within, at }, Some(reader)) => {
            Answer::List(reader.sizes(*by, within.as_deref(), *at, errand).into())
        }
        (Ask::Search { pattern, history, namespace, at, reveal }, Some(reader)) => {
            let wanted =
                search::Wanted { pattern, history: *history, namespace: namespace.as_deref(), reveal: *reveal };
            Answer::List(reader.search(&wanted, *at, errand).into())
        }
        (Ask::Health, Some(reader)) => Answer::Text(Box::new(reader.health())),
        (Ask::History { key, at }, Some(reader)) => Answer::History(reader.changes(*key, *at).into()),
        (Ask::Compare(with), Some(reader)) => reader.compare(with, errand),
        (Ask::Owned { key, revision, at }, Some(reader)) => reader.owned(*key, *revision, *at, errand),
        (Ask::Timeline { columns }, Some(reader)) => Answer::Timeline(reader.timeline(*columns, errand)),
        _ => Answer::Failed(no_store()),
    }
}

/// A defect of ours must not take the terminal down with it.
fn safely(answer: impl FnOnce() -> Answer) -> Answer {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(answer)).unwrap_or_else(|_| {
        let told = crate::tui::crash::log_path().map(|path| format!("What happened stands in {}", path.display()));
        Answer::Failed(Trouble {
            title: "a defect of kinescope".to_owned(),
            what: "working this out failed in a way that must not happen; everything else still works".to_owned(),
            advice: told.into_iter().collect(),
        })
    })
}

fn no_store() -> Trouble {
    let what = "for this a store must be open, and none could be opened here".to_owned();
    let advice = vec!["i searches the file for rows all the same; W writes a store of what is found".to_owned()];
    Trouble { title: "no store is open".to_owned(), what, advice }
}

fn no_thread() -> Trouble {
    let what = "the system starts no further thread".to_owned();
    Trouble { title: "this cannot be worked out now".to_owned(), what, advice: Vec::new() }
}

impl Reader {
    fn history(&self) -> &History {
        self.source.store.history()
    }

    /// What is in the store, without the hashes of the whole file: worked out once.
    fn info(&self) -> &Info {
        self.info.get_or_init(|| Info::of(&self.source, true))
    }

    fn at(&self, at: Option<i64>) -> i64 {
        at.unwrap_or_else(|| self.history().current_revision())
    }

    fn objects(&self, at: Option<i64>) -> Objects<'_> {
        Objects::new(self.history(), &self.keyring, self.minor, self.at(at))
    }

    fn opened(&self) -> super::ask::Opened {
        let objects = self.objects(None);
        let info = self.info();
        let engine = match (info.engine, &info.etcd) {
            (Engine::Kine, _) => "kine/SQLite",
            (Engine::Etcd, Some(etcd)) if etcd.replay.is_some() => "etcd data directory",
            (Engine::Etcd, Some(etcd)) if etcd.snapshot_shaped => "etcd snapshot",
            (Engine::Etcd, _) => "etcd/bbolt",
        };
        let kinds = objects.registry().resources().iter().map(|resource| {
            let names = [&resource.plural, &resource.singular].into_iter().chain(&resource.short_names);
            KindName { full: resource.full_name(), aliases: names.map(ToString::to_string).collect() }
        });
        super::ask::Opened {
            engine: engine.to_owned(),
            bytes: info.bytes.file,
            current: info.current_revision,
            compact: info.compact_revision,
            kinds: kinds.collect(),
            notes: self.notes.clone(),
            keys: self.keys_fault.clone(),
        }
    }

    fn answer(&self, ask: &Ask) -> Answer {
        match ask {
            Ask::Overview { at } => Answer::Overview(Box::new(self.overview(*at))),
            Ask::Object { key, revision, reveal, managed } => {
                Answer::Text(Box::new(self.object(*key, *revision, *reveal, *managed)))
            }
            Ask::Page { key, revision, reveal } => Answer::Text(Box::new(self.page(*key, *revision, *reveal))),
            Ask::Diff { key, revision, reveal } => Answer::Diff(self.difference(*key, *revision, *reveal)),
            Ask::Owners { key, revision, at } => Answer::Owners(self.owners(*key, *revision, *at).into()),
            Ask::CompareOne { with, key, reveal } => Answer::Diff(self.compare_one(with, key, *reveal)),
            // These have threads of their own.
            Ask::Table { .. }
            | Ask::Arrange(_)
            | Ask::Keys { .. }
            | Ask::Leases
            | Ask::Sizes { .. }
            | Ask::Search { .. }
            | Ask::Health
            | Ask::History { .. }
            | Ask::Compare(_)
            | Ask::Owned { .. }
            | Ask::Timeline { .. }
            | Ask::Evidence
            | Ask::Stores
            | Ask::Paths(_)
            | Ask::Job { .. }
            | Ask::Reopen(_)
            | Ask::GiveUp(_) => Answer::Failed(no_store()),
            Ask::Moment { text } => Answer::Moment(self.moment(text)),
            Ask::Plan(export) => Answer::Planned(Box::new(self.plan(export))),
            Ask::Write { export, path, force } => Answer::Written(self.write(export, path, *force)),
        }
    }

    /// The revision that a number or a time means, as `--at` has it.
    fn moment(&self, text: &str) -> Result<(i64, String), String> {
        moment_of(self.history(), text)
    }

    /// A screen for an object that cannot be shown.
    fn trouble(&self, objects: &Objects<'_>, error: &ObjectError, key: &[u8]) -> Trouble {
        let path = super::shell_word(&self.name);
        let name = super::shell_word(&crate::render::key(key));
        let at = objects.revision();
        match error {
            ObjectError::Locked { reason, .. } => Trouble {
                title: "encrypted, and the key is not at hand".to_owned(),
                what: reason.to_string(),
                advice: vec![
                    "k3s keeps the key in this store, sealed with the server token. Leave with q, then:".to_owned(),
                    format!("$ kinescope {path} --token-file /var/lib/rancher/k3s/server/token"),
                    "or, with the configuration of the API server:".to_owned(),
                    format!("$ kinescope {path} --encryption-config FILE"),
                    "Whether a token fits this store:".to_owned(),
                    format!("$ kinescope bootstrap {path} --token-file FILE"),
                    "Its history (h) and its size are known without a key.".to_owned(),
                ],
            },
            ObjectError::Damage(damage) => Trouble {
                title: "the bytes of this value are damaged".to_owned(),
                what: damage.to_string(),
                advice: vec![
                    "Earlier revisions may be whole: [ steps back, h lists them.".to_owned(),
                    "What else is wrong with the file: ! lists it, and so does".to_owned(),
                    format!("$ kinescope info {path}"),
                ],
            },
            ObjectError::Show { .. } => Trouble {
                title: "these bytes are no object".to_owned(),
                what: error.to_string(),
                advice: vec![
                    "Earlier revisions may be whole: [ steps back, h lists them.".to_owned(),
                    "The stored bytes:".to_owned(),
                    format!("$ kinescope get {path} {name} --at {at} --raw"),
                ],
            },
        }
    }
}

/// The revision of a store that a number or a time means.
fn moment_of(history: &History, text: &str) -> Result<(i64, String), String> {
    let current = history.current_revision();
    let bare = text.trim().replace(',', "");
    let incomplete = |revision: i64| match history.compact_revision() {
        compact if revision < compact => {
            format!("; below the compact revision {compact}: only what survives is shown")
        }
        _ => String::new(),
    };
    if let Ok(revision) = bare.parse::<i64>() {
        return match revision {
            1.. if revision <= current => Ok((revision, format!("as asked{}", incomplete(revision)))),
            _ => Err(format!("revision {revision}: this store has the revisions 1 to {current}")),
        };
    }
    let moment: Timestamp = text
        .trim()
        .parse()
        .map_err(|_| format!("{text:?} is neither a revision nor a time; times are written as 2026-01-02T15:04:05Z"))?;
    let found = moments::revision_of(history, moment).map_err(|error| error.to_string())?;
    let (before, before_at) = found.before;
    let after = found.after.map_or(String::new(), |(after, at)| format!(", revision {after} says {at}"));
    Ok((found.revision, format!("by stamps: revision {before} says {before_at}{after}{}", incomplete(found.revision))))
}
