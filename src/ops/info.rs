//! What is in a store, at a glance.

use crate::etcd::hash::Trailer;
use crate::model::{Counts, Engine};
use crate::ops::store::{OpenStore, Store};
use crate::ops::why::sizes::Sizes;
use crate::source::Damage;
use crate::sqlite::{PageUse, TreeKind, WalState};

/// Where the bytes of a file are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BytesOf {
    /// The file, without its WAL.
    pub file: u64,
    /// Values of live keys.
    pub live: u64,
    /// Values of superseded puts, and kine's copies of old values: as `why` counts them.
    pub superseded: u64,
    /// Pages that hold nothing the store still needs.
    pub free: u64,
    /// Pages that only lead to others: indexes of SQLite, branch pages of bbolt.
    pub index: u64,
}

/// What a WAL beside a SQLite file adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalFrames {
    /// Frames that belong to the database.
    pub committed: u64,
    /// Frames that SQLite leaves out: uncommitted, of an earlier generation, or broken.
    pub ignored: u64,
}

/// What only an etcd store has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EtcdInfo {
    /// HashKV at the current revision, and the compact revision it was taken at.
    pub hash_kv: Option<(u32, i64)>,
    /// The hash of `etcdutl snapshot status`.
    pub status_hash: Option<u32>,
    /// The trailer's verdict.
    pub trailer: Option<Trailer>,
    /// Whether the file's length is that of a snapshot.
    pub snapshot_shaped: bool,
    /// The etcd schema's version.
    pub schema_version: Option<String>,
    /// The cluster's version.
    pub cluster_version: Option<String>,
    /// Raft index of the last applied entry.
    pub consistent_index: Option<u64>,
    /// Raft term of it.
    pub term: Option<u64>,
    /// Ids of the members.
    pub members: Vec<String>,
    /// Armed alarms.
    pub alarms: Vec<String>,
    /// Ranges of revisions without a row.
    pub holes: Vec<(i64, i64)>,
    /// What the raft WAL adds to the database; `None` without one.
    pub replay: Option<Replay>,
}

/// What was replayed from a raft WAL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// Entries whose effect was not yet in the database file.
    pub applied: u64,
    /// Entries behind the commit index, which a member of several cannot know to be valid.
    pub uncommitted: u64,
    /// What else was noticed.
    pub notes: Vec<String>,
}

/// What only a kine store has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KineInfo {
    /// What the WAL adds.
    pub wal: WalFrames,
    /// The names of the table's indexes.
    pub indexes: Vec<String>,
}

/// What is in a store.
#[derive(Clone, Debug)]
pub struct Info {
    /// Who wrote it.
    pub engine: Engine,
    /// The bytes of a page.
    pub page_size: u32,
    /// The newest revision.
    pub current_revision: i64,
    /// The revision up to which history is compacted.
    pub compact_revision: i64,
    /// How much there is.
    pub counts: Counts,
    /// Leases: etcd's, or kine's live rows with a time to live.
    pub leases: u64,
    /// Rows that only fill or pin a revision.
    pub gap_rows: u64,
    /// Where the bytes are.
    pub bytes: BytesOf,
    /// The `/bootstrap/` keys that are live: name, and length of the value in bytes.
    pub bootstrap: Vec<(String, u32)>,
    /// What only etcd has.
    pub etcd: Option<EtcdInfo>,
    /// What only kine has.
    pub kine: Option<KineInfo>,
    /// What is wrong.
    pub damage: Vec<Damage>,
}

