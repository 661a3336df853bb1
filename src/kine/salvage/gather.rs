//! One look at every image of every page, by many tasks: each page is in the cache once.

use rayon::prelude::*;

use super::chain::Shifts;
use super::copies::{self, Copy};
use super::facts::{Part as FactsPart, Unnumbered};
use super::finish;
use crate::model::Names;
use crate::sqlite::{Images, Looked};

/// Images that one task reads: few enough that no thread waits long for the last one, whose pages may take longer.
const IMAGES_PER_TASK: usize = 1024;

/// What the pages hold.
pub(super) struct Gathered {
    /// The copies of rows, part after part.
    pub copies: Vec<Vec<Copy>>,
    /// Their names, those of the facts behind them.
    pub names: Vec<Names>,
    pub facts: Unnumbered,
    /// The highest revision ever given, as SQLite's own table has it.
    pub sequence: Option<i64>,
}

#[derive(Default)]
struct Part {
    copies: Vec<Copy>,
    names: Names,
    facts: FactsPart,
    sequence: Option<i64>,
}

impl Part {
    fn of(images: &Images, looked: &[Looked<'_>]) -> Self {
        let mut part = Self::default();
        let shifts = Shifts::default();
        for image in looked {
            let page = images.btree(image);
            let first = part.copies.len();
            copies::of_image(images, image, page.as_ref(), &shifts, &mut part.copies);
            for copy in part.copies.iter().skip(first) {
                part.names.push(copy.name(images));
            }
            if let Some(page) = &page {
                part.facts.add(images, image, page);
                part.sequence = part.sequence.max(finish::sequence(image, page));
            }
        }
        part
    }
}

/// Reads all of them.
pub(super) fn all(images: &Images, looked: &[Looked<'_>]) -> Gathered {
    let tasks = looked.par_chunks(IMAGES_PER_TASK).with_max_len(1);
    let parts: Vec<Part> = tasks.map(|looked| Part::of(images, looked)).collect();
    let sequence = parts.iter().filter_map(|part| part.sequence).max();
    let (mut copies, mut names, mut facts) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        copies.push(part.copies);
        names.push(part.names);
        facts.push(part.facts);
    }
    let (facts, of_facts) = Unnumbered::new(facts.into_iter());
    names.extend(of_facts);
    Gathered { copies, names, facts, sequence }
}
