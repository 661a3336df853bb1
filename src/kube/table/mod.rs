//! What Kubernetes' protobuf messages mean: names, kinds of values, and what is printed when a field is absent.
//!
//! `types.txt` holds the facts of all releases from 1.20 on; `tools/kubernetes-types` makes it from Kubernetes' own Go
//! modules. No field number was ever given to another name, so one table reads what any release wrote; only what is
//! printed for an absent field depends on the release. A table is laid out on first use for one release and one order
//! of members.

mod layout;
mod text;

use super::minor::Minor;
use super::sink::{FieldName, KeyOrder};
use super::wire::WireType;
use std::sync::OnceLock;

/// The facts, as text.
const TEXT: &str = include_str!("types.txt");

/// How a value of a field looks on the wire and in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string; bytes that are no UTF-8 are possible.
    String,
    /// Bytes, base64 in JSON.
    Bytes,
    /// A truth value.
    Bool,
    /// A number of 32 bits; negative ones take ten bytes.
    Int32,
    /// A number of 64 bits.
    Int64,
    /// A float of 64 bits.
    Double,
    /// A message of the table.
    Message(MessageId),
    /// `meta.v1.Time`: {1 seconds, 2 nanos}, shown to the second.
    Time,
    /// `meta.v1.MicroTime`: the same, shown to the microsecond.
    MicroTime,
    /// `resource.Quantity`: {1 text}.
    Quantity,
    /// `intstr.IntOrString`: {1 which, 2 number, 3 text}.
    IntOrString,
    /// `runtime.RawExtension`, `meta.v1.FieldsV1` and apiextensions' `JSON`: {1 JSON text}.
    Raw,
    /// apiextensions' `JSONSchemaPropsOrBool`: {1 allows, 2 schema}.
    OrBool(MessageId),
    /// apiextensions' `JSONSchemaPropsOrArray`: {1 schema, 2 schemas}.
    OrArray(MessageId),
    /// apiextensions' `JSONSchemaPropsOrStringArray`: {1 schema, 2 strings}.
    OrStringArray(MessageId),
    /// A list that is a message of its own: {1 strings}.
    StringList,
}

/// How many values a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// At most one.
    One,
    /// A list.
    Many,
    /// Values by keys that are strings.
    Map,
}

/// What stands in JSON for a field that the wire does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Nothing.
    Skip,
    /// `null`
    Null,
    /// What Go has in a field nobody set: `""`, `0`, `false`, an object of such fields.
    Zero,
}

/// One field of a message, or of a message whose fields stand in it.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// The name in JSON.
    pub name: FieldName,
    /// The number on the wire; 0 for `apiVersion` and `kind`, which are not there.
    pub number: u16,
    /// What a value is.
    pub kind: Kind,
    /// How many values there are.
    pub count: Count,
    /// What is printed if there is none.
    pub absent: Absent,
    /// Whether a zero or empty value is left out although it is there.
    pub skips_zero: bool,
    /// Whether Go holds it by a pointer: then it is written if it is there, else always.
    pub pointer: bool,
    /// Whether the release of this table has the field.
    pub current: bool,
}

impl Kind {
    /// The wire type of a value.
    pub fn wire(self) -> WireType {
        match self {
            Self::Bool | Self::Int32 | Self::Int64 => WireType::Varint,
            Self::Double => WireType::Fixed64,
            _ => WireType::Bytes,
        }
    }
}

/// Some of the slots of a message, by their places. No message has as many as there is room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotSet(u128);

impl SlotSet {
    /// How many slots a message can have.
    pub const ROOM: usize = u128::BITS as usize;

    fn bit(place: usize) -> u128 {
        1u128.checked_shl(place as u32).unwrap_or(0)
    }

    /// Adds a place; whether it was there before.
    #[inline]
    pub fn insert(&mut self, place: usize) -> bool {
        let was_there = self.contains(place);
        self.0 |= Self::bit(place);
        was_there
    }

    /// Takes a place out.
    pub fn remove(&mut self, place: usize) {
        self.0 &= !Self::bit(place);
    }

    /// Whether a place is in it.
    #[inline]
    pub fn contains(self, place: usize) -> bool {
        self.0 & Self::bit(place) != 0
    }

