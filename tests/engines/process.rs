//! Child processes that cannot hang a test, cannot outlive it, and leave a log.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// How long a client command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(120);
/// How long a server may take to start or to stop.
const SERVER_LIMIT: Duration = Duration::from_secs(60);
/// How much of a server's log is shown when a test fails.
const LOG_LINES: usize = 60;

/// What a command did.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The command line, for messages.
    pub command: String,
    pub success: bool,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ran {
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Its standard output; panics with its standard error unless it succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert!(self.success, "{} failed:\n{}{}", self.command, self.stdout_text(), self.stderr);
        self.stdout_text()
    }
}

/// A command without the caller's environment: ETCDCTL_ENDPOINTS or a proxy must not change a test.
pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    for name in ["PATH", "HOME", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// Runs a command to its end, with `input` on its standard input; kills it after two minutes.
pub fn run<A: AsRef<OsStr>>(program: &Path, args: &[A], input: &[u8]) -> Ran {
    let mut command = command(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let line = format!("{command:?}");
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {line}: {error}"));
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A command that does not read its input closes it.
            let _ = stdin.map(|mut pipe| pipe.write_all(input));
        });
        let stdout = scope.spawn(move || read_all(stdout));
        let stderr = scope.spawn(move || read_all(stderr));
        let status = wait(&mut child, COMMAND_LIMIT);
        if status.is_none() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let mut stderr = String::from_utf8_lossy(&stderr.join().unwrap()).into_owned();
        if status.is_none() {
            stderr.push_str(&format!("\nkilled after {COMMAND_LIMIT:?}"));
        }
        Ran {
            command: line,
            success: status.is_some_and(|status| status.success()),
            stdout: stdout.join().unwrap(),
            stderr,
        }
    })
}

fn read_all(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = pipe.read_to_end(&mut bytes);
    }
    bytes
}

/// Waits for the end of a child, `limit` at most.
fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Whether no process has this id any more.
pub fn is_gone(pid: u32) -> bool {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    test_kill_process(pid) == Err(rustix::io::Errno::SRCH)
}

/// A server did not come up.
#[derive(Clone)]
pub struct StartFailure {
    /// What happened, in a few words.
    pub why: String,
    /// All that the server wrote.
    pub log: String,
}

impl fmt::Debug for StartFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; the end of its log:\n{}", self.why, end_of(&self.log))
    }
}

fn end_of(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}

/// A server that runs until it is stopped, killed or dropped.
#[derive(Debug)]
pub(super) struct Server {
    name: String,
    child: Child,
    /// Where its standard output and error go. Deleted with it.
    directory: tempfile::TempDir,
    /// Names the process for whoever cleans up after a test run that was itself killed.
    pid_file: PathBuf,
}

impl Server {
    /// Starts `command` and waits until `ready` finds in its log what it looks for, or finds that nothing will
    /// come of it.
    pub fn start<T>(
        name: &str,
        mut command: Command,
        ready: impl Fn(&str) -> Option<Result<T, String>>,
    ) -> Result<(Self, T), StartFailure> {
        let directory = tempfile::Builder::new().prefix("kinescope-engine-").tempdir().unwrap();
        let log = File::create(directory.path().join("log")).unwrap();
        command.current_dir(directory.path()).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let pids = Path::new(env!("CARGO_TARGET_TMPDIR")).join("engines");
        fs::create_dir_all(&pids).unwrap();
        let pid_file = pids.join(child.id().to_string());
        fs::write(&pid_file, name).unwrap();
        let mut server = Self { name: name.to_owned(), child, directory, pid_file };
        match server.wait_until(ready) {
            Ok(found) => Ok((server, found)),
            Err(why) => {
                server.kill();
                Err(StartFailure { why, log: server.log() })
            }
        }
    }

    fn wait_until<T>(&mut self, ready: impl Fn(&str) -> Option<Result<T, String>>) -> Result<T, String> {
        let deadline = Instant::now() + SERVER_LIMIT;
        loop {
            let ended = self.child.try_wait().unwrap();
            if let Some(found) = ready(&self.log()) {
                return found;
            }
            if let Some(status) = ended {
                return Err(format!("{} ended at its start: {status}", self.name));
            }
            if Instant::now() >= deadline {
                return Err(format!("{} was not ready after {SERVER_LIMIT:?}", self.name));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it wrote so far.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.directory.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// SIGTERM, and the wait for its end. Panics when it does not end by itself.
    pub fn stop(&mut self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).unwrap();
        let ended = wait(&mut self.child, SERVER_LIMIT);
        if ended.is_none() {
            self.kill();
            panic!("{} did not stop in {SERVER_LIMIT:?}:\n{}", self.name, end_of(&self.log()));
        }
        let _ = fs::remove_file(&self.pid_file);
    }

    /// SIGKILL, and the wait for its end.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.pid_file);
    }
}

impl Drop for Server {
    #[allow(clippy::print_stderr)] // Shown by the test harness exactly when the test fails.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the end of the log of {}:\n{}\n---", self.name, end_of(&self.log()));
        }
        self.kill();
    }
}
