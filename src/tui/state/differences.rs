//! What differs between two states, as a tree: namespaces, kinds, objects.

use std::collections::{BTreeMap, HashSet};

use super::{Grid, Reading};
use crate::tui::ask::{Became, Cell, Compared, Differs, List, Row, Syntax, Target, Text, TextLine, Tone};
use crate::tui::worker::Ticket;

/// With more objects than this, kinds are folded at first.
const MANY: usize = 400;
/// What belongs to no namespace.
const NO_NAMESPACE: &str = "(no namespace)";

/// Two states, and what differs.
#[derive(Clone, Debug, Default)]
pub struct Differences {
    /// The other state as it was typed.
    pub other: String,
    /// Everything that differs, also what says nothing.
    pub noise: bool,
    /// What differs; none while it is being worked out.
    pub found: Option<Compared>,
    /// The tree.
    pub grid: Grid,
    /// The difference of the object under the cursor.
    pub diff: Reading,
    /// The number of the question for it, and its key.
    pub asked: (Ticket, Option<Vec<u8>>),
    folded: HashSet<String>,
    count: Count,
    /// The object that each row of the tree is.
    objects: Vec<Option<usize>>,
}

/// How many of each.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    added: usize,
    removed: usize,
    changed: usize,
}

impl Count {
    const fn add(&mut self, became: Became) {
        match became {
            Became::Added => self.added += 1,
            Became::Removed => self.removed += 1,
            Became::Changed => self.changed += 1,
        }
    }

