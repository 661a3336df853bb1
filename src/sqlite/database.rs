//! A database file with its WAL laid over it: any page as SQLite would see it.

use std::collections::HashMap;

use super::header::{Geometry, Header, HeaderError, PageNo};
use super::page::BtreePage;
use super::wal::{Wal, WalError};
use crate::source::{Bytes, Damage, FileName, Place};

/// Why a database cannot be opened at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Neither the file nor its WAL holds a page.
    #[error("{file}: the database is empty: neither the file nor a WAL holds a page")]
    Empty {
        /// The database file.
        file: FileName,
    },
    /// Page 1 does not begin with a header by which pages could be read.
    #[error("{file}: page 1: {source}")]
    Header {
        /// The file that holds page 1: the database or its WAL.
        file: FileName,
        /// What is wrong with it.
        source: HeaderError,
    },
}

/// Where the bytes of a page come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The database file, at this offset in bytes.
    Main(u64),
    /// The WAL.
    Wal {
        /// The frame, counted from 0.
        frame: usize,
        /// The offset of the page in the WAL, in bytes.
        offset: u64,
    },
}

/// What became of the WAL that lay beside the database.
#[derive(Clone, Debug)]
pub enum WalState {
    /// There is none, or it has no bytes.
    Absent,
    /// Its header does not hold: like SQLite, the reader goes on without it.
    Refused(WalError),
    /// Its pages have another size than those of the database, so it cannot belong to it; it is not used.
    ForeignPageSize(Wal),
    /// It was read; its committed frames, if any, lie over the database.
    Read(Wal),
}

/// A database, open for reading. Cheap lookups, no locks: share it between threads.
#[derive(Debug)]
pub struct Database {
    name: FileName,
    main: Bytes,
    wal_name: FileName,
    wal: WalState,
    overlay: HashMap<PageNo, usize>,
    header: Option<Header>,
    geometry: Geometry,
    page_count: u32,
    claimed_pages: u32,
    damage: Vec<Damage>,
}

impl Database {
    /// Lays a WAL over a database file. What is wrong but does not stop the reading is in [`Database::damage`].
    ///
    /// # Errors
    /// An [`OpenError`] when there is no page 1 or its header does not say how to read pages.
    pub fn open(name: FileName, main: Bytes, wal: Option<(FileName, Bytes)>) -> Result<Self, OpenError> {
        let mut damage = Vec::new();
        let (wal_name, mut wal) = parse_wal(&name, wal, &mut damage);
        let main_header = Header::parse(&main);
        if let (WalState::Read(read), Ok(header)) = (&wal, &main_header)
            && read.header().page_size != header.geometry.page_size()
        {
            damage.push(Damage {
                file: wal_name.clone(),
                place: Place::Offset(8),
                id: "wal-page-size",
                what: format!(
                    "the WAL has pages of {} bytes, the database of {}: it does not belong to this file and is not used",
                    read.header().page_size.get(),
                    header.geometry.page_size().get()
                ),
            });
            wal = take_foreign(wal);
        }
        let overlay = overlay(&wal);
        let (file, parsed) = match (overlay.get(&PageNo::FIRST), &wal) {
            (Some(&frame), WalState::Read(wal)) => (
                &wal_name,
                Header::parse(wal.page(frame).unwrap_or_default()).and_then(|header| same_size(header, wal)),
            ),
            _ if main.is_empty() => return Err(OpenError::Empty { file: name }),
            _ => (&name, main_header),
        };
        let header = parsed.map_err(|source| OpenError::Header { file: file.clone(), source })?;
        if !header.fractions_hold {
            damage.push(Damage {
                file: file.clone(),
                place: Place::Offset(21),
                id: "header",
                what: "the payload fractions are not 64, 32, 32: SQLite would refuse the file".into(),
            });
        }
        let geometry = header.geometry;
        let mut database = Self {
            name,
            main,
            wal_name,
            wal,
            overlay,
            header: Some(header),
            geometry,
            page_count: 0,
            claimed_pages: 0,
            damage,
        };
        database.measure();
        Ok(database)
    }

