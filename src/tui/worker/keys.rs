//! Raw keys, one level of their tree at a time, and leases.

use std::collections::BTreeMap;

use super::Reader;
use crate::model::{Change, Engine, KeyId, KeyState, LeaseRef};
use crate::render;
use crate::tui::ask::{Cell, List, Row, Target, Tone};

/// What lies below one name.
#[derive(Default)]
struct Below {
    key: Option<KeyId>,
    live: u64,
    keys: u64,
    changes: u64,
    bytes: u64,
    last: i64,
}

impl Reader {
    pub(super) fn keys(&self, prefix: &[u8], at: Option<i64>) -> List {
        let history = self.history();
        let revision = self.at(at);
        let view = history.at(revision);
        let mut found: BTreeMap<&[u8], Below> = BTreeMap::new();
        for key in history.keys().with_prefix(prefix) {
            let changes: Vec<&Change> =
                history.changes_of(key).take_while(|change| change.revision.main <= revision).collect();
            let Some(last) = changes.last() else { continue };
            let rest = history.keys().get(key).get(prefix.len()..).unwrap_or_default();
            // Keys begin with a slash, which is no end of a name there.
            let from = usize::from(prefix.is_empty());
            let slash = rest.iter().skip(from).position(|byte| *byte == b'/').map(|at| at + from + 1);
            let below = found.entry(rest.get(..slash.unwrap_or(rest.len())).unwrap_or_default()).or_default();
            below.keys += 1;
            below.key = slash.is_none().then_some(key);
            below.live += u64::from(matches!(view.state(key), KeyState::Live(_)));
            below.changes += changes.len() as u64;
            below.bytes += changes.iter().map(|change| u64::from(change.value.len)).sum::<u64>();
            below.last = below.last.max(last.revision.main);
        }
        let rows = found.into_iter().map(|(name, below)| {
            let target = match below.key {
                Some(key) => Target::Key { key, revision: below.last, name: render::key(history.keys().get(key)) },
                None => Target::Prefix([prefix, name].concat()),
            };
            let number = |number: u64| Cell::number(render::count(number), number as f64);
            let tone = if below.live == 0 { Tone::Deleted } else { Tone::Plain };
            let cells = vec![
                Cell::text(render::key(name)),
                number(below.live),
                number(below.keys - below.live),
                number(below.changes),
                Cell::number(render::bytes(below.bytes), below.bytes as f64),
                number(below.last.unsigned_abs()),
            ];
            Row { cells, target, tone, namespace: None }
        });
        List {
            columns: ["KEY", "LIVE", "DELETED", "CHANGES", "BYTES", "LAST REVISION"].map(str::to_owned).to_vec(),
            rows: rows.collect(),
            note: None,
            empty: "no keys here at this moment".to_owned(),
        }
    }

    pub(super) fn leases(&self) -> List {
        let history = self.history();
        let mut keys: BTreeMap<i64, (u64, Option<KeyId>)> = BTreeMap::new();
        let mut rows: Vec<Row> = Vec::new();
        for key in history.keys().ids() {
            let Some(change) = history.live(key) else { continue };
            match change.lease {
                LeaseRef::Id(id) => {
                    let entry = keys.entry(id).or_default();
                    entry.0 += 1;
                    entry.1.get_or_insert(key);
                }
                LeaseRef::Ttl(seconds) => {
                    rows.push(lease_row("(its row)", Some(seconds), None, 1, self.key_target(key)))
                }
                LeaseRef::None => {}
            }
        }
        for lease in history.leases() {
            let (count, key) = keys.remove(&lease.id).unwrap_or_default();
            let target = key.map_or(Target::Nothing, |key| self.key_target(key));
            let left = (lease.remaining > 0).then_some(lease.remaining);
            rows.push(lease_row(&format!("{:x}", lease.id), Some(lease.ttl), left, count, target));
        }
        for (id, (count, key)) in keys {
            let target = key.map_or(Target::Nothing, |key| self.key_target(key));
            rows.push(lease_row(&format!("{id:x}"), None, None, count, target));
        }
        let note = match history.engine() {
            Engine::Kine => "kine keeps a time to live in each row, and counts anew from its start",
            Engine::Etcd => "LEFT is of the last checkpoint: etcd counts on from there when it starts",
        };
        List {
            columns: ["LEASE", "TTL", "LEFT", "KEYS", "FIRST KEY"].map(str::to_owned).to_vec(),
            rows,
            note: Some(note.to_owned()),
            empty: "no key of this store has a lease".to_owned(),
        }
    }

    fn key_target(&self, key: KeyId) -> Target {
        let history = self.history();
        let revision = history.current_revision();
        Target::Key { key, revision, name: render::key(history.keys().get(key)) }
    }
}

fn lease_row(id: &str, ttl: Option<i64>, left: Option<i64>, keys: u64, target: Target) -> Row {
    let seconds = |seconds: Option<i64>, none: &str| match seconds {
        Some(seconds) => Cell::number(format!("{seconds} s"), seconds as f64),
        None => Cell::text(none),
    };
    let first = match &target {
        Target::Key { name, .. } => name.clone(),
        _ => "-".to_owned(),
    };
    let tone = if ttl.is_none() { Tone::Damaged } else { Tone::Plain };
    let cells = vec![
        Cell::text(id),
        seconds(ttl, "revoked"),
        seconds(left, "-"),
        Cell::number(keys.to_string(), keys as f64),
        Cell::text(first),
    ];
    Row { cells, target, tone, namespace: None }
}
