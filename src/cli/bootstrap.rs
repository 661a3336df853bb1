//! `kinescope bootstrap`

use std::path::PathBuf;

use super::exit::{Failure, Outcome};
use super::keys::TokenArgs;
use super::progress::Progress;
use super::source::{SourceArgs, close};
use super::ui::Ui;
use crate::ops::bootstrap::{self, Extracted, Retoken, Retokened};
use crate::ops::keyring::Given;
use crate::ops::store::OpenStore;
use crate::render::{self, BootstrapReport};

/// Show k3s's bootstrap data: whether a token fits, and the certificates and keys that it opens
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    token: TokenArgs,
    /// Write the files into this directory, under the names that k3s has them by below server/
    #[arg(long, value_name = "DIR")]
    extract: Option<PathBuf>,
    /// With --extract: private keys, passwords and the encryption configuration too
    #[arg(long, requires = "extract")]
    reveal: bool,
    /// A file with another token, for which -o writes a store
    #[arg(long, value_name = "FILE", requires = "output")]
    new_token_file: Option<PathBuf>,
    /// Write a store of the same engine here, with the bootstrap data under the new token
    #[arg(long, short, value_name = "DST", requires = "new_token_file")]
    output: Option<PathBuf>,
    /// Overwrite a target that exists
    #[arg(long)]
    force: bool,
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let given = args.token.given()?;
    let writes = args.extract.is_some() || args.output.is_some();
    if writes && given.token.is_none() {
        return Err(Failure::Usage("--extract and -o need the token: give --token or --token-file".to_owned()));
    }
    let source = args.source.open_and_hash(ui)?;
    let now = super::now();
    let found = bootstrap::inspect(source.store.history(), given.token.as_ref(), now)?;
    let extracted = extract(args, &source, &given, &found)?;
    let retokened = retoken(args, &source, &given, now, ui)?;
    let report = BootstrapReport {
        source: &source.name,
        bootstrap: &found,
        extracted: extracted.as_ref(),
        retokened: retokened.as_ref(),
    };
    if ui.json() {
        ui.line(render::bootstrap_json(&report))?;
    } else {
        for line in render::bootstrap_text(&report) {
            ui.line(line)?;
        }
    }
    let left_out = extracted.is_some_and(|extracted| !extracted.left_out.is_empty());
    let outcome = if found.fits == Some(false) || left_out { Outcome::Found } else { Outcome::Done };
    close(&source, outcome, ui)
}

fn extract(
    args: &Args,
    source: &OpenStore,
    given: &Given,
    found: &bootstrap::Bootstrap,
) -> Result<Option<Extracted>, Failure> {
    let Some(directory) = &args.extract else { return Ok(None) };
    let Some(inside) = &found.inside else { return Err(bootstrap::nothing_opened(source, given).into()) };
    Ok(Some(bootstrap::extract(&inside.blob, directory, args.reveal, args.force, &source.watch)?))
}

fn retoken(args: &Args, source: &OpenStore, given: &Given, now: i64, ui: &Ui) -> Result<Option<Retokened>, Failure> {
    let (Some(path), Some(target), Some(token)) = (&args.new_token_file, &args.output, &given.token) else {
        return Ok(None);
    };
    let new_token = bootstrap::token_from(path)?;
    let progress = Progress::new(ui)?;
    let job = Retoken { source, token, new_token: (&new_token, path), target, force: args.force, now };
    let made = job.run(&mut |phase, done, total| progress.phase(phase, done, total));
    progress.done();
    Ok(Some(made?))
}
