//! What the causes of bytes are in words, and what to do about them.

use super::text;
use crate::model::Engine;
use crate::ops::why::clock::Compaction;
use crate::ops::why::groups::What;
use crate::ops::why::sizes::{FileBytes, Size};
use crate::ops::why::verdict::{About, Finding, Verdict};
use crate::ops::why::{Cause, Why};

/// `configmaps of namespace a`, `nodes`, `(bootstrap data)`.
pub(super) fn called(what: &What) -> String {
    match &what.namespace {
        Some(namespace) => {
            format!("{} of namespace {}", text::key(what.resource.as_bytes()), text::key(namespace.as_bytes()))
        }
        None => text::key(what.resource.as_bytes()),
    }
}

/// As [`called`], with how many namespaces there are where there are several.
fn called_all(about: &About) -> String {
    match (&about.what.namespace, about.namespaces) {
        (None, 2..) => format!("{} of {} namespaces", about.what.resource, text::count(about.namespaces as u64)),
        _ => called(&about.what),
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
        Cause::Keys(group) => advice(&group.what, &group.size, &group.helm),
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
fn known(what: &What, size: &Size, helm: &Size) -> Option<&'static str> {
    if helm.all() > size.all() / 2 {
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

fn advice(what: &What, size: &Size, helm: &Size) -> String {
    if let Some(known) = known(what, size, helm) {
        return known.to_owned();
    }
    match size.gone() > size.live {
        true => {
            "find what writes it so often (the writers below; `kinescope log PATH KEY` lists the changes); compaction \
                 takes superseded values away, and so does `kinescope prune PATH NEW`"
                .to_owned()
        }
        false => "live: only deleting objects in the cluster makes it less".to_owned(),
    }
}

/// The verdict in one sentence, with the numbers behind it.
pub fn verdict_text(verdict: &Verdict, bytes: &FileBytes, compaction: &Compaction) -> String {
    let share = text::percent(verdict.share);
    let size = text::bytes(verdict.bytes);
    match (verdict.finding, &verdict.about) {
        (Finding::HeldBack | Finding::Superseded, about) => {
            let since = since(compaction);
            let Some(about) = about else {
                return format!("{since}: {share} of the file is superseded values ({size})");
            };
            let own = bytes.share(about.size.gone());
            let numbers = format!("{} in {}", changes(about.size.changes), keys(about.size.keys));
            let (name, size) = (called_all(about), text::bytes(about.size.gone()));
            match own * 2.0 >= verdict.share {
                true => format!("{since}: {} of the file is superseded {name} ({size}, {numbers})", text::percent(own)),
                false => format!(
                    "{since}: {share} of the file is superseded values, most of them {name} ({}: {size}, {numbers})",
                    text::percent(own)
                ),
            }
        }
        (Finding::Free, _) => format!("{share} of the file is free ({size}): it keeps its size when data goes"),
        (Finding::Wal, _) => format!(
            "the WAL beside the file has {size}, the database {}: readers or a full disk kept SQLite from writing it back",
            text::bytes(bytes.total)
        ),
        (Finding::Spread, _) if bytes.share(bytes.unused) >= 0.3 => format!(
            "nothing stands out: {} of the file was never used ({}), since etcd makes it longer in large steps",
            text::percent(bytes.share(bytes.unused)),
            text::bytes(bytes.unused)
        ),
        (Finding::Live | Finding::Spread, None) => format!("nothing stands out: {share} of the file is live ({size})"),
        (finding, Some(about)) => {
            let numbers = format!("{} in {}", text::bytes(about.size.live), keys(about.size.live_keys));
            let (name, own) = (called_all(about), text::percent(bytes.share(about.size.live)));
            match finding {
                Finding::Spread => {
                    format!("nothing stands out: the largest part, {own} of the file, is live {name} ({numbers})")
                }
                _ => format!("{own} of the file is live {name} ({numbers})"),
            }
        }
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

fn are_copies(about: &About) -> bool {
    about.size.old_values / 2 > about.size.superseded
}

/// What to do about the verdict.
pub fn verdict_advice(engine: Engine, verdict: &Verdict) -> String {
    let about = verdict.about.as_ref();
    let known = about.and_then(|about| known(&about.what, &about.size, &about.helm));
    let known = known.map(|known| format!("; {known}")).unwrap_or_default();
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
        Finding::Superseded if engine == Engine::Kine && about.is_some_and(are_copies) => format!(
            "these are mostly the copies that kine keeps of the value before, which go with their rows; `kinescope prune PATH \
             NEW` drops them now{known}"
        ),
        Finding::Superseded => format!("the next compaction takes it away; `kinescope prune PATH NEW` does it now{known}"),
        Finding::Free => free_advice(engine).to_owned(),
        Finding::Wal => {
            "with k3s stopped, `sqlite3 state.db 'PRAGMA wal_checkpoint(TRUNCATE)'`, with room for the database beside it; or \
             `kinescope convert PATH NEW --to kine`"
                .to_owned()
        }
        Finding::Live => about.map_or_else(String::new, |about| advice(&about.what, &about.size, &about.helm)),
        Finding::Spread => "nothing to do".to_owned(),
    }
}
