//! Names of files that go on from what is typed.

use std::path::Path;

/// Files of a directory that are looked at.
const MOST: usize = 20_000;

/// The names that begin so, in order; directories have a slash behind them. Names that begin with a dot only where one is typed.
pub(super) fn paths(typed: &str) -> Vec<String> {
    let (directory, rest) = typed.rfind('/').map_or(("", typed), |slash| typed.split_at(slash + 1));
    let from = if directory.is_empty() { Path::new(".") } else { Path::new(directory) };
    let Ok(entries) = std::fs::read_dir(from) else { return Vec::new() };
    let name = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let is_meant = name.starts_with(rest) && (rest.starts_with('.') || !name.starts_with('.'));
        let slash = if is_meant && entry.path().is_dir() { "/" } else { "" };
        is_meant.then(|| format!("{directory}{name}{slash}"))
    };
    let mut names: Vec<String> = entries.take(MOST).filter_map(|entry| name(entry.ok()?)).collect();
    names.sort();
    names
}
