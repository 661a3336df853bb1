//! Which rows of a table are shown, and in which order.

use std::cell::RefCell;
use std::cmp::Ordering;

use rayon::prelude::*;
use regex::{Regex, RegexBuilder};

use crate::tui::ask::{Arranged, Cell, List, Manner, Row, Target};

/// The largest automaton that a filter may become, in bytes.
const LARGEST_FILTER: usize = 1 << 20;
/// Rows that one processor looks at at once.
const BATCH: usize = 8192;

/// Arranges a few rows at once.
pub(super) fn arranged(list: &List, manner: &Manner, target: Option<&Target>) -> Arranged {
    let filter = Filter::new(&manner.filter);
    let mut order = match shows_all(manner, &filter) {
        true => (0..list.rows.len()).collect(),
        false => list.rows.iter().enumerate().filter_map(|row| taken(manner, &filter, row)).collect::<Vec<usize>>(),
    };
    if let Some(sort) = manner.sort {
        order.sort_by(|left, right| compare_rows(list, sort, *left, *right));
    }
    let place = order.iter().position(|at| is_target(list, *at, target));
    Arranged { order, place }
}

/// The same for many rows, on all processors of the pool that it is called in; nothing when nobody waits for it any more.
pub fn arranged_behind(
    list: &List,
    manner: &Manner,
    target: Option<&Target>,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Option<Arranged> {
    let filter = Filter::new(&manner.filter);
    let mut order: Vec<usize> = match shows_all(manner, &filter) {
        true => (0..list.rows.len()).collect(),
        false => {
            let batch = |(at, rows): (usize, &[Row])| -> Vec<usize> {
                let rows = rows.iter().enumerate().map(|(of, row)| (at * BATCH + of, row));
                rows.filter(|_| goes_on()).filter_map(|row| taken(manner, &filter, row)).collect()
            };
            let batches: Vec<Vec<usize>> = list.rows.par_chunks(BATCH).enumerate().map(batch).collect();
            batches.concat()
        }
    };
    if let Some(sort) = manner.sort.filter(|_| goes_on()) {
        order.par_sort_by(|left, right| compare_rows(list, sort, *left, *right));
    }
    let place = target.and_then(|_| order.par_iter().position_first(|at| is_target(list, *at, target)));
    goes_on().then_some(Arranged { order, place })
}

fn shows_all(manner: &Manner, filter: &Filter) -> bool {
    matches!(filter, Filter::All) && manner.namespace.is_none() && manner.only.is_none()
}

fn taken(manner: &Manner, filter: &Filter, (at, row): (usize, &Row)) -> Option<usize> {
    let of = |wanted: &String| row.namespace.as_ref().is_none_or(|own| own == wanted);
    let is = |wanted: &String| row.cells.first().is_some_and(|cell| cell.text == *wanted);
    let is_here = manner.namespace.as_ref().is_none_or(of) && manner.only.as_ref().is_none_or(is);
    (is_here && filter.takes(row)).then_some(at)
}

fn compare_rows(list: &List, (column, turned): (usize, bool), left: usize, right: usize) -> Ordering {
    let cell = |at: usize| list.rows.get(at).and_then(|row| row.cells.get(column));
    let order = compare(cell(left), cell(right));
    if turned { order.reverse() } else { order }
}

fn is_target(list: &List, at: usize, target: Option<&Target>) -> bool {
    target.is_some() && list.rows.get(at).is_some_and(|row| is_same(&row.target, target))
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
