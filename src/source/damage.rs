//! Damage: something in a file that is not as its format says, with the place where it was seen.

use std::fmt;
use std::sync::Arc;

/// The name under which a file is shown to the user: its path, or `archive!member`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(Arc<str>);

impl FileName {
    /// Names a file for messages.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where in a file something was seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The file as a whole.
    File,
    /// A byte offset from the start of the file.
    Offset(u64),
    /// A page, by its number in the file's own counting.
    Page(u64),
    /// A cell or element of a page, counted from 0.
    Cell {
        /// The page's number.
        page: u64,
        /// The cell's position in the page's table, from 0.
        cell: u32,
    },
    /// A frame of a SQLite WAL, counted from 1 as SQLite does.
    Frame(u64),
    /// A key of the store, or a name inside it.
    Key(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("whole file"),
            Self::Offset(at) => write!(f, "offset {at}"),
            Self::Page(page) => write!(f, "page {page}"),
            Self::Cell { page, cell } => write!(f, "page {page} cell {cell}"),
            Self::Frame(frame) => write!(f, "WAL frame {frame}"),
            Self::Key(key) => write!(f, "key {key}"),
        }
    }
}

/// One thing that is wrong in a file. Readers collect these and go on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Damage {
    /// The file it was seen in.
    pub file: FileName,
    /// The place in that file.
    pub place: Place,
    /// A short stable name of the kind of damage, such as `page-id`, for scripts and findings.
    pub id: &'static str,
    /// What is wrong, as one sentence without a full stop.
    pub what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.file, self.place, self.what)
    }
}
