//! bbolt's file format, without any knowledge of what etcd keeps in it: metas, pages and trees are read, and new files
//! are written in one pass.
//!
//! Reading: [`Bolt::open`] chooses a meta page, [`Bolt::buckets`] lists the top-level buckets, [`Bolt::leaves`] walks
//! one of them, [`Leaf::items`] gives its keys and values as slices of the file, and [`Bolt::census`] counts what every
//! page is used for. Every offset and count of the file is checked before it is used; what is wrong is collected as
//! [`Damage`](crate::source::Damage), and reading goes on beside it.
//!
//! Writing: a [`Plan`] takes the sizes of all rows and gives every page its number, its [`Layout`] is then written by a
//! [`Writer`] into any [`Sink`] from the first byte to the last, the metas included.
//!
//! Sources of the format facts: the repository etcd-io/bbolt, `internal/common/{page,meta,bucket,inode}.go`, `db.go`,
//! `node.go` and `bucket.go`.

mod census;
mod hash;
mod meta;
mod page;
mod plan;
mod scan;
mod tree;
mod write;

pub use census::{BucketCensus, Census, FreelistCensus, PageSet, Walked};
pub use hash::HashingSink;
pub use meta::{ByteOrder, Choice, Meta, MetaFault, MetaSlot, Metas, PageSize};
pub use page::{Cell, Child, Page, PageFault, PageKind, PageNo};
pub use plan::{BuildError, Fill, Format, Layout, Plan};
pub use scan::{Image, Scan};
pub use tree::{Bolt, Bucket, Home, Item, Items, Leaf, OpenError, Tree};
pub use write::{Sink, Writer};
