//! Numbers that change on the way: revisions that are given anew, and the create revisions that follow them.

use std::collections::HashMap;

use crate::model::{Change, History};

use super::select::Selection;

/// The main revision that each taken change gets.
pub(super) struct Numbering {
    /// By position in the history; 0 for what is not taken.
    new: Vec<i64>,
    /// The new number of each life's first put, by key and old number.
    first_puts: Option<HashMap<(usize, i64), i64>>,
    last: i64,
}

impl Numbering {
    /// Every change keeps its revision.
    pub fn keep(history: &History, selection: &Selection) -> Self {
        let number = |(change, &taken): (&Change, &bool)| if taken { change.revision.main } else { 0 };
        let new: Vec<i64> = history.changes().iter().zip(&selection.taken).map(number).collect();
        let last = new.iter().copied().max().unwrap_or(0);
        Self { new, first_puts: None, last }
    }

    /// Every change gets a revision of its own, in order, never a lower one.
    pub fn renumber(history: &History, selection: &Selection) -> Self {
        let mut last = 0;
        let mut first_puts = HashMap::new();
        let mut new = Vec::with_capacity(history.changes().len());
        for (change, &taken) in history.changes().iter().zip(&selection.taken) {
            if !taken {
                new.push(0);
                continue;
            }
            last = change.revision.main.max(last + 1);
            new.push(last);
            if change.is_put() && change.create_revision == Some(change.revision.main) {
                first_puts.insert((change.key.index(), change.revision.main), last);
            }
        }
        Self { new, first_puts: Some(first_puts), last }
    }

    /// The new revision of the change at `position`.
    pub fn of(&self, position: u32) -> i64 {
        self.new.get(position as usize).copied().unwrap_or(0)
    }

    /// The new create revision of a change; the old number where the life's first row is gone.
    pub fn create_revision(&self, change: &Change) -> Option<i64> {
        let old = change.create_revision?;
        let new = self.first_puts.as_ref().and_then(|puts| puts.get(&(change.key.index(), old)).copied());
        Some(new.unwrap_or(old))
    }

    /// The highest revision given.
    pub fn last(&self) -> i64 {
        self.last
    }
}
