//! The engine itself tries a copy of the store: the surest answer to whether it would start on it, where its programs are at
//! hand. The input is not touched: what runs has a copy in a private directory, listens on the loopback alone, and is
//! stopped at the end. Of a cluster's member a cluster of one is made, so that the copy speaks to no other member.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tempfile::TempDir;

use crate::etcd::hash::Trailer;
use crate::etcd::wal::Wal;
use crate::model::LeaseRef;
use crate::ops::finding::{Findings, Id, Severity};
use crate::ops::store::{OpenStore, Store};
use crate::source::{File as Stored, Files};

/// The time that everything together may take, and what is added for each 16 MiB of the store.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one question may take before it is asked again.
const ASK: &str = "5s";
/// Bytes of one line of a log that are shown, and lines.
const LINE: usize = 400;
const LINES: usize = 3;

/// What came of it, where no answer was given.
enum Outcome {
    /// A program is not there.
    Absent(String),
    /// It could not be tried: the temporary directory, the time, the user.
    NotTried(String),
    /// The program that refused, and its last lines.
    Refuses(String, String),
}

impl From<io::Error> for Outcome {
    fn from(error: io::Error) -> Self {
        Self::NotTried(error.to_string())
    }
}

/// The keys that an engine lists, each with its mod revision.
type Listing = BTreeMap<Vec<u8>, i64>;

/// What an engine answered: its newest revision, and the keys at the revision that was asked for; `None` where it says that
/// it has no such revision.
#[derive(Debug, PartialEq, Eq)]
struct Served {
    revision: i64,
    keys: Option<Listing>,
}

/// Lets the engine that the store is for try a copy. `go_on` is asked again and again.
pub fn check(source: &OpenStore, go_on: &dyn Fn() -> bool, findings: &mut Findings) {
    let name = source.name.as_str();
    let tried = Trial::new(source, go_on).and_then(|mut trial| match &source.store {
        Store::Etcd(_) => trial.etcd(source),
        Store::Kine(_) => trial.kine(source),
    });
    match tried {
        Ok((version, served)) => compare(source, &version, &served, findings),
        Err(Outcome::Absent(what)) => {
            let hint = "etcd's own packages have them; kine's is on its page of releases";
            findings.add(Severity::Note, Id::ENGINE_ABSENT, name, format!("not tried: {what}"), hint);
        }
        Err(Outcome::NotTried(why)) => {
            findings.add(Severity::Warning, Id::ENGINE_NOT_TRIED, name, format!("not tried to the end: {why}"), "");
        }
        Err(Outcome::Refuses(program, lines)) => {
            let text = format!("{program} does not start on it: {lines}");
            let hint = "the other findings say why, where the file itself does; another version may take it";
            findings.add(Severity::Error, Id::ENGINE_REFUSES, name, text, hint);
        }
    }
}

/// What the engine serves at the newest revision that we read, beside what we read.
fn compare(source: &OpenStore, version: &str, served: &Served, findings: &mut Findings) {
    let history = source.store.history();
    let prefix: &[u8] = if matches!(source.store, Store::Kine(_)) { b"/" } else { b"" };
    let live: Vec<_> = history.keys().with_prefix(prefix).filter_map(|key| history.live(key)).collect();
    let ours: BTreeMap<&[u8], i64> =
        live.iter().map(|change| (history.keys().get(change.key), change.revision.main)).collect();
    // At its start an engine may end leases, and kine writes a key of its own.
    let expected = live.iter().filter(|change| change.lease != LeaseRef::None).count() as i64 + 1;
    let revision = history.current_revision();
    let name = source.name.as_str();
    let hint = "do not rely on either before it is known why: compare with kinescope ls";
    let mut differs = |text: String| findings.add(Severity::Loss, Id::ENGINE_DIFFERS, name, text, hint);
    let Some(keys) = &served.keys else {
        return differs(format!("{version} has no revision {revision}, which was read"));
    };
    let missing = ours.iter().filter(|(key, at)| keys.get(**key) != Some(*at)).map(|(key, _)| *key);
    let added = keys.keys().map(Vec::as_slice).filter(|key| !ours.contains_key(key));
    let differing: Vec<&[u8]> = missing.chain(added).collect();
    if let Some(first) = differing.first() {
        return differs(format!(
            "{version} serves {} keys at revision {revision}, and {} were read; {} differ, the first is {}",
            keys.len(),
            ours.len(),
            differing.len(),
            first.escape_ascii()
        ));
    }
    if served.revision > revision.saturating_add(expected) {
        return differs(format!("{version} is at revision {}, and {revision} was read", served.revision));
    }
    let text = format!("{version} serves the {} keys that were read, at revision {revision}", ours.len());
    findings.add(Severity::Note, Id::ENGINE_SERVES, name, text, "");
}

