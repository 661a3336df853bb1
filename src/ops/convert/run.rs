//! Runs a conversion: plan, write beside the final name, read back, compare, rename.

use std::fs::File;
use std::path::Path;

use super::plan::{Plan, PlanError, Rows};
use super::report::Report;
use super::{Options, Target, check};
use crate::etcd::hash::Trailer;
use crate::etcd::{Image, datadir};
use crate::ops::behind::{Behind, Syncing};
use crate::ops::output::{Destination, Kind, OutputError};
use crate::ops::store::{self, OpenError, OpenStore, Store};
use crate::source::{Choice, Damage, SourceError};
use crate::{etcd, kine};

/// What a conversion is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Rows are being written.
    Writing,
    /// The target is being synced, read back and compared.
    Checking,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The source cannot be trusted.
    #[error(
        "{first}{more}; nothing was written, because a conversion would hide what is lost: use `kinescope recover`"
    )]
    Damaged {
        /// The first finding.
        first: String,
        /// How many more there are.
        more: String,
    },
    /// The trailer does not fit the file.
    #[error(
        "{0}: whole file: its last 32 bytes are not the SHA-256 of what stands before them, so the snapshot was changed \
         or damaged after it was taken; nothing was written: use `kinescope recover`"
    )]
    Trailer(String),
    /// The rules do not allow it.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The target cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// Building the file failed.
    #[error("writing failed: {0}; no temporary file was left")]
    Build(String),
    /// The target could not be read back.
    #[error("what was written cannot be read back: {0}; no temporary file was left")]
    ReadBack(OpenError),
    /// The target is not what it should be.
    #[error(transparent)]
    Mismatch(#[from] check::Mismatch),
    /// The source changed meanwhile.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The user wants to stop.
    #[error("interrupted; no temporary file was left")]
    Interrupted,
}

/// A conversion with its ways in and out.
pub struct Convert<'a> {
    /// The source.
    pub source: &'a OpenStore,
    /// Where to.
    pub target: &'a Path,
    /// How.
    pub options: &'a Options,
    /// Only try: write a temporary target, compare it, remove it.
    pub check_only: bool,
    /// Overwrite a target that exists.
    pub force: bool,
}

/// Converts. `progress` is told the phase, rows done and rows in all, and says whether to go on.
///
/// # Errors
/// [`ConvertError`]; nothing is left under the target's name then.
pub fn convert(
    job: &Convert<'_>,
    progress: &mut (dyn FnMut(Phase, u64, u64) -> bool + Send),
) -> Result<Report, ConvertError> {
    let source = &job.source.store;
    refuse_damaged(source.damage(), &lost_rows(source))?;
    let kind = if job.options.to == Target::EtcdDir { Kind::Directory } else { Kind::File };
    let force = job.force || job.check_only;
    let destination = Destination::new(job.target, kind, force, &job.source.watch)?;
    // The source's trailer takes as long as the file is large, and so does the search for contradictions: both go on beside
    // the writing, and decide before the rename. What cannot be planned may be so because the source contradicts itself.
    std::thread::scope(|scope| {
        let trailer = scope.spawn(|| job.source.trailer());
        // Not on a thread of its own: who waits for that inside rayon's pool would take away what it needs.
        let (written, contradictions) =
            rayon::join(|| plan_and_write(job, &destination, progress), || source.contradictions());
        let trailer = trailer.join().unwrap_or(Some(Trailer::Wrong));
        if trailer == Some(Trailer::Wrong) {
            return Err(ConvertError::Trailer(job.source.name.clone()));
        }
        refuse_damaged(contradictions, &[])?;
        let (made, report) = written.map_err(|error| match error {
            ConvertError::Build(what) => ConvertError::Build(format!("{}: {what}", job.target.display())),
            other => other,
        })?;
        job.source.watch.check()?;
        if !job.check_only {
            match made {
                Made::File(file) => destination.publish(file)?,
                Made::Directory(directory) => destination.publish_directory(directory)?,
            }
        }
        Ok(report)
    })
}

fn plan_and_write(
    job: &Convert<'_>,
    destination: &Destination,
    progress: &mut (dyn FnMut(Phase, u64, u64) -> bool + Send),
) -> Result<(Made, Report), ConvertError> {
    let plan = Plan::new(&job.source.store, job.options)?;
    destination.reserve(estimate(&plan))?;
    write(job, &plan, destination, progress)
}

fn lost_rows(source: &Store) -> Vec<Damage> {
    match source {
        Store::Etcd(store) => store.lost_rows(),
        Store::Kine(_) => Vec::new(),
    }
}

