//! One SQLite file with all tables. SQLite writes and reads it; it is never shown an input.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::digest::Digest;
use super::{Fault, Row};
use crate::ops::tables::{Cell, Table, create_table, insert, rfc3339};

/// The version of the tables, as `PRAGMA user_version` tells it.
const SCHEMA_VERSION: i64 = 1;

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Library(error.to_string())
    }
}

fn digest(cell: &Cell<'_>, into: &mut Digest) {
    match cell {
        Cell::Null => into.null(),
        Cell::Bool(value) => into.int((*value).into()),
        Cell::Int(value) => into.int(*value),
        Cell::Time(at) => into.text(rfc3339(*at).as_bytes()),
        Cell::Text(text) => into.text(text.as_bytes()),
    }
}

/// A file that is being written.
pub struct File {
    path: PathBuf,
    connection: Connection,
    written: BTreeMap<&'static str, Digest>,
}

impl File {
    /// A database in an empty file. Nothing but the file itself is made: no journal, no WAL.
    pub fn create(path: &Path) -> Result<Self, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = 4096;",
        )?;
        connection.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        connection.execute_batch("BEGIN")?;
        Ok(Self { path: path.to_owned(), connection, written: BTreeMap::new() })
    }

    /// Makes a table.
    pub fn table(&mut self, table: &'static Table) -> Result<(), Fault> {
        self.connection.execute_batch(&create_table(table))?;
        self.written.insert(table.name, Digest::default());
        Ok(())
    }

    /// Writes rows of a table, behind those that it has.
    pub fn rows(&mut self, table: &'static Table, rows: &[Row<'_>]) -> Result<(), Fault> {
        let mut statement = self.connection.prepare(&insert(table))?;
        let written = self.written.entry(table.name).or_default();
        for row in rows {
            statement.execute(params_from_iter(row))?;
            row.iter().for_each(|cell| digest(cell, written));
        }
        Ok(())
    }

    /// Closes the file, reads all of it back with another connection, and compares. A fault comes with its table.
    pub fn close(self) -> Result<(), (Fault, &'static str)> {
        let whole = |fault: rusqlite::Error| (Fault::from(fault), "");
        self.connection.execute_batch("COMMIT").map_err(whole)?;
        self.connection.close().map_err(|(_, error)| whole(error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let back = Connection::open_with_flags(&self.path, flags).map_err(whole)?;
        let check: String = back.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(whole)?;
        if check != "ok" {
            return Err((Fault::Library(check), ""));
        }
        for (table, written) in self.written {
            let fault = |error: rusqlite::Error| (Fault::from(error), table);
            if digest_of(&back, table).map_err(fault)? != written.finish() {
                return Err((Fault::Differs, table));
            }
        }
        Ok(())
    }
}

/// The digest of a table that is there.
fn digest_of(connection: &Connection, table: &str) -> rusqlite::Result<[u8; 32]> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {table} ORDER BY rowid"))?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut digest = Digest::default();
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            match row.get_ref(column)? {
                ValueRef::Null => digest.null(),
                ValueRef::Integer(value) => digest.int(value),
                ValueRef::Text(text) => digest.text(text),
                // No column holds any: the digest differs then.
                ValueRef::Real(_) | ValueRef::Blob(_) => {}
            }
        }
    }
    Ok(digest.finish())
}
