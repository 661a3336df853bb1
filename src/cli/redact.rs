//! `kinescope redact`

use std::path::PathBuf;

use super::exit::{Failure, Outcome};
use super::keys::KeyringArgs;
use super::progress::Progress;
use super::source::{ChoiceArgs, open_and_hash};
use super::target::{To, WriteArgs, owner, refuse_stdout};
use super::ui::Ui;
use crate::ops::redact::Redact;
use crate::render;

/// Write a store that can be shared: every secret value is replaced by noise of the same length
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kinescope redact state.db to-share.db --token-file token   encrypted values too; plain in the result
  kinescope redact snapshot to-share.snapshot
  kinescope redact state.db to-share.db --names     other names for objects and namespaces, too
  kinescope redact state.db to-share.snapshot --to etcd-snapshot --check

Equal secrets are replaced by equal noise, so that what belongs together can be seen; the next run has other noise. The
result is searched for every secret of the source before it gets its name. With --names it is searched for every name that was
replaced, too, and those that still stand somewhere are listed. Exit codes: 0 done; 1 done, and what could not be opened is
noise as a whole, or a name still stands somewhere, and both are listed; 2 nothing written.")]
pub struct Args {
    /// The store to read
    #[arg(value_name = "SRC")]
    source: PathBuf,
    /// The file or directory to write
    #[arg(value_name = "DST")]
    target: PathBuf,
    /// Give objects and namespaces other names, in keys, metadata, references and texts. Labels' keys, keys of ConfigMaps,
    /// base64, addresses, uids, and names that every cluster has stay
    #[arg(long)]
    names: bool,
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
    let source = open_and_hash(&args.source, &args.choice, ui)?;
    let keyring = args.keyring.keyring(&source, ui)?;
    let progress = Progress::new(ui)?;
    let redact = Redact {
        source: &source,
        keyring: &keyring,
        target: &args.target,
        to: args.write.to.map(To::target),
        names: args.names,
        check_only: args.write.check,
        force: args.write.force,
    };
    let redacted = redact.run(&mut |phase, done, total| progress.phase(phase, done, total));
    progress.done();
    let redacted = redacted?;
    if ui.json() {
        ui.line(render::redact_json(&redacted))?;
    } else {
        for line in render::redact_text(&redacted, owner().as_deref()) {
            ui.line(line)?;
        }
    }
    let remains = redacted.names.as_ref().is_some_and(|names| !names.remaining.is_empty());
    Ok(if redacted.noise.is_empty() && !remains { Outcome::Done } else { Outcome::Found })
}
