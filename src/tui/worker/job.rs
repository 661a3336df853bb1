//! Converting and recovering: what would be done, trying it, doing it.

use std::collections::BTreeMap;
use std::path::Path;

use super::Opened;
use super::errand::Errand;
use crate::ops::convert::{self, Convert, Options, Phase, Plan, Target};
use crate::ops::recover;
use crate::ops::store::OpenStore;
use crate::render;
use crate::tui::ask::{Job, Shape, Stage, Verb};
use crate::tui::text::harmless;

/// What a report says, or why nothing was written.
type Told = Result<Vec<String>, String>;

/// Does a job as far as it is to go.
pub(super) fn run(opened: &Opened<'_>, job: &Job, stage: Stage, errand: &Errand) -> Told {
    let told = match (job.verb, opened.source) {
        (Verb::Convert, Some(source)) => converted(source, job, stage, errand),
        (Verb::Convert, None) => {
            Err("no store could be opened here, so there is nothing to convert; tab: recover".into())
        }
        (Verb::Recover, _) => recovered(opened, job, stage, errand),
    };
    told.map(|lines| lines.iter().map(|line| harmless(line)).collect())
}

const fn target(shape: Shape) -> Target {
    match shape {
        Shape::Kine => Target::Kine,
        Shape::EtcdSnapshot => Target::EtcdSnapshot,
        Shape::EtcdDir => Target::EtcdDir,
    }
}

fn told_phase(errand: &Errand, phase: Phase, done: u64, total: u64) -> bool {
    let what = match phase {
        Phase::Writing => "writing",
        Phase::Checking => "reading back and comparing",
    };
    errand.tell(what, done, total);
    errand.goes_on()
}

fn converted(source: &OpenStore, job: &Job, stage: Stage, errand: &Errand) -> Told {
    let options = Options { history: !job.other_way, ..Options::plain(target(job.shape)) };
    if stage == Stage::Plan {
        return planned(source, &options);
    }
    let path = Path::new(&job.path);
    let convert =
        Convert { source, target: path, options: &options, check_only: stage == Stage::Try, force: job.force };
    let report = convert::convert(&convert, &mut |phase, done, total| told_phase(errand, phase, done, total));
    report.map(|report| render::convert_text(&report, None, None)).map_err(|error| error.to_string())
}

/// What a conversion would do, without writing a byte.
fn planned(source: &OpenStore, options: &Options) -> Told {
    let plan = Plan::new(&source.store, options).map_err(|error| error.to_string())?;
    let mut lines = vec![
        format!("revision {}, compact revision {}", plan.current_revision, plan.compact_revision),
        "every change and value that is not named here goes along, and is read back and compared".to_owned(),
    ];
    let damage = source.store.damage().len() + source.store.contradictions().len();
    if damage > 0 {
        let what =
            format!("! {damage} places are damaged or contradict each other: a conversion is refused; tab: recover");
        lines.insert(0, what);
    }
    if plan.not_wanted > 0 {
        lines.push(format!("- {} changes stay behind: without history", render::count(plan.not_wanted)));
    }
    let mut by_reason: BTreeMap<&str, u64> = BTreeMap::new();
    plan.left_out.iter().for_each(|left| *by_reason.entry(left.reason.text()).or_default() += 1);
    lines.extend(by_reason.iter().map(|(reason, count)| format!("- {count} changes left out: {reason}")));
    if !plan.translated.is_empty() {
        lines.push(format!("~ {} things get another form there", render::count(plan.translated.len() as u64)));
    }
    lines.extend(plan.notes.iter().map(|note| format!("! {note}")));
    Ok(lines)
}

fn recovered(opened: &Opened<'_>, job: &Job, stage: Stage, errand: &Errand) -> Told {
    if stage == Stage::Try {
        return Err("a recovery reads back what it writes, and there is nothing to try before: enter writes".to_owned());
    }
    if opened.is_gone() {
        return Err("standard input is read once, and it was: save it to a file first".to_owned());
    }
    errand.tell("searching the whole file", 0, 0);
    let wal = recover::reading(true);
    let found = recover::search(opened.path, opened.choice, wal).map_err(|error| error.to_string())?;
    if !errand.goes_on() {
        return Err("given up; nothing was written".to_owned());
    }
    let to = (stage == Stage::Run).then(|| target(job.shape));
    let options = recover::Options { to, wal, last_known_good: job.other_way, force: job.force };
    let path = (stage == Stage::Run).then(|| Path::new(&job.path));
    let report =
        recover::recover(&found, path, &options, &mut |phase, done, total| told_phase(errand, phase, done, total));
    let mut told = report.map(|report| render::recover_text(&report, None)).map_err(|error| error.to_string())?;
    if stage == Stage::Plan && !told.is_empty() {
        // That nothing was written stands above.
        told.remove(0);
    }
    Ok(told)
}
