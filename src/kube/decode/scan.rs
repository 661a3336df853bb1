//! The first pass over a message: where the value of each field lies.

use super::notes::note;
use super::walk::{Step, Walker, damaged};
use super::{Damage, Notes};
use crate::kube::sink::Sink;
use crate::kube::table::{Count, Kind, ScopeId, Slot, Target};
use crate::kube::wire::{self, Tag, WireType};
use std::ops::Range;

/// What the first pass found of a field.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    pub state: State,
    /// The end of the payload, or of the last value of a list.
    end: u32,
    /// A number, or where the payload begins, or the tag of the first value of a list.
    word: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Absent,
    Present,
    /// Several values of a message that can have one: their bytes, one after the other, are in `Walker::merged`.
    Merged,
    /// Not from the message: a text of `Walker::injected`.
    Injected,
}

impl Found {
    pub const ABSENT: Self = Self { state: State::Absent, end: 0, word: 0 };

    pub fn injected(text: usize) -> Self {
        Self { state: State::Injected, end: 0, word: text as u64 }
    }

    /// The number of a field that is one; the place of a text or of merged bytes.
    pub fn word(self) -> u64 {
        self.word
    }

    /// Where in the message the value lies, or the values with their tags.
    pub fn range(self) -> Range<usize> {
        self.word as usize..self.end as usize
    }
}

impl Kind {
    /// The wire type of a value.
    fn wire(self) -> WireType {
        match self {
            Self::Bool | Self::Int32 | Self::Int64 => WireType::Varint,
            Self::Double => WireType::Fixed64,
            _ => WireType::Bytes,
        }
    }

    /// Whether several values make one: Go reads them into the same struct. Its times are read anew each time.
    fn merges(self) -> bool {
        self.wire() == WireType::Bytes && !matches!(self, Self::String | Self::Bytes | Self::Time | Self::MicroTime)
    }
}

impl<S: Sink> Walker<'_, S> {
    /// Notes where the fields of a scope lie. `base` is where the slots of the message begin in `found`.
    pub fn scan(&mut self, scope: ScopeId, slots: &[Slot], data: &[u8], range: Range<usize>, base: usize) -> Step {
        let types = self.types;
        let name = types.scope_name(scope);
        let data = data.get(..range.end).unwrap_or_default();
        let mut at = range.start;
        let mut inline_seen = 0u64;
        while at < data.len() {
            let tag_at = at;
            let tag = wire::tag(data, &mut at).map_err(|fault| damaged(name, 0, fault))?;
            match types.target(scope, tag.number) {
                Target::Slot(slot) => {
                    let at_slot = base + usize::from(slot);
                    let (Some(slot), Some(found)) = (slots.get(usize::from(slot)), self.space.found.get_mut(at_slot))
                    else {
                        continue;
                    };
                    let before = *found;
                    *found = read(slot, tag, data, &mut at).map_err(|what| damaged(name, tag.number, what))?;
                    if before.state != State::Absent {
                        self.again(slot, before, at_slot, data, name);
                    } else if slot.count != Count::One
                        && let Some(found) = self.space.found.get_mut(at_slot)
                    {
                        found.word = tag_at as u64;
                    }
                }
                Target::Inline(inner) => {
                    if tag.wire != WireType::Bytes {
                        return Err(damaged(name, tag.number, Damage::WrongWireType));
                    }
                    let bit = 1u64.checked_shl(tag.number).unwrap_or(0);
                    if inline_seen & bit != 0 {
                        return Err(damaged(name, tag.number, Damage::InlineTwice));
                    }
                    inline_seen |= bit;
                    let (start, end) =
                        wire::payload(data, &mut at).map_err(|fault| damaged(name, tag.number, fault))?;
                    self.scan(inner, slots, data, start..end, base)?;
                }
                Target::Unknown => {
                    wire::skip(data, &mut at, tag.wire).map_err(|fault| damaged(name, tag.number, fault))?;
                    note(&mut self.notes.unknown, &mut self.notes.more, name, tag.number);
                }
            }
        }
        Ok(())
    }

    /// A field came before: lists grow, messages are merged, of anything else the last value counts.
    fn again(&mut self, slot: &Slot, before: Found, at_slot: usize, data: &[u8], message: &'static str) {
        let Some(found) = self.space.found.get_mut(at_slot) else { return };
        if slot.count != Count::One {
            found.word = before.word;
            return;
        }
        let Notes { repeated, more, .. } = &mut self.notes;
        note(repeated, more, message, u32::from(slot.number));
        if slot.kind.merges() {
            let bytes = data.get(found.range()).unwrap_or_default();
            let place = if before.state == State::Merged {
                before.word
            } else {
                self.space.merged.push(data.get(before.range()).unwrap_or_default().to_vec());
                (self.space.merged.len() - 1) as u64
            };
            if let Some(merged) = self.space.merged.get_mut(place as usize) {
                merged.extend_from_slice(bytes);
            }
            *found = Found { state: State::Merged, end: 0, word: place };
        }
    }
}

/// Reads one value. Numbers of a list may be packed, although Kubernetes' writers do not pack them.
#[inline]
fn read(slot: &Slot, tag: Tag, data: &[u8], at: &mut usize) -> Result<Found, Damage> {
    let wanted = slot.kind.wire();
    let word = if tag.wire == WireType::Bytes && (wanted == WireType::Bytes || slot.count == Count::Many) {
        wire::payload(data, at)?.0 as u64
    } else if tag.wire != wanted {
        return Err(Damage::WrongWireType);
    } else if tag.wire == WireType::Varint {
        wire::varint(data, at)?
    } else {
        wire::fixed64(data, at)?
    };
    // Values of 4 GiB and more are refused at the door.
    Ok(Found { state: State::Present, end: *at as u32, word })
}
