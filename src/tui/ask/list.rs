//! Tables.

use super::By;
use crate::model::KeyId;

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List {
    /// The headings.
    pub columns: Vec<String>,
    /// The lines.
    pub rows: Vec<Row>,
    /// What to know about it, in one line.
    pub note: Option<String>,
    /// Why it is empty, if it is.
    pub empty: String,
}

/// A line of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// A cell for each column.
    pub cells: Vec<Cell>,
    /// Where `enter` leads.
    pub target: Target,
    /// What is special about it.
    pub tone: Tone,
    /// Its namespace, where it has one.
    pub namespace: Option<String>,
}

/// A cell: what it says and what it is sorted by.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The text, without control characters.
    pub text: String,
    /// What it is sorted by; text by itself where there is none.
    pub number: Option<f64>,
}

/// Where a line leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Nowhere.
    Nothing,
    /// To the table of a kind.
    Kind(String),
    /// To keys that begin so.
    Prefix(Vec<u8>),
    /// Unfolds what is below it, or folds it.
    Branch(String),
    /// To another store of the same directory.
    Store(String),
    /// To the keys of a sum of bytes.
    Sum(By, String),
    /// To an object or a value.
    Key {
        /// The key.
        key: KeyId,
        /// The newest change up to this revision is meant.
        revision: i64,
        /// What to call it: `pods/shop/web`, or the key.
        name: String,
    },
}

/// What is special about a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing.
    #[default]
    Plain,
    /// It is deleted.
    Deleted,
    /// It is encrypted and there is no key.
    Locked,
    /// It is damaged.
    Damaged,
    /// Only the newer state has it.
    Added,
    /// Only the older state has it.
    Removed,
    /// It was put together from what is left.
    Guessed,
}

/// What a row of a damaged file rests on, the worst first, as `recover` calls it.
pub const GRADES: [&str; 7] = ["lost", "unproven", "doubtful", "rebuilt", "carved", "log", "intact"];

impl List {
    /// Shows these columns in this order; names that are none are left out. Without any that is there, nothing changes.
    pub fn arrange(&mut self, columns: &[String]) {
        let at = |wanted: &String| self.columns.iter().position(|column| column.eq_ignore_ascii_case(wanted));
        let order: Vec<usize> = columns.iter().filter_map(at).collect();
        if order.is_empty() {
            return;
        }
        self.columns = order.iter().filter_map(|at| self.columns.get(*at).cloned()).collect();
        for row in &mut self.rows {
            row.cells = order.iter().filter_map(|at| row.cells.get(*at).cloned()).collect();
        }
    }
}

impl Cell {
    /// A text.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self { text: crate::tui::text::harmless(text.as_ref()), number: None }
    }

    /// A text that stands for a number.
    pub fn number(text: impl AsRef<str>, number: f64) -> Self {
        Self { text: crate::tui::text::harmless(text.as_ref()), number: Some(number) }
    }
}
