//! What screens ask of the store, and what they are told: plain data between the state and the thread that reads.

mod arrange;
mod compare;
mod export;
mod job;
mod list;
mod store;
mod text;
mod timeline;

pub use arrange::{Arrange, Arranged, MANY, Manner, Rows};
pub use compare::{Became, Compared, Differs, With};
pub use export::{Chosen, Export, Form, Planned};
pub use job::{Job, Shape, Stage, Verb};
pub use list::{Cell, GRADES, List, Row, Target, Tone};
pub use store::{Checked, Finding, KindName, Opened, Overview, Severity, Trouble};
pub use text::{Syntax, Text, TextLine};
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
        /// Only these columns, in this order; all where there are none.
        columns: Vec<String>,
    },
    /// Which rows of a large table are shown, and in which order.
    Arrange(Arrange),
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
    /// Files whose names go on from what is typed.
    Paths(String),
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
            Self::Table { .. }
                | Self::Arrange(_)
                | Self::Keys { .. }
                | Self::Leases
                | Self::Sizes { .. }
                | Self::Search { .. }
                | Self::Health
                | Self::History { .. }
                | Self::Compare(_)
                | Self::Owned { .. }
                | Self::Timeline { .. }
                | Self::Evidence
                | Self::Stores
                | Self::Paths(_)
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
    List(Rows),
    /// For [`Ask::Arrange`].
    Arranged(Arranged),
    /// For [`Ask::Object`], [`Ask::Page`] and [`Ask::Health`].
    Text(Box<Text>),
    /// For [`Ask::History`].
    History(Rows),
    /// For [`Ask::Diff`] and [`Ask::CompareOne`].
    Diff(Text),
    /// For [`Ask::Owners`].
    Owners(Rows),
    /// For [`Ask::Timeline`].
    Timeline(Timeline),
    /// For [`Ask::Compare`].
    Compared(Box<Compared>),
    /// For [`Ask::Paths`]: what was typed, and the names, directories with a slash behind them.
    Paths(String, Vec<String>),
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
