//! A store at a glance.

use serde_json::{Map, Value, json};

use super::{JSON_VERSION, text};
use crate::etcd::hash::Trailer;
use crate::model::Engine;
use crate::ops::info::{EtcdInfo, Info, KineInfo};
use crate::source::Damage;

/// `info --json`.
pub fn info_json(info: &Info) -> Value {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("version", json!(JSON_VERSION));
    put("engine", json!(info.engine.name()));
    put("format", json!(format_name(info.engine)));
    put("page_size", json!(info.page_size));
    put("current_revision", json!(info.current_revision));
    put("compact_revision", json!(info.compact_revision));
    put("live_keys", json!(info.counts.live_keys));
    put("changes", json!(info.counts.changes));
    put("tombstones", json!(info.counts.tombstones));
    put("leases", json!(info.leases));
    put("gap_rows", json!(info.gap_rows));
    let bytes = &info.bytes;
    put(
        "bytes",
        json!({"file": bytes.file, "live": bytes.live, "superseded": bytes.superseded, "free": bytes.free, "index": bytes.index}),
    );
    let bootstrap = info.bootstrap.iter();
    put(
        "bootstrap",
        bootstrap.map(|(key, size)| json!({"key": key, "token_hash": token_hash(key), "value_size": size})).collect(),
    );
    if let Some(etcd) = &info.etcd {
        etcd_json(etcd, &mut put);
    }
    if let Some(kine) = &info.kine {
        put("wal", json!({"committed_frames": kine.wal.committed, "ignored_frames": kine.wal.ignored}));
        put("indexes", json!(kine.indexes));
    }
    put("damage", info.damage.iter().map(damage_json).collect());
    Value::Object(object)
}

fn etcd_json(etcd: &EtcdInfo, put: &mut impl FnMut(&str, Value) -> Option<Value>) {
    put("hash_kv", json!(etcd.hash_kv.map(|(hash, _)| hash)));
    put("hash_kv_compact_revision", json!(etcd.hash_kv.map(|(_, compact)| compact)));
    put("status_hash", json!(etcd.status_hash));
    put("trailer", json!(etcd.trailer.map(Trailer::name)));
    put("schema_version", json!(etcd.schema_version));
    put("cluster_version", json!(etcd.cluster_version));
    put("consistent_index", json!(etcd.consistent_index));
    put("term", json!(etcd.term));
    put("members", json!(etcd.members));
    put("alarms", json!(etcd.alarms));
    put("holes", etcd.holes.iter().map(|(from, to)| json!({"from": from, "to": to})).collect());
    let replay = etcd.replay.as_ref();
    put(
        "raft_wal",
        json!(replay.map(|replay| {
            json!({"applied_entries": replay.applied, "uncommitted_entries": replay.uncommitted, "notes": replay.notes})
        })),
    );
}

fn damage_json(damage: &Damage) -> Value {
    json!({"id": damage.id, "file": damage.file.to_string(), "where": damage.place.to_string(), "text": damage.what})
}

/// The token's hash is the end of the key's name (k3s pkg/util/token.go, GetTokenHash).
fn token_hash(key: &str) -> &str {
    key.strip_prefix("/bootstrap/").unwrap_or_default()
}

struct Lines(Vec<String>);

impl Lines {
    fn add(&mut self, name: &str, value: impl std::fmt::Display) {
        self.0.push(format!("  {name:<18}{value}"));
    }
}

/// `info` for people, as lines.
pub fn info_text(name: &str, info: &Info) -> Vec<String> {
    let what = match (info.engine, &info.etcd) {
        (Engine::Kine, _) => "kine store (SQLite)",
        (Engine::Etcd, Some(etcd)) if etcd.snapshot_shaped => "etcd snapshot (bbolt)",
        (Engine::Etcd, Some(EtcdInfo { replay: Some(_), .. })) => "etcd data directory (bbolt and raft WAL)",
        (Engine::Etcd, _) => "etcd database (bbolt, no trailer)",
    };
    let mut lines = Lines(vec![format!("{what}  {name}")]);
    lines.add("current revision", info.current_revision);
    match info.compact_revision {
        0 => lines.add("compact revision", "never compacted"),
        compact => lines.add("compact revision", compact),
    }
    lines.add("live keys", text::count(info.counts.live_keys));
    let tombstones = text::count(info.counts.tombstones);
    lines.add("changes", format!("{}, {tombstones} of them tombstones", text::count(info.counts.changes)));
    lines.add("leases", text::count(info.leases));
    if info.gap_rows > 0 {
        lines.add("gap rows", text::count(info.gap_rows));
    }
    bytes_text(info, &mut lines);
    if let Some(etcd) = &info.etcd {
        etcd_text(etcd, &mut lines);
    }
    if let Some(kine) = &info.kine {
        kine_text(kine, &mut lines);
    }
    match info.bootstrap.as_slice() {
        [] => lines.add("bootstrap", "none: no token can be checked against this store"),
        keys => {
            for (key, size) in keys {
                let size = text::bytes((*size).into());
                lines.add("bootstrap", format!("{key}, {size}; token hash {}", token_hash(key)));
            }
        }
    }
    damage_text(&info.damage, &mut lines);
    lines.0
}

