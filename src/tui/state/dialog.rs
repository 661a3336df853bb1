//! The dialog that writes objects to a file: what would be written stands in it before anything is.

use crate::tui::ask::{Ask, Export, Form, Planned};
use crate::tui::shell_word;
use crate::tui::worker::Ticket;

/// The dialog of an export.
#[derive(Clone, Debug, Default)]
pub struct Dialog {
    /// What, and how.
    pub export: Export,
    /// The name of the file.
    pub path: String,
    /// A file that is there is overwritten.
    pub force: bool,
    /// What would be written; none while it is being worked out.
    pub planned: Option<Planned>,
    /// The number of the question whose answer it waits for.
    pub asked: Option<Ticket>,
    /// It is being written.
    pub writing: bool,
    /// Why it was not written.
    pub refused: Option<String>,
    /// The first line of the plan that is seen.
    pub top: usize,
}

impl Dialog {
    /// A dialog for some objects.
    pub fn new(export: Export) -> Self {
        let path = file_name(&export);
        Self { export, path, ..Self::default() }
    }

    /// The question whose answer is the plan.
    pub fn plan(&self) -> Ask {
        Ask::Plan(self.export.clone())
    }

    /// The command lines that write the same, for a store and the options that open it.
    pub fn commands(&self, path: &str, options: &str) -> Vec<String> {
        let Some(planned) = &self.planned else { return Vec::new() };
        let (path, to) = (shell_word(path), shell_word(&self.path));
        let reveal = if self.export.reveal { " --reveal" } else { "" };
        let needs = if self.export.with_deps { " --with-deps" } else { "" };
        let what: Vec<String> = match self.export.form {
            Form::Yaml => {
                let one = |(key, at): &(String, i64)| {
                    format!("kinescope get {path} {} -o yaml --at {at}{reveal}{options}", shell_word(key))
                };
                planned.keys.iter().map(one).collect()
            }
            Form::Apply | Form::SameCluster => {
                let same = if self.export.form == Form::SameCluster { " --for same-cluster" } else { "" };
                let one = |(at, keys): (i64, Vec<String>)| {
                    format!("kinescope extract {path} {}{same}{needs} --at {at}{reveal}{options}", keys.join(" "))
                };
                by_revision(&planned.keys).into_iter().map(one).collect()
            }
        };
        let told = |(at, command): (usize, String)| match at {
            0 => format!("{command} > {to}"),
            _ => format!("{{ echo ---; {command}; }} >> {to}"),
        };
        what.into_iter().enumerate().map(told).collect()
    }
}

/// The keys of each revision, as words of a shell.
fn by_revision(keys: &[(String, i64)]) -> Vec<(i64, Vec<String>)> {
    let mut found: Vec<(i64, Vec<String>)> = Vec::new();
    for (key, at) in keys {
        let word = shell_word(key);
        match found.iter_mut().find(|(revision, _)| revision == at) {
            Some((_, words)) => words.push(word),
            None => found.push((*at, vec![word])),
        }
    }
    found
}

/// A name for the file: that of the object, or of the kind if there are several.
fn file_name(export: &Export) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let first = export.objects.first().map_or("", |object| object.name.as_str()).trim_start_matches('/');
    let stem = if export.objects.len() == 1 { first } else { first.split('/').next().unwrap_or_default() };
    let stem: String = stem.chars().map(safe).take(LONGEST_STEM).collect();
    let stem = stem.trim_start_matches(['.', '-']);
    format!("{}.yaml", if stem.is_empty() { "export" } else { stem })
}

/// Characters of a file's name that come from the object.
const LONGEST_STEM: usize = 120;
