//! A quantity takes the form in which Kubernetes prints it: thousands of texts that apimachinery's own `ParseQuantity` took
//! or refused.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use kinescope::kube::quantity::canonical;
use proptest::prelude::*;

const BY_GO: &str = include_str!("../testdata/kubernetes/quantities.tsv");

#[test]
fn quantities_take_the_form_that_go_prints() {
    let mut different = Vec::new();
    for line in BY_GO.lines() {
        let (text, printed) = line.split_once('\t').unwrap();
        let ours = canonical(text).map_or_else(|_| "!".into(), |text| text.into_owned());
        if ours != printed {
            different.push(format!("{text:?} became {ours:?} instead of {printed:?}"));
        }
    }
    assert!(BY_GO.lines().count() > 3000);
    assert!(different.is_empty(), "{} differ: {:#?}", different.len(), &different[..different.len().min(20)]);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[-+]?[0-9.]{0,30}[eEinumkKMGTP]{0,3}[-+]?[0-9]{0,12}") {
        if let Ok(canonical_text) = canonical(&text) {
            prop_assert!(canonical_text.len() <= text.len() + 40);
        }
    }
}