/// A program of `PATH`, from directories that are named from the root.
fn program(name: &str) -> Result<PathBuf, Outcome> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_program = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    let found = std::env::split_paths(&path).filter(|dir| dir.is_absolute()).map(|dir| dir.join(name)).find(is_program);
    found.ok_or_else(|| Outcome::Absent(format!("there is no {name} in PATH")))
}

/// A command that neither the user's settings nor his terminal reach.
fn command(program: &Path, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(dir).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if ["ETCD", "KINE"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}

/// A port that nobody listens on.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A server that ends with this value, and with this process where that is killed.
struct Server {
    child: Child,
    watcher: Option<Child>,
}

impl Server {
    /// Has a shell wait for the end of a pipe whose other end this process holds: whatever ends it, the shell then ends the
    /// server, and removes the copy that it works on. Without a shell nobody does.
    fn watched(child: Child, dir: &Path) -> Self {
        const WATCH: &str = r#"read -r _; kill -9 "$0"; rm -rf -- "$1""#;
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", WATCH]).arg(child.id().to_string()).arg(dir).env("PATH", "/usr/bin:/bin");
        // In a group of its own, no Ctrl-C of the terminal reaches it.
        shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { child, watcher: shell.spawn().ok() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It works on a copy: nothing is lost by ending it at once.
        let _ = self.child.kill();
        // As long as nobody waited for the server, its number is nobody else's.
        if let Some(watcher) = &mut self.watcher {
            let _ = watcher.kill();
            let _ = watcher.wait();
        }
        let _ = self.child.wait();
    }
}

/// A directory of its own, and the time that is left.
struct Trial<'a> {
    dir: TempDir,
    until: Instant,
    go_on: &'a dyn Fn() -> bool,
    /// Numbers the logs.
    logs: u32,
}

impl<'a> Trial<'a> {
    fn new(source: &OpenStore, go_on: &'a dyn Fn() -> bool) -> Result<Self, Outcome> {
        let mode = fs::Permissions::from_mode(0o700);
        let dir = tempfile::Builder::new().prefix("kinescope-engine-").permissions(mode).tempdir()?;
        let length: usize = match &source.files {
            Files::Sqlite { db, wal } => db.bytes.len() + wal.as_ref().map_or(0, |wal| wal.bytes.len()),
            Files::Bolt { db } | Files::EtcdDir { db, .. } => db.bytes.len(),
        };
        let more = Duration::from_secs((length >> 24) as u64);
        Ok(Self { dir, until: Instant::now() + PATIENCE + more, go_on, logs: 0 })
    }

    fn patience(&self) -> Result<(), Outcome> {
        if !(self.go_on)() {
            return Err(Outcome::NotTried("it was interrupted".to_owned()));
        }
        if Instant::now() >= self.until {
            return Err(Outcome::NotTried("it took too long".to_owned()));
        }
        std::thread::sleep(Duration::from_millis(20));
        Ok(())
    }

    /// Writes a file that only the user can read.
    fn copy(&self, name: &str, file: &Stored) -> Result<PathBuf, Outcome> {
        let path = self.dir.path().join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut copy = File::create(&path)?;
        for piece in file.bytes.chunks(1 << 24) {
            if !(self.go_on)() {
                return Err(Outcome::NotTried("it was interrupted".to_owned()));
            }
            copy.write_all(piece)?;
        }
        Ok(path)
    }

    /// Starts a program; what it says goes to the file.
    fn start(&mut self, mut command: Command) -> Result<(Server, PathBuf), Outcome> {
        self.logs += 1;
        let log = self.dir.path().join(format!("log-{}", self.logs));
        let out = File::create(&log)?;
        let child = command.stdout(out.try_clone()?).stderr(out).spawn()?;
        Ok((Server::watched(child, self.dir.path()), log))
    }

    /// Runs a program to its end; whether it was content, and what it said.
    fn run(&mut self, command: Command) -> Result<(bool, String), Outcome> {
        let (mut server, log) = self.start(command)?;
        loop {
            if let Some(status) = server.child.try_wait()? {
                let said = fs::read(&log)?;
                return Ok((status.success(), String::from_utf8_lossy(&said).into_owned()));
            }
            self.patience()?;
        }
    }

    /// A program's name and version, in its own words.
    fn version(&mut self, name: &str, program: &Path) -> Result<String, Outcome> {
        let mut ask = command(program, self.dir.path());
        ask.arg("--version");
        let (_, said) = self.run(ask)?;
        let words = said.lines().next().unwrap_or_default().split_whitespace();
        let is_number = |word: &&str| word.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit());
        let number = words.map(|word| word.trim_start_matches('v')).find(is_number);
        Ok(number.map_or_else(|| name.to_owned(), |number| format!("{name} {number}")))
    }

    fn etcd(&mut self, source: &OpenStore) -> Result<(String, Served), Outcome> {
        let (etcd, ctl) = (program("etcd")?, program("etcdctl")?);
        let version = self.version("etcd", &etcd)?;
        let data = self.dir.path().join("etcd");
        let mut start = command(&etcd, self.dir.path());
        match &source.files {
            Files::EtcdDir { db, wal, snap } => {
                self.copy("etcd/member/snap/db", db)?;
                for (dir, files) in [("wal", wal), ("snap", snap)] {
                    for file in files {
                        let name = file.name.to_string();
                        let base = name.rsplit(['/', '!']).next().unwrap_or_default().to_owned();
                        self.copy(&format!("etcd/member/{dir}/{base}"), file)?;
                    }
                }
                fs::set_permissions(&data, fs::Permissions::from_mode(0o700))?;
                // The only voter commits at its start what is in its log; a cluster of one that is made of a larger one
                // drops it, and asks nobody.
                if !votes_alone(source) {
                    start.arg("--force-new-cluster");
                }
            }
            Files::Bolt { db } | Files::Sqlite { db, .. } => self.restore(source, db, &data)?,
        }
        let (client, peer) = (free_port()?, free_port()?);
        let url = format!("http://127.0.0.1:{client}");
        start.arg("--data-dir").arg(&data).args(["--name", "default"]);
        start.args(["--listen-client-urls", &url, "--advertise-client-urls", &url]);
        start.args(["--listen-peer-urls", &format!("http://127.0.0.1:{peer}")]);
        let revision = source.store.history().current_revision();
        let served = self.ask(start, &ctl, &url, &["", "--prefix", "--keys-only"], revision, &version)?;
        Ok((version, served))
    }

    fn restore(&mut self, source: &OpenStore, db: &Stored, data: &Path) -> Result<(), Outcome> {
        let utl = program("etcdutl")?;
        let copy = self.copy("snapshot", db)?;
        let mut restore = command(&utl, self.dir.path());
        restore.args(["snapshot", "restore"]).arg(copy).arg("--data-dir").arg(data);
        if source.trailer() == Some(Trailer::Absent) {
            restore.arg("--skip-hash-check");
        }
        let (is_content, said) = self.run(restore)?;
        if is_content {
            return Ok(());
        }
        Err(Outcome::Refuses("etcdutl".to_owned(), last_lines(&said)))
    }

    fn kine(&mut self, source: &OpenStore) -> Result<(String, Served), Outcome> {
        let (kine, ctl) = (program("kine")?, program("etcdctl")?);
        let version = self.version("kine", &kine)?;
        let Files::Sqlite { db, wal } = &source.files else {
            return Err(Outcome::NotTried("no SQLite file".to_owned()));
        };
        let state = self.copy("state.db", db)?;
        if let Some(wal) = wal {
            self.copy("state.db-wal", wal)?;
        }
        let address = format!("127.0.0.1:{}", free_port()?);
        let mut start = command(&kine, self.dir.path());
        // The parameters that k3s gives, under the names of both drivers that kine has had.
        let parameters = "_journal=WAL&_journal_mode=WAL&cache=shared&_busy_timeout=30000";
        start.arg(format!("--endpoint=sqlite://{}?{parameters}", state.display()));
        start.args([&format!("--listen-address={address}"), "--metrics-bind-address=0"]);
        let revision = source.store.history().current_revision();
        let url = format!("http://{address}");
        let served = self.ask(start, &ctl, &url, &["/", "--prefix"], revision, &version)?;
        Ok((version, served))
    }

    /// Starts a server and asks it what there is at a revision, again and again until it answers.
    fn ask(
        &mut self,
        start: Command,
        ctl: &Path,
        url: &str,
        what: &[&str],
        revision: i64,
        version: &str,
    ) -> Result<Served, Outcome> {
        let (mut server, log) = self.start(start)?;
        let said = || last_lines(&String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()));
        loop {
            let mut ask = command(ctl, self.dir.path());
            ask.args(["--endpoints", url, "--command-timeout", ASK, "-w", "json", "get"]).args(what);
            ask.arg(format!("--rev={revision}"));
            let (is_content, answer) = self.run(ask)?;
            if let Some(served) = served(&answer).filter(|_| is_content) {
                return Ok(served);
            }
            // It has fewer revisions than were read, or has dropped them.
            if ["future revision", "has been compacted"].iter().any(|what| answer.contains(what)) {
                return Ok(Served { revision: 0, keys: None });
            }
            if server.child.try_wait()?.is_some() || is_hopeless(&said()) {
                return Err(Outcome::Refuses(version.to_owned(), said()));
            }
            self.patience()?;
        }
    }
}

