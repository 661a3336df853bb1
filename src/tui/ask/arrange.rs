//! Which rows of a table are shown, and in which order: worked out on another thread where there are many.

use std::ops::Deref;
use std::sync::Arc;

use super::{List, Target};

/// With more rows than this a table is not filtered, sorted or freed between a key and its frame.
pub const MANY: usize = 4000;

/// A table that the screen and the threads share. Whoever holds the last share of a large one does not wait until it is freed.
#[derive(Clone, Debug, Default)]
pub struct Rows(Arc<List>);

impl From<List> for Rows {
    fn from(list: List) -> Self {
        Self(Arc::new(list))
    }
}

impl Deref for Rows {
    type Target = List;

    fn deref(&self) -> &List {
        &self.0
    }
}

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Rows {}

impl Drop for Rows {
    fn drop(&mut self) {
        if self.0.rows.len() <= MANY {
            return;
        }
        if let Some(list) = Arc::into_inner(std::mem::take(&mut self.0)) {
            // Without a thread it is freed here, when the closure goes.
            let _ = std::thread::Builder::new().name("free".to_owned()).spawn(move || drop(list));
        }
    }
}

/// What was typed and chosen for a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// What was typed after `/`.
    pub filter: String,
    /// The namespace that is shown; none for all.
    pub namespace: Option<String>,
    /// Only rows whose first cell says this.
    pub only: Option<String>,
    /// The column that it is sorted by, and whether in the other direction.
    pub sort: Option<(usize, bool)>,
}

/// A table that is to be arranged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrange {
    /// The table.
    pub rows: Rows,
    /// How.
    pub manner: Manner,
    /// The row whose place is asked for too.
    pub target: Option<Target>,
}

/// How it is arranged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arranged {
    /// The rows that are shown, in order.
    pub order: Vec<usize>,
    /// The place of the row that was asked for.
    pub place: Option<usize>,
}
