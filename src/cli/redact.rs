//! `kinescope redact`

use std::path::{Path, PathBuf};

use super::convert::{To, owner};
use super::exit::{Failure, Outcome};
use super::keys::KeyringArgs;
use super::progress::Progress;
use super::source::{ChoiceArgs, open_and_hash};
use super::ui::Ui;
use crate::ops::convert::Phase;
use crate::ops::redact::Redact;
use crate::render;

/// Write a store that can be shared: every secret value is replaced by noise of the same length
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kinescope redact state.db to-share.db --token-file token   encrypted values too; plain in the result
  kinescope redact snapshot to-share.snapshot
  kinescope redact state.db to-share.snapshot --to etcd-snapshot --check

Equal secrets are replaced by equal noise, so that what belongs together can be seen; the next run has other noise. The
result is searched for every secret of the source before it gets its name. Exit codes: 0 done; 1 done, and what could not
be opened is noise as a whole, and listed; 2 nothing written.")]
pub struct Args {
    /// The store to read
    #[arg(value_name = "SRC")]
    source: PathBuf,
    /// The file or directory to write
    #[arg(value_name = "DST")]
    target: PathBuf,
    /// What to write; else what SRC is
    #[arg(long, value_name = "TARGET")]
    to: Option<To>,
    /// Do all of it into a temporary target, compare it, and remove it
    #[arg(long)]
    check: bool,
    /// Overwrite a target that exists
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    choice: ChoiceArgs,
    #[command(flatten)]
    keyring: KeyringArgs,
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
    let keyring = args.keyring.keyring(&source, ui)?;
    let progress = Progress::new(ui)?;
    let redact = Redact {
        source: &source,
        keyring: &keyring,
        target: &args.target,
        to: args.to.map(To::target),
        check_only: args.check,
        force: args.force,
    };
    let redacted = redact.run(&mut |phase, done, total| {
        let what = match phase {
            Phase::Writing => "writing",
            Phase::Checking => "checking",
        };
        progress.step(what, done, total)
    });
    progress.done();
    let redacted = redacted?;
    if ui.json() {
        ui.line(render::redact_json(&redacted))?;
    } else {
        for line in render::redact_text(&redacted, owner().as_deref()) {
            ui.line(line)?;
        }
    }
    Ok(if redacted.noise.is_empty() { Outcome::Done } else { Outcome::Found })
}
