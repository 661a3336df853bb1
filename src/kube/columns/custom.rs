//! Custom resources, whose columns stand in their definition (apiextensions-apiserver
//! pkg/registry/customresource/tableconvertor/tableconvertor.go).

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use super::access::{is_zero, name, parse_moment};
use super::{Cell, Heading, JsonPath, Options};
use crate::kube::resources::{PrinterColumn, Resource};

/// The columns of one custom resource, with their paths read.
pub(super) struct Columns<'a> {
    columns: Vec<(&'a PrinterColumn, JsonPath)>,
}

impl<'a> Columns<'a> {
    /// The columns of the version that kubectl asks for. A definition whose paths cannot be read has those before the
    /// first bad one, like the server.
    pub(super) fn of(resource: &'a Resource) -> Self {
        let declared = resource.versions.first().map(|version| version.columns.as_slice()).unwrap_or_default();
        let read = declared.iter().map_while(|column| Some((column, JsonPath::parse(&column.json_path).ok()?)));
        let mut columns: Vec<_> = read.collect();
        if declared.is_empty() {
            columns.extend(JsonPath::parse(&AGE.json_path).ok().map(|path| (&*AGE, path)));
        }
        Self { columns }
    }

    fn shown(&self, options: &Options) -> impl Iterator<Item = &(&'a PrinterColumn, JsonPath)> {
        let wide = options.wide;
        self.columns.iter().filter(move |(column, _)| wide || column.priority == 0)
    }

    pub(super) fn headings(&self, options: &Options) -> Vec<Heading> {
        let own = self.shown(options).map(|(column, _)| Cow::Owned(column.name.to_uppercase()));
        std::iter::once(Cow::Borrowed("NAME")).chain(own).collect()
    }

    pub(super) fn cells(&self, object: &Value, options: &Options) -> Vec<Cell> {
        let own = self.shown(options).map(|(column, path)| cell(&column.kind, path, object, options));
        std::iter::once(name(object)).chain(own).collect()
    }
}

/// What a definition without columns has.
static AGE: std::sync::LazyLock<PrinterColumn> = std::sync::LazyLock::new(|| PrinterColumn {
    name: "Age".to_owned(),
    kind: "date".to_owned(),
    priority: 0,
    json_path: ".metadata.creationTimestamp".to_owned(),
});

/// The first thing that the path leads to, in the form of the column's type; nothing if it is of another type.
fn cell(kind: &str, path: &JsonPath, object: &Value, options: &Options) -> Cell {
    let Some(found) = path.first(object) else { return Cell::Empty };
    match (kind, &*found) {
        ("string", value) => Cell::Text(as_text(value)),
        ("integer", Value::Number(number)) => match number.as_i64() {
            Some(number) => Cell::Integer(number),
            None => number.as_f64().map_or(Cell::Empty, |number| Cell::Integer(cut(number))),
        },
        ("number", Value::Number(number)) => number.as_f64().map_or(Cell::Empty, Cell::Number),
        ("boolean", Value::Bool(value)) => Cell::Boolean(*value),
        ("date", Value::String(text)) => date(text, options),
        _ => Cell::Empty,
    }
}

/// Go cuts floats off at the point; what does not fit becomes the least number (on amd64).
fn cut(number: f64) -> i64 {
    let cut = number.trunc();
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&cut) { cut as i64 } else { i64::MIN }
}

fn date(text: &str, options: &Options) -> Cell {
    if text.is_empty() || text == "null" {
        return Cell::ago(None, options);
    }
    match parse_moment(text) {
        Some(moment) => Cell::ago(Some(moment).filter(|moment: &Timestamp| !is_zero(*moment)), options),
        None => Cell::text("<invalid>"),
    }
}

/// Text as it is, the rest as JSON, with the escapes that Go's encoder adds.
fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "<no value>".to_owned(),
        Value::Number(number) if number.as_i64().is_none() => {
            number.as_f64().map_or_else(|| number.to_string(), super::cell::go_float)
        }
        Value::Object(_) | Value::Array(_) => {
            let text = value.to_string();
            let escapes = [
                ('<', "\\u003c"),
                ('>', "\\u003e"),
                ('&', "\\u0026"),
                ('\u{2028}', "\\u2028"),
                ('\u{2029}', "\\u2029"),
            ];
            escapes.into_iter().fold(text, |text, (character, escape)| text.replace(character, escape))
        }
        other => other.to_string(),
    }
}
