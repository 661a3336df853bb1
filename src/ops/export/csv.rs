//! CSV as RFC 4180 has it, with the columns' names in the first line. Null and the empty text are the same there.

use csv::{Writer, WriterBuilder};

use super::delimited;
use crate::ops::tables::{Cell, Row, Table, rfc3339};

/// Rows as records.
pub struct Lines {
    table: &'static Table,
}

impl Lines {
    pub fn new(table: &'static Table) -> Self {
        Self { table }
    }
}

impl delimited::Lines for Lines {
    fn head(&mut self, out: &mut Vec<u8>) {
        record(out, |writer| self.table.columns.iter().try_for_each(|column| writer.write_field(column.name)));
    }

    fn row(&mut self, row: &Row<'_>, out: &mut Vec<u8>) {
        record(out, |writer| {
            row.iter().try_for_each(|cell| match cell {
                Cell::Null => writer.write_field(""),
                Cell::Bool(value) => writer.write_field(if *value { "true" } else { "false" }),
                Cell::Int(value) => writer.write_field(itoa::Buffer::new().format(*value)),
                Cell::Time(at) => writer.write_field(rfc3339(*at)),
                Cell::Text(text) => writer.write_field(text.as_bytes()),
            })
        });
    }
}

fn record(out: &mut Vec<u8>, fields: impl FnOnce(&mut Writer<&mut Vec<u8>>) -> csv::Result<()>) {
    let mut writer = WriterBuilder::new().buffer_capacity(4096).from_writer(out);
    // Writing to memory does not fail, and every record has the fields of its table.
    let _ = fields(&mut writer).and_then(|()| writer.write_record(None::<&[u8]>)).and_then(|()| Ok(writer.flush()?));
}
