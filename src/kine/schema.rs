//! kine's table and indexes, and the rows that kine keeps for itself.

/// The table's columns, in their order (kine pkg/drivers/sqlite/sqlite.go; since 0.1.0).
pub const COLUMNS: [&str; 9] =
    ["id", "name", "created", "deleted", "create_revision", "prev_revision", "lease", "value", "old_value"];

/// The row that holds the compact revision, in its `prev_revision` (kine pkg/logstructured/sqllog/sql.go).
pub const COMPACT_KEY: &[u8] = b"compact_rev_key";

/// The name under which kine keeps the apiserver's own `compact_rev_key` (since 0.13.16).
pub const APISERVER_COMPACT_KEY: &[u8] = b"compact_rev_key_apiserver";

/// The table as kine 0.16.3 and newer make it (kine pkg/drivers/sqlite/sqlite.go).
pub const TABLE_SQL: &str = "CREATE TABLE kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, created INTEGER, \
                             deleted INTEGER, create_revision INTEGER, prev_revision INTEGER, lease INTEGER, value BLOB, \
                             old_value BLOB)";

/// The table that SQLite keeps for AUTOINCREMENT.
pub const SEQUENCE_SQL: &str = "CREATE TABLE sqlite_sequence(name,seq)";

/// The indexes of kine 0.14.13 and newer; an older kine has fewer and lets the others be.
pub const INDEXES: [(&str, &str); 6] = [
    ("kine_name_index", "CREATE INDEX kine_name_index ON kine (name)"),
    ("kine_name_id_index", "CREATE INDEX kine_name_id_index ON kine (name,id)"),
    ("kine_id_deleted_index", "CREATE INDEX kine_id_deleted_index ON kine (id,deleted)"),
    ("kine_prev_revision_index", "CREATE INDEX kine_prev_revision_index ON kine (prev_revision)"),
    (
        "kine_name_prev_revision_uindex",
        "CREATE UNIQUE INDEX kine_name_prev_revision_uindex ON kine (name, prev_revision)",
    ),
    (
        "kine_id_compact_rev_key_with_prev_revision_index",
        "CREATE INDEX kine_id_compact_rev_key_with_prev_revision_index ON kine(id, name, prev_revision) WHERE name != \
         'compact_rev_key' AND prev_revision != 0",
    ),
];

/// Whether the columns of a `CREATE TABLE` statement are kine's, in kine's order.
pub fn is_kine_table(sql: &str) -> bool {
    let Some((_, columns)) = sql.split_once('(') else { return false };
    let names = columns.split(',').map(|column| {
        let word = column.split_whitespace().next().unwrap_or_default();
        word.trim_matches(['"', '`', '[', ']', '\'']).to_ascii_lowercase()
    });
    names.take(COLUMNS.len()).eq(COLUMNS.iter().map(|&name| name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kine_s_table_is_known_by_its_columns() {
        let sql = "CREATE TABLE kine\n\t\t\t(\n\t\t\t\tid INTEGER PRIMARY KEY AUTOINCREMENT,\n\t\t\t\tname INTEGER,\n\
                   created INTEGER, deleted INTEGER, create_revision INTEGER, prev_revision INTEGER, lease INTEGER, \
                   value BLOB, old_value BLOB)";
        assert!(is_kine_table(sql));
        assert!(!is_kine_table("CREATE TABLE kine (id INTEGER PRIMARY KEY, value BLOB)"));
    }
}
