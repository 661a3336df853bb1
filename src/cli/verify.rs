//! `kinescope verify`

use super::exit::{Failure, Outcome};
use super::keys::KeyringArgs;
use super::now;
use super::progress::Progress;
use super::source::SourceArgs;
use super::ui::Ui;
use crate::ops::finding::Verdict;
use crate::ops::verify::{self, Verification};
use crate::render;

/// Say whether a datastore can be restored: every check that the file allows, one verdict
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 0 restorable; 3 restorable with loss; 1 not restorable; 2 it could not be judged.
What is checked, and what each finding means: docs/verify.md")]
pub struct Args {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    keyring: KeyringArgs,
    /// Let the engine itself try a copy too: etcd, etcdutl and etcdctl, or kine and etcdctl, where they are in PATH
    #[arg(long)]
    engine: bool,
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let given = args.keyring.given()?;
    let source = match args.source.open_and_hash(ui) {
        Ok(source) => source,
        Err(Failure::Open(error)) => match verify::unopened(&error) {
            Some(found) => return tell(&args.source.path.display().to_string(), &found, ui),
            None => return Err(error.into()),
        },
        Err(other) => return Err(other),
    };
    let found = if args.engine {
        let progress = Progress::new(ui)?;
        let found = verify::verify_and_try(&source, &given, now(), &|| progress.step("engine", 0, 0));
        progress.done();
        found?
    } else {
        verify::verify(&source, &given, now())?
    };
    source.watch.check()?;
    tell(&source.name, &found, ui)
}

fn tell(source: &str, found: &Verification, ui: &mut Ui) -> Result<Outcome, Failure> {
    if ui.json() {
        ui.line(render::verify_json(source, found))?;
    } else {
        for line in render::verify_text(source, found) {
            ui.line(line)?;
        }
    }
    Ok(outcome(found.verdict))
}

/// How a command that gives a verdict ends.
pub(super) const fn outcome(verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Restorable => Outcome::Done,
        Verdict::WithLoss => Outcome::Damaged,
        Verdict::Not => Outcome::Found,
    }
}
