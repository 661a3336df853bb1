//! What people and scripts see: one renderer for each kind of data, in text and in JSON.
//!
//! The JSON shapes are documented in `docs/json.md`; an object with an envelope says its version.

mod bootstrap;
mod changes;
mod convert;
mod deleted;
mod diff;
mod export;
mod extract;
mod grep;
mod info;
mod keys;
mod objects;
mod prune;
mod put;
mod recover;
mod redact;
mod report;
mod series;
mod spark;
mod sql;
mod tables;
mod text;
mod verdict;
mod why;
mod why_words;

pub use bootstrap::{BootstrapReport, bootstrap_json, bootstrap_text};
pub use changes::{change_json, change_text, log_text};
pub use convert::{convert_json, convert_text};
pub use deleted::{deleted_header, deleted_json, deleted_text};
pub use diff::{DiffCounts, diff_brief, diff_json, diff_summary, diff_text};
pub use export::{export_json, export_text};
pub use extract::extract_json;
pub use grep::{grep_count_json, grep_count_text, grep_json, grep_name_json, grep_name_text, grep_text};
pub use info::{info_json, info_text};
pub use keys::{KeyLine, key_header, key_json, key_text, value_text};
pub use objects::{ListForm, Printed, TableOptions, object_json, objects_table, objects_tables, objects_text};
pub use prune::{prune_json, prune_text};
pub use put::{put_json, put_text};
pub use recover::{recover_json, recover_markdown, recover_text, row_line_json};
pub use redact::{redact_json, redact_text};
pub use report::{report_html, report_json, report_markdown};
pub use series::{seen_json, seen_text, series_json, series_svg, series_text};
pub use spark::sparkline;
pub use sql::{SqlTable, sql_csv, sql_csv_heading, sql_json};
pub use tables::{table_text, tables_text};
pub use text::{bytes, count, key};
pub use verdict::{doctor_json, doctor_text, verify_json, verify_text};
pub use why::{why_json, why_text};
pub use why_words::{cause_advice, cause_text, verdict_advice, verdict_text};

/// The version of the JSON shapes.
pub const JSON_VERSION: u32 = 1;
