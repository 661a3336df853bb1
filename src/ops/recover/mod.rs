//! Gets rows back from damaged stores, decides what may be current state, writes a store that the real engine starts on, and
//! says what is lost.
//!
//! The rules are in `docs/recovery.md`.

mod content;
mod etcd;
mod kine;
mod losses;
mod report;
mod rows;
mod run;
mod search;

pub use content::check;
pub use report::{ByEvidence, HowLost, Lost, Object, Report, Unproven, WalVerdict, Written};
pub use rows::{Digest, RowLine, row_lines};
pub use run::{RecoverError, recover};
pub use search::{Found, Salvaged, search};

use super::convert::Target;
use crate::sqlite::Reading;

/// How to recover.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What to write; nothing for a report alone.
    pub to: Option<Target>,
    /// What to do with a WAL.
    pub wal: Reading,
    /// Whether an older revision may stand for a newest one that is lost.
    pub last_known_good: bool,
    /// Whether a target that exists is overwritten.
    pub force: bool,
}

/// What to do with a WAL, by the user's word.
pub fn reading(use_wal: bool) -> Reading {
    if use_wal { Reading::Use } else { Reading::Ignore }
}
