//! The report as JSON: `info`, `verify` and `doctor` as they print it, and what the report adds.

use serde_json::{Map, Value, json};

use crate::ops::report::{Between, Report, Searched, StoreReport};
use crate::render::keys::put_key;
use crate::render::{JSON_VERSION, doctor_json, info_json, recover_json, verify_json, why_json};

/// Writers and owners that are listed.
const MOST_LISTED: usize = 10;

/// `report --json`.
pub fn report_json(report: &Report) -> Value {
    let unopened = report.unopened.iter();
    json!({
        "version": JSON_VERSION,
        "made_at": jiff::Timestamp::from_second(report.made_at).map(|at| at.to_string()).ok(),
        "verdict": report.verdict().name(),
        "stores": report.stores.iter().map(store).collect::<Vec<_>>(),
        "unopened": unopened.map(|one| {
            let mut object = verify_json(&one.name, &one.verification);
            object["recovery"] = recovery(&one.recovery);
            object
        }).collect::<Vec<_>>(),
        "directories": report.directories.iter().map(doctor_json).collect::<Vec<_>>(),
        "between": report.between.iter().map(between).collect::<Vec<_>>(),
    })
}

fn store(store: &StoreReport) -> Value {
    let kind = |(what, size): &(crate::ops::why::groups::What, crate::ops::why::sizes::Size)| {
        json!({"kind": what.resource, "live_keys": size.live_keys, "changes": size.changes, "live_bytes": size.live,
            "superseded_bytes": size.gone()})
    };
    let point = |point: &crate::ops::report::Point| {
        json!({"revision": point.revision, "live_keys": point.live_keys, "live_bytes": point.live_bytes,
            "written_bytes": point.written_bytes})
    };
    let mark = |mark: &crate::ops::report::Mark| json!({"revision": mark.revision, "time": mark.at.to_string()});
    let recent = |recent: &crate::ops::report::Recent| {
        let mut object = Map::new();
        object.insert("revision".to_owned(), json!(recent.revision));
        object.insert("op".to_owned(), json!(recent.op.name()));
        put_key(&mut object, &recent.key);
        object.insert("value_size".to_owned(), json!(recent.size));
        object.insert("stamp".to_owned(), json!(recent.stamp.map(|at| at.to_string())));
        Value::Object(object)
    };
    json!({
        "source": store.name,
        "info": info_json(&store.info),
        "verify": verify_json(&store.name, &store.verification),
        "kubernetes_version": store.kubernetes,
        "newest_stamp": store.newest_stamp.map(|at| at.to_string()),
        "why": why_json(&store.why, MOST_LISTED),
        "kinds": store.why.kinds().iter().map(kind).collect::<Vec<_>>(),
        "growth": store.growth.iter().map(point).collect::<Vec<_>>(),
        "times": store.times.iter().map(mark).collect::<Vec<_>>(),
        "recent": store.recent.iter().map(recent).collect::<Vec<_>>(),
        "recovery": store.recovery.as_ref().map_or(Value::Null, recovery),
    })
}

/// As `recover --json`; null where nothing could be searched.
fn recovery(searched: &Searched) -> Value {
    searched.as_ref().map_or(Value::Null, recover_json)
}

fn between(between: &Between) -> Value {
    let sum = |sum: &crate::ops::report::Sum| json!({"kind": sum.kind, "added": sum.added, "removed": sum.removed, "changed": sum.changed});
    json!({
        "old": between.old,
        "new": between.new,
        "differing": between.differing,
        "noise": between.noise,
        "unsure": between.unsure,
        "kinds": between.kinds.iter().map(sum).collect::<Vec<_>>(),
    })
}
