//! JSON that an object carries as it came: managed fields, raw extensions, defaults in schemas.

use super::Damage;
use crate::kube::natural;
use crate::kube::sink::Sink;
use serde_json::Value;

/// Shows embedded JSON with its members in the order of the sink.
pub fn emit<S: Sink>(text: &[u8], sink: &mut S) -> Result<(), Damage> {
    let value: Value = serde_json::from_slice(text).map_err(|error| Damage::EmbeddedJson(error.to_string()))?;
    show(&value, sink);
    Ok(())
}

/// As deep as serde_json reads.
fn show<S: Sink>(value: &Value, sink: &mut S) {
    match value {
        Value::Null => sink.null(),
        Value::Bool(value) => sink.bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => sink.int(whole),
            (None, float) => sink.float(float.unwrap_or(0.0)),
        },
        Value::String(text) => sink.string(text),
        Value::Array(values) => {
            sink.begin_array();
            values.iter().for_each(|value| show(value, sink));
            sink.end_array();
        }
        Value::Object(members) => {
            let mut sorted: Vec<(&str, &Value)> = members.iter().map(|(key, value)| (key.as_str(), value)).collect();
            natural::sort_members(&mut sorted, S::ORDER, |(key, _)| key);
            sink.begin_object();
            for (key, value) in sorted {
                sink.key(key);
                show(value, sink);
            }
            sink.end_object();
        }
    }
}
