//! kine's table inside SQLite: one row per revision.
//!
//! Facts are from kine's source at 0.4 to 0.16: `pkg/drivers/sqlite/sqlite.go` for the schema, `pkg/drivers/generic` and
//! `pkg/logstructured/sqllog` for the rows' meaning and compaction.

mod consistency;
mod rows;
pub mod salvage;
pub mod schema;
mod store;
mod write;

pub use rows::{Column, Row};
pub use store::{OpenError, Store};
pub use write::{NewRow, WriteError, write};
