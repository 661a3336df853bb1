//! What lies in the datastore in protobuf is shown as kubectl shows it: the same fields, zeros, nulls and texts in the
//! same order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod fixtures;
mod objects;

use kinescope::kube::decode::{Notes, Options, decode};
use kinescope::kube::minor::Minor;
use objects::{KubectlJson, Tree, protobuf};

/// As the vectors were printed: by the decoder alone, without what a server puts in.
fn printed(minor: u8) -> Options {
    Options { managed_fields: false, ..Options::as_stored(Minor::new(minor)) }
}

/// Every vector of a file, shown as JSON.
fn assert_json(file: &str) -> usize {
    let vectors = objects::vectors(file);
    for vector in &vectors {
        let mut json = KubectlJson::default();
        let notes = decode(&protobuf(&vector.stored), &printed(35), &mut json);
        assert_eq!(notes, Ok(Notes::default()), "{}", vector.name);
        assert_eq!(json.text, vector.kubectl_json, "{}", vector.name);
    }
    vectors.len()
}

#[test]
fn fields_that_are_absent_zero_or_empty_are_printed_or_left_out_as_kubectl_does() {
    assert_eq!(assert_json("omit-rules-v1.35.jsonl.gz"), 1_478);
}

#[test]
fn awkward_strings_and_keys_are_printed_as_kubectl_does() {
    assert_eq!(assert_json("yaml-strings-v1.35.jsonl.gz"), 1_800);
}

/// Every type with every field set, as four releases of Kubernetes hold their own code against it.
#[test]
fn the_fixtures_of_kubernetes_itself_are_shown_as_they_say() {
    let fixtures = objects::kubernetes_fixtures();
    let (mut shown, mut skipped) = (0, 0);
    for fixture in &fixtures {
        let object = protobuf(&fixture.stored);
        // An event of a watch is sent, never stored, and names no kind.
        if fixture.name == "core.v1.WatchEvent" {
            skipped += 1;
            continue;
        }
        let mut tree = Tree::default();
        let notes = decode(&object, &Options::as_stored(Minor::new(fixture.minor)), &mut tree);
        assert_eq!(notes, Ok(Notes::default()), "{} of 1.{}", fixture.name, fixture.minor);
        assert_eq!(tree.value.as_ref(), Some(&fixture.json), "{} of 1.{}", fixture.name, fixture.minor);
        shown += 1;
    }
    assert_eq!((shown, skipped), (720, 4));
}
