//! `--at`: the moment that is shown.

use super::exit::Failure;
use super::ui::Ui;
use crate::model::History;

/// `--at`.
#[derive(Debug, clap::Args)]
pub struct AtArg {
    /// Show the store as it was right after this revision
    #[arg(long, value_name = "REV", allow_negative_numbers = true)]
    pub at: Option<String>,
}

impl AtArg {
    /// The revision that was asked for.
    ///
    /// # Errors
    /// [`Failure::Usage`] for what is no revision.
    pub fn revision(&self) -> Result<Option<i64>, Failure> {
        let Some(text) = &self.at else { return Ok(None) };
        match text.parse::<i64>() {
            Ok(revision) if revision >= 0 => Ok(Some(revision)),
            _ => Err(Failure::Usage(format!(
                "--at {text}: not a revision; no store keeps the time of its revisions, and reading times from the stamps \
                 inside objects is not in this version: give a revision, `kinescope dump` lists them"
            ))),
        }
    }

    /// The revision to show: the one asked for, which the store must have reached, or the current one. Says once when the
    /// view is incomplete.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a revision that the store has not reached.
    pub fn resolve(&self, history: &History, ui: &Ui) -> Result<i64, Failure> {
        let current = history.current_revision();
        let Some(revision) = self.revision()? else { return Ok(current) };
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