/// A damaged source, and one that contradicts itself, is for `recover`: converting it would hide the loss.
fn refuse_damaged(found: &[Damage], more: &[Damage]) -> Result<(), ConvertError> {
    let findings: Vec<&Damage> = found.iter().chain(more).collect();
    let Some(first) = findings.first() else { return Ok(()) };
    let more = match findings.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more; `kinescope info` lists them)"),
    };
    Err(ConvertError::Damaged { first: first.to_string(), more })
}

/// Bytes that the target will take at most, roughly: values, and what pages and indexes add.
fn estimate(plan: &Plan<'_>) -> u64 {
    let len = |content| plan.contents.len_of(content) as u64;
    let per_row = 64;
    let bytes: u64 = match &plan.rows {
        Rows::Kine(rows) => rows
            .iter()
            .map(|row| {
                let name = plan.contents.name_bytes(row.name).len() as u64;
                row.value.map_or(0, len) + row.old_value.map_or(0, len) + 5 * name + 4 * per_row
            })
            .sum(),
        Rows::Etcd(rows) => {
            rows.iter().map(|row| len(row.value) + plan.contents.name_bytes(row.name).len() as u64 + per_row).sum()
        }
    };
    bytes + bytes / 16 + (1 << 20)
}

enum Made {
    File(tempfile::NamedTempFile),
    Directory(tempfile::TempDir),
}

impl Made {
    fn path(&self) -> &Path {
        match self {
            Self::File(file) => file.path(),
            Self::Directory(directory) => directory.path(),
        }
    }
}

fn write(
    job: &Convert<'_>,
    plan: &Plan<'_>,
    destination: &Destination,
    progress: &mut (dyn FnMut(Phase, u64, u64) -> bool + Send),
) -> Result<(Made, Report), ConvertError> {
    let total = plan.rows.len() as u64;
    let (made, syncs, syncing) = match job.options.to {
        Target::EtcdDir => {
            let (made, syncs) =
                write_directory(job.options, plan, destination, &mut |done| progress(Phase::Writing, done, total))?;
            (made, syncs, None)
        }
        to => {
            let mut file = destination.temporary()?;
            let io = |error: std::io::Error| ConvertError::Build(error.to_string());
            let syncing = write_file(job.options, to, plan, file.as_file_mut(), &mut |done| {
                progress(Phase::Writing, done, total)
            })?;
            let handle = file.as_file().try_clone().map_err(io)?;
            (Made::File(file), vec![handle], syncing)
        }
    };
    if !progress(Phase::Checking, total, total) {
        return Err(ConvertError::Interrupted);
    }
    let report = while_synced(syncing, &syncs, || read_back(job, plan, &made))??;
    if !progress(Phase::Checking, total, total) {
        return Err(ConvertError::Interrupted);
    }
    Ok((made, report))
}

/// Does something while files that were written are brought to the disk. Syncing waits for the disk, comparing for the
/// processor; inside rayon's pool it would take a thread from the latter.
///
/// # Errors
/// The disk refused something.
pub(in crate::ops) fn while_synced<T>(
    syncing: Option<Syncing>,
    files: &[File],
    meanwhile: impl FnOnce() -> T,
) -> Result<T, ConvertError> {
    let sync = || {
        let before = syncing.map_or(Ok(()), Syncing::wait);
        before.and(files.iter().try_for_each(File::sync_all))
    };
    let (synced, done) = std::thread::scope(|scope| {
        let synced = scope.spawn(sync);
        let done = meanwhile();
        (synced.join().unwrap_or_else(|_| Err(std::io::Error::other("the syncing thread died"))), done)
    });
    synced.map_err(|error| ConvertError::Build(error.to_string()))?;
    Ok(done)
}

