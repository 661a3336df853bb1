//! Times inside objects, what they say of their revisions, and which revision a moment is.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixtures;

use fixtures::{json_lines, unpacked};
use jiff::{SignedDuration, Timestamp};
use kinescope::kube::stamps::{Clock, Meaning, newest, stamps};
use kinescope::model::{MomentError, Says, Stamped, revision_at};
use proptest::prelude::*;
use serde_json::{Value, json};

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

#[test]
fn each_stamp_says_what_it_is_of() {
    let object = json!({
        "metadata": {
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "deletionTimestamp": "2026-01-01T00:01:00Z", "deletionGracePeriodSeconds": 30,
            "managedFields": [{"time": "2026-01-01T00:00:05Z"}, {"manager": "old"}],
            "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": "2026-01-01T00:00:03Z", "other": "2027-01-01T00:00:00Z"},
        },
        "spec": {"renewTime": "2026-01-01T00:00:07.123456Z", "notAfter": "2030-01-01T00:00:00Z"},
        "status": {
            "startTime": null, "expirationTimestamp": "2030-01-01T00:00:00Z",
            "conditions": [{"type": "Ready", "lastTransitionTime": "2026-01-01T00:00:06Z"}, {"lastTransitionTime": "0001-01-01T00:00:00Z"}],
        },
        "eventTime": "yesterday",
    });
    let mut found: Vec<String> = stamps(&object)
        .iter()
        .map(|stamp| format!("{:?} {:?} {} {}", stamp.clock, stamp.meaning, stamp.path, stamp.at))
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "Client Annotated /metadata/annotations/endpoints.kubernetes.io~1last-change-trigger-time 2026-01-01T00:00:03Z",
            "Client LeaseRenewed /spec/renewTime 2026-01-01T00:00:07.123456Z",
            "Client StatusChanged /status/conditions/0/lastTransitionTime 2026-01-01T00:00:06Z",
            "Server Created /metadata/creationTimestamp 2026-01-01T00:00:00Z",
            "Server DeletionAsked /metadata/deletionTimestamp 2026-01-01T00:00:30Z",
            "Server FieldsChanged /metadata/managedFields/0/time 2026-01-01T00:00:05Z",
        ]
    );
    let last = newest(&object, false).unwrap();
    assert_eq!((last.meaning, last.clock), (Meaning::DeletionAsked, Clock::Server));
    assert_eq!(newest(&object, true).unwrap().meaning, Meaning::Created);
    assert_eq!(newest(&json!({}), true), None);
    assert_eq!(newest(&Value::Null, false), None);
}

/// In four real clusters, each with one clock, stamps run with the revisions: none is more than two seconds older than
/// what came before it, and none is disbelieved.
#[test]
fn stamps_of_real_clusters_run_with_the_revisions() {
    for archive in ["kine-0.16", "kine-0.11", "etcd-3.5", "etcd-3.6"] {
        let mut all: Vec<Stamped> = Vec::new();
        for line in json_lines(&unpacked(archive).join("kubectl-yaml.jsonl")) {
            let object: Value = serde_yaml::from_str(line["yaml"].as_str().unwrap()).unwrap();
            let Some(revision) = object["metadata"]["resourceVersion"].as_str() else { continue };
            let stamp = newest(&object, false).unwrap();
            // Here no object was changed without a newer stamp: one that has none is as it was created.
            let says = if stamp.meaning == Meaning::Created { Says::Then } else { Says::NotBefore };
            all.push(Stamped { revision: revision.parse().unwrap(), at: stamp.at, says });
        }
        all.sort_by_key(|stamp| stamp.revision);
        all.dedup_by_key(|stamp| stamp.revision);
        assert!(all.len() > 400 && all.iter().any(|stamp| stamp.says == Says::NotBefore), "{archive}: {}", all.len());
        let mut latest = all[0].at;
        for stamp in &all {
            assert!(latest.duration_since(stamp.at) <= SignedDuration::from_secs(2), "{archive}: {stamp:?}");
            latest = latest.max(stamp.at);
        }
        let found = revision_at(&all, latest).unwrap();
        assert_eq!((found.revision, found.after, found.disbelieved), (all.last().unwrap().revision, None, 0));
    }
}

