//! etcd, and the two tools that come with it.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::client::{Client, Failed, Lease, arg, bytes, int, put_line, quoted};
use super::found::EtcdVersion;
use super::process::{Ran, Server, StartFailure, command, run};

/// etcd, etcdctl and etcdutl of one version.
#[derive(Clone, Debug)]
pub struct EtcdEngine {
    pub version: EtcdVersion,
    pub(super) etcd: PathBuf,
    pub(super) etcdctl: PathBuf,
    pub(super) etcdutl: PathBuf,
}

/// A running etcd. It is a [`Client`] of itself.
#[derive(Debug)]
pub struct Etcd {
    server: Server,
    client: Client,
}

/// The hash over a store's contents that etcd's members compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashKv {
    pub hash: u32,
    /// -1 for a store that was never compacted.
    pub compact_revision: i64,
    /// The revision that the hash is of. etcd 3.5 does not say: 0.
    pub hash_revision: i64,
}

/// What `etcdutl snapshot status` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotStatus {
    pub hash: u32,
    pub revision: i64,
    /// 3.5 counts the records of every bucket, 3.6 and later the live keys.
    pub total_key: i64,
    pub total_size: i64,
    /// The storage version; 3.5 does not say.
    pub version: Option<String>,
}

impl EtcdEngine {
    /// Starts etcd on a data directory, new or existing, and waits until it serves. Panics with its log when it
    /// does not.
    #[track_caller]
    pub fn start(&self, data_dir: &Path) -> Etcd {
        self.try_start(data_dir, &[]).unwrap()
    }

    /// Starts etcd with more arguments, such as `--force-new-cluster`. It does not fsync (a killed process
    /// loses nothing by that, only a machine that loses power does).
    pub fn try_start(&self, data_dir: &Path, more: &[&str]) -> Result<Etcd, StartFailure> {
        let mut command = command(&self.etcd);
        // Port 0 is bound, the default ports are told: nobody else will ever ask this member for them, and
        // what is stored in the file is what a default etcd stores.
        command
            .args(["--name", "default", "--data-dir", arg(data_dir)])
            .args(["--listen-client-urls", "http://127.0.0.1:0"])
            .args(["--advertise-client-urls", "http://localhost:2379"])
            .args(["--listen-peer-urls", "http://127.0.0.1:0"])
            .args(["--initial-advertise-peer-urls", "http://localhost:2380"])
            .args(["--initial-cluster", "default=http://localhost:2380"])
            .args(["--quota-backend-bytes", "8589934592", "--max-txn-ops", "10000"])
            .args(["--unsafe-no-fsync", "--logger", "zap", "--log-outputs", "stderr"])
            .args(more);
        let name = format!("{:?} on {}", self.version, data_dir.display());
        let (server, endpoint) = Server::start(&name, command, serving_at)?;
        let client = Client { etcdctl: self.etcdctl.clone(), endpoint };
        Ok(Etcd { server, client })
    }

    /// `etcdutl ARGS`, whatever comes of it.
    pub fn etcdutl(&self, args: &[&str]) -> Ran {
        run(&self.etcdutl, args, b"")
    }

    /// `etcdutl snapshot restore`: makes a data directory of a snapshot file. `more` may hold
    /// `--skip-hash-check` (a file without the trailer that a snapshot has), `--bump-revision=N`,
    /// `--mark-compacted`.
    pub fn restore(&self, snapshot: &Path, data_dir: &Path, more: &[&str]) -> Result<(), Failed> {
        let mut args = vec!["snapshot", "restore", arg(snapshot), "--data-dir", arg(data_dir)];
        args.extend(more);
        let ran = self.etcdutl(&args);
        if ran.success { Ok(()) } else { Err(Failed { command: ran.command, stderr: ran.stderr }) }
    }

    /// `etcdutl snapshot status`.
    pub fn snapshot_status(&self, snapshot: &Path) -> Result<SnapshotStatus, Failed> {
        let json = self.etcdutl_json(&["snapshot", "status", arg(snapshot)])?;
        Ok(SnapshotStatus {
            hash: hash(&json["hash"]),
            revision: int(&json["revision"]),
            total_key: int(&json["totalKey"]),
            total_size: int(&json["totalSize"]),
            version: json["version"].as_str().map(str::to_owned),
        })
    }

    /// `etcdutl hashkv` of a bbolt file, at a revision or (0) the last one. 3.5 does not have it; 3.6 crashes
    /// on a file that holds keys with leases.
    pub fn hash_kv_of_file(&self, file: &Path, revision: i64) -> Result<HashKv, Failed> {
        let revision = format!("--rev={revision}");
        let json = self.etcdutl_json(&["hashkv", &revision, arg(file)])?;
        Ok(HashKv {
            hash: hash(&json["hash"]),
            compact_revision: int(&json["compactRevision"]),
            hash_revision: int(&json["hashRevision"]),
        })
    }

