//! Stored objects that the real Kubernetes code printed and wrote again, and sinks to compare with it.
#![allow(dead_code, reason = "each test program uses its part")]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use base64::Engine as _;
use kinescope::kube::envelope::{Envelope, Unknown};
use kinescope::kube::sink::{KeyOrder, Sink};
use serde_json::{Map, Value};

/// One object of a file of `testdata/kubernetes`.
pub struct Vector {
    pub name: String,
    pub stored: Vec<u8>,
    pub kubectl_json: String,
    pub kubectl_yaml: String,
    pub reencoded: Vec<u8>,
}

/// All objects of a file.
pub fn vectors(file: &str) -> Vec<Vector> {
    let path = crate::fixtures::testdata().join("kubernetes").join(file);
    let text = BufReader::new(flate2::read::GzDecoder::new(File::open(path).unwrap()));
    let vectors: Vec<Vector> = text.lines().map(|line| vector(&line.unwrap())).collect();
    assert!(vectors.len() > 1000, "{file} has only {} objects", vectors.len());
    vectors
}

fn vector(line: &str) -> Vector {
    let value: Value = serde_json::from_str(line).unwrap();
    let text = |name: &str| value[name].as_str().unwrap().to_owned();
    let bytes = |name: &str| base64::engine::general_purpose::STANDARD.decode(text(name)).unwrap();
    Vector {
        name: text("name"),
        stored: bytes("stored"),
        kubectl_json: text("kubectl_json"),
        kubectl_yaml: text("kubectl_yaml"),
        reencoded: bytes("reencoded"),
    }
}

/// One object of Kubernetes' own fixtures: every field of a kind set.
pub struct Fixture {
    pub name: String,
    pub minor: u8,
    pub stored: Vec<u8>,
    pub json: Value,
}

/// Every fixture of the releases in `testdata/kubernetes-fixtures.tar.zst` that has protobuf and JSON.
pub fn kubernetes_fixtures() -> Vec<Fixture> {
    let root = crate::fixtures::unpacked("kubernetes-fixtures");
    let mut fixtures = Vec::new();
    for minor in 33..=36 {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(root.join(format!("1.{minor}"))).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for stored in files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "pb")) {
            let name = stored.file_stem().unwrap().to_str().unwrap().to_owned();
            let json = stored.with_extension("json");
            // What a newer release makes of the fixture of an older one stands beside it; it is not of this release.
            if json.exists() && !name.ends_with(".after_roundtrip") {
                let stored = std::fs::read(&stored).unwrap();
                fixtures.push(Fixture { name, minor, stored, json: crate::fixtures::json(&json) });
            }
        }
    }
    fixtures
}

/// The envelope of a value in protobuf.
pub fn protobuf(stored: &[u8]) -> Unknown<'_> {
    match Envelope::parse(stored).unwrap() {
        Envelope::Protobuf(object) => object,
        other => panic!("no protobuf: {other:?}"),
    }
}

/// Text as `kubectl -o json` lays it out: four spaces, characters of HTML escaped.
#[derive(Default)]
pub struct KubectlJson {
    pub text: String,
    /// For each open object or array whether something is in it.
    open: Vec<bool>,
    after_key: bool,
}

impl KubectlJson {
    fn before_value(&mut self) {
        if std::mem::take(&mut self.after_key) {
            return;
        }
        if let Some(filled) = self.open.last_mut() {
            if std::mem::replace(filled, true) {
                self.text.push(',');
            }
            self.new_line();
        }
    }

    fn new_line(&mut self) {
        self.text.push('\n');
        self.text.push_str(&"    ".repeat(self.open.len()));
    }

    fn begin(&mut self, bracket: char) {
        self.before_value();
        self.text.push(bracket);
        self.open.push(false);
    }

    fn end(&mut self, bracket: char) {
        if self.open.pop().unwrap() {
            self.new_line();
        }
        self.text.push(bracket);
        if self.open.is_empty() {
            self.text.push('\n');
        }
    }

