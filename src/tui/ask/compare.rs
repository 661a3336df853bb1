//! What differs between two states.

use crate::model::KeyId;

/// Two states: the one that is shown, and another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct With {
    /// The other one as it was typed: a revision, a time, `PATH` or `PATH@REV`.
    pub other: String,
    /// The moment that is shown; none for the newest.
    pub at: Option<i64>,
    /// Everything that differs, also what says nothing.
    pub noise: bool,
}

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// Only the newer state has it.
    Added,
    /// Only the older state has it.
    Removed,
    /// It differs.
    Changed,
}

/// An object that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differs {
    /// What became of it.
    pub became: Became,
    /// Its namespace, where it has one.
    pub namespace: Option<String>,
    /// Its kind, in the plural with its group.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The fields that differ, the telling ones first.
    pub told: String,
    /// Its key.
    pub key: Vec<u8>,
    /// The key in the store that is shown, and the revision to look at; none for what only another store has.
    pub here: Option<(KeyId, i64)>,
}

/// What became of each object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// The older state, in words.
    pub old: String,
    /// The newer state, in words.
    pub new: String,
    /// Both as `kinescope diff` takes them.
    pub arguments: [String; 2],
    /// What differs, in the order of the keys.
    pub objects: Vec<Differs>,
    /// How many objects differ in nothing that says anything.
    pub hidden: usize,
    /// What cannot be told.
    pub notes: Vec<String>,
}
