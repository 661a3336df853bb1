//! Standard output and standard error.

use std::io::{self, BufWriter, Stdout, Write};

use super::ColorWhen;
use super::exit::{CANNOT, Failure, Outcome};
use crate::source::Damage;

/// Where a command prints: answers on standard output, everything else on standard error.
pub struct Ui {
    out: BufWriter<Stdout>,
    json: bool,
    quiet: bool,
    colour: bool,
}

impl Ui {
    pub(super) fn new(json: bool, quiet: bool, when: ColorWhen) -> Self {
        use std::io::IsTerminal;
        let colour = match when {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => {
                io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        };
        Self { out: BufWriter::with_capacity(1 << 16, io::stdout()), json, quiet, colour }
    }

    /// Whether answers are JSON.
    pub fn json(&self) -> bool {
        self.json
    }

    /// Whether a progress bar would be seen and is wanted.
    pub fn shows_progress(&self) -> bool {
        use std::io::IsTerminal;
        !self.quiet && io::stderr().is_terminal()
    }

    /// Prints a line of the answer.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn line(&mut self, line: impl std::fmt::Display) -> io::Result<()> {
        writeln!(self.out, "{line}")
    }

    /// Prints bytes as they are.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    /// Says something beside the answer.
    pub fn note(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            self.say("note", anstyle::AnsiColor::Yellow, &text.to_string());
        }
    }

    /// Lists damage beside the answer.
    pub fn damage(&self, damage: &[Damage]) {
        const MOST_SHOWN: usize = 10;
        for finding in damage.iter().take(MOST_SHOWN) {
            self.say("damage", anstyle::AnsiColor::Red, &finding.to_string());
        }
        if damage.len() > MOST_SHOWN {
            self.say("damage", anstyle::AnsiColor::Red, &format!("and {} more", damage.len() - MOST_SHOWN));
        }
    }

    fn say(&self, label: &str, colour: anstyle::AnsiColor, text: &str) {
        let style = if self.colour { colour.on_default().bold() } else { anstyle::Style::new() };
        // Nobody can be told when standard error is closed.
        let _ = writeln!(io::stderr(), "{style}{label}:{style:#} {text}");
    }

    /// Flushes the answer, says what failed, and gives the exit code.
    pub(super) fn finish(mut self, result: Result<Outcome, Failure>) -> u8 {
        let result = result.and_then(|outcome| {
            self.out.flush()?;
            Ok(outcome)
        });
        match result {
            Ok(outcome) => outcome.code(),
            // Whoever read the answer has read enough.
            Err(Failure::Print(error)) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Err(failure) => {
                let _ = self.out.flush();
                self.say("error", anstyle::AnsiColor::Red, &failure.to_string());
                CANNOT
            }
        }
    }
}
