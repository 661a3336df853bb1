//! Tables in kubectl's text: columns three spaces apart, sections with an empty line between them.
//!
//! kubectl lets Go's text/tabwriter align them (github.com/liggitt/tabwriter, minwidth 6, padding 3, remembered widths). A
//! tab inside a cell begins another cell there, and so it does here.

use std::borrow::Cow;

use crate::kube::columns::Table;

/// The least width of a column that is not the last, with the space behind it.
const MIN_WIDTH: usize = 6;
/// What lies at least between two columns.
const PADDING: usize = 3;
/// No table of kubectl has so many columns: tabs behind these stay tabs.
const MAX_CELLS: usize = 256;

/// The tables one after another, an empty line between them; those without rows are left out, with their headings.
pub fn tables_text<'a>(tables: impl IntoIterator<Item = &'a Table>) -> String {
    let mut out = String::new();
    for table in tables.into_iter().filter(|table| !table.rows.is_empty()) {
        if !out.is_empty() {
            out.push('\n');
        }
        write_table(table, &mut out);
    }
    out
}

/// One table, without its headings if they are not wanted.
pub fn table_text(table: &Table, headings: bool) -> String {
    let mut out = String::new();
    if headings {
        write_table(table, &mut out);
    } else {
        aligned(&rows(table), &mut out);
    }
    out
}

/// Lines of cells, aligned as a table.
pub(super) fn aligned_text(lines: &[Vec<String>]) -> String {
    let lines: Vec<Line<'_>> =
        lines.iter().map(|line| split(line.iter().map(|cell| Cow::from(cell.as_str())))).collect();
    let mut out = String::new();
    aligned(&lines, &mut out);
    out
}

fn rows(table: &Table) -> Vec<Vec<Cow<'_, str>>> {
    table.rows.iter().map(|row| split(row.cells.iter().map(|cell| cell.shown()))).collect()
}

fn write_table(table: &Table, out: &mut String) {
    let mut lines = vec![split(table.columns.iter().map(|heading| Cow::Borrowed(heading.as_ref())))];
    lines.extend(rows(table));
    aligned(&lines, out);
}

/// The cells of a line, cut at tabs.
fn split<'a>(cells: impl Iterator<Item = Cow<'a, str>>) -> Vec<Cow<'a, str>> {
    let mut line = Vec::new();
    for cell in cells {
        if cell.contains(['\t', '\u{b}']) && line.len() < MAX_CELLS {
            let room = MAX_CELLS - line.len();
            line.extend(cell.splitn(room, ['\t', '\u{b}']).map(|part| Cow::Owned(part.to_owned())));
        } else {
            line.push(cell);
        }
    }
    line
}

type Line<'a> = Vec<Cow<'a, str>>;

fn aligned(lines: &[Line<'_>], out: &mut String) {
    let mut aligner = Aligner { widths: Vec::new(), remembered: Vec::new(), out };
    aligner.block(lines);
}

/// A column is as wide as its widest cell in consecutive lines that have it; the last cell of a line is in no column.
struct Aligner<'o> {
    /// Of the columns left of the one that is being looked at.
    widths: Vec<usize>,
    /// The widest that each column has been in any block so far.
    remembered: Vec<usize>,
    out: &'o mut String,
}

impl Aligner<'_> {
    /// Writes lines that share the columns in `widths`. Calls itself for the next column: at most [`MAX_CELLS`] deep.
    fn block(&mut self, lines: &[Line<'_>]) {
        let column = self.widths.len();
        let has = |line: &Line<'_>| column + 1 < line.len();
        let mut rest = lines;
        while !rest.is_empty() {
            let plain = rest.iter().position(has).unwrap_or(rest.len());
            let (without, from) = rest.split_at(plain);
            without.iter().for_each(|line| self.line(line));
            let (with, after) = from.split_at(from.iter().position(|line| !has(line)).unwrap_or(from.len()));
            if !with.is_empty() {
                let width = self.remember(column, with);
                self.widths.push(width);
                self.block(with);
                self.widths.pop();
            }
            rest = after;
        }
    }

    fn remember(&mut self, column: usize, lines: &[Line<'_>]) -> usize {
        let cells = lines.iter().filter_map(|line| line.get(column));
        let own = cells.map(|cell| cell.chars().count() + PADDING).max().unwrap_or(0).max(MIN_WIDTH);
        match self.remembered.get_mut(column) {
            Some(before) => {
                *before = own.max(*before);
                *before
            }
            None => {
                self.remembered.push(own);
                own
            }
        }
    }

    fn line(&mut self, cells: &Line<'_>) {
        for (at, cell) in cells.iter().enumerate() {
            self.out.push_str(cell);
            if let Some(width) = self.widths.get(at) {
                let padding = width.saturating_sub(cell.chars().count());
                self.out.extend(std::iter::repeat_n(' ', padding));
            }
        }
        self.out.push('\n');
    }
}
