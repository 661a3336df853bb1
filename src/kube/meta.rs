//! What an object's metadata says of who wrote it, when, and for whom, without reading the rest of the object.
//!
//! In protobuf every stored kind has its ObjectMeta in field 1; the numbers are those of
//! apimachinery/pkg/apis/meta/v1/generated.proto. JSON and CBOR have to be read as a whole.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::cbor;
use super::envelope::Envelope;
use super::wire::{self, WireFault, WireType};

/// One entry of `metadata.managedFields`: who changed fields of the object, and when last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manager<'a> {
    /// The manager's name, as `kubelet`.
    pub name: Cow<'a, str>,
    /// When it last changed a field that it owns.
    pub at: Option<Timestamp>,
}

/// What the metadata of an object says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta<'a> {
    /// As `Deployment`; empty where the value does not say.
    pub kind: Cow<'a, str>,
    /// Empty for objects of the whole cluster.
    pub namespace: Cow<'a, str>,
    /// The object's identity.
    pub uid: Cow<'a, str>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// When its deletion was asked for.
    pub deletion_asked: Option<Timestamp>,
    /// The kind and name of the owner that controls it, else of the first.
    pub owner: Option<(Cow<'a, str>, Cow<'a, str>)>,
    /// Who changed it.
    pub managers: Vec<Manager<'a>>,
    /// Bytes of the value that are `managedFields`; 0 where they cannot be told (CBOR).
    pub managed_bytes: u64,
}

impl<'a> Meta<'a> {
    /// The metadata of the object that `value` holds, decrypted; `None` where it holds no object, or one whose metadata is
    /// damaged.
    pub fn read(value: &'a [u8]) -> Option<Self> {
        match Envelope::parse(value).ok()? {
            Envelope::Protobuf(object) => {
                let mut meta = Self { kind: Cow::Borrowed(object.kind), ..Self::default() };
                each(object.raw, &mut |number, payload| match number {
                    1 => meta.object_meta(payload),
                    _ => Ok(()),
                })
                .ok()?;
                Some(meta)
            }
            Envelope::Json(text) => Self::of_tree(&serde_json::from_slice(text).ok()?, true),
            Envelope::Cbor(bytes) => Self::of_tree(&cbor::read_value(bytes).ok()?, false),
            Envelope::Encrypted(_) | Envelope::Other(_) => None,
        }
    }

    /// The newest time that says something of the write of this revision: the creation, where the object was created by it,
    /// else whatever is newest.
    pub fn newest(&self, first_revision: bool) -> Option<Timestamp> {
        if first_revision && self.created.is_some() {
            return self.created;
        }
        let managers = self.managers.iter().filter_map(|manager| manager.at);
        managers.chain(self.deletion_asked).chain(self.created).max()
    }

    fn object_meta(&mut self, data: &'a [u8]) -> Result<(), WireFault> {
        let (mut deletion, mut grace) = (None, 0);
        let mut at = 0;
        while at < data.len() {
            let start = at;
            let tag = wire::tag(data, &mut at)?;
            match (tag.number, tag.wire) {
                (10, WireType::Varint) => grace = wire::varint(data, &mut at)?.cast_signed(),
                (_, WireType::Bytes) => {
                    let (from, to) = wire::payload(data, &mut at)?;
                    let payload = data.get(from..to).unwrap_or_default();
                    match tag.number {
                        3 => self.namespace = text(payload),
                        5 => self.uid = text(payload),
                        8 => self.created = time(payload)?,
                        9 => deletion = time(payload)?,
                        13 => self.owner_reference(payload)?,
                        17 => {
                            self.managed_bytes += (at - start) as u64;
                            self.managers.push(manager(payload)?);
                        }
                        _ => {}
                    }
                }
                _ => wire::skip(data, &mut at, tag.wire)?,
            }
        }
        self.deletion_asked = before(deletion, grace);
        Ok(())
    }

    fn owner_reference(&mut self, data: &'a [u8]) -> Result<(), WireFault> {
        let (mut kind, mut name, mut controls) = (Cow::Borrowed(""), Cow::Borrowed(""), false);
        let mut at = 0;
        while at < data.len() {
            let tag = wire::tag(data, &mut at)?;
            match (tag.number, tag.wire) {
                (6, WireType::Varint) => controls = wire::varint(data, &mut at)? != 0,
                (1 | 3, WireType::Bytes) => {
                    let (from, to) = wire::payload(data, &mut at)?;
                    let value = text(data.get(from..to).unwrap_or_default());
                    if tag.number == 1 { kind = value } else { name = value }
                }
                _ => wire::skip(data, &mut at, tag.wire)?,
            }
        }
        if controls || self.owner.is_none() {
            self.owner = Some((kind, name));
        }
        Ok(())
    }

