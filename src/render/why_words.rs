//! What the causes of bytes are in words, and what to do about them.

use super::text;
use crate::model::Engine;
use crate::ops::why::clock::Compaction;
use crate::ops::why::groups::{Group, What};
use crate::ops::why::sizes::FileBytes;
use crate::ops::why::verdict::{Finding, Verdict};
use crate::ops::why::{Cause, Why};

/// `configmaps of namespace a`, `nodes`, `(bootstrap data)`.
pub(super) fn called(what: &What) -> String {
    match &what.namespace {
        Some(namespace) => format!("{} of namespace {namespace}", what.resource),
        None => what.resource.clone(),
    }
}

/// A cause in one sentence, with its numbers.
pub fn cause_text(why: &Why, cause: &Cause) -> String {
    let share = text::percent(why.bytes.share(cause.bytes()));
    let bytes = text::bytes(cause.bytes());
    match cause {
        Cause::Keys(group) => {
            let size = &group.size;
            let of = format!("{} in {}", changes(size.changes), keys(size.keys));
            let mut said = format!("{}: {bytes}, {share} of the file, {of}", called(&group.what));
            if size.gone() > 0 {
                said.push_str(&format!("; {} of it superseded", text::bytes(size.gone())));
            }
            if group.helm.all() > 0 {
                let helm = text::bytes(group.helm.all());
                said.push_str(&format!("; {helm} in {} of Helm", count(group.helm.keys, "release")));
            }
            said
        }
        Cause::Free(_) => format!("free pages: {bytes}, {share} of the file; what was there is deleted or compacted"),
        Cause::Index(_) => match why.engine {
            Engine::Kine => format!("SQLite's indexes over the rows: {bytes}, {share} of the file"),
            Engine::Etcd => format!("branch pages, which lead to others: {bytes}, {share} of the file"),
        },
        Cause::Unused(_) => format!("the end of the file, never used: {bytes}, {share} of the file"),
        Cause::Rest(_) => {
            format!("names, numbers, headers and half full pages: {bytes}, {share} of the file")
        }
    }
}

fn count(number: u64, what: &str) -> String {
    text::count_of(usize::try_from(number).unwrap_or(usize::MAX), what)
}

fn keys(number: u64) -> String {
    count(number, "key")
}

fn changes(number: u64) -> String {
    count(number, "change")
}

/// What to do about a cause.
pub fn cause_advice(why: &Why, cause: &Cause) -> String {
    match cause {
        Cause::Keys(group) => group_advice(group),
        Cause::Free(_) => free_advice(why.engine).to_owned(),
        Cause::Index(_) | Cause::Rest(_) => "grows and shrinks with the rows: nothing to do for itself".to_owned(),
        Cause::Unused(_) => "room that etcd set aside for itself: nothing to do".to_owned(),
    }
}

const fn free_advice(engine: Engine) -> &'static str {
    match engine {
        Engine::Kine => {
            "the engine uses these pages again before the file grows; to give them back: `kinescope prune PATH NEW`, or with \
             k3s stopped `sqlite3 state.db VACUUM` (kine 0.16 does it at its start)"
        }
        Engine::Etcd => {
            "the engine uses these pages again before the file grows; to give them back: `etcdctl defrag` on each member, or \
             `kinescope prune PATH NEW`"
        }
    }
}

/// Kinds whose growth has a cause of its own that many clusters have met.
fn known(group: &Group) -> Option<&'static str> {
    let what = &group.what;
    if group.helm.all() * 2 > group.size.all() {
        return Some(
            "Helm keeps every release of a chart: set `--history-max` (or the operator's maxHistory), and \
             `kinescope prune PATH NEW --helm-history 3` drops the old ones now",
        );
    }
    Some(match what.resource.as_str() {
        "events" | "events.events.k8s.io" => {
            "Events expire by themselves (the API server's --event-ttl, 1 h): find what emits so many; `kinescope prune PATH \
             NEW --drop events` drops them now"
        }
        "leases.coordination.k8s.io" => {
            "renewals, every few seconds for each node and controller: only compaction takes the old ones away"
        }
        "replicasets.apps" | "controllerrevisions.apps" => {
            "one for each rollout: lower revisionHistoryLimit of the workloads that own them"
        }
        "jobs.batch" => "finished Jobs stay: set ttlSecondsAfterFinished, or a CronJob's history limits",
        "endpoints" | "endpointslices.discovery.k8s.io" => {
            "written whenever a Pod behind a Service becomes ready or not: look for Pods that flap"
        }
        "etcdsnapshotfiles.k3s.cattle.io" => "one for each etcd snapshot: lower k3s's --etcd-snapshot-retention",
        "installplans.operators.coreos.com" => {
            "OLM keeps every InstallPlan: delete those that are complete (`kubectl delete installplan`)"
        }
        resource if is_report(resource) => {
            "reports of a policy engine, written anew at each scan: scan less often, keep fewer kinds, or turn the reports off"
        }
        _ => return None,
    })
}

