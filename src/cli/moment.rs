//! `--at`: the moment that is shown.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::exit::Failure;
use super::ui::Ui;
use crate::model::History;
use crate::ops::moments;

/// `--at`.
#[derive(Debug, clap::Args)]
pub struct AtArg {
    /// The store as it was right after this revision, or at this time (2026-01-02T15:04:05Z)
    #[arg(long, value_name = "REV|TIME", allow_negative_numbers = true)]
    pub at: Option<String>,
}

impl AtArg {
    /// The revision that was asked for, by its number or by a time; a time is told with the stamps around it.
    ///
    /// # Errors
    /// [`Failure::Usage`] for what is neither, and for a time that the store does not reach.
    pub fn revision(&self, history: &History, ui: &Ui) -> Result<Option<i64>, Failure> {
        let Some(text) = &self.at else { return Ok(None) };
        if let Ok(revision) = text.parse::<i64>() {
            let negative = || Failure::Usage(format!("--at {text}: revisions are not negative"));
            return (revision >= 0).then_some(Some(revision)).ok_or_else(negative);
        }
        let moment = text.parse::<Timestamp>().map_err(|_| {
            Failure::Usage(format!(
                "--at {text}: neither a revision nor a time; times are written as 2026-01-02T15:04:05Z or with +02:00"
            ))
        })?;
        let found = moments::revision_of(history, moment).map_err(|error| Failure::Usage(format!("--at: {error}")))?;
        let (before, before_at) = found.before;
        let after = match found.after {
            Some((revision, at)) => format!("revision {revision} is the first that says it is later: {at}"),
            None => "no revision says that it is later".to_owned(),
        };
        ui.note(format!(
            "{moment} is revision {}, by the stamps inside objects: revision {before} says {before_at}, {after}",
            found.revision
        ));
        if found.disbelieved > 0 {
            ui.note(format!(
                "{} stamps were not believed: later revisions are surely older than they say",
                found.disbelieved
            ));
        }
        Ok(Some(found.revision))
    }

    /// The revision to show: the one asked for, which the store must have reached, or the current one. Says once when the
    /// view is incomplete.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a revision that the store has not reached.
    pub fn resolve(&self, history: &History, ui: &Ui) -> Result<i64, Failure> {
        let current = history.current_revision();
        let Some(revision) = self.revision(history, ui)? else { return Ok(current) };
        if revision > current {
            return Err(Failure::Usage(format!("--at {revision}: the store's newest revision is {current}")));
        }
        let compact = history.compact_revision();
        if revision < compact {
            ui.note(format!(
                "revision {revision} is below the compact revision {compact}: this shows what survives of it; keys whose \
                 rows are gone are unknown, not absent"
            ));
        }
        Ok(revision)
    }
}

/// `PATH`, `PATH@REV` or `PATH@TIME`: a store at a moment, where a command takes two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The store.
    pub path: PathBuf,
    /// The moment, as [`AtArg`] takes it.
    pub at: Option<String>,
}

impl Located {
    /// Takes an argument apart. A file whose name has an `@` in it is that file.
    pub fn new(argument: &Path) -> Self {
        let whole = || Self { path: argument.to_owned(), at: None };
        if argument.exists() {
            return whole();
        }
        let Some((path, at)) = argument.to_str().and_then(|text| text.rsplit_once('@')) else { return whole() };
        let is_moment = at.parse::<i64>().is_ok() || at.parse::<Timestamp>().is_ok();
        match is_moment && !path.is_empty() {
            true => Self { path: path.into(), at: Some(at.to_owned()) },
            false => whole(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_revision_or_a_time_stands_behind_a_path() {
        let located = |text: &str| {
            let Located { path, at } = Located::new(Path::new(text));
            (path.to_str().unwrap().to_owned(), at)
        };
        assert_eq!(located("a.db@12"), ("a.db".to_owned(), Some("12".to_owned())));
        assert_eq!(located("-@7"), ("-".to_owned(), Some("7".to_owned())));
        let time = "2026-01-02T15:04:05Z";
        assert_eq!(located(&format!("a@b.db@{time}")), ("a@b.db".to_owned(), Some(time.to_owned())));
        assert_eq!(located("user@host/a.db"), ("user@host/a.db".to_owned(), None));
        assert_eq!(located("@12"), ("@12".to_owned(), None));
    }
}
