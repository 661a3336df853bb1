//! Standard output and standard error.

use std::borrow::Cow;
use std::io::{self, BufWriter, Stdout, Write};

use super::ColorWhen;
use super::exit::{CANNOT, Failure, Outcome};
use crate::source::Damage;

/// Where a command prints: answers on standard output, everything else on standard error.
pub struct Ui {
    out: BufWriter<Stdout>,
    text: String,
    json: bool,
    quiet: bool,
    colour: bool,
    screen_colour: bool,
}

impl Ui {
    pub(super) fn new(json: bool, quiet: bool, when: ColorWhen) -> Self {
        use std::io::IsTerminal;
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let (colour, screen_colour) = match when {
            ColorWhen::Always => (true, true),
            ColorWhen::Never => (false, false),
            ColorWhen::Auto => (io::stderr().is_terminal() && wanted, wanted),
        };
        Self {
            out: BufWriter::with_capacity(1 << 16, io::stdout()),
            text: String::new(),
            json,
            quiet,
            colour,
            screen_colour,
        }
    }

    /// Whether answers are JSON.
    pub fn json(&self) -> bool {
        self.json
    }

    /// Whether a screen may have colours.
    pub fn may_colour(&self) -> bool {
        self.screen_colour
    }

    /// Whether a progress bar would be seen and is wanted.
    pub fn shows_progress(&self) -> bool {
        use std::io::IsTerminal;
        !self.quiet && io::stderr().is_terminal()
    }

    /// Prints a line of the answer. Whatever stands in a file, no control code reaches the terminal; JSON stays the same
    /// JSON.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn line(&mut self, line: impl std::fmt::Display) -> io::Result<()> {
        use std::fmt::Write as _;
        self.text.clear();
        let _ = write!(self.text, "{line}");
        let harmless = harmless(&self.text, self.json);
        self.out.write_all(harmless.as_bytes())?;
        self.out.write_all(b"\n")
    }

    /// Prints a text of many lines, without the control characters that a terminal would obey.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(harmless(text, false).as_bytes())
    }

    /// Prints JSON of many lines. What a terminal would obey can only stand in strings, and is escaped.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn json_text(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(harmless(text, true).as_bytes())
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
        let _ = writeln!(io::stderr(), "{style}{label}:{style:#} {}", harmless(text, false));
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

/// A text without the control characters that names, keys and values may have, except for line ends and tabs: C0, DEL and
/// C1, which some terminals obey too. Inside JSON they can only stand in strings, and are escaped as there.
fn harmless(text: &str, json: bool) -> Cow<'_, str> {
    let is_harmful = |c: char| c.is_control() && c != '\n' && c != '\t';
    // Every control character begins with one of these bytes in UTF-8.
    let may_be = |byte: u8| byte < 0x20 && byte != b'\n' && byte != b'\t' || byte == 0x7f || byte == 0xc2;
    if !text.bytes().any(may_be) || !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !is_harmful(c) => out.push(c),
            c if json => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.extend(c.escape_debug()),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_nothing_else() {
        assert_eq!(harmless("a\tb\nc ü \u{a0} \\", false), "a\tb\nc ü \u{a0} \\");
        assert_eq!(harmless("a\x1b[2J\x7f\u{9b}1m", false), "a\\u{1b}[2J\\u{7f}\\u{9b}1m");
        let json = serde_json::to_string("a\x1b\x7f\u{9b}").unwrap();
        let escaped = harmless(&json, true);
        assert!(!escaped.contains(char::is_control));
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), "a\x1b\x7f\u{9b}");
    }
}
