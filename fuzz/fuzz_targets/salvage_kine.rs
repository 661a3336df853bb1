//! Whatever bytes a state.db and its -wal hold, the search for rows ends and does not panic.
//!
//! The first byte says where the input is cut into the two. A corpus of small stores helps much: `cargo fuzz run salvage_kine
//! corpus/` with files of one byte 255 followed by a state.db.
#![no_main]

use kinescope::kine::salvage::Salvage;
use kinescope::source::{Bytes, File, FileName};
use kinescope::sqlite::Reading;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&share, bytes)) = input.split_first() else { return };
    let (db, wal) = bytes.split_at(bytes.len() * usize::from(share) / 255);
    let file = |name: &str, bytes: &[u8]| File { name: FileName::new(name), bytes: Bytes::from(bytes.to_vec()) };
    let wal = (!wal.is_empty()).then(|| file("state.db-wal", wal));
    for reading in [Reading::Use, Reading::Ignore] {
        let salvage = Salvage::of(&file("state.db", db), wal.as_ref(), reading);
        // A reader of values must stand whatever the rows say.
        for change in salvage.history.changes() {
            let _ = salvage.history.value(change.value);
        }
    }
});
