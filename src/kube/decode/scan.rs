//! The first pass over a message: where the value of each field lies.

use super::notes::note;
use super::walk::{Step, Walker, damaged};
use super::{Damage, Notes};
use crate::kube::sink::Sink;
use crate::kube::table::{Count, Kind, ScopeId, Slot, SlotSet, Target};
use crate::kube::wire::{self, Tag, WireFault, WireType};
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
    Present,
    /// Several values of a message that can have one: their bytes, one after the other, are in `Walker::merged`.
    Merged,
    /// Not from the message: a text of `Walker::injected`.
    Injected,
}

impl Found {
    pub const NONE: Self = Self { state: State::Present, end: 0, word: 0 };

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

/// Whether several values make one: Go reads them into the same struct. Its times are read anew each time.
fn merges(kind: Kind) -> bool {
    kind.wire() == WireType::Bytes && !matches!(kind, Kind::String | Kind::Bytes | Kind::Time | Kind::MicroTime)
}

/// A message whose fields are looked for.
#[derive(Clone, Copy)]
pub struct Scan<'a> {
    pub slots: &'a [Slot],
    pub data: &'a [u8],
    /// Where its slots begin in `Space::found`.
    pub base: usize,
}

impl<S: Sink> Walker<'_, S> {
    /// Notes where the fields of a scope lie that stand in `range`.
    pub fn scan(&mut self, scope: ScopeId, scan: Scan<'_>, range: Range<usize>, present: &mut SlotSet) -> Step {
        let types = self.types;
        let targets = types.targets(scope);
        let data = scan.data.get(..range.end).unwrap_or_default();
        let fault = |number: u32, what: Damage| damaged(types.scope_name(scope), number, what);
        let mut at = range.start;
        let mut inline_seen = SlotSet::default();
        while at < data.len() {
            let tag_at = at;
            let tag = wire::tag(data, &mut at).map_err(|what| fault(0, what.into()))?;
            match targets.get(tag.number as usize).copied().unwrap_or(Target::Unknown) {
                Target::Slot { place, wire, count } => {
                    let place = usize::from(place);
                    let word = read(wire, count, tag, data, &mut at).map_err(|what| fault(tag.number, what))?;
                    let Some(found) = self.space.found.get_mut(scan.base + place) else { continue };
                    let before = *found;
                    // Values of 4 GiB and more are refused at the door.
                    *found = Found { state: State::Present, end: at as u32, word };
                    if count != Count::One {
                        found.word = tag_at as u64;
                    }
                    if present.insert(place) {
                        self.again(scan, place, before, types.scope_name(scope));
                    }
                }
                Target::Inline(inner) => {
                    if tag.wire != WireType::Bytes {
                        return Err(fault(tag.number, Damage::Wire(WireFault::WrongWireType)));
                    }
                    if inline_seen.insert(tag.number as usize) {
                        return Err(fault(tag.number, Damage::InlineTwice));
                    }
                    let (start, end) = wire::payload(data, &mut at).map_err(|what| fault(tag.number, what.into()))?;
                    self.scan(inner, scan, start..end, present)?;
                }
                Target::Unknown => {
                    wire::skip(data, &mut at, tag.wire).map_err(|what| fault(tag.number, what.into()))?;
                    note(&mut self.notes.unknown, &mut self.notes.more, types.scope_name(scope), tag.number);
                }
            }
        }
        Ok(())
    }

    /// A field came before: lists grow, messages are merged, of anything else the last value counts.
    fn again(&mut self, scan: Scan<'_>, place: usize, before: Found, message: &'static str) {
        let found = self.space.found.get_mut(scan.base + place);
        let (Some(slot), Some(found)) = (scan.slots.get(place), found) else { return };
        if slot.count != Count::One {
            found.word = before.word;
            return;
        }
        let Notes { repeated, more, .. } = &mut self.notes;
        note(repeated, more, message, u32::from(slot.number));
        if merges(slot.kind) {
            let bytes = scan.data.get(found.range()).unwrap_or_default();
            let merged_at = if before.state == State::Merged {
                before.word
            } else {
                self.space.merged.push(scan.data.get(before.range()).unwrap_or_default().to_vec());
                (self.space.merged.len() - 1) as u64
            };
            if let Some(merged) = self.space.merged.get_mut(merged_at as usize) {
                merged.extend_from_slice(bytes);
            }
            *found = Found { state: State::Merged, end: 0, word: merged_at };
        }
    }
}

/// Reads one value: the number, or where the payload begins. Numbers of a list may be packed, although Kubernetes'
/// writers do not pack them.
#[inline]
fn read(wanted: WireType, count: Count, tag: Tag, data: &[u8], at: &mut usize) -> Result<u64, Damage> {
    Ok(if tag.wire == WireType::Bytes && (wanted == WireType::Bytes || count == Count::Many) {
        wire::payload(data, at)?.0 as u64
    } else if tag.wire != wanted {
        return Err(Damage::Wire(WireFault::WrongWireType));
    } else if tag.wire == WireType::Varint {
        wire::varint(data, at)?
    } else {
        wire::fixed64(data, at)?
    })
}
