//! Writing a whole store: a conversion, or a recovery.

/// What is to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verb {
    /// Everything that is there, as it is.
    #[default]
    Convert,
    /// What a damaged file still holds.
    Recover,
}

/// The form of the new store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// kine's SQLite file.
    #[default]
    Kine,
    /// A snapshot of etcd.
    EtcdSnapshot,
    /// A data directory of etcd.
    EtcdDir,
}

impl Shape {
    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kine => "kine",
            Self::EtcdSnapshot => "etcd-snapshot",
            Self::EtcdDir => "etcd-dir",
        }
    }
}

/// A store that is to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Job {
    /// What.
    pub verb: Verb,
    /// In which form.
    pub shape: Shape,
    /// Where.
    pub path: String,
    /// Over a file that is there.
    pub force: bool,
    /// The other way to do it: a conversion without history, or a recovery in which older revisions stand for lost ones.
    pub other_way: bool,
}

/// How far a job is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Only say what would be done.
    Plan,
    /// Write a temporary target, compare it, remove it.
    Try,
    /// Write it.
    Run,
}
