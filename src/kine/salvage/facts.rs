//! What index pages say of rows: that they are there, and their name, `prev_revision` and `deleted`. Each row stands in
//! five or six of them.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::sqlite::{BtreePage, Images, Looked, PageKind, PageNo, RecordHeader, SerialType, Stand, Value, World};

/// Which of kine's indexes an entry is of, by its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum IndexKind {
    /// `name`, and the rowid.
    Name,
    /// `name`, `id`.
    NameId,
    /// `name`, `prev_revision`.
    NamePrev,
    /// `id`, `name`, `prev_revision`; not of all rows.
    IdNamePrev,
    /// `id`, `deleted`.
    IdDeleted,
    /// `prev_revision`.
    Prev,
}

/// What an index entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fact<'a> {
    pub id: i64,
    pub name: Option<&'a [u8]>,
    pub prev_revision: Option<i64>,
    pub deleted: Option<bool>,
    /// The index.
    pub kind: IndexKind,
    /// Whether the entry stands in a page that is in use.
    pub live: bool,
}

/// All facts, and where those of each page begin as the database is now: one for each position.
#[derive(Default)]
pub(super) struct Facts<'a> {
    pub all: Vec<Option<Fact<'a>>>,
    pub now: HashMap<PageNo, OfPage, foldhash::fast::RandomState>,
}

/// The facts of one page.
#[derive(Clone, Copy)]
pub(super) struct OfPage {
    /// Where they begin.
    pub start: usize,
    /// The newest revision that they speak of.
    pub newest: i64,
}

/// Reads every index page.
pub(super) fn all<'a>(images: &Images, looked: &[Looked<'a>]) -> Facts<'a> {
    let pages: Vec<(&Looked<'a>, Vec<Option<Fact<'a>>>)> =
        looked.par_iter().filter_map(|image| Some((image, of_image(images, image)?))).collect();
    let mut facts = Facts::default();
    facts.all.reserve_exact(pages.iter().map(|(_, of_page)| of_page.len()).sum());
    for (image, of_page) in pages {
        if image.world == World::Current {
            let newest = of_page.iter().flatten().map(|fact| fact.id).max().unwrap_or(0);
            facts.now.insert(image.no, OfPage { start: facts.all.len(), newest });
        }
        facts.all.extend(of_page);
    }
    facts
}

fn of_image<'a>(images: &Images, image: &Looked<'a>) -> Option<Vec<Option<Fact<'a>>>> {
    let page =
        images.btree(image).filter(|page| matches!(page.kind(), PageKind::IndexLeaf | PageKind::IndexInterior))?;
    let live = match image.stand {
        Stand::Log if images.is_beside() => true,
        Stand::Now | Stand::Log => images.is_in_use(image.no),
        _ => false,
    };
    let fact = |position| entry(&page, position).map(|fact| Fact { live, ..fact });
    Some((0..page.cell_count()).map(fact).collect())
}

/// The fact in an entry. Kinds are told by their columns.
fn entry<'a>(page: &BtreePage<'a>, position: u16) -> Option<Fact<'a>> {
    let cell = page.index_cell(position).ok()?;
    if cell.overflow.is_some() {
        return None;
    }
    let record = RecordHeader::parse(cell.local, cell.payload.len()).ok()?;
    let mut text = None;
    let mut numbers = [0; 3];
    let mut count = 0;
    for (column, field) in record.fields().iter().enumerate() {
        let range = field.range();
        let bytes = cell.local.get(range.start as usize..range.end as usize)?;
        match field.kind {
            SerialType::Text(_) if text.is_none() && column < 2 => text = Some((column, bytes)),
            SerialType::Text(_) | SerialType::Blob(_) | SerialType::Float => return None,
            kind => {
                let number = Value::decode(kind, bytes.into())?.as_int().unwrap_or(0);
                *numbers.get_mut(count)? = number;
                count += 1;
            }
        }
    }
    let fact = |kind, id, prev_revision: Option<i64>, deleted| {
        let name = text.map(|(_, name)| name);
        let sane = id > 0 && prev_revision.is_none_or(|prev| prev >= 0);
        sane.then_some(Fact { id, name, prev_revision, deleted, kind, live: false })
    };
    match (text.map(|(column, _)| column), count, numbers) {
        (Some(0), 1, [id, ..]) => fact(IndexKind::Name, id, None, None),
        (Some(0), 2, [of, id, _]) if of == id => fact(IndexKind::NameId, id, None, None),
        (Some(0), 2, [prev, id, _]) => fact(IndexKind::NamePrev, id, Some(prev), None),
        (Some(1), 3, [of, prev, id]) if of == id => fact(IndexKind::IdNamePrev, id, Some(prev), None),
        (None, 3, [of, deleted @ 0..=1, id]) if of == id => fact(IndexKind::IdDeleted, id, None, Some(deleted == 1)),
        (None, 2, [prev, id, _]) => fact(IndexKind::Prev, id, Some(prev), None),
        _ => None,
    }
}
