//! `kinescope prune`

use std::path::PathBuf;

use super::exit::{Failure, Outcome};
use super::keys::KeyringArgs;
use super::labels::labels;
use super::progress::Progress;
use super::source::{ChoiceArgs, open_and_hash};
use super::target::{To, WriteArgs, owner, refuse_stdout};
use super::ui::Ui;
use crate::ops::diff::Scope;
use crate::ops::objects::Objects;
use crate::ops::prune::Prune;
use crate::render;

/// Write a smaller store: compacted, without some objects, without old Helm releases, and without free pages
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kinescope prune state.db new.db                          compact to the current revision
  kinescope prune state.db new.db --to-revision 120000     keep the history from there on
  kinescope prune state.db new.db --drop events            what fills it, and nobody needs
  kinescope prune snapshot new.snapshot --helm-history 3   three releases of each chart, and the deployed one
  kinescope prune state.db new.db --drop policyreports -A --check")]
pub struct Args {
    /// The store to read
    #[arg(value_name = "SRC")]
    source: PathBuf,
    /// The file or directory to write
    #[arg(value_name = "DST")]
    target: PathBuf,
    /// Compact to this revision, and keep what is newer; else to the current one
    #[arg(long, value_name = "REV", conflicts_with_all = ["drop", "helm_history"])]
    to_revision: Option<i64>,
    /// What to leave out.
    #[arg(
        long,
        value_name = "SELECTOR",
        help = "Leave these out: KIND[.GROUP][/NAME], a key, or a prefix of keys that ends with a slash; may be given several times"
    )]
    drop: Vec<String>,
    /// With --drop: only in this namespace
    #[arg(long, short, value_name = "NS", requires = "drop")]
    namespace: Option<String>,
    /// With --drop: in all namespaces; without -n they are meant anyway
    #[arg(long, short = 'A', conflicts_with = "namespace")]
    all_namespaces: bool,
    /// With --drop: only objects with these labels, as kubectl's -l
    #[arg(long, short = 'l', value_name = "SELECTOR", requires = "drop")]
    selector: Option<String>,
    /// Leave out all but the newest N releases of each Helm chart, and the deployed one
    #[arg(long, value_name = "N")]
    helm_history: Option<usize>,
    #[command(flatten)]
    write: WriteArgs,
    #[command(flatten)]
    choice: ChoiceArgs,
    #[command(flatten)]
    keyring: KeyringArgs,
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    refuse_stdout(&args.target)?;
    let labels = labels(args.selector.as_deref())?;
    let drop = Scope { selectors: args.drop.clone(), namespace: args.namespace.clone(), labels, all: true };
    let source = open_and_hash(&args.source, &args.choice, ui)?;
    let keyring = args.keyring.keyring(&source, ui)?;
    let history = source.store.history();
    let objects = Objects::new(history, &keyring, None, history.current_revision());
    let progress = Progress::new(ui)?;
    let prune = Prune {
        source: &source,
        objects: &objects,
        target: &args.target,
        to: args.write.to.map(To::target),
        to_revision: args.to_revision,
        drop: &drop,
        helm_history: args.helm_history,
        check_only: args.write.check,
        force: args.write.force,
    };
    let pruned = prune.run(&mut |phase, done, total| progress.phase(phase, done, total));
    progress.done();
    let pruned = pruned?;
    if pruned.idle {
        ui.note(format!("--drop {}: nothing of that is live", args.drop.join(" --drop ")));
    }
    for error in &pruned.unsure {
        ui.note(format!("kept, because it cannot be looked into: {error}"));
    }
    if ui.json() {
        ui.line(render::prune_json(&pruned))?;
    } else {
        for line in render::prune_text(&pruned, owner().as_deref()) {
            ui.line(line)?;
        }
    }
    Ok(if pruned.idle || !pruned.unsure.is_empty() { Outcome::Found } else { Outcome::Done })
}
