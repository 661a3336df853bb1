//! JSON that an object carries as it came: managed fields, raw extensions, defaults in schemas.

use super::natural;
use super::sink::Sink;
use serde_json::Value;

/// Shows embedded JSON with its members in the order of the sink. On an error the sink has nothing of it.
pub fn emit<S: Sink>(text: &[u8], sink: &mut S) -> Result<(), String> {
    let value: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
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

/// JSON on one line, as kubectl sends it to a server: members sorted, the characters of HTML escaped.
pub fn compact(value: &Value) -> String {
    let text = value.to_string();
    if !text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        // Outside of strings JSON has none of them.
        match c {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            c => escaped.push(c),
        }
    }
    escaped
}
