//! `kinescope undelete`

use std::collections::BTreeSet;

use super::exit::{Failure, Outcome};
use super::keys::KeyringArgs;
use super::labels::labels;
use super::release::ReleaseArg;
use super::source::{SourceArgs, close};
use super::ui::Ui;
use crate::kube::selector::Selection;
use crate::model::KeyId;
use crate::ops::objects::Objects;
use crate::ops::undelete::{Undeleted, Wanted, undelete};
use crate::render;

/// List what was deleted and is still in the file: in the history, in copies of old values, in free pages
#[derive(Debug, clap::Args)]
#[command(after_help = "\
To get the objects: kinescope extract PATH --deleted SELECTOR
  kinescope undelete state.db cm -n shop
  kinescope extract state.db --deleted cm/settings -n shop | kubectl apply -f -")]
pub struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// Which objects and keys.
    #[arg(
        value_name = "SELECTOR",
        help = "KIND[.GROUP][/NAME], a key, or a prefix of keys that ends with a slash; without one everything"
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
    /// Only what the store's own rows say; do not search free pages and bytes
    #[arg(long)]
    rows_only: bool,
    #[command(flatten)]
    release: ReleaseArg,
    #[command(flatten)]
    keyring: KeyringArgs,
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let source = args.source.open(ui)?;
    let keyring = args.keyring.keyring(&source, ui)?;
    let found = undelete(&source, Wanted { rows_only: args.rows_only });
    for note in &found.notes {
        ui.note(note);
    }
    let history = &found.history;
    let objects = Objects::new(history, &keyring, args.release.kubernetes_version, history.current_revision());
    let wanted = wanted(args, &objects, &found, ui)?;
    let chosen: Vec<_> = found.deleted.iter().filter(|deleted| wanted.contains(&deleted.key)).collect();
    if !ui.json() && !chosen.is_empty() {
        ui.line(render::deleted_header())?;
    }
    for deleted in &chosen {
        if ui.json() {
            ui.line(render::deleted_json(&objects, deleted))?;
        } else {
            ui.line(render::deleted_text(&objects, deleted))?;
        }
    }
    if chosen.is_empty() {
        ui.note("nothing of that was deleted and is still in the file");
    }
    close(&source, if chosen.is_empty() { Outcome::Found } else { Outcome::Done }, ui)
}

/// The deleted keys that the arguments mean.
fn wanted(args: &Args, objects: &Objects<'_>, found: &Undeleted, ui: &Ui) -> Result<BTreeSet<KeyId>, Failure> {
    let labels = labels(args.selector.as_deref())?;
    let namespace = args.namespace.as_deref();
    let keys = objects.history().keys();
    let all = || found.deleted.iter().map(|deleted| deleted.key);
    let in_namespace =
        |key: &KeyId| namespace.is_none() || objects.object(*key).is_some_and(|id| id.namespace == namespace);
    let mut wanted = BTreeSet::new();
    let mut add = |selected: crate::ops::objects::Found<'_>| {
        for error in &selected.unread {
            ui.note(error);
        }
        wanted.extend(selected.live.iter().map(|change| change.key));
    };
    if args.selectors.is_empty() {
        add(objects.among(all().filter(in_namespace), &labels));
    }
    for text in &args.selectors {
        match Selection::parse(text, objects.registry()).map_err(|error| Failure::Usage(error.to_string()))? {
            Selection::Key(key) => add(objects.among(keys.find(key.as_bytes()).into_iter(), &labels)),
            Selection::KeyPrefix(prefix) => add(objects.among(keys.with_prefix(prefix.as_bytes()), &labels)),
            Selection::Objects { resources, name } => {
                for resource in resources {
                    add(objects.select(resource, namespace, name, &labels));
                }
            }
        }
    }
    Ok(wanted)
}
