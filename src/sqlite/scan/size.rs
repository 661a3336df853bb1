//! The page size of a file whose header may be lost or lie.

use rayon::prelude::*;

use super::super::field::u16_at;
use super::super::header::{Geometry, Header, PageNo, PageSize};
use super::super::page::{BtreePage, PageKind};

/// Pages looked at for each size.
const SAMPLE: usize = 512;

/// The geometry that most leaf pages agree with; the header's own unless the pages refute it.
pub(super) fn geometry(main: &[u8], wal: Option<PageSize>) -> Geometry {
    let said = Header::parse(main).ok().map(|header| header.geometry);
    let sizes: Vec<PageSize> = sizes().collect();
    let votes_of = |size: &PageSize| (votes(main, Geometry::without_reserve(*size)), *size);
    let all: Vec<(usize, PageSize)> = sizes.par_iter().map(votes_of).collect();
    if let Some(said) = said {
        let own = votes(main, said);
        // A file of one page has no other leaf to ask.
        if own > 0 && all.iter().all(|(votes, _)| *votes <= 2 * own) {
            return said;
        }
    }
    let best = all.into_iter().max_by_key(|(votes, _)| *votes);
    match (best, wal, said) {
        (Some((votes, size)), ..) if votes > 0 => Geometry::without_reserve(size),
        (_, Some(size), _) => Geometry::without_reserve(size),
        (_, _, Some(said)) => said,
        _ => Geometry::without_reserve(PageSize::DEFAULT),
    }
}

fn sizes() -> impl Iterator<Item = PageSize> {
    (9..=16).filter_map(|shift| PageSize::new(1 << shift))
}

/// How many leaf pages of this size there are whose cells fill the page to its last byte, as the first cell of every page
/// does until it is freed.
fn votes(main: &[u8], geometry: Geometry) -> usize {
    let size = geometry.page_size().bytes();
    let pages = main.len() / size;
    let step = (pages / SAMPLE).max(1);
    (0..pages)
        .step_by(step)
        .filter(|&at| main.get(at * size..(at + 1) * size).is_some_and(|page| fits(page, geometry)))
        .count()
}

fn fits(page: &[u8], geometry: Geometry) -> bool {
    let Some(no) = PageNo::new(2) else { return false };
    let Ok(page) = BtreePage::parse(no, page, geometry) else { return false };
    if !page.kind().is_leaf() || page.cell_count() == 0 {
        return false;
    }
    let mut end = 0;
    for position in 0..page.cell_count() {
        let extent = match page.kind() {
            PageKind::TableLeaf => page.table_cell(position).map(|cell| cell.extent),
            _ => page.index_cell(position).map(|cell| cell.extent),
        };
        let Ok((_, cell_end)) = extent else { return false };
        end = end.max(cell_end);
    }
    end == geometry.usable()
}

/// Whether a page is nothing but zeros.
pub(super) fn is_zero(page: &[u8]) -> bool {
    const ZEROS: [u8; 512] = [0; 512];
    u16_at(page, 0) == Some(0) && page.chunks(ZEROS.len()).all(|part| ZEROS.get(..part.len()) == Some(part))
}
