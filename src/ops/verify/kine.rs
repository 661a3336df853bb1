//! What is particular to kine: what the table must have for kine to start, and what became of the WAL.

use super::RECOVER;
use crate::kine::Store;
use crate::ops::finding::{Findings, Id, Severity};
use crate::sqlite::{SchemaKind, WalState};

/// The index without which kine's rows may contradict each other, and which kine creates at its start (kine
/// pkg/drivers/sqlite/sqlite.go).
const UNIQUE: &str = "kine_name_prev_revision_uindex";

/// Looks at a kine store.
pub fn check(store: &Store, findings: &mut Findings) {
    let name = store.database().name().to_string();
    let compact: Vec<i64> = store.compact_rows().map(|row| row.id).collect();
    match compact.as_slice() {
        [_] => {}
        [] => {
            let text = "there is no row compact_rev_key: kine adds one at its next start, and takes the history for never compacted";
            findings.add(Severity::Note, Id::COMPACT_ROW_MISSING, name.as_str(), text, "");
        }
        several => {
            let text = format!("{} rows compact_rev_key, and kine wants one", several.len());
            let hint = "kine 0.3.5 and later keep the one with the highest prev_revision";
            findings.add(Severity::Warning, Id::COMPACT_ROW_TWICE, name.as_str(), text, hint);
        }
    }
    let has = |kind, wanted: &str| store.schema().iter().any(|entry| entry.kind == kind && entry.name == wanted);
    if !has(SchemaKind::Index, UNIQUE) {
        let text = format!("there is no index {UNIQUE}: kine makes it at its next start");
        findings.add(Severity::Note, Id::INDEX_ABSENT, name.as_str(), text, "");
    }
    if !has(SchemaKind::Table, "sqlite_sequence") {
        let text = "there is no table sqlite_sequence, which an AUTOINCREMENT table needs: it was not SQLite that made this file";
        findings.add(Severity::Loss, Id::SEQUENCE_ABSENT, name.as_str(), text, RECOVER);
    }
    wal(store, &name, findings);
}

/// Frames that SQLite would leave out. Damage to the WAL is told by the reader.
fn wal(store: &Store, name: &str, findings: &mut Findings) {
    let WalState::Read(wal) = store.database().wal() else { return };
    let ignored = wal.ignored();
    let place = format!("{name}-wal");
    if ignored.uncommitted > 0 {
        let text =
            format!("{} frames of a transaction that was not committed: SQLite leaves them out", ignored.uncommitted);
        findings.add(Severity::Note, Id::WAL_UNCOMMITTED, place.as_str(), text, "");
    }
    if ignored.stale > 0 {
        let text = format!("{} frames of earlier generations, which SQLite leaves out", ignored.stale);
        findings.add(Severity::Note, Id::WAL_STALE, place.as_str(), text, "they may hold history: kinescope undelete");
    }
    if ignored.torn_bytes > 0 || ignored.broken > 0 {
        let text = "it ends in a frame that is not whole: a copy of a running store, or a crash; SQLite leaves it out";
        findings.add(Severity::Note, Id::WAL_TORN, place.as_str(), text, "");
    }
}
