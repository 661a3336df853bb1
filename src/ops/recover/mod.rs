//! Gets rows back from damaged stores, decides what may be current state, writes a store that the real engine starts on, and
//! says what is lost.
//!
//! The rules are in `docs/recovery.md`.

mod rows;
mod search;

pub use rows::{Digest, RowLine, row_lines};
pub use search::{Found, Salvaged, SearchOptions, search};

use crate::sqlite::Reading;

/// What to do with a WAL, by the user's word.
pub fn reading(use_wal: bool) -> Reading {
    if use_wal { Reading::Use } else { Reading::Ignore }
}
