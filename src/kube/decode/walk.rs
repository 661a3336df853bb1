//! The second pass: the fields in the order in which they are printed, and what is printed for those that are absent.

use super::map::Entry;
use super::memo::{Memo, What};
use super::notes::note;
use super::scan::{Found, Scan, State};
use super::{Damage, DecodeError, Notes, Options};
use crate::kube::envelope::Unknown;
use crate::kube::json::Reader;
use crate::kube::minor::Minor;
use crate::kube::sink::Sink;
use crate::kube::table::{Absent, Count, Kind, MessageId, Slot, SlotSet, Target, Types};
use crate::kube::wire;
use std::str;

/// Objects are less than twenty deep, schemas in them can be deeper.
const MOST_DEPTH: u32 = 128;

/// Boxed: what can fail in every field has to be small.
pub type Step<T = ()> = Result<T, Box<DecodeError>>;

pub fn damaged(message: &'static str, number: u32, what: impl Into<Damage>) -> Box<DecodeError> {
    Box::new(DecodeError::Damaged { message, number, what: what.into() })
}

/// What a message is to the object as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Any part of it.
    Part,
    /// The object itself.
    Object,
    /// Its `metadata`.
    Metadata,
    /// The `status` of a volume or of a claim to one.
    VolumeStatus,
}

/// Memory that is kept from object to object. All messages of an object share one stack of what was found in them.
#[derive(Debug, Default)]
pub struct Space {
    pub found: Vec<Found>,
    /// How many of `found` belong to messages that are not done yet.
    pub in_use: usize,
    pub merged: Vec<Vec<u8>>,
    pub entries: Vec<Entry>,
    /// The time that was shown last, and its text.
    pub time: Option<(i64, Option<u32>)>,
    pub text: String,
    pub reader: Reader,
    /// Parts that may come again in later objects.
    pub memo: Option<Memo>,
}

/// Walks over an object.
pub struct Walker<'t, S> {
    pub types: &'static Types,
    pub sink: &'t mut S,
    pub space: &'t mut Space,
    pub notes: Notes,
    options: &'t Options,
    injected: [&'t str; 4],
    resource_version: String,
    depth: u32,
    /// `status.phase` is `Pending` if it is not there.
    is_volume: bool,
}

const API_VERSION: usize = 0;
const KIND: usize = 1;
const PENDING: usize = 2;
/// Beyond the texts of `injected`.
const RESOURCE_VERSION: usize = usize::MAX;

impl<'t, S: Sink> Walker<'t, S> {
    pub fn new(object: &'t Unknown<'t>, options: &'t Options, space: &'t mut Space, sink: &'t mut S) -> Self {
        space.in_use = 0;
        space.merged.clear();
        space.entries.clear();
        let types = Types::of(options.minor, S::ORDER);
        let volumes = ["PersistentVolume", "PersistentVolumeClaim"];
        Self {
            types,
            sink,
            space,
            notes: Notes::default(),
            options,
            injected: [object.api_version, object.kind, "Pending", ""],
            resource_version: options.resource_version.map(|revision| revision.to_string()).unwrap_or_default(),
            depth: 0,
            is_volume: options.served_phase && object.api_version == "v1" && volumes.contains(&object.kind),
        }
    }

    /// The release whose printing is followed.
    pub fn minor(&self) -> Minor {
        self.options.minor
    }

    pub fn object(mut self, id: MessageId, raw: &[u8]) -> Result<Notes, DecodeError> {
        match self.message(id, raw, Role::Object) {
            Ok(()) => Ok(self.notes),
            Err(error) => Err(*error),
        }
    }

    /// A message as a JSON object.
    pub fn message(&mut self, id: MessageId, data: &[u8], role: Role) -> Step {
        let types = self.types;
        let message = types.message(id);
        if self.depth == MOST_DEPTH {
            return Err(damaged(message.name, 0, Damage::TooDeep(MOST_DEPTH)));
        }
        self.depth += 1;
        let slots = types.slots(message);
        let base = self.space.in_use;
        self.space.in_use += slots.len();
        if self.space.found.len() < self.space.in_use {
            self.space.found.resize(self.space.in_use * 2, Found::NONE);
        }
        let mut present = SlotSet::default();
        self.scan(message.scope, Scan { slots, data, base }, 0..data.len(), &mut present)?;
        if role != Role::Part {
            self.inject(id, role, base, &mut present);
        }
        self.sink.begin_object();
        for at in present.union(message.always) {
            let (Some(slot), Some(&found)) = (slots.get(at), self.space.found.get(base + at)) else { continue };
            if !present.contains(at) {
                self.absent(slot, role)?;
            } else if slot.count == Count::One {
                self.one(slot, found, data, role, message.name)?;
            } else {
                self.sink.field(slot.name);
                let values = data.get(..found.range().end).unwrap_or_default();
                let start = found.range().start;
                let raw = values.get(start..).unwrap_or_default();
                let what = What::Field(message.name, slot.number);
                self.remembered(what, raw, |walker| match slot.count {
                    Count::Many => walker.many(slot, values, start, message.name),
                    _ => walker.map(slot, values, start, message.name),
                })?;
            }
        }
        self.sink.end_object();
        self.space.in_use = base;
        self.depth -= 1;
        Ok(())
    }

