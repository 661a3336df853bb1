//! What a conversion did: the proof, and everything that is not as it was.

use super::Target;
use super::overlay::Added;
use super::plan::{LeftOut, Translated};

/// The live keys of one prefix in the target, hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The prefix: the first two segments of the key.
    pub prefix: String,
    /// Live keys below it.
    pub keys: u64,
    /// SHA-256 over each key in order: its length (8 bytes, big-endian), the key, its mod revision (8 bytes, big-endian),
    /// the value's length (8 bytes, big-endian), the value. In hexadecimal.
    pub sha256: String,
}

/// What a conversion did.
#[derive(Clone, Debug)]
pub struct Report {
    /// The source's name.
    pub source: String,
    /// The target's path; `None` when the conversion was only checked.
    pub target: Option<String>,
    /// What was written.
    pub to: Target,
    /// Length of the target in bytes.
    pub bytes: u64,
    /// Live keys of the target, counted when it was read back.
    pub live_keys: u64,
    /// Changes of the target, counted when it was read back.
    pub changes: u64,
    /// Its current revision.
    pub current_revision: i64,
    /// Its compact revision.
    pub compact_revision: i64,
    /// Its HashKV, for a target of etcd.
    pub hash_kv: Option<u32>,
    /// What is not in it.
    pub left_out: Vec<(Vec<u8>, LeftOut)>,
    /// Superseded changes and tombstones that the flags left out.
    pub not_wanted: u64,
    /// What is in it in another form.
    pub translated: Vec<(Vec<u8>, Translated)>,
    /// New changes on top of the source's.
    pub added: Vec<Added>,
    /// Live keys by prefix; none unless [`Options::prefixes`](super::Options::prefixes) asks for them.
    pub prefixes: Vec<Prefix>,
    /// What else the user should know.
    pub notes: Vec<String>,
}