    /// The places in either of two sets, ascending.
    #[inline]
    pub fn union(self, other: Self) -> impl Iterator<Item = usize> {
        let mut left = self.0 | other.0;
        std::iter::from_fn(move || {
            let place = (left != 0).then_some(left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(place)
        })
    }
}

/// A message of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(u16);

/// Where the slots of a message are.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// `core.v1.Pod`
    pub name: &'static str,
    first_slot: u32,
    slots: u16,
    /// The slots that are printed although they are absent.
    pub always: SlotSet,
    /// Where the numbers on the wire lead to.
    pub scope: ScopeId,
}

/// The fields of a message by number; a message whose fields stand in its parent has a scope of its own there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeId(u16);

#[derive(Clone, Copy, Debug)]
struct Scope {
    message: &'static str,
    first: u32,
    numbers: u16,
    current: bool,
}

/// What a field number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// No release has this field.
    Unknown,
    /// A slot of the message.
    Slot {
        /// Counted from the first one.
        place: u8,
        /// The wire type of a value.
        wire: WireType,
        /// How many values there are.
        count: Count,
    },
    /// A message whose fields stand in this one.
    Inline(ScopeId),
}

/// The table for one release and one order of members.
#[derive(Debug)]
pub struct Types {
    messages: Vec<Message>,
    slots: Vec<Slot>,
    scopes: Vec<Scope>,
    targets: Vec<Target>,
    /// Sorted by apiVersion and kind.
    kinds: Vec<(&'static str, &'static str, MessageId)>,
}

/// Releases times orders; more than there are.
const TABLES: usize = 128;

