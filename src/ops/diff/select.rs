//! Which keys are compared.

use crate::kube::resources::{Identity, Registry, Resource, Special};
use crate::kube::selector::{ArgumentError, LabelSelector, Selection};

/// What is compared.
#[derive(Debug, Default)]
pub struct Scope {
    /// `KIND[.GROUP][/NAME]`, keys, and prefixes of keys that end with a slash; none for everything.
    pub selectors: Vec<String>,
    /// Only objects of this namespace.
    pub namespace: Option<String>,
    /// Only objects with these labels, in one of the two states.
    pub labels: LabelSelector,
    /// Every key and every byte.
    pub all: bool,
}

/// One selector, free of the registry that it was read with: the two stores may not have the same resources.
#[derive(Debug)]
enum Wanted {
    Key(Vec<u8>),
    Prefix(Vec<u8>),
    Objects { resources: Vec<(String, String)>, name: Option<String> },
}

/// A scope, read.
#[derive(Debug)]
pub struct Selector {
    wanted: Vec<Wanted>,
    namespace: Option<String>,
    all: bool,
}

impl Selector {
    /// Reads a scope; a kind may be known to any of the registries.
    ///
    /// # Errors
    /// A selector that none of them understands.
    pub fn new(scope: &Scope, registries: &[&Registry]) -> Result<Self, ArgumentError> {
        let wanted = scope.selectors.iter().map(|text| wanted(text, registries)).collect::<Result<_, _>>()?;
        Ok(Self { wanted, namespace: scope.namespace.clone(), all: scope.all })
    }

    /// Whether a key is meant.
    pub fn means(&self, key: &[u8], identity: &Identity<'_>) -> bool {
        if let Some(wanted) = self.namespace.as_deref() {
            let namespace = match identity {
                Identity::Object(id) => id.namespace,
                Identity::Unlisted { rest, .. } => rest.split_once('/').map(|(namespace, _)| namespace),
                _ => None,
            };
            if namespace != Some(wanted) {
                return false;
            }
        }
        if self.wanted.is_empty() {
            return match identity {
                Identity::Object(_) | Identity::Unlisted { .. } => true,
                Identity::Special(Special::Gap) => false,
                Identity::Special(_) | Identity::Foreign => self.all,
            };
        }
        self.wanted.iter().any(|wanted| wanted.means(key, identity))
    }
}

impl Wanted {
    fn means(&self, key: &[u8], identity: &Identity<'_>) -> bool {
        match (self, identity) {
            (Self::Key(wanted), _) => wanted == key,
            (Self::Prefix(prefix), _) => key.starts_with(prefix),
            (Self::Objects { resources, name }, Identity::Object(id)) => {
                let is =
                    |(group, plural): &(String, String)| *group == id.resource.group && *plural == id.resource.plural;
                resources.iter().any(is) && name.as_deref().is_none_or(|name| name == id.name)
            }
            (Self::Objects { .. }, _) => false,
        }
    }
}

/// Resources by group and plural, and the name.
type Merged = (Vec<(String, String)>, Option<String>);

fn wanted(text: &str, registries: &[&Registry]) -> Result<Wanted, ArgumentError> {
    let mut first_error = None;
    let mut merged: Option<Merged> = None;
    for registry in registries {
        match Selection::parse(text, registry) {
            Ok(Selection::Key(key)) => return Ok(Wanted::Key(key.as_bytes().to_vec())),
            Ok(Selection::KeyPrefix(prefix)) => return Ok(Wanted::Prefix(prefix.as_bytes().to_vec())),
            Ok(Selection::Objects { resources, name }) => {
                let names = resources.into_iter().map(full_name);
                let (all, _) = merged.get_or_insert_with(|| (Vec::new(), name.map(str::to_owned)));
                all.extend(names);
            }
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    match (merged, first_error) {
        (Some((resources, name)), _) => Ok(Wanted::Objects { resources, name }),
        (None, Some(error)) => Err(error),
        (None, None) => Ok(Wanted::Objects { resources: Vec::new(), name: None }),
    }
}

fn full_name(resource: &Resource) -> (String, String) {
    (resource.group.clone().into_owned(), resource.plural.clone().into_owned())
}