/// The file format and its version: others are refused when a file is opened.
const fn format_name(engine: Engine) -> &'static str {
    match engine {
        Engine::Kine => "SQLite 3",
        Engine::Etcd => "bbolt 2",
    }
}

fn bytes_text(info: &Info, lines: &mut Lines) {
    let bytes = &info.bytes;
    lines.add(
        "file",
        format!(
            "{}, {}, pages of {} bytes",
            text::bytes(bytes.file),
            format_name(info.engine),
            text::count(info.page_size.into())
        ),
    );
    let share = |part: u64| match bytes.file {
        0 => String::new(),
        file => format!(" ({:.0} %)", part as f64 * 100.0 / file as f64),
    };
    let parts = [("live", bytes.live), ("superseded", bytes.superseded), ("free", bytes.free), ("index", bytes.index)];
    for (name, part) in parts {
        lines.add(&format!("  {name}"), format!("{}{}", text::bytes(part), share(part)));
    }
}

fn etcd_text(etcd: &EtcdInfo, lines: &mut Lines) {
    let unknown = || "unknown".to_owned();
    let schema = etcd.schema_version.clone().unwrap_or_else(unknown);
    let cluster = etcd.cluster_version.clone().unwrap_or_else(unknown);
    lines.add("etcd", format!("schema {schema}, cluster {cluster}"));
    let trailer = match etcd.trailer {
        Some(Trailer::Ok) => "ok: the sha256 at the end is that of the file",
        Some(Trailer::Wrong) => "WRONG: the sha256 at the end is not that of the file",
        Some(Trailer::Absent) => "absent: restore it with --skip-hash-check, or convert it to a snapshot",
        None => "not checked (--quick)",
    };
    lines.add("trailer", trailer);
    if let Some(hash) = etcd.status_hash {
        lines.add("status hash", format!("{hash} ({hash:x}), as etcdutl snapshot status prints it"));
    }
    if let Some((hash, compact)) = etcd.hash_kv {
        lines.add("HashKV", format!("{hash}, compact revision {compact}"));
    }
    if let Some(index) = etcd.consistent_index {
        lines.add("consistent index", format!("{index}, term {}", etcd.term.unwrap_or(0)));
    }
    if !etcd.alarms.is_empty() {
        lines.add("alarms", etcd.alarms.join(", "));
    }
    if let Some(replay) = &etcd.replay {
        let applied = text::count(replay.applied);
        lines.add("raft WAL", format!("{applied} entries applied that the database file does not have yet"));
        if replay.uncommitted > 0 {
            let uncommitted = text::count(replay.uncommitted);
            lines.add("", format!("{uncommitted} entries behind the commit index, not applied"));
        }
        for note in &replay.notes {
            lines.add("", note);
        }
    }
    if let Some((from, to)) = etcd.holes.first() {
        let more = match etcd.holes.len() {
            1 => String::new(),
            holes => format!(" and {} more ranges", holes - 1),
        };
        let text = format!("{from} to {to}{more} have no row: normal after a restore with a bump or a conversion");
        lines.add("revisions", text);
    }
}

fn kine_text(kine: &KineInfo, lines: &mut Lines) {
    if kine.wal.committed + kine.wal.ignored > 0 {
        let committed = text::count(kine.wal.committed);
        lines.add("WAL", format!("{committed} committed frames, {} ignored", text::count(kine.wal.ignored)));
    }
    lines.add("indexes", kine.indexes.len());
}

/// Findings beyond which the rest is only counted.
const MOST_SHOWN: usize = 12;

fn damage_text(damage: &[Damage], lines: &mut Lines) {
    if damage.is_empty() {
        return;
    }
    lines.add("DAMAGE", format!("{} findings:", text::count(damage.len() as u64)));
    for finding in damage.iter().take(MOST_SHOWN) {
        lines.0.push(format!("    {finding}"));
    }
    if let Some(more) = damage.len().checked_sub(MOST_SHOWN).filter(|&more| more > 0) {
        lines.0.push(format!("    and {more} more; --json lists all"));
    }
}