    fn quoted(&mut self, text: &str) {
        self.text.push('"');
        for c in text.chars() {
            match c {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                '\u{8}' => self.text.push_str("\\b"),
                '\u{c}' => self.text.push_str("\\f"),
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                    self.text.push_str(&format!("\\u{:04x}", u32::from(c)));
                }
                _ => self.text.push(c),
            }
        }
        self.text.push('"');
    }
}

impl Sink for KubectlJson {
    const ORDER: KeyOrder = KeyOrder::Bytes;

    fn begin_object(&mut self) {
        self.begin('{');
    }
    fn end_object(&mut self) {
        self.end('}');
    }
    fn key(&mut self, key: &str) {
        self.before_value();
        self.quoted(key);
        self.text.push_str(": ");
        self.after_key = true;
    }
    fn begin_array(&mut self) {
        self.begin('[');
    }
    fn end_array(&mut self) {
        self.end(']');
    }
    fn null(&mut self) {
        self.before_value();
        self.text.push_str("null");
    }
    fn bool(&mut self, value: bool) {
        self.before_value();
        self.text.push_str(if value { "true" } else { "false" });
    }
    fn int(&mut self, value: i64) {
        self.before_value();
        self.text.push_str(&value.to_string());
    }
    fn float(&mut self, value: f64) {
        self.before_value();
        self.text.push_str(&value.to_string());
    }
    fn string(&mut self, value: &str) {
        self.before_value();
        self.quoted(value);
    }
    fn bytes(&mut self, value: &[u8]) {
        self.string(&base64::engine::general_purpose::STANDARD.encode(value));
    }
}

/// The object as a tree. Panics where keys come twice or out of order.
#[derive(Default)]
pub struct Tree {
    pub value: Option<Value>,
    open: Vec<(Value, Option<String>)>,
}

impl Tree {
    fn put(&mut self, value: Value) {
        match self.open.last_mut() {
            None => assert!(self.value.replace(value).is_none(), "two values"),
            Some((Value::Array(values), _)) => values.push(value),
            Some((Value::Object(members), key)) => {
                let key = key.take().expect("a key before each value");
                assert!(members.keys().next_back().is_none_or(|last| *last < key), "{key} is out of order");
                members.insert(key, value);
            }
            Some(_) => panic!("only objects and arrays are open"),
        }
    }
}

impl Sink for Tree {
    const ORDER: KeyOrder = KeyOrder::Bytes;

    fn begin_object(&mut self) {
        self.open.push((Value::Object(Map::new()), None));
    }
    fn end_object(&mut self) {
        let (value, key) = self.open.pop().unwrap();
        assert!(value.is_object() && key.is_none());
        self.put(value);
    }
    fn key(&mut self, key: &str) {
        let (_, open_key) = self.open.last_mut().unwrap();
        assert!(open_key.replace(key.to_owned()).is_none(), "two keys in a row");
    }
    fn begin_array(&mut self) {
        self.open.push((Value::Array(Vec::new()), None));
    }
    fn end_array(&mut self) {
        let (value, _) = self.open.pop().unwrap();
        assert!(value.is_array());
        self.put(value);
    }
    fn null(&mut self) {
        self.put(Value::Null);
    }
    fn bool(&mut self, value: bool) {
        self.put(value.into());
    }
    fn int(&mut self, value: i64) {
        self.put(value.into());
    }
    fn float(&mut self, value: f64) {
        self.put(value.into());
    }
    fn string(&mut self, value: &str) {
        self.put(value.into());
    }
    fn bytes(&mut self, value: &[u8]) {
        self.put(base64::engine::general_purpose::STANDARD.encode(value).into());
    }
}

/// Where two trees differ first: the path, and both values.
pub fn difference(one: &Value, other: &Value, path: &str) -> Option<String> {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            a.keys().chain(b.keys()).find_map(|key| difference(&one[key], &other[key], &format!("{path}.{key}")))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            (0..a.len()).find_map(|at| difference(&a[at], &b[at], &format!("{path}[{at}]")))
        }
        _ => (one != other).then(|| format!("{path}: {one} {other}")),
    }
}
