//! The engines whose files kinescope reads and writes, run as oracles: etcd, etcdctl, etcdutl, the bbolt
//! command and kine, in the versions pinned under `engines/`.
//!
//! A test asks for an engine and gets it, or `None` with a word on the terminal when it is not built:
//!
//! ```ignore
//! mod engines;
//! use engines::{EtcdVersion, KineVersion};
//!
//! let Some(etcd) = engines::etcd(EtcdVersion::V3_6) else { return };
//! let server = etcd.start(&data_dir);
//! server.put("/registry/a", "1").unwrap();
//! server.stop();
//! ```
//!
//! With `KINESCOPE_REQUIRE_ENGINES=1` in the environment a missing engine is a failure instead.
//! Every server listens on a loopback port that the kernel chose, so tests may run side by side. Every wait is
//! bounded. A server that goes out of scope is killed; while a test fails, the end of its log is shown.

// Each test file compiles its own copy of this module and uses a part of it.
#![allow(dead_code, unused_imports)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod etcd;
mod found;
mod kine;
mod process;

pub use client::{Client, Event, Failed, Kv, Lease, Listing, Op, Watched};
pub use etcd::{Etcd, EtcdEngine, HashKv, SnapshotStatus};
pub use found::{Bbolt, Engine, EtcdVersion, KineVersion, bbolt, etcd, kine, missing, tell};
pub use kine::{Conflict, Kine, KineEngine};
pub use process::{Ran, StartFailure, is_gone, run};
