//! What screens ask of the store, and what they are told: plain data between the state and the thread that reads.

mod compare;
mod job;
mod timeline;

use jiff::Timestamp;

pub use compare::{Became, Compared, Differs, With};
pub use job::{Job, Shape, Stage, Verb};
pub use timeline::{Bar, Timeline};

use crate::model::KeyId;

/// A question to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The first screen.
    Overview {
        /// The moment; none for the newest.
        at: Option<i64>,
    },
    /// The objects of a resource, as a table.
    Table {
        /// The full name, as `deployments.apps`.
        resource: String,
        /// The moment.
        at: Option<i64>,
        /// Deleted ones too, as they last were.
        deleted: bool,
        /// The columns of `-o wide`.
        wide: bool,
    },
    /// One level of the tree of raw keys.
    Keys {
        /// What the keys begin with.
        prefix: Vec<u8>,
        /// The moment.
        at: Option<i64>,
    },
    /// All leases.
    Leases,
    /// What takes the bytes.
    Sizes {
        /// Summed up by what.
        by: By,
        /// The keys of one of the sums instead.
        within: Option<String>,
        /// The moment.
        at: Option<i64>,
    },
    /// Lines of keys and objects.
    Search {
        /// What they must hold: a regular expression in any case, or text where it is none.
        pattern: String,
        /// Every change that survives, and not only what was live.
        history: bool,
        /// Only objects of this namespace.
        namespace: Option<String>,
        /// The moment.
        at: Option<i64>,
        /// Secret values too.
        reveal: bool,
    },
    /// What is wrong with the store.
    Health,
    /// One object, or one value that is none.
    Object {
        /// Its key.
        key: KeyId,
        /// The newest change up to this revision is shown.
        revision: i64,
        /// Secret values in clear.
        reveal: bool,
        /// With `metadata.managedFields`.
        managed: bool,
    },
    /// The page that a value came from.
    Page {
        /// The key of the value.
        key: KeyId,
        /// The newest change up to this revision is meant.
        revision: i64,
        /// Secret values in clear.
        reveal: bool,
    },
    /// Every change of a key that survives.
    History {
        /// The key.
        key: KeyId,
        /// The moment; none for the newest.
        at: Option<i64>,
    },
    /// What one change changed.
    Diff {
        /// The key.
        key: KeyId,
        /// The revision of the change.
        revision: i64,
        /// Secret values in clear.
        reveal: bool,
    },
    /// What became of each object between another state and the one that is shown.
    Compare(With),
    /// The same for one object, as a difference of its YAML.
    CompareOne {
        /// The states.
        with: With,
        /// The key.
        key: Vec<u8>,
        /// Secret values in clear.
        reveal: bool,
    },
    /// The owners of an object.
    Owners {
        /// Its key.
        key: KeyId,
        /// As it was at this revision.
        revision: i64,
        /// The moment that owners are looked for at.
        at: Option<i64>,
    },
    /// What an object owns.
    Owned {
        /// Its key.
        key: KeyId,
        /// As it was at this revision.
        revision: i64,
        /// The moment at which what it owns lives.
        at: Option<i64>,
    },
    /// What each row of the file rests on, and what is lost.
    Evidence,
    /// The stores that lie here.
    Stores,
    /// Opens another of them, by its engine.
    Reopen(String),
    /// A store that is to be written.
    Job {
        /// Which.
        job: Job,
        /// How far to go.
        stage: Stage,
    },
    /// How much was changed when.
    Timeline {
        /// In so many bars.
        columns: usize,
    },
    /// Nobody waits for an answer any more.
    GiveUp(super::worker::Ticket),
    /// Which revision is meant by a number or a time.
    Moment {
        /// What was typed.
        text: String,
    },
    /// What an export would write.
    Plan(Export),
    /// Writes an export.
    Write {
        /// What.
        export: Export,
        /// Where.
        path: String,
        /// Over a file that is there.
        force: bool,
    },
}

impl Ask {
    /// Whether it has a thread of its own, so that others are answered meanwhile.
    pub fn takes_long(&self) -> bool {
        matches!(
            self,
            Self::Compare(_)
                | Self::Owned { .. }
                | Self::Timeline { .. }
                | Self::Evidence
                | Self::Stores
                | Self::Job { .. }
        )
    }

    /// Whether it writes files: what was begun is ended, whatever is asked behind it.
    pub fn writes(&self) -> bool {
        matches!(self, Self::Write { .. } | Self::Job { stage: Stage::Run | Stage::Try, .. })
    }
}

/// What bytes are summed up by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum By {
    /// The kind.
    #[default]
    Kind,
    /// The namespace.
    Namespace,
    /// The object that controls it.
    Owner,
}

impl By {
    /// Its name as a heading.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Kind => "KIND",
            Self::Namespace => "NAMESPACE",
            Self::Owner => "OWNER",
        }
    }

    /// The next one.
    pub const fn next(self) -> Self {
        match self {
            Self::Kind => Self::Namespace,
            Self::Namespace => Self::Owner,
            Self::Owner => Self::Kind,
        }
    }
}

