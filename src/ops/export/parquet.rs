//! A Parquet file for each table: row groups of a bounded size, compressed with Snappy, which every reader knows.

use std::fs::{File, OpenOptions};
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::column::reader::ColumnReader;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

use super::digest::Digest;
use super::{Fault, Row, TableWriter};
use crate::ops::tables::{Cell, Column, Kind, Table};

/// Rows of a group at most, and bytes of text in it: what is held in memory before it is written.
const MOST_ROWS: usize = 100_000;
const MOST_BYTES: usize = 64 << 20;
/// Records that are read back at once.
const AT_ONCE: usize = 8192;

impl From<ParquetError> for Fault {
    fn from(error: ParquetError) -> Self {
        Self::Library(error.to_string())
    }
}

fn schema(table: &Table) -> Result<TypePtr, ParquetError> {
    let field = |column: &Column| {
        let (physical, logical) = match column.kind {
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
            Kind::Int => (Physical::INT64, None),
            Kind::Bool => (Physical::BOOLEAN, None),
            Kind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        };
        let repetition = if column.nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
        let made = Type::primitive_type_builder(column.name, physical);
        made.with_repetition(repetition).with_logical_type(logical).build().map(Arc::new)
    };
    let fields = table.columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(Type::group_type_builder(table.name).with_fields(fields).build()?))
}

/// The values of a column that are not written yet.
enum Values {
    Text(Vec<ByteArray>),
    Int(Vec<i64>),
    Bool(Vec<bool>),
}

/// A column that is being written.
struct Pending {
    values: Values,
    /// For each row whether there is a value.
    levels: Vec<i16>,
    digest: Digest,
}

impl Pending {
    fn new(column: &Column) -> Self {
        let values = match column.kind {
            Kind::Text | Kind::Json => Values::Text(Vec::new()),
            Kind::Int | Kind::Time => Values::Int(Vec::new()),
            Kind::Bool => Values::Bool(Vec::new()),
        };
        Self { values, levels: Vec::new(), digest: Digest::default() }
    }

    /// Takes a cell; gives the bytes that it holds.
    fn push(&mut self, cell: &Cell<'_>) -> Result<usize, Fault> {
        self.levels.push(i16::from(*cell != Cell::Null));
        match (&mut self.values, cell) {
            (_, Cell::Null) => {
                self.digest.null();
                return Ok(0);
            }
            (Values::Text(values), Cell::Text(text)) => {
                self.digest.text(text.as_bytes());
                values.push(ByteArray::from(text.as_bytes().to_vec()));
                return Ok(text.len());
            }
            (Values::Int(values), Cell::Int(value) | Cell::Time(value)) => {
                self.digest.int(*value);
                values.push(*value);
            }
            (Values::Bool(values), Cell::Bool(value)) => {
                self.digest.int((*value).into());
                values.push(*value);
            }
            _ => return Err(Fault::Library("a value of another kind than its column".to_owned())),
        }
        Ok(8)
    }

    fn write(&mut self, to: &mut ColumnWriter<'_>, nullable: bool) -> Result<(), Fault> {
        let levels = nullable.then_some(self.levels.as_slice());
        match (&mut self.values, to) {
            (Values::Text(values), ColumnWriter::ByteArrayColumnWriter(to)) => {
                to.write_batch(values, levels, None)?;
                values.clear();
            }
            (Values::Int(values), ColumnWriter::Int64ColumnWriter(to)) => {
                to.write_batch(values, levels, None)?;
                values.clear();
            }
            (Values::Bool(values), ColumnWriter::BoolColumnWriter(to)) => {
                to.write_batch(values, levels, None)?;
                values.clear();
            }
            _ => return Err(Fault::Library("a column of another kind than its schema".to_owned())),
        }
        self.levels.clear();
        Ok(())
    }
}

/// Writes one table.
pub struct Writer {
    table: &'static Table,
    path: PathBuf,
    file: SerializedFileWriter<BufWriter<File>>,
    columns: Vec<Pending>,
    rows: usize,
    bytes: usize,
}

