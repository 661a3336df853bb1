//! Evidence: what a change rests on.

/// How a change was found, from best to worst. Reports and scripts use [`Evidence::name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// Reachable and consistent in the file.
    Intact,
    /// From a WAL frame or entry that the engine would not have applied.
    Log,
    /// From bytes that the file itself holds for free.
    Carved,
    /// The value from the next row's `old_value`, or the facts from index pages.
    Rebuilt,
    /// Checks failed: shown, never used.
    Doubtful,
}

/// What a value says of itself, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Its structure closes at its last byte.
    Sound,
    /// It has no structure that could be checked: encrypted, or no object.
    Plain,
    /// It is incomplete, or something else stands in it.
    Broken,
}

impl Evidence {
    /// The grade's name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intact => "intact",
            Self::Log => "log",
            Self::Carved => "carved",
            Self::Rebuilt => "rebuilt",
            Self::Doubtful => "doubtful",
        }
    }
}
