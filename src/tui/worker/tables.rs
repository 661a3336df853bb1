//! The table of a kind: kubectl's columns, and what only the store knows.

use super::Reader;
use super::errand::Errand;
use crate::kube::columns::{self, Cell as KubeCell};
use crate::kube::selector::LabelSelector;
use crate::model::{Change, KeyState};
use crate::ops::objects::Objects;
use crate::render;
use crate::tui::ask::{Answer, Cell, List, Row, Target, Tone, Trouble};

/// Objects that are read before it is asked whether somebody still waits.
const BATCH: usize = 8192;

/// What of a kind is shown.
pub(super) struct Wanted<'a> {
    /// The moment.
    pub at: Option<i64>,
    /// Deleted ones too, as they last were.
    pub deleted: bool,
    /// The columns of `-o wide`.
    pub wide: bool,
    /// Only these columns; all where there are none.
    pub columns: &'a [String],
}

impl Reader {
    pub(super) fn table(&self, resource: &str, wanted: &Wanted<'_>, errand: &Errand) -> Answer {
        let &Wanted { at, deleted, wide, columns: chosen } = wanted;
        let objects = self.objects(at);
        let resource = match objects.registry().find(resource) {
            Ok(resource) => resource,
            Err(error) => {
                return Answer::Failed(Trouble {
                    title: format!("no kind {resource}"),
                    what: error.to_string(),
                    advice: vec!["The kinds that are there: : and then tab, or esc to the first screen.".to_owned()],
                });
            }
        };
        let found = objects.select(resource, None, None, &LabelSelector::default());
        let unknown = found.unknown;
        let mut changes = found.live;
        let live = changes.len();
        let gone = self.last_puts(&objects, &objects.registry().prefix(resource, None), resource);
        let hidden = gone.len();
        if deleted {
            changes.extend(gone.iter().map(|(put, _)| *put));
        }
        let now = objects.newest_stamp();
        let options = columns::Options {
            wide,
            with_namespace: true,
            server_minor: u32::from(objects.minor().0.number()),
            ..columns::Options::at(now.unwrap_or_default())
        };
        let mut columns: Vec<String> = Vec::new();
        let mut rows = Vec::with_capacity(changes.len());
        // A kind without objects has its columns too.
        let none: [&[&Change]; 1] = [&[]];
        let batches: Vec<&[&Change]> = changes.chunks(BATCH).collect();
        let batches = if batches.is_empty() { &none[..] } else { &batches };
        for (nth, batch) in batches.iter().enumerate() {
            if !errand.goes_on() {
                break;
            }
            errand.tell("reading objects", (nth * BATCH) as u64, changes.len() as u64);
            let mut failed = Vec::new();
            let table = render::objects_table(&objects, resource, batch, &options, &mut failed);
            if columns.is_empty() {
                columns = table.columns.iter().map(ToString::to_string).collect();
            }
            for row in table.rows {
                let Some(change) = batch.get(row.object) else { continue };
                let place = nth * BATCH + row.object;
                let tombstone = place.checked_sub(live).and_then(|at| gone.get(at)).map(|(_, tombstone)| *tombstone);
                let mut made = self.row(&objects, change, row.cells.iter().map(cell).collect());
                if let Some(tombstone) = tombstone {
                    made.tone = Tone::Deleted;
                    let at = tombstone.revision.main;
                    made.cells.push(Cell::number(format!("revision {at}"), at as f64));
                } else if deleted {
                    made.cells.push(Cell::text(""));
                }
                rows.push(made);
            }
        }
        columns.extend(["CHANGES".to_owned(), "SIZE".to_owned()]);
        if deleted {
            columns.push("DELETED AT".to_owned());
        }
        let plural = &resource.plural;
        let mut empty = format!("no {plural} at this moment");
        if hidden > 0 {
            empty.push_str(&format!("; {hidden} deleted ones survive: D shows them"));
        }
        let note = match (unknown, now) {
            (1.., _) => Some(format!("{unknown} more are unknown: no row that old survives the compaction")),
            (0, Some(now)) => Some(format!("ages count from {now:.0}")),
            (0, None) => None,
        };
        let mut list = List { columns, rows, note, empty };
        list.arrange(chosen);
        Answer::List(list.into())
    }

    /// The last puts of keys that are deleted, with their tombstones.
    fn last_puts(
        &self,
        objects: &Objects<'_>,
        prefix: &str,
        resource: &crate::kube::resources::Resource,
    ) -> Vec<(&Change, &Change)> {
        let history = self.history();
        let view = history.at(objects.revision());
        let last = |key| {
            let KeyState::Absent(Some(tombstone)) = view.state(key) else { return None };
            objects.object(key).filter(|id| id.resource == resource)?;
            let put = history.changes_of(key).rev().skip_while(|change| change.revision >= tombstone.revision);
            Some((put.into_iter().find(|change| change.is_put())?, tombstone))
        };
        history.keys().with_prefix(prefix.as_bytes()).filter_map(last).collect()
    }

    fn row(&self, objects: &Objects<'_>, change: &Change, mut cells: Vec<Cell>) -> Row {
        let history = self.history();
        let before = |other: &&Change| other.revision.main <= objects.revision();
        let count = history.changes_of(change.key).take_while(before).count();
        cells.push(Cell::number(render::count(count as u64), count as f64));
        let size = u64::from(change.value.len);
        cells.push(Cell::number(render::bytes(size), size as f64));
        let is_closed = |text: &str| cells.iter().any(|cell| cell.text == text);
        let tone = match () {
            () if is_closed("<encrypted>") => Tone::Locked,
            () if is_closed("<damaged>") => Tone::Damaged,
            () => Tone::Plain,
        };
        let namespace = objects.object(change.key).and_then(|id| id.namespace).map(str::to_owned);
        Row { cells, target: self.target(objects, change), tone, namespace }
    }

    /// Where a change leads.
    pub(super) fn target(&self, objects: &Objects<'_>, change: &Change) -> Target {
        Target::Key { key: change.key, revision: change.revision.main, name: self.name(objects, change.key) }
    }

    /// What to call a key: `pods/shop/web` if it is an object.
    pub(super) fn name(&self, objects: &Objects<'_>, key: crate::model::KeyId) -> String {
        let Some(id) = objects.object(key) else { return render::key(self.history().keys().get(key)) };
        let namespace = id.namespace.map_or(String::new(), |namespace| format!("{namespace}/"));
        crate::tui::text::harmless(&format!("{}/{namespace}{}", id.resource.full_name(), id.name))
    }
}

fn cell(cell: &KubeCell) -> Cell {
    let text = cell.shown();
    match cell {
        KubeCell::Integer(number) => Cell::number(text, *number as f64),
        KubeCell::Number(number) => Cell::number(text, *number),
        // The youngest has the least age.
        KubeCell::Ago { since, .. } => Cell::number(text, -(since.as_second() as f64)),
        KubeCell::Empty | KubeCell::Text(_) | KubeCell::Boolean(_) => Cell::text(text),
    }
}
