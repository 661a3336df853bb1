//! `kinescope convert`

use std::path::PathBuf;

use clap::ValueEnum;

use super::exit::{Failure, Outcome};
use super::keys::KeyringArgs;
use super::moment::AtArg;
use super::progress::Progress;
use super::release::ReleaseArg;
use super::source::{ChoiceArgs, open_and_hash};
use super::target::{To, owner, refuse_stdout};
use super::ui::Ui;
use crate::etcd::EtcdVersion;
use crate::model::History;
use crate::ops::adapt::{self, Adapt, Found, Remedy};
use crate::ops::convert::{self, Convert, Options, Target};
use crate::ops::store::OpenStore;
use crate::render;

/// Convert a datastore: kine to etcd, etcd to kine, or either to itself, with history, revisions and leases
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The store to read
    #[arg(value_name = "SRC")]
    source: PathBuf,
    /// The file or directory to write
    #[arg(value_name = "DST")]
    target: PathBuf,
    /// What to write
    #[arg(long, value_name = "TARGET")]
    to: To,
    /// Do all of it into a temporary target, compare it, and remove it
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    at: AtArg,
    /// Only what is live: no superseded changes, no tombstones
    #[arg(long)]
    no_history: bool,
    /// Whether changes keep their revisions, or get one each where several share one
    #[arg(long, value_name = "HOW", default_value = "keep")]
    revisions: Revisions,
    /// Move the current revision up by this much
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(0..))]
    bump: i64,
    /// Mark the file for this etcd; without it, it starts in 3.5, 3.6 and 3.7
    #[arg(long, value_name = "VERSION")]
    etcd_version: Option<Version>,
    /// The member's name, for etcd-dir
    #[arg(long, value_name = "NAME", default_value = "default")]
    name: String,
    /// The member's peer URL, for etcd-dir; may be given several times
    #[arg(long, value_name = "URL", default_value = "http://localhost:2380")]
    peer_url: Vec<String>,
    /// With --to kine: take out what still says etcd, as new revisions; without it, it is listed
    #[arg(long)]
    adapt: bool,
    /// With --adapt: this server stays, and Nodes of all other servers go; may be given several times
    #[arg(long, value_name = "NAME", requires = "adapt")]
    keep_node: Vec<String>,
    /// With --adapt: the server moves to another machine, so that its node password goes
    #[arg(long, requires = "adapt")]
    new_host: bool,
    /// Overwrite a target that exists
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    release: ReleaseArg,
    #[command(flatten)]
    choice: ChoiceArgs,
    #[command(flatten)]
    keyring: KeyringArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Revisions {
    Keep,
    Renumber,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Version {
    #[value(name = "3.5")]
    V3_5,
    #[value(name = "3.6")]
    V3_6,
    #[value(name = "3.7")]
    V3_7,
}

impl Args {
    fn options(&self, history: &History, ui: &Ui) -> Result<Options, Failure> {
        let etcd_version = self.etcd_version.map(|version| match version {
            Version::V3_5 => EtcdVersion::V3_5,
            Version::V3_6 => EtcdVersion::V3_6,
            Version::V3_7 => EtcdVersion::V3_7,
        });
        Ok(Options {
            at: self.at.revision(history, ui)?,
            history: !self.no_history,
            renumber: self.revisions == Revisions::Renumber,
            bump: self.bump,
            etcd_version,
            member_name: self.name.clone(),
            peer_urls: self.peer_url.clone(),
            prefixes: ui.json(),
            ..Options::plain(self.to.target())
        })
    }
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    refuse_stdout(&args.target)?;
    if args.adapt && args.to.target() != Target::Kine {
        return Err(Failure::Usage("--adapt goes with --to kine: only a server on SQLite has no etcd".to_owned()));
    }
    let source = open_and_hash(&args.source, &args.choice, ui)?;
    let mut options = args.options(source.store.history(), ui)?;
    let found = residue(args, &source, options.at, ui)?;
    if let (true, Some(found)) = (args.adapt, &found) {
        options.additions.clone_from(&found.changes);
    }
    let progress = Progress::new(ui)?;
    let job =
        Convert { source: &source, target: &args.target, options: &options, check_only: args.check, force: args.force };
    let report = convert::convert(&job, &mut |phase, done, total| progress.phase(phase, done, total));
    progress.done();
    let report = report?;
    if ui.json() {
        ui.line(render::convert_json(&report, found.as_ref()))?;
    } else {
        for line in render::convert_text(&report, found.as_ref(), owner().as_deref()) {
            ui.line(line)?;
        }
    }
    let is_left = |found: Found| found.residue.iter().any(|residue| matches!(residue.remedy, Remedy::None(_)));
    Ok(if args.adapt && found.is_some_and(is_left) { Outcome::Found } else { Outcome::Done })
}

/// What still says etcd; nothing where the target is etcd.
fn residue(args: &Args, source: &OpenStore, at: Option<i64>, ui: &Ui) -> Result<Option<Found>, Failure> {
    let keyring = args.keyring.keyring(source, ui)?;
    if args.to != To::Kine {
        return Ok(None);
    }
    let history = source.store.history();
    let adapt = Adapt { keep_nodes: args.keep_node.clone(), new_host: args.new_host };
    let revision = at.unwrap_or(history.current_revision());
    let found = adapt::find(history, &keyring, &adapt, args.release.kubernetes_version, revision);
    found.map(Some).map_err(|error| Failure::Usage(error.to_string()))
}
