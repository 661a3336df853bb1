//! Bytes that are no object, or no longer one, end in an error or a note with its place; nothing panics, loops or
//! takes memory that the bytes do not have.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod fixtures;
mod objects;

use kinescope::kube::decode::{Damage, DecodeError, Notes, Options, Place, decode};
use kinescope::kube::encode::encode;
use kinescope::kube::envelope::{Envelope, Unknown};
use kinescope::kube::minor::Minor;
use kinescope::kube::sink::{KeyOrder, Sink};
use kinescope::kube::wire::WireFault;
use objects::Tree;
use serde_json::{Value, json};

/// Counts what it is told, in one of the two orders.
#[derive(Default)]
struct Nothing<const NATURAL: bool> {
    tokens: u64,
    depth: i64,
}

impl<const NATURAL: bool> Sink for Nothing<NATURAL> {
    const ORDER: KeyOrder = if NATURAL { KeyOrder::Natural } else { KeyOrder::Bytes };

    fn begin_object(&mut self) {
        self.depth += 1;
    }
    fn end_object(&mut self) {
        self.depth -= 1;
    }
    fn key(&mut self, _key: &str) {}
    fn begin_array(&mut self) {
        self.depth += 1;
    }
    fn end_array(&mut self) {
        self.depth -= 1;
    }
    fn null(&mut self) {
        self.tokens += 1;
    }
    fn bool(&mut self, _value: bool) {
        self.tokens += 1;
    }
    fn int(&mut self, _value: i64) {
        self.tokens += 1;
    }
    fn float(&mut self, _value: f64) {
        self.tokens += 1;
    }
    fn string(&mut self, _value: &str) {
        self.tokens += 1;
    }
    fn bytes(&mut self, _value: &[u8]) {
        self.tokens += 1;
    }
}

/// The same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).unwrap()
    }

    /// Flips bits, cuts, repeats and overwrites.
    fn damage(&mut self, value: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(value.len());
            match self.below(6) {
                0 => value.truncate(at),
                1 => {
                    let end = (at + self.below(64)).min(value.len());
                    let part = value[at..end].to_vec();
                    let place = self.below(value.len());
                    value.splice(place..place, part);
                }
                2 => drop(value.drain(at..(at + self.below(16)).min(value.len()))),
                3 => value.get_mut(at).into_iter().for_each(|byte| *byte = 0xff),
                _ => {
                    let bit = 1 << self.below(8);
                    value.get_mut(at).into_iter().for_each(|byte| *byte ^= bit);
                }
            }
        }
    }
}

/// `KINESCOPE_DAMAGED_VALUES` sets how many; a release build takes millions.
#[test]
fn no_damage_makes_it_panic() {
    let wanted = std::env::var("KINESCOPE_DAMAGED_VALUES").map_or(200_000, |count| count.parse().unwrap());
    let mut values: Vec<Vec<u8>> =
        objects::vectors("omit-rules-v1.35.jsonl.gz").into_iter().map(|vector| vector.stored).collect();
    values.extend(objects::kubernetes_fixtures().into_iter().map(|fixture| fixture.stored));
    values.retain(|value| value.len() < 3000);
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut shown, mut refused, mut noted) = (0, 0, 0);
    for round in 0..wanted {
        let mut value = values[round % values.len()].clone();
        let whole = objects::protobuf(&values[round % values.len()]);
        let mut raw = whole.raw.to_vec();
        // Now and then the envelope is damaged, else what is in it.
        dice.damage(if round % 8 == 1 { &mut value } else { &mut raw });
        let object = if round % 8 == 1 {
            let Ok(Envelope::Protobuf(object)) = Envelope::parse(&value) else { continue };
            object
        } else {
            Unknown { raw: &raw, ..whole }
        };
        let minor = Minor::new(20 + (round % 18) as u8);
        let options = Options { served_phase: true, resource_version: Some(7), ..Options::as_stored(minor) };
        let result = if round % 2 == 0 {
            let mut sink = Nothing::<true>::default();
            decode(&object, &options, &mut sink).inspect(|_| assert_eq!(sink.depth, 0))
        } else {
            let mut sink = Nothing::<false>::default();
            decode(&object, &options, &mut sink).inspect(|_| assert_eq!(sink.depth, 0))
        };
        match result {
            Ok(notes) if notes.is_empty() => shown += 1,
            Ok(_) => noted += 1,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
        if round % 8 == 0 {
            let mut tree = Tree::default();
            if decode(&object, &Options::as_stored(minor), &mut tree).is_ok() {
                _ = encode(&tree.value.unwrap(), minor);
            }
        }
    }
    assert!(shown > wanted / 20 && refused > wanted / 20 && noted > wanted / 20, "{shown} {refused} {noted}");
}

