//! Reading fields of an object whose shape is only hoped for: what is not there, or of another type, reads as Go's zero.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Cell, Options};

/// The text at a JSON pointer.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The same, or `otherwise` if it is empty.
pub(super) fn text_or<'a>(value: &'a Value, pointer: &str, otherwise: &'a str) -> &'a str {
    match text(value, pointer) {
        "" => otherwise,
        text => text,
    }
}

/// The text at a pointer if there is any, even an empty one.
pub(super) fn maybe_text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

pub(super) fn int(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

pub(super) fn maybe_int(value: &Value, pointer: &str) -> Option<i64> {
    value.pointer(pointer).and_then(Value::as_i64)
}

pub(super) fn flag(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
}

pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn map<'a>(value: &'a Value, pointer: &str) -> Option<&'a Map<String, Value>> {
    value.pointer(pointer).and_then(Value::as_object)
}

/// Whether there is anything at the pointer: null is nothing.
pub(super) fn is_set(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).is_some_and(|value| !value.is_null())
}

/// A number or text, as IntOrString has it.
pub(super) fn number_or_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A moment in RFC 3339; none for null, for Go's zero and for what is no moment.
pub(super) fn moment(value: &Value, pointer: &str) -> Option<Timestamp> {
    parse_moment(maybe_text(value, pointer)?).filter(|moment| !is_zero(*moment))
}

/// RFC 3339 as Go reads it, which is stricter than jiff: a capital T, and no zone in brackets.
pub(super) fn parse_moment(text: &str) -> Option<Timestamp> {
    let strict = text.as_bytes().get(10) == Some(&b'T') && !text.contains('[');
    strict.then(|| text.parse().ok()).flatten()
}

/// The first second of the year 1, which is Go's time of nothing.
pub(super) fn is_zero(moment: Timestamp) -> bool {
    moment.as_second() == -62_135_596_800
}

/// The name and the age, which most kinds begin and end with.
pub(super) fn name(object: &Value) -> Cell {
    Cell::text(text(object, "/metadata/name"))
}

pub(super) fn age(object: &Value, options: &Options) -> Cell {
    Cell::ago(moment(object, "/metadata/creationTimestamp"), options)
}

/// Texts with a comma between them.
pub(super) fn joined<'a>(texts: impl IntoIterator<Item = &'a str>, between: &str) -> String {
    texts.into_iter().collect::<Vec<_>>().join(between)
}

/// The texts of a list.
pub(super) fn texts<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a str> {
    list(value, pointer).iter().filter_map(Value::as_str)
}

/// The first three of a list of `count`, and how many more there are; `<unset>` for none.
pub(super) fn first_three(shown: &[String], count: usize) -> String {
    let some = shown.iter().take(3).map(String::as_str);
    match joined(some, ",") {
        text if count > 3 => format!("{text} + {} more...", count - 3),
        text if text.is_empty() => "<unset>".to_owned(),
        text => text,
    }
}

/// A map of labels as kubectl prints it.
pub(super) trait FormatLabels {
    /// `a=1,b=2`, sorted; `<none>` for no labels.
    fn format_labels(self) -> String;
}

impl FormatLabels for Option<&Value> {
    fn format_labels(self) -> String {
        let labels = self.and_then(Value::as_object).into_iter().flatten();
        let mut labels: Vec<String> =
            labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
        labels.sort();
        match labels.is_empty() {
            true => "<none>".to_owned(),
            false => labels.join(","),
        }
    }
}
