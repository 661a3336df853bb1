//! Owners and modes. k3s runs as root, makes its files for root alone, and sets few of them right by itself.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::{Report, quoted};
use crate::ops::finding::{Id, Severity};

/// Files and directories that are looked at, below which nothing deeper matters.
const MOST: usize = 10_000;
/// Directories deep.
const DEEPEST: u32 = 4;

/// Looks at all that lies in `db`, `tls`, `cred`, and at the token.
pub fn check(layout: &Layout, report: &mut Report) {
    let mut paths = vec![layout.server.clone()];
    for name in ["db", "tls", "cred", "token", "agent-token"] {
        walk(&layout.server.join(name), DEEPEST, &mut paths);
    }
    owners(layout, &paths, report);
    modes(layout, &paths, report);
}

fn walk(path: &Path, depth: u32, paths: &mut Vec<PathBuf>) {
    let Ok(metadata) = fs::symlink_metadata(path) else { return };
    if paths.len() >= MOST {
        return;
    }
    paths.push(path.to_owned());
    if metadata.is_dir() && depth > 0 {
        let mut below: Vec<PathBuf> =
            fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        below.sort();
        for path in below {
            walk(&path, depth - 1, paths);
        }
    }
}

/// Files of another owner than root: restored by hand as a user (`pi:pi`). k3s as root reads them all the same; whoever owns
/// them reads every Secret, and a k3s without root cannot write what root made.
fn owners(layout: &Layout, paths: &[PathBuf], report: &mut Report) {
    let mut by_owner: BTreeMap<(u32, u32), Vec<&PathBuf>> = BTreeMap::new();
    for path in paths {
        if let Ok(metadata) = fs::symlink_metadata(path) {
            by_owner.entry((metadata.uid(), metadata.gid())).or_default().push(path);
        }
    }
    let several = by_owner.len() > 1;
    for ((uid, gid), paths) in by_owner.iter().filter(|((uid, gid), _)| (*uid, *gid) != (0, 0)) {
        let Some(first) = paths.first() else { continue };
        let text = format!("{} files and directories belong to {uid}:{gid} and not to root", paths.len());
        let (severity, hint) = if several {
            (Severity::Warning, "put back by hand, as it seems; give them to root")
        } else {
            (Severity::Note, "as in a copy; k3s as root wants them to be root's when it is put in place")
        };
        report.add(severity, Id::OWNER, first, text, hint);
        if several {
            report.fix(Id::OWNER, [format!("chown -R root:root {}", quoted(&layout.server))]);
        }
    }
}

/// What only root should read, and what k3s itself could not write.
fn modes(layout: &Layout, paths: &[PathBuf], report: &mut Report) {
    let mode = |path: &Path| fs::metadata(path).map(|metadata| metadata.mode() & 0o7777).ok();
    for (dir, wanted) in [(&layout.db, 0o700), (&layout.etcd, 0o700)] {
        let Some(found) = mode(dir).filter(|found| found & 0o077 != 0) else { continue };
        let text = format!("its mode is {found:04o}, and k3s makes it {wanted:04o}: others can read the Secrets in it");
        report.add(Severity::Warning, Id::MODE_OPEN, dir, text, "");
        report.fix(Id::MODE_OPEN, [format!("chmod {wanted:o} {}", quoted(dir))]);
    }
    let is_secret = |path: &Path| {
        let below = path.strip_prefix(&layout.server).unwrap_or(path);
        let is_key = path.extension().is_some_and(|extension| extension == "key");
        below == Path::new("token") || below == Path::new("agent-token") || below.starts_with("cred") || is_key
    };
    for path in paths.iter().filter(|path| path.is_file() && is_secret(path)) {
        let Some(found) = mode(path).filter(|found| found & 0o077 != 0) else { continue };
        let text = format!("its mode is {found:04o}: others can read it");
        report.add(Severity::Warning, Id::MODE_OPEN, path, text, "");
        report.fix(Id::MODE_OPEN, [format!("chmod 600 {}", quoted(path))]);
    }
    let state = ["", "-wal", "-shm"].map(|suffix| layout.beside_state(suffix));
    for path in state.iter().filter(|path| path.is_file()) {
        if let Some(found) = mode(path).filter(|found| found & 0o200 == 0) {
            let text = format!(
                "its mode is {found:04o}, so that its owner cannot write it: \"attempt to write a readonly database\""
            );
            report.add(
                Severity::Warning,
                Id::MODE_READ_ONLY,
                path,
                text,
                "root can all the same, a k3s without root cannot",
            );
            report.fix(Id::MODE_READ_ONLY, [format!("chmod 644 {}", quoted(path))]);
        }
    }
}
