//! The common key-revision model: what a datastore holds, whichever engine wrote it.
//!
//! Readers of both engines fill a [`HistoryBuilder`]; from the finished [`History`] on nobody knows any more which file
//! format the changes came from. Values stay in their file: a change holds a [`ValueRef`], and the history's
//! [`ReadValue`] fetches the bytes when somebody asks.

mod change;
mod contents;
mod evidence;
mod history;
mod keys;
mod keyspace;
mod moments;
mod names;
mod revision;
mod value;

pub use change::{Change, LeaseRef, Op, Version};
pub use contents::{Content, Contents, Name};
pub use evidence::{Check, Evidence};
pub use history::{Counts, Engine, History, HistoryBuilder, Lease, is_gap};
pub use keys::{KeyId, Keys};
pub use keyspace::{KeyState, Keyspace};
pub use moments::{CLOCK_TOLERANCE, Moment, MomentError, Says, Stamped, believed, revision_at};
pub use names::Names;
pub use revision::Revision;
pub use value::{NoValues, ReadValue, ValueRef};
