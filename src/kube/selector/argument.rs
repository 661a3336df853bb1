//! One argument of the command line that says which objects are meant.

use crate::kube::resources::{FindError, Registry, Resource};

/// What an argument selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection<'a> {
    /// One key, as it stands in the store.
    Key(&'a str),
    /// All keys that begin so; it ends with a slash.
    KeyPrefix(&'a str),
    /// Objects of these resources, all of them or the one of this name. Several resources: a category like `all`, or
    /// kinds with commas between them.
    Objects {
        /// The resources, in the order in which kubectl prints them.
        resources: Vec<&'a Resource>,
        /// The name, if the argument has one.
        name: Option<&'a str>,
    },
}

/// Why an argument selects nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// The kind is not known.
    #[error(transparent)]
    Kind(#[from] FindError),
    /// Something is missing.
    #[error("{argument:?}: {why}; a selector is KIND[.GROUP][/NAME], or a key that begins with a slash")]
    Incomplete {
        /// The argument.
        argument: String,
        /// What is missing.
        why: &'static str,
    },
}

impl<'a> Selection<'a> {
    /// Reads `KIND[.GROUP][/NAME]`, `KIND,KIND`, a category, or a key or prefix of keys, which begin with a slash.
    ///
    /// # Errors
    /// [`ArgumentError`], for kinds with what may have been meant.
    pub fn parse(argument: &'a str, registry: &'a Registry) -> Result<Self, ArgumentError> {
        if argument.starts_with('/') {
            return Ok(match argument.ends_with('/') {
                true => Self::KeyPrefix(argument),
                false => Self::Key(argument),
            });
        }
        let incomplete = |why| ArgumentError::Incomplete { argument: argument.to_owned(), why };
        let (kinds, name) = match argument.split_once('/') {
            Some((_, "")) => return Err(incomplete("the name is missing")),
            Some((_, name)) if name.contains('/') => return Err(incomplete("a name has no slash")),
            Some((kinds, name)) => (kinds, Some(name)),
            None => (argument, None),
        };
        if kinds.is_empty() {
            return Err(incomplete("the kind is missing"));
        }
        let mut resources: Vec<&Resource> = Vec::new();
        for kind in kinds.split(',') {
            for resource in named(kind, registry)? {
                if !resources.contains(&resource) {
                    resources.push(resource);
                }
            }
        }
        if name.is_some() && resources.len() > 1 {
            return Err(incomplete("a name goes with one kind"));
        }
        Ok(Self::Objects { resources, name })
    }
}

/// A resource, or all those of a category.
fn named<'a>(kind: &str, registry: &'a Registry) -> Result<Vec<&'a Resource>, FindError> {
    match registry.find(kind) {
        Ok(resource) => Ok(vec![resource]),
        Err(error) => {
            let category: Vec<&Resource> = registry.resources().iter().filter(|one| one.is_in(kind)).collect();
            if category.is_empty() { Err(error) } else { Ok(category) }
        }
    }
}
