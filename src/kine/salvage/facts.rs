//! What index pages say of rows: that they are there, and their name, `prev_revision` and `deleted`. Each row stands in
//! five or six of them.

use std::collections::HashMap;

use rayon::prelude::*;

use super::record::number;
use crate::model::{KeyId, Names};
use crate::sqlite::{BtreePage, Images, Looked, PageNo, SerialType, Stand, TreeKind, World, varint};

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
pub(super) struct Fact {
    pub id: i64,
    /// `prev_revision`, or less than 0.
    prev: i64,
    key: KeyId,
    pub deleted: Option<bool>,
    /// The index.
    pub kind: IndexKind,
    /// Whether the entry stands in a page that is in use.
    pub live: bool,
}

impl Fact {
    /// The key, where the index has the name.
    pub fn key(&self) -> Option<KeyId> {
        (self.key != KeyId::UNSET).then_some(self.key)
    }

    /// `prev_revision`, where the index has it.
    pub fn prev_revision(&self) -> Option<i64> {
        (self.prev >= 0).then_some(self.prev)
    }
}

/// All facts, and where those of each page begin as the database is now: one for each position.
#[derive(Default)]
pub(super) struct Facts {
    parts: Vec<Vec<Option<Fact>>>,
    now: HashMap<PageNo, OfPage, foldhash::fast::RandomState>,
}

/// The facts of one page.
#[derive(Clone, Copy)]
pub(super) struct OfPage {
    /// The part they are in.
    part: usize,
    /// Where they begin in it.
    start: usize,
    /// The newest revision that they speak of.
    pub newest: i64,
}

/// The facts of some pages, before their keys have numbers.
#[derive(Default)]
pub(super) struct Part {
    facts: Vec<Option<Fact>>,
    /// For each fact the number of its name among those of this part.
    names_of: Vec<u32>,
    names: Names,
    now: Vec<(PageNo, OfPage)>,
}

/// No name.
const NAMELESS: u32 = u32::MAX;

/// Facts whose keys have no numbers yet.
#[derive(Default)]
pub(super) struct Unnumbered {
    facts: Facts,
    names_of: Vec<Vec<u32>>,
    /// How many names each part has.
    counts: Vec<usize>,
}

impl Unnumbered {
    /// Puts parts together. The names are given beside, part after part.
    pub fn new(parts: impl Iterator<Item = Part>) -> (Self, Vec<Names>) {
        let (mut all, mut names) = (Self::default(), Vec::new());
        for (number, part) in parts.enumerate() {
            all.facts.now.extend(part.now.into_iter().map(|(no, of)| (no, OfPage { part: number, ..of })));
            all.facts.parts.push(part.facts);
            all.names_of.push(part.names_of);
            all.counts.push(part.names.len());
            names.push(part.names);
        }
        (all, names)
    }

    /// Gives the keys their numbers: those of all names, part after part.
    pub fn numbered(self, ids: &[KeyId]) -> Facts {
        let mut rest = ids;
        let ids: Vec<&[KeyId]> = self
            .counts
            .iter()
            .map(|&count| {
                let (own, behind) = rest.split_at_checked(count).unwrap_or_default();
                rest = behind;
                own
            })
            .collect();
        let mut facts = self.facts;
        let parts = facts.parts.par_iter_mut().zip(self.names_of).zip(ids);
        parts.for_each(|((facts, names_of), ids)| {
            for (fact, name) in facts.iter_mut().zip(names_of) {
                if let (Some(fact), Some(&key)) = (fact, ids.get(name as usize)) {
                    fact.key = key;
                }
            }
        });
        facts
    }
}

impl Facts {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Fact> {
        self.parts.iter().flatten().flatten()
    }

    /// The same by many tasks.
    pub fn par_iter(&self) -> impl ParallelIterator<Item = &Fact> {
        self.parts.par_iter().flat_map_iter(|part| part.iter().flatten())
    }

    /// How many positions there are.
    pub fn len(&self) -> usize {
        self.parts.iter().map(Vec::len).sum()
    }