fn stamped(revision: i64, at: i64, says: Says) -> Stamped {
    Stamped { revision, at: second(at), says }
}

#[test]
fn a_moment_is_the_last_revision_before_the_first_that_is_later() {
    let stamps = [
        stamped(10, 0, Says::Then),
        stamped(12, 20, Says::NotBefore),
        stamped(15, 5, Says::NotBefore),
        stamped(20, 30, Says::Then),
        stamped(21, 30, Says::NotBefore),
    ];
    let at = |at: i64| {
        revision_at(&stamps, second(at)).map(|found| (found.revision, found.before.0, found.after.map(|after| after.0)))
    };
    assert_eq!(at(0).unwrap(), (11, 10, Some(12)));
    assert_eq!(at(19).unwrap(), (11, 10, Some(12)));
    // Revision 15 carries an old stamp, but stands behind one of second 20.
    assert_eq!(at(20).unwrap(), (19, 12, Some(20)));
    assert_eq!(at(29).unwrap(), (19, 12, Some(20)));
    assert_eq!(at(30).unwrap(), (21, 21, None));
    assert_eq!(
        revision_at(&stamps, second(-1)).unwrap_err(),
        MomentError::Before { asked: second(-1), first: second(0), revision: 10 }
    );
    assert_eq!(
        revision_at(&stamps, second(31)).unwrap_err(),
        MomentError::After { asked: second(31), last: second(30), revision: 21 }
    );
    assert_eq!(revision_at(&[], second(0)), Err(MomentError::NoStamps));
}

/// A node whose clock is a day ahead would hide all that came after it.
#[test]
fn a_clock_that_is_ahead_is_not_believed() {
    let stamps = [
        stamped(1, 0, Says::Then),
        stamped(2, 86_400, Says::NotBefore),
        stamped(3, 10, Says::Then),
        stamped(4, 13, Says::NotBefore),
        stamped(5, 20, Says::Then),
    ];
    let found = revision_at(&stamps, second(12)).unwrap();
    assert_eq!((found.revision, found.before, found.disbelieved), (3, (3, second(10)), 1));
    assert!(matches!(revision_at(&stamps, second(86_400)), Err(MomentError::After { revision: 5, .. })));
}

proptest! {
    /// Against a made-up history whose true times are known: what is shown holds every write up to the moment, and the
    /// stamp behind it is truly later.
    #[test]
    fn nothing_written_by_then_is_left_out(
        writes in proptest::collection::vec((0i64..10, 0i64..30, any::<bool>(), any::<bool>()), 1..60),
        asked in -5i64..400,
    ) {
        let (mut now, mut truth, mut stamps) = (0, Vec::new(), Vec::new());
        for (number, (pause, age, has_stamp, created)) in (1i64..).zip(writes) {
            now += pause;
            truth.push((number, now));
            let says = if created { Says::Then } else { Says::NotBefore };
            if has_stamp {
                stamps.push(stamped(number, if created { now } else { now - age }, says));
            }
        }
        if let Ok(found) = revision_at(&stamps, second(asked)) {
            prop_assert_eq!(found.disbelieved, 0);
            let last_by_then = truth.iter().rev().find(|(_, at)| *at <= asked).map_or(0, |(number, _)| *number);
            match found.after {
                Some((after, at)) => {
                    prop_assert!(last_by_then <= found.revision);
                    prop_assert!(at > second(asked) && found.revision < after);
                    prop_assert!(truth[after as usize - 1].1 > asked);
                }
                None => prop_assert_eq!(found.before.1, second(asked)),
            }
            prop_assert!(found.before.1 <= second(asked) && found.before.0 <= found.revision);
        }
    }

    #[test]
    fn any_stamps_are_answered(stamps in proptest::collection::vec((0i64..50, -100i64..100, any::<bool>()), 0..40), asked in -100i64..100) {
        let mut stamps: Vec<Stamped> = stamps
            .into_iter()
            .map(|(revision, at, then)| stamped(revision, at, if then { Says::Then } else { Says::NotBefore }))
            .collect();
        stamps.sort_by_key(|stamp| stamp.revision);
        let _ = revision_at(&stamps, second(asked));
    }
}
