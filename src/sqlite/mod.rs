//! SQLite's file format, read and written without SQLite: pages, cells, records, the WAL. Nothing here knows what kine
//! keeps in it.
//!
//! [`Database`] is the way in: it lays the committed frames of a WAL over the file, finds the trees that the schema
//! names, and reads rows and payloads where they lie. The format is described in <https://sqlite.org/fileformat2.html>;
//! section numbers in this room are those of that page.

mod build;
mod census;
mod database;
mod field;
mod header;
mod page;
mod payload;
mod record;
mod scan;
mod tree;
mod wal;

pub use build::{BuildError, Builder, Column, IndexWriter, MAX_RECORD, Options, SchemaRow, TableWriter};
pub use census::{Census, ChainCheck, PageUse, TreeUse};
pub use database::{Database, OpenError, Origin, WalState};
pub use field::varint;
pub use header::{Geometry, HEADER_LEN, Header, HeaderError, MAGIC, PageNo, PageSize, TreeKind};
pub use page::{BtreePage, CellError, IndexCell, PageError, PageKind, PayloadRef, TableCell, TableInteriorCell};
pub use payload::Chain;
pub use record::{Field, MAX_COLUMNS, RecordError, RecordHeader, SerialType, Value};
pub use scan::{Freelist, Images, Looked, Reading, Stand, Step, WalFit, World};
pub use tree::{Leaf, SchemaEntry, SchemaKind, TreePages};
pub use wal::{
    Checksum, ChecksumOrder, FRAME_HEADER_LEN, Frame, FrameState, IgnoredFrames, WAL_HEADER_LEN, Wal, WalError,
    WalHeader,
};
