//! What is lost, for both engines.

use super::Object;
use super::report::{HowLost, Lost, Unproven};
use crate::kube::resources::{Identity, Registry};

/// What is lost, and what may be older than it looks.
#[derive(Default)]
pub(super) struct Losses {
    pub lost: Vec<Lost>,
    pub unproven: Vec<Unproven>,
}

impl Losses {
    /// Takes those of other keys.
    pub fn append(&mut self, others: &mut Self) {
        self.lost.append(&mut others.lost);
        self.unproven.append(&mut others.unproven);
    }
}

/// A row whose key is lost too.
pub(super) fn nameless(revision: i64, how: HowLost) -> Lost {
    Lost { key: None, object: None, revision, how, newest: true, last_good_revision: None, used: false }
}

/// What a key is.
pub(super) fn object(registry: &Registry, name: &[u8]) -> Option<Object> {
    match registry.identify(name) {
        Identity::Object(object) => Some(Object {
            kind: object.resource.kind_name(),
            namespace: object.namespace.map(str::to_owned),
            name: object.name.to_owned(),
        }),
        Identity::Unlisted { group, plural, rest } => {
            let kind = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
            Some(Object { kind, namespace: None, name: rest.to_owned() })
        }
        _ => None,
    }
}
