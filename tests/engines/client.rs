//! etcd's API as etcdctl speaks it, with typed answers. The same client talks to etcd and to kine.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::process::{Ran, command, run};

/// How long a watch waits for the revision that it was asked to reach.
const WATCH_LIMIT: Duration = Duration::from_secs(20);

/// A key as the server lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kv {
    pub key: Vec<u8>,
    pub create_revision: i64,
    pub mod_revision: i64,
    /// kine always says 0.
    pub version: i64,
    /// etcd: the id of the lease. kine: its time to live in seconds. 0: none.
    pub lease: i64,
    pub value: Vec<u8>,
}

impl Kv {
    fn from_json(json: &Value) -> Self {
        Self {
            key: bytes(&json["key"]),
            create_revision: int(&json["create_revision"]),
            mod_revision: int(&json["mod_revision"]),
            version: int(&json["version"]),
            lease: int(&json["lease"]),
            value: bytes(&json["value"]),
        }
    }

    /// The key as text.
    pub fn name(&self) -> String {
        String::from_utf8_lossy(&self.key).into_owned()
    }
}

/// The keys under a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The server's current revision, also when an older one was listed.
    pub revision: i64,
    /// In the order of their keys (kine 0.11 lists them in the order of their revisions; here they are sorted).
    pub kvs: Vec<Kv>,
}

/// What an event of a watch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Put,
    Delete,
}

/// One event of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub op: Op,
    /// For a delete: its key and mod revision, the rest 0 and empty in etcd and kine 0.16; kine 0.11 gives the
    /// row before it.
    pub kv: Kv,
}

/// What a watch delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    pub events: Vec<Event>,
    /// The compact revision, if the server refused the watch because of it.
    pub compacted: Option<i64>,
    /// Whether an event at (or after) the revision that was waited for has arrived.
    pub reached: bool,
}

/// A lease that etcd holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub id: i64,
    /// The seconds granted.
    pub granted_ttl: i64,
    /// The seconds left.
    pub ttl: i64,
    /// The keys attached, sorted.
    pub keys: Vec<Vec<u8>>,
}

/// The server, or the client, said no.
#[derive(Clone, Debug)]
pub struct Failed {
    pub command: String,
    pub stderr: String,
}

impl Failed {
    /// Whether the revision asked for is compacted.
    pub fn is_compacted(&self) -> bool {
        self.stderr.contains("required revision has been compacted")
    }

    /// Whether the revision asked for does not exist yet.
    pub fn is_future(&self) -> bool {
        self.stderr.contains("required revision is a future revision")
    }
}

/// etcdctl, pointed at one running server.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) etcdctl: PathBuf,
    pub(super) endpoint: String,
}

