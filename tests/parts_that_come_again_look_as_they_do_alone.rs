//! A decoder that remembers parts of objects prints every object, damaged ones too, as one that sees it alone does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod fixtures;
mod objects;

use kinescope::kube::decode::{Decoder, Notes, Options};
use kinescope::kube::envelope::{Envelope, Unknown};
use kinescope::kube::json::{CompactJson, KubectlJson};
use kinescope::kube::minor::Minor;
use kinescope::kube::yaml::YamlSink;
use kinescope::source::Choice;

/// The text of a form, and what was noticed, or the error.
type Shown = (Vec<u8>, Result<Notes, String>);

fn shown(decoder: &mut Decoder, object: &Unknown<'_>, options: &Options, form: usize) -> Shown {
    let mut text = Vec::new();
    let result = match form {
        0 => decoder.decode(object, options, &mut CompactJson::new(&mut text)),
        1 => decoder.decode(object, options, &mut KubectlJson::new(&mut text)),
        _ => {
            let mut sink = YamlSink::new(&mut text);
            let result = decoder.decode(object, options, &mut sink);
            let odd = (sink.refused_by_kubectl(), sink.keys_that_read_as_merges());
            sink.finish();
            text.extend(format!("{odd:?}").into_bytes());
            result
        }
    };
    // What an object that cannot be shown leaves behind is nobody's text.
    if result.is_err() {
        text.clear();
    }
    (text, result.map_err(|error| error.to_string()))
}

#[test]
fn remembered_parts_change_nothing() {
    let mut values: Vec<Vec<u8>> = ["omit-rules-v1.35.jsonl.gz", "yaml-strings-v1.35.jsonl.gz"]
        .iter()
        .flat_map(|file| objects::vectors(file))
        .map(|vector| vector.stored)
        .collect();
    values.extend(objects::kubernetes_fixtures().into_iter().map(|fixture| fixture.stored));
    let path = fixtures::unpacked("etcd-3.6").join("middle.snapshot");
    let store = kinescope::ops::store::open(&path, &Choice::default()).unwrap();
    let history = store.store.history();
    let puts = history.changes().iter().filter(|change| change.is_put());
    values.extend(puts.map(|change| history.value(change.value).unwrap().into_owned()));
    let mut remembering = Decoder::for_many();
    let mut compared = 0;
    for (at, value) in values.iter().enumerate() {
        let Ok(Envelope::Protobuf(object)) = Envelope::parse(value) else { continue };
        // As it is, with one byte of it changed, and as it is again.
        let mut damaged = object.raw.to_vec();
        let place = at.wrapping_mul(2_654_435_761) % damaged.len().max(1);
        damaged.get_mut(place).into_iter().for_each(|byte| *byte ^= 1 << (at % 8));
        let damaged = Unknown { raw: &damaged, ..object };
        for object in [&object, &damaged, &object] {
            for form in 0..3 {
                let options = Options::as_stored(Minor::new(if at % 5 == 0 { 33 } else { 35 }));
                let alone = shown(&mut Decoder::default(), object, &options, form);
                let among = shown(&mut remembering, object, &options, form);
                assert!(alone == among, "value {at}, form {form}:\n{}\n{}", told(&alone), told(&among));
                compared += 1;
            }
        }
    }
    assert!(compared > 20_000, "only {compared} were compared");
}

fn told((text, result): &Shown) -> String {
    format!("{}\n{result:?}", String::from_utf8_lossy(text))
}
