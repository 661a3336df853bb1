//! Kubectl's YAML of an object, with what each line is of.

use std::ops::Range;

use crate::kube::mask::mask;
use crate::kube::sink::{FieldName, KeyOrder, Sink};
use crate::kube::yaml::YamlSink;

/// Writes YAML, and notes where masked values stand; if it is asked to, also where each key and item begins.
pub(super) struct Trace<'a> {
    yaml: YamlSink<'a>,
    notes: &'a mut Notes,
    /// For each open array the number of its next item; nothing for an object.
    open: Vec<Option<u32>>,
}

/// Where things stand in a text.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Where masked values stand, in order.
    pub(super) masked: Vec<Range<usize>>,
    places: Option<Places>,
}

#[derive(Debug, Default)]
struct Places {
    marks: Vec<Mark>,
    names: String,
}

/// A key or an item.
#[derive(Clone, Debug)]
struct Mark {
    /// Where it begins, or where the line before it ends.
    at: usize,
    depth: usize,
    step: Step,
}

/// One step from an object or array to what is in it.
#[derive(Clone, Debug)]
enum Step {
    Key(Range<usize>),
    Item(u32),
}

/// What a line is of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The last field or item on the line, or the one whose value goes on there: `.spec.containers[0].image`.
    pub path: String,
    /// What the line stands in: `.spec.containers[0]`. The same as `path` where a value goes on, or where an item has no name.
    pub inside: String,
}

impl Notes {
    /// Notes without places, for texts of which only some are looked at again.
    pub(super) fn clear(&mut self, with_places: bool) {
        self.masked.clear();
        self.places = with_places.then(Places::default);
    }

    /// What the line at `line` is of.
    pub(super) fn place(&self, line: &Range<usize>) -> Place {
        let Some(places) = &self.places else { return Place::default() };
        let behind = places.marks.partition_point(|mark| mark.at < line.end.max(1));
        let marks = places.marks.get(..behind).unwrap_or_default();
        let Some(last) = marks.last() else { return Place::default() };
        // What comes first on a line is noted where the line before it ends.
        let begins_here = last.at + 1 >= line.start;
        let mut steps: Vec<&Step> = Vec::with_capacity(last.depth);
        let mut depth = last.depth + 1;
        for mark in marks.iter().rev() {
            if mark.depth < depth {
                steps.push(&mark.step);
                depth = mark.depth;
            }
        }
        let mut path = String::new();
        let mut inside = None;
        for (at, step) in steps.iter().rev().enumerate() {
            if at + 1 == steps.len() && begins_here && matches!(step, Step::Key(_)) {
                inside = Some(path.clone());
            }
            places.push(step, &mut path);
        }
        Place { inside: inside.unwrap_or_else(|| path.clone()), path }
    }
}

impl Places {
    fn push(&self, step: &Step, path: &mut String) {
        match step {
            Step::Item(number) => path.push_str(&format!("[{number}]")),
            Step::Key(range) => push_name(self.names.get(range.clone()).unwrap_or_default(), path),
        }
    }
}

/// A member as jq names it.
pub(in crate::ops) fn push_name(name: &str, path: &mut String) {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.starts_with(|first: char| !first.is_ascii_digit());
    if is_plain {
        path.push('.');
        path.push_str(name);
        return;
    }
    // jq wants the point before the first bracket.
    if path.is_empty() {
        path.push('.');
    }
    path.push_str(&format!("[{}]", serde_json::Value::from(name)));
}

/// The path of a member of a member.
pub(super) fn path_of(names: &[&str]) -> String {
    names.iter().fold(String::new(), |mut path, name| {
        push_name(name, &mut path);
        path
    })
}

impl<'a> Trace<'a> {
    /// Writes to `text` and notes into `notes`; both should be empty.
    pub(super) fn new(text: &'a mut Vec<u8>, notes: &'a mut Notes) -> Self {
        Self { yaml: YamlSink::new(text), notes, open: Vec::new() }
    }

    /// Ends the text.
    pub(super) fn finish(self) {
        self.yaml.finish();
    }

