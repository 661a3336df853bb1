//! How much was changed when, by the stamps inside objects.

use jiff::Timestamp;

use super::Reader;
use super::errand::Errand;
use crate::model::{Change, believed};
use crate::ops::moments;
use crate::render;
use crate::tui::ask::{Bar, Timeline};

/// Changes whose stamps are read; of more a part is taken, as far apart as fits.
const MOST_READ: usize = 4096;

impl Reader {
    /// All changes in so many bars: of equal times where objects tell of any, else of equal numbers of changes.
    pub(super) fn timeline(&self, columns: usize, errand: &Errand) -> Timeline {
        let changes = self.history().changes();
        let columns = columns.max(1);
        let mut timeline = Timeline { compact: self.history().compact_revision(), ..Timeline::default() };
        let Some((first, last)) = changes.first().zip(changes.last()) else { return timeline };
        errand.tell("reading the times of changes", 0, 0);
        let step = changes.len().div_ceil(MOST_READ).max(1);
        let sample: Vec<Change> = changes.iter().step_by(step).chain([last]).copied().collect();
        let mut points: Vec<(i64, Timestamp)> = Vec::new();
        for stamp in believed(&moments::stamped(&self.objects(None), &sample)) {
            // What one revision says holds for all behind it.
            let at = points.last().map_or(stamp.at, |(_, before)| (*before).max(stamp.at));
            points.push((stamp.revision, at));
        }
        let ends = points.first().zip(points.last()).map(|((_, first), (_, last))| (*first, *last));
        let span = ends.map(|(first, last)| last.as_second() - first.as_second()).filter(|span| *span > 0);
        let mut bars = vec![Bar::default(); columns];
        match (ends, span) {
            (Some((start, _)), Some(span)) => {
                let bar_of = |at: Timestamp| {
                    let into = u128::from((at.as_second() - start.as_second()).unsigned_abs());
                    (into * columns as u128 / (u128::from(span.unsigned_abs()) + 1)) as usize
                };
                let mut next = 0;
                for change in changes {
                    while points.get(next + 1).is_some_and(|(revision, _)| *revision <= change.revision.main) {
                        next += 1;
                    }
                    let at = points.get(next).map_or(start, |(_, at)| *at);
                    if let Some(bar) = bars.get_mut(bar_of(at)) {
                        bar.add(change, Some(at));
                    }
                }
                timeline.told = format!("{} a column, by stamps", length(span, columns));
            }
            _ => {
                for (at, change) in changes.iter().enumerate() {
                    if let Some(bar) = bars.get_mut(at * columns / changes.len()) {
                        bar.add(change, None);
                    }
                }
                timeline.told = "by revision: no object of this store tells a time".to_owned();
            }
        }
        // Where nothing was changed, what was before still stood.
        let mut before = first.revision.main;
        let mut at = None;
        for bar in &mut bars {
            if bar.changes == 0 {
                (bar.last, bar.at) = (before, at);
            }
            (before, at) = (bar.last, bar.at);
        }
        timeline.bars = bars;
        timeline
    }
}

impl Bar {
    fn add(&mut self, change: &Change, at: Option<Timestamp>) {
        self.changes += 1;
        self.last = change.revision.main;
        self.at = at;
    }
}

fn length(span: i64, columns: usize) -> String {
    let seconds = span.unsigned_abs() / columns as u64;
    match seconds {
        0 => "less than a second".to_owned(),
        1..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", render::count(seconds / 86_400)),
    }
}
