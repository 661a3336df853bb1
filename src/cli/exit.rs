//! How a command ends.

use crate::ops::bootstrap::BootstrapError;
use crate::ops::convert::ConvertError;
use crate::ops::doctor::DoctorError;
use crate::ops::export::ExportError;
use crate::ops::keyring::KeyringError;
use crate::ops::output::OutputError;
use crate::ops::prune::PruneError;
use crate::ops::put::PutError;
use crate::ops::recover::RecoverError;
use crate::ops::redact::RedactError;
use crate::ops::sql::SqlError;
use crate::ops::store::OpenError;
use crate::source::{Damage, SourceError};

/// A command that came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, nothing to report.
    Done,
    /// The answer is no, or something was found, or something asked for was left out.
    Found,
    /// Done, with damage.
    Damaged,
}

impl Outcome {
    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Found => 1,
            Self::Damaged => 3,
        }
    }
}

/// The exit code of a command that cannot do what was asked, and wrote nothing.
pub const CANNOT: u8 = 2;

/// Why a command cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No store could be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The input changed while it was read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A conversion was refused or failed.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// The keys to open values with are not there, or do not fit.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// Bootstrap data could not be put under another token.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// Objects could not be put.
    #[error(transparent)]
    Put(#[from] PutError),
    /// A store could not be pruned.
    #[error(transparent)]
    Prune(#[from] PruneError),
    /// A store could not be redacted.
    #[error(transparent)]
    Redact(#[from] RedactError),
    /// Tables could not be written.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A query could not be answered.
    #[error(transparent)]
    Sql(SqlError),
    /// A recovery could not be written.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// A directory could not be looked at.
    #[error(transparent)]
    Doctor(#[from] DoctorError),
    /// Files could not be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The arguments do not go together, or name what is not there.
    #[error("{0}")]
    Usage(String),
    /// A value could not be read.
    #[error("{0}")]
    Damage(Damage),
    /// Printing failed. A reader that has gone is no failure.
    #[error("cannot print: {0}")]
    Print(#[from] std::io::Error),
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        match error {
            // A reader that has gone is no failure.
            SqlError::Taker(error) => Self::Print(error),
            other => Self::Sql(other),
        }
    }
}
