//! What people and scripts see: one renderer for each kind of data, in text and in JSON.
//!
//! The JSON shapes are documented in `docs/json.md`; an object with an envelope says its version.

mod bootstrap;
mod changes;
mod convert;
mod extract;
mod grep;
mod info;
mod keys;
mod objects;
mod put;
mod recover;
mod tables;
mod text;
mod verdict;

pub use bootstrap::{BootstrapReport, bootstrap_json, bootstrap_text};
pub use changes::{change_json, change_text, log_text};
pub use convert::{convert_json, convert_text};
pub use extract::extract_json;
pub use grep::{grep_count_json, grep_count_text, grep_json, grep_name_json, grep_name_text, grep_text};
pub use info::{info_json, info_text};
pub use keys::{KeyLine, key_header, key_json, key_text, value_text};
pub use objects::{ListForm, Printed, TableOptions, object_json, objects_table, objects_tables, objects_text};
pub use put::{put_json, put_text};
pub use recover::{recover_json, recover_markdown, recover_text, row_line_json};
pub use tables::{table_text, tables_text};
pub use text::{bytes, count, key};
pub use verdict::{doctor_json, doctor_text, verify_json, verify_text};

/// The version of the JSON shapes.
pub const JSON_VERSION: u32 = 1;
