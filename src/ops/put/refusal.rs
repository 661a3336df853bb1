//! Why nothing is put.

use crate::kube::selector::ArgumentError;
use crate::kube::stored::StoreError;
use crate::kube::yaml::YamlError;
use crate::ops::convert::ConvertError;
use crate::ops::keyring::SealNewError;
use crate::ops::objects::ObjectError;
use crate::ops::output::OutputError;

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// A manifest cannot be read.
    #[error("{name}: cannot read: {source}; nothing was written")]
    Read {
        /// The file.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A manifest is neither YAML nor JSON.
    #[error("{name}: {source}; nothing was written")]
    Yaml {
        /// The file.
        name: String,
        /// What is wrong, and where.
        source: YamlError,
    },
    /// There is nothing in the manifests, and nothing to delete.
    #[error("there is no object in the manifests and nothing to delete; nothing was written")]
    Nothing,
    /// Objects that cannot be put.
    #[error("nothing was written, because of {}:{}", count(.0.len()), lines(.0))]
    Refused(Vec<Refusal>),
    /// The target cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The new store could not be made.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// A manifest changed while it was used.
    #[error(transparent)]
    Source(#[from] crate::source::SourceError),
}

fn count(refused: usize) -> String {
    if refused == 1 { "one object".to_owned() } else { format!("{refused} objects") }
}

fn lines(refused: &[Refusal]) -> String {
    refused.iter().map(|refusal| format!("\n  {refusal}")).collect()
}

/// An object that cannot be put, and where it stands.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Refusal {
    /// File and line, or the argument.
    pub place: String,
    /// What is wrong with it.
    pub what: Box<What>,
}

/// What is wrong with an object.
#[derive(Debug, thiserror::Error)]
pub enum What {
    /// Not an object of Kubernetes.
    #[error("this is no Kubernetes object: it has no {0}")]
    NoObject(&'static str),
    /// No resource has this kind.
    #[error(
        "the store knows no {kind} of {api_version}: it is not built into Kubernetes, and no CustomResourceDefinition of \
         the store or of the manifests defines it; put its definition too"
    )]
    UnknownKind {
        /// As the object has it.
        api_version: String,
        /// As the object has it.
        kind: String,
    },
    /// The server would translate it to another version first.
    #[error("{kind} of {given} is stored as {wanted}, and the translation is a server's: write it as {wanted}")]
    OtherVersion {
        /// The kind.
        kind: String,
        /// Its apiVersion in the manifest.
        given: String,
        /// The one to use.
        wanted: String,
    },
    /// The release has no such kind.
    #[error("Kubernetes {minor} has no {kind} of {given}; --kubernetes-version says another release")]
    OtherRelease {
        /// The release.
        minor: crate::kube::minor::Minor,
        /// The kind.
        kind: String,
        /// Its apiVersion in the manifest.
        given: String,
    },
    /// The release is not known, and the bytes depend on it.
    #[error(
        "no Node of the store tells its Kubernetes release, and how a {0} is stored depends on it: give --kubernetes-version"
    )]
    NoRelease(String),
    /// The name is missing, or no key can be made of it.
    #[error("{0}")]
    Name(String),
    /// `-n` and the object disagree.
    #[error("its namespace is {found:?}, and -n says {wanted:?}")]
    OtherNamespace {
        /// In the object.
        found: String,
        /// On the command line.
        wanted: String,
    },
    /// An object of the whole cluster with a namespace.
    #[error("a {kind} belongs to the whole cluster: take metadata.namespace {namespace:?} out")]
    NotNamespaced {
        /// The kind.
        kind: String,
        /// What it has.
        namespace: String,
    },
    /// The namespace is not there.
    #[error("the namespace {0:?} is not there: put a manifest of it too, or name another with -n")]
    NoNamespace(String),
    /// Another object of the manifests is the same.
    #[error("{what} stands in the manifests twice, also at {first}; put it once")]
    Twice {
        /// Which.
        what: String,
        /// Where it stands first.
        first: String,
    },
    /// An object is put and deleted at once.
    #[error("{0} is both put and deleted")]
    PutAndDeleted(String),
    /// Another object has this name.
    #[error(
        "the store has a {kind} of that name with the uid {stored}, and this one has {given}: delete that one first, or \
         take metadata.uid out to change it"
    )]
    OtherUid {
        /// The kind.
        kind: String,
        /// In the store.
        stored: String,
        /// In the manifest.
        given: String,
    },
    /// Fields that would be lost.
    #[error("a {kind} has no such fields{}: {}", within(of), paths.join(", "))]
    UnknownFields {
        /// The kind.
        kind: String,
        /// What does not know them.
        of: String,
        /// The fields.
        paths: Vec<String>,
    },
    /// A field of the wrong type.
    #[error(transparent)]
    Store(StoreError),
    /// What the store has of it cannot be read.
    #[error("what is there cannot be read, so its uid would be lost: {0}")]
    Before(ObjectError),
    /// It must be encrypted, and cannot.
    #[error(transparent)]
    Seal(SealNewError),
    /// No such kind or key.
    #[error(transparent)]
    Argument(#[from] ArgumentError),
    /// The argument is not one object.
    #[error("name one object, as KIND/NAME")]
    NotOne,
    /// There is nothing to delete.
    #[error("there is no {0}; `kinescope get` shows what there is")]
    NotThere(String),
}

fn within(of: &str) -> String {
    if of.is_empty() { String::new() } else { format!(" in {of}") }
}
