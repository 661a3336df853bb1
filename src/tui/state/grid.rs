//! A table that is looked at: its order, its filter, where the cursor is.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use rayon::prelude::*;
use regex::{Regex, RegexBuilder};

use crate::tui::ask::{Cell, List, Row, Target};

/// The largest automaton that a filter may become, in bytes.
const LARGEST_FILTER: usize = 1 << 20;
/// Rows that are too few to be filtered on several processors.
const FEW: usize = 4096;

/// A table with a cursor.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    /// What there is.
    pub list: List,
    /// Which rows are shown, in order.
    pub order: Vec<usize>,
    /// The line under the cursor, counted in `order`.
    pub cursor: usize,
    /// The first line that is seen.
    pub top: usize,
    /// The column that it is sorted by, and whether in the other direction.
    pub sort: Option<(usize, bool)>,
    /// What was typed after `/`.
    pub filter: String,
    /// The namespace that is shown; none for all.
    pub namespace: Option<String>,
    /// Columns that are pushed out to the left.
    pub left: usize,
    /// Columns that have a width of their own, by their headings.
    pub widths: HashMap<String, usize>,
    /// Only rows whose first cell says this.
    pub only: Option<String>,
    /// Lines that are marked.
    pub marked: HashSet<Target>,
}

impl Grid {
    /// Takes new rows; the cursor stays with its row if that is still there.
    pub fn set(&mut self, list: List) {
        let target = self.selected().map(|row| row.target.clone());
        if list.columns != self.list.columns {
            let heading = self.sort.and_then(|(at, turned)| Some((self.list.columns.get(at)?.clone(), turned)));
            self.sort = heading
                .and_then(|(name, turned)| Some((list.columns.iter().position(|column| *column == name)?, turned)));
        }
        self.list = list;
        self.arrange(target.as_ref());
    }

    /// Filters and sorts anew.
    pub fn refresh(&mut self) {
        let target = self.selected().map(|row| row.target.clone());
        self.arrange(target.as_ref());
    }

    fn arrange(&mut self, target: Option<&Target>) {
        let filter = Filter::new(&self.filter);
        let namespace = self.namespace.as_deref();
        let shown = |row: &Row| {
            let here = namespace.is_none_or(|wanted| row.namespace.as_deref().is_none_or(|own| own == wanted));
            here && filter.takes(row)
        };
        let rows = &self.list.rows;
        let only = self.only.as_deref();
        let is_meant = |row: &Row| only.is_none_or(|only| row.cells.first().is_some_and(|cell| cell.text == only));
        self.order = if matches!(filter, Filter::All) && namespace.is_none() && only.is_none() {
            (0..rows.len()).collect()
        } else {
            let taken = |(at, row): (usize, &Row)| (is_meant(row) && shown(row)).then_some(at);
            rows.par_iter().enumerate().with_min_len(FEW).filter_map(taken).collect()
        };
        if let Some((column, turned)) = self.sort {
            let cell = |at: &usize| self.list.rows.get(*at).and_then(|row| row.cells.get(column));
            self.order.par_sort_by(|left, right| {
                let order = compare(cell(left), cell(right));
                if turned { order.reverse() } else { order }
            });
        }
        let same = |at: &usize| self.list.rows.get(*at).is_some_and(|row| is_same(&row.target, target));
        let kept = target.and_then(|_| self.order.iter().position(same));
        self.cursor = kept.unwrap_or(self.cursor).min(self.order.len().saturating_sub(1));
    }

    /// Whether a row is marked.
    pub fn is_marked(&self, row: &Row) -> bool {
        !self.marked.is_empty() && self.marked.contains(&row.target)
    }

    /// Marks the row under the cursor, or takes its mark away, and goes on to the next.
    pub fn mark(&mut self, height: usize) {
        let Some(target) = self.selected().map(|row| row.target.clone()) else { return };
        if !self.marked.remove(&target) {
            self.marked.insert(target);
        }
        self.go(self.cursor + 1, height);
    }

    /// The marked rows in the order that is shown, or the one under the cursor if none is marked. Marked rows that a filter
    /// hides are among them: their count stands in the title.
    pub fn chosen(&self) -> Vec<&Row> {
        let marked: Vec<&Row> = self.list.rows.iter().filter(|row| self.is_marked(row)).collect();
        if marked.is_empty() { self.selected().into_iter().collect() } else { marked }
    }

    /// The row under the cursor.
    pub fn selected(&self) -> Option<&Row> {
        self.list.rows.get(*self.order.get(self.cursor)?)
    }

    /// Moves the cursor, and what is seen with it.
    pub fn go(&mut self, to: usize, height: usize) {
        self.cursor = to.min(self.order.len().saturating_sub(1));
        self.keep_in_view(height);
    }

    /// Scrolls so that the cursor is seen.
    pub fn keep_in_view(&mut self, height: usize) {
        let height = height.max(1);
        let last_top = self.order.len().saturating_sub(height);
        self.top = self.top.min(self.cursor).max((self.cursor + 1).saturating_sub(height)).min(last_top);
    }

    /// Sorts by the next column; behind the last one in the order of the store.
    pub fn sort_next(&mut self) {
        self.sort = match self.sort {
            None => Some((0, false)),
            Some((at, _)) if at + 1 < self.list.columns.len() => Some((at + 1, false)),
            Some(_) => None,
        };
        self.refresh();
    }

    /// Sorts by the first column that begins with a letter; turns the order if it is sorted by that already. Whether
    /// there is such a column.
    pub fn sort_by(&mut self, letter: char) -> bool {
        let Some(at) = self.list.columns.iter().position(|column| column.starts_with(letter)) else { return false };
        self.sort = Some(match self.sort {
            Some((sorted, turned)) if sorted == at => (at, !turned),
            _ => (at, false),
        });
        self.refresh();
        true
    }
}

