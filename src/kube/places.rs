//! Where the texts of an object in protobuf lie in its bytes, for what changes them in place.

use std::ops::Range;

use super::envelope::Envelope;
use super::minor::Minor;
use super::show::{ShowError, View, show};
use super::sink::{KeyOrder, Sink};

/// What stands at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The last name on the way to it: of the field, or of the list that it is an item of; the key in a map.
    pub field: String,
    /// Where it lies in the value.
    pub range: Range<usize>,
}

/// All strings of the object that `value` holds, where they lie in it as they are: keys of maps and bytes are none. JSON
/// inside of it (`fieldsV1`, the data of a ControllerRevision) is one place.
///
/// # Errors
/// [`ShowError`]: it is no object, or not in protobuf.
pub fn places(value: &[u8]) -> Result<Vec<Place>, ShowError> {
    let Envelope::Protobuf(_) = Envelope::parse(value)? else { return Err(ShowError::NoObject) };
    let view = View { minor: Minor::NEWEST, managed_fields: true, resource_version: None, reveal: true, served: false };
    let mut sink = Places { value, open: Vec::new(), found: Vec::new() };
    show(value, &view, &mut sink)?;
    Ok(sink.found)
}

struct Places<'v> {
    value: &'v [u8],
    /// The last key of each object that is open; of an array the key that it stands under.
    open: Vec<String>,
    found: Vec<Place>,
}

impl Places<'_> {
    /// Texts that were made while reading lie elsewhere, and have no place.
    fn enter(&mut self, text: &[u8]) -> bool {
        let start = (text.as_ptr() as usize).checked_sub(self.value.as_ptr() as usize);
        let Some(start) = start.filter(|start| {
            start.checked_add(text.len()).is_some_and(|end| end <= self.value.len() && !text.is_empty())
        }) else {
            return false;
        };
        let field = self.open.last().cloned().unwrap_or_default();
        self.found.push(Place { field, range: start..start + text.len() });
        true
    }

    fn begin(&mut self) {
        let key = self.open.last().cloned().unwrap_or_default();
        self.open.push(key);
    }
}

impl Sink for Places<'_> {
    const ORDER: KeyOrder = KeyOrder::Bytes;
    const TAKES_JSON: bool = true;

    fn begin_object(&mut self) {
        self.begin();
    }
    fn end_object(&mut self) {
        self.open.pop();
    }
    fn key(&mut self, key: &str) {
        if let Some(last) = self.open.last_mut() {
            key.clone_into(last);
        }
    }
    fn begin_array(&mut self) {
        self.begin();
    }
    fn end_array(&mut self) {
        self.open.pop();
    }
    fn null(&mut self) {}
    fn bool(&mut self, _: bool) {}
    fn int(&mut self, _: i64) {}
    fn float(&mut self, _: f64) {}
    fn string(&mut self, value: &str) {
        self.enter(value.as_bytes());
    }
    fn bytes(&mut self, _: &[u8]) {}
    fn json_as_it_is(&mut self, text: &str) -> bool {
        self.enter(text.as_bytes())
    }
    fn plain_string(&mut self, text: &[u8]) -> bool {
        self.enter(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kube::envelope::Unknown;

    proptest! {
        #[test]
        fn any_bytes_have_their_texts_inside_of_them(raw in prop::collection::vec(any::<u8>(), 0..200)) {
            let value = Unknown { api_version: "v1", kind: "Pod", raw: &raw, ..Unknown::default() }.to_bytes();
            for place in places(&value).unwrap_or_default() {
                prop_assert!(value.get(place.range).is_some());
            }
        }
    }

    /// A field of a message that has a length.
    fn field(number: u8, payload: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, payload.len() as u8], payload].concat()
    }

    #[test]
    fn the_texts_of_a_config_map_lie_where_they_were_put() {
        let label = field(11, &[field(1, b"app"), field(2, b"web")].concat());
        let fields = field(7, &field(1, br#"{"f:data":{}}"#));
        let entry = field(17, &[field(1, b"kubectl"), fields].concat());
        // The number of managedFields takes a tag of two bytes.
        let entry = [&[0x8a, 0x01], &entry[1..]].concat();
        let meta = field(1, &[field(1, b"own"), field(3, b"shop"), label, entry].concat());
        let data = field(2, &[field(1, b"key"), field(2, b"the web")].concat());
        let message = [meta, data].concat();
        let value = Unknown { api_version: "v1", kind: "ConfigMap", raw: &message, ..Unknown::default() }.to_bytes();
        let found = places(&value).unwrap();
        let mut texts: Vec<(&str, &str)> = found
            .iter()
            .map(|place| (place.field.as_str(), std::str::from_utf8(&value[place.range.clone()]).unwrap()))
            .collect();
        texts.sort_unstable();
        let expected = [
            ("apiVersion", "v1"),
            ("app", "web"),
            ("fieldsV1", r#"{"f:data":{}}"#),
            ("key", "the web"),
            ("kind", "ConfigMap"),
            ("manager", "kubectl"),
            ("name", "own"),
            ("namespace", "shop"),
        ];
        assert_eq!(texts, expected);
        assert!(places(br#"{"kind":"A"}"#).is_err() && places(b"k8s\0\xff").is_err());
    }
}
