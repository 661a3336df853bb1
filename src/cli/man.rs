//! `kinescope man`

use clap::CommandFactory;

use super::exit::{Failure, Outcome};
use super::ui::Ui;

/// Print a manual page: of kinescope, or of one of its commands
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The command
    command: Option<String>,
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let mut whole = super::Cli::command();
    whole.build();
    let page = match &args.command {
        None => whole,
        Some(name) => {
            let found = whole.find_subcommand(name).cloned();
            found.ok_or_else(|| Failure::Usage(format!("{name}: no such command; kinescope help lists them")))?
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text)?;
    ui.raw(&text)?;
    Ok(Outcome::Done)
}
