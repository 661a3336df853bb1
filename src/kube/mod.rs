//! The stored object: what bytes in a datastore mean to Kubernetes, and how kubectl shows them.

pub mod columns;
pub mod order;
pub mod references;
pub mod resources;
pub mod selector;
pub mod sink;
pub mod skip;
pub mod stamps;
pub mod strip;
