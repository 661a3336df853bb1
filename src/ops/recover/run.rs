//! Search, decide, write, read back, report.

use std::path::Path;

use super::report::{Report, Written};
use super::search::{Found, Salvaged};
use super::{Options, etcd, kine};
use crate::ops::convert::{self, Convert, ConvertError, Phase, Plan, PlanError, Target};
use crate::ops::output::{Destination, Kind, OutputError};
use crate::ops::store::{self, OpenError, OpenStore};
use crate::source::{Choice, SourceError};

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// There are no rows.
    #[error(
        "{0}: no row was found in it of which it is certain that it stands in the table; nothing was written (without -o there \
         is a report, and --rows-history FILE lists what was found)"
    )]
    Nothing(String),
    /// The target cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The rows do not make a store.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Writing or converting failed.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// The target could not be read back.
    #[error("what was written cannot be read back: {0}; no temporary file was left")]
    ReadBack(OpenError),
    /// The target is not what it should be.
    #[error("what was read back is not what was to be written: {0}; nothing was put in place. Please report this")]
    Mismatch(String),
    /// The source changed meanwhile.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// Decides what of `found` is present state, writes it to `target` where there is one, and reports.
///
/// # Errors
/// [`RecoverError`]; nothing is left under the target's name then.
pub fn recover(
    found: &Found,
    target: Option<&Path>,
    options: &Options,
    progress: &mut (dyn FnMut(Phase, u64, u64) -> bool + Send),
) -> Result<Report, RecoverError> {
    let destination =
        target.map(|target| Destination::new(target, Kind::File, options.force, &found.watch)).transpose()?;
    match &found.salvaged {
        Salvaged::Kine(salvage) => {
            let (mut report, rows) = kine::decide(salvage, options, destination.is_some());
            let job = Job { found, destination: destination.as_ref(), options };
            job.finish(&mut report, Target::Kine, rows.is_empty(), progress, |report| {
                kine::plan(salvage, &rows, report)
            })?;
            Ok(report)
        }
        Salvaged::Etcd(salvage) => {
            let (mut report, rows) = etcd::decide(salvage, options);
            let job = Job { found, destination: destination.as_ref(), options };
            let plan = |report: &mut Report| Ok(etcd::plan(salvage, &rows, report));
            job.finish(&mut report, Target::EtcdSnapshot, rows.is_empty(), progress, plan)?;
            Ok(report)
        }
    }
}

/// What both engines do the same way.
struct Job<'a> {
    found: &'a Found,
    destination: Option<&'a Destination>,
    options: &'a Options,
}

impl Job<'_> {
    /// Names the source, and writes the plan where something is to be written.
    fn finish<'p>(
        &self,
        report: &mut Report,
        own: Target,
        is_empty: bool,
        progress: &mut (dyn FnMut(Phase, u64, u64) -> bool + Send),
        plan: impl FnOnce(&mut Report) -> Result<Plan<'p>, PlanError>,
    ) -> Result<(), RecoverError> {
        report.source.clone_from(&self.found.name);
        report.notes.splice(0..0, self.found.notes.iter().cloned());
        if let (Some(destination), Some(to)) = (self.destination, self.options.to) {
            if is_empty {
                return Err(RecoverError::Nothing(self.found.name.clone()));
            }
            let plan = plan(report)?;
            report.written = Some(write(self.found, &plan, own, to, destination, self.options, progress)?);
        }
        Ok(())
    }
}

/// Writes the store of the source's own engine and reads it back; a store of the other engine is converted from that one.
fn write(
    found: &Found,
    plan: &Plan<'_>,
    own: Target,
    to: Target,
    destination: &Destination,
    options: &Options,
    progress: &mut (dyn FnMut(Phase, u64, u64) -> bool + Send),
) -> Result<Written, RecoverError> {
    let total = plan.rows.len() as u64;
    let failed = |source| OutputError::Io { path: destination.path().to_owned(), source };
    let mut file = destination.temporary()?;
    let plain = convert::Options::plain(own);
    let syncing =
        convert::write_file(&plain, own, plan, file.as_file_mut(), &mut |done| progress(Phase::Writing, done, total))?;
    if !progress(Phase::Checking, total, total) {
        return Err(ConvertError::Interrupted.into());
    }
    let handle = file.as_file().try_clone().map_err(failed)?;
    let made = convert::while_synced(syncing, &[handle], || read_back(file.path(), plan))??;
    found.watch.check()?;
    let target = destination.path().display().to_string();
    if own == to {
        let history = made.store.history();
        let counts = history.counts();
        let written = Written {
            target,
            to,
            bytes: file.as_file().metadata().map_or(0, |metadata| metadata.len()),
            live_keys: counts.live_keys,
            changes: counts.changes,
            current_revision: history.current_revision(),
            compact_revision: history.compact_revision(),
        };
        drop(made);
        destination.publish(file)?;
        return Ok(written);
    }
    let job = Convert {
        source: &made,
        target: destination.path(),
        options: &convert::Options::plain(to),
        check_only: false,
        force: options.force,
    };
    let report = convert::convert(&job, progress)?;
    Ok(Written {
        target,
        to,
        bytes: report.bytes,
        live_keys: report.live_keys,
        changes: report.changes,
        current_revision: report.current_revision,
        compact_revision: report.compact_revision,
    })
}

/// Opens what was written as any user would, and compares it with the plan.
fn read_back(path: &Path, plan: &Plan<'_>) -> Result<OpenStore, RecoverError> {
    let made = store::open(path, &Choice::default()).map_err(RecoverError::ReadBack)?;
    convert::planned(plan, &made.store).map_err(|mismatch| RecoverError::Mismatch(mismatch.to_string()))?;
    Ok(made)
}
