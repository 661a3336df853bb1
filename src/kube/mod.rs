//! The stored object: what bytes in a datastore mean to Kubernetes, and how kubectl shows them.

pub mod columns;
pub mod decode;
pub mod encode;
pub mod encryption;
pub mod envelope;
pub mod json;
pub mod minor;
pub mod natural;
mod number;
pub mod resources;
pub mod selector;
pub mod sink;
pub mod table;
mod text;
mod time;
pub mod wire;
pub mod yaml;
