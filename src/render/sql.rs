//! Answers of SQL: aligned, CSV, a line of JSON each.

use base64::Engine as _;
use serde_json::{Map, Value as Json, json};
use unicode_width::UnicodeWidthStr;

use super::text;
use crate::ops::sql::Value;

/// A column is at most so wide that the next one is aligned behind it; wider values push the rest of their line.
const WIDEST: usize = 60;

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Real(number) => json!(number).to_string(),
        // A line is a row.
        Value::Text(text) => text::key(text.as_bytes()),
        Value::Blob(bytes) => base64::engine::general_purpose::STANDARD.encode(bytes),
    }
}

/// Where columns begin in a table of rows.
#[derive(Debug, Default)]
pub struct SqlTable {
    widths: Vec<usize>,
}

impl SqlTable {
    /// For these columns, and as wide as these rows need.
    pub fn new(names: &[String], rows: &[Vec<Value>]) -> Self {
        let widest = |at: usize, name: &String| {
            let cells = rows.iter().filter_map(|row| row.get(at)).map(|value| shown(value).width());
            cells.chain([text::key(name.as_bytes()).width()]).filter(|width| *width <= WIDEST).max().unwrap_or(0)
        };
        Self { widths: names.iter().enumerate().map(|(at, name)| widest(at, name)).collect() }
    }

    /// The line over the rows.
    pub fn heading(&self, names: &[String]) -> String {
        self.line(names.iter().map(|name| (text::key(name.as_bytes()), false)))
    }

    /// A row.
    pub fn row(&self, row: &[Value]) -> String {
        self.line(row.iter().map(|value| (shown(value), matches!(value, Value::Int(_) | Value::Real(_)))))
    }

    fn line(&self, cells: impl Iterator<Item = (String, bool)>) -> String {
        let mut out = String::new();
        for ((cell, right), width) in cells.zip(&self.widths) {
            if !out.is_empty() {
                out.push_str("   ");
            }
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            let (before, behind) = if right { (padding.as_str(), "") } else { ("", padding.as_str()) };
            out.extend([before, &cell, behind]);
        }
        out.truncate(out.trim_end().len());
        out
    }
}

/// A row of an answer as JSON: a member for each column, in the order of their names. Bytes are base64.
pub fn sql_json(names: &[String], row: &[Value]) -> Json {
    let member = |value: &Value| match value {
        Value::Null => Json::Null,
        Value::Int(number) => json!(number),
        Value::Real(number) => json!(number),
        Value::Text(text) => json!(text),
        Value::Blob(bytes) => json!(base64::engine::general_purpose::STANDARD.encode(bytes)),
    };
    let members: Map<String, Json> = names.iter().cloned().zip(row.iter().map(member)).collect();
    Json::Object(members)
}

/// A row of an answer as a record of CSV.
pub fn sql_csv(row: &[Value]) -> String {
    let cell = |value: &Value| if *value == Value::Null { String::new() } else { plain(value) };
    csv_line(row.iter().map(cell))
}

/// The first record of an answer in CSV.
pub fn sql_csv_heading(names: &[String]) -> String {
    csv_line(names.iter().cloned())
}

fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => shown(other),
    }
}

fn csv_line(fields: impl Iterator<Item = String>) -> String {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_record(fields);
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}
