//! Colours, each with one meaning everywhere. Only the sixteen that every terminal has, which its own theme makes fit.

use ratatui::style::{Color, Modifier, Style};

/// What the background is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark.
    #[default]
    Dark,
    /// Light: yellow and white would not be seen.
    Light,
    /// No colours at all; marks and words say the same.
    Plain,
}

impl Theme {
    fn colour(self, dark: Color, light: Color) -> Style {
        match self {
            Self::Dark => Style::new().fg(dark),
            Self::Light => Style::new().fg(light),
            Self::Plain => Style::new(),
        }
    }

    /// What is not the matter.
    pub fn dim(self) -> Style {
        match self {
            Self::Plain => Style::new().add_modifier(Modifier::DIM),
            _ => self.colour(Color::DarkGray, Color::DarkGray),
        }
    }

    /// Headings and names.
    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The line under the cursor.
    pub fn cursor(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Keys of YAML, and keys to press.
    pub fn key(self) -> Style {
        self.colour(Color::Cyan, Color::Blue)
    }

    /// Good, added, live.
    pub fn good(self) -> Style {
        self.colour(Color::Green, Color::Green)
    }

    /// Damaged, deleted, removed.
    pub fn bad(self) -> Style {
        self.colour(Color::LightRed, Color::Red)
    }

    /// Needs attention.
    pub fn warning(self) -> Style {
        self.colour(Color::Yellow, Color::Magenta)
    }

    /// Encrypted and closed.
    pub fn locked(self) -> Style {
        self.colour(Color::Magenta, Color::Magenta)
    }

    /// Another moment than the newest.
    pub fn past(self) -> Style {
        match self {
            Self::Plain => Style::new().add_modifier(Modifier::REVERSED),
            _ => Style::new().bg(Color::Blue).fg(Color::White).add_modifier(Modifier::BOLD),
        }
    }

    /// What was searched.
    pub fn found(self) -> Style {
        match self {
            Self::Plain => Style::new().add_modifier(Modifier::REVERSED),
            _ => Style::new().bg(Color::Yellow).fg(Color::Black),
        }
    }
}
