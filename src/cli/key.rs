//! The arguments that name one key.

use super::exit::Failure;

/// Which key.
#[derive(Debug, clap::Args)]
pub struct KeyArgs {
    /// The key, as it is stored: /registry/...
    #[arg(value_name = "KEY", required_unless_present = "raw_key")]
    key: Option<String>,
    /// A key that does not begin with a slash
    #[arg(long = "key", value_name = "KEY", conflicts_with = "key")]
    raw_key: Option<String>,
}

impl KeyArgs {
    /// The key as it is stored.
    ///
    /// # Errors
    /// [`Failure::Usage`] for an argument that is no raw key.
    pub fn name(&self) -> Result<&str, Failure> {
        match (self.key.as_deref(), self.raw_key.as_deref()) {
            (_, Some(raw)) => Ok(raw),
            (Some(key), None) if key.starts_with('/') => Ok(key),
            (Some(key), None) => Err(Failure::Usage(format!(
                "{key}: a raw key begins with a slash; one that does not is given with --key {key}"
            ))),
            (None, None) => Err(Failure::Usage("which key?".to_owned())),
        }
    }
}
