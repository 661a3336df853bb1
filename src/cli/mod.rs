//! The command line: one file per subcommand, each with its arguments, its run, and its exit.
//!
//! The contract (flags, outputs, exit codes, JSON) is `docs/cli.md`.

mod bootstrap;
mod completions;
mod config;
mod convert;
mod diff;
mod doctor;
mod dump;
mod exit;
mod export;
mod extract;
mod get;
mod grep;
mod info;
mod key;
mod keys;
mod labels;
mod lines;
mod log;
mod ls;
mod man;
mod moment;
mod opening;
mod progress;
mod prune;
mod put;
mod recover;
mod redact;
mod release;
mod report;
mod series;
mod source;
mod sql;
mod target;
mod tui;
mod ui;
mod undelete;
mod verify;
mod why;

use std::ffi::OsString;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Parser, Subcommand, ValueEnum};

pub use exit::{Failure, Outcome};
use ui::Ui;

/// Read, compare and convert the datastores of k3s without starting them
#[derive(Debug, Parser)]
#[command(name = "kinescope", version, max_term_width = 100)]
#[command(override_usage = "kinescope [OPTIONS] <PATH>\n       kinescope [OPTIONS] <COMMAND>")]
#[command(
    after_help = "Inputs are never written. Exit codes: 0 done; 1 not found, or something was left out; 2 cannot \
                        do it, nothing written; 3 done, but the file is damaged."
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
struct Global {
    /// Print JSON: one object, or one per line for lists
    #[arg(long, global = true)]
    json: bool,
    /// Say nothing on standard error but errors
    #[arg(long, short, global = true)]
    quiet: bool,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorWhen,
    /// Threads to use; 0 for one per processor
    #[arg(long, global = true, value_name = "N", default_value_t = 0)]
    threads: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ColorWhen {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    Tui(tui::Args),
    Info(info::Args),
    Why(why::Args),
    Series(series::Args),
    Verify(verify::Args),
    Doctor(doctor::Args),
    Ls(ls::Args),
    Get(get::Args),
    Grep(grep::Args),
    Log(log::Args),
    Dump(dump::Args),
    Diff(diff::Args),
    Extract(extract::Args),
    Undelete(undelete::Args),
    Export(export::Args),
    Sql(sql::Args),
    Report(report::Args),
    Convert(convert::Args),
    Put(put::Args),
    Prune(prune::Args),
    Redact(redact::Args),
    Recover(recover::Args),
    Bootstrap(bootstrap::Args),
    Config(config::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// A path alone means the terminal UI: what is no command is taken for one, if it looks like a path.
fn parse(args: Vec<OsString>) -> Cli {
    let fault = match Cli::try_parse_from(&args) {
        Ok(cli) => return cli,
        Err(fault) => fault,
    };
    let mut as_tui = args.clone();
    as_tui.insert(args.len().min(1), "tui".into());
    let named = match (fault.kind(), fault.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(name))) => {
            name == "-" || name.contains(['/', '.']) || Path::new(name).exists()
        }
        _ => false,
    };
    match (named, Cli::try_parse_from(as_tui)) {
        (true, Ok(cli)) => cli,
        (true, Err(fault)) => fault.exit(),
        // Options before the path.
        (false, Ok(cli)) if fault.kind() == ErrorKind::UnknownArgument => cli,
        (false, _) => fault.exit(),
    }
}

/// Runs the command that the process was started with, and gives its exit code.
pub fn main() -> u8 {
    let cli = parse(std::env::args_os().collect());
    let mut ui = Ui::new(cli.global.json, cli.global.quiet, cli.global.color);
    if cli.global.threads > 0 {
        // A pool that exists already is as good.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(cli.global.threads).build_global();
    }
    let result = match cli.command {
        Command::Tui(args) => tui::run(&args, &mut ui),
        Command::Info(args) => info::run(&args, &mut ui),
        Command::Why(args) => why::run(&args, &mut ui),
        Command::Series(args) => series::run(&args, &mut ui),
        Command::Ls(args) => ls::run(&args, &mut ui),
        Command::Get(args) => get::run(&args, &mut ui),
        Command::Grep(args) => grep::run(&args, &mut ui),
        Command::Log(args) => log::run(&args, &mut ui),
        Command::Dump(args) => dump::run(&args, &mut ui),
        Command::Diff(args) => diff::run(&args, &mut ui),
        Command::Extract(args) => extract::run(&args, &mut ui),
        Command::Undelete(args) => undelete::run(&args, &mut ui),
        Command::Export(args) => export::run(&args, &mut ui),
        Command::Sql(args) => sql::run(&args, &mut ui),
        Command::Report(args) => report::run(&args, &mut ui),
        Command::Convert(args) => convert::run(&args, &mut ui),
        Command::Prune(args) => prune::run(&args, &mut ui),
        Command::Redact(args) => redact::run(&args, &mut ui),
        Command::Put(args) => put::run(&args, &mut ui),
        Command::Recover(args) => recover::run(&args, &mut ui),
        Command::Bootstrap(args) => bootstrap::run(&args, &mut ui),
        Command::Verify(args) => verify::run(&args, &mut ui),
        Command::Doctor(args) => doctor::run(&args, &mut ui),
        Command::Config(args) => config::run(&args, &mut ui),
        Command::Completions(args) => completions::run(&args, &mut ui),
        Command::Man(args) => man::run(&args, &mut ui),
    };
    ui.finish(result)
}

/// Seconds since 1970.
fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(now).unwrap_or(i64::MAX)
}
