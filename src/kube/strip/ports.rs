//! Node ports: which ones somebody asked for, and which the server gave out.

use serde_json::Value;

/// Whether somebody declared this port's nodePort: it stands in what `kubectl apply` applied last, or a writer owns the
/// field (velero pkg/restore/actions/service_action.go looks in the same two places).
pub(super) fn is_declared(service: &Value, port: &Value) -> bool {
    let Some(node_port) = port.get("nodePort").and_then(Value::as_i64) else { return true };
    in_last_applied(service, node_port) || is_owned(service, port)
}

fn in_last_applied(service: &Value, node_port: i64) -> bool {
    let annotation = service.pointer("/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration");
    let Some(applied) = annotation.and_then(Value::as_str).and_then(|text| serde_json::from_str::<Value>(text).ok())
    else {
        return false;
    };
    let ports = applied.pointer("/spec/ports").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    ports.iter().any(|port| port.get("nodePort").and_then(Value::as_i64) == Some(node_port))
}

/// The fields of a port stand under its key: `k:{"port":80,"protocol":"TCP"}`.
fn is_owned(service: &Value, port: &Value) -> bool {
    let managers = service.pointer("/metadata/managedFields").and_then(Value::as_array).map(Vec::as_slice);
    managers.unwrap_or_default().iter().any(|manager| {
        let ports = manager.pointer("/fieldsV1/f:spec/f:ports").and_then(Value::as_object);
        ports.into_iter().flatten().any(|(key, fields)| {
            let key = key.strip_prefix("k:").and_then(|key| serde_json::from_str::<Value>(key).ok());
            let same = |field: &str, key: &Value| key.get(field) == port.get(field);
            fields.get("f:nodePort").is_some()
                && key
                    .is_some_and(|key| same("port", &key) && (key.get("protocol").is_none() || same("protocol", &key)))
        })
    })
}
