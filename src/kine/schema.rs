//! kine's table and indexes, and the rows that kine keeps for itself.

/// The table's columns, in their order (kine pkg/drivers/sqlite/sqlite.go; since 0.1.0).
pub const COLUMNS: [&str; 9] =
    ["id", "name", "created", "deleted", "create_revision", "prev_revision", "lease", "value", "old_value"];

/// The row that holds the compact revision, in its `prev_revision` (kine pkg/logstructured/sqllog/sql.go).
pub const COMPACT_KEY: &[u8] = b"compact_rev_key";

/// The name under which kine keeps the apiserver's own `compact_rev_key` (since 0.13.16).
pub const APISERVER_COMPACT_KEY: &[u8] = b"compact_rev_key_apiserver";

/// Whether `name` at `revision` only fills or pins a revision (kine pkg/logstructured/sqllog/sql.go, fillGap).
pub fn is_gap(name: &[u8], revision: i64) -> bool {
    name.strip_prefix(b"gap-").is_some_and(|number| number == revision.to_string().as_bytes())
}

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
        assert!(is_gap(b"gap-12", 12) && !is_gap(b"gap-12", 13) && !is_gap(b"gap-012", 12));
    }
}