fn is_report(resource: &str) -> bool {
    let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
    plural.ends_with("reports")
        && ["wgpolicyk8s.io", "kyverno.io", "aquasecurity.github.io", "openreports.io"]
            .iter()
            .any(|known| group == *known || group.ends_with(&format!(".{known}")))
}

fn group_advice(group: &Group) -> String {
    if let Some(known) = known(group) {
        return known.to_owned();
    }
    match group.size.gone() > group.size.live {
        true => {
            "find what writes it so often (the writers below; `kinescope log PATH KEY` lists the changes); compaction \
                 takes superseded values away, and so does `kinescope prune PATH NEW`"
                .to_owned()
        }
        false => "live: only deleting objects in the cluster makes it less".to_owned(),
    }
}

/// The verdict in one sentence, with the numbers behind it.
pub fn verdict_text(verdict: &Verdict, bytes: &FileBytes, groups: &[Group], compaction: &Compaction) -> String {
    let share = text::percent(verdict.share);
    let group = verdict.group.and_then(|at| groups.get(at));
    match verdict.finding {
        Finding::HeldBack | Finding::Superseded => {
            let since = since(compaction);
            let Some(group) = group else { return format!("{since}: {share} of the file is superseded values") };
            let own = bytes.share(group.size.gone());
            let numbers = format!("{} in {}", changes(group.size.changes), keys(group.size.keys));
            let size = text::bytes(group.size.gone());
            let name = called(&group.what);
            match own * 2.0 >= verdict.share {
                true => {
                    format!("{since}: {} of the file is superseded {name} ({size}, {numbers})", text::percent(own))
                }
                false => format!(
                    "{since}: {share} of the file is superseded values, most of them {name} ({}: {size}, {numbers})",
                    text::percent(own)
                ),
            }
        }
        Finding::Free => {
            format!(
                "{share} of the file is free ({}): the file keeps its size when data goes",
                text::bytes(verdict.bytes)
            )
        }
        Finding::Wal => format!(
            "the WAL beside the file has {}, the database {}: readers or a full disk kept SQLite from writing it back",
            text::bytes(verdict.bytes),
            text::bytes(bytes.total)
        ),
        Finding::Live | Finding::Spread => match group {
            None => "there are no values".to_owned(),
            Some(group) => {
                let numbers = format!("{} in {}", text::bytes(group.size.live), keys(group.size.live_keys));
                let spread =
                    if verdict.finding == Finding::Spread { "nothing stands out: the largest part, " } else { "" };
                format!("{spread}{share} of the file, is live {} ({numbers})", called(&group.what))
            }
        },
    }
}

/// When compaction last ran, as a sentence begins.
fn since(compaction: &Compaction) -> String {
    let lag = count(compaction.lag_revisions.unsigned_abs(), "revision");
    let time = match compaction.lag_seconds() {
        Some(seconds) => format!(", at least {} of changes", text::duration(seconds)),
        None => String::new(),
    };
    match compaction.last_revision {
        0 => format!("compaction has never run ({lag}{time})"),
        last => format!("compaction has not run since revision {last} ({lag}{time})"),
    }
}

/// What to do about the verdict.
pub fn verdict_advice(engine: Engine, verdict: &Verdict, groups: &[Group]) -> String {
    let group = verdict.group.and_then(|at| groups.get(at));
    let known = group.and_then(known).map(|advice| format!("; {advice}")).unwrap_or_default();
    match verdict.finding {
        Finding::HeldBack => {
            let engine = match engine {
                Engine::Kine => {
                    "k3s compacts every five minutes while it runs: look in its log for compaction that fails or is slow (disk, \
                     locked database)"
                }
                Engine::Etcd => {
                    "the API server compacts etcd every five minutes: look in its log, and at --etcd-compaction-interval"
                }
            };
            format!("`kinescope prune PATH NEW` writes a compacted store now; {engine}{known}")
        }
        Finding::Superseded => format!("the next compaction takes it away; `kinescope prune PATH NEW` does it now{known}"),
        Finding::Free => free_advice(engine).to_owned(),
        Finding::Wal => {
            "with k3s stopped, `sqlite3 state.db 'PRAGMA wal_checkpoint(TRUNCATE)'`, with room for the database beside it; or \
             `kinescope convert PATH NEW --to kine`"
                .to_owned()
        }
        Finding::Live => group.map_or_else(String::new, group_advice),
        Finding::Spread => "nothing to do".to_owned(),
    }
}
