//! What index pages say of rows: that they are there, and their name, `prev_revision` and `deleted`. Each row stands in
//! five or six of them.

use rayon::prelude::*;

use crate::sqlite::{BtreePage, Images, Looked, PageKind, RecordHeader, SerialType, Stand, Value};

/// What an index entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fact<'a> {
    pub id: i64,
    pub name: Option<&'a [u8]>,
    pub prev_revision: Option<i64>,
    pub deleted: Option<bool>,
    /// Whether the entry stands in a page that is in use.
    pub live: bool,
}

/// All facts, and the ranges of ids that pages in use of an index over ids cover without a gap.
#[derive(Default)]
pub(super) struct Facts<'a> {
    pub all: Vec<Fact<'a>>,
    pub covered: Vec<(i64, i64)>,
}

/// Reads every index page.
pub(super) fn all<'a>(images: &Images, looked: &[Looked<'a>]) -> Facts<'a> {
    let pages: Vec<Facts<'a>> = looked.par_iter().filter_map(|image| of_image(images, image)).collect();
    let mut facts = Facts::default();
    for page in pages {
        facts.all.extend(page.all);
        facts.covered.extend(page.covered);
    }
    facts.covered.sort_unstable();
    facts
}

fn of_image<'a>(images: &Images, image: &Looked<'a>) -> Option<Facts<'a>> {
    let page =
        images.btree(image).filter(|page| matches!(page.kind(), PageKind::IndexLeaf | PageKind::IndexInterior))?;
    let live = match image.stand {
        Stand::Log if images.is_beside() => true,
        Stand::Now | Stand::Log => images.is_in_use(image.no),
        _ => false,
    };
    let (mut all, mut by_id, mut whole) = (Vec::new(), Vec::new(), true);
    for position in 0..page.cell_count() {
        match entry(&page, position) {
            Some((fact, is_by_id)) => {
                if is_by_id {
                    by_id.push(fact.id);
                }
                all.push(Fact { live, ..fact });
            }
            None => whole = false,
        }
    }
    let in_order = by_id.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
    let covers = live && whole && page.kind() == PageKind::IndexLeaf && by_id.len() == all.len() && in_order;
    let covered = match (by_id.first(), by_id.last()) {
        (Some(&first), Some(&last)) if covers => vec![(first, last)],
        _ => Vec::new(),
    };
    Some(Facts { all, covered })
}

/// The fact in an entry, and whether it is of the index over ids and `deleted`. Kinds are told by their columns.
fn entry<'a>(page: &BtreePage<'a>, position: u16) -> Option<(Fact<'a>, bool)> {
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
    let blank = Fact { id: 0, name: text.map(|(_, name)| name), prev_revision: None, deleted: None, live: false };
    let (fact, by_id) = match (text.map(|(column, _)| column), count, numbers) {
        (Some(0), 1, [id, ..]) => (Fact { id, ..blank }, false),
        (Some(0), 2, [of, id, _]) if of == id => (Fact { id, ..blank }, false),
        (Some(0), 2, [prev, id, _]) => (Fact { id, prev_revision: Some(prev), ..blank }, false),
        (Some(1), 3, [of, prev, id]) if of == id => (Fact { id, prev_revision: Some(prev), ..blank }, false),
        (None, 3, [of, deleted @ 0..=1, id]) if of == id => (Fact { id, deleted: Some(deleted == 1), ..blank }, true),
        (None, 2, [prev, id, _]) => (Fact { id, prev_revision: Some(prev), ..blank }, false),
        _ => return None,
    };
    let sane = fact.id > 0 && fact.prev_revision.is_none_or(|prev| prev >= 0);
    sane.then_some((fact, by_id))
}
