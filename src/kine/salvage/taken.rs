//! Overflow pages that several rows claim: each belongs to one.

use std::collections::HashMap;

use rayon::prelude::*;

use super::copies::{Copy, Standing};
use crate::sqlite::{Images, PageNo, World};

/// Of rows that are no more and go on in the same bytes, the one that was written last had them last.
fn refuse_pages_used_again(images: &Images, copies: &mut [Copy]) {
    let is_past = |copy: &Copy| copy.standing > Standing::Unknown && !copy.payload.chain().is_empty();
    let mut last: HashMap<u64, &Copy, foldhash::fast::RandomState> = HashMap::default();
    for copy in copies.iter().filter(|copy| is_past(copy)) {
        for &place in copy.payload.chain() {
            let owner = last.entry(place).or_insert(copy);
            if copy.id > owner.id {
                *owner = copy;
            }
        }
    }
    let is_same =
        |a: &Copy, b: &Copy| a.id == b.id || a.prev_revision == b.prev_revision && a.name(images) == b.name(images);
    let is_taken = |copy: &Copy| {
        let places = copy.payload.chain().iter();
        is_past(copy) && places.filter_map(|place| last.get(place)).any(|owner| !is_same(owner, copy))
    };
    let taken: Vec<bool> = copies.par_iter().map(is_taken).collect();
    copies.iter_mut().zip(taken).filter(|(_, taken)| *taken).for_each(|(copy, _)| copy.doubt_chain());
}

/// An overflow page belongs to one row. A copy that is not in use and goes on in pages of a row that is, lost its own; of
/// two rows in use that claim one page neither can be believed beyond its cell. That its content closes proves nothing: objects
/// of one kind and length close in each other's pages.
pub(super) fn refuse_taken_pages(images: &Images, copies: &mut [Copy]) {
    refuse_pages_used_again(images, copies);
    let in_use = |copy: &Copy| copy.standing <= Standing::Unknown;
    let mut owners: Vec<(PageNo, Option<i64>)> = copies
        .par_iter()
        .filter(|copy| in_use(copy) && copy.world == World::Current && !copy.payload.chain().is_empty())
        .flat_map_iter(|copy| copy.payload.pages(images).map(|page| (page, copy.id)))
        .collect();
    owners.par_sort_by_key(|&(page, _)| page);
    // A page that several rows claim has no owner.
    owners.dedup_by(|(page, id), (kept, owner)| {
        let again = page == kept;
        if again && id != owner {
            *owner = None;
        }
        again
    });
    let owner = |page: PageNo| {
        let at = owners.binary_search_by_key(&page, |&(page, _)| page).ok()?;
        owners.get(at).map(|&(_, owner)| owner)
    };
    let has_shared = owners.iter().any(|(_, owner)| owner.is_none());
    copies.par_iter_mut().filter(|copy| !copy.payload.chain().is_empty()).for_each(|copy| {
        let in_use = in_use(copy);
        if in_use && !has_shared {
            return;
        }
        let is_foreign = |owner: Option<i64>| if in_use { owner.is_none() } else { owner != copy.id };
        if !copy.payload.pages(images).filter_map(owner).any(is_foreign) {
            return;
        }
        if !in_use && copy.world == World::Current {
            copy.payload.cut_to_cell();
        }
        copy.doubt_chain();
    });
}
