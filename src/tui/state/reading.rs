//! A text that is read: what of it is seen, what is folded away.

use super::Outline;
use crate::tui::ask::Text;

/// A text with a place in it.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The text; none while it is being made.
    pub text: Option<Text>,
    /// The first line that is seen.
    pub top: usize,
    /// Columns that are pushed out to the left.
    pub left: usize,
    /// What was searched.
    pub search: String,
    /// Where lines can be folded: what is folded, and the line under the cursor, counted in those that are seen.
    pub folding: Option<(Outline, usize)>,
}

impl Reading {
    /// One in which lines can be folded.
    pub fn folding() -> Self {
        Self { folding: Some((Outline::default(), 0)), ..Self::default() }
    }

    /// Takes a text; what was folded and where the cursor is stays as far as it can.
    pub fn take(&mut self, text: Text) {
        if self.text.is_none() {
            self.top = text.start;
        }
        if let Some((outline, cursor)) = &mut self.folding {
            *outline = Outline::new(&text.lines, outline.folded());
            *cursor = (*cursor).min(outline.visible().len().saturating_sub(1));
        }
        self.text = Some(text);
        self.top = self.top.min(self.len().saturating_sub(1));
    }

    /// How many lines are not folded away.
    pub fn len(&self) -> usize {
        match &self.folding {
            Some((outline, _)) => outline.visible().len(),
            None => self.text.as_ref().map_or(0, |text| text.lines.len()),
        }
    }

    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The line of the text that is seen at a place.
    pub fn line_at(&self, place: usize) -> Option<usize> {
        match &self.folding {
            Some((outline, _)) => outline.visible().get(place).copied(),
            None => Some(place).filter(|at| *at < self.len()),
        }
    }

    /// The place at which a line is seen, once it is unfolded.
    pub fn place_of(&mut self, line: usize) -> usize {
        match &mut self.folding {
            Some((outline, _)) => {
                outline.unfold_to(line);
                outline.visible().partition_point(|at| *at < line)
            }
            None => line,
        }
    }

    /// Puts the cursor somewhere, where there is one, and scrolls so that it is seen.
    pub fn go(&mut self, to: usize, height: usize) {
        let last = self.len().saturating_sub(1);
        if let Some((_, cursor)) = &mut self.folding {
            *cursor = to.min(last);
            let (cursor, height) = (*cursor, height.max(1));
            let last_top = (last + 1).saturating_sub(height);
            self.top = self.top.min(cursor).max((cursor + 1).saturating_sub(height)).min(last_top);
        }
    }
}
