//! The pages of a database that may be damaged: every image of every page, in the file and in the WAL, without trust in
//! header, schema, trees or freelist.
//!
//! SQLite sees one image of a page. A file holds more: the page in the file that a WAL frame covers, frames behind one that
//! does not hold, frames of earlier generations. Each is a page as it once was.

mod frames;
mod freelist;
mod images;
mod order;
mod reach;
mod size;
mod start;

pub use freelist::Freelist;
pub use images::{Images, Looked, Reading, Stand, WalFit, World};
pub use order::Step;
