//! Revisions of deleted rows whose cell begins with a freeblock.
//!
//! SQLite overwrites the first four bytes of a cell that it frees: the payload's length, and the rowid's first bytes. The last
//! bytes of the rowid stay, seven bits in each. Rows get their ids one after the other, and SQLite fills a page from its end:
//! the rows beside it in the page tell the rest.

use std::collections::HashMap;

use super::copies::Copy;
use crate::sqlite::PageNo;

/// The last bytes of a cell before its record: all or some of them of the rowid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    bytes: [u8; 4],
    /// The bytes of the payload's length, with which the cell began.
    length_len: u32,
}

/// The bytes that a freeblock has of its own (SQLite file format, section 1.6).
const FREEBLOCK: u32 = 4;

impl Tail {
    /// What stands before a record with a payload of this length.
    pub fn before(bytes: &[u8], record: usize, payload: u32) -> Option<Self> {
        let bytes = *bytes.get(record.checked_sub(4)?..record)?.first_chunk()?;
        Some(Self { bytes, length_len: varint_len(i64::from(payload)) })
    }

    /// How many of the id's last bits are left, and these, where the id is about as long as another one.
    fn bits(self, like: i64) -> Option<(u32, i64)> {
        let len = varint_len(like);
        let kept = (self.length_len + len).checked_sub(FREEBLOCK).filter(|kept| (1..len.min(5)).contains(kept))?;
        let (last, others) = self.bytes.get(4 - kept as usize..)?.split_last()?;
        let fits = *last < 0x80 && others.iter().all(|byte| *byte >= 0x80);
        let value = others.iter().chain([last]).fold(0, |value: i64, &byte| value << 7 | i64::from(byte & 0x7f));
        fits.then_some((7 * kept, value))
    }

    /// The only id with this tail between two others, of which one may be unknown.
    fn between(self, below: Option<i64>, above: Option<i64>) -> Option<i64> {
        let (bits, value) = self.bits(below.or(above)?)?;
        let step = 1_i64.checked_shl(bits)?;
        let first = |below: i64| below.checked_add(1 + (value - below - 1).rem_euclid(step));
        match (below, above) {
            (Some(below), Some(above)) => {
                let id = first(below).filter(|&id| id < above)?;
                id.checked_add(step).is_none_or(|next| next >= above).then_some(id)
            }
            // With one side open only a close one is certain.
            (Some(below), None) => first(below).filter(|id| id - below <= step >> 3),
            (None, Some(above)) => {
                let id = first(above)?.checked_sub(step)?;
                (above - id <= step >> 3 && id < above).then_some(id)
            }
            (None, None) => None,
        }
    }
}

fn varint_len(number: i64) -> u32 {
    (1..9).find(|len| number < 1 << (7 * len)).unwrap_or(9)
}

/// Where the record of a row begins in its page, and its id.
type Known = (usize, i64);

/// Gives copies without an id the one that its tail and the rows beside it in its page leave as the only one.
pub(super) fn infer(copies: &mut [Copy], highest: i64) {
    let asked = copies.iter().filter(|copy| copy.id.is_none() && copy.tail.is_some());
    let mut of_page: HashMap<(PageNo, Option<usize>), Vec<Known>, foldhash::fast::RandomState> =
        asked.map(|copy| ((copy.cell.page, copy.cell.frame), Vec::new())).collect();
    for copy in copies.iter().filter(|copy| !copy.out_of_order) {
        if let Some(id) = copy.id
            && let Some(beside) = of_page.get_mut(&(copy.cell.page, copy.cell.frame))
        {
            beside.push((copy.cell.start, id));
        }
    }
    for beside in of_page.values_mut() {
        beside.sort_unstable();
    }
    for copy in copies.iter_mut().filter(|copy| copy.id.is_none()) {
        let Some(tail) = copy.tail else { continue };
        let beside = of_page.get(&(copy.cell.page, copy.cell.frame)).map(Vec::as_slice).unwrap_or_default();
        let at = beside.partition_point(|&(start, _)| start < copy.cell.start);
        // The older rows stand behind it.
        let below = beside.get(at).map(|&(_, id)| id);
        let above = at.checked_sub(1).and_then(|at| beside.get(at)).map(|&(_, id)| id);
        copy.id = tail.between(below, above).filter(|&id| id > copy.prev_revision && id <= highest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tail(id: i64, length_len: u32) -> Tail {
        let mut bytes = [0x11; 4];
        let len = varint_len(id);
        let kept = (length_len + len - FREEBLOCK) as usize;
        for (at, slot) in bytes.iter_mut().rev().take(kept).enumerate() {
            *slot = (id >> (7 * at) & 0x7f) as u8 | if at == 0 { 0 } else { 0x80 };
        }
        Tail { bytes, length_len }
    }

    #[test]
    fn neighbours_tell_the_bits_that_a_freeblock_took() {
        assert_eq!(tail(3_000_123, 2).between(Some(3_000_100), Some(3_000_130)), Some(3_000_123));
        assert_eq!(tail(3_000_123, 2).between(None, Some(3_000_130)), Some(3_000_123));
        assert_eq!(tail(3_000_123, 2).between(Some(3_000_100), None), Some(3_000_123));
        assert_eq!(tail(20_000, 2).between(Some(19_990), Some(20_001)), Some(20_000));
        assert_eq!(tail(20_000, 2).between(Some(19_000), Some(21_000)), None, "more than one has these bits");
        assert_eq!(tail(3_000_123, 2).between(Some(3_000_200), Some(3_000_300)), None);
    }

    proptest! {
        #[test]
        fn an_answer_lies_between_its_neighbours(bytes: [u8; 4], length_len in 1u32..6, below: Option<i64>, above: Option<i64>) {
            let answer = Tail { bytes, length_len }.between(below, above);
            if let Some(id) = answer {
                prop_assert!(below.is_none_or(|below| id > below) && above.is_none_or(|above| id < above));
            }
        }
    }
}
