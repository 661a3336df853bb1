//! What is particular to etcd: the trailer, the metas, missing revisions, the small buckets, the raft log, and the marks that
//! known faults of etcd leave in files.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::RECOVER;
use crate::bolt::{Meta as BoltMeta, MetaSlot};
use crate::etcd::hash::Trailer;
use crate::etcd::keyvalue::{KeyValue, RowKey};
use crate::etcd::replay::Replayed;
use crate::etcd::wal::Wal;
use crate::etcd::{Effect, Meta, Store};
use crate::ops::finding::{Findings, Id, Severity};
use crate::ops::store::OpenStore;
use crate::source::Files;

/// Looks at an etcd store.
pub fn check(source: &OpenStore, store: &Store, findings: &mut Findings) {
    let name = store.bolt().file().to_string();
    trailer(source, store, &name, findings);
    for lost in store.lost_rows() {
        findings.damage(Severity::Loss, &lost, RECOVER);
    }
    holes(store, &name, findings);
    metas(store, &name, findings);
    buckets(store, &name, findings);
    compaction(store, &name, findings);
    members(store, &name, findings);
    alarms(store.meta(), &name, findings);
    if let Files::EtcdDir { wal, .. } = &source.files {
        log(store, &Wal::read(wal), &name, findings);
        leftovers(source, findings);
    }
}

/// Whether rows of bucket `key` stand in pages that no tree reaches.
pub fn has_rows_in_lost_pages(store: &Store) -> bool {
    store.census().used.missing().any(|page| {
        let Ok(Some(leaf)) = store.bolt().leaf(page) else { return false };
        let is_row = |key, value| RowKey::decode(key).is_some() && KeyValue::decode(value).is_some();
        leaf.items(store.bolt(), &mut Vec::new()).any(|item| is_row(item.key, item.value))
    })
}

fn trailer(source: &OpenStore, store: &Store, name: &str, findings: &mut Findings) {
    let is_dir = matches!(source.files, Files::EtcdDir { .. });
    match source.trailer() {
        _ if is_dir => {}
        Some(Trailer::Ok) | None => {}
        Some(Trailer::Wrong) => {
            if let Some(damage) = source.wrong_trailer() {
                let hint = "etcdutl and k3s refuse to restore it; take another copy, or: kinescope recover";
                findings.damage(Severity::Loss, &damage, hint);
            }
        }
        // bbolt's files are whole pages.
        Some(Trailer::Absent) => {
            let page = store.bolt().meta().page_size.bytes() as usize;
            if store.bolt().bytes().len().is_multiple_of(page.max(1)) {
                let text = "there is no SHA-256 at its end: a bare database, and no snapshot";
                let hint = "k3s restores only snapshots; kinescope convert --to etcd-snapshot makes one of it";
                findings.add(Severity::Note, Id::NO_TRAILER, name, text, hint);
            } else {
                let text = "its length is neither that of a snapshot nor that of a database: it was cut off, or is a download \
                            that did not end";
                findings.add(Severity::Loss, Id::CUT_OFF, name, text, "take another copy");
            }
        }
    }
}

/// Revisions that nothing accounts for. Each write takes one, so that etcd itself leaves none out.
fn holes(store: &Store, name: &str, findings: &mut Findings) {
    if store.rows().iter().any(|row| !row.at.tombstone && store.history().keys().get(row.key).is_empty()) {
        let text = "a row without a key raises the revision: it was restored with a bump";
        findings.add(Severity::Note, Id::REVISION_BUMP, name, text, "");
    }
    let holes = store.holes();
    let Some((from, to)) = holes.first() else { return };
    let more = if holes.len() > 1 { format!(", and {} more ranges", holes.len() - 1) } else { String::new() };
    let text =
        format!("revisions {from} to {to} have no row{more}: normal after a restore with a bump, or a conversion");
    findings.add(Severity::Note, Id::REVISIONS_MISSING, name, text, "");
}

