//! `kinescope put`

use std::path::{Path, PathBuf};

use super::exit::{Failure, Outcome};
use super::keys::KeyringArgs;
use super::progress::Progress;
use super::release::ReleaseArg;
use super::source::{ChoiceArgs, open_and_hash};
use super::target::{To, WriteArgs, owner, refuse_stdout};
use super::ui::Ui;
use crate::ops::put::{Manifests, Put};
use crate::render;

/// Write a store in which objects of manifests are new revisions, and others are deleted; for experts
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Nothing validates, defaults or admits what is put, as an API server would.

Examples:
  kinescope put state.db new.db coredns.yaml                  put back what broke the cluster
  kinescope put state.db new.db - --delete validatingwebhookconfigurations/broken <fix.yaml
  kinescope put snapshot new.snapshot secret.yaml -n shop --token-file token
  kinescope put state.db new.db app.yaml --check              say what would be put, and write nothing")]
pub struct Args {
    /// The store to read
    #[arg(value_name = "SRC")]
    source: PathBuf,
    /// The file or directory to write
    #[arg(value_name = "DST")]
    target: PathBuf,
    /// Manifests, YAML or JSON, as kubectl reads them; - for standard input
    #[arg(value_name = "FILE", required_unless_present = "delete")]
    files: Vec<PathBuf>,
    /// Delete this object, or a key that begins with a slash; may be given several times
    #[arg(long, value_name = "KIND/NAME")]
    delete: Vec<String>,
    /// The namespace of objects that name none, and of what --delete names; else it is default
    #[arg(long, short, value_name = "NS")]
    namespace: Option<String>,
    #[command(flatten)]
    write: WriteArgs,
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
    let stdin = Path::new("-");
    refuse_stdout(&args.target)?;
    let from_stdin = args.files.iter().chain([&args.source]).filter(|path| *path == stdin).count();
    if from_stdin > 1 {
        return Err(Failure::Usage("standard input can be named only once".to_owned()));
    }
    let manifests = Manifests::read(&args.files)?;
    let source = open_and_hash(&args.source, &args.choice, ui)?;
    let keyring = args.keyring.keyring(&source, ui)?;
    let progress = Progress::new(ui)?;
    let put = Put {
        source: &source,
        keyring: &keyring,
        target: &args.target,
        to: args.write.to.map(To::target),
        manifests,
        delete: &args.delete,
        namespace: args.namespace.as_deref(),
        minor: args.release.kubernetes_version,
        check_only: args.write.check,
        force: args.write.force,
        now: jiff::Timestamp::now(),
    };
    let done = put.run(&mut |phase, done, total| progress.phase(phase, done, total));
    progress.done();
    let done = done?;
    if ui.json() {
        ui.line(render::put_json(&done))?;
    } else {
        for line in render::put_text(&done, owner().as_deref()) {
            ui.line(line)?;
        }
    }
    Ok(Outcome::Done)
}
