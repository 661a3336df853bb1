//! One cell: what it says, and what it can be sorted by.

use std::borrow::Cow;

use jiff::Timestamp;

use super::Options;
use super::age;

/// What one column says of one object.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing is printed.
    Empty,
    /// Any text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Number(f64),
    /// `true` or `false`
    Boolean(bool),
    /// How long ago something was, counted from [`Options::now`].
    Ago {
        /// When it was.
        since: Timestamp,
        /// `5m`
        text: String,
    },
}

impl Cell {
    /// A cell with this text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// How long ago `since` is; `<unknown>` for no moment.
    pub(super) fn ago(since: Option<Timestamp>, options: &Options) -> Self {
        match since {
            Some(since) => Self::Ago { since, text: age::between(since, options.now) },
            None => Self::text("<unknown>"),
        }
    }

    /// What is printed: of text with line breaks the first line and `...`, and nothing that a terminal would obey
    /// (cli-runtime pkg/printers/tableprinter.go and terminal.go).
    pub fn shown(&self) -> Cow<'_, str> {
        match self {
            Self::Empty => Cow::Borrowed(""),
            Self::Text(text) | Self::Ago { text, .. } => one_line(text),
            Self::Integer(number) => Cow::Owned(number.to_string()),
            Self::Number(number) => Cow::Owned(wire_float(*number)),
            Self::Boolean(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
        }
    }

    /// Puts `KIND/` before a name.
    pub(super) fn prefix(&mut self, kind: &str) {
        *self = Self::Text(format!("{kind}/{}", self.shown()));
    }
}

fn one_line(text: &str) -> Cow<'_, str> {
    let (line, cut) = match text.find(['\u{c}', '\n', '\r']) {
        Some(end) => (text.get(..end).unwrap_or_default(), "..."),
        None => (text, ""),
    };
    if cut.is_empty() && !line.contains('\u{1b}') {
        return Cow::Borrowed(line);
    }
    Cow::Owned(line.replace('\u{1b}', "^[") + cut)
}

/// A float as Go prints it where nothing else is said (`%v`): the fewest digits that mean the same number, with an
/// exponent below 1e-4 and from 1e6 on.
pub(super) fn go_float(number: f64) -> String {
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{number}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// A float in a cell of its own travels as JSON: whole numbers arrive as whole numbers if they fit.
fn wire_float(number: f64) -> String {
    // 2^63 as a float; the comparison leaves it out, as it does not fit.
    let fits =
        number == number.trunc() && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number);
    if fits { format!("{}", number as i64) } else { go_float(number) }
}
