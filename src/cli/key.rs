//! The arguments that name one key: as it is stored, or by the object under it.

use super::exit::Failure;
use crate::kube::selector::Selection;
use crate::model::{History, KeyId};
use crate::ops::keyring::Keyring;
use crate::ops::objects::Objects;

/// Which key.
#[derive(Debug, clap::Args)]
pub struct KeyArgs {
    /// KIND[.GROUP]/NAME with the names that kubectl knows, or a key as it is stored: /registry/...
    #[arg(value_name = "KIND/NAME", required_unless_present = "raw_key")]
    key: Option<String>,
    /// A key that does not begin with a slash
    #[arg(long = "key", value_name = "KEY", conflicts_with = "key")]
    raw_key: Option<String>,
    /// The object's namespace, where several have one of this name
    #[arg(long, short, value_name = "NS")]
    namespace: Option<String>,
}

impl KeyArgs {
    /// As if it stood on the command line.
    pub fn named(key: String, namespace: Option<String>) -> Self {
        Self { key: Some(key), raw_key: None, namespace }
    }

    /// What was asked for, and the key of it as far as the history has one, live or dead.
    ///
    /// # Errors
    /// [`Failure::Usage`] for what names no single object.
    pub fn find(&self, history: &History) -> Result<(String, Option<KeyId>), Failure> {
        let raw = self.raw_key.as_deref().or(self.key.as_deref().filter(|key| key.starts_with('/')));
        if let Some(raw) = raw {
            return Ok((raw.to_owned(), history.keys().find(raw.as_bytes())));
        }
        let what = self.key.as_deref().unwrap_or_default();
        let keyring = Keyring::new();
        let objects = Objects::new(history, &keyring, None, history.current_revision());
        let selection =
            Selection::parse(what, objects.registry()).map_err(|error| Failure::Usage(error.to_string()))?;
        let (resource, name) = match selection {
            Selection::Objects { resources, name: Some(name) } => (resources.into_iter().next(), name),
            _ => {
                return Err(Failure::Usage(format!(
                    "{what}: which one? Give KIND/NAME, or a key that begins with a slash"
                )));
            }
        };
        let Some(resource) = resource else { return Ok((what.to_owned(), None)) };
        let prefix = objects.registry().prefix(resource, self.namespace.as_deref()).into_bytes();
        let is_meant = |key: &KeyId| {
            objects.object(*key).is_some_and(|id| id.resource == resource && id.name == name)
                && !history.positions_of(*key).is_empty()
        };
        let found: Vec<KeyId> = history.keys().with_prefix(&prefix).filter(is_meant).collect();
        match found.as_slice() {
            [] => Ok((what.to_owned(), None)),
            [one] => Ok((String::from_utf8_lossy(history.keys().get(*one)).into_owned(), Some(*one))),
            several => {
                let namespaces = several.iter().filter_map(|key| objects.object(*key)?.namespace);
                let namespaces = namespaces.collect::<Vec<_>>().join(", ");
                Err(Failure::Usage(format!("{what} is in several namespaces: choose one of {namespaces} with -n")))
            }
        }
    }
}
