//! `kinescope diff`

use std::path::PathBuf;

use rayon::prelude::*;

use super::exit::{Failure, Outcome};
use super::keys::KeyringArgs;
use super::labels::labels;
use super::moment::{AtArg, Located};
use super::release::ReleaseArg;
use super::source::{ChoiceArgs, close, open_and_hash};
use super::ui::Ui;
use crate::ops::diff::{AgainstManifests, ChangeSet, Comparison, Difference, Looked, Pair, Scope, Told};
use crate::ops::extract::LeftOutFor;
use crate::ops::keyring::Keyring;
use crate::ops::objects::{ObjectError, Objects};
use crate::ops::put::Manifests;
use crate::ops::store::OpenStore;
use crate::render::{self, DiffCounts};

/// Pairs that are compared at once: enough to keep all processors busy, few enough to answer early.
const BATCH: usize = 4096;
/// Values that cannot be compared are named one by one up to this many.
const MOST_NAMED: usize = 10;

/// What differs between two stores, or one store at two moments, object by object
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kinescope diff before.snapshot after.snapshot          what changed from one to the other, of either engine
  kinescope diff state.db@1200 state.db                  what changed since revision 1200
  kinescope diff state.db@2026-01-02T15:00:00Z state.db  what changed since then
  kinescope diff a.db b.db deploy,cm -n shop --brief     a line per object, with the fields
  kinescope diff a.db b.db --as-manifests back/          what leads from B back to A, for kubectl
  kinescope diff state.db --manifests deploy/            is the cluster what these files say?

Heartbeats, renewals of Leases, managedFields and resourceVersions are no differences, and neither is the same value
encrypted anew: --all shows every key whose bytes differ. Against manifests, only what they say is compared.
Exit codes: 0 no difference; 1 differences, or something could not be compared; 3 damage.")]
pub struct Args {
    /// The first state: PATH, or PATH@REV or PATH@TIME
    #[arg(value_name = "A")]
    old: PathBuf,
    /// The second state, likewise; with --manifests it is left out
    #[arg(value_name = "B", required_unless_present = "manifests")]
    new: Option<PathBuf>,
    /// Which objects and keys.
    #[arg(value_name = "SELECTOR", help = "KIND[.GROUP][/NAME], a key, or a prefix of keys that ends with a slash")]
    selectors: Vec<String>,
    /// Compare A with the objects of this file or directory instead, - for standard input; may be given several times
    #[arg(long, value_name = "FILE|DIR")]
    manifests: Vec<PathBuf>,
    /// Only this namespace
    #[arg(long, short, value_name = "NS")]
    namespace: Option<String>,
    /// All namespaces; without -n they are meant anyway
    #[arg(long, short = 'A', conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Only objects with these labels in A or B, as kubectl's -l
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    selector: Option<String>,
    /// Every key whose stored bytes differ, with heartbeats and all
    #[arg(long, conflicts_with = "manifests")]
    all: bool,
    /// A line per object, with the fields that differ
    #[arg(long)]
    brief: bool,
    /// Write into this new directory what leads from B back to A
    #[arg(long, value_name = "DIR", conflicts_with_all = ["manifests", "all"])]
    as_manifests: Option<PathBuf>,
    /// Show secret values
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    release: ReleaseArg,
    #[command(flatten)]
    choice: ChoiceArgs,
    #[command(flatten)]
    keyring: KeyringArgs,
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    if args.manifests.is_empty() { two_states(args, ui) } else { against_manifests(args, ui) }
}

fn scope(args: &Args, selectors: Vec<String>) -> Result<Scope, Failure> {
    let labels = labels(args.selector.as_deref())?;
    Ok(Scope { selectors, namespace: args.namespace.clone(), labels, all: args.all })
}

fn usage(error: impl std::fmt::Display) -> Failure {
    Failure::Usage(error.to_string())
}

/// The moment that stands behind a path.
fn moment(located: &Located, source: &OpenStore, ui: &Ui) -> Result<i64, Failure> {
    AtArg { at: located.at.clone() }.resolve(source.store.history(), ui)
}

