//! What kinescope does: takes stores, returns data and progress, prints nothing.

pub mod adapt;
mod behind;
pub mod bootstrap;
pub mod convert;
pub mod diff;
pub mod doctor;
pub mod export;
pub mod extract;
pub mod finding;
pub mod grep;
pub mod info;
pub mod keyring;
pub mod moments;
pub mod objects;
pub mod output;
pub mod page;
pub mod prune;
pub mod put;
pub mod recover;
pub mod redact;
pub mod report;
pub mod sql;
pub mod store;
pub mod tables;
pub mod undelete;
pub mod verify;