impl Info {
    /// Looks at a store. `quick` leaves out the hashes that need the whole file.
    pub fn of(source: &OpenStore, quick: bool) -> Self {
        let store = &source.store;
        let history = store.history();
        let mut damage: Vec<Damage> = store.damage().iter().chain(store.contradictions()).cloned().collect();
        let counts = history.counts();
        let (page_size, bytes, etcd, kine, leases) = match store {
            Store::Etcd(store) => {
                if !quick {
                    damage.extend(store.lost_rows());
                }
                let etcd = etcd_info(source, store, quick, &mut damage);
                let census = store.census();
                let index = census.branch().saturating_mul(census.page_size.into());
                let bytes = BytesOf {
                    file: store.bolt().bytes().len() as u64,
                    live: counts.live_bytes,
                    superseded: counts.superseded_bytes,
                    free: census.free_bytes(),
                    index,
                };
                (census.page_size, bytes, Some(etcd), None, history.leases().len() as u64)
            }
            Store::Kine(store) => {
                let copies = Sizes::of(&source.store).all_copies();
                let (bytes, page_size) = kine_bytes(store, counts, copies);
                let live = history.keys().ids().filter_map(|key| history.live(key));
                let leases = live.filter(|change| history.ttl(change.lease).is_some()).count() as u64;
                (page_size, bytes, None, Some(kine_info(store)), leases)
            }
        };
        Self {
            engine: history.engine(),
            page_size,
            current_revision: history.current_revision(),
            compact_revision: history.compact_revision(),
            counts,
            leases,
            gap_rows: history.gap_rows(),
            bytes,
            bootstrap: bootstrap(store),
            etcd,
            kine,
            damage,
        }
    }
}

fn bootstrap(store: &Store) -> Vec<(String, u32)> {
    let history = store.history();
    let live = history.keys().with_prefix(b"/bootstrap/").filter_map(|key| history.live(key));
    live.map(|change| (String::from_utf8_lossy(history.keys().get(change.key)).into_owned(), change.value.len))
        .collect()
}

fn etcd_info(source: &OpenStore, store: &crate::etcd::Store, quick: bool, damage: &mut Vec<Damage>) -> EtcdInfo {
    let meta = store.meta();
    let mut info = EtcdInfo {
        snapshot_shaped: store.is_snapshot_shaped(),
        schema_version: meta.schema_version(),
        cluster_version: meta.cluster_version.clone(),
        consistent_index: meta.consistent_index,
        term: meta.term,
        members: meta.members.keys().cloned().collect(),
        alarms: meta.alarms.iter().map(|alarm| alarm.kind.clone()).collect(),
        holes: store.holes(),
        replay: store.replayed().map(|replayed| Replay {
            applied: replayed.applied,
            uncommitted: replayed.uncommitted.len() as u64,
            notes: replayed.notes.clone(),
        }),
        ..EtcdInfo::default()
    };
    if quick {
        info.trailer = (!store.is_snapshot_shaped()).then_some(Trailer::Absent);
        return info;
    }
    info.status_hash = Some(store.status_hash());
    let kv = store.hash_kv();
    let trailer = source.trailer().unwrap_or(Trailer::Absent);
    info.trailer = Some(trailer);
    match kv {
        Ok(kv) => info.hash_kv = Some((kv.hash, kv.compact_revision)),
        Err(fault) => damage.push(fault),
    }
    damage.extend(source.wrong_trailer());
    info
}

fn kine_info(store: &crate::kine::Store) -> KineInfo {
    let wal = match store.database().wal() {
        WalState::Read(wal) | WalState::ForeignPageSize(wal) => {
            let committed = wal.committed_frames() as u64;
            WalFrames { committed, ignored: wal.ignored().frames() as u64 }
        }
        WalState::Absent | WalState::Refused(_) => WalFrames::default(),
    };
    let indexes = store.schema().iter().filter(|entry| entry.kind == crate::sqlite::SchemaKind::Index);
    KineInfo { wal, indexes: indexes.map(|entry| entry.name.clone()).collect() }
}

fn kine_bytes(store: &crate::kine::Store, counts: Counts, copies: u64) -> (BytesOf, u32) {
    let page_size = store.database().geometry().page_size().get();
    let census = store.census();
    let free = census.count(PageUse::FreelistTrunk) + census.count(PageUse::FreelistLeaf);
    let index: u64 =
        census.trees.iter().filter(|tree| tree.tree == TreeKind::Index).map(|tree| u64::from(tree.pages())).sum();
    let bytes = BytesOf {
        file: store.database().main().len() as u64,
        live: counts.live_bytes,
        superseded: counts.superseded_bytes.saturating_add(copies),
        free: u64::from(free) * u64::from(page_size),
        index: index * u64::from(page_size),
    };
    (bytes, page_size)
}
