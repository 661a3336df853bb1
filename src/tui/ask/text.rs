//! Texts to scroll in.

use super::Trouble;

/// How a text is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Syntax {
    /// Not at all.
    #[default]
    Plain,
    /// YAML.
    Yaml,
    /// A unified difference.
    Diff,
    /// Bytes in hexadecimal; blocks are those of the value's cell.
    Hex,
}

/// One line of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextLine {
    /// Without control characters.
    pub text: String,
    /// It is part of a YAML block, and no key stands in it.
    pub block: bool,
}

/// A text to scroll in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    /// What it is of, in a few words.
    pub title: String,
    /// The lines.
    pub lines: Vec<TextLine>,
    /// How it is coloured.
    pub syntax: Syntax,
    /// What to know about it.
    pub notes: Vec<String>,
    /// Why there is nothing to see.
    pub trouble: Option<Trouble>,
    /// The revisions of the key's changes, oldest first.
    pub revisions: Vec<i64>,
    /// Which of these is shown.
    pub shown: Option<usize>,
    /// Whether secret values are masked in it.
    pub masked: bool,
    /// The line that is seen first.
    pub start: usize,
}

impl Text {
    /// The lines of a text; of YAML those that belong to blocks are found.
    pub fn lines_of(text: &str, syntax: Syntax) -> Vec<TextLine> {
        let mut block: Option<usize> = None;
        let line = |line: &str| {
            let indent = line.len() - line.trim_start_matches(' ').len();
            let is_block = syntax == Syntax::Yaml && block.is_some_and(|at| indent > at || line.trim().is_empty());
            if !is_block {
                // A key inside of a list item is indented by what stands before it.
                let marks = line.get(indent..).map_or(0, |rest| rest.len() - rest.trim_start_matches("- ").len());
                let opens = [": |", ": >", "- |", "- >"].iter().any(|mark| {
                    line.rfind(mark).is_some_and(|at| line.get(at + 3..).is_some_and(|rest| rest.len() <= 2))
                });
                block = opens.then_some(indent + marks);
            }
            TextLine { text: crate::tui::text::harmless(line), block: is_block }
        };
        text.lines().map(line).collect()
    }
}
