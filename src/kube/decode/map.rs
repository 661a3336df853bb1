//! Maps: entries {1 key, 2 value}, which servers write sorted by the bytes of their keys.

use super::Damage;
use super::notes::note;
use super::walk::{Role, Step, Walker, damaged, lossy};
use crate::kube::natural;
use crate::kube::sink::{KeyOrder, Sink};
use crate::kube::table::{Kind, Slot};
use crate::kube::wire::{self, WireFault, WireType};
use std::cmp::Ordering;
use std::ops::Range;

/// Where the key and the value of an entry lie in the message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entry {
    key: (u32, u32),
    value: (u32, u32),
}

impl Entry {
    fn key(self) -> Range<usize> {
        self.key.0 as usize..self.key.1 as usize
    }

    fn value(self) -> Range<usize> {
        self.value.0 as usize..self.value.1 as usize
    }
}

impl<S: Sink> Walker<'_, S> {
    /// A map as a JSON object.
    pub fn map(&mut self, slot: &Slot, data: &[u8], start: usize, message: &'static str) -> Step {
        let first = self.space.entries.len();
        let in_order = self.entries(slot, data, start, message)?;
        self.sink.begin_object();
        if in_order {
            for at in first..self.space.entries.len() {
                let Some(&entry) = self.space.entries.get(at) else { break };
                let key = data.get(entry.key()).unwrap_or_default();
                if !self.sink.plain_key(key) {
                    self.sink.key(str::from_utf8(key).unwrap_or_default());
                }
                self.map_value(slot, data, entry, message)?;
            }
        } else {
            self.unordered(slot, data, first, message)?;
        }
        self.sink.end_object();
        self.space.entries.truncate(first);
        Ok(())
    }

    /// Collects the entries; whether they are text and stand in the order of the sink, each key once.
    fn entries(&mut self, slot: &Slot, data: &[u8], start: usize, message: &'static str) -> Step<bool> {
        let number = u32::from(slot.number);
        let mut in_order = true;
        let mut last: Option<&str> = None;
        let mut at = start;
        while at < data.len() {
            let tag = wire::tag(data, &mut at).map_err(|fault| damaged(message, number, fault))?;
            if tag.number != number {
                wire::skip(data, &mut at, tag.wire).map_err(|fault| damaged(message, number, fault))?;
                continue;
            }
            let (start, end) = wire::payload(data, &mut at).map_err(|fault| damaged(message, number, fault))?;
            let entry = entry(data, start..end).map_err(|what| damaged(message, number, what))?;
            self.space.entries.push(entry);
            let key = data.get(entry.key()).unwrap_or_default();
            match simdutf8::basic::from_utf8(key) {
                Ok(key) => {
                    in_order = in_order && last.is_none_or(|last| before::<S>(last, key));
                    last = Some(key);
                }
                Err(_) => {
                    note(&mut self.notes.invalid_text, &mut self.notes.more, message, number);
                    in_order = false;
                }
            }
        }
        Ok(in_order)
    }

    /// The entries from `first` on, put in order; of those with equal keys the last counts.
    fn unordered(&mut self, slot: &Slot, data: &[u8], first: usize, message: &'static str) -> Step {
        let entries = self.space.entries.get(first..).unwrap_or_default();
        let keys: Vec<String> = entries.iter().map(|entry| lossy(data.get(entry.key()).unwrap_or_default())).collect();
        let mut sorted: Vec<(&str, Entry)> = keys.iter().map(String::as_str).zip(entries.iter().copied()).collect();
        // By bytes first: where the natural order contradicts itself, equal keys might not meet.
        natural::sort_members(&mut sorted, KeyOrder::Bytes, |(key, _)| key);
        sorted.reverse();
        sorted.dedup_by_key(|(key, _)| *key);
        natural::sort_members(&mut sorted, S::ORDER, |(key, _)| key);
        for (key, entry) in sorted {
            self.sink.key(key);
            self.map_value(slot, data, entry, message)?;
        }
        Ok(())
    }

    /// A value that is not there is an empty one.
    fn map_value(&mut self, slot: &Slot, data: &[u8], entry: Entry, message: &'static str) -> Step {
        let bytes = data.get(entry.value()).unwrap_or_default();
        match slot.kind {
            Kind::Message(id) => self.message(id, bytes, Role::Part),
            _ => self.value(slot, bytes, message),
        }
    }
}

fn before<S: Sink>(a: &str, b: &str) -> bool {
    match S::ORDER {
        KeyOrder::Bytes => a < b,
        KeyOrder::Natural => natural::compare(a, b) == Ordering::Less,
    }
}

/// All maps of Kubernetes have strings for keys, and no bare numbers for values.
fn entry(data: &[u8], range: Range<usize>) -> Result<Entry, Damage> {
    let data = data.get(..range.end).unwrap_or_default();
    let mut at = range.start;
    let mut found = Entry::default();
    while at < data.len() {
        let tag = wire::tag(data, &mut at)?;
        match tag.number {
            1 | 2 if tag.wire != WireType::Bytes => return Err(Damage::Wire(WireFault::WrongWireType)),
            1 | 2 => {
                let (start, end) = wire::payload(data, &mut at)?;
                let place = (start as u32, end as u32);
                *if tag.number == 1 { &mut found.key } else { &mut found.value } = place;
            }
            _ => wire::skip(data, &mut at, tag.wire)?,
        }
    }
    Ok(found)
}
