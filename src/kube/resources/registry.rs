//! All resources of one store.

use std::collections::HashMap;

use serde_json::Value;

use super::{CrdError, Resource, builtin};

/// Where Kubernetes keeps its objects unless `--etcd-prefix` says otherwise (k3s never does).
pub const DEFAULT_ROOT: &str = "/registry";

/// All resources of one store: the built-in ones and those that its CustomResourceDefinitions define.
#[derive(Clone, Debug)]
pub struct Registry {
    root: String,
    resources: Vec<Resource>,
    by_prefix: HashMap<String, usize>,
    unreadable: Vec<CrdError>,
}

impl Registry {
    /// The built-in resources and those of the given CustomResourceDefinitions, with keys below [`DEFAULT_ROOT`].
    pub fn new<'a>(crds: impl IntoIterator<Item = &'a Value>) -> Self {
        Self::with_root(DEFAULT_ROOT, crds)
    }

    /// The same for a store whose keys begin with `root`; a slash at its end does not matter.
    pub fn with_root<'a>(root: &str, crds: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut resources: Vec<Resource> = builtin::resources().collect();
        let built_in = resources.len();
        let mut unreadable = Vec::new();
        for crd in crds {
            match Resource::from_crd(crd) {
                Ok(resource) => resources.push(resource),
                Err(error) => unreadable.push(error),
            }
        }
        // The order of the store must not decide what a name means.
        if let Some(custom) = resources.get_mut(built_in..) {
            custom.sort_by(|left, right| (&left.group, &left.plural).cmp(&(&right.group, &right.plural)));
        }
        let mut by_prefix = HashMap::new();
        for (at, resource) in resources.iter().enumerate() {
            by_prefix.entry(resource.prefix.clone().into_owned()).or_insert(at);
        }
        Self { root: root.trim_end_matches('/').to_owned(), resources, by_prefix, unreadable }
    }

    /// Where all keys begin, without a slash at the end.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// All resources: built-in ones by the priority of their group, then custom ones by group and name.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// The definitions that could not be used.
    pub fn unreadable(&self) -> &[CrdError] {
        &self.unreadable
    }

    /// The resource of an object by the group and kind that it carries. Groups whose objects are kept under another one
    /// (`extensions`, `events.k8s.io`) count as that one.
    pub fn of_kind(&self, group: &str, kind: &str) -> Option<&Resource> {
        let exact = self.resources.iter().find(|resource| resource.group == group && resource.kind == kind);
        exact.or_else(|| {
            self.resources.iter().find(|resource| {
                resource.kind == kind
                    && builtin::COHABITING
                        .iter()
                        .any(|&(from, plural, to)| (from, plural, to) == (group, &*resource.plural, &*resource.group))
            })
        })
    }

    /// The resource of an object, by its `apiVersion` and `kind`.
    pub fn of_object(&self, object: &Value) -> Option<&Resource> {
        let api_version = object.get("apiVersion")?.as_str()?;
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        self.of_kind(group, object.get("kind")?.as_str()?)
    }

    /// The resource whose keys begin with this, below the root.
    pub(super) fn by_prefix(&self, prefix: &str) -> Option<&Resource> {
        self.by_prefix.get(prefix).and_then(|&at| self.resources.get(at))
    }
}
