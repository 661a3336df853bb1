//! kine on a state.db.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use super::client::{Answer, Client, Failed, Kv, arg, kvs, put_line, quoted};
use super::found::KineVersion;
use super::process::{Server, StartFailure, command};

/// kine of one version.
#[derive(Clone, Debug)]
pub struct KineEngine {
    pub version: KineVersion,
    pub(super) kine: PathBuf,
    pub(super) etcdctl: PathBuf,
}

/// A running kine. It is a [`Client`] of itself; what it writes goes through the transactions that Kubernetes
/// uses, since these are all that kine understands.
#[derive(Debug)]
pub struct Kine {
    server: Server,
    client: Client,
}

/// A write did not happen because the key was not at the revision that the writer thought.
#[derive(Clone, Debug)]
pub enum Conflict {
    /// The key as it is, if it is.
    Other(Option<Kv>),
    /// kine refused.
    Failed(Failed),
}

impl From<Failed> for Conflict {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

impl KineEngine {
    /// Starts kine on a state.db, new or existing, as k3s does (WAL, no compaction of its own), and waits until
    /// it serves. Panics with its log when it does not. kine writes at its start: 0.16 VACUUMs the file, both
    /// add missing indexes, the `compact_rev_key` row and the key `/registry/health`.
    #[track_caller]
    pub fn start(&self, state_db: &Path) -> Kine {
        self.try_start(state_db, &[]).unwrap()
    }

    /// Starts kine with more arguments. 0.16 has `--compact-interval=1s`, `--compact-min-retain=N` (here 0, so
    /// that [`Client::compact`] compacts up to what it is told), `--compact-batch-size=N` (100 at least).
    pub fn try_start(&self, state_db: &Path, more: &[&str]) -> Result<Kine, StartFailure> {
        // Each version's own default, with another path.
        let parameters = match self.version {
            KineVersion::V0_11 | KineVersion::V0_11Eager => "_journal=WAL&cache=shared&_busy_timeout=30000",
            KineVersion::V0_16 => {
                "_journal_mode=WAL&_busy_timeout=30000&_synchronous=NORMAL&_txlock=immediate\
                 &_stmt_cache_size=20&cache=shared"
            }
        };
        let mut command = command(&self.kine);
        command
            .arg(format!("--endpoint=sqlite://{}?{parameters}", arg(state_db)))
            .args(["--listen-address=127.0.0.1:0", "--metrics-bind-address=0"]);
        if self.version == KineVersion::V0_16 {
            command.arg("--compact-min-retain=0");
        }
        command.args(more);
        let name = format!("{:?} on {}", self.version, state_db.display());
        let (server, endpoint) = Server::start(&name, command, serving_at)?;
        let client = Client { etcdctl: self.etcdctl.clone(), endpoint };
        Ok(Kine { server, client })
    }
}

/// The endpoint, once kine's log says that it serves. A file that it cannot open it tries again for five
/// minutes, deaf to SIGTERM.
fn serving_at(log: &str) -> Option<Result<String, String>> {
    let complaints = ["ailed to ping ", "failed to setup db"];
    for complaint in complaints {
        if let Some(line) = log.lines().find(|line| line.contains(complaint)) {
            return Some(Err(line.to_owned()));
        }
    }
    let (_, rest) = log.split_once("Kine available at http://")?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':')?;
    Some(Ok(format!("http://{}", &rest[..end])))
}

impl Deref for Kine {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Kine {
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// All that it wrote to its log so far.
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// SIGTERM, and the wait for its end. The -wal and -shm files stay.
    pub fn stop(mut self) {
        self.server.stop();
    }

    /// SIGKILL, and the wait for its end.
    pub fn kill(mut self) {
        self.server.kill();
    }

    /// Creates a key that is not there and returns its revision.
    pub fn create(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<i64, Conflict> {
        self.write(key.as_ref(), value.as_ref(), 0, 0)
    }

    /// Creates a key that lives `ttl` seconds and returns its revision.
    pub fn create_leased(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>, ttl: i64) -> Result<i64, Conflict> {
        self.write(key.as_ref(), value.as_ref(), 0, ttl)
    }

    /// Updates a key that is at `mod_revision` and returns its new revision.
    pub fn update(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>, mod_revision: i64) -> Result<i64, Conflict> {
        self.write(key.as_ref(), value.as_ref(), mod_revision, 0)
    }

    /// Updates a key that is at `mod_revision`, to live `ttl` seconds, and returns its new revision.
    pub fn update_leased(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        mod_revision: i64,
        ttl: i64,
    ) -> Result<i64, Conflict> {
        self.write(key.as_ref(), value.as_ref(), mod_revision, ttl)
    }

    /// Deletes a key that is at `mod_revision` and returns the revision of its tombstone.
    pub fn delete(&self, key: impl AsRef<[u8]>, mod_revision: i64) -> Result<i64, Conflict> {
        let key = quoted(key.as_ref());
        let answer = self.client.txn(
            &[format!("mod({key}) = \"{mod_revision}\"")],
            &[format!("del -- {key}")],
            &[format!("get -- {key}")],
        )?;
        revision_of(&answer)
    }

    fn write(&self, key: &[u8], value: &[u8], mod_revision: i64, ttl: i64) -> Result<i64, Conflict> {
        let name = quoted(key);
        let answer = self.client.txn(
            &[format!("mod({name}) = \"{mod_revision}\"")],
            &[put_line(key, value, ttl)],
            &[format!("get -- {name}")],
        )?;
        revision_of(&answer)
    }
}

fn revision_of(answer: &Answer) -> Result<i64, Conflict> {
    if answer.succeeded {
        return Ok(answer.revision);
    }
    let range = &answer.json["responses"][0]["Response"]["response_range"];
    Err(Conflict::Other(kvs(range).pop()))
}
