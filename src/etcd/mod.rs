//! etcd's schema inside bbolt: revisions, leases, meta, hashes, the snapshot's trailer.
//!
//! Facts are from etcd's source at 3.4 to 3.7: `server/storage/schema` for the buckets, `server/storage/mvcc` for rows,
//! compaction and hashes, `etcdutl/snapshot` for snapshots.

mod align;
mod apply;
mod consistency;
pub mod datadir;
pub mod hash;
pub mod keyvalue;
mod meta;
#[expect(missing_docs, reason = "generated code")]
pub mod proto;
pub mod replay;
mod rows;
pub mod salvage;
mod store;
mod tail;
mod txn;
pub mod wal;
mod write;

pub use align::{Effect, Missing};
pub use meta::{Alarm, Meta};
pub use rows::Row;
pub use store::{BUCKETS, OpenError, Store};
pub use write::{EtcdVersion, Image, NewRow, WriteError};
