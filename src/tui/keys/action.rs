//! What keys do.

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
    /// Folds what is under the cursor, or unfolds it.
    Fold,
    /// Folds everything, or unfolds everything.
    FoldAll,
    /// What owns it.
    Owner,
    /// What it owns.
    Owned,
    /// Its history.
    History,
    /// Asks what this moment is to be compared with.
    Compare,
    /// What each row of the file rests on.
    Evidence,
    /// Only rows of the next grade.
    Grade,
    /// The stores that lie here.
    Stores,
    /// Opens the dialog that writes a whole store.
    Store,
    /// Tries what the dialog shows.
    Try,
    /// The other way to do it.
    OtherWay,
    /// Differences that say nothing too, or without them.
    Noise,
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
    /// Completes the name of a file.
    Complete,
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
