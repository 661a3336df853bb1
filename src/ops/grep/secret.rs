//! The values inside of Secrets, as the bytes that programs get to see.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::kube::sink::{KeyOrder, Sink};

/// Collects the values of `data` of an object, decoded, if it is a Secret.
#[derive(Debug, Default)]
pub(super) struct SecretValues {
    depth: u32,
    in_data: bool,
    is_kind: bool,
    is_secret: bool,
    key: String,
    values: Vec<(String, Vec<u8>)>,
}

impl SecretValues {
    /// The keys of `data` with their values; nothing for what is no Secret.
    pub(super) fn finish(self) -> Vec<(String, Vec<u8>)> {
        if self.is_secret { self.values } else { Vec::new() }
    }
}

impl Sink for SecretValues {
    const ORDER: KeyOrder = KeyOrder::Natural;

    fn begin_object(&mut self) {
        self.depth += 1;
    }

    fn end_object(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn key(&mut self, key: &str) {
        if self.depth == 1 {
            self.in_data = key == "data";
            self.is_kind = key == "kind";
        }
        key.clone_into(&mut self.key);
    }

    fn begin_array(&mut self) {
        self.depth += 1;
    }

    fn end_array(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn null(&mut self) {}
    fn bool(&mut self, _value: bool) {}
    fn int(&mut self, _value: i64) {}
    fn float(&mut self, _value: f64) {}

    fn string(&mut self, value: &str) {
        if self.depth == 1 && self.is_kind {
            self.is_secret = value == "Secret";
        } else if self.depth == 2
            && self.in_data
            && let Ok(bytes) = STANDARD.decode(value)
        {
            self.values.push((self.key.clone(), bytes));
        }
    }

    fn bytes(&mut self, value: &[u8]) {
        if self.depth == 2 && self.in_data {
            self.values.push((self.key.clone(), value.to_vec()));
        }
    }
}
