//! Where a Secret in protobuf has its values: for what changes them in place.

use std::ops::Range;

use super::mask::LAST_APPLIED;
use super::wire::{self, WireFault, WireType};

/// Where the values of a Secret lie in its message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// Those of `data` and `stringData`.
    pub data: Vec<Range<usize>>,
    /// The annotation in which `kubectl apply` keeps a copy of them.
    pub last_applied: Vec<Range<usize>>,
}

/// Finds the values in the message of a Secret (k8s.io/api core/v1 generated.proto: metadata 1, data 2, stringData 4; of
/// ObjectMeta annotations 12; of an entry of a map key 1, value 2).
///
/// # Errors
/// The message is damaged.
pub fn values(message: &[u8]) -> Result<Values, WireFault> {
    let mut found = Values::default();
    for (number, field) in fields(message, 0..message.len())? {
        match number {
            1 => {
                for (_, entry) in fields(message, field)?.into_iter().filter(|(number, _)| *number == 12) {
                    let (key, value) = entry_of(message, entry)?;
                    if message.get(key) == Some(LAST_APPLIED.as_bytes()) {
                        found.last_applied.push(value);
                    }
                }
            }
            2 | 4 => found.data.push(entry_of(message, field)?.1),
            _ => {}
        }
    }
    Ok(found)
}

/// Key and value of an entry of a map: the last of each counts.
fn entry_of(message: &[u8], entry: Range<usize>) -> Result<(Range<usize>, Range<usize>), WireFault> {
    let (mut key, mut value) = (0..0, 0..0);
    for (number, field) in fields(message, entry)? {
        match number {
            1 => key = field,
            2 => value = field,
            _ => {}
        }
    }
    Ok((key, value))
}

/// The fields of a message inside another that have a length, with their places in the outer one.
fn fields(message: &[u8], within: Range<usize>) -> Result<Vec<(u32, Range<usize>)>, WireFault> {
    let data = message.get(..within.end).ok_or(WireFault::Truncated)?;
    let mut at = within.start;
    let mut found = Vec::new();
    while at < data.len() {
        let tag = wire::tag(data, &mut at)?;
        match tag.wire {
            WireType::Bytes => {
                let (start, end) = wire::payload(data, &mut at)?;
                found.push((tag.number, start..end));
            }
            other => wire::skip(data, &mut at, other)?,
        }
    }
    Ok(found)
}
