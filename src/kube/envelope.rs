//! What surrounds an object in the datastore (apimachinery runtime/serializer/protobuf/protobuf.go, `runtime.Unknown`).

use super::wire::{self, WireFault, WireType};
use std::ops::Range;
use thiserror::Error;

/// First bytes of an object in protobuf; the fourth is reserved for other encodings, and only 0 is in use.
pub const PROTOBUF: &[u8] = b"k8s\0";
/// First bytes of CBOR that says so itself: tag 55799.
pub const CBOR: &[u8] = b"\xd9\xd9\xf7";
/// First bytes of a value that is encrypted at rest; the name of the provider follows.
pub const ENCRYPTED: &[u8] = b"k8s:enc:";

/// What kind of value lies in a datastore, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope<'a> {
    /// An object in protobuf.
    Protobuf(Unknown<'a>),
    /// JSON: custom resources, CustomResourceDefinitions, APIServices, and kine's own rows.
    Json(&'a [u8]),
    /// CBOR with its tag: custom resources, where a server was told to (alpha in all releases).
    Cbor(&'a [u8]),
    /// Encrypted at rest, with its prefix.
    Encrypted(&'a [u8]),
    /// None of these: bootstrap data, `compact_rev_key`, rows that fill gaps.
    Other(&'a [u8]),
}

/// An object in protobuf: its kind, and the message without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unknown<'a> {
    /// `apps/v1`
    pub api_version: &'a str,
    /// `Deployment`
    pub kind: &'a str,
    /// The message.
    pub raw: &'a [u8],
    /// Empty in everything a server stores; its reader takes no notice of it.
    pub content_encoding: &'a [u8],
    /// Empty in everything a server stores; its reader takes no notice of it.
    pub content_type: &'a [u8],
}

/// An envelope that cannot be opened: which part, and the byte of the value at which it begins.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum EnvelopeError {
    /// A part is longer than the value.
    #[error("the envelope of this object is cut short at byte {at}: was the value copied as a whole?")]
    Truncated {
        /// Bytes from the start of the value.
        at: usize,
    },
    /// Not what Kubernetes writes.
    #[error("the envelope of this object is damaged at byte {at}: {fault}")]
    Damaged {
        /// Bytes from the start of the value.
        at: usize,
        /// What is wrong there.
        fault: WireFault,
    },
    /// A name that is no UTF-8.
    #[error("the envelope of this object is damaged at byte {at}: a name in it is no text")]
    NoText {
        /// Bytes from the start of the value.
        at: usize,
    },
}

impl<'a> Envelope<'a> {
    /// Tells by the first bytes what a value is, and opens protobuf's envelope.
    ///
    /// # Errors
    ///
    /// The value begins as protobuf does, and what follows is no `runtime.Unknown`.
    pub fn parse(value: &'a [u8]) -> Result<Self, EnvelopeError> {
        Ok(if let Some(body) = value.strip_prefix(PROTOBUF) {
            Self::Protobuf(Unknown::parse(body).map_err(|error| error.moved(PROTOBUF.len()))?)
        } else if value.starts_with(b"{") {
            Self::Json(value)
        } else if value.starts_with(CBOR) {
            Self::Cbor(value)
        } else if value.starts_with(ENCRYPTED) {
            Self::Encrypted(value)
        } else {
            Self::Other(value)
        })
    }
}

impl EnvelopeError {
    fn moved(self, by: usize) -> Self {
        match self {
            Self::Truncated { at } => Self::Truncated { at: at.saturating_add(by) },
            Self::Damaged { at, fault } => Self::Damaged { at: at.saturating_add(by), fault },
            Self::NoText { at } => Self::NoText { at: at.saturating_add(by) },
        }
    }
}

impl<'a> Unknown<'a> {
    /// {1 typeMeta {1 apiVersion, 2 kind}, 2 raw, 3 contentEncoding, 4 contentType}, in any order, each at will.
    fn parse(body: &'a [u8]) -> Result<Self, EnvelopeError> {
        let mut found = Self::default();
        let mut fields = Fields { data: body, at: 0, known: 4 };
        while let Some((number, range)) = fields.next()? {
            let payload = body.get(range.clone()).unwrap_or_default();
            match number {
                1 => found.type_meta(payload).map_err(|error| error.moved(range.start))?,
                2 => found.raw = payload,
                3 => found.content_encoding = payload,
                4 => found.content_type = payload,
                _ => {}
            }
        }
        Ok(found)
    }

    fn type_meta(&mut self, data: &'a [u8]) -> Result<(), EnvelopeError> {
        let mut fields = Fields { data, at: 0, known: 2 };
        while let Some((number, range)) = fields.next()? {
            let payload = data.get(range.clone()).unwrap_or_default();
            match number {
                1 => self.api_version = plain(payload, range.start)?,
                2 => self.kind = plain(payload, range.start)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The value as Kubernetes writes it, byte for byte: the two last strings are there although they are empty.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut type_meta = Vec::with_capacity(self.api_version.len() + self.kind.len() + 4);
        push_field(&mut type_meta, 1, self.api_version.as_bytes());
        push_field(&mut type_meta, 2, self.kind.as_bytes());
        let mut out = Vec::with_capacity(self.raw.len() + type_meta.len() + 24);
        out.extend_from_slice(PROTOBUF);
        push_field(&mut out, 1, &type_meta);
        push_field(&mut out, 2, self.raw);
        push_field(&mut out, 3, self.content_encoding);
        push_field(&mut out, 4, self.content_type);
        out
    }
}

fn push_field(out: &mut Vec<u8>, number: u32, payload: &[u8]) {
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, out);
    prost::encoding::encode_varint(payload.len() as u64, out);
    out.extend_from_slice(payload);
}

fn plain(payload: &[u8], at: usize) -> Result<&str, EnvelopeError> {
    std::str::from_utf8(payload).map_err(|_| EnvelopeError::NoText { at })
}

/// The fields of a message that has only strings and messages; others are stepped over.
struct Fields<'a> {
    data: &'a [u8],
    at: usize,
    /// Up to this number fields are known, and none of them is a number.
    known: u32,
}

impl Fields<'_> {
    fn next(&mut self) -> Result<Option<(u32, Range<usize>)>, EnvelopeError> {
        let at = self.at;
        self.next_payload().map_err(|fault| match fault {
            WireFault::Truncated => EnvelopeError::Truncated { at },
            fault => EnvelopeError::Damaged { at, fault },
        })
    }

    fn next_payload(&mut self) -> Result<Option<(u32, Range<usize>)>, WireFault> {
        while self.at < self.data.len() {
            let tag = wire::tag(self.data, &mut self.at)?;
            if tag.wire == WireType::Bytes {
                let (start, end) = wire::payload(self.data, &mut self.at)?;
                return Ok(Some((tag.number, start..end)));
            }
            if tag.number <= self.known {
                return Err(WireFault::WrongWireType);
            }
            wire::skip(self.data, &mut self.at, tag.wire)?;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_told_apart_by_their_first_bytes() {
        assert_eq!(Envelope::parse(b"{}"), Ok(Envelope::Json(b"{}")));
        assert_eq!(Envelope::parse(b"\xd9\xd9\xf7\xa0"), Ok(Envelope::Cbor(b"\xd9\xd9\xf7\xa0")));
        let encrypted = b"k8s:enc:aescbc:v1:aescbckey:";
        assert_eq!(Envelope::parse(encrypted), Ok(Envelope::Encrypted(encrypted)));
        assert_eq!(Envelope::parse(b"k8s"), Ok(Envelope::Other(b"k8s")));
        assert_eq!(Envelope::parse(b""), Ok(Envelope::Other(b"")));
    }

    #[test]
    fn an_envelope_is_written_as_kubernetes_writes_it() {
        let pod = Unknown { api_version: "v1", kind: "Pod", raw: b"\x0a\x00", ..Unknown::default() };
        let bytes = pod.to_bytes();
        assert_eq!(bytes, b"k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x02\x0a\x00\x1a\x00\x22\x00");
        assert_eq!(Envelope::parse(&bytes), Ok(Envelope::Protobuf(pod)));
    }

    #[test]
    fn an_envelope_may_lack_everything() {
        assert_eq!(Envelope::parse(PROTOBUF), Ok(Envelope::Protobuf(Unknown::default())));
        assert_eq!(Envelope::parse(b"k8s\0\x12\x05ab"), Err(EnvelopeError::Truncated { at: 4 }));
        let damaged = Envelope::parse(b"k8s\0\x0a\x03\x0a\x01\xff");
        assert_eq!(damaged, Err(EnvelopeError::NoText { at: 8 }));
    }

    proptest! {
        #[test]
        fn every_envelope_is_read_as_it_was_written(
            api_version in ".*", kind in ".*", raw in prop::collection::vec(any::<u8>(), 0..300)
        ) {
            let written = Unknown { api_version: &api_version, kind: &kind, raw: &raw, ..Unknown::default() };
            let bytes = written.to_bytes();
            prop_assert_eq!(Envelope::parse(&bytes), Ok(Envelope::Protobuf(written)));
            for end in PROTOBUF.len()..bytes.len() {
                // Cut anywhere it is an error or an envelope with less in it, and never a panic.
                _ = Envelope::parse(&bytes[..end]);
            }
        }
    }
}