/// What is to be exported, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Export {
    /// The objects.
    pub objects: Vec<Chosen>,
    /// In which form.
    pub form: Form,
    /// What they need too.
    pub with_deps: bool,
    /// Secrets too, in clear.
    pub reveal: bool,
}

/// An object that was chosen, as it stood right after a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Its key.
    pub key: KeyId,
    /// The revision.
    pub revision: i64,
    /// What to call it.
    pub name: String,
}

/// The form of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// For `kubectl apply` to another or a new cluster.
    #[default]
    Apply,
    /// For the cluster that they were deleted from.
    SameCluster,
    /// As kubectl prints them.
    Yaml,
}

impl Form {
    /// What it is for.
    pub const fn told(self) -> &'static str {
        match self {
            Self::Apply => "ready for kubectl apply, to another or a new cluster",
            Self::SameCluster => "ready for kubectl apply, to the cluster they were deleted from",
            Self::Yaml => "YAML as kubectl prints it, with all that the server adds",
        }
    }

    /// The next one.
    pub const fn next(self) -> Self {
        match self {
            Self::Apply => Self::SameCluster,
            Self::SameCluster => Self::Yaml,
            Self::Yaml => Self::Apply,
        }
    }
}

/// What an export would write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// The objects that go, in order.
    pub goes: Vec<String>,
    /// Those that do not, and why.
    pub left_out: Vec<String>,
    /// What may surprise.
    pub warnings: Vec<String>,
    /// Bytes of the file.
    pub bytes: u64,
    /// A Secret is left out because nobody asked for its values.
    pub secrets_left: bool,
    /// The keys, as they go into a command line, with their revisions.
    pub keys: Vec<(String, i64)>,
}

/// What the store says.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The store is open.
    Opened(Box<Opened>),
    /// What the file is, before it is read: the engine, and bytes.
    Glance(String, u64),
    /// It cannot be opened.
    Closed(Trouble),
    /// For [`Ask::Job`]: what was done or would be, or why nothing was.
    Did(Result<Vec<String>, String>),
    /// What all checks found, which took longer.
    Checked(Checked),
    /// For [`Ask::Overview`].
    Overview(Box<Overview>),
    /// For [`Ask::Table`], [`Ask::Keys`], [`Ask::Leases`], [`Ask::Sizes`] and [`Ask::Search`].
    List(List),
    /// For [`Ask::Object`], [`Ask::Page`] and [`Ask::Health`].
    Text(Box<Text>),
    /// For [`Ask::History`].
    History(List),
    /// For [`Ask::Diff`] and [`Ask::CompareOne`].
    Diff(Text),
    /// For [`Ask::Owners`].
    Owners(List),
    /// For [`Ask::Timeline`].
    Timeline(Timeline),
    /// For [`Ask::Compare`].
    Compared(Box<Compared>),
    /// How far the answer is.
    Progress(String),
    /// For [`Ask::Moment`]: the revision, and how it was found.
    Moment(Result<(i64, String), String>),
    /// For [`Ask::Plan`].
    Planned(Box<Planned>),
    /// For [`Ask::Write`]: what was written, or why nothing was.
    Written(Result<String, String>),
    /// The answer could not be worked out.
    Failed(Trouble),
}

/// What `verify`, and of a server directory `doctor`, say of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The verdict, in words.
    pub verdict: String,
    /// Whether everything can be had.
    pub is_good: bool,
    /// The findings, the worst first.
    pub findings: Vec<Finding>,
}

/// Why something cannot be shown, and what to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// What it is, in a few words.
    pub title: String,
    /// What happened.
    pub what: String,
    /// What to do: sentences, and command lines that begin with `$ `.
    pub advice: Vec<String>,
}

/// What is known once the store is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// `kine/SQLite` or `etcd/bbolt`, and what kind of file.
    pub engine: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// The newest revision.
    pub current: i64,
    /// The compact revision; 0 for never.
    pub compact: i64,
    /// Names that lead to a kind: the full name first, then its aliases.
    pub kinds: Vec<KindName>,
    /// How the store and its keys were found.
    pub notes: Vec<String>,
    /// Why the keys that were given do not open it.
    pub keys: Option<String>,
}

/// A kind's names, for the palette.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindName {
    /// As `deployments.apps`.
    pub full: String,
    /// As `deployments`, `deployment`, `deploy`.
    pub aliases: Vec<String>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Bytes are damaged or contradict each other.
    Damage,
    /// Something cannot be shown or needs attention.
    Warning,
    /// Good to know.
    #[default]
    Note,
}

/// One thing to know about the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// What.
    pub text: String,
    /// Where; empty for the store as a whole.
    pub place: String,
    /// What to do; empty where there is nothing to do.
    pub hint: String,
    /// All checks say it too, in their own words.
    pub checked_again: bool,
}

