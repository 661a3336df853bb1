//! What lies where in k3s's directory.

use std::fs;
use std::path::{Path, PathBuf};

/// A path that is no directory of k3s.
#[derive(Debug, thiserror::Error)]
#[error(
    "{}: no directory of a k3s server: there is no db/ in it; k3s's own is /var/lib/rancher/k3s/server (for a file use \
     `kinescope verify`)",
    .0.display()
)]
pub struct NotK3s(pub PathBuf);

/// The paths that matter, whether they are there or not.
#[derive(Debug)]
pub struct Layout {
    /// `server`
    pub server: PathBuf,
    /// `server/db`
    pub db: PathBuf,
    /// `server/db/state.db`
    pub state: PathBuf,
    /// `server/db/state.db.migrated`
    pub migrated: PathBuf,
    /// `server/db/etcd`
    pub etcd: PathBuf,
}

impl Layout {
    /// # Errors
    /// [`NotK3s`].
    pub fn of(dir: &Path) -> Result<Self, NotK3s> {
        let is_server = |dir: &Path| dir.join("db").is_dir();
        let is_db = |dir: &Path| {
            dir.file_name().is_some_and(|name| name == "db")
                && ["state.db", "state.db.migrated", "etcd", "state.db-wal", "snapshots"]
                    .iter()
                    .any(|name| dir.join(name).exists())
        };
        let whole = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
        let below = dir.join("server");
        let server = if is_server(dir) {
            dir.to_owned()
        } else if is_server(&below) {
            below
        } else if let Some(parent) = whole.parent().filter(|_| is_db(&whole)) {
            parent.to_owned()
        } else {
            return Err(NotK3s(dir.to_owned()));
        };
        let db = server.join("db");
        Ok(Self {
            state: db.join("state.db"),
            migrated: db.join("state.db.migrated"),
            etcd: db.join("etcd"),
            db,
            server,
        })
    }

    /// k3s's only test of whether etcd is there (k3s pkg/etcd/etcd.go, IsInitialized).
    pub fn has_etcd(&self) -> bool {
        self.etcd.join("member/wal").is_dir()
    }

    /// A file beside `state.db`: `-wal`, `-shm`, `-journal`.
    pub fn beside_state(&self, suffix: &str) -> PathBuf {
        self.db.join(format!("state.db{suffix}"))
    }

    /// Names in `db/` that begin with `prefix`, sorted.
    pub fn in_db(&self, prefix: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.db).into_iter().flatten().flatten();
        let fits = |path: &PathBuf| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(prefix))
        };
        let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(fits).collect();
        found.sort();
        found
    }
}

/// The bytes of a small file; `None` where it is not there, cannot be read, or is not small.
pub fn small_file(path: &Path) -> Option<Vec<u8>> {
    use std::io::Read;
    const LONGEST: u64 = 1 << 20;
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(LONGEST + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= LONGEST).then_some(bytes)
}
