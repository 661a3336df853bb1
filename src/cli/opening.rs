//! How stores are opened, in every command that takes several of them.

use super::keys::KeyringArgs;
use super::release::ReleaseArg;
use super::source::ChoiceArgs;

/// Which store at a path, what its objects are encoded as, and what opens encrypted ones.
#[derive(Debug, clap::Args)]
pub struct OpeningArgs {
    #[command(flatten)]
    pub choice: ChoiceArgs,
    #[command(flatten)]
    pub release: ReleaseArg,
    #[command(flatten)]
    pub keyring: KeyringArgs,
}
