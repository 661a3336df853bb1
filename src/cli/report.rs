//! `kinescope report`

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::exit::{Failure, Outcome};
use super::opening::OpeningArgs;
use super::source::open_and_hash;
use super::ui::Ui;
use super::{now, verify};
use crate::ops::doctor::{self, Asked, Diagnosis, DoctorError};
use crate::ops::keyring::{Given, Keyring};
use crate::ops::objects::Objects;
use crate::ops::output::write_file;
use crate::ops::report::{self, Report, Subject, Unopened};
use crate::ops::store::OpenStore;
use crate::ops::verify::unopened;
use crate::render;
use crate::source::Watch;

/// Write one document on some stores: what they are, what was found, how they grew, what happened last
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kinescope report state.db -o report.html
  kinescope report monday.snapshot tuesday.snapshot -o report.html    with what differs from one to the next
  kinescope report /var/lib/rancher/k3s/server --format markdown

The HTML file needs nothing else: no script, no network. Secret values are never in it. Exit codes are those of verify, for \
the worst of the stores: 0 restorable; 3 with loss; 1 not restorable; 2 there is no report.")]
pub struct Args {
    /// The stores to read, as in every command; k3s's server directory is examined as by doctor, too
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// The file to write; else standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The form of the report
    #[arg(long, value_name = "FORMAT", default_value = "html")]
    format: FormatArg,
    /// Overwrite a target that exists
    #[arg(long, requires = "output")]
    force: bool,
    #[command(flatten)]
    opening: OpeningArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatArg {
    /// One HTML file
    Html,
    /// Markdown
    Markdown,
    /// JSON, as with --json
    Json,
}

/// What the paths lead to.
#[derive(Default)]
struct Inputs {
    stores: Vec<(PathBuf, OpenStore, Keyring)>,
    unopened: Vec<Unopened>,
    directories: Vec<Diagnosis>,
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let given = args.opening.keyring.given()?;
    let inputs = open(args, &given, ui)?;
    let Inputs { stores, unopened, directories } = inputs;
    let objects: Vec<Objects<'_>> = stores
        .iter()
        .map(|(_, source, keyring)| {
            let history = source.store.history();
            Objects::new(history, keyring, args.opening.release.kubernetes_version, history.current_revision())
        })
        .collect();
    let names: Vec<String> = stores.iter().map(|(path, ..)| path.to_string_lossy().into_owned()).collect();
    let opened = stores.iter().zip(&names).zip(&objects);
    let subjects: Vec<Subject<'_>> = opened
        .map(|(((path, source, _), name), objects)| Subject {
            name,
            path,
            choice: args.opening.choice.choice(),
            source,
            objects,
        })
        .collect();
    let made = report::report(&subjects, unopened, directories, &given, now())?;
    let text = match (args.format, ui.json()) {
        (FormatArg::Json, _) | (_, true) => format!("{}\n", render::report_json(&made)),
        (FormatArg::Markdown, _) => render::report_markdown(&made),
        (FormatArg::Html, _) => render::report_html(&made),
    };
    for (_, source, _) in &stores {
        source.watch.check()?;
    }
    match args.output.as_deref().filter(|path| *path != Path::new("-")) {
        Some(path) => {
            write(path, &text, args, &stores)?;
            ui.note(format!("{}: written and read back", path.display()));
        }
        None => print(&text, args, ui)?,
    }
    Ok(outcome(&made))
}

fn outcome(made: &Report) -> Outcome {
    verify::outcome(made.verdict())
}

fn open(args: &Args, given: &Given, ui: &Ui) -> Result<Inputs, Failure> {
    let mut inputs = Inputs::default();
    for path in &args.paths {
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            let asked = Asked { config: None, token: given.token.clone(), now: now() };
            match doctor::examine(path, &asked) {
                Ok(diagnosis) => inputs.directories.push(diagnosis),
                Err(DoctorError::NotK3s(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match open_and_hash(path, &args.opening.choice, ui) {
            Ok(source) => {
                let keyring = keyring(args, given, &source, ui)?;
                inputs.stores.push((path.clone(), source, keyring));
            }
            Err(Failure::Open(error)) => match unopened(&error) {
                Some(verification) => {
                    let recovery = report::search(path, &args.opening.choice.choice());
                    inputs.unopened.push(Unopened { name, verification, recovery });
                }
                None => return Err(error.into()),
            },
            Err(other) => return Err(other),
        }
    }
    Ok(inputs)
}

/// The keys of a store. A token that does not fit one of several stores opens nothing in it, which is a finding.
fn keyring(args: &Args, given: &Given, source: &OpenStore, ui: &Ui) -> Result<Keyring, Failure> {
    match args.opening.keyring.keyring(source, ui) {
        Err(Failure::Keyring(_)) if given.token.is_some() => Ok(given.without_token().keyring(source)?.0),
        other => other,
    }
}

/// Writes the report, never over what was named, whether it could be opened or not.
fn write(path: &Path, text: &str, args: &Args, stores: &[(PathBuf, OpenStore, Keyring)]) -> Result<(), Failure> {
    let mut inputs = Watch::default();
    stores.iter().for_each(|(_, source, _)| inputs.append(&source.watch));
    for path in &args.paths {
        if path.is_dir() { inputs.add_root(path) } else { inputs.add(path) }
    }
    Ok(write_file(path, text.as_bytes(), args.force, &inputs)?)
}

/// A terminal would obey control characters; in a file they are what they are, and no text of a report has any.
fn print(text: &str, args: &Args, ui: &mut Ui) -> io::Result<()> {
    match (args.format, ui.json()) {
        (FormatArg::Json, _) | (_, true) => ui.json_text(text),
        _ if io::stdout().is_terminal() => ui.text(text),
        _ => ui.raw(text.as_bytes()),
    }
}
