//! Names and values of a store that is being written: most lie in the source, a few are made.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use super::{History, KeyId, ValueRef};
use crate::source::Damage;

/// A key of the new store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name(u32);

/// A value of the new store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// As it lies in the source.
    Stored(ValueRef),
    /// Made by the conversion: its number.
    Made(u32),
    /// Nothing: no value, or an empty one.
    Empty,
}

/// The names and values of a store that is being written, over the source's history.
pub struct Contents<'a> {
    history: &'a History,
    /// Keys of the source that have another name in the new store.
    renamed: Arc<HashMap<KeyId, Vec<u8>>>,
    names: Vec<Vec<u8>>,
    values: Vec<Vec<u8>>,
}

impl<'a> Contents<'a> {
    /// Everything as the source has it, nothing made yet.
    pub fn over(history: &'a History) -> Self {
        Self { history, renamed: Arc::default(), names: Vec::new(), values: Vec::new() }
    }

    /// The source.
    pub fn history(&self) -> &'a History {
        self.history
    }

    /// Gives keys of the source other names. No two keys may get the same one.
    pub fn rename(&mut self, renamed: Arc<HashMap<KeyId, Vec<u8>>>) {
        self.renamed = renamed;
    }

    /// A key of the source, under its own name unless it was renamed.
    pub fn same(&self, key: KeyId) -> Name {
        Name(key.index() as u32)
    }

    /// A name of its own. One that the source has too gets the source's number.
    pub fn name(&mut self, name: &[u8]) -> Name {
        if let Some(key) = self.history.keys().find(name) {
            return self.same(key);
        }
        let sources = self.history.keys().len();
        let made = self.names.iter().position(|made| made == name).unwrap_or_else(|| {
            self.names.push(name.to_vec());
            self.names.len() - 1
        });
        Name((sources + made) as u32)
    }

    /// A value of its own.
    pub fn value(&mut self, value: Vec<u8>) -> Content {
        if value.is_empty() {
            return Content::Empty;
        }
        self.values.push(value);
        Content::Made((self.values.len() - 1) as u32)
    }

    /// A value of the source.
    pub fn stored(&self, value: ValueRef) -> Content {
        if value.len == 0 { Content::Empty } else { Content::Stored(value) }
    }

    /// A name's bytes.
    pub fn name_bytes(&self, name: Name) -> &[u8] {
        let at = name.0 as usize;
        match at.checked_sub(self.history.keys().len()) {
            None => {
                let key = KeyId::at(at);
                self.renamed.get(&key).map_or_else(|| self.history.keys().get(key), Vec::as_slice)
            }
            Some(made) => self.names.get(made).map(Vec::as_slice).unwrap_or_default(),
        }
    }

    /// How many names there are, for tables that run beside them.
    pub fn name_count(&self) -> usize {
        self.history.keys().len() + self.names.len()
    }

    /// Compares two names by their bytes.
    pub fn compare(&self, a: Name, b: Name) -> Ordering {
        let sources = self.history.keys().len() as u32;
        // The source's keys are numbered in byte order.
        if a.0 < sources && b.0 < sources && self.renamed.is_empty() {
            a.cmp_number(b)
        } else {
            self.name_bytes(a).cmp(self.name_bytes(b))
        }
    }

    /// A value's length in bytes.
    pub fn len_of(&self, content: Content) -> usize {
        match content {
            Content::Stored(value) => value.len as usize,
            Content::Made(at) => self.values.get(at as usize).map_or(0, Vec::len),
            Content::Empty => 0,
        }
    }

    /// A value's bytes.
    ///
    /// # Errors
    /// The damage that keeps a value of the source from being read whole.
    pub fn read(&self, content: Content) -> Result<Cow<'_, [u8]>, Damage> {
        match content {
            Content::Stored(value) => self.history.value(value),
            Content::Made(at) => Ok(Cow::Borrowed(self.values.get(at as usize).map(Vec::as_slice).unwrap_or_default())),
            Content::Empty => Ok(Cow::Borrowed(&[])),
        }
    }
}

impl Name {
    /// The number, for tables that run beside the names.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    fn cmp_number(self, other: Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