    /// Puts in what is not in the message itself, and takes out what shall not be shown.
    fn inject(&mut self, id: MessageId, role: Role, base: usize, present: &mut SlotSet) {
        let types = self.types;
        let message = types.message(id);
        let place = |number: u32| match types.target(message.scope, number) {
            Target::Slot { place, .. } => usize::from(place),
            _ => SlotSet::ROOM,
        };
        let is_empty = |walker: &Self, place: usize| {
            walker.space.found.get(base + place).is_none_or(|found| found.range().is_empty())
        };
        match role {
            // Numbers of meta.v1.ObjectMeta.
            Role::Metadata => {
                if self.options.resource_version.is_some() {
                    self.put(base, place(6), RESOURCE_VERSION, present);
                }
                if !self.options.managed_fields {
                    present.remove(place(17));
                }
            }
            // Of core.v1.PersistentVolumeStatus, and of core.v1.PersistentVolumeClaimStatus.
            Role::VolumeStatus => {
                let phase = place(1);
                if !present.contains(phase) || is_empty(self, phase) {
                    self.put(base, phase, PENDING, present);
                }
            }
            Role::Object => {
                for (place, slot) in types.slots(message).iter().enumerate().filter(|(_, slot)| slot.number == 0) {
                    self.put(base, place, if slot.name.plain() == "kind" { KIND } else { API_VERSION }, present);
                }
            }
            Role::Part => {}
        }
    }

    fn put(&mut self, base: usize, place: usize, text: usize, present: &mut SlotSet) {
        if let Some(found) = self.space.found.get_mut(base + place) {
            *found = Found::injected(text);
            present.insert(place);
        }
    }

    fn absent(&mut self, slot: &Slot, role: Role) -> Step {
        match slot.absent {
            Absent::Skip => {}
            Absent::Null => {
                self.sink.field(slot.name);
                self.sink.null();
            }
            Absent::Zero => {
                self.sink.field(slot.name);
                match slot.kind {
                    Kind::String => self.sink.string(""),
                    Kind::Bool | Kind::OrBool(_) => self.sink.bool(false),
                    Kind::Int32 | Kind::Int64 | Kind::Double | Kind::IntOrString => self.sink.int(0),
                    Kind::Quantity => self.sink.string("0"),
                    Kind::Message(id) => self.message(id, &[], self.role_in(slot, role))?,
                    _ => self.sink.null(),
                }
            }
        }
        Ok(())
    }

    /// The role of a field of a message.
    fn role_in(&self, slot: &Slot, parent: Role) -> Role {
        match slot.name.plain() {
            "metadata" if parent == Role::Object => Role::Metadata,
            "status" if parent == Role::Object && self.is_volume => Role::VolumeStatus,
            _ => Role::Part,
        }
    }

    #[inline]
    fn one(&mut self, slot: &Slot, found: Found, data: &[u8], role: Role, message: &'static str) -> Step {
        let range = found.range();
        match found.state {
            State::Injected => {
                let text = self.injected.get(found.word() as usize).copied().unwrap_or(&self.resource_version);
                if !text.is_empty() {
                    self.sink.field(slot.name);
                    self.sink.string(text);
                }
                return Ok(());
            }
            State::Merged => {
                let bytes = self.space.merged.get_mut(found.word() as usize).map(std::mem::take).unwrap_or_default();
                return self.payload(slot, &bytes, role, message);
            }
            State::Present => {}
        }
        match slot.kind {
            Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Double => {
                let is_zero = match slot.kind {
                    Kind::Int32 => found.word() as u32 == 0,
                    Kind::Double => f64::from_bits(found.word()) == 0.0,
                    _ => found.word() == 0,
                };
                if slot.skips_zero && is_zero {
                    return Ok(());
                }
                self.sink.field(slot.name);
                self.number(slot, found.word(), message)
            }
            Kind::String | Kind::Bytes if slot.skips_zero && range.is_empty() => Ok(()),
            _ => self.payload(slot, data.get(range).unwrap_or_default(), role, message),
        }
    }