fn config_map(raw: &[u8]) -> (Option<Value>, Result<Notes, DecodeError>) {
    show("v1", "ConfigMap", raw)
}

fn show(api_version: &str, kind: &str, raw: &[u8]) -> (Option<Value>, Result<Notes, DecodeError>) {
    let object = Unknown { api_version, kind, raw, ..Unknown::default() };
    let mut tree = Tree::default();
    let notes = decode(&object, &Options::as_stored(Minor::NEWEST), &mut tree);
    (tree.value, notes)
}

fn damage(raw: &[u8]) -> (&'static str, u32, Damage) {
    match config_map(raw).1 {
        Err(DecodeError::Damaged { message, number, what }) => (message, number, what),
        other => panic!("{other:?}"),
    }
}

#[test]
fn damage_is_told_with_its_message_and_field() {
    // Field 1, metadata, has to be a message; field 4, immutable, a number.
    assert_eq!(damage(b"\x08\x01"), ("core.v1.ConfigMap", 1, Damage::Wire(WireFault::WrongWireType)));
    assert_eq!(damage(b"\x22\x01a"), ("core.v1.ConfigMap", 4, Damage::Wire(WireFault::WrongWireType)));
    assert_eq!(damage(b"\x0a\x05\x0a"), ("core.v1.ConfigMap", 1, Damage::Wire(WireFault::Truncated)));
    assert_eq!(damage(b"\x0a\x02\x0a\x05"), ("meta.v1.ObjectMeta", 1, Damage::Wire(WireFault::Truncated)));
    assert_eq!(damage(b"\x0c"), ("core.v1.ConfigMap", 0, Damage::Wire(WireFault::EndOfNoGroup)));
    // An entry of data whose key is a number.
    assert_eq!(damage(b"\x12\x02\x08\x01"), ("core.v1.ConfigMap", 2, Damage::Wire(WireFault::WrongWireType)));
    // Managed fields that are no JSON: f:metadata is cut.
    let (message, number, what) = damage(b"\x0a\x0a\x8a\x01\x07\x3a\x05\x0a\x03{\"f");
    assert_eq!((message, number), ("meta.v1.ManagedFieldsEntry", 7));
    assert!(matches!(what, Damage::EmbeddedJson(_)));
}

#[test]
fn a_kind_that_no_release_has_is_named() {
    let (_, error) = show("example.com/v1", "Thing", b"");
    let text = error.unwrap_err().to_string();
    assert!(text.contains("Thing of example.com/v1"), "{text}");
    // What stands in a damaged value is not let loose on a terminal.
    let (_, error) = show("v1", "Po\u{1b}[2Jd", b"");
    assert!(!error.unwrap_err().to_string().contains('\u{1b}'));
}

#[test]
fn fields_that_no_release_knows_are_counted() {
    // Field 90 twice, once as a number and once as bytes; in metadata a group 91.
    let (shown, notes) = config_map(b"\xd0\x05\x07\x0a\x04\xdb\x05\xdc\x05\xd2\x05\x01a");
    assert_eq!(shown, Some(json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": {} })));
    let place = |message, number, times| Place { message, number, times };
    let expected = vec![place("core.v1.ConfigMap", 90, 2), place("meta.v1.ObjectMeta", 91, 1)];
    let notes = notes.unwrap();
    assert!(!notes.is_empty());
    assert_eq!((notes.unknown, notes.invalid_text, notes.repeated), (expected, vec![], vec![]));

    let many: Vec<u8> =
        (100..200u16).flat_map(|number| [(number % 16 * 8) as u8 | 0x80, (number / 16) as u8, 0]).collect();
    let notes = config_map(&many).1.unwrap();
    assert_eq!((notes.unknown.len(), notes.more), (Notes::MOST_PLACES, 100 - Notes::MOST_PLACES as u64));
}

/// As Go prints them: one U+FFFD for each byte.
#[test]
fn text_that_is_no_utf_8_is_shown_and_told() {
    let (shown, notes) = config_map(b"\x0a\x05\x0a\x03a\xe2\x82\x12\x07\x0a\x01\xff\x12\x02\xf0\x9f");
    let expected = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "data": { "\u{fffd}": "\u{fffd}\u{fffd}" },
        "metadata": { "name": "a\u{fffd}\u{fffd}" },
    });
    assert_eq!(shown, Some(expected));
    let places: Vec<(&str, u32, u64)> =
        notes.unwrap().invalid_text.iter().map(|place| (place.message, place.number, place.times)).collect();
    assert_eq!(places, [("core.v1.ConfigMap", 2, 2), ("meta.v1.ObjectMeta", 1, 1)]);
}