fn two_states(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let Some(second) = &args.new else {
        return Err(Failure::Usage("what is A to be compared with? Give B, or --manifests".to_owned()));
    };
    let (first, second) = (Located::new(&args.old), Located::new(second));
    let scope = scope(args, args.selectors.clone())?;
    let old_source = open_and_hash(&first.path, &args.choice, ui)?;
    let is_one = first.path == second.path;
    let opened = if is_one { None } else { Some(open_and_hash(&second.path, &args.choice, ui)?) };
    let new_source = opened.as_ref().unwrap_or(&old_source);
    let (from, to) = (moment(&first, &old_source, ui)?, moment(&second, new_source, ui)?);
    let (old_keyring, new_keyring) = keyrings(args, &old_source, opened.as_ref(), ui)?;
    let new_keyring = new_keyring.as_ref().unwrap_or(&old_keyring);
    let new = Objects::new(new_source.store.history(), new_keyring, args.release.kubernetes_version, to);
    let old = Objects::new(old_source.store.history(), &old_keyring, args.release.kubernetes_version, from);
    let comparison = Comparison::new(&old, &new, &scope, args.reveal).map_err(usage)?;
    let found = comparison.pairs();
    if found.unknown > 0 {
        let keys = found.unknown;
        ui.note(format!(
            "{keys} keys are unknown at one of the revisions, and not compared: their rows are compacted away"
        ));
    }
    if found.idle && !scope.selectors.is_empty() {
        ui.note(format!("{}: nothing of that is in A or B", scope.selectors.join(", ")));
    }
    ReleaseArg::say(&new, ui);
    let mut tally = Tally { unsure: found.unknown > 0, ..Tally::default() };
    let mut differing: Vec<Pair<'_>> = Vec::new();
    let shown = !ui.json() && !args.brief;
    for batch in found.pairs.chunks(BATCH) {
        let looked: Vec<(Looked, String)> = batch
            .par_iter()
            .map(|pair| {
                let looked = comparison.look(pair, shown);
                let text = if let Looked::Different(difference) = &looked {
                    text(args, difference, ui)
                } else {
                    String::new()
                };
                (looked, text)
            })
            .collect();
        for (pair, (looked, text)) in batch.iter().zip(looked) {
            if matches!(looked, Looked::Different(_)) {
                differing.push(*pair);
            }
            tally.add(looked, &text, ui)?;
        }
    }
    if !ui.json() {
        ui.line(render::diff_summary(&tally.counts))?;
    }
    if let Some(directory) = &args.as_manifests {
        let set = ChangeSet::new(&comparison, &differing, args.reveal);
        write(&set, directory, [&old_source, new_source], &mut tally, ui)?;
    }
    let outcome = close(&old_source, tally.end(ui), ui)?;
    match &opened {
        Some(new_source) => close(new_source, outcome, ui),
        None => Ok(outcome),
    }
}

