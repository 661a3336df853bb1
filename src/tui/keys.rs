//! The key table: which key does what on which screen. Help, documentation and the keys themselves are made of it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The line above, or one line up.
    Up,
    /// The line below, or one line down.
    Down,
    /// A screen up.
    PageUp,
    /// A screen down.
    PageDown,
    /// To the first line.
    First,
    /// To the last line.
    Last,
    /// More of the left side.
    Left,
    /// More of the right side.
    Right,
    /// Opens what is under the cursor.
    Open,
    /// Back to the screen before.
    Back,
    /// Opens the palette.
    Palette,
    /// Opens the palette with all kinds.
    Kinds,
    /// Asks for a filter or a search.
    Find,
    /// To the next match.
    Next,
    /// To the match before.
    Previous,
    /// Sorts by the next column.
    Sort,
    /// Sorts by the column that begins with a letter, or turns its order.
    SortBy(char),
    /// All namespaces.
    AllNamespaces,
    /// Only the namespace under the cursor.
    OneNamespace,
    /// Deleted objects too.
    Deleted,
    /// More columns.
    Wide,
    /// The object as YAML.
    Yaml,
    /// What changed last.
    Difference,
    /// Its history.
    History,
    /// One step back in time.
    Older,
    /// One step forward in time.
    Newer,
    /// Shows secret values, or masks them again.
    Reveal,
    /// Shows managed fields, or hides them again.
    Managed,
    /// Asks for a revision or a time.
    Time,
    /// Back to the newest moment.
    Now,
    /// The raw keys.
    RawKeys,
    /// The leases.
    Leases,
    /// The page that a value came from.
    Page,
    /// What takes the bytes; there: summed up by something else.
    Sizes,
    /// Searches keys and objects.
    Search,
    /// What is wrong.
    Health,
    /// The command line that prints what this screen shows.
    Command,
    /// Puts it into the clipboard of the terminal.
    Copy,
    /// Marks the line, or takes its mark away.
    Mark,
    /// Takes all marks away.
    Unmark,
    /// Opens the dialog that writes objects to a file.
    Export,
    /// Writes what the dialog shows.
    Write,
    /// The next form of an export.
    Form,
    /// Secrets go too, or stay.
    WithSecrets,
    /// What objects need goes too, or stays.
    WithNeeds,
    /// A file that is there is overwritten, or not.
    Overwrite,
    /// Takes away what is typed.
    Clear,
    /// The keys.
    Help,
    /// Leaves.
    Quit,
}

/// The screens that a key works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The first screen.
    Overview,
    /// The objects of a kind.
    Table,
    /// An object or a value.
    Object,
    /// The changes of a key.
    History,
    /// The tree of keys.
    Keys,
    /// The leases.
    Leases,
    /// What takes the bytes.
    Sizes,
    /// What a search found.
    Search,
    /// The page that a value came from.
    Page,
    /// Findings.
    Health,
    /// The dialog that writes objects to a file.
    Export,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Overview,
        Self::Table,
        Self::Object,
        Self::History,
        Self::Keys,
        Self::Leases,
        Self::Sizes,
        Self::Search,
        Self::Page,
        Self::Health,
        Self::Export,
    ];

    /// All that are no dialog.
    pub const SCREENS: [Self; 10] = [
        Self::Overview,
        Self::Table,
        Self::Object,
        Self::History,
        Self::Keys,
        Self::Leases,
        Self::Sizes,
        Self::Search,
        Self::Page,
        Self::Health,
    ];

    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overview => "first screen",
            Self::Table => "table",
            Self::Object => "object",
            Self::History => "history",
            Self::Keys => "raw keys",
            Self::Leases => "leases",
            Self::Sizes => "sizes",
            Self::Search => "search",
            Self::Page => "page",
            Self::Health => "health",
            Self::Export => "export",
        }
    }
}

/// One line of the key table.
#[derive(Debug)]
pub struct Binding {
    /// The keys, as people write them.
    pub keys: &'static [&'static str],
    /// What they do.
    pub action: Action,
    /// The same in words.
    pub what: &'static str,
    /// Where.
    pub places: &'static [Place],
    /// For the line at the bottom; empty where it has no room.
    pub short: &'static str,
}

const ANY: &[Place] = &Place::SCREENS;
const LISTS: &[Place] =
    &[Place::Overview, Place::Table, Place::History, Place::Keys, Place::Leases, Place::Sizes, Place::Search];
