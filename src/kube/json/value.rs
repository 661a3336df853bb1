//! Tokens to a tree, and a tree to tokens.

use serde_json::{Map, Number, Value};

use crate::kube::natural;
use crate::kube::sink::{KeyOrder, Sink};
use crate::kube::text::push_base64;

/// Makes a tree of the tokens. Slower than every other form: for what has to look at an object, not for what prints it.
#[derive(Debug, Default)]
pub struct ValueSink {
    open: Vec<Open>,
    done: Option<Value>,
}

#[derive(Debug)]
enum Open {
    Object(Map<String, Value>, String),
    Array(Vec<Value>),
}

impl ValueSink {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree; `null` when no value came.
    pub fn finish(self) -> Value {
        self.done.unwrap_or_default()
    }

    fn put(&mut self, value: Value) {
        match self.open.last_mut() {
            Some(Open::Object(members, key)) => {
                members.insert(std::mem::take(key), value);
            }
            Some(Open::Array(items)) => items.push(value),
            None => self.done = Some(value),
        }
    }

    fn end(&mut self) {
        match self.open.pop() {
            Some(Open::Object(members, _)) => self.put(Value::Object(members)),
            Some(Open::Array(items)) => self.put(Value::Array(items)),
            None => {}
        }
    }
}

impl Sink for ValueSink {
    const ORDER: KeyOrder = KeyOrder::Bytes;

    fn begin_object(&mut self) {
        self.open.push(Open::Object(Map::new(), String::new()));
    }

    fn end_object(&mut self) {
        self.end();
    }

    fn key(&mut self, key: &str) {
        if let Some(Open::Object(_, next)) = self.open.last_mut() {
            key.clone_into(next);
        }
    }

    fn begin_array(&mut self) {
        self.open.push(Open::Array(Vec::new()));
    }

    fn end_array(&mut self) {
        self.end();
    }

    fn null(&mut self) {
        self.put(Value::Null);
    }

    fn bool(&mut self, value: bool) {
        self.put(Value::Bool(value));
    }

    fn int(&mut self, value: i64) {
        self.put(Value::Number(value.into()));
    }

    fn float(&mut self, value: f64) {
        self.put(Number::from_f64(value).map_or(Value::Null, Value::Number));
    }

    fn string(&mut self, value: &str) {
        self.put(Value::String(value.to_owned()));
    }

    fn bytes(&mut self, value: &[u8]) {
        let mut text = Vec::new();
        push_base64(&mut text, value);
        self.put(Value::String(String::from_utf8(text).unwrap_or_default()));
    }
}

/// Sends a tree to a sink.
pub fn push_value<S: Sink>(value: &Value, sink: &mut S) {
    // A stack of its own: a tree may be deeper than a thread's stack allows.
    let mut open = Vec::new();
    begin(value, sink, &mut open);
    while let Some(innermost) = open.last_mut() {
        match innermost {
            Items::Array(items) => match items.next() {
                Some(item) => begin(item, sink, &mut open),
                None => {
                    sink.end_array();
                    open.pop();
                }
            },
            Items::Object(members) => match members.next() {
                Some((key, member)) => {
                    sink.key(key);
                    begin(member, sink, &mut open);
                }
                None => {
                    sink.end_object();
                    open.pop();
                }
            },
        }
    }
}

enum Items<'a> {
    Array(std::slice::Iter<'a, Value>),
    Object(std::vec::IntoIter<(&'a str, &'a Value)>),
}

fn begin<'a, S: Sink>(value: &'a Value, sink: &mut S, open: &mut Vec<Items<'a>>) {
    match value {
        Value::Null => sink.null(),
        Value::Bool(value) => sink.bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => sink.int(whole),
            None => sink.float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => sink.string(text),
        Value::Array(items) => {
            sink.begin_array();
            open.push(Items::Array(items.iter()));
        }
        Value::Object(members) => {
            sink.begin_object();
            let mut members: Vec<(&str, &Value)> = members.iter().map(|(key, member)| (key.as_str(), member)).collect();
            natural::sort_members(&mut members, S::ORDER, |(key, _)| key);
            open.push(Items::Object(members.into_iter()));
        }
    }
}
