//! What an export wrote.

use std::path::Path;

use serde_json::{Value, json};

use super::{JSON_VERSION, text};
use crate::ops::export::{Exported, Format};

/// `export --json`.
pub fn export_json(target: &Path, format: Format, exported: &Exported) -> Value {
    let tables = exported.tables.iter();
    json!({
        "version": JSON_VERSION,
        "target": target.to_string_lossy(),
        "format": format.extension(),
        "tables": tables.map(|table| json!({"table": table.table, "rows": table.rows, "bytes": table.bytes})).collect::<Vec<_>>(),
        "masked": exported.noticed.masked,
        "encrypted": exported.noticed.locked,
        "unreadable": exported.noticed.unreadable,
    })
}

/// `export` for people, as lines.
pub fn export_text(target: &Path, format: Format, exported: &Exported, owner: Option<&str>) -> Vec<String> {
    let of = owner.map_or_else(String::new, |owner| format!(", owner {owner}"));
    let mut lines =
        vec![format!("{}  {}, mode 0600, read back and compared{of}", target.display(), format.extension())];
    for table in &exported.tables {
        let bytes = match format {
            Format::Sqlite => String::new(),
            _ => format!("  {:>10}", text::bytes(table.bytes)),
        };
        lines.push(format!("  {:<10} {:>12} rows{bytes}", table.table, text::count(table.rows)));
    }
    lines
}
