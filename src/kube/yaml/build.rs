//! The events of a YAML parser to a tree, by the rules of go-yaml v2 (decode.go) and sigs.k8s.io/yaml (yaml.go).

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};
use serde_json::{Map, Number, Value};

use super::odd_breaks::OddBreaks;
use super::read::{YamlError, YamlFault};
use super::resolve::{Resolved, resolve};
use crate::kube::json::MAX_DEPTH;
use crate::kube::number;

/// How much all aliases of a document together may bring in, in bytes of memory (roughly). go-yaml stops at 400,000
/// values.
const ALIAS_BUDGET: usize = 64 << 20;
/// What one value takes.
const VALUE_WEIGHT: usize = 64;
const YAML_TAGS: &str = "tag:yaml.org,2002:";

/// The value of the one document in `text`, and the line it begins on; `None` when there is none.
pub(super) fn document(text: &str, odd_breaks: &OddBreaks) -> Result<Option<(Value, usize)>, YamlError> {
    let mut builder = Builder { odd_breaks, open: Vec::new(), root: None, anchors: HashMap::new(), from_aliases: 0 };
    let mut line = 1;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| syntax(&error))?;
        match event {
            Event::DocumentStart(_) if builder.root.is_some() => {
                return Err(at(span.start, YamlFault::BehindEnd));
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {}
            event => {
                if builder.root.is_none() && builder.open.is_empty() {
                    line = span.start.line();
                }
                builder.event(event).map_err(|fault| at(span.start, fault))?;
            }
        }
    }
    Ok(builder.root.map(|value| (value, line)))
}

fn at(place: Marker, fault: YamlFault) -> YamlError {
    YamlError { line: place.line(), column: place.col() + 1, fault }
}

fn syntax(error: &ScanError) -> YamlError {
    at(*error.marker(), YamlFault::Syntax(error.info().to_owned()))
}

/// A list or map whose end was not reached yet.
struct Open {
    items: Items,
    /// The anchor's number, or 0.
    anchor: usize,
    weight: usize,
    /// Levels below this one.
    height: usize,
}

enum Items {
    List(Vec<Value>),
    Map {
        members: Map<String, Value>,
        next: Next,
        /// Keys that only a merge has set: they may be set again.
        merged: BTreeSet<String>,
    },
}

/// What a map waits for.
enum Next {
    Key,
    ValueOf(String),
    Merged,
}

/// A value that an alias may refer to.
struct Anchored {
    value: Value,
    weight: usize,
    height: usize,
}

