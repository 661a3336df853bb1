//! `kinescope PATH` and `kinescope tui PATH`

use std::io::IsTerminal;

use clap::ValueEnum;

use super::exit::{Failure, Outcome};
use super::keys::KeyringArgs;
use super::release::ReleaseArg;
use super::source::SourceArgs;
use super::ui::Ui;
use crate::tui::config::Config;
use crate::tui::worker::Opening;
use crate::tui::{self, Theme};

/// Browse a datastore in the terminal; the same as PATH alone
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// The background of the terminal; dark unless the settings say otherwise
    #[arg(long, value_name = "THEME")]
    theme: Option<Background>,
    #[command(flatten)]
    release: ReleaseArg,
    #[command(flatten)]
    keyring: KeyringArgs,
}

/// The values of `--theme`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Background {
    Dark,
    Light,
    /// No colours
    None,
}

/// The user's settings.
pub(super) fn settings() -> Result<Config, Failure> {
    let Some(path) = Config::path() else { return Ok(Config::default()) };
    Config::read(&path).map_err(|error| Failure::Usage(error.to_string()))
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let path = &args.source.path;
    let shown = tui::shell_word(&path.to_string_lossy());
    if !std::io::stdout().is_terminal() {
        return Err(Failure::Usage(format!(
            "the terminal UI needs a terminal on standard output; `kinescope info {shown}` prints what this file is"
        )));
    }
    let config = settings()?;
    let theme = match (args.theme, config.theme.as_str()) {
        _ if !ui.may_colour() => Theme::Plain,
        (Some(Background::Light), _) | (None, "light") => Theme::Light,
        (Some(Background::None), _) | (None, "none") => Theme::Plain,
        (Some(Background::Dark) | None, _) => Theme::Dark,
    };
    let (tell_watch, watch) = std::sync::mpsc::channel();
    let opening = Opening {
        path: path.clone(),
        name: path.to_string_lossy().into_owned(),
        choice: args.source.choice.choice(),
        given: std::sync::Arc::new(args.keyring.given()?),
        minor: args.release.kubernetes_version,
        opened: tell_watch,
    };
    let path = path.to_string_lossy().into_owned();
    let store = args.source.choice.choice().store;
    let start = tui::state::Start { path, options: args.keyring.shown(), store, config };
    tui::run(opening, start, theme)?;
    // Whoever left before the store was open has seen nothing of it.
    for watch in watch.try_iter() {
        watch.check()?;
    }
    Ok(Outcome::Done)
}
