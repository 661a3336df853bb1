//! Values that are others in the target, each in the place of one of the source: keys, revisions and lives stay.

use std::collections::HashMap;
use std::sync::Arc;

use super::check::Mismatch;
use super::plan::{Plan, Rows};
use crate::model::Content;
use crate::ops::store::Store;

/// What finds text that must not be in the target.
pub type Forbidden = dyn Fn(&[u8]) -> bool + Send + Sync;

/// Values that are others in the target.
#[derive(Clone)]
pub struct Rewrite {
    values: Arc<HashMap<u64, Vec<u8>>>,
    forbidden: Arc<Forbidden>,
}

impl Rewrite {
    /// New values by the place of the old ones ([`crate::model::ValueRef::place`]), and what must be nowhere in the target.
    pub fn new(values: HashMap<u64, Vec<u8>>, forbidden: Arc<Forbidden>) -> Self {
        Self { values: Arc::new(values), forbidden }
    }

    /// Puts the new values into a plan.
    pub(super) fn apply(&self, plan: &mut Plan<'_>) {
        let mut made: HashMap<u64, Content> = HashMap::new();
        let contents = &mut plan.contents;
        let mut replace = |content: &mut Content| {
            let Content::Stored(value) = *content else { return };
            if let Some(new) = self.values.get(&value.place) {
                *content = *made.entry(value.place).or_insert_with(|| contents.value(new.clone()));
            }
        };
        match &mut plan.rows {
            Rows::Kine(rows) => {
                for row in rows {
                    row.value.iter_mut().chain(row.old_value.iter_mut()).for_each(&mut replace);
                }
            }
            Rows::Etcd(rows) => rows.iter_mut().for_each(|row| replace(&mut row.value)),
        }
    }

    /// Looks for what must not be there: in the bytes of the file, and in each value, which may lie on several pages.
    pub(super) fn check(&self, target: &Store) -> Result<(), Mismatch> {
        let (bytes, mut values) = match target {
            Store::Etcd(store) => (store.bolt().bytes(), Vec::new()),
            Store::Kine(store) => {
                let row_values = store.rows().iter().flat_map(|row| [row.value, row.old_value]);
                (store.database().main(), row_values.flatten().collect())
            }
        };
        let history = target.history();
        values.extend(history.changes().iter().map(|change| change.value));
        if (self.forbidden)(bytes) {
            return Err(Mismatch::new("a value that was to be redacted is in the file"));
        }
        for value in values {
            let value = history.value(value).map_err(|damage| Mismatch::new(damage.to_string()))?;
            if (self.forbidden)(&value) {
                return Err(Mismatch::new("a value that was to be redacted is in a value"));
            }
        }
        Ok(())
    }
}

impl PartialEq for Rewrite {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.values, &other.values)
    }
}

impl Eq for Rewrite {}

impl std::fmt::Debug for Rewrite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Rewrite").field(&self.values.len()).finish()
    }
}
