//! `kinescope extract`

use std::path::PathBuf;

use super::exit::{Failure, Outcome};
use super::keys::KeyringArgs;
use super::labels::labels;
use super::moment::AtArg;
use super::release::ReleaseArg;
use super::source::{SourceArgs, close};
use super::ui::Ui;
use crate::kube::selector::Selection;
use crate::model::Evidence;
use crate::ops::extract::{self, Asked, Bundle, LeftOutFor, Mode, Wanted};
use crate::ops::objects::Objects;
use crate::ops::undelete::{Undeleted, Wanted as Search, undelete};
use crate::render;
use clap::ValueEnum;

/// Give objects back in a form that a cluster takes
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without -o all objects are one YAML text, in the order in which a cluster can take them:
  kinescope extract state.db deploy/web -n shop --with-deps --reveal | kubectl apply -f -
What each mode removes, and what is left out and why: docs/extract.md")]
pub struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// What to extract: objects, keys.
    #[arg(
        value_name = "SELECTOR",
        required = true,
        help = "KIND[.GROUP][/NAME], a key, or a prefix of keys that ends with a slash"
    )]
    selectors: Vec<String>,
    /// Only this namespace
    #[arg(long, short, value_name = "NS")]
    namespace: Option<String>,
    /// All namespaces; without -n they are meant anyway
    #[arg(long, short = 'A', conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Only objects with these labels, as kubectl's -l
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    selector: Option<String>,
    /// What the objects are to be given to
    #[arg(long = "for", value_name = "WHAT", default_value = "apply")]
    mode: For,
    /// The objects that they need too: namespaces, definitions, ConfigMaps, volumes, accounts, rights
    #[arg(long)]
    with_deps: bool,
    /// Write one file for each object into this new directory
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Replace a directory that holds nothing but .yaml files
    #[arg(long, requires = "output")]
    force: bool,
    #[command(flatten)]
    at: AtArg,
    /// What was deleted and is still in the file, as `undelete` lists it, instead of what is live
    #[arg(long, conflicts_with = "at")]
    deleted: bool,
    /// Secrets too
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    release: ReleaseArg,
    #[command(flatten)]
    keyring: KeyringArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum For {
    /// kubectl apply to another or a new cluster
    Apply,
    /// kubectl create there
    Create,
    /// The cluster that they were deleted from: addresses, ports, volumes and living owners stay
    SameCluster,
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let source = args.source.open_and_hash(ui)?;
    let undeleted = args.deleted.then(|| undelete(&source, Search::default()));
    let history = undeleted.as_ref().map_or(source.store.history(), |undeleted| &undeleted.history);
    let revision = args.at.resolve(history, ui)?;
    let keyring = args.keyring.keyring(&source, ui)?;
    let objects = Objects::new(history, &keyring, args.release.kubernetes_version, revision);
    let mut outcome = Outcome::Done;
    let mut asked = asked(args, &objects, &mut outcome, ui)?;
    if let Some(undeleted) = &undeleted {
        for note in &undeleted.notes {
            ui.note(note);
        }
        only_deleted(&mut asked, undeleted, &mut outcome, ui);
    }
    let mode = match args.mode {
        For::Apply => Mode::Apply,
        For::Create => Mode::Create,
        For::SameCluster => Mode::SameCluster,
    };
    let bundle = extract::bundle(&objects, &asked, Wanted { mode, with_deps: args.with_deps, reveal: args.reveal });
    ReleaseArg::say(&objects, ui);
    if bundle.left_out.iter().any(|left| left.reason != LeftOutFor::Rule) || bundle.pieces.is_empty() {
        outcome = Outcome::Found;
    }
    if !bundle.damaged.is_empty() {
        outcome = Outcome::Damaged;
    }
    source.watch.check()?;
    let files = match (&args.output, bundle.pieces.is_empty()) {
        (Some(directory), false) => Some(bundle.write(directory, args.force, &source.watch)?),
        _ => None,
    };
    if ui.json() {
        ui.line(render::extract_json(&bundle, files.as_deref(), revision))?;
    } else {
        tell(&bundle, ui);
        match &args.output {
            Some(directory) if files.is_some() => {
                ui.line(format_args!("{} objects are in {}", bundle.pieces.len(), directory.display()))?;
                ui.line(format_args!("apply them with: kubectl apply -f {}", directory.display()))?;
            }
            Some(_) => ui.note("no object is left to write, and no directory was made"),
            None => ui.raw(&bundle.yaml())?,
        }
    }
    close(&source, outcome, ui)
}