/// Whether a member is known to be the only one that votes.
fn votes_alone(source: &OpenStore) -> bool {
    let (Store::Etcd(store), Files::EtcdDir { wal, .. }) = (&source.store, &source.files) else { return false };
    let own = Wal::read(wal).node_id;
    store.replayed().is_some_and(|replayed| own.is_some_and(|own| replayed.voters.iter().eq([&own])))
}

/// kine tries a file that it cannot open again for five minutes.
fn is_hopeless(said: &str) -> bool {
    ["ailed to ping ", "failed to setup db", "level=fatal"].iter().any(|what| said.contains(what))
}

/// An answer of `etcdctl get -w json`.
fn served(answer: &str) -> Option<Served> {
    let has_header = |line: &Value| line.get("header").is_some();
    let answer: Value = answer.lines().filter_map(|line| serde_json::from_str(line).ok()).find(has_header)?;
    let revision = answer.get("header")?.get("revision")?.as_i64()?;
    let all = answer.get("kvs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let one = |kv: &Value| {
        let key = STANDARD.decode(kv.get("key")?.as_str()?).ok()?;
        Some((key, kv.get("mod_revision")?.as_i64()?))
    };
    Some(Served { revision, keys: Some(all.iter().map(one).collect::<Option<Listing>>()?) })
}

