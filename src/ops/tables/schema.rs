//! The tables as data: every format writes what stands here, and `docs/export.md` explains it.

use std::borrow::Cow;

use jiff::Timestamp;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text in UTF-8.
    Text,
    /// A whole number of 64 bits.
    Int,
    /// Yes or no.
    Bool,
    /// A moment in UTC, to the microsecond.
    Time,
    /// JSON as text.
    Json,
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may be null: unknown, or nothing there.
    pub nullable: bool,
}

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns, in order.
    pub columns: &'static [Column],
}

/// A value in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Unknown, or nothing there.
    Null,
    /// Text, or JSON as text.
    Text(Cow<'a, str>),
    /// A whole number.
    Int(i64),
    /// Yes or no.
    Bool(bool),
    /// Microseconds since 1970.
    Time(i64),
}

/// A row: a cell for each column.
pub type Row<'a> = Vec<Cell<'a>>;

impl<'a> Cell<'a> {
    /// Text that is borrowed.
    pub fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// Text that is owned.
    pub fn owned(text: impl Into<String>) -> Self {
        Self::Text(Cow::Owned(text.into()))
    }

    /// A number that counts something.
    pub fn count(number: u64) -> Self {
        // No file has as many bytes.
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// The cell of what may not be there.
    pub fn some<T>(value: Option<T>, cell: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Null, cell)
    }

    /// A moment.
    pub fn time(at: Timestamp) -> Self {
        Self::Time(at.as_microsecond())
    }
}

/// A moment as text: RFC 3339 in UTC, with as many digits of a second as it has.
pub fn rfc3339(microseconds: i64) -> String {
    Timestamp::from_microsecond(microseconds).map(|at| at.to_string()).unwrap_or_default()
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, nullable: false }
}

const fn maybe(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, nullable: true }
}

use Kind::{Bool, Int, Json, Text, Time};

/// One row: the store itself.
pub const STORES: Table = Table {
    name: "stores",
    columns: &[
        column("store", Text),
        column("source", Text),
        column("engine", Text),
        column("current_revision", Int),
        column("compact_revision", Int),
        column("live_keys", Int),
        column("changes", Int),
        column("tombstones", Int),
        column("leases", Int),
        column("gap_rows", Int),
        column("file_bytes", Int),
        column("live_bytes", Int),
        column("superseded_bytes", Int),
        column("free_bytes", Int),
        column("index_bytes", Int),
        maybe("kubernetes", Text),
        maybe("newest_stamp", Time),
        maybe("hash_kv", Int),
        maybe("trailer", Text),
        column("verdict", Text),
    ],
};

/// One row for each change that the store still knows.
pub const REVISIONS: Table = Table {
    name: "revisions",
    columns: &[
        column("store", Text),
        column("revision", Int),
        column("sub", Int),
        column("op", Text),
        maybe("key", Text),
        maybe("key_base64", Text),
        maybe("api_group", Text),
        maybe("resource", Text),
        maybe("kind", Text),
        maybe("namespace", Text),
        maybe("name", Text),
        maybe("create_revision", Int),
        maybe("version", Int),
        column("lease", Int),
        maybe("ttl", Int),
        maybe("value_size", Int),
        maybe("value_sha256", Text),
        column("live", Bool),
        column("evidence", Text),
        maybe("stamp", Time),
    ],
};

/// One row for each object that is live, or for each that is known.
pub const OBJECTS: Table = Table {
    name: "objects",
    columns: &[
        column("store", Text),
        column("key", Text),
        column("revision", Int),
        maybe("create_revision", Int),
        maybe("version", Int),
        column("live", Bool),
        column("api_group", Text),
        column("resource", Text),
        maybe("api_version", Text),
        maybe("kind", Text),
        maybe("namespace", Text),
        maybe("name", Text),
        maybe("uid", Text),
        maybe("generation", Int),
        maybe("created", Time),
        maybe("deletion_asked", Time),
        maybe("stamp", Time),
        maybe("labels", Json),
        column("value_size", Int),
        maybe("value_sha256", Text),
        column("state", Text),
        maybe("problem", Text),
        maybe("object", Json),
    ],
};

/// One row for each owner that a live object names.
pub const OWNERS: Table = Table {
    name: "owners",
    columns: &[
        column("store", Text),
        column("key", Text),
        column("revision", Int),
        maybe("kind", Text),
        maybe("namespace", Text),
        maybe("name", Text),
        maybe("uid", Text),
        maybe("owner_api_version", Text),
        maybe("owner_kind", Text),
        maybe("owner_name", Text),
        maybe("owner_uid", Text),
        maybe("controller", Bool),
        maybe("block_owner_deletion", Bool),
        maybe("owner_key", Text),
    ],
};

/// One row for each finding of `verify`.
pub const FINDINGS: Table = Table {
    name: "findings",
    columns: &[
        column("store", Text),
        column("id", Text),
        column("severity", Text),
        maybe("place", Text),
        column("text", Text),
        maybe("hint", Text),
    ],
};

/// All tables, in the order in which they are written.
pub const ALL: [Table; 5] = [STORES, REVISIONS, OBJECTS, OWNERS, FINDINGS];

/// The table of a name.
pub fn table(name: &str) -> Option<&'static Table> {
    static TABLES: [Table; 5] = ALL;
    TABLES.iter().find(|table| table.name == name)
}
