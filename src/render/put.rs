//! What `put` shows.

use serde_json::{Map, Value, json};

use super::keys::put_key;
use super::{JSON_VERSION, convert, text};
use crate::model::Engine;
use crate::ops::convert::Target;
use crate::ops::objects::MinorFrom;
use crate::ops::put::Done;

/// What every report of a put says.
const NOT_DONE: &str = "no validation, no defaults and no admission ran on what was put";

/// `put --json`.
pub fn put_json(done: &Done) -> Value {
    let changed = done.changed.iter().map(|changed| {
        let mut object = Map::new();
        put_key(&mut object, &changed.key);
        object.insert("revision".to_owned(), json!(changed.revision));
        object.insert("action".to_owned(), json!(changed.action.name()));
        object.insert("object".to_owned(), json!(changed.object));
        object.insert("namespace".to_owned(), json!(changed.namespace));
        let encrypted = changed.encrypted.as_ref();
        let encrypted = encrypted.map(|label| json!({"provider": label.provider, "key": label.name}));
        object.insert("encrypted".to_owned(), json!(encrypted));
        Value::Object(object)
    });
    let report = &done.report;
    let (minor, _) = done.minor;
    json!({
        "version": JSON_VERSION,
        "source": report.source,
        "target": report.target,
        "to": report.to.name(),
        "kubernetes_version": (done.minor.1 != MinorFrom::Newest).then(|| minor.to_string()),
        "changed": changed.collect::<Vec<_>>(),
        "bytes": report.bytes,
        "live_keys": report.live_keys,
        "current_revision": report.current_revision,
        "compact_revision": report.compact_revision,
        "hash_kv": report.hash_kv,
        "left_out": convert::left_out_json(report),
        "translated": convert::translated_json(report),
        "notes": notes(done),
    })
}

fn notes(done: &Done) -> Vec<String> {
    let mut notes = vec![NOT_DONE.to_owned()];
    notes.extend(done.report.notes.iter().cloned());
    notes
}

/// The report for people, as lines. `owner` names who will own the file, where that is worth saying.
pub fn put_text(done: &Done, owner: Option<&str>) -> Vec<String> {
    let report = &done.report;
    let count = text::count_of(done.changed.len(), "new revision");
    let mut lines = vec![match &report.target {
        Some(target) => format!("{} -> {target} ({}): {count}", report.source, report.to.name()),
        None => format!("{}: {count}; nothing was written (--check)", report.source),
    }];
    for changed in &done.changed {
        let object = changed.object.clone().unwrap_or_else(|| text::key(&changed.key));
        let namespace = changed.namespace.as_ref().map_or(String::new(), |namespace| format!("  -n {namespace}"));
        let encrypted = changed.encrypted.as_ref();
        let encrypted =
            encrypted.map_or(String::new(), |label| format!("  encrypted, {} {:?}", label.provider, label.name));
        let action = changed.action.name();
        lines.push(format!("  revision {:<12} {action:<8} {object}{namespace}{encrypted}", changed.revision));
    }
    let mut add = |name: &str, value: String| lines.push(format!("  {name:<18}{value}"));
    if done.minor.1 != MinorFrom::Newest {
        let from = if done.minor.1 == MinorFrom::Node { "as its Nodes report" } else { "as --kubernetes-version says" };
        add("written as", format!("Kubernetes {} stores it, {from}", done.minor.0));
    }
    let owner = owner.map_or_else(String::new, |owner| format!(", owner {owner}"));
    add("size", format!("{}, mode 0600{owner}", text::bytes(report.bytes)));
    add("read back", "all else as it was, compared row by row".to_owned());
    convert::differences_text(report, &mut lines);
    lines.extend(notes(done).iter().map(|note| format!("note: {note}")));
    if let Some(target) = &report.target {
        lines.push(String::new());
        lines.extend(steps(done.from, report.to, target));
    }
    lines
}

/// How to put the store in place, and how to go back.
pub(super) fn steps(from: Engine, to: Target, target: &str) -> Vec<String> {
    if from != to.engine() || to == Target::EtcdDir {
        return convert::steps(to, target);
    }
    let target = std::path::absolute(target).map_or_else(|_| target.to_owned(), |path| path.display().to_string());
    let begin = "To put it in place on a single k3s server, as root:
  systemctl stop k3s
  cd /var/lib/rancher/k3s/server/db";
    let lines = match to {
        Target::Kine => format!(
            "{begin}
  mkdir before && mv state.db* before/    # with -wal and -shm
  install -m 0600 -o root -g root {target} state.db
  systemctl start k3s
To go back:
  systemctl stop k3s
  cd /var/lib/rancher/k3s/server/db
  rm -f state.db* && mv before/state.db* .
  systemctl start k3s"
        ),
        Target::EtcdSnapshot | Target::EtcdDir => format!(
            "{begin}
  mkdir before && cp -a etcd before/
  # with the same token as before:
  k3s server --cluster-reset --cluster-reset-restore-path={target}
  systemctl start k3s
  # other servers: remove their server/db, and let them join again
Or with plain etcd:
  etcdutl snapshot restore {target} --data-dir NEW
To go back:
  systemctl stop k3s
  cd /var/lib/rancher/k3s/server/db
  rm -rf etcd && mv before/etcd .
  systemctl start k3s"
        ),
    };
    lines.lines().map(str::to_owned).collect()
}
