//! A WAL beside a file: its frames as images of pages, and whether it belongs to the file.

use std::collections::HashSet;

use super::super::header::{Geometry, Header, PageNo};
use super::super::page::BtreePage;
use super::super::wal::{FrameState, Wal};
use super::images::{OfPages, WalFit};
use crate::source::{Bytes, Damage, FileName, Place};

/// Reads a WAL, without its header where that is lost.
pub(super) fn open_wal(name: &FileName, bytes: Bytes, damage: &mut Vec<Damage>) -> Option<Wal> {
    match Wal::parse(bytes.clone()) {
        Ok(wal) => {
            let torn = wal.ignored().torn_bytes;
            if torn > 0 {
                let what = format!("it ends {torn} bytes into a frame: what it held behind that is lost");
                damage.push(Damage { file: name.clone(), place: Place::File, id: "wal-torn", what });
            }
            if let Some(at) = wal.break_at() {
                damage.push(Damage {
                    file: name.clone(),
                    place: Place::Frame(at as u64 + 1),
                    id: "wal-checksum",
                    what: "the frame does not hold; those behind it are read, which SQLite would drop".to_owned(),
                });
            }
            Some(wal)
        }
        Err(error) => {
            let wal = Wal::without_header(bytes);
            let read = if wal.is_some() { "its frames are read without it" } else { "no frame proves another" };
            let what = format!("{error}: {read}");
            damage.push(Damage { file: name.clone(), place: Place::Offset(0), id: "wal-header", what });
            wal
        }
    }
}

/// For each frame the one that commits it, or the first of other salts, or the number of frames.
pub(super) fn ends(wal: &Wal) -> Vec<usize> {
    let frames = wal.frames();
    let mut ends = vec![frames.len(); frames.len()];
    let mut end = frames.len();
    for (at, (frame, slot)) in frames.iter().zip(&mut ends).enumerate().rev() {
        if frames.get(at + 1).is_some_and(|next| next.salts != frame.salts) {
            end = at + 1;
        }
        if frame.commit.is_some() {
            end = at;
        }
        *slot = end;
    }
    ends
}

/// The newest usable frame of each page, and all proven frames of each page.
pub(super) fn newest_frames(wal: &Wal, closed: &[bool]) -> (OfPages<usize>, OfPages<Vec<usize>>) {
    let mut newest = OfPages::default();
    let mut all: OfPages<Vec<usize>> = OfPages::default();
    for (at, frame) in wal.frames().iter().enumerate() {
        let Some(page) = frame.page else { continue };
        if frame.proven {
            all.entry(page).or_default().push(at);
        }
        let behind = frame.state == FrameState::BehindBreak && closed.get(at) == Some(&true);
        if frame.state == FrameState::Committed || behind {
            newest.insert(page, at);
        }
    }
    (newest, all)
}

/// Looks for what cannot be if the WAL was written for this file.
pub(super) fn fit(main: &Bytes, wal: &Wal, geometry: Geometry) -> WalFit {
    let mut against = Vec::new();
    let size = geometry.page_size();
    if wal.header().page_size != size {
        against.push(format!(
            "its pages have {} bytes, those of the database {}",
            wal.header().page_size.get(),
            size.get()
        ));
        return WalFit::Foreign(against);
    }
    if main.is_empty() {
        return WalFit::Fits;
    }
    let newest: Vec<(usize, PageNo)> = wal
        .frames()
        .iter()
        .enumerate()
        .filter(|(_, frame)| frame.salts == wal.header().salts && frame.proven)
        .filter_map(|(at, frame)| Some((at, frame.page?)))
        .collect();
    let there = u32::try_from(main.len() / size.bytes()).unwrap_or(u32::MAX);
    let said = Header::parse(main).ok().and_then(|header| header.size_in_pages);
    let commits = wal.frames().iter().filter(|frame| frame.salts == wal.header().salts && frame.proven);
    let sizes: Vec<u32> = commits.filter_map(|frame| frame.commit).collect();
    let pages: HashSet<PageNo> = newest.iter().map(|(_, page)| *page).collect();
    if let (Some(&last), Some(said)) = (sizes.last(), said) {
        let missing = (there + 1..=last).filter_map(PageNo::new).filter(|page| !pages.contains(page)).count();
        // A file that is as long as its own header says was not cut off.
        if missing > 0 && said == there && wal.break_at().is_none() && wal.committed_frames() > 0 {
            against.push(format!(
                "its last transaction leaves {last} pages; the file has {there}, as its own header says, and {missing} of \
                 the others are in neither"
            ));
        }
    }
    if let (Some(&first), Some(said)) = (sizes.first(), said)
        && first < said
        && said == there
        && !(1..=first).filter_map(PageNo::new).all(|page| pages.contains(&page))
        && !pages.contains(&PageNo::FIRST)
    {
        against.push(format!(
            "its first transaction leaves {first} pages of a file that has {said}, without having written the file anew"
        ));
    }
    let kinds = newest.iter().filter_map(|(at, page)| {
        let start = usize::try_from(size.offset(*page)).ok()?;
        let in_file = main.get(start..start.checked_add(size.bytes())?)?;
        let kind = |bytes| Some(BtreePage::parse(*page, bytes, geometry).ok()?.kind().tree());
        Some((kind(in_file)?, kind(wal.page(*at)?)?))
    });
    let (mut same, mut other) = (0_u64, 0_u64);
    for (in_file, in_wal) in kinds {
        if in_file == in_wal { same += 1 } else { other += 1 }
    }
    if other > 4 && other * 4 > same {
        against.push(format!(
            "{other} of its {} tree pages are of another kind of tree than the same pages of the file",
            same + other
        ));
    }
    if against.is_empty() { WalFit::Fits } else { WalFit::Foreign(against) }
}
