//! etcd's messages, generated from `proto/*.proto` by prost; a test keeps them in step.
//!
//! Rows of the bucket `key` do not come this way but through [`crate::etcd::keyvalue`], which copies nothing.

#[rustfmt::skip]
pub mod etcdserverpb;
#[rustfmt::skip]
pub mod leasepb;
#[rustfmt::skip]
pub mod mvccpb;
#[rustfmt::skip]
pub mod raftpb;
#[rustfmt::skip]
pub mod serverpb;
#[rustfmt::skip]
pub mod snappb;
#[rustfmt::skip]
pub mod walpb;
