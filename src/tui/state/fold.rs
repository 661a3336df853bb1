//! Folding: which lines of a YAML text are heads of others, and which of them are seen.

use std::collections::{HashMap, HashSet};

use crate::tui::ask::TextLine;

/// The lines of a text that are seen, and what folds away.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    /// For each line the first line behind what belongs to it; itself and one where nothing does.
    ends: Vec<usize>,
    /// The names of the heads, to find them again in another revision.
    paths: Vec<String>,
    /// Heads that are folded, by their names.
    folded: HashSet<String>,
    /// The lines that are seen.
    visible: Vec<usize>,
}

impl Outline {
    /// The outline of a text; what was folded stays so.
    pub fn new(lines: &[TextLine], folded: HashSet<String>) -> Self {
        let mut outline = Self { ends: vec![0; lines.len()], paths: Vec::new(), folded, visible: Vec::new() };
        outline.find_ends(lines);
        outline.find_paths(lines);
        outline.arrange();
        outline
    }

    fn find_ends(&mut self, lines: &[TextLine]) {
        // Heads whose end is not found yet, with their depth.
        let mut open: Vec<(usize, usize)> = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            if !line.block {
                let depth = depth(&line.text);
                while let Some((head, _)) = open.pop_if(|(_, own)| *own >= depth) {
                    self.end(head, at);
                }
                open.push((at, depth));
            }
            self.end(at, at + 1);
        }
        open.into_iter().for_each(|(head, _)| self.end(head, lines.len()));
    }

    fn end(&mut self, head: usize, end: usize) {
        if let Some(own) = self.ends.get_mut(head) {
            *own = end;
        }
    }

    fn find_paths(&mut self, lines: &[TextLine]) {
        let mut above: Vec<(usize, String)> = Vec::new();
        let mut items: HashMap<String, usize> = HashMap::new();
        for line in lines {
            if line.block {
                self.paths.push(String::new());
                continue;
            }
            let depth = depth(&line.text);
            while above.pop_if(|(own, _)| *own >= depth).is_some() {}
            let text = line.text.trim_start();
            let parent = above.last().map_or(String::new(), |(_, before)| format!("{before}."));
            let name = match text.strip_prefix("- ") {
                Some(_) => {
                    let count = items.entry(parent.clone()).or_default();
                    *count += 1;
                    format!("#{count}")
                }
                None => text.split(':').next().unwrap_or_default().to_owned(),
            };
            let path = format!("{parent}{name}");
            self.paths.push(path.clone());
            above.push((depth, path));
        }
    }

    fn arrange(&mut self) {
        self.visible.clear();
        let mut at = 0;
        while at < self.ends.len() {
            self.visible.push(at);
            at = if self.is_folded(at) { self.end_of(at) } else { at + 1 };
        }
    }

    fn end_of(&self, line: usize) -> usize {
        self.ends.get(line).copied().unwrap_or(line + 1).max(line + 1)
    }

    /// Whether lines belong to it.
    pub fn is_head(&self, line: usize) -> bool {
        self.end_of(line) > line + 1
    }

    /// Whether it is folded.
    pub fn is_folded(&self, line: usize) -> bool {
        self.is_head(line) && self.paths.get(line).is_some_and(|path| self.folded.contains(path))
    }

    /// How many lines are folded away below it.
    pub fn hidden_below(&self, line: usize) -> usize {
        if self.is_folded(line) { self.end_of(line) - line - 1 } else { 0 }
    }

    /// Folds the head that a line is, or belongs to; unfolds it if it is folded. The head's line.
    pub fn fold(&mut self, line: usize) -> Option<usize> {
        let head = (0..=line).rev().find(|head| self.is_head(*head) && self.end_of(*head) > line)?;
        let path = self.paths.get(head)?.clone();
        if !self.folded.remove(&path) {
            self.folded.insert(path);
        }
        self.arrange();
        Some(head)
    }

    /// Folds everything below the first level; unfolds everything if something is folded. Whether it is folded now.
    pub fn fold_all(&mut self, lines: &[TextLine]) -> bool {
        if !self.folded.is_empty() {
            self.folded.clear();
            self.arrange();
            return false;
        }
        let first = |at: &usize| lines.get(*at).is_some_and(|line| !line.block && depth(&line.text) == 0);
        let heads = (0..self.ends.len()).filter(first).filter(|at| self.is_head(*at));
        self.folded = heads.filter_map(|at| self.paths.get(at).cloned()).collect();
        self.arrange();
        !self.folded.is_empty()
    }

    /// Unfolds whatever hides a line.
    pub fn unfold_to(&mut self, line: usize) {
        let above: Vec<String> = (0..line)
            .filter(|head| self.is_folded(*head) && self.end_of(*head) > line)
            .filter_map(|head| self.paths.get(head).cloned())
            .collect();
        if !above.is_empty() {
            above.iter().for_each(|path| {
                self.folded.remove(path);
            });
            self.arrange();
        }
    }

    /// What is folded.
    pub fn folded(&self) -> HashSet<String> {
        self.folded.clone()
    }

    /// The lines that are seen, in order.
    pub fn visible(&self) -> &[usize] {
        &self.visible
    }
}

/// How deep a line stands. kubectl does not indent lists: an item stands half a step below the key above it.
fn depth(text: &str) -> usize {
    let indent = text.len() - text.trim_start_matches(' ').len();
    let is_item = text.get(indent..).is_some_and(|rest| rest == "-" || rest.starts_with("- "));
    indent * 2 + usize::from(is_item)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::ask::{Syntax, Text};

    fn seen(outline: &Outline, lines: &[TextLine]) -> Vec<String> {
        outline.visible().iter().map(|at| lines[*at].text.clone()).collect()
    }

    #[test]
    fn what_belongs_to_a_line_folds_away_with_it() {
        let yaml = "metadata:\n  name: a\nspec:\n  containers:\n  - args:\n    - x\n    name: one\n  - name: two\n  text: |\n    b:\n\n    c\nstatus: {}\n";
        let lines = Text::lines_of(yaml, Syntax::Yaml);
        let mut outline = Outline::new(&lines, HashSet::new());
        assert_eq!(outline.visible().len(), lines.len());
        assert_eq!(outline.fold(3), Some(3));
        assert_eq!(outline.hidden_below(3), 4);
        let rest =
            ["metadata:", "  name: a", "spec:", "  containers:", "  text: |", "    b:", "", "    c", "status: {}"];
        assert_eq!(seen(&outline, &lines), rest);
        // The line that was searched is unfolded to.
        outline.unfold_to(6);
        assert_eq!(outline.visible().len(), lines.len());
        // A line inside folds the head above it: here the first item.
        assert_eq!(outline.fold(6), Some(4));
        assert_eq!(seen(&outline, &lines)[4..6], ["  - args:", "  - name: two"]);
        assert!(!outline.fold_all(&lines));
        assert!(outline.fold_all(&lines));
        assert_eq!(seen(&outline, &lines), ["metadata:", "spec:", "status: {}"]);
        // What is folded stays so in another revision.
        let other = Text::lines_of("metadata:\n  name: b\n  uid: c\nspec: {}\n", Syntax::Yaml);
        assert_eq!(seen(&Outline::new(&other, outline.folded()), &other), ["metadata:", "spec: {}"]);
    }
}
