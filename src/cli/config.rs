//! `kinescope config`

use super::exit::{Failure, Outcome};
use super::ui::Ui;
use crate::tui::config::Config;

/// Print the settings of the terminal UI as they are in force, in the form in which they are read
#[derive(Debug, clap::Args)]
#[command(after_help = "\
They are read from $XDG_CONFIG_HOME/kinescope/config.yaml, or ~/.config/kinescope/config.yaml. Nothing is written there:
  kinescope config > ~/.config/kinescope/config.yaml    begins with what is in force")]
pub struct Args {}

/// # Errors
/// [`Failure`].
pub fn run(_: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let config = super::tui::settings()?;
    if let Some(path) = Config::path() {
        let is_there = if path.exists() { "" } else { ", which is not there: these are the program's own" };
        ui.note(format!("settings are read from {}{is_there}", path.display()));
    }
    if ui.json() {
        ui.line(config.json())?;
    } else {
        for line in config.yaml().lines() {
            ui.line(line)?;
        }
    }
    Ok(Outcome::Done)
}
