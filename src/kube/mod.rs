//! The stored object: what bytes in a datastore mean to Kubernetes, and how kubectl shows them.

pub mod cbor;
pub mod crd;
pub mod json;
pub mod natural;
mod number;
pub mod quantity;
pub mod sink;
mod text;
pub mod yaml;
