//! Walking a path.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use super::{Comparison, Filter, Slice, Step};

/// How deep an object is looked into: Kubernetes refuses deeper JSON.
const MAX_DEPTH: usize = 128;

/// How many values a path may lead to on its way: `[0,0][0,0]` doubles them with every step.
const MAX_FOUND: usize = 100_000;

type Found<'a> = Vec<Cow<'a, Value>>;

/// What the steps lead to. None: a step does not fit, which makes the whole path lead nowhere.
pub(super) fn walk<'a>(mut here: Found<'a>, steps: &[Step], depth: usize) -> Option<Found<'a>> {
    if depth > MAX_DEPTH {
        return None;
    }
    for step in steps {
        if here.len() > MAX_FOUND {
            return None;
        }
        here = match step {
            Step::Field(name) => fields(here, name),
            Step::Wildcard => here.into_iter().flat_map(children).collect(),
            Step::Descend => {
                let mut all = Vec::new();
                for value in here {
                    descend(value, 0, &mut all);
                    if all.len() > MAX_FOUND {
                        return None;
                    }
                }
                all
            }
            Step::Slice(slice) => elements(here, slice)?,
            Step::Union(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend(walk(here.clone(), part, depth + 1)?);
                    if all.len() > MAX_FOUND {
                        return None;
                    }
                }
                all
            }
            Step::Filter(filter) => filtered(here, filter, depth)?,
            Step::Word => return None,
            Step::Literal(value) => here.into_iter().map(|_| Cow::Owned(value.clone())).collect(),
        };
    }
    Some(here)
}

fn fields<'a>(here: Found<'a>, name: &str) -> Found<'a> {
    here.into_iter()
        .filter_map(|value| match value {
            Cow::Borrowed(value) => value.get(name).map(Cow::Borrowed),
            Cow::Owned(value) => value.get(name).cloned().map(Cow::Owned),
        })
        .collect()
}

/// Members and elements. Go visits members in no order; here it is that of the keys.
fn children(value: Cow<'_, Value>) -> Vec<Cow<'_, Value>> {
    match value {
        Cow::Borrowed(Value::Object(map)) => map.values().map(Cow::Borrowed).collect(),
        Cow::Borrowed(Value::Array(list)) => list.iter().map(Cow::Borrowed).collect(),
        _ => Vec::new(),
    }
}

/// The value and all below it that have something in them.
fn descend<'a>(value: Cow<'a, Value>, depth: usize, all: &mut Found<'a>) {
    let below = children(value.clone());
    if below.is_empty() || depth > MAX_DEPTH {
        return;
    }
    all.push(value);
    for child in below {
        descend(child, depth + 1, all);
    }
}

fn elements<'a>(here: Found<'a>, slice: &Slice) -> Option<Found<'a>> {
    let mut all = Vec::new();
    for value in here {
        let list = match value {
            Cow::Borrowed(Value::Null) => continue,
            Cow::Borrowed(Value::Array(list)) => list,
            _ => return None,
        };
        let length = i64::try_from(list.len()).ok()?;
        let start = if slice.start < 0 { slice.start.checked_add(length)? } else { slice.start };
        let end = match slice.end {
            None => length,
            // [-1] ends one behind the last.
            Some(0) if slice.single => length,
            Some(end) if end < 0 => end.checked_add(length)?,
            Some(end) => end,
        };
        if start == end {
            // Nothing of this list, and nothing of those after it either: so the original does it.
            return Some(all);
        }
        if start < 0 || start >= length || end < 0 || end > length || start > end {
            return None;
        }
        let step = match slice.step {
            None => 1,
            Some(step) => usize::try_from(step).ok().filter(|step| *step > 0)?,
        };
        let part = list.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)?;
        all.extend(part.iter().step_by(step).map(Cow::Borrowed));
    }
    Some(all)
}

fn filtered<'a>(here: Found<'a>, filter: &Filter, depth: usize) -> Option<Found<'a>> {
    let mut all = Vec::new();
    for value in here {
        let Cow::Borrowed(Value::Array(list)) = value else { return None };
        for element in list {
            let element = Cow::Borrowed(element);
            let left = walk(vec![element.clone()], &filter.left, depth + 1);
            let Some((comparison, right)) = &filter.comparison else {
                if left.is_some_and(|left| !left.is_empty()) {
                    all.push(element);
                }
                continue;
            };
            let right = |element: &Cow<'a, Value>| walk(vec![element.clone()], right, depth + 1);
            let left = left?;
            let Some(left) = one(&left)? else { continue };
            let right = right(&element)?;
            let Some(right) = one(&right)? else { continue };
            if compare(*comparison, left, right)? {
                all.push(element);
            }
        }
    }
    Some(all)
}

/// The only value; several cannot be compared.
fn one<'v>(found: &'v Found<'_>) -> Option<Option<&'v Value>> {
    match found.as_slice() {
        [] => Some(None),
        [only] => Some(Some(only)),
        _ => None,
    }
}

/// None: values of these types cannot be compared.
fn compare(comparison: Comparison, left: &Value, right: &Value) -> Option<bool> {
    let order = match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            // Go compares no whole number with a float.
            (None, None) => left.as_f64()?.partial_cmp(&right.as_f64()?),
            _ => None,
        },
        (Value::Bool(left), Value::Bool(right)) => {
            return match comparison {
                Comparison::Equal => Some(left == right),
                Comparison::NotEqual => Some(left != right),
                _ => None,
            };
        }
        _ => None,
    }?;
    Some(match comparison {
        Comparison::Equal => order == Ordering::Equal,
        Comparison::NotEqual => order != Ordering::Equal,
        Comparison::Less => order == Ordering::Less,
        Comparison::LessOrEqual => order != Ordering::Greater,
        Comparison::Greater => order == Ordering::Greater,
        Comparison::GreaterOrEqual => order != Ordering::Less,
    })
}