/// Keys are the same row at any revision.
fn is_same(left: &Target, right: Option<&Target>) -> bool {
    match (left, right) {
        (Target::Key { key, revision, .. }, Some(Target::Key { key: other, revision: at, .. })) => {
            key == other && revision == at
        }
        (_, Some(right)) => left == right,
        (_, None) => false,
    }
}

fn compare(left: Option<&Cell>, right: Option<&Cell>) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) => match (left.number, right.number) {
            (Some(left), Some(right)) => left.total_cmp(&right),
            // What has a number comes before what has none.
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => natural(&left.text, &right.text),
        },
        (left, right) => left.is_some().cmp(&right.is_some()),
    }
}

/// Names in the order of people: `web-2` before `web-10`.
fn natural(left: &str, right: &str) -> Ordering {
    let (mut left_rest, mut right_rest) = (left, right);
    loop {
        let (left_part, right_part) = (part(left_rest), part(right_rest));
        if left_part.is_empty() || right_part.is_empty() {
            return left_part.len().cmp(&right_part.len()).then_with(|| left.cmp(right));
        }
        let is_digit = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
        let order = match (is_digit(left_part), is_digit(right_part)) {
            (true, true) => {
                let (left, right) = (left_part.trim_start_matches('0'), right_part.trim_start_matches('0'));
                left.len().cmp(&right.len()).then_with(|| left.cmp(right))
            }
            _ => small(left_part).cmp(small(right_part)),
        };
        if order != Ordering::Equal {
            return order;
        }
        left_rest = left_rest.get(left_part.len()..).unwrap_or_default();
        right_rest = right_rest.get(right_part.len()..).unwrap_or_default();
    }
}

fn small(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

/// The digits, or the other characters, that a text begins with.
fn part(text: &str) -> &str {
    let is_digit = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != is_digit).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// What k9s takes after `/`: a regular expression, `!` for its opposite, `-f` for letters in this order.
#[derive(Debug)]
enum Filter {
    All,
    Pattern(Regex, bool),
    Letters(String),
    Part(String),
}

impl Filter {
    fn new(text: &str) -> Self {
        let text = text.trim();
        if let Some(letters) = text.strip_prefix("-f") {
            return Self::Letters(letters.trim().to_lowercase());
        }
        let (pattern, inverse) = match text.strip_prefix('!') {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        if pattern.is_empty() {
            return Self::All;
        }
        let made = RegexBuilder::new(pattern).case_insensitive(true).size_limit(LARGEST_FILTER).build();
        match made {
            Ok(regex) => Self::Pattern(regex, inverse),
            // Half a pattern, while it is typed: take it as it stands.
            Err(_) => Self::Part(pattern.to_lowercase()),
        }
    }

    fn takes(&self, row: &Row) -> bool {
        thread_local! {
            // One line for all rows: a million of them would be a million allocations for each letter.
            static LINE: RefCell<String> = const { RefCell::new(String::new()) };
        }
        if matches!(self, Self::All) {
            return true;
        }
        LINE.with_borrow_mut(|line| {
            line.clear();
            for cell in &row.cells {
                line.push_str(&cell.text);
                line.push(' ');
            }
            line.pop();
            match self {
                Self::All => true,
                Self::Pattern(regex, inverse) => regex.is_match(line) != *inverse,
                Self::Letters(letters) => is_fuzzy(letters, &line.to_lowercase()),
                Self::Part(part) => line.to_lowercase().contains(part),
            }
        })
    }
}

/// Whether all letters are in a text, in this order.
pub fn is_fuzzy(letters: &str, text: &str) -> bool {
    let mut text = text.chars();
    letters.chars().filter(|c| !c.is_whitespace()).all(|letter| text.any(|c| c == letter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::ask::Tone;

    fn grid(names: &[&str]) -> Grid {
        let row = |name: &&str| Row {
            cells: vec![Cell::text(name)],
            target: Target::Kind((*name).to_owned()),
            tone: Tone::Plain,
            namespace: None,
        };
        let mut grid = Grid::default();
        let rows = names.iter().map(row).collect();
        grid.set(List { columns: vec!["NAME".to_owned()], rows, ..List::default() });
        grid
    }

    fn shown(grid: &Grid) -> Vec<&str> {
        grid.order.iter().map(|at| grid.list.rows[*at].cells[0].text.as_str()).collect()
    }

    #[test]
    fn filters_are_those_of_k9s() {
        let mut grid = grid(&["web-10", "web-2", "db", "(x"]);
        for (filter, expected) in [
            ("web", vec!["web-10", "web-2"]),
            ("!web", vec!["db", "(x"]),
            ("^D", vec!["db"]),
            ("-f w0", vec!["web-10"]),
            ("(x", vec!["(x"]),
            ("", vec!["web-10", "web-2", "db", "(x"]),
        ] {
            grid.filter = filter.to_owned();
            grid.refresh();
            assert_eq!(shown(&grid), expected, "{filter}");
        }
    }

    #[test]
    fn numbers_in_names_sort_by_their_size_and_the_cursor_stays_with_its_row() {
        let mut grid = grid(&["web-10", "web-2", "db"]);
        grid.go(1, 10);
        assert!(grid.sort_by('N'));
        assert_eq!(shown(&grid), ["db", "web-2", "web-10"]);
        assert_eq!(grid.selected().unwrap().cells[0].text, "web-2");
        assert!(grid.sort_by('N'));
        assert_eq!(shown(&grid), ["web-10", "web-2", "db"]);
        assert!(!grid.sort_by('Z'));
    }
}
