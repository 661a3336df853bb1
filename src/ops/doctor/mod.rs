//! A directory of k3s looked at as k3s would at its next start: which store it would take, what stands in its way, what it
//! would overwrite; and the commands that put it right. Nothing is run, and nothing but reading is done.

mod config;
mod disk;
mod layout;
mod next_start;
mod stores;
mod trust;

use std::path::{Path, PathBuf};

pub use config::Config;
pub use layout::NotK3s;

use super::finding::{Finding, Findings, Id, Severity, Verdict};
use super::keyring::KeyringError;
use super::verify::Looked;
use crate::k3s::Token;
use layout::Layout;

/// What the user said beside the directory.
#[derive(Debug, Default)]
pub struct Asked {
    /// k3s's configuration file; without it the usual one, where the directory is k3s's own.
    pub config: Option<PathBuf>,
    /// The token that k3s is started with, where it is not that in `server/token`.
    pub token: Option<Token>,
    /// Seconds since 1970.
    pub now: i64,
}

/// What k3s would start on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartsOn {
    /// The etcd in `db/etcd`.
    Etcd,
    /// A new etcd, into which it first copies `state.db`.
    NewEtcd,
    /// `db/state.db`.
    Kine,
    /// A new, empty `db/state.db`.
    NewKine,
    /// A database elsewhere, which the configuration names.
    Elsewhere,
}

impl StartsOn {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::NewEtcd => "new_etcd",
            Self::Kine => "kine",
            Self::NewKine => "new_kine",
            Self::Elsewhere => "elsewhere",
        }
    }
}

/// Commands that put one finding right. They are for a person to read and to run with k3s stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// The finding's id.
    pub id: Id,
    /// The commands, in order.
    pub commands: Vec<String>,
}

/// What was found out about a directory.
#[derive(Debug)]
pub struct Diagnosis {
    /// Whether k3s would start with all that was there.
    pub verdict: Verdict,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// k3s's `server` directory.
    pub server: PathBuf,
    /// What it would start on.
    pub starts_on: StartsOn,
    /// The store it would start on, where it can be read.
    pub store: Option<Looked>,
    /// What k3s would do at its next start, step by step.
    pub next_start: Vec<String>,
    /// What to run.
    pub fixes: Vec<Fix>,
}

/// Why a directory cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// It is no directory of k3s.
    #[error(transparent)]
    NotK3s(#[from] NotK3s),
    /// A file that was named cannot be read.
    #[error(transparent)]
    File(#[from] KeyringError),
    /// The configuration is none.
    #[error("{}: no configuration of k3s: {what}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// What every part of the examination adds to.
#[derive(Debug, Default)]
struct Report {
    findings: Findings,
    fixes: Vec<Fix>,
    next_start: Vec<String>,
}

impl Report {
    fn add(&mut self, severity: Severity, id: Id, place: &Path, text: impl Into<String>, hint: impl Into<String>) {
        self.findings.add(severity, id, place.display().to_string(), text, hint);
    }

    fn fix(&mut self, id: Id, commands: impl IntoIterator<Item = String>) {
        self.fixes.push(Fix { id, commands: commands.into_iter().collect() });
    }
}

/// Examines `dir`: k3s's `server` directory, its `db` below, or the directory above it.
///
/// # Errors
/// [`DoctorError`].
pub fn examine(dir: &Path, asked: &Asked) -> Result<Diagnosis, DoctorError> {
    let layout = Layout::of(dir)?;
    let config = Config::read(&layout, asked.config.as_deref())?;
    let mut report = Report::default();
    let starts_on = next_start::choose(&layout, &config);
    next_start::conflicts(&layout, &config, starts_on, &mut report);
    let token = trust::token(&layout, &config, asked.token.as_ref(), &mut report)?;
    let store = stores::check(&layout, starts_on, token.as_ref(), asked.now, &mut report);
    trust::check(&layout, &config, starts_on, store.as_ref(), token.as_ref(), asked.now, &mut report);
    disk::check(&layout, &mut report);
    next_start::say(&layout, starts_on, &mut report);
    let findings = report.findings.finish();
    Ok(Diagnosis {
        verdict: Verdict::of(&findings),
        findings,
        server: layout.server.clone(),
        starts_on,
        store: store.and_then(|store| store.looked),
        next_start: report.next_start,
        fixes: report.fixes,
    })
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// The command that moves something aside, under a name that says why.
fn aside(path: &Path) -> String {
    let mut to = path.as_os_str().to_owned();
    to.push(".aside");
    format!("mv {} {}", quoted(path), quoted(Path::new(&to)))
}
