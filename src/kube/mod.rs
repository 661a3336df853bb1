//! The stored object: what bytes in a datastore mean to Kubernetes, and how kubectl shows them.

pub mod cbor;
pub mod columns;
pub mod crd;
pub mod decode;
pub mod encode;
pub mod encryption;
pub mod envelope;
pub mod json;
pub mod mask;
pub mod minor;
pub mod natural;
mod number;
pub mod quantity;
pub mod resources;
pub mod schema;
pub mod selector;
pub mod show;
pub mod sink;
pub mod stored;
pub mod table;
mod text;
mod time;
pub mod wire;
pub mod yaml;