    /// `+12 -3 ~41`
    fn told(self) -> String {
        let part = |sign: char, count: usize| (count > 0).then(|| format!("{sign}{count}"));
        let parts = [part('+', self.added), part('-', self.removed), part('~', self.changed)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

impl Differences {
    /// Before anything is known.
    pub fn new(other: String) -> Self {
        Self { other, ..Self::default() }
    }

    /// Takes what differs.
    pub fn take(&mut self, compared: Compared) {
        self.folded.clear();
        if compared.objects.len() > MANY {
            self.folded = compared.objects.iter().map(kind_path).collect();
        }
        self.count = Count::default();
        compared.objects.iter().for_each(|object| self.count.add(object.became));
        self.found = Some(compared);
        self.arrange();
    }

    /// All counts together: `+12 -3 ~41`.
    pub fn counts(&self) -> String {
        self.count.told()
    }

    /// Makes the tree anew: what is folded has one line. Where it is filtered, objects stand with their whole names.
    pub fn arrange(&mut self) {
        let Some(found) = &self.found else { return };
        let mut rows = Vec::new();
        let mut objects = Vec::new();
        let mut add = |row: Row, object: Option<usize>| {
            rows.push(row);
            objects.push(object);
        };
        if self.grid.filter.is_empty() {
            for (namespace, kinds) in tree(found) {
                let of = |kinds: &BTreeMap<&str, Vec<usize>>| kinds.values().flatten().copied().collect::<Vec<_>>();
                let path = namespace.to_owned();
                let is_folded = self.folded.contains(&path);
                add(branch(0, namespace, path, is_folded, count(found, &of(&kinds))), None);
                if is_folded {
                    continue;
                }
                for (kind, all) in kinds {
                    let path = format!("{namespace}/{kind}");
                    let is_folded = self.folded.contains(&path);
                    add(branch(1, kind, path, is_folded, count(found, &all)), None);
                    for at in all.into_iter().filter(|_| !is_folded) {
                        if let Some(object) = found.objects.get(at) {
                            add(leaf(object, format!("      {} {}", sign(object.became), object.name)), Some(at));
                        }
                    }
                }
            }
        } else {
            for (at, object) in found.objects.iter().enumerate() {
                let namespace = object.namespace.as_deref().map_or(String::new(), |name| format!("{name}/"));
                let name = format!("{} {}/{namespace}{}", sign(object.became), object.kind, object.name);
                add(leaf(object, name), Some(at));
            }
        }
        self.objects = objects;
        self.grid.set(List {
            columns: ["OBJECT", "WHAT"].map(str::to_owned).to_vec(),
            rows,
            note: None,
            empty: "no object differs; n shows what only says that somebody looked, v compares with something else"
                .to_owned(),
        });
    }

    /// The object under the cursor.
    pub fn selected(&self) -> Option<&Differs> {
        let row = *self.grid.order.get(self.grid.cursor)?;
        self.found.as_ref()?.objects.get((*self.objects.get(row)?)?)
    }

    /// Folds a branch, or unfolds it.
    pub fn fold(&mut self, path: &str) {
        if !self.folded.remove(path) {
            self.folded.insert(path.to_owned());
        }
        self.arrange();
    }

    /// What stands beside a line that is no object.
    pub fn tell_branch(&mut self) {
        let told = match (&self.found, self.grid.selected()) {
            (Some(found), Some(_)) => {
                let mut lines = vec![format!("from {}", found.old), format!("to   {}", found.new), String::new()];
                lines.extend(found.notes.iter().cloned());
                lines.push("enter folds or unfolds; an object's difference stands here".to_owned());
                lines
            }
            (Some(found), None) => found.notes.clone(),
            (None, _) => Vec::new(),
        };
        let line = |text: String| TextLine { text: crate::tui::text::harmless(&text), block: false };
        let lines = told.into_iter().map(line).collect();
        self.asked.1 = None;
        self.diff.top = 0;
        self.diff.text = Some(Text { lines, syntax: Syntax::Plain, ..Text::default() });
    }
}

fn tree(found: &Compared) -> BTreeMap<&str, BTreeMap<&str, Vec<usize>>> {
    let mut tree: BTreeMap<&str, BTreeMap<&str, Vec<usize>>> = BTreeMap::new();
    for (at, object) in found.objects.iter().enumerate() {
        let namespace = object.namespace.as_deref().unwrap_or(NO_NAMESPACE);
        tree.entry(namespace).or_default().entry(&object.kind).or_default().push(at);
    }
    tree
}

fn kind_path(object: &Differs) -> String {
    format!("{}/{}", object.namespace.as_deref().unwrap_or(NO_NAMESPACE), object.kind)
}

fn count(found: &Compared, all: &[usize]) -> Count {
    let mut count = Count::default();
    all.iter().filter_map(|at| found.objects.get(*at)).for_each(|object| count.add(object.became));
    count
}

const fn sign(became: Became) -> char {
    match became {
        Became::Added => '+',
        Became::Removed => '-',
        Became::Changed => '~',
    }
}

fn branch(depth: usize, name: &str, path: String, folded: bool, count: Count) -> Row {
    let mark = if folded { "▸" } else { "▾" };
    let name = format!("{}{mark} {name}", "   ".repeat(depth));
    let cells = vec![Cell::text(name), Cell::text(count.told())];
    Row { cells, target: Target::Branch(path), tone: Tone::Plain, namespace: None }
}

fn leaf(object: &Differs, name: String) -> Row {
    let (tone, what) = match object.became {
        Became::Added => (Tone::Added, "added".to_owned()),
        Became::Removed => (Tone::Removed, "removed".to_owned()),
        Became::Changed if object.told.is_empty() => (Tone::Plain, "changed".to_owned()),
        Became::Changed => (Tone::Plain, object.told.clone()),
    };
    let target = match object.here {
        Some((key, revision)) => {
            let namespace = object.namespace.as_deref().map_or(String::new(), |name| format!("{name}/"));
            Target::Key { key, revision, name: format!("{}/{namespace}{}", object.kind, object.name) }
        }
        None => Target::Nothing,
    };
    Row { cells: vec![Cell::text(name), Cell::text(what)], target, tone, namespace: object.namespace.clone() }
}
