//! The tables in SQLite's SQL.

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};

use super::{Cell, Column, Kind, Table, rfc3339};

/// The statement that makes a table.
pub fn create_table(table: &Table) -> String {
    let column = |column: &Column| {
        let kind = match column.kind {
            Kind::Text | Kind::Time | Kind::Json => "TEXT",
            Kind::Int | Kind::Bool => "INTEGER",
        };
        let null = if column.nullable { "" } else { " NOT NULL" };
        format!("\"{}\" {kind}{null}", column.name)
    };
    let columns: Vec<String> = table.columns.iter().map(column).collect();
    format!("CREATE TABLE {} ({})", table.name, columns.join(", "))
}

/// The statement that takes a row.
pub fn insert(table: &Table) -> String {
    format!("INSERT INTO {} VALUES ({})", table.name, vec!["?"; table.columns.len()].join(", "))
}

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Bool(value) => ToSqlOutput::Owned(Value::Integer((*value).into())),
            Self::Int(value) => ToSqlOutput::Owned(Value::Integer(*value)),
            Self::Time(at) => ToSqlOutput::Owned(Value::Text(rfc3339(*at))),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}
