//! Values that stay in their file until somebody asks.

use std::borrow::Cow;

use crate::source::Damage;

/// Where a value lies. Only the store that made it can read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueRef {
    /// The store's own address of the value.
    pub place: u64,
    /// The value's length in bytes.
    pub len: u32,
}

impl ValueRef {
    /// The value of a change that has none: a tombstone.
    pub const NONE: Self = Self { place: u64::MAX, len: 0 };
}

/// A store's way to hand out values.
pub trait ReadValue: Send + Sync {
    /// The bytes at `at`, borrowed from the mapped file where they lie in one piece.
    ///
    /// # Errors
    /// The damage that keeps the value from being read whole.
    fn read(&self, at: ValueRef) -> Result<Cow<'_, [u8]>, Damage>;
}

/// A store without values, for histories that hold only tombstones and for tests.
pub struct NoValues;

impl ReadValue for NoValues {
    fn read(&self, _: ValueRef) -> Result<Cow<'_, [u8]>, Damage> {
        Ok(Cow::Borrowed(&[]))
    }
}
