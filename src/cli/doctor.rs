//! `kinescope doctor`

use std::path::PathBuf;

use super::exit::{Failure, Outcome};
use super::keys::TokenArgs;
use super::ui::Ui;
use super::{now, verify};
use crate::ops::doctor::{self, Asked};
use crate::render;

/// Say what k3s will do with this server directory at its next start, what stands in its way, and what puts it right
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Nothing is changed, and no command is run: they are printed for you to read.
Exit codes: 0 k3s would start with everything; 3 with loss; 1 it would not start, or not with this data.")]
pub struct Args {
    /// k3s's server directory, as /var/lib/rancher/k3s/server, or the db directory in it
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// k3s's configuration; without it /etc/rancher/k3s/config.yaml, for /var/lib/rancher/k3s/server alone
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    token: TokenArgs,
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    let asked = Asked { config: args.config.clone(), token: args.token.given()?.token, now: now() };
    let found = doctor::examine(&args.dir, &asked)?;
    if ui.json() {
        ui.line(render::doctor_json(&found))?;
    } else {
        for line in render::doctor_text(&found) {
            ui.line(line)?;
        }
    }
    Ok(verify::outcome(found.verdict))
}
