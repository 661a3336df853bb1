//! etcd's own records: rows in bbolt, the raft log beside it, and what the one makes of the other.

#[expect(missing_docs, clippy::doc_markdown, reason = "generated code")]
pub mod proto;

pub mod keyvalue;
