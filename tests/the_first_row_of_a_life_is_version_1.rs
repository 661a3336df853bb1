//! A row whose version and create revision contradict each other is told, be it the only one of its key that is left; and
//! no store that was converted has one, although a conversion has to count versions anew.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;
mod planted;

use command::run;
use fixtures::unpacked;
use kinescope::etcd::keyvalue::KeyValue;
use planted::etcd::{Rows, bucket, changed, revision};
use planted::told;

/// Changes a row.
fn edit(rows: &mut Rows, main: i64, change: impl FnOnce(&mut KeyValue<'_>)) {
    let value = rows.get_mut(&revision(main)).unwrap();
    let old = value.clone();
    let mut row = KeyValue::decode(&old).unwrap();
    assert_eq!((row.create_revision, row.mod_revision, row.version), (main, main, 1));
    change(&mut row);
    *value = row.encode();
}

#[test]
fn a_first_row_that_counts_wrong_is_told() {
    // 300 and 310 are rows of keys that were written once.
    let changes: [fn(&mut KeyValue<'_>); 3] =
        [|row| row.create_revision -= 1, |row| row.version = 2, |row| row.create_revision = 1];
    for change in changes {
        let dir = tempfile::tempdir().unwrap();
        let case = changed(dir.path(), |rows| edit(bucket(rows, "key"), 300, change));
        let (healthy, planted) = (told("verify", &case.healthy), told("verify", &case.planted));
        assert_eq!((healthy.code, planted.code), (0, 3), "{}", planted.all);
        let new: Vec<&str> = planted.ids().difference(&healthy.ids()).copied().collect();
        assert_eq!(new, ["row-chain"]);
    }
}

#[test]
fn converted_stores_have_none() {
    let dir = tempfile::tempdir().unwrap();
    for archive in ["kine-0.11", "kine-0.16", "etcd-3.5", "etcd-3.6"] {
        let moments: &[&str] =
            if archive.starts_with("kine") { &["early", "middle", "final"] } else { &["final.etcd"] };
        for moment in moments {
            let source = unpacked(archive).join(moment);
            let mut before = source.clone();
            for (position, target) in ["etcd-dir", "kine", "etcd-snapshot"].into_iter().enumerate() {
                let to = dir.path().join(format!("{archive}-{moment}-{position}"));
                let args = ["convert".as_ref(), before.as_os_str(), "--to".as_ref(), target.as_ref(), to.as_os_str()];
                assert!([Some(0), Some(1)].contains(&run(args).code), "{archive} {moment} to {target}");
                let told = told("verify", &[to.clone().into()]);
                assert_eq!(told.verdict, "restorable", "{archive} {moment} to {target}: {}", told.all);
                assert!(!told.ids().contains("row-chain"));
                before = to;
            }
        }
    }
}
