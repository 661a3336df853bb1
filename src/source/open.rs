//! From the path on the command line to the files of one store.

use std::io;
use std::path::Path;

use super::archive::{Unpacked, unpack};
use super::locate::{Candidate, Layout, locate, sqlite};
use super::spool::{SpoolError, UNPACK_LIMIT, spool};
use super::tree::{Tree, join, read_head};
use super::{Bytes, FileName, Format, SourceError, Watch, sniff};

/// What the user said about which store is meant.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// `--store`: `kine` or `etcd`.
    pub store: Option<String>,
    /// `--member`: a file or directory inside the archive or directory.
    pub member: Option<String>,
}

/// One file of a store.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name in messages.
    pub name: FileName,
    /// Its content.
    pub bytes: Bytes,
}

/// The files of one store.
#[derive(Clone, Debug)]
pub enum Files {
    /// kine's SQLite file and its WAL.
    Sqlite {
        /// The database.
        db: File,
        /// Its `-wal`.
        wal: Option<File>,
    },
    /// etcd's bbolt file alone: a snapshot or a bare database.
    Bolt {
        /// The file.
        db: File,
    },
    /// An etcd data directory.
    EtcdDir {
        /// `member/snap/db`.
        db: File,
        /// The segments of `member/wal`, by name.
        wal: Vec<File>,
        /// The `.snap` files of `member/snap`, by name.
        snap: Vec<File>,
    },
}

/// A store whose files are open for reading.
#[derive(Debug)]
pub struct Opened {
    /// The store's name: the path as given, with the member inside it.
    pub name: String,
    /// Its files.
    pub files: Files,
    /// What the user should know about the choice.
    pub notes: Vec<String>,
    /// The files on disk as they were.
    pub watch: Watch,
}

/// Opens what the user named: a file, a directory, an archive, or `-` for standard input.
///
/// # Errors
/// [`SourceError`], each with what to try.
pub fn open(path: &Path, choice: &Choice) -> Result<Opened, SourceError> {
    if path == Path::new("-") {
        return open_stdin(choice);
    }
    let metadata = std::fs::metadata(path).map_err(|error| SourceError::io(path, error))?;
    let mut watch = Watch::default();
    if metadata.is_dir() {
        watch.add_root(path);
        return choose(&Tree::Disk(path.to_owned()), choice, watch);
    }
    watch.add(path);
    let head = read_head(path).map_err(|error| SourceError::io(path, error))?;
    let name = path.display().to_string();
    let (parent, file) = split(path)?;
    let tree = Tree::Disk(parent);
    match sniff(&head) {
        Format::Zip | Format::Tar | Format::Gzip | Format::Zstd => {
            let bytes = tree.map(&file)?;
            unpacked(unpack(name, bytes)?, choice, watch)
        }
        Format::Sqlite => open_single(&tree, sqlite(&tree, file), name, choice, watch),
        Format::Empty if tree.is_file(&format!("{file}-wal")) => {
            open_single(&tree, sqlite(&tree, file), name, choice, watch)
        }
        Format::Bolt => open_single(&tree, Layout::Bolt { db: file }, name, choice, watch),
        other => Err(not_a_store(name, other)),
    }
}

/// Opens one file as it is, whatever its first bytes say, with the WAL beside it: for a search through damaged files. A
/// directory stands for the database in it that has its usual name.
///
/// # Errors
/// What the operating system says, and [`SourceError::NoStore`] for a directory without such a file.
pub fn open_raw(path: &Path) -> Result<(String, File, Option<File>, Watch), SourceError> {
    let metadata = std::fs::metadata(path).map_err(|error| SourceError::io(path, error))?;
    if metadata.is_dir() {
        const USUAL: [&str; 6] = [
            "state.db",
            "db/state.db",
            "server/db/state.db",
            "member/snap/db",
            "etcd/member/snap/db",
            "db/etcd/member/snap/db",
        ];
        let inside = USUAL.iter().map(|name| path.join(name)).find(|path| path.is_file());
        let inside = inside.ok_or_else(|| SourceError::NoStore(path.display().to_string()))?;
        let (name, db, wal, mut watch) = open_raw(&inside)?;
        watch.add_root(path);
        return Ok((name, db, wal, watch));
    }
    let (parent, file) = split(path)?;
    let tree = Tree::Disk(parent);
    let mut watch = Watch::default();
    watch.add(path);
    let name = path.display().to_string();
    if sniff(&read_head(path).map_err(|error| SourceError::io(path, error))?) == Format::SqliteWal {
        let db = File { name: FileName::new(name.as_str()), bytes: Bytes::from(Vec::new()) };
        return Ok((name, db, Some(read(&tree, &file)?), watch));
    }
    let wal = format!("{file}-wal");
    note_disk(&tree, &wal, &mut watch);
    let wal = if tree.is_file(&wal) { Some(read(&tree, &wal)?) } else { None };
    Ok((name, map(&tree, &file)?, wal, watch))
}

