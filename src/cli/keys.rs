//! The arguments that open encrypted values.

use std::path::PathBuf;

use super::exit::Failure;
use super::ui::Ui;
use crate::ops::keyring::{Given, Keyring};
use crate::ops::store::OpenStore;

/// What opens encrypted values.
#[derive(clap::Args)]
#[command(next_help_heading = "Encrypted values")]
pub struct KeyringArgs {
    /// The apiserver's EncryptionConfiguration
    #[arg(long, value_name = "FILE")]
    encryption_config: Option<PathBuf>,
    #[command(flatten)]
    token: TokenArgs,
    /// What the KMS unwraps for a provider: the seed of KMS v2 or the data key, as 64 hexadecimal digits, or @ and a file
    /// with them; may be given several times
    #[arg(long, value_name = "PROVIDER=HEX")]
    kms_seed: Vec<String>,
}

/// k3s's server token.
#[derive(clap::Args)]
pub struct TokenArgs {
    /// k3s's server token, which opens the bootstrap data in the store and the keys inside
    #[arg(long, value_name = "T", conflicts_with = "token_file")]
    token: Option<String>,
    /// A file with the token, like /var/lib/rancher/k3s/server/token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl TokenArgs {
    /// What was given.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn given(&self) -> Result<Given, Failure> {
        Ok(Given::new(None, self.token.as_deref(), self.token_file.as_deref(), &[])?)
    }
}

impl KeyringArgs {
    /// What was given.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn given(&self) -> Result<Given, Failure> {
        Ok(Given::new(
            self.encryption_config.as_deref(),
            self.token.token.as_deref(),
            self.token.token_file.as_deref(),
            &self.kms_seed,
        )?)
    }

    /// The options as they stand on a command line, without what is secret.
    pub fn shown(&self) -> String {
        let mut out = String::new();
        let file = |path: &PathBuf| crate::tui::shell_word(&path.to_string_lossy());
        if let Some(path) = &self.encryption_config {
            out.push_str(&format!(" --encryption-config {}", file(path)));
        }
        match (&self.token.token, &self.token.token_file) {
            (Some(_), _) => out.push_str(" --token T"),
            (None, Some(path)) => out.push_str(&format!(" --token-file {}", file(path))),
            (None, None) => {}
        }
        if !self.kms_seed.is_empty() {
            out.push_str(" --kms-seed PROVIDER=HEX");
        }
        out
    }

    /// The keys for a store, and says what is worth knowing about them.
    ///
    /// # Errors
    /// What was given cannot be read, or does not fit the store.
    pub fn keyring(&self, source: &OpenStore, ui: &Ui) -> Result<Keyring, Failure> {
        let (keyring, notes) = self.given()?.keyring(source)?;
        for note in notes {
            ui.note(note);
        }
        Ok(keyring)
    }
}

impl std::fmt::Debug for KeyringArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyringArgs").field("encryption_config", &self.encryption_config).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for TokenArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenArgs").field("token_file", &self.token_file).finish_non_exhaustive()
    }
}
