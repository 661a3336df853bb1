//! A test run says which real engines it had to do without.

mod engines;

/// Names what is missing on the terminal; fails under KINESCOPE_REQUIRE_ENGINES=1.
#[test]
fn engines_are_built() {
    let missing = engines::missing();
    for engine in &missing {
        engines::tell(&format!(
            "engine not built: {engine} (tests that need it are skipped; engines/build builds all)"
        ));
    }
    let required = std::env::var("KINESCOPE_REQUIRE_ENGINES").is_ok_and(|value| value == "1");
    assert!(!required || missing.is_empty(), "missing: {missing:?}");
}
