//! A line of JSON for each row. JSON inside a row is JSON there too, and not text.

use super::delimited;
use crate::ops::tables::{Cell, Kind, Row, Table, rfc3339};

/// Rows as JSON.
pub struct Lines {
    table: &'static Table,
}

impl Lines {
    pub fn new(table: &'static Table) -> Self {
        Self { table }
    }
}

impl delimited::Lines for Lines {
    fn head(&mut self, _: &mut Vec<u8>) {}

    fn row(&mut self, row: &Row<'_>, out: &mut Vec<u8>) {
        for (at, (column, cell)) in self.table.columns.iter().zip(row).enumerate() {
            out.extend_from_slice(if at == 0 { b"{\"" } else { b",\"" });
            out.extend_from_slice(column.name.as_bytes());
            out.extend_from_slice(b"\":");
            match cell {
                Cell::Null => out.extend_from_slice(b"null"),
                Cell::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
                Cell::Int(value) => out.extend_from_slice(itoa::Buffer::new().format(*value).as_bytes()),
                Cell::Time(at) => quoted(&rfc3339(*at), out),
                Cell::Text(text) if column.kind == Kind::Json => out.extend_from_slice(text.as_bytes()),
                Cell::Text(text) => quoted(text, out),
            }
        }
        out.extend_from_slice(b"}\n");
    }
}

fn quoted(text: &str, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(out, text);
}
