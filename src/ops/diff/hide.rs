//! Secret values in a difference: neither state shows them, and yet it shows which of them differ.

use serde_json::Value;

use crate::kube::json::{ValueSink, push_value};
use crate::kube::mask::Masked;

/// Deeper than any Secret is.
const DEEPEST: usize = 128;

/// Masks the values of Secrets in both states. Where a value differs and its mask does not, the newer one says so.
pub fn hide(old: Option<&mut Value>, new: Option<&mut Value>) {
    let is_secret = |object: &Value| object.get("kind").and_then(Value::as_str) == Some("Secret");
    match (old, new) {
        (Some(old), Some(new)) if is_secret(old) || is_secret(new) => {
            let (masked_old, mut masked_new) = (masked(old), masked(new));
            tell((old, new), &masked_old, &mut masked_new, 0);
            (*old, *new) = (masked_old, masked_new);
        }
        (old, new) => {
            for object in old.into_iter().chain(new).filter(|object| is_secret(object)) {
                *object = masked(object);
            }
        }
    }
}

fn masked(object: &Value) -> Value {
    let mut sink = ValueSink::new();
    push_value(object, &mut Masked::new(&mut sink));
    sink.finish()
}

fn tell((old, new): (&Value, &Value), masked_old: &Value, masked_new: &mut Value, depth: usize) {
    if depth >= DEEPEST || old == new {
        return;
    }
    match (old, new, masked_old, masked_new) {
        (Value::Object(old), Value::Object(new), Value::Object(masked_old), Value::Object(masked_new)) => {
            for (name, masked_new) in masked_new {
                if let (Some(old), Some(new), Some(masked_old)) = (old.get(name), new.get(name), masked_old.get(name)) {
                    tell((old, new), masked_old, masked_new, depth + 1);
                }
            }
        }
        (Value::Array(old), Value::Array(new), Value::Array(masked_old), Value::Array(masked_new)) => {
            let pairs = old.iter().zip(new).zip(masked_old).zip(masked_new);
            pairs.for_each(|((pair, masked_old), masked_new)| tell(pair, masked_old, masked_new, depth + 1));
        }
        (_, _, masked_old, Value::String(masked_new)) if masked_old.as_str() == Some(masked_new) => {
            let plain = masked_new.trim_end_matches('>').to_owned();
            *masked_new = format!("{plain}, another value>");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_changed_value_of_the_same_length_is_told_and_not_shown() {
        let secret = |a: &str, b: &str| json!({"kind": "Secret", "data": {"a": a, "b": b}, "metadata": {"name": "s"}});
        let (mut old, mut new) = (secret("b2xk", "c2FtZQ=="), secret("bmV3", "c2FtZQ=="));
        hide(Some(&mut old), Some(&mut new));
        assert_eq!(old["data"], json!({"a": "<masked, 3 bytes>", "b": "<masked, 4 bytes>"}));
        assert_eq!(new["data"], json!({"a": "<masked, 3 bytes, another value>", "b": "<masked, 4 bytes>"}));
        let mut alone = secret("b2xk", "eA==");
        hide(None, Some(&mut alone));
        assert_eq!(alone["data"]["b"], "<masked, 1 byte>");
    }
}
