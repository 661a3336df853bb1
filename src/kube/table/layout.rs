//! Lays the facts out for the walk over a message: slots in the order in which they are printed, the fields of inline
//! messages among them, and for each number on the wire where it leads.

use super::text::{self, FieldFacts, MessageFacts};
use super::{Absent, Count, Kind, Message, MessageId, Scope, ScopeId, Slot, SlotSet, Target, Types};
use crate::kube::minor::Minor;
use crate::kube::natural;
use crate::kube::sink::{FieldName, KeyOrder};
use std::collections::HashMap;

/// Inline messages stand two deep in each other.
const MOST_INLINE: usize = 8;

/// Reads the text for one release, and lays it out.
pub fn build(text: &'static str, minor: Minor, order: KeyOrder) -> Types {
    let facts = text::parse(text, minor);
    let ids = facts.messages.iter().zip(0..).map(|(message, at)| (message.name, at)).collect();
    let mut builder = Builder {
        facts: &facts.fields,
        messages: &facts.messages,
        ids,
        order,
        types: Types {
            messages: Vec::new(),
            slots: Vec::new(),
            scopes: Vec::new(),
            targets: Vec::new(),
            kinds: Vec::new(),
        },
    };
    builder.types.slots.reserve(facts.fields.len() * 2);
    builder.types.targets.reserve(facts.fields.len() * 2);
    for at in 0..facts.messages.len() {
        builder.message(at);
    }
    let mut types = builder.types;
    types.kinds = facts.kinds.iter().map(|&(api, kind, at)| (api, kind, MessageId(at as u16))).collect();
    types.kinds.sort_unstable_by_key(|(api, kind, _)| (*api, *kind));
    types
}

struct Builder<'a> {
    facts: &'a [FieldFacts],
    messages: &'a [MessageFacts],
    ids: HashMap<&'static str, u16, foldhash::fast::FixedState>,
    order: KeyOrder,
    types: Types,
}

impl<'a> Builder<'a> {
    fn message(&mut self, at: usize) {
        let Some(message) = self.messages.get(at) else { return };
        let mut slots = Vec::with_capacity(32);
        if message.is_kind {
            slots.push((type_meta(r#""apiVersion":"#), 0));
            slots.push((type_meta(r#""kind":"#), 0));
        }
        let first_scope = self.types.scopes.len();
        self.scope(at, &mut slots, true, 0);
        let first_slot = self.types.slots.len() as u32;
        natural::sort_members(&mut slots, self.order, |(slot, _)| slot.name.plain());
        // Where each target stands now that the slots are in order.
        let mut always = SlotSet::default();
        for ((slot, target), place) in slots.iter().zip(0u8..) {
            self.types.slots.push(*slot);
            if slot.absent != Absent::Skip {
                always.insert(usize::from(place));
            }
            if slot.number > 0
                && let Some(target) = self.types.targets.get_mut(*target)
            {
                *target = Target::Slot { place, wire: slot.kind.wire(), count: slot.count };
            }
        }
        self.types.messages.push(Message {
            name: message.name,
            first_slot,
            slots: slots.len() as u16,
            always,
            scope: ScopeId(first_scope as u16),
        });
    }

    /// Lays out the numbers of a message, and adds its slots, each with the place of its target.
    fn scope(&mut self, at: usize, slots: &mut Vec<(Slot, usize)>, current: bool, depth: usize) {
        let (facts, name) = self.fields(at);
        let numbers = facts.iter().map(|field| field.number + 1).max().unwrap_or(0);
        let first = self.types.targets.len();
        self.types.scopes.push(Scope { message: name, first: first as u32, numbers, current });
        self.types.targets.resize(first + usize::from(numbers), Target::Unknown);
        for field in facts {
            let place = first + usize::from(field.number);
            if let Some(quoted) = field.quoted {
                let Some(kind) = self.kind(field.typ) else { continue };
                slots.push((slot(field, FieldName::from_quoted(quoted), kind), place));
            } else if let Some(inner) = self.ids.get(field.typ)
                && depth < MOST_INLINE
            {
                if let Some(target) = self.types.targets.get_mut(place) {
                    *target = Target::Inline(ScopeId(self.types.scopes.len() as u16));
                }
                self.scope(usize::from(*inner), slots, current && field.current, depth + 1);
            }
        }
    }

    fn fields(&self, at: usize) -> (&'a [FieldFacts], &'static str) {
        let Some(message) = self.messages.get(at) else { return (&[], "") };
        let end = self.messages.get(at + 1).map_or(self.facts.len(), |next| next.first_field);
        (self.facts.get(message.first_field..end).unwrap_or(&[]), message.name)
    }

    fn kind(&self, typ: &str) -> Option<Kind> {
        let message = |name: &str| self.ids.get(name).map(|&id| MessageId(id));
        Some(match typ {
            "string" => Kind::String,
            "bytes" => Kind::Bytes,
            "bool" => Kind::Bool,
            "int32" => Kind::Int32,
            "int64" => Kind::Int64,
            "double" => Kind::Double,
            "Time" => Kind::Time,
            "MicroTime" => Kind::MicroTime,
            "Quantity" => Kind::Quantity,
            "IntOrString" => Kind::IntOrString,
            "RawExtension" | "FieldsV1" | "JSON" => Kind::Raw,
            "StringList" => Kind::StringList,
            _ => match typ.split_once(':') {
                Some(("OrBool", schema)) => Kind::OrBool(message(schema)?),
                Some(("OrArray", schema)) => Kind::OrArray(message(schema)?),
                Some(("OrStringArray", schema)) => Kind::OrStringArray(message(schema)?),
                _ => Kind::Message(message(typ)?),
            },
        })
    }
}

fn slot(field: &FieldFacts, name: FieldName, kind: Kind) -> Slot {
    Slot {
        name,
        number: field.number,
        kind,
        count: field.count,
        absent: field.absent,
        skips_zero: field.skips_zero,
        pointer: field.pointer,
        current: field.current,
    }
}

/// `apiVersion` and `kind` stand beside the message, in the envelope; inside of lists they are not shown.
fn type_meta(quoted: &'static str) -> Slot {
    Slot {
        name: FieldName::from_quoted(quoted),
        number: 0,
        kind: Kind::String,
        count: Count::One,
        absent: Absent::Skip,
        skips_zero: true,
        pointer: false,
        current: true,
    }
}
