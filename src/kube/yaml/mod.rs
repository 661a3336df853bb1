//! YAML as kubectl writes and reads it: sigs.k8s.io/yaml over go-yaml v2, which speaks YAML 1.1.

mod analysis;
mod block;
mod build;
mod emit;
mod kubectl;
mod odd_breaks;
mod quoted;
mod read;
mod resolve;

pub use emit::YamlSink;
pub use kubectl::AsKubectl;
pub use read::{Document, YamlError, YamlFault, read_manifest};