/// One file as it is, without what lies beside it.
///
/// # Errors
/// What the operating system says.
pub fn open_alone(path: &Path) -> Result<File, SourceError> {
    let (parent, file) = split(path)?;
    map(&Tree::Disk(parent), &file)
}

/// Opens a store that was named itself. What the user said about it must be true of it all the same.
fn open_single(
    tree: &Tree,
    layout: Layout,
    name: String,
    choice: &Choice,
    watch: Watch,
) -> Result<Opened, SourceError> {
    let only = Candidate { layout, preferred: None };
    if !fits(choice, &only.layout) {
        return Err(no_match(name, choice, &[only]));
    }
    open_layout(tree, &only.layout, name, watch)
}

/// A path's directory and file name, so that the files beside it can be found.
fn split(path: &Path) -> Result<(std::path::PathBuf, String), SourceError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => Path::new(".").to_owned(),
    };
    match path.file_name().and_then(|name| name.to_str()) {
        Some(name) => Ok((parent, name.to_owned())),
        None => Err(SourceError::NotAStore { name: path.display().to_string(), what: "its name is not UTF-8" }),
    }
}

fn open_stdin(choice: &Choice) -> Result<Opened, SourceError> {
    let name = "standard input".to_owned();
    let bytes = spool(io::stdin().lock(), &mut UNPACK_LIMIT.clone()).map_err(|error| match error {
        SpoolError::Io(source) => SourceError::no_room(&name, &source)
            .unwrap_or_else(|| SourceError::Io { path: name.clone().into(), source }),
        SpoolError::TooLarge => SourceError::TooLarge { name: name.clone(), limit: UNPACK_LIMIT },
    })?;
    unpacked(unpack(name, bytes)?, choice, Watch::default())
}

fn unpacked(content: Unpacked, choice: &Choice, watch: Watch) -> Result<Opened, SourceError> {
    match content {
        Unpacked::Tree(tree) => choose(&tree, choice, watch),
        Unpacked::File(name, bytes) => {
            let db = File { name: FileName::new(name.as_str()), bytes };
            let (layout, files) = match sniff(&db.bytes) {
                Format::Sqlite => (Layout::Sqlite { db: name.clone(), wal: None }, Files::Sqlite { db, wal: None }),
                Format::Bolt => (Layout::Bolt { db: name.clone() }, Files::Bolt { db }),
                other => return Err(not_a_store(name, other)),
            };
            if !fits(choice, &layout) {
                return Err(no_match(name, choice, &[Candidate { layout, preferred: None }]));
            }
            Ok(Opened { name, files, notes: Vec::new(), watch })
        }
    }
}

fn not_a_store(name: String, format: Format) -> SourceError {
    match format {
        Format::SqliteWal => {
            let hint = match name.strip_suffix("-wal") {
                Some(db) => format!("name the database it belongs to: {db}"),
                None => "name the database it belongs to".to_owned(),
            };
            SourceError::Part { name, what: "a SQLite WAL", hint }
        }
        Format::Empty => SourceError::NotAStore { name, what: "the file is empty" },
        Format::Zeros => SourceError::NotAStore { name, what: "the file begins with zeros where a header should be" },
        _ => SourceError::NotAStore { name, what: "its first bytes are those of no datastore" },
    }
}

