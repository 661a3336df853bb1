//! JSON that is no JSON, or hardly any, is refused with its place or read as Go reads it; nothing panics, and nothing grows
//! out of proportion.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use kinescope::kube::json::{CompactJson, JsonError, JsonFault, KubectlJson, MAX_DEPTH, Reader, Reading, ValueSink};
use kinescope::kube::yaml::YamlSink;
use proptest::prelude::*;
use serde_json::Value;

fn compact(text: &[u8]) -> Result<(String, Reading), JsonError> {
    let mut out = Vec::new();
    let reading = Reader::new().read(text, &mut CompactJson::new(&mut out))?;
    Ok((String::from_utf8(out).unwrap(), reading))
}

fn fault(text: &str) -> (usize, JsonFault) {
    let error = compact(text.as_bytes()).unwrap_err();
    (error.offset, error.fault)
}

/// What Go's Unstructured makes of these (sigs.k8s.io/json, `UnmarshalCaseSensitivePreserveInts`).
#[test]
fn odd_json_reads_as_go_reads_it() {
    let cases = [
        (&br#" { "b" : 1 , "a" : [ ] , "b" : 2 } "#[..], r#"{"a":[],"b":2}"#, 0, 1),
        (
            br#"[-0, 1.0, 1e2, 12345678901234567890, 1e-7, 1E+21, 0.1]"#,
            "[0,1,100,12345678901234567000,1e-7,1e+21,0.1]",
            0,
            0,
        ),
        (br#""\ud83d\ude00\ud800\udc\u0041""#, "", 0, 0),
        (br#""\ud83d\ude00 \ud800 \ud800\u0041 \/\b\u0000""#, "\"\u{1f600} \u{fffd} \u{fffd}A /\\b\\u0000\"", 0, 0),
        (b"\"a\xff\xe2\x82b\"", "\"a\u{fffd}\u{fffd}\u{fffd}b\"", 3, 0),
        (br#"{"z":{"y":1,"y":{"b":1,"a":2}},"a\u0062":1,"ab":2}"#, r#"{"ab":2,"z":{"y":{"a":2,"b":1}}}"#, 0, 2),
        ("\"<&>\u{2028}\u{2029}\u{7f}\"".as_bytes(), "\"\\u003c\\u0026\\u003e\\u2028\\u2029\u{7f}\"", 0, 0),
    ];
    for (text, expected, replaced, repeated) in cases {
        match compact(text) {
            Ok((json, reading)) => {
                assert_eq!(json, expected);
                assert_eq!((reading.replaced, reading.repeated), (replaced, repeated), "{expected}");
            }
            Err(error) => assert!(expected.is_empty(), "{error}: {}", String::from_utf8_lossy(text)),
        }
    }
}

#[test]
fn errors_say_where() {
    assert_eq!(fault(""), (0, JsonFault::Ends));
    assert_eq!(fault("{\"a\":1"), (6, JsonFault::Ends));
    assert_eq!(fault("[1,]"), (3, JsonFault::Unexpected(b']')));
    assert_eq!(fault("{\"a\" 1}"), (5, JsonFault::Unexpected(b'1')));
    assert_eq!(fault("{a:1}"), (1, JsonFault::Unexpected(b'a')));
    assert_eq!(fault("1 2"), (2, JsonFault::Trailing));
    assert_eq!(fault("\"a\nb\""), (2, JsonFault::Control));
    assert_eq!(fault("\"\\x\""), (2, JsonFault::Escape));
    assert_eq!(fault("[1e999]"), (1, JsonFault::NumberTooLarge));
    assert_eq!(fault("01"), (1, JsonFault::Trailing));
    assert_eq!(fault("-"), (1, JsonFault::Ends));
    assert_eq!(fault("nul"), (3, JsonFault::Ends));
    assert_eq!(fault(&"[".repeat(MAX_DEPTH + 1)), (MAX_DEPTH, JsonFault::TooDeep));
    assert_eq!(fault(&"{\"a\":".repeat(1_000_000)).1, JsonFault::TooDeep);
}

#[test]
fn the_deepest_allowed_value_prints_in_every_form() {
    let text = "{\"a\":[".repeat(MAX_DEPTH / 2) + &"]}".repeat(MAX_DEPTH / 2);
    assert_eq!(compact(text.as_bytes()).unwrap().0, text);
    let mut out = Vec::new();
    Reader::new().read(text.as_bytes(), &mut YamlSink::new(&mut out)).unwrap();
    Reader::new().read(text.as_bytes(), &mut KubectlJson::new(&mut out)).unwrap();
    let mut sink = ValueSink::new();
    Reader::new().read(text.as_bytes(), &mut sink).unwrap();
    assert!(sink.finish().is_object());
}

/// Before an error nothing is sent, and a reader goes on with the next text.
#[test]
fn a_reader_survives_errors() {
    let mut reader = Reader::new();
    let mut out = Vec::new();
    assert!(reader.read(b"{\"a\":[1,2,", &mut CompactJson::new(&mut out)).is_err());
    assert!(out.is_empty());
    reader.read(b"[{\"b\":1}]", &mut CompactJson::new(&mut out)).unwrap();
    assert_eq!(out, b"[{\"b\":1}]");
}

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-c0-9]{0,3}|.{0,4}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Against serde_json as the judge: what it writes, we read, and what we write, it reads.
    #[test]
    fn values_survive(value in value()) {
        let text = value.to_string();
        let (ours, _) = compact(text.as_bytes()).unwrap();
        let again: Value = serde_json::from_str(&ours).unwrap();
        let same = |a: &Value, b: &Value| a.to_string().replace(".0", "") == b.to_string().replace(".0", "");
        // serde_json rounds some floats on reading: those are compared as we read them.
        let mut sink = ValueSink::new();
        Reader::new().read(text.as_bytes(), &mut sink).unwrap();
        prop_assert_eq!(&sink.finish(), &value);
        prop_assert!(same(&again, &value) || text.contains('.') || text.contains('e'));
    }

    #[test]
    fn flipped_and_cut_json_is_read_or_refused(value in value(), at in any::<usize>(), bit in 0_u8..8, cut in any::<usize>()) {
        let mut text = value.to_string().into_bytes();
        let len = text.len();
        text[at % len] ^= 1 << bit;
        let _ = compact(&text);
        let _ = compact(&text[..cut % len]);
        let mut out = Vec::new();
        let _ = Reader::new().read(&text, &mut YamlSink::new(&mut out));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok((json, _)) = compact(&bytes) {
            prop_assert!(serde_json::from_str::<Value>(&json).is_ok());
        }
    }
}