    /// Opens pages of a known size without trusting page 1, which may be gone. A WAL with pages of another size is left out.
    #[must_use]
    pub fn open_without_header(
        name: FileName,
        main: Bytes,
        wal: Option<(FileName, Bytes)>,
        geometry: Geometry,
    ) -> Self {
        let mut damage = Vec::new();
        let (wal_name, mut wal) = parse_wal(&name, wal, &mut damage);
        if let WalState::Read(read) = &wal
            && read.header().page_size != geometry.page_size()
        {
            wal = take_foreign(wal);
        }
        let overlay = overlay(&wal);
        let (page_count, claimed_pages) = (0, 0);
        let mut database =
            Self { name, main, wal_name, wal, overlay, header: None, geometry, page_count, claimed_pages, damage };
        database.measure();
        database
    }

    /// Finds the size of the database as SQLite does (btree.c, `lockBtree`), but never beyond the pages there are.
    fn measure(&mut self) {
        let page_size = self.geometry.page_size().bytes();
        let whole = self.main.len() / page_size;
        let committed = match &self.wal {
            WalState::Read(wal) => wal.committed_pages(),
            _ => None,
        };
        let in_file = committed.map_or(self.main.len().div_ceil(page_size), |pages| pages as usize);
        let claimed = self.header.and_then(|header| header.size_in_pages).map_or(in_file, |pages| pages as usize);
        let in_wal = self.overlay.keys().map(|page| page.get() as usize).max().unwrap_or(0);
        let there = whole.max(in_wal);
        self.page_count = u32::try_from(claimed.min(there)).unwrap_or(u32::MAX);
        self.claimed_pages = u32::try_from(claimed.max(committed.unwrap_or(0) as usize)).unwrap_or(u32::MAX);
        let what = if claimed > there {
            format!("the database should have {claimed} pages, but only {there} are there: the file is cut off")
        } else if claimed > in_file {
            format!("the header claims {claimed} pages, the last commit in the WAL {in_file}")
        } else {
            return;
        };
        self.damage.push(Damage { file: self.name.clone(), place: Place::File, id: "file-truncated", what });
    }

    /// The name of the database file.
    #[must_use]
    pub fn name(&self) -> &FileName {
        &self.name
    }

    /// The bytes of the database file, without the WAL.
    #[must_use]
    pub fn main(&self) -> &Bytes {
        &self.main
    }

    /// The file header, unless the database was opened without one.
    #[must_use]
    pub fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// Page size and usable bytes.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// What became of the WAL.
    #[must_use]
    pub fn wal(&self) -> &WalState {
        &self.wal
    }

    /// The size of the database in pages, as far as they are there.
    #[must_use]
    pub fn page_count(&self) -> u32 {
        self.page_count
    }

    /// The size in pages that the header or the last commit states; more than [`Database::page_count`] when pages are missing.
    #[must_use]
    pub fn claimed_pages(&self) -> u32 {
        self.claimed_pages
    }

    /// All page numbers of the database.
    pub fn page_numbers(&self) -> impl Iterator<Item = PageNo> + use<> {
        (1..=self.page_count).filter_map(PageNo::new)
    }

    /// What was wrong when the database was opened.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Where a page's bytes come from.
    #[must_use]
    pub fn origin(&self, page: PageNo) -> Origin {
        match (self.overlay.get(&page), &self.wal) {
            (Some(&frame), WalState::Read(wal)) => Origin::Wal { frame, offset: wal.page_offset(frame) },
            _ => Origin::Main(self.geometry.page_size().offset(page)),
        }
    }

