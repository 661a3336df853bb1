//! A report as a document: one HTML file that needs nothing else, Markdown, JSON.

mod html;
mod json;
mod markdown;
mod plot;
mod sections;

pub use html::report_html;
pub use json::report_json;
pub use markdown::report_markdown;

use jiff::Timestamp;

use super::text;
use crate::ops::finding::{Severity, Verdict};

/// Text from a file: nothing in it can change what stands around it. Control characters and those that turn the direction
/// of writing are escaped; the markup of each form is its own matter.
fn shown(text: &str) -> String {
    let is_harmful = |c: char| {
        c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_harmful) {
        return text.to_owned();
    }
    text.chars().flat_map(|c| if is_harmful(c) { c.escape_unicode().collect::<Vec<_>>() } else { vec![c] }).collect()
}

fn key(key: &[u8]) -> String {
    shown(&text::key(key))
}

/// A moment, to the second.
fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn moment_of(seconds: i64) -> String {
    Timestamp::from_second(seconds).map(moment).unwrap_or_default()
}

const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Restorable => "restorable",
        Verdict::WithLoss => "restorable with loss",
        Verdict::Not => "not restorable",
    }
}

const fn severity(severity: Severity) -> &'static str {
    severity.name()
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn nothing_in_a_name_hides_what_it_is() {
        assert_eq!(shown("web <b> ü"), "web <b> ü");
        assert_eq!(shown("a\u{202e}b\u{1b}[1m"), "a\\u{202e}b\\u{1b}[1m");
    }
}