struct Builder<'a> {
    odd_breaks: &'a OddBreaks,
    open: Vec<Open>,
    root: Option<Value>,
    anchors: HashMap<usize, Anchored>,
    from_aliases: usize,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>) -> Result<(), YamlFault> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let text = self.odd_breaks.restored_in(text, style).ok_or(YamlFault::OddBreak)?;
                self.scalar(&text, style, anchor, tag.as_deref())
            }
            Event::Alias(anchor) => self.alias(anchor),
            Event::SequenceStart(anchor, _) => self.begin(Items::List(Vec::new()), anchor),
            Event::MappingStart(anchor, _) => {
                self.begin(Items::Map { members: Map::new(), next: Next::Key, merged: BTreeSet::new() }, anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, items: Items, anchor: usize) -> Result<(), YamlFault> {
        if self.awaits_key() {
            return Err(YamlFault::Key);
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(YamlFault::TooDeep);
        }
        self.open.push(Open { items, anchor, weight: VALUE_WEIGHT, height: 0 });
        Ok(())
    }

    fn end(&mut self) -> Result<(), YamlFault> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = match open.items {
            Items::List(items) => Value::Array(items),
            Items::Map { members, .. } => Value::Object(members),
        };
        let found = Anchored { value, weight: open.weight, height: open.height + 1 };
        self.complete(found, open.anchor)
    }

    fn awaits_key(&self) -> bool {
        self.open.last().is_some_and(|open| matches!(open.items, Items::Map { next: Next::Key, .. }))
    }

    fn alias(&mut self, anchor: usize) -> Result<(), YamlFault> {
        if self.open.iter().any(|open| open.anchor == anchor) {
            return Err(YamlFault::AnchorInItself);
        }
        let Some(found) = self.anchors.get(&anchor) else { return Err(YamlFault::AnchorInItself) };
        if self.open.len() + found.height > MAX_DEPTH {
            return Err(YamlFault::TooDeep);
        }
        self.from_aliases = self.from_aliases.saturating_add(found.weight);
        if self.from_aliases > ALIAS_BUDGET {
            return Err(YamlFault::TooManyAliases);
        }
        if self.awaits_key() {
            let key = key_of_value(&found.value)?;
            return self.key(key);
        }
        let found = Anchored { value: found.value.clone(), ..*found };
        self.complete(found, 0)
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, anchor: usize, tag: Option<&Tag>) -> Result<(), YamlFault> {
        let is_plain = style == ScalarStyle::Plain;
        if self.awaits_key() {
            let resolved = meaning(text, is_plain, tag)?;
            if anchor != 0 {
                self.keep(anchor, Anchored::scalar(value_of(&resolved)?))?;
            }
            if is_merge(text, is_plain, tag) {
                self.set_next(Next::Merged);
                return Ok(());
            }
            return self.key(key_of(resolved)?);
        }
        let value = value_of(&meaning(text, is_plain, tag)?)?;
        self.complete(Anchored::scalar(value), anchor)
    }

    fn set_next(&mut self, then: Next) {
        if let Some(Open { items: Items::Map { next, .. }, .. }) = self.open.last_mut() {
            *next = then;
        }
    }

    fn key(&mut self, key: String) -> Result<(), YamlFault> {
        if let Some(Open { items: Items::Map { members, merged, .. }, weight, .. }) = self.open.last_mut() {
            if members.contains_key(&key) && !merged.remove(&key) {
                return Err(YamlFault::RepeatedKey(key));
            }
            *weight = weight.saturating_add(key.len());
        }
        self.set_next(Next::ValueOf(key));
        Ok(())
    }

    /// Remembers a value for aliases. What anchors hold counts like what aliases bring in: both are copies.
    fn keep(&mut self, anchor: usize, found: Anchored) -> Result<(), YamlFault> {
        self.from_aliases = self.from_aliases.saturating_add(found.weight);
        if self.from_aliases > ALIAS_BUDGET {
            return Err(YamlFault::TooManyAliases);
        }
        self.anchors.insert(anchor, found);
        Ok(())
    }

    /// A value ends: it goes to where it belongs.
    fn complete(&mut self, found: Anchored, anchor: usize) -> Result<(), YamlFault> {
        if anchor != 0 {
            self.keep(anchor, Anchored { value: found.value.clone(), ..found })?;
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(found.value);
            return Ok(());
        };
        open.weight = open.weight.saturating_add(found.weight);
        open.height = open.height.max(found.height);
        match &mut open.items {
            Items::List(items) => items.push(found.value),
            Items::Map { members, next, merged } => match std::mem::replace(next, Next::Key) {
                Next::ValueOf(key) => {
                    members.insert(key, found.value);
                }
                Next::Merged => merge(found.value, members, merged)?,
                Next::Key => return Err(YamlFault::Key),
            },
        }
        Ok(())
    }
}

impl Anchored {
    fn scalar(value: Value) -> Self {
        let len = value.as_str().map_or(0, str::len);
        Self { value, weight: VALUE_WEIGHT.saturating_add(len), height: 0 }
    }
}

/// Sets what a merge brings. As in go-yaml v2 it wins over what stands before it; of several maps the first wins.
fn merge(value: Value, members: &mut Map<String, Value>, merged: &mut BTreeSet<String>) -> Result<(), YamlFault> {
    let maps = match value {
        Value::Object(map) => vec![map],
        Value::Array(maps) => maps
            .into_iter()
            .map(|map| if let Value::Object(map) = map { Ok(map) } else { Err(YamlFault::Merge) })
            .collect::<Result<_, _>>()?,
        _ => return Err(YamlFault::Merge),
    };
    for (key, value) in maps.into_iter().rev().flatten() {
        if members.insert(key.clone(), value).is_none() {
            merged.insert(key);
        }
    }
    Ok(())
}

