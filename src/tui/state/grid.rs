//! A table that is looked at: its order, its filter, where the cursor is.

use std::collections::{HashMap, HashSet};

use super::arrange;
use crate::tui::ask::{Arrange, Arranged, MANY, Manner, Row, Rows, Target};
use crate::tui::worker::Ticket;

/// A table with a cursor.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    /// What there is.
    pub list: Rows,
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
    /// What is arranged on another thread.
    pub(in crate::tui) behind: Option<Behind>,
}

/// Rows that are being arranged.
#[derive(Clone, Debug)]
pub(in crate::tui) struct Behind {
    /// A table that is to be shown instead of the one that is.
    next: Option<Rows>,
    /// The number of the question, once it is asked.
    asked: Option<Ticket>,
    /// Where the cursor was.
    cursor: usize,
}

impl Grid {
    /// Takes new rows; the cursor stays with its row if that is still there.
    pub fn set(&mut self, list: impl Into<Rows>) {
        let list = list.into();
        let old = self.columns();
        if list.columns != old.columns {
            let heading = self.sort.and_then(|(at, turned)| Some((old.columns.get(at)?.clone(), turned)));
            self.sort = heading
                .and_then(|(name, turned)| Some((list.columns.iter().position(|column| *column == name)?, turned)));
        }
        self.arrange(Some(list));
    }

    /// Filters and sorts anew.
    pub fn refresh(&mut self) {
        self.arrange(None);
    }

    /// The table whose columns are meant: the one that comes, where one does.
    fn columns(&self) -> &Rows {
        self.behind.as_ref().and_then(|behind| behind.next.as_ref()).unwrap_or(&self.list)
    }

    /// Arranges rows; many of them not at once: what is shown stays until they are.
    fn arrange(&mut self, next: Option<Rows>) {
        let next = next.or_else(|| self.behind.take().and_then(|behind| behind.next));
        let target = self.selected().map(|row| row.target.clone());
        let manner = self.manner();
        let list = next.as_ref().unwrap_or(&self.list);
        let is_plain = target.is_none() && manner == Manner::default();
        if list.rows.len() > MANY && !is_plain {
            self.behind = Some(Behind { next, asked: None, cursor: self.cursor });
            return;
        }
        self.behind = None;
        if let Some(next) = next {
            self.list = next;
        }
        let Arranged { order, place } = arrange::arranged(&self.list, &manner, target.as_ref());
        self.order = order;
        self.cursor = place.unwrap_or(self.cursor).min(self.order.len().saturating_sub(1));
    }

    fn manner(&self) -> Manner {
        Manner {
            filter: self.filter.trim().to_owned(),
            namespace: self.namespace.clone(),
            only: self.only.clone(),
            sort: self.sort,
        }
    }

    /// What is to be asked of another thread, unless that was the last that was asked: its answer is known by the ticket.
    pub fn ask_behind(&mut self, ticket: Ticket, last: Option<Ticket>) -> Option<Arrange> {
        let target = self.selected().map(|row| row.target.clone());
        let manner = self.manner();
        let behind = self.behind.as_mut().filter(|behind| behind.asked.is_none() || behind.asked != last)?;
        behind.asked = Some(ticket);
        let rows = behind.next.as_ref().unwrap_or(&self.list).clone();
        Some(Arrange { rows, manner, target })
    }

    /// Whether rows are being arranged that are not shown yet.
    pub fn is_arranging(&self) -> bool {
        self.behind.is_some()
    }

    /// Whether an answer is waited for.
    pub fn waits_for(&self, ticket: Ticket) -> bool {
        self.behind.as_ref().is_some_and(|behind| behind.asked == Some(ticket))
    }

    /// Takes what was arranged. A cursor that was moved meanwhile stays on its line.
    pub fn take(&mut self, arranged: Arranged) {
        let Some(behind) = self.behind.take() else { return };
        if let Some(next) = behind.next {
            self.list = next;
        }
        self.order = arranged.order;
        let place = arranged.place.filter(|_| self.cursor == behind.cursor);
        self.cursor = place.unwrap_or(self.cursor).min(self.order.len().saturating_sub(1));
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
            Some((at, _)) if at + 1 < self.columns().columns.len() => Some((at + 1, false)),
            Some(_) => None,
        };
        self.refresh();
    }

    /// Sorts by the first column that begins with a letter; turns the order if it is sorted by that already. Whether
    /// there is such a column.
    pub fn sort_by(&mut self, letter: char) -> bool {
        let Some(at) = self.columns().columns.iter().position(|column| column.starts_with(letter)) else {
            return false;
        };
        self.sort = Some(match self.sort {
            Some((sorted, turned)) if sorted == at => (at, !turned),
            _ => (at, false),
        });
        self.refresh();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::ask::{Cell, List, Tone};

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

    /// Many rows are arranged elsewhere, to the same order; until then those before are shown, and the cursor can move.
    #[test]
    fn many_rows_are_arranged_behind_the_screen_as_few_are() {
        let names: Vec<String> = (0..MANY + 100).map(|at| format!("web-{}", (at * 7919) % 10_007)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut grid = grid(&names);
        assert!(!grid.is_arranging() && grid.order.len() == names.len(), "the first rows are shown at once");
        for (filter, sort) in [("1", None), ("!1", Some((0, false))), ("-f w9", Some((0, true))), ("", None)] {
            let before = grid.order.clone();
            filter.clone_into(&mut grid.filter);
            grid.sort = sort;
            grid.refresh();
            assert!(grid.is_arranging() && grid.order == before);
            let asked = grid.ask_behind(7, None).unwrap();
            assert!(grid.waits_for(7) && grid.ask_behind(8, Some(7)).is_none());
            let few = arrange::arranged(&asked.rows, &asked.manner, asked.target.as_ref());
            let many = arrange::arranged_behind(&asked.rows, &asked.manner, asked.target.as_ref(), &|| true).unwrap();
            assert_eq!(few, many, "{filter}");
            assert!(arrange::arranged_behind(&asked.rows, &asked.manner, None, &|| false).is_none());
            grid.go(grid.cursor + 1, 10);
            let moved = grid.cursor;
            grid.take(many);
            assert!(!grid.is_arranging() && grid.order == few.order);
            assert_eq!(grid.cursor, moved.min(grid.order.len() - 1));
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
