//! `kinescope series`

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::exit::{Failure, Outcome};
use super::key::KeyArgs;
use super::opening::OpeningArgs;
use super::target::refuse_stdout;
use super::ui::Ui;
use crate::ops::output::write_file;
use crate::ops::series::stitch::Stitched;
use crate::ops::series::{Opening, Series, cluster_of, find};
use crate::render;
use crate::source::Watch;

/// How the reason begins why a file without the first bytes of a store is left out.
const NOT_A_STORE: &str = "not a datastore";
/// Such files that are named.
const MOST_NAMED: usize = 5;

/// Show many snapshots in a row: how each is, what grew, and since when something is wrong
#[derive(Debug, clap::Args)]
#[command(subcommand_negates_reqs = true)]
#[command(after_help = "\
Examples:
  kinescope series backups/                       a line for each, growth by kind, the first with a problem
  kinescope series backups/ --svg growth.svg      the same as a picture
  kinescope series log backups/ deploy/web -n a   one object over all of them")]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Snapshots of either engine, or directories full of them
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Write a plot of the sizes too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// With --svg: replace a file that is there
    #[arg(long, requires = "svg")]
    force: bool,
    #[command(flatten)]
    opening: OpeningArgs,
}

fn opening(args: &OpeningArgs) -> Result<Opening, Failure> {
    let minor = args.release.kubernetes_version;
    Ok(Opening { choice: args.choice.choice(), given: args.keyring.given()?, minor })
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Log(LogArgs),
}

/// Show every change of one object that any of the snapshots still knows
#[derive(Debug, clap::Args)]
struct LogArgs {
    /// Snapshots of either engine, or directories full of them
    #[arg(value_name = "PATH", required = true, num_args = 1..)]
    paths: Vec<PathBuf>,
    /// The object.
    #[arg(
        value_name = "KIND/NAME",
        required = true,
        help = "KIND[.GROUP]/NAME with the names that kubectl knows, or a key as it is stored: /registry/..."
    )]
    object: String,
    /// The object's namespace, where several have one of this name
    #[arg(long, short, value_name = "NS")]
    namespace: Option<String>,
    #[command(flatten)]
    opening: OpeningArgs,
}

/// # Errors
/// [`Failure`].
pub fn run(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    match &args.command {
        Some(Command::Log(log)) => run_log(log, ui),
        None => run_series(args, ui),
    }
}

fn run_series(args: &Args, ui: &mut Ui) -> Result<Outcome, Failure> {
    if let Some(svg) = &args.svg {
        refuse_stdout(svg)?;
    }
    let series = Series::of(&args.paths, &opening(&args.opening)?)?;
    say_left_out(&series.left_out, ui);
    if series.clusters.is_empty() {
        return Err(Failure::Usage("no snapshot can be read in what was named".to_owned()));
    }
    if ui.json() {
        ui.line(render::series_json(&series))?;
    } else {
        ui.text(&render::series_text(&series))?;
    }
    if let Some(svg) = &args.svg {
        let mut inputs = Watch::default();
        series.watches.iter().flat_map(Watch::paths).for_each(|path| inputs.add(path));
        let snapshots = series.clusters.iter().flat_map(|cluster| &cluster.snapshots);
        snapshots.filter(|snapshot| snapshot.path.is_dir()).for_each(|snapshot| inputs.add_root(&snapshot.path));
        write_file(svg, render::series_svg(&series).as_bytes(), args.force, &inputs)?;
        ui.note(format!("{}: written", svg.display()));
    }
    for watch in &series.watches {
        watch.check()?;
    }
    let is_damaged = |cluster: &crate::ops::series::Cluster| {
        cluster.soundness != crate::ops::series::Soundness::Sound
            || cluster.snapshots.iter().any(|snapshot| snapshot.damage > 0)
    };
    Ok(match series.clusters.iter().any(is_damaged) {
        true => Outcome::Damaged,
        false if !series.left_out.is_empty() => Outcome::Found,
        false => Outcome::Done,
    })
}

/// Names what could not be read. What is no store is told in one line: a folder of snapshots often has other files.
fn say_left_out(left_out: &[(PathBuf, String)], ui: &Ui) {
    let (others, failed): (Vec<_>, Vec<_>) = left_out.iter().partition(|(_, why)| why.contains(NOT_A_STORE));
    for (path, why) in failed {
        ui.note(format!("left out: {}", said(path, why)));
    }
    let names: Vec<String> = others
        .iter()
        .take(MOST_NAMED)
        .map(|(path, _)| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned())
        .collect();
    let more = match others.len().saturating_sub(names.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    if !names.is_empty() {
        ui.note(format!("left out, {NOT_A_STORE}: {}{more}", names.join(", ")));
    }
}

fn said(path: &std::path::Path, why: &str) -> String {
    let path = path.display().to_string();
    if why.starts_with(&path) { why.to_owned() } else { format!("{path}: {why}") }
}

fn run_log(args: &LogArgs, ui: &mut Ui) -> Result<Outcome, Failure> {
    let opening = opening(&args.opening)?;
    let key = KeyArgs::named(args.object.clone(), args.namespace.clone());
    let mut found: BTreeMap<(Option<String>, String), Stitched> = BTreeMap::new();
    let mut outcome = Outcome::Done;
    for path in find::snapshots(&args.paths)? {
        let (source, keyring) = match opening.open(&path) {
            Ok(opened) => opened,
            Err(why) => {
                outcome = Outcome::Found;
                ui.note(format!("left out: {}", said(&path, &why)));
                continue;
            }
        };
        let history = source.store.history();
        let (name, id) = key.find(history)?;
        if let Some(id) = id {
            let objects = opening.objects(&source, &keyring);
            let cluster = cluster_of(&objects);
            let unread = found.entry((cluster, name)).or_default().add(&path, &objects, id);
            if unread > 0 {
                outcome = Outcome::Damaged;
                ui.note(format!("{}: {unread} values of it cannot be read", path.display()));
            }
        }
        if !source.store.damage().is_empty() {
            outcome = Outcome::Damaged;
            ui.note(format!("{}: damaged, more changes may be lost; `kinescope verify` tells where", path.display()));
        }
        source.watch.check()?;
    }
    if found.is_empty() {
        ui.note(format!("{}: no snapshot knows a change of it", args.object));
        return Ok(if outcome == Outcome::Damaged { outcome } else { Outcome::Found });
    }
    for ((cluster, key), stitched) in found {
        let changes = stitched.finish();
        if ui.json() {
            for change in &changes {
                ui.line(render::seen_json(cluster.as_deref(), &key, change))?;
            }
        } else {
            let whose = cluster.map_or_else(|| "no cluster told".to_owned(), |id| format!("cluster {id}"));
            ui.line(format!("{key}, {whose}"))?;
            ui.text(&render::seen_text(&changes))?;
        }
    }
    Ok(outcome)
}
