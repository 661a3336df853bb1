//! The table itself.

use super::{Action, Place};

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

impl Binding {
    /// Whether it works in dialogs alone: those keys are not the user's to choose.
    pub fn is_of_dialog(&self) -> bool {
        self.places.iter().all(|place| place.is_dialog())
    }
}

const ANY: &[Place] = Place::SCREENS;
const LISTS: &[Place] = &[
    Place::Overview,
    Place::Table,
    Place::History,
    Place::Compare,
    Place::Keys,
    Place::Leases,
    Place::Sizes,
    Place::Search,
    Place::Relatives,
    Place::Evidence,
    Place::Stores,
];
pub(super) const TABLES: &[Place] =
    &[Place::Overview, Place::Table, Place::Keys, Place::Leases, Place::Sizes, Place::Search];
const FINDABLE: &[Place] = &[
    Place::Overview,
    Place::Table,
    Place::Compare,
    Place::Keys,
    Place::Leases,
    Place::Sizes,
    Place::Search,
    Place::Relatives,
    Place::Evidence,
    Place::Object,
    Place::Page,
    Place::Health,
];
const TEXTS: &[Place] = &[Place::Object, Place::Page, Place::Health];
const TABLE: &[Place] = &[Place::Table];
const ONE: &[Place] =
    &[Place::Table, Place::Object, Place::Keys, Place::Leases, Place::Sizes, Place::Search, Place::Relatives];
const TIMED: &[Place] =
    &[Place::Overview, Place::Table, Place::Object, Place::History, Place::Keys, Place::Sizes, Place::Search];
const EXPORT: &[Place] = &[Place::Export];
const STORE: &[Place] = &[Place::Store];
const MARKED: &[Place] =
    &[Place::Table, Place::Keys, Place::History, Place::Compare, Place::Sizes, Place::Search, Place::Relatives];
const SECRET: &[Place] = &[Place::Object, Place::History, Place::Compare, Place::Search, Place::Page];

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
        places: &[Place::Table, Place::Object, Place::Compare, Place::Keys, Place::Leases, Place::Sizes, Place::Search],
        short: "history",
    },
    Binding {
        keys: &["y"],
        action: Action::Yaml,
        what: "as YAML",
        places: &[
            Place::Table,
            Place::Keys,
            Place::Leases,
            Place::History,
            Place::Sizes,
            Place::Search,
            Place::Relatives,
        ],
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
        keys: &["enter", "tab"],
        action: Action::Fold,
        what: "fold what belongs to the line, or unfold it",
        places: &[Place::Object],
        short: "fold",
    },
    Binding {
        keys: &["z"],
        action: Action::FoldAll,
        what: "fold all but the first level, or unfold everything",
        places: &[Place::Object],
        short: "",
    },
    Binding {
        keys: &["o"],
        action: Action::Owner,
        what: "its owner, by metadata.ownerReferences",
        places: &[Place::Object],
        short: "owner",
    },
    Binding {
        keys: &["O"],
        action: Action::Owned,
        what: "what it owns, and what that owns",
        places: &[Place::Object],
        short: "owned",
    },
    Binding {
        keys: &["v"],
        action: Action::Compare,
        what: "what differs from another moment, or from another store: a revision, a time, or a path is typed",
        places: ANY,
        short: "",
    },
    Binding {
        keys: &["d"],
        action: Action::Compare,
        what: "what differs from another moment, or from another store",
        places: &[Place::Overview],
        short: "diff",
    },
    Binding {
        keys: &["i"],
        action: Action::Evidence,
        what: "what each row of the file rests on, and what is lost: the file is searched as `recover` does",
        places: ANY,
        short: "",
    },
    Binding {
        keys: &["tab"],
        action: Action::Grade,
        what: "only rows of the next grade: lost, unproven, doubtful, rebuilt, carved, log, intact",
        places: &[Place::Evidence],
        short: "grade",
    },
    Binding {
        keys: &["W"],
        action: Action::Store,
        what: "write a whole store: converted, or recovered; a dialog shows first what it will be",
        places: &[Place::Health, Place::Evidence, Place::Stores],
        short: "write",
    },
    Binding {
        keys: &["W"],
        action: Action::Store,
        what: "write a whole store: converted, or recovered",
        places: &[Place::Overview],
        short: "",
    },
    Binding {
        keys: &["S"],
        action: Action::Stores,
        what: "the stores of this directory, where k3s has left two",
        places: &[Place::Overview, Place::Health],
        short: "",
    },
    Binding {
        keys: &["n"],
        action: Action::Noise,
        what: "heartbeats, renewals and managedFields too, or without them",
        places: &[Place::Compare],
        short: "noise",
    },
    Binding {
        keys: &["e"],
        action: Action::Export,
        what: "write it, or what is marked, to a file: a dialog shows first what it will be",
        places: &[
            Place::Table,
            Place::Object,
            Place::Keys,
            Place::Leases,
            Place::History,
            Place::Compare,
            Place::Sizes,
            Place::Search,
            Place::Relatives,
        ],
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
        places: &[
            Place::Table,
            Place::Object,
            Place::History,
            Place::Keys,
            Place::Leases,
            Place::Sizes,
            Place::Search,
            Place::Relatives,
        ],
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
        short: "bytes",
    },
    Binding {
        keys: &["!"],
        action: Action::Health,
        what: "what is wrong, and what is worth knowing",
        places: ANY,
        short: "health",
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
        action: Action::Complete,
        what: "complete the name of the file",
        places: EXPORT,
        short: "",
    },
    Binding {
        keys: &["ctrl-f"],
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
    Binding {
        keys: &["enter"],
        action: Action::Write,
        what: "write the store; letters go into its name",
        places: STORE,
        short: "write",
    },
    Binding {
        keys: &["esc"],
        action: Action::Back,
        what: "close the dialog; what is being written is given up, and no temporary file stays",
        places: STORE,
        short: "close",
    },
    Binding {
        keys: &["tab"],
        action: Action::Complete,
        what: "complete the name of the store",
        places: STORE,
        short: "",
    },
    Binding {
        keys: &["ctrl-f"],
        action: Action::Form,
        what: "the next form: converted to kine, an etcd snapshot, an etcd directory; recovered to kine, an etcd snapshot",
        places: STORE,
        short: "form",
    },
    Binding {
        keys: &["ctrl-t"],
        action: Action::Try,
        what: "try it: written beside its name, read back, compared, removed",
        places: STORE,
        short: "try",
    },
    Binding {
        keys: &["ctrl-n"],
        action: Action::OtherWay,
        what: "without history, or with it; of a recovery: older revisions for lost ones, or not",
        places: STORE,
        short: "history",
    },
    Binding {
        keys: &["ctrl-o"],
        action: Action::Overwrite,
        what: "overwrite a file that is there, or not",
        places: STORE,
        short: "overwrite",
    },
    Binding {
        keys: &["ctrl-u"],
        action: Action::Clear,
        what: "take the name of the store away",
        places: STORE,
        short: "",
    },
    Binding { keys: &["up"], action: Action::Up, what: "up in the report", places: STORE, short: "" },
    Binding { keys: &["down"], action: Action::Down, what: "down in the report", places: STORE, short: "" },
];