fn asked<'s>(args: &Args, objects: &Objects<'s>, outcome: &mut Outcome, ui: &Ui) -> Result<Vec<Asked<'s>>, Failure> {
    let labels = labels(args.selector.as_deref())?;
    let keys = objects.history().keys();
    let mut asked = Vec::new();
    for text in &args.selectors {
        let selection =
            Selection::parse(text, objects.registry()).map_err(|error| Failure::Usage(error.to_string()))?;
        let mut by_name = false;
        let found = match selection {
            Selection::Key(key) => {
                by_name = true;
                vec![objects.among(keys.find(key.as_bytes()).into_iter(), &labels)]
            }
            Selection::KeyPrefix(prefix) => vec![objects.among(keys.with_prefix(prefix.as_bytes()), &labels)],
            Selection::Objects { resources, name } => {
                by_name = name.is_some();
                let namespace = args.namespace.as_deref();
                resources.iter().map(|resource| objects.select(resource, namespace, name, &labels)).collect()
            }
        };
        if found.iter().all(|found| found.live.is_empty()) {
            ui.note(format!("{text}: nothing of that is live at revision {}", objects.revision()));
            *outcome = Outcome::Found;
        }
        for found in found {
            for error in &found.unread {
                ui.note(error);
                *outcome = Outcome::Found;
            }
            if found.unknown > 0 {
                ui.note(format!("{text}: {} keys are unknown at this revision", found.unknown));
            }
            asked.extend(found.live.into_iter().map(|change| Asked { change, by_name }));
        }
    }
    Ok(asked)
}

/// Keeps what was deleted and can be relied on.
fn only_deleted(asked: &mut Vec<Asked<'_>>, undeleted: &Undeleted, outcome: &mut Outcome, ui: &Ui) {
    let mut doubtful = 0;
    asked.retain(|asked| match undeleted.of_key(asked.change.key) {
        Some(deleted) if deleted.evidence == Evidence::Doubtful => {
            doubtful += 1;
            false
        }
        Some(_) => true,
        None => false,
    });
    if doubtful > 0 {
        ui.note(format!("{doubtful} objects are left out because their bytes are doubtful; `undelete` lists them"));
    }
    if asked.is_empty() {
        ui.note("nothing of that was deleted and is still in the file");
        *outcome = Outcome::Found;
    }
}

/// Says what is not in the bundle and what may surprise in it: the first of each, and how many there are.
fn tell(bundle: &Bundle, ui: &Ui) {
    const TOLD: usize = 20;
    let left_out = bundle.left_out.iter().map(|left| format!("left out: {}: {}", left.what, left.why));
    let warnings = bundle.pieces.iter().flat_map(|piece| {
        let what = &piece.what;
        piece.warnings.iter().map(move |warning| format!("{what}: {warning}"))
    });
    for lines in [left_out.collect::<Vec<_>>(), warnings.collect()] {
        for line in lines.iter().take(TOLD) {
            ui.note(line);
        }
        if lines.len() > TOLD {
            ui.note(format!("and {} more like these; --json lists all", lines.len() - TOLD));
        }
    }
    if bundle.left_out.iter().any(|left| left.reason == LeftOutFor::Secret) {
        ui.note("Secrets are written only with --reveal");
    }
}
