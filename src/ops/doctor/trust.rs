//! The token, the bootstrap data and the files in `tls/` and `cred/`: what k3s compares before it starts (k3s
//! pkg/cluster/bootstrap.go, ReconcileBootstrapData).

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::config::Config;
use super::layout::{Layout, small_file};
use super::stores::Chosen;
use super::{DoctorError, Report, StartsOn, quoted};
use crate::k3s::certificate::certificates;
use crate::k3s::{BootstrapFile, Token, Validity};
use crate::kube::encryption::is_encrypted;
use crate::ops::bootstrap::{Inside, inspect, token_from};
use crate::ops::finding::{Id, Severity};
use crate::ops::keyring::live_bootstrap_keys;
use crate::ops::store::OpenStore;

/// A file may be so many seconds newer than its time in the datastore (k3s pkg/cluster/bootstrap.go, isNewerFile).
const NEWER_BY: i64 = 3;

/// The token that k3s would take: the one given, the one in the configuration, the file that it names, `server/token`.
///
/// # Errors
/// [`DoctorError::File`]: the file that the configuration names cannot be read.
pub fn token(
    layout: &Layout,
    config: &Config,
    given: Option<&Token>,
    report: &mut Report,
) -> Result<Option<Token>, DoctorError> {
    let path = layout.server.join("token");
    let on_disk = small_file(&path).and_then(|bytes| String::from_utf8(bytes).ok()).map(|text| Token::new(&text));
    let configured = match (config.text("token"), config.text("token-file")) {
        (Some(text), _) => Some(Token::new(&text)),
        (None, Some(file)) => Some(token_from(Path::new(&file))?),
        (None, None) => None,
    };
    let named = given.cloned().or(configured);
    if let (Some(named), Some(on_disk)) = (&named, &on_disk)
        && named.password() != on_disk.password()
    {
        let text = "the token that k3s is started with is another than that in server/token";
        report.add(Severity::Warning, Id::TOKEN_DIFFERS, &path, text, "the one it is started with counts");
    }
    Ok(named.or(on_disk))
}

/// Compares all of them.
pub fn check(
    layout: &Layout,
    config: &Config,
    starts_on: StartsOn,
    chosen: Option<&Chosen>,
    token: Option<&Token>,
    now: i64,
    report: &mut Report,
) {
    authorities(layout, now, report);
    let Some(open) = chosen.and_then(|chosen| chosen.open.as_ref()) else { return };
    let history = open.store.history();
    let has_bootstrap = live_bootstrap_keys(history).next().is_some();
    if token.is_none() && has_bootstrap && starts_on != StartsOn::NewEtcd {
        let text = "there is no token on disk, and the store has bootstrap data: k3s would make new certificates and a new token \
                    first, and fail then; after that even the right token is refused until those files are removed";
        let path = layout.server.join("token");
        report.add(Severity::Error, Id::TOKEN_MISSING, &path, text, "put the token there before the start");
        report
            .fix(Id::TOKEN_MISSING, [format!("install -m 600 /dev/stdin {} <<< 'K10...::server:...'", quoted(&path))]);
    }
    let inside =
        token.and_then(|token| inspect(history, Some(token), now).ok()?.inside).filter(|inside| inside.is_live);
    if let Some(inside) = &inside {
        files(layout, config, inside, report);
    }
    encryption(layout, config, open, inside.as_ref(), report);
}

/// Every file of the bootstrap data against the one on disk.
fn files(layout: &Layout, config: &Config, inside: &Inside, report: &mut Report) {
    let is_empty = |dir: PathBuf| fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none());
    if let Some(dir) = ["cred", "tls", "tls/etcd"].into_iter().find(|dir| is_empty(layout.server.join(dir))) {
        let text = format!(
            "{dir}/ is missing or empty: k3s writes all {} files from the datastore",
            inside.blob.files().len()
        );
        report.add(Severity::Note, Id::FILES_FROM_STORE, &layout.server.join(dir), text, "");
        return;
    }
    let mut newer = Vec::new();
    for file in inside.blob.files() {
        let Some(path) = file.path() else { continue };
        let is_encryption = matches!(file.name.as_str(), "EncryptionConfig" | "EncryptionHash");
        if is_encryption && config.is_known() && !config.is_on("secrets-encryption") {
            continue;
        }
        let path = layout.server.join(path);
        match state(&path, file) {
            OnDisk::Same => {}
            OnDisk::Missing => {
                let text = "it is not on disk: k3s writes it from the datastore";
                report.add(Severity::Note, Id::FILE_MISSING, &path, text, "");
            }
            OnDisk::Older => {
                let text = "it differs from the one in the datastore and is older: k3s overwrites it";
                report.add(
                    Severity::Warning,
                    Id::FILE_OLDER,
                    &path,
                    text,
                    "keep a copy if it is the one that is right",
                );
            }
            OnDisk::Newer(seconds) => {
                let text = format!(
                    "it differs from the one in the datastore and is {seconds} s newer: k3s ends with \"newer than datastore and could \
                     cause a cluster outage\""
                );
                report.add(
                    Severity::Error,
                    Id::FILE_NEWER,
                    &path,
                    text,
                    "move it away: k3s then writes the one of the datastore",
                );
                newer.push(path);
            }
        }
    }
    if !newer.is_empty() {
        report.fix(Id::FILE_NEWER, newer.iter().map(|path| super::aside(path)));
    }
}

