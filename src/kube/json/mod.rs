//! JSON as Go and kubectl write it, and stored JSON text as tokens.

mod canonical;
mod escape;
mod read;
mod sink;
mod tape;
mod value;

pub(super) use read::text_of;
pub use read::{Reader, Reading};
pub use sink::{CompactJson, JsonSink, KubectlJson};
pub use tape::{JsonError, JsonFault, MAX_DEPTH};
pub use value::{ValueSink, push_value};
