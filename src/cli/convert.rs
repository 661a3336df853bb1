//! `kinescope convert`

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::exit::{Failure, Outcome};
use super::moment::AtArg;
use super::progress::Progress;
use super::source::{ChoiceArgs, open_and_hash};
use super::ui::Ui;
use crate::etcd::EtcdVersion;
use crate::model::History;
use crate::ops::convert::{self, Convert, Options, Phase, Target};
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
    /// Overwrite a target that exists
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    choice: ChoiceArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum To {
    /// kine's SQLite file
    Kine,
    /// A snapshot with its sha256, for `etcdutl snapshot restore` and k3s
    EtcdSnapshot,
    /// A data directory that etcd starts on
    EtcdDir,
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
        let to = match self.to {
            To::Kine => Target::Kine,
            To::EtcdSnapshot => Target::EtcdSnapshot,
            To::EtcdDir => Target::EtcdDir,
        };
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
            ..Options::plain(to)
        })
    }
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    if args.target == Path::new("-") {
        return Err(Failure::Usage(
            "a store cannot be written to standard output, because it could not be read back; name a file".to_owned(),
        ));
    }
    let source = open_and_hash(&args.source, &args.choice, ui)?;
    let options = args.options(source.store.history(), ui)?;
    let progress = Progress::new(ui)?;
    let job =
        Convert { source: &source, target: &args.target, options: &options, check_only: args.check, force: args.force };
    let report = convert::convert(&job, &mut |phase, done, total| {
        let what = match phase {
            Phase::Writing => "writing",
            Phase::Checking => "checking",
        };
        progress.step(what, done, total)
    });
    progress.done();
    let report = report?;
    if ui.json() {
        ui.line(render::convert_json(&report))?;
    } else {
        for line in render::convert_text(&report, owner().as_deref()) {
            ui.line(line)?;
        }
    }
    Ok(Outcome::Done)
}

/// Who owns what root writes is worth saying: k3s runs as root, and a file of another owner stops it.
pub(super) fn owner() -> Option<String> {
    rustix::process::geteuid().is_root().then(|| "root".to_owned())
}
