//! What is in a store, by kind.

use std::collections::BTreeMap;

use crate::kube::resources::Identity;
use crate::model::KeyId;
use crate::ops::objects::Objects;

/// The keys of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kind {
    /// As `deployments.apps`.
    pub name: String,
    /// Keys that are live.
    pub live_keys: u64,
    /// Changes that the store still has.
    pub changes: u64,
    /// Bytes of live values.
    pub live_bytes: u64,
    /// Bytes of values that only history needs.
    pub superseded_bytes: u64,
}

impl Kind {
    /// Bytes of all its values.
    pub const fn bytes(&self) -> u64 {
        self.live_bytes.saturating_add(self.superseded_bytes)
    }
}

/// All kinds of a store, the largest first.
pub(super) fn kinds(objects: &Objects<'_>) -> Vec<Kind> {
    let history = objects.history();
    let mut sums: BTreeMap<String, Kind> = BTreeMap::new();
    for key in history.keys().ids().filter(|&key| !history.positions_of(key).is_empty()) {
        let kind = sums.entry(name(objects, key)).or_default();
        let all: u64 = history.changes_of(key).map(|change| u64::from(change.value.len)).sum();
        let live = history.live(key).map(|change| u64::from(change.value.len));
        kind.live_keys += u64::from(live.is_some());
        kind.changes += history.positions_of(key).len() as u64;
        kind.live_bytes += live.unwrap_or(0);
        kind.superseded_bytes += all - live.unwrap_or(0).min(all);
    }
    let mut kinds: Vec<Kind> = sums.into_iter().map(|(name, kind)| Kind { name, ..kind }).collect();
    kinds.sort_by(|left, right| right.bytes().cmp(&left.bytes()).then_with(|| left.name.cmp(&right.name)));
    kinds
}

fn name(objects: &Objects<'_>, key: KeyId) -> String {
    match objects.identity(key) {
        Identity::Object(id) => id.resource.full_name(),
        Identity::Unlisted { group: "", plural, .. } => format!("{plural} (no definition)"),
        Identity::Unlisted { group, plural, .. } => format!("{plural}.{group} (no definition)"),
        Identity::Special(_) | Identity::Foreign => "(keys that are no objects)".to_owned(),
    }
}
