//! Revisions: the store's one clock.

use std::fmt;

/// A point in a store's history: the transaction's number and the change's place inside it.
///
/// etcd calls the two parts main and sub (etcd server/storage/mvcc/revision.go); kine's row id is a main revision whose
/// sub is always 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision {
    /// The transaction's revision, which Kubernetes shows as resourceVersion.
    pub main: i64,
    /// The change's place in its transaction, from 0.
    pub sub: u32,
}

impl Revision {
    /// The first change of transaction `main`.
    pub const fn new(main: i64) -> Self {
        Self { main, sub: 0 }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sub {
            0 => write!(f, "{}", self.main),
            sub => write!(f, "{}_{sub}", self.main),
        }
    }
}