/// What the two metas say of how the file came about, and whether the other one leads to a sound tree.
fn metas(store: &Store, name: &str, findings: &mut Findings) {
    let metas = store.bolt().metas();
    if let (Ok(first), Ok(second)) = (metas.first, metas.second) {
        let only_freelist = BoltMeta { freelist: first.freelist, txid: first.txid, ..second } == first;
        if (first.flags | second.flags) != 0 || only_freelist && first.freelist != second.freelist {
            let text = "the metas are those of a file that `bbolt surgery` has worked on";
            findings.add(Severity::Note, Id::SURGERY, name, text, "");
        }
    }
    if store.damage().is_empty() && store.contradictions().is_empty() {
        return;
    }
    let other = match metas.chosen {
        MetaSlot::First => MetaSlot::Second,
        MetaSlot::Second => MetaSlot::First,
    };
    let Some(older) = store.bolt().through_slot(other) else { return };
    // In a snapshot both lead to the same tree.
    if older.meta().root == store.bolt().meta().root {
        return;
    }
    let mut damage: Vec<_> = older.damage().to_vec();
    let walked = older.walk(&mut damage);
    let has_keys = walked.buckets.iter().any(|(bucket, leaves)| bucket.name == b"key" && !leaves.is_empty());
    if damage.is_empty() && has_keys {
        let text = format!("the other meta, of transaction {}, leads to a tree without faults", older.meta().txid);
        let hint = "one transaction (up to 100 ms of writes) earlier: bbolt surgery revert-meta-page on a copy, then verify that";
        findings.add(Severity::Note, Id::OLDER_META_SOUND, name, text, hint);
    }
}

/// Every etcd creates all its buckets at its first start. Files made by others may lack some.
fn buckets(store: &Store, name: &str, findings: &mut Findings) {
    if store.meta().consistent_index.is_none() {
        return;
    }
    let there: BTreeSet<&[u8]> = store.census().buckets.iter().map(|bucket| bucket.name.as_slice()).collect();
    let missing: Vec<&str> = crate::etcd::BUCKETS
        .into_iter()
        .filter(|name| !["key", "meta"].contains(name) && !there.contains(name.as_bytes()))
        .collect();
    if !missing.is_empty() {
        let text = format!("there is no bucket {}, which every etcd creates", missing.join(", "));
        findings.add(Severity::Warning, Id::BUCKET_ABSENT, name, text, "etcd makes it anew, empty, at its next start");
    }
}

/// etcd 3.4 before 3.4.32 and 3.5 before 3.5.14 could go back behind a compaction (etcd-io/etcd issue 17780).
fn compaction(store: &Store, name: &str, findings: &mut Findings) {
    let meta = store.meta();
    let scheduled = meta.scheduled_compact_revision.unwrap_or(0);
    let finished = meta.finished_compact_revision.unwrap_or(0);
    let last = store.rows().last().map_or(0, |row| row.at.revision.main);
    if scheduled <= finished {
        return;
    }
    if scheduled > last {
        let text = format!(
            "a compaction to revision {scheduled} had begun, and the newest row is of {last}: etcd before 3.4.32 and 3.5.14 \
             goes on counting from {last}, and clients see the past (etcd issue 17780)"
        );
        findings.add(Severity::Warning, Id::REVISION_DECREASED, name, text, "start it with a newer etcd");
    } else {
        let text =
            format!("a compaction to revision {scheduled} had begun and not ended: etcd ends it at its next start");
        findings.add(Severity::Note, Id::COMPACTION_UNFINISHED, name, text, "");
    }
}

/// Members that voters and removals contradict: "zombies" (etcd-io/etcd issue 13196), and learners whose promotion was not
/// written (pull request 19563).
fn members(store: &Store, name: &str, findings: &mut Findings) {
    let meta = store.meta();
    let Some(state) = meta.conf_state.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
        return;
    };
    let ids = |field: &str| -> BTreeSet<u64> {
        state.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64).collect()
    };
    let (voters, learners) = (ids("voters"), ids("learners"));
    let raft: BTreeSet<u64> = voters.union(&learners).copied().collect();
    let number = |id: &String| u64::from_str_radix(id, 16).ok();
    let bucket: BTreeSet<u64> = meta.members.keys().filter_map(number).collect();
    let removed: BTreeSet<u64> = meta.removed_members.iter().filter_map(number).collect();
    let list = |ids: Vec<&u64>| ids.iter().map(|id| format!("{id:x}")).collect::<Vec<_>>().join(", ");
    if bucket != raft && !bucket.is_empty() {
        let text = format!(
            "bucket members and raft's own list differ in {}",
            list(bucket.symmetric_difference(&raft).collect())
        );
        let hint = "members that were removed and came back: etcd 3.5.26 cleans them up before an upgrade to 3.6; a restore \
                    makes new members anyway";
        findings.add(Severity::Warning, Id::MEMBERS_DIFFER, name, text, hint);
    }
    if let both @ [_, ..] = bucket.intersection(&removed).collect::<Vec<_>>().as_slice() {
        let text = format!("members that are there and removed at once: {}", list(both.to_vec()));
        findings.add(Severity::Warning, Id::MEMBERS_REMOVED, name, text, "start 3.5.26 or later before 3.6");
    }
    for id in &voters {
        let member = meta.members.get(&format!("{id:x}")).and_then(|text| serde_json::from_str::<Value>(text).ok());
        if member.is_some_and(|member| member.get("isLearner").and_then(Value::as_bool) == Some(true)) {
            let text = format!("member {id:x} votes, and its entry still says that it is a learner");
            findings.add(
                Severity::Warning,
                Id::LEARNER_VOTES,
                name,
                text,
                "promoted by an etcd before 3.5.20: upgrade 3.5 first",
            );
        }
    }
}