    fn value(&mut self) {
        if let Some(places) = &mut self.notes.places {
            let (at, depth) = (self.yaml.written(), self.open.len());
            if let Some(Some(next)) = self.open.last_mut() {
                places.marks.push(Mark { at, depth, step: Step::Item(*next) });
                *next += 1;
            }
        }
    }

    fn begin(&mut self, array: bool) {
        self.value();
        if self.notes.places.is_some() {
            self.open.push(array.then_some(0));
        }
    }

    fn name(&mut self, name: &str) {
        if let Some(places) = &mut self.notes.places {
            let start = places.names.len();
            places.names.push_str(name);
            let step = Step::Key(start..places.names.len());
            places.marks.push(Mark { at: self.yaml.written(), depth: self.open.len(), step });
        }
    }
}

impl Sink for Trace<'_> {
    const ORDER: KeyOrder = KeyOrder::Natural;

    fn begin_object(&mut self) {
        self.begin(false);
        self.yaml.begin_object();
    }

    fn end_object(&mut self) {
        self.open.pop();
        self.yaml.end_object();
    }

    fn key(&mut self, key: &str) {
        self.name(key);
        self.yaml.key(key);
    }

    fn field(&mut self, name: FieldName) {
        self.name(name.plain());
        self.yaml.field(name);
    }

    fn begin_array(&mut self) {
        self.begin(true);
        self.yaml.begin_array();
    }

    fn end_array(&mut self) {
        self.open.pop();
        self.yaml.end_array();
    }

    fn null(&mut self) {
        self.value();
        self.yaml.null();
    }

    fn bool(&mut self, value: bool) {
        self.value();
        self.yaml.bool(value);
    }

    fn int(&mut self, value: i64) {
        self.value();
        self.yaml.int(value);
    }

    fn float(&mut self, value: f64) {
        self.value();
        self.yaml.float(value);
    }

    fn string(&mut self, value: &str) {
        self.value();
        self.yaml.string(value);
    }

    fn bytes(&mut self, value: &[u8]) {
        self.value();
        self.yaml.bytes(value);
    }

    fn masked(&mut self, len: usize) {
        self.value();
        let start = self.yaml.written();
        self.yaml.string(&mask(len));
        self.notes.masked.push(start..self.yaml.written());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::json::push_value;
    use serde_json::json;

    #[test]
    fn every_line_knows_its_place() {
        let object = json!({
            "data": {"nginx.conf": "a {\n  b\n}\n", "plain": "x"}, "empty": {},
            "items": [{"image": "nginx", "ports": [80, 443]}, ["deep"]],
        });
        let (mut text, mut notes) = (Vec::new(), Notes::default());
        notes.clear(true);
        let mut trace = Trace::new(&mut text, &mut notes);
        push_value(&object, &mut trace);
        trace.finish();
        let text = String::from_utf8(text).unwrap();
        let mut start = 0;
        let mut found = Vec::new();
        for line in text.lines() {
            let Place { path, inside } = notes.place(&(start..start + line.len()));
            found.push(format!("{line}|{path}|{inside}"));
            start += line.len() + 1;
        }
        let expected = [
            "data:|.data|",
            r#"  nginx.conf: ||.data["nginx.conf"]|.data"#,
            r#"    a {|.data["nginx.conf"]|.data["nginx.conf"]"#,
            r#"      b|.data["nginx.conf"]|.data["nginx.conf"]"#,
            r#"    }|.data["nginx.conf"]|.data["nginx.conf"]"#,
            "  plain: x|.data.plain|.data",
            "empty: {}|.empty|",
            "items:|.items|",
            "- image: nginx|.items[0].image|.items[0]",
            "  ports:|.items[0].ports|.items[0]",
            "  - 80|.items[0].ports[0]|.items[0].ports[0]",
            "  - 443|.items[0].ports[1]|.items[0].ports[1]",
            "- - deep|.items[1][0]|.items[1][0]",
        ];
        assert_eq!(found, expected);
    }
}
