//! The stored object: what bytes in a datastore mean to Kubernetes, and how kubectl shows them.

pub mod json;
pub mod natural;
mod number;
pub mod sink;
mod text;
pub mod yaml;
