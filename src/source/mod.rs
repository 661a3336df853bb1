//! What the user named, as bytes that are never trusted and never written to.

mod bytes;
mod damage;

pub use bytes::Bytes;
pub use damage::{Damage, FileName, Place};
