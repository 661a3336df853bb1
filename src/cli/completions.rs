//! `kinescope completions`

use clap::CommandFactory;

use super::exit::{Failure, Outcome};
use super::ui::Ui;

/// Print completions for a shell
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "kinescope", &mut script);
    ui.raw(&script)?;
    Ok(Outcome::Done)
}
