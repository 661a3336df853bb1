//! Keys summed up by what they are: one kind in one namespace, or keys that are no objects.
//!
//! A key is a prefix that ends with a slash, and a name. All keys of a prefix are of one kind and one namespace, so only one
//! of them is looked up.

use std::collections::HashMap;

use rayon::prelude::*;

use super::sizes::{Size, Sizes};
use crate::kube::meta::Meta;
use crate::kube::resources::{Identity, Special};
use crate::model::{History, KeyId};
use crate::ops::objects::Objects;

/// The beginning of the names of what Helm keeps of each release (helm pkg/storage/storage.go).
const HELM_RELEASE: &[u8] = b"sh.helm.release.v1.";

/// What the keys of a prefix are.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct What {
    /// As `ConfigMap`; none for keys that are no objects.
    pub kind: Option<String>,
    /// The group, empty for the core group; none for keys that are no objects.
    pub group: Option<String>,
    /// As `configmaps` or `deployments.apps`; for keys that are no objects what they are.
    pub resource: String,
    /// None for objects of the whole cluster, and for keys that are no objects.
    pub namespace: Option<String>,
}

/// The largest key of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Largest {
    /// The key.
    pub key: KeyId,
    /// Its bytes.
    pub size: Size,
}

/// The keys of one prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What all keys begin with.
    pub prefix: Vec<u8>,
    /// What they are.
    pub what: What,
    /// What they take.
    pub size: Size,
    /// What releases of Helm take among them.
    pub helm: Size,
    /// The key that takes most.
    pub largest: Largest,
}

/// Up to the last slash and with it; the whole key where there is none.
pub fn prefix_of(key: &[u8]) -> &[u8] {
    let end = key.iter().rposition(|&byte| byte == b'/').map_or(key.len(), |slash| slash + 1);
    key.get(..end).unwrap_or(key)
}

#[derive(Clone, Copy)]
struct Sum {
    size: Size,
    helm: Size,
    largest: Largest,
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.size.add(&other.size);
        self.helm.add(&other.helm);
        // Of two that are as large the first, whichever thread came first.
        let order = |largest: &Largest| (std::cmp::Reverse(largest.size.all()), largest.key);
        self.largest = [self.largest, other.largest].into_iter().min_by_key(order).unwrap_or(self.largest);
    }
}

/// All prefixes with a change up to the moment of `objects`, the largest first.
pub fn groups(objects: &Objects<'_>, sizes: &Sizes<'_>) -> Vec<Group> {
    let history = objects.history();
    let sums = sums(history, sizes, objects.revision());
    let name = |(prefix, sum): (&[u8], Sum)| Group {
        prefix: prefix.to_vec(),
        what: what(objects, sum.largest.key),
        size: sum.size,
        helm: sum.helm,
        largest: sum.largest,
    };
    let mut groups: Vec<Group> = sums.into_par_iter().map(name).collect();
    let order = |group: &Group| std::cmp::Reverse(group.size.all());
    groups.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.prefix.cmp(&b.prefix)));
    groups
}

fn sums<'h>(history: &'h History, sizes: &Sizes<'_>, revision: i64) -> HashMap<&'h [u8], Sum> {
    let keys: Vec<KeyId> = history.keys().ids().collect();
    let enter = |mut sums: HashMap<&'h [u8], Sum>, &key: &KeyId| {
        let size = sizes.of_key(key, revision);
        if size.changes == 0 {
            return sums;
        }
        let name = history.keys().get(key);
        let prefix = prefix_of(name);
        let is_helm = name.get(prefix.len()..).is_some_and(|name| name.starts_with(HELM_RELEASE));
        let helm = if is_helm { size } else { Size::default() };
        let own = Sum { size, helm, largest: Largest { key, size } };
        sums.entry(prefix).and_modify(|sum| sum.add(&own)).or_insert(own);
        sums
    };
    let merge = |mut left: HashMap<&'h [u8], Sum>, right: HashMap<&'h [u8], Sum>| {
        for (prefix, own) in right {
            left.entry(prefix).and_modify(|sum| sum.add(&own)).or_insert(own);
        }
        left
    };
    keys.par_iter().fold(HashMap::new, enter).reduce(HashMap::new, merge)
}

/// What a key is summed up as.
pub fn what(objects: &Objects<'_>, key: KeyId) -> What {
    match objects.identity(key) {
        Identity::Object(id) => What {
            kind: Some(id.resource.kind.to_string()),
            group: Some(id.resource.group.to_string()),
            resource: id.resource.full_name(),
            namespace: id.namespace.map(str::to_owned),
        },
        Identity::Unlisted { group, plural, .. } => {
            let resource = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
            let (kind, namespace) = says_itself(objects, key);
            What { kind, group: Some(group.to_owned()), resource, namespace }
        }
        Identity::Special(special) => What { resource: special_name(special).to_owned(), ..What::default() },
        Identity::Foreign => What { resource: "(other keys)".to_owned(), ..What::default() },
    }
}

/// Of a key without a definition only its value can say what it is.
fn says_itself(objects: &Objects<'_>, key: KeyId) -> (Option<String>, Option<String>) {
    let history = objects.history();
    let newest = history.changes_of(key).rfind(|change| change.is_put() && change.revision.main <= objects.revision());
    let Some(value) = newest.and_then(|change| objects.plain(change).ok()) else { return (None, None) };
    let Some(meta) = Meta::read(&value) else { return (None, None) };
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    (said(&meta.kind), said(&meta.namespace))
}

const fn special_name(special: Special) -> &'static str {
    match special {
        Special::Bootstrap => "(bootstrap data)",
        Special::Compaction | Special::CompactionApiserver => "(mark of compaction)",
        Special::Gap => "(gap)",
        Special::Health => "(kine's health check)",
        Special::Allocation => "(addresses and ports taken)",
        Special::ServerLease | Special::PeerLease => "(leases of API servers)",
        Special::EmbeddedEtcd => "(notes of embedded etcd)",
    }
}

/// Sums over several groups: of a kind, of a namespace.
pub fn sum_by<K: Ord>(groups: &[Group], key: impl Fn(&Group) -> K) -> Vec<(K, Size)> {
    let mut sums: std::collections::BTreeMap<K, Size> = std::collections::BTreeMap::new();
    groups.iter().for_each(|group| sums.entry(key(group)).or_default().add(&group.size));
    let mut sums: Vec<(K, Size)> = sums.into_iter().collect();
    sums.sort_by_key(|(_, size)| std::cmp::Reverse(size.all()));
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_with_the_last_slash() {
        assert_eq!(prefix_of(b"/registry/pods/a/b"), b"/registry/pods/a/");
        assert_eq!(prefix_of(b"compact_rev_key"), b"compact_rev_key");
        assert_eq!(prefix_of(b"/a"), b"/");
    }
}