/// What the first screen says.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// Nodes of the cluster, with their versions.
    pub nodes: Vec<(String, String)>,
    /// The release that Nodes report; none if no Node says.
    pub release: Option<String>,
    /// The newest time that the store tells of.
    pub newest: Option<Timestamp>,
    /// Bytes: the file, live values, superseded values, free pages, index pages.
    pub bytes: [u64; 5],
    /// Live keys, changes, tombstones, leases.
    pub counts: [u64; 4],
    /// What is wrong or worth knowing.
    pub findings: Vec<Finding>,
    /// The kinds.
    pub kinds: List,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List {
    /// The headings.
    pub columns: Vec<String>,
    /// The lines.
    pub rows: Vec<Row>,
    /// What to know about it, in one line.
    pub note: Option<String>,
    /// Why it is empty, if it is.
    pub empty: String,
}

/// A line of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// A cell for each column.
    pub cells: Vec<Cell>,
    /// Where `enter` leads.
    pub target: Target,
    /// What is special about it.
    pub tone: Tone,
    /// Its namespace, where it has one.
    pub namespace: Option<String>,
}

/// A cell: what it says and what it is sorted by.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The text, without control characters.
    pub text: String,
    /// What it is sorted by; text by itself where there is none.
    pub number: Option<f64>,
}

/// Where a line leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Nowhere.
    Nothing,
    /// To the table of a kind.
    Kind(String),
    /// To keys that begin so.
    Prefix(Vec<u8>),
    /// Unfolds what is below it, or folds it.
    Branch(String),
    /// To another store of the same directory.
    Store(String),
    /// To the keys of a sum of bytes.
    Sum(By, String),
    /// To an object or a value.
    Key {
        /// The key.
        key: KeyId,
        /// The newest change up to this revision is meant.
        revision: i64,
        /// What to call it: `pods/shop/web`, or the key.
        name: String,
    },
}

/// What is special about a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing.
    #[default]
    Plain,
    /// It is deleted.
    Deleted,
    /// It is encrypted and there is no key.
    Locked,
    /// It is damaged.
    Damaged,
    /// Only the newer state has it.
    Added,
    /// Only the older state has it.
    Removed,
    /// It was put together from what is left.
    Guessed,
}

/// What a row of a damaged file rests on, the worst first, as `recover` calls it.
pub const GRADES: [&str; 7] = ["lost", "unproven", "doubtful", "rebuilt", "carved", "log", "intact"];

/// How a text is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Syntax {
    /// Not at all.
    #[default]
    Plain,
    /// YAML.
    Yaml,
    /// A unified difference.
    Diff,
    /// Bytes in hexadecimal; blocks are those of the value's cell.
    Hex,
}

/// One line of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextLine {
    /// Without control characters.
    pub text: String,
    /// It is part of a YAML block, and no key stands in it.
    pub block: bool,
}

/// A text to scroll in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    /// What it is of, in a few words.
    pub title: String,
    /// The lines.
    pub lines: Vec<TextLine>,
    /// How it is coloured.
    pub syntax: Syntax,
    /// What to know about it.
    pub notes: Vec<String>,
    /// Why there is nothing to see.
    pub trouble: Option<Trouble>,
    /// The revisions of the key's changes, oldest first.
    pub revisions: Vec<i64>,
    /// Which of these is shown.
    pub shown: Option<usize>,
    /// Whether secret values are masked in it.
    pub masked: bool,
    /// The line that is seen first.
    pub start: usize,
}

impl List {
    /// Shows these columns in this order; names that are none are left out. Without any that is there, nothing changes.
    pub fn arrange(&mut self, columns: &[String]) {
        let at = |wanted: &String| self.columns.iter().position(|column| column.eq_ignore_ascii_case(wanted));
        let order: Vec<usize> = columns.iter().filter_map(at).collect();
        if order.is_empty() {
            return;
        }
        self.columns = order.iter().filter_map(|at| self.columns.get(*at).cloned()).collect();
        for row in &mut self.rows {
            row.cells = order.iter().filter_map(|at| row.cells.get(*at).cloned()).collect();
        }
    }
}

impl Cell {
    /// A text.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self { text: super::text::harmless(text.as_ref()), number: None }
    }

    /// A text that stands for a number.
    pub fn number(text: impl AsRef<str>, number: f64) -> Self {
        Self { text: super::text::harmless(text.as_ref()), number: Some(number) }
    }
}

impl Text {
    /// The lines of a text; of YAML those that belong to blocks are found.
    pub fn lines_of(text: &str, syntax: Syntax) -> Vec<TextLine> {
        let mut block: Option<usize> = None;
        let line = |line: &str| {
            let indent = line.len() - line.trim_start_matches(' ').len();
            let is_block = syntax == Syntax::Yaml && block.is_some_and(|at| indent > at || line.trim().is_empty());
            if !is_block {
                // A key inside of a list item is indented by what stands before it.
                let marks = line.get(indent..).map_or(0, |rest| rest.len() - rest.trim_start_matches("- ").len());
                let opens = [": |", ": >", "- |", "- >"].iter().any(|mark| {
                    line.rfind(mark).is_some_and(|at| line.get(at + 3..).is_some_and(|rest| rest.len() <= 2))
                });
                block = opens.then_some(indent + marks);
            }
            TextLine { text: super::text::harmless(line), block: is_block }
        };
        text.lines().map(line).collect()
    }
}
