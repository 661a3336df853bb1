//! What `bootstrap` shows.

use serde_json::{Map, Value, json};

use super::keys::put_key;
use super::{JSON_VERSION, text};
use crate::k3s::Variant;
use crate::k3s::certificate::{Certificate, Validity};
use crate::ops::bootstrap::{Bootstrap, Extracted, Inside, Listed, Retokened};
use crate::ops::convert::Target;

/// Everything that `bootstrap` did.
pub struct BootstrapReport<'a> {
    /// The store's name.
    pub source: &'a str,
    /// What is there.
    pub bootstrap: &'a Bootstrap,
    /// What was written with `--extract`.
    pub extracted: Option<&'a Extracted>,
    /// What was written with `-o`.
    pub retokened: Option<&'a Retokened>,
}

/// `bootstrap --json`.
pub fn bootstrap_json(report: &BootstrapReport<'_>) -> Value {
    let bootstrap = report.bootstrap;
    let keys = bootstrap.keys.iter().map(|key| {
        let mut object = Map::new();
        put_key(&mut object, &key.name);
        object.insert("state".to_owned(), json!(if key.is_live { "live" } else { "deleted" }));
        object.insert("revision".to_owned(), json!(key.revision));
        object.insert("value_size".to_owned(), json!(key.is_live.then_some(key.value_size)));
        object.insert("lock".to_owned(), json!(key.is_lock));
        object.insert("variant".to_owned(), json!(key.variant.map(Variant::name)));
        Value::Object(object)
    });
    json!({
        "version": JSON_VERSION,
        "source": report.source,
        "keys": keys.collect::<Vec<_>>(),
        "token_hash": bootstrap.token_hash,
        "fits": bootstrap.fits,
        "inside": bootstrap.inside.as_ref().map(inside_json),
        "extracted": report.extracted.map(extracted_json),
        "new_store": report.retokened.map(retokened_json),
        "notes": bootstrap.notes,
    })
}

fn inside_json(inside: &Inside) -> Value {
    let files = inside.files.iter().map(|file| {
        let certificates = file.certificates.iter().map(|(certificate, validity)| {
            json!({
                "subject": certificate.subject,
                "issuer": certificate.issuer,
                "not_before": moment(certificate.not_before),
                "not_after": moment(certificate.not_after),
                "sha256": certificate.sha256,
                "validity": validity.name(),
            })
        });
        json!({
            "name": file.name,
            "path": file.path,
            "size": file.size,
            "timestamp": file.timestamp,
            "secret": file.is_secret,
            "certificates": certificates.collect::<Vec<_>>(),
        })
    });
    let mut object = Map::new();
    put_key(&mut object, &inside.key);
    object.insert("revision".to_owned(), json!(inside.revision));
    object.insert("live".to_owned(), json!(inside.is_live));
    object.insert("ca_hash_fits".to_owned(), json!(inside.ca_hash_fits));
    let encryption = inside.encryption.iter().map(|label| json!({"provider": label.provider, "key": label.name}));
    object.insert("encryption".to_owned(), encryption.collect());
    object.insert("files".to_owned(), files.collect());
    Value::Object(object)
}

fn extracted_json(extracted: &Extracted) -> Value {
    let left_out = extracted.left_out.iter().map(|(name, reason)| json!({"name": name, "reason": reason}));
    json!({
        "directory": extracted.directory.display().to_string(),
        "written": extracted.written,
        "left_out": left_out.collect::<Vec<_>>(),
    })
}

fn retokened_json(made: &Retokened) -> Value {
    let report = &made.report;
    json!({
        "target": report.target,
        "to": report.to.name(),
        "token_hash": made.token_hash,
        "bytes": report.bytes,
        "current_revision": report.current_revision,
        "hash_kv": report.hash_kv,
        "passwords_changed": made.passwords_changed,
        "added": super::convert::added_json(&report.added),
        "notes": report.notes,
    })
}

/// Seconds since 1970 as RFC 3339 has them; what no calendar has as a number.
fn moment(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |moment| moment.to_string())
}

/// The report for people, as lines.
pub fn bootstrap_text(report: &BootstrapReport<'_>) -> Vec<String> {
    let bootstrap = report.bootstrap;
    let live = bootstrap.keys.iter().filter(|key| key.is_live).count();
    let mut lines = vec![format!("{}: {} live", report.source, text::count_of(live, "bootstrap key"))];
    for key in &bootstrap.keys {
        let state = match (key.is_live, key.is_lock) {
            (false, _) => format!("deleted at revision {}", key.revision),
            (true, true) => format!("a lock, at revision {}", key.revision),
            (true, false) => format!("{} at revision {}", text::bytes(key.value_size.into()), key.revision),
        };
        let fits = match (bootstrap.fits, key.variant) {
            (None, _) => "",
            (Some(_), Some(Variant::Password)) => ": the token fits",
            (Some(_), Some(Variant::Whole)) => ": the token fits as a whole, as k3s before 1.21 used it",
            (Some(_), Some(Variant::Empty)) => ": sealed with an empty token, as k3s before 1.21 did without one",
            (Some(_), None) => ": the token does not fit",
        };
        lines.push(format!("  {:<24}  {state}{fits}", text::key(&key.name)));
    }
    match (bootstrap.fits, &bootstrap.token_hash) {
        (Some(false), Some(hash)) => {
            lines.push(format!("the token leads to /bootstrap/{hash}: it fits no live key of this store"))
        }
        (None, _) if !bootstrap.keys.is_empty() => {
            lines.push("what is inside opens with --token or --token-file".to_owned());
        }
        _ => {}
    }
    if let Some(inside) = &bootstrap.inside {
        inside_text(inside, &mut lines);
    }
    lines.extend(bootstrap.notes.iter().map(|note| format!("note: {note}")));
    if let Some(extracted) = report.extracted {
        extracted_text(extracted, &mut lines);
    }
    if let Some(made) = report.retokened {
        retokened_text(made, &mut lines);
    }
    lines
}

