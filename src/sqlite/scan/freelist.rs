//! The freelist: pages that the file itself holds for free (SQLite file format, section 1.5).

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::super::field::u32_at;
use super::super::header::PageNo;
use super::images::{Images, ManyPages};

/// Leaves below which a page that nothing leads to is not taken for a trunk: content may look like a short one.
const FEWEST_LEAVES: usize = 8;

/// What is known of the freelist.
#[derive(Clone, Debug, Default)]
pub struct Freelist {
    /// The pages it claims, trunks included.
    pub(super) pages: ManyPages,
    /// Whether it was read to its end, and is as long as the header says: then all other pages are in use.
    pub complete: bool,
}

impl Freelist {
    /// Follows the trunks from the header of the newest page 1. Where they do not lead to the end, the others are told by
    /// their look.
    pub(super) fn read(images: &Images) -> Self {
        let mut list = Self::from_header(images);
        if !list.complete {
            list.add_lost_trunks(images);
        }
        list
    }

    /// Trunk pages that no header leads to. One that another trunk names as a leaf was a trunk once.
    fn add_lost_trunks(&mut self, images: &Images) {
        let numbers = images.numbers();
        let trunks: HashMap<PageNo, (Vec<PageNo>, Option<PageNo>)> = numbers
            .par_iter()
            .filter_map(|&no| {
                if no == PageNo::FIRST {
                    return None;
                }
                let (_, page) = images.page(super::World::Current, no)?;
                let leaves = trunk_leaves(page, images)?;
                let distinct: HashSet<&PageNo> = leaves.iter().collect();
                let next = u32_at(page, 0)?;
                let sane = next <= images.page_count() && distinct.len() == leaves.len() && !distinct.contains(&no);
                sane.then(|| (no, (leaves, PageNo::new(next))))
            })
            .collect();
        let named: HashSet<PageNo> =
            trunks.values().flat_map(|(leaves, next)| leaves.iter().chain(next)).copied().collect();
        let heads = trunks.iter().filter(|(no, (leaves, _))| !named.contains(no) && leaves.len() >= FEWEST_LEAVES);
        for (&head, _) in heads {
            let mut next = Some(head);
            while let Some((no, (leaves, behind))) = next.and_then(|no| Some((no, trunks.get(&no)?))) {
                if !self.pages.insert(no) {
                    break;
                }
                self.pages.extend(leaves);
                next = *behind;
            }
        }
    }

    fn from_header(images: &Images) -> Self {
        let Some(header) = images.header() else { return Self::default() };
        let mut list = Self::default();
        let mut trunks = HashSet::new();
        let mut next = header.freelist_trunk;
        let mut sane = true;
        while let Some(trunk) = next {
            if !trunks.insert(trunk) {
                sane = false;
                break;
            }
            let Some((_, page)) = images.page(super::World::Current, trunk) else {
                sane = false;
                break;
            };
            let Some(leaves) = trunk_leaves(page, images) else {
                sane = false;
                break;
            };
            list.pages.insert(trunk);
            for leaf in leaves {
                sane &= list.pages.insert(leaf);
            }
            next = u32_at(page, 0).and_then(PageNo::new);
        }
        list.complete = sane && list.pages.len() == header.freelist_count as usize;
        list
    }
}

/// The leaves that a trunk page names; nothing where it cannot be one.
fn trunk_leaves(page: &[u8], images: &Images) -> Option<Vec<PageNo>> {
    let count = u32_at(page, 4)?;
    if count > images.geometry().usable() / 4 - 2 {
        return None;
    }
    let leaf = |at: u32| {
        let number = u32_at(page, 8 + 4 * at as usize)?;
        PageNo::new(number).filter(|leaf| leaf.get() > 1 && leaf.get() <= images.page_count())
    };
    (0..count).map(leaf).collect()
}
