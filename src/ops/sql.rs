//! SQL over stores: the tables of [`super::tables`] in a private database of SQLite, filled with what a query reads.
//!
//! The database is a temporary file that SQLite removes while it opens it, so that large stores cost disk and not memory.
//! A query can neither change anything nor reach any other file.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Batch, Connection, Statement, params_from_iter};

use super::keyring::KeyringError;
use super::tables::{ALL, Noticed, Table, Tabled, TablesError, Wanted, create_table, insert};

/// Kibibytes that SQLite keeps in memory.
const CACHE_KIB: i64 = 64 << 10;

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// It is no query, or names what is not there.
    #[error("{0}; the tables are stores, revisions, objects, owners and findings: docs/export.md has their columns")]
    Query(String),
    /// It would do something else than read.
    #[error("only queries can be answered: nothing can be changed, attached or written here")]
    NotAQuery,
    /// There is more than one.
    #[error("one query at a time: what stands behind the first semicolon would not be answered")]
    Several,
    /// SQLite could not go on.
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// What was given to open values with cannot be read.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// Whoever takes the rows could not.
    #[error("cannot print: {0}")]
    Taker(std::io::Error),
}

/// A value of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// A whole number.
    Int(i64),
    /// Another number.
    Real(f64),
    /// Text. What is no UTF-8 in it is replaced by U+FFFD.
    Text(String),
    /// Bytes, which a query can make of text.
    Blob(Vec<u8>),
}

/// Takes an answer.
pub trait Take {
    /// The names of its columns; comes once, before the rows.
    ///
    /// # Errors
    /// What keeps it from being taken.
    fn columns(&mut self, names: &[String]) -> std::io::Result<()>;
    /// A row.
    ///
    /// # Errors
    /// What keeps it from being taken.
    fn row(&mut self, row: Vec<Value>) -> std::io::Result<()>;
}

/// The columns that a query reads, with their tables.
type Reads = BTreeSet<(String, String)>;

/// A query that is known to be one, and the tables that it reads, which are filled with one store after the other.
pub struct Query<'q> {
    sql: &'q str,
    connection: Connection,
    reads: Reads,
}

impl<'q> Query<'q> {
    /// Of SQL over tables that are still empty.
    ///
    /// # Errors
    /// [`SqlError`].
    pub fn new(sql: &'q str) -> Result<Self, SqlError> {
        // No name: a temporary file that no other process can open.
        let mut connection = Connection::open("")?;
        connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        for table in &ALL {
            connection.execute_batch(&create_table(table))?;
        }
        // VACUUM INTO attaches too.
        connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        let reads = reads_of(&mut connection, sql)?;
        Ok(Self { sql, connection, reads })
    }

    /// Adds the rows of a store.
    ///
    /// # Errors
    /// [`SqlError`].
    pub fn store(&self, store: &Tabled<'_>) -> Result<Noticed, SqlError> {
        let mut noticed = Noticed::default();
        for table in ALL.iter().filter(|table| self.reads.iter().any(|(read, _)| read == table.name)) {
            noticed.append(fill(&self.connection, table, store, &self.reads)?);
        }
        Ok(noticed)
    }

    /// Answers it.
    ///
    /// # Errors
    /// [`SqlError`].
    pub fn answer(&self, take: &mut dyn Take) -> Result<(), SqlError> {
        answer(&self.connection, self.sql, take)
    }
}

/// What a query reads. It must be one, and nothing else.
fn reads_of(connection: &mut Connection, sql: &str) -> Result<Reads, SqlError> {
    let seen: Arc<Mutex<(Reads, bool)>> = Arc::default();
    let told = Arc::clone(&seen);
    connection.authorizer(Some(move |context: AuthContext<'_>| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        match context.action {
            AuthAction::Read { table_name, column_name } => {
                told.0.insert((table_name.to_lowercase(), column_name.to_lowercase()));
                Authorization::Allow
            }
            AuthAction::Select | AuthAction::Function { .. } | AuthAction::Recursive => Authorization::Allow,
            AuthAction::Pragma { pragma_name: "table_info" | "table_xinfo" | "table_list", pragma_value: _ } => {
                Authorization::Allow
            }
            _ => {
                told.1 = true;
                Authorization::Deny
            }
        }
    }))?;
    let checked = check(connection, sql);
    connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?;
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    match checked {
        Err(SqlError::Query(_)) if seen.1 => Err(SqlError::NotAQuery),
        Err(error) => Err(error),
        Ok(()) => Ok(std::mem::take(&mut seen.0)),
    }
}

fn check(connection: &Connection, sql: &str) -> Result<(), SqlError> {
    let said = |error: rusqlite::Error| match error {
        rusqlite::Error::SqlInputError { msg, offset, .. } => match usize::try_from(offset) {
            Ok(offset) => SqlError::Query(format!("{msg}, at {:?}", sql.get(offset..).unwrap_or_default())),
            Err(_) => SqlError::Query(msg),
        },
        other => SqlError::Query(other.to_string()),
    };
    let mut batch = Batch::new(connection, sql);
    let Some(statement) = batch.next().map_err(said)? else {
        return Err(SqlError::Query("there is no query".to_owned()));
    };
    if !statement.readonly() || statement.column_count() == 0 {
        return Err(SqlError::NotAQuery);
    }
    match batch.next() {
        Ok(None) => Ok(()),
        _ => Err(SqlError::Several),
    }
}

fn fill(
    connection: &Connection,
    table: &'static Table,
    store: &Tabled<'_>,
    reads: &Reads,
) -> Result<Noticed, SqlError> {
    let wants = |column: &str| reads.contains(&(table.name.to_owned(), column.to_owned()));
    connection.execute_batch("BEGIN")?;
    let mut statement: Statement<'_> = connection.prepare(&insert(table))?;
    let noticed = store.rows(table, Wanted::new(&wants), &mut |rows| {
        rows.iter().try_for_each(|row| statement.execute(params_from_iter(row)).map(drop))
    });
    let noticed = noticed.map_err(|error| match error {
        TablesError::Keyring(error) => SqlError::Keyring(error),
        TablesError::Taker(error) => SqlError::Sqlite(error),
    })?;
    connection.execute_batch("COMMIT")?;
    Ok(noticed)
}

fn answer(connection: &Connection, sql: &str, take: &mut dyn Take) -> Result<(), SqlError> {
    let mut statement = connection.prepare(sql)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    take.columns(&names).map_err(SqlError::Taker)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let values = (0..names.len()).map(|column| row.get_ref(column).map(value)).collect::<Result<Vec<_>, _>>()?;
        take.row(values).map_err(SqlError::Taker)?;
    }
    Ok(())
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}
