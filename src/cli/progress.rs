//! The progress bar, and the wish to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use super::ui::Ui;
use crate::ops::convert::Phase;

/// Shows how far a command is, on a terminal, and knows when the user wants to stop.
pub struct Progress {
    bar: ProgressBar,
    stop: Arc<AtomicBool>,
}

impl Progress {
    /// A bar where there is a terminal, and Ctrl-C and SIGTERM caught from now on: a command that writes ends by itself
    /// and leaves nothing behind.
    ///
    /// # Errors
    /// The signals cannot be caught.
    pub fn new(ui: &Ui) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&stop))?;
        }
        // A limit on the length of files is a full disk like any other: the write fails, and the process goes on.
        signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
        let bar = if ui.shows_progress() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{msg:9} {wide_bar} {human_pos}/{human_len} rows {eta}") {
            bar.set_style(style);
        }
        Ok(Self { bar, stop })
    }

    /// Shows a step; says whether to go on.
    pub fn step(&self, what: &'static str, done: u64, total: u64) -> bool {
        self.bar.set_message(what);
        self.bar.set_length(total);
        self.bar.set_position(done);
        !self.stop.load(Ordering::Relaxed)
    }

    /// Shows how far the writing of a store is; says whether to go on.
    pub fn phase(&self, phase: Phase, done: u64, total: u64) -> bool {
        let what = match phase {
            Phase::Writing => "writing",
            Phase::Checking => "checking",
        };
        self.step(what, done, total)
    }

    /// Removes the bar.
    pub fn done(&self) {
        self.bar.finish_and_clear();
    }
}
