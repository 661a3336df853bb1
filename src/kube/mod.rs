//! The stored object: what bytes in a datastore mean to Kubernetes, and how kubectl shows them.

pub mod decode;
pub mod envelope;
pub mod minor;
pub mod natural;
pub mod sink;
pub mod table;
pub mod wire;