impl Writer {
    /// A new file.
    pub fn create(path: &Path, table: &'static Table) -> Result<Self, Fault> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("kinescope {}", env!("CARGO_PKG_VERSION")));
        let file = SerializedFileWriter::new(BufWriter::new(file), schema(table)?, Arc::new(properties.build()))?;
        let columns = table.columns.iter().map(Pending::new).collect();
        Ok(Self { table, path: path.to_owned(), file, columns, rows: 0, bytes: 0 })
    }

    fn write_group(&mut self) -> Result<(), Fault> {
        let mut group = self.file.next_row_group()?;
        for (pending, column) in self.columns.iter_mut().zip(self.table.columns) {
            let Some(mut to) = group.next_column()? else {
                return Err(Fault::Library("a column is missing".to_owned()));
            };
            pending.write(to.untyped(), column.nullable)?;
            to.close()?;
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

impl TableWriter for Writer {
    fn rows(&mut self, rows: &[Row<'_>]) -> Result<(), Fault> {
        for row in rows {
            for (pending, cell) in self.columns.iter_mut().zip(row) {
                self.bytes += pending.push(cell)?;
            }
            self.rows += 1;
            if self.rows >= MOST_ROWS || self.bytes >= MOST_BYTES {
                self.write_group()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<u64, Fault> {
        if self.rows > 0 {
            self.write_group()?;
        }
        let file = self.file.into_inner()?.into_inner().map_err(|error| Fault::Io(error.into_error()))?;
        file.sync_all()?;
        let bytes = file.metadata()?.len();
        let back = SerializedFileReader::new(File::open(&self.path)?)?;
        for (at, pending) in self.columns.into_iter().enumerate() {
            if digest_of(&back, at)? != pending.digest.finish() {
                return Err(Fault::Differs);
            }
        }
        Ok(bytes)
    }
}

/// The digest of a column that is in a file.
fn digest_of(file: &SerializedFileReader<File>, column: usize) -> Result<[u8; 32], Fault> {
    let mut digest = Digest::default();
    let nullable = file.metadata().file_metadata().schema_descr().column(column).max_def_level() > 0;
    for group in 0..file.num_row_groups() {
        let group = file.get_row_group(group)?;
        match group.get_column_reader(column)? {
            ColumnReader::ByteArrayColumnReader(mut from) => {
                each_batch(
                    nullable,
                    |levels, values| from.read_records(AT_ONCE, levels, None, values),
                    |value| match value {
                        Some(text) => digest.text(ByteArray::data(text)),
                        None => digest.null(),
                    },
                )?;
            }
            ColumnReader::Int64ColumnReader(mut from) => {
                each_batch(
                    nullable,
                    |levels, values| from.read_records(AT_ONCE, levels, None, values),
                    |value| match value {
                        Some(number) => digest.int(*number),
                        None => digest.null(),
                    },
                )?;
            }
            ColumnReader::BoolColumnReader(mut from) => {
                each_batch(
                    nullable,
                    |levels, values| from.read_records(AT_ONCE, levels, None, values),
                    |value| match value {
                        Some(yes) => digest.int((*yes).into()),
                        None => digest.null(),
                    },
                )?;
            }
            _ => return Err(Fault::Differs),
        }
    }
    Ok(digest.finish())
}

/// Reads a column to its end, and hands on each value or that there is none.
fn each_batch<T>(
    nullable: bool,
    mut read: impl FnMut(Option<&mut Vec<i16>>, &mut Vec<T>) -> Result<(usize, usize, usize), ParquetError>,
    mut take: impl FnMut(Option<&T>),
) -> Result<(), Fault> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    loop {
        levels.clear();
        values.clear();
        let (records, _, _) = read(nullable.then_some(&mut levels), &mut values)?;
        if records == 0 {
            return Ok(());
        }
        let mut next = values.iter();
        match nullable {
            true => levels.iter().for_each(|level| take(if *level > 0 { next.next() } else { None })),
            false => next.for_each(|value| take(Some(value))),
        }
    }
}