fn alarms(meta: &Meta, name: &str, findings: &mut Findings) {
    for alarm in &meta.alarms {
        let hint = match alarm.kind.as_str() {
            "NOSPACE" => "etcd takes no writes: compact, defragment, then etcdctl alarm disarm; it survives a restore",
            _ => "etcd takes nothing at all: compare the members, restore from a good one; it survives a restore",
        };
        let text = format!("the alarm {} of member {:x} is armed", alarm.kind, alarm.member);
        findings.add(Severity::Warning, Id::ALARM, name, text, hint);
    }
}

/// The raft log of a data directory beside its database.
fn log(store: &Store, wal: &Wal, name: &str, findings: &mut Findings) {
    let Some(replayed) = store.replayed() else {
        let text = "a data directory without its raft log: etcd does not start on it";
        let hint = "kinescope convert --to etcd-dir or --to etcd-snapshot makes one that starts";
        findings.add(Severity::Warning, Id::NO_LOG, name, text, hint);
        return;
    };
    if !replayed.uncommitted.is_empty() {
        let text = format!(
            "{} entries behind the commit index: only the other members know whether they count",
            replayed.uncommitted.len()
        );
        findings.add(Severity::Warning, Id::UNCOMMITTED, name, text, "compare with another member's directory");
    }
    for note in &replayed.notes {
        findings.add(Severity::Note, Id::LOG_NOTE, name, note.as_str(), "");
    }
    for skipped in &replayed.refused {
        let text = format!("entry {} ({}) has no effect: {}", skipped.index, skipped.request, skipped.reason);
        findings.add(Severity::Note, Id::LOG_REFUSED, name, text, "");
    }
    if let Some(missing) = store.missing_effect(wal) {
        let effect = match missing.effect {
            Effect::Revision(revision) => format!("revision {revision}"),
            Effect::Lease(id) => format!("lease {id:x}"),
        };
        let text = format!(
            "the database says that it has applied entry {} ({}), and {effect}, which that made, is not there as the log has it",
            missing.index, missing.request
        );
        let hint = "etcd 3.5.0 to 3.5.2 could lose writes so in a crash: compare with another member, or apply that object anew";
        findings.add(Severity::Loss, Id::EFFECT_MISSING, name, text, hint);
    }
    let mark = wal.snapshots.iter().filter(|mark| mark.index <= wal.state.commit).map(|mark| mark.index).max();
    if let Some(mark) = mark {
        behind(replayed, mark, name, findings);
    }
}

/// A database that is older than the newest snapshot of which the log knows: etcd looks for a newer one, and ends (etcd
/// server/storage/backend.go, RecoverSnapshotBackend; before 3.7 only where the `.snap` file of it is there).
fn behind(replayed: &Replayed, mark: u64, name: &str, findings: &mut Findings) {
    let own = replayed.consistent_index.saturating_sub(replayed.applied);
    if mark > replayed.consistent_index {
        let text = format!("the log counts on a database of entry {mark}, and this one is of entry {own}");
        findings.add(Severity::Loss, Id::DATABASE_BEHIND, name, text, RECOVER);
    } else if mark > own {
        let text = format!(
            "the log counts on a database of entry {mark}, and this one is of entry {own}: etcd does not start on it, though \
             the log has all that is between"
        );
        let hint = "kinescope convert --to etcd-dir makes one that starts";
        findings.add(Severity::Warning, Id::DATABASE_BEHIND, name, text, hint);
    }
}

/// Files that a crash has left beside the database.
fn leftovers(source: &OpenStore, findings: &mut Findings) {
    let db = source.watch.paths().find(|path| path.ends_with("snap/db"));
    let Some(entries) = db.and_then(Path::parent).and_then(|dir| std::fs::read_dir(dir).ok()) else { return };
    for entry in entries.flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let place = entry.path().display().to_string();
        if file.starts_with("db.tmp") {
            let text = "left by a defragmentation that did not end (etcd before 3.5.6 could lose revisions then)";
            findings.add(Severity::Warning, Id::DEFRAG_LEFTOVER, place, text, "compare the HashKV of the members");
        } else if file.ends_with(".snap.db") {
            let text = "a database that a leader sent and that was not taken over yet";
            findings.add(Severity::Warning, Id::RECEIVED_DATABASE, place, text, "verify it too: it may be newer");
        }
    }
}