impl Types {
    /// The table for a release, with the members of every object in the order that is asked for. Takes about a
    /// millisecond when it is asked for first.
    pub fn of(minor: Minor, order: KeyOrder) -> &'static Self {
        static BUILT: [OnceLock<Types>; TABLES] = [const { OnceLock::new() }; TABLES];
        static FALLBACK: OnceLock<Types> = OnceLock::new();
        let minor = minor.nearest_known();
        let index = usize::from(minor.number() - Minor::OLDEST.number()) * 2 + usize::from(order == KeyOrder::Natural);
        BUILT.get(index).unwrap_or(&FALLBACK).get_or_init(|| layout::build(TEXT, minor, order))
    }

    /// The message that is stored under an apiVersion and a kind.
    pub fn kind(&self, api_version: &str, kind: &str) -> Option<MessageId> {
        let at = self.kinds.binary_search_by(|(a, k, _)| (*a, *k).cmp(&(api_version, kind))).ok()?;
        self.kinds.get(at).map(|(_, _, id)| *id)
    }

    /// Whether the release of this table has a kind: a field of its message.
    pub fn has_kind(&self, api_version: &str, kind: &str) -> bool {
        let has_fields = |id| self.slots(self.message(id)).iter().any(|slot| slot.current && slot.number > 0);
        self.kind(api_version, kind).is_some_and(has_fields)
    }

    /// All kinds: apiVersion, kind, message; sorted.
    pub fn kinds(&self) -> impl Iterator<Item = (&'static str, &'static str, MessageId)> {
        self.kinds.iter().copied()
    }

    /// All messages.
    pub fn messages(&self) -> impl Iterator<Item = (MessageId, Message)> {
        self.messages.iter().zip(0..).map(|(message, at)| (MessageId(at), *message))
    }

    /// A message by its id, which only this table gives out.
    pub fn message(&self, id: MessageId) -> Message {
        self.messages[usize::from(id.0)]
    }

    /// The slots of a message, in the order of the table.
    pub fn slots(&self, message: Message) -> &[Slot] {
        let first = message.first_slot as usize;
        self.slots.get(first..first + usize::from(message.slots)).unwrap_or(&[])
    }

    /// What the field numbers of a scope mean, by number; beyond the end none does.
    #[inline]
    pub fn targets(&self, scope: ScopeId) -> &[Target] {
        let scope = self.scopes[usize::from(scope.0)];
        let first = scope.first as usize;
        self.targets.get(first..first + usize::from(scope.numbers)).unwrap_or(&[])
    }

    /// What a field number means in a scope.
    pub fn target(&self, scope: ScopeId, number: u32) -> Target {
        self.targets(scope).get(number as usize).copied().unwrap_or(Target::Unknown)
    }

    /// Whether the release of this table has the message in its parent.
    pub fn scope_is_current(&self, scope: ScopeId) -> bool {
        self.scopes[usize::from(scope.0)].current
    }

    /// The name of the message that a scope belongs to.
    pub fn scope_name(&self, scope: ScopeId) -> &'static str {
        self.scopes[usize::from(scope.0)].message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_release_is_the_one_the_table_was_made_from() {
        let modules = TEXT.lines().find_map(|line| line.strip_prefix("modules ")).unwrap();
        let newest: u8 = modules.rsplit(['.', ' ']).nth(1).unwrap().parse().unwrap();
        assert_eq!(Minor::NEWEST.number(), newest);
        assert!(usize::from(newest - Minor::OLDEST.number()) * 2 + 1 < TABLES);
    }

    #[test]
    fn every_line_of_the_table_is_understood() {
        for minor in [20, 29, 37] {
            let parsed = text::parse(TEXT, Minor::new(minor));
            assert_eq!(parsed.not_understood, Vec::<&str>::new());
            let count = |first: &str| TEXT.lines().filter(|line| line.starts_with(first)).count();
            assert_eq!(parsed.messages.len(), count("message "));
            assert_eq!(parsed.kinds.len(), count("kind "));
            let fields = TEXT.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).count();
            assert_eq!(parsed.fields.len(), fields);
        }
    }

    #[test]
    fn slots_stand_in_the_order_that_is_asked_for() {
        for order in [KeyOrder::Bytes, KeyOrder::Natural] {
            let types = Types::of(Minor::NEWEST, order);
            assert!(types.kinds().count() > 350);
            for message in &types.messages {
                assert!(types.slots(*message).len() <= SlotSet::ROOM, "{} needs a larger set", message.name);
                let names = types.slots(*message).iter().map(|slot| slot.name.plain());
                assert!(super::super::natural::is_sorted(order, names), "{}", message.name);
            }
        }
    }

    #[test]
    fn inline_messages_stand_in_their_parents() {
        let types = Types::of(Minor::NEWEST, KeyOrder::Bytes);
        let volume = types.messages.iter().find(|message| message.name == "core.v1.Volume").unwrap();
        let names: Vec<&str> = types.slots(*volume).iter().map(|slot| slot.name.plain()).collect();
        assert!(names.contains(&"name") && names.contains(&"configMap"), "{names:?}");
        let Target::Inline(source) = types.target(volume.scope, 2) else { panic!("volumeSource is inline") };
        assert_eq!(types.scope_name(source), "core.v1.VolumeSource");
        let Target::Slot { place, .. } = types.target(source, 19) else { panic!("configMap is a field") };
        assert_eq!(names[usize::from(place)], "configMap");
        assert_eq!(types.target(source, 4000), Target::Unknown);
    }

    #[test]
    fn what_is_printed_for_an_absent_field_depends_on_the_release() {
        let absent = |minor: u8, kind: (&str, &str), field: &str| {
            let types = Types::of(Minor::new(minor), KeyOrder::Bytes);
            let message = types.message(types.kind(kind.0, kind.1).unwrap());
            let slot = types.slots(message).iter().find(|slot| slot.name.plain() == field).unwrap();
            let Kind::Message(inner) = slot.kind else { return slot.absent };
            let inner = types.slots(types.message(inner)).iter();
            inner.clone().find(|slot| slot.name.plain() == "creationTimestamp").map_or(slot.absent, |slot| slot.absent)
        };
        assert_eq!(absent(33, ("v1", "Pod"), "metadata"), Absent::Zero);
        assert_eq!(absent(34, ("v1", "Pod"), "metadata"), Absent::Skip);
        assert_eq!(absent(23, ("networking.k8s.io/v1", "NetworkPolicy"), "status"), Absent::Skip);
        assert_eq!(absent(26, ("networking.k8s.io/v1", "NetworkPolicy"), "status"), Absent::Zero);
        assert_eq!(absent(28, ("networking.k8s.io/v1", "NetworkPolicy"), "status"), Absent::Skip);
        assert_eq!(absent(35, ("v1", "Pod"), "kind"), Absent::Skip);
    }
}
