//! Secret values are replaced on their way to the reader: nobody can apply what was masked, or take it for the value.

use super::sink::{FieldName, KeyOrder, Sink};

/// The annotation in which `kubectl apply` keeps a copy of the whole object.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Passes tokens on, with the values of a Secret masked: all of `data` and `stringData`, and the copy of them that `kubectl
/// apply` leaves in an annotation. The mask is no base64, so that neither kubectl nor a server takes it for a value.
#[derive(Debug)]
pub struct Masked<'s, S> {
    inner: &'s mut S,
    /// How many objects and arrays are open.
    depth: u32,
    /// Which part of the object the tokens are in.
    part: Part,
    /// The next value is hidden.
    hides: bool,
}

/// Where in a Secret the tokens are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// In nothing that has to do with secret values.
    Elsewhere,
    /// The value of the key `data` or `stringData` follows, or is open.
    Data,
    /// The same of `metadata`.
    Metadata,
    /// The same of `metadata.annotations`.
    Annotations,
}

impl<'s, S: Sink> Masked<'s, S> {
    /// Masks the Secret that is passed through to `inner`.
    pub fn new(inner: &'s mut S) -> Self {
        Self { inner, depth: 0, part: Part::Elsewhere, hides: false }
    }

    /// What a key means for what follows.
    fn enter(&mut self, key: &str) {
        match (self.depth, self.part) {
            (1, _) => {
                self.part = match key {
                    "data" | "stringData" => Part::Data,
                    "metadata" => Part::Metadata,
                    _ => Part::Elsewhere,
                }
            }
            (2, Part::Metadata | Part::Annotations) => {
                self.part = if key == "annotations" { Part::Annotations } else { Part::Metadata };
            }
            _ => {}
        }
        self.hides = match self.part {
            Part::Data => true,
            Part::Annotations => self.depth == 3 && key == LAST_APPLIED,
            Part::Metadata | Part::Elsewhere => false,
        };
    }

    fn mask(&mut self, len: usize) {
        self.inner.masked(len);
    }
}

/// What stands for a secret of so many bytes.
pub fn mask(len: usize) -> String {
    format!("<masked, {len} byte{}>", if len == 1 { "" } else { "s" })
}

impl<S: Sink> Sink for Masked<'_, S> {
    const ORDER: KeyOrder = S::ORDER;

    fn begin_object(&mut self) {
        self.depth = self.depth.saturating_add(1);
        self.inner.begin_object();
    }

    fn end_object(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.inner.end_object();
    }

    fn key(&mut self, key: &str) {
        self.enter(key);
        self.inner.key(key);
    }

    fn field(&mut self, name: FieldName) {
        self.enter(name.plain());
        self.inner.field(name);
    }

    fn begin_array(&mut self) {
        self.depth = self.depth.saturating_add(1);
        self.inner.begin_array();
    }

    fn end_array(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.inner.end_array();
    }

    fn null(&mut self) {
        self.inner.null();
    }

    fn bool(&mut self, value: bool) {
        if self.hides { self.mask(1) } else { self.inner.bool(value) }
    }

    fn int(&mut self, value: i64) {
        if self.hides { self.mask(8) } else { self.inner.int(value) }
    }

    fn float(&mut self, value: f64) {
        if self.hides { self.mask(8) } else { self.inner.float(value) }
    }

    fn string(&mut self, value: &str) {
        if !self.hides {
            return self.inner.string(value);
        }
        // Of base64 the length of what it stands for is shown, as for bytes.
        let decoded = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, value);
        let len = decoded.map_or(value.len(), |bytes| bytes.len());
        self.mask(len);
    }

    fn bytes(&mut self, value: &[u8]) {
        if self.hides { self.mask(value.len()) } else { self.inner.bytes(value) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::json::{ValueSink, push_value};
    use serde_json::json;

    #[test]
    fn values_of_a_secret_are_hidden_wherever_they_stand() {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "data": {"password": "aHVudGVyMg==", "annotations": "eA==", "nested": {"deep": ["aHVudGVyMg=="]}},
            "stringData": {"user": "hunter"},
            "metadata": {
                "name": "db", "labels": {LAST_APPLIED: "shown"},
                "annotations": {LAST_APPLIED: "{\"data\":{\"password\":\"aHVudGVyMg==\"}}", "note": "kept"},
            },
        });
        let mut sink = ValueSink::new();
        push_value(&secret, &mut Masked::new(&mut sink));
        let masked = sink.finish();
        assert_eq!(masked["data"]["password"], "<masked, 7 bytes>");
        assert_eq!(masked["data"]["annotations"], "<masked, 1 byte>");
        assert_eq!(masked["data"]["nested"]["deep"][0], "<masked, 7 bytes>");
        assert_eq!(masked["stringData"]["user"], "<masked, 6 bytes>");
        assert_eq!(masked["metadata"]["annotations"][LAST_APPLIED], "<masked, 36 bytes>");
        assert_eq!(masked["metadata"]["annotations"]["note"], "kept");
        assert_eq!((&masked["metadata"]["name"], &masked["type"]), (&json!("db"), &json!("Opaque")));
        assert_eq!(masked["metadata"]["labels"][LAST_APPLIED], "shown");
        assert!(!masked.to_string().contains("hunter") && !masked.to_string().contains("aHVudGVy"));
    }
}
