//! The secret values of a store: those of all its Secrets, at every revision, with the copies that `kubectl apply` left.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::kube::mask::LAST_APPLIED;
use crate::kube::minor::Minor;
use crate::kube::show::{self, View};

/// Adds the values of the Secret in `plain`, without the white space around them. What is no Secret has none.
pub fn add(plain: &[u8], into: &mut BTreeSet<Vec<u8>>) {
    let view =
        View { minor: Minor::NEWEST, managed_fields: false, resource_version: None, reveal: true, served: false };
    let Ok((object, _)) = show::tree(plain, &view) else { return };
    add_of(&object, into);
    let applied = object.pointer("/metadata/annotations").and_then(|annotations| annotations.get(LAST_APPLIED));
    if let Some(Ok(applied)) = applied.and_then(Value::as_str).map(serde_json::from_str::<Value>) {
        add_of(&applied, into);
    }
}

fn add_of(secret: &Value, into: &mut BTreeSet<Vec<u8>>) {
    let members = |name: &str| secret.get(name).and_then(Value::as_object).into_iter().flatten();
    let texts = |name| members(name).filter_map(|(_, value)| value.as_str());
    let decoded = texts("data").map(|text| STANDARD.decode(text).unwrap_or_else(|_| text.as_bytes().to_vec()));
    let plain = texts("stringData").map(|text| text.as_bytes().to_vec());
    into.extend(decoded.chain(plain).map(|value| value.trim_ascii().to_vec()).filter(|value| !value.is_empty()));
}
