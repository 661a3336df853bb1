//! What `kubectl get` shows of an object in one line: columns and cells, as data. The text of a table is made of them in
//! [`crate::render`].
//!
//! The rules of the built-in kinds are those of the API server, which makes the cells (kubernetes
//! pkg/printers/internalversion/printers.go of 1.35; where 1.36 differs, the server's minor decides). Kinds that the
//! server has no rule for show NAME and CREATED AT.

mod access;
mod age;
mod cell;
mod cluster;
mod custom;
mod devices;
mod hpa;
mod jsonpath;
mod kinds;
mod network;
mod node;
mod pods;
mod policies;
mod storage;
mod workloads;

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

pub use age::human_duration;
pub use cell::Cell;
pub use jsonpath::{JsonPath, PathError};

use crate::kube::resources::{Origin, Resource};
use access::{FormatLabels as _, text};

/// The newest minor of Kubernetes whose rules are known.
pub const NEWEST_MINOR: u32 = 37;

/// What a table is to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `-o wide`
    pub wide: bool,
    /// `-A`: the namespace comes first. Ignored for resources without namespaces, like kubectl.
    pub with_namespace: bool,
    /// The name is `deployment.apps/NAME`: where sections of several kinds stand together.
    pub with_kind: bool,
    /// `--show-labels`
    pub show_labels: bool,
    /// `-L KEY`, in the order given.
    pub label_columns: Vec<String>,
    /// The moment that ages count from. A store stands still: the clock of the wall would make everything old.
    pub now: Timestamp,
    /// The minor of the server whose columns are wanted.
    pub server_minor: u32,
}

impl Options {
    /// A plain table, with ages counted from `now`, as the newest known server shows it.
    pub fn at(now: Timestamp) -> Self {
        Self {
            wide: false,
            with_namespace: false,
            with_kind: false,
            show_labels: false,
            label_columns: Vec::new(),
            now,
            server_minor: NEWEST_MINOR,
        }
    }
}

/// The heading of one column, in capitals.
pub type Heading = Cow<'static, str>;

/// One object's line.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The object's place in the list that the table was made of: some kinds are shown in another order.
    pub object: usize,
    /// A cell for each column.
    pub cells: Vec<Cell>,
}

/// Objects of one kind, line by line.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The headings.
    pub columns: Vec<Heading>,
    /// The lines.
    pub rows: Vec<Row>,
}

/// The cells of objects of one resource, in the order in which kubectl prints them: that of the list, which a server
/// sends in the order of the keys, but for FlowSchemas, which it sorts by precedence.
pub fn table(resource: &Resource, objects: &[&Value], options: &Options) -> Table {
    let printer = printer(resource);
    let mut table = Table { columns: printer.headings(options), rows: Vec::with_capacity(objects.len()) };
    let with_namespace = options.with_namespace && resource.is_namespaced();
    if with_namespace {
        table.columns.insert(0, Cow::Borrowed("NAMESPACE"));
    }
    for label in &options.label_columns {
        let last = label.rsplit('/').next().unwrap_or(label);
        table.columns.push(Cow::Owned(last.to_uppercase()));
    }
    if options.show_labels {
        table.columns.push(Cow::Borrowed("LABELS"));
    }
    for object in kinds::in_order(resource, objects) {
        let Some(value) = objects.get(object).copied() else { continue };
        let mut cells = printer.cells(resource, value, options);
        if with_namespace {
            cells.insert(0, Cell::text(text(value, "/metadata/namespace")));
        }
        for label in &options.label_columns {
            let value = value.pointer("/metadata/labels").and_then(|labels| labels.get(label));
            cells.push(Cell::text(value.and_then(Value::as_str).unwrap_or_default()));
        }
        if options.show_labels {
            cells.push(Cell::text(value.pointer("/metadata/labels").format_labels()));
        }
        table.rows.push(Row { object, cells });
    }
    table
}

/// The word before the slash and the name, as `-o name` prints them: `deployment.apps/web`.
pub fn object_name(resource: &Resource, object: &Value) -> String {
    format!("{}/{}", resource.kind_name(), text(object, "/metadata/name"))
}

/// When a column is shown, and whether it has the object's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Name,
    Always,
    Wide,
    WideName,
}

/// One column of a built-in kind.
type Column = (&'static str, Shown);

/// The columns of a built-in kind and the cells for them, wide ones too.
struct BuiltIn {
    columns: &'static [Column],
    cells: kinds::Cells,
}

enum Printer<'a> {
    BuiltIn(BuiltIn),
    Custom(custom::Columns<'a>),
}

fn printer(resource: &Resource) -> Printer<'_> {
    match resource.origin {
        Origin::BuiltIn => Printer::BuiltIn(kinds::columns_of(resource)),
        Origin::Custom => Printer::Custom(custom::Columns::of(resource)),
    }
}

impl Printer<'_> {
    fn headings(&self, options: &Options) -> Vec<Heading> {
        match self {
            Self::BuiltIn(printer) => printer.shown(options).map(|(_, &(heading, _))| Cow::Borrowed(heading)).collect(),
            Self::Custom(columns) => columns.headings(options),
        }
    }

    fn cells(&self, resource: &Resource, object: &Value, options: &Options) -> Vec<Cell> {
        match self {
            Self::BuiltIn(printer) => {
                let mut cells = (printer.cells)(object, options);
                let names = |(_, shown): &Column| matches!(shown, Shown::Name | Shown::WideName);
                let name = printer.columns.iter().position(names).filter(|_| options.with_kind);
                if let Some(cell) = name.and_then(|at| cells.get_mut(at)) {
                    cell.prefix(&resource.kind_name());
                }
                printer.shown(options).map(|(at, _)| cells.get(at).cloned().unwrap_or(Cell::Empty)).collect()
            }
            Self::Custom(columns) => {
                let mut cells = columns.cells(object, options);
                if let (true, Some(cell)) = (options.with_kind, cells.first_mut()) {
                    cell.prefix(&resource.kind_name());
                }
                cells
            }
        }
    }
}

impl BuiltIn {
    fn shown(&self, options: &Options) -> impl Iterator<Item = (usize, &'static Column)> {
        let wide = options.wide;
        self.columns
            .iter()
            .enumerate()
            .filter(move |(_, (_, shown))| wide || !matches!(shown, Shown::Wide | Shown::WideName))
    }
}
