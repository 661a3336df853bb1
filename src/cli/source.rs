//! The arguments that name a store, and the ways to open it and to be done with it.

use std::path::PathBuf;

use super::exit::{Failure, Outcome};
use super::ui::Ui;
use crate::ops::store::{self, OpenStore};
use crate::source::{Choice, Damage};

/// Which store.
#[derive(Debug, clap::Args)]
pub struct SourceArgs {
    /// A state.db, an etcd snapshot or data directory, k3s's server directory, any of these in a .zip, .tar, .gz or .zst,
    /// or - for standard input
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    #[command(flatten)]
    pub choice: ChoiceArgs,
}

/// Which of several stores.
#[derive(Debug, clap::Args)]
pub struct ChoiceArgs {
    /// Where there are stores of both engines: which one
    #[arg(long, value_name = "ENGINE", value_parser = ["kine", "etcd"])]
    store: Option<String>,
    /// Where there are several stores: the file or directory inside
    #[arg(long, value_name = "NAME")]
    member: Option<String>,
}

impl ChoiceArgs {
    /// The choice as the source's room has it.
    pub fn choice(&self) -> Choice {
        Choice { store: self.store.clone(), member: self.member.clone() }
    }
}

/// Opens a store, and says how it was found.
///
/// # Errors
/// [`Failure::Open`].
pub fn open(path: &std::path::Path, choice: &ChoiceArgs, ui: &Ui) -> Result<OpenStore, Failure> {
    Ok(say_how(store::open(path, &choice.choice())?, ui))
}

/// As [`open`], and begins to hash a snapshot against its trailer at once.
///
/// # Errors
/// [`Failure::Open`].
pub fn open_and_hash(path: &std::path::Path, choice: &ChoiceArgs, ui: &Ui) -> Result<OpenStore, Failure> {
    Ok(say_how(store::open_and_hash(path, &choice.choice())?, ui))
}

fn say_how(opened: OpenStore, ui: &Ui) -> OpenStore {
    for note in &opened.notes {
        ui.note(note);
    }
    opened
}

impl SourceArgs {
    /// Opens the store, and says how it was found.
    ///
    /// # Errors
    /// [`Failure::Open`].
    pub fn open(&self, ui: &Ui) -> Result<OpenStore, Failure> {
        open(&self.path, &self.choice, ui)
    }

    /// As [`SourceArgs::open`], and begins to hash a snapshot against its trailer at once.
    ///
    /// # Errors
    /// [`Failure::Open`].
    pub fn open_and_hash(&self, ui: &Ui) -> Result<OpenStore, Failure> {
        open_and_hash(&self.path, &self.choice, ui)
    }
}

/// Makes sure that the inputs are as they were, tells their damage, and says how a reading command ends.
///
/// # Errors
/// [`Failure::Source`] when an input changed.
pub fn close(source: &OpenStore, outcome: Outcome, ui: &Ui) -> Result<Outcome, Failure> {
    let trailer: Vec<Damage> = source.wrong_trailer().into_iter().collect();
    source.watch.check()?;
    let found = [source.store.damage(), source.store.contradictions(), &trailer];
    for damage in found {
        ui.damage(damage);
    }
    Ok(if found.iter().all(|damage| damage.is_empty()) { outcome } else { Outcome::Damaged })
}