/// The keys of both stores. A token is one cluster's, and the stores may be of two, or of one before and after it got a new
/// token: it must fit one of them.
fn keyrings(
    args: &Args,
    old: &OpenStore,
    new: Option<&OpenStore>,
    ui: &Ui,
) -> Result<(Keyring, Option<Keyring>), Failure> {
    let Some(new) = new else { return Ok((args.keyring.keyring(old, ui)?, None)) };
    let without = |source: &OpenStore| -> Result<Keyring, Failure> {
        let (keyring, _) = args.keyring.given()?.without_token().keyring(source)?;
        ui.note(format!("{}: the token does not fit this store, and opens nothing in it", source.name));
        Ok(keyring)
    };
    match (args.keyring.keyring(old, ui), args.keyring.keyring(new, ui)) {
        (Ok(old), Ok(new)) => Ok((old, Some(new))),
        (Err(Failure::Keyring(_)), Ok(new)) => Ok((without(old)?, Some(new))),
        (Ok(old), Err(Failure::Keyring(_))) => Ok((old, Some(without(new)?))),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

fn text(args: &Args, difference: &Difference, ui: &Ui) -> String {
    if ui.json() {
        format!("{}\n", render::diff_json(difference))
    } else if args.brief {
        format!("{}\n", render::diff_brief(difference))
    } else {
        format!("{}\n", render::diff_text(difference))
    }
}

fn against_manifests(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let located = Located::new(&args.old);
    let first = args.new.iter().map(|text| text.to_string_lossy().into_owned());
    let scope = scope(args, first.chain(args.selectors.iter().cloned()).collect())?;
    let manifests = Manifests::read(&Manifests::files_in(&args.manifests)?)?;
    let source = open_and_hash(&located.path, &args.choice, ui)?;
    let revision = moment(&located, &source, ui)?;
    let keyring = args.keyring.keyring(&source, ui)?;
    let objects = Objects::new(source.store.history(), &keyring, args.release.kubernetes_version, revision);
    let against = AgainstManifests::new(&objects, &manifests.items, &scope, args.reveal).map_err(usage)?;
    ReleaseArg::say(&objects, ui);
    let mut tally = Tally::default();
    let told: Vec<Told> = manifests.items.par_iter().map(|item| against.look(item)).collect();
    for told in told {
        match told {
            Told::Same | Told::NotMeant => {}
            Told::Different(difference) => {
                let text = text(args, &difference, ui);
                tally.add(Looked::Different(difference), &text, ui)?;
            }
            Told::Not(place, why) => {
                tally.unsure = true;
                ui.note(format!("{place}: not compared: {why}"));
            }
            Told::Closed(error) => tally.add(Looked::Closed(error), "", ui)?,
            Told::Failed(error) => tally.add(Looked::Failed(error), "", ui)?,
        }
    }
    if !ui.json() {
        ui.line(render::diff_summary(&tally.counts))?;
    }
    manifests.files.check()?;
    close(&source, tally.end(ui), ui)
}

fn write(
    set: &ChangeSet,
    directory: &std::path::Path,
    sources: [&OpenStore; 2],
    tally: &mut Tally,
    ui: &mut Ui,
) -> Result<(), Failure> {
    let told = set.left_out.iter().filter(|left| left.reason != LeftOutFor::Rule);
    for left in told.clone().take(MOST_NAMED) {
        ui.note(format!("left out: {}: {}", left.what, left.why));
    }
    let (asked, by_rule) = (told.count(), set.left_out.len());
    if asked > MOST_NAMED {
        ui.note(format!("and {} more left out like these", asked - MOST_NAMED));
    }
    if by_rule > asked {
        ui.note(format!("{} objects that a cluster makes itself are left out", by_rule - asked));
    }
    tally.unsure |= asked > 0;
    tally.damaged |= !set.damaged.is_empty();
    if [&set.delete, &set.apply, &set.replace].iter().all(|pieces| pieces.is_empty()) {
        ui.note("nothing is left to write, and no directory was made");
        return Ok(());
    }
    for source in sources {
        source.watch.check()?;
    }
    let written = set.write(directory, sources.map(|source| &source.watch))?;
    if ui.json() {
        return Ok(());
    }
    ui.line(format_args!("from B back to A, in this order:"))?;
    for file in written {
        let path = directory.join(file.name);
        ui.line(format_args!("  kubectl {} -f {}    # {} objects", file.verb, path.display(), file.objects))?;
    }
    Ok(())
}

/// What there was in all.
#[derive(Default)]
struct Tally {
    counts: DiffCounts,
    closed: usize,
    first_closed: Option<ObjectError>,
    unsure: bool,
    damaged: bool,
    failed: usize,
}

impl Tally {
    fn add(&mut self, looked: Looked, text: &str, ui: &mut Ui) -> Result<(), Failure> {
        match looked {
            Looked::Same | Looked::NotMeant => {}
            Looked::Noise => self.counts.noise += 1,
            Looked::Different(difference) => {
                self.counts.add(difference.what);
                if ui.json() { ui.json_text(text)? } else { ui.text(text)? }
            }
            Looked::Closed(error) => {
                self.closed += 1;
                self.first_closed.get_or_insert(error);
            }
            Looked::Failed(error) => {
                self.damaged = true;
                self.failed += 1;
                if self.failed <= MOST_NAMED {
                    ui.note(error);
                }
            }
        }
        Ok(())
    }

    fn end(self, ui: &Ui) -> Outcome {
        if self.failed > MOST_NAMED {
            ui.note(format!("and {} more values that cannot be read", self.failed - MOST_NAMED));
        }
        if let Some(first) = &self.first_closed {
            ui.note(format!("{} encrypted values differ in their bytes and cannot be compared: {first}", self.closed));
        }
        match (self.damaged, self.counts.any() || self.unsure || self.closed > 0) {
            (true, _) => Outcome::Damaged,
            (false, true) => Outcome::Found,
            (false, false) => Outcome::Done,
        }
    }
}
