//! Missing pages move all that follow: the page numbers in the file then lead to the wrong places, all by the same distance.

use super::chain::{Payload, Shifts};
use super::content::Check;
use super::copies::{Copy, Standing};
use crate::sqlite::Images;

/// The largest shift that is looked for, in pages.
const FARTHEST: i64 = 64;
/// Chains that are tried for each shift.
const SAMPLE: usize = 400;
/// Chains that must agree.
const QUORUM: usize = 3;

/// Finds the shifts by which broken chains would hold, and from which page on.
pub(super) fn learn(images: &Images, copies: &[Copy<'_>]) -> Shifts {
    let of_now = |copy: &&Copy<'_>| copy.standing <= Standing::Unknown && copy.cell.overflow.is_some();
    let is_good = |copy: &Copy<'_>| copy.payload.is_whole() && copy.value_check != Check::Bad;
    let broken: Vec<&Copy<'_>> = copies.iter().filter(of_now).filter(|copy| !is_good(copy)).collect();
    if broken.len() < QUORUM {
        return Shifts::default();
    }
    let step = (broken.len() / SAMPLE).max(1);
    let votes = |shift: i64| {
        let shifts = Shifts::new([(0, shift)]);
        broken.iter().step_by(step).filter(|copy| holds(images, copy, &shifts)).count()
    };
    let likely = (-FARTHEST..=FARTHEST).filter(|&shift| shift != 0).map(|shift| (votes(shift), shift));
    let likely: Vec<i64> = likely.filter(|(votes, _)| *votes >= QUORUM).map(|(_, shift)| shift).collect();
    if likely.is_empty() {
        return Shifts::default();
    }
    let sound = copies.iter().filter(of_now).filter(|copy| is_good(copy) && copy.value_check == Check::Sound);
    let mut seen: Vec<(u32, i64)> = sound.filter_map(|copy| Some((copy.cell.overflow?.get(), 0))).collect();
    for &shift in &likely {
        let shifts = Shifts::new([(0, shift)]);
        let held = broken.iter().filter(|copy| holds(images, copy, &shifts));
        seen.extend(held.filter_map(|copy| Some((copy.cell.overflow?.get(), shift))));
    }
    seen.sort_unstable();
    steps(&seen)
}

/// Whether a chain with this shift ends where it should, and what is in it closes.
fn holds(images: &Images, copy: &Copy<'_>, shifts: &Shifts) -> bool {
    let (payload, _) = Payload::follow(images, copy.world, &copy.cell, shifts);
    let sound = |range: &std::ops::Range<u32>| payload.overflows(range) && payload.check(images, range) == Check::Sound;
    payload.is_whole() && [&copy.value, &copy.old_value].into_iter().flatten().any(sound)
}

/// The pages from which on a shift holds: where so many in a row agree on another one than before.
fn steps(seen: &[(u32, i64)]) -> Shifts {
    let mut steps: Vec<(u32, i64)> = Vec::new();
    for run in seen.chunk_by(|a, b| a.1 == b.1) {
        let Some(&(from, shift)) = run.first() else { continue };
        let now = steps.last().map_or(0, |&(_, shift)| shift);
        if run.len() >= QUORUM && shift != now {
            steps.push((from, shift));
        }
    }
    // Before the first step stands what it stands on: nothing may have been missing there.
    if let Some((from, shift)) = steps.first_mut()
        && seen.first().is_some_and(|first| first.1 == *shift)
    {
        *from = 0;
    }
    Shifts::new(steps)
}
