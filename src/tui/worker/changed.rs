//! What a change changed, in one line: the paths that differ, the telling ones first.

use serde_json::{Map, Value};

/// Deeper than any object is.
const DEEPEST: usize = 64;
/// Paths beyond these are only counted.
const MOST_TOLD: usize = 2;
/// Values beyond this many characters are left out.
const LONGEST_VALUE: usize = 24;

/// A place where two objects differ.
struct Difference {
    path: String,
    told: String,
}

/// The paths that differ, without those that every change has. Values of secrets are never told.
pub fn changed_paths(old: &Value, new: &Value, secret: bool) -> String {
    let mut found = Vec::new();
    compare("", old, new, secret, 0, &mut found);
    found.sort_by_key(|difference| (rank(&difference.path), difference.path.len()));
    let count = found.len();
    let mut told: Vec<String> = found.into_iter().take(MOST_TOLD).map(|difference| difference.told).collect();
    match count {
        0 => return "nothing but its revision".to_owned(),
        _ if count > MOST_TOLD => told.push(format!("and {} more", count - MOST_TOLD)),
        _ => {}
    }
    told.join(", ")
}

/// What people want comes before what machinery writes.
fn rank(path: &str) -> u8 {
    let noise = ["heartbeat", "renewTime", "lastProbe", "resourceVersion", "generation", "lastTransition", "observed"];
    match path {
        _ if noise.iter().any(|word| path.to_lowercase().contains(&word.to_lowercase())) => 3,
        _ if path.starts_with("status") => 2,
        _ if path.starts_with("metadata") => 1,
        _ => 0,
    }
}

fn compare(path: &str, old: &Value, new: &Value, secret: bool, depth: usize, found: &mut Vec<Difference>) {
    if old == new || path == "metadata.managedFields" || path == "metadata.resourceVersion" {
        return;
    }
    match (old, new) {
        (Value::Object(old), Value::Object(new)) if depth < DEEPEST => members(path, old, new, secret, depth, found),
        (Value::Array(old), Value::Array(new)) if depth < DEEPEST && old.len() == new.len() => {
            for (at, (old, new)) in old.iter().zip(new).enumerate() {
                compare(&format!("{path}[{at}]"), old, new, secret, depth + 1, found);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            let told = format!("{path} {} → {} items", old.len(), new.len());
            found.push(Difference { path: path.to_owned(), told });
        }
        _ => {
            let told = match (secret, short(old), short(new)) {
                (false, Some(old), Some(new)) => format!("{path} {old} → {new}"),
                _ => format!("{path} changed"),
            };
            found.push(Difference { path: path.to_owned(), told });
        }
    }
}

fn members(
    path: &str,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    secret: bool,
    depth: usize,
    found: &mut Vec<Difference>,
) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, value) in old {
        let path = below(name);
        match new.get(name) {
            Some(other) => compare(&path, value, other, secret, depth + 1, found),
            None if path == "metadata.managedFields" => {}
            None => found.push(Difference { told: format!("{path} removed"), path }),
        }
    }
    for (name, value) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
        let path = below(name);
        if path == "metadata.managedFields" {
            continue;
        }
        let told = match (secret, short(value)) {
            (false, Some(value)) => format!("{path} = {value}"),
            _ => format!("{path} added"),
        };
        found.push(Difference { told, path });
    }
}

fn short(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Null => "null".to_owned(),
        Value::Array(_) | Value::Object(_) => return None,
    };
    (text.chars().count() <= LONGEST_VALUE).then_some(text)
}

/// The managers whose notes in `metadata.managedFields` are new or changed: whoever wrote the change.
pub fn writers(old: Option<&Value>, new: &Value) -> String {
    let none = Vec::new();
    let notes = |object: Option<&Value>| {
        let fields = object.and_then(|object| object.pointer("/metadata/managedFields")).and_then(Value::as_array);
        fields.unwrap_or(&none).clone()
    };
    let before = notes(old);
    let mut names: Vec<String> = Vec::new();
    for note in notes(Some(new)).iter().filter(|note| !before.contains(note)) {
        if let Some(name) = note.get("manager").and_then(Value::as_str)
            && !names.iter().any(|other| other == name)
        {
            names.push(name.to_owned());
        }
    }
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_telling_path_comes_first() {
        let old = json!({"metadata": {"resourceVersion": "1", "generation": 1}, "spec": {"replicas": 3}, "status": {"ready": 3}});
        let new = json!({"metadata": {"resourceVersion": "2", "generation": 2}, "spec": {"replicas": 5}, "status": {"ready": 4}});
        assert_eq!(changed_paths(&old, &new, false), "spec.replicas 3 → 5, status.ready 3 → 4, and 1 more");
        assert_eq!(changed_paths(&old, &old, false), "nothing but its revision");
    }

    #[test]
    fn values_of_secrets_are_never_told() {
        let old = json!({"data": {"password": "b2xk"}});
        let new = json!({"data": {"password": "bmV3", "user": "cm9vdA=="}});
        let told = changed_paths(&old, &new, true);
        assert_eq!(told, "data.user added, data.password changed");
    }

    #[test]
    fn writers_are_those_whose_notes_changed() {
        let old = json!({"metadata": {"managedFields": [{"manager": "kubectl", "time": "1"}, {"manager": "helm", "time": "1"}]}});
        let new = json!({"metadata": {"managedFields": [{"manager": "kubectl", "time": "2"}, {"manager": "helm", "time": "1"}]}});
        assert_eq!(writers(Some(&old), &new), "kubectl");
        assert_eq!(writers(None, &new), "kubectl, helm");
        assert_eq!(writers(Some(&new), &new), "-");
    }
}
