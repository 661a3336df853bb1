//! What k3s does at its next start (k3s pkg/cluster/managed.go, assignManagedDriver; pkg/etcd/etcd.go).

use std::path::Path;

use super::config::Config;
use super::layout::Layout;
use super::{Report, StartsOn, aside, quoted};
use crate::ops::finding::{Id, Severity};

/// Which store it takes.
pub fn choose(layout: &Layout, config: &Config) -> StartsOn {
    let joins =
        config.text("server").is_some() && (config.text("token").is_some() || config.text("token-file").is_some());
    if layout.has_etcd() {
        StartsOn::Etcd
    } else if config.has_endpoint() {
        StartsOn::Elsewhere
    } else if config.text("datastore-endpoint").is_none() && (config.is_on("cluster-init") || joins) {
        StartsOn::NewEtcd
    } else if layout.state.is_file() {
        StartsOn::Kine
    } else {
        StartsOn::NewKine
    }
}

/// Flags that do not go together, or with what is there.
pub fn conflicts(layout: &Layout, config: &Config, starts_on: StartsOn, report: &mut Report) {
    let Some(path) = &config.path else { return };
    if config.is_on("cluster-init") && config.text("datastore-endpoint").is_some() {
        let text =
            "cluster-init and datastore-endpoint are both set: users who did so got an empty cluster (k3s issue 4046)";
        report.add(Severity::Warning, Id::CONFIG_ENDPOINT_AND_INIT, path, text, "remove the one that is not meant");
    }
    if starts_on == StartsOn::Etcd && config.has_endpoint() {
        let text = "datastore-endpoint names another database, and k3s ignores it, because db/etcd/member/wal is there";
        report.add(
            Severity::Error,
            Id::CONFIG_ENDPOINT_IGNORED,
            path,
            text,
            "move db/etcd away if the other one is meant",
        );
        report.fix(Id::CONFIG_ENDPOINT_IGNORED, [aside(&layout.etcd)]);
    }
    if starts_on == StartsOn::NewEtcd && layout.state.is_file() {
        let flag = if config.is_on("cluster-init") { "cluster-init" } else { "server" };
        let text = format!(
            "{flag} is set and there is no etcd yet: k3s copies the live keys of state.db into a new etcd, without history, \
             revisions and times to live, and renames state.db"
        );
        let hint = "remove the flag to stay on SQLite; to go to etcd with history: kinescope convert --to etcd-dir";
        report.add(Severity::Warning, Id::CONFIG_MIGRATES, path, text, hint);
    }
    if starts_on == StartsOn::Elsewhere && (layout.state.is_file() || layout.migrated.is_file()) {
        let text = "datastore-endpoint names another database, and what is in db/ is not used";
        report.add(Severity::Warning, Id::CONFIG_ENDPOINT, path, text, "");
    }
}

/// Says step by step what would happen, with what lies in the way.
pub fn say(layout: &Layout, starts_on: StartsOn, report: &mut Report) {
    let state = layout.state.display();
    let steps: Vec<String> = match starts_on {
        StartsOn::Etcd => {
            tombstone(layout, report);
            flag(layout, report);
            vec![
                "k3s starts on embedded etcd, whatever its flags say, because db/etcd/member/wal is there".to_owned(),
                "it copies db/etcd to db/etcd-tmp, reads the bootstrap data from there with the token, and compares it with the \
                 files in tls/ and cred/"
                    .to_owned(),
                "it defragments the database and disarms its alarms: what free pages still hold is gone then; copy db/etcd first"
                    .to_owned(),
            ]
        }
        StartsOn::NewEtcd if layout.state.is_file() => vec![
            "k3s makes a new etcd".to_owned(),
            format!("it copies the live keys below /registry/ from {state} into it, one by one"),
            "it renames state.db to state.db.migrated; if it fails before, the next start takes the unfinished etcd as it is"
                .to_owned(),
        ],
        StartsOn::NewEtcd => vec!["k3s makes a new etcd, empty or as a member of the cluster it joins".to_owned()],
        StartsOn::Kine => vec![
            format!("k3s starts on {state}"),
            "kine writes the -wal into it, and from 0.14.15 on (k3s 1.35.4 and its sisters) vacuums it: older frames and free \
             pages are gone then; copy state.db, -wal and -shm first"
                .to_owned(),
            "it reads the bootstrap data with the token, and compares it with the files in tls/ and cred/".to_owned(),
        ],
        StartsOn::NewKine => vec!["k3s makes a new, empty state.db: a new cluster".to_owned()],
        StartsOn::Elsewhere => vec!["k3s starts on the database that datastore-endpoint names; db/ is not used".to_owned()],
    };
    report.next_start.extend(steps);
}

/// A mark by which a member that was removed throws its data away (k3s pkg/etcd/etcd.go, Register).
fn tombstone(layout: &Layout, report: &mut Report) {
    let path = layout.etcd.join("tombstone");
    if path.exists() {
        let text = "this member was removed from its cluster: k3s renames db/etcd to db/etcd-backup-<time> and joins anew, empty";
        let hint = "if this is the last copy of the data, take the mark away before the start";
        report.add(Severity::Error, Id::ETCD_TOMBSTONE, &path, text, hint);
        report.fix(
            Id::ETCD_TOMBSTONE,
            [
                format!(
                    "cp -a {} {}",
                    quoted(&layout.etcd),
                    quoted(Path::new(&format!("{}.copy", layout.etcd.display())))
                ),
                aside(&path),
            ],
        );
    }
}

/// Written by a cluster reset, taken away by the next start (k3s pkg/etcd/etcd.go, Reset).
fn flag(layout: &Layout, report: &mut Report) {
    let path = layout.db.join("reset-flag");
    if path.exists() {
        let text = "a cluster reset was done, and k3s was not started since: it removes this file and the node's password Secret, \
                    and refuses a second bare --cluster-reset until then";
        report.add(Severity::Warning, Id::RESET_FLAG, &path, text, "start it without --cluster-reset first");
        report.fix(Id::RESET_FLAG, [format!("rm {}   # only to reset once more", quoted(&path))]);
    }
}
