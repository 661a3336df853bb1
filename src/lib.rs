//! kinescope reads the datastores of k3s without their engines: kine's SQLite file and etcd's bbolt file.
//!
//! The rooms, and the direction in which they may use each other, are described in `docs/architecture.md`.

// What reads bytes from a file must not be able to panic, and only the command line prints.
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::print_stdout,
    clippy::print_stderr
)]

pub mod bolt;
pub mod cli;
pub mod etcd;
pub mod k3s;
pub mod kine;
pub mod kube;
pub mod model;
pub mod ops;
pub mod render;
pub mod source;
pub mod sqlite;
pub mod tui;
