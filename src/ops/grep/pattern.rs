//! What is searched for.

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind, Look};

/// How a pattern is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Syntax {
    /// Upper and lower case are the same.
    pub ignore_case: bool,
    /// The pattern is text, and not a regular expression.
    pub fixed: bool,
}

/// A text that is no regular expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} is no regular expression: {why}; -F takes it as plain text")]
pub struct PatternError {
    pattern: String,
    why: String,
}

impl PatternError {
    fn new(pattern: &str, error: &regex::Error) -> Self {
        // The crate draws the place over several lines, and says what is wrong in the last one.
        let shown = error.to_string();
        let last = shown.lines().last().unwrap_or_default();
        let why = last.strip_prefix("error: ").unwrap_or(last).to_owned();
        Self { pattern: pattern.to_owned(), why }
    }
}

/// What a line must hold.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    /// Whether a text whose lines hold it always holds it as a whole: not where `\A` or `\z` ask for the ends of the text.
    lines_are_text: bool,
    /// The longest run of letters that is in everything that matches.
    letters: Option<String>,
}

impl Pattern {
    /// Reads a pattern of the crate `regex`, or plain text.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn new(pattern: &str, syntax: Syntax) -> Result<Self, PatternError> {
        let pattern = if syntax.fixed { regex::escape(pattern) } else { pattern.to_owned() };
        let built = RegexBuilder::new(&pattern).multi_line(true).case_insensitive(syntax.ignore_case).build();
        let regex = built.map_err(|error| PatternError::new(&pattern, &error))?;
        let mut parser = ParserBuilder::new();
        let parser = parser.utf8(false).multi_line(true).case_insensitive(syntax.ignore_case);
        let parsed = parser.build().parse(&pattern).ok();
        let looks_at_ends = |hir: &Hir| {
            let looks = hir.properties().look_set();
            looks.contains(Look::Start) || looks.contains(Look::End)
        };
        Ok(Self {
            regex,
            lines_are_text: parsed.as_ref().is_some_and(|hir| !looks_at_ends(hir)),
            letters: parsed.as_ref().and_then(longest_letters),
        })
    }

    /// Whether a line holds it.
    pub fn is_in_line(&self, line: &[u8]) -> bool {
        self.regex.is_match(line)
    }

    /// Whether one of the lines of a text may hold it; if not, none does.
    pub fn may_be_in(&self, text: &[u8]) -> bool {
        !self.lines_are_text || self.regex.is_match(text)
    }

    /// The longest run of ASCII letters that is in everything that matches.
    pub fn letters(&self) -> Option<&str> {
        self.letters.as_deref()
    }
}

fn longest_letters(hir: &Hir) -> Option<String> {
    let mut longest = "";
    let mut open = vec![hir];
    while let Some(hir) = open.pop() {
        match hir.kind() {
            HirKind::Concat(parts) => open.extend(parts),
            HirKind::Capture(capture) => open.push(&capture.sub),
            HirKind::Repetition(repetition) if repetition.min > 0 => open.push(&repetition.sub),
            HirKind::Literal(literal) => {
                let runs = literal.0.split(|byte| !byte.is_ascii_alphabetic());
                let runs = runs.filter_map(|run| std::str::from_utf8(run).ok());
                longest = runs.fold(longest, |longest, run| if run.len() > longest.len() { run } else { longest });
            }
            _ => {}
        }
    }
    (!longest.is_empty()).then(|| longest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_those_that_every_match_has() {
        let letters = |pattern: &str, ignore_case, fixed| {
            let pattern = Pattern::new(pattern, Syntax { ignore_case, fixed }).unwrap();
            pattern.letters().map(str::to_owned)
        };
        assert_eq!(letters("nginx:1.2", false, false).as_deref(), Some("nginx"));
        assert_eq!(letters("(ab)?(cde)+.*fg{2}", false, false).as_deref(), Some("cde"));
        assert_eq!(letters("foo|bar", false, false), None);
        assert_eq!(letters("[abc]+x*", false, false), None);
        assert_eq!(letters("name", true, false), None);
        assert_eq!(letters("a(b|c.foo", false, true).as_deref(), Some("foo"));
        assert!(Pattern::new("a(", Syntax::default()).is_err());
    }

    #[test]
    fn a_text_that_is_passed_over_has_no_line_that_matches() {
        let may = |pattern: &str| Pattern::new(pattern, Syntax::default()).unwrap().may_be_in(b"one\ntwo\nthree");
        assert!(may("^two$") && may(r"\Atwo\z") && may("wo"));
        assert!(!may("four") && !may("^wo"));
    }
}