/// Picks one store of a tree by the user's words, else by k3s's rule, else because there is only one.
fn choose(tree: &Tree, choice: &Choice, watch: Watch) -> Result<Opened, SourceError> {
    let all = locate(tree)?;
    if all.is_empty() {
        return Err(SourceError::NoStore(tree.shown("")));
    }
    let mut fitting: Vec<&Candidate> = all.iter().filter(|candidate| fits(choice, &candidate.layout)).collect();
    // The whole path names one store, although it may be the end of another's.
    if let Some(&exact) = fitting.iter().find(|candidate| choice.member.as_deref() == Some(candidate.layout.path())) {
        fitting = vec![exact];
    }
    let chosen = match fitting.as_slice() {
        [] => return Err(no_match(tree.shown(""), choice, &all)),
        [only] => only,
        several => match several.iter().find(|candidate| candidate.preferred.is_some()) {
            Some(preferred) => preferred,
            None => {
                return Err(SourceError::Ambiguous { name: tree.shown(""), list: listing(&all) });
            }
        },
    };
    let name = tree.shown(chosen.layout.path());
    let mut opened = open_layout(tree, &chosen.layout, name, watch)?;
    if let Some(why) = chosen.preferred.filter(|_| fitting.len() > 1) {
        let note = format!("{}: reading the {} store: {why}", opened.name, chosen.layout.store());
        opened.notes.push(note);
    }
    Ok(opened)
}

/// Whether a store is the one that the user's words ask for.
fn fits(choice: &Choice, layout: &Layout) -> bool {
    let path = layout.path();
    let store_fits = choice.store.as_deref().is_none_or(|store| store == layout.store());
    let member_fits = choice.member.as_deref().is_none_or(|member| {
        let member = member.trim_matches('/');
        path == member || path.ends_with(&format!("/{member}"))
    });
    store_fits && member_fits
}

fn no_match(name: String, choice: &Choice, all: &[Candidate]) -> SourceError {
    let wanted = [("--store", &choice.store), ("--member", &choice.member)];
    let wanted: Vec<String> =
        wanted.iter().filter_map(|(flag, value)| value.as_ref().map(|value| format!("{flag} {value}"))).collect();
    SourceError::NoMatch { name, wanted: wanted.join(" "), list: listing(all) }
}

fn listing(candidates: &[Candidate]) -> String {
    let line = |candidate: &Candidate| format!("\n  {}  {}", candidate.layout.store(), candidate.layout.path());
    candidates.iter().map(line).collect()
}

/// Opens the files of a layout: databases mapped, WAL files read.
fn open_layout(tree: &Tree, layout: &Layout, name: String, mut watch: Watch) -> Result<Opened, SourceError> {
    let mut notes = Vec::new();
    let files = match layout {
        Layout::Sqlite { db, wal } => {
            note_disk(tree, db, &mut watch);
            note_disk(tree, &wal.clone().unwrap_or_else(|| format!("{db}-wal")), &mut watch);
            if let Some(wal) = wal.as_deref().filter(|wal| *wal != format!("{db}-wal")) {
                notes.push(format!("{}: read with the orphan {}", tree.shown(db), tree.shown(wal)));
            }
            // The WAL first: a writer that checkpoints in between then leaves its pages in both places, in neither never.
            let wal = wal.as_ref().map(|wal| read(tree, wal)).transpose()?;
            Files::Sqlite { db: map(tree, db)?, wal }
        }
        Layout::Bolt { db } => {
            note_disk(tree, db, &mut watch);
            Files::Bolt { db: map(tree, db)? }
        }
        Layout::EtcdDir { member } => {
            let db = join(member, "snap/db");
            note_disk(tree, &db, &mut watch);
            let wal_dir = join(member, "wal");
            let wal = if tree.is_dir(&wal_dir) { in_dir(tree, &wal_dir, ".wal", &mut watch)? } else { Vec::new() };
            let snap = in_dir(tree, &join(member, "snap"), ".snap", &mut watch)?;
            Files::EtcdDir { db: map(tree, &db)?, wal, snap }
        }
    };
    Ok(Opened { name, files, notes, watch })
}

fn note_disk(tree: &Tree, path: &str, watch: &mut Watch) {
    if let Some(path) = tree.disk_path(path) {
        watch.add(&path);
    }
}

fn map(tree: &Tree, path: &str) -> Result<File, SourceError> {
    Ok(File { name: FileName::new(tree.shown(path)), bytes: tree.map(path)? })
}

fn read(tree: &Tree, path: &str) -> Result<File, SourceError> {
    Ok(File { name: FileName::new(tree.shown(path)), bytes: tree.read(path)? })
}

fn in_dir(tree: &Tree, dir: &str, suffix: &str, watch: &mut Watch) -> Result<Vec<File>, SourceError> {
    let (names, _) = tree.list(dir)?;
    let wanted = names.iter().filter(|name| name.ends_with(suffix)).map(|name| join(dir, name));
    wanted
        .map(|path| {
            note_disk(tree, &path, watch);
            read(tree, &path)
        })
        .collect()
}
