//! A stored value as an object, whatever it is stored as: protobuf, JSON or CBOR.

use serde_json::Value;

use super::cbor;
use super::crd;
use super::decode::{self, DecodeError, Decoder, Notes};
use super::envelope::{Envelope, EnvelopeError, Unknown};
use super::json::{JsonError, Reader, ValueSink, push_value};
use super::mask::Masked;
use super::minor::Minor;
use super::sink::Sink;

/// What of an object is shown.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The release whose printing is followed.
    pub minor: Minor,
    /// `--show-managed-fields`
    pub managed_fields: bool,
    /// Shown as `metadata.resourceVersion`.
    pub resource_version: Option<i64>,
    /// Whether secret values are shown.
    pub reveal: bool,
    /// As a server serves it, or as it is stored: the versions of CustomResourceDefinitions, and the phase of new volumes.
    pub served: bool,
}

impl View {
    /// As kubectl shows an object whose last change is `revision`, with secrets masked.
    pub const fn kubectl(minor: Minor, revision: i64) -> Self {
        Self { minor, managed_fields: false, resource_version: Some(revision), reveal: false, served: true }
    }

    /// All of it, for a program that looks at it and does not show it.
    pub const fn whole(minor: Minor, revision: i64) -> Self {
        Self { minor, managed_fields: true, resource_version: Some(revision), reveal: true, served: true }
    }
}

/// Why a value cannot be shown as an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShowError {
    /// It is encrypted, and was not opened.
    #[error("the value is encrypted")]
    Encrypted,
    /// It is none.
    #[error("the value is no Kubernetes object")]
    NoObject,
    /// Protobuf that cannot be read.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// An object that cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// JSON that cannot be read.
    #[error("the stored JSON cannot be read: {0}")]
    Json(#[from] JsonError),
    /// CBOR that cannot be read.
    #[error("the stored CBOR cannot be read: {0}")]
    Cbor(#[from] cbor::CborError),
    /// A definition of custom resources that is none.
    #[error(transparent)]
    Crd(#[from] crd::CrdError),
}

/// Sends the object that `value` holds, decrypted, to `sink`, as [`Viewer::show`] does.
///
/// # Errors
/// [`ShowError`].
pub fn show<S: Sink>(value: &[u8], view: &View, sink: &mut S) -> Result<Notes, ShowError> {
    Viewer::default().show(value, view, sink)
}

/// Shows one object after the other, and keeps its memory.
#[derive(Debug, Default)]
pub struct Viewer {
    decoder: Decoder,
    reader: Reader,
}

impl Viewer {
    /// For many objects of one store: parts that come again are copied from what they looked like before.
    pub fn for_many() -> Self {
        Self { decoder: Decoder::for_many(), ..Self::default() }
    }

    /// Sends the object that `value` holds, decrypted, to `sink`. On an error the sink may have part of it.
    ///
    /// # Errors
    /// [`ShowError`].
    pub fn show<S: Sink>(&mut self, value: &[u8], view: &View, sink: &mut S) -> Result<Notes, ShowError> {
        match Envelope::parse(value)? {
            Envelope::Protobuf(object) => self.protobuf(&object, view, sink),
            Envelope::Json(text) => {
                let mut tree = ValueSink::new();
                let reading = self.reader.read(text, &mut tree)?;
                tree_as(tree.finish(), view, sink)?;
                Ok(Notes { more: reading.replaced as u64, ..Notes::default() })
            }
            Envelope::Cbor(bytes) => {
                tree_as(cbor::read_value(bytes)?, view, sink)?;
                Ok(Notes::default())
            }
            Envelope::Encrypted(_) => Err(ShowError::Encrypted),
            Envelope::Other(_) => Err(ShowError::NoObject),
        }
    }

    fn protobuf<S: Sink>(&mut self, object: &Unknown<'_>, view: &View, sink: &mut S) -> Result<Notes, ShowError> {
        let options = decode::Options {
            minor: view.minor,
            managed_fields: view.managed_fields,
            resource_version: view.resource_version,
            served_phase: view.served,
        };
        Ok(match hides(object.kind, view) {
            true => self.decoder.decode(object, &options, &mut Masked::new(sink))?,
            false => self.decoder.decode(object, &options, sink)?,
        })
    }
}

/// The object that `value` holds, as a tree.
///
/// # Errors
/// [`ShowError`].
pub fn tree(value: &[u8], view: &View) -> Result<(Value, Notes), ShowError> {
    let mut sink = ValueSink::new();
    let notes = show(value, view, &mut sink)?;
    Ok((sink.finish(), notes))
}

fn hides(kind: &str, view: &View) -> bool {
    !view.reveal && kind == "Secret"
}

/// An object of JSON or CBOR: kinds without a type of their own here, so that a tree is what there is to work on.
fn tree_as<S: Sink>(mut object: Value, view: &View, sink: &mut S) -> Result<(), ShowError> {
    let Some(kind) = object.get("kind").and_then(Value::as_str).map(str::to_owned) else {
        return Err(ShowError::NoObject);
    };
    if view.served && crd::is_stored_form(&object) {
        object = crd::to_served(object)?;
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        if !view.managed_fields {
            metadata.remove("managedFields");
        }
        if let Some(revision) = view.resource_version {
            metadata.insert("resourceVersion".to_owned(), revision.to_string().into());
        }
    }
    match hides(&kind, view) {
        true => push_value(&object, &mut Masked::new(sink)),
        false => push_value(&object, sink),
    }
    Ok(())
}
