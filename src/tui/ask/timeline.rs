//! How much was changed when.

use jiff::Timestamp;

/// What was changed in one stretch of time, or of revisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bar {
    /// How many changes.
    pub changes: u64,
    /// The last revision of it, or of those before where nothing was changed.
    pub last: i64,
    /// The time of that revision, or earlier; none where no object tells one.
    pub at: Option<Timestamp>,
}

/// All changes, from the first that survives to the newest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// In order; none in an empty store.
    pub bars: Vec<Bar>,
    /// What a bar stands for.
    pub told: String,
    /// The compact revision; 0 for never.
    pub compact: i64,
}

impl Timeline {
    /// Its bars as letters, each as high as its changes are many.
    pub fn letters(&self) -> Vec<&'static str> {
        const HEIGHTS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
        let most = self.bars.iter().map(|bar| bar.changes).max().unwrap_or(0).max(1);
        let letter = |bar: &Bar| match bar.changes {
            0 => " ",
            // Few changes beside very many are still seen.
            changes => HEIGHTS.get((changes * 8).div_ceil(most).saturating_sub(1) as usize).copied().unwrap_or("█"),
        };
        self.bars.iter().map(letter).collect()
    }
}