const TABLES: &[Place] = &[Place::Overview, Place::Table, Place::Keys, Place::Leases, Place::Sizes, Place::Search];
const FINDABLE: &[Place] = &[
    Place::Overview,
    Place::Table,
    Place::Keys,
    Place::Leases,
    Place::Sizes,
    Place::Search,
    Place::Object,
    Place::Page,
    Place::Health,
];
const TEXTS: &[Place] = &[Place::Object, Place::Page, Place::Health];
const TABLE: &[Place] = &[Place::Table];
const ONE: &[Place] = &[Place::Table, Place::Object, Place::Keys, Place::Leases, Place::Sizes, Place::Search];
const TIMED: &[Place] =
    &[Place::Overview, Place::Table, Place::Object, Place::History, Place::Keys, Place::Sizes, Place::Search];
const EXPORT: &[Place] = &[Place::Export];
const MARKED: &[Place] = &[Place::Table, Place::Keys, Place::History, Place::Sizes, Place::Search];
const SECRET: &[Place] = &[Place::Object, Place::History, Place::Search, Place::Page];

/// The key table. The letters of [`Action::SortBy`] come behind all others.
pub static KEYS: &[Binding] = &[
    Binding {
        keys: &["enter"],
        action: Action::Open,
        what: "open what is under the cursor",
        places: LISTS,
        short: "open",
    },
    Binding {
        keys: &["esc", "backspace"],
        action: Action::Back,
        what: "back; takes a filter away first",
        places: ANY,
        short: "back",
    },
    Binding {
        keys: &[":"],
        action: Action::Palette,
        what: "go to a kind or a screen: `:po`, `:deploy shop`, `:keys`, `:q`",
        places: ANY,
        short: "go to",
    },
    Binding {
        keys: &["/"],
        action: Action::Find,
        what: "filter (`!` not, `-f` fuzzy), or search in a text",
        places: FINDABLE,
        short: "find",
    },
    Binding {
        keys: &["h"],
        action: Action::History,
        what: "every change of it that survives",
        places: ONE,
        short: "history",
    },
    Binding {
        keys: &["y"],
        action: Action::Yaml,
        what: "as YAML",
        places: &[Place::Table, Place::Keys, Place::Leases, Place::History, Place::Sizes, Place::Search],
        short: "yaml",
    },
    Binding {
        keys: &["d"],
        action: Action::Difference,
        what: "what its last change changed",
        places: ONE,
        short: "diff",
    },
    Binding {
        keys: &["e"],
        action: Action::Export,
        what: "write it, or what is marked, to a file: a dialog shows first what it will be",
        places: &[Place::Table, Place::Object, Place::Keys, Place::Leases, Place::History, Place::Sizes, Place::Search],
        short: "export",
    },
    Binding {
        keys: &["space"],
        action: Action::Mark,
        what: "mark the line, or take its mark away",
        places: MARKED,
        short: "",
    },
    Binding { keys: &["u"], action: Action::Unmark, what: "take all marks away", places: MARKED, short: "" },
    Binding {
        keys: &["c"],
        action: Action::Copy,
        what: "copy to the clipboard: the text, or the names of what is marked or under the cursor",
        places: ANY,
        short: "",
    },
    Binding {
        keys: &["["],
        action: Action::Older,
        what: "one change back: of the object, or of the whole store",
        places: TIMED,
        short: "older",
    },
    Binding { keys: &["]"], action: Action::Newer, what: "one change forward", places: TIMED, short: "newer" },
    Binding {
        keys: &["t"],
        action: Action::Time,
        what: "show another moment: a revision or a time",
        places: ANY,
        short: "time",
    },
    Binding { keys: &["T"], action: Action::Now, what: "back to the newest moment", places: ANY, short: "" },
    Binding {
        keys: &["x"],
        action: Action::Reveal,
        what: "show secret values, or mask them again",
        places: SECRET,
        short: "reveal",
    },
    Binding {
        keys: &["D"],
        action: Action::Deleted,
        what: "deleted objects too, as they last were; in a search: every change that survives",
        places: &[Place::Table, Place::Search],
        short: "deleted",
    },
    Binding {
        keys: &["n"],
        action: Action::OneNamespace,
        what: "only the namespace under the cursor",
        places: TABLE,
        short: "namespace",
    },
    Binding { keys: &["0"], action: Action::AllNamespaces, what: "all namespaces", places: TABLE, short: "" },
    Binding {
        keys: &["o"],
        action: Action::Sort,
        what: "sort by the next column; Shift and a letter: by the column that begins so, again: turned around",
        places: TABLES,
        short: "sort",
    },
    Binding { keys: &["w", "ctrl-w"], action: Action::Wide, what: "more columns", places: TABLE, short: "" },
    Binding { keys: &["n"], action: Action::Next, what: "next match", places: TEXTS, short: "" },
    Binding { keys: &["N"], action: Action::Previous, what: "match before", places: TEXTS, short: "" },
    Binding {
        keys: &["m"],
        action: Action::Managed,
        what: "show metadata.managedFields, or hide it again",
        places: &[Place::Object],
        short: "",
    },
    Binding { keys: &["r"], action: Action::RawKeys, what: "the keys as they are stored", places: ANY, short: "" },
    Binding {
        keys: &["l"],
        action: Action::Leases,
        what: "the leases",
        places: &[Place::Overview, Place::Keys],
        short: "",
    },
    Binding {
        keys: &["b"],
        action: Action::Page,
        what: "the bytes: the page that it came from, its cells marked",
        places: &[Place::Table, Place::Object, Place::History, Place::Keys, Place::Leases, Place::Sizes, Place::Search],
        short: "",
    },
    Binding {
        keys: &["f"],
        action: Action::Search,
        what: "search keys and objects everywhere; what is found is shown while you type",
        places: ANY,
        short: "search",
    },
    Binding {
        keys: &["s"],
        action: Action::Sizes,
        what: "what takes the bytes: by kind, again by namespace, by owner",
        places: ANY,
        short: "",
    },
    Binding {
        keys: &["!"],
        action: Action::Health,
        what: "what is wrong, and what is worth knowing",
        places: ANY,
        short: "",
    },
    Binding {
        keys: &["ctrl-a"],
        action: Action::Kinds,
        what: "all kinds and their short names",
        places: ANY,
        short: "",
    },
    Binding {
        keys: &["$"],
        action: Action::Command,
        what: "the command line that prints this",
        places: ANY,
        short: "",
    },
    Binding { keys: &["up", "k"], action: Action::Up, what: "up", places: ANY, short: "" },
    Binding { keys: &["down", "j"], action: Action::Down, what: "down", places: ANY, short: "" },
    Binding {
        keys: &["pgup", "ctrl-b", "ctrl-u"],
        action: Action::PageUp,
        what: "a screen up; beside a list: in its text",
        places: ANY,
        short: "",
    },
    Binding {
        keys: &["pgdn", "ctrl-f", "ctrl-d"],
        action: Action::PageDown,
        what: "a screen down; beside a list: in its text",
        places: ANY,
        short: "",
    },
    Binding { keys: &["space"], action: Action::PageDown, what: "a screen down", places: TEXTS, short: "" },
    Binding { keys: &["home", "g"], action: Action::First, what: "to the beginning", places: ANY, short: "" },
    Binding { keys: &["end", "G"], action: Action::Last, what: "to the end", places: ANY, short: "" },
    Binding { keys: &["left"], action: Action::Left, what: "more of the left side", places: ANY, short: "" },
    Binding { keys: &["right"], action: Action::Right, what: "more of the right side", places: ANY, short: "" },
    Binding { keys: &["?"], action: Action::Help, what: "these keys", places: ANY, short: "keys" },
    Binding { keys: &["q", "ctrl-c"], action: Action::Quit, what: "leave; `:q` too", places: ANY, short: "quit" },
    Binding {
        keys: &["enter"],
        action: Action::Write,
        what: "write what is shown; letters go into the name of the file",
        places: EXPORT,
        short: "write",
    },
    Binding {
        keys: &["esc"],
        action: Action::Back,
        what: "close the dialog; nothing is written",
        places: EXPORT,
        short: "close",
    },
    Binding {
        keys: &["tab"],
        action: Action::Form,
        what: "the next form: for another cluster, for the same one, as kubectl prints it",
        places: EXPORT,
        short: "form",
    },
    Binding {
        keys: &["ctrl-x"],
        action: Action::WithSecrets,
        what: "Secrets too, in clear, or without them",
        places: EXPORT,
        short: "secrets",
    },
    Binding {
        keys: &["ctrl-n"],
        action: Action::WithNeeds,
        what: "what the objects need too, or without it",
        places: EXPORT,
        short: "needs",
    },
    Binding {
        keys: &["ctrl-o"],
        action: Action::Overwrite,
        what: "overwrite a file that is there, or not",
        places: EXPORT,
        short: "overwrite",
    },
    Binding {
        keys: &["ctrl-u"],
        action: Action::Clear,
        what: "take the name of the file away",
        places: EXPORT,
        short: "",
    },
    Binding { keys: &["up"], action: Action::Up, what: "up in the plan", places: EXPORT, short: "" },
    Binding { keys: &["down"], action: Action::Down, what: "down in the plan", places: EXPORT, short: "" },
];

impl Action {
    /// Its name in settings.
    pub fn name(self) -> String {
        let mut out = String::new();
        for c in format!("{self:?}").chars() {
            if c.is_uppercase() && !out.is_empty() {
                out.push('-');
            }
            out.extend(c.to_lowercase());
        }
        out
    }
}

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
            let means = |binding: &&Binding| binding.action.name() == *action && binding.places != EXPORT;
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
            for (binding, keys) in KEYS.iter().zip(&map.keys).filter(|(binding, _)| binding.places.contains(&place)) {
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
