//! A defect of ours is written down, so that it can be reported: in the state directory of the user, readable to nobody else.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::PanicHookInfo;
use std::path::PathBuf;

/// Longer than this the file is begun anew, in bytes.
const LONGEST: u64 = 1 << 20;

/// Where it is written: `kinescope/crash.log` in `XDG_STATE_HOME`, or in `.local/state` of the home directory.
pub fn log_path() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    Some(base?.join("kinescope").join("crash.log"))
}

/// Writes down a panic: where, what, and how it came there. Nothing of the store is in it but what the message says.
pub fn write_down(info: &PanicHookInfo<'_>) -> Option<PathBuf> {
    let path = log_path()?;
    std::fs::create_dir_all(path.parent()?).ok()?;
    let is_long = std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() > LONGEST);
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600).write(true).append(!is_long).truncate(is_long);
    let mut file = options.open(&path).ok()?;
    let trace = std::backtrace::Backtrace::force_capture();
    let (version, now) = (env!("CARGO_PKG_VERSION"), jiff::Timestamp::now());
    writeln!(file, "kinescope {version}, {now:.0}\n{info}\n{trace}\n").ok()?;
    Some(path)
}