    /// Those of a page as the database is now.
    pub fn of_page(&self, no: PageNo) -> Option<OfPage> {
        self.now.get(&no).copied()
    }

    /// The one at a position of a page.
    pub fn at(&self, page: OfPage, position: u16) -> Option<&Fact> {
        self.parts.get(page.part)?.get(page.start.checked_add(usize::from(position))?)?.as_ref()
    }
}

impl Part {
    /// Reads an index page.
    pub fn add(&mut self, images: &Images, image: &Looked<'_>, page: &BtreePage<'_>) {
        if page.kind().tree() != TreeKind::Index {
            return;
        }
        let live = match image.stand {
            Stand::Log if images.is_beside() => true,
            Stand::Now | Stand::Log => images.is_in_use(image.no),
            _ => false,
        };
        let (start, mut newest) = (self.facts.len(), 0);
        // An index over names has those of one key beside each other.
        let mut last: Option<(&[u8], u32)> = None;
        for position in 0..page.cell_count() {
            let (fact, name) = entry(page, position).unzip();
            let number = match (name.flatten(), last) {
                (None, _) => NAMELESS,
                (Some(name), Some((before, number))) if name == before => number,
                (Some(name), _) => {
                    let number = self.names.len() as u32;
                    self.names.push(name);
                    last = Some((name, number));
                    number
                }
            };
            newest = fact.map_or(newest, |fact: Fact| newest.max(fact.id));
            self.facts.push(fact.map(|fact| Fact { live, ..fact }));
            self.names_of.push(number);
        }
        if image.world == World::Current {
            self.now.push((image.no, OfPage { part: 0, start, newest }));
        }
    }
}

/// The columns of an entry, of which kine's indexes have at most four.
struct Entry<'a> {
    /// The only text, and which column it is.
    text: Option<(usize, &'a [u8])>,
    numbers: [i64; 3],
    count: usize,
}

impl<'a> Entry<'a> {
    /// Reads a record; nothing where it is of another shape, or does not fill its payload.
    fn parse(bytes: &'a [u8], payload_len: u32) -> Option<Self> {
        let (header_len, mut at) = varint(bytes)?;
        let header_len = usize::try_from(header_len).ok().filter(|&len| len >= at)?;
        let header = bytes.get(..header_len)?;
        let mut begin = u32::try_from(header_len).ok()?;
        let mut entry = Self { text: None, numbers: [0; 3], count: 0 };
        for column in 0.. {
            let Some(rest) = header.get(at..).filter(|rest| !rest.is_empty()) else { break };
            let (kind, taken) = varint(rest)?;
            let kind = SerialType::of(kind)?;
            let end = begin.checked_add(kind.value_len()).filter(|&end| end <= payload_len)?;
            let value = bytes.get(begin as usize..end as usize)?;
            match kind {
                SerialType::Text(_) if entry.text.is_none() && column < 2 => entry.text = Some((column, value)),
                kind => {
                    *entry.numbers.get_mut(entry.count)? = number(kind, value)?;
                    entry.count += 1;
                }
            }
            (at, begin) = (at + taken, end);
        }
        (begin == payload_len).then_some(entry)
    }
}

/// The fact in an entry, and the name that it has. Kinds are told by their columns.
fn entry<'a>(page: &BtreePage<'a>, position: u16) -> Option<(Fact, Option<&'a [u8]>)> {
    let cell = page.index_cell(position).ok()?;
    if cell.overflow.is_some() {
        return None;
    }
    let Entry { text, numbers, count } = Entry::parse(cell.local, cell.payload.len())?;
    let fact = |kind, id, prev: Option<i64>, deleted| {
        let name = text.map(|(_, name)| name);
        let sane = id > 0 && prev.is_none_or(|prev| prev >= 0);
        let fact = Fact { id, prev: prev.unwrap_or(-1), key: KeyId::UNSET, deleted, kind, live: false };
        sane.then_some((fact, name))
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