/// Writes the rows of a plan into a file. What of it is still on its way to the disk is given back.
pub(in crate::ops) fn write_file(
    options: &Options,
    to: Target,
    plan: &Plan<'_>,
    file: &mut File,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<Option<Syncing>, ConvertError> {
    use std::io::Write;
    match &plan.rows {
        Rows::Kine(rows) => {
            let failed = |error: std::io::Error| ConvertError::Build(error.to_string());
            let mut behind = Behind::new(file).map_err(failed)?;
            let written = kine::write(&plan.contents, rows, &mut behind, progress).map(drop);
            // A write that failed stops the builder too, which cannot know why.
            let syncing = behind.finish().map_err(failed)?;
            written.map_err(|error| match error {
                kine::WriteError::Interrupted => ConvertError::Interrupted,
                other => ConvertError::Build(other.to_string()),
            })?;
            Ok(Some(syncing))
        }
        Rows::Etcd(rows) => {
            let failed = |error: std::io::Error| ConvertError::Build(error.to_string());
            let image = image(options, plan, rows, Vec::new());
            let out = file.try_clone().map_err(failed)?;
            let (mut out, sha256) = image.write(out, progress).map_err(etcd_error)?;
            if to == Target::EtcdSnapshot {
                out.write_all(&sha256).map_err(failed)?;
            }
            Ok(None)
        }
    }
}

fn etcd_error(error: etcd::WriteError) -> ConvertError {
    match error {
        etcd::WriteError::Interrupted => ConvertError::Interrupted,
        other => ConvertError::Build(other.to_string()),
    }
}

fn image<'p>(
    options: &Options,
    plan: &'p Plan<'_>,
    rows: &'p [etcd::NewRow],
    membership: Vec<(&'static str, Vec<u8>, Vec<u8>)>,
) -> Image<'p> {
    Image {
        contents: &plan.contents,
        rows,
        leases: &plan.leases,
        compact_revision: plan.compact_revision,
        version: options.etcd_version,
        membership,
    }
}

fn write_directory(
    options: &Options,
    plan: &Plan<'_>,
    destination: &Destination,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<(Made, Vec<File>), ConvertError> {
    let io = |error: std::io::Error| ConvertError::Build(error.to_string());
    let Rows::Etcd(rows) = &plan.rows else {
        return Err(ConvertError::Build("rows of kine for a directory of etcd".to_owned()));
    };
    let directory = destination.temporary_directory()?;
    let member = datadir::Member::new(&options.member_name, &options.peer_urls, options.etcd_version);
    let mut synced = Vec::new();
    for (path, bytes) in member.files() {
        let path = directory.path().join(path);
        synced.extend(make_file(&path, |file| std::io::Write::write_all(file, &bytes)).map_err(io)?);
    }
    let db = directory.path().join("member/snap/db");
    let file = create(&db).map_err(io)?;
    let (file, _) = image(options, plan, rows, member.rows()).write(file, progress).map_err(etcd_error)?;
    synced.push(file);
    for inside in ["member/wal", "member/snap", "member", "."] {
        synced.push(File::open(directory.path().join(inside)).map_err(io)?);
    }
    Ok((Made::Directory(directory), synced))
}

fn create(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    if let Some(parent) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    std::fs::OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

fn make_file(path: &Path, fill: impl FnOnce(&mut File) -> std::io::Result<()>) -> std::io::Result<Vec<File>> {
    let mut file = create(path)?;
    fill(&mut file)?;
    Ok(vec![file])
}

/// Opens the target as any user would, and compares it.
fn read_back(job: &Convert<'_>, plan: &Plan<'_>, made: &Made) -> Result<Report, ConvertError> {
    let target = store::open(made.path(), &Choice::default()).map_err(ConvertError::ReadBack)?;
    let history = target.store.history();
    let (checked, (hash_kv, prefixes)) = rayon::join(
        || check::check(&job.source.store, plan, job.options, &target.store),
        || {
            let prefixes = || if job.options.prefixes { check::prefixes(history) } else { Ok(Vec::new()) };
            rayon::join(|| hash_kv(&target.store), prefixes)
        },
    );
    checked?;
    let hash_kv = hash_kv?;
    let counts = history.counts();
    let keys = job.source.store.history().keys();
    let bytes = match made {
        Made::File(file) => file.as_file().metadata().map_or(0, |metadata| metadata.len()),
        Made::Directory(directory) => {
            std::fs::metadata(directory.path().join("member/snap/db")).map_or(0, |metadata| metadata.len())
        }
    };
    Ok(Report {
        source: job.source.name.clone(),
        target: (!job.check_only).then(|| job.target.display().to_string()),
        to: job.options.to,
        bytes,
        live_keys: counts.live_keys,
        changes: counts.changes,
        current_revision: history.current_revision(),
        compact_revision: history.compact_revision(),
        hash_kv,
        left_out: plan.left_out.iter().map(|left| (keys.get(left.key).to_vec(), *left)).collect(),
        not_wanted: plan.not_wanted,
        translated: plan.translated.iter().map(|made| (keys.get(made.key).to_vec(), made.clone())).collect(),
        added: plan.added.clone(),
        prefixes: prefixes?,
        notes: plan.notes.clone(),
    })
}

fn hash_kv(store: &Store) -> Result<Option<u32>, ConvertError> {
    match store {
        Store::Etcd(store) => match store.hash_kv() {
            Ok(hash) => Ok(Some(hash.hash)),
            Err(damage) => Err(ConvertError::Build(damage.to_string())),
        },
        Store::Kine(_) => Ok(None),
    }
}
