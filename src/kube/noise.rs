//! What changes in an object although nobody changed it: signs of life, and the server's own accounts.

use serde_json::{Map, Value};

/// Metadata that a server writes with every change.
const METADATA: [&str; 3] = ["managedFields", "resourceVersion", "selfLink"];
/// Times in conditions that are written anew while the condition stays what it is.
const CONDITION_TIMES: [&str; 3] = ["lastHeartbeatTime", "lastProbeTime", "lastUpdateTime"];
/// The annotation in which a leader of before 1.20 says that it lives.
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";

/// Takes the noise out of an object. Two states of it that are equal then differ in nothing that anybody wanted.
pub fn take_out(object: &mut Value) {
    let group = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let group = group.split_once('/').map_or("", |(group, _)| group);
    let renewals: &[&str] = match (group, object.get("kind").and_then(Value::as_str).unwrap_or_default()) {
        ("coordination.k8s.io", "Lease") => &["renewTime"],
        ("coordination.k8s.io", "LeaseCandidate") => &["renewTime", "pingTime"],
        _ => &[],
    };
    remove(object.get_mut("spec"), renewals);
    remove(object.get_mut("metadata"), &METADATA);
    if let Some(Value::Array(conditions)) = object.pointer_mut("/status/conditions") {
        conditions.iter_mut().for_each(|condition| remove(Some(condition), &CONDITION_TIMES));
    }
    if let Some(Value::Object(annotations)) = object.pointer_mut("/metadata/annotations") {
        leader(annotations);
    }
}

fn remove(from: Option<&mut Value>, fields: &[&str]) {
    if let Some(Value::Object(members)) = from {
        fields.iter().for_each(|field| drop(members.remove(*field)));
    }
}

fn leader(annotations: &mut Map<String, Value>) {
    let Some(Value::String(text)) = annotations.get_mut(LEADER) else { return };
    if let Ok(mut record) = serde_json::from_str::<Value>(text)
        && record.get("renewTime").is_some()
    {
        remove(Some(&mut record), &["renewTime"]);
        *text = record.to_string();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn without(mut object: Value) -> Value {
        take_out(&mut object);
        object
    }

    #[test]
    fn only_signs_of_life_and_the_server_s_accounts_are_noise() {
        let node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": "a", "resourceVersion": "7", "managedFields": [{}], "labels": {"renewTime": "kept"}},
            "spec": {"renewTime": "kept"},
            "status": {"conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": "x", "lastTransitionTime": "y"}]},
        });
        let expected = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": "a", "labels": {"renewTime": "kept"}},
            "spec": {"renewTime": "kept"},
            "status": {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "y"}]},
        });
        assert_eq!(without(node), expected);
        let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {"holderIdentity": "a", "renewTime": "x"}});
        assert_eq!(without(lease)["spec"], json!({"holderIdentity": "a"}));
        let record = json!({"holderIdentity": "a", "renewTime": "x"}).to_string();
        let map = json!({"kind": "ConfigMap", "metadata": {"annotations": {LEADER: record}}});
        assert_eq!(without(map)["metadata"]["annotations"][LEADER], json!({"holderIdentity": "a"}).to_string());
    }
}
