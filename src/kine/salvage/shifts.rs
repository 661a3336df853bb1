//! Missing pages move all that follow: the page numbers in the file then lead to the wrong places, all by the same distance.

use rayon::prelude::*;

use super::chain::{Payload, Shifts};
use super::copies::{Copy, Standing};
use crate::model::Check;
use crate::sqlite::Images;

/// The largest shift that is looked for, in pages.
const FARTHEST: i64 = 64;
/// Chains that are tried for each shift.
const SAMPLE: usize = 400;
/// The longest chain that is tried, in pages.
const LONGEST: u32 = 1024;
/// Chains that must agree.
const QUORUM: usize = 3;

/// Finds the shifts by which broken chains would hold, and from which page on.
pub(super) fn learn(images: &Images, copies: &[Copy]) -> Shifts {
    let of_now = |copy: &&Copy| {
        let pages = images.geometry().overflow_pages(copy.cell.len, copy.cell.local);
        copy.standing <= Standing::Unknown && copy.cell.overflow.is_some() && pages <= LONGEST
    };
    let is_good = |copy: &Copy| copy.payload.is_whole() && copy.value_check != Check::Broken;
    let broken: Vec<&Copy> = copies.iter().filter(of_now).filter(|copy| !is_good(copy)).collect();
    if broken.len() < QUORUM {
        return Shifts::default();
    }
    let step = (broken.len() / SAMPLE).max(1);
    let votes = |shift: i64| {
        let shifts = Shifts::new([(0, Some(shift))]);
        broken.iter().step_by(step).filter(|copy| holds(images, copy, &shifts)).count()
    };
    let all: Vec<i64> = (-FARTHEST..=FARTHEST).filter(|&shift| shift != 0).collect();
    let likely: Vec<i64> = all.into_par_iter().filter(|&shift| votes(shift) >= QUORUM).collect();
    if likely.is_empty() {
        return Shifts::default();
    }
    // Objects of one kind and length close in each other's pages too: what counts is which shift most chains hold with.
    let shifts: Vec<i64> = std::iter::once(0).chain(likely).collect();
    let mut chains: Vec<Chain> = copies
        .par_iter()
        .filter(of_now)
        .filter_map(|copy| {
            let held = |&shift: &i64| holds(images, copy, &Shifts::new([(0, Some(shift))]));
            Some(Chain { page: copy.cell.overflow?.get(), holds: shifts.iter().map(held).collect() })
        })
        .collect();
    chains.sort_unstable();
    steps(&chains, &shifts)
}

/// Where a chain begins by its page number, and with which of the shifts it holds.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Chain {
    page: u32,
    holds: Vec<bool>,
}

impl Chain {
    fn holds(&self, shift: usize) -> bool {
        self.holds.get(shift) == Some(&true)
    }
}

/// Whether a chain with this shift ends where it should, and what is in it closes.
fn holds(images: &Images, copy: &Copy, shifts: &Shifts) -> bool {
    let payload = Payload::follow(images, copy.world, &copy.cell, shifts);
    let sound = |range: &std::ops::Range<u32>| payload.overflows(range) && payload.check(images, range) == Check::Sound;
    payload.is_whole() && [&copy.value, &copy.old_value].into_iter().flatten().any(sound)
}

/// Chains over which shifts are compared.
const WINDOW: usize = 32;
/// Chains below which a comparison says nothing.
const FEWEST: usize = 8;

/// The pages from which on a shift holds. Pages between two shifts belong to neither.
///
/// A lost page breaks single chains, and look-alikes make some of them hold elsewhere; a shift breaks all that follow. So another
/// shift must hold with more than twice as many of the next chains.
fn steps(chains: &[Chain], shifts: &[i64]) -> Shifts {
    let mut now = 0;
    let mut steps = Vec::new();
    let mut last_held = None;
    for (at, chain) in chains.iter().enumerate() {
        if chain.holds(now) {
            last_held = Some(chain.page);
            continue;
        }
        let window = chains.get(at..chains.len().min(at + WINDOW)).unwrap_or_default();
        let held = |shift: usize| window.iter().filter(|chain| chain.holds(shift)).count();
        let Some(next) = (0..shifts.len()).max_by_key(|&shift| (held(shift), std::cmp::Reverse(shift))) else {
            continue;
        };
        if !chain.holds(next) || held(next) < QUORUM || held(next) <= 2 * held(now) {
            continue;
        }
        steps.push((last_held.map_or(0, |page| page + 1), None));
        if window.len() < FEWEST {
            break;
        }
        steps.push((if last_held.is_none() { 0 } else { chain.page }, shifts.get(next).copied()));
        (now, last_held) = (next, Some(chain.page));
    }
    Shifts::new(steps)
}