/// Go reads several values of one field into the same struct: messages merge, of anything else the last one stays.
#[test]
fn fields_that_come_again_are_read_as_go_reads_them() {
    // metadata {name a, namespace b}, metadata {name c}, metadata {uid d}; immutable true, then false.
    let raw = b"\x0a\x06\x0a\x01a\x1a\x01b\x0a\x03\x0a\x01c\x0a\x03\x2a\x01d\x20\x01\x20\x00";
    let (shown, notes) = config_map(raw);
    let metadata = json!({ "name": "c", "namespace": "b", "uid": "d" });
    let expected = json!({ "apiVersion": "v1", "kind": "ConfigMap", "immutable": false, "metadata": metadata });
    assert_eq!(shown, Some(expected));
    assert_eq!(notes.unwrap().repeated.len(), 3);
}

#[test]
fn entries_that_are_out_of_order_or_twice_are_put_in_order_and_the_last_counts() {
    let entry = |key: u8, value: u8| [0x12, 6, 0x0a, 1, key, 0x12, 1, value];
    let raw = [entry(b'b', b'1'), entry(b'a', b'2'), entry(b'b', b'3')].concat();
    let (shown, _) = config_map(&raw);
    assert_eq!(shown.unwrap()["data"], json!({ "a": "2", "b": "3" }));
    // A field of another number stands between the values of a list: ownerReferences, name, ownerReferences.
    let (shown, notes) = config_map(b"\x0a\x0d\x6a\x03\x1a\x01a\x0a\x01n\x6a\x03\x1a\x01b");
    let metadata = shown.unwrap()["metadata"].clone();
    assert_eq!(metadata["name"], "n");
    let owners: Vec<&str> =
        metadata["ownerReferences"].as_array().unwrap().iter().map(|owner| owner["name"].as_str().unwrap()).collect();
    assert_eq!((owners, notes), (vec!["a", "b"], Ok(Notes::default())));
}

/// As Go prints them; and one that it does not take for a quantity.
#[test]
fn quantities_are_shown_as_go_writes_them_anew() {
    // spec.hard of a ResourceQuota: entry {1 key a, 2 {1 text}}.
    let quota = |text: &[u8]| {
        let mut raw = text.to_vec();
        for (tags, key) in [(&[0x0a][..], &b""[..]), (&[0x12], b"\x0a\x01a"), (&[0x0a], b""), (&[0x12], b"")] {
            let inner = raw;
            let value: Vec<u8> = [tags, &[inner.len() as u8], &inner].concat();
            raw = [key, &value].concat();
        }
        let (shown, notes) = show("v1", "ResourceQuota", &raw);
        (shown.unwrap()["spec"]["hard"]["a"].clone(), notes.unwrap().no_quantity.len())
    };
    assert_eq!(quota(b"500m"), (json!("500m"), 0));
    assert_eq!(quota(b"0.5"), (json!("500m"), 0));
    assert_eq!(quota(b"1024Ki"), (json!("1Mi"), 0));
    assert_eq!(quota(b"many"), (json!("many"), 1));
    assert_eq!(quota(b"").0, json!(""));
}

/// Kubernetes writes each number of a list by itself; readers of protobuf have to take them packed, too.
#[test]
fn packed_numbers_are_read_like_others() {
    // supplementalGroups, field 4 of PodSecurityContext, field 14 of PodSpec.
    let single = b"\x12\x07\x72\x05\x20\x01\x20\xac\x02";
    let packed = b"\x12\x07\x72\x05\x22\x03\x01\xac\x02";
    let groups =
        |raw: &[u8]| show("v1", "Pod", raw).0.unwrap()["spec"]["securityContext"]["supplementalGroups"].clone();
    assert_eq!(groups(single), json!([1, 300]));
    assert_eq!(groups(packed), json!([1, 300]));
}

/// A schema in a schema in a schema: each is a message of its own.
#[test]
fn messages_in_messages_end_somewhere() {
    let mut raw = Vec::new();
    for _ in 0..500 {
        // `not`, field 28 of JSONSchemaProps.
        let mut outer = vec![0xe2, 0x01];
        prost::encoding::encode_varint(raw.len() as u64, &mut outer);
        outer.append(&mut raw);
        raw = outer;
    }
    // spec.validation.openAPIV3Schema of a CustomResourceDefinition of v1beta1.
    for tag in [0x0a, 0x2a, 0x12] {
        let mut outer = vec![tag];
        prost::encoding::encode_varint(raw.len() as u64, &mut outer);
        outer.append(&mut raw);
        raw = outer;
    }
    let (_, error) = show("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", &raw);
    assert!(matches!(error, Err(DecodeError::Damaged { what: Damage::TooDeep(_), .. })), "{error:?}");
}
