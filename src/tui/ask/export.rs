//! What is to be written to a file of objects.

use crate::model::KeyId;

/// What is to be exported, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Export {
    /// The objects.
    pub objects: Vec<Chosen>,
    /// In which form.
    pub form: Form,
    /// What they need too.
    pub with_deps: bool,
    /// Secrets too, in clear.
    pub reveal: bool,
}

/// An object that was chosen, as it stood right after a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Its key.
    pub key: KeyId,
    /// The revision.
    pub revision: i64,
    /// What to call it.
    pub name: String,
}

/// The form of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// For `kubectl apply` to another or a new cluster.
    #[default]
    Apply,
    /// For the cluster that they were deleted from.
    SameCluster,
    /// As kubectl prints them.
    Yaml,
}

impl Form {
    /// What it is for.
    pub const fn told(self) -> &'static str {
        match self {
            Self::Apply => "ready for kubectl apply, to another or a new cluster",
            Self::SameCluster => "ready for kubectl apply, to the cluster they were deleted from",
            Self::Yaml => "YAML as kubectl prints it, with all that the server adds",
        }
    }

    /// The next one.
    pub const fn next(self) -> Self {
        match self {
            Self::Apply => Self::SameCluster,
            Self::SameCluster => Self::Yaml,
            Self::Yaml => Self::Apply,
        }
    }
}

/// What an export would write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// The objects that go, in order.
    pub goes: Vec<String>,
    /// Those that do not, and why.
    pub left_out: Vec<String>,
    /// What may surprise.
    pub warnings: Vec<String>,
    /// Bytes of the file.
    pub bytes: u64,
    /// A Secret is left out because nobody asked for its values.
    pub secrets_left: bool,
    /// The keys, as they go into a command line, with their revisions.
    pub keys: Vec<(String, i64)>,
}
