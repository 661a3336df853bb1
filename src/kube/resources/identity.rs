//! Keys and objects: which object a key is, and which key an object has.

use std::ops::Range;

use super::{Registry, Resource};

/// One object by the names that kubectl uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectId<'a> {
    /// What kind of object it is.
    pub resource: &'a Resource,
    /// Its namespace; none for objects of the whole cluster.
    pub namespace: Option<&'a str>,
    /// Its name.
    pub name: &'a str,
}

/// Keys that are no objects that kubectl can show, by what they are for.
///
/// Sources: kubernetes pkg/controlplane and pkg/registry/core/service (ranges, leases), k3s pkg/cluster/storage.go and
/// pkg/etcd/etcd.go (bootstrap, k3s/), kine pkg/logstructured/sqllog (compaction, gaps), kine pkg/server (health).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// `/bootstrap/HASH`: certificates and keys of the cluster, encrypted with the token.
    Bootstrap,
    /// `compact_rev_key`: the API server's or kine's mark of the last compaction.
    Compaction,
    /// `compact_rev_key_apiserver`: where newer kine keeps the API server's mark.
    CompactionApiserver,
    /// `gap-N`: kine's filler for a revision without a change.
    Gap,
    /// `ROOT/health`: kine's own check that it can write.
    Health,
    /// `ROOT/ranges/...`: which service addresses and node ports are taken.
    Allocation,
    /// `ROOT/masterleases/IP`: an API server that says it lives.
    ServerLease,
    /// `ROOT/peerserverleases/ID`: an API server that says where its peers reach it.
    PeerLease,
    /// `k3s/...`: notes of k3s' embedded etcd.
    EmbeddedEtcd,
}

/// What a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity<'a> {
    /// An object of a known resource.
    Object(ObjectId<'a>),
    /// Below the root and shaped like an object, but of no known resource: its definition is gone or the release is
    /// unknown.
    Unlisted {
        /// The group of a custom resource, empty if the key has none.
        group: &'a str,
        /// The resource's plural.
        plural: &'a str,
        /// What follows the plural: `[namespace/]name`. Without the definition nobody knows whether a slash in it ends
        /// a namespace.
        rest: &'a str,
    },
    /// A key of the machinery.
    Special(Special),
    /// Nothing that Kubernetes or k3s would write.
    Foreign,
}

impl<'a> Identity<'a> {
    /// The object, if it is one of a known resource.
    pub fn object(self) -> Option<ObjectId<'a>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }
}

impl Registry {
    /// What a key is.
    pub fn identify<'a>(&'a self, key: &'a [u8]) -> Identity<'a> {
        let Ok(key) = std::str::from_utf8(key) else { return Identity::Foreign };
        if let Some(special) = outside_the_root(key) {
            return Identity::Special(special);
        }
        let Some(below) = key.strip_prefix(self.root()).and_then(|rest| rest.strip_prefix('/')) else {
            return Identity::Foreign;
        };
        if let Some(special) = below_the_root(below) {
            return Identity::Special(special);
        }
        let Some((first, rest)) = below.split_once('/') else { return Identity::Foreign };
        // A prefix has one part or two; the longer one is the more precise.
        let two = rest.split_once('/').and_then(|(second, rest)| {
            let resource = self.by_prefix(below.get(..first.len() + 1 + second.len())?)?;
            Some((resource, rest))
        });
        let found = two.or_else(|| Some((self.by_prefix(first)?, rest)));
        match found.and_then(|(resource, rest)| object(resource, rest)) {
            Some(object) => Identity::Object(object),
            None => unlisted(first, rest),
        }
    }
}

/// The object that stands at `rest`, if that has the parts this resource needs.
fn object<'a>(resource: &'a Resource, rest: &'a str) -> Option<ObjectId<'a>> {
    let (namespace, name) = match resource.is_namespaced() {
        true => rest.split_once('/').map(|(namespace, name)| (Some(namespace), name))?,
        false => (None, rest),
    };
    let whole = !name.is_empty() && !name.contains('/') && namespace != Some("");
    whole.then_some(ObjectId { resource, namespace, name })
}

/// Custom resources have their group in the key, and a group has a dot.
fn unlisted<'a>(first: &'a str, rest: &'a str) -> Identity<'a> {
    match rest.split_once('/') {
        Some((plural, rest)) if first.contains('.') => Identity::Unlisted { group: first, plural, rest },
        _ => Identity::Unlisted { group: "", plural: first, rest },
    }
}

fn outside_the_root(key: &str) -> Option<Special> {
    Some(match key {
        "compact_rev_key" => Special::Compaction,
        "compact_rev_key_apiserver" => Special::CompactionApiserver,
        _ if key.starts_with("/bootstrap/") => Special::Bootstrap,
        _ if key.starts_with("k3s/") => Special::EmbeddedEtcd,
        _ if key.strip_prefix("gap-").is_some_and(is_number) => Special::Gap,
        _ => return None,
    })
}

fn below_the_root(below: &str) -> Option<Special> {
    Some(match below.split_once('/') {
        None if below == "health" => Special::Health,
        Some(("ranges", _)) => Special::Allocation,
        Some(("masterleases", _)) => Special::ServerLease,
        Some(("peerserverleases", _)) => Special::PeerLease,
        _ => return None,
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Registry {
    /// The key of an object. A namespace is ignored for resources that have none, and empty where one is missing.
    pub fn key(&self, resource: &Resource, namespace: Option<&str>, name: &str) -> String {
        let mut key = self.prefix(resource, None);
        if resource.is_namespaced() {
            key.push_str(namespace.unwrap_or_default());
            key.push('/');
        }
        key.push_str(name);
        key
    }

    /// Where the keys of a resource begin, in one namespace or in all; it ends with a slash.
    pub fn prefix(&self, resource: &Resource, namespace: Option<&str>) -> String {
        let mut prefix = format!("{}/{}/", self.root(), resource.prefix);
        if let (true, Some(namespace)) = (resource.is_namespaced(), namespace) {
            prefix.push_str(namespace);
            prefix.push('/');
        }
        prefix
    }

    /// The keys of a resource as a range in byte order, in one namespace or in all. Keys of another resource may lie in
    /// it (`services/` is no prefix of its own, but a custom group may be called like a resource): ask
    /// [`Registry::identify`].
    pub fn key_range(&self, resource: &Resource, namespace: Option<&str>) -> Range<Vec<u8>> {
        let start = self.prefix(resource, namespace).into_bytes();
        let mut end = start.clone();
        // The prefix ends with a slash, and nothing lies between it and the character after the slash.
        end.pop();
        end.push(b'/' + 1);
        start..end
    }
}
