//! A hash over values in order, made while they are written and again while they are read back.

use sha2::{Digest as _, Sha256};

/// Hashes values one after the other. Two lists of values have the same hash only if they are the same.
#[derive(Clone, Default)]
pub struct Digest(Sha256);

impl Digest {
    /// Nothing.
    pub fn null(&mut self) {
        self.0.update([0]);
    }

    /// A whole number; 1 and 0 for yes and no.
    pub fn int(&mut self, value: i64) {
        self.0.update([1]);
        self.0.update(value.to_le_bytes());
    }

    /// Text.
    pub fn text(&mut self, value: &[u8]) {
        self.0.update([2]);
        self.0.update((value.len() as u64).to_le_bytes());
        self.0.update(value);
    }

    /// The hash.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
