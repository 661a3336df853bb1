//! YAML as kubectl writes and reads it: sigs.k8s.io/yaml over go-yaml v2, which speaks YAML 1.1.

mod analysis;
mod block;
mod emit;
mod quoted;
mod resolve;

pub use emit::YamlSink;