fn inside_text(inside: &Inside, lines: &mut Vec<String>) {
    let superseded = if inside.is_live { "" } else { ", no longer live" };
    lines.push(String::new());
    lines.push(format!("inside {}, at revision {}{superseded}:", text::key(&inside.key), inside.revision));
    lines.push(format!("  {:<30} {:>7}  {:<22} {}", "FILE", "SIZE", "CHANGED", "WHAT"));
    for file in &inside.files {
        let name = file.path.unwrap_or(&file.name);
        let stamp = file.timestamp.as_deref().unwrap_or("");
        let row = format!("  {name:<30} {:>7}  {stamp:<22} {}", file.size, what(file));
        lines.push(row.trim_end().to_owned());
        for (certificate, validity) in file.certificates.iter().skip(1) {
            lines.push(format!("  {:<30} {:>7}  {:<22} {}", "", "", "", certificate_text(certificate, *validity)));
        }
    }
    for label in &inside.encryption {
        lines.push(format!("  opens values of {} with key {:?}", label.provider, label.name));
    }
}

fn what(file: &Listed) -> String {
    match (file.certificates.first(), file.is_secret) {
        (Some((certificate, validity)), _) => certificate_text(certificate, *validity),
        (None, true) => "secret".to_owned(),
        (None, false) => String::new(),
    }
}

fn certificate_text(certificate: &Certificate, validity: Validity) -> String {
    let day = |seconds| moment(seconds).split('T').next().unwrap_or_default().to_owned();
    let issuer = if certificate.issuer == certificate.subject { "itself" } else { &certificate.issuer };
    let marked = match validity {
        Validity::Good => "",
        Validity::EndsSoon => ", SOON",
        Validity::Expired => ", EXPIRED",
        Validity::NotYet => ", NOT YET GOOD",
    };
    let until = day(certificate.not_after);
    format!("{}, signed by {issuer}, until {until}{marked}", certificate.subject)
}

fn extracted_text(extracted: &Extracted, lines: &mut Vec<String>) {
    lines.push(String::new());
    let count = text::count_of(extracted.written.len(), "file");
    lines.push(format!("{count} written below {}, mode 0600", extracted.directory.display()));
    for (name, reason) in &extracted.left_out {
        lines.push(format!("  left out: {name}: {reason}"));
    }
}

fn retokened_text(made: &Retokened, lines: &mut Vec<String>) {
    let report = &made.report;
    let target = report.target.clone().unwrap_or_default();
    lines.push(String::new());
    lines.push(format!("{} -> {target} ({}): for the new token", report.source, report.to.name()));
    for added in &report.added {
        lines.push(format!("  revision {:<12} {:<7} {}", added.revision, added.op.name(), text::key(&added.key)));
    }
    lines.push(format!("  {:<18}{}", "size", text::bytes(report.bytes)));
    lines.push(format!(
        "  {:<18}all else as it was, compared row by row; exactly one bootstrap key is live",
        "read back"
    ));
    if !made.passwords_changed {
        lines.push(
            "note: cred/passwd inside has quotes, so its passwords were left as they are: remove cred/passwd before \
             the second start"
                .to_owned(),
        );
    }
    lines.extend(report.notes.iter().map(|note| format!("note: {note}")));
    lines.push(String::new());
    lines.extend(steps(report.to, &target, &made.new_token_file.display().to_string()));
}

/// How to put the store in place with its token, and how to go back.
fn steps(to: Target, target: &str, token_file: &str) -> Vec<String> {
    let absolute =
        |path: &str| std::path::absolute(path).map_or_else(|_| path.to_owned(), |path| path.display().to_string());
    let (target, token_file) = (absolute(target), absolute(token_file));
    let begin = "To put it in place on a single k3s server, as root:
  systemctl stop k3s
  cd /var/lib/rancher/k3s/server
  mkdir before && cp -a token before/";
    let configure = "  # put the new token into k3s's configuration: token: in
  # /etc/rancher/k3s/config.yaml, or K3S_TOKEN in its unit's environment";
    let end = "  systemctl start k3s
  # agents that join with the server's token need the new one too:
  # K3S_TOKEN in /etc/systemd/system/k3s-agent.service.env";
    let back = "To go back:
  systemctl stop k3s
  cd /var/lib/rancher/k3s/server";
    let lines = match to {
        Target::Kine => format!(
            "{begin}
  mv db/state.db* before/
  install -m 0600 -o root -g root {target} db/state.db
  install -m 0600 -o root -g root {token_file} token
{configure}
{end}
{back}
  rm -f db/state.db* && mv before/state.db* db/ && mv before/token token
  # put the old token back into k3s's configuration
  systemctl start k3s"
        ),
        Target::EtcdSnapshot | Target::EtcdDir => format!(
            "{begin}
  cp -a db/etcd before/
  install -m 0600 -o root -g root {token_file} token
{configure}
  k3s server --cluster-reset --cluster-reset-restore-path={target} \\
    --token-file={token_file}
{end}
  # other servers: remove their server/db, and let them join again
{back}
  rm -rf db/etcd && mv before/etcd db/ && mv before/token token
  # put the old token back into k3s's configuration
  systemctl start k3s"
        ),
    };
    lines.lines().map(str::to_owned).collect()
}
