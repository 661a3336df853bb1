//! Everything that is known of some stores, gathered for a document: what is in each, where its bytes are, how it grew, what
//! was found, what happened last, and what differs from one to the next.

mod between;
mod growth;
mod times;

use super::doctor::Diagnosis;
use super::finding::Verdict;
use super::info::Info;
use super::keyring::{Given, KeyringError};
use super::objects::{MinorFrom, Objects};
use super::recover;
use super::store::OpenStore;
use super::verify::{Verification, verify};
use super::why::Why;
use crate::source::Choice;
use jiff::Timestamp;
use std::path::Path;

pub use between::{Between, Differing, Sum};
pub use growth::Point;
pub use times::{Mark, Recent};

/// The largest keys that a report names.
const MOST_KEYS: usize = 10;

/// A store that a report is about.
pub struct Subject<'a> {
    /// What the user called it.
    pub name: &'a str,
    /// Where it is.
    pub path: &'a Path,
    /// Which of several stores there.
    pub choice: Choice,
    /// The store.
    pub source: &'a OpenStore,
    /// Its objects at its current revision.
    pub objects: &'a Objects<'a>,
}

/// What is known of one store.
#[derive(Clone, Debug)]
pub struct StoreReport {
    /// What the user called it.
    pub name: String,
    /// What is in it.
    pub info: Info,
    /// Whether it can be restored.
    pub verification: Verification,
    /// The Kubernetes release that its Nodes report.
    pub kubernetes: Option<String>,
    /// Where its bytes are, and why.
    pub why: Why,
    /// How it grew, from the compact revision on.
    pub growth: Vec<Point>,
    /// Revisions whose time is known to the second.
    pub times: Vec<Mark>,
    /// The newest time that any object tells.
    pub newest_stamp: Option<Timestamp>,
    /// What changed last, the newest first.
    pub recent: Vec<Recent>,
    /// What a search of a damaged file found lost, or why it was not searched; none where nothing is damaged.
    pub recovery: Option<Searched>,
}

/// What `recover` says of a damaged input, or why it cannot.
pub type Searched = Result<recover::Report, String>;

/// A path that could not be opened, and what that says of it.
#[derive(Clone, Debug)]
pub struct Unopened {
    /// What the user called it.
    pub name: String,
    /// The verdict.
    pub verification: Verification,
    /// What a search of it found, or why it was not searched.
    pub recovery: Searched,
}

/// Searches what is damaged as `recover` does, and writes nothing.
pub fn search(path: &Path, choice: &Choice) -> Searched {
    if path == Path::new("-") {
        return Err("standard input is gone by now; write it to a file to have it searched".to_owned());
    }
    let found = recover::search(path, choice, recover::reading(true)).map_err(|error| error.to_string())?;
    let options = recover::Options { wal: recover::reading(true), ..recover::Options::default() };
    let report = recover::recover(&found, None, &options, &mut |_, _, _| true).map_err(|error| error.to_string())?;
    found.watch.check().map_err(|error| error.to_string())?;
    Ok(report)
}

/// All that is reported.
#[derive(Debug)]
pub struct Report {
    /// When it was made, in seconds since 1970.
    pub made_at: i64,
    /// The stores, in the order in which they were given.
    pub stores: Vec<StoreReport>,
    /// What could not be opened.
    pub unopened: Vec<Unopened>,
    /// What k3s would do with the directories among the paths.
    pub directories: Vec<Diagnosis>,
    /// What became of the objects from each store to the next.
    pub between: Vec<Between>,
}

impl Report {
    /// The worst of all verdicts.
    pub fn verdict(&self) -> Verdict {
        let stores = self.stores.iter().map(|store| store.verification.verdict);
        let unopened = self.unopened.iter().map(|unopened| unopened.verification.verdict);
        let directories = self.directories.iter().map(|directory| directory.verdict);
        stores.chain(unopened).chain(directories).max().unwrap_or(Verdict::Restorable)
    }
}

/// Looks at all stores. `now` is in seconds since 1970.
///
/// # Errors
/// [`KeyringError`]: what was given to open values with cannot be read.
pub fn report(
    subjects: &[Subject<'_>],
    unopened: Vec<Unopened>,
    directories: Vec<Diagnosis>,
    given: &Given,
    now: i64,
) -> Result<Report, KeyringError> {
    let stores = subjects.iter().map(|subject| look(subject, given, now)).collect::<Result<Vec<_>, _>>()?;
    let pairs = subjects.windows(2);
    let between = pairs
        .filter_map(|pair| match pair {
            [old, new] => between::compare(old, new),
            _ => None,
        })
        .collect();
    Ok(Report { made_at: now, stores, unopened, directories, between })
}

fn look(subject: &Subject<'_>, given: &Given, now: i64) -> Result<StoreReport, KeyringError> {
    let Subject { name, source, objects, .. } = *subject;
    let verification = verify(source, given, now)?;
    let is_damaged = verification.verdict != Verdict::Restorable
        || !source.store.damage().is_empty()
        || !source.store.contradictions().is_empty();
    let (minor, known) = objects.minor();
    let growth = growth::points(objects.history());
    Ok(StoreReport {
        name: name.to_owned(),
        info: Info::of(source, false),
        verification,
        kubernetes: (known != MinorFrom::Newest).then(|| minor.to_string()),
        why: Why::of(source, objects, MOST_KEYS),
        times: times::marks(objects, &growth),
        growth,
        newest_stamp: objects.newest_stamp(),
        recent: times::recent(objects),
        recovery: is_damaged.then(|| search(subject.path, &subject.choice)),
    })
}