enum OnDisk {
    Same,
    Missing,
    Older,
    Newer(i64),
}

fn state(path: &Path, file: &BootstrapFile) -> OnDisk {
    let Some(content) = small_file(path) else { return OnDisk::Missing };
    if content == file.content {
        return OnDisk::Same;
    }
    let stamp = file.timestamp.as_deref().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let modified = fs::metadata(path).map_or(0, |metadata| metadata.mtime());
    match stamp.map(|stamp| modified.saturating_sub(stamp.as_second())) {
        Some(seconds) if seconds >= NEWER_BY => OnDisk::Newer(seconds),
        _ => OnDisk::Older,
    }
}

/// Encrypted values need the flag beside the key: without it k3s has no path for the configuration and leaves it in the
/// datastore (k3s pkg/daemons/control/deps/deps.go).
fn encryption(layout: &Layout, config: &Config, open: &OpenStore, inside: Option<&Inside>, report: &mut Report) {
    let history = open.store.history();
    let secrets = history.keys().with_prefix(b"/registry/secrets/").filter_map(|key| history.live(key));
    let encrypted =
        secrets.filter(|change| history.value(change.value).is_ok_and(|value| is_encrypted(&value))).count();
    let path = layout.server.join("cred/encryption-config.json");
    let flag = config.is_on("secrets-encryption");
    let place = config.path.clone().unwrap_or_else(|| path.clone());
    if encrypted > 0 && config.is_known() && !flag {
        let text = format!(
            "{encrypted} live Secrets are encrypted, and secrets-encryption is not set: no component could read them"
        );
        report.add(Severity::Error, Id::ENCRYPTION_FLAG, &place, text, "unless a flag in the unit sets it");
        report.fix(Id::ENCRYPTION_FLAG, [format!("echo 'secrets-encryption: true' >> {}", quoted(&place))]);
    } else if encrypted > 0 && !config.is_known() {
        let text = format!("{encrypted} live Secrets are encrypted: k3s must be started with --secrets-encryption");
        report.add(Severity::Note, Id::ENCRYPTION_NEEDED, &path, text, "");
    }
    let in_store = inside.and_then(|inside| inside.blob.file("EncryptionConfig"));
    if encrypted > 0 && !path.is_file() && inside.is_some() && in_store.is_none() {
        let text = format!(
            "{encrypted} live Secrets are encrypted, and there is no key, neither here nor in the bootstrap data"
        );
        report.add(
            Severity::Loss,
            Id::ENCRYPTION_KEY_MISSING,
            &path,
            text,
            "look for this file in older copies of the directory",
        );
    }
}

/// Certificates in `tls/`. k3s renews at its start those that it signs itself; its authorities it does not.
fn authorities(layout: &Layout, now: i64, report: &mut Report) {
    for dir in ["tls", "tls/etcd"] {
        let entries = fs::read_dir(layout.server.join(dir)).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|ext| ext == "crt")).collect();
        files.sort();
        for path in files {
            let Some(pem) = small_file(&path) else { continue };
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let is_authority = name.ends_with("-ca.crt") || name.contains("-ca.nochain");
            // The first is the file's own; the rest is its chain.
            let Some(first) = certificates(&pem).into_iter().next() else { continue };
            let (severity, id, text) = match (first.validity(now), is_authority) {
                (Validity::Good, _) => continue,
                (Validity::Expired, true) => {
                    (Severity::Error, Id::AUTHORITY_ENDED, "this authority has ended: nothing it signed is accepted")
                }
                (Validity::EndsSoon, true) => {
                    (Severity::Warning, Id::AUTHORITY_ENDS, "this authority ends within 90 days")
                }
                (Validity::NotYet, _) => {
                    (Severity::Error, Id::CLOCK, "this certificate is not yet good: is the clock right?")
                }
                (Validity::Expired, false) => {
                    (Severity::Note, Id::CERTIFICATE_ENDED, "it has ended; k3s renews it at its start")
                }
                (Validity::EndsSoon, false) => {
                    (Severity::Note, Id::CERTIFICATE_ENDS, "it ends within 90 days; k3s renews it at its start")
                }
            };
            let hint = if is_authority { "k3s certificate rotate-ca" } else { "" };
            report.add(severity, id, &path, text, hint);
        }
    }
}
