//! The stored object: what bytes in a datastore mean to Kubernetes, and how kubectl shows them.

pub mod encryption;
pub mod sink;