fn is_merge(text: &str, is_plain: bool, tag: Option<&Tag>) -> bool {
    text == "<<" && tag.map_or(is_plain, |tag| tag.handle == YAML_TAGS && tag.suffix == "merge")
}

/// What a scalar means, and the text of those that are text.
enum Meaning<'a> {
    Text(Cow<'a, str>),
    Other(Resolved),
}

/// go-yaml v2, resolve.go and decode.go, `scalar`.
fn meaning<'a>(text: &'a str, is_plain: bool, tag: Option<&Tag>) -> Result<Meaning<'a>, YamlFault> {
    let as_text = || Ok(Meaning::Text(Cow::Borrowed(text)));
    let Some(tag) = tag else {
        return if is_plain { Ok(resolved(text)) } else { as_text() };
    };
    if tag.handle != YAML_TAGS {
        return as_text();
    }
    let fits = match (tag.suffix.as_str(), resolve(text)) {
        ("null", found @ Resolved::Null)
        | ("bool", found @ Resolved::Bool(_))
        | ("int", found @ (Resolved::Int(_) | Resolved::Large(_)))
        | ("float", found @ Resolved::Float(_)) => Meaning::Other(found),
        ("float", Resolved::Int(whole)) => {
            #[allow(clippy::cast_precision_loss, reason = "that is what Go does")]
            let float = whole as f64;
            Meaning::Other(Resolved::Float(float))
        }
        ("timestamp", Resolved::Timestamp) => return as_text(),
        ("binary", _) => Meaning::Text(decoded(text)?),
        ("null" | "bool" | "int" | "float" | "timestamp", _) => {
            return Err(YamlFault::Tag(format!("!!{}", tag.suffix)));
        }
        _ => return as_text(),
    };
    Ok(fits)
}

fn resolved(text: &str) -> Meaning<'_> {
    match resolve(text) {
        Resolved::Text | Resolved::Timestamp => Meaning::Text(Cow::Borrowed(text)),
        found => Meaning::Other(found),
    }
}

fn decoded(text: &str) -> Result<Cow<'static, str>, YamlFault> {
    // Go's decoder skips line breaks.
    let text = text.replace(['\r', '\n'], "");
    let bytes = STANDARD.decode(text).map_err(|_| YamlFault::Tag("!!binary".to_owned()))?;
    Ok(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
}

/// As JSON, and back from it into Go's Unstructured: whole numbers are `i64` if they fit, whatever they were written as.
fn value_of(meaning: &Meaning<'_>) -> Result<Value, YamlFault> {
    Ok(match meaning {
        Meaning::Text(text) => Value::String(text.as_ref().to_owned()),
        Meaning::Other(Resolved::Null | Resolved::Text | Resolved::Timestamp) => Value::Null,
        Meaning::Other(Resolved::Bool(value)) => Value::Bool(*value),
        Meaning::Other(Resolved::Int(whole)) => Value::Number((*whole).into()),
        #[allow(clippy::cast_precision_loss, reason = "that is what Go does")]
        Meaning::Other(Resolved::Large(whole)) => float(*whole as f64)?,
        Meaning::Other(Resolved::Float(value)) => match number::whole_in_json(*value) {
            Some(whole) => Value::Number(whole.into()),
            None => float(*value)?,
        },
    })
}

fn float(value: f64) -> Result<Value, YamlFault> {
    Number::from_f64(value).map(Value::Number).ok_or(YamlFault::NotFinite)
}

fn key_of(meaning: Meaning<'_>) -> Result<String, YamlFault> {
    match meaning {
        Meaning::Text(text) => Ok(text.into_owned()),
        Meaning::Other(Resolved::Bool(value)) => Ok(value.to_string()),
        Meaning::Other(Resolved::Int(whole)) => Ok(whole.to_string()),
        Meaning::Other(Resolved::Float(value)) => Ok(number::key_text(value)),
        Meaning::Other(_) => Err(YamlFault::Key),
    }
}

fn key_of_value(value: &Value) -> Result<String, YamlFault> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Ok(whole.to_string()),
            None => Ok(number::key_text(number.as_f64().unwrap_or_default())),
        },
        _ => Err(YamlFault::Key),
    }
}
