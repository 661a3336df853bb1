//! What became of the objects from one store to the next.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::Subject;
use crate::ops::diff::{Called, Comparison, Looked, Scope, What};

/// So many objects of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// As `Deployment.apps`.
    pub kind: String,
    /// Only the second store has them.
    pub added: u64,
    /// Only the first store has them.
    pub removed: u64,
    /// They differ.
    pub changed: u64,
}

/// An object that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differing {
    /// What became of it.
    pub what: What,
    /// What it is.
    pub object: Called,
    /// Where it differs.
    pub paths: Vec<String>,
}

/// All that differs between two stores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Between {
    /// The first store.
    pub old: String,
    /// The second store.
    pub new: String,
    /// By kind, those with most differences first.
    pub kinds: Vec<Sum>,
    /// The first differing objects, in the order of their keys.
    pub first: Vec<Differing>,
    /// How many differ.
    pub differing: u64,
    /// How many differ in nothing but heartbeats and the like.
    pub noise: u64,
    /// How many could not be compared: closed, damaged, or unknown.
    pub unsure: u64,
}

/// Differing objects that are named.
const MOST_NAMED: usize = 60;
/// Paths of one object that are named.
const MOST_PATHS: usize = 12;
/// Pairs that are looked at in one go.
const BATCH: usize = 1024;

/// Compares two stores; `None` where nothing can be compared.
pub(super) fn compare(old: &Subject<'_>, new: &Subject<'_>) -> Option<Between> {
    let scope = Scope::default();
    let comparison = Comparison::new(old.objects, new.objects, &scope, false).ok()?;
    let found = comparison.pairs();
    let mut between =
        Between { old: old.name.to_owned(), new: new.name.to_owned(), unsure: found.unknown, ..Between::default() };
    let mut kinds: BTreeMap<String, Sum> = BTreeMap::new();
    for batch in found.pairs.chunks(BATCH) {
        let looked: Vec<Looked> = batch.par_iter().map(|pair| comparison.look(pair, false)).collect();
        for looked in looked {
            match looked {
                Looked::Same | Looked::NotMeant => {}
                Looked::Noise => between.noise += 1,
                Looked::Closed(_) | Looked::Failed(_) => between.unsure += 1,
                Looked::Different(difference) => {
                    let object = difference.object.unwrap_or_default();
                    between.add(&mut kinds, difference.what, object, difference.paths.unwrap_or_default());
                }
            }
        }
    }
    between.kinds = kinds.into_iter().map(|(kind, sum)| Sum { kind, ..sum }).collect();
    let all = |sum: &Sum| sum.added + sum.removed + sum.changed;
    between.kinds.sort_by(|left, right| all(right).cmp(&all(left)).then_with(|| left.kind.cmp(&right.kind)));
    Some(between)
}

impl Between {
    fn add(&mut self, kinds: &mut BTreeMap<String, Sum>, what: What, object: Called, mut paths: Vec<String>) {
        let name = match object.group.as_str() {
            "" => object.kind.clone(),
            group => format!("{}.{group}", object.kind),
        };
        let sum = kinds.entry(name).or_default();
        match what {
            What::Added => sum.added += 1,
            What::Removed => sum.removed += 1,
            What::Changed => sum.changed += 1,
        }
        self.differing += 1;
        if self.first.len() < MOST_NAMED {
            paths.truncate(MOST_PATHS);
            self.first.push(Differing { what, object, paths });
        }
    }
}
