//! One change of one key at one revision.

use super::{Evidence, KeyId, Revision, ValueRef};

/// What a change did to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// The key got a value.
    Put,
    /// The key was deleted: a tombstone.
    Delete,
}

impl Op {
    /// The operation's name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Delete => "delete",
        }
    }
}

/// How many puts a key's life had seen with this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// Exactly this many.
    Known(i64),
    /// At least this many: the life's first rows are compacted, and the engine keeps no count (kine).
    AtLeast(i64),
}

impl Version {
    /// The number, where it is known.
    pub const fn known(self) -> Option<i64> {
        match self {
            Self::Known(version) => Some(version),
            Self::AtLeast(_) => None,
        }
    }
}

/// What keeps a key alive, as its store says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeaseRef {
    /// Nothing: the key stays until it is deleted.
    None,
    /// etcd: the id of a lease, which may be revoked since.
    Id(i64),
    /// kine: seconds to live.
    Ttl(i64),
}

/// One change of one key at one revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub revision: Revision,
    /// Which key, see [`super::Keys`].
    pub key: KeyId,
    /// Put or tombstone.
    pub op: Op,
    /// What the change rests on.
    pub evidence: Evidence,
    /// Revision of the put that began this life of the key; `None` where the store does not say.
    pub create_revision: Option<i64>,
    /// Puts of this life up to this change; for a tombstone `Known(0)`, as etcd has it.
    pub version: Version,
    /// The key's lease at this change.
    pub lease: LeaseRef,
    /// Where the value lies; [`ValueRef::NONE`] for a tombstone.
    pub value: ValueRef,
}

impl Change {
    /// Whether this is a put.
    pub fn is_put(&self) -> bool {
        self.op == Op::Put
    }
}
