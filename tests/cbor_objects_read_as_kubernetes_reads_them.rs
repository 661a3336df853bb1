//! A custom resource that is stored as CBOR reads as Kubernetes reads it; what Kubernetes refuses is refused.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod vectors;

use kinescope::kube::cbor;
use kinescope::kube::json::{CompactJson, Reader};
use proptest::prelude::*;
use serde_json::Value;

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn vector() -> (Vec<u8>, Vec<u8>) {
    let all: Value = serde_json::from_str(include_str!("../testdata/encryption.json")).unwrap();
    let vector = all.as_array().unwrap().iter().find(|vector| vector["Name"] == "cbor").unwrap();
    (bytes_of(vector["Stored"].as_str().unwrap()), bytes_of(vector["Plain"].as_str().unwrap()))
}

fn json_of(bytes: &[u8]) -> Result<Vec<u8>, cbor::CborError> {
    let mut out = Vec::new();
    cbor::read(bytes, &mut CompactJson::new(&mut out))?;
    Ok(out)
}

#[test]
fn a_stored_helm_chart_reads_as_its_json() {
    let (stored, plain) = vector();
    assert!(stored.starts_with(&cbor::SELF_DESCRIBED));
    assert_eq!(String::from_utf8(json_of(&stored).unwrap()), String::from_utf8(plain));
}

/// Go writes U+FFFD as an escape where it stands for bytes that are no text.
fn printed_again(json: &str) -> String {
    let mut out = Vec::new();
    Reader::new().read(json.as_bytes(), &mut CompactJson::new(&mut out)).unwrap();
    String::from_utf8(out).unwrap()
}

/// Each line is what `direct.Unmarshal` of apimachinery's CBOR made of some bytes.
#[test]
fn what_kubernetes_makes_of_bytes_is_what_we_make_of_them() {
    let mut different = Vec::new();
    let (mut read, mut refused) = (0, 0);
    for line in vectors::lines("cbor.jsonl.gz") {
        let hex = line["cbor"].as_str().unwrap();
        let ours = json_of(&bytes_of(hex)).map(|json| String::from_utf8(json).unwrap());
        let theirs = line["json"].as_str().map(printed_again);
        match (&ours, &theirs) {
            (Ok(ours), Some(theirs)) if ours == theirs => read += 1,
            (Err(_), None) => refused += 1,
            (ours, theirs) => different.push(format!("{ours:?} instead of {theirs:?}: {hex}")),
        }
    }
    assert!(different.is_empty(), "{}: {:#?}", different.len(), &different[..different.len().min(20)]);
    assert!(read > 100 && refused > 100, "{read} {refused}");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = json_of(&bytes);
    }

    #[test]
    fn a_flipped_or_cut_value_is_read_or_refused(at in 0_usize..300, bit in 0_u8..8, cut in 0_usize..300) {
        let mut bytes = vector().0;
        let len = bytes.len();
        bytes[at % len] ^= 1 << bit;
        let _ = json_of(&bytes);
        prop_assert!(json_of(&vector().0[..cut % len]).is_err());
    }
}
