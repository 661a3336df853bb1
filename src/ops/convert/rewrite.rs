//! Values that are others in the target, each in the place of one of the source, and keys that have other names: revisions and
//! lives stay.

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::check::Mismatch;
use super::plan::{Plan, Rows};
use crate::model::{Content, KeyId};
use crate::ops::store::Store;

/// What finds text that must not be in the target.
pub type Forbidden = dyn Fn(&[u8]) -> bool + Send + Sync;
/// What looks at each key with each of its values in the target.
pub type Inspect = dyn Fn(&[u8], &[u8]) + Send + Sync;

/// Values that are others in the target.
#[derive(Clone)]
pub struct Rewrite {
    values: Arc<HashMap<u64, Vec<u8>>>,
    forbidden: Arc<Forbidden>,
    names: Arc<HashMap<KeyId, Vec<u8>>>,
    inspect: Option<Arc<Inspect>>,
}

impl Rewrite {
    /// New values by the place of the old ones ([`crate::model::ValueRef::place`]), and what must be nowhere in the target.
    pub fn new(values: HashMap<u64, Vec<u8>>, forbidden: Arc<Forbidden>) -> Self {
        Self { values: Arc::new(values), forbidden, names: Arc::default(), inspect: None }
    }

    /// Other names for some keys, no two the same, and what looks at the result.
    pub fn with_names(self, names: HashMap<KeyId, Vec<u8>>, inspect: Arc<Inspect>) -> Self {
        Self { names: Arc::new(names), inspect: Some(inspect), ..self }
    }

    /// The name that a key of the source has in the target, if it is another one.
    pub(super) fn name(&self, key: KeyId) -> Option<&[u8]> {
        self.names.get(&key).map(Vec::as_slice)
    }

    /// Puts the new values into a plan.
    pub(super) fn apply(&self, plan: &mut Plan<'_>) {
        let mut made: HashMap<u64, Content> = HashMap::new();
        let contents = &mut plan.contents;
        contents.rename(Arc::clone(&self.names));
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
        let history = target.history();
        let (bytes, mut values) = match target {
            Store::Etcd(store) => (store.bolt().bytes(), Vec::new()),
            Store::Kine(store) => {
                let of_row = |row: &crate::kine::Row| [row.value, row.old_value].map(|value| (row.key, value));
                let values = store.rows().iter().flat_map(of_row);
                (store.database().main(), values.filter_map(|(key, value)| Some((key, value?))).collect())
            }
        };
        values.extend(history.changes().iter().map(|change| (change.key, change.value)));
        if (self.forbidden)(bytes) {
            return Err(Mismatch::new("a value that was to be redacted is in the file"));
        }
        values.into_par_iter().try_for_each(|(key, value)| {
            let value = history.value(value).map_err(|damage| Mismatch::new(damage.to_string()))?;
            if let Some(inspect) = &self.inspect {
                inspect(history.keys().get(key), &value);
            }
            match (self.forbidden)(&value) {
                true => Err(Mismatch::new("a value that was to be redacted is in a value")),
                false => Ok(()),
            }
        })
    }
}

impl PartialEq for Rewrite {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.values, &other.values) && Arc::ptr_eq(&self.names, &other.names)
    }
}

impl Eq for Rewrite {}

impl std::fmt::Debug for Rewrite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Rewrite").field(&self.values.len()).finish()
    }
}
