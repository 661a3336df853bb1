//! A store as tables: stores, revisions, objects, owners, findings. What each column means is `docs/export.md`.
//!
//! Rows are made in batches and handed on, so that a million changes cost no more memory than a few thousand.

mod findings;
mod objects;
mod owners;
mod revisions;
mod schema;
mod statements;
mod stores;

use std::sync::OnceLock;

use rayon::prelude::*;

use super::keyring::{Given, KeyringError};
use super::objects::Objects;
use super::store::OpenStore;
use super::verify::{Verification, verify};
use crate::source::Damage;

pub use schema::{ALL, Cell, Column, FINDINGS, Kind, OBJECTS, OWNERS, REVISIONS, Row, STORES, Table, rfc3339, table};
pub use statements::{create_table, insert};

/// Rows that are made at once: enough to keep all processors busy, few enough to be held.
const BATCH: usize = 2048;

/// What is made into tables.
pub struct Tabled<'a> {
    /// What tells this store apart from others, in the first column of every table.
    pub name: &'a str,
    /// The store.
    pub source: &'a OpenStore,
    /// Its objects at its current revision.
    pub objects: &'a Objects<'a>,
    /// What opens values, for the checks behind the table of findings.
    pub given: &'a Given,
    /// Whether secret values are among what is handed on.
    pub reveal: bool,
    /// Whether the table of objects has every object that the store still knows, and not only the live ones.
    pub history: bool,
    /// Whether objects have their `metadata.managedFields`.
    pub managed_fields: bool,
    /// Seconds since 1970.
    pub now: i64,
    /// The verdict on the store, once it was asked for: two tables tell of it.
    pub verification: OnceLock<Verification>,
}

/// Which columns are wanted: making some of them costs a look into every value.
#[derive(Clone, Copy)]
pub struct Wanted<'w>(&'w (dyn Fn(&str) -> bool + Sync));

impl<'w> Wanted<'w> {
    /// Those that `wanted` says yes to.
    pub fn new(wanted: &'w (dyn Fn(&str) -> bool + Sync)) -> Self {
        Self(wanted)
    }

    fn has(self, column: &str) -> bool {
        (self.0)(column)
    }
}

impl Wanted<'static> {
    /// All of them.
    pub fn all() -> Self {
        Self(&|_| true)
    }
}

/// What was noticed while rows were made.
#[derive(Clone, Debug, Default)]
pub struct Noticed {
    /// Rows of Secrets and bootstrap data whose values were left out.
    pub masked: u64,
    /// Rows of objects that are encrypted, and were not opened.
    pub locked: u64,
    /// Rows whose value is no object that can be read.
    pub unreadable: u64,
    /// Values that cannot be read from the file.
    pub damage: Vec<Damage>,
}

impl Noticed {
    /// Takes over what was noticed elsewhere.
    pub fn append(&mut self, other: Self) {
        self.masked += other.masked;
        self.locked += other.locked;
        self.unreadable += other.unreadable;
        self.damage.extend(other.damage);
    }
}

/// Why rows could not be made or handed on.
#[derive(Debug, thiserror::Error)]
pub enum TablesError<E> {
    /// What was given to open values with cannot be read.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// Whoever takes the rows could not.
    #[error(transparent)]
    Taker(E),
}

/// Takes rows.
pub type Take<'t, E> = dyn FnMut(&[Row<'_>]) -> Result<(), E> + 't;

impl Tabled<'_> {
    /// Makes all rows of a table and hands them on, a batch at a time, always in the same order.
    ///
    /// # Errors
    /// [`TablesError`].
    pub fn rows<E>(
        &self,
        table: &Table,
        wanted: Wanted<'_>,
        take: &mut Take<'_, E>,
    ) -> Result<Noticed, TablesError<E>> {
        match table.name {
            "stores" => stores::rows(self, wanted, take),
            "revisions" => {
                self.in_batches(self.history().changes(), take, |change| revisions::row(self, change, wanted))
            }
            "objects" => {
                let mut changes = objects::selected(self);
                changes.sort_by_key(|change| change.key);
                self.in_batches(&changes, take, |change| objects::row(self, change, wanted))
            }
            "owners" => owners::rows(self, take),
            _ => findings::rows(self, take),
        }
    }

    /// What `verify` says of the store.
    fn verified(&self) -> Result<&Verification, KeyringError> {
        match self.verification.get() {
            Some(verification) => Ok(verification),
            None => {
                let made = verify(self.source, self.given, self.now)?;
                Ok(self.verification.get_or_init(|| made))
            }
        }
    }

    fn history(&self) -> &crate::model::History {
        self.source.store.history()
    }

    /// Makes a row of each item on all processors, and hands them on in order.
    fn in_batches<'r, T: Sync, E>(
        &self,
        items: &[T],
        take: &mut Take<'_, E>,
        make: impl Fn(&T) -> (Row<'r>, Noticed) + Sync,
    ) -> Result<Noticed, TablesError<E>> {
        let mut noticed = Noticed::default();
        for batch in items.chunks(BATCH) {
            let (rows, told): (Vec<Row<'_>>, Vec<Noticed>) = batch.par_iter().map(&make).unzip();
            told.into_iter().for_each(|told| noticed.append(told));
            take(&rows).map_err(TablesError::Taker)?;
        }
        Ok(noticed)
    }
}
