//! The terminal UI: a dead cluster to browse, with time as one more direction.
//!
//! A key becomes an action (`keys`), an action changes the state (`update`), a view draws the state (`views`); what needs
//! the store is asked of a thread (`ask`, `worker`). So everything but `run` works without a terminal.

pub mod ask;
pub mod config;
pub mod crash;
pub mod keys;
mod run;
pub mod state;
pub mod text;
mod theme;
pub mod update;
pub mod views;
pub mod worker;

pub use run::{in_terminal, run};
pub use theme::Theme;

/// A word as a shell takes it.
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@%=,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}
