//! The stored object: what bytes in a datastore mean to Kubernetes, and how kubectl shows them.

pub mod decode;
mod embedded;
pub mod encode;
pub mod envelope;
pub mod minor;
pub mod natural;
pub mod sink;
pub mod table;
mod time;
pub mod wire;
