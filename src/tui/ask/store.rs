//! What is known of the store as a whole.

use jiff::Timestamp;

use super::List;

/// What `verify`, and of a server directory `doctor`, say of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The verdict, in words.
    pub verdict: String,
    /// Whether everything can be had.
    pub is_good: bool,
    /// The findings, the worst first.
    pub findings: Vec<Finding>,
}

/// Why something cannot be shown, and what to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// What it is, in a few words.
    pub title: String,
    /// What happened.
    pub what: String,
    /// What to do: sentences, and command lines that begin with `$ `.
    pub advice: Vec<String>,
}

/// What is known once the store is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// `kine/SQLite` or `etcd/bbolt`, and what kind of file.
    pub engine: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// The newest revision.
    pub current: i64,
    /// The compact revision; 0 for never.
    pub compact: i64,
    /// Names that lead to a kind: the full name first, then its aliases.
    pub kinds: Vec<KindName>,
    /// How the store and its keys were found.
    pub notes: Vec<String>,
    /// Why the keys that were given do not open it.
    pub keys: Option<String>,
}

/// A kind's names, for the palette.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindName {
    /// As `deployments.apps`.
    pub full: String,
    /// As `deployments`, `deployment`, `deploy`.
    pub aliases: Vec<String>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Bytes are damaged or contradict each other.
    Damage,
    /// Something cannot be shown or needs attention.
    Warning,
    /// Good to know.
    #[default]
    Note,
}

/// One thing to know about the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// What.
    pub text: String,
    /// Where; empty for the store as a whole.
    pub place: String,
    /// What to do; empty where there is nothing to do.
    pub hint: String,
    /// All checks say it too, in their own words.
    pub checked_again: bool,
}

/// What the first screen says.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// Nodes of the cluster, with their versions.
    pub nodes: Vec<(String, String)>,
    /// The release that Nodes report; none if no Node says.
    pub release: Option<String>,
    /// The newest time that the store tells of.
    pub newest: Option<Timestamp>,
    /// Bytes: the file, live values, superseded values, free pages, index pages.
    pub bytes: [u64; 5],
    /// Live keys, changes, tombstones, leases.
    pub counts: [u64; 4],
    /// What is wrong or worth knowing.
    pub findings: Vec<Finding>,
    /// The kinds.
    pub kinds: List,
}