    fn of_tree(object: &Value, is_json: bool) -> Option<Self> {
        let meta = object.get("metadata")?.as_object()?;
        let own = |value: Option<&Value>| Cow::Owned(value.and_then(Value::as_str).unwrap_or_default().to_owned());
        let at = |value: Option<&Value>| value?.as_str()?.parse::<Timestamp>().ok();
        let grace = meta.get("deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0);
        let owners = meta.get("ownerReferences").and_then(Value::as_array);
        let controls = |owner: &&Value| owner.get("controller").and_then(Value::as_bool) == Some(true);
        let owner = owners.and_then(|owners| owners.iter().find(controls).or(owners.first()));
        let managed = meta.get("managedFields");
        let managers = managed.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let managed_bytes = managed.filter(|_| is_json).map_or(0, |managed| managed.to_string().len() as u64);
        Some(Self {
            kind: own(object.get("kind")),
            namespace: own(meta.get("namespace")),
            uid: own(meta.get("uid")),
            created: at(meta.get("creationTimestamp")),
            deletion_asked: before(at(meta.get("deletionTimestamp")), grace),
            owner: owner.map(|owner| (own(owner.get("kind")), own(owner.get("name")))),
            managers: managers
                .iter()
                .map(|manager| Manager { name: own(manager.get("manager")), at: at(manager.get("time")) })
                .collect(),
            managed_bytes,
        })
    }
}

/// The server adds the grace period to the time of the request (apiserver pkg/registry/rest/delete.go).
fn before(deletion: Option<Timestamp>, grace: i64) -> Option<Timestamp> {
    deletion?.checked_sub(SignedDuration::from_secs(grace)).ok()
}

/// Calls `take` for each field that has a length.
fn each<'a>(data: &'a [u8], take: &mut impl FnMut(u32, &'a [u8]) -> Result<(), WireFault>) -> Result<(), WireFault> {
    let mut at = 0;
    while at < data.len() {
        let tag = wire::tag(data, &mut at)?;
        match tag.wire {
            WireType::Bytes => {
                let (from, to) = wire::payload(data, &mut at)?;
                take(tag.number, data.get(from..to).unwrap_or_default())?;
            }
            other => wire::skip(data, &mut at, other)?,
        }
    }
    Ok(())
}

/// ManagedFieldsEntry: 1 manager, 4 time.
fn manager(data: &[u8]) -> Result<Manager<'_>, WireFault> {
    let mut found = Manager { name: Cow::Borrowed(""), at: None };
    each(data, &mut |number, payload| {
        match number {
            1 => found.name = text(payload),
            4 => found.at = time(payload)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(found)
}

/// Time: 1 seconds, 2 nanos, of which Kubernetes stores none. Go's zero time is none.
fn time(data: &[u8]) -> Result<Option<Timestamp>, WireFault> {
    let (mut seconds, mut at) = (None, 0);
    while at < data.len() {
        let tag = wire::tag(data, &mut at)?;
        match (tag.number, tag.wire) {
            (1, WireType::Varint) => seconds = Some(wire::varint(data, &mut at)?.cast_signed()),
            _ => wire::skip(data, &mut at, tag.wire)?,
        }
    }
    let seconds = seconds.filter(|seconds| *seconds != super::time::ZERO_SECONDS);
    Ok(seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()))
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kube::envelope::{PROTOBUF, Unknown};

    proptest! {
        #[test]
        fn any_bytes_are_metadata_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let object = Unknown { api_version: "v1", kind: "Pod", raw: &bytes, ..Unknown::default() }.to_bytes();
            _ = Meta::read(&object);
            _ = Meta::read(&[PROTOBUF, &bytes].concat());
            _ = Meta::read(&bytes);
        }
    }

    #[test]
    fn json_says_the_same_things() {
        let text =
            br#"{"kind":"Widget","metadata":{"namespace":"a","uid":"u","creationTimestamp":"2026-01-02T03:04:05Z",
            "ownerReferences":[{"kind":"A","name":"a"},{"kind":"B","name":"b","controller":true}],
            "managedFields":[{"manager":"m","time":"2026-01-02T03:04:06Z"}]}}"#;
        let meta = Meta::read(text).unwrap();
        assert_eq!((&*meta.kind, &*meta.namespace, &*meta.uid), ("Widget", "a", "u"));
        assert_eq!(meta.owner, Some(("B".into(), "b".into())));
        assert_eq!(meta.managers[0].name, "m");
        assert_eq!(meta.newest(true), meta.created);
        assert_eq!(meta.newest(false).unwrap().to_string(), "2026-01-02T03:04:06Z");
        assert_eq!(meta.managed_bytes, r#"[{"manager":"m","time":"2026-01-02T03:04:06Z"}]"#.len() as u64);
    }
}
