//! The store that a command writes: what it is, how it is written, whose it will be.

use std::path::Path;

use clap::ValueEnum;

use super::exit::Failure;
use crate::ops::convert::Target;

/// What to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum To {
    /// kine's SQLite file
    Kine,
    /// A snapshot with its sha256, for `etcdutl snapshot restore` and k3s
    EtcdSnapshot,
    /// A data directory that etcd starts on
    EtcdDir,
}

impl To {
    /// The target as the conversion has it.
    pub fn target(self) -> Target {
        match self {
            Self::Kine => Target::Kine,
            Self::EtcdSnapshot => Target::EtcdSnapshot,
            Self::EtcdDir => Target::EtcdDir,
        }
    }
}

/// How a command writes that makes another store of one.
#[derive(Debug, clap::Args)]
pub struct WriteArgs {
    /// What to write; else what SRC is
    #[arg(long, value_name = "TARGET")]
    pub to: Option<To>,
    /// Do all of it into a temporary target, compare it, and remove it
    #[arg(long)]
    pub check: bool,
    /// Overwrite a target that exists
    #[arg(long)]
    pub force: bool,
}

/// Makes sure that a store goes to a file.
///
/// # Errors
/// The target is standard output.
pub fn refuse_stdout(target: &Path) -> Result<(), Failure> {
    if target != Path::new("-") {
        return Ok(());
    }
    Err(Failure::Usage(
        "a store cannot be written to standard output, because it could not be read back; name a file".to_owned(),
    ))
}

/// Who owns what root writes is worth saying: k3s runs as root, and a file of another owner stops it.
pub fn owner() -> Option<String> {
    rustix::process::geteuid().is_root().then(|| "root".to_owned())
}
