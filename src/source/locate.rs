//! Which datastores a tree of files holds.

use super::tree::{Tree, join};
use super::{Format, SourceError, sniff};

/// How the files of one store lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// kine: a SQLite file, with the WAL that belongs to it.
    Sqlite {
        /// The database.
        db: String,
        /// Its `-wal`.
        wal: Option<String>,
    },
    /// etcd: one bbolt file, a snapshot or a bare database.
    Bolt {
        /// The file.
        db: String,
    },
    /// etcd: a data directory.
    EtcdDir {
        /// `member/`, relative to the tree.
        member: String,
    },
}

impl Layout {
    /// `kine` or `etcd`, as `--store` has it.
    pub fn store(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "kine",
            Self::Bolt { .. } | Self::EtcdDir { .. } => "etcd",
        }
    }

    /// The path that names the store.
    pub fn path(&self) -> &str {
        match self {
            Self::Sqlite { db, .. } | Self::Bolt { db } => db,
            Self::EtcdDir { member } => member.strip_suffix("member").map_or(member, |dir| dir.trim_end_matches('/')),
        }
    }
}

/// A store that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its files.
    pub layout: Layout,
    /// Why it wins over the others of its directory, where a rule says so.
    pub preferred: Option<&'static str>,
}

impl Candidate {
    fn plain(layout: Layout) -> Self {
        Self { layout, preferred: None }
    }
}

/// Directories below the named one in which stores are looked for.
const DEEPEST: u32 = 6;

/// All stores in a tree.
///
/// # Errors
/// What the operating system says of the tree's root; deeper directories that cannot be read are passed over.
pub fn locate(tree: &Tree) -> Result<Vec<Candidate>, SourceError> {
    let mut found = Vec::new();
    search(tree, "", 0, &mut found)?;
    Ok(found)
}

fn search(tree: &Tree, dir: &str, depth: u32, found: &mut Vec<Candidate>) -> Result<(), SourceError> {
    if let Some(member) = member_dir(tree, dir) {
        found.push(Candidate::plain(Layout::EtcdDir { member }));
        return Ok(());
    }
    let k3s = k3s_db_dir(tree, dir).unwrap_or_default();
    let is_found = |name: &str| k3s.iter().any(|store| store.layout.path() == join(dir, name));
    let (mut files, mut dirs) = tree.list(dir)?;
    files.retain(|name| !is_found(name));
    dirs.retain(|name| !is_found(name));
    found.extend(k3s);
    // What else lies in k3s's directory, such as snapshots and what a restore moved away, can be chosen by name.
    for name in files {
        let path = join(dir, &name);
        match sniff(&tree.head(&path)) {
            Format::Sqlite => found.push(Candidate::plain(sqlite(tree, path))),
            Format::Bolt => found.push(Candidate::plain(Layout::Bolt { db: path })),
            Format::Empty if tree.is_file(&format!("{path}-wal")) => found.push(Candidate::plain(sqlite(tree, path))),
            _ => {}
        }
    }
    if depth < DEEPEST {
        for name in dirs {
            // A directory below that cannot be read must not hide the stores that can.
            let _ = search(tree, &join(dir, &name), depth + 1, found);
        }
    }
    Ok(())
}

/// The `member` directory of an etcd data directory, when `dir` is one, or is itself named `member`.
fn member_dir(tree: &Tree, dir: &str) -> Option<String> {
    let inside = join(dir, "member");
    [inside, dir.to_owned()].into_iter().find(|member| tree.is_file(&join(member, "snap/db")))
}

/// k3s's `server/db`. Which store it starts on is decided by the directory `etcd/member/wal` alone (k3s
/// pkg/cluster/managed.go, assignManagedDriver), unless flags name another datastore.
fn k3s_db_dir(tree: &Tree, dir: &str) -> Option<Vec<Candidate>> {
    let etcd = join(dir, "etcd/member");
    let state = join(dir, "state.db");
    let migrated = join(dir, "state.db.migrated");
    let has_etcd = tree.is_file(&join(&etcd, "snap/db"));
    let has_state = tree.is_file(&state);
    let has_migrated = tree.is_file(&migrated);
    let is_db_dir = tree.is_dir(&join(dir, "snapshots")) || tree.is_file(&join(dir, "reset-flag"));
    if !(has_etcd || has_state && has_migrated || (has_state || has_migrated) && is_db_dir) {
        return None;
    }
    let starts_etcd = tree.is_dir(&join(&etcd, "wal"));
    let mut stores = Vec::new();
    if has_etcd {
        let preferred = starts_etcd.then_some("k3s would start on it, because etcd/member/wal exists");
        stores.push(Candidate { layout: Layout::EtcdDir { member: etcd }, preferred });
    }
    if has_state {
        let preferred = (!starts_etcd).then_some("k3s would start on it, because there is no etcd/member/wal");
        stores.push(Candidate { layout: sqlite(tree, state), preferred });
    }
    if has_migrated {
        stores.push(Candidate::plain(sqlite(tree, migrated)));
    }
    Some(stores)
}

/// A SQLite file with its WAL. k3s renames `state.db` after its migration to etcd but not the `-wal`, so an orphan
/// `state.db-wal` belongs to `state.db.migrated` (k3s pkg/etcd/etcd.go, migrateFromSQLite).
pub fn sqlite(tree: &Tree, db: String) -> Layout {
    let own = format!("{db}-wal");
    let orphan =
        db.strip_suffix(".migrated").filter(|before| !tree.is_file(before)).map(|before| format!("{before}-wal"));
    let wal = [Some(own), orphan].into_iter().flatten().find(|wal| tree.is_file(wal));
    Layout::Sqlite { db, wal }
}
