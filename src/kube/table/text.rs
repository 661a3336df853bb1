//! Reads `types.txt` for one release: a line is a message, a kind of it, or a field of it.

use super::{Absent, Count};
use crate::kube::minor::Minor;

/// The facts of one release, as they stand in the text.
#[derive(Debug, Default)]
pub struct Facts {
    pub messages: Vec<MessageFacts>,
    pub fields: Vec<FieldFacts>,
    /// apiVersion, kind, and the message by its place.
    pub kinds: Vec<(&'static str, &'static str, usize)>,
    /// Lines that are wrong; a test holds that there are none.
    pub not_understood: Vec<&'static str>,
}

/// A message, and which of the fields are its own.
#[derive(Debug)]
pub struct MessageFacts {
    pub name: &'static str,
    pub first_field: usize,
    pub is_kind: bool,
}

/// A field; `quoted` is its name as JSON writes it, or nothing if its fields stand in the parent.
#[derive(Clone, Copy, Debug)]
pub struct FieldFacts {
    pub number: u16,
    pub quoted: Option<&'static str>,
    pub typ: &'static str,
    pub count: Count,
    pub pointer: bool,
    pub absent: Absent,
    pub skips_zero: bool,
    pub current: bool,
}

/// Reads the whole text for a release.
pub fn parse(text: &'static str, minor: Minor) -> Facts {
    let mut facts = Facts::default();
    for line in text.lines() {
        if line.starts_with(|c: char| c.is_ascii_digit()) {
            match field(line, minor.number()) {
                Some(field) => facts.fields.push(field),
                None => facts.not_understood.push(line),
            }
        } else if let Some(name) = line.strip_prefix("message ") {
            let first_field = facts.fields.len();
            facts.messages.push(MessageFacts { name, first_field, is_kind: false });
        } else if let Some((api_version, kind)) = line.strip_prefix("kind ").and_then(|rest| rest.split_once(' ')) {
            if let Some(message) = facts.messages.last_mut() {
                message.is_kind = true;
            }
            facts.kinds.push((api_version, kind, facts.messages.len().saturating_sub(1)));
        } else if !line.starts_with('#') && !line.starts_with("modules ") {
            facts.not_understood.push(line);
        }
    }
    facts
}

/// `<number> <"name":> <type> [omitempty] [omitzero] [since=<minor>] [until=<minor>] [<<minor>:<type>[,omitempty]]`
fn field(line: &'static str, minor: u8) -> Option<FieldFacts> {
    let mut words = line.split(' ');
    let number = words.next()?.parse().ok()?;
    let quoted = match words.next()? {
        "-" => None,
        name => Some(name),
    };
    let mut rule = Rule { typ: words.next()?, omit_empty: false, omit_zero: false };
    let mut current = true;
    let mut before = None;
    for word in words {
        match word {
            "omitempty" => rule.omit_empty = true,
            "omitzero" => rule.omit_zero = true,
            _ => {
                if let Some(since) = word.strip_prefix("since=") {
                    current &= minor >= since.parse().ok()?;
                } else if let Some(until) = word.strip_prefix("until=") {
                    current &= minor < until.parse().ok()?;
                } else {
                    let (changed, old) = word.strip_prefix('<')?.split_once(':')?;
                    if before.is_none() && minor < changed.parse().ok()? {
                        before = Some(Rule::before(old)?);
                    }
                }
            }
        }
    }
    Some(before.unwrap_or(rule).applied(number, quoted, current))
}

/// What one release says of a field.
struct Rule {
    typ: &'static str,
    omit_empty: bool,
    omit_zero: bool,
}

impl Rule {
    fn before(text: &'static str) -> Option<Self> {
        let mut words = text.split(',');
        let typ = words.next()?;
        let mut rule = Self { typ, omit_empty: false, omit_zero: false };
        for word in words {
            match word {
                "omitempty" => rule.omit_empty = true,
                "omitzero" => rule.omit_zero = true,
                _ => return None,
            }
        }
        Some(rule)
    }

    /// What Go's encoding/json makes of the tags. A field that the release does not have is printed only if it is there.
    fn applied(self, number: u16, quoted: Option<&'static str>, current: bool) -> FieldFacts {
        let (count, pointer, typ) = if let Some(typ) = self.typ.strip_prefix("[]") {
            (Count::Many, false, typ)
        } else if let Some(typ) = self.typ.strip_prefix("map[]") {
            (Count::Map, false, typ)
        } else if let Some(typ) = self.typ.strip_prefix('*') {
            (Count::One, true, typ)
        } else {
            (Count::One, false, self.typ)
        };
        // Go leaves out empty strings, numbers, lists, maps and pointers that are nil, but never structs.
        let nil = pointer || count != Count::One || matches!(typ, "bytes" | "StringList");
        let has_empty = nil || matches!(typ, "string" | "bool" | "int32" | "int64" | "double");
        let omitted = self.omit_zero || self.omit_empty && has_empty;
        let absent = match (current && !omitted, nil) {
            (false, _) => Absent::Skip,
            (true, true) => Absent::Null,
            (true, false) => Absent::Zero,
        };
        let skips_zero = omitted && !pointer && count == Count::One;
        FieldFacts { number, quoted, typ, count, pointer, absent, skips_zero, current }
    }
}
