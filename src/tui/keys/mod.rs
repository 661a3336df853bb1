//! The key table: which key does what on which screen. Help, documentation and the keys themselves are made of it.

mod action;
mod place;
mod table;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

pub use action::Action;
pub use place::Place;
use table::TABLES;
pub use table::{Binding, KEYS};

/// The keys as the user wants them.
#[derive(Clone, Debug)]
pub struct Keymap {
    /// For each line of the key table.
    keys: Vec<Vec<String>>,
}

impl Default for Keymap {
    fn default() -> Self {
        let own = |binding: &Binding| binding.keys.iter().map(ToString::to_string).collect();
        Self { keys: KEYS.iter().map(own).collect() }
    }
}

impl Keymap {
    /// The key table with other keys for some actions; those of dialogs stay.
    ///
    /// # Errors
    /// An action that is not there, or a key with two meanings on one screen.
    pub fn new(own: &std::collections::BTreeMap<String, Vec<String>>) -> Result<Self, String> {
        let mut map = Self::default();
        for (action, keys) in own {
            let means = |binding: &&Binding| binding.action.name() == *action && !binding.is_of_dialog();
            let Some(first) = KEYS.iter().find(means) else { return Err(format!("there is no action {action:?}")) };
            // Where an action has more than one line, the first is meant, which holds on most screens.
            if let Some(at) = KEYS.iter().position(|binding| std::ptr::eq(binding, first))
                && let Some(line) = map.keys.get_mut(at)
            {
                line.clone_from(keys);
            }
        }
        for place in Place::ALL {
            let mut seen: std::collections::BTreeMap<&str, Action> = std::collections::BTreeMap::new();
            for (binding, keys) in KEYS.iter().zip(&map.keys).filter(|(binding, _)| binding.places.contains(place)) {
                for key in keys {
                    if let Some(other) = seen.insert(key, binding.action) {
                        let (own, other) = (binding.action.name(), other.name());
                        return Err(format!("{key} means {other} and {own} on the screen: {}", place.name()));
                    }
                }
            }
        }
        Ok(map)
    }

    /// The keys of a line of the table.
    pub fn of(&self, binding: &Binding) -> &[String] {
        let at = KEYS.iter().position(|other| std::ptr::eq(other, binding));
        at.and_then(|at| self.keys.get(at)).map_or(&[], Vec::as_slice)
    }

    /// What a key does on a screen.
    pub fn find(&self, place: Place, name: &str) -> Found {
        let has = |keys: &[String]| keys.iter().any(|key| key == name);
        let named = || KEYS.iter().zip(&self.keys).filter(|(_, keys)| has(keys)).map(|(binding, _)| binding);
        if let Some(binding) = named().find(|binding| binding.places.contains(&place)) {
            return Found::Do(binding.action);
        }
        let mut letters = name.chars();
        if let (Some(letter @ 'A'..='Z'), None, true) = (letters.next(), letters.next(), TABLES.contains(&place)) {
            return Found::Do(Action::SortBy(letter));
        }
        named().next().map_or(Found::Unknown, Found::Elsewhere)
    }
}

/// What a key is on a screen.
#[derive(Clone, Copy, Debug)]
pub enum Found {
    /// It does this.
    Do(Action),
    /// It does something, but elsewhere.
    Elsewhere(&'static Binding),
    /// It does nothing.
    Unknown,
}

/// The name of a key as the table has it.
pub fn name(key: &KeyEvent) -> String {
    let base = match key.code {
        KeyCode::Char(' ') => "space".to_owned(),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::Enter => "enter".to_owned(),
        KeyCode::Esc => "esc".to_owned(),
        KeyCode::Backspace => "backspace".to_owned(),
        KeyCode::Tab => "tab".to_owned(),
        KeyCode::Up => "up".to_owned(),
        KeyCode::Down => "down".to_owned(),
        KeyCode::Left => "left".to_owned(),
        KeyCode::Right => "right".to_owned(),
        KeyCode::PageUp => "pgup".to_owned(),
        KeyCode::PageDown => "pgdn".to_owned(),
        KeyCode::Home => "home".to_owned(),
        KeyCode::End => "end".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    };
    if key.modifiers.contains(KeyModifiers::CONTROL) { format!("ctrl-{}", base.to_lowercase()) } else { base }
}

/// Whether a screen has a table that can be sorted.
pub fn sorts(place: Place) -> bool {
    TABLES.contains(&place)
}

/// What a key does on a screen, as the program has it.
pub fn find(place: Place, name: &str) -> Found {
    Keymap::default().find(place, name)
}

/// The key table as the documentation has it.
pub fn markdown() -> String {
    let mut out = String::from("| key | what it does | where |\n|---|---|---|\n");
    for binding in KEYS {
        let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{key}`")).collect();
        out.push_str(&format!("| {} | {} | {} |\n", keys.join(" "), binding.what, places(binding)));
    }
    out
}

/// Where a key works, in words.
pub fn places(binding: &Binding) -> String {
    if binding.places.len() == Place::SCREENS.len() {
        return "everywhere".to_owned();
    }
    binding.places.iter().map(|place| place.name()).collect::<Vec<_>>().join(", ")
}