impl Client {
    /// `http://127.0.0.1:PORT`, for other clients.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn options(&self) -> [String; 4] {
        [
            format!("--endpoints={}", self.endpoint),
            "--dial-timeout=10s".to_owned(),
            "--command-timeout=60s".to_owned(),
            "--write-out=json".to_owned(),
        ]
    }

    /// `etcdctl ARGS` with `input` on its standard input, whatever comes of it.
    pub fn etcdctl(&self, args: &[&str], input: &[u8]) -> Ran {
        let options = self.options();
        let args: Vec<&str> = options.iter().map(String::as_str).chain(args.iter().copied()).collect();
        run(&self.etcdctl, &args, input)
    }

    /// `etcdctl ARGS` that succeeds and prints one JSON value.
    pub fn json(&self, args: &[&str], input: &[u8]) -> Result<Value, Failed> {
        let ran = self.etcdctl(args, input);
        if !ran.success {
            return Err(Failed { command: ran.command, stderr: ran.stderr });
        }
        serde_json::from_slice(&ran.stdout).map_err(|error| Failed {
            stderr: format!("no JSON ({error}): {}", ran.stdout_text()),
            command: ran.command,
        })
    }

    /// The key as it is now.
    pub fn get(&self, key: &str) -> Result<Option<Kv>, Failed> {
        Ok(kvs(&self.json(&["get", "--", key], b"")?).pop())
    }

    /// The key as it was right after `revision`.
    pub fn get_at(&self, key: &str, revision: i64) -> Result<Option<Kv>, Failed> {
        let revision = format!("--rev={revision}");
        Ok(kvs(&self.json(&["get", &revision, "--", key], b"")?).pop())
    }

    /// All keys that begin with `prefix`. "" is every key for etcd, and nothing for kine: there, say "/".
    pub fn list(&self, prefix: &str) -> Result<Listing, Failed> {
        self.list_with(&["get", "--prefix", "--", prefix])
    }

    /// All keys that began with `prefix` right after `revision`.
    pub fn list_at(&self, prefix: &str, revision: i64) -> Result<Listing, Failed> {
        let revision = format!("--rev={revision}");
        self.list_with(&["get", "--prefix", &revision, "--", prefix])
    }

    fn list_with(&self, args: &[&str]) -> Result<Listing, Failed> {
        let json = self.json(args, b"")?;
        let mut kvs = kvs(&json);
        kvs.sort_by(|a, b| a.key.cmp(&b.key));
        let revision = revision(&json);
        Ok(Listing { revision, kvs })
    }

    /// The current revision.
    pub fn revision(&self) -> Result<i64, Failed> {
        Ok(revision(&self.json(&["get", "--", "/no-such-key"], b"")?))
    }

    /// Compacts at `revision`. etcd is done with it when this returns. kine 0.16 obeys unless it was started
    /// with an interval, and keeps its `--compact-min-retain` newest revisions; kine 0.11 says yes and does
    /// nothing.
    pub fn compact(&self, revision: i64) -> Result<(), Failed> {
        let ran = self.etcdctl(&["compact", "--physical", &revision.to_string()], b"");
        if ran.success { Ok(()) } else { Err(Failed { command: ran.command, stderr: ran.stderr }) }
    }

    /// Grants a lease of `ttl` seconds and returns its id. kine grants the lease whose id is its time to live.
    pub fn grant(&self, ttl: i64) -> Result<i64, Failed> {
        Ok(int(&self.json(&["lease", "grant", &ttl.to_string()], b"")?["ID"]))
    }

    /// Watches `prefix` from revision `from` on until an event at `until` has come, or twenty seconds are over,
    /// or the server refuses.
    pub fn watch(&self, prefix: &str, from: i64, until: i64) -> Watched {
        let mut command = command(&self.etcdctl);
        // What follows a -- would be a program to run at each event.
        command
            .args(self.options())
            .args(["watch", "--prefix", &format!("--rev={from}"), prefix])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, receiver) = channel();
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut watched = Watched { events: Vec::new(), compacted: None, reached: false };
        let deadline = Instant::now() + WATCH_LIMIT;
        while !watched.reached && watched.compacted.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = match receiver.recv_timeout(left) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            };
            let Ok(json) = serde_json::from_str::<Value>(&line) else { continue };
            watched.take(&json, until);
        }
        drop(receiver);
        let _ = child.kill();
        let _ = child.wait();
        reader.join().unwrap();
        watched
    }

    /// One transaction, in etcdctl's own words; whether it succeeded, and the whole answer.
    pub(super) fn txn(&self, compares: &[String], then: &[String], or: &[String]) -> Result<Answer, Failed> {
        let mut input = String::new();
        for part in [compares, then, or] {
            for line in part {
                input.push_str(line);
                input.push('\n');
            }
            input.push('\n');
        }
        let json = self.json(&["txn"], input.as_bytes())?;
        Ok(Answer { revision: revision(&json), succeeded: json["succeeded"] == true, json })
    }
}

/// The answer to a transaction.
pub(super) struct Answer {
    pub revision: i64,
    pub succeeded: bool,
    pub json: Value,
}

impl Watched {
    fn take(&mut self, json: &Value, until: i64) {
        if json["Canceled"] == true {
            self.compacted = Some(int(&json["CompactRevision"]));
        }
        for event in json["Events"].as_array().into_iter().flatten() {
            let op = if int(&event["type"]) == 1 { Op::Delete } else { Op::Put };
            let kv = Kv::from_json(&event["kv"]);
            self.reached |= kv.mod_revision >= until;
            self.events.push(Event { op, kv });
        }
    }
}

/// A put of a transaction.
pub(super) fn put_line(key: &[u8], value: &[u8], lease: i64) -> String {
    let lease = if lease == 0 { String::new() } else { format!("--lease={lease:x} ") };
    format!("put {lease}-- {} {}", quoted(key), quoted(value))
}

/// Bytes as a Go string literal: etcdctl's own reader of transactions undoes it.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 2);
    text.push('"');
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push('"');
    text
}

/// The kvs of a range response.
pub(super) fn kvs(json: &Value) -> Vec<Kv> {
    json["kvs"].as_array().into_iter().flatten().map(Kv::from_json).collect()
}

/// The revision of a response's header; lease responses have theirs at the top.
pub(super) fn revision(json: &Value) -> i64 {
    int(if json["header"].is_null() { &json["revision"] } else { &json["header"]["revision"] })
}

/// A number that may be missing (Go leaves zeros out) or stand in quotes.
pub(super) fn int(json: &Value) -> i64 {
    match json {
        Value::Null => 0,
        Value::String(text) => text.parse().unwrap(),
        other => other.as_i64().unwrap_or_else(|| panic!("no number: {other}")),
    }
}

/// Bytes in base64 that may be missing.
pub(super) fn bytes(json: &Value) -> Vec<u8> {
    json.as_str().map(|text| STANDARD.decode(text).unwrap()).unwrap_or_default()
}

/// A path as an argument.
pub(super) fn arg(path: &Path) -> &str {
    path.to_str().expect("the tests' own paths are UTF-8")
}
