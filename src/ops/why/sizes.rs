//! Where the bytes of a store are: of the file as a whole, and of each key.

use rayon::prelude::*;

use crate::model::{Change, History, KeyId, KeyState};
use crate::ops::store::Store;
use crate::source::Files;
use crate::sqlite::{PageUse, TreeKind};
use crate::{etcd, kine};

/// Bytes of the values of one key, or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// The values that are live.
    pub live: u64,
    /// Values that were replaced or deleted and are still rows.
    pub superseded: u64,
    /// kine's copies: each row keeps the value before it as `old_value`, a tombstone of older versions what it deleted too.
    pub old_values: u64,
    /// Keys with any change.
    pub keys: u64,
    /// Keys that are live.
    pub live_keys: u64,
    /// Changes, deletions among them.
    pub changes: u64,
}

impl Size {
    /// All of these bytes.
    pub const fn all(&self) -> u64 {
        self.live.saturating_add(self.gone())
    }

    /// Those that nothing live needs.
    pub const fn gone(&self) -> u64 {
        self.superseded.saturating_add(self.old_values)
    }

    /// Counts another's in.
    pub fn add(&mut self, other: &Self) {
        self.live = self.live.saturating_add(other.live);
        self.superseded = self.superseded.saturating_add(other.superseded);
        self.old_values = self.old_values.saturating_add(other.old_values);
        self.keys += other.keys;
        self.live_keys += other.live_keys;
        self.changes += other.changes;
    }
}

/// The bytes of every change of a store.
pub struct Sizes<'s> {
    history: &'s History,
    /// For each change, what its row keeps beside the change's own value: for kine; else empty.
    copies: Vec<u64>,
}

impl<'s> Sizes<'s> {
    /// Of a store.
    pub fn of(store: &'s Store) -> Self {
        let history = store.history();
        let copies = match store {
            Store::Kine(store) => copies(history, store.rows()),
            Store::Etcd(_) => Vec::new(),
        };
        Self { history, copies }
    }

    /// What all rows keep beside the values of their changes.
    pub fn all_copies(&self) -> u64 {
        self.copies.iter().sum()
    }

    /// The history that they are of.
    pub fn history(&self) -> &'s History {
        self.history
    }

    /// What the row of the change at this position of the history keeps beside the change's own value.
    pub fn copies(&self, position: u32) -> u64 {
        self.copies.get(position as usize).copied().unwrap_or(0)
    }

    /// A key's bytes up to a revision.
    pub fn of_key(&self, key: KeyId, revision: i64) -> Size {
        let mut size = Size::default();
        for &position in self.history.positions_of(key) {
            let Some(change) = self.history.changes().get(position as usize) else { continue };
            if change.revision.main > revision {
                break;
            }
            size.changes += 1;
            size.superseded = size.superseded.saturating_add(change.value.len.into());
            size.old_values = size.old_values.saturating_add(self.copies(position));
        }
        size.keys = u64::from(size.changes > 0);
        if let KeyState::Live(Change { value, .. }) = self.history.at(revision).state(key) {
            size.live = value.len.into();
            size.live_keys = 1;
            size.superseded = size.superseded.saturating_sub(size.live);
        }
        size
    }

    /// The bytes of all keys up to a revision.
    pub fn sum(&self, revision: i64) -> Size {
        let keys: Vec<KeyId> = self.history.keys().ids().collect();
        let add = |mut sum: Size, size: Size| {
            sum.add(&size);
            sum
        };
        keys.par_iter().map(|key| self.of_key(*key, revision)).reduce(Size::default, add)
    }
}

/// Rows and changes are both in the order of their revisions; rows that only fill a revision are no changes.
fn copies(history: &History, rows: &[kine::Row]) -> Vec<u64> {
    let mut rows = rows.iter().peekable();
    let of_change = |change: &Change| {
        while rows.peek().is_some_and(|row| row.id < change.revision.main) {
            rows.next();
        }
        let Some(row) = rows.peek().filter(|row| row.id == change.revision.main) else { return 0 };
        let len = |value: Option<crate::model::ValueRef>| value.map_or(0, |value| u64::from(value.len));
        len(row.old_value) + if change.is_put() { 0 } else { len(row.value) }
    };
    history.changes().iter().map(of_change).collect()
}

/// Where the bytes of the files are. What stands behind `total` adds up to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileBytes {
    /// The database file.
    pub file: u64,
    /// The WAL beside it, where there is one.
    pub wal: Option<u64>,
    /// The database: all pages that it has with its WAL laid over it, for etcd the file.
    pub total: u64,
    /// Values of live keys.
    pub live: u64,
    /// Values of superseded and deleted keys, and kine's copies of old values.
    pub superseded: u64,
    /// Of these, kine's copies.
    pub old_values: u64,
    /// Pages that hold nothing the store still needs.
    pub free: u64,
    /// Pages that only lead to others: indexes of SQLite, branch pages of bbolt.
    pub index: u64,
    /// The end of etcd's file that was never used.
    pub unused: u64,
    /// Names, numbers, headers, half full pages.
    pub rest: u64,
}

impl FileBytes {
    /// Of a store, its files, and what its values take.
    pub fn of(store: &Store, files: &Files, values: &Size) -> Self {
        let mut bytes = match store {
            Store::Kine(store) => of_kine(store, files),
            Store::Etcd(store) => of_etcd(store, files),
        };
        bytes.live = values.live;
        bytes.superseded = values.gone();
        bytes.old_values = values.old_values;
        let parts = [bytes.live, bytes.superseded, bytes.free, bytes.index, bytes.unused];
        let known = parts.iter().fold(0u64, |sum, part| sum.saturating_add(*part));
        // Rows that stand in the log of a data directory are not in its database yet.
        bytes.total = bytes.total.max(known);
        bytes.rest = bytes.total - known;
        bytes
    }

    /// A part as a share of the database, from 0 to 1.
    pub fn share(&self, part: u64) -> f64 {
        if self.total == 0 { 0.0 } else { part as f64 / self.total as f64 }
    }
}

fn of_kine(store: &kine::Store, files: &Files) -> FileBytes {
    let database = store.database();
    let page_size = u64::from(database.geometry().page_size().get());
    let census = store.census();
    let free = census.count(PageUse::FreelistTrunk) + census.count(PageUse::FreelistLeaf);
    let indexes = census.trees.iter().filter(|tree| tree.tree == TreeKind::Index);
    let wal = match files {
        Files::Sqlite { wal: Some(wal), .. } => Some(wal.bytes.len() as u64),
        _ => None,
    };
    FileBytes {
        file: database.main().len() as u64,
        wal,
        total: u64::from(database.page_count()) * page_size,
        free: u64::from(free) * page_size,
        index: indexes.map(|tree| u64::from(tree.pages())).sum::<u64>() * page_size,
        ..FileBytes::default()
    }
}

fn of_etcd(store: &etcd::Store, files: &Files) -> FileBytes {
    let census = store.census();
    let page_size = u64::from(census.page_size);
    let file = store.bolt().bytes().len() as u64;
    let wal = match files {
        Files::EtcdDir { wal, .. } if !wal.is_empty() => Some(wal.iter().map(|file| file.bytes.len() as u64).sum()),
        _ => None,
    };
    FileBytes {
        file,
        wal,
        total: file,
        free: census.free_bytes(),
        index: census.branch().saturating_mul(page_size),
        // Less than a page is a snapshot's trailer.
        unused: Some(file.saturating_sub(census.pages.saturating_mul(page_size)))
            .filter(|unused| *unused >= page_size)
            .unwrap_or(0),
        ..FileBytes::default()
    }
}
