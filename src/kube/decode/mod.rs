//! An object as it is stored in protobuf becomes the object that kubectl shows.
//!
//! The rules are those of Go's encoding/json over what gogo's generated code reads: what is printed although it is
//! absent, what is left out although it is there, and how the special types look. Tests hold them against what the real
//! Kubernetes code printed.

mod map;
mod memo;
mod notes;
mod scan;
mod special;
mod walk;

pub use notes::{Notes, Place};

use super::cbor::CborError;
use super::envelope::Unknown;
use super::json::JsonError;
use super::minor::Minor;
use super::sink::Sink;
use super::table::Types;
use super::wire::WireFault;
use thiserror::Error;

/// What a decoded object shall show.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The release whose printing is followed.
    pub minor: Minor,
    /// Whether the object's own `metadata.managedFields` is shown. Kubectl leaves it out unless it is asked for.
    pub managed_fields: bool,
    /// Shown as `metadata.resourceVersion`: a server puts it in when it reads an object, and stores none.
    pub resource_version: Option<i64>,
    /// Whether a PersistentVolume or a claim to one without a `status.phase` shows `Pending`, as a server serves it.
    pub served_phase: bool,
}

impl Options {
    /// As kubectl shows an object of that release whose last change is `resource_version`.
    pub fn kubectl(minor: Minor, resource_version: Option<i64>) -> Self {
        Self { minor, managed_fields: false, resource_version, served_phase: true }
    }

    /// What is stored, and nothing else.
    pub fn as_stored(minor: Minor) -> Self {
        Self { minor, managed_fields: true, resource_version: None, served_phase: false }
    }
}

/// Why an object cannot be shown.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The table has no such kind.
    #[error("{} of {} is no kind that Kubernetes {} to {} stores in protobuf; its bytes can still be had",
        .kind.escape_debug(), .api_version.escape_debug(), Minor::OLDEST, Minor::NEWEST)]
    UnknownKind {
        /// As the envelope has it.
        api_version: String,
        /// As the envelope has it.
        kind: String,
    },
    /// Bytes that cannot be this message.
    #[error("the bytes of {message} are damaged at field {number}: {what}")]
    Damaged {
        /// `core.v1.Pod`; where the damage is, not the whole object.
        message: &'static str,
        /// The number of the last field that began; 0 if none did.
        number: u32,
        /// What is wrong there.
        what: Damage,
    },
}

/// What is wrong in a message.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Damage {
    /// Not protobuf.
    #[error("{0}")]
    Wire(#[from] WireFault),
    /// A message whose fields stand in its parent is there twice.
    #[error("a part that can only be there once is there twice")]
    InlineTwice,
    /// Messages in messages without end.
    #[error("messages stand in messages more than {0} deep")]
    TooDeep(u32),
    /// No datastore has values of four gigabytes.
    #[error("it is longer than 4 GiB")]
    TooLong,
    /// Neither the number nor the string of an IntOrString.
    #[error("it is neither a number nor a string")]
    NeitherIntNorString,
    /// JSON has no infinity and no NaN.
    #[error("it is no number that JSON can show")]
    NotFinite,
    /// JSON inside of the object that is none.
    #[error("what is in it is {0}")]
    EmbeddedJson(JsonError),
    /// CBOR inside of the object that Kubernetes does not read.
    #[error("what is in it is CBOR that Kubernetes does not read: {0}")]
    EmbeddedCbor(CborError),
}

/// Shows a stored object to a sink, as [`Decoder::decode`] does.
///
/// # Errors
///
/// As there.
pub fn decode<S: Sink>(object: &Unknown<'_>, options: &Options, sink: &mut S) -> Result<Notes, DecodeError> {
    Decoder::default().decode(object, options, sink)
}

/// Shows stored objects, and keeps its memory from one to the next.
#[derive(Debug, Default)]
pub struct Decoder {
    space: walk::Space,
}

impl Decoder {
    /// For many objects of one store: parts that come again are copied from what they looked like before.
    pub fn for_many() -> Self {
        Self { space: walk::Space { memo: Some(memo::Memo::roomy()), ..walk::Space::default() } }
    }

    /// Shows a stored object to a sink, and says what could not be shown. On an error the sink has part of the object.
    ///
    /// # Errors
    ///
    /// The kind is not known, or the bytes are no message of it. Fields that no release knows are no error; they are in
    /// the notes.
    pub fn decode<S: Sink>(
        &mut self,
        object: &Unknown<'_>,
        options: &Options,
        sink: &mut S,
    ) -> Result<Notes, DecodeError> {
        let types = Types::of(options.minor, S::ORDER);
        let Some(id) = types.kind(object.api_version, object.kind) else {
            let (api_version, kind) = (object.api_version.to_owned(), object.kind.to_owned());
            return Err(DecodeError::UnknownKind { api_version, kind });
        };
        if u32::try_from(object.raw.len()).is_err() {
            let message = types.message(id).name;
            return Err(DecodeError::Damaged { message, number: 0, what: Damage::TooLong });
        }
        walk::Walker::new(object, options, &mut self.space, sink).object(id, object.raw)
    }
}