/// The end of a log, on one line.
fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // A panic of Go ends with its stack; what it is about stands before.
    let is_cause =
        |line: &&str| ["panic:", "Error:"].iter().any(|word| line.starts_with(word)) || line.contains("fatal");
    let panic = lines.iter().position(is_cause);
    let from = panic.unwrap_or_else(|| lines.len().saturating_sub(LINES));
    let cut = |line: &&str| line.chars().take(LINE).collect::<String>();
    lines.iter().skip(from).take(LINES).map(cut).collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_from_other_lines() {
        let answer = r#"{"header":{"revision":7},"kvs":[{"key":"L2E=","mod_revision":3}],"count":1}"#;
        let one = || Some(Served { revision: 7, keys: Some(Listing::from([(b"/a".to_vec(), 3)])) });
        assert_eq!(served(&format!("{{\"level\":\"warn\"}}\n{answer}\n")), one());
        assert_eq!(served(answer), one());
        let none = Some(Served { revision: 7, keys: Some(Listing::new()) });
        assert_eq!(served(r#"{"header":{"revision":7}}"#), none);
        assert_eq!(served("Error: context deadline exceeded"), None);
    }

    #[test]
    fn a_panic_is_told_with_its_first_lines() {
        assert_eq!(
            last_lines("a\n\npanic: page 3\n\ngoroutine 1\n  main\n  more\n"),
            "panic: page 3 | goroutine 1 | main"
        );
        assert_eq!(last_lines("a\nb\nc\nd\n"), "b | c | d");
    }
}