    /// The bytes of a page, reserved bytes included: from the newest committed frame, else from the file.
    ///
    /// # Errors
    /// Damage when the database has no such page.
    pub fn page(&self, page: PageNo) -> Result<&[u8], Damage> {
        if page.get() > self.page_count {
            let what = format!("there is no such page, the database has {}", self.page_count);
            return Err(self.damage_at(page, "page-number", what));
        }
        if let (Some(&frame), WalState::Read(wal)) = (self.overlay.get(&page), &self.wal) {
            return wal
                .page(frame)
                .ok_or_else(|| self.damage_at(page, "file-truncated", "its WAL frame is cut off".into()));
        }
        let page_size = self.geometry.page_size();
        usize::try_from(page_size.offset(page))
            .ok()
            .and_then(|start| self.main.get(start..start.checked_add(page_size.bytes())?))
            .ok_or_else(|| self.damage_at(page, "file-truncated", "the file ends before this page".into()))
    }

    /// A page as b-tree page.
    ///
    /// # Errors
    /// Damage when there is no such page, or it is none.
    pub fn btree_page(&self, page: PageNo) -> Result<BtreePage<'_>, Damage> {
        BtreePage::parse(page, self.page(page)?, self.geometry)
            .map_err(|error| self.damage_at(page, "page-type", error.to_string()))
    }

    /// Damage seen on a page, in the name of the file the page comes from.
    #[must_use]
    pub fn damage_at(&self, page: PageNo, id: &'static str, what: String) -> Damage {
        Damage { file: self.file_of(page), place: Place::Page(page.get().into()), id, what }
    }

    /// Damage seen in a cell of a page.
    #[must_use]
    pub fn damage_in(&self, page: PageNo, cell: u16, id: &'static str, what: String) -> Damage {
        let place = Place::Cell { page: page.get().into(), cell: cell.into() };
        Damage { file: self.file_of(page), place, id, what }
    }

    fn file_of(&self, page: PageNo) -> FileName {
        match self.origin(page) {
            Origin::Main(_) => self.name.clone(),
            Origin::Wal { .. } => self.wal_name.clone(),
        }
    }
}

/// Reads a WAL, if there is one with bytes, and reports what keeps SQLite from using all of it.
fn parse_wal(name: &FileName, wal: Option<(FileName, Bytes)>, damage: &mut Vec<Damage>) -> (FileName, WalState) {
    let Some((wal_name, bytes)) = wal else { return (name.clone(), WalState::Absent) };
    if bytes.is_empty() {
        return (wal_name, WalState::Absent);
    }
    let state = match Wal::parse(bytes) {
        Ok(wal) => {
            if let Some(at) = wal.break_at() {
                let ignored = wal.ignored();
                damage.push(Damage {
                    file: wal_name.clone(),
                    place: Place::Frame(at as u64 + 1),
                    id: "wal-checksum",
                    what: format!(
                        "the frame does not hold, and with it SQLite drops {} more of the same generation",
                        ignored.broken + ignored.behind_break
                            - usize::from(wal.frames().get(at).is_some_and(|frame| frame.salts == wal.header().salts))
                    ),
                });
            }
            WalState::Read(wal)
        }
        Err(error) => {
            damage.push(Damage {
                file: wal_name.clone(),
                place: Place::Offset(0),
                id: "wal-header",
                what: format!("{error}: none of its frames are used"),
            });
            WalState::Refused(error)
        }
    };
    (wal_name, state)
}

/// The last committed frame of every page that the last commit left in the database.
fn overlay(wal: &WalState) -> HashMap<PageNo, usize> {
    let WalState::Read(wal) = wal else { return HashMap::new() };
    let size = wal.committed_pages().unwrap_or(0);
    let committed = wal.frames().get(..wal.committed_frames()).unwrap_or_default();
    let pages = committed.iter().enumerate().filter_map(|(at, frame)| Some((frame.page?, at)));
    pages.filter(|(page, _)| page.get() <= size).collect()
}

fn take_foreign(wal: WalState) -> WalState {
    match wal {
        WalState::Read(wal) => WalState::ForeignPageSize(wal),
        other => other,
    }
}

/// A header out of a WAL frame must speak of pages of the frame's own size.
fn same_size(header: Header, wal: &Wal) -> Result<Header, HeaderError> {
    let page_size = header.geometry.page_size();
    if page_size == wal.header().page_size {
        Ok(header)
    } else {
        Err(HeaderError::PageSize(u16::try_from(page_size.get()).unwrap_or(1)))
    }
}
