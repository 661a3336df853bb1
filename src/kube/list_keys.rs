//! What tells the items of a list apart: the names that Kubernetes merges lists by.
//!
//! The keys are those of the API's own `patchMergeKey` and `listMapKey` marks (kubernetes staging/src/k8s.io/api); a list of
//! another kind whose items all have a `name` of their own, as custom resources often have, is told apart by that.

use std::collections::HashSet;
use std::fmt::Write as _;

use serde_json::Value;

/// The fields that name an item of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListKey {
    fields: &'static [&'static str],
    /// Whether the place of an item in the list says something.
    pub ordered: bool,
}

const fn by(fields: &'static [&'static str]) -> ListKey {
    ListKey { fields, ordered: true }
}

const fn any_order(fields: &'static [&'static str]) -> ListKey {
    ListKey { fields, ordered: false }
}

/// The keys that a list of this name may have, the most precise first. The one that every item has, and no two items share,
/// is taken: a list of one name means different things in different kinds.
fn candidates(list: &str) -> &'static [ListKey] {
    match list {
        "conditions" => const { &[any_order(&["type"])] },
        "ownerReferences" => const { &[any_order(&["uid"])] },
        "addresses" => const { &[any_order(&["type", "address"]), any_order(&["ip"])] },
        "containerStatuses" | "initContainerStatuses" | "ephemeralContainerStatuses" => {
            const { &[any_order(&["name"])] }
        }
        "volumes" | "imagePullSecrets" | "secrets" => const { &[any_order(&["name"])] },
        "podIPs" | "hostIPs" => const { &[by(&["ip"])] },
        "ports" => const { &[by(&["containerPort", "protocol"]), by(&["port", "protocol"]), by(&["name"])] },
        "volumeMounts" => const { &[any_order(&["mountPath"])] },
        "volumeDevices" => const { &[any_order(&["devicePath"])] },
        "hostAliases" => const { &[any_order(&["ip"])] },
        "topologySpreadConstraints" => const { &[any_order(&["topologyKey", "whenUnsatisfiable"])] },
        "taints" | "tolerations" => const { &[any_order(&["key", "effect", "operator", "value"])] },
        "matchExpressions" => const { &[any_order(&["key", "operator"])] },
        "subjects" => const { &[any_order(&["kind", "namespace", "name"])] },
        "endpoints" => const { &[any_order(&["targetRef"]), by(&["addresses"])] },
        "ingress" => const { &[any_order(&["ip"]), any_order(&["hostname"])] },
        _ => const { &[by(&["name"])] },
    }
}

impl ListKey {
    /// What tells the items of two states of the list `name` apart; nothing where the items have no names of their own.
    pub fn of(name: &str, old: &[Value], new: &[Value]) -> Option<Self> {
        let fits = |key: &Self| {
            [old, new].into_iter().all(|items| {
                let mut seen = HashSet::with_capacity(items.len());
                items.iter().all(|item| key.id(item).is_some_and(|id| seen.insert(id)))
            })
        };
        (!old.is_empty() || !new.is_empty()).then(|| candidates(name).iter().copied().find(fits))?
    }

    /// An item by what tells it apart, as a jq path would select it: `name="web"`. Nothing if it lacks the first field.
    pub fn id(self, item: &Value) -> Option<String> {
        let item = item.as_object()?;
        let mut id = String::new();
        for (at, field) in self.fields.iter().enumerate() {
            let value = match (item.get(*field), at, *field) {
                (Some(value), ..) => value.to_string(),
                // What servers fill in: two items that differ in nothing else are the same one.
                (None, 1.., "protocol") => "\"TCP\"".to_owned(),
                (None, 1.., _) => continue,
                (None, ..) if self.fields.len() > 2 => continue,
                (None, ..) => return None,
            };
            if !id.is_empty() {
                id.push(',');
            }
            let _ = write!(id, "{field}={value}");
        }
        (!id.is_empty()).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn id(list: &str, items: &Value) -> Option<Vec<String>> {
        let items = items.as_array().unwrap();
        let key = ListKey::of(list, items, items)?;
        items.iter().map(|item| key.id(item)).collect()
    }

    #[test]
    fn items_are_named_as_kubernetes_merges_them() {
        let own = |ids: &[&str]| Some(ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
        assert_eq!(id("containers", &json!([{"name": "web", "image": "a"}])), own(&["name=\"web\""]));
        assert_eq!(
            id("ports", &json!([{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53}])),
            own(&["containerPort=53,protocol=\"UDP\"", "containerPort=53,protocol=\"TCP\""])
        );
        assert_eq!(id("ports", &json!([{"port": 80, "targetPort": 8080}])), own(&["port=80,protocol=\"TCP\""]));
        assert_eq!(id("conditions", &json!([{"type": "Ready"}])), own(&["type=\"Ready\""]));
        // Names that two items share name nothing, and neither do items without one.
        assert_eq!(id("env", &json!([{"name": "a"}, {"name": "a"}])), None);
        assert_eq!(id("args", &json!(["a", "b"])), None);
        assert_eq!(id("rules", &json!([{"verbs": ["get"]}])), None);
    }
}