    /// Name and value of a field that is delimited by its length.
    fn payload(&mut self, slot: &Slot, bytes: &[u8], role: Role, message: &'static str) -> Step {
        if slot.skips_zero && self.is_zero(slot.kind, bytes) {
            return Ok(());
        }
        self.sink.field(slot.name);
        if let Kind::Message(id) = slot.kind {
            let role = if role == Role::Object { self.role_in(slot, role) } else { Role::Part };
            match role {
                Role::Part => self.part(id, bytes),
                _ => self.message(id, bytes, role),
            }
        } else {
            self.value(slot, bytes, message)
        }
    }

    /// A message that looks the same wherever it is.
    fn part(&mut self, id: MessageId, bytes: &[u8]) -> Step {
        self.remembered(What::Message(id), bytes, |walker| walker.message(id, bytes, Role::Part))
    }

    /// The values of a list; between them there may be other fields.
    fn many(&mut self, slot: &Slot, data: &[u8], start: usize, message: &'static str) -> Step {
        let number = u32::from(slot.number);
        let fault = |fault| damaged(message, number, fault);
        let mut at = start;
        self.sink.begin_array();
        while at < data.len() {
            let tag = wire::tag(data, &mut at).map_err(fault)?;
            if tag.number != number {
                wire::skip(data, &mut at, tag.wire).map_err(fault)?;
                continue;
            }
            match tag.wire {
                wire::WireType::Varint => {
                    let word = wire::varint(data, &mut at).map_err(fault)?;
                    self.number(slot, word, message)?;
                }
                wire::WireType::Fixed64 => {
                    let word = wire::fixed64(data, &mut at).map_err(fault)?;
                    self.number(slot, word, message)?;
                }
                _ => {
                    let (start, end) = wire::payload(data, &mut at).map_err(fault)?;
                    let bytes = data.get(start..end).unwrap_or_default();
                    match slot.kind {
                        Kind::Message(id) => self.part(id, bytes)?,
                        Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Double => self.packed(slot, bytes, message)?,
                        _ => self.value(slot, bytes, message)?,
                    }
                }
            }
        }
        self.sink.end_array();
        Ok(())
    }

    fn packed(&mut self, slot: &Slot, bytes: &[u8], message: &'static str) -> Step {
        let mut at = 0;
        while at < bytes.len() {
            let word =
                if slot.kind == Kind::Double { wire::fixed64(bytes, &mut at) } else { wire::varint(bytes, &mut at) };
            let word = word.map_err(|fault| damaged(message, u32::from(slot.number), fault))?;
            self.number(slot, word, message)?;
        }
        Ok(())
    }

    /// A number or a truth value.
    fn number(&mut self, slot: &Slot, word: u64, message: &'static str) -> Step {
        match slot.kind {
            Kind::Bool => self.sink.bool(word != 0),
            Kind::Int32 => self.sink.int(i64::from(word as i32)),
            Kind::Double => self.float(f64::from_bits(word)).map_err(|what| {
                let number = u32::from(slot.number);
                damaged(message, number, what)
            })?,
            _ => self.sink.int(word.cast_signed()),
        }
        Ok(())
    }

    /// A float: kubectl reads it back from JSON, where whole numbers below 1e21 are written like integers.
    fn float(&mut self, value: f64) -> Result<(), Damage> {
        if !value.is_finite() {
            return Err(Damage::NotFinite);
        }
        let whole = value as i64;
        // At 2^63 the cast stops at the largest integer, which is no float.
        if whole as f64 == value && whole != i64::MAX {
            self.sink.int(whole);
        } else {
            self.sink.float(value);
        }
        Ok(())
    }

    /// A string that may not be one: each byte that is no UTF-8 becomes U+FFFD, as Go's encoding/json does it.
    pub fn string(&mut self, bytes: &[u8], message: &'static str, number: u32) {
        if self.sink.plain_string(bytes) {
            return;
        }
        match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => self.sink.string(text),
            Err(_) => {
                note(&mut self.notes.invalid_text, &mut self.notes.more, message, number);
                self.sink.string(&lossy(bytes));
            }
        }
    }
}

/// Text with U+FFFD for each byte that is no UTF-8.
pub fn lossy(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}
