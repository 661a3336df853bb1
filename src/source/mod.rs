//! What the user named, as bytes that are never trusted and never written to.
//!
//! A path becomes a tree of files (`tree`: a directory on disk, or an archive spooled to an unlinked temporary
//! file), the tree is searched for datastores ([`locate`]), and the chosen one is opened: databases mapped, WAL files
//! read. Nothing here knows what is inside the files beyond the first bytes that tell the formats apart.

mod archive;
mod bytes;
mod damage;
mod error;
mod fingerprint;
pub mod locate;
mod open;
mod sniff;
mod spool;
mod tree;

pub use bytes::Bytes;
pub use damage::{Damage, FileName, Place};
pub use error::SourceError;
pub use fingerprint::{FileId, SIDECARS, Watch};
pub use locate::{Candidate, Layout};
pub use open::{Choice, File, Files, Opened, open, open_alone, open_raw};
pub use sniff::{Format, sniff};