    fn etcdutl_json(&self, args: &[&str]) -> Result<Value, Failed> {
        let mut all = vec!["--write-out=json"];
        all.extend(args);
        let ran = self.etcdutl(&all);
        let json = ran.success.then(|| serde_json::from_slice(&ran.stdout).ok()).flatten();
        json.ok_or(Failed { command: ran.command, stderr: ran.stderr })
    }
}

/// The endpoint, once etcd's log says that it serves.
fn serving_at(log: &str) -> Option<Result<String, String>> {
    let line = log.lines().find(|line| line.contains("serving client traffic insecurely"))?;
    let json: Value = serde_json::from_str(line).ok()?;
    Some(Ok(format!("http://{}", json["address"].as_str()?)))
}

fn hash(json: &Value) -> u32 {
    u32::try_from(int(json)).unwrap()
}

impl Deref for Etcd {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Etcd {
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// All that it wrote to its log so far.
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// SIGTERM, and the wait for its end.
    pub fn stop(mut self) {
        self.server.stop();
    }

    /// SIGKILL, and the wait for its end.
    pub fn kill(mut self) {
        self.server.kill();
    }

    /// Puts a key and returns the revision.
    pub fn put(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<i64, Failed> {
        self.put_leased(key, value, 0)
    }

    /// Puts a key that is attached to a lease and returns the revision.
    pub fn put_leased(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>, lease: i64) -> Result<i64, Failed> {
        Ok(self.txn(&[], &[put_line(key.as_ref(), value.as_ref(), lease)], &[])?.revision)
    }

    /// Puts all keys in one transaction: they share the revision that is returned.
    pub fn put_at_once<K: AsRef<[u8]>, V: AsRef<[u8]>>(&self, pairs: &[(K, V)]) -> Result<i64, Failed> {
        let puts: Vec<_> = pairs.iter().map(|(key, value)| put_line(key.as_ref(), value.as_ref(), 0)).collect();
        Ok(self.txn(&[], &puts, &[])?.revision)
    }

    /// Deletes a key and returns the revision.
    pub fn delete(&self, key: impl AsRef<[u8]>) -> Result<i64, Failed> {
        Ok(self.txn(&[], &[format!("del -- {}", quoted(key.as_ref()))], &[])?.revision)
    }

    /// Deletes all keys in one transaction: their tombstones share the revision that is returned.
    pub fn delete_at_once<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<i64, Failed> {
        let deletes: Vec<_> = keys.iter().map(|key| format!("del -- {}", quoted(key.as_ref()))).collect();
        Ok(self.txn(&[], &deletes, &[])?.revision)
    }

    /// Revokes a lease: its keys are deleted at one revision.
    pub fn revoke(&self, lease: i64) -> Result<(), Failed> {
        self.json(&["lease", "revoke", &format!("{lease:x}")], b"").map(|_| ())
    }

    /// All leases with their keys, in the order of their ids.
    pub fn leases(&self) -> Result<Vec<Lease>, Failed> {
        let list = self.json(&["lease", "list"], b"")?;
        let mut ids: Vec<_> = list["leases"].as_array().into_iter().flatten().map(|lease| int(&lease["id"])).collect();
        ids.sort_unstable();
        ids.into_iter().map(|id| self.lease(id)).collect()
    }

    /// A lease with its keys. Of one that does not exist the times to live are -1 and 0.
    pub fn lease(&self, id: i64) -> Result<Lease, Failed> {
        let json = self.json(&["lease", "timetolive", "--keys", &format!("{id:x}")], b"")?;
        let mut keys: Vec<_> = json["keys"].as_array().into_iter().flatten().map(bytes).collect();
        keys.sort_unstable();
        Ok(Lease { id, granted_ttl: int(&json["granted-ttl"]), ttl: int(&json["ttl"]), keys })
    }

    /// The hash of the store at `revision`, or (0) at the current one.
    pub fn hash_kv(&self, revision: i64) -> Result<HashKv, Failed> {
        let revision = format!("--rev={revision}");
        let json = self.json(&["endpoint", "hashkv", &revision], b"")?;
        let json = &json[0]["HashKV"];
        Ok(HashKv {
            hash: hash(&json["hash"]),
            compact_revision: int(&json["compact_revision"]),
            hash_revision: int(&json["hash_revision"]),
        })
    }

    /// Rewrites the file without its free pages.
    pub fn defrag(&self) -> Result<(), Failed> {
        let ran = self.etcdctl(&["defrag"], b"");
        if ran.success { Ok(()) } else { Err(Failed { command: ran.command, stderr: ran.stderr }) }
    }

    /// `etcdctl snapshot save`.
    pub fn save_snapshot(&self, to: &Path) -> Result<(), Failed> {
        let ran = self.etcdctl(&["snapshot", "save", arg(to)], b"");
        if ran.success { Ok(()) } else { Err(Failed { command: ran.command, stderr: ran.stderr }) }
    }
}
