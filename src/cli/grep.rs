//! `kinescope grep`

use rayon::prelude::*;

use super::exit::{Failure, Outcome};
use super::keys::KeyringArgs;
use super::moment::AtArg;
use super::release::ReleaseArg;
use super::source::{SourceArgs, close};
use super::ui::Ui;
use crate::model::{Change, KeyId};
use crate::ops::grep::{self, Detail, Found, Pattern, Scope, Search, Space, Syntax, What};
use crate::ops::objects::{ObjectError, Objects};
use crate::render;

/// Changes that are searched at once: enough to keep all processors busy, few enough to answer early.
const BATCH: usize = 1024;
/// Values that cannot be read are named one by one up to this many.
const MOST_NAMED: usize = 10;

/// Search keys and objects, as kubectl prints them as YAML, for a pattern
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kinescope grep state.db nginx:1.27                  where an image is used, with the field
  kinescope grep state.db -F 10.43.0.10 --kind svc    in Services only
  kinescope grep state.db 'replicas: 0' --history     each revision that had it
  kinescope grep state.db -l -i debug -n shop         only the objects' names
  kinescope grep state.db hunter2 --reveal            in Secrets too, decoded

A line is KIND.GROUP/NAME -n NS @REVISION: FIELD: LINE. Exit codes: 0 a line matches; 1 none does; 3 some values could not
be read.")]
pub struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// A regular expression, which is looked for in each line
    #[arg(value_name = "PATTERN")]
    pattern: String,
    /// Upper and lower case are the same
    #[arg(long, short)]
    ignore_case: bool,
    /// The pattern is plain text
    #[arg(long, short = 'F')]
    fixed_strings: bool,
    /// Only this namespace
    #[arg(long, short, value_name = "NS")]
    namespace: Option<String>,
    /// All namespaces; without -n they are meant anyway
    #[arg(long, short = 'A', conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Only objects of these kinds, by the names that kubectl knows, with commas between them
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Every change of every key that the store still knows, not only what is live
    #[arg(long)]
    history: bool,
    #[command(flatten)]
    at: AtArg,
    /// Print how many lines match, for each object with any
    #[arg(long, short)]
    count: bool,
    /// Print only the names of objects with a match
    #[arg(long, short = 'l', conflicts_with = "count")]
    files_with_matches: bool,
    /// Search metadata.managedFields too
    #[arg(long)]
    show_managed_fields: bool,
    /// Search secret values too, as they are stored and decoded, and show them
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    release: ReleaseArg,
    #[command(flatten)]
    keyring: KeyringArgs,
}

impl Args {
    fn detail(&self) -> Detail {
        match (self.count, self.files_with_matches) {
            (true, _) => Detail::Count,
            (_, true) => Detail::Any,
            _ => Detail::Lines,
        }
    }
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let usage = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
    let syntax = Syntax { ignore_case: args.ignore_case, fixed: args.fixed_strings };
    let pattern = Pattern::new(&args.pattern, syntax).map_err(|error| usage(&error))?;
    let source = args.source.open_and_hash(ui)?;
    let history = source.store.history();
    let revision = args.at.resolve(history, ui)?;
    let keyring = args.keyring.keyring(&source, ui)?;
    let objects = Objects::new(history, &keyring, args.release.kubernetes_version, revision);
    let scope = Scope { namespace: args.namespace.as_deref(), kinds: args.kind.as_deref(), history: args.history };
    let selected = grep::select(&objects, &scope).map_err(|error| usage(&error))?;
    if selected.unknown > 0 {
        ui.note(format!("{} keys have no row that old: whether they were there is unknown", selected.unknown));
    }
    ReleaseArg::say(&objects, ui);
    let what = What { reveal: args.reveal, managed_fields: args.show_managed_fields, detail: args.detail() };
    let search = Search::new(&objects, pattern, what);
    let mut printer = Printer { args, objects: &objects, last: None, tally: Tally::default() };
    for batch in selected.changes.chunks(BATCH) {
        let searched: Vec<(Found, String)> = batch
            .par_iter()
            .map_init(Space::default, |space, change| printer.searched(&search, change, space, ui))
            .collect();
        for (change, (found, text)) in batch.iter().zip(searched) {
            printer.print(change, found, &text, ui)?;
        }
    }
    printer.end(ui)?;
    let outcome = printer.tally.tell(ui);
    close(&source, outcome, ui)
}

/// Prints what was found, and keeps count.
struct Printer<'a, 's> {
    args: &'a Args,
    objects: &'a Objects<'s>,
    /// The key whose changes are being counted or that was named last, and how many of its lines match.
    last: Option<(KeyId, usize)>,
    tally: Tally,
}

impl Printer<'_, '_> {
    /// What one change has, with its lines rendered.
    fn searched(&self, search: &Search<'_, '_>, change: &Change, space: &mut Space, ui: &Ui) -> (Found, String) {
        let found = search.search(change, space);
        let mut text = String::new();
        for line in &found.matches {
            if ui.json() {
                text.push_str(&render::grep_json(self.objects, change, line).to_string());
            } else {
                text.push_str(&render::grep_text(self.objects, change, line));
            }
            text.push('\n');
        }
        (found, text)
    }

    fn print(&mut self, change: &Change, found: Found, text: &str, ui: &mut Ui) -> Result<(), Failure> {
        if ui.json() {
            ui.json_text(text)?
        } else {
            ui.text(text)?
        }
        if found.count > 0 && self.args.detail() != Detail::Lines {
            let count = match self.last {
                Some((key, count)) if key == change.key => count,
                _ => {
                    self.end(ui)?;
                    0
                }
            };
            self.last = Some((change.key, count + found.count));
        }
        self.tally.add(found, ui);
        Ok(())
    }

    /// Prints the key whose changes have all been seen.
    fn end(&mut self, ui: &mut Ui) -> Result<(), Failure> {
        let Some((key, count)) = self.last.take() else { return Ok(()) };
        match (self.args.count, ui.json()) {
            (true, true) => ui.line(render::grep_count_json(self.objects, key, count))?,
            (true, false) => ui.line(render::grep_count_text(self.objects, key, count))?,
            (false, true) => ui.line(render::grep_name_json(self.objects, key))?,
            (false, false) => ui.line(render::grep_name_text(self.objects, key))?,
        }
        Ok(())
    }
}

/// What there was in all.
#[derive(Default)]
struct Tally {
    any: bool,
    masked: u64,
    locked: u64,
    first_locked: Option<ObjectError>,
    unread: usize,
}

impl Tally {
    fn add(&mut self, found: Found, ui: &Ui) {
        self.any |= found.count > 0;
        self.masked += u64::from(found.masked);
        match found.failed {
            None => {}
            Some(error @ ObjectError::Locked { .. }) => {
                self.locked += 1;
                self.first_locked.get_or_insert(error);
            }
            Some(error) => {
                self.unread += 1;
                if self.unread <= MOST_NAMED {
                    ui.note(error);
                }
            }
        }
    }

    fn tell(self, ui: &Ui) -> Outcome {
        if self.unread > MOST_NAMED {
            ui.note(format!("and {} more values that cannot be read", self.unread - MOST_NAMED));
        }
        if self.masked > 0 {
            ui.note(format!(
                "{} Secrets or bootstrap values are masked and were not searched; --reveal does",
                self.masked
            ));
        }
        if let Some(first) = self.first_locked {
            ui.note(format!("{} encrypted values were not searched: {first}", self.locked));
        }
        match (self.unread, self.any) {
            (1.., _) => Outcome::Damaged,
            (0, true) => Outcome::Done,
            (0, false) => Outcome::Found,
        }
    }
}
